"""What hints at the signer's turn: the shoulders' depth, the head, and how wide the shoulders look.

None of them will do alone. Angles in radians, positive to the signer's own left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.pose.clip import FACE, PoseClip
from signlens.pose.depth.landmark import SCALES, Scales
from signlens.pose.depth.reading import LEFT_SHOULDER, RIGHT_SHOULDER

Array = NDArray[np.float64]

NOSE, LEFT_EAR, RIGHT_EAR = 0, 3, 4
RIGHT_EYE_CORNER, LEFT_EYE_CORNER = FACE.start + 36, FACE.start + 45
CHIN, NASION = FACE.start + 8, FACE.start + 27

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


def read_cues(clip: PoseClip) -> Cues:
    """All hints that a clip's keypoints give."""
    scale = SCALES.get(clip.provenance.extractor, Scales())
    k = clip.keypoints.astype(np.float64)
    points = np.where(k[..., 3:] > 0, k[..., :3], np.nan)
    across = points[:, LEFT_SHOULDER] - points[:, RIGHT_SHOULDER]
    with np.errstate(invalid="ignore", divide="ignore"):
        seen_width = np.hypot(across[:, 0], across[:, 1])
        shoulders = np.arctan2(across[:, 2] / scale.body, seen_width)
        eyes = points[:, LEFT_EYE_CORNER] - points[:, RIGHT_EYE_CORNER]
        ears = points[:, LEFT_EAR] - points[:, RIGHT_EAR]
        by_eyes = np.arctan2(eyes[:, 2] / scale.face, np.hypot(eyes[:, 0], eyes[:, 1]))
        by_ears = np.arctan2(ears[:, 2] / scale.head, np.hypot(ears[:, 0], ears[:, 1]))
        head = np.where(np.isfinite(by_eyes), by_eyes, by_ears)
        width, spread = _relative_width(points, seen_width, scale)
        nose = _nose_direction(points, ears)
    return Cues(shoulders, head, nose, width, spread)


def _nose_direction(points: Array, ears: Array) -> Array:
    """Yaw by the nose's offset from the middle of the ears, along the line of the ears."""
    length = np.hypot(ears[:, 0], ears[:, 1])
    offset = (points[:, NOSE] - (points[:, LEFT_EAR] + points[:, RIGHT_EAR]) / 2)[:, :2]
    along = (offset * ears[:, :2]).sum(axis=1) / np.maximum(length, 1e-9)
    return np.asarray(np.arctan(along / np.maximum(length, 1e-9) / NOSE_OVER_EARS))


def _relative_width(points: Array, seen_width: Array, scale: Scales) -> tuple[Array, float]:
    face = points[:, CHIN] - points[:, NASION]
    height = np.sqrt(face[:, 0] ** 2 + face[:, 1] ** 2 + (face[:, 2] / scale.face) ** 2)
    if np.isfinite(height).mean() >= 0.5:
        return seen_width / np.maximum(height, 1e-9) / FACE_HEIGHTS, FACE_SPREAD
    middle = (points[:, LEFT_SHOULDER] + points[:, RIGHT_SHOULDER]) / 2
    neck = np.hypot(*(points[:, NOSE] - middle)[:, :2].T)
    return seen_width / np.maximum(neck, 1e-9) / NECK_LENGTHS, NECK_SPREAD
