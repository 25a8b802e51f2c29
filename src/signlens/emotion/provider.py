"""What an emotion provider is, and the default one.

A provider turns the faces of some frames into probabilities of the eight expressions, and into valence and
arousal where it has been trained on them. The default reads the face points, and the picture where there is
one. A provider that reads pixels alone (`signlens.emotion.dan`, `signlens.emotion.emotiefflib`) sets
`needs_images` and looks at the face that the points mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import CROP
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.head import ExpressionHead, load_head


@dataclass(frozen=True)
class FaceFrames:
    """The faces of some frames of one clip.

    Attributes:
        points: (K, 468, 3) MediaPipe face points in pixels; NaN rows where no face was found.
        images: K images (H, W, 3) uint8 RGB; None where there is none, or for all of them.
        image_points: (K, 468, 3) the points in the images' pixels, where an image is but a window of
            the frame (`signlens.emotion.faces.FaceAlbum`); None when the points lie in the images.
    """

    points: NDArray[np.floating]
    images: tuple[NDArray[np.uint8] | None, ...] | None = None
    image_points: NDArray[np.floating] | None = None

    def pictures(self) -> list[tuple[NDArray[np.uint8], NDArray[np.floating]] | None]:
        """Image and points in it, per frame; None where one of them is missing."""
        points = self.points if self.image_points is None else self.image_points
        images = self.images or (None,) * len(points)
        return [
            None if image is None or not np.isfinite(face).all() else (image, face)
            for image, face in zip(images, points, strict=True)
        ]


@dataclass(frozen=True)
class FrameExpressions:
    """What a provider says of some frames.

    Attributes:
        probabilities: (K, 8) rows in the order of `EMOTIONS` that sum to 1; NaN where
            there was nothing to read.
        pictured: (K,) whether the picture was looked at.
        valence: (K,) unpleasant -1 to pleasant 1, NaN where there was nothing to read; None from a provider
            that does not know it.
        arousal: (K,) calm -1 to excited 1; likewise.
    """

    probabilities: NDArray[np.float64]
    pictured: NDArray[np.bool_]
    valence: NDArray[np.float64] | None = None
    arousal: NDArray[np.float64] | None = None


class EmotionProvider(Protocol):
    """Measures the expression of faces."""

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
        """Whether it can say nothing without `FaceFrames.images`."""
        ...

    @property
    def face_side(self) -> int:
        """Pixels of the face that it looks at along each side; 0 for one that never looks at pictures."""
        ...

    @property
    def neutral(self) -> NDArray[np.float64]:
        """(8,) log-probabilities that it usually gives a resting face (`signlens.emotion.resting_face`)."""
        ...

    def read(self, faces: FaceFrames) -> FrameExpressions:
        """The expression of each frame's face."""
        ...


ASSUMED_NEUTRAL: NDArray[np.float64] = np.log(
    np.where(np.arange(len(EMOTIONS)) == 0, 0.8, 0.2 / (len(EMOTIONS) - 1))
)
"""What a provider is taken to say of a resting face where nobody has measured it."""


class LandmarkProvider:
    """The default: the shipped head over the 468 face points and, where there is one, the picture. Offline.

    Args:
        weights: Folder of another head; None for the shipped one.

    Raises:
        PartMissing: The head is absent or corrupt.
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
