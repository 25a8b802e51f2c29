"""Rotations of the skeleton: properties, SciPy's rotations, and a plain loop as an independent peer."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from signlens.errors import UsageError
from signlens.orientation.frame import SHOULDERS, SignerFrame
from signlens.orientation.rotation import rotation, turn
from signlens.skeleton import graph

LAYOUTS = st.sampled_from(sorted(SHOULDERS))
TILTS = st.floats(-60, 60)
YAWS = st.floats(-85, 85)
SEEDS = st.integers(0, 2**16)


def straight(points: int = 133, frames: int = 6, seed: int = 0, scale: float = 100) -> np.ndarray:
    """A signer who faces the camera upright: shoulders level and at one depth, the rest anywhere near."""
    rng = np.random.default_rng(seed)
    clip = rng.normal(0, 1, (frames, points, 4))
    centre = rng.normal(0, 2, (frames, 1, 3))
    left, right = SHOULDERS[points]
    half = rng.uniform(0.4, 0.6, frames)
    clip[:, left, :3] = np.stack([half, 0 * half, 0 * half], 1)
    clip[:, right, :3] = -clip[:, left, :3]
    clip[..., :3] = scale * (clip[..., :3] + centre + [3, 2, 0])
    clip[..., 3] = rng.uniform(0.1, 1, clip.shape[:2])
    return clip.astype(np.float32)


def seen_by_camera(clip: np.ndarray, tilt: float, yaw: float) -> np.ndarray:
    """The signer turned by `yaw` to their own left, then the picture tilted; by SciPy, degrees."""
    left, right = SHOULDERS[clip.shape[1]]
    centre = clip[:, [left, right], :3].mean(axis=1, keepdims=True)
    # To the own left: +x (the left shoulder) goes to +z, away from the camera. With y down that is
    # a negative turn about y.
    turned = Rotation.from_euler("yz", [-yaw, tilt], degrees=True)
    out = clip.copy()
    flat = (clip[..., :3] - centre).reshape(-1, 3)
    out[..., :3] = turned.apply(flat).reshape(clip[..., :3].shape) + centre
    return out


def level(clip: np.ndarray) -> np.ndarray:
    frame = SignerFrame.of(clip)
    return turn(clip, frame.centre, frame.roll, np.zeros(len(clip)))


def face_camera(clip: np.ndarray) -> np.ndarray:
    frame = SignerFrame.of(clip)
    return turn(clip, frame.centre, frame.roll, frame.yaw)


def tilt_of(clip: np.ndarray) -> np.ndarray:
    left, right = SHOULDERS[clip.shape[1]]
    d = clip[:, left, :2].astype(float) - clip[:, right, :2]
    return np.degrees(np.arctan2(d[:, 1], d[:, 0]))


@given(LAYOUTS, TILTS, st.floats(-60, 60), SEEDS)
@settings(max_examples=60, deadline=None)
def test_any_tilt_levels_to_under_a_tenth_of_a_degree(
    points: int, tilt: float, yaw: float, seed: int
) -> None:
    clip = seen_by_camera(straight(points, seed=seed), tilt, yaw)
    assert np.abs(tilt_of(level(clip))).max() < 0.1
    assert np.abs(tilt_of(face_camera(clip))).max() < 0.1


def test_the_printed_sign_doubles_the_tilt() -> None:
    clip = seen_by_camera(straight(), 20, 0)
    frame = SignerFrame.of(clip)
    wrong = turn(clip, frame.centre, -frame.roll, np.zeros(len(clip)))
    np.testing.assert_allclose(tilt_of(wrong), 40, atol=0.01)


@given(LAYOUTS, TILTS, YAWS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_yaw_then_correction_is_the_identity_with_true_depth(
    points: int, tilt: float, yaw: float, seed: int
) -> None:
    clip = straight(points, seed=seed)
    corrected = face_camera(seen_by_camera(clip, tilt, yaw))
    np.testing.assert_allclose(corrected, clip, atol=0.05)  # of shoulders 100 wide


@given(st.floats(-180, 180), SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_signer_seen_from_any_side_comes_to_the_front(yaw: float, seed: int) -> None:
    clip = straight(49, seed=seed)
    np.testing.assert_allclose(face_camera(seen_by_camera(clip, 0, yaw)), clip, atol=0.05)


@given(LAYOUTS, TILTS, YAWS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_angles_are_those_of_the_camera(points: int, tilt: float, yaw: float, seed: int) -> None:
    frame = SignerFrame.of(seen_by_camera(straight(points, seed=seed), tilt, yaw))
    np.testing.assert_allclose(np.degrees(frame.roll), tilt, atol=0.05)
    np.testing.assert_allclose(np.degrees(frame.yaw), yaw, atol=0.05)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_matrix_is_scipys_rotation(roll: float, yaw: float) -> None:
    made = rotation(np.float64(roll), np.float64(yaw))
    expected = Rotation.from_euler("zy", [-roll, yaw]).as_matrix()
    np.testing.assert_allclose(made, expected, atol=1e-12)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=5, max_size=5), SEEDS)
@settings(max_examples=40, deadline=None)
def test_rotations_keep_bone_lengths_and_leave_confidence_alone(
    angles: list[tuple[float, float]], seed: int
) -> None:
    clip = straight(27, frames=5, seed=seed)
    roll, yaw = np.array(angles).T
    turned = turn(clip, SignerFrame.of(clip).centre, roll, yaw)
    np.testing.assert_array_equal(turned[..., 3], clip[..., 3])
    for parent, child in graph.EDGES:
        before = np.linalg.norm(clip[:, child, :3] - clip[:, parent, :3], axis=1)
        after = np.linalg.norm(turned[:, child, :3] - turned[:, parent, :3], axis=1)
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-2)


@given(st.sets(st.integers(0, 5)), SEEDS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_frame_without_shoulders_is_left_alone_and_reported(
    hidden: set[int], seed: int, by_confidence: bool
) -> None:
    clip = seen_by_camera(straight(49, seed=seed), 25, 40)
    for number, frame in enumerate(sorted(hidden)):
        shoulder = SHOULDERS[49][number % 2]
        if by_confidence:
            clip[frame, shoulder, 3] = 0
        else:
            clip[frame, shoulder] = [np.nan, np.nan, np.nan, 0]
    for correct in (level, face_camera):
        made = correct(clip)
        known = SignerFrame.of(clip).known
        assert set(np.flatnonzero(~known)) == hidden
        np.testing.assert_array_equal(made[~known], clip[~known])
        assert np.abs(tilt_of(made[known])).max(initial=0) < 0.1


def test_shoulders_on_one_place_have_no_direction() -> None:
    clip = straight(49)
    clip[2, SHOULDERS[49][0], :3] = clip[2, SHOULDERS[49][1], :3]
    assert SignerFrame.of(clip).known.tolist() == [True, True, False, True, True, True]
    np.testing.assert_array_equal(face_camera(clip)[2], clip[2])


def test_missing_points_stay_missing_and_the_clip_given_stays_as_it_is() -> None:
    clip = seen_by_camera(straight(), 15, 30)
    clip[:, 100] = [np.nan, np.nan, np.nan, 0]
    kept = clip.copy()
    made = face_camera(clip)
    np.testing.assert_array_equal(clip, kept)
    assert np.isnan(made[:, 100, :3]).all()
    assert np.isfinite(np.delete(made, 100, axis=1)).all()
    assert made.dtype == np.float32


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-2, 2), SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_slant_is_added_between_levelling_and_turning(
    roll: float, yaw: float, slant: float, seed: int
) -> None:
    clip = straight(27, frames=3, seed=seed)
    centre = SignerFrame.of(clip).centre
    angles = [np.full(3, a) for a in (roll, yaw, slant)]
    made = turn(clip, centre, angles[0], angles[1], slant=angles[2])
    upright = Rotation.from_euler("z", -roll).as_matrix()
    sheared = np.array([[1, 0, 0], [0, 1, 0], [slant, 0, 1]])
    matrix = Rotation.from_euler("y", yaw).as_matrix() @ sheared @ upright
    expected = (clip[..., :3] - centre[:, None]) @ matrix.T + centre[:, None]
    np.testing.assert_allclose(made[..., :3], expected, atol=0.02)


@pytest.mark.parametrize("joints", [None, SHOULDERS[27]])
def test_writing_into_the_points_themselves_gives_the_same(joints: tuple[int, int] | None) -> None:
    clip = seen_by_camera(straight(27), 25, 40)
    clip[1, SHOULDERS[27][0]] = [np.nan, np.nan, np.nan, 0]
    frame = SignerFrame.of(clip)
    made = turn(clip, frame.centre, frame.roll, frame.yaw, joints)
    elsewhere = np.zeros_like(clip)
    assert turn(clip, frame.centre, frame.roll, frame.yaw, joints, out=elsewhere) is elsewhere
    np.testing.assert_array_equal(elsewhere, made)
    assert turn(clip, frame.centre, frame.roll, frame.yaw, joints, out=clip) is clip
    np.testing.assert_array_equal(clip, made)


def test_shoulders_only_moves_nothing_else() -> None:
    clip = seen_by_camera(straight(27), 25, 40)
    frame = SignerFrame.of(clip)
    some = turn(clip, frame.centre, frame.roll, frame.yaw, joints=SHOULDERS[27])
    every = turn(clip, frame.centre, frame.roll, frame.yaw)
    others = np.setdiff1d(np.arange(27), SHOULDERS[27])
    np.testing.assert_array_equal(some[:, others], clip[:, others])
    np.testing.assert_array_equal(some[:, SHOULDERS[27]], every[:, SHOULDERS[27]])


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(UsageError, match="17 points"):
        level(np.ones((2, 17, 4), np.float32))


# -- a plain loop ----------------------------------------------------------------------


def plain_loop(clip: np.ndarray) -> np.ndarray:
    """The same correction as everybody writes it first: point by point."""
    out = clip.copy()
    left, right = SHOULDERS[clip.shape[1]]
    for t in range(len(clip)):
        a, b = (clip[t, i, :3].astype(float) for i in (left, right))
        cx, cy, cz = (a + b) / 2
        dx, dy, dz = a - b
        roll = math.atan2(dy, dx)
        yaw = math.atan2(dz, math.hypot(dx, dy))
        ca, sa, cb, sb = math.cos(-roll), math.sin(-roll), math.cos(yaw), math.sin(yaw)
        for v in range(clip.shape[1]):
            x, y, z = clip[t, v, 0] - cx, clip[t, v, 1] - cy, clip[t, v, 2] - cz
            x, y = ca * x - sa * y, sa * x + ca * y
            x, z = cb * x + sb * z, -sb * x + cb * z
            out[t, v, :3] = x + cx, y + cy, z + cz
    return out


def test_agrees_with_a_plain_loop() -> None:
    clip = seen_by_camera(straight(133, frames=150), 12, 35)
    np.testing.assert_allclose(face_camera(clip), plain_loop(clip), atol=0.05)
