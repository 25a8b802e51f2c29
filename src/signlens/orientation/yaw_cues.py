"""What hints at the signer's turn: the shoulders' depth, the head, and how wide the shoulders look.

None of them will do alone. Angles in radians, positive to the signer's own left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.frame import SignerFrame
from signlens.orientation.landmark_depth import SCALES, Scales
from signlens.pose.clip import FACE, PoseClip

Array = NDArray[np.float64]

_POINTS = (
    3,  # left ear
    4,  # right ear
    FACE.start + 45,  # outer corner of the left eye
    FACE.start + 36,  # outer corner of the right eye
    FACE.start + 27,  # nasion
    FACE.start + 8,  # chin
)

# Shoulder width over a length that a turn does not shorten, for people who face the camera, and its
# spread from person to person (standard deviation of the logarithm). The face: 44 films of
# wlasl-videos. The neck varies with the camera's height and distance too.
FACE_HEIGHTS, FACE_SPREAD = 2.40, 0.07
NECK_LENGTHS, NECK_SPREAD = 1.55, 0.20
NOSE_OVER_EARS = 0.9
"""How far the nose stands before the ears, in ear distances: its offset is this times tan(yaw)."""


@dataclass(frozen=True)
class Cues:
    """Per-frame hints; NaN where a frame does not give them.

    Attributes:
        shoulders: (T,) yaw by the depth of the shoulders, at true scale.
        head: (T,) yaw of the head by the depth of eyes or ears, at true scale.
        nose: (T,) yaw of the head by the nose's place between the ears; needs no depth.
        width: (T,) shoulder width as seen, over what is expected of a signer who faces the camera.
        width_spread: Uncertainty of that expectation (standard deviation of the logarithm).
    """

    shoulders: Array
    head: Array
    nose: Array
    width: Array
    width_spread: float


def read_cues(clip: PoseClip, frame: SignerFrame | None = None) -> Cues:
    """All hints that a clip's keypoints give.

    Args:
        clip: The poses.
        frame: The signer's, of the same keypoints; found when None.
    """
    frame = frame or SignerFrame.of(clip.keypoints)
    scale = SCALES.get(clip.provenance.extractor, Scales())
    k = clip.keypoints[:, _POINTS].astype(np.float64)
    points = np.moveaxis(np.where(k[..., 3:] > 0, k[..., :3], np.nan), 1, 0)
    left_ear, right_ear, left_eye, right_eye, nasion, chin = points
    ears, eyes, face = left_ear - right_ear, left_eye - right_eye, chin - nasion
    by_eyes = _slope(eyes, scale.face)
    by_ears = _slope(ears, scale.head)
    height = np.sqrt(face[:, 0] ** 2 + face[:, 1] ** 2 + (face[:, 2] / scale.face) ** 2)
    if np.isfinite(height).mean() >= 0.5:
        width, spread = frame.width / np.maximum(height, 1e-9) / FACE_HEIGHTS, FACE_SPREAD
    else:
        neck = np.hypot(*(frame.nose - frame.centre)[:, :2].T)
        width, spread = frame.width / np.maximum(neck, 1e-9) / NECK_LENGTHS, NECK_SPREAD
    # The nose's offset from the middle of the ears, along the line of the ears.
    squared = np.maximum(ears[:, 0] ** 2 + ears[:, 1] ** 2, 1e-9)
    offset = ((frame.nose - (left_ear + right_ear) / 2)[:, :2] * ears[:, :2]).sum(axis=1) / squared
    return Cues(
        shoulders=_slope(frame.across, scale.body),
        head=np.where(np.isfinite(by_eyes), by_eyes, by_ears),
        nose=np.arctan(offset / NOSE_OVER_EARS),
        width=width,
        width_spread=spread,
    )


def _slope(across: Array, scale: float) -> Array:
    """Yaw of a line from the signer's right to left, whose depth is `scale` times too large."""
    return np.asarray(np.arctan2(across[:, 2] / scale, np.hypot(across[:, 0], across[:, 1])))
