"""What SSTCN reads, made from a clip's keypoints: heat-maps of a fixed number of frames.

A clip is placed once (`place`): centred, scaled, its gaps filled. Each time that it is read, frames are
chosen, in training it is varied, and the maps are rendered. Pure NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from signlens.models.inputs import magnify_hands
from signlens.orientation.frame import SignerFrame
from signlens.skeleton import normalise
from signlens.skeleton.augmentation import Augmentation, augment
from signlens.skeleton.frame_choice import FRAMES, choose_frames, vary_frames
from signlens.skeleton.heatmaps import BODY_BOX, MAPS, MOUTH, SIZE, render_maps
from signlens.skeleton.normalise import POINTS, WHOLE_BODY_INDEX

Array = NDArray[np.float32]

_PLACED = [*WHOLE_BODY_INDEX.tolist(), *MOUTH]
_TO_MAPS = np.array([_PLACED.index(point) for point in MAPS])
_MOUTH_MIRROR = [POINTS + 1, POINTS, POINTS + 2, POINTS + 3]


@dataclass(frozen=True)
class PlacedClip:
    """A clip ready to be drawn as heat-maps.

    Attributes:
        joints: (T, 53, 3) float32, finite: the 49 points of `signlens.skeleton.normalise` and the four
            of the mouth, from the clip's mean nose position, in shoulder widths.
        confidence: (T, 53) float32, 0..1; 0 where a point was not found.
        mirrored: Whether the clip was mirrored to put the dominant hand on the right.
    """

    joints: Array
    confidence: Array
    mirrored: bool


def place(points: Array) -> PlacedClip:
    """Centre, scale and fill a clip; as for the recogniser's other networks.

    Frames without any hand are left out where some show one, and the clip is mirrored if the left hand
    leads. (SAM-SLR keeps all frames and never mirrors outside of training.)

    Args:
        points: (T, 49, 4) or (T, 133, 4): x, y, z in one isotropic unit, confidence. Of 49 points
            there is no mouth, so its maps are empty.

    Raises:
        InputRejected: No frame shows the nose and both shoulders.
    """
    whole_body = points.shape[1] != POINTS
    body = points[:, WHOLE_BODY_INDEX] if whole_body else points
    used = normalise.frames_with_hands(body)
    points, body = points[used], body[used]
    frame = SignerFrame.of(body)
    joints, seen = normalise.normalise(body, frame)
    mouth = np.zeros((len(points), len(MOUTH), 3), np.float32)
    mouth_confidence = np.zeros(mouth.shape[:2], np.float32)
    if whole_body:
        centre, width = frame.place()
        mouth_confidence = np.nan_to_num(points[:, MOUTH, 3]).astype(np.float32)
        for index, point in enumerate(MOUTH):
            known = mouth_confidence[:, index] > 0
            if known.any():
                filled = normalise.fill_gaps(points[:, point, :2], known)
                mouth[:, index, :2] = (filled - centre) / np.float32(width)
    mirrored = normalise.left_dominance(joints, seen) > normalise.DOMINANCE_MARGIN
    clip = PlacedClip(
        joints=np.concatenate([joints, mouth], axis=1),
        # Half a hand counts as none, as in `normalise`.
        confidence=np.clip(
            np.concatenate([np.nan_to_num(body[..., 3]) * seen, mouth_confidence], axis=1), 0, 1
        ).astype(np.float32),
        mirrored=bool(mirrored),
    )
    return replace(mirror_clip(clip), mirrored=True) if mirrored else clip


def mirror_clip(clip: PlacedClip) -> PlacedClip:
    """Left and right change places; twice is the identity."""
    order = [*normalise.MIRROR.tolist(), *_MOUTH_MIRROR]
    joints = clip.joints[:, order].copy()
    joints[..., 0] *= -1
    return PlacedClip(joints, clip.confidence[:, order], not clip.mirrored)


def heatmap_input(joints: Array, confidence: Array, magnification: float = 1.0, size: int = SIZE) -> Array:
    """Prepared windows as SSTCN reads them.

    Args:
        joints: (N, T, 53, 3) of `PlacedClip`, or (N, T, 49, 3) of `signlens.skeleton.normalise`
            (the mouth's maps are then empty).
        confidence: (N, T, 53) or (N, T, 49).
        magnification: How much larger hands are drawn about their roots.
        size: Cells along each side of a map.

    Returns:
        (N, T * 33, size, size) float32: all maps of the first frame, then all of the second, ...
    """
    xy = magnify_hands(joints[..., :2], magnification)
    n, frames, points = confidence.shape
    if points == POINTS:
        xy = np.concatenate([xy, np.zeros((n, frames, len(MOUTH), 2), np.float32)], axis=2)
        confidence = np.concatenate([confidence, np.zeros((n, frames, len(MOUTH)), np.float32)], axis=2)
    maps = render_maps(xy[:, :, _TO_MAPS], confidence[..., _TO_MAPS], BODY_BOX, size)
    return maps.reshape(n, frames * len(MAPS), size, size)


def evaluation_batch(
    clips: Sequence[PlacedClip], frames: int = FRAMES, magnification: float = 1.0, size: int = SIZE
) -> Array:
    """Clips of any length as SSTCN reads them.

    Args:
        clips: N clips.
        frames: Frames of its input.
        magnification: How much larger hands are drawn about their roots.
        size: Cells along each side of a map.

    Returns:
        (N, frames * 33, size, size) float32.
    """
    orders = [choose_frames(len(clip.joints), frames) for clip in clips]
    joints, confidence = _gather(clips, orders)
    return heatmap_input(joints, confidence, magnification, size)


def training_batch(
    clips: Sequence[PlacedClip],
    rng: np.random.Generator,
    amount: Augmentation | None = None,
    *,
    mirror_rate: float = 0.5,
    frames: int = FRAMES,
    magnification: float = 1.0,
    size: int = SIZE,
) -> Array:
    """As `evaluation_batch`, varied: which frames there are, mirrored or not, and as `amount` says.

    The first two are SAM-SLR's; the rest serves small datasets.

    Args:
        clips: N clips.
        rng: Source of all randomness.
        amount: How clips are varied further; its mirror is not used.
        mirror_rate: Probability of a mirrored clip.
        frames: Frames of SSTCN's input.
        magnification: How much larger hands are drawn about their roots.
        size: Cells along each side of a map.

    Returns:
        (N, frames * 33, size, size) float32.
    """
    turned = [mirror_clip(clip) if rng.random() < mirror_rate else clip for clip in clips]
    orders = [vary_frames(len(clip.joints), frames, rng) for clip in turned]
    joints, confidence = _gather(turned, orders)
    if amount is not None:
        joints, confidence = augment(joints, confidence, replace(amount, mirror=0.0), rng)
    return heatmap_input(joints, confidence, magnification, size)


def _gather(clips: Sequence[PlacedClip], orders: Sequence[NDArray[np.int64]]) -> tuple[Array, Array]:
    pairs = list(zip(clips, orders, strict=True))
    return (
        np.stack([clip.joints[order] for clip, order in pairs]),
        np.stack([clip.confidence[order] for clip, order in pairs]),
    )
