"""Skeletons as data: nodes, tree, mirror order, adjacency.

The recogniser's is the 27-node skeleton of SAM-SLR (Jiang et al., CVPR workshops 2021, section 3.1,
"graph reduction"): seven nodes of the upper body and ten of each hand, out of the 133
COCO-WholeBody keypoints. Two larger ones show what the reduction is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.frame import NOSE
from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND
from signlens.pose.layouts import KEYPOINT_NAMES, LIMBS, MIRRORED_KEYPOINT

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


@dataclass(frozen=True, eq=False)
class Graph:
    """A skeleton: some of the 133 whole-body keypoints, joined to a tree.

    Attributes:
        nodes: Names of the V nodes; left and right are the signer's own. Node 0 is the nose.
        edges: V - 1 pairs (parent, child), rooted at the nose, parents before children.
        mirror: (V,) node order after a left-right mirror.
        whole_body_index: (V,) index of each node among the 133 whole-body keypoints.
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    mirror: NDArray[np.int64]
    whole_body_index: NDArray[np.int64]

    @property
    def parent(self) -> NDArray[np.int64]:
        """(V,) parent of each node; -1 for the nose."""
        parent = np.full(len(self.nodes), -1)
        for above, below in self.edges:
            parent[below] = above
        return parent

    def adjacency(self) -> NDArray[np.float32]:
        """The three fixed adjacency subsets (3, V, V), see `adjacency`."""
        return adjacency(len(self.nodes), self.edges)


REDUCED = Graph(NODES, EDGES, MIRROR, WHOLE_BODY_INDEX)
"""SAM-SLR's 27 nodes."""

# Where the parts that are drawn separately hang together: neck and wrists as in the reduced graph, and
# the face from the tip of the nose down its middle line to the chin, and up to brows and eyes.
_JOINS = (
    *((0, 5), (0, 6), (9, LEFT_HAND.start), (10, RIGHT_HAND.start)),
    (0, FACE.start + 30),
    *(
        (FACE.start + a, FACE.start + b)
        for a, b in ((30, 33), (33, 51), (51, 62), (62, 66), (66, 57), (57, 8))
    ),
    *((FACE.start + 27, FACE.start + b) for b in (21, 22, 39, 42)),
)


def _spanning_tree(indices: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Breadth first from the nose over the limbs between some keypoints, in their numbering."""
    number = {int(keypoint): node for node, keypoint in enumerate(indices)}
    near: dict[int, list[int]] = {node: [] for node in number.values()}
    for a, b in (*_JOINS, *(limb for limbs in LIMBS.values() for limb in limbs)):
        if a in number and b in number:
            near[number[a]].append(number[b])
            near[number[b]].append(number[a])
    edges: list[tuple[int, int]] = []
    reached = [NOSE]
    for node in reached:  # grows while it is walked
        new = [other for other in sorted(near[node]) if other not in reached]
        edges += [(node, other) for other in new]
        reached += new
    return tuple(edges)


def _graph_over(indices: NDArray[np.int64]) -> Graph:
    """The graph over some keypoints, the nose first, with its names and mirror order."""
    node = {int(keypoint): place for place, keypoint in enumerate(indices)}
    return Graph(
        nodes=tuple(KEYPOINT_NAMES[keypoint] for keypoint in indices),
        edges=_spanning_tree(indices),
        mirror=np.array([node[int(MIRRORED_KEYPOINT[keypoint])] for keypoint in indices]),
        whole_body_index=indices,
    )


UPPER_BODY_AND_HANDS = _graph_over(
    np.array([*WHOLE_BODY_INDEX[:7], *range(LEFT_HAND.start, RIGHT_HAND.stop)], dtype=np.int64)
)
"""49 nodes: the seven of the upper body and all 21 points of each hand."""

WHOLE_BODY = _graph_over(np.arange(len(KEYPOINT_NAMES)))
"""All 133 whole-body keypoints: no graph reduction."""

GRAPHS: dict[str, Graph] = {
    "reduced": REDUCED,
    "upper_body_and_hands": UPPER_BODY_AND_HANDS,
    "whole_body": WHOLE_BODY,
}
"""Graphs by the name that configurations carry."""
