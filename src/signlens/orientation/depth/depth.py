"""The one type that every source of depth gives, and what they share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.pose.clip import PoseClip
from signlens.reasons import Reason

LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
"""Among the 133 whole-body keypoints."""

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
    pair = clip.keypoints[:, [LEFT_SHOULDER, RIGHT_SHOULDER]].astype(np.float64)
    depth = pixels[:, [LEFT_SHOULDER, RIGHT_SHOULDER]]
    across = pair[:, 0, :2] - pair[:, 1, :2]
    width = np.sqrt((across**2).sum(axis=1) + (depth[:, 0] - depth[:, 1]) ** 2)
    known = np.isfinite(width) & (pair[..., 3] > 0).all(axis=1) & (width > 0)
    if not known.any():
        unknown = np.full(pixels.shape, np.nan, np.float32)
        unseen = Reason("shoulders_not_seen", "The depth of the shoulders is known in no frame.")
        return Depth(source, unknown, 1.0, (*reasons, unseen))
    unit = float(np.median(width[known]))
    origin = np.where(known, depth.mean(axis=1), np.nan)[:, None]
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
    x = clip.keypoints[..., 0]
    pair = [LEFT_SHOULDER, RIGHT_SHOULDER]
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (z[:, pair[0]] - z[:, pair[1]]) / (x[:, pair[0]] - x[:, pair[1]])
    slope = np.nan_to_num(slope, nan=0.0, posinf=STEEPEST, neginf=-STEEPEST).clip(-STEEPEST, STEEPEST)
    seen = (clip.keypoints[:, pair, 3] > 0).all(axis=1)
    middle = np.where(seen, x[:, pair].mean(axis=1), np.nan)
    plane = np.nan_to_num(slope[:, None] * (x - middle[:, None]), nan=0.0)
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
