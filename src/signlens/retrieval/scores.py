"""Similarities to class scores: what the neighbours say of each gloss. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError

Array = NDArray[np.float64]


def nearest_per_class(similarities: Array, glosses: Sequence[str], classes: Sequence[str]) -> Array:
    """Each class's highest similarity.

    Args:
        similarities: (N,) cosines; NaN where a clip does not count.
        glosses: The N clips' glosses; those outside `classes` are passed over.
        classes: C names.

    Returns:
        (C,), NaN for a class without a clip that counts.
    """
    place = _places(similarities, glosses, classes)
    counts = np.isfinite(similarities) & (place >= 0)
    best = np.full(len(classes), -np.inf)
    np.maximum.at(best, place[counts], similarities[counts])
    return np.where(np.isfinite(best), best, np.nan)


def class_shares(
    similarities: Array, glosses: Sequence[str], classes: Sequence[str], k: int, temperature: float
) -> Array:
    """How the k nearest clips vote: each with its softmax weight, for its own class.

    Args:
        similarities: (N,) cosines; NaN where a clip does not count.
        glosses: The N clips' glosses; a vote for one outside `classes` is a vote for none of them.
        classes: C names.
        k: How many neighbours vote; ties go to the earlier clip.
        temperature: Of the softmax over their similarities, > 0; smaller trusts the nearest more.

    Returns:
        (C,) shares in 0..1 that sum to at most 1, to exactly 1 when all voters are of `classes`, to 0 when
        nobody votes.

    Raises:
        UsageError: k below 1, or no positive temperature.
    """
    if k < 1 or not temperature > 0:
        raise UsageError(
            "retrieval", f"k={k}, temperature={temperature} cannot be", "give k >= 1 and a number above 0"
        )
    place = _places(similarities, glosses, classes)
    voters = np.argsort(-np.round(similarities, 7), kind="stable")[:k]  # as in Gallery.best
    voters = voters[np.isfinite(similarities[voters])]
    shares = np.zeros(len(classes))
    if len(voters):
        weight = np.exp((similarities[voters] - similarities[voters].max()) / temperature)
        inside = place[voters] >= 0
        np.add.at(shares, place[voters][inside], (weight / weight.sum())[inside])
    return shares


def retrieval_terms(shares: Array, strength: float) -> Array:
    """What the neighbours add to each class's log-probability: ``log(1 + strength share)``.

    The same form as the emotion boost: nothing is lowered, silence adds nothing, and the term is bounded.

    Args:
        shares: (C,) in 0..1, see `class_shares`.
        strength: At least 0; 0 is off.

    Raises:
        UsageError: The strength is negative or not a number.
    """
    if not np.isfinite(strength) or strength < 0:
        raise UsageError("retrieval strength", f"{strength} is not a strength", "give 0 or more")
    return np.asarray(np.log1p(strength * shares))


def _places(similarities: Array, glosses: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    if similarities.shape != (len(glosses),):
        raise UsageError(
            "similarities", f"shape {similarities.shape} for {len(glosses)} clips", "give one for each"
        )
    index = {name: i for i, name in enumerate(classes)}
    return np.array([index.get(gloss, -1) for gloss in glosses], dtype=np.int64)
