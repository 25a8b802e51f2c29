"""How well a search finds clips of the query's gloss: recall at k and average precision. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

AT = (1, 5, 10)


@dataclass(frozen=True, eq=False)
class Found:
    """What a search made of each query.

    Attributes:
        first: (Q,) how many clips of other glosses stand before the first one of the query's gloss.
        average_precision: (Q,) 0..1, over the whole gallery.
    """

    first: Labels
    average_precision: Floats

    def hits(self, k: int) -> NDArray[np.bool_]:
        """(Q,) recall at k: whether any of the k nearest clips has the query's gloss."""
        return np.asarray(self.first < k)


def look_up(similarities: NDArray[np.floating], queries: Labels, gallery: Labels) -> Found:
    """Order the gallery for each query and see where its gloss stands.

    A tie never helps: of equally similar clips those of other glosses come first.

    Args:
        similarities: (Q, G), larger is more alike; NaN where a clip must not be found.
        queries: (Q,) glosses.
        gallery: (G,) glosses.

    Raises:
        UsageError: A query's gloss has no clip in the gallery.
    """
    counts = ~np.isnan(similarities)
    wanted = (queries[:, None] == gallery[None, :]) & counts
    without = int((~wanted.any(axis=1)).sum())
    if without:
        raise UsageError("gallery", f"has no clip of the gloss of {without} queries", "leave them out")
    first = np.zeros(len(queries), np.int64)
    precision = np.zeros(len(queries))
    for row, values in enumerate(similarities):
        right = -np.sort(-values[wanted[row]])
        wrong = np.sort(values[counts[row] & ~wanted[row]])
        ahead = len(wrong) - np.searchsorted(wrong, right, side="left")  # at least as similar
        first[row] = ahead[0]
        place = np.arange(1, len(right) + 1)
        precision[row] = (place / (ahead + place)).mean()
    return Found(first, precision)
