"""Search of many vectors: one interface, and the exact search behind it.

Whoever finds the candidates (one float32 product with all vectors here, a graph or a server elsewhere),
`rank_exactly` has the last word on them by their `cosines`, so that the same question has the same answer
however the candidates came about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.retrieval.votes import nearest_first

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

SAME_CLIP = 1 - 1e-6
"""From this cosine on, two embeddings are of the same clip: only storage rounding lies between them."""

NOTHING: Rows = np.zeros(0, dtype=np.int64)

_AT_ONCE = 4096  # rows made float64 together, so that a large gallery is never copied whole
_BLOCK = 64
_ROUNDING = 1e-5
"""More than a float32 product of unit vectors of a few thousand dimensions is off."""


@dataclass(frozen=True, eq=False)
class Found:
    """Result of a search, best first.

    Attributes:
        rows: (n,) rows of the clips found.
        similarities: (n,) float64 cosines, descending.
    """

    rows: Rows
    similarities: NDArray[np.float64]


NOTHING_FOUND = Found(NOTHING, np.zeros(0))


def cosines(queries: NDArray[np.floating], vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosine of each query with each vector: the one way to a similarity.

    Products of float32 numbers are exact in float64, and their sum is off by some 1e-16: a pair has the same
    cosine to 1e-12 in any batch and at any place in memory, which a float32 product has to 1e-7 only.

    >>> cosines(np.array([[3.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]])).tolist()
    [[1.0, 0.0, -1.0]]

    Args:
        queries: (Q, D) of any length above 0.
        vectors: (N, D) of any length above 0.

    Returns:
        (Q, N) in -1..1.
    """
    units = _exact_units(queries)
    found = np.empty((len(units), len(vectors)))
    for start in range(0, len(vectors), _AT_ONCE):
        found[:, start : start + _AT_ONCE] = units @ _exact_units(vectors[start : start + _AT_ONCE]).T
    return np.clip(found, -1, 1)


def _exact_units(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    return np.asarray(exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12))


class Index(Protocol):
    """Finds the most similar of N vectors."""

    def __len__(self) -> int:
        """Number of vectors."""
        ...

    def search(self, query: NDArray[np.floating], k: int, exclude: Rows = NOTHING) -> Found:
        """The k rows of the highest cosine, best first; equal ones in the order of their rows.

        Left out are the rows of `exclude`, and those with the query's own embedding (`SAME_CLIP`).

        Args:
            query: (D,) of any length above 0.
            k: How many, at least 1; fewer come back when there are fewer.
            exclude: Rows that must not be found.

        Raises:
            UsageError: k below 1, or the query is no vector of this dimension.
        """
        ...


class ExactIndex:
    """Compares with every vector: one matrix-vector product, then a partial sort.

    Args:
        vectors: (N, D) float32, each of length 1; not copied.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self.vectors)

    def search(self, query: NDArray[np.floating], k: int, exclude: Rows = NOTHING) -> Found:
        """See `Index.search`."""
        check_k(k)
        unit = unit_query(query, self.vectors.shape[1])
        screened = self.vectors @ unit.astype(np.float32)
        screened[exclude] = -np.inf
        # Copies of the query must not take the places of others.
        near = np.flatnonzero(screened >= SAME_CLIP - _ROUNDING)
        screened[near[cosines(unit[None], self.vectors[near])[0] >= SAME_CLIP]] = -np.inf
        rows = np.flatnonzero(screened >= max(_reached(screened, k) - _ROUNDING, -2.0))
        return rank_exactly(rows, self.vectors[rows], unit, k)


def _reached(values: Vectors, k: int) -> float:
    """A value that at least k of the values reach, and not many more; -inf when there are fewer.

    The k-th highest of the maxima of blocks: k blocks reach it, so k values do. One pass over the values
    instead of a sort.
    """
    blocks = len(values) // _BLOCK
    if blocks > k:
        values = values[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
    return float(np.partition(values, -k)[-k]) if k <= len(values) else -np.inf


def rank_exactly(rows: Rows, vectors: NDArray[np.floating], unit: NDArray[np.float64], k: int) -> Found:
    """The k best of some candidates, by `cosines`.

    Args:
        rows: (n,) candidates, in any order, each once.
        vectors: (n, D) their vectors.
        unit: (D,) the query.
        k: How many at most.
    """
    order = np.argsort(rows)
    rows = rows[order]
    cosine = cosines(unit[None], vectors[order])[0]
    cosine[cosine >= SAME_CLIP] = np.nan
    best = nearest_first(cosine, k)
    return Found(rows[best], cosine[best])


def check_k(k: int) -> None:
    """Refuse a number of results below 1."""
    if k < 1:
        raise UsageError("k", f"{k} similar signs cannot be shown", "give at least 1")


def unit_query(query: NDArray[np.floating], dimension: int) -> NDArray[np.float64]:
    """A query (D,) divided by its length; one of another dimension or without direction is refused."""
    if query.shape != (dimension,):
        raise UsageError(
            "query",
            f"it has shape {query.shape}, but the gallery's embeddings have {dimension} dimensions",
            "ask with an embedding of the model that made the gallery",
        )
    exact = query.astype(np.float64)
    length = float(np.linalg.norm(exact))
    if not np.isfinite(length) or length == 0:
        raise UsageError("query", "it has no direction (all zero, or not numbers)", "give an embedding")
    return exact / length
