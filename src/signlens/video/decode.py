"""Frames out of a file or a camera, one after the other."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.container
import av.error
import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.reasons import Reason
from signlens.video.display import display_turn, turned
from signlens.video.integrity import (
    MP4_BOXES,
    Damage,
    check_regular_file,
    declared_size,
    error_text,
)
from signlens.video.limits import VideoLimits, decoder_cap

# Only self-contained media; the audio ones tell sound from what is no media at all.
# Playlists and scripts (hls, concat, sdp, ...) could make FFmpeg open other files or the network.
_CONTAINERS = "mov,matroska,webm,avi,gif,mpegts,mpeg,flv,asf,ogg,mp3,wav,flac,aac"
_LEAST_SHARE = 1 / 3
_GIVE_UP_AFTER_BAD_PACKETS = 32
_SQUARE_ENOUGH = 0.01
_NOMINAL_FPS = 25.0
_CAMERA_TIMEOUT_S = 5.0
# What PyAV raises on hostile input besides its own family.
_MEDIA_ERRORS = (
    av.error.FFmpegError,
    OSError,
    ValueError,
    ArithmeticError,
    MemoryError,
    EOFError,
    RuntimeError,
)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame as a player shows it.

    Attributes:
        index: Position among the decoded frames, from 0.
        t_s: Seconds since the first frame; strictly increasing.
        image: (H, W, 3) uint8 RGB, contiguous, owned by the caller.
    """

    index: int
    t_s: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class VideoSummary:
    """What was decoded, known once the last frame is out.

    Attributes:
        frames: Number of decoded frames.
        fps: Mean frames per second between the first and the last frame; of a single frame the rate
            that the header names (25 where it names none).
        duration_s: Time from the first frame to the end of the last one, in seconds.
        width: Displayed width in pixels.
        height: Displayed height in pixels.
        claimed_frames: The header's own count of frames, or None where it has none.
        reasons: What is wrong with the clip; empty for a healthy one.
    """

    frames: int
    fps: float
    duration_s: float
    width: int
    height: int
    claimed_frames: int | None
    reasons: tuple[Reason, ...]


def open_video(source: str | Path, limits: VideoLimits | None = None, max_side: int | None = None) -> Video:
    """Open a video file, or a camera named ``camera:N``.

    Args:
        source: Path of a file, or ``camera:0``, ``camera:1``, ... (a `Path` is always a file).
        limits: Caps; `VideoLimits()` when None.
        max_side: Shrink frames while decoding so that the longer displayed side is at most this many
            pixels; frames are never enlarged.

    Returns:
        An open `Video` whose first frame has been decoded; use it as a context manager.

    Raises:
        InputRejected: There is nothing there that can be answered, or it is over a cap.
        UsageError: `max_side` is not a positive number.
    """
    limits = limits or VideoLimits()
    if max_side is not None and max_side < 1:
        raise UsageError("max_side", f"{max_side} is no size", "give a number of pixels above zero")
    camera = re.fullmatch(r"camera:(\d+)", source) if isinstance(source, str) else None
    if camera:
        return Video(str(source), _open_camera(str(source), int(camera[1])), None, limits, max_side)
    name = str(source)
    check_regular_file(name)
    try:
        declared_bytes = declared_size(Path(name))
    except OSError as error:
        raise InputRejected(name, f"it cannot be read ({error_text(error)})", "check the disk") from None
    return Video(name, _open_file(name, limits, declared_bytes), declared_bytes, limits, max_side)


