"""SAM-SLR's own way from keypoints to a stream: pixels, loop padding, nose-centred, a random window.

Source: Jiang et al., "Skeleton Aware Multi-modal Sign Language Recognition" (CVPR workshops 2021),
section 3.1, and the settings of its published training runs. Kept for reproduction; the starter model
uses `signlens.skeleton.normalise`, which does not depend on the size of the frame.

All functions are pure; clips are (..., T, 27, 3) with the channels x, y in pixels and confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.frame import SignerFrame
from signlens.skeleton import graph
from signlens.skeleton.augmentation import PixelAugmentation
from signlens.skeleton.normalise import fill_gaps
from signlens.skeleton.streams import make_stream, mirror_nodes
from signlens.skeleton.windows import loop_pad

Array = NDArray[np.float32]

FRAMES = 150
"""Frames of a clip tensor (SAM-SLR's T)."""

SHOULDER_PIXELS = 100.0
"""Shoulder width to which clips are scaled: about that of a signer who fills SAM-SLR's frames of 512 pixels.

Its frames are all of one size, ours are not, and its shifts are in pixels.
"""


def nodes_in_pixels(points: Array) -> Array:
    """The 27 nodes without holes, at the size of SAM-SLR's frames.

    The papers' extractor puts every keypoint somewhere in each frame. Ours says when one is not seen: such
    a node is placed by its neighbours in time, or, if it never shows, on its parent; its confidence stays 0.

    Args:
        points: (T, 27, 4): x, y, z, confidence in order of `graph.NODES`, in any isotropic unit.

    Returns:
        (T, 27, 3) float32, finite.

    Raises:
        InputRejected: No frame shows the nose and both shoulders.
    """
    present = points[..., 3] > 0
    _, shoulders = SignerFrame.of(points).place()
    nodes = np.zeros((len(points), len(graph.NODES), 3), np.float32)
    nodes[..., 2] = np.where(present, points[..., 3], 0)
    xy = np.nan_to_num(points[..., :2], nan=0.0)
    for node in range(len(graph.NODES)):  # parents come before children
        if present[:, node].any():
            nodes[:, node, :2] = fill_gaps(xy[:, node], present[:, node])
        else:
            nodes[:, node, :2] = nodes[:, graph.PARENT[node], :2]
    nodes[..., :2] *= np.float32(SHOULDER_PIXELS / shoulders)
    return nodes


def clip_tensor(nodes: Array, stream: str, frames: int = FRAMES) -> Array:
    """A clip's stream at a fixed length: loop-padded, then joint, bone or motion.

    Args:
        nodes: (T, 27, 3), see `nodes_in_pixels`.
        stream: One of `signlens.skeleton.streams.STREAMS`.
        frames: Length; longer clips lose what comes after.

    Returns:
        (frames, 27, 3).
    """
    return make_stream(loop_pad(nodes, frames), stream)


def centre(clips: Array, stream: str) -> Array:
    """Subtract the nose's mean place over time: from all nodes (joint), or from the nose alone.

    Args:
        clips: (N, T, 27, 3) of one stream.
        stream: Its name.
    """
    clips = clips.copy()
    mean = clips[:, :, graph.NOSE : graph.NOSE + 1, :2].mean(axis=1, keepdims=True)
    moved = slice(None) if stream == "joint" else slice(graph.NOSE, graph.NOSE + 1)
    clips[:, :, moved, :2] -= mean
    return clips


def vary(
    clips: Array, stream: str, window: int, amount: PixelAugmentation, rng: np.random.Generator
) -> Array:
    """Training-time variation in SAM-SLR's order: random window, mirror, centring, shift.

    Args:
        clips: (N, T, 27, 3) of one stream, not centred.
        stream: Its name.
        window: Frames to keep.
        amount: How strongly.
        rng: Source of all randomness.

    Returns:
        (N, window, 27, 3), centred.
    """
    n, t = clips.shape[:2]
    window = min(window, t)
    first = rng.integers(0, t - window + 1, n)
    clips = clips[np.arange(n)[:, None], first[:, None] + np.arange(window)]
    turned = rng.random(n) < amount.mirror
    # The frame's width cancels in the centring, so a mirror at x = 0 does.
    clips[turned] = mirror_nodes(clips[turned])
    clips = centre(clips, stream)
    moved = slice(None) if stream == "joint" else slice(graph.NOSE, graph.NOSE + 1)
    clips[:, :, moved, :2] += rng.uniform(-amount.shift, amount.shift, (n, 1, 1, 2)).astype(np.float32)
    return clips
