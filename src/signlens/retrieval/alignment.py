"""Two signings, phase by phase: which frame of one goes with which of the other, and where they differ.

Dynamic time warping (Sakoe and Chiba 1978, the symmetric steps without slope weights) over the mean distance
of the points that both show. Signings are normalised (`signlens.skeleton.normalise`), so a distance is in
shoulder widths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.skeleton.normalise import LEFT_HAND, POINTS, RIGHT_HAND

Points = NDArray[np.floating]

_NOTHING_SHARED = 1.0
"""Shoulder widths that two frames count as apart which show no point in common."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Which frames go together.

    Attributes:
        first: (P,) frames of the first signing along the path, never going back, each at least once.
        second: (P,) frames of the second, likewise.
        cost: Sum of the frames' distances along the path, in shoulder widths.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cost: float

    def partner(self, frames: int) -> NDArray[np.int64]:
        """For each of the first signing's frames, the middle one of the second's that go with it: (frames,).

        >>> Alignment(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2]), 0.0).partner(2).tolist()
        [1, 2]
        """
        low = np.searchsorted(self.first, np.arange(frames), side="left")
        high = np.searchsorted(self.first, np.arange(frames), side="right") - 1
        return self.second[(low + high) // 2]


def frame_distances(first: Points, second: Points) -> NDArray[np.float64]:
    """How far apart each frame of one is from each of the other.

    Args:
        first: (S, 49, 2), NaN where a point was not seen.
        second: (T, 49, 2) likewise.

    Returns:
        (S, T): the mean distance of the points that both show, in shoulder widths.
    """
    apart = np.linalg.norm(first[:, None].astype(np.float64) - second[None], axis=-1)
    return _mean_of_seen(apart, -1, _NOTHING_SHARED)


def align(first: Points, second: Points) -> Alignment:
    """The cheapest way through both signings from their first frames to their last.

    Args:
        first: (S, 49, 2), NaN where a point was not seen; S at least 1.
        second: (T, 49, 2) likewise.
    """
    for signing in (first, second):
        if signing.ndim != 3 or signing.shape[1:] != (POINTS, 2) or not len(signing):
            raise UsageError("signing", f"it has shape {signing.shape}", f"give (frames, {POINTS}, 2)")
    distance = frame_distances(first, second)
    rows, columns = distance.shape
    # total[i + 1, j + 1]: the cheapest way to frames i and j. Diagonals are independent of one another.
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
        total[i + 1, j + 1] = distance[i, j] + before
    row, column = rows, columns
    path = [(row - 1, column - 1)]
    while (row, column) != (1, 1):  # back along the cheapest; of equal ways the one through both
        ways = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(ways, key=lambda at: float(total[at]))
        path.append((row - 1, column - 1))
    steps = np.array(path[::-1], dtype=np.int64)
    return Alignment(steps[:, 0], steps[:, 1], float(total[rows, columns]))


def point_differences(first: Points, second: Points, alignment: Alignment) -> NDArray[np.float64]:
    """How much each point differs, on average over the aligned frames.

    Body and hand roots are compared by their place; the other points of a hand by their place seen from its
    root, so that a hand held elsewhere does not count as a hand shaped otherwise.

    Args:
        first: (S, 49, 2), NaN where a point was not seen.
        second: (T, 49, 2) likewise.
        alignment: Of the two.

    Returns:
        (49,) in shoulder widths; NaN for a point that is never seen in both.
    """
    pair = [_from_hand_roots(first)[alignment.first], _from_hand_roots(second)[alignment.second]]
    apart = np.linalg.norm(pair[0] - pair[1], axis=-1)
    return _mean_of_seen(apart, 0, np.nan)


def _mean_of_seen(apart: NDArray[np.float64], axis: int, unseen: float) -> NDArray[np.float64]:
    seen = np.isfinite(apart)
    count = seen.sum(axis=axis)
    total = np.where(seen, apart, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), unseen)


def _from_hand_roots(signing: Points) -> NDArray[np.float64]:
    out = signing.astype(np.float64)
    for hand in (LEFT_HAND, RIGHT_HAND):
        inner = slice(hand.start + 1, hand.stop)
        out[:, inner] -= out[:, hand.start : hand.start + 1].copy()
    return out
