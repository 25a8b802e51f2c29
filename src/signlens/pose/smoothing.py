"""Smoothing of points over time: the one-euro filter and a plain low-pass filter.

Source: Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012; parameters, and speed measured in sizes of the body, as in MediaPipe
0.10.21.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]


class OneEuroFilter:
    """Smooths slow movement strongly and fast movement hardly at all; one instance per set of points.

    Args:
        min_cutoff: Cut-off at rest, in Hz.
        beta: How fast the cut-off grows with speed.
        derivative_cutoff: Cut-off for the speed, in Hz.
        rate: Frames per second.
    """

    def __init__(self, min_cutoff: float, beta: float, derivative_cutoff: float, rate: float) -> None:
        self._min_cutoff = min_cutoff
        self._beta = beta
        self._rate = rate
        self._speed_share = self._share(derivative_cutoff)
        self._last_raw: Values | None = None
        self._last: Values | None = None
        self._speed: Values | None = None

    def _share(self, cutoff: Any) -> Any:
        """Weight of the new value for a cut-off in Hz."""
        return 1.0 / (1.0 + self._rate / (2 * math.pi * cutoff))

    def reset(self) -> None:
        """Forget everything: the next values come out as they are."""
        self._last_raw = self._last = self._speed = None

    def __call__(self, values: Values, size: float) -> Values:
        """Smoothed values.

        Args:
            values: Any shape, the same on every call.
            size: Size of what moves, in the unit of the values; speed is measured in it.
        """
        if self._last is None or self._last_raw is None:
            self._last_raw = values
            self._last = values
            self._speed = np.zeros_like(values)
            return values
        speed = (values - self._last_raw) * (self._rate / size)
        self._speed = self._speed_share * speed + (1 - self._speed_share) * self._speed
        share = self._share(self._min_cutoff + self._beta * np.abs(self._speed))
        self._last_raw = values
        self._last = share * values + (1 - share) * self._last
        return self._last


class LowPassFilter:
    """An exponential moving average.

    Args:
        share: Weight of the new value, 0..1.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._last: Values | None = None

    def reset(self) -> None:
        """Forget everything: the next values come out as they are."""
        self._last = None

    def __call__(self, values: Values) -> Values:
        """Smoothed values (any shape, the same on every call)."""
        self._last = values if self._last is None else self._share * values + (1 - self._share) * self._last
        return self._last
