"""Hands: handshapes as data, and where a handshape puts the 21 points of a hand.

Local frame of a hand (metres): origin at the wrist, x towards the thumb's side, y along the
fingers, z out of the palm. A left hand is the same hand seen in a mirror.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError

FINGERS: tuple[str, ...] = ("index", "middle", "ring", "little")

HAND_POINTS: tuple[str, ...] = (
    "wrist",
    "thumb_cmc",
    "thumb_mcp",
    "thumb_ip",
    "thumb_tip",
    *(f"{finger}_{joint}" for finger in FINGERS for joint in ("mcp", "pip", "dip", "tip")),
)
"""The 21 points, in the order of COCO-WholeBody and MediaPipe."""

KNUCKLES = np.array([[0.0275, 0.088, 0.0], [0.0065, 0.092, 0.0], [-0.0145, 0.087, 0.0], [-0.033, 0.077, 0.0]])
PHALANGES = np.array(
    [[0.043, 0.026, 0.022], [0.047, 0.030, 0.023], [0.043, 0.028, 0.023], [0.034, 0.021, 0.020]]
)
THUMB_ROOT = np.array([0.021, 0.022, 0.007])
THUMB_LENGTHS = np.array([0.044, 0.034, 0.027])
FINGER_RADII = np.array([[0.0098, 0.0073], [0.0100, 0.0074], [0.0096, 0.0071], [0.0086, 0.0063]])
THUMB_RADII = (0.0118, 0.0084)
# Degrees towards the thumb at full spread; fingers also converge a little when they bend.
SPREAD = np.array([11.0, 2.0, -7.0, -17.0])
# What the thumb bends towards: across the palm and up from it.
_THUMB_BEND = np.array([-0.80, 0.22, 0.56])


@dataclass(frozen=True)
class Handshape:
    """Joint angles of a hand, in degrees.

    Attributes:
        flexion: (4, 3) bending of index..little finger at knuckle, middle and end joint.
        spread: (4,) sideways turn of each finger, towards the thumb positive.
        thumb: (4,) the thumb's base: degrees away from the fingers in the palm's plane, degrees
            out of that plane; then its bending at the middle and the end joint.
    """

    flexion: NDArray[np.float64]
    spread: NDArray[np.float64]
    thumb: NDArray[np.float64]

    def to_array(self) -> NDArray[np.float64]:
        """The 20 angles in one row."""
        return np.concatenate([self.flexion.ravel(), self.spread, self.thumb])

    @staticmethod
    def from_array(values: NDArray[np.float64]) -> Handshape:
        """The inverse of `to_array`."""
        return Handshape(values[:12].reshape(4, 3), values[12:16], values[16:20])


def _turn(vector: NDArray[np.float64], axis: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Rodrigues' rotation of a vector about a unit axis."""
    a = np.radians(degrees)
    c, s = np.cos(a), np.sin(a)
    return np.asarray(vector * c + np.cross(axis, vector) * s + axis * np.dot(axis, vector) * (1.0 - c))


def hand_points(shape: Handshape, scale: float = 1.0) -> NDArray[np.float64]:
    """The 21 points of a hand in its local frame.

    Args:
        shape: The angles.
        scale: Size of the hand, 1 being 18.7 cm from wrist to middle fingertip.

    Returns:
        (21, 3) metres, in the order of `HAND_POINTS`.
    """
    points = np.zeros((21, 3))
    out, lift, bend_middle, bend_end = shape.thumb
    a, e = np.radians(out), np.radians(lift)
    direction = np.array([np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), np.sin(e)])
    axis = np.cross(direction, _THUMB_BEND)
    axis /= np.linalg.norm(axis)
    points[1] = THUMB_ROOT
    points[2] = points[1] + direction * THUMB_LENGTHS[0]
    direction = _turn(direction, axis, bend_middle)
    points[3] = points[2] + direction * THUMB_LENGTHS[1]
    direction = _turn(direction, axis, bend_end)
    points[4] = points[3] + direction * THUMB_LENGTHS[2]
    for i in range(4):
        side = np.radians(shape.spread[i])
        forward = np.array([np.sin(side), np.cos(side), 0.0])
        bend = 0.0
        point = KNUCKLES[i]
        points[5 + 4 * i] = point
        for j in range(3):
            bend += np.radians(shape.flexion[i, j])
            point = point + PHALANGES[i, j] * (
                forward * np.cos(bend) + np.array([0.0, 0.0, 1.0]) * np.sin(bend)
            )
            points[6 + 4 * i + j] = point
    return points * scale


_PARTS = {"fingers", *FINGERS, "spread", "thumb", "about"}


def _read_handshape(name: str, data: dict[str, object], source: str) -> Handshape:
    unknown = set(data) - _PARTS
    if unknown:
        raise InputRejected(
            source, f"handshape {name!r} has an unknown key {sorted(unknown)[0]!r}", "remove it"
        )
    rows = []
    for finger in FINGERS:
        value = data.get(finger, data.get("fingers"))
        if (
            not isinstance(value, list)
            or len(value) != 3
            or not all(isinstance(v, int | float) for v in value)
        ):
            raise InputRejected(source, f"handshape {name!r} needs three angles for the {finger} finger", "")
        rows.append([float(v) for v in value])
    spread = data.get("spread", 0.0)
    thumb = data.get("thumb")
    if isinstance(spread, int | float):
        turns = SPREAD * float(spread)
    elif isinstance(spread, list) and len(spread) == 4:
        turns = np.array([float(v) for v in spread])
    else:
        raise InputRejected(source, f"handshape {name!r}: spread is one number (0..1) or four angles", "")
    if not isinstance(thumb, list) or len(thumb) != 4:
        raise InputRejected(source, f"handshape {name!r} needs four angles for the thumb", "")
    return Handshape(np.array(rows), turns, np.array([float(v) for v in thumb]))


@cache
def load_handshapes() -> dict[str, Handshape]:
    """The handshapes of ``handshapes.toml``, by name."""
    text = resources.files("signlens.signer").joinpath("handshapes.toml").read_text(encoding="utf-8")
    return {k: _read_handshape(k, v, "handshapes.toml") for k, v in tomllib.loads(text).items()}


def find_handshape(name: str) -> Handshape:
    """A handshape by name.

    Raises:
        UsageError: There is none of that name.
    """
    shapes = load_handshapes()
    if name not in shapes:
        raise UsageError(f"handshape {name!r}", "is not known", f"choose from {', '.join(sorted(shapes))}")
    return shapes[name]
