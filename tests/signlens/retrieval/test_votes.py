import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from signlens.errors import UsageError
from signlens.retrieval.votes import OUTSIDE, class_labels, class_shares, nearest_first, retrieval_terms

CLASSES = 3
clips = st.lists(
    st.tuples(st.floats(-1, 1) | st.just(float("nan")), st.integers(OUTSIDE, CLASSES - 1)),
    min_size=1,
    max_size=30,
)


def arrays(pairs):
    return np.array([v for v, _ in pairs]), np.array([c for _, c in pairs], dtype=np.int64)


def ranked(pairs):
    """Rows that count, best first, by a plain sort."""
    return sorted(
        (i for i, (v, _) in enumerate(pairs) if not math.isnan(v)), key=lambda i: (-round(pairs[i][0], 7), i)
    )


def unit(rng, count, dimension):
    vectors = rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_labels_are_places_in_the_list_of_classes():
    assert class_labels(["b", "x", "a", "b"], ["a", "b"]).tolist() == [1, OUTSIDE, 0, 1]


def test_class_shares_by_hand():
    # Two voters, 0.05 apart at temperature 0.05: weights e/(1 + e) and 1/(1 + e).
    labels = np.array([1, 0, 2])
    shares = class_shares(np.array([0.85, 0.9, 0.2]), labels, CLASSES, k=2, temperature=0.05)
    assert np.allclose(shares, [math.e / (1 + math.e), 1 / (1 + math.e), 0])
    shares = class_shares(np.array([0.9, 0.9]), np.array([0, OUTSIDE]), CLASSES, k=2, temperature=0.05)
    assert np.allclose(shares, [0.5, 0, 0])


@given(st.integers(0, 2**31), st.integers(1, 20), st.floats(0.02, 5))
@settings(max_examples=40, deadline=None)
def test_class_shares_are_those_of_scikit_learns_weighted_neighbours(seed, k, temperature):
    rng = np.random.default_rng(seed)
    vectors, query = unit(rng, 60, 12).astype(np.float64), unit(rng, 1, 12).astype(np.float64)
    labels = np.concatenate([np.arange(CLASSES), rng.integers(0, CLASSES, 57)])
    reference = KNeighborsClassifier(
        k, metric="cosine", algorithm="brute", weights=lambda d: np.exp((d.min() - d) / temperature)
    ).fit(vectors, labels)
    shares = class_shares((vectors @ query[0]), labels, CLASSES, k, temperature)
    assert np.allclose(shares, reference.predict_proba(query)[0], atol=1e-9)
    assert shares.sum() == pytest.approx(1)


@given(clips, st.integers(1, 12), st.floats(0.01, 10))
@settings(max_examples=60, deadline=None)
def test_class_shares_agree_with_a_plain_loop(pairs, k, temperature):
    shares = class_shares(*arrays(pairs), CLASSES, k, temperature)
    voters = [pairs[i] for i in ranked(pairs)[:k]]
    total = sum(math.exp((v - 1) / temperature) for v, _ in voters)
    for number, share in enumerate(shares):
        own = sum(math.exp((v - 1) / temperature) for v, c in voters if c == number)
        if total > 1e-250:
            assert share == pytest.approx(own / total, abs=1e-9)
    assert (shares >= 0).all()
    assert shares.sum() <= 1 + 1e-12


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0, 100))
def test_terms_only_raise_and_only_where_there_is_a_vote(shares, strength):
    terms = retrieval_terms(np.array(shares), strength)
    assert (terms >= 0).all()
    assert np.allclose(np.exp(terms), 1 + strength * np.array(shares))
    assert not retrieval_terms(np.array(shares), 0.0).any()


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(UsageError):
        retrieval_terms(np.array([0.5]), strength)


@settings(deadline=None)
@given(clips, st.integers(1, 12), st.floats(0.01, 10))
def test_the_nearest_clips_alone_give_the_same_shares(pairs, k, temperature):
    values, labels = arrays(pairs)
    rows = nearest_first(values, k)
    assert rows.tolist() == ranked(pairs)[:k]
    shares = class_shares(values[rows], labels[rows], CLASSES, k, temperature)
    assert (shares == class_shares(values, labels, CLASSES, k, temperature)).all()


@pytest.mark.parametrize(("k", "temperature"), [(0, 1.0), (1, 0.0), (1, -1.0), (1, float("nan"))])
def test_a_vote_out_of_range_is_refused(k, temperature):
    with pytest.raises(UsageError):
        class_shares(np.array([0.5]), np.array([0]), 1, k, temperature)
