"""The one result type: what SignLens says of a clip, and the evidence for it.

`Recognition.to_json` gives exactly the document that ``signlens recognize --json`` prints.
A gloss is a label for a sign, not a translation of it; an emotion score is a measure of
what a face shows, not of what a person feels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from signlens.answer import Answer, Prediction
from signlens.emotion.explain import Explaining
from signlens.emotion.expressions import EmotionReading
from signlens.errors import SignLensError
from signlens.fusion.stack import BoostInfo, FusionInfo
from signlens.orientation.correction import Orientation
from signlens.pose.clip import Coverage, PoseClip
from signlens.reasons import Reason
from signlens.retrieval.gallery import SimilarSign
from signlens.signing.intensity import Intensity
from signlens.signing.markers import Marker

SCHEMA = 2
"""Version of the JSON document."""

Status = Literal["ok", "degraded", "rejected"]


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

    @classmethod
    def of(cls, path: str, clip: PoseClip) -> Self:
        """The facts of a clip that goes by this name."""
        duration = float(clip.times[-1]) + 1 / clip.fps
        return cls(path, clip.frames, clip.fps, duration, clip.width, clip.height)


@dataclass(frozen=True)
class PoseInfo:
    """Who made the poses and how much of the signer they cover."""

    extractor: str
    version: str
    frames: int
    coverage: Coverage

    @classmethod
    def of(cls, clip: PoseClip) -> Self:
        """The facts of a clip's poses."""
        made = clip.provenance
        return cls(made.extractor, made.version, clip.frames, clip.coverage())


@dataclass(frozen=True)
class Recognition:
    """Everything SignLens says of one clip.

    Attributes:
        status: ``ok``, ``degraded`` (answered, with reasons) or ``rejected`` (not answered).
        reasons: Why the status is not ``ok``.
        clip: The clip as decoded; None when rejected before decoding.
        pose: Who made the poses; None when rejected.
        orientation: How the signer stood to the camera; None when rejected, or when it was not looked at.
        answer: The short answer; None when rejected.
        predictions: Candidate glosses, best first.
        emotion: What the face shows, or None when no face was seen.
        markers: Non-manual markers in order of onset; None where they could not be read.
        markers_reasons: What of the markers could not be told, and why.
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
    reasons: tuple[Reason, ...] = ()
    clip: ClipInfo | None = None
    pose: PoseInfo | None = None
    orientation: Orientation | None = None
    answer: Answer | None = None
    predictions: tuple[Prediction, ...] = ()
    emotion: EmotionReading | None = None
    markers: tuple[Marker, ...] | None = None
    markers_reasons: tuple[Reason, ...] = ()
    intensity: Intensity | None = None
    explaining: Explaining | None = None
    similar: tuple[SimilarSign, ...] = ()
    model: dict[str, str] = field(default_factory=dict)
    timing_ms: dict[str, float] = field(default_factory=dict)
    boost: BoostInfo | None = None
    fusion: FusionInfo | None = None

    @classmethod
    def rejected(cls, source: str | Path, error: SignLensError) -> Self:
        """The result for a clip that cannot be answered, with the error's message as its one reason."""
        return cls(path=str(source), status="rejected", reasons=(Reason.of_error(error),))

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
            "schema": SCHEMA,
            "status": self.status,
            "reasons": [reason.to_json() for reason in self.reasons],
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
            "markers_reasons": [reason.to_json() for reason in self.markers_reasons],
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
