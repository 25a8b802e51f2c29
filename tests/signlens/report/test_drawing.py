"""Skeletons for a page: packed without loss that matters, missing points never drawn."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from made_clips import waving_pose

from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND
from signlens.report.drawing import (
    DRAWN_PARTS,
    FIXED_POINT,
    MISSING,
    WHOLE_BODY_LIMBS,
    Square,
    drawn_points,
    pack_keypoints,
    still,
)
from signlens.retrieval.building import signing_skeleton
from signlens.skeleton.normalise import WHOLE_BODY_INDEX


def test_packed_points_come_back() -> None:
    pose = waving_pose(12)
    points = drawn_points(pose, range(12), 320, 240)
    raw = np.frombuffer(base64.b64decode(pack_keypoints(points)), dtype="<i2").reshape(12, 133, 3)
    seen = pose.keypoints[..., 3] > 0
    assert np.array_equal(raw[..., 2] > 0, seen)
    assert (raw[~seen][:, :2] == MISSING).all()
    expected = pose.keypoints[..., :2][seen] * np.asarray([320 / 640, 240 / 480])
    assert np.abs(raw[..., :2][seen] / FIXED_POINT - expected).max() <= 0.5 / FIXED_POINT + 1e-4


def test_points_far_outside_the_picture_do_not_wrap_around() -> None:
    points = np.zeros((1, 133, 3), dtype=np.float32)
    points[..., 0], points[..., 1], points[..., 2] = 1e6, -1e6, 1
    raw = np.frombuffer(base64.b64decode(pack_keypoints(points)), dtype="<i2").reshape(1, 133, 3)
    assert (raw[..., 0] == 32767).all()
    assert (raw[..., 1] == -32767).all()


def test_a_point_with_hardly_any_confidence_is_still_not_missing() -> None:
    points = np.full((1, 133, 3), 1e-4, dtype=np.float32)
    raw = np.frombuffer(base64.b64decode(pack_keypoints(points)), dtype="<i2").reshape(1, 133, 3)
    assert (raw[..., 2] == 1).all()


def test_gallery_drawing_fills_its_square_and_keeps_proportions() -> None:
    clip = signing_skeleton(waving_pose(20))
    drawn = Square([clip], 160).place(clip)
    low, high = np.nanmin(drawn, axis=(0, 1)), np.nanmax(drawn, axis=(0, 1))
    assert (low >= 0).all()
    assert (high <= 160).all()
    assert (high - low).max() == pytest.approx(0.92 * 160)
    across, along = (np.diff(points[0, :2], axis=0)[0] for points in (clip, drawn))
    assert np.allclose(along / np.linalg.norm(along), across / np.linalg.norm(across))


def test_gallery_drawing_leaves_out_what_was_not_seen() -> None:
    clip = signing_skeleton(waving_pose(8)).copy()
    clip[3, 5] = np.nan
    points = Square([clip], 160).points(clip)
    assert points.shape == (len(clip), 133, 3)
    assert points[3, WHOLE_BODY_INDEX[5], 2] == 0
    assert points[..., 2].sum() == np.isfinite(clip).all(axis=-1).sum()


def test_limbs_join_points_of_the_layout() -> None:
    assert set(WHOLE_BODY_LIMBS) == set(DRAWN_PARTS)
    joined = {point for limbs in WHOLE_BODY_LIMBS.values() for pair in limbs for point in pair}
    assert joined == set(range(133))
    # Every finger reaches its hand's root, and every hand the body's wrist.
    assert (9, LEFT_HAND.start) in WHOLE_BODY_LIMBS["left_hand"]
    assert (10, RIGHT_HAND.start) in WHOLE_BODY_LIMBS["right_hand"]


def test_still_draws_only_what_was_found() -> None:
    pose = waving_pose(20)
    points = drawn_points(pose, [0], 640, 480)[0]
    svg = str(still(points, 640, 480))
    assert 'class="right-hand"' in svg
    assert 'class="left-hand"' not in svg  # missing in the first quarter
    assert "nan" not in svg
    right = svg.split('class="right-hand" d="')[1].split('"')[0]
    assert right.count("M") == len(WHOLE_BODY_LIMBS["right_hand"])
    with_face = svg.split('class="body" d="')[1].split('"')[0].count("M")
    points[FACE, 2] = 0
    without_face = str(still(points, 640, 480)).split('class="body" d="')[1].split('"')[0].count("M")
    assert without_face - with_face == 5  # nose, eyes and ears stand in for a face that was not found
    points[:, 2] = 0
    assert "<path" not in str(still(points, 640, 480))
