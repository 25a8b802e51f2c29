"""What is decided about a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from signlens.fusion.stack import Evidence
from signlens.models.sign_model import SignModel, SignScores

AnswerKind = Literal["sign", "unknown_sign", "no_sign"]


@dataclass(frozen=True)
class Prediction:
    """One candidate gloss, its calibrated probability, and its evidence."""

    gloss: str
    probability: float
    evidence: Evidence


@dataclass(frozen=True)
class Answer:
    """The short answer: a sign, a sign outside the vocabulary, or no sign at all.

    Attributes:
        kind: ``sign``, ``unknown_sign`` or ``no_sign``.
        gloss: The gloss when kind is ``sign``, else None.
        explanation: One sentence for a person.
    """

    kind: AnswerKind
    gloss: str | None
    explanation: str


def decide(
    model: SignModel, scores: SignScores, unknown_below: float | None = None
) -> tuple[AnswerKind, str | None]:
    """Whether the clip shows a sign of the vocabulary, another sign, or none.

    Args:
        model: Whose classes the scores are of.
        scores: Of the clip.
        unknown_below: In place of the model's threshold, for scores that were fused with others.

    Returns:
        The kind of answer, and the gloss when it is a sign.
    """
    probabilities = np.exp(scores.log_probabilities)
    best = int(probabilities.argmax())
    if scores.only_rest or best == model.idle:
        return "no_sign", None
    below = model.unknown_below if unknown_below is None else unknown_below
    if best >= len(model.glosses) or probabilities[best] < below:
        return "unknown_sign", None
    return "sign", model.classes[best]
