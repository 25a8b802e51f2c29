"""Skeletons for a page: packed keypoints for the player, and still drawings as SVG."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, PoseClip
from signlens.pose.layouts import KEYPOINT_NAMES, LIMBS

FIXED_POINT = 16
"""Packed coordinates count sixteenths of a drawn pixel."""

MISSING = -32768
"""Packed x and y of a point that was not found."""

HEAD_POINTS = 5
"""Body points 0-4 are nose, eyes and ears; they are drawn only where the face itself was not found."""

DRAWN_PARTS = ("body", "face", "left_hand", "right_hand")

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


def signing_space(pose: PoseClip, size: int) -> NDArray[np.float32]:
    """Keypoints moved and scaled so that the signing (head to hips, hands) fills a square.

    The same shift and scale hold for all frames, so the movement stays true.

    Returns:
        (T, 133, 3) float32: x and y in a square of ``size`` pixels, confidence.
    """
    points: NDArray[np.float32] = pose.keypoints[..., [0, 1, 3]].copy()
    framing = np.concatenate(
        [points[:, :13], points[:, FACE], points[:, LEFT_HAND], points[:, RIGHT_HAND]], axis=1
    ).reshape(-1, 3)
    framing = framing[framing[:, 2] >= 0.3]
    if len(framing) == 0:
        return points
    low, high = framing[:, :2].min(axis=0), framing[:, :2].max(axis=0)
    scale = size * 0.88 / max(float((high - low).max()), 1e-6)
    points[..., :2] = (points[..., :2] - (low + high) / 2) * scale + size / 2
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
