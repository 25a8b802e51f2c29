"""The signer's frame: where the shoulders are, how far apart, how they tilt and turn.

Found once for a clip and passed on to whatever measures the signer in their own units.

Frame of all coordinates, as in `PoseClip`: x to the image's right, y down, z away from the camera, one
unit for all three. The *signer's frame* has its origin in the middle between the shoulders and its x axis
along them, from the signer's right shoulder to the left one, which is the image's +x for a signer who
faces the camera upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.pose.layouts import KEYPOINT_NAMES

Angles = NDArray[np.float64]
Mask = NDArray[np.bool_]

NOSE = KEYPOINT_NAMES.index("nose")
LEFT_SHOULDER, RIGHT_SHOULDER = (KEYPOINT_NAMES.index(f"{side}_shoulder") for side in ("left", "right"))
"""Among the 133 whole-body keypoints; the nose is the first point of every layout."""

SHOULDERS: dict[int, tuple[int, int]] = {27: (1, 2), 49: (1, 2), 133: (LEFT_SHOULDER, RIGHT_SHOULDER)}
"""Points of a layout -> its left and right shoulder: SL-GCN's nodes, the recogniser's, whole body."""


def shoulders_of(points: int) -> tuple[int, int]:
    """Left and right shoulder of a layout, by its number of points.

    >>> shoulders_of(133)
    (5, 6)

    Raises:
        UsageError: The layout is not one of `SHOULDERS`.
    """
    if points not in SHOULDERS:
        known = ", ".join(str(n) for n in SHOULDERS)
        raise UsageError("skeleton", f"there is no layout of {points} points", f"give {known} points")
    return SHOULDERS[points]


@dataclass(frozen=True)
class SignerFrame:
    """Where the signer is in every frame of a clip, in the points' unit.

    >>> points = np.ones((1, 49, 4))
    >>> points[0, [1, 2], 0] = 3.0, 1.0  # left and right shoulder
    >>> SignerFrame.of(points).shoulder_width
    2.0

    Attributes:
        nose: (T, 3) NaN where it is not visible.
        shoulders: (T, 2, 3) left and right; NaN where not both are visible.
    """

    nose: Angles
    shoulders: Angles

    @classmethod
    def of(cls, points: NDArray[np.floating], z: NDArray[np.floating] | None = None) -> Self:
        """The frame of a clip.

        Args:
            points: (T, V, 4) x, y, z, confidence in a layout of `SHOULDERS`; a point with confidence 0 is
                not visible.
            z: (T, V) depth to take instead of the points' own.

        Raises:
            UsageError: The layout is not known.
        """
        chosen = [NOSE, *shoulders_of(points.shape[1])]
        place = points[:, chosen].astype(np.float64)
        if z is not None:
            place[..., 2] = z[:, chosen]
        visible = place[..., 3] > 0
        visible[:, 1:] = visible[:, 1:].all(axis=1, keepdims=True)
        place = np.where(visible[..., None], place[..., :3], np.nan)
        return cls(place[:, 0], place[:, 1:])

    def __getitem__(self, frames: slice | Mask) -> Self:
        """The frame of some of the clip's frames."""
        return type(self)(self.nose[frames], self.shoulders[frames])

    @cached_property
    def known(self) -> Mask:
        """(T,) whether both shoulders are visible, at two places."""
        left, right = self.shoulders[:, 0], self.shoulders[:, 1]
        return np.asarray(np.isfinite(left + right).all(axis=1) & (left != right).any(axis=1))

    @cached_property
    def centre(self) -> Angles:
        """(T, 3) middle between the shoulders; NaN where unknown."""
        return self._where_known(self.shoulders.mean(axis=1))

    @cached_property
    def across(self) -> Angles:
        """(T, 3) from the right shoulder to the left one; NaN where unknown."""
        return self._where_known(self.shoulders[:, 0] - self.shoulders[:, 1])

    def _where_known(self, values: Angles) -> Angles:
        return np.where(self.known[:, None], values, np.nan)

    @property
    def width(self) -> Angles:
        """(T,) distance of the shoulders as they appear in the image; NaN where not both are visible."""
        across = self.shoulders[:, 0] - self.shoulders[:, 1]
        return np.asarray(np.hypot(across[:, 0], across[:, 1]))

    @cached_property
    def shoulder_width(self) -> float | None:
        """The clip's unit of length: median distance of the shoulders in the image.

        None where they never show together, or only at one place.
        """
        # In single precision, as points are: what networks were trained on comes out the same to the bit.
        across = (self.shoulders[:, 0, :2] - self.shoulders[:, 1, :2]).astype(np.float32)
        widths = np.linalg.norm(across[np.isfinite(across).all(axis=1)], axis=1)
        width = float(np.median(widths)) if len(widths) else 0.0
        return width if width > 0 else None

    @property
    def roll(self) -> Angles:
        """(T,) tilt of the shoulders in the image (the paper's alpha = atan2(dy, dx)), radians.

        Positive where the signer's left shoulder is the lower one; in (-pi/2, pi/2], since a line has no
        direction.
        """
        side = self._side
        return np.asarray(np.arctan2(side * self.across[:, 1], side * self.across[:, 0]))

    @property
    def yaw(self) -> Angles:
        """(T,) turn about the vertical (beta) of the shoulders after levelling, radians in (-pi, pi].

        Positive to the signer's own left, which takes the left shoulder away from the camera. The paper has
        atan2(dz, dx) of the tilted shoulders, which is too large by the tilt. From behind, levelling leaves
        the shoulders exchanged, and the hypotenuse takes their sign.
        """
        return np.asarray(np.arctan2(self.across[:, 2], self._side * self.width))

    @property
    def _side(self) -> Angles:
        """(T,) -1 for a signer who is seen from behind, else 1."""
        x, y = self.across[:, 0], self.across[:, 1]
        return np.where((x < 0) | ((x == 0) & (y < 0)), -1.0, 1.0)

    def place(self) -> tuple[NDArray[np.float32], float]:
        """Where the clip's signer is, and how large.

        Returns:
            The mean place of the nose (2,), over the frames that show it with both shoulders, and the
            shoulder width.

        Raises:
            InputRejected: No frame shows the nose and both shoulders, or these lie on one point.
        """
        whole = np.isfinite(self.nose[:, :2]).all(axis=1) & np.isfinite(self.width)
        if not whole.any():
            raise InputRejected(
                "poses", "no frame shows the signer's nose and both shoulders", "film the signer's upper body"
            )
        if self.shoulder_width is None:
            raise InputRejected("poses", "the shoulders lie on one point", "film the signer from the front")
        return self.nose[whole, :2].astype(np.float32).mean(axis=0), self.shoulder_width
