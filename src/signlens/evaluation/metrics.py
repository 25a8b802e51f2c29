"""Metrics and their bootstrap intervals: pure functions of scores and labels.

A tie never helps: a clip is right at k only if fewer than k other classes score at least as high as the
true one, and the class that counts as predicted in a tie for the best is not the true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.models.ensemble import log_softmax

Scores = NDArray[np.floating]
Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

TOP_K = (1, 5, 10)
METRICS = (
    *(f"top{k}_per_instance" for k in TOP_K),
    *(f"top{k}_per_class" for k in TOP_K),
    "macro_f1",
    "ece",
    "nll",
)
"""Percent, but for ``nll``, which is in nats."""

RECENTRED = ("macro_f1", "ece")
"""What repeated and absent clips of a resample shift in one direction; their intervals are moved back."""

CALIBRATION_BINS = 15

_CHUNK = 1 << 21  # numbers held at a time while resampling
_ROWS = 1024  # clips whose probabilities are held at a time


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


# -- values -----------------------------------------------------------------------------------------


def true_class_rank(scores: Scores, labels: Labels) -> NDArray[np.int64]:
    """(N,) how many other classes score at least as high in (N, C) as the true one; 0 is recognised."""
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    return np.asarray((scores >= true).sum(axis=1) - 1, np.int64)


def top_k_hits(scores: Scores, labels: Labels, k: int) -> NDArray[np.bool_]:
    """(N,) whether the true class is among the k best of (N, C) scores; a tie counts against it.

    >>> top_k_hits(np.array([[0.1, 0.9], [0.5, 0.5]]), np.array([1, 0]), k=1).tolist()
    [True, False]
    """
    return np.asarray(true_class_rank(scores, labels) < k)


def expected_calibration_error(probabilities: Scores, labels: Labels, bins: int = CALIBRATION_BINS) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence (Guo et al. 2017).

    Args:
        probabilities: (N, C), rows sum to 1.
        labels: (N,).
        bins: Number of bins.

    >>> expected_calibration_error(np.array([[0.75, 0.25], [0.75, 0.25]]), np.array([0, 1]))
    0.25
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    gaps = _calibration_gaps(confidence, top_k_hits(probabilities, labels, 1), bins)
    return float(np.abs(gaps.sum(axis=0)).sum() / len(labels))


def _calibration_gaps(confidence: Floats, right: NDArray[np.bool_], bins: int) -> Floats:
    """(N, bins) confidence less correctness, in the bin of each clip's confidence."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.zeros((len(confidence), bins))
    gaps[np.arange(len(confidence)), place] = confidence - right
    return gaps


def negative_log_likelihood(log_probabilities: Scores, labels: Labels) -> float:
    """Mean of -log p(true class), in nats."""
    return float(-np.take_along_axis(log_probabilities, labels[:, None], axis=1).mean())


# -- one answer a clip, also none -------------------------------------------------------------------


def confusion_matrix(labels: Labels, predictions: Labels, classes: int) -> NDArray[np.int64]:
    """(C, C + 1) clips of each true class (rows) by predicted class; the last column is those without answer.

    Args:
        labels: (N,) true classes, 0..C-1.
        predictions: (N,) classes, -1 where there is no answer.
        classes: C.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, -1]), 2).tolist()
    [[1, 1, 0], [0, 0, 1]]
    """
    answered = np.where(predictions < 0, classes, predictions)
    flat = np.bincount(labels * (classes + 1) + answered, minlength=classes * (classes + 1))
    return np.asarray(flat.reshape(classes, classes + 1))


def recall_per_class(matrix: NDArray[np.int64]) -> Floats:
    """(C,) share of each class's clips that was found, by a `confusion_matrix`; NaN for a class without."""
    support = matrix.sum(axis=1)
    return np.asarray(np.diagonal(matrix) / np.where(support > 0, support, np.nan))


def balanced_accuracy(matrix: NDArray[np.int64]) -> float:
    """Mean recall over the classes that have clips, by a `confusion_matrix`; NaN without any clip.

    >>> balanced_accuracy(confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2))
    0.75
    """
    recall = recall_per_class(matrix)
    return float(recall[np.isfinite(recall)].mean()) if np.isfinite(recall).any() else float("nan")


def weighted_f1(matrix: NDArray[np.int64]) -> float:
    """F1 of each class, weighted by its clips, by a `confusion_matrix`; NaN without any clip."""
    support = matrix.sum(axis=1)
    named = support + matrix[:, :-1].sum(axis=0)
    f1 = np.where(named > 0, 2 * np.diagonal(matrix) / np.maximum(named, 1), 0.0)
    return float((f1 * support).sum() / support.sum()) if support.any() else float("nan")


