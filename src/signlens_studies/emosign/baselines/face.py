"""Baselines that look at the face alone: an emotion provider zero-shot, and a small head on what it sees.

The eight expressions of a provider are not EmoSign's ten classes. The zero-shot mapping (`MAPPING`) names
what has a name in both; nothing among the eight expressions is worry or frustration, so zero-shot these
two are never answered. What a face does in signing is grammar too: see `signlens_studies.emosign.grammar`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signlens.emosign.annotations import EMOTIONS, EmoSign
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import EMOTION_CLASSES
from signlens.emotion.expressions import EMOTIONS as EXPRESSIONS
from signlens.emotion.provider import EmotionProvider
from signlens.emotion.providers import PROVIDERS, LandmarkProvider, open_provider
from signlens.emotion.reading import read_emotion
from signlens.errors import InputRejected, UsageError
from signlens.pose.clip import PoseClip
from signlens.pose.face_points import MEASURES, measures, remove_head_pose
from signlens.video import open_video
from signlens_studies.emosign.baselines.caption import seven_of
from signlens_studies.emosign.baselines.materials import Array, refused

MAPPING: Mapping[str, str] = {
    "neutral": "neutral",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",  # positive where `happy` outweighs the negative expressions
    "fear": "fear",
    "disgust": "disgust",
    "anger": "anger",
    "contempt": "disgust",
}
"""Which class each of the eight expressions counts for, zero-shot."""

NEGATIVE = ("sad", "fear", "disgust", "anger", "contempt")
SAMPLES = 32
"""Frames of a clip that are read."""

FEATURES: tuple[str, ...] = (
    *(f"mean_{name}" for name in EXPRESSIONS),
    *(f"most_{name}" for name in EXPRESSIONS),
    *(f"spread_{name}" for name in MEASURES),
    *(f"rise_{name}" for name in MEASURES),
)


@dataclass(frozen=True)
class FaceReading:
    """What a provider saw in one clip.

    Attributes:
        probabilities: The eight expressions, mean over the frames.
        moments: (K,) seconds of the frames that were read.
        rows: (K, 8) the expressions of each.
        features: (F,) see `FEATURES`; NaN for those that the provider does not give.
    """

    probabilities: Mapping[str, float]
    moments: Array
    rows: Array
    features: Array


def provider_named(name: str) -> EmotionProvider:
    """A provider by its name, which may be followed by its weights, as in ``dan:weights.safetensors``."""
    kind, _, model = name.partition(":")
    if kind not in PROVIDERS:
        raise UsageError("--provider", f"there is no {kind!r}", f"choose one of {', '.join(PROVIDERS)}")
    return open_provider(kind, model or None)


def read_face(clip: PoseClip, provider: EmotionProvider, video: Path | None = None) -> FaceReading | None:
    """What the face shows over a clip; None when no face was seen.

    Of the action units' measures only how far they move within the clip is kept (standard deviation; 90th
    percentile above the median): where they lie differs between people.

    Args:
        clip: The poses, with the face mesh.
        provider: Who measures.
        video: The same clip's video, for a provider that looks at pixels.
    """
    images = None
    if provider.needs_images:
        if video is None:
            raise UsageError(provider.name, "looks at pixels, so it needs the videos", "give --videos FOLDER")
        with open_video(video) as frames:
            images = tuple(frame.image for frame in frames)
    reading = read_emotion(clip, SAMPLES, provider, images)
    if reading is None or clip.face_mesh is None:
        return None
    rows = np.array([[m.probabilities[e] for e in EXPRESSIONS] for m in reading.timeline])
    moved = np.full(2 * len(MEASURES), np.nan)
    if isinstance(provider, LandmarkProvider):
        values = measures(remove_head_pose(clip.face_mesh, provider.head.reference))
        values = values[np.isfinite(values).all(axis=1)]
        if len(values):
            rise = np.percentile(values, 90, axis=0) - np.median(values, axis=0)
            moved = np.concatenate([values.std(axis=0), rise])
    mean = np.array([reading.probabilities[e] for e in EXPRESSIONS])
    return FaceReading(
        reading.probabilities,
        np.array([m.t_s for m in reading.timeline]),
        rows,
        np.concatenate([mean, rows.max(axis=0), moved]),
    )


def checked(data: EmoSign, readings: list[FaceReading | None]) -> list[FaceReading | None]:
    """The readings, if there is any."""
    if all(reading is None for reading in readings):
        raise InputRejected(
            data.source,
            "no face was seen in any clip",
            "poses need the face mesh: extract them with signlens",
        )
    return readings


def face_features(readings: Sequence[FaceReading | None]) -> Array:
    """(N, F) in the order of `FEATURES`; NaN rows where there is no face."""
    nothing = np.full(len(FEATURES), np.nan)
    return np.array([nothing if r is None else r.features for r in readings])


def valence(probabilities: Mapping[str, float]) -> float:
    """Happy minus all negative expressions, -1..1; surprise and neutral are neither."""
    return float(probabilities["happy"] - sum(probabilities[e] for e in NEGATIVE))


def class_probabilities(probabilities: Mapping[str, float]) -> dict[str, float]:
    """The ten classes by `MAPPING`; they sum to what the eight expressions sum to."""
    found = dict.fromkeys(EMOTION_CLASSES, 0.0)
    for expression, value in probabilities.items():
        target = MAPPING[expression]
        if target == "surprise":
            target = "surprise_pos" if valence(probabilities) > 0 else "surprise_neg"
        found[target] += value
    return found


def moments_of(reading: FaceReading, answer: str) -> tuple[tuple[float, float], ...]:
    """When the face shows what was answered: frames at least halfway between the clip's mean and its peak.

    Args:
        reading: What was seen.
        answer: One of the ten classes.

    Returns:
        Intervals in seconds; none when fewer than two frames were read.
    """
    if len(reading.moments) < 2:
        return ()
    columns = [
        i
        for i, e in enumerate(EXPRESSIONS)
        if MAPPING[e] == answer or (MAPPING[e] == "surprise" and answer.startswith("surprise"))
    ]
    if not columns:
        return ()
    level = reading.rows[:, columns].sum(axis=1)
    strong = level >= (level.mean() + level.max()) / 2
    half = float(np.median(np.diff(reading.moments))) / 2
    intervals: list[tuple[float, float]] = []
    for t, on, before in zip(reading.moments, strong, np.r_[False, strong[:-1]], strict=True):
        if on and before:
            intervals[-1] = (intervals[-1][0], float(t) + half)
        elif on:
            intervals.append((max(float(t) - half, 0.0), float(t) + half))
    return tuple(intervals)


def zero_shot(data: EmoSign, readings: Sequence[FaceReading | None]) -> list[LabelPrediction]:
    """The provider's expressions in EmoSign's terms; ``refused`` where no face was seen.

    Sentiment is three times the valence, rounded; an intensity three times the probability, rounded.

    Args:
        data: The clips.
        readings: What was seen in each.
    """
    predictions = []
    for clip, reading in zip(data.clips, readings, strict=True):
        if reading is None:
            predictions.append(refused(clip.video_name))
            continue
        classes = class_probabilities(reading.probabilities)
        answer = max(EMOTION_CLASSES, key=lambda c: classes[c])
        levels = {e: classes.get(e, classes["happiness"]) for e in EMOTIONS}
        predictions.append(
            LabelPrediction(
                clip.video_name,
                seven_of(valence(reading.probabilities)),
                None,
                answer,
                {e: int(np.rint(3 * value)) for e, value in levels.items()},
                cue_intervals=moments_of(reading, answer),
            )
        )
    return predictions
