"""Frames and truth: the same whoever draws them, consistent with each other, safely written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from signlens.cli import app
from signlens.errors import InputRejected, UsageError
from signlens.pose.clip import LEFT_HAND, RIGHT_HAND
from signlens.signer import (
    PARAMETER_NAMES,
    RIG_JOINTS,
    BodyPose,
    Camera,
    FaceParameters,
    Truth,
    find_sign,
    render_pose_frame,
    render_sign,
    write_video,
)
from signlens.signer.film import film_sign

pytest.importorskip("numba", reason="the rendered signer needs the extra signer (numba)")

SMALL = {"width": 96, "height": 72, "frames": 4, "smooth": 0}


def test_the_number_of_workers_and_a_second_run_change_nothing() -> None:
    one = render_sign("please", grain=0.2, seed=3, workers=1, **SMALL)  # type: ignore[arg-type]
    three = render_sign("please", grain=0.2, seed=3, workers=3, **SMALL)  # type: ignore[arg-type]
    frames = one.to_array()
    np.testing.assert_array_equal(frames, three.to_array())
    np.testing.assert_array_equal(frames, one.to_array())
    assert frames.shape == (4, 72, 96, 3)
    assert len({f.tobytes() for f in frames}) == 4


def test_seed_yaw_face_and_person_change_the_picture() -> None:
    def shot(pose: BodyPose, who: str = "maya") -> np.ndarray:
        return render_pose_frame(pose, identity=who, width=96, height=72, smooth=0)[0].astype(float)

    base = shot(BodyPose())
    for other in (
        shot(BodyPose(yaw=40)),
        shot(BodyPose(face=FaceParameters(mouth_open=1))),
        shot(BodyPose(), "kofi"),
    ):
        assert np.abs(base - other).max() > 20


def test_progress_counts_every_frame() -> None:
    calls: list[tuple[int, int]] = []
    clip = render_sign("no", progress=lambda done, total: calls.append((done, total)), **SMALL)  # type: ignore[arg-type]
    assert not calls  # nothing is drawn before it is asked for
    list(clip)
    assert calls == [(i, 4) for i in range(1, 5)]


def test_truth_in_3d_projects_onto_truth_in_2d_and_bones_are_rigid() -> None:
    clips = [render_sign("mother", yaw_degrees=y, width=96, height=72, frames=5) for y in (0.0, 35.0)]
    for clip in clips:
        truth = clip.truth
        camera = Camera(96, 72)
        known = np.isfinite(truth.keypoints_3d).all(axis=-1)
        # Independent of Camera.project: similar triangles.
        depth = camera.position[2] - truth.keypoints_3d[..., 2]
        x = 48 + truth.focal * (truth.keypoints_3d[..., 0] - camera.position[0]) / depth
        y = 36 - truth.focal * (truth.keypoints_3d[..., 1] - camera.position[1]) / depth
        np.testing.assert_allclose(truth.keypoints_2d[known], np.stack([x, y], -1)[known], atol=1e-9)
        for part in (LEFT_HAND, RIGHT_HAND):
            hand = truth.keypoints_3d[:, part]
            for a, b in ((5, 6), (6, 7), (7, 8), (1, 2), (0, 17), (19, 20)):
                bones = np.linalg.norm(hand[:, a] - hand[:, b], axis=1)
                np.testing.assert_allclose(bones, bones[0], rtol=1e-9)
        rig = {name: truth.rig_3d[:, i] for i, name in enumerate(RIG_JOINTS)}
        for side in ("left", "right"):
            for a, b in (("shoulder", "elbow"), ("elbow", "wrist")):
                bones = np.linalg.norm(rig[f"{side}_{a}"] - rig[f"{side}_{b}"], axis=1)
                np.testing.assert_allclose(bones, bones[0], rtol=1e-9)
            # COCO's wrist, the hand's first point and the rig's wrist are one.
            np.testing.assert_allclose(
                truth.keypoints_3d[:, {"left": 9, "right": 10}[side]], rig[f"{side}_wrist"], atol=1e-9
            )
        # Knees, ankles and feet are not modelled.
        assert np.isnan(truth.keypoints_3d[:, 13:23]).all()
        assert np.isfinite(truth.keypoints_3d[:, 23:]).all()
    assert (clips[1].truth.yaw_degrees == 35).all()
    # The body's turn is in the joints: the hips' line has the yaw asked for.
    hips = (
        clips[1].truth.rig_3d[:, RIG_JOINTS.index("left_hip")]
        - clips[1].truth.rig_3d[:, RIG_JOINTS.index("right_hip")]
    )
    np.testing.assert_allclose(np.degrees(np.arctan2(-hips[:, 2], hips[:, 0])), 35, atol=1.5)


def test_depth_is_that_of_the_surface_which_shows() -> None:
    clip = render_sign("mother", yaw_degrees=30, width=96, height=72, frames=2)
    camera = Camera(96, 72)
    for depth, points, places, visible in zip(
        clip.depths(), clip.truth.keypoints_3d, clip.truth.keypoints_2d, clip.truth.visible, strict=True
    ):
        assert depth.shape == (72, 96)
        assert np.isinf(depth[0, 0])  # background
        away = camera.position[2] - points[:, 2]
        at = np.where(visible)[0]
        columns, rows = places[at].astype(int).T
        before = away[at] - depth[rows, columns]
        face = (at >= 23) & (at < 91) & np.isfinite(before)
        # Points of the face lie on its surface; a pixel is a centimetre wide. The others lie within flesh.
        assert np.abs(np.median(before[face])) < 0.01
        shoulders = np.isin(at, [5, 6])
        assert ((before[shoulders] > -0.02) & (before[shoulders] < 0.1)).all()


def test_what_a_hand_hides_is_not_visible() -> None:
    clip = render_sign("drink", identity="jonas", width=160, height=120, frames=9)
    middle, rest = clip.truth.visible[4], clip.truth.visible[0]
    mouth = slice(23 + 48, 23 + 68)
    assert rest[mouth].mean() > 0.9
    assert middle[mouth].mean() < 0.5  # the hand is before the mouth
    turned = render_sign("drink", identity="jonas", width=160, height=120, frames=1, yaw_degrees=70).truth
    # Turned to the signer's left, the camera sees the right ear and not the left one.
    assert turned.visible[0, 4]
    assert not turned.visible[0, 3]


def test_truth_is_saved_and_read_back_whole(tmp_path: Path) -> None:
    truth = render_sign("hello", expression="happy", yaw_degrees=10, width=96, height=72, frames=3).truth
    truth.save(tmp_path / "t.npz")
    again = Truth.load(tmp_path / "t.npz")
    for name in ("keypoints_2d", "keypoints_3d", "visible", "rig_2d", "face", "times", "head_degrees"):
        np.testing.assert_array_equal(getattr(truth, name), getattr(again, name))
    assert (again.sign, again.expression, again.width, again.camera) == ("hello", "happy", 96, truth.camera)
    assert again.face[0, PARAMETER_NAMES.index("smile")] == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]
    (tmp_path / "bad.npz").write_bytes((tmp_path / "t.npz").read_bytes()[:500])
    for bad in ("bad.npz", "absent.npz"):
        with pytest.raises(InputRejected, match="no truth file"):
            Truth.load(tmp_path / bad)


def test_a_video_holds_the_frames_it_was_given(tmp_path: Path) -> None:
    frames = np.zeros((7, 48, 64, 3), np.uint8)
    frames[..., 0] = np.arange(7)[:, None, None] * 30
    assert write_video(frames, tmp_path / "v.mp4", fps=10, quality=10) == 7
    with av.open(str(tmp_path / "v.mp4")) as container:
        stream = container.streams.video[0]
        read = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        assert (stream.width, stream.height, float(stream.average_rate)) == (64, 48, 10.0)
        assert stream.codec_context.pix_fmt == "yuv420p"
    assert np.abs(np.array(read)[..., 0].mean(axis=(1, 2)) - np.arange(7) * 30).max() < 8
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]


def test_a_video_that_fails_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"old")

    def broken():  # type: ignore[no-untyped-def]
        yield np.zeros((48, 64, 3), np.uint8)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_video(broken(), path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]
    with pytest.raises(UsageError, match="no frame"):
        write_video([], path)
    with pytest.raises(UsageError, match="end it in"):
        write_video([], tmp_path / "v.txt")
    with pytest.raises(InputRejected, match="folder"):
        write_video([], tmp_path / "none" / "v.mp4")


@pytest.mark.parametrize(
    "options",
    [
        {"sign": "unknown-sign"},
        {"identity": "nobody"},
        {"expression": "bored"},
        {"yaw_degrees": 120.0},
        {"width": 8},
        {"fps": 0.0},
        {"frames": 100_000},
        {"workers": 0},
    ],
)
def test_wrong_arguments_are_usage_errors(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        render_sign(**({"sign": "hello"} | options))  # type: ignore[arg-type]


def test_the_command_writes_video_and_truth(tmp_path: Path) -> None:
    clip = render_sign("yes", width=96, height=72, fps=5, yaw_degrees=30, expression="happy", identity="ren")
    summary = film_sign(clip, tmp_path / "c.mp4", truth=tmp_path / "t.npz")
    truth = Truth.load(tmp_path / "t.npz")
    with av.open(str(tmp_path / "c.mp4")) as container:
        count = sum(1 for _ in container.decode(video=0))
    assert summary["frames"] == count == len(truth.times)
    assert (truth.yaw_degrees == 30).all()


def test_the_verb_lists_and_refuses() -> None:
    run = CliRunner().invoke
    listed = json.loads(run(app, ["signer", "--list", "--json"]).stdout)
    assert find_sign("yes").about == listed["signs"]["yes"]
    assert len(listed["identities"]) >= 4
    refused = run(app, ["signer", "yes", "--out", "c.mp4", "--size", "big"])
    assert refused.exit_code == 2
    assert "WIDTHxHEIGHT" in refused.stderr


def test_without_numba_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from signlens.errors import PartMissing\n"
        "from signlens.signer import render_sign, load_signs\n"
        "assert load_signs()\n"
        "try: render_sign('hello', frames=1)\n"
        "except PartMissing as e: assert 'signlens[signer]' in str(e) and e.exit_code == 4; print('ok')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "ok", done.stderr


def test_small_clips_for_other_tests_are_rendered_once(signer_clip: Callable[..., object]) -> None:
    first = signer_clip("no", frames=3, width=96, height=72)
    assert signer_clip("no", frames=3, width=96, height=72) is first
    assert first.path.stat().st_size > 0  # type: ignore[attr-defined]
