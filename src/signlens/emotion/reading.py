"""From frames to the clip: one `EmotionReading`, or none when no face was seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.provider import EmotionProvider, FaceFrames, LandmarkProvider
from signlens.errors import UsageError
from signlens.pose.clip import LEFT_HAND, RIGHT_HAND, PoseClip
from signlens.recognition import EMOTIONS, EmotionMoment, EmotionReading

COVERED_WEIGHT = 0.25
"""How much a frame counts in which a hand lies over the eyes or the mouth: the mesh guesses there."""

# Eyes' outer corners, brows, mouth corners, lower lip: their box is what a hand must not cover.
_EXPRESSIVE_POINTS = (33, 263, 70, 300, 105, 334, 61, 291, 17)


def sample_frames(frames: int, samples: int | None) -> NDArray[np.int64]:
    """Uniformly spread frame numbers: the middle of each of `samples` equal parts of the clip.

    Args:
        frames: Number of frames, at least 1.
        samples: How many to take; None, or more than there are, takes every frame.

    Returns:
        Increasing frame numbers without repeats.

    Raises:
        UsageError: Fewer than one sample or frame.
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


def read_emotion(
    clip: PoseClip,
    samples: int | None = 16,
    provider: EmotionProvider | None = None,
    images: tuple[NDArray[np.uint8], ...] | None = None,
) -> EmotionReading | None:
    """What the face shows over a clip: the mean of the frames' probabilities.

    Every sampled frame with a face counts once, and a quarter when a hand lies over the face.
    When none of the sampled frames has a face but another frame has, all frames are read.

    Args:
        clip: Poses with the face mesh.
        samples: How many frames to read, uniformly spread; None for all.
        provider: Who measures; None for the shipped `LandmarkProvider`.
        images: All T frames (RGB), for a provider that needs them.

    Returns:
        The reading, or None when no frame has a face: no emotion is made up.

    Raises:
        UsageError: ``samples`` below 1, or a provider that needs images without all of them.
        PartMissing: The shipped head is absent or corrupt.
    """
    chosen = sample_frames(clip.frames, samples)
    if clip.face_mesh is None:
        return None
    seen = np.isfinite(clip.face_mesh).all(axis=(1, 2))
    if not seen.any():
        return None
    if not seen[chosen].any():
        chosen = np.arange(clip.frames)
    reader: EmotionProvider = LandmarkProvider() if provider is None else provider
    if reader.needs_images and (images is None or len(images) != clip.frames):
        raise UsageError(reader.name, "this emotion provider needs the frames", "give it one image per frame")
    pictures = tuple(images[i] for i in chosen) if reader.needs_images and images is not None else None
    rows = reader.probabilities(FaceFrames(clip.face_mesh[chosen], pictures))
    read = np.isfinite(rows).all(axis=1)
    if not read.any():
        return None
    rows, frames = rows[read], chosen[read]
    weight = np.where(face_covered(clip)[frames], COVERED_WEIGHT, 1.0)
    mean = (weight[:, None] * rows).sum(axis=0) / weight.sum()
    timeline = tuple(
        EmotionMoment(float(clip.times[i]), dict(zip(EMOTIONS, map(float, row), strict=True)))
        for i, row in zip(frames, rows, strict=True)
    )
    return EmotionReading(
        provider=reader.name,
        probabilities=dict(zip(EMOTIONS, map(float, mean), strict=True)),
        coverage=float(read.mean()),
        timeline=timeline,
    )
