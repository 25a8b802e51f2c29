"""A signer's own resting face as zero: what is always in a face is no expression.

Brows that lie low or a mouth whose corners hang look like anger or sadness to whatever reads one face at a
time. Where several clips of one signer are given, the frames in which the hands rest say how this face looks
with nothing on it. In logits a constant trait of a face is a constant offset (exactly so for the linear head
over face points); `without_baseline` takes it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.head import softmax
from signlens.errors import UsageError

FloatArray = NDArray[np.float64]

_FLOOR = 1e-6


@dataclass(frozen=True)
class SignerBaseline:
    """How far a signer's resting face lies from what a provider usually says of resting faces.

    Attributes:
        offset: (8,) in centred log-probabilities; sums to 0.
        frames: How many frames at rest it was taken from.
        clips: From how many clips.
    """

    offset: NDArray[np.float64]
    frames: int
    clips: int


def signer_baseline(
    resting: Sequence[NDArray[np.floating]], neutral: NDArray[np.floating]
) -> SignerBaseline | None:
    """The baseline of one signer.

    Args:
        resting: For each clip (at least two) the provider's probabilities (N, 8) of its frames at rest; N may
            be 0, and NaN rows are left out.
        neutral: (8,) log-probabilities that the provider usually gives resting faces
            (`EmotionProvider.neutral`).

    Returns:
        The mean over clips of their mean offset, every clip the same; None when fewer than two clips have a
        frame at rest: one look is not a habit.
    """
    offsets, frames = [], 0
    for rows in resting:
        values = _rows(rows)
        values = values[np.isfinite(values).all(axis=1)]
        if len(values):
            offsets.append(_centred_logs(values).mean(axis=0))
            frames += len(values)
    if len(offsets) < 2:
        return None
    usual = np.asarray(neutral, dtype=np.float64)
    return SignerBaseline(np.mean(offsets, axis=0) - (usual - usual.mean()), frames, len(offsets))


def without_baseline(rows: NDArray[np.floating], baseline: SignerBaseline) -> FloatArray:
    """Probabilities (K, 8) with the signer's offset taken away; NaN rows stay NaN."""
    values = _rows(rows)
    result = np.full(values.shape, np.nan)
    read = np.isfinite(values).all(axis=1)
    result[read] = softmax(_centred_logs(values[read]) - baseline.offset)
    return result


def _rows(rows: NDArray[np.floating]) -> FloatArray:
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(EMOTIONS):
        raise UsageError("probabilities", f"shape {values.shape}, not (frames, 8)", "give eight a frame")
    return values


def _centred_logs(rows: FloatArray) -> FloatArray:
    logs = np.log(np.maximum(rows, _FLOOR))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
