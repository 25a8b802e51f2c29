"""Frames out of a file or a camera, streamed, capped and counted against the header.

PyAV (FFmpeg) reads what phones and web cameras write: mp4, mov, webm, mkv, avi, gif. Rotation and
mirror metadata, non-square pixels and variable frame rates are applied, so that a frame looks as a
player shows it and its time is the one that its timestamp says.

Every input ends in exactly one of three ways: healthy (`VideoSummary.reasons` is empty), degraded
(answered, with reasons) or rejected (`InputRejected`).

What the header claims is used, never believed:

- Caps come before allocation: the size of the picture and the claimed length are checked before the
  first frame is decoded; FFmpeg's own ``max_pixels`` guards the decoder while it probes.
- The number of frames to expect comes from the container's index where it has a full one (mp4, mov,
  avi), less the entries that its edit list hides; a bare frame count in a header is only second to
  that. A clip that decodes at most three frames fewer without any other sign of damage is healthy:
  recorders write such files.
- Whether the file was cut off is read from its outermost structure (boxes, RIFF, EBML, the GIF
  trailer), which says how many bytes there should be. Cut or damaged so that less than a third
  remains, it is rejected; else it is answered with a reason. A header that claims far more frames
  than a complete, error-free file holds is a wrong header, not a cut file: answered with a reason.
"""

from typing import TYPE_CHECKING, Any

from signlens.video.integrity import sha256_of
from signlens.video.limits import VIDEO_SUFFIXES, VideoLimits

if TYPE_CHECKING:
    from signlens.video.decode import Frame, Video, VideoSummary, open_video

__all__ = [
    "VIDEO_SUFFIXES",
    "Frame",
    "Video",
    "VideoLimits",
    "VideoSummary",
    "open_video",
    "sha256_of",
]


def __getattr__(name: str) -> Any:
    """Bring in the decoder only when it is asked for."""
    if name in ("Frame", "Video", "VideoSummary", "open_video"):
        from signlens.video import decode

        return getattr(decode, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
