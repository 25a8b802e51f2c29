"""Poses in other people's files: COCO-WholeBody arrays (``.npy``), as SAM-SLR's pose step writes them too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.pose.clip import WHOLE_BODY_KEYPOINTS
from signlens.pose.layouts import MIRRORED_KEYPOINT

MAX_FRAMES = 100_000


def read_whole_body_array(path: Path) -> NDArray[np.float32]:
    """A clip's keypoints out of a ``.npy`` file.

    Args:
        path: An array (T, 133, 3): x, y, score; or (T, 133, 4): x, y, z, score, in COCO-WholeBody order.

    Returns:
        (T, 133, 4) float32: x, y, z, confidence 0..1 (scores are cut there: heat-map peaks may exceed it).
        Points with a score of 0 or less, or that are not numbers, have confidence 0 and are zero.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputRejected(path, "there is no such file", "check the path") from None
    except (OSError, ValueError, EOFError) as error:
        raise InputRejected(path, f"it is no array ({_one_line(error)})", "save it with numpy.save") from None
    good = (
        isinstance(array, np.ndarray)
        and array.ndim == 3
        and array.shape[1] == WHOLE_BODY_KEYPOINTS
        and array.shape[2] in (3, 4)
        and array.dtype.kind in "fiu"
    )
    if not good:
        what = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "several arrays"
        raise InputRejected(
            path,
            f"it holds {what}, not (frames, 133, 3)",
            "give x, y and score of the 133 COCO-WholeBody keypoints",
        )
    if not 0 < len(array) <= MAX_FRAMES:
        raise InputRejected(path, f"it holds {len(array):,} frames", f"give 1 to {MAX_FRAMES:,}")
    poses = np.zeros((len(array), WHOLE_BODY_KEYPOINTS, 4), dtype=np.float32)
    poses[..., : array.shape[2] - 1] = array[..., :-1]
    poses[..., 3] = np.clip(array[..., -1], 0, 1)
    seen = np.isfinite(poses).all(axis=-1) & (poses[..., 3] > 0)
    poses[~seen] = 0
    return poses


def unmirrored(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """Poses that were made from mirrored frames, as the signer's own.

    Left and right change places, and x is turned about the middle of what the clip shows (how wide the
    frame was is not known, and does not matter to a recogniser).

    Args:
        poses: (T, 133, 4).
    """
    turned = poses[:, MIRRORED_KEYPOINT].copy()
    seen = turned[..., 3] > 0
    if seen.any():
        x = turned[..., 0]
        x[seen] = x[seen].min() + x[seen].max() - x[seen]
    return turned


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
