"""The picture of the signer's face, cut out for a provider that looks at pixels.

The pose extractor follows the signer's body and looks for the face on its head, so face points are the
signer's own. A `FaceAlbum` keeps a window around the face of some frames while the video goes by; whole
frames are never kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import cut_square
from signlens.emotion.provider import FaceFrames
from signlens.errors import UsageError
from signlens.optional import import_opencv
from signlens.pose.face_points import POINTS

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]

WINDOW = 2.0
"""A window's side, in sides of the face's box."""


def face_square(points: NDArray[np.floating], scale: float) -> tuple[FloatArray, float]:
    """The upright square around a face: its top left corner and its side, in pixels.

    Args:
        points: (468, 2 or 3) face points.
        scale: Side, in the longer side of the points' box.

    >>> corner, side = face_square(np.array([[10.0, 20.0], [30.0, 60.0]]), scale=1.5)
    >>> corner.tolist(), side
    ([-10.0, 10.0], 60.0)
    """
    flat = np.asarray(points, dtype=np.float64)[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    side = scale * float((high - low).max())
    return (low + high) / 2 - side / 2, side


def face_picture(image: Image, points: NDArray[np.floating], scale: float) -> Image | None:
    """The square around a face, RGB; beyond the image its edge pixels go on. None outside of the image."""
    corner, side = face_square(points, scale)
    if not np.isfinite(side) or side < 1 or side > 8 * max(image.shape[:2]):
        return None
    return cut_square(image, corner, side)


@dataclass(frozen=True)
class _Kept:
    image: Image
    points: NDArray[np.float32]


class FaceAlbum:
    """Windows around the signer's face in some evenly spread frames of a clip whose length is not known yet.

    It begins with every frame; whenever it is full it lets go of every other one and goes on with twice the
    distance. So it never holds more than `capacity` windows, and at least half as many once it was full.

    Args:
        face_side: Pixels of the face that the provider looks at (`EmotionProvider.face_side`); larger faces
            are kept smaller, at most so many pixels along each side.
        capacity: Most windows to hold, at least 2.
    """

    def __init__(self, face_side: int, capacity: int = 128) -> None:
        if capacity < 2 or face_side < 1:
            raise UsageError(
                "FaceAlbum", "too small", "give a capacity of at least 2 and a side of at least 1"
            )
        self.most = int(WINDOW * face_side)
        self.capacity = capacity
        self.distance = 1
        self._kept: dict[int, _Kept | None] = {}

    def add(self, index: int, image: Image, points: NDArray[np.floating] | None) -> None:
        """Look at the next frame.

        Args:
            index: Its number, from 0 and increasing.
            image: (H, W, 3) RGB.
            points: (468, 3 or more) face points in its pixels; None when there is no face.
        """
        if index % self.distance:
            return
        self._kept[index] = None if points is None else self._window(image, np.asarray(points)[:, :3])
        while len(self._kept) > self.capacity:
            self.distance *= 2
            self._kept = {i: kept for i, kept in self._kept.items() if i % self.distance == 0}

    def nearest(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """The looked-at frames nearest to some frames, increasing and without repeats."""
        there = np.array(sorted(self._kept), dtype=np.int64)
        if not len(there):
            return np.asarray(frames)
        place = np.abs(there[None, :] - np.asarray(frames)[:, None]).argmin(axis=1)
        return np.unique(there[place])

    def faces(self, points: NDArray[np.floating], frames: NDArray[np.int64]) -> FaceFrames:
        """Points of some frames, with the windows that there are.

        Args:
            points: (T, 468, 3) of the whole clip.
            frames: Which frames.
        """
        kept = [self._kept.get(int(i)) for i in frames]
        inside = np.full((len(frames), POINTS, 3), np.nan)
        for row, window in zip(inside, kept, strict=True):
            if window is not None:
                row[:] = window.points
        images = tuple(None if window is None else window.image for window in kept)
        return FaceFrames(points[frames], images, inside)

    def _window(self, image: Image, points: NDArray[np.floating]) -> _Kept | None:
        if not np.isfinite(points).all():
            return None
        corner, side = face_square(points, WINDOW)
        height, width = image.shape[:2]
        left, top = (int(v) for v in np.clip(np.floor(corner), 0, [width, height]))
        right, bottom = (int(v) for v in np.clip(np.ceil(corner + side), 0, [width, height]))
        if right - left < 2 or bottom - top < 2:
            return None
        window = image[top:bottom, left:right]
        moved = points.astype(np.float64) - [left, top, 0]
        shrink = self.most / max(window.shape[:2])
        if shrink < 1:
            cv2 = import_opencv()
            size = [max(1, round(v * shrink)) for v in (window.shape[1], window.shape[0])]
            scale = np.array([size[0] / window.shape[1], size[1] / window.shape[0]])
            window = cv2.resize(window, size, interpolation=cv2.INTER_AREA)
            moved[:, :2] = (moved[:, :2] + 0.5) * scale - 0.5
            moved[:, 2] *= scale[0]
        return _Kept(np.ascontiguousarray(window).copy(), moved.astype(np.float32))
