"""The parts of one clip in one sum: by what the model's validation chose, and what a user asks for.

Strengths that are asked for are a stack too: `Fusion.of` changes the one coefficient
that they name. Each term stays apart, so that a person can see what led to a score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import GlossMap
from signlens.errors import UsageError
from signlens.fusion.stack import ModelStack, Parts, Stack, Vote
from signlens.models.ensemble import log_softmax

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What each part adds to a gloss's score, as natural-log terms that sum to the score.

    The gloss's log-probability is the sum of the three, less one number that is the same for all classes of
    the clip (the normaliser).

    Attributes:
        skeleton: Log-probability of the stream ensemble (calibrated); with a stack, times its coefficient,
            and with the bias of the class if the stack has any.
        emotion: Term added by the expression (0 when it is off or silent).
        retrieval: Term added by the similar signs (0 when it is off).
    """

    skeleton: float
    emotion: float
    retrieval: float


@dataclass(frozen=True)
class FusionSettings:
    """What a user asks of the fusion; whatever is None stays as the model's validation chose it.

    >>> FusionSettings(emotion_strength=0.5).retrieval_strength is None
    True

    Attributes:
        emotion_strength: Lambda of the emotion boost ``log(1 + lambda v)``, at least 0; 0 is off.
        retrieval_strength: The same for the neighbours' votes, ``log(1 + lambda s)``.
        explain_markers: Whether the boost leaves out an expression that a non-manual marker explains, and
            lets a headshake speak for negation (`signlens.emotion.explain`).
        vote: How neighbours vote and how far the expression reaches.
    """

    emotion_strength: float | None = None
    retrieval_strength: float | None = None
    explain_markers: bool = True
    vote: Vote | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("emotion_strength", "retrieval_strength"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UsageError(name.replace("_", " "), f"{value} is not a strength", "give 0 or more")


@dataclass(frozen=True)
class FusionInfo:
    """How the parts were joined.

    Attributes:
        kind: ``skeleton`` (the ensemble alone), ``strengths`` (by those that were asked for), or ``stack``
            (by coefficients that the model's validation chose).
        why: One sentence for a person.
        coefficients: Of the parts, by the names in `Evidence`; empty for the ensemble alone.
    """

    kind: Literal["skeleton", "strengths", "stack"]
    why: str
    coefficients: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BoostInfo:
    """By what the expression counted for glosses.

    Attributes:
        gloss_map: The map's name.
        gloss_map_sha256: Hash of its content.
        strength: Lambda.
        top_k: Only the best k glosses were touched.
        unknown_glosses: The map's glosses that the model does not know; nothing is done for them.
    """

    gloss_map: str
    gloss_map_sha256: str
    strength: float
    top_k: int
    unknown_glosses: tuple[str, ...] = ()

    @classmethod
    def of(cls, gloss_map: GlossMap, fusion: Fusion, classes: tuple[str, ...]) -> Self:
        """The facts of a map, of how it is used, and of what it does not know of a model's classes."""
        unknown = gloss_map.unknown(classes)
        strength, top_k = fusion.emotion_strength, fusion.vote.emotion_top_k
        return cls(gloss_map.name, gloss_map.sha256, strength, top_k, unknown)


@dataclass(frozen=True, eq=False)
class Fused:
    """Scores of one clip.

    Attributes:
        log_probabilities: (C,) natural logs that sum to 1 as probabilities.
        skeleton: (C,) what the ensemble adds to each class.
        emotion: (C,) what the expression adds.
        retrieval: (C,) what the neighbours add.
    """

    log_probabilities: Array
    skeleton: Array
    emotion: Array
    retrieval: Array

    def evidence(self, index: int) -> Evidence:
        """The terms of one class."""
        return Evidence(float(self.skeleton[index]), float(self.emotion[index]), float(self.retrieval[index]))


@dataclass(frozen=True)
class Fusion:
    """How the parts of a clip are joined: as validation chose, changed where the user asked.

    Attributes:
        stack: The coefficients.
        vote: How neighbours vote and how far the expression reaches.
        emotion_strength: Lambda within the expression's term; 1 where validation chose its coefficient.
        explain_markers: See `FusionSettings`.
        unknown_below: Probability below which a sign is called unknown; None for the card's.
        info: The same for a person.
    """

    stack: Stack
    vote: Vote
    emotion_strength: float
    explain_markers: bool
    unknown_below: float | None
    info: FusionInfo

    @classmethod
    def of(cls, asked: FusionSettings | None, learned: ModelStack | None) -> Self:
        """What a user asks for, over what the model's validation chose.

        Args:
            asked: None for nothing.
            learned: The model's stack; None where it has none.
        """
        asked = asked or FusionSettings()
        used = learned if learned is not None and learned.used else None
        stack = Stack(1.0) if used is None else used.stack
        strength = asked.emotion_strength
        if strength is not None:
            stack = replace(stack, emotion=float(strength > 0))
        votes = asked.retrieval_strength
        if votes is not None:  # log(1 + lambda s) is the neighbours' term with a floor of 1 / lambda
            stack = replace(stack, retrieval=float(votes > 0), floor=1 / votes if votes else 1.0)
        return cls(
            stack,
            asked.vote or (Vote() if used is None else used.vote),
            strength or 1.0,
            asked.explain_markers,
            None if used is None else used.unknown_below,
            _info(asked, learned, stack),
        )

    def fuse(self, skeleton: Array, expression: Array | None = None, shares: Array | None = None) -> Fused:
        """Join what the parts say of one clip.

        Args:
            skeleton: (C,) the ensemble's log-probabilities.
            expression: (C,) ``log(1 + lambda v)``, see `signlens.emotion.boost_terms`; None for silence.
            shares: (C,) the neighbours' votes, see `signlens.retrieval.class_shares`; None for silence.
        """
        one = Parts(
            skeleton[None],
            None if expression is None else expression[None],
            None if shares is None else shares[None],
        )
        terms = {name: values[0] for name, values in self.stack.terms(one).items()}
        return Fused(log_softmax(sum(terms.values(), np.zeros_like(skeleton))), **terms)


def _info(asked: FusionSettings, learned: ModelStack | None, stack: Stack) -> FusionInfo:
    parts = {"skeleton": stack.skeleton, "emotion": stack.emotion, "retrieval": stack.retrieval}
    strengths = {"the expression": asked.emotion_strength, "similar signs": asked.retrieval_strength}
    given = [f"{name} {value:g}" for name, value in strengths.items() if value]
    if given:
        return FusionInfo("strengths", f"By the strengths that were asked for: {', '.join(given)}.", parts)
    if learned is None:
        return FusionInfo("skeleton", "The model has no stack.")
    return FusionInfo("stack", learned.why, parts) if learned.used else FusionInfo("skeleton", learned.why)
