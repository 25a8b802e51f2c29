"""The three trackers of Holistic: body, hand and face, each a network that follows its part over time.

What each looks at, and when it trusts its own last result, is MediaPipe Holistic's logic (the graph
``holistic_landmark_cpu`` of version 0.10.21), so that its landmarks come out; docs/pose.md says how far
the two agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.pose.clip import FACE_MESH_POINTS
from signlens.pose.layouts import MEDIAPIPE_HAND_POINTS, MEDIAPIPE_POSE_NAMES, MEDIAPIPE_POSE_POINTS
from signlens.pose.networks import (
    FACE_DETECTION,
    FACE_LANDMARKS,
    HAND_LANDMARKS,
    HAND_RECROP,
    POSE_DETECTION,
    POSE_LANDMARKS,
    Detection,
    Detector,
    Network,
)
from signlens.pose.regions import (
    Points,
    Region,
    TrackingRule,
    region_around_body,
    region_from_recrop,
    region_of_box,
    region_of_hand,
    region_of_hand_on_body,
)
from signlens.pose.smoothing import LowPassFilter, OneEuroFilter

Image = NDArray[np.uint8]

_NOMINAL_RATE = 1e6 / 33333  # Holistic's Python API counts every frame as 33,333 microseconds
_PRESENT = 0.5
_IN_VIEW = 0.25  # a hand whose surroundings lie further outside of the frame is never found


@dataclass(frozen=True)
class Body:
    """A body in one frame.

    Attributes:
        points: (33, 4) x, y, z in pixels and visibility 0..1, smoothed over time.
    """

    points: Points


def pose_detector() -> Detector:
    """The detector that finds a body in a whole frame."""
    return Detector(POSE_DETECTION, (8, 16, 32, 32, 32))


def body_region(found: Detection) -> Region:
    """Where the body of a detection is."""
    return region_around_body(found.keypoints[:2])


class BodyTracker:
    """Follows one body; where there are several, the largest one that the detector sees."""

    def __init__(self) -> None:
        self._detector = pose_detector()
        self._network = Network(POSE_LANDMARKS)
        self._visibility = LowPassFilter(0.1)
        self._smooth = OneEuroFilter(0.05, 80.0, 1.0, _NOMINAL_RATE)
        self._smooth_alignment = OneEuroFilter(0.01, 10.0, 1.0, _NOMINAL_RATE)
        self._region: Region | None = None

    def reset(self) -> None:
        """Start on another clip."""
        self._region = None
        self._forget()

    def _forget(self) -> None:
        self._visibility.reset()
        self._smooth.reset()
        self._smooth_alignment.reset()

    def step(self, image: Image) -> Body | None:
        """The body in the next frame, or None."""
        region = self._region
        if region is None:
            found = self._detector.detect(image)
            if found:
                region = max((body_region(one) for one in found), key=lambda r: r.side)
        self._region = None
        if region is None or region.side < 1:
            self._forget()
            return None
        self._network.run(image, region)
        if float(self._network.output(1).reshape(-1)[0]) <= _PRESENT:
            self._forget()
            return None
        raw = self._network.output(0).reshape(-1, 5)[: MEDIAPIPE_POSE_POINTS + 2].astype(np.float64)
        local = raw[:, :3] / self._network.size
        refine_from_heatmap(local, self._network.output(3)[0])
        visibility = self._visibility(1 / (1 + np.exp(-raw[:MEDIAPIPE_POSE_POINTS, 3])))
        placed = region.to_frame(local)
        size = region_around_body(placed[MEDIAPIPE_POSE_POINTS:, :2], scale=1.0).side
        if size < 1e-6:
            self._forget()
            return None
        body = self._smooth(placed[:MEDIAPIPE_POSE_POINTS], size)
        alignment = self._smooth_alignment(placed[MEDIAPIPE_POSE_POINTS:], size)
        self._region = region_around_body(alignment[:, :2])
        return Body(np.concatenate([body, visibility[:, None]], axis=1))


def refine_from_heatmap(points: Points, heatmap: NDArray[np.float32], kernel: int = 9) -> None:
    """Move points to the centre of mass of their heat map nearby, where it is sure enough (in place).

    Args:
        points: (N, 2 or more), x and y in 0..1 of the heat map.
        heatmap: (H, W, N or more) logits.
        kernel: Width of the neighbourhood, in cells.
    """
    height, width = heatmap.shape[:2]
    count = len(points)
    column = np.trunc(points[:, 0] * width).astype(np.intp)
    row = np.trunc(points[:, 1] * height).astype(np.intp)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    reach = np.arange(kernel) - (kernel - 1) // 2
    columns, rows = column[:, None] + reach, row[:, None] + reach
    valid = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    picked = heatmap[
        np.clip(rows, 0, height - 1)[:, :, None],
        np.clip(columns, 0, width - 1)[:, None, :],
        np.arange(count)[:, None, None],
    ]
    weight = np.where(valid, 1 / (1 + np.exp(-picked.astype(np.float64))), 0)
    total = weight.sum(axis=(1, 2))
    sure = inside & (weight.max(axis=(1, 2)) >= 0.5) & (total > 0)
    safe = np.where(sure, total, 1)
    x = (weight.sum(axis=1) * columns).sum(axis=1) / safe / width
    y = (weight.sum(axis=2) * rows).sum(axis=1) / safe / height
    points[:, 0] = np.where(sure, x, points[:, 0])
    points[:, 1] = np.where(sure, y, points[:, 1])


class HandTracker:
    """Follows one hand of a body.

    Args:
        side: ``LEFT`` or ``RIGHT``, the signer's own.
    """

    _RULE = TrackingRule(rotation_degrees=40, translation=0.2, scale=0.4, margin=-0.1)

    def __init__(self, side: str) -> None:
        self._anchors = tuple(
            MEDIAPIPE_POSE_NAMES.index(f"{side}_{name}") for name in ("WRIST", "PINKY", "INDEX")
        )
        self._recrop = Network(HAND_RECROP)
        self._network = Network(HAND_LANDMARKS)
        self._last: Points | None = None

    def reset(self) -> None:
        """Start on another clip."""
        self._last = None

    def step(self, image: Image, body: Body | None) -> Points | None:
        """The hand in the next frame.

        Returns:
            (21, 4) x, y, z in pixels and the network's confidence, or None.
        """
        last, self._last = self._last, None
        if body is None:
            return None
        wrist, pinky, index = (body.points[i] for i in self._anchors)
        if wrist[3] <= 0.1:
            return None
        guess = region_of_hand_on_body(wrist[:2], pinky[:2], index[:2])
        height, width = image.shape[:2]
        if guess.side < 1 or guess.share_within(width, height) < _IN_VIEW:
            return None
        self._recrop.run(image, guess)
        alignment = self._recrop.output(0).reshape(2, 2).astype(np.float64) / self._recrop.size
        region = region_from_recrop(guess.to_frame(alignment))
        if last is not None:
            followed = region_of_hand(last)
            if self._RULE.holds(followed, last, region):
                region = followed
        if region.side < 1:
            return None
        self._network.run(image, region)
        confidence = float(self._network.output(1).reshape(-1)[0])
        if confidence <= _PRESENT:
            return None
        local = (
            self._network.output(0).reshape(MEDIAPIPE_HAND_POINTS, 3).astype(np.float64) / self._network.size
        )
        local[:, 2] /= 0.4
        self._last = region.to_frame(local)
        return np.concatenate([self._last, np.full((MEDIAPIPE_HAND_POINTS, 1), confidence)], axis=1)


class FaceTracker:
    """Follows the face of a body."""

    _RULE = TrackingRule(rotation_degrees=15, translation=0.1, scale=0.3, margin=-0.2)
    _RIGHT_EYE = MEDIAPIPE_POSE_NAMES.index("RIGHT_EYE")
    _LEFT_EYE = MEDIAPIPE_POSE_NAMES.index("LEFT_EYE")
    _HEAD = MEDIAPIPE_POSE_NAMES.index("MOUTH_RIGHT") + 1

    def __init__(self) -> None:
        self._detector = Detector(FACE_DETECTION, (8, 16, 16, 16))
        self._network = Network(FACE_LANDMARKS)
        self._last: Points | None = None

    def reset(self) -> None:
        """Start on another clip."""
        self._last = None

    def step(self, image: Image, body: Body | None) -> Points | None:
        """The face in the next frame.

        Returns:
            (468, 4) x, y, z in pixels and the network's confidence, or None.
        """
        last, self._last = self._last, None
        if body is None:
            return None
        head = region_of_box(body.points[: self._HEAD, :2], self._RIGHT_EYE, self._LEFT_EYE, scale=3.0)
        if head.side < 1:
            return None
        found = self._detector.detect(image, head)
        if not found:
            return None
        region = region_of_box(found[0].keypoints, 0, 1, scale=2.0, shift_down=-0.1)
        if last is not None:
            followed = region_of_box(last, 33, 263, scale=1.5)
            if self._RULE.holds(followed, last, region):
                region = followed
        if region.side < 1:
            return None
        self._network.run(image, region)
        confidence = 1 / (1 + float(np.exp(-self._network.output(1).reshape(-1)[0])))
        if confidence <= _PRESENT:
            return None
        local = self._network.output(0).reshape(FACE_MESH_POINTS, 3).astype(np.float64) / self._network.size
        self._last = region.to_frame(local)
        return np.concatenate([self._last, np.full((FACE_MESH_POINTS, 1), confidence)], axis=1)
