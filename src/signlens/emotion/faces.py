"""Whose face is read, and its picture: the largest face near the signer's head, cut out for a provider.

The pose extractor follows the signer's body and looks for the face on its head, so face points are the
signer's own. Where a provider looks at pixels, a `FaceAlbum` keeps a window around the face of some frames
while the video goes by; whole frames are never kept. For frames without poses, `faces_in_frames` finds the
faces itself.
"""

from __future__ import annotations

from collections.abc import Sequence
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

NEAR = 1.0
"""A face belongs to a head when its middle is at most this many head sizes away."""

WINDOW = 2.0
"""A window's side, in sides of the face's box."""


def largest_face_near(
    boxes: NDArray[np.floating], head: NDArray[np.floating] | None, near: float = NEAR
) -> int | None:
    """Which of the faces in a frame is the signer's.

    Args:
        boxes: (F, 4) left, top, right, bottom in pixels.
        head: (3,) x, y and size of the signer's head as the pose has it, in pixels; None when nobody
            knows, and every face is near.
        near: How far a face's middle may be from the head's, in head sizes.

    Returns:
        The row of the face of the largest area among those near the head; the first of equals. None
        when there is none.
    """
    found = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    size = found[:, 2:] - found[:, :2]
    usable = np.isfinite(found).all(axis=1) & (size > 0).all(axis=1)
    if head is not None:
        middle = (found[:, :2] + found[:, 2:]) / 2
        usable &= np.linalg.norm(middle - np.asarray(head)[:2], axis=1) <= near * head[2]
    if not usable.any():
        return None
    return int(np.where(usable, size.prod(axis=1), -1.0).argmax())


def heads_of(keypoints: NDArray[np.floating]) -> FloatArray:
    """Where the pose has the signer's head.

    Args:
        keypoints: (T, 133, 4) as in `signlens.pose.PoseClip`.

    Returns:
        (T, 3) x, y of the middle of nose, eyes and ears, and one and a half times how far these lie apart
        (ear to ear when both are seen), in pixels; NaN where fewer than two of them are seen.
    """
    points = np.where(keypoints[:, :5, 3:] > 0, keypoints[:, :5, :2], np.nan).astype(np.float64)
    heads = np.full((len(points), 3), np.nan)
    for row, five in zip(heads, points, strict=True):
        seen = five[np.isfinite(five).all(axis=1)]
        if len(seen) > 1:
            row[:2] = seen.mean(axis=0)
            row[2] = 1.5 * float(np.ptp(seen, axis=0).max())
    return heads


def face_square(points: NDArray[np.floating], scale: float) -> tuple[FloatArray, float]:
    """The upright square around a face: its top left corner and its side, in pixels.

    Args:
        points: (468, 2 or 3) face points.
        scale: Side, in the longer side of the points' box.
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

    Raises:
        UsageError: A capacity below 2 or a side below 1.
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

    def keep_only(self, frames: NDArray[np.int64]) -> None:
        """Let go of all other frames."""
        wanted = {int(i) for i in frames}
        self._kept = {i: kept for i, kept in self._kept.items() if i in wanted}

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


def faces_in_frames(images: Sequence[Image], heads: NDArray[np.floating] | None = None) -> FaceFrames:
    """Face points of frames whose poses nobody has measured: the largest face near the signer's head.

    Every frame is looked at on its own, by the face detector and the face mesh of the pose extractor.

    Args:
        images: K frames (H, W, 3) uint8 RGB.
        heads: (K, 3) where the signer's heads are (`heads_of`); None for the largest face of each frame.

    Returns:
        The points, NaN rows where there is no face, and the images.

    Raises:
        UsageError: Frames that are no RGB pictures, or not as many heads.
        PartMissing: MediaPipe's networks or the libraries that run them are not there.
    """
    from signlens.pose.networks import FACE_DETECTION_FAR, FACE_LANDMARKS, Detector, Network
    from signlens.pose.regions import region_of_box

    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise UsageError("images", f"shape {image.shape} of {image.dtype}", "give (H, W, 3) uint8 RGB")
    if heads is not None and np.shape(heads) != (len(images), 3):
        raise UsageError("heads", f"shape {np.shape(heads)} for {len(images)} frames", "give (frames, 3)")
    detector = Detector(FACE_DETECTION_FAR, (4,), anchors_per_layer=1, min_score=0.5)
    mesh = Network(FACE_LANDMARKS)
    points = np.full((len(images), POINTS, 3), np.nan)
    for number, image in enumerate(images):
        found = detector.detect(image)
        boxes = np.array([f.box for f in found]).reshape(-1, 4)
        head = None if heads is None or not np.isfinite(heads[number]).all() else heads[number]
        chosen = largest_face_near(boxes, head)
        if chosen is None:
            continue
        region = region_of_box(found[chosen].keypoints, 0, 1, scale=2.0, shift_down=-0.1)
        if region.side < 1:
            continue
        mesh.run(image, region)
        if mesh.output(1).reshape(-1)[0] > 0:  # a logit: more likely a face than not
            local = mesh.output(0).reshape(POINTS, 3).astype(np.float64) / mesh.size
            points[number] = region.to_frame(local)
    return FaceFrames(points, tuple(images))
