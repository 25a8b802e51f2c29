"""Similarities to class scores in other ways than the product's vote: what the studies compare it with.

N clips have a similarity and a label each, as in `signlens.retrieval.votes`; every function gives C scores.

The SLR-sentiment paper's reductions (its section 5.0.1) are `one_hot`, `top_k` and `class_means`. Its code
wrote an arbitrary one of several similarities of a class, and for the mean half the sum of the running
value and the next; here it is the highest, and the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.optional import require_extra
from signlens.retrieval.votes import check_labels, nearest_first

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

TOP_K = (10, 20, 50)
"""Values of K in the SLR-sentiment paper."""

SOME_STRUCTURE = 0.25
"""Least mean silhouette of a division worth keeping: below it is "no substantial structure" (Kaufman and
Rousseeuw 1990, table 4 of chapter 2)."""


def nearest_per_class(similarities: NDArray[np.floating], labels: Labels, classes: int) -> Array:
    """Each class's highest similarity.

    Returns:
        (C,), NaN for a class without a clip that counts.
    """
    check_labels(similarities, labels, classes)
    counts = np.isfinite(similarities) & (labels >= 0)
    best = np.full(classes, -np.inf)
    np.maximum.at(best, labels[counts], similarities[counts])
    return np.where(np.isfinite(best), best, np.nan)


def one_hot(similarities: NDArray[np.floating], labels: Labels, classes: int) -> Array:
    """1 for the class of the nearest clip, 0 for the others (SLR-sentiment paper, OneHot).

    Returns:
        (C,) all 0 when the nearest clip is of no class, or no clip counts.
    """
    check_labels(similarities, labels, classes)
    scores = np.zeros(classes)
    nearest = labels[nearest_first(similarities, 1)]
    scores[nearest[nearest >= 0]] = 1
    return scores


def top_k(similarities: NDArray[np.floating], labels: Labels, classes: int, k: int) -> Array:
    """The highest similarity of each class among the k nearest clips (SLR-sentiment paper, TopK).

    Args:
        similarities: (N,), NaN where a clip does not count.
        labels: (N,) see the module; a clip of no class takes its place among the k all the same.
        classes: C.
        k: How many clips; the paper's values are `TOP_K`.

    Returns:
        (C,) 0 for a class that is not among them.
    """
    check_labels(similarities, labels, classes)
    rows = nearest_first(similarities, k)
    return np.nan_to_num(nearest_per_class(similarities[rows], labels[rows], classes))


def class_means(similarities: NDArray[np.floating], labels: Labels, classes: int) -> Array:
    """Each class's mean similarity (SLR-sentiment paper, Mean; a true mean). See also `centroid_means`.

    Returns:
        (C,), NaN for a class without a clip that counts.
    """
    check_labels(similarities, labels, classes)
    counts = np.isfinite(similarities) & (labels >= 0)
    own = labels[counts]
    sums = np.bincount(own, weights=similarities[counts], minlength=classes)
    sizes = np.bincount(own, minlength=classes)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)


@dataclass(frozen=True, eq=False)
class Centroids:
    """The mean vector of each class.

    Attributes:
        means: (C, D) float32; all 0 for a class without clips. Not of length 1.
        sizes: (C,) int64, clips of each class.
    """

    means: NDArray[np.float32]
    sizes: Labels


def class_centroids(vectors: NDArray[np.float32], labels: Labels, classes: int) -> Centroids:
    """The mean of each class's unit vectors, for `centroid_means`.

    Args:
        vectors: (N, D), each of length 1.
        labels: (N,) see the module.
        classes: C.
    """
    check_labels(vectors[:, 0], labels, classes)
    inside = labels >= 0
    order = np.flatnonzero(inside)[np.argsort(labels[inside], kind="stable")]
    sizes = np.bincount(labels[inside], minlength=classes)
    means = np.zeros((classes, vectors.shape[1]), np.float32)
    stop = np.cumsum(sizes)
    for number in np.flatnonzero(sizes):
        rows = order[stop[number] - sizes[number] : stop[number]]
        means[number] = vectors[rows].mean(axis=0, dtype=np.float64)
    return Centroids(means, sizes)


def centroid_means(
    query: NDArray[np.floating],
    centroids: Centroids,
    excluded: NDArray[np.float32] | None = None,
    excluded_labels: Labels | None = None,
) -> Array:
    """`class_means` of cosines without the cosines: the mean of products is the product with the mean.

    Takes the same time whatever the number of clips.

    Args:
        query: (D,), of any length above 0.
        centroids: Of the gallery.
        excluded: (M, D) unit vectors of clips of the gallery that must not count, such as the query itself.
        excluded_labels: (M,) their labels.

    Returns:
        (C,) as `class_means`.
    """
    unit = (query / np.linalg.norm(query)).astype(np.float32)
    means = (centroids.means @ unit).astype(np.float64)
    sizes = centroids.sizes
    if excluded is not None and excluded_labels is not None and len(excluded):
        inside = excluded_labels >= 0
        own = excluded_labels[inside]
        left = sizes - np.bincount(own, minlength=len(sizes))
        away = np.bincount(own, weights=excluded[inside] @ unit, minlength=len(sizes))
        means, sizes = (means * sizes - away) / np.maximum(left, 1), left
    return np.where(sizes > 0, means, np.nan)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """A few vectors that stand for each class.

    Attributes:
        vectors: (P, D) float32, each of length 1.
        labels: (P,) the class that each stands for, ascending.
    """

    vectors: NDArray[np.float32]
    labels: Labels


def class_prototypes(
    vectors: NDArray[np.float32], labels: Labels, classes: int, most: int = 3, seed: int = 0
) -> Prototypes:
    """Several prototypes for a class that is signed in several ways (dialects, handedness, habits).

    k-means on the unit vectors of each class (cosine and Euclidean distance order unit vectors alike); the
    number is the one of the highest mean silhouette, and 1 when none reaches `SOME_STRUCTURE`. To be found on
    training clips. `nearest_per_class` of ``prototypes.vectors @ query`` and their labels scores a query.

    Args:
        vectors: (N, D), each of length 1.
        labels: (N,) see the module.
        classes: C.
        most: Most prototypes of a class.
        seed: Of k-means.
    """
    if most < 1:
        raise UsageError("prototypes", f"{most} prototypes of a class cannot be", "give at least 1")
    check_labels(vectors[:, 0], labels, classes)
    found: list[NDArray[np.float32]] = []
    owners: list[int] = []
    for number in np.unique(labels[labels >= 0]).tolist():
        own = vectors[labels == number]
        groups = _groups(own, most, seed)
        means = [own[groups == g].mean(axis=0, dtype=np.float64) for g in range(groups.max() + 1)]
        found += [(m / max(np.linalg.norm(m), 1e-12)).astype(np.float32) for m in means]
        owners += [number] * len(means)
    return Prototypes(
        np.stack(found) if found else np.zeros((0, vectors.shape[1]), np.float32),
        np.array(owners, dtype=np.int64),
    )


def _groups(own: NDArray[np.float32], most: int, seed: int) -> Labels:
    """(n,) group of each of a class's vectors, from 0."""
    try:
        from sklearn.cluster import KMeans
        from sklearn.metrics import silhouette_score
    except ImportError:
        raise require_extra("train", "sklearn") from None
    best, kept = SOME_STRUCTURE, np.zeros(len(own), dtype=np.int64)
    different = len(np.unique(own, axis=0))
    for count in range(2, min(most, different - 1) + 1):  # a silhouette needs fewer groups than points
        groups = KMeans(count, n_init=4, random_state=seed).fit_predict(own)
        score = silhouette_score(own, groups, metric="cosine")
        if score >= best:
            best, kept = score, groups.astype(np.int64)
    return kept
