"""A rendered sign, or any frames, to a video file."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.files import whole_file
from signlens.signer.render import Rendered

NOTE = (
    "Rendered signs are for tests and demonstration; they teach no one to sign. "
    "Deaf signers are the authority on their language."
)

_FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}


def _codec() -> str:
    for name in ("libx264", "libopenh264", "mpeg4"):
        try:
            av.codec.Codec(name, "w")
        except ValueError:
            continue
        return name
    raise UsageError("video codec", "this build of PyAV can write none of H.264 and MPEG-4", "reinstall av")


def check_video_path(path: str | Path) -> Path:
    """Say at once, before anything is drawn, that a video cannot be written there.

    Raises:
        UsageError: The ending is not one that can be written.
        InputRejected: The folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(path, "is no video name that can be written", f"end it in {', '.join(_FORMATS)}")
    if not path.parent.is_dir():
        raise InputRejected(path, "its folder does not exist", "make the folder first")
    return path


def write_video(
    frames: Iterable[NDArray[np.uint8]],
    path: str | Path,
    *,
    fps: float = 25.0,
    quality: int = 20,
    comment: str = "",
) -> int:
    """Write frames as H.264 (MPEG-4 part 2 where PyAV has no H.264 encoder), yuv420p.

    The file is complete or absent. Odd sizes lose their last row or column, as yuv420p asks for.

    Args:
        frames: (height, width, 3) uint8 RGB each, all of one size.
        path: ``.mp4``, ``.mkv`` or ``.mov``.
        fps: Frames per second.
        quality: Constant rate factor of H.264: lower is better and larger.
        comment: Metadata comment.

    Returns:
        Number of frames written.

    Raises:
        UsageError: The ending is not one of the three, or there are no frames.
        InputRejected: The file cannot be written.
    """
    path = check_video_path(path)
    codec = _codec()
    count = 0
    try:
        with (
            whole_file(path) as temporary,
            av.open(str(temporary), "w", format=_FORMATS[path.suffix.lower()]) as container,
        ):
            if comment:
                container.metadata["comment"] = comment
            rate = Fraction(fps).limit_denominator(1001)
            stream: Any = None
            for frame in frames:
                height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
                if stream is None:
                    stream = container.add_stream(codec, rate=rate)
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                    # One thread: the bytes do not depend on the machine's number of cores.
                    stream.thread_count = 1
                    if codec == "libx264":
                        stream.options = {"crf": str(quality), "preset": "medium", "tune": "animation"}
                    else:
                        stream.bit_rate = width * height * 4
                picture = av.VideoFrame.from_ndarray(
                    np.ascontiguousarray(frame[:height, :width]), format="rgb24"
                )
                for packet in stream.encode(picture):
                    container.mux(packet)
                count += 1
            if stream is None:
                raise UsageError(path, "there is no frame to write", "render at least one frame")
            for packet in stream.encode():
                container.mux(packet)
        return count
    except OSError as error:
        raise InputRejected(
            path, f"it cannot be written ({error.strerror or error})", "choose another place"
        ) from None


def film_sign(
    clip: Rendered, out: str | Path, *, quality: int = 20, truth: str | Path | None = None
) -> dict[str, Any]:
    """Write a rendered sign to a video, and its truth beside it where asked.

    Args:
        clip: From `render_sign`.
        out: Video to write (``.mp4``, ``.mkv`` or ``.mov``).
        quality: Constant rate factor of the video: lower is better and larger.
        truth: ``.npz`` to write, or None.

    Returns:
        A plain summary: out, truth, sign, identity, expression, yaw_degrees, frames, fps, width,
        height, duration_s.

    Raises:
        InputRejected: A file cannot be written.
    """
    check_video_path(out)
    facts = clip.truth
    if truth is not None:
        facts.save(truth)
    yaw = clip.performance.yaw
    comment = f"signlens signer: {facts.sign}, {facts.identity}, {clip.expression}, yaw {yaw:g}. {NOTE}"
    frames = write_video(clip, out, fps=clip.fps, quality=quality, comment=comment)
    return {
        "out": str(out),
        "truth": None if truth is None else str(truth),
        "sign": facts.sign,
        "identity": facts.identity,
        "expression": clip.expression,
        "yaw_degrees": yaw,
        "frames": frames,
        "fps": clip.fps,
        "width": facts.width // 2 * 2,
        "height": facts.height // 2 * 2,
        "duration_s": round(frames / clip.fps, 3),
    }
