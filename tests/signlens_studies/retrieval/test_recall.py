"""Recall and average precision against scikit-learn, by hand, and with ties."""

import numpy as np
import pytest

from signlens.errors import UsageError
from signlens_studies.retrieval.recall import look_up


def test_a_worked_example() -> None:
    similarities = np.array([[0.9, 0.8, 0.7, 0.1], [0.2, 0.9, 0.3, 0.1]])
    found = look_up(similarities, np.array([1, 0]), np.array([0, 1, 0, 1]))
    # First query: b at places 2 and 4, so (1/2 + 2/4) / 2. Second: a at places 2 and 3, (1/2 + 2/3) / 2.
    np.testing.assert_allclose(found.average_precision, [0.5, 7 / 12])
    assert found.first.tolist() == [1, 1]
    assert found.hits(1).tolist() == [False, False]
    assert found.hits(2).tolist() == [True, True]


def test_average_precision_is_scikit_learns_and_recall_is_a_set() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    gallery, queries = rng.integers(0, 6, 80), rng.integers(0, 6, 40)
    similarities = rng.normal(size=(40, 80))
    found = look_up(similarities, queries, gallery)
    for row in range(40):
        relevant = gallery == queries[row]
        expected = metrics.average_precision_score(relevant, similarities[row])
        assert found.average_precision[row] == pytest.approx(expected)
        for k in (1, 5, 10):
            nearest = set(np.argpartition(-similarities[row], k)[:k])
            assert found.hits(k)[row] == bool(nearest & set(np.flatnonzero(relevant)))


def test_a_constant_search_finds_nothing_before_all_others() -> None:
    found = look_up(np.zeros((1, 10)), np.array([1]), np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]))
    assert found.first.tolist() == [8]


def test_what_must_not_be_found_is_as_if_it_were_not_there() -> None:
    rng = np.random.default_rng(1)
    gallery = rng.integers(0, 3, 20)
    similarities = rng.normal(size=(5, 20))
    similarities[:, 7] = np.nan
    queries = rng.integers(0, 3, 5)
    found = look_up(similarities, queries, gallery)
    without = look_up(np.delete(similarities, 7, axis=1), queries, np.delete(gallery, 7))
    np.testing.assert_array_equal(found.first, without.first)
    np.testing.assert_allclose(found.average_precision, without.average_precision)
    with pytest.raises(UsageError, match="no clip of the gloss of 1 quer"):
        look_up(np.array([[np.nan, 0.5]]), np.array([0]), np.array([0, 1]))
