"""Caps on what is decoded, and what counts as a video in a folder."""

from __future__ import annotations

from dataclasses import dataclass

from signlens.errors import UsageError

VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif", ".mpg", ".mpeg",
    ".ts", ".3gp", ".flv", ".wmv", ".asf", ".ogv", ".swf",
})  # fmt: skip
"""What counts as a video in a folder; a file that is named itself may be called anything."""


@dataclass(frozen=True)
class VideoLimits:
    """Caps on what is decoded; all can be set by the caller.

    >>> VideoLimits(max_seconds=10).max_frames
    3600

    Attributes:
        max_pixels: Most pixels of one displayed frame.
        max_seconds: Longest clip, in seconds.
        max_frames: Most frames of a clip.
        camera_seconds: How long a camera is read, in seconds.
    """

    max_pixels: int = 4096 * 2304
    max_seconds: float = 60.0
    max_frames: int = 3600
    camera_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Check that every cap is a positive number.

        Raises:
            UsageError: A cap is zero, negative or not a number.
        """
        for name in ("max_pixels", "max_seconds", "max_frames", "camera_seconds"):
            if not getattr(self, name) > 0:
                raise UsageError(name, f"{getattr(self, name)} is no limit", "give a number above zero")


def decoder_cap(max_pixels: int) -> int:
    """FFmpeg's cap, above ours: coded pictures are padded to whole blocks of up to 128 pixels."""
    return max_pixels + max_pixels // 4 + 128 * 128
