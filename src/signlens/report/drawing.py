"""Skeletons for a page: packed keypoints for the player, and still drawings as SVG."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, WHOLE_BODY_KEYPOINTS, PoseClip
from signlens.pose.layouts import KEYPOINT_NAMES, LIMBS
from signlens.skeleton.normalise import WHOLE_BODY_INDEX

FIXED_POINT = 16
"""Packed coordinates count sixteenths of a drawn pixel."""

MISSING = -32768
"""Packed x and y of a point that was not found."""

HEAD_POINTS = 5
"""Body points 0-4 are nose, eyes and ears; they are drawn only where the face itself was not found."""

DRAWN_PARTS = ("body", "face", "left_hand", "right_hand")

_LARGEST = 3.0  # shoulder widths from the nose; what lies further off is an error of the extractor

Points = NDArray[np.floating]
Limbs = Mapping[str, Sequence[tuple[int, int]]]

WHOLE_BODY_LIMBS: Limbs = {
    "body": (*LIMBS["body"], *LIMBS["feet"]),
    "face": LIMBS["face"],
    # Each hand also hangs on the body's wrist.
    "left_hand": ((KEYPOINT_NAMES.index("left_wrist"), LEFT_HAND.start), *LIMBS["left_hand"]),
    "right_hand": ((KEYPOINT_NAMES.index("right_wrist"), RIGHT_HAND.start), *LIMBS["right_hand"]),
}
"""Which of the 133 points are joined by a line, per drawn part."""


def pack_keypoints(points: NDArray[np.float32]) -> str:
    """Pack drawn keypoints as base64 of little-endian int16.

    Args:
        points: (T, 133, 3) x and y in drawn pixels, confidence 0..1 (0: missing).

    Returns:
        Base64 of (T, 133, 3) int16: x and y in sixteenths of a drawn pixel (`MISSING` where not
        found), confidence in hundredths.
    """
    seen = points[..., 2] > 0
    packed = np.full(points.shape, MISSING, dtype="<i2")
    xy = np.clip(np.nan_to_num(points[..., :2]) * FIXED_POINT, -32767, 32767)
    packed[..., :2][seen] = np.rint(xy[seen])
    packed[..., 2] = np.where(seen, np.clip(np.rint(points[..., 2] * 100), 1, 100), 0)
    return base64.b64encode(packed.tobytes()).decode("ascii")


def drawn_points(pose: PoseClip, indices: Sequence[int], width: int, height: int) -> NDArray[np.float32]:
    """Keypoints of some frames, scaled from the clip's size to a drawing's.

    Returns:
        (len(indices), 133, 3) float32: x and y in drawn pixels, confidence.
    """
    points: NDArray[np.float32] = pose.keypoints[np.asarray(indices, dtype=np.intp)][..., [0, 1, 3]].copy()
    points[..., 0] *= width / max(1, pose.width)
    points[..., 1] *= height / max(1, pose.height)
    return points


class Square:
    """Where the signing of some clips lies in a square: the same for all, so that places can be compared.

    Args:
        clips: (T, 49, 2) each, in shoulder widths from the nose, NaN where a point was not seen
            (`signlens.retrieval.building.signing_skeleton`).
        side: Side of the square.
    """

    def __init__(self, clips: Sequence[Points], side: float) -> None:
        every = np.concatenate([np.asarray(clip, np.float64).reshape(-1, 2) for clip in clips])
        every = np.clip(every[np.isfinite(every).all(axis=1)], -_LARGEST, _LARGEST)
        low, high = (every.min(axis=0), every.max(axis=0)) if len(every) else (np.zeros(2), np.ones(2))
        self._middle = (low + high) / 2
        self._scale = side * 0.92 / max(float((high - low).max()), 1e-6)
        self._side = side

    def place(self, points: Points) -> NDArray[np.float64]:
        """Points (..., 2) in the square's units."""
        inside = np.clip(np.asarray(points, np.float64), -_LARGEST, _LARGEST)
        return (inside - self._middle) * self._scale + self._side / 2

    def points(self, clip: Points) -> NDArray[np.float32]:
        """(T, 133, 3) x and y in the square, confidence 1 where a point was seen and 0 elsewhere."""
        points = np.zeros((len(clip), WHOLE_BODY_KEYPOINTS, 3), np.float32)
        points[:, WHOLE_BODY_INDEX, :2] = self.place(clip)
        points[:, WHOLE_BODY_INDEX, 2] = np.isfinite(points[:, WHOLE_BODY_INDEX, :2]).all(axis=-1)
        return points


def still(points: NDArray[np.float32], width: int, height: int, limbs: Limbs = WHOLE_BODY_LIMBS) -> Markup:
    """One frame's skeleton as inline SVG, for pages that are read without scripts.

    Args:
        points: (133, 3) x and y in drawn pixels, confidence.
        width: Drawing's width in pixels.
        height: Drawing's height in pixels.
        limbs: Which points are joined, per part.
    """
    face = bool((points[FACE, 2] > 0).any())
    paths = []
    for part in DRAWN_PARTS:
        steps = []
        for start, stop in limbs[part]:
            if face and start < HEAD_POINTS and stop < HEAD_POINTS:
                continue
            a, b = points[start], points[stop]
            if a[2] > 0 and b[2] > 0 and math.isfinite(float(a[:2].sum() + b[:2].sum())):
                steps.append(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}")
        if steps:
            paths.append(Markup('<path class="{}" d="{}"/>').format(part.replace("_", "-"), "".join(steps)))
    return Markup(
        '<svg class="skeleton" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}</svg>'
    ).format(width, height, Markup("").join(paths))
