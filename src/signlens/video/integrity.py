"""What a file claims of itself against what it holds."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from signlens.errors import InputRejected
from signlens.files import file_sha256
from signlens.reasons import Reason, sentence

MP4_BOXES = frozenset(
    b"ftyp moov mdat free skip wide moof mfra sidx ssix styp uuid meta pnot udta emsg prft".split()
)


FORGIVEN_FRAMES = 3
"""Frames fewer than claimed that are no sign of damage: recorders write such files."""


@dataclass
class Damage:
    """What went wrong while a file was decoded.

    Attributes:
        cut_bytes: Bytes that the file says it has and does not hold.
        bad_packets: Packets that could not be decoded.
        damaged_frames: Frames that the decoder marked as damaged.
        resized_at: Index of the first frame of another size, or None.
        stopped_by: Why reading stopped before the end, or None.
    """

    cut_bytes: int = 0
    bad_packets: int = 0
    damaged_frames: int = 0
    resized_at: int | None = None
    stopped_by: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether part of what the file promised is lost for sure."""
        return self.cut_bytes > 0 or self.bad_packets > 0 or self.stopped_by is not None

    def reasons(self, frames: int, expected: int | None, invented_times: int) -> tuple[Reason, ...]:
        """What is wrong with a decoded clip; empty for a healthy one.

        Args:
            frames: Frames that were decoded.
            expected: Frames that the file claims, or None.
            invented_times: Frames whose time had to be assumed.
        """
        missing = 0 if expected is None else max(0, expected - frames)
        of = f", {frames} of {expected} frames decode" if missing else ""
        cut = self.cut_bytes > 0
        candidates = (
            (cut, "end_missing", f"the end of the file is missing{of}"),
            (
                not cut and missing > (0 if self.is_cut else FORGIVEN_FRAMES),
                "frames_missing",
                f"only {frames} of the {expected} frames that the file claims can be decoded",
            ),
            (
                self.bad_packets > 0,
                "packets_damaged",
                f"{self.bad_packets} packets of the video could not be decoded",
            ),
            (self.stopped_by is not None, "reading_stopped", f"reading stopped early: {self.stopped_by}"),
            (self.damaged_frames > 0, "frames_damaged", f"{self.damaged_frames} frames are damaged"),
            (
                self.resized_at is not None,
                "size_changes",
                f"the size of the picture changes at frame {self.resized_at}",
            ),
            (
                invented_times > max(1, frames // 10),
                "times_missing",
                f"{invented_times} frames have no usable time, an even rate was assumed for them",
            ),
            (frames == 1, "single_frame", "there is only one frame, so no movement to read"),
        )
        return tuple(Reason(code, sentence(text)) for holds, code, text in candidates if holds)


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits.

    Raises:
        InputRejected: It is not a readable regular file.
    """
    name = str(path)
    check_regular_file(name, may_be_empty=True)
    try:
        return file_sha256(Path(name))
    except OSError as error:
        raise InputRejected(name, f"it cannot be read ({error_text(error)})", "check the disk") from None


def check_regular_file(name: str, *, may_be_empty: bool = False) -> None:
    """Reject what is not a readable regular file with bytes in it, without opening devices or pipes."""
    path = Path(name)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputRejected(name, "this is a folder", "give a video file")
        if not stat.S_ISREG(status.st_mode):
            raise InputRejected(
                path, "this is a device or a pipe, not a file", "give a video file or camera:0"
            )
        if status.st_size == 0 and not may_be_empty:
            raise InputRejected(name, "the file is empty", "record or copy it again")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise InputRejected(name, "there is no such file", "check the path") from None
    except PermissionError:
        raise InputRejected(name, "it may not be read", "change its permissions") from None
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        raise InputRejected(name, f"it cannot be opened ({what})", "check the path") from None


def error_text(error: BaseException) -> str:
    """A short description of a media error, without paths and numbers."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]


def declared_size(path: Path) -> int:
    """Bytes that the file's outermost structure says it has; its real size where nothing is said."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        file.seek(0)
        if start[4:8] in MP4_BOXES:
            declared = _declared_by_boxes(file, size)
        elif start[:4] == b"RIFF":
            declared = _declared_by_riff(file, size)
        elif start[:4] == b"\x1a\x45\xdf\xa3":
            declared = _declared_by_ebml(file)
        elif start[:3] == b"GIF":
            file.seek(max(0, size - 1024))
            declared = size if file.read().rstrip(b"\0\r\n").endswith(b";") else size + 1
        else:
            declared = 0
    return max(size, declared)


def _declared_by_boxes(file: BinaryIO, size: int) -> int:
    """End of the last top-level box of an mp4 or mov (ISO/IEC 14496-12, 4.2)."""
    end = 0
    while end < size:
        file.seek(end)
        header = file.read(16)
        if len(header) < 8 or header[4:8] not in MP4_BOXES:
            break
        length = int.from_bytes(header[:4], "big")
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:], "big")
        if length < 8:  # 0: up to the end of the file
            break
        end += length
    return end


def _declared_by_riff(file: BinaryIO, size: int) -> int:
    """End of the last RIFF chunk of an avi; recorders that never came to finish leave 0 or all ones."""
    end = 0
    while end < size:
        file.seek(end)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            break
        end += 8 + length
    return end


def _declared_by_ebml(file: BinaryIO) -> int:
    """End of the segment of a webm or mkv (RFC 8794, section 6; unknown sizes say nothing)."""
    file.seek(4)
    header = _ebml_number(file)
    if header is None:
        return 0
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _ebml_number(file)
    return 0 if length is None else file.tell() + length


def _ebml_number(file: BinaryIO) -> int | None:
    """A variable-size integer of EBML; None when it is cut or marked unknown."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    extra = 8 - first[0].bit_length()
    rest = file.read(extra)
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - extra)) - 1)]) + rest, "big")
    return None if len(rest) < extra or value == (1 << (7 * (extra + 1))) - 1 else value
