"""Train the branch of the expression head that looks at pictures (`signlens.emotion.appearance`).

A linear discriminant with a shrunk covariance (Ledoit and Wolf 2004's target, the shrinkage chosen in inner
folds) over CK+'s seven expressions, and the two numbers by which its scores and the points' logits are
weighted when they are added up. Faces of signers never enter: what the branch tells apart, it has seen in
one and the same kind of picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import HISTOGRAMS, aligned_face, gradient_histograms
from signlens.emotion.expressions import EMOTIONS

FloatArray = NDArray[np.float64]

EXPRESSIVE = len(EMOTIONS) - 1
"""Expressions other than neutral, which stands first among the eight."""


@dataclass(frozen=True)
class Discriminant:
    """Scores = histograms @ weights + bias, one for each of the seven expressions."""

    weights: FloatArray
    bias: FloatArray

    def scores(self, histograms: NDArray[np.floating]) -> FloatArray:
        """(K, F) to (K, 7); NaN rows stay NaN."""
        return np.asarray(histograms @ self.weights + self.bias)


def crop_histograms(
    crops: NDArray[np.uint8], points: NDArray[np.floating], reference: NDArray[np.floating]
) -> FloatArray:
    """Descriptions of crops whose face points are known.

    Args:
        crops: (N, 48, 48) grey.
        points: (N, 468, 2) in their pixels; NaN where no face was found.
        reference: (468, 3) reference face.

    Returns:
        (N, `HISTOGRAMS`); NaN rows where there is no face.
    """
    rows = np.full((len(crops), HISTOGRAMS), np.nan)
    for row, (crop, face) in enumerate(zip(crops, points, strict=True)):
        if np.isfinite(face).all():
            aligned = aligned_face(crop, face, reference)
            if aligned is not None:
                rows[row] = gradient_histograms(aligned)
    return rows


def fit_discriminants(
    histograms: NDArray[np.floating], label: NDArray[np.int64], shrinkages: Sequence[float]
) -> dict[float, Discriminant]:
    """Linear discriminants of the seven expressions, one for each shrinkage.

    The covariance within the classes is drawn towards a multiple of the identity of the same trace:
    (1 - s) S + s trace(S) / F I. Priors are the classes' shares.

    Args:
        histograms: (R, F) without NaN.
        label: (R,) 1..7, every one of them there.
        shrinkages: Values of s, over 0 and at most 1.
    """
    inputs = np.asarray(histograms, dtype=np.float64)
    kinds = np.arange(1, EXPRESSIVE + 1)
    means = np.stack([inputs[label == kind].mean(axis=0) for kind in kinds])
    within = inputs - means[label - 1]
    covariance = within.T @ within / len(within)
    size = float(np.trace(covariance)) / len(covariance)
    log_share = np.log(np.bincount(label, minlength=EXPRESSIVE + 1)[1:] / len(label))
    found = {}
    for shrinkage in shrinkages:
        shrunk = (1 - shrinkage) * covariance
        shrunk[np.diag_indices(len(shrunk))] += shrinkage * size
        weights = np.linalg.solve(shrunk, means.T)
        found[shrinkage] = Discriminant(weights, log_share - (means * weights.T).sum(axis=1) / 2)
    return found


def fit_shares(
    scores: NDArray[np.floating], logits: NDArray[np.floating], label: NDArray[np.int64]
) -> tuple[tuple[float, float], float]:
    """Weights of the picture's scores and the points' logits, of least log loss over the seven expressions.

    Args:
        scores: (N, 7) of faces that the discriminant was not trained on.
        logits: (N, 7) of the points, likewise.
        label: (N,) 1..7.

    Returns:
        Weight of the scores and weight of the logits, both at least 0; and the log loss.
    """
    from scipy.optimize import minimize

    def loss(shares: FloatArray) -> float:
        total = shares[0] * scores + shares[1] * logits
        total = total - total.max(axis=1, keepdims=True)
        log_probability = total - np.log(np.exp(total).sum(axis=1, keepdims=True))
        return float(-log_probability[np.arange(len(label)), label - 1].mean())

    best = minimize(loss, np.array([0.3, 0.3]), method="L-BFGS-B", bounds=[(0.0, 10.0)] * 2)
    return (float(best.x[0]), float(best.x[1])), float(best.fun)
