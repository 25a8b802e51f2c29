"""What an emotion provider is, what it is given and what it says.

A provider turns the faces of some frames into probabilities of the eight expressions, and into valence and
arousal where it has been trained on them. One that reads pixels alone sets `needs_images` and looks at the
face that the points mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS


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
