"""SSTCN's heat-maps: where each of 33 keypoints is, as 24 x 24 pictures of the signer's square box.

SAM-SLR takes them from a whole-body network (HRNet-W48, one map of 96 x 96 a keypoint at stride 4 of a
384 x 384 picture) and halves them twice by 3 x 3 max-pooling. Here they are rendered from keypoints of
any extractor. A network must be used on maps of the kind it learnt from.

Reference: Jiang et al., "Skeleton Aware Multi-modal Sign Language Recognition" (CVPR workshops 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.orientation.frame import SignerFrame
from signlens.skeleton.normalise import WHOLE_BODY_INDEX

Array = NDArray[np.float32]

MOUTH = (71, 77, 85, 89)
"""Whole-body keypoints of the mouth: both corners, upper and lower lip."""

_HAND = (0, 2, 4, 5, 8, 9, 12, 13, 16, 17, 20)

MAPS: NDArray[np.int64] = np.array(
    [0, *MOUTH, *range(5, 11), *(91 + point for point in _HAND), *(112 + point for point in _HAND)]
)
"""(33,) whole-body keypoint of each map: nose, mouth, shoulders to wrists, left hand, right hand."""

SIZE = 24
"""Cells of a map along each side."""

SIGMA = 0.75
"""Standard deviation of a keypoint's Gaussian in cells: the 3 of 96 pixels that HRNet learns from at
384 x 288 (mmpose's COCO-WholeBody settings), at a quarter of their resolution."""

POOL = 0.75
"""Half the width of what a cell sees, in cells: two 3 x 3 max-pools of stride 2 see 7 x 7 pixels, which
is 3 pixels to either side of the middle one, at 4 pixels a cell."""


@dataclass(frozen=True)
class Box:
    """A square in the plane of the keypoints.

    Attributes:
        left: x of its left side.
        top: y of its upper side.
        side: Length of its sides, in the same unit.
    """

    left: float
    top: float
    side: float


BODY_BOX = Box(-2.0, -1.0, 4.0)
"""The signer's box in shoulder widths from the mean place of the nose: two to either side, one above,
three below. More than 99.5 % of the hand points of 318 recordings of signs lie in it."""


def signer_box(points: Array) -> Box:
    """The signer's square box, one for the whole clip, so that movement stays movement.

    Args:
        points: (T, 49, 4) or (T, 133, 4): x, y, z in one isotropic unit (pixels), confidence.

    Returns:
        `BODY_BOX` in the points' unit.

    Raises:
        InputRejected: No frame shows the nose and both shoulders.
        UsageError: The points are neither 49 nor 133.
    """
    centre, width = SignerFrame.of(points).place()
    return Box(
        left=float(centre[0]) + BODY_BOX.left * width,
        top=float(centre[1]) + BODY_BOX.top * width,
        side=BODY_BOX.side * width,
    )


def keypoint_maps(points: Array, box: Box | None = None, size: int = SIZE) -> Array:
    """Heat-maps rendered from keypoints.

    Args:
        points: (T, 49, 4) or (T, 133, 4): x, y, z in one isotropic unit (pixels), confidence 0..1.
            Missing points have confidence 0 and any coordinates. Of 49 points there is no mouth:
            its four maps are empty.
        box: What the maps show; the signer's box by default.
        size: Cells along each side.

    Returns:
        (T, 33, size, size) float32, rows from top to bottom. The peak is the confidence; a missing
        keypoint's map is empty.

    Raises:
        InputRejected: No box is given, and no frame shows the nose and both shoulders.
        UsageError: The points are neither 49 nor 133.
    """
    if box is None:
        box = signer_box(points)
    stored = _stored(points.shape[1])
    at = np.array([int(np.flatnonzero(stored == p)[0]) if p in stored else -1 for p in MAPS])
    chosen = points[:, at]
    confidence = np.where(at >= 0, chosen[..., 3], 0)
    return render_maps(chosen[..., :2], confidence, box, size)


def render_maps(xy: Array, confidence: Array, box: Box, size: int = SIZE) -> Array:
    """One Gaussian a keypoint, as max-pooling leaves it.

    A cell shows the highest value of the Gaussian within `POOL` of its middle. The greatest value of
    a product of two such curves is the product of their greatest values, so a map is an outer product.

    Args:
        xy: (..., 2) places in the box's unit; any value where the confidence is 0.
        confidence: (...) peaks; clipped to 0..1, not a number counts as 0.
        box: What the maps show.
        size: Cells along each side.

    Returns:
        (..., size, size) float32.
    """
    peak = np.clip(np.nan_to_num(confidence, nan=0.0), 0, 1).astype(np.float32)
    corner = np.array([box.left, box.top], np.float32)
    place = (np.where(peak[..., None] > 0, xy, corner) - corner) * np.float32(size / box.side)
    middle = np.arange(size, dtype=np.float32) + np.float32(0.5)
    away = np.maximum(np.abs(place[..., None] - middle) - np.float32(POOL), 0)
    curve = np.exp(-(away**2) / np.float32(2 * SIGMA**2)).astype(np.float32)
    along_x, along_y = curve[..., 0, :], curve[..., 1, :] * peak[..., None]
    return along_y[..., :, None] * along_x[..., None, :]


def _stored(keypoints: int) -> NDArray[np.int64]:
    if keypoints == len(WHOLE_BODY_INDEX):
        return WHOLE_BODY_INDEX
    if keypoints == 133:
        return np.arange(133)
    raise UsageError("keypoints", f"there are {keypoints} of them", "give 49 or 133")
