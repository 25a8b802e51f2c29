"""Queries and gallery of a split, and weights of spaces that are chosen on other clips than are reported."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens_studies.retrieval.recall import Found, look_up

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Weights = dict[str, float]
Tell = Callable[[str, int, int], None]

WEIGHT_STEPS = 4
"""Weights are multiples of one over this number and sum to 1."""


@dataclass(frozen=True, eq=False)
class Part:
    """The queries and the gallery of one split.

    Attributes:
        split: Its name.
        queries: (Q,) rows of the source.
        gallery: (G,) rows.
        query_labels: (Q,) classes.
        gallery_labels: (G,) classes.
        similarities: System -> (Q, G), larger is more alike, NaN where a clip must not be found.
        vectors: Space -> embeddings of the queries and of the gallery.
    """

    split: str
    queries: Rows
    gallery: Rows
    query_labels: Rows
    gallery_labels: Rows
    similarities: dict[str, Floats]
    vectors: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]]

    def found(self, similarities: Floats) -> Found:
        """What a search by these similarities makes of the queries."""
        return look_up(similarities, self.query_labels, self.gallery_labels)


def fuse(similarities: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """The weighted mean of spaces' cosines: the cosine of the weighted concatenation of unit vectors.

    Args:
        similarities: Space -> (Q, G).
        weights: Space -> weight, summing to 1.
    """
    return np.asarray(sum(weight * similarities[name] for name, weight in weights.items() if weight))


def fuse_vectors(
    vectors: Mapping[str, tuple[NDArray[np.floating], ...]], weights: Mapping[str, float], side: int
) -> Floats:
    """One unit vector a clip whose cosine is that of `fuse`: unit vectors times the weight's root, joined.

    Args:
        vectors: Space -> embeddings of several sets of clips.
        weights: Space -> weight, summing to 1.
        side: Which set of clips.
    """
    joined = []
    for name, weight in weights.items():
        if weight:
            own = vectors[name][side].astype(np.float64)
            joined.append(
                np.sqrt(weight) * own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
            )
    return np.concatenate(joined, axis=1)


def weight_grid(names: Sequence[str], steps: int = WEIGHT_STEPS) -> list[Weights]:
    """All weights that are multiples of 1 / steps and sum to 1, the most even ones first.

    Args:
        names: Spaces.
        steps: See `WEIGHT_STEPS`.
    """
    every = (c for c in itertools.product(range(steps + 1), repeat=len(names)) if sum(c) == steps)
    even = sorted(every, key=lambda c: (sum(v * v for v in c), [-v for v in c]))
    return [{name: v / steps for name, v in zip(names, c, strict=True)} for c in even]


@dataclass(frozen=True, eq=False)
class WeightChoice:
    """Average precision of every weighting on every query of a task, to choose by.

    Attributes:
        grid: The weightings.
        values: (weightings, N) average precision.
        part: (N,) number of the part that each query belongs to.
        labels: (N,) glosses of the queries.
    """

    grid: list[Weights]
    values: Floats
    part: Rows
    labels: Rows

    def best(self, on: NDArray[np.bool_]) -> Weights:
        """The weighting with the highest mean average precision on some of the queries."""
        return self.grid[int(self.values[:, on].mean(axis=1).argmax())]


def weigh(parts: Sequence[Part], spaces: Sequence[str], tell: Tell) -> WeightChoice:
    """Try every weighting of the spaces on a task's queries."""
    grid = weight_grid(spaces)
    values = []
    for number, weights in enumerate(grid):
        tell("weighing spaces", number, len(grid))
        values.append(
            np.concatenate([p.found(fuse(p.similarities, weights)).average_precision for p in parts])
        )
    return WeightChoice(
        grid,
        np.stack(values),
        np.repeat(np.arange(len(parts)), [len(p.queries) for p in parts]),
        np.concatenate([p.query_labels for p in parts]),
    )
