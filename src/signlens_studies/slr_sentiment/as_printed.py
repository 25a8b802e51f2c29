"""The emotion augmentation as the SLR-sentiment paper printed it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import class_values


def multiply_logits(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    *,
    slope: float = 1.0,
    offset: float = 0.0,
    top_k: int | None = 10,
) -> NDArray[np.float64]:
    """Raw logits times 1 + slope v + offset.

    The SLR-sentiment paper, section 3.2, equation 2 (slope 1, offset 0). It depends on the logits' scale,
    and a gloss whose logit is below 0 sinks where its emotion shows; sound is
    `signlens.emotion.gloss_map.add_log_boost`.

    Args:
        scores: (N, C) raw logits.
        vectors: (N, 8) any numbers: the paper's are not probabilities.
        class_emotions: (C,) see `GlossMap.class_emotions`.
        slope: Of the factor.
        offset: Of the factor.
        top_k: Only the best k of each clip; None for all.

    Raises:
        UsageError: Shapes that do not fit.
    """
    touched, values = class_values(scores, vectors, class_emotions, top_k)
    return np.where(touched, scores * (1 + slope * values + offset), scores).astype(np.float64)
