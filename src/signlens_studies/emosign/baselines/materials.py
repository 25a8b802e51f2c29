"""What baselines work on: the labels, and the captions, videos and poses that belong to them.

Videos and poses stay where they are. What is computed from them (poses, frame features) is kept in one
folder; no picture of a person is written anywhere.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import listed
from signlens.emosign.annotations import EmoSign, utterance_of
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import DEFAULT_RULE, REFUSED
from signlens.errors import InputRejected
from signlens.files import whole_file
from signlens.pose.clip import PoseClip
from signlens.pose.file import read_pose

Progress = Callable[[str, int, int], None]
Array = NDArray[np.float64]
_Value = TypeVar("_Value")


def _silent(text: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Materials:
    """The labels and where the rest is.

    Attributes:
        data: The labels, with videos and captions joined.
        poses: Folder of ``.pose`` files named after the clips (or ending in the utterance's number);
            None to extract them from the videos.
        cache: Folder where what was computed is kept.
        rule: Which clips are single expressions, for what is trained on them.
        seed: Seed of everything random.
        allow_missing: Answer ``refused`` where a clip's caption, video or poses are missing, instead of
            refusing to run.
        progress: Called with a text, how many clips are done, and how many there are.
    """

    data: EmoSign
    poses: Path | None = None
    cache: Path | None = None
    rule: str = DEFAULT_RULE
    seed: int = 0
    allow_missing: bool = False
    progress: Progress = _silent

    def complete(self, what: str, values: Sequence[_Value | None], remedy: str) -> Sequence[_Value | None]:
        """The values, when none is missing or missing ones are allowed."""
        missing = [c.video_name for c, v in zip(self.data.clips, values, strict=True) if v is None]
        if len(missing) == len(values):
            raise InputRejected(self.data.source, f"none of its clips has a {what}", remedy)
        if missing and not self.allow_missing:
            raise InputRejected(
                self.data.source,
                f"{len(missing)} of {len(values)} clips have no {what}: {listed(missing, 30)}",
                f"{remedy}; or have them answered '{REFUSED}' with --allow-missing",
            )
        return values

    def captions(self) -> Sequence[str | None]:
        """The caption of every clip; None only where missing ones are allowed."""
        return self.complete(
            "caption",
            [clip.caption for clip in self.data.clips],
            "give --captions FILE (video_name, caption)",
        )

    def videos(self) -> Sequence[Path | None]:
        """The video of every clip; None only where missing ones are allowed."""
        return self.complete("video", [clip.video for clip in self.data.clips], "give --videos FOLDER")

    def pose_clips(self) -> Iterator[PoseClip | None]:
        """The poses of every clip, one at a time; None only where missing ones are allowed."""
        if self.poses is not None:
            return self._read_poses(self.poses)
        return self._extract_poses()

    def _read_poses(self, folder: Path) -> Iterator[PoseClip | None]:
        if not folder.is_dir():
            raise InputRejected(folder, "is not a folder", "give the folder of the .pose files")
        files = sorted(folder.rglob("*.pose"))
        by_name = {path.stem: path for path in files}
        by_number = {utterance_of(path.stem): path for path in files}
        found = [
            by_name.get(clip.video_name) or (by_number.get(clip.utterance) if clip.utterance else None)
            for clip in self.data.clips
        ]
        remedy = f"put NAME.pose into {folder} (signlens extract makes them)"
        for done, path in enumerate(self.complete("file of poses", found, remedy)):
            self.progress("poses", done, len(found))
            yield None if path is None else read_pose(path)

    def _extract_poses(self) -> Iterator[PoseClip | None]:
        from signlens.datasets.extraction import Extraction

        videos = self.videos()
        with Extraction(self.folder("poses")) as extraction:
            for done, (clip, video) in enumerate(zip(self.data.clips, videos, strict=True)):
                self.progress("poses", done, len(videos))
                yield None if video is None else extraction.poses_of(video, clip.video_name)

    def folder(self, name: str) -> Path:
        """A folder inside the cache, made if absent."""
        if self.cache is None:
            raise InputRejected("--cache", "is needed to keep what is computed", "name a folder")
        path = self.cache / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputRejected(path, f"cannot be made ({error.strerror})", "name another --cache") from None
        return path


def refused(name: str) -> LabelPrediction:
    """The answer to a clip that cannot be answered: counted as wrong in every task."""
    return LabelPrediction(name, REFUSED, REFUSED, REFUSED, {}, {})


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document in its one canonical form: the key of what was made of it."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cached_array(
    folder: Path, key: str, make: Callable[[], NDArray[np.float32]], shape: tuple[int | None, ...]
) -> NDArray[np.float32]:
    """An array that was made before, or is made and kept now.

    Args:
        folder: Where arrays are kept.
        key: Hash of everything that the array depends on.
        make: Makes it.
        shape: What it must look like, None for any length; a kept array of another shape, or one that
            cannot be read, is made again.
    """
    path = folder / f"{key}.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            kept = np.asarray(stored["values"], np.float32)
        if len(kept.shape) == len(shape) and all(
            w in (None, h) for w, h in zip(shape, kept.shape, strict=True)
        ):
            return kept
    except (OSError, ValueError, KeyError, EOFError):
        pass
    except Exception as error:  # zipfile's and zlib's own errors, of a file cut short
        if type(error).__module__ not in ("zipfile", "zlib"):
            raise
    made = make()
    buffer = io.BytesIO()
    np.savez(buffer, values=made)
    with whole_file(path) as part:
        part.write_bytes(buffer.getvalue())
    return made
