"""Regions: hand-worked examples and properties (there and back, turning, scaling)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.pose.regions import (
    Region,
    TrackingRule,
    region_around_body,
    region_of_box,
    region_of_hand,
    region_of_hand_on_body,
    turn_that_brings,
    wrapped,
)

regions = st.builds(
    Region,
    x=st.floats(-100, 900),
    y=st.floats(-100, 900),
    side=st.floats(5, 900),
    rotation=st.floats(-math.pi, math.pi),
)


@settings(deadline=None)
@given(region=regions, size=st.integers(8, 256), u=st.floats(0, 1), v=st.floats(0, 1))
def test_sampling_and_placing_agree(region: Region, size: int, u: float, v: float) -> None:
    sampled = region.sampling_matrix(size) @ [u * size, v * size, 1]
    placed = region.to_frame(np.array([[u, v]]))[0]
    np.testing.assert_allclose(sampled, placed, atol=1e-6)


def test_a_quarter_turn_by_hand() -> None:
    region = Region(100, 50, 20, math.pi / 2)  # clockwise: the region's right is the frame's down
    np.testing.assert_allclose(
        region.to_frame(np.array([[1.0, 0.5, 0.25], [0.5, 0.0, 0.0]])),
        [[100, 60, 5], [110, 50, 0]],
        atol=1e-9,
    )


def test_an_upright_body_by_hand() -> None:
    region = region_around_body(np.array([[50.0, 80.0], [50.0, 40.0]]))
    np.testing.assert_allclose(
        [region.x, region.y, region.side, region.rotation], [50, 80, 100, 0], atol=1e-9
    )


def test_a_hand_that_points_right_by_hand() -> None:
    # wrist at the origin, fingers to the right: the region is turned by 90 degrees clockwise
    region = region_of_hand_on_body(np.zeros(2), np.array([10.0, 0.0]), np.array([10.0, 0.0]))
    np.testing.assert_allclose(
        [region.x, region.y, region.side, region.rotation], [10 + 0.1 * 20, 0, 54, math.pi / 2], atol=1e-9
    )


@settings(deadline=None)
@given(
    turn=st.floats(-math.pi, math.pi),
    scale=st.floats(0.2, 5),
    x=st.floats(-200, 200),
    y=st.floats(-200, 200),
    seed=st.integers(0, 1000),
)
def test_a_hands_region_moves_with_the_hand(turn: float, scale: float, x: float, y: float, seed: int) -> None:
    hand = np.random.default_rng(seed).uniform(0, 100, (21, 2))
    matrix = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    moved = hand @ matrix.T + [x, y]
    before, after = region_of_hand(hand), region_of_hand(moved)
    # The box's middle depends on where the axes lie only through its own rotation: compare in its frame.
    assert abs(wrapped(after.rotation - before.rotation - turn)) < 1e-6
    assert after.side == pytest.approx(before.side * scale, rel=1e-6)
    np.testing.assert_allclose([after.x, after.y], matrix @ [before.x, before.y] + [x, y], atol=1e-5)


def test_share_within_by_hand() -> None:
    assert Region(50, 50, 40).share_within(100, 100) == 1
    assert Region(0, 50, 40).share_within(100, 100) == pytest.approx(0.5)
    assert Region(100, 100, 40).share_within(100, 100) == pytest.approx(0.25)
    assert Region(-30, 50, 40, 0.0).share_within(100, 100) == 0
    assert Region(50, 50, 500, 0.7).share_within(100, 100) == pytest.approx(1e4 / 500**2, abs=1 / 32)


@settings(deadline=None)
@given(a=st.floats(-50, 50))
def test_wrapped_is_the_same_direction(a: float) -> None:
    assert -math.pi <= wrapped(a) <= math.pi + 1e-9
    assert math.cos(a) == pytest.approx(math.cos(wrapped(a)), abs=1e-9)
    assert math.sin(a) == pytest.approx(math.sin(wrapped(a)), abs=1e-9)


def test_level_eyes_need_no_turn_and_tilted_ones_theirs() -> None:
    assert turn_that_brings(np.array([0.0, 5.0]), np.array([9.0, 5.0]), 0) == pytest.approx(0)
    assert turn_that_brings(np.array([0.0, 0.0]), np.array([1.0, 1.0]), 0) == pytest.approx(math.pi / 4)
    box = region_of_box(np.array([[0.0, 10.0], [20.0, 10.0], [10.0, 20.0]]), 0, 1, scale=2)
    np.testing.assert_allclose([box.x, box.y, box.side, box.rotation], [10, 15, 40, 0])


def test_tracking_rule_by_hand() -> None:
    rule = TrackingRule(rotation_degrees=40, translation=0.2, scale=0.4, margin=-0.1)
    fresh = Region(100, 100, 50, math.radians(170))
    inside = np.array([[100.0, 100.0], [110.0, 90.0]])
    assert rule.holds(Region(105, 100, 55, math.radians(-170)), inside, fresh)  # 20 degrees across the seam
    assert not rule.holds(Region(105, 100, 55, math.radians(120)), inside, fresh)
    assert not rule.holds(Region(115, 100, 50, fresh.rotation), inside, fresh)
    assert not rule.holds(Region(100, 100, 71, fresh.rotation), inside, fresh)
    assert not rule.holds(fresh, np.array([[124.0, 100.0]]), fresh)
