import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from signlens.errors import UsageError
from signlens.retrieval.index import SAME_CLIP, ExactIndex, cosines


def unit(rng, count, dimension):
    vectors = rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 2**31), st.integers(1, 300), st.integers(8, 300), st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_exact_search_agrees_with_scikit_learn(seed, count, dimension, k):
    rng = np.random.default_rng(seed)
    vectors, query = unit(rng, count, dimension), rng.normal(size=dimension)
    found = ExactIndex(vectors).search(query, k)
    reference = NearestNeighbors(n_neighbors=min(k, count), metric="cosine", algorithm="brute")
    distances, rows = reference.fit(vectors.astype(np.float64)).kneighbors(query[None])
    # From eight dimensions on, chance makes no near ties, and no vector that counts as the query itself.
    assert found.rows.tolist() == rows[0].tolist()
    assert np.allclose(found.similarities, 1 - distances[0], atol=1e-9)


@given(st.integers(0, 2**31), st.integers(1, 40), st.lists(st.integers(0, 199), max_size=30))
@settings(max_examples=40, deadline=None)
def test_excluded_rows_and_copies_of_the_query_make_room_for_others(seed, k, excluded):
    rng = np.random.default_rng(seed)
    vectors = unit(rng, 200, 24)
    query = vectors[7] * 3
    vectors[[50, 51, 52]] = vectors[7]
    exclude = np.array(excluded, dtype=np.int64)
    found = ExactIndex(vectors).search(query, k, exclude)
    cosine = vectors.astype(np.float64) @ (query.astype(np.float64) / np.linalg.norm(query))
    allowed = [r for r in np.argsort(-cosine, kind="stable") if r not in {7, 50, 51, 52, *excluded}]
    assert found.rows.tolist() == allowed[:k]


def test_equally_similar_rows_come_in_their_order_whatever_the_rounding():
    rng = np.random.default_rng(0)
    one = unit(rng, 1, 253)
    vectors = np.concatenate([unit(rng, 500, 253), np.repeat(one, 1000, axis=0)])
    # In float32 a product adds up the same numbers in another order in another row.
    query = one[0] + np.float32(0.02) * rng.normal(size=253).astype(np.float32)
    for k in (1, 5, 999):
        assert ExactIndex(vectors).search(query, k).rows.tolist() == list(range(500, 500 + k))


def test_the_same_clip_is_told_from_a_very_similar_one():
    rng = np.random.default_rng(1)
    query = unit(rng, 1, 64)[0].astype(np.float64)
    aside = rng.normal(size=64)
    aside -= aside @ query * query
    aside /= np.linalg.norm(aside)

    def at(cosine):
        return (cosine * query + np.sqrt(1 - cosine**2) * aside).astype(np.float32)

    vectors = np.stack([at(1 - 2e-7), at(1 - 5e-6), at(0.5)])
    found = ExactIndex(vectors).search(query, 3)
    assert found.rows.tolist() == [1, 2]
    assert found.similarities[0] < SAME_CLIP


@pytest.mark.parametrize("count", [63, 64, 65, 5_000])
@pytest.mark.parametrize("k", [1, 7, 50, 78])
def test_the_best_are_found_wherever_they_stand(count, k):
    """The screening looks at blocks of rows; the best may share one, or stand behind the last whole one."""
    rng = np.random.default_rng(count + k)
    vectors = unit(rng, count, 16)
    query = unit(rng, 1, 16)[0]
    for place in (0, count // 2, count - 1):
        near = vectors.copy()
        rows = np.arange(place, place + min(k, count)) % count
        near[rows] = query + 0.05 * unit(rng, len(rows), 16)
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        cosine = near.astype(np.float64) @ query.astype(np.float64)
        found = ExactIndex(near).search(query, k)
        expected = np.argsort(-cosine, kind="stable")[:k]
        assert set(found.rows.tolist()) == set(expected.tolist())


def test_all_rows_excluded_or_no_rows_give_nothing():
    vectors = unit(np.random.default_rng(2), 5, 8)
    assert len(ExactIndex(vectors).search(np.ones(8), 3, np.arange(5)).rows) == 0
    assert len(ExactIndex(vectors[:0]).search(np.ones(8), 3).rows) == 0


@pytest.mark.parametrize("query", [np.zeros(16), np.full(16, np.nan), np.ones(17), np.ones((1, 16))])
def test_a_query_without_direction_or_of_another_dimension_is_refused(query):
    with pytest.raises(UsageError, match=r"direction|16 dimensions"):
        ExactIndex(unit(np.random.default_rng(4), 3, 16)).search(query, 3)


def test_k_below_one_is_refused():
    with pytest.raises(UsageError, match="at least 1"):
        ExactIndex(unit(np.random.default_rng(4), 3, 16)).search(np.ones(16), 0)


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 9000), st.integers(1, 70), st.integers(0, 15))
@settings(max_examples=40, deadline=None)
def test_a_pair_has_one_cosine_in_any_batch_and_at_any_place_in_memory(seed, asked, count, dimension, offset):
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(asked, dimension)).astype(np.float32)
    vectors = unit(rng, count, dimension)
    # The same numbers, begun at another byte of a cache line.
    room = np.empty(vectors.size + 16, np.float32)
    moved = room[offset : offset + vectors.size].reshape(vectors.shape)
    moved[:] = vectors
    together = cosines(queries, vectors)
    alone = np.stack([cosines(query[None], moved)[0] for query in queries])
    assert np.abs(together - alone).max() <= 1e-12
    some = rng.choice(count, min(count, 20), replace=False)
    by_pair = np.stack([cosines(queries, np.asfortranarray(moved[row : row + 1]))[:, 0] for row in some])
    assert np.abs(together[:, some] - by_pair.T).max() <= 1e-12
    one, other = (v.astype(np.float64) for v in (queries, vectors[some]))
    expected = (one[:, None] * other).sum(axis=2)
    expected /= np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    assert np.allclose(together[:, some], expected, rtol=0, atol=1e-12)
    found = ExactIndex(vectors).search(queries[0], 5)
    assert np.abs(found.similarities - together[0, found.rows]).max(initial=0) <= 1e-12
