"""Rules from the angles of frames to the angle that is applied."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.errors import UsageError
from signlens.orientation.policies import (
    POLICIES,
    apply_policy,
    clip_angle,
    fixed_angle,
    most_frequent_bin,
    smooth_angles,
)


@given(st.sampled_from(POLICIES), st.floats(-80, 80), st.sets(st.integers(0, 19), max_size=19))
def test_every_rule_answers_where_the_angle_is_known_and_only_there(
    policy: str, degrees: float, unknown: set[int]
) -> None:
    angles = np.full(20, np.radians(degrees))
    angles[sorted(unknown)] = np.nan
    made = apply_policy(policy, angles)
    assert set(np.flatnonzero(np.isnan(made))) == unknown
    size = float(policy.split("-")[1]) if policy.startswith("bin") else 0
    if not policy.startswith("fixed"):
        error = np.abs(np.degrees(made[np.isfinite(made)]) - degrees)
        assert error.max() <= size / 2 + 1e-6


@pytest.mark.parametrize("policy", POLICIES)
def test_a_clip_of_unknown_angles_stays_unknown(policy: str) -> None:
    assert np.isnan(apply_policy(policy, np.full(4, np.nan))).all()


def test_no_such_rule() -> None:
    with pytest.raises(UsageError, match="bin-7"):
        apply_policy("bin-7", np.zeros(3))


def test_bins_by_hand() -> None:
    angles = np.radians([-1.0, -9.0, -4.0, 12.0, 17.0, np.nan])
    made = np.degrees(most_frequent_bin(angles, 10))
    np.testing.assert_allclose(made, [-5, -5, -5, -5, -5, np.nan])
    # Two bins of as many frames: the one nearer to straight.
    np.testing.assert_allclose(np.degrees(most_frequent_bin(np.radians([12.0, 33.0]), 10)), 15)
    with pytest.raises(UsageError):
        most_frequent_bin(angles, 0)


def test_fixed_angles_by_hand() -> None:
    made = np.degrees(fixed_angle(np.radians([-50, -6, -4, 0, 3, 7, np.nan]), 45))
    np.testing.assert_allclose(made, [-45, -45, 0, 0, 0, 45, np.nan])


def test_smoothing_is_a_weighted_mean_on_the_circle() -> None:
    rng = np.random.default_rng(1)
    angles = rng.normal(np.pi, 0.3, 40)  # on both sides of the half turn
    weights = rng.uniform(0, 1, 40)
    made = smooth_angles(angles, weights, spread=3)
    for t in (0, 17, 39):
        kernel = weights * np.exp(-0.5 * ((np.arange(40) - t) / 3) ** 2) * (np.abs(np.arange(40) - t) <= 10)
        expected = math.atan2((kernel * np.sin(angles)).sum(), (kernel * np.cos(angles)).sum())
        assert made[t] == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=30))
def test_the_clips_angle_is_the_median_of_its_frames(values: list[float]) -> None:
    made = clip_angle(np.array(values))
    ordered = np.sort(values)
    assert ordered[(len(values) - 1) // 2] - 1e-12 <= made[0] <= ordered[len(values) // 2] + 1e-12


def test_frames_without_weight_do_not_count_for_the_clip() -> None:
    angles = np.array([0.1, 0.1, 1.2, 1.2, 1.2])
    assert clip_angle(angles, np.array([1, 1, 0, 0, 0]))[0] == pytest.approx(0.1)
