"""Depth out of videos of depth coloured with INFERNO, as the SLR-sentiment paper had it.

Eight bits a frame, each frame normalised on its own, compressed as a video: for reproduction. Where the
raw network can be run, do that (`signlens.orientation.depth_anything`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.depth import Depth
from signlens.orientation.nearness import depth_from_nearness, nearness_of_frames
from signlens.pose.clip import PoseClip

_CHUNK = 1 << 16


def inferno_table() -> NDArray[np.uint8]:
    """(256, 3) RGB of OpenCV's INFERNO, index 0 first; all colours differ, so it has an exact inverse."""
    import cv2

    index = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(index, cv2.COLORMAP_INFERNO)[:, 0, ::-1])


def decode_inferno(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The index of each pixel's colour: exact for a colour of the table, else that of the nearest one.

    Args:
        image: (..., 3) RGB.

    Returns:
        (...) 0..255.
    """
    table = inferno_table().astype(np.int32)
    packed = image.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, place = np.unique(packed, return_inverse=True)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.int32)
    index = np.empty(len(colours), np.uint8)
    for start in range(0, len(rgb), _CHUNK):
        part = rgb[start : start + _CHUNK]
        # |a - b|^2 without the |a|^2 that is alike for all b.
        index[start : start + _CHUNK] = ((table**2).sum(axis=1) - 2 * part @ table.T).argmin(axis=1)
    return np.asarray(index[place.reshape(image.shape[:-1])])


def colormap_depth(clip: PoseClip, video: str | Path) -> Depth:
    """Nearness from the colours of a depth video.

    Where the video is wider than the poses' frame, depth stands in its right-most part, beside the
    original (the form that Depth Anything's script writes). It is not mirrored.

    Args:
        clip: The poses of the same frames.
        video: The depth video.

    Raises:
        InputRejected: The video cannot be read or has another number of frames.
    """

    def picture_of(image: NDArray[np.uint8]) -> NDArray[np.floating]:
        shown = min(round(image.shape[0] * clip.width / clip.height), image.shape[1])
        return decode_inferno(image[:, image.shape[1] - shown :]).astype(np.float64)

    nearness = nearness_of_frames(clip, video, picture_of)
    return depth_from_nearness(clip, "colormap", nearness, per_frame=True)
