"""The SLR-sentiment paper's emotion vector, kept for reproduction only. It is not a probability.

What its code does (section 2.2 of our notes on it): about ten to nineteen frames of a clip; the first box of
a Haar cascade; blue taken for red; per frame the winning expression and its raw logit; per expression the
mean of the logits of the frames that it won; these divided by their sum. How many frames an expression won
does not count, logits have no bounds and may be negative, and an expression alone always gets 1.
`signlens.emotion.reading.read_emotion` is what we use instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import InputRejected, UsageError
from signlens.optional import import_opencv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signlens.emotion.dan import DanProvider

SHORTEST = 10
"""Frames; the paper's code divides by zero when there are fewer."""


def paper_frames(frames: int) -> NDArray[np.int64]:
    """The frames that the paper's code looks at: those whose number floor(frames / 10) divides.

    Args:
        frames: Number of frames of the clip.

    Returns:
        10 to 19 frame numbers (10 for 10, 19 for 19, 10 for 20, 15 for 29).
    """
    if frames < SHORTEST:
        raise InputRejected(
            "clip",
            f"it has {frames} frames, and the paper's emotion vector needs {SHORTEST}",
            "use read_emotion, which reads any length",
        )
    return np.arange(0, frames, frames // 10, dtype=np.int64)


def winning_logit_average(logits: NDArray[np.floating], decimals: int | None = 4) -> NDArray[np.float64]:
    """The paper's vector of a clip, with its quirks.

    Args:
        logits: (K, 8) raw logits of the frames it looks at (`paper_frames`), in the order of
            `signlens.emotion.expressions.EMOTIONS`; NaN rows where no face was found, which are skipped.
        decimals: The paper's files have four; None to keep all.

    Returns:
        (8,): per expression the mean winning logit (0 for one that won no frame), over the sum of these; all
        zeros when no frame has a face. Values may be negative or over 1.
    """
    rows = np.asarray(logits, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(EMOTIONS):
        raise UsageError("logits", f"shape {rows.shape}, not (frames, 8)", "give eight logits a frame")
    rows = rows[np.isfinite(rows).all(axis=1)]
    mean = np.zeros(len(EMOTIONS))
    if not len(rows):
        return mean
    winner, value = rows.argmax(axis=1), rows.max(axis=1)
    for expression in np.unique(winner):
        mean[expression] = value[winner == expression].mean()
    total = mean.sum()
    if total == 0:
        raise UsageError(
            "logits", "the mean winning logits sum to 0", "the paper's vector does not exist here"
        )
    vector = mean / total
    return np.asarray(vector if decimals is None else np.round(vector, decimals))


def majority_expression(logits: NDArray[np.floating]) -> str | None:
    """The expression that won most frames, the paper's label of a clip; the first of equals, None without."""
    rows = np.asarray(logits, dtype=np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return None
    return EMOTIONS[int(np.bincount(rows.argmax(axis=1), minlength=len(EMOTIONS)).argmax())]


def paper_logits(images: Sequence[NDArray[np.uint8]], provider: DanProvider) -> NDArray[np.float64]:
    """The logits that the paper's code has for a clip: first Haar box, red and blue exchanged.

    Args:
        images: All T frames, RGB.
        provider: DAN with the AffectNet-8 checkpoint.

    Returns:
        (K, 8) for the frames of `paper_frames`; NaN rows where the cascade finds no face.
    """
    if tuple(provider.expressions) != EMOTIONS:
        raise UsageError(
            "provider", "it does not know the eight expressions", "give the AffectNet-8 checkpoint"
        )
    crops = [first_haar_face(images[i][..., ::-1]) for i in paper_frames(len(images))]
    return provider.logits_of_crops(crops)


def first_haar_face(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The first box of OpenCV's frontal-face cascade, cut out; None when it finds none.

    Args:
        image: (H, W, 3) uint8 in whatever order of colours; it is looked at as it is.
    """
    cv2 = import_opencv()
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    boxes = cascade.detectMultiScale(np.ascontiguousarray(image))
    if not len(boxes):
        return None
    x, y, width, height = boxes[0]
    return np.ascontiguousarray(image[y : y + height, x : x + width])