class Video:
    """An open clip: a context manager, and an iterator of `Frame` that can be walked once.

    Frames are decoded as they are asked for, so memory does not grow with the clip's length.
    Made by `open_video`.

    Attributes:
        source: The input as the caller named it.
        width: Displayed width in pixels (rotation and pixel shape applied, before any shrinking).
        height: Displayed height in pixels.
        claimed_frames: The header's own count of frames, or None where it has none.
        expected_frames: How many frames the container's index promises to show, or None.
        is_live: Whether the frames come from a camera.
    """

    def __init__(
        self,
        source: str,
        container: av.container.InputContainer,
        declared_bytes: int | None,
        limits: VideoLimits,
        max_side: int | None,
        *,
        is_live: bool | None = None,
    ) -> None:
        self.source = source
        self.is_live = declared_bytes is None if is_live is None else is_live
        self._container = container
        self._limits = limits
        self._summary: VideoSummary | None = None
        self._damage = Damage()
        try:
            self._prepare(declared_bytes)
            self._pictures = self._decode()
            self._first: av.VideoFrame | None = next(self._pictures, None)
            if self._first is None:
                self._reject_empty()
            else:
                self._set_geometry(self._first, max_side)
        except BaseException:
            self.close()
            raise
        self._walk = self._frames()

    # -- before the first frame ---------------------------------------------------------------

    def _prepare(self, declared_bytes: int | None) -> None:
        """Choose the stream and check what the header claims against the caps."""
        try:
            streams = [s for s in self._container.streams.video if not _is_cover_picture(s)]
            if not streams:
                kinds = {s.type for s in self._container.streams}
                problem = "it has sound but no video" if "audio" in kinds else "there is no video in it"
                raise InputRejected(self.source, problem, "give a file that has a video stream")
            stream = max(streams, key=lambda s: (s.codec_context is not None, -s.index))
            if stream.codec_context is None:
                raise InputRejected(
                    self.source,
                    "its video codec is not known here",
                    "convert it to mp4 (H.264)",
                )
            self._stream = stream
            self._time_base = float(stream.time_base or 1 / 1000)
            rate = stream.guessed_rate or stream.average_rate
            self._nominal_fps = float(rate) if rate and 0 < rate <= 1000 else _NOMINAL_FPS
            self._pixel_aspect = float(stream.sample_aspect_ratio or 1)
            self.claimed_frames: int | None = stream.frames if stream.frames > 0 else None
            self.expected_frames: int | None = self.claimed_frames
            self.width, self.height = self._displayed_size(stream.width, stream.height)
            self._check_pixels(self.width, self.height)
            # One thread: the same frames every time, also for damaged files.
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": str(decoder_cap(self._limits.max_pixels))}
            if declared_bytes is not None:
                self._check_claims(stream, declared_bytes)
        except _MEDIA_ERRORS as error:
            raise self._unreadable(error) from None

    def _check_claims(self, stream: Any, declared_bytes: int) -> None:
        """Check the claimed length against the caps, and the claimed bytes against the file's."""
        held_bytes = Path(self.source).stat().st_size
        self._damage.cut_bytes = max(0, declared_bytes - held_bytes)
        held_share = held_bytes / declared_bytes if declared_bytes else 1.0
        names = set(self._container.format.name.split(","))
        # An avi's index stands at its end, so a cut one has none.
        indexed = "mov" in names or ("avi" in names and not self._damage.cut_bytes)
        indexed = indexed and self.claimed_frames is not None
        claimed_s: float | None = None
        if indexed:
            shown = [e for e in stream.index_entries if not e.is_discard]
            if shown:
                self.expected_frames = len(shown)
                times = [e.timestamp for e in shown]
                claimed_s = (max(times) - min(times)) * self._time_base
                if self._damage.cut_bytes:
                    held_share = sum(e.pos + e.size <= held_bytes for e in shown) / len(shown)
                if len(shown) > self._limits.max_frames:
                    raise self._too_many_frames(f"it claims {len(shown)} frames")
        else:
            lengths = [
                float(length * base)
                for length, base in ((stream.duration, stream.time_base), (self._container.duration, 1e-6))
                if length and base
            ]
            claimed_s = min(lengths, default=None)
        if claimed_s is not None and claimed_s > self._limits.max_seconds:
            raise self._too_long(f"its header claims {claimed_s:.1f} s")
        if self._damage.cut_bytes and held_share < _LEAST_SHARE:
            raise self._cut_off(f"only {held_share:.0%} of it is there")

    def _set_geometry(self, first: av.VideoFrame, max_side: int | None) -> None:
        """Fix the displayed size and the way from a decoded picture to it."""
        self._turn = display_turn(first)
        self._coded_size = (first.width, first.height)
        width, height = self._displayed_size(first.width, first.height)
        self._check_pixels(width, height)
        scale = 1.0 if max_side is None else min(1.0, max_side / max(width, height))
        self._scaled_size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if self._turn[0]:
            width, height = height, width
        self.width, self.height = width, height

    def _displayed_size(self, width: int, height: int) -> tuple[int, int]:
        """Size with square pixels, before turning; the short side is stretched, none is shrunk."""
        aspect = self._pixel_aspect
        if abs(aspect - 1) <= _SQUARE_ENOUGH:  # rounding of encoders, e.g. 370:369
            return width, height
        return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self._limits.max_pixels:
            raise InputRejected(
                self.source,
                f"its frames are {width}x{height}, over the limit of {self._limits.max_pixels} pixels",
                "make the video smaller or raise the limit",
            )

    # -- decoding -----------------------------------------------------------------------------

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Decoded pictures in display order; past damage, until there is nothing more to get."""
        bad_in_a_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except _MEDIA_ERRORS as error:
                self._damage.stopped_by = error_text(error)
                packet = None
            if packet is None:
                return
            try:
                pictures = packet.decode()
            except av.error.EOFError:
                return
            except _MEDIA_ERRORS as error:
                self._damage.bad_packets += 1
                bad_in_a_row += 1
                if bad_in_a_row >= _GIVE_UP_AFTER_BAD_PACKETS:
                    self._damage.stopped_by = f"{bad_in_a_row} bad packets in a row ({error_text(error)})"
                    return
                continue
            bad_in_a_row = 0
            yield from pictures

    def _frames(self) -> Iterator[Frame]:
        """The walk over all frames; ends by setting the summary or by raising."""
        pictures = self._pictures
        picture, self._first = self._first, None
        clock = _Clock(self._time_base, 1 / self._nominal_fps)
        index = 0
        while picture is not None:
            t_s = clock.next_time(picture.pts)
            if self.is_live and t_s >= self._limits.camera_seconds:
                break
            if t_s > self._limits.max_seconds:
                raise self._too_long(f"a frame stands at {t_s:.1f} s")
            if index >= self._limits.max_frames:
                raise self._too_many_frames(f"it has more than {index} frames")
            clock.last_s = t_s
            yield Frame(index, t_s, self._image_of(picture, index))
            clock.last_length_s = float((picture.duration or 0) * self._time_base)
            index += 1
            picture = next(pictures, None)
        self._summary = self._summarise(index, clock)

    def _image_of(self, picture: av.VideoFrame, index: int) -> NDArray[np.uint8]:
        if (picture.width, picture.height) != self._coded_size:
            self._check_pixels(picture.width, picture.height)
            if self._damage.resized_at is None:
                self._damage.resized_at = index
        if picture.is_corrupt:
            self._damage.damaged_frames += 1
        width, height = self._scaled_size
        try:
            pixels = picture.to_ndarray(format="rgb24", width=width, height=height, threads=1)
        except _MEDIA_ERRORS as error:
            raise InputRejected(
                self.source,
                f"its {picture.format.name} pictures cannot be converted ({error_text(error)})",
                "convert it to mp4 (H.264)",
            ) from None
        return turned(np.asarray(pixels, dtype=np.uint8), self._turn)

    # -- after the last frame -----------------------------------------------------------------

    def _summarise(self, frames: int, clock: _Clock) -> VideoSummary:
        expected = self.expected_frames
        if self._damage.is_cut and expected and frames / expected < _LEAST_SHARE:
            raise self._cut_off(f"only {frames} of {expected} frames can be decoded")
        span = clock.last_s
        fps = (frames - 1) / span if frames > 1 else self._nominal_fps
        last_length = clock.last_length_s if 0 < clock.last_length_s < 10 / fps else 1 / fps
        return VideoSummary(
            frames=frames,
            fps=fps,
            duration_s=span + last_length,
            width=self.width,
            height=self.height,
            claimed_frames=self.claimed_frames,
            reasons=self._damage.reasons(frames, expected, clock.invented),
        )

    @property
    def summary(self) -> VideoSummary:
        """What was decoded.

        Raises:
            UsageError: The last frame is not out yet.
        """
        if self._summary is None:
            raise UsageError(
                self.source, "its summary is known after the last frame only", "walk over all frames first"
            )
        return self._summary

    # -- errors -------------------------------------------------------------------------------

    def _unreadable(self, error: BaseException) -> InputRejected:
        return InputRejected(
            self.source,
            f"it cannot be decoded ({error_text(error)})",
            "record or download it again",
        )

    def _reject_empty(self) -> None:
        if self._damage.cut_bytes:
            raise self._cut_off("no frame can be decoded")
        if self._damage.bad_packets or self._damage.stopped_by:
            raise InputRejected(
                self.source,
                "no frame of its video can be decoded",
                "record or download it again",
            )
        raise InputRejected(self.source, "there are no frames in it", "record it again")

    def _cut_off(self, detail: str) -> InputRejected:
        return InputRejected(
            self.source, f"the file is cut off or damaged: {detail}", "copy or download it again in full"
        )

    def _too_long(self, detail: str) -> InputRejected:
        return InputRejected(
            self.source,
            f"{detail}, over the limit of {self._limits.max_seconds:g} s",
            "cut out the part with the sign or raise the limit",
        )

    def _too_many_frames(self, detail: str) -> InputRejected:
        return InputRejected(
            self.source,
            f"{detail}, over the limit of {self._limits.max_frames}",
            "cut out the part with the sign or raise the limit",
        )

    # -- iterator and context manager ---------------------------------------------------------

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._walk)

    def close(self) -> None:
        """Close the file or camera; frames already handed out stay valid."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Clock:
    """Turns timestamps into seconds since the first frame that strictly increase."""

    def __init__(self, time_base: float, period_s: float) -> None:
        self._time_base = time_base
        self._period_s = period_s
        self._origin: int | None = None
        self._offset_s = 0.0
        self.last_s = -1.0
        self.last_length_s = 0.0
        self.invented = 0

    def next_time(self, pts: int | None) -> float:
        """Seconds for the next frame's timestamp (in units of the time base; may be None)."""
        first = self.last_s < 0
        if pts is not None and self._origin is None:
            self._origin = pts
            self._offset_s = 0.0 if first else self.last_s + self._period_s
        t_s = (
            None
            if pts is None or self._origin is None
            else self._offset_s + (pts - self._origin) * self._time_base
        )
        if first:
            t_s = 0.0
        elif t_s is None or t_s <= self.last_s:
            self.invented += 1
            t_s = self.last_s + self._period_s
        return t_s


