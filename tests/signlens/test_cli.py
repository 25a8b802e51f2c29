"""The command line's contract: what goes where, and exit codes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_model import GLOSSES, write_tiny_model
from typer.testing import CliRunner

import signlens
from signlens import Recognizer
from signlens.cli import app
from signlens.emotion import load_gloss_map
from signlens.pose import PoseClip, read_pose, write_pose

KEYS = {
    "status",
    "schema",
    "reasons",
    "clip",
    "pose",
    "answer",
    "orientation",
    "predictions",
    "emotion",
    "emotion_boost",
    "markers",
    "markers_reasons",
    "intensity",
    "fusion",
    "similar",
    "model",
    "timing_ms",
}


def run(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def sure_model(tmp_path: Path) -> Path:
    folder = tmp_path / "sure"
    folder.mkdir()
    return write_tiny_model(folder, {"hello": 50.0})


# -- recognize --------------------------------------------------------------------------------------


def test_one_clip_gives_one_object_and_nothing_else(tiny_model: Path, pose_file: Path) -> None:
    result = run("recognize", pose_file, "--json", "--model", tiny_model)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert set(document) == KEYS
    assert document["status"] == "ok"
    assert document["clip"]["path"] == str(pose_file)
    assert [set(p) for p in document["predictions"]] == [{"gloss", "probability", "evidence"}] * 5
    assert set(document["similar"][0]) == {"clip", "gloss", "similarity", "split"}
    assert sum(document["emotion"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_several_clips_give_an_array_in_order_and_a_rejection_loses_nothing(
    tiny_model: Path, pose_file: Path, signer_clip, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.mp4"
    clips = [pose_file, missing, signer_clip().path]
    result = run("recognize", *clips, "--json", "--model", tiny_model)
    assert result.exit_code == 3
    documents = json.loads(result.stdout)
    assert [d["status"] for d in documents] == ["ok", "rejected", "ok"]
    assert [d["clip"]["path"] for d in documents] == [str(c) for c in clips]
    assert result.stderr.splitlines() == [f"signlens: {missing}: there is no such file; check the path"]


def test_one_rejected_clip_gives_an_object_too(tiny_model: Path, tmp_path: Path) -> None:
    result = run("recognize", tmp_path / "no.mp4", "--json", "--model", tiny_model)
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert set(document) == KEYS
    assert document["status"] == "rejected"
    assert len(document["reasons"]) == 1


def test_the_text_for_people_has_answer_evidence_and_notes(sure_model: Path, pose_file: Path) -> None:
    result = run("recognize", pose_file, "--model", sure_model)
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert "This looks like the ASL sign glossed HELLO" in text
    for word in ("Gloss", "Probability", "Skeleton", "Expression of the face", "Similar signs", "Seen: body"):
        assert word in text
    assert "not a translation" in text
    assert "not what a person feels" in text
    assert not result.stdout.lstrip().startswith("{")


def test_the_same_command_gives_the_same_json_but_for_timings(tiny_model: Path, signer_clip) -> None:
    documents = []
    for _ in range(2):
        document = json.loads(run("recognize", signer_clip().path, "--json", "--model", tiny_model).stdout)
        del document["timing_ms"]
        documents.append(document)
    assert documents[0] == documents[1]


def test_top_k_and_strengths(tiny_model: Path, pose_file: Path) -> None:
    options = ("--top-k", 2, "--similar", 3, "--emotion-strength", 2, "--retrieval-strength", 1)
    document = json.loads(run("recognize", pose_file, "--json", "--model", tiny_model, *options).stdout)
    assert len(document["predictions"]) == 2
    assert len(document["similar"]) == 3
    everything = json.loads(
        run("recognize", pose_file, "--json", "--model", tiny_model, *options, "--top-k", 99).stdout
    )
    terms = [p["evidence"] for p in everything["predictions"]]
    assert any(t["emotion"] > 0 for t in terms)
    assert any(t["retrieval"] > 0 for t in terms)
    assert {p["gloss"] for p in everything["predictions"]} == {*GLOSSES, "idle"}


def test_the_boost_says_by_which_map_it_counts(tiny_model: Path, pose_file: Path, tmp_path: Path) -> None:
    plain = json.loads(run("recognize", pose_file, "--json", "--model", tiny_model).stdout)
    assert plain["emotion_boost"] is None
    result = run("recognize", pose_file, "--json", "--model", tiny_model, "--emotion-strength", 2)
    said = json.loads(result.stdout)["emotion_boost"]
    shipped = load_gloss_map()
    unknown = [g for g in shipped.emotion_of(include_grammatical=True) if g not in GLOSSES]
    expected = {
        "gloss_map": "slr-sentiment-27",
        "gloss_map_sha256": shipped.sha256,
        "strength": 2.0,
        "top_k": 10,
        "unknown_glosses": unknown,
        "markers_heeded": True,
    }
    assert {key: said[key] for key in expected} == expected
    assert set(said) == {*expected, "probabilities", "explained_away", "held_back", "negation"}
    unheeding = run(
        "recognize", pose_file, "--json", "--model", tiny_model, "--emotion-strength", 2, "--despite-markers"
    )
    assert json.loads(unheeding.stdout)["emotion_boost"]["markers_heeded"] is False
    assert f"{len(unknown)} glosses of the map slr-sentiment-27" in result.stderr
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\n[glosses]\nhappy = ["weather"]\n')
    options = ("--emotion-strength", 2, "--gloss-map", own)
    document = json.loads(run("recognize", pose_file, "--json", "--model", tiny_model, *options).stdout)
    assert document["emotion_boost"]["unknown_glosses"] == ["weather"]
    assert any("none of the glosses of the map own" in reason["text"] for reason in document["reasons"])
    own.write_text("[glosses]\nangst = ['weather']\n")
    assert run("recognize", pose_file, "--model", tiny_model, *options).exit_code == 3


def test_an_emotion_provider_without_its_weights_is_a_missing_part(pose_file: Path, tmp_path: Path) -> None:
    result = run("recognize", pose_file, "--emotion-provider", "dan")
    assert result.exit_code == 4
    assert "--emotion-model" in result.stderr
    absent = tmp_path / "enet_b2_8.onnx"
    result = run("recognize", pose_file, "--emotion-provider", "emotiefflib", "--emotion-model", absent)
    assert result.exit_code == 4
    assert "expression fetch-emotiefflib" in result.stderr


def test_clips_of_one_signer_are_read_against_their_own_resting_face(
    tiny_model: Path, signer_poses: PoseClip, tmp_path: Path
) -> None:
    keypoints = signer_poses.keypoints.copy()
    keypoints[[0, -1], 91:, 3], keypoints[[0, -1], 91:, :3] = 0, np.nan  # no hand near the ends
    paths = [tmp_path / "a.pose", tmp_path / "b.pose"]
    for path in paths:
        write_pose(dataclasses.replace(signer_poses, keypoints=keypoints), path)
    options = ("--same-signer", "--emotion-frames", 0, "--model", tiny_model, "--json")
    result = run("recognize", *paths, *options)
    assert result.exit_code == 0
    assert "of 2 clips is taken as neutral" in result.stderr
    for document in json.loads(result.stdout):
        assert document["emotion"]["signer_baseline"] is True
        assert len(document["emotion"]["timeline"]) == signer_poses.frames


@pytest.mark.parametrize(
    "arguments",
    [
        ("recognize",),
        ("recognize", "x.pose", "--gloss-map", "slr-sentiment-27"),
        ("recognize", "x.pose", "--emotion-provider", "mind-reader"),
        ("recognize", "x.pose", "--emotion-frames", "-1"),
        ("recognize", "x.pose", "--same-signer"),
        ("recognize", "x.pose", "--top-k", "0"),
        ("recognize", "x.pose", "--top-k", "many"),
        ("recognize", "x.pose", "--emotion-strength", "-1"),
        ("recognize", "x.pose", "--retrieval-strength", "nan"),
        ("recognize", "x.pose", "--max-seconds", "0"),
        ("recognize", "a.pose", "b.pose", "--report", "one.html"),
        ("recognize", "x.pose", "--no-such-option"),
        ("no-such-verb",),
        ("search", "x.pose", "--k", "0"),
        ("extract", "x.mp4"),
        ("signer", "hello"),
        ("signer", "hello", "--out", "x.mp4", "--size", "big"),
    ],
)
def test_wrong_usage_exits_2(
    arguments: tuple[str, ...], pose_file: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(pose_file, "x.pose")
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_model_exits_4(tmp_path: Path, pose_file: Path) -> None:
    result = run("recognize", pose_file, "--json", "--model", tmp_path)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "no sign model" in result.stderr


def test_a_defect_exits_1_and_says_whose_it_is(tiny_model: Path, pose_file: Path, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("seven")

    monkeypatch.setattr(Recognizer, "look", broken)
    result = run("recognize", pose_file, pose_file, "--json", "--model", tiny_model)
    assert result.exit_code == 1
    assert "defect of SignLens" in result.stderr
    assert "SIGNLENS_DEBUG=1" in result.stderr
    assert "Traceback" not in result.stderr
    assert [d["status"] for d in json.loads(result.stdout)] == ["rejected", "rejected"]
    monkeypatch.setenv("SIGNLENS_DEBUG", "1")
    shown = run("recognize", pose_file, "--model", tiny_model)
    assert shown.exit_code == 1
    assert "Traceback" in shown.stderr
    assert "ZeroDivisionError: seven" in shown.stderr


def test_an_interruption_keeps_what_was_answered(tiny_model: Path, pose_file: Path, monkeypatch) -> None:
    look = Recognizer.look

    def interrupted(self: Recognizer, source: str, *options: object):
        if source == "second":
            raise KeyboardInterrupt
        return look(self, source, *options)

    monkeypatch.setattr(Recognizer, "look", interrupted)
    result = run("recognize", pose_file, "second", pose_file, "--json", "--model", tiny_model)
    assert result.exit_code == 130
    assert len(json.loads(result.stdout)) == 1
    assert "interrupted after 1 of 3 clips" in result.stderr


def test_the_version() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"signlens {signlens.__version__}\n")


@pytest.mark.parametrize("verb", ["recognize", "extract", "search", "doctor", "signer"])
def test_every_verb_explains_itself(verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


# -- as a process -----------------------------------------------------------------------------------


def test_a_pose_file_is_answered_without_torch_mediapipe_or_video(tiny_model: Path, pose_file: Path) -> None:
    program = (
        "import sys, signlens.cli\n"
        "try:\n    signlens.cli.main()\n"
        "finally:\n"
        "    heavy = {'torch', 'mediapipe', 'cv2', 'av', 'numba', 'scipy', 'rich.table'} & set(sys.modules)\n"
        "    print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "recognize", pose_file, "--json", "--model", tiny_model],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    assert json.loads(done.stdout)["status"] == "ok"


def test_a_video_leaves_no_noise_on_standard_error(tiny_model: Path, signer_clip) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "signlens.cli",
            "recognize",
            signer_clip().path,
            "--json",
            "--model",
            tiny_model,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout)["clip"]["frames"] == 24


def test_a_reader_that_leaves_early_is_no_error(tiny_model: Path, pose_file: Path) -> None:
    clips = [str(pose_file)] * 3
    with subprocess.Popen(
        [sys.executable, "-m", "signlens.cli", "recognize", *clips, "--model", str(tiny_model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
    assert error == ""
    assert process.returncode == 0


def test_control_c_exits_130_without_a_traceback(tiny_model: Path, signer_clip) -> None:
    clips = [str(signer_clip().path)] * 60
    process = subprocess.Popen(
        [sys.executable, "-m", "signlens.cli", "recognize", *clips, "--model", str(tiny_model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # What runs in a shell's background inherits that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    process.stdout.readline()  # the first answer is being printed: the work is under way
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted after" in error
    assert "Traceback" not in error


# -- reports ----------------------------------------------------------------------------------------


def test_a_report_is_written_and_named(tiny_model: Path, signer_clip, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    result = run("recognize", signer_clip().path, "--model", tiny_model, "--report", page)
    assert result.exit_code == 0, result.stderr
    assert f"Report: {page}" in result.stdout
    with_pictures = page.read_text(encoding="utf-8")
    assert "<html" in with_pictures
    assert "image/webp" in with_pictures
    result = run(
        "recognize", signer_clip().path, "--model", tiny_model, "--report", page, "--no-video", "--json"
    )
    json.loads(result.stdout)
    assert f"Report: {page}" in result.stderr
    assert "image/webp" not in page.read_text(encoding="utf-8")


def test_several_clips_get_a_folder_of_reports_and_an_index(
    tiny_model: Path, pose_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "reports"
    again = Path(shutil.copy(pose_file, tmp_path / pose_file.name))
    result = run(
        "recognize", pose_file, again, tmp_path / "no.mp4", "--model", tiny_model, "--report", folder
    )
    assert result.exit_code == 3
    assert sorted(p.name for p in folder.iterdir()) == [
        "index.html",
        "no.html",
        "thank-you-2.html",
        "thank-you.html",
    ]


def test_a_report_that_cannot_be_written_costs_no_answer(
    tiny_model: Path, pose_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    page = tmp_path / "file" / "page.html"
    result = run("recognize", pose_file, "--model", tiny_model, "--report", page, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["status"] == "ok"
    assert str(page) in result.stderr


# -- extract ----------------------------------------------------------------------------------------


def test_extract_resumes_and_redoes_what_is_not_whole(
    signer_clip, tmp_path: Path, signer_poses: PoseClip
) -> None:
    videos, out = tmp_path / "videos", tmp_path / "out"
    (videos / "inner").mkdir(parents=True)
    for name in ("one.mp4", "inner/two.MP4"):
        shutil.copy(signer_clip().path, videos / name)
    (videos / "notes.txt").write_text("no video")
    (videos / "broken.mp4").write_text("no video either")

    def extract() -> tuple[int, dict[str, str]]:
        result = run("extract", videos, "--out", out, "--json")
        entries = json.loads(result.stdout)
        return result.exit_code, {Path(e["input"]).name: e["status"] for e in entries}

    written = {"one.mp4": "written", "two.MP4": "written", "broken.mp4": "rejected"}
    skipped = {"one.mp4": "skipped", "two.MP4": "skipped", "broken.mp4": "rejected"}
    assert extract() == (3, written)
    made = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*.pose")}
    assert sorted(made) == ["inner/two.pose", "one.pose"]
    assert (read_pose(out / "one.pose").keypoints[..., 3] == signer_poses.keypoints[..., 3]).all()
    assert extract() == (3, skipped)

    damaged = bytearray(made["one.pose"])
    damaged[len(damaged) // 2] ^= 1
    (out / "one.pose").write_bytes(damaged)
    assert extract() == (3, {**skipped, "one.mp4": "written"})
    assert (out / "one.pose").read_bytes() == made["one.pose"]

    with (videos / "inner" / "two.MP4").open("ab") as video:  # another file under the same name
        video.write(b"\0\0\0\x08free")
    assert extract() == (3, {**skipped, "two.MP4": "written"})


def test_extract_rejects_an_empty_folder_and_a_clash_of_names(signer_clip, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run("extract", empty, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "no video in this folder" in result.stderr
    clash = run("extract", signer_clip().path, signer_clip().path, "--out", tmp_path / "out")
    assert clash.exit_code == 2
    assert not list((tmp_path / "out").glob("*.pose"))


# -- the other verbs --------------------------------------------------------------------------------


def test_search(tiny_model: Path, pose_file: Path) -> None:
    result = run("search", pose_file, "--k", 4, "--json", "--model", tiny_model)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["similar"]
    assert len(found) == 4
    assert [s["similarity"] for s in found] == sorted((s["similarity"] for s in found), reverse=True)
    text = run("search", pose_file, "-k", 4, "--model", tiny_model).stdout
    assert all(s["gloss"] in text for s in found)
    assert run("search", "missing.pose", "--model", tiny_model).exit_code == 3


def test_doctor() -> None:
    document = json.loads(run("doctor", "--json").stdout)
    result = run("doctor")
    assert result.exit_code == (0 if document["healthy"] else 4)
    assert "onnxruntime" in result.stdout


def test_signer_renders_a_clip(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the rendered signer needs the extra signer (numba)")
    out = tmp_path / "clip.mp4"
    result = run("signer", "hello", "--out", out, "--size", "160x120", "--fps", 8, "--yaw", 20, "--json")
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    assert (made["sign"], made["width"], made["height"], made["yaw_degrees"]) == ("hello", 160, 120, 20)
    assert out.stat().st_size > 0
    assert run("signer", "no-such-sign", "--out", out).exit_code == 2
    assert "hello" in run("signer", "--list").stdout


@pytest.mark.parametrize("verb", ["recognize", "search"])
def test_a_report_does_not_depend_on_where_one_stands(
    verb: str, tiny_model: Path, pose_file: Path, tmp_path: Path, monkeypatch
) -> None:
    pages = []
    for folder in ("empty", "data"):
        here = tmp_path / folder / "here"
        here.mkdir(parents=True)
        monkeypatch.chdir(here)
        if folder == "data":
            foreign = tmp_path / folder / "shared" / "data" / "wlasl50-real" / "clips.npz"
            foreign.parent.mkdir(parents=True)
            foreign.write_bytes(b"not ours")
        result = run(verb, pose_file, "--report", here / "page.html", "--model", tiny_model)
        assert result.exit_code == 0, result.stderr
        pages.append(re.sub(r"[\d,]+ ms", "", (here / "page.html").read_text(encoding="utf-8")))
    assert pages[0] == pages[1]
    assert "square empty" not in pages[0]
