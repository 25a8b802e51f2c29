"""Depth from the pose extractor itself, with each part's z brought to the scale of x and y.

MediaPipe's z is meant to have about the scale of x. On rendered signers, whose depth is known, the
body's z is three to five times too large, the hands' half of what it should be and the face
mesh's three quarters (`python -m signlens_studies orientation scales` measures it again). On films
of people the nose stands as far before the shoulders as on the rendered ones, so the same factors
serve. Used raw, a yaw of 15 degrees looks like 43.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.depth import Depth, in_shoulder_widths
from signlens.orientation.frame import LEFT_SHOULDER, RIGHT_SHOULDER
from signlens.pose.clip import BODY, FACE, FEET, LEFT_HAND, RIGHT_HAND, PoseClip
from signlens.reasons import Reason

_HEAD = slice(0, 5)
_NOSE_TIP = FACE.start + 30
_WRISTS = {LEFT_HAND.start: 9, RIGHT_HAND.start: 10}


@dataclass(frozen=True)
class Scales:
    """How many times too large an extractor's z is, by part.

    Attributes:
        body: Shoulders (3.5), elbows (2.8), wrists (3.5), hips, legs: from the middle of the shoulders.
        nose: The nose's distance before the shoulders.
        head: Eyes and ears: from the nose.
        hand: A hand's points: from its root.
        face: Face points: from the tip of the nose.
    """

    body: float = 1.0
    nose: float = 1.0
    head: float = 1.0
    hand: float = 1.0
    face: float = 1.0


SCALES: dict[str, Scales] = {"mediapipe-holistic": Scales(body=3.5, nose=5.2, head=2.9, hand=0.55, face=0.74)}
"""Extractor -> its scales; an extractor that is not named counts as true to scale."""


def landmark_depth(clip: PoseClip) -> Depth:
    """The extractor's own z.

    Args:
        clip: The poses. Hands hang at the body's wrists, the face at the body's nose; where those are
            not seen, their depth is unknown.
    """
    scale = SCALES.get(clip.provenance.extractor, Scales())
    visible = clip.keypoints[..., 3] > 0
    raw = np.where(visible, clip.keypoints[..., 2], np.float32("nan"))
    if not (np.abs(raw) > 0).any():
        reason = Reason("no_depth", f"The poses of {clip.provenance.extractor} carry no depth.")
        return in_shoulder_widths(clip, "landmark", np.full(raw.shape, np.nan), (reason,))
    z = np.full_like(raw, np.nan)
    middle = (raw[:, LEFT_SHOULDER] + raw[:, RIGHT_SHOULDER])[:, None] / 2
    for part in (BODY, FEET):
        z[:, part] = (raw[:, part] - middle) / scale.body
    nose = (raw[:, :1] - middle) / scale.nose
    z[:, _HEAD] = nose + (raw[:, _HEAD] - raw[:, :1]) / scale.head
    z[:, FACE] = nose + (raw[:, FACE] - raw[:, _NOSE_TIP : _NOSE_TIP + 1]) / scale.face
    for part in (LEFT_HAND, RIGHT_HAND):
        root = raw[:, part.start : part.start + 1]
        wrist = z[:, [_WRISTS[part.start]]]
        z[:, part] = wrist + (raw[:, part] - root) / scale.hand
    return in_shoulder_widths(clip, "landmark", z)


def extractors_own_z(z: NDArray[np.floating], extractor: str) -> NDArray[np.floating]:
    """True depth as the extractor would have written it: the way back from `landmark_depth`.

    Networks that were trained on an extractor's z read depth in its own scales.

    Args:
        z: (T, 133) in pixels from the middle of the shoulders, larger is farther.
        extractor: Name of the extractor.

    Returns:
        (T, 133) with the body's z from the middle of the shoulders, a hand's from its root.
    """
    scale = SCALES.get(extractor, Scales())
    raw = z * scale.body
    nose = _origin(z, _HEAD, 0)
    raw[:, _HEAD] = nose * scale.nose + (z[:, _HEAD] - nose) * scale.head
    raw[:, FACE] = (z[:, FACE] - _origin(z, FACE, _NOSE_TIP)) * scale.face
    for part in (LEFT_HAND, RIGHT_HAND):
        raw[:, part] = (z[:, part] - _origin(z, part, part.start)) * scale.hand
    return raw


def _origin(z: NDArray[np.floating], part: slice, point: int) -> NDArray[np.floating]:
    """(T, 1) depth of a part's own origin; the mean of the part where that point was not seen."""
    origin = z[:, point : point + 1]
    unknown = np.isnan(origin)
    if not unknown.any():
        return origin
    known = ~np.isnan(z[:, part])
    total = np.where(known, z[:, part], 0).sum(axis=1, keepdims=True)
    return np.where(unknown, total / np.maximum(known.sum(axis=1, keepdims=True), 1), origin)
