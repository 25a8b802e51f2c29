"""Explaining away: the boost leaves out an expression that a non-manual marker explains.

Raised brows score as surprise and may be a question; furrowed brows score as anger and may be a question
too; a headshake is negation and no contempt. Where a marker covers a moment of the timeline, the
probability of the expressions that look like it is cut by the share that the marker explains, and what is
cut goes to neutral, which speaks for no gloss. This is cautious on purpose: a truly surprised face raises its
brows as well, and then the boost loses some of what it could have used. What the face *shows*
(`EmotionReading`) stays as it was measured; only what the boost makes of it changes.

*Not* is supported by a headshake and never by contempt, whatever the gloss map says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS, EmotionReading
from signlens.emotion.gloss_map import GlossMap, boost_terms
from signlens.signing.markers import Marker

Array = NDArray[np.float64]

EXPLAINS: dict[str, dict[str, float]] = {
    "brow_raise": {"surprise": 0.8, "fear": 0.4},
    "brow_furrow": {"anger": 0.8, "sad": 0.3, "fear": 0.3, "disgust": 0.3},
    "mouth_opening": {"surprise": 0.4, "fear": 0.3},
    "head_shake": {"contempt": 1.0},
    "head_nod": {},
}
"""Marker -> expression -> how much of its probability a marker of full confidence explains.

