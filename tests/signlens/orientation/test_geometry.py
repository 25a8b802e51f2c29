"""Rotations of the skeleton: properties, SciPy's rotations, and a plain loop as an independent peer."""

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from signlens.errors import UsageError
from signlens.orientation import geometry
from signlens.orientation.geometry import (
    SHOULDERS,
    as_published,
    face_camera,
    fixed,
    level,
    most_frequent_bin,
    of_clip,
    rotation,
    settle,
    shoulder_frame,
    smoothed,
    turn,
)
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
    frame = shoulder_frame(clip)
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
    frame = shoulder_frame(seen_by_camera(straight(points, seed=seed), tilt, yaw))
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
    turned = turn(clip, shoulder_frame(clip).centre, roll, yaw)
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
        known = shoulder_frame(clip).known
        assert set(np.flatnonzero(~known)) == hidden
        np.testing.assert_array_equal(made[~known], clip[~known])
        assert np.abs(tilt_of(made[known])).max(initial=0) < 0.1


def test_shoulders_on_one_place_have_no_direction() -> None:
    clip = straight(49)
    clip[2, SHOULDERS[49][0], :3] = clip[2, SHOULDERS[49][1], :3]
    assert shoulder_frame(clip).known.tolist() == [True, True, False, True, True, True]
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
    centre = shoulder_frame(clip).centre
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
    frame = shoulder_frame(clip)
    made = turn(clip, frame.centre, frame.roll, frame.yaw, joints)
    elsewhere = np.zeros_like(clip)
    assert turn(clip, frame.centre, frame.roll, frame.yaw, joints, out=elsewhere) is elsewhere
    np.testing.assert_array_equal(elsewhere, made)
    assert turn(clip, frame.centre, frame.roll, frame.yaw, joints, out=clip) is clip
    np.testing.assert_array_equal(clip, made)


def test_shoulders_only_moves_nothing_else() -> None:
    clip = seen_by_camera(straight(27), 25, 40)
    frame = shoulder_frame(clip)
    some = turn(clip, frame.centre, frame.roll, frame.yaw, joints=SHOULDERS[27])
    every = turn(clip, frame.centre, frame.roll, frame.yaw)
    others = np.setdiff1d(np.arange(27), SHOULDERS[27])
    np.testing.assert_array_equal(some[:, others], clip[:, others])
    np.testing.assert_array_equal(some[:, SHOULDERS[27]], every[:, SHOULDERS[27]])


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(UsageError, match="17 points"):
        level(np.ones((2, 17, 4), np.float32))


# -- rules for angles --------------------------------------------------------------------------


@given(st.sampled_from(geometry.POLICIES), st.floats(-80, 80), st.sets(st.integers(0, 19), max_size=19))
def test_every_rule_answers_where_the_angle_is_known_and_only_there(
    policy: str, degrees: float, unknown: set[int]
) -> None:
    angles = np.full(20, np.radians(degrees))
    angles[sorted(unknown)] = np.nan
    made = settle(policy, angles)
    assert set(np.flatnonzero(np.isnan(made))) == unknown
    size = float(policy.split("-")[1]) if policy.startswith("bin") else 0
    if not policy.startswith("fixed"):
        error = np.abs(np.degrees(made[np.isfinite(made)]) - degrees)
        assert error.max() <= size / 2 + 1e-6


@pytest.mark.parametrize("policy", geometry.POLICIES)
def test_a_clip_of_unknown_angles_stays_unknown(policy: str) -> None:
    assert np.isnan(settle(policy, np.full(4, np.nan))).all()


def test_no_such_rule() -> None:
    with pytest.raises(UsageError, match="bin-7"):
        settle("bin-7", np.zeros(3))


def test_bins_by_hand() -> None:
    angles = np.radians([-1.0, -9.0, -4.0, 12.0, 17.0, np.nan])
    made = np.degrees(most_frequent_bin(angles, 10))
    np.testing.assert_allclose(made, [-5, -5, -5, -5, -5, np.nan])
    edge = np.degrees(most_frequent_bin(angles, 10, "lower_edge_as_published"))
    np.testing.assert_allclose(edge, [-10, -10, -10, -10, -10, np.nan])
    # Two bins of as many frames: the one nearer to straight.
    np.testing.assert_allclose(np.degrees(most_frequent_bin(np.radians([12.0, 33.0]), 10)), 15)
    with pytest.raises(UsageError):
        most_frequent_bin(angles, 0)


def test_fixed_angles_by_hand() -> None:
    made = np.degrees(fixed(np.radians([-50, -6, -4, 0, 3, 7, np.nan]), 45))
    np.testing.assert_allclose(made, [-45, -45, 0, 0, 0, 45, np.nan])


