"""Depth without depth: from how wide the shoulders look, and to which side the nose points.

The arms are lifted from there: a limb that looks shorter than it is comes out of the picture by as
much as its length is lacking (Taylor, Reconstruction of articulated objects from point
correspondences, CVIU 2000), and of the two ways it may point, a signer's arms point forward.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.depth import Depth, in_shoulder_widths
from signlens.orientation.frame import LEFT_SHOULDER, RIGHT_SHOULDER, SignerFrame
from signlens.orientation.landmark_depth import landmark_depth
from signlens.orientation.yaw_cues import read_cues
from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, PoseClip

Array = NDArray[np.float64]

UPPER_ARM, FOREARM = 0.95, 0.85
"""Lengths in shoulder widths, between keypoints, where the clip does not show longer ones."""
FORWARD_NOSE = 0.35
"""How far the nose stands before the shoulders, in shoulder widths."""

_ARMS = (
    (LEFT_SHOULDER, 7, 9, LEFT_HAND),
    (RIGHT_SHOULDER, 8, 10, RIGHT_HAND),
)
HEAD_FREEDOM = np.radians(20.0)
"""How much farther than the head the body is taken to be turned: a small lack of width is no large turn."""

_SURE = 0.3  # radians


def lifted_yaw(clip: PoseClip, widest: float | None = None, frame: SignerFrame | None = None) -> Array:
    """(T,) yaw by the ratio of widths, with the sign of the nose; NaN where a cue is missing.

    Args:
        clip: The poses; their z is not used.
        widest: Shoulder width over its expectation (`Cues.width`) when this signer faces the camera, from
            another clip. When None: the widest that this clip shows, but no less than what is usual.
        frame: The signer's, of the same clip.
    """
    cues = read_cues(clip, frame)
    known = np.isfinite(cues.width)
    if not known.any():
        return np.full(clip.frames, np.nan)
    if widest is None:
        widest = max(1.0, float(np.percentile(cues.width[known], 95)))
    turned = np.arccos(np.clip(cues.width / widest, 0.0, 1.0))
    side = np.sign(cues.nose)
    # A head turns quickly, a body does not: a frame's own nose decides only where it is sure.
    with np.errstate(invalid="ignore"):
        usual = np.sign(np.nansum(cues.nose)) or 1.0
        side = np.where(np.abs(cues.nose) > _SURE, side, usual)
    turned = np.minimum(turned, np.abs(np.nan_to_num(cues.nose)) + HEAD_FREEDOM)
    return np.asarray(turned * side)


def lifted_depth(clip: PoseClip, widest: float | None = None) -> Depth:
    """Shoulders by `lifted_yaw`, arms by their lengths; head and hands hang on these.

    Args:
        clip: The poses.
        widest: As in `lifted_yaw`.
    """
    frame = SignerFrame.of(clip.keypoints)
    yaw = lifted_yaw(clip, widest, frame)
    k = clip.keypoints.astype(np.float64)
    points = np.where(k[..., 3:] > 0, k[..., :2], np.nan)
    yaw = np.where(frame.known, yaw, np.nan)
    true_width = frame.width / np.maximum(np.cos(yaw), 0.2)
    rise = np.sin(yaw) * true_width
    z = np.full(k.shape[:2], np.nan)
    z[:, LEFT_SHOULDER], z[:, RIGHT_SHOULDER] = rise / 2, -rise / 2
    unit = float(np.nanmedian(true_width)) if np.isfinite(true_width).any() else np.nan
    # Where the poses do have a z, a hand's own relief is kept: it says nothing of the body's turn.
    depth = landmark_depth(clip)
    own = depth.z.astype(np.float64) * depth.unit
    for shoulder, elbow, wrist, hand in _ARMS:
        for start, end, usual in ((shoulder, elbow, UPPER_ARM), (elbow, wrist, FOREARM)):
            step = points[:, end] - points[:, start]
            z[:, end] = z[:, start] + _out_of_picture(step, usual * unit)
        relief = own[:, hand] - own[:, hand.start : hand.start + 1]
        z[:, hand] = z[:, wrist : wrist + 1] + np.nan_to_num(relief, nan=0.0)
    head = [*range(5), *range(FACE.start, FACE.stop)]
    z[:, head] = (-np.cos(yaw) * FORWARD_NOSE * unit)[:, None]
    return in_shoulder_widths(clip, "lift", z)


def _out_of_picture(step: Array, usual: float) -> Array:
    """(T,) depth of a limb's end from its start: of the two solutions, the one towards the camera."""
    seen = np.hypot(step[:, 0], step[:, 1])
    longest = float(np.nanpercentile(seen, 95)) if np.isfinite(seen).any() else 0.0
    return np.asarray(-np.sqrt(np.maximum(max(usual, longest) ** 2 - seen**2, 0.0)))
