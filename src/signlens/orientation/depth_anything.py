"""Depth by Depth-Anything-V2-Small, from the same frames as the poses (extra ``depth``).

The network is the Small one, the only one under the Apache licence. Its raw output (float, larger is
nearer) is sampled at the keypoints; it never passes through colours or eight bits. Sources: Yang et
al., Depth Anything V2, NeurIPS 2024; the weights ``depth-anything/Depth-Anything-V2-Small-hf``.

Nothing is fetched unless `download` is called. Weights are used only if their SHA-256 is the one below.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signlens.downloads import hub_snapshot
from signlens.errors import PartMissing
from signlens.files import file_sha256
from signlens.optional import require_extra
from signlens.orientation.depth import Depth
from signlens.orientation.nearness import depth_from_nearness, nearness_of_frames
from signlens.pose.clip import PoseClip

if TYPE_CHECKING:
    import torch

REPOSITORY = "depth-anything/Depth-Anything-V2-Small-hf"
REVISION = "5426e4f0f36572d16453bbda7a8389317b1bef99"
WEIGHTS_SHA256 = "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70"
WEIGHTS_FILE = "model.safetensors"

SIDE = 518
"""Pixels of the shorter side that the network was trained at."""
PATCH = 14
"""Sides are multiples of this."""
_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # ImageNet's


class DepthAnything:
    """The network, loaded and ready.

    Args:
        folder: Folder with the weights and ``config.json``; the hub's cache when None.
        sha256: SHA-256 that the weights must have.
        side: Pixels of the shorter side of what the network sees.

    Raises:
        PartMissing: transformers or PyTorch is not installed, or the weights are missing or others.
    """

    def __init__(self, folder: Path | None = None, sha256: str = WEIGHTS_SHA256, side: int = SIDE) -> None:
        try:
            import torch
            from transformers import DepthAnythingForDepthEstimation
            from transformers.utils import logging
        except ImportError as error:
            raise require_extra("depth", error.name or "transformers") from None
        self.side = side
        found = _snapshot(fetch=False) if folder is None else folder
        weights = found / WEIGHTS_FILE
        if not weights.is_file():
            raise PartMissing(weights, "there are no weights of Depth Anything", _HOW_TO_GET)
        if file_sha256(weights) != sha256:
            raise PartMissing(weights, "differs from the weights that were tested", _HOW_TO_GET)
        bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            # A folder, so nothing is asked of the network; safetensors, so nothing is unpickled.
            self._model = DepthAnythingForDepthEstimation.from_pretrained(
                found, local_files_only=True, use_safetensors=True
            ).eval()
        except (OSError, ValueError) as error:
            raise PartMissing(found, f"cannot be loaded ({error})", _HOW_TO_GET) from None
        finally:
            if bars:
                logging.enable_progress_bar()
        self._torch = torch

    def nearness(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's raw output for one frame.

        Args:
            image: (height, width, 3) RGB.

        Returns:
            (h, w) float32, larger is nearer, at the network's own resolution.
        """
        pixels = self._torch.from_numpy(prepare_image(image, self.side)[None])
        with self._torch.inference_mode():
            output: torch.Tensor = self._model(pixel_values=pixels).predicted_depth
        return np.asarray(output[0].float().numpy())

    def depth(self, clip: PoseClip, video: str | Path) -> Depth:
        """The depth of a clip's keypoints.

        Args:
            clip: The poses.
            video: The video that they were extracted from.

        Raises:
            InputRejected: The video cannot be read or has another number of frames.
        """
        nearness = nearness_of_frames(clip, video, self.nearness, max_side=2 * self.side)
        return depth_from_nearness(clip, "depth-anything", nearness)


def prepare_image(image: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.float32]:
    """What the network reads: resized so that the shorter side is `side`, both multiples of 14, normalised.

    Args:
        image: (height, width, 3) RGB.
        side: Pixels.

    Returns:
        (3, h, w) float32.
    """
    import cv2

    height, width = image.shape[:2]
    scale = side / min(height, width)
    size = [max(round(n * scale / PATCH), 1) * PATCH for n in (width, height)]
    resized = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    scaled = (resized / 255.0 - _MEAN) / _DEVIATION
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)


def download() -> Path:
    """Fetch the pinned revision into the hub's cache and check it.

    Returns:
        Its folder.

    Raises:
        PartMissing: It could not be fetched, or is not what was tested.
    """
    folder = _snapshot(fetch=True)
    if file_sha256(folder / WEIGHTS_FILE) != WEIGHTS_SHA256:
        raise PartMissing(folder / WEIGHTS_FILE, "is not what was tested", "try again, or report it")
    return folder


_HOW_TO_GET = (
    "fetch them once with: python -c 'from signlens.orientation.depth_anything import download; download()'"
)


def _snapshot(*, fetch: bool) -> Path:
    files = ["config.json", WEIGHTS_FILE]
    return hub_snapshot(REPOSITORY, REVISION, files=files, fetch=fetch, extra="depth", remedy=_HOW_TO_GET)
