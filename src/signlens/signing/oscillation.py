"""Where a movement turns: what headshakes, nods and repeated signs are counted by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def turning_points(series: NDArray[np.floating], least: float) -> NDArray[np.int64]:
    """Where a series turns, smaller wiggles left out.

    >>> turning_points(np.array([0.0, 2.0, 1.9, 0.1, 3.0]), 1.0).tolist()
    [0, 1, 3, 4]

    Args:
        series: (T,) finite values.
        least: A turn counts once the series has gone back from it by so much; above 0.

    Returns:
        Increasing indices whose values are alternately high and low and differ from one another by at
        least ``least``: the extremes of the series, its first and last one included. Empty where the
        whole series spans less.
    """
    values = np.asarray(series, dtype=np.float64)
    turns: list[int] = []
    low = high = 0
    rising: bool | None = None  # not known before the series has moved by `least`
    for i in range(1, len(values)):
        high = i if values[i] > values[high] else high
        low = i if values[i] < values[low] else low
        if rising is not True and values[i] - values[low] >= least:
            turns.append(low)
            rising, high = True, i
        elif rising is not False and values[high] - values[i] >= least:
            turns.append(high)
            rising, low = False, i
    if rising is not None:
        turns.append(high if rising else low)
    return np.array(turns, dtype=np.int64)


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each unbroken stretch of True.

    >>> runs(np.array([True, True, False, True]))
    [(0, 1), (3, 3)]
    """
    edges = np.diff(np.concatenate([[False], np.asarray(mask, dtype=bool), [False]]).astype(np.int8))
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def median3(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each value (T, ...) and its two neighbours; the ends and the neighbours of gaps (NaN) stay.

    A point that jumps for one frame travels nowhere.
    """
    if len(series) < 3:
        return series
    middle = np.median(np.stack([series[:-2], series[1:-1], series[2:]]), axis=0)
    result = series.copy()
    result[1:-1] = np.where(np.isfinite(middle), middle, series[1:-1])
    return result
