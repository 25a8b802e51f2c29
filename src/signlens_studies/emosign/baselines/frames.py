"""Frames of a video at a chosen rate, bounded in number and size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.video import open_video


@dataclass(frozen=True, eq=False)
class Shown:
    """One frame that a model is shown.

    Attributes:
        t_s: Seconds since the first frame.
        image: (H, W, 3) uint8 RGB.
    """

    t_s: float
    image: NDArray[np.uint8]


def frames_at(video: Path, rate: float, most: int, max_side: int) -> list[Shown]:
    """The first frame and one every 1 / rate seconds; where these are too many, every second one is dropped.

    Dropping is repeated until they fit, so the frames stay evenly spread and memory stays bounded.

    Args:
        video: The file.
        rate: Frames a second.
        most: How many frames at most.
        max_side: Pixels of the longer side at most.
    """
    if not rate > 0 or most < 1:
        raise UsageError("--rate, --max-frames", f"{rate} and {most} show no frame", "give numbers above 0")
    shown: list[Shown] = []
    step, stride, due = 1 / rate, 1, 0
    with open_video(video, max_side=max_side) as frames:
        for frame in frames:
            # Half a millisecond: a timestamp rounded down must not cost a frame.
            if frame.t_s + 5e-4 < due * step:
                continue
            shown.append(Shown(frame.t_s, frame.image))
            due = (int((frame.t_s + 5e-4) / step) // stride + 1) * stride
            if len(shown) > most:
                shown, stride = shown[::2], stride * 2
                due = (int((frame.t_s + 5e-4) / step) // stride + 1) * stride
    return shown
