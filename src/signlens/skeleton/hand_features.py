"""Hand shape apart from hand place: what the second network of the ensemble reads.

SL-GCN's joint coordinates mix where a hand is with what shape it has. Here each hand is described
in its own frame (from its root, in palm lengths), beside where it is on the body.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND

Array = NDArray[np.float32]

_KNUCKLES = [5, 9, 13, 17]
# Pairs of hand points whose distance tells handshapes apart: fingertips to each other, to the
# knuckles (curl), to the root, and the thumb to the fingers.
_PAIRS = np.array(
    [
        (4, 8), (4, 12), (4, 16), (4, 20), (8, 12), (12, 16), (16, 20), (8, 5), (12, 9), (16, 13),
        (20, 17), (4, 5), (4, 17), (8, 0), (12, 0), (16, 0), (20, 0), (4, 0), (4, 9), (4, 13),
    ]
)  # fmt: skip

_PLACE = 14 + 2 * 9 + 2
FEATURES = 2 * _PLACE + 2 * (20 * 3 + len(_PAIRS))
"""Number of features of a frame."""


def hand_features(joints: Array, visible: Array) -> Array:
    """Features of each frame: places, their velocity, and both hands' shapes.

    Args:
        joints: (..., T, 49, 3) normalised joints (`signlens.skeleton.normalise`).
        visible: (..., T, 49) 0..1.

    Returns:
        (..., T, FEATURES) float32. A hand that was not seen has an all-zero shape.
    """
    lead = joints.shape[:-2]
    body = joints[..., :7, :2]
    shoulders = (body[..., 1, :] + body[..., 2, :]) / 2
    places: list[Array] = [body.reshape(*lead, 14)]
    shapes: list[Array] = []
    for hand in (LEFT_HAND, RIGHT_HAND):
        points = joints[..., hand, :]
        shown = visible[..., hand.start : hand.start + 1]
        local = points - points[..., :1, :]
        palm = np.linalg.norm(local[..., _KNUCKLES, :], axis=-1).mean(axis=-1)
        local = local / np.maximum(palm, 0.05)[..., None, None]
        gaps = np.linalg.norm(local[..., _PAIRS[:, 0], :] - local[..., _PAIRS[:, 1], :], axis=-1)
        shape = np.concatenate([local[..., 1:, :].reshape(*lead, 60), gaps], axis=-1)
        shapes.append(shape * shown * np.float32(0.5))
        places.append(points[..., [0, 8, 9], :2].reshape(*lead, 6))
        places.append(points[..., 0, :2] - shoulders)
        places.append(shown)
    left, right = LEFT_HAND.start, RIGHT_HAND.start
    both: Array = visible[..., left : left + 1] * visible[..., right : right + 1]
    between: Array = joints[..., right, :2] - joints[..., left, :2]
    places.append(between * both)
    place = np.concatenate(places, axis=-1)
    velocity = np.zeros_like(place)
    velocity[..., 1:-1, :] = 3 * (place[..., 2:, :] - place[..., :-2, :])
    return np.concatenate([place, velocity, *shapes], axis=-1).astype(np.float32)
