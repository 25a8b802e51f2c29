"""Pictures for a page: frames of a clip, made small enough to live inside one HTML file."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray


class SourceFrame(Protocol):
    """A decoded frame, as `signlens.video` gives it."""

    @property
    def index(self) -> int:
        """Position among the decoded frames, from 0."""

    @property
    def t_s(self) -> float:
        """Seconds from the clip's start."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB."""


@dataclass(frozen=True)
class EncodedFrame:
    """One frame as a WebP picture.

    Attributes:
        index: Position of the frame among the clip's decoded frames, from 0.
        t_s: Seconds from the clip's start.
        webp: The encoded picture.
        width: Its width in pixels.
        height: Its height in pixels.
    """

    index: int
    t_s: float
    webp: bytes
    width: int
    height: int


@dataclass(frozen=True)
class PictureLimits:
    """How much of a clip a page may carry.

    Attributes:
        max_side: Longest side of a picture in pixels; smaller frames keep their size.
        max_frames: Most frames in a page; longer clips are thinned evenly.
        max_bytes: Most bytes of all pictures together. A page holds them as base64, a third larger.
        quality: WebP quality, 0..100.
    """

    max_side: int = 480
    max_frames: int = 300
    max_bytes: int = 3_500_000
    quality: int = 70


def encode_webp(
    image: NDArray[np.uint8], *, max_side: int = 480, quality: int = 70
) -> tuple[bytes, int, int]:
    """Encode an RGB picture as WebP, made smaller where its longest side exceeds ``max_side``.

    Args:
        image: (height, width, 3) uint8 RGB.
        max_side: Longest side of the result in pixels.
        quality: WebP quality, 0..100.

    Returns:
        The WebP file's bytes, its width and its height. The same input gives the same bytes.
    """
    height, width = image.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    width, height = max(2, round(width * scale)), max(2, round(height * scale))
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    picture = picture.reformat(width=width, height=height, format="yuv420p")
    picture.pts = 0
    encoder = av.VideoCodecContext.create("libwebp", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    # Level 2 of 6 is within 6 % of level 4's size at half its time.
    encoder.options = {"quality": str(quality), "compression_level": "2"}
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets), width, height


class FrameStrip:
    """Collects evenly spaced small pictures from a stream of frames of unknown length.

    Whenever the strip outgrows a limit, every second picture goes and the step doubles, so
    memory is bounded by the limits however long the stream is.

    Args:
        limits: How many and how large.
        expected_frames: Length of the stream where it is known; saves encoding pictures that
            would be thinned out later.
    """

    def __init__(self, limits: PictureLimits | None = None, *, expected_frames: int | None = None) -> None:
        self._limits = limits or PictureLimits()
        self._step = max(1, math.ceil((expected_frames or 1) / self._limits.max_frames))
        self._seen = 0
        self._bytes = 0
        self._frames: list[EncodedFrame] = []

    def add(self, frame: SourceFrame) -> None:
        """Take the stream's next frame; keeps it only when its turn has come."""
        turn = self._seen % self._step == 0
        self._seen += 1
        if not turn:
            return
        limits = self._limits
        webp, width, height = encode_webp(frame.image, max_side=limits.max_side, quality=limits.quality)
        self._frames.append(EncodedFrame(frame.index, frame.t_s, webp, width, height))
        self._bytes += len(webp)
        while len(self._frames) > 1 and (
            len(self._frames) > limits.max_frames or self._bytes > limits.max_bytes
        ):
            self._frames = self._frames[::2]
            self._bytes = sum(len(kept.webp) for kept in self._frames)
            self._step *= 2

    @property
    def frames(self) -> tuple[EncodedFrame, ...]:
        """The pictures kept so far, in time order."""
        return tuple(self._frames)


def encode_frames(
    frames: Iterable[SourceFrame],
    limits: PictureLimits | None = None,
    *,
    expected_frames: int | None = None,
) -> tuple[EncodedFrame, ...]:
    """Evenly spaced small pictures of a stream of frames, one frame in memory at a time.

    Args:
        frames: Decoded frames in time order.
        limits: How many pictures and how large.
        expected_frames: Length of the stream where it is known.
    """
    strip = FrameStrip(limits, expected_frames=expected_frames)
    for frame in frames:
        strip.add(frame)
    return strip.frames
