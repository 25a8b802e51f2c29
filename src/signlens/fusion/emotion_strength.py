"""How much the emotion boost shall count, chosen on validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import add_log_boost
from signlens.errors import UsageError
from signlens.models.ensemble import count_right, log_softmax

STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""The lambdas to choose from; 0 leaves the boost out. At 64 a face that is sure outweighs a rival of 60 times
the probability."""

Criterion = Literal["nll", "top1"]


@dataclass(frozen=True)
class StrengthTried:
    """One lambda on the clips that choose: mean -log p of the true class in nats, and clips recognised."""

    strength: float
    nll: float
    right: int


@dataclass(frozen=True)
class StrengthChoice:
    """The lambda that was chosen.

    Attributes:
        strength: Lambda.
        by: ``nll`` or ``top1``.
        clips: On how many clips.
        tried: All that were tried.
    """

    strength: float
    by: Criterion
    clips: int
    tried: tuple[StrengthTried, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def choose_strength(
    scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    *,
    top_k: int | None = 10,
    strengths: Sequence[float] = STRENGTHS,
    by: Criterion = "nll",
) -> StrengthChoice:
    """The lambda that does best on validation clips; the smallest of several as good.

    Args:
        scores: (N, C) whose softmax is the probabilities, calibrated, of clips that are not reported. On
            flat probabilities a likely strength only makes up for their flatness.
        labels: (N,) true classes.
        vectors: (N, 8) probabilities; zeros where no face was seen.
        class_emotions: (C,) see `GlossMap.class_emotions`.
        top_k: The boost only touches the best k; None for all.
        strengths: What to choose from.
        by: Least mean -log p of the true class (``nll``), or most clips recognised (``top1``).
    """
    if not strengths:
        raise UsageError("strengths", "there is none to choose from", "give at least one")
    tried = []
    for strength in sorted(strengths):
        boosted = add_log_boost(scores, vectors, class_emotions, strength, top_k)
        nll = -float(np.take_along_axis(log_softmax(boosted), labels[:, None], axis=1).mean())
        tried.append(StrengthTried(float(strength), nll, count_right(boosted, labels)))
    best = min(tried, key=lambda t: (t.nll if by == "nll" else -t.right, t.strength))
    return StrengthChoice(best.strength, by, len(labels), tuple(tried))