def test_smoothing_is_a_weighted_mean_on_the_circle() -> None:
    rng = np.random.default_rng(1)
    angles = rng.normal(np.pi, 0.3, 40)  # on both sides of the half turn
    weights = rng.uniform(0, 1, 40)
    made = smoothed(angles, weights, spread=3)
    for t in (0, 17, 39):
        kernel = weights * np.exp(-0.5 * ((np.arange(40) - t) / 3) ** 2) * (np.abs(np.arange(40) - t) <= 10)
        expected = math.atan2((kernel * np.sin(angles)).sum(), (kernel * np.cos(angles)).sum())
        assert made[t] == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=30))
def test_the_clips_angle_is_the_median_of_its_frames(values: list[float]) -> None:
    made = of_clip(np.array(values))
    ordered = np.sort(values)
    assert ordered[(len(values) - 1) // 2] - 1e-12 <= made[0] <= ordered[len(values) // 2] + 1e-12


def test_frames_without_weight_do_not_count_for_the_clip() -> None:
    angles = np.array([0.1, 0.1, 1.2, 1.2, 1.2])
    assert of_clip(angles, np.array([1, 1, 0, 0, 0]))[0] == pytest.approx(0.1)


# -- what was published ------------------------------------------------------------------------


def published_frame(seed: int = 0) -> np.ndarray:
    clip = np.random.default_rng(seed).uniform(20, 200, (4, 27, 4)).astype(np.float32)
    clip[..., 3] = 1
    return clip


def test_published_2d_moves_the_left_wrist_alone() -> None:
    clip = published_frame()
    made = as_published(clip, "2D")
    assert np.abs(made[:, 5, :2] - clip[:, 5, :2]).max() > 1
    np.testing.assert_array_equal(np.delete(made, 5, axis=1), np.delete(clip, 5, axis=1))


@pytest.mark.parametrize("mode", ["normal", "bin-5", "bin-30", "fixed-45", "fixed-10"])
def test_published_3d_follows_its_own_equations(mode: str) -> None:
    clip = published_frame(3)
    made = as_published(clip, mode)
    np.testing.assert_array_equal(np.delete(made, [5, 6], axis=1), np.delete(clip, [5, 6], axis=1))
    wrap = lambda a: a - 180 if a > 90 else a + 180 if a < -90 else a  # noqa: E731
    alphas, betas, sides = [], [], []
    for frame in clip.astype(float):
        dx, dy, dz = frame[6, :3] - frame[5, :3]
        alphas.append(wrap(math.degrees(math.atan2(dy, dx))))
        betas.append(wrap(math.degrees(math.atan2(dz, dx))))
        sides.append(-math.copysign(1, -dz) if dz else 0)
    if mode.startswith("bin"):
        size = int(mode[4:])
        for angles in (alphas, betas):
            bins = [math.floor(a / size) for a in angles]
            most = max(bins.count(b) for b in bins)
            best = min((b for b in set(bins) if bins.count(b) == most), key=lambda b: abs(b + 0.5))
            angles[:] = [best * size] * len(angles)
    if mode.startswith("fixed"):
        betas = [side * int(mode[6:]) for side in sides]
    for t, frame in enumerate(clip.astype(float)):
        a, b = math.radians(alphas[t]), math.radians(betas[t])
        rz = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
        ry = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
        centre = np.trunc((frame[5, :3] + frame[6, :3]) / 2)
        for node in (5, 6):
            expected = ry @ rz @ (frame[node, :3] - centre) + centre
            np.testing.assert_allclose(made[t, node, :3], expected, atol=1e-2)


def test_published_modes_are_named() -> None:
    for mode in ("bin-7", "smoothed", "fixed-20"):
        with pytest.raises(UsageError, match=mode):
            as_published(published_frame(), mode)
    assert (
        np.abs(as_published(published_frame(), "normal", turned="all") - published_frame())
        .min(axis=0)[7:, 0]
        .all()
    )


# -- speed and a plain loop ----------------------------------------------------------------------


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


def fastest(run: Callable[[], object], times: int) -> float:
    best = math.inf
    for _ in range(times):
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


def test_agrees_with_a_plain_loop_and_is_far_faster() -> None:
    clip = seen_by_camera(straight(133, frames=150), 12, 35)
    np.testing.assert_allclose(face_camera(clip), plain_loop(clip), atol=0.05)
    ours, loop = fastest(lambda: face_camera(clip), 20), fastest(lambda: plain_loop(clip), 2)
    # 2 ms on one core is some hundredth of the loop; a ratio does not depend on the machine's speed.
    assert ours < loop / 15
