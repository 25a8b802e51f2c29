"""Skeletons for a page: packed without loss that matters, missing points never drawn."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
from made_clips import waving_pose

from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND
from signlens.report.drawing import (
    DRAWN_PARTS,
    FIXED_POINT,
    MISSING,
    WHOLE_BODY_LIMBS,
    drawn_points,
    pack_keypoints,
    signing_space,
    still,
)


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
    pose = waving_pose(20)
    points = signing_space(pose, 160)
    upper = np.concatenate([points[:, :13], points[:, RIGHT_HAND]], axis=1)
    assert upper[..., :2].min() >= 0
    assert upper[..., :2].max() <= 160
    hips, shoulders = points[0, 12, 1] - points[0, 6, 1], points[0, 5, 0] - points[0, 6, 0]
    k = pose.keypoints
    assert np.isclose(hips / shoulders, (k[0, 12, 1] - k[0, 6, 1]) / (k[0, 5, 0] - k[0, 6, 0]), rtol=1e-4)


def test_gallery_drawing_does_not_depend_on_place_or_size() -> None:
    pose = waving_pose(8)
    moved = pose.keypoints.copy()
    moved[..., :2] = moved[..., :2] * 2.5 + np.asarray([70, -30], dtype=np.float32)
    assert np.allclose(
        signing_space(pose, 160),
        signing_space(replace(pose, keypoints=moved), 160),
        atol=1e-2,
        equal_nan=True,
    )


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
