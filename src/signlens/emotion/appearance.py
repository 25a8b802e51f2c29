"""What the face's skin shows beside its points: wrinkles, shadows, teeth; read from a small grey crop.

The crop is framed as CK+ frames a face and is 48 x 48 grey pixels however large the face was filmed, because
that is what the head was trained on. It is turned, moved and scaled onto the reference face by the points
that expressions hardly move, enlarged to 72 x 72, and described by histograms of gradients (Dalal and Triggs
2005, OpenCV's implementation), averaged with those of its mirror image.

This branch only tells the seven expressions apart. Whether a face is at rest is left to its points: the
rest faces of the training are filmed and the expressive ones are crops of photographs, and the grain of a
picture would give away which is which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.optional import import_opencv
from signlens.pose.face_points import POINTS, STABLE_POINTS

FloatArray = NDArray[np.float64]

CROP = 48
"""Pixels of a crop along each side."""

SIDE = 72
"""Pixels of the aligned face along each side."""

SMALLEST_FACE = 24
"""Pixels; a face that was filmed smaller is read by its points alone."""

_CELL, _BINS = 9, 9
_CELLS = SIDE // _CELL
HISTOGRAMS = (_CELLS - 1) ** 2 * 4 * _BINS
"""Length of the description: blocks of 2 x 2 cells, one cell apart."""

_EYES = (33, 263)  # outer corners
_UNIT = 0.5  # outer eye corners' distance in the aligned face, as a share of its side
_EYE_LINE = 0.36  # height of the eyes there, from above
_MOST_UNEVEN = 1e-9


@dataclass(frozen=True)
class Framing:
    """Where CK+ has the eyes in a crop, as shares of its side.

    Attributes:
        x: Middle between the outer eye corners, from the left.
        y: The same, from above.
        span: Distance of the outer eye corners.
    """

    x: float
    y: float
    span: float


@dataclass(frozen=True)
class AppearanceHead:
    """A linear discriminant over the histograms of gradients of an aligned face.

    Attributes:
        framing: How crops are framed.
        weights: (`HISTOGRAMS`, 7) to the scores of the expressions other than neutral, in their order.
        bias: (7,).
        appearance_share: What these scores are multiplied by before they join the points'.
        points_share: What the points' logits of the same expressions are multiplied by.
    """

    framing: Framing
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    appearance_share: float
    points_share: float

    def scores(self, histograms: NDArray[np.floating]) -> FloatArray:
        """(K, `HISTOGRAMS`) to (K, 7); NaN rows stay NaN."""
        return np.asarray(histograms @ self.weights + self.bias)

    def joined(self, logits: NDArray[np.floating], scores: NDArray[np.floating]) -> FloatArray:
        """Logits of the points, with those of the seven expressions rearranged by what the picture shows.

        How likely the face is at rest stays what the points say.

        Args:
            logits: (K, 8) of the points; neutral first.
            scores: (K, 7); rows with NaN leave the logits as they are.

        Returns:
            (K, 8) logits.
        """
        points = np.asarray(logits, dtype=np.float64)
        seen = np.isfinite(scores).all(axis=1)
        result = points.copy()
        seven = self.points_share * points[seen, 1:] + self.appearance_share * np.asarray(scores)[seen]
        result[seen, 1:] = seven - _log_sum(seven) + _log_sum(points[seen, 1:])
        return result


def expression_crop(
    image: NDArray[np.uint8], points: NDArray[np.floating], framing: Framing
) -> tuple[NDArray[np.uint8], FloatArray] | None:
    """A face as CK+ has it: 48 x 48 grey pixels, upright as filmed.

    Args:
        image: (H, W, 3) RGB or (H, W) grey that the points lie in.
        points: (468, 2 or 3) face points in its pixels.
        framing: Where the eyes come to lie.

    Returns:
        The crop, and the points (468, 2) in its pixels; None for a face without finite points, outside of
        the image, or smaller than `SMALLEST_FACE`.
    """
    cv2 = import_opencv()
    flat = np.asarray(points, dtype=np.float64)[:, :2]
    if flat.shape != (POINTS, 2) or not np.isfinite(flat).all():
        return None
    eyes = flat[list(_EYES)]
    side = float(np.linalg.norm(eyes[1] - eyes[0])) / framing.span
    if side < SMALLEST_FACE or side > 4 * max(image.shape[:2]):
        return None
    corner = eyes.mean(axis=0) - np.array([framing.x, framing.y]) * side
    square = cut_square(image, corner, side)
    if square is None:
        return None
    grey = square if square.ndim == 2 else cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (CROP, CROP), interpolation=cv2.INTER_AREA)
    moved = (flat - np.floor(corner) + 0.5) * (CROP / len(square)) - 0.5
    return np.asarray(small, dtype=np.uint8), moved


def cut_square(image: NDArray[np.uint8], corner: FloatArray, side: float) -> NDArray[np.uint8] | None:
    """A square of an image; beyond the image its edge pixels go on. None where they share no pixel."""
    count = max(int(side), 1)
    left, top = (int(np.floor(v)) for v in corner)
    height, width = image.shape[:2]
    if left >= width or top >= height or left + count <= 0 or top + count <= 0:
        return None
    rows = np.clip(np.arange(count) + top, 0, height - 1)
    columns = np.clip(np.arange(count) + left, 0, width - 1)
    return np.ascontiguousarray(image[rows][:, columns])


def aligned_face(
    crop: NDArray[np.uint8], points: NDArray[np.floating], reference: NDArray[np.floating]
) -> NDArray[np.uint8] | None:
    """A crop moved onto the reference face by the least-squares similarity of its stable points.

    Args:
        crop: (48, 48) grey.
        points: (468, 2) in its pixels.
        reference: (468, 3) reference face.

    Returns:
        (72, 72) grey, the eyes at a fixed place; None when the points do not span a face.
    """
    cv2 = import_opencv()
    stable = list(STABLE_POINTS)
    face = np.asarray(reference, dtype=np.float64)[:, :2]
    face = (face - face[list(_EYES)].mean(axis=0)) * (_UNIT * SIDE) + [(SIDE - 1) / 2, _EYE_LINE * SIDE]
    source, target = np.asarray(points, dtype=np.float64)[stable, :2], face[stable]
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    # A similarity of the plane is one complex number: target = turn * source.
    a, b = (source - middle) @ [1, 1j], (target - goal) @ [1, 1j]
    size = float((np.abs(a) ** 2).sum())
    if not size > _MOST_UNEVEN:
        return None
    turn = (a.conj() @ b) / size
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    move = np.c_[matrix, goal - matrix @ middle]
    picture = cv2.warpAffine(crop, move, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(picture, dtype=np.uint8)


def gradient_histograms(aligned: NDArray[np.uint8]) -> FloatArray:
    """(`HISTOGRAMS`,) of an aligned face and its mirror image, averaged."""
    cv2 = import_opencv()
    block = (2 * _CELL, 2 * _CELL)
    cell = (_CELL, _CELL)
    counter = cv2.HOGDescriptor((SIDE, SIDE), block, cell, cell, _BINS)
    both = [counter.compute(np.ascontiguousarray(side)).ravel() for side in (aligned, aligned[:, ::-1])]
    return np.asarray((both[0].astype(np.float64) + both[1]) / 2)


def describe(
    image: NDArray[np.uint8],
    points: NDArray[np.floating],
    framing: Framing,
    reference: NDArray[np.floating],
) -> FloatArray:
    """(`HISTOGRAMS`,) of the face at some points in an image; NaN where it cannot be cut out."""
    found = expression_crop(image, points, framing)
    aligned = None if found is None else aligned_face(*found, reference)
    return np.full(HISTOGRAMS, np.nan) if aligned is None else gradient_histograms(aligned)


def _log_sum(values: FloatArray) -> FloatArray:
    most = values.max(axis=1, keepdims=True)
    return np.asarray(most + np.log(np.exp(values - most).sum(axis=1, keepdims=True)))