# -- all metrics of recognition ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What a system made of each clip: all that the metrics need.

    Attributes:
        labels: (N,) true classes.
        classes: C, among how many was chosen.
        ranks: (N,) how many other classes score at least as high as the true one.
        predictions: (N,) the best class; never the true one in a tie.
        confidence: (N,) probability of the best class: softmax of the scores.
        log_likelihood: (N,) natural log of the true class's probability.
    """

    labels: Labels
    classes: int
    ranks: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidence: Floats
    log_likelihood: Floats

    def hits(self, k: int) -> NDArray[np.bool_]:
        """(N,) whether the true class is among the k best."""
        return np.asarray(self.ranks < k)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Outcomes:
        """The same for some of the clips, in the order given."""
        return Outcomes(
            self.labels[rows],
            self.classes,
            self.ranks[rows],
            self.predictions[rows],
            self.confidence[rows],
            self.log_likelihood[rows],
        )


def outcomes(scores: Scores, labels: Labels) -> Outcomes:
    """What a system made of each clip.

    Args:
        scores: (N, C) finite, larger is better; their softmax is taken for the probabilities.
        labels: (N,) true classes.
    """
    parts = []
    for start in range(0, len(labels), _ROWS):
        rows = slice(start, start + _ROWS)
        here, true = scores[rows], labels[rows]
        ranks = true_class_rank(here, true)
        others = here.copy()
        np.put_along_axis(others, true[:, None], -np.inf, axis=1)
        logs = log_softmax(here)
        parts.append(
            (
                ranks,
                np.where(ranks == 0, true, others.argmax(axis=1)),
                np.exp(logs.max(axis=1)),
                np.take_along_axis(logs, true[:, None], axis=1)[:, 0],
            )
        )
    ranks, predictions, confidence, likelihood = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Outcomes(labels, scores.shape[1], ranks, predictions, confidence, likelihood)


def weighted_metrics(of: Outcomes, counts: Floats) -> dict[str, Floats]:
    """All metrics, with each clip counted as often as asked; many countings at once.

    Per-class accuracy is the mean, over the classes that occur, of the share of the class's clips that are
    right. Macro F1 is the mean over the classes that occur or are predicted, as scikit-learn has it.

    Args:
        of: N outcomes.
        counts: (D, N) how often each clip counts, whole numbers; at least one above 0 in a row.

    Returns:
        Name (`METRICS`) -> (D,). Top k is NaN where there are no more than k classes to choose from.
    """
    total = counts.sum(axis=1)
    hits = {k: of.hits(k) for k in TOP_K}
    columns = np.column_stack(
        [
            *(hits[k] for k in TOP_K),
            -of.log_likelihood,
            _calibration_gaps(of.confidence, hits[1], CALIBRATION_BINS),
        ]
    )
    means = (counts @ columns) / total[:, None]
    found = {f"top{k}_per_instance": 100 * means[:, i] for i, k in enumerate(TOP_K)}

    seen = np.unique(np.concatenate([of.labels, of.predictions]))
    true = np.searchsorted(seen, of.labels)
    support = _sums(counts, true, len(seen))
    occurs = support > 0
    right = {}
    for k in TOP_K:
        right[k] = _sums(np.where(hits[k], counts, 0.0), true, len(seen))
        recall = np.divide(right[k], support, out=np.zeros_like(support), where=occurs)
        found[f"top{k}_per_class"] = 100 * recall.sum(axis=1) / occurs.sum(axis=1)
    both = support + _sums(counts, np.searchsorted(seen, of.predictions), len(seen))
    f1 = np.divide(2 * right[1], both, out=np.zeros_like(both), where=both > 0)
    found["macro_f1"] = 100 * f1.sum(axis=1) / (both > 0).sum(axis=1)
    found["ece"] = 100 * np.abs(means[:, len(TOP_K) + 1 :]).sum(axis=1)
    found["nll"] = means[:, len(TOP_K)]
    for k in TOP_K:
        if k >= of.classes:
            found[f"top{k}_per_instance"] = found[f"top{k}_per_class"] = np.full(len(counts), np.nan)
    return {name: found[name] for name in METRICS}


def _sums(values: Floats, group: NDArray[np.integer], groups: int) -> Floats:
    """(D, groups) sums of the columns of (D, N) that belong to each group."""
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    found = np.zeros((len(values), groups))
    found[:, present] = np.add.reduceat(values[:, order], starts, axis=1)
    return found


def measure(of: Outcomes) -> dict[str, float]:
    """All metrics of a system: name (`METRICS`) -> percent, or nats for ``nll``; see `weighted_metrics`."""
    values = weighted_metrics(of, np.ones((1, len(of.labels))))
    return {name: float(value[0]) for name, value in values.items()}


# -- intervals --------------------------------------------------------------------------------------


def resampled_counts(
    n: int, groups: NDArray[Any] | None = None, draws: int = 2000, seed: int = 0
) -> Iterator[Floats]:
    """How often each clip is drawn in each bootstrap resample, some resamples at a time.

    Args:
        n: Number of clips.
        groups: (N,) clips of one group are drawn together (recordings of one signer); None draws clips.
        draws: Number of resamples.
        seed: Of the draws; the same seed draws the same whatever is measured on them.

    Yields:
        (some, N) counts.
    """
    rng = np.random.default_rng(seed)
    member = None if groups is None else np.unique(groups, return_inverse=True)[1]
    units = n if member is None else int(member.max()) + 1
    at_a_time = max(1, _CHUNK // max(n, units))
    for start in range(0, draws, at_a_time):
        some = min(at_a_time, draws - start)
        picked = rng.integers(0, units, (some, units))
        picked += np.arange(some)[:, None] * units
        counts = np.bincount(picked.ravel(), minlength=some * units).reshape(some, units).astype(np.float64)
        yield counts if member is None else counts[:, member]


def bootstrap(
    values: NDArray[np.floating] | NDArray[np.integer] | NDArray[np.bool_],
    *,
    groups: NDArray[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean with a percentile bootstrap interval.

    Args:
        values: (N,) one value a clip.
        groups: (N,) clips of one group are drawn together (recordings of one signer); None draws clips.
        draws: Number of resamples.
        seed: Seed of the resamples.

    >>> found = bootstrap(np.array([1, 1, 1, 0]), draws=100)
    >>> found.low <= found.value == 0.75 <= found.high
    True
    """
    values = np.asarray(values, dtype=np.float64)
    found = [
        counts @ values / counts.sum(axis=1) for counts in resampled_counts(len(values), groups, draws, seed)
    ]
    return interval(float(values.mean()), np.concatenate(found))


