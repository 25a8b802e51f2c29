"""Weights of an ensemble that are learned from labelled clips, and the choice between them and fixed ones.

The ensemble's log-probabilities are ``log_softmax(sum over streams of coefficient * logits)`` with
coefficients of at least 0. A coefficient is a weight divided by a temperature of the stream, so this is every
non-negative weighting of log-probabilities that were first scaled by a temperature per stream. The negative
log-likelihood is convex in the coefficients, so what is found is the best there is.

Learn on validation, or cross-fit: what is learned on the clips that are then reported flatters itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.models.ensemble import (
    SAM_SLR_WEIGHTS,
    count_right,
    ensemble,
    fit_temperature,
    log_softmax,
    weighted_mean,
)
from signlens.optional import require_extra

Logits = Mapping[str, NDArray[np.floating]]
Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

LEARNED, FIXED = "learned", "fixed"

_LARGEST_SHARE = 20.0  # where every clip is right, the likelihood would want boundless coefficients
_SMALLEST_SHARE = 1e-3
_ROWS = 2048  # clips whose float64 copies are held at a time


@dataclass(frozen=True)
class LearnedWeights:
    """An ensemble that was learned; ``ensemble(logits, weights, temperature)`` applies it.

    Attributes:
        weights: Stream -> weight >= 0 of its raw logits; they sum to 1.
        temperature: Of the weighted mean, > 0.
        stream_temperatures: Stream -> the temperature that suits it alone.
        negative_log_likelihood: Mean over the clips it was learned on, in nats.
        clips: How many these were.
    """

    weights: Mapping[str, float]
    temperature: float
    stream_temperatures: Mapping[str, float]
    negative_log_likelihood: float
    clips: int

    @property
    def shares(self) -> dict[str, float]:
        """Stream -> weight of its temperature-scaled log-probabilities: comparable between streams."""
        return {
            name: weight / self.temperature * self.stream_temperatures[name]
            for name, weight in self.weights.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "shares": self.shares}


def learn_weights(logits: Logits, labels: Labels) -> LearnedWeights:
    """The weights and temperature with the lowest negative log-likelihood on these clips.

    Never above that of the best stream alone at its own best temperature, which is where the search starts.

    Args:
        logits: Stream -> (N, C) raw, finite.
        labels: (N,) true classes.
    """
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise require_extra("train", "scipy") from None
    names = _checked(logits, labels)
    temperatures = np.array([fit_temperature(np.asarray(logits[n], np.float64), labels) for n in names])

    def loss(shares: Floats) -> tuple[float, Floats]:
        return _loss_and_gradient(logits, names, labels, shares / temperatures, temperatures)

    singles = np.eye(len(names))
    alone = [loss(single)[0] for single in singles]
    best = int(np.argmin(alone))
    found = minimize(
        loss,
        singles[best],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, _LARGEST_SHARE)] * len(names),
        options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8},
    )
    # No stream may tell the classes apart at all: then the likelihood would set them all to 0.
    better = found.fun <= alone[best] and found.x.sum() > _SMALLEST_SHARE
    shares, value = (found.x, float(found.fun)) if better else (singles[best], alone[best])
    coefficients = shares / temperatures
    return LearnedWeights(
        weights=dict(zip(names, (coefficients / coefficients.sum()).tolist(), strict=True)),
        temperature=float(1 / coefficients.sum()),
        stream_temperatures=dict(zip(names, temperatures.tolist(), strict=True)),
        negative_log_likelihood=value,
        clips=len(labels),
    )


def _checked(logits: Logits, labels: Labels) -> list[str]:
    """The streams' names, where the arrays fit together."""
    if not logits or len(labels) == 0:
        raise UsageError("learned weights", "there is nothing to learn from", "give clips and streams")
    shapes = {values.shape for values in logits.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2 or next(iter(shapes))[0] != len(labels):
        raise UsageError(
            "learned weights",
            f"scores of the shapes {sorted(shapes)} for {len(labels)} labels",
            "give (clips, classes) for every stream",
        )
    return list(logits)


def _loss_and_gradient(
    logits: Logits, names: list[str], labels: Labels, coefficients: Floats, unit: Floats
) -> tuple[float, Floats]:
    """Mean negative log-likelihood and its gradient by ``coefficients * unit``.

    The gradient by a coefficient is the mean of the stream's expected logit less its true class's.
    """
    total, gradient = 0.0, np.zeros(len(names))
    for start in range(0, len(labels), _ROWS):
        rows = slice(start, start + _ROWS)
        true = labels[rows][:, None]
        parts = [np.asarray(logits[name][rows], np.float64) for name in names]
        logs = log_softmax(sum((c * part for c, part in zip(coefficients, parts, strict=True)), np.zeros(())))
        total -= float(np.take_along_axis(logs, true, axis=1).sum())
        probabilities = np.exp(logs)
        for i, part in enumerate(parts):
            expected = float(np.einsum("nc,nc->", probabilities, part))
            gradient[i] += expected - float(np.take_along_axis(part, true, axis=1).sum())
    return total / len(labels), gradient / unit / len(labels)


# -- cross-fitting ----------------------------------------------------------------------------------


def make_folds(units: int | NDArray[Any], folds: int = 5, seed: int = 0) -> NDArray[np.int64]:
    """(N,) a fold for each clip, drawn at random; equal sizes as far as can be.

    >>> np.bincount(make_folds(10, folds=5)).tolist()
    [2, 2, 2, 2, 2]

    Args:
        units: The number of clips, or (N,) the group of each clip (its signer): a group is never parted.
        folds: How many folds, 2 or more.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    if isinstance(units, int):
        _check_folds(folds, units)
        return np.asarray(rng.permutation(units) % folds, np.int64)
    names, member = np.unique(units, return_inverse=True)
    _check_folds(folds, len(names))
    # Large groups first, each into the fold that has the fewest clips so far.
    sizes = np.bincount(member)
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of, held = np.zeros(len(names), np.int64), np.zeros(folds)
    for group in order:
        fold_of[group] = held.argmin()
        held[fold_of[group]] += sizes[group]
    return np.asarray(fold_of[member])


def _check_folds(folds: int, units: int) -> None:
    if not 2 <= folds <= units:
        raise UsageError(
            "folds", f"{folds} folds of {units}", "give at least 2, and no more than there are to part"
        )


def held_out(folds: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """(N,) for each fold, which clips are in it."""
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise UsageError("folds", "all clips are in one fold", "give at least two folds")
    return [np.asarray(folds == number) for number in numbers]


def cross_fit(
    logits: Logits, labels: Labels, folds: NDArray[np.int64]
) -> tuple[Floats, tuple[LearnedWeights, ...]]:
    """Learned weights whose every answer comes from weights that did not see the clip.

    Args:
        logits: Stream -> (N, C) raw.
        labels: (N,).
        folds: (N,) the clips of a fold are answered with weights learned on all others.

    Returns:
        (N, C) log-probabilities, and the weights of each fold in the order of the folds' numbers.
    """
    _checked(logits, labels)
    made, answered = [], np.zeros(next(iter(logits.values())).shape)
    for here in held_out(folds):
        learned = learn_weights(_rows(logits, ~here), labels[~here])
        answered[here] = ensemble(_rows(logits, here), learned.weights, learned.temperature)
        made.append(learned)
    return answered, tuple(made)


def cross_fit_temperature(scores: Floats, labels: Labels, folds: NDArray[np.int64]) -> Floats:
    """(N, C) log-probabilities of fixed scores, each fold at the temperature that suits the others.

    Args:
        scores: (N, C) logits or log-probabilities.
        labels: (N,).
        folds: (N,).
    """
    answered = np.zeros(scores.shape)
    for here in held_out(folds):
        answered[here] = log_softmax(scores[here] / fit_temperature(scores[~here], labels[~here]))
    return answered


def _rows(logits: Logits, rows: NDArray[np.bool_]) -> dict[str, NDArray[np.floating]]:
    return {name: values[rows] for name, values in logits.items()}


# -- choosing ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A way to weight the streams, and what it reached on validation.

    Attributes:
        name: ``learned``, ``fixed``, or the stream that stands alone.
        weights: Stream -> weight of its raw logits.
        temperature: Of the weighted mean: fitted on validation.
        right: Validation clips recognised with these very weights.
        cross_fitted_right: The same where each clip's weights did not see it; fewer or more than `right` only
            for ``learned``.
        negative_log_likelihood: Cross-fitted, in nats.
    """

    name: str
    weights: Mapping[str, float]
    temperature: float
    right: int
    cross_fitted_right: int
    negative_log_likelihood: float


@dataclass(frozen=True)
class ChosenWeights:
    """The candidate that did best on validation, with the figures of all.

    Attributes:
        chosen: The best; ``ensemble(logits, chosen.weights, chosen.temperature)`` applies it.
        candidates: All that were tried.
        clips: Number of validation clips.
    """

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    clips: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "chosen": self.chosen.name,
            "weights": dict(self.chosen.weights),
            "temperature": self.chosen.temperature,
            "validation_clips": self.clips,
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }


