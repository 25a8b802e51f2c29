"""Weighted sums of the networks' scores, calibrated by one temperature."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError

Scores = NDArray[np.float64]

SAM_SLR_WEIGHTS: dict[str, float] = {"joint": 1.0, "bone": 0.9, "joint_motion": 0.5, "bone_motion": 0.5}
"""SAM-SLR's weights of its four streams (its ensemble script for models trained on train only)."""


def log_softmax(scores: NDArray[np.floating]) -> Scores:
    """Natural-log softmax over the last axis, in float64."""
    shifted = scores.astype(np.float64) - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def ensemble(
    logits: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float], temperature: float = 1.0
) -> Scores:
    """Log-probabilities of the weighted mean of logits, divided by a temperature.

    A weighted sum of log-probabilities differs from it by a constant per clip only, so it is the same.

    Args:
        logits: Network name -> (..., C).
        weights: Network name -> weight >= 0; networks without a weight are left out.
        temperature: > 0; larger is less sure.

    Raises:
        UsageError: A weighted network has no logits, or no weight is positive.
    """
    missing = sorted(set(weights) - set(logits))
    total = sum(weights.values())
    if missing or total <= 0 or temperature <= 0:
        problem = f"has no scores of {', '.join(missing)}" if missing else "has no positive weight"
        raise UsageError("ensemble", problem, "give scores and a positive weight for each network")
    mean = sum(weight * logits[name].astype(np.float64) for name, weight in weights.items()) / total
    return log_softmax(np.asarray(mean) / temperature)


def fit_temperature(log_probabilities: Scores, labels: NDArray[np.int64]) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017).

    The likelihood is unimodal in log-temperature, so a ternary search finds it.

    Args:
        log_probabilities: (N, C) at temperature 1 (or raw logits).
        labels: (N,).
    """

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(log_probabilities / np.exp(log_temperature))
        return float(-np.take_along_axis(scaled, labels[:, None], axis=1).mean())

    low, high = -4.0, 4.0
    for _ in range(80):
        third = (high - low) / 3
        if loss(low + third) < loss(high - third):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))
