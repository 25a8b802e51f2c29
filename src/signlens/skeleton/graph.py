"""The 27-node skeleton of SAM-SLR as data: nodes, tree, mirror order, adjacency.

Source: SAM-SLR (Jiang et al., CVPR workshops 2021), section 3.1, "graph reduction": seven nodes
of the upper body and ten of each hand, out of the 133 COCO-WholeBody keypoints.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_HAND = (
    "hand_root",
    "thumb_tip",
    "index_mcp",
    "index_tip",
    "middle_mcp",
    "middle_tip",
    "ring_mcp",
    "ring_tip",
    "pinky_mcp",
    "pinky_tip",
)

NODES: tuple[str, ...] = (
    "nose",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    *(f"left_{name}" for name in _HAND),
    *(f"right_{name}" for name in _HAND),
)
"""Names of the 27 nodes; left and right are the signer's own."""

_HAND_OFFSETS = (0, 4, 5, 8, 9, 12, 13, 16, 17, 20)

WHOLE_BODY_INDEX: NDArray[np.int64] = np.array(
    (0, 5, 6, 7, 8, 9, 10, *(91 + o for o in _HAND_OFFSETS), *(112 + o for o in _HAND_OFFSETS))
)
"""(27,) index of each node among the 133 whole-body keypoints."""

NOSE = 0
LEFT_SHOULDER, RIGHT_SHOULDER = 1, 2

EDGES: tuple[tuple[int, int], ...] = (
    (0, 1), (0, 2), (1, 3), (3, 5), (2, 4), (4, 6), (5, 7), (6, 17),
    (7, 8), (7, 9), (7, 11), (7, 13), (7, 15), (9, 10), (11, 12), (13, 14), (15, 16),
    (17, 18), (17, 19), (17, 21), (17, 23), (17, 25), (19, 20), (21, 22), (23, 24), (25, 26),
)  # fmt: skip
"""The 26 edges (parent, child) of the tree, rooted at the nose, parents before children."""

PARENT: NDArray[np.int64] = np.full(len(NODES), -1)
for _parent, _child in EDGES:
    PARENT[_child] = _parent

MIRROR: NDArray[np.int64] = np.array([0, 2, 1, 4, 3, 6, 5, *range(17, 27), *range(7, 17)])
"""(27,) node order after a left-right mirror."""


def adjacency(nodes: int = len(NODES), edges: tuple[tuple[int, int], ...] = EDGES) -> NDArray[np.float32]:
    """The three fixed adjacency subsets: identity, inward, outward.

    The entry for an edge (i, j) of the inward list stands at [j, i]; outward is its reverse.
    Inward and outward are column-normalised (SAM-SLR, as restated from ST-GCN's spatial
    partition).

    Args:
        nodes: Number of nodes V.
        edges: (parent, child) pairs.

    Returns:
        (3, V, V) float32, non-negative; each column sums to 1 or to 0.
    """
    stack = np.zeros((3, nodes, nodes), np.float32)
    stack[0] = np.eye(nodes)
    for parent, child in edges:
        stack[1, child, parent] = 1
        stack[2, parent, child] = 1
    total = stack.sum(axis=1, keepdims=True)
    return np.divide(stack, total, out=np.zeros_like(stack), where=total > 0)
