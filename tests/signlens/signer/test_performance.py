"""From keyframes to poses: what the hands do between the times that a sign names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.signer.body import FOREARM, REST_WRIST, UPPER_ARM, arm_joints, head_frame
from signlens.signer.hand import HAND_POINTS
from signlens.signer.identity import find_identity, load_identities
from signlens.signer.notation import (
    find_sign,
    load_signs,
)
from signlens.signer.performance import _matrix, _quaternion, interpolate, perform


@given(st.floats(0.1, 3.0), st.floats(-2, 2), st.floats(-2, 2))
def test_between_rests_the_movement_has_minimum_jerk(span: float, a: float, b: float) -> None:
    times, values = np.array([0.0, span]), np.array([[a], [b]])
    # Independent: the quintic whose value, velocity and acceleration are given at both ends.
    rows = []
    for t in (0.0, span):
        rows += [
            [t**k for k in range(6)],
            [k * t ** max(k - 1, 0) for k in range(6)],
            [k * (k - 1) * t ** max(k - 2, 0) for k in range(6)],
        ]
    coefficients = np.linalg.solve(np.array(rows), [a, 0, 0, b, 0, 0])
    for t in np.linspace(0, span, 7):
        expected = float(np.polyval(coefficients[::-1], t))
        assert interpolate(times, values, (False, False), float(t))[0] == pytest.approx(expected, abs=1e-6)


def test_a_keyframe_marked_through_is_met_but_not_rested_at() -> None:
    times, values = np.array([0.0, 1.0, 2.0]), np.array([[0.0], [1.0], [2.0]])
    for through, moving in ((False, False), (True, True)):
        flags = (False, through, False)
        assert interpolate(times, values, flags, 1.0)[0] == pytest.approx(1.0)
        speed = (
            interpolate(times, values, flags, 1.001)[0] - interpolate(times, values, flags, 0.999)[0]
        ) / 0.002
        assert (speed > 0.5) == moving


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: sum(v * v for v in q) > 0.01))
def test_rotations_survive_as_quaternions(q: list[float]) -> None:
    m = _matrix(np.array(q))
    np.testing.assert_allclose(m @ m.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(_matrix(_quaternion(m)), m, atol=1e-9)


@pytest.mark.parametrize("gloss", sorted(load_signs()))
def test_every_sign_starts_and_ends_at_rest_and_is_smooth_and_possible(gloss: str) -> None:
    who = find_identity("maya")
    performance = perform(find_sign(gloss), who)
    assert 1.2 < performance.duration < 4.0
    for t in (0.0, performance.duration):
        pose = performance.pose(t)
        for arm in (pose.right, pose.left):
            np.testing.assert_allclose(arm.wrist, REST_WRIST, atol=1e-3)
    times = np.arange(0, performance.duration, 0.02)
    poses = [performance.pose(float(t)) for t in times]
    for side in (0, 1):
        joints = [arm_joints(pose, side, who) for pose in poses]
        wrists = np.array([j.wrist for j in joints])
        # No jumps: hands in signing stay well under 4 m/s.
        assert np.linalg.norm(np.diff(wrists, axis=0), axis=1).max() / 0.02 < 4.0
        for pose, j in zip(poses, joints, strict=True):
            assert np.linalg.norm(j.elbow - j.shoulder) == pytest.approx(UPPER_ARM, abs=1e-9)
            assert np.linalg.norm(j.wrist - j.elbow) == pytest.approx(FOREARM, abs=1e-9)
            wanted = (pose.right, pose.left)[side].wrist * np.array([-1.0 if side == 0 else 1.0, 1.0, 1.0])
            assert np.linalg.norm(j.wrist - wanted) < 0.03, "the arm cannot reach the place"
            forearm = (j.wrist - j.elbow) / FOREARM
            assert forearm @ j.frame[:, 1] > np.cos(np.radians(110)), "the wrist bends too far"


def test_thank_you_touches_the_chin_for_every_signer() -> None:
    for who in load_identities().values():
        performance = perform(find_sign("thank-you"), who)
        pose = performance.pose(performance.timing.lead + performance.timing.rise + 0.06)
        hand = arm_joints(pose, 0, who).hand
        tips = hand[[HAND_POINTS.index(f"{f}_tip") for f in ("index", "middle", "ring")]].mean(axis=0)
        rotation, centre = head_frame(pose)
        chin = rotation @ (np.array([0.0, -7.9, 5.8]) * 0.01 * who.head) + centre
        assert np.linalg.norm(tips - chin) < 0.02


def test_mirrored_signs_are_symmetric() -> None:
    performance = perform(find_sign("book"), find_identity("maya"))
    for t in np.linspace(0, performance.duration, 9):
        pose = performance.pose(float(t))
        np.testing.assert_array_equal(pose.right.wrist, pose.left.wrist)
        np.testing.assert_array_equal(pose.right.shape.to_array(), pose.left.shape.to_array())


def test_a_seed_varies_the_sign_a_little_and_repeats_itself() -> None:
    sign, who = find_sign("hello"), find_identity("maya")
    base, other, again = (perform(sign, who, seed=s) for s in (0, 5, 5))
    assert other.duration == again.duration != base.duration
    a, b, c = (p.pose(p.duration / 2).right.wrist for p in (base, other, again))
    np.testing.assert_array_equal(b, c)
    assert 0 < np.linalg.norm(a - b) < 0.12
