"""The four streams of SAM-SLR: joint, bone, joint motion, bone motion.

All functions take (..., T, V, C) arrays and keep the dtype; they are pure and vectorised.
Source: SAM-SLR (CVPR workshops 2021), section 3.1, multi-stream.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.skeleton import graph

STREAMS: tuple[str, ...] = ("joint", "bone", "joint_motion", "bone_motion")
"""Names of the streams, in the order used everywhere."""

Array = NDArray[np.float32]


def to_bone(joint: Array, skeleton: graph.Graph = graph.REDUCED) -> Array:
    """Child minus parent for every edge, in all channels; the nose keeps its own value.

    Args:
        joint: (..., V, C).
        skeleton: The tree of the V nodes.
    """
    bone = joint.copy()
    bone[..., 1:, :] = joint[..., 1:, :] - joint[..., skeleton.parent[1:], :]
    return bone


def to_motion(positions: Array) -> Array:
    """Frame t holds x[t + 1] - x[t]; the last frame is zero.

    Args:
        positions: (..., T, V, C).
    """
    motion = np.zeros_like(positions)
    motion[..., :-1, :, :] = positions[..., 1:, :, :] - positions[..., :-1, :, :]
    return motion


def make_stream(joint: Array, name: str, skeleton: graph.Graph = graph.REDUCED) -> Array:
    """One stream of a clip.

    Args:
        joint: (..., T, V, C), nose-centred joints.
        name: One of `STREAMS`.
        skeleton: The tree of the V nodes.

    Raises:
        UsageError: The name is not a stream's.
    """
    if name == "joint":
        return joint.copy()
    if name == "bone":
        return to_bone(joint, skeleton)
    if name == "joint_motion":
        return to_motion(joint)
    if name == "bone_motion":
        return to_motion(to_bone(joint, skeleton))
    raise UsageError("stream", f"there is none called {name!r}", f"choose from {', '.join(STREAMS)}")


def mirror_nodes(joint: Array, width: float = 0.0) -> Array:
    """The clip seen in a mirror: left and right change places, x becomes width - x.

    Twice is the identity. With nose-centred coordinates, or for difference streams, the width is 0.

    Args:
        joint: (..., 27, C) with x in channel 0.
        width: Frame width in the units of x.
    """
    mirrored = joint[..., graph.MIRROR, :].copy()
    mirrored[..., 0] = width - mirrored[..., 0]
    return mirrored
