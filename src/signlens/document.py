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


class JsonReason(_Part):
    """Why something is worth less than it could be; the codes are never reworded."""

    code: str
    text: str


class JsonClip(_Part):
    """The clip as decoded; its path alone where it could not be."""

    path: str
    frames: int | None = None
    fps: Rounded3 | None = None
    duration_s: Rounded3 | None = None
    width: int | None = None
    height: int | None = None


class JsonCoverage(_Part):
    """Share of frames, 0..1, in which a part was found."""

    body: Rounded4
    left_hand: Rounded4
    right_hand: Rounded4
    face: Rounded4


class JsonPose(_Part):
    """Who made the poses."""

    extractor: str
    version: str
    frames: int
    coverage: JsonCoverage


class JsonOrientation(_Part):
    """How the signer stood to the camera, in degrees; null where it cannot be known."""

    yaw_degrees: Rounded1 | None
    roll_degrees: Rounded1 | None
    turned_by_degrees: Rounded1
    levelled_by_degrees: Rounded1
    sentences: list[str]


class JsonAnswer(_Part):
    """The short answer; a gloss only where kind is sign."""

    kind: Literal["sign", "unknown_sign", "no_sign"]
    gloss: str | None
    explanation: str


class JsonEvidence(_Part):
    """Natural-log terms that sum to the score of a gloss."""

    skeleton: Rounded4
    emotion: Rounded4
    retrieval: Rounded4


class JsonPrediction(_Part):
    """A candidate gloss with its calibrated probability."""

    gloss: str
    probability: Rounded6
    evidence: JsonEvidence


class JsonExpressions(_Part):
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


class JsonMoment(JsonExpressions, _Time):
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


class JsonEmotion(_Part):
    """What the face shows, not what a person feels."""

    provider: str
    version: str
    probabilities: JsonExpressions
    valence: Rounded4 | None
    arousal: Rounded4 | None
    coverage: Rounded4
    pictured: Rounded4
    signer_baseline: bool
    timeline: list[Annotated[JsonMoment, BeforeValidator(_flat)]]


class JsonExplainedAway(_Part):
    """An expression that counts less because markers explain it."""

    emotion: str
    before: Rounded4
    after: Rounded4
    markers: list[str]


class JsonHeldBack(_Part):
    """A gloss that gained less for it."""

    gloss: str
    emotion: str
    markers: list[str]
    term: Rounded4
    without_markers: Rounded4


class JsonEmotionBoost(_Part):
    """By what the expression counted for glosses, and what markers did to it."""

    gloss_map: str
    gloss_map_sha256: str
    strength: float
    top_k: int
    unknown_glosses: list[str]
    markers_heeded: bool | None = None
    probabilities: JsonExpressions | None = None
    explained_away: list[JsonExplainedAway] | None = None
    held_back: list[JsonHeldBack] | None = None
    negation: Rounded3 | None = None


class JsonMarker(_Part):
    """A non-manual marker; its function is what it often does in signing."""

    name: str
    onset_s: Rounded3
    offset_s: Rounded3
    strength: Rounded3
    confidence: Rounded3
    function: str


class JsonIntensity(_Part):
    """How large, fast and often the hands move, in shoulder widths and seconds."""

    hand: Literal["left", "right"]
    speed: Rounded3
    speed_ratio: Rounded3
    size: Rounded3
    size_ratio: Rounded3
    repetitions: int
    periodicity: Rounded3


class JsonFusionInfo(_Part):
    """How the parts were joined."""

    kind: Literal["skeleton", "strengths", "stack"]
    why: str
    coefficients: dict[str, Rounded6]


class JsonSimilar(_Part):
    """A known clip of similar form."""

    clip: str
    gloss: str
    similarity: Rounded4
    split: str


class Document(_Part):
    """What `signlens recognize --json` prints for one clip."""

    version: Literal[2] = Field(alias="schema")
    status: Literal["ok", "degraded", "rejected"]
    reasons: list[JsonReason]
    clip: JsonClip
    pose: JsonPose | None
    orientation: JsonOrientation | None
    answer: JsonAnswer | None
    predictions: list[JsonPrediction]
    emotion: JsonEmotion | None
    emotion_boost: JsonEmotionBoost | None
    markers: list[JsonMarker] | None
    markers_reasons: list[JsonReason]
    intensity: JsonIntensity | None
    fusion: JsonFusionInfo | None
    similar: list[JsonSimilar]
    model: dict[str, str]
    timing_ms: dict[str, Rounded2]


def as_json(kind: type[_Part], values: Any) -> dict[str, Any]:
    """Values (an object or a mapping) as plain types, rounded, in the order of the document's keys."""
    return kind.model_validate(values).model_dump(mode="json", by_alias=True, exclude_unset=True)


def schema() -> dict[str, Any]:
    """The JSON Schema of `Document`.

    >>> schema()["properties"]["status"]["enum"]
    ['ok', 'degraded', 'rejected']
    """
    return Document.model_json_schema()
