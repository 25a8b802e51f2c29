"""Weighted sums of the networks' scores, calibrated by one temperature."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.optional import require_extra

Scores = NDArray[np.float64]

SAM_SLR_WEIGHTS: dict[str, float] = {"joint": 1.0, "bone": 0.9, "joint_motion": 0.5, "bone_motion": 0.5}
"""SAM-SLR's weights of its four streams (its ensemble script for models trained on train only)."""

SLR_SENTIMENT_WEIGHTS: dict[str, float] = {"joint": 1.0, "bone": 1.0, "joint_motion": 0.5, "bone_motion": 0.5}
"""The weights behind Table 2 of the sentiment-enhanced SLR paper, which does not print them."""


def log_softmax(scores: NDArray[np.floating]) -> Scores:
    """Natural-log softmax over the last axis, in float64.

    >>> np.exp(log_softmax(np.log([1.0, 3.0]))).tolist()
    [0.25, 0.75]
    """
    shifted = scores.astype(np.float64) - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def weighted_mean(logits: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float]) -> Scores:
    """The weighted sum of raw logits, divided by the sum of the weights (SAM-SLR's ensemble).

    Args:
        logits: Network name -> (..., C).
        weights: Network name -> weight >= 0; networks without a weight are left out.

    Raises:
        UsageError: A weighted network has no logits, or the weights are not finite, negative or all zero.
    """
    missing = sorted(set(weights) - set(logits))
    if missing:
        raise UsageError(
            "ensemble", f"has no scores of {', '.join(missing)}", f"there are: {', '.join(sorted(logits))}"
        )
    if not all(np.isfinite(weight) and weight >= 0 for weight in weights.values()):
        raise UsageError(
            "ensemble", "has a weight that is negative or no number", "give weights of 0 or more"
        )
    total = sum(weights.values())
    if total <= 0:
        raise UsageError("ensemble", "has no positive weight", "give at least one network a positive weight")
    mean = sum(weight * logits[name].astype(np.float64) for name, weight in weights.items()) / total
    return np.asarray(mean)


def ensemble(
    logits: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float], temperature: float = 1.0
) -> Scores:
    """Log-probabilities of the weighted mean of logits, divided by a temperature.

    A weighted sum of log-probabilities differs from it by a constant per clip only, so it is the same.

    >>> logits = {"joint": np.log([1.0, 3.0]), "bone": np.log([1.0, 3.0])}
    >>> np.exp(ensemble(logits, {"joint": 1.0, "bone": 0.5})).round(2).tolist()
    [0.25, 0.75]

    Args:
        logits: Network name -> (..., C).
        weights: Network name -> weight >= 0; networks without a weight are left out.
        temperature: > 0; larger is less sure.

    Raises:
        UsageError: As `weighted_mean`, or the temperature is not positive.
    """
    if not temperature > 0:
        raise UsageError("ensemble", f"the temperature {temperature} is none", "give a number above 0")
    return log_softmax(weighted_mean(logits, weights) / temperature)


def fit_temperature(log_probabilities: Scores, labels: NDArray[np.int64]) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017), between e^-4 and e^4.

    Args:
        log_probabilities: (N, C) at temperature 1 (or raw logits).
        labels: (N,).

    Raises:
        PartMissing: SciPy is not installed.
    """
    try:
        from scipy.optimize import minimize_scalar
    except ImportError:
        raise require_extra("train", "scipy") from None

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(log_probabilities / np.exp(log_temperature))
        return float(-np.take_along_axis(scaled, labels[:, None], axis=1).mean())

    # The likelihood is unimodal in the logarithm of the temperature.
    found = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-7})
    return float(np.exp(found.x))


def count_right(scores: NDArray[np.floating], labels: NDArray[np.int64]) -> int:
    """Clips whose true class scores above all others; a tie counts against it.

    >>> count_right(np.array([[2.0, 1.0], [1.0, 1.0], [0.0, 3.0]]), np.array([0, 0, 1]))
    2
    """
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    return int(((scores >= true).sum(axis=1) == 1).sum())
