import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from signlens.errors import UsageError
from signlens.fusion.evidence import FusionSettings, combine


@st.composite
def three_terms(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    count = draw(st.integers(1, 30))
    scores = rng.uniform(-30, 30, count)
    return scores - logsumexp(scores), rng.uniform(-5, 5, count), rng.uniform(-5, 5, count)


@settings(deadline=None)
@given(three_terms())
def test_the_result_is_the_sum_of_the_terms_renormalised(terms):
    fused = combine(*terms)
    total = sum(terms)
    assert np.allclose(fused, total - logsumexp(total), atol=1e-9)
    assert np.exp(fused).sum() == pytest.approx(1)


@settings(deadline=None)
@given(three_terms())
def test_nothing_added_changes_nothing(terms):
    silent = np.zeros_like(terms[0])
    assert np.array_equal(combine(terms[0], silent, silent), terms[0])


@settings(deadline=None)
@given(three_terms(), st.floats(-3, 3))
def test_the_same_term_for_every_class_changes_nothing(terms, shift):
    skeleton = terms[0]
    assert np.allclose(combine(skeleton, np.full_like(skeleton, shift), np.zeros_like(skeleton)), skeleton)


@settings(deadline=None)
@given(three_terms())
def test_the_two_terms_may_change_places(terms):
    assert np.allclose(combine(*terms), combine(terms[0], terms[2], terms[1]))


def test_by_hand():
    # 0.5 * 2 : 0.25 : 0.25 * 4 = 4/9 : 1/9 : 4/9
    fused = combine(np.log([0.5, 0.25, 0.25]), np.log([2.0, 1, 1]), np.log([1.0, 1, 4]))
    assert np.allclose(np.exp(fused), np.array([4, 1, 4]) / 9)


def test_an_impossible_class_stays_impossible():
    with np.errstate(divide="ignore"):
        fused = combine(np.log([1.0, 0.0]), np.log([1.0, 9.0]), np.zeros(2))
    assert np.exp(fused).tolist() == [1, 0]


@pytest.mark.parametrize(
    "terms",
    [
        (np.zeros(3), np.zeros(2), np.zeros(3)),
        (np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 3))),
        (np.array([np.nan]), np.zeros(1), np.zeros(1)),
        (np.zeros(1), np.array([np.inf]), np.zeros(1)),
    ],
)
def test_what_does_not_fit_is_refused(terms):
    with pytest.raises(UsageError):
        combine(*terms)


@pytest.mark.parametrize(
    "wrong",
    [
        {"emotion_strength": -0.1},
        {"retrieval_strength": float("nan")},
        {"emotion_top_k": 0},
        {"retrieval_neighbours": 0},
        {"retrieval_temperature": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError):
        FusionSettings(**wrong)


def test_emotion_and_similar_signs_are_off_by_default():
    assert (FusionSettings().emotion_strength, FusionSettings().retrieval_strength) == (0, 0)