TOLERANT_METADATA: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)
"""For `av.open`: titles and tags that are no UTF-8 must not cost the film. PyAV 19 replaces them unasked."""


def _open_file(name: str, limits: VideoLimits, declared_bytes: int) -> av.container.InputContainer:
    try:
        return av.open(
            "file:" + str(Path(name)),
            mode="r",
            **TOLERANT_METADATA,
            options={"max_pixels": str(decoder_cap(limits.max_pixels))},
            container_options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
        )
    except _MEDIA_ERRORS as error:
        with Path(name).open("rb") as file:
            is_mp4 = file.read(12)[4:8] in MP4_BOXES
        if is_mp4 or declared_bytes > Path(name).stat().st_size:
            part = "index" if is_mp4 else "beginning"
            raise InputRejected(
                name,
                f"the file is cut off or damaged: its {part} cannot be read ({error_text(error)})",
                "copy or download it again in full",
            ) from None
        raise InputRejected(
            name,
            f"this is not a video that can be read ({error_text(error)})",
            "give an mp4, mov, webm, mkv, avi or gif file",
        ) from None


def _open_camera(name: str, number: int) -> av.container.InputContainer:
    if not sys.platform.startswith("linux"):
        raise InputRejected(name, "cameras are read on Linux only so far", "record a file and give that")
    device = f"/dev/video{number}"
    if not Path(device).exists():
        raise InputRejected(name, f"there is no camera at {device}", "connect one, or give a video file")
    try:
        return av.open(device, mode="r", format="v4l2", timeout=_CAMERA_TIMEOUT_S)
    except PermissionError:
        raise InputRejected(name, f"{device} may not be opened", "join the group video") from None
    except _MEDIA_ERRORS as error:
        raise InputRejected(
            name,
            f"the camera at {device} does not answer ({error_text(error)})",
            "close programs that use it",
        ) from None


def _is_cover_picture(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
