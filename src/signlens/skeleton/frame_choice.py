"""Clips of any length to SSTCN's number of frames: whole frames are repeated or dropped, none is blended.

After Jiang et al., "Skeleton Aware Multi-modal Sign Language Recognition" (CVPR workshops 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError

Order = NDArray[np.int64]

FRAMES = 60
"""Frames that SSTCN reads."""

DROP_RATE = 4 / 13
"""How often a training clip loses frames: 31 to 59 of 60 stay, duplicates of them fill the rest."""

HALVE_RATE = 1 / 13
"""How often it loses more than half of them: 15 to 29 of 60 stay, each repeated."""


def choose_frames(length: int, wanted: int = FRAMES) -> Order:
    """Which frame stands at each place.

    Shorter clips repeat each frame as evenly as whole numbers allow, longer ones drop frames at
    regular spacing. Time never runs backwards.

    Args:
        length: Frames that there are.
        wanted: Frames wanted.

    Returns:
        (wanted,) indices 0..length - 1, ascending.

    Raises:
        UsageError: One of the two is not positive.
    """
    if length <= 0 or wanted <= 0:
        raise UsageError(
            "window", f"cannot make {wanted} frames out of {length}", "give at least one of each"
        )
    return np.arange(wanted) * length // wanted


def vary_frames(length: int, wanted: int, rng: np.random.Generator) -> Order:
    """As `choose_frames`, with SSTCN's training-time variation of which frames are there.

    Args:
        length: Frames that there are.
        wanted: Frames wanted.
        rng: Source of all randomness.

    Returns:
        (wanted,) indices 0..length - 1, ascending.

    Raises:
        UsageError: As `choose_frames`.
    """
    order = choose_frames(length, wanted)
    draw = rng.random()
    half = wanted // 2
    if draw < DROP_RATE and wanted > half + 1:
        kept = rng.choice(wanted, rng.integers(half + 1, wanted), replace=False)
        twins = rng.choice(kept, wanted - len(kept))
        return order[np.sort(np.concatenate([kept, twins]))]
    if DROP_RATE <= draw < DROP_RATE + HALVE_RATE and half >= 2:
        kept = np.sort(rng.choice(wanted, rng.integers(max(half // 2, 1), half), replace=False))
        return order[kept[choose_frames(len(kept), wanted)]]
    return order
