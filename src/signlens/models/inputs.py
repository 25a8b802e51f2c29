"""What each kind of network reads, made from prepared joints; the same in training and in use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.skeleton.hand_features import hand_features
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, TO_NODES
from signlens.skeleton.streams import make_stream

Array = NDArray[np.float32]

HAND_MAGNIFICATION = 3.0
"""How much larger hands are drawn about their roots, so that handshape is not lost beside place."""


def magnify_hands(joints: Array, factor: float = HAND_MAGNIFICATION) -> Array:
    """Enlarge each hand about its root; the root stays where it is.

    Args:
        joints: (..., 49, C).
        factor: Larger than 1 enlarges.
    """
    joints = joints.copy()
    for hand in (LEFT_HAND, RIGHT_HAND):
        root = joints[..., hand.start : hand.start + 1, :]
        joints[..., hand, :] = root + np.float32(factor) * (joints[..., hand, :] - root)
    return joints


def slgcn_input(joints: Array, seen: Array, stream: str) -> Array:
    """One stream of the 27 nodes.

    The channels are x, y and seen. Differences (bone, motion) are taken of the coordinates;
    seen stays what it is, so that a filled-in node is known as such in every stream. Depth is left
    out: on validation the extractor's z did not help SL-GCN.

    Args:
        joints: (N, T, 49, 3) normalised joints.
        seen: (N, T, 49).
        stream: One of `signlens.skeleton.streams.STREAMS`.

    Returns:
        (N, 3, T, 27) float32.
    """
    coordinates = make_stream(magnify_hands(joints[..., :2])[..., TO_NODES, :], stream)
    if stream.endswith("motion"):
        # Brings motion to the size of positions; the window spans about a second.
        coordinates = coordinates * np.float32(4)
    channels = np.concatenate([coordinates, seen[..., TO_NODES, None]], axis=-1)
    return np.ascontiguousarray(np.moveaxis(channels, -1, -3), dtype=np.float32)


def network_input(kind: str, stream: str, joints: Array, seen: Array) -> Array:
    """Input of a network of the given kind.

    Args:
        kind: ``slgcn`` or ``handshape``.
        stream: Stream for ``slgcn``.
        joints: (N, T, 49, 3).
        seen: (N, T, 49).

    Raises:
        UsageError: The kind is not known.
    """
    if kind == "slgcn":
        return slgcn_input(joints, seen, stream)
    if kind == "handshape":
        return hand_features(joints, seen)
    raise UsageError("network", f"there is no kind {kind!r}", "choose slgcn or handshape")
