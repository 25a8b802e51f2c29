"""The default provider, and all of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import CROP
from signlens.emotion.dan import DanProvider
from signlens.emotion.emotiefflib import EmotiEffLibProvider
from signlens.emotion.head import ExpressionHead, load_head
from signlens.emotion.provider import EmotionProvider, FaceFrames, FrameExpressions
from signlens.errors import UsageError


class LandmarkProvider:
    """The default: the shipped head over the 468 face points and, where there is one, the picture. Offline.

    Args:
        weights: Folder of another head; None for the shipped one.
    """

    name = "landmarks"
    needs_images = False
    face_side = 2 * CROP

    def __init__(self, weights: str | Path | None = None) -> None:
        self.head: ExpressionHead = load_head(weights)

    @property
    def version(self) -> str:
        """Name of the weights and the first digits of their hash."""
        return f"{self.head.version}+{self.head.sha256[:12]}"

    @property
    def neutral(self) -> NDArray[np.float64]:
        """See `EmotionProvider.neutral`; measured on held-out signers at rest."""
        return self.head.neutral

    def read(self, faces: FaceFrames) -> FrameExpressions:
        """See `EmotionProvider.read`."""
        images = [None if picture is None else picture[0] for picture in faces.pictures()]
        rows, pictured = self.head.probabilities_with_pictures(faces.points, images, faces.image_points)
        return FrameExpressions(rows, pictured)


PROVIDERS: Mapping[str, Callable[[Path | None], EmotionProvider]] = {
    "landmarks": LandmarkProvider,
    "dan": DanProvider,
    "emotiefflib": EmotiEffLibProvider,
}
"""Name -> what makes the provider out of a model's path, or of None for its default."""


def open_provider(name: str = "landmarks", model: str | Path | None = None) -> EmotionProvider:
    """A provider, ready to read.

    Args:
        name: One of `PROVIDERS`.
        model: Which weights: a head's folder for ``landmarks``, a weights file for ``dan``, a fetched
            file or a model's name for ``emotiefflib``; None for the default, which ``dan`` has not.

    Raises:
        UsageError: There is none of this name.
        PartMissing: Its weights or its package are not here.
        InputRejected: The weights are not this provider's.
    """
    if name not in PROVIDERS:
        raise UsageError(
            "--emotion-provider", f"there is no {name!r}", f"choose one of {', '.join(PROVIDERS)}"
        )
    return PROVIDERS[name](None if model is None else Path(model))
