"""From frames to the clip: one `EmotionReading`, or none when no face was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS, EmotionMoment, EmotionReading
from signlens.emotion.faces import FaceAlbum
from signlens.emotion.provider import EmotionProvider, FaceFrames, FrameExpressions
from signlens.emotion.providers import LandmarkProvider
from signlens.emotion.resting_face import SignerBaseline, without_baseline
from signlens.errors import UsageError
from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, PoseClip

COVERED_WEIGHT = 0.25
"""How much a frame counts in which a hand lies over the eyes or the mouth: the mesh guesses there."""

_LEAST_WEIGHT = 0.01

# Eyes' outer corners, brows, mouth corners, lower lip: their box is what a hand must not cover.
_EXPRESSIVE_POINTS = (33, 263, 70, 300, 105, 334, 61, 291, 17)


def sample_frames(frames: int, samples: int | None) -> NDArray[np.int64]:
    """Uniformly spread frame numbers: the middle of each of `samples` equal parts of the clip.

    Args:
        frames: Number of frames, at least 1.
        samples: How many to take; None, or more than there are, takes every frame.

    Returns:
        Increasing frame numbers without repeats.

    >>> sample_frames(100, 4).tolist()
    [12, 37, 62, 87]
    """
    if frames < 1:
        raise UsageError("frames", f"a clip cannot have {frames} frames", "give at least one")
    if samples is not None and samples < 1:
        raise UsageError("samples", f"{samples} frames cannot be sampled", "give at least 1, or None for all")
    if samples is None or samples >= frames:
        return np.arange(frames, dtype=np.int64)
    return np.asarray((np.arange(samples) + 0.5) * frames / samples, dtype=np.int64)


def face_covered(clip: PoseClip) -> NDArray[np.bool_]:
    """(T,) whether a hand's keypoint lies inside the box from the brows to the lower lip."""
    if clip.face_mesh is None:
        return np.zeros(clip.frames, dtype=bool)
    box = clip.face_mesh[:, list(_EXPRESSIVE_POINTS), :2]
    low, high = box.min(axis=1)[:, None], box.max(axis=1)[:, None]
    hands = np.concatenate([clip.keypoints[:, LEFT_HAND], clip.keypoints[:, RIGHT_HAND]], axis=1)
    inside = ((hands[..., :2] > low) & (hands[..., :2] < high)).all(axis=2)
    return np.asarray((inside & (hands[..., 3] > 0)).any(axis=1))


def face_confidence(clip: PoseClip) -> NDArray[np.float64]:
    """(T,) how sure the extractor is of the face, 0..1: the mean over the face keypoints that it saw.

    1 where there is a face mesh but no face keypoint with a confidence.
    """
    confidence = clip.keypoints[:, FACE, 3].astype(np.float64)
    seen = confidence > 0
    mean = confidence.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.asarray(np.where(seen.any(axis=1), np.clip(mean, 0.0, 1.0), 1.0))


@dataclass(frozen=True)
class FrameReadings:
    """What a provider read in the sampled frames of one clip.

    Attributes:
        frames: (K,) frame numbers, increasing; those that had a face and could be read.
        times: (K,) seconds from the clip's start.
        expressions: Of these K frames.
        weight: (K,) how much each counts in the mean; over 0.
        coverage: Share of the sampled frames that could be read.
        provider: Who read.
        version: With which weights.
    """

    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    expressions: FrameExpressions
    weight: NDArray[np.float64]
    coverage: float
    provider: str
    version: str


