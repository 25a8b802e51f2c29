import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from signlens.errors import UsageError
from signlens.retrieval.votes import OUTSIDE, nearest_first
from signlens_studies.retrieval.reductions import (
    TOP_K,
    centroid_means,
    class_centroids,
    class_means,
    class_prototypes,
    nearest_per_class,
    one_hot,
    top_k,
)

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


def test_nearest_per_class_by_hand():
    found = nearest_per_class(np.array([0.1, 0.7, 0.4, np.nan]), np.array([0, 0, 1, 2]), CLASSES)
    assert found[0] == 0.7
    assert found[1] == 0.4
    assert np.isnan(found[2])


@settings(deadline=None)
@given(clips)
def test_nearest_per_class_agrees_with_a_plain_loop(pairs):
    found = nearest_per_class(*arrays(pairs), CLASSES)
    for number, value in enumerate(found):
        own = [v for v, c in pairs if c == number and not math.isnan(v)]
        assert math.isnan(value) if not own else value == max(own)


@settings(deadline=None)
@given(clips)
def test_one_hot_marks_the_class_of_the_nearest_clip_alone(pairs):
    scores = one_hot(*arrays(pairs), CLASSES)
    order = ranked(pairs)
    expected = [0.0] * CLASSES
    if order and pairs[order[0]][1] >= 0:
        expected[pairs[order[0]][1]] = 1.0
    assert scores.tolist() == expected


def test_top_k_keeps_the_maximum_of_a_repeated_label():
    values, labels = np.array([0.6, 0.9, 0.8, 0.7, 0.5]), np.array([0, 1, 0, OUTSIDE, 2])
    assert top_k(values, labels, CLASSES, 3).tolist() == [0.8, 0.9, 0]
    assert top_k(values, labels, CLASSES, 5).tolist() == [0.8, 0.9, 0.5]


@settings(deadline=None)
@given(clips, st.integers(1, 12))
def test_top_k_agrees_with_a_plain_loop(pairs, k):
    expected = {}
    for row in ranked(pairs)[:k]:
        value, label = pairs[row]
        if label >= 0:
            expected[label] = max(value, expected.get(label, -2))
    found = top_k(*arrays(pairs), CLASSES, k)
    assert found.tolist() == [expected.get(c, 0.0) for c in range(CLASSES)]


@settings(deadline=None)
@given(clips, st.integers(1, 12))
def test_the_nearest_clips_alone_give_the_same_scores(pairs, k):
    values, labels = arrays(pairs)
    rows = nearest_first(values, k)
    assert rows.tolist() == ranked(pairs)[:k]
    few = values[rows], labels[rows], CLASSES
    assert (top_k(*few, k) == top_k(values, labels, CLASSES, k)).all()
    assert (one_hot(*few) == one_hot(values, labels, CLASSES)).all()


@settings(deadline=None)
@given(clips, st.randoms())
def test_the_papers_reductions_do_not_depend_on_the_order_of_the_clips(pairs, random):
    """Its code wrote whichever similarity of a class came last, and a running half-sum as the mean."""
    distinct = [(v, c) for i, (v, c) in enumerate(pairs) if all(round(v - w, 6) for w, _ in pairs[:i])]
    shuffled = distinct[:]
    random.shuffle(shuffled)
    for k in TOP_K:
        assert (top_k(*arrays(distinct), CLASSES, k) == top_k(*arrays(shuffled), CLASSES, k)).all()
    assert (one_hot(*arrays(distinct), CLASSES) == one_hot(*arrays(shuffled), CLASSES)).all()
    means = [class_means(*arrays(p), CLASSES) for p in (distinct, shuffled)]
    assert np.allclose(*means, atol=1e-12, equal_nan=True)


@settings(deadline=None)
@given(clips)
def test_class_means_agree_with_a_plain_loop(pairs):
    for number, value in enumerate(class_means(*arrays(pairs), CLASSES)):
        own = [v for v, c in pairs if c == number and not math.isnan(v)]
        assert math.isnan(value) if not own else value == pytest.approx(math.fsum(own) / len(own), abs=1e-12)


