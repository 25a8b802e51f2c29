import numpy as np
import pytest

from signlens.pose import LEFT_HAND, LIMBS, RIGHT_HAND
from signlens.skeleton import graph, normalise


def test_the_edges_make_a_tree_over_all_27_nodes() -> None:
    assert len(graph.NODES) == 27
    assert len(graph.EDGES) == 26
    reached = {graph.NOSE}
    for parent, child in graph.EDGES:
        assert parent in reached, "parents come before their children"
        assert child not in reached, "no node has two parents"
        reached.add(child)
    assert reached == set(range(27))


def test_nodes_lie_in_the_parts_that_their_names_say() -> None:
    for name, index in zip(graph.NODES[7:], graph.WHOLE_BODY_INDEX[7:], strict=True):
        part = LEFT_HAND if name.startswith("left") else RIGHT_HAND
        assert part.start <= index < part.stop
    assert len(set(graph.WHOLE_BODY_INDEX.tolist())) == 27


def test_mirror_swaps_left_and_right_names_and_keeps_edges() -> None:
    for name, other in zip(graph.NODES, graph.MIRROR, strict=True):
        swapped = name.replace("left", "*").replace("right", "left").replace("*", "right")
        assert graph.NODES[other] == swapped
    edges = set(graph.EDGES)
    assert {(int(graph.MIRROR[a]), int(graph.MIRROR[b])) for a, b in edges} == edges


def test_adjacency_subsets() -> None:
    identity, inward, outward = graph.adjacency()
    np.testing.assert_array_equal(identity, np.eye(27))
    for subset in (inward, outward):
        sums = subset.sum(axis=0)
        assert np.isclose(sums, 1).sum() + np.isclose(sums, 0).sum() == 27
    # The inward entry of an edge (i, j) stands at [j, i]; outward is the reverse.
    for parent, child in graph.EDGES:
        assert inward[child, parent] > 0
        assert outward[parent, child] > 0
    assert np.count_nonzero(inward) == np.count_nonzero(outward) == 26
    # Worked by hand: the left hand root (7) has five children, so its inward column holds fifths.
    np.testing.assert_allclose(inward[[8, 9, 11, 13, 15], 7], 0.2)


@pytest.mark.parametrize(
    ("name", "nodes"), [("reduced", 27), ("upper_body_and_hands", 49), ("whole_body", 133)]
)
def test_every_graph_is_a_tree_rooted_at_the_nose_that_looks_the_same_in_a_mirror(
    name: str, nodes: int
) -> None:
    skeleton = graph.GRAPHS[name]
    assert len(skeleton.nodes) == len(set(skeleton.nodes)) == len(skeleton.whole_body_index) == nodes
    assert skeleton.nodes[0] == "nose" and skeleton.whole_body_index[0] == 0
    reached = {0}
    for parent, child in skeleton.edges:
        assert parent in reached and child not in reached
        reached.add(child)
        assert skeleton.parent[child] == parent
    assert reached == set(range(nodes))
    assert skeleton.parent[0] == -1
    np.testing.assert_array_equal(skeleton.mirror[skeleton.mirror], np.arange(nodes))
    mirrored = {(int(skeleton.mirror[a]), int(skeleton.mirror[b])) for a, b in skeleton.edges}
    assert mirrored == set(skeleton.edges)


def test_the_49_points_are_those_that_clips_are_prepared_to() -> None:
    skeleton = graph.UPPER_BODY_AND_HANDS
    np.testing.assert_array_equal(skeleton.whole_body_index, normalise.WHOLE_BODY_INDEX)
    np.testing.assert_array_equal(skeleton.mirror, normalise.MIRROR)
    # Worked by hand: the fourth point of the thumb hangs from the third, every finger from the root.
    assert skeleton.parent[7 + 4] == 7 + 3
    assert [skeleton.parent[7 + first] for first in (1, 5, 9, 13, 17)] == [7] * 5
    assert skeleton.parent[7] == 5 and skeleton.parent[28] == 6


def test_within_a_hand_the_larger_graphs_have_the_limbs_of_the_layout() -> None:
    for skeleton in (graph.UPPER_BODY_AND_HANDS, graph.WHOLE_BODY):
        edges = {tuple(skeleton.whole_body_index[list(edge)]) for edge in skeleton.edges}
        assert set(LIMBS["left_hand"]) | set(LIMBS["right_hand"]) <= edges
