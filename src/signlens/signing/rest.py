"""Cut a recording to the sign: leave out the rest before and after it, and a hand that only rests.

The landmark sets that the starter model learns from are cut to the sign already; what people film
begins and ends with hands in the lap or at the sides, in view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, normalise

Array = NDArray[np.float32]

STILL = 0.12
"""A hand whose root stays within this many shoulder widths is still."""
LEFT_REST = 0.25
"""A hand this many shoulder widths from where it rested has left its rest."""
LOW = 1.4
"""Hands rest at least this many shoulder widths below the nose (the elbows of a hanging arm)."""
SHORTEST_REST = 3
"""Frames; fewer are no rest."""
MARGIN = 1
"""Frames kept on each side of the signing."""


@dataclass(frozen=True)
class Cut:
    """Which part of a clip is signing.

    Attributes:
        points: (T', 49, 4) the frames kept; a hand that only rests has confidence 0.
        first: First kept frame of the source clip.
        last: Last kept frame of the source clip.
        only_rest: No hand leaves its rest (or none is seen): nothing is signed.
    """

    points: Array
    first: int
    last: int
    only_rest: bool


def cut_to_signing(points: Array) -> Cut:
    """Leave out leading and trailing rest, and hide a hand that rests throughout.

    A hand rests while it stays near where it was, low and still, at the clip's start or end. A hand
    that never leaves such a place is hidden only if the other one is seen to leave or reach its own
    rest; so in a clip that was cut before, a still base hand remains.

    Args:
        points: (T, 49, 4), see `signlens.skeleton.normalise.normalise`.

    Raises:
        InputRejected: The signer's nose and shoulders show in no frame.
    """
    joints, seen = normalise(points)
    frames = len(points)
    hands = (LEFT_HAND, RIGHT_HAND)
    at_rest = [_resting(joints[:, hand.start, :2], seen[:, hand.start] > 0) for hand in hands]
    absent = [seen[:, hand.start] == 0 for hand in hands]
    leaves = [bool((~rest & ~gone).any()) for rest, gone in zip(at_rest, absent, strict=True)]
    if not any(leaves):
        return Cut(points, 0, frames - 1, only_rest=True)
    if not any(rest.any() and leave for rest, leave in zip(at_rest, leaves, strict=True)):
        return Cut(points, 0, frames - 1, only_rest=False)
    points = points.copy()
    for hand, rest, leave in zip(hands, at_rest, leaves, strict=True):
        if not leave and rest.any():
            points[:, hand, 3] = 0
    active = np.zeros(frames, np.bool_)
    for rest, gone in zip(at_rest, absent, strict=True):
        active |= ~rest & ~gone
    found = np.flatnonzero(active)
    first, last = max(int(found[0]) - MARGIN, 0), min(int(found[-1]) + MARGIN, frames - 1)
    return Cut(points[first : last + 1], first, last, only_rest=False)


def _resting(root: Array, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T,) whether a hand rests: from the clip's start until it leaves, and from its return to the end."""
    resting = np.zeros(len(root), np.bool_)
    at = np.flatnonzero(seen)
    for order in (at, at[::-1]):
        head = root[order[:SHORTEST_REST]]
        if len(head) < SHORTEST_REST:
            continue
        place = np.median(head, axis=0)
        if place[1] < LOW or np.linalg.norm(head - place, axis=1).max() > STILL:
            continue
        gone = np.linalg.norm(root[order] - place, axis=1) > LEFT_REST
        resting[order[: int(gone.argmax()) if gone.any() else len(order)]] = True
    return resting