@given(st.integers(0, 2**31), st.integers(1, 200), st.integers(2, 300))
@settings(max_examples=40, deadline=None)
def test_means_by_centroids_are_those_by_brute_force(seed, count, dimension):
    rng = np.random.default_rng(seed)
    vectors, query = unit(rng, count, dimension), rng.normal(size=dimension)
    labels = rng.integers(OUTSIDE, 7, count)
    cosine = cosine_similarity(query[None], vectors.astype(np.float64))[0]
    expected = [cosine[labels == c].mean() if (labels == c).any() else np.nan for c in range(7)]
    centroids = class_centroids(vectors, labels, 7)
    assert np.allclose(centroid_means(query, centroids), expected, atol=1e-6, rtol=0, equal_nan=True)
    # Without some clips: the mean over those that are left.
    away = rng.choice(count, min(count, 3), replace=False)
    cosine[away] = np.nan
    left = centroid_means(query, centroids, vectors[away], labels[away])
    assert np.allclose(left, class_means(cosine, labels, 7), atol=2e-6, rtol=0, equal_nan=True)


def around(rng, centre, count, spread):
    vectors = centre + spread * rng.normal(size=(count, len(centre)))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_prototypes_find_the_ways_a_sign_is_made_and_no_more():
    rng = np.random.default_rng(3)
    ways = np.linalg.qr(rng.normal(size=(16, 4)))[0].T  # four directions at right angles
    vectors = np.concatenate([around(rng, way, 30, 0.05) for way in ways])
    # Class 0 is signed in three ways, class 1 in one; 2 has no clip, one clip of class 3.
    labels = np.array([0] * 90 + [1] * 30)
    vectors = np.concatenate([vectors, around(rng, -ways[0], 1, 0.05)])
    labels = np.append(labels, 3)
    found = class_prototypes(vectors, labels, 5, most=4)
    assert found.labels.tolist() == [0, 0, 0, 1, 3]
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    nearest = (found.vectors[:3] @ ways[:3].T).max(axis=0)
    assert (nearest > 0.99).all()
    # A clip of the rarer way is nearer to its prototype than to the mean of its class.
    query = around(rng, ways[2], 1, 0.05)[0]
    by_prototype = nearest_per_class(found.vectors @ query, found.labels, 5)
    by_mean = centroid_means(query, class_centroids(vectors, labels, 5))
    assert by_prototype[0] > 0.9 > by_mean[0]
    assert np.isnan(by_prototype[2])


def test_prototypes_of_a_shapeless_class_or_of_equal_clips_are_one():
    rng = np.random.default_rng(5)
    shapeless = unit(rng, 40, 64)
    found = class_prototypes(shapeless, np.zeros(40, np.int64), 1)
    mean = shapeless.astype(np.float64).mean(axis=0)
    assert np.allclose(found.vectors, [mean / np.linalg.norm(mean)], atol=1e-6)
    equal = np.repeat(shapeless[:1], 5, axis=0)
    assert np.allclose(class_prototypes(equal, np.zeros(5, np.int64), 1).vectors, shapeless[:1], atol=1e-6)
    assert class_prototypes(shapeless, np.full(40, OUTSIDE), 2).vectors.shape == (0, 64)


def test_settings_out_of_range_are_refused():
    with pytest.raises(UsageError):
        top_k(np.array([0.5]), np.array([0]), 1, 0)
    with pytest.raises(UsageError):
        class_prototypes(np.ones((1, 1), np.float32), np.array([0]), 1, most=0)


@pytest.mark.parametrize("score", [nearest_per_class, one_hot, class_means])
def test_labels_that_do_not_fit_are_refused(score):
    with pytest.raises(UsageError, match="one for each clip"):
        score(np.array([0.5, 0.4]), np.array([0]), 1)
    with pytest.raises(UsageError, match="each clip's class"):
        score(np.array([0.5, 0.4]), np.array([0, 1]), 1)
    with pytest.raises(UsageError, match="each clip's class"):
        score(np.array([0.5, 0.4]), np.array([0, -2]), 1)
