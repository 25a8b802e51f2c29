"""What the RGB network reads: a few stretches of a video, cut to the signer.

After the 3D-CNN branch of Jiang et al., "Skeleton Aware Multi-modal Sign Language Recognition" (CVPR
workshops 2021): a square around the poses, 32 frames in a row, 128 pixels. Training takes one stretch
anywhere and varies it; evaluation takes five, evenly spaced, and averages their scores. Only frames that
are wanted are kept in memory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.pose.clip import PoseClip
from signlens.skeleton.heatmaps import Box
from signlens.skeleton.normalise import WHOLE_BODY_INDEX
from signlens.video import VideoLimits, open_video

Pictures = NDArray[np.uint8]
Array = NDArray[np.float32]

FRAMES = 32
CLIPS = 5
CUT = 256
"""Pixels of the square cut out of the video."""

SHOWN = 224
"""Pixels of it that are shown: anywhere in training, the middle in evaluation."""

SIZE = 128
"""Pixels that the network reads."""

_MARGIN = 1.3
_LARGEST_TURN = 5.0
_MOST_PICTURES = 1000


def pose_box(clip: PoseClip) -> Box:
    """The square around all places of upper body and hands in a clip, 1.3 times as large.

    Raises:
        InputRejected: No point of them is seen in any frame.
    """
    points = clip.keypoints[:, WHOLE_BODY_INDEX]
    seen = points[points[..., 3] > 0, :2].astype(np.float64)
    low, high = (seen.min(axis=0), seen.max(axis=0)) if len(seen) else (np.zeros(2), np.zeros(2))
    side = float((high - low).max()) * _MARGIN
    if side <= 0:
        raise InputRejected(
            clip.provenance.source.get("name", "poses"), "no signer is seen in it", "film the upper body"
        )
    left, top = (low + high) / 2 - side / 2
    return Box(float(left), float(top), side)


def training_frames(length: int, rng: np.random.Generator, frames: int = FRAMES) -> NDArray[np.int64]:
    """A stretch of frames in a row from anywhere in a clip; shorter clips are looped.

    Args:
        length: Frames of the clip.
        rng: Source of all randomness.
        frames: Frames wanted.

    Returns:
        (frames,) indices.

    Raises:
        UsageError: One of the two numbers is not positive.
    """
    _check_lengths(length, frames)
    start = int(rng.integers(0, max(length - frames, 0) + 1))
    return (start + np.arange(frames)) % length


def evaluation_frames(length: int, clips: int = CLIPS, frames: int = FRAMES) -> NDArray[np.int64]:
    """Evenly spaced stretches of a clip, the first from its start and the last to its end.

    Args:
        length: Frames of the clip; shorter ones than a stretch are looped.
        clips: Stretches wanted.
        frames: Frames of each.

    Returns:
        (clips, frames) indices.

    Raises:
        UsageError: A number is not positive.
    """
    _check_lengths(length, min(frames, clips))
    starts = np.round(np.linspace(0, max(length - frames, 0), clips)).astype(np.int64)
    return (starts[:, None] + np.arange(frames)) % length


def read_pictures(
    path: Path, wanted: NDArray[np.int64], box: Box, size: int = CUT, limits: VideoLimits | None = None
) -> Pictures:
    """Frames of a video, cut to a box; what the box shows beyond the frame is black.

    Args:
        path: A video.
        wanted: Indices of frames, of any shape; a frame may be wanted several times.
        box: The box, in pixels of the displayed frame.
        size: Pixels along each side of a picture.
        limits: Caps on what is decoded.

    Returns:
        (*wanted.shape, size, size, 3) uint8 RGB.

    Raises:
        InputRejected: The video cannot be read, or ends before a frame that is wanted.
        UsageError: More than a thousand pictures are wanted, or they are not of a size.
    """
    if wanted.size > _MOST_PICTURES or not 0 < size <= 4 * CUT:
        raise UsageError(
            "pictures",
            f"{wanted.size} of {size} pixels are too many or too large",
            f"ask for at most {_MOST_PICTURES} of at most {4 * CUT} pixels",
        )
    distinct, where = np.unique(wanted, return_inverse=True)
    pictures = np.zeros((len(distinct), size, size, 3), np.uint8)
    found = 0
    with open_video(path, limits) as video:
        for frame in video:
            if found < len(distinct) and frame.index == distinct[found]:
                pictures[found] = _cut(frame.image, box, size)
                found += 1
    if found < len(distinct):
        raise InputRejected(
            path, f"frame {distinct[found]} is wanted, but it ends before", "extract its poses again"
        )
    return pictures[where.reshape(wanted.shape)]


def training_input(pictures: Pictures, rng: np.random.Generator, size: int = SIZE) -> Array:
    """One stretch, varied as a whole: place, mirrored or not, turned by up to five degrees.

    Args:
        pictures: (T, 256, 256, 3) of `read_pictures`.
        rng: Source of all randomness.
        size: Pixels that the network reads.

    Returns:
        (3, T, size, size) float32, -1 (black) to 1.
    """
    side = pictures.shape[-2]
    shown = side * SHOWN / CUT
    shift = rng.uniform(-1, 1, 2) * (side - shown) / 2
    angle = np.deg2rad(rng.uniform(-_LARGEST_TURN, _LARGEST_TURN))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    return _show(pictures, shown, shift, float(angle), flip, size)


def evaluation_input(pictures: Pictures, size: int = SIZE) -> Array:
    """The middle of each picture.

    Args:
        pictures: (..., T, 256, 256, 3) of `read_pictures`.
        size: Pixels that the network reads.

    Returns:
        (..., 3, T, size, size) float32, -1 (black) to 1.
    """
    *lead, frames, side, _, _ = pictures.shape
    flat = pictures.reshape(-1, side, side, 3)
    shown = _show(flat, side * SHOWN / CUT, np.zeros(2), 0.0, 1.0, size)
    return np.ascontiguousarray(
        np.moveaxis(shown.reshape(3, *lead, frames, size, size), 0, len(lead)), dtype=np.float32
    )


def evaluation_clips(path: Path, poses: PoseClip, clips: int = CLIPS, frames: int = FRAMES) -> Array:
    """What the network reads of a video in evaluation.

    Args:
        path: The video.
        poses: Its poses, frame for frame.
        clips: Stretches.
        frames: Frames of each.

    Returns:
        (clips, 3, frames, 128, 128) float32.

    Raises:
        InputRejected: The video cannot be read, has fewer frames than poses, or shows no signer.
    """
    wanted = evaluation_frames(poses.frames, clips, frames)
    return evaluation_input(read_pictures(path, wanted, pose_box(poses)))


def training_clip(path: Path, poses: PoseClip, rng: np.random.Generator, frames: int = FRAMES) -> Array:
    """What the network reads of a video in training, another each time.

    Args:
        path: The video.
        poses: Its poses, frame for frame.
        rng: Source of all randomness.
        frames: Frames of the stretch.

    Returns:
        (3, frames, 128, 128) float32.

    Raises:
        InputRejected: As `evaluation_clips`.
    """
    wanted = training_frames(poses.frames, rng, frames)
    return training_input(read_pictures(path, wanted, pose_box(poses)), rng)


def _check_lengths(length: int, frames: int) -> None:
    if length <= 0 or frames <= 0:
        raise UsageError(
            "window", f"cannot make {frames} frames out of {length}", "give at least one of each"
        )


def _cut(image: Pictures, box: Box, size: int) -> Pictures:
    """The box's part of a frame, resized; averaged over areas where it shrinks."""
    import cv2

    height, width = image.shape[:2]
    left, top, side = round(box.left), round(box.top), max(round(box.side), 1)
    x0, x1 = max(left, 0), min(left + side, width)
    y0, y1 = max(top, 0), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        return np.zeros((size, size, 3), np.uint8)
    # Resized before it is padded, so that a huge box costs no memory.
    scale = size / side
    to_x0, to_x1 = round((x0 - left) * scale), max(round((x1 - left) * scale), 1)
    to_y0, to_y1 = round((y0 - top) * scale), max(round((y1 - top) * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = np.zeros((size, size, 3), np.uint8)
    if to_x0 < to_x1 and to_y0 < to_y1:
        picture[to_y0:to_y1, to_x0:to_x1] = cv2.resize(
            image[y0:y1, x0:x1], (to_x1 - to_x0, to_y1 - to_y0), interpolation=how
        )
    return picture


def _show(
    pictures: Pictures, shown: float, shift: NDArray[np.float64], angle: float, flip: float, size: int
) -> Array:
    """(T, side, side, 3) to (3, T, size, size): a square of `shown` pixels, moved, turned, flipped."""
    import cv2

    square = round(shown)
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = np.array([[flip * cosine, -sine], [flip * sine, cosine]])
    middle = np.full(2, (pictures.shape[-2] - 1) / 2)
    back = np.column_stack([linear, middle + shift - linear @ np.full(2, (square - 1) / 2)])
    out = np.empty((3, len(pictures), size, size), np.float32)
    for index, picture in enumerate(pictures):
        turned = cv2.warpAffine(
            picture, back, (square, square), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        # Averaged over areas, so that fine patterns do not flicker.
        small = cv2.resize(turned, (size, size), interpolation=cv2.INTER_AREA)
        out[:, index] = np.moveaxis(small, -1, 0)
    return out / np.float32(127.5) - 1
