"""Doctor: says what is there, what is not, and what to do about it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from signlens.cli import doctor_report as doctor
from signlens.cli.doctor_report import DoctorReport, Finding, check_weights, examine


def test_everything_is_named_and_every_trouble_has_a_remedy() -> None:
    report = examine()
    names = [f.name for f in report.findings]
    assert len(set(names)) == len(names)
    assert {"Python", "numpy", "av", "onnxruntime", "hand_landmark_full.tflite", "camera"} <= set(names)
    for finding in report.findings:
        assert finding.detail
        assert finding.remedy or finding.state == "ok"
    assert json.loads(json.dumps(report.to_json()))["healthy"] is report.healthy


def test_emotion_providers_are_listed_with_what_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "_version", lambda _: None)
    lacking = {f.name: f for f in doctor._emotion_providers()}
    assert lacking["emotion provider dan"].remedy == "pip install 'signlens[train]'"
    assert lacking["emotion provider emotiefflib"].remedy == "pip install 'signlens[emotion]'"
    monkeypatch.setattr(doctor, "_version", lambda _: "1")
    installed = {f.name: f for f in doctor._emotion_providers()}
    assert installed["emotion provider dan"].state == "ok"
    assert "fetched" in installed["emotion provider emotiefflib"].detail
    folder = tmp_path / "signlens" / "emotiefflib"
    folder.mkdir(parents=True)
    (folder / "enet_b2_8.onnx").write_bytes(b"other bytes")
    (wrong,) = (f for f in doctor._emotion_providers() if f.name == "emotion provider emotiefflib")
    assert "enet_b2_8" in wrong.detail
    assert not any(f.state in ("missing", "broken") for f in (*installed.values(), wrong))


def test_versions_are_those_that_import(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy

    found = {f.name: f for f in examine().findings}
    assert found["numpy"].detail == numpy.__version__


def test_a_missing_package_is_named() -> None:
    """In a process of its own, where numpy's neighbour onnxruntime cannot be imported."""
    code = (
        "import sys, json; sys.modules['onnxruntime'] = None\n"
        "from signlens.cli.doctor_report import examine\n"
        "print(json.dumps(examine().to_json()))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    report = json.loads(out.stdout)
    lost = next(f for f in report["findings"] if f["name"] == "onnxruntime")
    assert (lost["state"], lost["remedy"]) == ("missing", "pip install onnxruntime")
    assert report["healthy"] is False


def test_a_missing_shared_library_names_the_debian_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "needs_gl.py").write_text(f"raise ImportError({message!r})")
    monkeypatch.syspath_prepend(tmp_path)
    finding = doctor._package("needs-gl", "needs_gl")
    assert (finding.state, finding.remedy) == ("broken", "apt-get install libgl1")
    assert "libGL.so.1" in finding.detail


def test_weights_are_checked_against_their_description(tmp_path: Path) -> None:
    weights = tmp_path / "net.onnx"
    weights.write_bytes(b"weights")
    assert check_weights(weights, "net").state == "broken"
    card = tmp_path / "net.json"
    card.write_text(
        json.dumps({"files": [{"name": "net.onnx", "sha256": hashlib.sha256(b"weights").hexdigest()}]})
    )
    assert check_weights(weights, "net").state == "ok"
    weights.write_bytes(b"weighty")
    assert check_weights(weights, "net").state == "broken"
    card.write_text("{")
    assert check_weights(weights, "net").state == "broken"


@pytest.mark.parametrize(
    ("states", "healthy"),
    [(["ok", "absent"], True), (["ok", "missing"], False), (["broken"], False), ([], True)],
)
def test_health(states: list[doctor.State], healthy: bool) -> None:
    report = DoctorReport(tuple(Finding("package", "x", state, "y") for state in states))
    assert report.healthy is healthy
    assert report.to_json()["healthy"] is healthy


def test_cameras(tmp_path: Path) -> None:
    assert doctor._cameras(tmp_path).state == "absent"
    (tmp_path / "video0").touch()
    (tmp_path / "video2").touch()
    assert doctor._cameras(tmp_path).detail == "camera:0, camera:2"
