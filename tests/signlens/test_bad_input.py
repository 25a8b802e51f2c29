"""Bad input through the command line: rejected in one line, or answered with reasons.

Every file is made here, the people in them are the rendered signer, and the extractor is the real one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import media
import numpy as np
import pytest
from numpy.typing import NDArray
from signer_clips import SignerClip
from typer.testing import CliRunner

from signlens.cli import app
from signlens.video import open_video

Image = NDArray[np.uint8]
Maker = Callable[[Path], Path]


@pytest.fixture(scope="session")
def frames(signer_clip: Callable[..., SignerClip]) -> list[Image]:
    """Every other frame of the rendered clip, 320x240."""
    with open_video(signer_clip().path) as video:
        return [frame.image for frame in video][::2]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes frames as an mp4."""

    def write(name: str, images: list[Image], **options: Any) -> Path:
        height, width = images[0].shape[:2]
        return media.write_video(
            tmp_path_factory.mktemp("film") / f"{name}.mp4",
            frames=len(images),
            width=width,
            height=height,
            rate=12,
            draw=lambda index, *_: images[index],
            options={"crf": "14"},
            **options,
        )

    return write


def recognize(path: Path, model: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, document and standard error of ``signlens recognize PATH --json``."""
    result = CliRunner().invoke(app, ["recognize", str(path), "--json", "--model", str(model), *options])
    return result.exit_code, json.loads(result.stdout), result.stderr


def require_rejected(path: Path, model: Path, words: str, *options: str) -> None:
    code, document, error = recognize(path, model, *options)
    assert code == 3
    assert document["status"] == "rejected"
    assert document["predictions"] == document["similar"] == []
    assert document["answer"] is None
    lines = error.splitlines()
    assert len(lines) == 1, error
    assert lines[0].startswith(f"signlens: {path}: ")
    assert words in lines[0]
    assert "; " in lines[0], "it must say what to do"
    assert document["reasons"] == [{"code": "input_rejected", "text": lines[0].removeprefix("signlens: ")}]


def require_degraded(path: Path, model: Path, words: str) -> dict[str, Any]:
    code, document, error = recognize(path, model)
    assert code == 0, error
    assert error == ""
    assert document["status"] == "degraded"
    assert any(words in reason["text"] for reason in document["reasons"]), document["reasons"]
    assert len(document["predictions"]) == 5
    assert document["answer"] is not None
    return document


# -- rejected: files that are no clip ---------------------------------------------------------------


def missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def directory(folder: Path) -> Path:
    (folder / "clip.mp4").mkdir()
    return folder / "clip.mp4"


def empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def text(folder: Path) -> Path:
    return media.write_text(folder / "prose.mp4")


def cut_in_its_first_third(folder: Path) -> Path:
    whole = media.write_video(folder / "whole.mp4", frames=60, draw=media.noise, fast_start=True)
    return media.cut(whole, folder / "cut.mp4", 0.3)


def without_its_index(folder: Path) -> Path:
    whole = media.write_video(folder / "whole.mp4", frames=60, draw=media.noise)
    return media.cut(whole, folder / "cut.mp4", 0.3)


def sound_alone(folder: Path) -> Path:
    return media.write_sound(folder / "sound.mp4")


def without_frames(folder: Path) -> Path:
    return media.write_video(folder / "none.mp4", frames=0)


def without_anybody(folder: Path) -> Path:
    return media.write_video(folder / "nobody.mp4", frames=12, width=320, height=240)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, "there is no such file"),
        (directory, "this is a folder"),
        (empty, "the file is empty"),
        (text, "this is not a video"),
        (cut_in_its_first_third, "cut off"),
        (without_its_index, "cut off"),
        (sound_alone, "sound but no video"),
        (without_frames, "there is no video in it"),
        (without_anybody, "there is no person in any frame"),
    ],
)
def test_a_file_that_is_no_clip_is_rejected(
    make: Maker, words: str, tmp_path: Path, tiny_model: Path
) -> None:
    require_rejected(make(tmp_path), tiny_model, words)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--max-pixels", "50000", "320x240, over the limit of 50000 pixels"),
        ("--max-seconds", "1.5", "over the limit of 1.5 s"),
        ("--max-frames", "10", "over the limit of 10"),
    ],
)
def test_a_clip_over_a_cap_is_rejected(
    option: str, value: str, words: str, signer_clip: Callable[..., SignerClip], tiny_model: Path
) -> None:
    require_rejected(signer_clip().path, tiny_model, words, option, value)


def test_a_camera_that_is_not_there_is_rejected(tiny_model: Path) -> None:
    result = CliRunner().invoke(app, ["recognize", "camera:97", "--json", "--model", str(tiny_model)])
    assert result.exit_code == 3
    assert result.stderr.startswith("signlens: camera:97: ")
    assert json.loads(result.stdout)["clip"]["path"] == "camera:97"


def test_the_caps_hold_without_being_asked_for(tmp_path: Path, tiny_model: Path) -> None:
    long = media.write_video(tmp_path / "long.mp4", frames=3, times=[0, 1000, 61_000])
    require_rejected(long, tiny_model, "over the limit of 60 s")


# -- rejected: .pose files --------------------------------------------------------------------------


def poses_of_another_tool(path: Path, points: int, value: float) -> Path:
    """A `.pose` file of other software: that many points, all seen, the first one at `value`."""
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    names = [str(i) for i in range(points)]
    header = PoseHeader(
        0.2, PoseHeaderDimensions(320, 240, 0), [PoseHeaderComponent("BODY", names, [], [(0, 0, 0)], "XYZC")]
    )
    positions = np.random.default_rng(0).uniform(50, 200, (6, 1, points, 3)).astype(np.float32)
    positions[:, :, 0] = value
    with path.open("wb") as file:
        Pose(header, NumPyPoseBody(12.0, positions, np.ones((6, 1, points), np.float32))).write(file)
    return path


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_pose_file_that_is_cut_is_rejected(
    share: float, pose_file: Path, tmp_path: Path, tiny_model: Path
) -> None:
    require_rejected(media.cut(pose_file, tmp_path / "cut.pose", share), tiny_model, "cut off")


@pytest.mark.parametrize("place", [0.1, 0.5, 0.95])
def test_a_pose_file_with_one_byte_flipped_is_rejected(
    place: float, pose_file: Path, tmp_path: Path, tiny_model: Path
) -> None:
    content = bytearray(pose_file.read_bytes())
    content[int(len(content) * place)] ^= 0x10
    flipped = tmp_path / "flipped.pose"
    flipped.write_bytes(content)
    require_rejected(flipped, tiny_model, "checksum")


def test_a_pose_file_with_the_wrong_number_of_points_is_rejected(tmp_path: Path, tiny_model: Path) -> None:
    require_rejected(poses_of_another_tool(tmp_path / "p.pose", 132, 60), tiny_model, "132 points")


def test_a_pose_file_with_positions_that_are_no_numbers_is_rejected(tmp_path: Path, tiny_model: Path) -> None:
    require_rejected(poses_of_another_tool(tmp_path / "p.pose", 133, float("nan")), tiny_model, "not numbers")


def test_a_pose_file_of_another_tool_is_answered_with_a_reason(tmp_path: Path, tiny_model: Path) -> None:
    path = poses_of_another_tool(tmp_path / "p.pose", 133, 60)
    document = require_degraded(path, tiny_model, "written by another tool")
    assert any("not known which extractor" in reason["text"] for reason in document["reasons"])


# -- degraded ---------------------------------------------------------------------------------------


def test_one_frame(film: Callable[..., Path], frames: list[Image], tiny_model: Path) -> None:
    document = require_degraded(film("one", frames[6:7]), tiny_model, "only one frame")
    assert document["clip"]["frames"] == 1


def test_a_missing_tail(
    film: Callable[..., Path], frames: list[Image], tmp_path: Path, tiny_model: Path
) -> None:
    whole = film("whole", frames, fast_start=True)
    cut = media.cut(whole, tmp_path / "cut.mp4", 0.8)
    document = require_degraded(cut, tiny_model, "end of the file is missing")
    assert len(frames) / 3 <= document["clip"]["frames"] < len(frames)


def test_of_two_persons_the_larger_is_taken(
    film: Callable[..., Path],
    frames: list[Image],
    signer_clip: Callable[..., SignerClip],
    tiny_model: Path,
) -> None:
    identity = "maya"
    with open_video(signer_clip(identity=identity, width=160, height=120).path) as video:
        small = [frame.image for frame in video][::2]
    # The smaller person stands on the left, in front of more of the same wall.
    both = []
    for near, far in zip(frames, small, strict=True):
        wall = np.tile(near[:, :1], (1, 160, 1))
        wall[-120:] = far
        both.append(np.concatenate([wall, near], axis=1))
    document = require_degraded(film("two", both), tiny_model, "More than one person is in view")
    _, alone, _ = recognize(film("alone", frames), tiny_model)
    assert document["clip"]["width"] == 480
    # The larger one's hands are found as if nobody stood beside.
    for hand in ("left_hand", "right_hand"):
        assert document["pose"]["coverage"][hand] == pytest.approx(alone["pose"]["coverage"][hand], abs=0.25)


def test_hands_that_are_never_seen(film: Callable[..., Path], frames: list[Image], tiny_model: Path) -> None:
    # The hands rest below the edge of the picture.
    path = film("handless", [frame[:168] for frame in frames[:2]] * 5)
    document = require_degraded(path, tiny_model, "No hand is seen in any frame")
    assert document["answer"]["kind"] == "no_sign"
    coverage = document["pose"]["coverage"]
    assert (coverage["left_hand"], coverage["right_hand"], coverage["face"]) == (0, 0, 1)


def test_hands_that_are_hardly_seen(film: Callable[..., Path], frames: list[Image], tiny_model: Path) -> None:
    path = film("hardly", [frame[:168] for frame in [*frames[:2] * 5, frames[6]]])
    document = require_degraded(path, tiny_model, "A hand is seen in only 9% of the frames")
    assert 0 < document["pose"]["coverage"]["right_hand"] < 0.2


def masked(frame: Image) -> Image:
    """A plain white mask over the face."""
    row, column = np.mgrid[: frame.shape[0], : frame.shape[1]]
    image = frame.copy()
    image[((column - 160) / 21) ** 2 + ((row - 60) / 27) ** 2 < 1] = 240
    return image


def headless(frame: Image) -> Image:
    """The head above the edge of the picture."""
    return np.ascontiguousarray(frame[84:])


@pytest.mark.parametrize("hide", [masked, headless])
def test_a_face_that_is_never_seen(
    hide: Callable[[Image], Image], film: Callable[..., Path], frames: list[Image], tiny_model: Path
) -> None:
    document = require_degraded(film("faceless", [hide(f) for f in frames]), tiny_model, "face is not seen")
    assert document["emotion"] is None
    assert document["pose"]["coverage"]["face"] == 0
    assert any("expression cannot be read" in reason["text"] for reason in document["reasons"])


# -- as a process -----------------------------------------------------------------------------------


def test_as_a_process_there_is_one_line_and_no_traceback(
    tmp_path: Path, signer_clip, tiny_model: Path
) -> None:
    """All at once: what can be answered is answered, the rest is named line by line."""
    bad = [missing(tmp_path), text(tmp_path), directory(tmp_path), sound_alone(tmp_path)]
    clips = [bad[0], signer_clip().path, *bad[1:]]
    done = subprocess.run(
        [sys.executable, "-m", "signlens.cli", "recognize", *clips, "--json", "--model", tiny_model],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert [d["status"] for d in json.loads(done.stdout)] == ["rejected", "ok", *["rejected"] * 3]
    assert len(done.stderr.splitlines()) == 4
    assert "Traceback" not in done.stderr
