"""Makes the videos of the tests: healthy ones, odd ones and broken ones, each written with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

QUADRANTS = np.array([[[230, 20, 20], [20, 200, 20]], [[20, 20, 230], [240, 240, 240]]], dtype=np.uint8)
"""Colour of top-left, top-right, bottom-left, bottom-right: red, green, blue, white."""


def picture(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 3) four coloured quadrants, with a black bar whose place says which frame it is."""
    image = np.empty((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    image[:top, :left], image[:top, left:] = QUADRANTS[0]
    image[top:, :left], image[top:, left:] = QUADRANTS[1]
    column = index * 3 % max(1, width - 3)
    image[top - 2 : top + 2, column : column + 3] = 0
    return image


def noise(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 3) a picture that hardly compresses, so that every frame takes many bytes."""
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_video(
    path: Path,
    *,
    frames: int = 20,
    width: int = 96,
    height: int = 64,
    rate: int = 30,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    draw: Any = picture,
    times: list[int] | None = None,
    rotation: float | None = None,
    hflip: bool = False,
    pixel_aspect: Fraction | None = None,
    audio: bool = False,
    fast_start: bool = False,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a clip; the container follows the path's suffix.

    Args:
        path: Where to write it.
        frames: How many frames; none at all writes a stream without frames.
        width: Coded width in pixels.
        height: Coded height in pixels.
        rate: Nominal frames per second.
        codec: FFmpeg's name of the encoder.
        pix_fmt: FFmpeg's name of the pixel format.
        draw: Function of (index, width, height) that gives an RGB picture.
        times: Time of each frame in milliseconds, for a variable frame rate.
        rotation: Counterclockwise degrees for the display matrix.
        hflip: Mirror left and right in the display matrix.
        pixel_aspect: Width of a pixel over its height.
        audio: Add a second of sound.
        fast_start: Put an mp4's index in front.
        options: Options of the encoder.
        container_options: Options of the container.
    """
    muxer = dict(container_options or {})
    if fast_start:
        muxer["movflags"] = "+faststart"
    with av.open(str(path), "w", options=muxer) as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if options:
            stream.options = options
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None or hflip:
            stream.set_display_rotation(rotation or 0.0, hflip=hflip)
        sound: Any = container.add_stream("aac", rate=16000) if audio else None
        if not frames:
            container.start_encoding()
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(draw(index, width, height), format="rgb24")
            frame.pts = index if times is None else times[index]
            frame.time_base = Fraction(1, rate) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        if frames:
            container.mux(stream.encode(None))
        if sound is not None:
            _mux_sound(container, sound)
    return path


def write_sound(path: Path, *, codec: str = "aac") -> Path:
    """Write a second of sound without any video."""
    with av.open(str(path), "w") as container:
        _mux_sound(container, container.add_stream(codec, rate=16000))
    return path


def write_text(path: Path) -> Path:
    """Write prose under whatever name is given."""
    path.write_text("This is not a video, whatever its name says.\n" * 200)
    return path


def cut(source: Path, target: Path, share: float) -> Path:
    """Copy the first `share` (0..1) of a file's bytes."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def _mux_sound(container: Any, stream: Any) -> None:
    samples = np.zeros((1, 16000), np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate = 16000
    frame.pts = 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
