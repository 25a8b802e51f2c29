"""Finding the files of clips in folders: videos, `.pose` files, arrays, folders of OpenPose frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from signlens.datasets.labels import in_one_spelling
from signlens.datasets.openpose import is_openpose_folder
from signlens.errors import InputRejected
from signlens.video import VIDEO_SUFFIXES

_POSE_ENDINGS: dict[str, Literal["pose", "array"]] = {".pose": "pose", ".npy": "array"}
Form = Literal["video", "pose", "array", "openpose"]
POSE_FORMS: tuple[Form, ...] = ("pose", "array", "openpose")


@dataclass(frozen=True)
class ClipFile:
    """A file (or a folder of frames) that holds one clip.

    Attributes:
        path: Where it is.
        key: Its path within the folder that was searched, with ``/``, without its endings.
        form: What it is.
    """

    path: Path
    key: str
    form: Form


class ClipFiles:
    """The clips of some forms in some folders and those within, found by path or by name; walked once."""

    def __init__(self, folders: Iterable[Path], forms: Iterable[Form]) -> None:
        self._forms = frozenset(forms)
        self._by_key: dict[str, list[ClipFile]] = {}
        self._by_name: dict[str, list[ClipFile]] = {}
        for folder in folders:
            if not folder.is_dir():
                raise InputRejected(folder, "there is no such folder", "check the path")
            for file in sorted(_walk(folder), key=lambda f: f.key):
                if file.form in self._forms:
                    self._by_key.setdefault(file.key, []).append(file)
                    name = PurePosixPath(file.key).name
                    self._by_name.setdefault(name, []).append(file)

    def __len__(self) -> int:
        """Number of files found."""
        return sum(len(files) for files in self._by_key.values())

    def __iter__(self) -> Iterator[ClipFile]:
        """All files, in the order of their keys."""
        for key in sorted(self._by_key):
            yield from self._by_key[key]

    def find(self, names: Iterable[str]) -> ClipFile | None:
        """The file of a clip by what it may be called: the first name that is there is taken.

        A name is a path within the folders, or a bare name, without endings.
        """
        for name in names:
            name = in_one_spelling(name)
            found = self._by_key.get(name) or self._by_name.get(name, [])
            if len(found) > 1:
                raise InputRejected(
                    found[0].path, f"{found[1].path} is called {name} too", "keep the one that is meant"
                )
            if found:
                return found[0]
        return None


def without_endings(name: str) -> str:
    """A file's name without what says how its clip is stored (``a.mp4.npy`` is clip ``a``)."""
    path = PurePosixPath(name)
    for endings in (_POSE_ENDINGS, VIDEO_SUFFIXES):
        if path.suffix.lower() in endings:
            path = path.with_suffix("")
    return str(path)


def _walk(root: Path) -> Iterator[ClipFile]:
    been: set[str] = set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in been:  # a link back up
            below.clear()
            continue
        been.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        here = Path(folder)
        if is_openpose_folder(names):
            yield _clip_file(root, here, "openpose")
            continue
        for name in names:
            ending = Path(name).suffix.lower()
            if name.startswith("."):
                continue
            if ending in VIDEO_SUFFIXES:
                yield _clip_file(root, here / name, "video")
            elif ending in _POSE_ENDINGS:
                yield _clip_file(root, here / name, _POSE_ENDINGS[ending])


def _clip_file(root: Path, path: Path, form: Form) -> ClipFile:
    key = without_endings(path.relative_to(root).as_posix())
    try:
        key.encode("utf-8")
    except UnicodeEncodeError:
        raise InputRejected(repr(str(path)), "its name is not UTF-8 text", "rename it") from None
    return ClipFile(path, in_one_spelling(key), form)
