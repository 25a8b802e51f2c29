"""Square, rotated regions of a frame: where the networks look, and the way back to the frame's pixels.

Rotation is in radians, clockwise as seen (y points down). Pixel coordinates are those of the frame.
The rules that turn points into regions are MediaPipe's (calculators ``AlignmentPointsRects``,
``DetectionsToRects``, ``HandDetectionsFromPoseToRects``, ``HandLandmarksToRect``, ``RectTransformation``
and ``RoiTracking`` of version 0.10.21), written from their description, so that the networks see what
they were trained on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Region:
    """A square of a frame.

    Attributes:
        x: Centre, in pixels.
        y: Centre, in pixels.
        side: Length of a side, in pixels.
        rotation: How far it is turned, in radians, clockwise as seen.
    """

    x: float
    y: float
    side: float
    rotation: float = 0.0

    def sampling_matrix(self, size: int) -> NDArray[np.float64]:
        """(2, 3) matrix from a pixel of a crop with `size` pixels a side to the pixel of the frame."""
        step = self.side / size
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        half = self.side / 2
        return np.array(
            [
                [cosine * step, -sine * step, self.x - half * (cosine - sine)],
                [sine * step, cosine * step, self.y - half * (sine + cosine)],
            ]
        )

    def to_frame(self, points: Points) -> Points:
        """Points within the region (0..1 along each side) as pixels of the frame.

        Args:
            points: (..., 2 or 3); z, where there is one, is in sides of the region.

        Returns:
            The same shape; z in pixels.
        """
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        u, v = points[..., 0] - 0.5, points[..., 1] - 0.5
        placed = np.empty_like(points)
        placed[..., 0] = (cosine * u - sine * v) * self.side + self.x
        placed[..., 1] = (sine * u + cosine * v) * self.side + self.y
        if points.shape[-1] == 3:
            placed[..., 2] = points[..., 2] * self.side
        return placed

    def share_within(self, width: int, height: int) -> float:
        """Share of the region, 0..1, that lies within a frame (taken at 64 evenly spread points)."""
        points = self.to_frame(_SPREAD)
        return float(((points >= 0) & (points < [width, height])).all(axis=1).mean())


_SPREAD: Points = np.stack(np.meshgrid((np.arange(8) + 0.5) / 8, (np.arange(8) + 0.5) / 8), axis=-1).reshape(
    -1, 2
)


def wrapped(angle: float) -> float:
    """An angle in radians brought into -pi..pi."""
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def turn_that_brings(start: Points, end: Points, target_degrees: float) -> float:
    """Rotation of a region in which the line from start to end points in the target direction.

    Args:
        start: (2,) pixels.
        end: (2,) pixels.
        target_degrees: 0 is to the right, 90 is up.
    """
    return wrapped(
        math.radians(target_degrees) - math.atan2(-float(end[1] - start[1]), float(end[0] - start[0]))
    )


def square_region(
    x: float, y: float, width: float, height: float, rotation: float, scale: float, shift_down: float = 0.0
) -> Region:
    """A box's square: its longer side scaled, its centre shifted along the box's own height.

    Args:
        x: Centre, in pixels.
        y: Centre, in pixels.
        width: In pixels.
        height: In pixels.
        rotation: In radians.
        scale: Side of the square per longer side of the box.
        shift_down: Shift along the box's downward axis, in heights of the box.
    """
    shift = height * shift_down
    return Region(
        x - shift * math.sin(rotation),
        y + shift * math.cos(rotation),
        max(width, height) * scale,
        rotation,
    )


def region_around_body(points: Points, scale: float = 1.25) -> Region:
    """Region from the two alignment points of a body: the middle of the hips, and a point on its circle.

    Args:
        points: (2, 2) pixels.
        scale: Side per diameter of the circle.
    """
    reach = 2 * float(np.hypot(*(points[1] - points[0])))
    rotation = turn_that_brings(points[0], points[1], 90)
    return square_region(float(points[0, 0]), float(points[0, 1]), reach, reach, rotation, scale)


def region_from_recrop(points: Points) -> Region:
    """Region of a hand from the two points of the re-crop network: centre, and a point on its circle."""
    reach = 2 * float(np.hypot(*(points[1] - points[0])))
    rotation = turn_that_brings(points[0], points[1], -90)
    return square_region(float(points[0, 0]), float(points[0, 1]), reach, reach, rotation, 1.0, -0.1)


def region_of_hand_on_body(wrist: Points, pinky: Points, index: Points) -> Region:
    """Where a hand should be, from three of the body's points (each (2,) pixels)."""
    middle = (2 * index + pinky) / 3
    reach = 2 * float(np.hypot(*(middle - wrist)))
    rotation = turn_that_brings(wrist, middle, 90)
    return square_region(float(middle[0]), float(middle[1]), reach, reach, rotation, 2.7, -0.1)


