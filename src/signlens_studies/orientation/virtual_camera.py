"""Recordings looked at from the side: what a turned signer would have looked like to the extractor."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.depth import Depth, filled_z
from signlens.orientation.frame import SignerFrame
from signlens.orientation.landmark_depth import extractors_own_z, landmark_depth
from signlens.orientation.rotation import rotation
from signlens.pose import LEFT_HAND, RIGHT_HAND, PoseClip
from signlens_studies.orientation.recordings import EXTRACTOR

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VirtualCamera:
    """What happens to a recording that is looked at from the side.

    The recorded z is brought to scale (`signlens.orientation.landmark_depth`) and taken for the truth. The
    points are freed of the perspective of a camera some shoulder widths away, turned about the middle
    of the shoulders, and seen in perspective again. Then what an extractor gets wrong is added, by the
    amounts found on rendered signers (b):

    Attributes:
        distance: Of the camera, shoulder widths.
        slant: Spread of the error in the slope of depth over x, one draw a clip for the body and one for
            the head: 0.12 makes 7 degrees.
        slant_frame: The same, a draw a frame.
        stretch: Spread of the logarithm of an error in the scale of all depth, one draw a clip.
        depth_noise: Spread of every point's depth, shoulder widths, a draw a frame.
        hand_noise: Spread of every hand point's x and y, shoulder widths; doubles at 60 degrees.
        far_lost: Share of frames in which the far hand is not found at 60 degrees; none up to 30,
            linear between, in runs of five frames. It hides behind body and other arm.
        near_lost: The same for the near hand.
    """

    distance: float = 5.0
    slant: float = 0.12
    slant_frame: float = 0.05
    stretch: float = 0.15
    depth_noise: float = 0.03
    hand_noise: float = 0.01
    far_lost: float = 0.3
    near_lost: float = 0.1

    def view(
        self, clip: PoseClip, yaw_degrees: float, roll_degrees: float, rng: np.random.Generator
    ) -> tuple[PoseClip, Depth]:
        """A clip as the extractor would give it from the side, and its true depth.

        Args:
            clip: A recording.
            yaw_degrees: How far the signer is turned to their own left.
            roll_degrees: How far the picture is tilted, the signer's left side down.
            rng: Source of all randomness.
        """
        own = landmark_depth(clip)
        frame = SignerFrame.of(clip.keypoints)
        centre = np.where(frame.known[:, None], frame.centre[:, :2], np.nan)
        z = filled_z(clip, own)
        away = self.distance * own.unit
        points = np.concatenate([clip.keypoints[..., :2] - centre[:, None], z[..., None]], axis=-1)
        points[..., :2] *= (np.maximum(away + z, 0.2 * away) / away)[..., None]
        # The way there is the way back, transposed.
        there = rotation(np.radians(roll_degrees), np.radians(yaw_degrees)).T
        points = points @ there.T
        true = points[..., 2].copy()
        points[..., :2] *= (away / np.maximum(away + true, 0.2 * away))[..., None]
        keypoints = clip.keypoints.copy()
        keypoints[..., :2] = points[..., :2] + centre[:, None]
        keypoints[..., 2] = extractors_own_z(self._mistaken(points, own.unit, rng), EXTRACTOR)
        keypoints[~frame.known, :, 3] = 0  # nothing is known of a frame without shoulders
        self._lose_hands(keypoints, own.unit, yaw_degrees, rng)
        missing = ~(keypoints[..., 3] > 0)
        keypoints[missing] = [np.nan, np.nan, np.nan, 0]
        seen = dataclasses.replace(clip, keypoints=keypoints)
        depth = np.where(missing, np.nan, true / own.unit).astype(np.float32)
        return seen, Depth("true", depth, own.unit)

    def _mistaken(self, points: Array, unit: float, rng: np.random.Generator) -> Array:
        frames = len(points)
        x, z = points[..., 0], points[..., 2]
        slopes = np.zeros(z.shape)
        head = [0, 1, 2, 3, 4]
        slopes += rng.normal(0, self.slant) + rng.normal(0, self.slant_frame, (frames, 1))
        slopes[:, head] = rng.normal(0, self.slant) + rng.normal(0, self.slant_frame, (frames, 1))
        noise = rng.normal(0, self.depth_noise * unit, z.shape)
        for hand in (LEFT_HAND, RIGHT_HAND):  # a hand's points err together
            noise[:, hand] = noise[:, hand.start : hand.start + 1]
        return z * np.exp(rng.normal(0, self.stretch)) + slopes * x + noise

    def _lose_hands(
        self, keypoints: NDArray[np.float32], unit: float, yaw_degrees: float, rng: np.random.Generator
    ) -> None:
        part = float(np.clip((abs(yaw_degrees) - 30) / 30, 0, 2))
        noise = self.hand_noise * unit * (1 + abs(yaw_degrees) / 60)
        far = LEFT_HAND if yaw_degrees > 0 else RIGHT_HAND
        frames = len(keypoints)
        for hand in (LEFT_HAND, RIGHT_HAND):
            keypoints[:, hand, :2] += rng.normal(0, noise, (frames, 21, 2)).astype(np.float32)
            share = part * (self.far_lost if hand == far else self.near_lost)
            lost = np.repeat(rng.random(frames // 5 + 1) < share, 5)[:frames]
            keypoints[lost, hand, 3] = 0
