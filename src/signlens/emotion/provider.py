"""What an emotion provider is, and the default one.

A provider turns the faces of some frames into probabilities of the eight expressions. The default
reads the face points alone. A provider that looks at pixels (a face network such as DAN, or
EmotiEffLib's) sets `needs_images` and reads the largest face near the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.head import ExpressionHead, load_head


@dataclass(frozen=True)
class FaceFrames:
    """The faces of some frames of one clip.

    Attributes:
        points: (K, 468, 3) MediaPipe face points in pixels; NaN rows where no face was found.
        images: K frames (H, W, 3) uint8 RGB that the points lie in, or None when a provider
            that does not need them is asked.
    """

    points: NDArray[np.floating]
    images: tuple[NDArray[np.uint8], ...] | None = None


class EmotionProvider(Protocol):
    """Measures the expression of faces.

    Attributes:
        name: What it is called in results.
        version: Which weights it uses.
        needs_images: Whether `FaceFrames.images` must be there.
    """

    @property
    def name(self) -> str:
        """What it is called in results."""
        ...

    @property
    def version(self) -> str:
        """Which weights it uses."""
        ...

    @property
    def needs_images(self) -> bool:
        """Whether `FaceFrames.images` must be there."""
        ...

    def probabilities(self, faces: FaceFrames) -> NDArray[np.float64]:
        """(K, 8) rows in the order of `signlens.recognition.EMOTIONS`; NaN where there is no face."""
        ...


class LandmarkProvider:
    """The default: the shipped head over the 468 face points. Offline, no image needed.

    Args:
        weights: Folder of another head; None for the shipped one.

    Raises:
        PartMissing: The head is absent or corrupt.
    """

    name = "landmarks"
    needs_images = False

    def __init__(self, weights: str | Path | None = None) -> None:
        self.head: ExpressionHead = load_head(weights)

    @property
    def version(self) -> str:
        """Name of the weights and the first digits of their hash."""
        return f"{self.head.version}+{self.head.sha256[:12]}"

    def probabilities(self, faces: FaceFrames) -> NDArray[np.float64]:
        """See `EmotionProvider.probabilities`."""
        return self.head.probabilities(faces.points)
