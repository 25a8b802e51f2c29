"""Filters against independent scalar implementations and their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.pose.smoothing import LowPassFilter, OneEuroFilter


def one_euro_by_the_paper(
    values: list[float], min_cutoff: float, beta: float, rate: float, size: float
) -> list[float]:
    """Algorithm 1 of the paper, one number at a time, speed in sizes."""

    def alpha(cutoff: float) -> float:
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau * rate)

    out: list[float] = []
    speed = 0.0
    for i, value in enumerate(values):
        if i == 0:
            out.append(value)
            continue
        raw_speed = (value - values[i - 1]) / size * rate
        speed = alpha(1.0) * raw_speed + (1 - alpha(1.0)) * speed
        a = alpha(min_cutoff + beta * abs(speed))
        out.append(a * value + (1 - a) * out[-1])
    return out


@settings(deadline=None)
@given(values=st.lists(st.floats(-1000, 1000), min_size=1, max_size=20), size=st.floats(1, 500))
def test_one_euro_is_the_papers(values: list[float], size: float) -> None:
    smooth = OneEuroFilter(0.05, 80, 1, 30)
    got = [float(smooth(np.array([v]), size)[0]) for v in values]
    np.testing.assert_allclose(got, one_euro_by_the_paper(values, 0.05, 80, 30, size), rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(value=st.floats(-100, 100), count=st.integers(1, 10))
def test_rest_stays_at_rest(value: float, count: int) -> None:
    smooth, low = OneEuroFilter(0.05, 80, 1, 30), LowPassFilter(0.1)
    for _ in range(count):
        assert float(smooth(np.array([value]), 1.0)[0]) == pytest.approx(value)
        assert float(low(np.array([value]))[0]) == pytest.approx(value)


def test_low_pass_by_hand_and_reset() -> None:
    low = LowPassFilter(0.1)
    assert [float(low(np.array([v]))[0]) for v in (1.0, 0.0, 0.0)] == pytest.approx([1.0, 0.9, 0.81])
    low.reset()
    assert float(low(np.array([5.0]))[0]) == 5.0