def read_frames(
    clip: PoseClip,
    samples: int | None = 16,
    provider: EmotionProvider | None = None,
    images: tuple[NDArray[np.uint8], ...] | None = None,
    album: FaceAlbum | None = None,
) -> FrameReadings | None:
    """What the face shows in the sampled frames of a clip.

    When none of the sampled frames has a face but another frame has, all frames are read.

    Args:
        clip: Poses with the face mesh.
        samples: How many frames to read, uniformly spread; None for all.
        provider: Who measures; None for the shipped `LandmarkProvider`.
        images: All T frames (RGB), for a provider that looks at pictures.
        album: Windows around the faces of some frames, instead; each sampled frame gives way to the
            nearest one that the album has looked at.

    Returns:
        The readings, or None when no frame has a face: no emotion is made up.
    """
    chosen = sample_frames(clip.frames, samples)
    if clip.face_mesh is None:
        return None
    seen = np.isfinite(clip.face_mesh).all(axis=(1, 2))
    if not seen.any():
        return None
    reader: EmotionProvider = LandmarkProvider() if provider is None else provider
    if images is not None and len(images) != clip.frames:
        raise UsageError("images", f"{len(images)} for {clip.frames} frames", "give one image per frame")
    if reader.needs_images and images is None and album is None:
        raise UsageError(
            reader.name, "this emotion provider needs the pictures", "give it a video, or one image per frame"
        )
    every = np.arange(clip.frames)
    if album is not None:
        chosen, every = album.nearest(chosen), album.nearest(every)
    if not seen[chosen].any():
        chosen = every
    if album is not None:
        faces = album.faces(clip.face_mesh, chosen)
    else:
        pictures = None if images is None else tuple(images[i] for i in chosen)
        faces = FaceFrames(clip.face_mesh[chosen], pictures)
    found = reader.read(faces)
    read = np.isfinite(found.probabilities).all(axis=1)
    if not read.any():
        return None
    frames = chosen[read]
    covered = np.where(face_covered(clip)[frames], COVERED_WEIGHT, 1.0)
    return FrameReadings(
        frames=frames,
        times=clip.times[frames],
        expressions=FrameExpressions(
            found.probabilities[read],
            found.pictured[read],
            None if found.valence is None else found.valence[read],
            None if found.arousal is None else found.arousal[read],
        ),
        weight=np.maximum(face_confidence(clip)[frames], _LEAST_WEIGHT) * covered,
        coverage=float(read.mean()),
        provider=reader.name,
        version=reader.version,
    )


def summarise_readings(found: FrameReadings, baseline: SignerBaseline | None = None) -> EmotionReading:
    """From frames to the clip: the weighted mean of the frames' probabilities, valence and arousal.

    Args:
        found: The frames.
        baseline: The signer's resting face, to be taken as neutral; None to take faces as they are.
    """
    said = found.expressions
    rows = said.probabilities if baseline is None else without_baseline(said.probabilities, baseline)
    share = found.weight / found.weight.sum()

    def value(moods: NDArray[np.float64] | None, row: int) -> float | None:
        return None if moods is None else float(moods[row])

    def mean(moods: NDArray[np.float64] | None) -> float | None:
        return None if moods is None else float(share @ moods)

    return EmotionReading(
        provider=found.provider,
        probabilities=dict(zip(EMOTIONS, map(float, share @ rows), strict=True)),
        coverage=found.coverage,
        timeline=tuple(
            EmotionMoment(
                float(t),
                dict(zip(EMOTIONS, map(float, row), strict=True)),
                value(said.valence, number),
                value(said.arousal, number),
            )
            for number, (t, row) in enumerate(zip(found.times, rows, strict=True))
        ),
        version=found.version,
        pictured=float(said.pictured.mean()),
        valence=mean(said.valence),
        arousal=mean(said.arousal),
        signer_baseline=baseline is not None,
    )


def read_emotion(
    clip: PoseClip,
    samples: int | None = 16,
    provider: EmotionProvider | None = None,
    images: tuple[NDArray[np.uint8], ...] | None = None,
    *,
    album: FaceAlbum | None = None,
    baseline: SignerBaseline | None = None,
) -> EmotionReading | None:
    """What the face shows over a clip: the weighted mean of the frames' probabilities.

    A frame counts by the extractor's confidence in its face, and a quarter of that when a hand lies over the
    face. Arguments and errors: see `read_frames` and `summarise_readings`.

    Returns:
        The reading, or None when no frame has a face: no emotion is made up.
    """
    found = read_frames(clip, samples, provider, images, album)
    return None if found is None else summarise_readings(found, baseline)
