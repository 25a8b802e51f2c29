"""Turning points and runs, against what defines them and an independent count."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import find_peaks

from signlens.signing.oscillation import runs, turning_points

series = st.lists(st.integers(-20, 20), min_size=1, max_size=40).map(lambda v: np.array(v, float))


@given(values=series, least=st.integers(1, 15))
def test_turns_alternate_and_are_far_apart(values, least):
    turns = turning_points(values, least)
    assert (np.diff(turns) > 0).all()
    steps = np.diff(values[turns])
    assert (np.abs(steps) >= least).all()
    assert all(a * b < 0 for a, b in itertools.pairwise(steps))
    if np.ptp(values) < least:
        assert not len(turns)
    else:
        # The largest and the smallest value are turned at, wherever a series turns at all.
        assert values[turns].max() == values.max()
        assert values[turns].min() == values.min()


@given(values=series, least=st.integers(1, 15))
def test_nothing_between_two_turns_goes_back_by_as_much(values, least):
    turns = turning_points(values, least)
    for first, last in itertools.pairwise(turns):
        part = values[first : last + 1] * np.sign(values[last] - values[first])
        back = np.maximum.accumulate(part) - part
        assert back.max() < least


@pytest.mark.parametrize("seed", range(5))
def test_as_many_as_scipy_finds_peaks(seed):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 4, 400)
    values = 10 * np.sin(2 * np.pi * 1.5 * t) * (1 + 0.3 * t) + rng.normal(0, 0.4, t.size)
    turns = turning_points(values, 6.0)
    inside = [i for i in turns if 0 < i < len(values) - 1]
    high, _ = find_peaks(values, prominence=6.0)
    low, _ = find_peaks(-values, prominence=6.0)
    expected = sorted([*high, *low])
    # scipy does not count turns at the ends as peaks; in between the two agree.
    assert [i for i in inside if expected[0] <= i <= expected[-1]] == expected


@given(flags=st.lists(st.booleans(), max_size=30))
def test_runs_are_the_stretches_of_true(flags):
    mask = np.array(flags, dtype=bool)
    found = runs(mask)
    rebuilt = np.zeros(len(mask), dtype=bool)
    for first, last in found:
        assert first <= last
        rebuilt[first : last + 1] = True
    assert (rebuilt == mask).all()
    assert len(found) == len([k for k, _ in itertools.groupby(flags) if k])
