"""A signer's resting face as zero: a constant offset goes away, and nothing is made of one look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emotion.head import softmax
from signlens.emotion.provider import ASSUMED_NEUTRAL
from signlens.emotion.resting_face import signer_baseline, without_baseline
from signlens.errors import UsageError


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_a_constant_offset_is_removed(seed):
    generator = np.random.default_rng(seed)
    offset = generator.normal(0, 1.5, 8)
    rest = [softmax(generator.normal(0, 0.3, (n, 8)) + ASSUMED_NEUTRAL) for n in (4, 1, 6)]
    signing = softmax(generator.normal(0, 2, (9, 8)))

    def moved(rows):
        return softmax(np.log(rows) + offset)

    plain = without_baseline(signing, signer_baseline(rest, ASSUMED_NEUTRAL))
    shifted = without_baseline(moved(signing), signer_baseline([moved(r) for r in rest], ASSUMED_NEUTRAL))
    # Equal as far as probabilities below the floor do not matter.
    usable = (signing > 1e-5).all(axis=1) & (moved(signing) > 1e-5).all(axis=1)
    np.testing.assert_allclose(shifted[usable], plain[usable], rtol=1e-6)


def test_a_signer_who_looks_sad_at_rest_comes_out_neutral():
    sad_rest = softmax(ASSUMED_NEUTRAL + 4 * (np.arange(8) == 2))
    assert sad_rest.argmax() == 2
    baseline = signer_baseline([np.tile(sad_rest, (3, 1))] * 2, ASSUMED_NEUTRAL)
    assert (baseline.frames, baseline.clips) == (6, 2)
    found = without_baseline(sad_rest[None], baseline)
    np.testing.assert_allclose(found, np.exp(ASSUMED_NEUTRAL)[None], rtol=1e-6)


def test_a_signer_like_everybody_is_left_alone():
    usual = np.exp(ASSUMED_NEUTRAL)[None]
    baseline = signer_baseline([usual, usual], ASSUMED_NEUTRAL)
    rows = softmax(np.random.default_rng(0).normal(0, 1, (5, 8)))
    rows[3] = np.nan
    np.testing.assert_allclose(without_baseline(rows, baseline), rows, rtol=1e-9)


def test_every_clip_counts_the_same():
    a, b = softmax(np.eye(8)[[1]]), softmax(np.eye(8)[[6]])
    one = signer_baseline([np.tile(a, (9, 1)), b], ASSUMED_NEUTRAL)
    two = signer_baseline([a, b], ASSUMED_NEUTRAL)
    np.testing.assert_allclose(one.offset, two.offset)


def test_one_look_is_no_habit():
    row = np.full((1, 8), 1 / 8)
    assert signer_baseline([row], ASSUMED_NEUTRAL) is None
    assert signer_baseline([row, row[:0], np.full((1, 8), np.nan)], ASSUMED_NEUTRAL) is None
    with pytest.raises(UsageError, match="eight"):
        signer_baseline([np.ones((2, 7)), row], ASSUMED_NEUTRAL)
