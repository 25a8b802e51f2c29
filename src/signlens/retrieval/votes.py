"""Similarities to class scores: what the neighbours say of each gloss. Pure functions on arrays.

N clips have a similarity each (NaN: the clip does not count) and a label each: an index into C classes, or
`OUTSIDE` for a clip of none of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

OUTSIDE = -1
"""Label of a clip that is of none of the classes."""

ORDER_DECIMALS = 7
"""Beyond these, similarities count as equal, and the order of the clips decides."""


def class_labels(glosses: Sequence[str], classes: Sequence[str]) -> Labels:
    """Each clip's place in the list of classes, or `OUTSIDE`: (N,) int64.

    >>> class_labels(["HELLO", "BOOK", "TREE"], ["BOOK", "HELLO"]).tolist()
    [1, 0, -1]
    """
    place = {name: i for i, name in enumerate(classes)}
    return np.array([place.get(gloss, OUTSIDE) for gloss in glosses], dtype=np.int64)


def nearest_first(similarities: NDArray[np.floating], k: int) -> Labels:
    """Rows of the k highest similarities (N,) that count, best first; ties go to the earlier clip.

    >>> nearest_first(np.array([0.2, np.nan, 0.9, 0.2]), 2).tolist()
    [2, 0]
    """
    if k < 1:
        raise UsageError("k", f"{k} nearest clips cannot be asked", "give at least 1")
    order = np.argsort(-np.round(similarities, ORDER_DECIMALS), kind="stable")[:k]  # NaN goes last
    return np.asarray(order[np.isfinite(similarities[order])])


def class_shares(
    similarities: NDArray[np.floating], labels: Labels, classes: int, k: int, temperature: float
) -> Array:
    """How the k nearest clips vote: each with its softmax weight, for its own class.

    The nearest clips alone, as a search found them, give the same shares as all.

    >>> class_shares(np.array([0.9, 0.9, 0.1]), np.array([0, 1, 1]), 2, k=2, temperature=0.1).tolist()
    [0.5, 0.5]

    Args:
        similarities: (N,), NaN where a clip does not count.
        labels: (N,) see the module; the vote of a clip of no class is a vote for none of them.
        classes: C.
        k: How many neighbours vote; ties go to the earlier clip.
        temperature: Of the softmax over their similarities, > 0; smaller trusts the nearest more.

    Returns:
        (C,) shares in 0..1 that sum to at most 1, to exactly 1 when all voters are of a class, to 0 when
        nobody votes.
    """
    if not temperature > 0:
        raise UsageError("retrieval", f"a temperature of {temperature} cannot be", "give a number above 0")
    check_labels(similarities, labels, classes)
    voters = nearest_first(similarities, k)
    shares = np.zeros(classes)
    if len(voters):
        values = similarities[voters].astype(np.float64)
        weight = np.exp((values - values.max()) / temperature)
        inside = labels[voters] >= 0
        np.add.at(shares, labels[voters][inside], (weight / weight.sum())[inside])
    return shares


def retrieval_terms(shares: Array, strength: float) -> Array:
    """What the neighbours add to each class's log-probability: ``log(1 + strength share)``.

    The same form as the emotion boost: nothing is lowered, silence adds nothing, and the term is bounded.

    >>> retrieval_terms(np.array([0.0, 1.0]), 1.0).round(3).tolist()
    [0.0, 0.693]

    Args:
        shares: (C,) in 0..1, see `class_shares`.
        strength: At least 0; 0 is off.
    """
    if not np.isfinite(strength) or strength < 0:
        raise UsageError("retrieval strength", f"{strength} is not a strength", "give 0 or more")
    return np.asarray(np.log1p(strength * shares))


def check_labels(similarities: NDArray[np.floating], labels: Labels, classes: int) -> None:
    """Refuse similarities and labels that are not of one length, and labels that are no class."""
    if similarities.ndim != 1 or labels.shape != similarities.shape:
        raise UsageError(
            "similarities", f"shape {similarities.shape} for {labels.shape} labels", "give one for each clip"
        )
    if len(labels) and not (labels.min() >= OUTSIDE and labels.max() < classes):
        raise UsageError("labels", f"not all are {OUTSIDE}..{classes - 1}", "give each clip's class, or -1")
