"""What each kind of network reads, made from prepared joints; the same in training and in use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.skeleton.graph import GRAPHS, REDUCED, Graph
from signlens.skeleton.hand_features import hand_features
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, WHOLE_BODY_INDEX, Signing, mirror_joints
from signlens.skeleton.sam_slr import centre, clip_tensor, nodes_in_pixels
from signlens.skeleton.streams import make_stream

Array = NDArray[np.float32]

NORMALISED, SAM_SLR = PREPARATIONS = ("normalised", "sam-slr")
"""How clips become windows: signer-centred and resampled, or SAM-SLR's pixels and loop padding."""

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


def slgcn_input(joints: Array, seen: Array, stream: str, skeleton: Graph = REDUCED) -> Array:
    """One stream of a skeleton's nodes, the 27 of SAM-SLR by default.

    The channels are x, y and seen. Differences (bone, motion) are taken of the coordinates;
    seen stays what it is, so that a filled-in node is known as such in every stream. Depth is left
    out: on validation the extractor's z did not help SL-GCN.

    Args:
        joints: (N, T, 49, 3) normalised joints.
        seen: (N, T, 49).
        stream: One of `signlens.skeleton.streams.STREAMS`.
        skeleton: A graph whose nodes are among the 49 points.

    Returns:
        (N, 3, T, V) float32.

    Raises:
        UsageError: The skeleton has nodes that the 49 points do not hold.
    """
    nodes = _places(skeleton)
    coordinates = make_stream(magnify_hands(joints[..., :2])[..., nodes, :], stream, skeleton)
    if stream.endswith("motion"):
        # Brings motion to the size of positions; the window spans about a second.
        coordinates = coordinates * np.float32(4)
    channels = np.concatenate([coordinates, seen[..., nodes, None]], axis=-1)
    return np.ascontiguousarray(np.moveaxis(channels, -1, -3), dtype=np.float32)


def _places(skeleton: Graph) -> NDArray[np.int64]:
    """(V,) position of each node among the 49 points."""
    order = np.argsort(WHOLE_BODY_INDEX)
    places = order[np.searchsorted(WHOLE_BODY_INDEX, skeleton.whole_body_index, sorter=order) % len(order)]
    if not np.array_equal(WHOLE_BODY_INDEX[places], skeleton.whole_body_index):
        raise UsageError(
            "graph", "has nodes beyond the upper body and hands", "choose reduced or upper_body_and_hands"
        )
    return np.asarray(places)


def network_input(kind: str, stream: str, joints: Array, seen: Array, graph: str = "reduced") -> Array:
    """Input of a network of the given kind.

    Args:
        kind: ``slgcn`` or ``handshape``.
        stream: Stream for ``slgcn``.
        joints: (N, T, 49, 3).
        seen: (N, T, 49).
        graph: Name of the skeleton for ``slgcn``.

    Raises:
        UsageError: The kind is not known.
    """
    if kind == "slgcn":
        return slgcn_input(joints, seen, stream, GRAPHS[graph])
    if kind == "handshape":
        return hand_features(joints, seen)
    raise UsageError("network", f"there is no kind {kind!r}", "choose slgcn or handshape")


def either_hand_leading(signing: Signing) -> tuple[Array, Array]:
    """A prepared clip and, where it is in doubt which hand leads, the clip with the other hand leading.

    Args:
        signing: The clip.

    Returns:
        Joints (V, T, 49, 3) and seen (V, T, 49) of one view or of two; see `expected_logits`.
    """
    joints, seen = signing.joints[None], signing.visible[None]
    if not signing.doubt:
        return joints, seen
    other, other_seen = mirror_joints(joints, seen)
    return np.concatenate([joints, other]), np.concatenate([seen, other_seen])


def expected_logits(of_views: Array, doubt: float) -> Array:
    """The mean of a clip's logits over which hand leads, so that a near tie does not decide the answer.

    Args:
        of_views: (V, C) logits of the views of `either_hand_leading`, or of the one view of a network that
            reads the clip otherwise.
        doubt: `Signing.doubt`, the probability of the second view.

    Returns:
        (1, C).
    """
    if len(of_views) == 1:
        return of_views
    return np.asarray((1 - doubt) * of_views[:1] + doubt * of_views[1:], np.float32)


def sam_slr_input(keypoints: Array, stream: str, frames: int) -> Array:
    """One clip as SAM-SLR's networks read it in evaluation.

    Args:
        keypoints: (T, 133, 4) whole-body keypoints: x and y in pixels, z, confidence.
        stream: One of `signlens.skeleton.streams.STREAMS`.
        frames: Length of the clip tensor.

    Returns:
        (1, 3, frames, 27) float32.

    Raises:
        InputRejected: No frame shows the nose and both shoulders.
    """
    nodes = nodes_in_pixels(keypoints[:, REDUCED.whole_body_index])
    clips = centre(clip_tensor(nodes, stream, frames)[None], stream)
    return np.ascontiguousarray(np.moveaxis(clips, -1, 1))
