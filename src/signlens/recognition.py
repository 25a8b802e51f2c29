"""The one result type: what SignLens says of a clip, and the evidence for it.

`Recognition.to_json` gives exactly the document that ``signlens recognize --json`` prints.
A gloss is a label for a sign, not a translation of it; an emotion score is a measure of
what a face shows, not of what a person feels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "degraded", "rejected"]
AnswerKind = Literal["sign", "unknown_sign", "no_sign"]

EMOTIONS: tuple[str, ...] = (
    "neutral",
    "happy",
    "sad",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)
"""The eight expressions, in the order used everywhere (DAN's, and the SLR-sentiment paper's)."""


@dataclass(frozen=True)
class ClipInfo:
    """The clip as it was decoded.

    Attributes:
        path: The input as the caller named it.
        frames: Number of decoded frames.
        fps: Mean frames per second.
        duration_s: Length in seconds.
        width: Displayed width in pixels (rotation metadata applied).
        height: Displayed height in pixels.
    """

    path: str
    frames: int
    fps: float
    duration_s: float
    width: int
    height: int


@dataclass(frozen=True)
class Coverage:
    """Share of frames, 0..1, in which a part was found."""

    body: float
    left_hand: float
    right_hand: float
    face: float


@dataclass(frozen=True)
class PoseInfo:
    """Who made the poses and how much of the signer they cover."""

    extractor: str
    version: str
    frames: int
    coverage: Coverage


@dataclass(frozen=True)
class Orientation:
    """How the signer stood to the camera, and what was done about it before recognition.

    Attributes:
        yaw_degrees: Turn of the body, positive to the signer's own left; None where it cannot be told.
        roll_degrees: Tilt of the shoulders in the picture, positive where the signer's left one is lower;
            None likewise.
        turned_by_degrees: By how much the poses were turned to the camera; 0 when they were left alone.
        levelled_by_degrees: By how much they were levelled.
        sentences: What was done, for a person; empty when nothing was.
    """

    yaw_degrees: float | None
    roll_degrees: float | None
    turned_by_degrees: float
    levelled_by_degrees: float
    sentences: tuple[str, ...] = ()


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


@dataclass(frozen=True)
class EmotionMoment:
    """Expression probabilities at one time.

    Attributes:
        t_s: Seconds from the clip's start.
        probabilities: One value per name in `EMOTIONS`, summing to 1.
        valence: Unpleasant -1 to pleasant 1; None from a provider that does not know it.
        arousal: Calm -1 to excited 1; likewise.
    """

    t_s: float
    probabilities: dict[str, float]
    valence: float | None = None
    arousal: float | None = None


@dataclass(frozen=True)
class EmotionReading:
    """What the face shows over the clip.

    Attributes:
        provider: Which emotion provider measured it.
        probabilities: Weighted mean over the sampled frames with a face; sums to 1.
        coverage: Share of the sampled frames that had a face, 0..1.
        timeline: The sampled frames with a face, in time order.
        version: Which weights the provider used.
        pictured: Share of the read frames, 0..1, in which the face's picture was looked at, not its
            points alone.
        valence: Mean over the same frames, -1..1; None from a provider that does not know it.
        arousal: Likewise.
        signer_baseline: Whether the signer's own resting face was taken as neutral.
    """

    provider: str
    probabilities: dict[str, float]
    coverage: float
    timeline: tuple[EmotionMoment, ...] = ()
    version: str = ""
    pictured: float = 0.0
    valence: float | None = None
    arousal: float | None = None
    signer_baseline: bool = False


@dataclass(frozen=True)
class Marker:
    """A non-manual marker: a movement of face or head that signing uses as grammar, among other things.

    Attributes:
        name: ``brow_raise``, ``brow_furrow``, ``head_shake``, ``head_nod`` or ``mouth_opening``.
        onset_s: Where it begins, seconds from the clip's start.
        offset_s: Where it ends.
        strength: 0..1; 1 is a deliberate, full movement.
        confidence: 0..1, by a rule and not calibrated: how far it stands out, and how well it was seen.
        function: What it often does in signing; not what it does here.
    """

    name: str
    onset_s: float
    offset_s: float
    strength: float
    confidence: float
    function: str


@dataclass(frozen=True)
class Intensity:
    """How intensely the hands sign, in units of the signer's own shoulders.

    Attributes:
        hand: ``left`` or ``right``, the signer's own: the hand that travels farther.
        speed: Its path over the time in which it moves, in shoulder widths a second.
        size: Diagonal of the space that both hands use, in shoulder widths.
        repetitions: How often the movement is done; 1 is once.
        periodicity: How regularly, 0..1; 0 for a movement done once.
        speed_ratio: Speed over the median of citation forms.
        size_ratio: Size over the median of citation forms.
    """

    hand: Literal["left", "right"]
    speed: float
    size: float
    repetitions: int
    periodicity: float
    speed_ratio: float
    size_ratio: float


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
class SimilarSign:
    """A clip of the gallery that looks like this one: of similar form, which need not be similar meaning.

    Attributes:
        clip: Its name in the gallery.
        gloss: Its gloss, which is a label and no translation.
        similarity: Cosine, -1..1.
        split: ``train``, ``val`` or ``test`` where its dataset has splits, else empty.
        signer: Who signs; empty where unknown.
    """

    clip: str
    gloss: str
    similarity: float
    split: str = ""
    signer: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "clip": self.clip,
            "gloss": self.gloss,
            "similarity": round(self.similarity, 4),
            "split": self.split,
        }


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


@dataclass(frozen=True)
class FusionInfo:
    """How the parts were joined.

    Attributes:
        kind: ``skeleton`` (the ensemble alone), ``strengths`` (by those that were asked for), or ``stack``
            (by coefficients that the model's validation chose).
        why: One sentence for a person.
        coefficients: Of the stack's parts, by the names in `Evidence`; empty for other kinds.
    """

    kind: Literal["skeleton", "strengths", "stack"]
    why: str
    coefficients: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recognition:
    """Everything SignLens says of one clip.

    Attributes:
        status: ``ok``, ``degraded`` (answered, with reasons) or ``rejected`` (not answered).
        reasons: Why the status is not ``ok``; one sentence each.
        clip: The clip as decoded; None when rejected before decoding.
        pose: Who made the poses; None when rejected.
        orientation: How the signer stood to the camera; None when rejected, or when it was not looked at.
        answer: The short answer; None when rejected.
        predictions: Candidate glosses, best first.
        emotion: What the face shows, or None when no face was seen.
        markers: Non-manual markers in order of onset; None where they could not be read.
        markers_reasons: What of the markers could not be told, and why; one sentence each.
        intensity: How intensely the hands sign; None where no hand is seen to move.
        explaining: What the emotion boost made of the face and the markers; None when it is off.
        similar: Gallery clips that look alike, best first.
        model: Name, version and hash of the recogniser and its gallery.
        timing_ms: decode, pose, emotion, recognize, retrieve, total.
        boost: By what the expression counted for glosses; None where it did not count.
        fusion: How the parts were joined; None when rejected.
        path: The input as the caller named it.
    """

    path: str
    status: Status
    reasons: tuple[str, ...] = ()
    clip: ClipInfo | None = None
    pose: PoseInfo | None = None
    orientation: Orientation | None = None
    answer: Answer | None = None
    predictions: tuple[Prediction, ...] = ()
    emotion: EmotionReading | None = None
    markers: tuple[Marker, ...] | None = None
    markers_reasons: tuple[str, ...] = ()
    intensity: Intensity | None = None
    explaining: Explaining | None = None
    similar: tuple[SimilarSign, ...] = ()
    model: dict[str, str] = field(default_factory=dict)
    timing_ms: dict[str, float] = field(default_factory=dict)
    boost: BoostInfo | None = None
    fusion: FusionInfo | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON document of the command line, with plain types only."""
        clip: dict[str, Any] = {"path": self.path}
        if self.clip is not None:
            clip = {
                "path": self.path,
                "frames": self.clip.frames,
                "fps": round(self.clip.fps, 3),
                "duration_s": round(self.clip.duration_s, 3),
                "width": self.clip.width,
                "height": self.clip.height,
            }
        pose = None
        if self.pose is not None:
            part = self.pose.coverage
            pose = {
                "extractor": self.pose.extractor,
                "version": self.pose.version,
                "frames": self.pose.frames,
                "coverage": {
                    name: round(getattr(part, name), 4)
                    for name in ("body", "left_hand", "right_hand", "face")
                },
            }
        orientation = None
        if self.orientation is not None:
            turn = self.orientation
            orientation = {
                "yaw_degrees": None if turn.yaw_degrees is None else round(turn.yaw_degrees, 1),
                "roll_degrees": None if turn.roll_degrees is None else round(turn.roll_degrees, 1),
                "turned_by_degrees": round(turn.turned_by_degrees, 1),
                "levelled_by_degrees": round(turn.levelled_by_degrees, 1),
                "sentences": list(turn.sentences),
            }
        emotion = None
        if self.emotion is not None:
            emotion = {
                "provider": self.emotion.provider,
                "version": self.emotion.version,
                "probabilities": {k: round(v, 4) for k, v in self.emotion.probabilities.items()},
                "valence": _rounded(self.emotion.valence),
                "arousal": _rounded(self.emotion.arousal),
                "coverage": round(self.emotion.coverage, 4),
                "pictured": round(self.emotion.pictured, 4),
                "signer_baseline": self.emotion.signer_baseline,
                "timeline": [
                    {
                        "t_s": round(m.t_s, 3),
                        **{k: round(v, 4) for k, v in m.probabilities.items()},
                        **{
                            k: round(v, 4)
                            for k, v in (("valence", m.valence), ("arousal", m.arousal))
                            if v is not None
                        },
                    }
                    for m in self.emotion.timeline
                ],
            }
        return {
            "status": self.status,
            "reasons": list(self.reasons),
            "clip": clip,
            "pose": pose,
            "orientation": orientation,
            "answer": None
            if self.answer is None
            else {
                "kind": self.answer.kind,
                "gloss": self.answer.gloss,
                "explanation": self.answer.explanation,
            },
            "predictions": [
                {
                    "gloss": p.gloss,
                    "probability": round(p.probability, 6),
                    "evidence": {
                        "skeleton": round(p.evidence.skeleton, 4),
                        "emotion": round(p.evidence.emotion, 4),
                        "retrieval": round(p.evidence.retrieval, 4),
                    },
                }
                for p in self.predictions
            ],
            "emotion": emotion,
            "emotion_boost": None
            if self.boost is None
            else {
                "gloss_map": self.boost.gloss_map,
                "gloss_map_sha256": self.boost.gloss_map_sha256,
                "strength": self.boost.strength,
                "top_k": self.boost.top_k,
                "unknown_glosses": list(self.boost.unknown_glosses),
                **({} if self.explaining is None else _explaining_json(self.explaining)),
            },
            "markers": None
            if self.markers is None
            else [
                {
                    "name": m.name,
                    "onset_s": round(m.onset_s, 3),
                    "offset_s": round(m.offset_s, 3),
                    "strength": round(m.strength, 3),
                    "confidence": round(m.confidence, 3),
                    "function": m.function,
                }
                for m in self.markers
            ],
            "markers_reasons": list(self.markers_reasons),
            "intensity": None if self.intensity is None else _intensity_json(self.intensity),
            "fusion": None
            if self.fusion is None
            else {
                "kind": self.fusion.kind,
                "why": self.fusion.why,
                "coefficients": {k: round(v, 6) for k, v in self.fusion.coefficients.items()},
            },
            "similar": [sign.to_json() for sign in self.similar],
            "model": dict(self.model),
            "timing_ms": {k: round(v, 2) for k, v in self.timing_ms.items()},
        }


def _intensity_json(intensity: Intensity) -> dict[str, Any]:
    return {
        "hand": intensity.hand,
        "speed": round(intensity.speed, 3),
        "speed_ratio": round(intensity.speed_ratio, 3),
        "size": round(intensity.size, 3),
        "size_ratio": round(intensity.size_ratio, 3),
        "repetitions": intensity.repetitions,
        "periodicity": round(intensity.periodicity, 3),
    }


def _explaining_json(explaining: Explaining) -> dict[str, Any]:
    return {
        "markers_heeded": explaining.markers_heeded,
        "probabilities": {k: round(v, 4) for k, v in explaining.probabilities.items()},
        "explained_away": [
            {
                "emotion": c.emotion,
                "before": round(c.before, 4),
                "after": round(c.after, 4),
                "markers": list(c.markers),
            }
            for c in explaining.explained_away
        ],
        "held_back": [
            {
                "gloss": h.gloss,
                "emotion": h.emotion,
                "markers": list(h.markers),
                "term": round(h.term, 4),
                "without_markers": round(h.without_markers, 4),
            }
            for h in explaining.held_back
        ],
        "negation": round(explaining.negation, 3),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
