"""What is decided about a clip, and why: the answer, its sentence, and what makes it worth less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EmotionReading
from signlens.emotion.gloss_map import GlossMap
from signlens.emotion.provider import EmotionProvider
from signlens.fusion.clip_fusion import Evidence, Fused
from signlens.models.sign_model import SignModel, SignScores
from signlens.pose import PoseClip, check_provenance
from signlens.reasons import Reason

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


def best_predictions(model: SignModel, fused: Fused, count: int) -> tuple[Prediction, ...]:
    """The best of the vocabulary and idle. What other classes (letters) hold stays outside of them."""
    logs = fused.log_probabilities
    listed = [*range(len(model.glosses)), *([] if model.idle is None else [model.idle])]
    listed.sort(key=lambda i: -logs[i])  # stable: ties keep the vocabulary's order
    return tuple(
        Prediction(model.classes[i], float(np.exp(logs[i])), fused.evidence(i)) for i in listed[:count]
    )


def decide(
    model: SignModel, scores: SignScores, probabilities: NDArray[np.float64], unknown_below: float
) -> tuple[AnswerKind, str | None]:
    """Whether the clip shows a sign of the vocabulary, another sign, or none.

    Args:
        model: Whose classes these are.
        scores: What the networks say of the clip.
        probabilities: (C,) after the fusion.
        unknown_below: A sign whose probability is lower is called unknown.

    Returns:
        The kind of answer, and the gloss when it is a sign.
    """
    best = int(probabilities.argmax())
    if scores.only_rest or best == model.idle:
        return "no_sign", None
    if best >= len(model.glosses) or probabilities[best] < unknown_below:
        return "unknown_sign", None
    return "sign", model.classes[best]


def short_answer(
    model: SignModel, scores: SignScores, fused: Fused, unknown_below: float | None = None
) -> Answer:
    """The answer and the sentence that explains it.

    Args:
        model: Whose classes these are.
        scores: What the networks say of the clip.
        fused: What all parts together say.
        unknown_below: In place of the model's own threshold.
    """
    probability = np.exp(fused.log_probabilities)
    below = model.unknown_below if unknown_below is None else unknown_below
    kind, gloss = decide(model, scores, probability, below)
    if kind == "sign" and gloss is not None:
        value = probability[model.classes.index(gloss)]
        text = f"This looks like the {model.language} sign glossed {gloss.upper()} (probability {value:.2f})."
    elif kind == "unknown_sign":
        nearest = int(probability[: len(model.glosses)].argmax())
        text = (
            f"No sign of this model's vocabulary of {len(model.glosses)} glosses fits well; "
            f"the nearest is {model.classes[nearest].upper()} (probability {probability[nearest]:.2f})."
        )
    elif scores.signing.hand_share == 0:
        text = "No signing was found: no hand is seen in any frame."
    elif scores.only_rest:
        text = "No signing was found: no hand is seen to leave its rest."
    else:
        text = f"No signing was found: the hands look idle (probability {probability.max():.2f})."
    return Answer(kind, gloss, text)


def reservations(
    clip: PoseClip,
    emotion: EmotionReading | None,
    model: SignModel,
    provider: EmotionProvider,
    gloss_map: GlossMap | None,
    *,
    has_gallery: bool,
) -> tuple[Reason, ...]:
    """Why an answer is worth less than it could be, none twice.

    Args:
        clip: The poses, with reasons of their own.
        emotion: What the face shows; None where none could be read.
        model: Who answers.
        provider: Who reads the face.
        gloss_map: By which an expression counts for glosses; None where it does not count.
        has_gallery: Whether there are known clips to compare with.
    """
    reasons = list(clip.reasons)
    codes = {reason.code for reason in reasons}

    def note(code: str, text: str) -> None:
        if code not in codes:
            reasons.append(Reason(code, text))

    other = check_provenance(clip, model.extractor)
    if other is not None:
        reasons.append(other)
    covered = clip.coverage()
    if not (covered.left_hand or covered.right_hand):
        note("hands_not_seen", "No hand is seen in any frame, so the sign cannot be read well.")
    if emotion is None and "face_not_seen" not in codes:
        if provider.needs_images and covered.face:
            text = f"The emotion provider {provider.name} found no picture of the face to read"
            note("no_face_picture", f"{text}, so no expression is given.")
        elif clip.face_mesh is None:
            note("no_face_mesh", "These poses carry no face mesh, so no expression can be read.")
        else:
            note("face_not_seen", "The face is not seen in any frame, so its expression cannot be read.")
    if gloss_map is not None and (gloss_map.class_emotions(model.classes) < 0).all():
        text = f"The model knows none of the glosses of the map {gloss_map.name}"
        note("gloss_map_unknown", f"{text}, so the expression counts for none.")
    if not has_gallery:
        note("no_gallery", "The sign model has no gallery, so no similar signs are given.")
    # Files from before reasons had codes may hold one of these sentences already.
    return tuple({reason.text: reason for reason in reasons}.values())
