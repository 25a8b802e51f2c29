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
from signlens.fusion.clip_fusion import BoostInfo, FusionInfo
from signlens.orientation.correction import Orientation
from signlens.pose.clip import Coverage, PoseClip
from signlens.reasons import Reason
from signlens.retrieval.gallery import SimilarSign
from signlens.signing.intensity import Intensity
from signlens.signing.markers import Marker

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
        """The JSON document of the command line, with plain types only (`signlens.document.Document`)."""
        from signlens.document import SCHEMA, Document, as_json

        values = {**vars(self), "schema": SCHEMA, "clip": self.clip or {"path": self.path}}
        boost, explaining = values.pop("boost"), values.pop("explaining")
        if boost is not None:
            boost = {**vars(boost), **({} if explaining is None else vars(explaining))}
        del values["path"]
        return as_json(Document, {**values, "emotion_boost": boost})
