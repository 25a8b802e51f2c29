"""The provider `dan`: the face network of the SLR-sentiment paper (`signlens.emotion.dan_network`).

No weights of it ship. A user who has the authors' checkpoint of AffectNet-8, or weights of an own training
(`signlens_studies.expression.dan`), names the file. The largest face near the signer's head is cut out as a
square, shrunk to 224 x 224 RGB pixels, and ImageNet's mean and deviation are taken out, as the authors do;
the SLR-sentiment paper's code gave the network blue for red (see `signlens_studies.slr_sentiment.haar_face`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.faces import face_picture
from signlens.emotion.head import softmax
from signlens.emotion.provider import ASSUMED_NEUTRAL, FaceFrames, FrameExpressions
from signlens.errors import PartMissing
from signlens.files import file_sha256
from signlens.optional import require_extra

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 224
"""Pixels of the network's input along each side."""

SCALE = 1.1
"""The square's side, in the longer side of the face points' box: brows to below the chin, as a face detector
frames a face."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

_BATCH = 16


class DanProvider:
    """DAN over the signer's face. Needs the pictures, PyTorch and a weights file.

    Args:
        weights: A checkpoint as the authors publish it, or a ``.safetensors`` file.
    """

    name = "dan"
    needs_images = True
    face_side = SIDE
    neutral = ASSUMED_NEUTRAL

    def __init__(self, weights: str | Path | None) -> None:
        if weights is None:
            raise PartMissing(
                "dan",
                "the weights of DAN do not ship with SignLens",
                "name the authors' checkpoint or your own weights with --emotion-model FILE",
            )
        path = Path(weights)
        if not path.is_file():
            raise PartMissing(path, "there is no such weights file", "check the path")
        try:
            from signlens.emotion.dan_network import read_weights
        except ImportError as error:
            raise require_extra("train", error.name or "torch") from error
        self.model, self.expressions = read_weights(path)
        self.version = f"{path.stem}+{file_sha256(path)[:12]}"

    def read(self, faces: FaceFrames) -> FrameExpressions:
        """See `EmotionProvider.read`; an expression that the network does not know has probability 0."""
        logits = self.logits(faces)
        rows = np.full((len(logits), len(EMOTIONS)), np.nan)
        read = np.isfinite(logits).all(axis=1)
        rows[read] = 0.0
        columns = [EMOTIONS.index(name) for name in self.expressions]
        rows[np.ix_(read, columns)] = softmax(logits[read])
        return FrameExpressions(rows, read)

    def logits(self, faces: FaceFrames) -> NDArray[np.float64]:
        """(K, classes) batch-normalised logits; NaN rows where there is no face or no picture of it."""
        pictures = [None if found is None else face_picture(*found, SCALE) for found in faces.pictures()]
        return self.logits_of_crops(pictures)

    def logits_of_crops(self, crops: Sequence[NDArray[np.uint8] | None]) -> NDArray[np.float64]:
        """The same of face crops (H, W, 3) uint8 RGB of any size; None gives a row of NaN."""
        import torch

        result = np.full((len(crops), len(self.expressions)), np.nan)
        there = [i for i, crop in enumerate(crops) if crop is not None]
        with torch.inference_mode():
            for start in range(0, len(there), _BATCH):
                batch = there[start : start + _BATCH]
                inputs = torch.stack([face_input(crops[i]) for i in batch])  # type: ignore[arg-type]
                result[batch] = self.model(inputs)[0].numpy()
        return result


def face_input(crop: NDArray[np.uint8], side: int = SIDE) -> Tensor:
    """A face crop as the network reads it.

    Args:
        crop: (H, W, 3) uint8 RGB.
        side: Pixels along each side of the result.

    Returns:
        (3, side, side): resized (bilinear, smoothed when it shrinks, as Pillow does it), ImageNet's
        mean and deviation taken out.
    """
    import torch
    from torch.nn import functional

    picture = torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)[None].float()
    small = functional.interpolate(picture, (side, side), mode="bilinear", antialias=True)[0]
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return (small.round().clamp(0, 255) / 255 - mean) / deviation
