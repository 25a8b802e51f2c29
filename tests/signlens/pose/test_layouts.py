"""The layouts as data: counts, sides, mirrors, and the way from MediaPipe's points to the 133."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pose_format.utils.cocowholebody133_header import BODY_POINTS

from signlens.pose.layouts import (
    FACE_MESH_TO_FACE,
    GROUPS,
    KEYPOINT_NAMES,
    LIMBS,
    MEDIAPIPE_POSE_NAMES,
    MIRRORED_KEYPOINT,
    POSE_TO_WHOLE_BODY,
    HolisticPoints,
    whole_body_from_holistic,
)


def test_groups_cover_the_133_points_once() -> None:
    assert len(KEYPOINT_NAMES) == len(set(KEYPOINT_NAMES)) == 133
    covered = np.concatenate([np.arange(133)[group] for group in GROUPS.values()])
    assert sorted(covered.tolist()) == list(range(133))
    assert [len(range(133)[g]) for g in GROUPS.values()] == [17, 6, 68, 21, 21]
    assert list(KEYPOINT_NAMES[:23]) == BODY_POINTS  # pose-format's own list of the same layout


def test_limbs_stay_in_their_group() -> None:
    for name, limbs in LIMBS.items():
        inside = set(range(133)[GROUPS[name]])
        if name == "feet":
            inside |= {15, 16}
        for a, b in limbs:
            assert {a, b} <= inside
            assert a != b
    for side in ("left_hand", "right_hand"):
        assert len(LIMBS[side]) == 20
        root = GROUPS[side].start
        assert {b for _, b in LIMBS[side]} == set(range(root + 1, root + 21))  # a tree: one parent each


def test_mirroring_twice_is_nothing_and_swaps_sides() -> None:
    np.testing.assert_array_equal(MIRRORED_KEYPOINT[MIRRORED_KEYPOINT], np.arange(133))
    for i, name in enumerate(KEYPOINT_NAMES):
        if "left" in name:
            assert KEYPOINT_NAMES[MIRRORED_KEYPOINT[i]] == name.replace("left", "right")
    limbs = {frozenset(limb) for group in LIMBS.values() for limb in group}
    assert {frozenset(MIRRORED_KEYPOINT[list(limb)].tolist()) for limb in limbs} == limbs


def test_sides_keep_their_side() -> None:
    for theirs, ours in POSE_TO_WHOLE_BODY:
        for side in ("left", "right"):
            assert theirs.lower().startswith(side) == ours.startswith(side)
    assert len({ours for _, ours in POSE_TO_WHOLE_BODY}) == len(POSE_TO_WHOLE_BODY) == 21


def test_face_points_lie_on_mediapipes_named_contours() -> None:
    connections = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")
    for points, contour in (
        (range(0, 17), connections.FACEMESH_FACE_OVAL),
        (range(17, 22), connections.FACEMESH_RIGHT_EYEBROW),
        (range(22, 27), connections.FACEMESH_LEFT_EYEBROW),
        (range(36, 42), connections.FACEMESH_RIGHT_EYE),
        (range(42, 48), connections.FACEMESH_LEFT_EYE),
        (range(48, 68), connections.FACEMESH_LIPS),
    ):
        assert {FACE_MESH_TO_FACE[i] for i in points} <= {p for pair in contour for p in pair}
    assert len(set(FACE_MESH_TO_FACE)) == 68


def test_face_points_are_as_symmetric_as_the_mesh() -> None:
    # pose-format carries the mesh's mirror permutation, taken from the canonical face model.
    holistic = pytest.importorskip("pose_format.utils.holistic")
    mirror = holistic.FLIPPED_FACE_POINTS
    face = GROUPS["face"].start
    for i, vertex in enumerate(FACE_MESH_TO_FACE):
        assert mirror[vertex] == FACE_MESH_TO_FACE[MIRRORED_KEYPOINT[face + i] - face], i


@settings(deadline=None)
@given(data=st.data(), frames=st.integers(1, 3))
def test_every_point_comes_from_its_own(data: st.DataObject, frames: int) -> None:
    def part(count: int) -> np.ndarray:
        points = np.random.default_rng(count).uniform(1, 99, (frames, count, 4))
        seen = data.draw(arrays(bool, (frames, count)))
        points[..., 3] = np.where(seen, 0.5, 0)
        return points

    parts = HolisticPoints(pose=part(33), face_mesh=part(468), left_hand=part(21), right_hand=part(21))
    whole = whole_body_from_holistic(parts)
    seen = whole[..., 3] > 0
    assert np.isfinite(whole[seen]).all()
    assert np.isnan(whole[~seen][:, :3]).all()
    for theirs, ours in POSE_TO_WHOLE_BODY:
        a = parts.pose[:, MEDIAPIPE_POSE_NAMES.index(theirs)]
        b = whole[:, KEYPOINT_NAMES.index(ours)]
        np.testing.assert_array_equal(a[a[:, 3] > 0].astype(np.float32), b[b[:, 3] > 0])
    for hand, group in ((parts.left_hand, "left_hand"), (parts.right_hand, "right_hand")):
        found = whole[:, GROUPS[group]]
        np.testing.assert_array_equal(hand[..., 3] > 0, found[..., 3] > 0)
        np.testing.assert_array_equal(hand.astype(np.float32)[hand[..., 3] > 0], found[found[..., 3] > 0])
    small_toes = [KEYPOINT_NAMES.index(f"{side}_small_toe") for side in ("left", "right")]
    assert (whole[:, small_toes, 3] == 0).all()


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="face_mesh"):
        whole_body_from_holistic(
            HolisticPoints(
                np.ones((2, 33, 4)), np.ones((2, 478, 4)), np.ones((2, 21, 4)), np.ones((2, 21, 4))
            )
        )
