"""A stack from labelled clips: its coefficients, and whether it is worth having.

A stack is learned on clips that the networks did not see. `choose_stack` says whether it is worth having:
never worse than the ensemble alone there, or it is not used (the SLR-sentiment paper's networks, section 3.4
and 5, were learned on the networks' own training clips and fell below the ensemble).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.fusion.learned_weights import held_out
from signlens.fusion.stack import ENSEMBLE, STACK, STACK_WITH_BIAS, ChosenStack, Parts, Stack, StackCandidate
from signlens.models.ensemble import count_right, log_softmax
from signlens.optional import require_extra

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Folds = NDArray[np.int64]

FLOORS = (0.01, 0.1, 1.0)
"""Shares of the votes from which on neighbours count; the likelihood chooses among them."""

BIAS_DEVIATION = 0.5
"""Standard deviation, in nats, of the normal prior that shrinks the classes' biases towards 0."""

_LARGEST = 20.0  # where every clip is right, the likelihood would want boundless coefficients
_SMALLEST_SKELETON = 1e-3


def learn_stack(parts: Parts, labels: Labels, *, what: str = STACK) -> Stack:
    """The stack with the lowest negative log-likelihood on these clips.

    Args:
        parts: N clips that the networks did not see.
        labels: (N,) true classes.
        what: ``ensemble`` (the temperature alone), ``stack``, or ``stack_with_class_bias``.
    """
    if len(parts) == 0 or labels.shape != (len(parts),):
        raise UsageError("stack", f"{labels.shape} labels for {len(parts)} clips", "give each clip one")
    if what not in (ENSEMBLE, STACK, STACK_WITH_BIAS):
        raise UsageError("stack", f"there is none called {what!r}", f"give {ENSEMBLE}, {STACK}, ...")
    used = Parts(parts.skeleton) if what == ENSEMBLE else parts
    floors = (1.0,) if used.retrieval is None else FLOORS
    found = min((_learn(used, labels, floor) for floor in floors), key=lambda made: made[1])[0]
    return _learn(used, labels, found.floor, bias=True)[0] if what == STACK_WITH_BIAS else found


def _learn(parts: Parts, labels: Labels, floor: float, *, bias: bool = False) -> tuple[Stack, float]:
    """The best stack at a floor, and its penalised negative log-likelihood."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise require_extra("train", "scipy") from None
    features = [parts.skeleton]
    if parts.emotion is not None:
        features.append(parts.emotion)
    if parts.retrieval is not None:
        features.append(np.log1p(parts.retrieval / floor))
    n, classes = parts.skeleton.shape
    rows = np.arange(n)
    at_truth = np.array([feature[rows, labels].sum() for feature in features])
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    precision = 1 / BIAS_DEVIATION**2

    def loss(values: Array) -> tuple[float, Array]:
        coefficients, biases = values[: len(features)], values[len(features) :]
        scores = sum((c * f for c, f in zip(coefficients, features, strict=True)), np.zeros((n, classes)))
        if bias:
            scores = scores + biases
        logs = log_softmax(scores)
        chance = np.exp(logs)
        total = -float(logs[rows, labels].sum()) + 0.5 * precision * float(biases @ biases)
        slope = np.array([np.vdot(chance, f) for f in features]) - at_truth
        if bias:
            slope = np.concatenate([slope, chance.sum(axis=0) - counts + precision * biases])
        return total / n, slope / n

    start = np.zeros(len(features) + (classes if bias else 0))
    start[0] = 1.0
    bounds: list[tuple[float | None, float | None]] = [(_SMALLEST_SKELETON, _LARGEST)]
    bounds += [(0.0, _LARGEST)] * (len(features) - 1) + [(None, None)] * (len(start) - len(features))
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-6},
    )
    coefficients = [float(value) for value in found.x[: len(features)]]
    emotion = coefficients[1] if parts.emotion is not None else 0.0
    retrieval = coefficients[-1] if parts.retrieval is not None else 0.0
    biases = tuple(float(value) for value in found.x[len(features) :])
    return Stack(coefficients[0], emotion, retrieval, floor, biases), float(found.fun)


def cross_fit_stack(parts: Parts, labels: Labels, folds: Folds, *, what: str = STACK) -> Array:
    """(N, C) log-probabilities: the clips of a fold are answered by the stack that all others taught."""
    answered = np.zeros(parts.skeleton.shape)
    for here in held_out(folds):
        learned = learn_stack(parts.take(~here), labels[~here], what=what)
        answered[here] = learned.log_probabilities(parts.take(here))
    return answered


def choose_stack(parts: Parts, labels: Labels, folds: Folds) -> ChosenStack:
    """The stack where it is never worse than the ensemble alone on these clips, else the ensemble.

    A stack may be used if, cross-fitted, it recognises no fewer clips than the ensemble and has a negative
    log-likelihood that is lower by more than chance (the 95 % interval of the paired difference lies above
    0), and learned on all of them recognises no fewer either. Of those that may, the one with the lowest
    cross-fitted negative log-likelihood is used. The ensemble has its best temperature, cross-fitted as the
    stack is.

    Args:
        parts: N validation clips, which the networks did not see.
        labels: (N,).
        folds: (N,) for cross-fitting.
    """
    alone = parts.emotion is None and parts.retrieval is None
    learned: dict[str, Stack] = {}
    candidates: list[StackCandidate] = []
    ensemble_losses: Array | None = None
    for name in (ENSEMBLE, *(() if alone else (STACK,)), STACK_WITH_BIAS):
        learned[name] = learn_stack(parts, labels, what=name)
        answered = cross_fit_stack(parts, labels, folds, what=name)
        losses = -np.take_along_axis(answered, labels[:, None], axis=1)[:, 0]
        ensemble_losses = losses if ensemble_losses is None else ensemble_losses
        gain = float((ensemble_losses - losses).mean())
        spread = 1.96 * float((ensemble_losses - losses).std()) / math.sqrt(len(labels))
        right = count_right(learned[name].log_probabilities(parts), labels)
        candidates.append(
            StackCandidate(
                name,
                right,
                count_right(answered, labels),
                float(losses.mean()),
                gain,
                gain - spread,
                gain + spread,
            )
        )
    base, *others = candidates
    able = [
        candidate
        for candidate in others
        if candidate.gain_low > 0
        and min(candidate.right, candidate.cross_fitted_right) >= base.cross_fitted_right
    ]
    chosen = min(able, key=lambda candidate: candidate.negative_log_likelihood, default=base)
    best = chosen if chosen is not base else min(others, key=lambda other: other.negative_log_likelihood)
    why = (
        f"{'Not used' if chosen is base else 'Used'}: on {len(parts)} validation clips the "
        f"{best.name.replace('_', ' ')} recognises {best.cross_fitted_right}, the ensemble alone "
        f"{base.cross_fitted_right}; the negative log-likelihood falls by {best.gain:.4f} "
        f"(95 % {best.gain_low:.4f} to {best.gain_high:.4f})."
    )
    return ChosenStack(chosen.name, learned[chosen.name], tuple(candidates), len(parts), why)