Set by hand from which action units the two share (Ekman, Friesen and Hager 2002: surprise is AU 1, 2, 5
and 26, anger AU 4, 5, 7 and 23, fear AU 1, 2, 4, 5, 20 and 25); not fitted to anything."""

NEGATION_GLOSSES: tuple[str, ...] = ("not",)
"""Glosses that a headshake supports: those of the shipped gloss map whose face is negation."""


@dataclass(frozen=True)
class ExplainedAway:
    """An expression that the boost trusts less because non-manual markers explain it.

    Attributes:
        emotion: A name in `EMOTIONS`.
        before: Its mean probability as the face shows it.
        after: What the boost uses.
        markers: Names of the markers that explain it.
    """

    emotion: str
    before: float
    after: float
    markers: tuple[str, ...]


@dataclass(frozen=True)
class HeldBack:
    """A gloss that would have gained more from the expression, had no marker explained it.

    Attributes:
        gloss: The gloss.
        emotion: The expression that the gloss map gives it.
        markers: Names of the markers that explain the expression.
        term: What it gains, as evidence.
        without_markers: What it would have gained.
    """

    gloss: str
    emotion: str
    markers: tuple[str, ...]
    term: float
    without_markers: float


@dataclass(frozen=True)
class Explaining:
    """What the emotion boost made of the face, markers considered.

    Attributes:
        markers_heeded: Whether markers explained expressions away.
        probabilities: What it used, one value per name in `EMOTIONS`.
        explained_away: Expressions that count less than the face shows them, the largest change first.
        held_back: Glosses among the best that gained less for it.
        negation: Confidence of a headshake, which supports *not*; 0 without one.
    """

    markers_heeded: bool
    probabilities: dict[str, float]
    explained_away: tuple[ExplainedAway, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    negation: float = 0.0


@dataclass(frozen=True)
class FaceTerms:
    """What face and head add to the glosses' log-probabilities.

    Attributes:
        terms: (C,) added to each.
        explaining: What led to them, for a person.
    """

    terms: Array
    explaining: Explaining


def explain_away(
    reading: EmotionReading, markers: Sequence[Marker]
) -> tuple[dict[str, float], tuple[ExplainedAway, ...]]:
    """The eight probabilities without what the markers explain.

    An expression's mean is scaled by the share of it that is left over the timeline, so however the mean
    was weighted, it stays so.

    Args:
        reading: What the face shows. Without a timeline nothing can be placed in time, and nothing changes.
        markers: The clip's markers.

    Returns:
        One value per name in `EMOTIONS`, summing to what the reading's sum to; no expression but neutral
        gains. And what was cut, largest first.
    """
    mean = {name: reading.probabilities.get(name, 0.0) for name in EMOTIONS}
    if not reading.timeline or not markers:
        return mean, ()
    times = np.array([m.t_s for m in reading.timeline])
    shown = np.array([[m.probabilities.get(name, 0.0) for name in EMOTIONS] for m in reading.timeline])
    # A moment stands for the time around it, up to half way to its neighbours.
    half = float(np.median(np.diff(times))) / 2 if len(times) > 1 else 0.0
    left = np.ones_like(shown)
    involved: dict[str, list[str]] = {}
    for marker in markers:
        covered = (times >= marker.onset_s - half) & (times <= marker.offset_s + half)
        for emotion, share in EXPLAINS.get(marker.name, {}).items():
            column = EMOTIONS.index(emotion)
            left[covered, column] *= 1 - share * marker.confidence
            if shown[covered, column].sum() > 0 and marker.name not in involved.setdefault(emotion, []):
                involved[emotion].append(marker.name)
    total = shown.sum(axis=0)
    kept = np.divide((shown * left).sum(axis=0), total, out=np.ones_like(total), where=total > 0)
    result = {name: mean[name] * float(share) for name, share in zip(EMOTIONS, kept, strict=True)}
    result["neutral"] += sum(mean.values()) - sum(result.values())
    cut = [
        ExplainedAway(name, mean[name], result[name], tuple(involved[name]))
        for name in EMOTIONS
        if name in involved and mean[name] - result[name] > 1e-9
    ]
    return result, tuple(sorted(cut, key=lambda c: c.after - c.before))


def negation(markers: Sequence[Marker]) -> float:
    """How surely the head shakes in a clip, 0..1: the confidence of its surest headshake."""
    return max((m.confidence for m in markers if m.name == "head_shake"), default=0.0)


def face_terms(
    glosses: Sequence[str],
    reading: EmotionReading | None,
    markers: Sequence[Marker],
    gloss_map: GlossMap,
    strength: float,
    top_k: int,
    log_probabilities: NDArray[np.floating],
    explain: bool = True,
) -> FaceTerms:
    """The emotion boost after explaining away, and the headshake's support of negation.

    Args:
        glosses: C names, one per class.
        reading: What the face shows; None when no face was seen.
        markers: The clip's markers; what is empty or unread explains nothing.
        gloss_map: Which gloss goes with which emotion.
        strength: Lambda, see `signlens.emotion.gloss_map.boost_terms`.
        top_k: Only the best k by log-probability are touched.
        log_probabilities: (C,) before the boost.
        explain: False for the boost alone, as if there were no markers.

    Returns:
        The terms, each at least 0 and 0 outside of the top k; and what led to them.
    """
    shown = {name: 0.0 for name in EMOTIONS} if reading is None else dict(reading.probabilities)
    plain = boost_terms(glosses, shown, gloss_map, strength, top_k, log_probabilities)
    if not explain:
        return FaceTerms(plain, Explaining(False, shown))
    used, cut = (shown, ()) if reading is None else explain_away(reading, markers)
    terms = boost_terms(glosses, used, gloss_map, strength, top_k, log_probabilities)
    shake = negation(markers)
    folded = [gloss.strip().casefold() for gloss in glosses]
    best = np.argsort(-np.asarray(log_probabilities, dtype=np.float64), kind="stable")[:top_k]
    for index in best:
        if folded[index] in NEGATION_GLOSSES:
            terms[index] = np.log1p(strength * shake)
    why = {c.emotion: c.markers for c in cut}
    emotion_of = {g.strip().casefold(): e for g, e in gloss_map.emotion_of(True).items()}
    held = [
        HeldBack(glosses[i], emotion, why.get(emotion, ()), float(terms[i]), float(plain[i]))
        for i in best
        if plain[i] - terms[i] > 1e-9 and (emotion := emotion_of.get(folded[i])) is not None
    ]
    return FaceTerms(terms, Explaining(True, used, cut, tuple(held), shake if shake > 0 else 0.0))