_PALM = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])


def region_of_hand(hand: Points) -> Region:
    """Where to look for a hand next, from its 21 points ((21, 2 or more), pixels)."""
    knuckles = ((hand[5, :2] + hand[13, :2]) / 2 + hand[9, :2]) / 2
    rotation = turn_that_brings(hand[0, :2], knuckles, 90)
    palm = hand[_PALM, :2].astype(np.float64)
    middle = (palm.max(axis=0) + palm.min(axis=0)) / 2
    cosine, sine = math.cos(rotation), math.sin(rotation)
    x, y = (palm - middle).T
    along, down = x * cosine + y * sine, -x * sine + y * cosine
    u, v = (along.max() + along.min()) / 2, (down.max() + down.min()) / 2
    return square_region(
        float(u * cosine - v * sine + middle[0]),
        float(u * sine + v * cosine + middle[1]),
        float(along.max() - along.min()),
        float(down.max() - down.min()),
        rotation,
        2.0,
        -0.1,
    )


def region_of_box(points: Points, start: int, end: int, scale: float, shift_down: float = 0.0) -> Region:
    """Region around points, turned so that the line from one of them to another is level.

    Args:
        points: (N, 2 or more) pixels.
        start: Index of the point to the left in the region.
        end: Index of the point to its right.
        scale: Side per longer side of the points' box.
        shift_down: Shift in heights of the box.
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    middle, extent = (low + high) / 2, high - low
    rotation = turn_that_brings(points[start], points[end], 0)
    return square_region(
        float(middle[0]), float(middle[1]), float(extent[0]), float(extent[1]), rotation, scale, shift_down
    )


@dataclass(frozen=True)
class TrackingRule:
    """How far a part may have moved for its last region to be used again.

    Attributes:
        rotation_degrees: Most difference in rotation.
        translation: Most shift along either axis, in sides of the fresh region.
        scale: Most change of the side, in sides of the fresh region.
        margin: How much wider than the fresh region the last points may lie (negative: narrower).
    """

    rotation_degrees: float
    translation: float
    scale: float
    margin: float

    def holds(self, last: Region, last_points: Points, fresh: Region) -> bool:
        """Whether the region from the last frame's points still fits the freshly found one."""
        turn = abs(math.degrees(last.rotation) - math.degrees(fresh.rotation))
        if min(turn, abs(360 - turn)) > self.rotation_degrees:
            return False
        if abs(last.side - fresh.side) > self.scale * fresh.side:
            return False
        cosine, sine = math.cos(fresh.rotation), math.sin(fresh.rotation)
        x, y = last.x - fresh.x, last.y - fresh.y
        limit = self.translation * fresh.side
        if abs(cosine * x + sine * y) > limit or abs(-sine * x + cosine * y) > limit:
            return False
        u, v = last_points[:, 0] - fresh.x, last_points[:, 1] - fresh.y
        reach = (1 + self.margin) * fresh.side / 2
        return bool(
            (np.abs(cosine * u + sine * v) < reach).all() and (np.abs(-sine * u + cosine * v) < reach).all()
        )
