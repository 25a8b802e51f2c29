"""Searching without a network: distances between the keypoints themselves, on the 27 nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.optional import require_extra
from signlens.skeleton.normalise import TO_NODES

Array = NDArray[np.float32]

BAND = 3
"""Frames of 24 by which warping may shift one clip against the other: an eighth of it, about 0.1 s in a
second. Set beforehand, not tuned."""


def keypoint_paths(joints: Array) -> Array:
    """The 27 nodes' coordinates.

    Args:
        joints: (N, T, 49, 3) normalised joints (`signlens.skeleton.normalise.prepare`).

    Returns:
        (N, T, 54): x and y of each node, in shoulder widths from the nose.
    """
    return np.ascontiguousarray(joints[:, :, TO_NODES, :2]).reshape(*joints.shape[:2], -1)


def euclidean_distances(queries: Array, gallery: Array) -> NDArray[np.float64]:
    """(Q, G) distances frame by frame, all coordinates together.

    Args:
        queries: (Q, T, D).
        gallery: (G, T, D).
    """
    a = queries.reshape(len(queries), -1).astype(np.float64)
    b = gallery.reshape(len(gallery), -1).astype(np.float64)
    square = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(square, 0)))


def warped_distances(queries: Array, gallery: Array, band: int = BAND) -> NDArray[np.float64]:
    """(Q, G) distances by dynamic time warping, by dtaidistance.

    The warping is common to all coordinates ("dependent"), within a Sakoe-Chiba band; the distance is the
    root of the summed squared distances along the path.

    Args:
        queries: (Q, T, D).
        gallery: (G, T, D).
        band: Frames that one clip may be shifted against the other; 0 is `euclidean_distances`.

    Raises:
        PartMissing: dtaidistance is not installed.
        UsageError: A negative band.
    """
    if band < 0:
        raise UsageError("band", f"{band} frames cannot be", "give 0 or more")
    try:
        from dtaidistance import dtw_ndim
    except ImportError as error:
        raise require_extra("studies", error.name or "dtaidistance") from None
    together = np.concatenate([queries, gallery]).astype(np.float64)
    q, n = len(queries), len(together)
    found = dtw_ndim.distance_matrix_fast(together, window=band + 1, block=((0, q), (q, n)), parallel=True)
    return np.asarray(found[:q, q:])
