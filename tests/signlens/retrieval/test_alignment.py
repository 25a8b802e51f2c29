import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.errors import UsageError
from signlens.retrieval.alignment import align, frame_distances, point_differences
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND


def signing(rng, frames, gaps=0.0):
    points = rng.normal(size=(frames, 49, 2)).astype(np.float32)
    points[rng.random((frames, 49)) < gaps] = np.nan
    return points


def by_recursion(distance):
    """The definition: a frame pair costs its distance and the cheapest of the three ways to it."""

    @functools.cache
    def total(i, j):
        if (i, j) == (0, 0):
            return distance[0, 0]
        ways = [total(a, b) for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 and b >= 0]
        return distance[i, j] + min(ways)

    return total(distance.shape[0] - 1, distance.shape[1] - 1)


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=40, deadline=None)
def test_the_path_is_the_cheapest_and_goes_through_all_frames(seed, first, second, gaps):
    rng = np.random.default_rng(seed)
    one, other = signing(rng, first, gaps), signing(rng, second)
    distance = frame_distances(one, other)
    found = align(one, other)
    assert found.cost == pytest.approx(by_recursion(distance))
    assert found.cost == pytest.approx(distance[found.first, found.second].sum())
    assert (found.first[0], found.second[0]) == (0, 0)
    assert (found.first[-1], found.second[-1]) == (first - 1, second - 1)
    steps = np.stack([np.diff(found.first), np.diff(found.second)], axis=1)
    assert {tuple(s) for s in steps.tolist()} <= {(0, 1), (1, 0), (1, 1)}
    partner = found.partner(first)
    assert partner.shape == (first,)
    assert (np.diff(partner) >= 0).all()
    for i, j in enumerate(partner):
        assert (i, j) in set(zip(found.first.tolist(), found.second.tolist(), strict=True))


def test_distances_agree_with_a_library():
    library = pytest.importorskip("dtaidistance.dtw_ndim", reason="the extra dtw is not installed")
    rng = np.random.default_rng(1)
    for _ in range(5):
        # One moving point: the others stand still at one place, so a frame's distance is a 49th of its own.
        one, other = np.zeros((12, 49, 2)), np.zeros((17, 49, 2))
        one[:, 3], other[:, 3] = rng.normal(size=(12, 2)), rng.normal(size=(17, 2))
        squared = library.distance(one[:, 3], other[:, 3], inner_dist="euclidean")
        assert 49 * align(one, other).cost == pytest.approx(squared)


def test_the_same_sign_signed_slower_is_aligned_to_its_phase():
    rng = np.random.default_rng(2)
    path = np.cumsum(rng.normal(size=(20, 1, 2)), axis=0) + rng.normal(size=(1, 49, 2))
    pace = np.sort(np.concatenate([np.arange(20), rng.integers(0, 20, 15)]))
    slower = path[pace]
    found = align(path, slower)
    assert found.cost == pytest.approx(0, abs=1e-9)
    assert (pace[found.second] == found.first).all()
    assert point_differences(path, slower, found) == pytest.approx(np.zeros(49), abs=1e-9)


def test_place_and_shape_of_a_hand_count_apart():
    rng = np.random.default_rng(3)
    one = signing(rng, 8)
    moved = one.copy()
    moved[:, RIGHT_HAND] += [0.5, 0.0]  # the same hand, held half a shoulder width aside
    same = align(one, one)
    differences = point_differences(one, moved, same)
    assert differences[RIGHT_HAND.start] == pytest.approx(0.5, abs=1e-6)
    assert np.delete(differences, RIGHT_HAND.start) == pytest.approx(np.zeros(48), abs=1e-6)
    bent = one.copy()
    bent[:, RIGHT_HAND.start + 8] += [0.0, 0.3]  # a fingertip
    differences = point_differences(one, bent, same)
    assert int(np.argmax(differences)) == RIGHT_HAND.start + 8
    assert differences[RIGHT_HAND.start + 8] == pytest.approx(0.3, abs=1e-6)


def test_points_that_are_never_seen_in_both_have_no_difference():
    rng = np.random.default_rng(4)
    one, other = signing(rng, 6), signing(rng, 7)
    other[:, LEFT_HAND] = np.nan
    one[2:4, RIGHT_HAND] = np.nan
    differences = point_differences(one, other, align(one, other))
    assert np.isnan(differences[LEFT_HAND]).all()
    assert np.isfinite(np.delete(differences, np.arange(LEFT_HAND.start, LEFT_HAND.stop))).all()


@pytest.mark.parametrize("shape", [(0, 49, 2), (3, 27, 2), (3, 49, 3), (49, 2)])
def test_what_is_no_signing_is_refused(shape):
    with pytest.raises(UsageError):
        align(np.zeros((3, 49, 2)), np.zeros(shape))
