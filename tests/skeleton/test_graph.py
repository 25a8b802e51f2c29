import numpy as np

from signlens.pose import LEFT_HAND, RIGHT_HAND
from signlens.skeleton import graph


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
