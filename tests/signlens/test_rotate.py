"""The verb `rotate`."""

import json
from pathlib import Path

import numpy as np
import pytest
from turned_figure import PIXELS, as_seen, pose_clip, standing
from typer.testing import CliRunner

from signlens.cli import app
from signlens.orientation.frame import SignerFrame
from signlens.pose import read_pose, write_pose


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["rotate", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    path = tmp_path / "turned.pose"
    write_pose(pose_clip(as_seen(standing(), -40, 12)), path)
    return path


def test_json_says_what_was_measured_and_done(turned: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "straight.pose", tmp_path / "pages" / "report.html"
    code, printed, _ = run(turned, "--json", "--out", out, "--report", report)
    assert code == 0
    made = json.loads(printed)
    assert made["measured"]["yaw"] == pytest.approx(-40, abs=5)
    assert made["applied"]["roll"] == pytest.approx(12, abs=1)
    assert made["corrected"] is True
    assert len(made["reasons"]) == 2
    corrected = read_pose(out)
    frame = SignerFrame.of(corrected.keypoints)
    np.testing.assert_allclose(frame.width, PIXELS, rtol=0.08)
    assert corrected.provenance.settings["corrected_degrees"]["yaw"] == made["applied"]["yaw"]
    assert report.is_file()


def test_people_are_told_too(turned: Path) -> None:
    code, printed, _ = run(turned)
    assert code == 0
    assert "to their own right" in printed
    code, printed, _ = run(turned, "--2d")
    assert "levelled" in printed
    assert "turned to the camera" not in printed


def test_a_straight_clip_is_left_alone(tmp_path: Path) -> None:
    path, out = tmp_path / "straight.pose", tmp_path / "out.pose"
    write_pose(pose_clip(as_seen(standing(), 4)), path)
    code, printed, _ = run(path, "--out", out)
    assert code == 0
    assert "left as they were" in printed or "left as they are" in printed
    np.testing.assert_array_equal(read_pose(out).keypoints, read_pose(path).keypoints)
    assert "4 degrees" in run(path, "--always")[1]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--depth", "lidar"], "lidar"),
        (["--depth", "colormap"], "signlens_studies orientation colormap"),
        (["--depth", "depth-anything"], "depth-video"),
        (["--policy", "often"], "often"),
        (["--out", "clip.mp4"], ".pose"),
    ],
)
def test_wrong_usage_is_said(turned: Path, arguments: list[str], word: str) -> None:
    code, _, said = run(turned, *arguments)
    assert code == 2
    assert word in said


def test_what_cannot_be_read_is_rejected(tmp_path: Path) -> None:
    assert run(tmp_path / "nothing.pose")[0] == 3
