"""One self-contained HTML page per clip, and an index of several: no network, no server."""

from signlens.report.frames import EncodedFrame, FrameStrip, PictureLimits, encode_frames, encode_webp
from signlens.report.overview import write_index
from signlens.report.page import write_report

__all__ = [
    "EncodedFrame",
    "FrameStrip",
    "PictureLimits",
    "encode_frames",
    "encode_webp",
    "write_index",
    "write_report",
]
