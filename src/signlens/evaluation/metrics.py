"""Recognition metrics: pure functions of scores and labels, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def top_k_hits(scores: Scores, labels: Labels, k: int) -> NDArray[np.bool_]:
    """(N,) whether the true class is among the k best; a tie counts against it.

    Args:
        scores: (N, C), larger is better.
        labels: (N,) true classes.
        k: How many.
    """
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    better = (scores >= true).sum(axis=1) - 1
    return np.asarray(better < k)


def bootstrap(
    values: NDArray[np.floating] | NDArray[np.bool_],
    *,
    groups: NDArray[np.int64] | None = None,
    draws: int = 2000,
    seed: int = 0,
    statistic: Callable[[NDArray[np.float64]], float] | None = None,
) -> Interval:
    """Mean (or another statistic) with a percentile bootstrap interval.

    Args:
        values: (N,) one value a clip.
        groups: (N,) clips of one group are drawn together (recordings of one signer); None draws clips.
        draws: Number of resamples.
        seed: Seed of the resamples.
        statistic: Of the drawn values; the mean by default.
    """
    values = np.asarray(values, dtype=np.float64)
    compute = statistic or (lambda v: float(v.mean()))
    rng = np.random.default_rng(seed)
    if groups is None:
        if statistic is None:
            picked = rng.integers(0, len(values), (draws, len(values)))
            found = values[picked].mean(axis=1)
        else:
            found = np.array(
                [compute(values[rng.integers(0, len(values), len(values))]) for _ in range(draws)]
            )
    else:
        members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
        found = np.array(
            [
                compute(
                    values[np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])]
                )
                for _ in range(draws)
            ]
        )
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(compute(values), float(low), float(high))


def expected_calibration_error(probabilities: Scores, labels: Labels, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence (Guo et al. 2017).

    Args:
        probabilities: (N, C), rows sum to 1.
        labels: (N,).
        bins: Number of bins.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = 0.0
    for b in range(bins):
        members = place == b
        if members.any():
            gap += members.mean() * abs(confidence[members].mean() - right[members].mean())
    return float(gap)


def negative_log_likelihood(log_probabilities: Scores, labels: Labels) -> float:
    """Mean of -log p(true class), in nats."""
    return float(-np.take_along_axis(log_probabilities, labels[:, None], axis=1).mean())
