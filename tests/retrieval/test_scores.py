import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.errors import UsageError
from signlens.retrieval import class_shares, nearest_per_class, retrieval_terms

CLASSES = ("a", "b", "c")
similarity_lists = st.lists(
    st.tuples(st.floats(-1, 1) | st.just(float("nan")), st.sampled_from("abcx")), min_size=1, max_size=30
)


def test_nearest_per_class_by_hand():
    found = nearest_per_class(np.array([0.1, 0.7, 0.4, np.nan]), ["a", "a", "b", "c"], CLASSES)
    assert found[0] == 0.7
    assert found[1] == 0.4
    assert np.isnan(found[2])


@settings(deadline=None)
@given(similarity_lists)
def test_nearest_per_class_agrees_with_a_plain_loop(pairs):
    values, glosses = np.array([v for v, _ in pairs]), [g for _, g in pairs]
    found = nearest_per_class(values, glosses, CLASSES)
    for name, value in zip(CLASSES, found, strict=True):
        own = [v for v, g in pairs if g == name and not math.isnan(v)]
        assert math.isnan(value) if not own else value == max(own)


def test_class_shares_by_hand():
    # Two voters, 0.05 apart at temperature 0.05: weights e/(1 + e) and 1/(1 + e); "x" is no class.
    shares = class_shares(np.array([0.85, 0.9, 0.2]), ["b", "a", "c"], CLASSES, k=2, temperature=0.05)
    assert np.allclose(shares, [math.e / (1 + math.e), 1 / (1 + math.e), 0])
    shares = class_shares(np.array([0.9, 0.9]), ["a", "x"], CLASSES, k=2, temperature=0.05)
    assert np.allclose(shares, [0.5, 0, 0])


@given(similarity_lists, st.integers(1, 12), st.floats(0.01, 10))
@settings(max_examples=60, deadline=None)
def test_class_shares_agree_with_a_plain_loop(pairs, k, temperature):
    values, glosses = np.array([v for v, _ in pairs]), [g for _, g in pairs]
    shares = class_shares(values, glosses, CLASSES, k, temperature)
    counted = [(v, i) for i, (v, _) in enumerate(pairs) if not math.isnan(v)]
    voters = sorted(counted, key=lambda p: (-round(p[0], 7), p[1]))[:k]
    total = sum(math.exp((v - 1) / temperature) for v, _ in voters)
    for name, share in zip(CLASSES, shares, strict=True):
        own = sum(math.exp((v - 1) / temperature) for v, i in voters if glosses[i] == name)
        if total > 1e-250:
            assert share == pytest.approx(own / total, abs=1e-9)
    assert (shares >= 0).all()
    assert shares.sum() <= 1 + 1e-12
    if voters and all(glosses[i] in CLASSES for _, i in voters):
        assert shares.sum() == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0, 100))
def test_terms_only_raise_and_only_where_there_is_a_vote(shares, strength):
    terms = retrieval_terms(np.array(shares), strength)
    assert (terms >= 0).all()
    assert np.allclose(np.exp(terms), 1 + strength * np.array(shares))
    assert not retrieval_terms(np.array(shares), 0.0).any()


@pytest.mark.parametrize(("k", "temperature"), [(0, 1.0), (1, 0.0), (1, -1.0), (1, float("nan"))])
def test_settings_out_of_range_are_refused(k, temperature):
    with pytest.raises(UsageError):
        class_shares(np.array([0.5]), ["a"], CLASSES, k, temperature)


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(UsageError):
        retrieval_terms(np.array([0.5]), strength)
    with pytest.raises(UsageError):
        class_shares(np.array([0.5, 0.4]), ["a"], CLASSES, 1, 1.0)
