"""Poses of videos, kept as `.pose` files so that an import that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from signlens.datasets.clip_files import ClipFile
from signlens.errors import InputRejected, SignLensError
from signlens.files import write_errors
from signlens.pose.clip import PoseClip, Provenance
from signlens.pose.file import read_pose, write_pose

if TYPE_CHECKING:
    from signlens.pose.holistic import HolisticExtractor
    from signlens.video import VideoLimits


class Extraction:
    """Extracts videos into a folder of `.pose` files; what is finished there is not done again.

    The networks are loaded with the first video that needs them. Use as a context manager.

    Args:
        folder: Where the `.pose` files stand; other tools' may stand there too.
        limits: Caps on what is decoded.
        progress: Called with the number of frames of a video that are done.
    """

    def __init__(
        self,
        folder: Path,
        limits: VideoLimits | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._progress = progress
        self._stack = ExitStack()
        self._extractor: HolisticExtractor | None = None
        self._today: Provenance | None = None

    def __enter__(self) -> Self:
        """Nothing is loaded yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the networks."""
        self._stack.close()
        self._extractor = None

    def keeps(self, file: ClipFile) -> bool:
        """Whether a file is one of those that stand in the folder."""
        return file.path == self._folder / f"{file.key}.pose"

    def poses_of(self, video: Path, key: str) -> PoseClip:
        """A video's poses.

        A `.pose` file that another tool or extractor made is taken as it is; one that this extractor
        made of another video, or in another version, is made again.
        The key is the path of its `.pose` file within the folder, without ending.
        """
        kept = self._folder / f"{key}.pose"
        if kept.is_file():
            if self._today is None:
                self._today = todays_extractor()
            clip = read_pose(kept)
            if clip.provenance.extractor != self._today.extractor or is_finished(clip, video, self._today):
                return clip
        if self._extractor is None:
            from signlens.pose.holistic import HolisticExtractor

            self._extractor = self._stack.enter_context(HolisticExtractor())
        try:
            clip = self._extractor.extract(video, self._limits, self._progress)
        except SignLensError:
            raise
        except Exception as error:  # one odd video must not stop an import of thousands
            self._stack.close()
            self._extractor = None
            what = f"{type(error).__name__}: {error}"
            raise InputRejected(
                video, f"extracting it failed, which is a defect of SignLens ({what})", "please report it"
            ) from error
        with write_errors(kept, "name another folder with --poses"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_pose(clip, kept)
        return clip


def is_finished(clip: PoseClip, video: Path, today: Provenance) -> bool:
    """Whether these are the poses that today's extractor would find in the video."""
    from signlens.video import sha256_of

    made = clip.provenance
    return (
        (made.extractor, made.version) == (today.extractor, today.version)
        and made.models == today.models
        and made.settings == today.settings
        and made.source.get("sha256") == sha256_of(video)
    )


def todays_extractor() -> Provenance:
    """The extractor that is installed, without a source."""
    from signlens.pose.holistic import EXTRACTOR, SETTINGS
    from signlens.pose.networks import mediapipe_version, network_hashes

    return Provenance(EXTRACTOR, mediapipe_version(), network_hashes(), dict(SETTINGS))
