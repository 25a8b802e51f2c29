"""The JSON document of one clip: its keys, their types and rounding, and its schema.

Read by who writes JSON alone; pydantic is not needed to recognise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _to(decimals: int) -> AfterValidator:
    return AfterValidator(lambda value: round(float(value), decimals))


Rounded1 = Annotated[float, _to(1)]
Rounded2 = Annotated[float, _to(2)]
Rounded3 = Annotated[float, _to(3)]
Rounded4 = Annotated[float, _to(4)]
Rounded6 = Annotated[float, _to(6)]

SCHEMA = 2
"""Version of the document."""


class _Part(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Reason(_Part):
    """Why something is worth less than it could be; the codes are never reworded."""

    code: str
    text: str


class Clip(_Part):
    """The clip as decoded; its path alone where it could not be."""

    path: str
    frames: int | None = None
    fps: Rounded3 | None = None
    duration_s: Rounded3 | None = None
    width: int | None = None
    height: int | None = None


class Coverage(_Part):
    """Share of frames, 0..1, in which a part was found."""

    body: Rounded4
    left_hand: Rounded4
    right_hand: Rounded4
    face: Rounded4


class Pose(_Part):
    """Who made the poses."""

    extractor: str
    version: str
    frames: int
    coverage: Coverage


class Orientation(_Part):
    """How the signer stood to the camera, in degrees; null where it cannot be known."""

    yaw_degrees: Rounded1 | None
    roll_degrees: Rounded1 | None
    turned_by_degrees: Rounded1
    levelled_by_degrees: Rounded1
    sentences: list[str]


class Answer(_Part):
    """The short answer; a gloss only where kind is sign."""

    kind: Literal["sign", "unknown_sign", "no_sign"]
    gloss: str | None
    explanation: str


class Evidence(_Part):
    """Natural-log terms that sum to the score of a gloss."""

    skeleton: Rounded4
    emotion: Rounded4
    retrieval: Rounded4


class Prediction(_Part):
    """A candidate gloss with its calibrated probability."""

    gloss: str
    probability: Rounded6
    evidence: Evidence


class Expressions(_Part):
    """Probabilities of the eight expressions."""

    neutral: Rounded4
    happy: Rounded4
    sad: Rounded4
    surprise: Rounded4
    fear: Rounded4
    disgust: Rounded4
    anger: Rounded4
    contempt: Rounded4


class _Time(_Part):
    t_s: Rounded3


class Moment(Expressions, _Time):
    """The expressions at one time; valence and arousal from providers that know them."""

    valence: Rounded4 | None = None
    arousal: Rounded4 | None = None


def _flat(moment: Any) -> Any:
    """A moment of the timeline, its probabilities beside its time."""
    if isinstance(moment, Mapping):
        return moment
    extra = {"valence": moment.valence, "arousal": moment.arousal}
    known = {name: value for name, value in extra.items() if value is not None}
    return {"t_s": moment.t_s, **moment.probabilities, **known}


class Emotion(_Part):
    """What the face shows, not what a person feels."""

    provider: str
    version: str
    probabilities: Expressions
    valence: Rounded4 | None
    arousal: Rounded4 | None
    coverage: Rounded4
    pictured: Rounded4
    signer_baseline: bool
    timeline: list[Annotated[Moment, BeforeValidator(_flat)]]


class ExplainedAway(_Part):
    """An expression that counts less because markers explain it."""

    emotion: str
    before: Rounded4
    after: Rounded4
    markers: list[str]


class HeldBack(_Part):
    """A gloss that gained less for it."""

    gloss: str
    emotion: str
    markers: list[str]
    term: Rounded4
    without_markers: Rounded4


class EmotionBoost(_Part):
    """By what the expression counted for glosses, and what markers did to it."""

    gloss_map: str
    gloss_map_sha256: str
    strength: float
    top_k: int
    unknown_glosses: list[str]
    markers_heeded: bool | None = None
    probabilities: Expressions | None = None
    explained_away: list[ExplainedAway] | None = None
    held_back: list[HeldBack] | None = None
    negation: Rounded3 | None = None


class Marker(_Part):
    """A non-manual marker; its function is what it often does in signing."""

    name: str
    onset_s: Rounded3
    offset_s: Rounded3
    strength: Rounded3
    confidence: Rounded3
    function: str


class Intensity(_Part):
    """How large, fast and often the hands move, in shoulder widths and seconds."""

    hand: Literal["left", "right"]
    speed: Rounded3
    speed_ratio: Rounded3
    size: Rounded3
    size_ratio: Rounded3
    repetitions: int
    periodicity: Rounded3


class FusionInfo(_Part):
    """How the parts were joined."""

    kind: Literal["skeleton", "strengths", "stack"]
    why: str
    coefficients: dict[str, Rounded6]


class Similar(_Part):
    """A known clip of similar form."""

    clip: str
    gloss: str
    similarity: Rounded4
    split: str


class Document(_Part):
    """What `signlens recognize --json` prints for one clip."""

    version: Literal[2] = Field(alias="schema")
    status: Literal["ok", "degraded", "rejected"]
    reasons: list[Reason]
    clip: Clip
    pose: Pose | None
    orientation: Orientation | None
    answer: Answer | None
    predictions: list[Prediction]
    emotion: Emotion | None
    emotion_boost: EmotionBoost | None
    markers: list[Marker] | None
    markers_reasons: list[Reason]
    intensity: Intensity | None
    fusion: FusionInfo | None
    similar: list[Similar]
    model: dict[str, str]
    timing_ms: dict[str, Rounded2]


def plain(kind: type[_Part], values: Any) -> dict[str, Any]:
    """Values (an object or a mapping) as plain types, rounded, in the order of the document's keys."""
    return kind.model_validate(values).model_dump(mode="json", by_alias=True, exclude_unset=True)


def schema() -> dict[str, Any]:
    """The JSON Schema of `Document`.

    >>> schema()["properties"]["status"]["enum"]
    ['ok', 'degraded', 'rejected']
    """
    return Document.model_json_schema()
