"""Visible fusion: the ensemble's log-probability, plus the emotion's term, plus the neighbours'.

Each term stays apart, so that a person can see what led to a score. Emotion and retrieval are off by
default: similar signs brought no gain that validation can tell from none, and what emotion brings has not
been measured on clips with faces (docs/starter.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.models.ensemble import log_softmax

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FusionSettings:
    """How much the parts beside the skeleton count.

    Attributes:
        emotion_strength: Lambda of the emotion boost, at least 0; 0 is off.
        retrieval_strength: The same for the similar signs.
        emotion_top_k: The boost only touches the best k glosses.
        retrieval_neighbours: How many similar signs vote.
        retrieval_temperature: Of the softmax over their cosines.
        explain_markers: Whether the boost leaves out an expression that a non-manual marker explains, and
            lets a headshake speak for negation (`signlens.emotion.explain`).
    """

    emotion_strength: float = 0.0
    retrieval_strength: float = 0.0
    emotion_top_k: int = 10
    retrieval_neighbours: int = 10
    retrieval_temperature: float = 0.05
    explain_markers: bool = True

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A value out of range.
        """
        for name in ("emotion_strength", "retrieval_strength"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(name.replace("_", " "), f"{value} is not a strength", "give 0 or more")
        for name in ("emotion_top_k", "retrieval_neighbours"):
            if getattr(self, name) < 1:
                raise UsageError(name, f"{getattr(self, name)} is too small", "give at least 1")
        if not self.retrieval_temperature > 0:
            raise UsageError(
                "retrieval temperature", f"{self.retrieval_temperature} is none", "give a number above 0"
            )


def combine(skeleton_log_probabilities: Array, emotion_terms: Array, retrieval_terms: Array) -> Array:
    """The sum of the three terms, as log-probabilities again.

    Args:
        skeleton_log_probabilities: (C,) natural logs that sum to 1 as probabilities.
        emotion_terms: (C,) added by the emotion boost.
        retrieval_terms: (C,) added by the similar signs.

    Returns:
        (C,) natural logs that sum to 1. With both terms zero, exactly the first argument.

    Raises:
        UsageError: Shapes differ, or a term is not a finite number.
    """
    skeleton = np.asarray(skeleton_log_probabilities, dtype=np.float64)
    if skeleton.ndim != 1 or not (skeleton.shape == emotion_terms.shape == retrieval_terms.shape):
        shapes = f"{skeleton.shape}, {emotion_terms.shape}, {retrieval_terms.shape}"
        raise UsageError("evidence", f"the terms have the shapes {shapes}", "give three of (C,)")
    added = emotion_terms + retrieval_terms
    if np.isnan(skeleton).any() or not np.isfinite(added).all():
        raise UsageError("evidence", "a term is not a finite number", "give natural logs")
    if not emotion_terms.any() and not retrieval_terms.any():
        return skeleton.copy()
    return log_softmax(skeleton + added)
