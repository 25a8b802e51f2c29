"""How far each keypoint is from the camera: the type that every source of depth gives (`depth_sources`)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.frame import SignerFrame
from signlens.pose.clip import PoseClip
from signlens.reasons import Reason

Array = NDArray[np.float32]

STEEPEST = 3.0
"""Largest slope, depth over breadth, at which the plane of the shoulders is carried on to other points."""


@dataclass(frozen=True)
class Depth:
    """Depth of a clip's keypoints by one source.

    Attributes:
        source: Name of the source.
        z: (T, 133) float32, shoulder widths from the middle of the shoulders, larger is farther; NaN where
            the source says nothing.
        unit: Pixels per shoulder width, as this source sees the shoulders in space.
        reasons: Why this depth is less than it could be; empty for a healthy one.
    """

    source: str
    z: Array
    unit: float
    reasons: tuple[Reason, ...] = ()


def in_shoulder_widths(
    clip: PoseClip, source: str, pixels: NDArray[np.floating], reasons: tuple[Reason, ...] = ()
) -> Depth:
    """A source's depth in pixels, brought to the common origin and unit.

    Args:
        clip: The poses.
        source: Name of the source.
        pixels: (T, 133) in the scale of x and y, any origin in each frame; NaN where unknown.
        reasons: What is wrong with it.
    """
    frame = SignerFrame.of(clip.keypoints, pixels)
    width = np.linalg.norm(frame.across, axis=1)
    known = frame.known
    if not known.any():
        unknown = np.full(pixels.shape, np.nan, np.float32)
        unseen = Reason("shoulders_not_seen", "The depth of the shoulders is known in no frame.")
        return Depth(source, unknown, 1.0, (*reasons, unseen))
    unit = float(np.median(width[known]))
    origin = frame.centre[:, 2:]
    z = (pixels.astype(np.float32, copy=False) - origin.astype(np.float32)) / np.float32(unit)
    return Depth(source, z, unit, reasons)


def filled_z(clip: PoseClip, depth: Depth) -> Array:
    """(T, 133) depth of every point in pixels, from the middle of the shoulders.

    Points whose depth is not known are put into the upright plane through the shoulders, or to the
    depth of their middle where that is not known either.

    Args:
        clip: The poses.
        depth: Of the same clip.
    """
    z = depth.z * np.float32(depth.unit)
    unknown = np.isnan(z)
    if not unknown.any():
        return z
    frame = SignerFrame.of(clip.keypoints, z)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = frame.across[:, 2] / frame.across[:, 0]
    slope = np.nan_to_num(slope, nan=0.0, posinf=STEEPEST, neginf=-STEEPEST).clip(-STEEPEST, STEEPEST)
    plane = np.nan_to_num(slope[:, None] * (clip.keypoints[..., 0] - frame.centre[:, :1]), nan=0.0)
    return np.where(unknown, plane, z)


def with_depth(clip: PoseClip, depth: Depth) -> PoseClip:
    """The clip with this depth for its z, see `filled_z`.

    Args:
        clip: The poses.
        depth: Of the same clip.
    """
    keypoints = clip.keypoints.copy()
    keypoints[..., 2] = filled_z(clip, depth)
    keypoints[~(keypoints[..., 3] > 0), :3] = np.nan
    return dataclasses.replace(clip, keypoints=keypoints)
