"""The one progress bar: on standard error, where that is a terminal, for work of more than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from signlens.errors import SignLensError

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 1.0
"""Work that is done within so many seconds shows no bar."""


class ProgressBar:
    """A bar that is taken away at the end; use it as a context manager.

    Args:
        clips: How many clips there are, for `clip`.
    """

    def __init__(self, clips: int = 1) -> None:
        self._clips = clips
        self._visible = sys.stderr.isatty()
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._task: Any = None
        self._text = ""
        self._total: float | None = None

    def __call__(self, done: float, total: float | None, text: str) -> None:
        """So much is done of so much (None where that is not known), and what is done now."""
        if not self._visible:
            return
        self._text, self._total = text, total
        if self._progress is None:
            if time.monotonic() - self._started < PATIENCE_S:
                return
            self._start()
        assert self._progress is not None
        self._progress.update(self._task, completed=done, total=total, description=_shown(text))

    def named(self, text: str, done: int, total: int) -> None:
        """The same in the order of those who name their steps first."""
        self(done, total, text)

    def clip(self, number: int, name: str) -> Callable[[int], None]:
        """Begin a clip; gives what is called with its number of frames done."""
        text = f"{number + 1}/{self._clips} {Path(name).name}" if self._clips > 1 else Path(name).name
        total = _claimed_frames(name) if self._visible else None
        return lambda frames: self(frames, total, text)

    def hide(self) -> None:
        """Take the bar away while something else is printed."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._started = time.monotonic()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(_shown(self._text), total=self._total)
        self._progress.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()


def _shown(text: str) -> str:
    from rich.markup import escape

    return escape(text[-60:])


def _claimed_frames(clip: str) -> int | None:
    """How many frames a video says it has, for the bar alone."""
    from signlens.pose.file import is_pose_file
    from signlens.video import open_video

    if is_pose_file(clip) or clip.startswith("camera:"):
        return None
    try:
        with open_video(clip) as video:
            return video.expected_frames
    except SignLensError:
        return None