def choose_weights(
    validation_logits: Logits,
    labels: Labels,
    *,
    fixed: Mapping[str, float] | None = None,
    folds: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> ChosenWeights:
    """Learned weights, fixed weights, or one stream alone: whichever recognises most validation clips.

    The chosen one is therefore never below the best stream in top-1 on validation. Learned weights count with
    the lower of what they reach on the clips they were learned on and what they reach cross-fitted. Equally
    many right: the lower cross-fitted negative log-likelihood wins.

    Args:
        validation_logits: Stream -> (N, C) raw.
        labels: (N,).
        fixed: Fixed weights to try; SAM-SLR's where its four streams are there, none otherwise.
        folds: (N,) for cross-fitting; five random ones (or as many as there are clips) by default.
        seed: Of these.
    """
    names = _checked(validation_logits, labels)
    if folds is None:
        folds = make_folds(len(labels), min(5, len(labels)), seed)
    if fixed is None and set(SAM_SLR_WEIGHTS) <= set(names):
        fixed = SAM_SLR_WEIGHTS
    weightings: dict[str, Mapping[str, float]] = {name: {name: 1.0} for name in names}
    if fixed is not None:
        weightings[FIXED] = fixed
    candidates = []
    for name, weights in weightings.items():
        scores = weighted_mean(validation_logits, weights)
        right = count_right(scores, labels)
        answered = cross_fit_temperature(scores, labels, folds)
        candidates.append(
            Candidate(name, weights, fit_temperature(scores, labels), right, right, _loss(answered, labels))
        )
    if len(names) > 1:
        learned = learn_weights(validation_logits, labels)
        answered, _ = cross_fit(validation_logits, labels, folds)
        candidates.append(
            Candidate(
                LEARNED,
                learned.weights,
                learned.temperature,
                count_right(weighted_mean(validation_logits, learned.weights), labels),
                count_right(answered, labels),
                _loss(answered, labels),
            )
        )
    chosen = min(candidates, key=lambda c: (-min(c.right, c.cross_fitted_right), c.negative_log_likelihood))
    return ChosenWeights(chosen, tuple(candidates), len(labels))


def _loss(log_probabilities: Floats, labels: Labels) -> float:
    return float(-np.take_along_axis(log_probabilities, labels[:, None], axis=1).mean())
