"""From a picture of nearness, larger is nearer and no unit, to the depth of keypoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.orientation.depth import Depth, in_shoulder_widths, with_depth
from signlens.orientation.frame import LEFT_SHOULDER, RIGHT_SHOULDER
from signlens.orientation.landmark_depth import landmark_depth
from signlens.pose.clip import BODY, PoseClip
from signlens.reasons import Reason
from signlens.video import open_video

Array = NDArray[np.float64]

SCALE_POINTS = (0, 3, 4, 7, 8, 9, 10)
"""Nose, ears, elbows, wrists: what the scale is taken from. Not the shoulders, whose depth is asked for."""
CAMERA_DISTANCE = 5.0
"""Shoulder widths from the camera to the shoulders, where one over depth is turned into depth."""
_NEAREST = 0.2
LEAST_AGREEMENT = 0.2
"""Correlation with the extractor's own depth below which the picture counts as unsure."""


def sample(picture: NDArray[np.floating], keypoints: NDArray[np.float32], width: int, height: int) -> Array:
    """A picture's values at the keypoints, between pixels by bilinear interpolation.

    The picture shows the same frame as the keypoints, not its mirror image, at any resolution.

    Args:
        picture: (H, W) of the frame.
        keypoints: (V, 4) x, y in pixels of the displayed frame, confidence in the last place.
        width: The displayed frame's.
        height: The displayed frame's.

    Returns:
        (V,) NaN where a point is not seen or lies outside of the frame.
    """
    rows, columns = picture.shape
    # A pixel's position is that of its centre, in both grids.
    x = (keypoints[:, 0].astype(np.float64) + 0.5) * columns / width - 0.5
    y = (keypoints[:, 1].astype(np.float64) + 0.5) * rows / height - 0.5
    with np.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (y >= -0.5) & (x <= columns - 0.5) & (y <= rows - 0.5)
    known = inside & (keypoints[:, 3] > 0)
    x, y = (np.clip(np.where(known, v, 0), 0, n - 1) for v, n in ((x, columns), (y, rows)))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    u, v = x - left, y - top
    upper = picture[top, left] * (1 - u) + picture[top, right] * u
    lower = picture[bottom, left] * (1 - u) + picture[bottom, right] * u
    return np.where(known, upper * (1 - v) + lower * v, np.nan)


def nearness_of_frames(
    clip: PoseClip,
    video: str | Path,
    picture_of: Callable[[NDArray[np.uint8]], NDArray[np.floating]],
    max_side: int | None = None,
) -> Array:
    """Nearness of a clip's keypoints, from a picture of nearness for each frame of a video.

    Args:
        clip: The poses of the same frames.
        video: The video.
        picture_of: From a frame (height, width, 3) to its nearness (H, W), of the same view.
        max_side: Frames are shrunk to this longer side before they are looked at.

    Returns:
        (T, 133), NaN where unknown.

    Raises:
        InputRejected: The video cannot be read or has another number of frames.
    """
    rows = []
    frames = 0
    with open_video(video, max_side=max_side) as source:
        for frame in source:
            frames += 1
            if frames > clip.frames:
                break
            picture = picture_of(frame.image)
            rows.append(sample(picture, clip.keypoints[frames - 1], clip.width, clip.height))
    if frames != clip.frames:
        count = f"more than {clip.frames}" if frames > clip.frames else f"only {frames}"
        raise InputRejected(
            video, f"has {count} frames, but the poses {clip.frames}", "give the video that belongs to them"
        )
    return np.stack(rows)


def depth_from_nearness(clip: PoseClip, source: str, nearness: Array, *, per_frame: bool = False) -> Depth:
    """Turn nearness into depth, in the scale of x and y.

    Nearness is one over the distance from the camera, up to a factor and an offset. The offset falls away
    with the middle of the shoulders as origin: with those at a distance D, a point that is z farther has

        n - n_shoulders = k (1 / (D + z) - 1 / D) = -(k / D) z / (D + z).

    The factor k is the one with which head, elbows and wrists stand as far before and behind the shoulders
    as the extractor's own depth (`landmark`) has them, by least absolute error: a hidden point, whose pixel
    shows something else, pulls no more than another. So the scale comes from the reach of arms and head,
    and the turn of the shoulders from the picture alone. D is taken to be `CAMERA_DISTANCE`.

    Args:
        clip: The poses.
        source: Name of the source.
        nearness: (T, 133), NaN where unknown.
        per_frame: Each frame has a factor of its own (frames that were normalised one by one).
    """
    landmark = landmark_depth(clip)
    own = with_depth(clip, landmark).keypoints[:, BODY, 2].astype(np.float64) / landmark.unit
    nearer = nearness - nearness[:, [LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=1, keepdims=True)
    points = list(SCALE_POINTS)
    theirs, ours = nearer[:, points], -own[:, points] / np.maximum(CAMERA_DISTANCE + own[:, points], 1.0)
    known = np.isfinite(theirs) & np.isfinite(ours) & (clip.keypoints[:, points, 3] > 0)
    theirs, ours = np.where(known, theirs, 0.0), np.where(known, ours, 0.0)
    factor = _factor(theirs, ours) if per_frame else _factor(theirs.reshape(1, -1), ours.reshape(1, -1))
    agreement = float((theirs * ours).sum() / max(np.sqrt((theirs**2).sum() * (ours**2).sum()), 1e-12))
    reasons: tuple[Reason, ...] = ()
    if agreement < LEAST_AGREEMENT:
        text = f"The depth by {source} does not fit the poses (cosine {agreement:.2f})."
        reasons = (Reason("depth_disagrees", text),)
    # A factor that is not positive would turn near into far: better no depth.
    ratio = nearer * np.where(factor > 0, factor, np.nan)
    far = -CAMERA_DISTANCE * ratio / np.maximum(1 + ratio, _NEAREST)
    return in_shoulder_widths(clip, source, far * landmark.unit, reasons)


def _factor(theirs: Array, ours: Array) -> Array:
    """(T, 1) the factor from theirs to ours of least absolute error: the weighted median of the ratios.

    Args:
        theirs: (T, points), 0 where unknown.
        ours: (T, points).
    """
    weight = np.abs(theirs)
    ratio = np.divide(ours, theirs, out=np.zeros_like(ours), where=weight > 0)
    order = np.argsort(ratio, axis=1)
    ratio, weight = (np.take_along_axis(v, order, axis=1) for v in (ratio, weight))
    reached = np.cumsum(weight, axis=1) >= 0.5 * weight.sum(axis=1, keepdims=True)
    return np.take_along_axis(ratio, reached.argmax(axis=1, keepdims=True), axis=1)
