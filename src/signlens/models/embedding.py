"""Embeddings of several networks as one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

FUSED = "fused"
"""Name of the space of all networks together."""


def fuse_embeddings(embeddings: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    """One unit vector per clip whose cosine is the weighted mean of the networks' cosines.

    Each network's unit vector is multiplied by the root of its share of the weights, and they are put after
    one another: the dot product of two such vectors is the sum of share times cosine.

    Args:
        embeddings: Network -> (N, D), of any length above 0.
        weights: Network -> weight, at least 0, not all 0; the parts stand in this order.

    Returns:
        (N, sum of D) float32.
    """
    total = sum(weights.values())
    parts = []
    for name, weight in weights.items():
        vectors = embeddings[name]
        length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        parts.append(vectors / length * np.float32(np.sqrt(weight / total)))
    return np.concatenate(parts, axis=1).astype(np.float32)
