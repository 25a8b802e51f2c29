"""Turning a decoded picture as its display matrix says."""

from __future__ import annotations

import struct
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Turn = tuple[bool, bool, bool]
"""Transpose, then mirror left-right, then top-bottom."""


def display_turn(picture: av.VideoFrame) -> Turn:
    """How to turn a decoded picture so that it is displayed as its matrix says.

    The display matrix (ISO/IEC 14496-12, 8.3.2) maps a pixel's (x, y) to (a x + c y, b x + d y);
    angles between right angles are rounded to the nearest.
    """
    side_data: Any = picture.side_data
    try:
        raw = bytes(side_data["DISPLAYMATRIX"])
    except KeyError:
        return (False, False, False)
    except ValueError:  # side data of a kind that PyAV cannot name: the angle is still to be had
        quarters = round(picture.rotation / 90) % 4  # counterclockwise
        return ((False, False, False), (True, False, True), (False, True, True), (True, True, False))[
            quarters
        ]
    if len(raw) < 36:
        return (False, False, False)
    a, b, _, c, d = struct.unpack("=5i", raw[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (False, a < 0, d < 0)
    return (True, c < 0, b < 0)


def turned(image: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """A picture, (H, W, 3), turned for display."""
    transpose, mirror, upend = turn
    if transpose:
        image = image.swapaxes(0, 1)
    if mirror:
        image = image[:, ::-1]
    if upend:
        image = image[::-1]
    return np.ascontiguousarray(image)