def bootstrap_statistic(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    n: int,
    *,
    groups: NDArray[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> list[Interval]:
    """Any figures of clips, with percentile bootstrap intervals; draws as `bootstrap` does.

    Args:
        statistic: Of the places of the drawn clips, a clip as often as it was drawn; gives (M,) figures.
            Resamples for which one is NaN are left out of its interval.
        n: Number of clips.
        groups: (N,) clips of one group are drawn together; None draws clips.
        draws: Number of resamples.
        seed: Seed of the resamples.

    >>> age = np.array([20.0, 30.0, 70.0])
    >>> bootstrap_statistic(lambda rows: np.array([np.median(age[rows])]), len(age), draws=100)[0].value
    30.0
    """
    values = np.asarray(statistic(np.arange(n)), np.float64)
    drawn = []
    for counts in resampled_counts(n, groups, draws, seed):
        # Few groups can be drawn in few ways (four in 35): each is computed once.
        ways, way = np.unique(counts, axis=0, return_inverse=True)
        of_way = [statistic(np.repeat(np.arange(n), times.astype(np.int64))) for times in ways]
        drawn.append(np.array(of_way).reshape(len(ways), len(values))[way.reshape(-1)])
    return [
        interval(float(value), column) for value, column in zip(values, np.concatenate(drawn).T, strict=True)
    ]


def interval(value: float, drawn: Floats, *, recentred: bool = False) -> Interval:
    """A value with the 2.5th and 97.5th percentile of its resamples.

    Args:
        value: Of the clips themselves.
        drawn: (draws,) of their resamples; those that are not finite are left out.
        recentred: Move both ends by what the resamples' mean differs from the value. A resample holds some
            clips twice and others not, which by itself lowers a macro F1 with few clips a class, and raises a
            calibration error: without this the interval may not even hold the value.
    """
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(drawn, [2.5, 97.5]) + (value - drawn.mean() if recentred else 0.0)
    return Interval(value, float(low), float(high))


def intervals(values: Mapping[str, float], drawn: Mapping[str, Floats]) -> dict[str, Interval | None]:
    """Metrics, or differences of metrics, with their intervals.

    Args:
        values: Metric -> value of the clips themselves.
        drawn: Metric -> (draws,) of the resamples, see `bootstrap_metrics`.

    Returns:
        Metric -> interval; None where the value is NaN.
    """
    return {
        name: None if np.isnan(value) else interval(value, drawn[name], recentred=name in RECENTRED)
        for name, value in values.items()
    }


def bootstrap_metrics(
    systems: Mapping[str, Outcomes],
    *,
    groups: NDArray[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, dict[str, Floats]]:
    """All metrics of several systems on the same resamples of the same clips.

    Args:
        systems: Name -> outcomes of the same N clips in the same order.
        groups: (N,) clips of one group are drawn together; None draws clips.
        draws: Number of resamples.
        seed: Seed of the resamples.
        progress: Called with the number of resamples done.

    Returns:
        System -> metric -> (draws,).
    """
    n = len(next(iter(systems.values())).labels)
    parts: dict[str, list[dict[str, Floats]]] = {name: [] for name in systems}
    done = 0
    for counts in resampled_counts(n, groups, draws, seed):
        for name, of in systems.items():
            parts[name].append(weighted_metrics(of, counts))
        done += len(counts)
        progress(done)
    return {
        name: {metric: np.concatenate([part[metric] for part in pieces]) for metric in METRICS}
        for name, pieces in parts.items()
    }


def wilson(right: int, of: int) -> Interval:
    """A share of few clips, in percent, with Wilson's score interval (1927), which is sound for few.

    >>> share = wilson(3, 4)
    >>> f"{share.value} ({share.low:.1f} to {share.high:.1f})"
    '75.0 (30.1 to 95.4)'
    """
    z = 1.959963984540054
    share = right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return Interval(100 * share, 100 * max(0.0, middle - half), 100 * min(1.0, middle + half))
