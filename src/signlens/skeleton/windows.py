"""Clips of any length to windows of a fixed one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError

Array = NDArray[np.float32]


def loop_pad(clip: Array, length: int) -> Array:
    """SAM-SLR's rule: the first `length` frames, or the whole clip repeated until they are full.

    Args:
        clip: (T, ...) with T >= 1.
        length: Frames wanted.

    Raises:
        UsageError: There is no frame to repeat, or length is not positive.
    """
    if len(clip) == 0 or length <= 0:
        raise UsageError(
            "window", f"cannot make {length} frames out of {len(clip)}", "give at least one of each"
        )
    return clip[np.arange(length) % len(clip)]


def resample(clip: Array, length: int) -> Array:
    """Linear interpolation to `length` frames that span the clip, first and last frame included.

    Args:
        clip: (T, ...) finite values, T >= 1.
        length: Frames wanted.

    Raises:
        UsageError: As `loop_pad`.
    """
    if len(clip) == 0 or length <= 0:
        raise UsageError(
            "window", f"cannot make {length} frames out of {len(clip)}", "give at least one of each"
        )
    at = np.linspace(0, len(clip) - 1, length)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(clip) - 1)
    part = (at - low).astype(clip.dtype).reshape(-1, *([1] * (clip.ndim - 1)))
    return clip[low] * (1 - part) + clip[high] * part
