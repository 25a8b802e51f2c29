"""Where the hands rest and where they sign.

What people film begins and ends with hands in the lap or at the sides, in view.

- `at_rest`: frames before the hands rise or after they are down again, by height alone; for the face at rest.
- `cut_to_signing`: the same more strictly, a hand that is low and still where the clip starts or ends: what
  is cut off, no network sees.
- `raised`: wrists that are up, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.orientation.frame import SignerFrame
from signlens.pose.clip import PoseClip
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND

Array = NDArray[np.float32]

_WRISTS = (9, 10, 91, 112)  # whole-body keypoints: the body's wrists and the hands' roots

STILL = 0.12
"""A hand whose root stays within this many shoulder widths is still."""
LEFT_REST = 0.25
"""A hand this many shoulder widths from where it rested has left its rest."""
LOW = 1.4
"""Hands rest at least this many shoulder widths below the nose (the elbows of a hanging arm)."""
SHORTEST_REST = 3
"""Frames; fewer are no rest."""
RAISED = 0.75
"""A wrist is raised while it is less than so many shoulder widths below the shoulders."""
MARGIN = 1
"""Frames kept on each side of the signing."""


@dataclass(frozen=True)
class Cut:
    """Which part of a clip is signing.

    Attributes:
        points: (T', 49, 4) the frames kept; a hand that only rests has confidence 0.
        frame: The signer's, of the frames kept.
        first: First kept frame of the source clip.
        last: Last kept frame of the source clip.
        only_rest: No hand leaves its rest (or none is seen): nothing is signed.
    """

    points: Array
    frame: SignerFrame
    first: int
    last: int
    only_rest: bool


def cut_to_signing(points: Array, frame: SignerFrame | None = None) -> Cut:
    """Leave out leading and trailing rest, and hide a hand that rests throughout.

    A hand rests while it stays near where it was, low and still, at the clip's start or end. A hand
    that never leaves such a place is hidden only if the other one is seen to leave or reach its own
    rest; so in a clip that was cut before, a still base hand remains.

    Args:
        points: (T, 49, 4), see `signlens.skeleton.normalise.normalise`.
        frame: The signer's, of the same points; found when None.

    Raises:
        InputRejected: The signer's nose and shoulders show in no frame.
    """
    frame = frame or SignerFrame.of(points)
    nose, width = frame.place()
    frames = len(points)
    hands = (LEFT_HAND, RIGHT_HAND)
    absent = [~(points[:, hand, 3] > 0).all(axis=1) for hand in hands]
    at_rest = [
        _resting((points[:, hand.start, :2] - nose) / width, ~gone)
        for hand, gone in zip(hands, absent, strict=True)
    ]
    leaves = [bool((~rest & ~gone).any()) for rest, gone in zip(at_rest, absent, strict=True)]
    if not any(leaves):
        return Cut(points, frame, 0, frames - 1, only_rest=True)
    if not any(rest.any() and leave for rest, leave in zip(at_rest, leaves, strict=True)):
        return Cut(points, frame, 0, frames - 1, only_rest=False)
    points = points.copy()
    for hand, rest, leave in zip(hands, at_rest, leaves, strict=True):
        if not leave and rest.any():
            points[:, hand, 3] = 0
    active = np.zeros(frames, np.bool_)
    for rest, gone in zip(at_rest, absent, strict=True):
        active |= ~rest & ~gone
    found = np.flatnonzero(active)
    first, last = max(int(found[0]) - MARGIN, 0), min(int(found[-1]) + MARGIN, frames - 1)
    kept = slice(first, last + 1)
    return Cut(points[kept], frame[kept], first, last, only_rest=False)


def at_rest(clip: PoseClip, frame: SignerFrame) -> NDArray[np.bool_]:
    """(T,) whether a frame lies before the hands rise or after they are down again.

    A hand is down when its wrist is low or not visible; a hand that no one sees for a moment while the other
    one signs does not make a rest, since the rest reaches to the clip's start or end. All False where nose
    and shoulders never show together.

    Args:
        clip: The poses.
        frame: The signer's, of the same clip.
    """
    try:
        nose, width = frame.place()
    except InputRejected:
        return np.zeros(clip.frames, np.bool_)
    wrists = clip.keypoints[:, list(_WRISTS)]
    up = ((wrists[..., 3] > 0) & (wrists[..., 1] < nose[1] + LOW * width)).any(axis=1)
    signing = np.flatnonzero(up)
    rest = ~up
    if len(signing):
        rest[signing[0] : signing[-1] + 1] = False
    return rest


def raised(places: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which places (N, 2) of a wrist are not at rest; in shoulder widths from the middle of the shoulders."""
    return np.asarray(places[:, 1] < RAISED)


def _resting(root: NDArray[np.floating], visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T,) whether a hand rests: from the clip's start until it leaves, and from its return to the end."""
    resting = np.zeros(len(root), np.bool_)
    at = np.flatnonzero(visible)
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
