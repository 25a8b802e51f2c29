"""The dataset folder: a manifest of all clips, and their poses in one memory-mapped store.

::

    dataset.json   format, name, kind, glosses in class order, stored keypoints, counts, hashes
    manifest.csv   one row a clip, those without poses too
    poses.npy      (frames, K, 4) float32: the frames of all clips after one another

Neither writing nor reading holds more than the manifest and one clip in memory.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import mmap
import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import read_bytes
from signlens.errors import InputRejected, UsageError
from signlens.pose.clip import WHOLE_BODY_KEYPOINTS

FORMAT: Literal[1] = 1
DATASET_FILE, MANIFEST_FILE, POSES_FILE = "dataset.json", "manifest.csv", "poses.npy"
SPLITS = ("train", "val", "test")
"""The splits that a clip may belong to, besides none (the empty string)."""

PIXELS = "pixels"
FRAME_HEIGHTS = "frame heights"

_MAX_JSON_BYTES = 2**26
_MAX_MANIFEST_BYTES = 2**30
_CHUNK_BYTES = 2**20
_MOST_IN_MEMORY = 2**25
VALUES = 4
"""A point's: x, y, z, confidence."""
_VALUE_BYTES = 4
_AGAIN = "import it again"
_IMPORTED = "name a folder that signlens dataset import made"

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ClipRecord:
    """One row of the manifest.

    Attributes:
        name: Unique id of the clip.
        gloss: Its gloss.
        signer: Who signs, or an empty string where that is unknown.
        split: ``train``, ``val``, ``test`` or an empty string.
        fold: Cross-validation fold, or -1.
        source: Name of the file, or id, that it came from.
        source_sha256: SHA-256 (hex) of that file, or an empty string where it is unknown.
        available: Whether its poses are in the store.
        reason: Why they are not, else an empty string.
        start: First row in the store, or -1.
        frames: Number of rows in the store, or 0.
    """

    name: str
    gloss: str
    signer: str = ""
    split: str = ""
    fold: int = -1
    source: str = ""
    source_sha256: str = ""
    available: bool = False
    reason: str = ""
    start: int = -1
    frames: int = 0


@dataclass(frozen=True)
class Description:
    """What ``dataset.json`` says, in this order; see `Dataset` for what is not plain."""

    format: Literal[1]
    name: str
    kind: str
    unit: str
    clips: int
    available: int
    frames: int
    identity: str
    manifest_sha256: str
    poses_sha256: str
    keypoints: tuple[int, ...]
    provenance: dict[str, Any]
    glosses: tuple[str, ...]


COLUMNS = tuple(field.name for field in fields(ClipRecord))
"""Those of the manifest."""


def identity_of(clips: Iterable[ClipRecord]) -> str:
    """What two copies of a dataset must have in common to be compared, as SHA-256 (hex).

    It covers name, gloss, split, fold, availability and source hash of every clip, whatever their order.
    Poses are not in it: other extractors see the same clips differently.
    """
    lines = sorted(
        json.dumps([c.name, c.gloss, c.split, c.fold, c.available, c.source_sha256]) for c in clips
    )
    return hashlib.sha256("\n".join([f"signlens dataset {FORMAT}", *lines]).encode()).hexdigest()


class Dataset:
    """A dataset folder, opened for reading; see `Dataset.open`.

    The store is mapped, and what was read is let go of again, so memory does not grow with what was read.
    Can be shared by threads, forked, and sent to other processes.

    Attributes:
        folder: Where it stands.
        name: Its name, for people.
        kind: What it was imported from (``wlasl``, ``autsl``, ...).
        unit: Unit of the coordinates, ``pixels`` (of each clip's own frame) or ``frame heights``.
        glosses: Glosses in class order: the index is the class number.
        keypoints: (K,) int64 whole-body indices that the store holds.
        clips: All clips in the manifest's order, those without poses too.
        identity: See `identity_of`.
        provenance: What the importer noted: extractors, label files, what it left out.
    """

    def __init__(
        self,
        folder: Path,
        description: Description,
        clips: tuple[ClipRecord, ...],
        store: mmap.mmap,
        offset: int,
    ) -> None:
        self.folder = folder
        self.name = description.name
        self.kind = description.kind
        self.unit = description.unit
        self.glosses = description.glosses
        self.keypoints: NDArray[np.int64] = np.array(description.keypoints, dtype=np.int64)
        self.clips = clips
        self.identity = description.identity
        self.provenance = description.provenance
        self._poses_sha256 = description.poses_sha256
        self._store = store
        self._in_memory = 0
        self._offset = offset
        self._row_bytes = len(self.keypoints) * VALUES * _VALUE_BYTES
        self._column = np.full(WHOLE_BODY_KEYPOINTS, -1, dtype=np.int64)
        self._column[self.keypoints] = np.arange(len(self.keypoints))
        number = {gloss: i for i, gloss in enumerate(self.glosses)}
        self._labels = np.array([number[c.gloss] for c in clips], dtype=np.int64)

    @classmethod
    def open(cls, folder: str | Path) -> Dataset:
        """Open a folder that `write_dataset` made; InputRejected says what in it was cut or changed."""
        folder = Path(folder)
        description = _read_description(folder / DATASET_FILE)
        clips = _read_manifest(folder, description)
        path = folder / POSES_FILE
        try:
            with path.open("rb") as file:
                offset = _check_store(path, file, description)
                store = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise InputRejected(path, "there is no such file", _IMPORTED) from None
        except OSError as error:
            raise InputRejected(path, f"it cannot be read ({error.strerror})", "check the path") from None
        return cls(folder, description, clips, store, offset)

    def __len__(self) -> int:
        """Number of clips in the manifest."""
        return len(self.clips)

    def __reduce__(self) -> tuple[Any, tuple[Path, str]]:
        """Open it again on the other side, and make sure that it is the same there."""
        return _reopen, (self.folder, self._poses_sha256)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class number of every clip."""
        return self._labels

    def rows(self, *, split: str | None = None, fold: int | None = None) -> NDArray[np.int64]:
        """Rows of the clips that have poses, in the manifest's order; split ``""`` is of none."""
        return np.array(
            [
                row
                for row, clip in enumerate(self.clips)
                if clip.available and split in (None, clip.split) and fold in (None, clip.fold)
            ],
            dtype=np.int64,
        )

    def poses(self, row: int) -> Array:
        """The poses of the clip in a row of `clips`.

        Returns:
            (T, K, 4) float32, read-only: x, y, z in `unit`, confidence. A point that was not found is
            all zero: its confidence of 0 says so.
        """
        if not 0 <= row < len(self.clips):
            raise UsageError(
                self.folder, f"there is no clip {row} among {len(self.clips)}", "ask for another"
            )
        clip = self.clips[row]
        if not clip.available:
            raise UsageError(
                self.folder, f"the clip {clip.name} has no poses ({clip.reason})", "take rows from rows()"
            )
        shape = (clip.frames, len(self.keypoints), VALUES)
        first = self._offset + clip.start * self._row_bytes
        self._let_go(clip.frames * self._row_bytes)
        return np.ndarray(shape, dtype="<f4", buffer=self._store, offset=first)

    def points(self, row: int, indices: NDArray[np.int64] | Sequence[int]) -> Array:
        """Chosen keypoints (whole-body indices, 0..132) of the clip in a row.

        Returns:
            (T, len(indices), 4) float32, a copy; see `poses`. Keypoints that the store lacks are all zero.
        """
        poses = self.poses(row)
        columns = self._column[np.asarray(indices, dtype=np.int64)]
        out = np.zeros((len(poses), len(columns), VALUES), dtype=np.float32)
        stored = columns >= 0
        out[:, stored] = poses[:, columns[stored]]
        return out

    def check_poses(self) -> None:
        """Read the whole store and hold it against the hash that was taken when it was written."""
        digest = hashlib.sha256()
        for start in range(self._offset, len(self._store), _CHUNK_BYTES):
            chunk = self._store[start : start + _CHUNK_BYTES]
            self._let_go(len(chunk))
            digest.update(chunk)
        if digest.hexdigest() != self._poses_sha256:
            raise InputRejected(
                self.folder / POSES_FILE, "its checksum is wrong: it was damaged or changed", _AGAIN
            )

    def _let_go(self, further: int) -> None:
        """Keep no more than so many bytes of the map in memory; arrays in use are read again."""
        self._in_memory += further
        if self._in_memory > _MOST_IN_MEMORY:
            self._store.madvise(mmap.MADV_DONTNEED)
            self._in_memory = further


def _reopen(folder: Path, poses_sha256: str) -> Dataset:
    dataset = Dataset.open(folder)
    if dataset._poses_sha256 != poses_sha256:
        raise InputRejected(folder, "the dataset was replaced while it was in use", "start again")
    return dataset


def distinct_keypoints(indices: Sequence[int]) -> bool:
    """Whether these are whole-body indices, at least one and all different."""
    return 0 < len(indices) == len(set(indices)) and all(0 <= i < WHOLE_BODY_KEYPOINTS for i in indices)


def _read_description(path: Path) -> Description:
    from pydantic import TypeAdapter, ValidationError

    content = read_bytes(path, _MAX_JSON_BYTES, too_large=_AGAIN, not_there=_IMPORTED)
    try:
        text = content.removeprefix(BOM_UTF8)
        description = TypeAdapter(Description).validate_json(text, strict=True)
    except ValidationError as failed:
        first = failed.errors()[0]
        key = first["loc"][0] if first["loc"] else ""
        if first["type"] == "json_invalid":
            problem = f"it is not JSON ({first['ctx']['error']})"
        elif not key or (key == "format" and first["type"] == "missing"):
            problem = "it does not describe a dataset"
        elif key == "format":
            problem = f"its format {first['input']!r} is of another version of SignLens"
        else:
            problem = f"{key} is missing or of another type"
        raise InputRejected(path, problem, _AGAIN) from None
    if not distinct_keypoints(description.keypoints):
        raise InputRejected(path, "its keypoints are not different whole-body indices", _AGAIN)
    if len(set(description.glosses)) != len(description.glosses):
        raise InputRejected(path, "its glosses are not different texts", _AGAIN)
    return description


def _read_manifest(folder: Path, description: Description) -> tuple[ClipRecord, ...]:
    path = folder / MANIFEST_FILE
    content = read_bytes(path, _MAX_MANIFEST_BYTES, too_large=_AGAIN, not_there=_IMPORTED)
    if hashlib.sha256(content).hexdigest() != description.manifest_sha256:
        raise InputRejected(
            path,
            "it was changed after the import, or belongs to another import",
            "change the labels that were imported, and import them again",
        )
    # Not `read_csv`: here blanks around a text belong to it.
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
        columns = tuple(next(lines, ()))
        if columns != COLUMNS:
            raise ValueError(f"its columns are {', '.join(columns)}")
        clips = tuple(_record(row, lines.line_num) for row in lines)
    except (ValueError, csv.Error) as error:
        raise InputRejected(path, f"it is no manifest ({error})", _AGAIN) from None
    glosses = set(description.glosses)
    frames = 0
    for clip in clips:
        if clip.gloss not in glosses:
            raise InputRejected(path, f"the gloss {clip.gloss} of {clip.name} is no class", _AGAIN)
        if clip.available and (clip.start != frames or clip.frames < 1):
            raise InputRejected(path, f"the frames of {clip.name} are not where they should be", _AGAIN)
        frames += clip.frames
    counts = (len(clips), sum(c.available for c in clips), frames)
    if counts != (description.clips, description.available, description.frames):
        raise InputRejected(path, f"its clips are not those of {DATASET_FILE}", _AGAIN)
    if len({c.name for c in clips}) != len(clips):
        raise InputRejected(path, "two of its clips have the same name", _AGAIN)
    if identity_of(clips) != description.identity:
        raise InputRejected(folder / DATASET_FILE, "its identity is not that of its clips", _AGAIN)
    return clips


def _record(row: list[str], line: int) -> ClipRecord:
    if len(row) != len(COLUMNS):
        raise ValueError(f"line {line} has {len(row)} columns, not {len(COLUMNS)}")
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values |= {column: int(values[column]) for column in ("fold", "start", "frames")}
    if values["available"] not in ("0", "1"):
        raise ValueError(f"line {line} says neither 0 nor 1 for available")
    values["available"] = values["available"] == "1"
    return ClipRecord(**values)


def _check_store(path: Path, store: BinaryIO, description: Description) -> int:
    """Offset of the first frame in the store, which must be exactly as large as it should be."""
    expected = (description.frames, len(description.keypoints), VALUES)
    try:
        version = np.lib.format.read_magic(store)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(store)
    except (ValueError, OSError) as error:
        raise InputRejected(path, f"it is no array of poses ({error})", _AGAIN) from None
    if shape != expected or fortran or dtype != np.dtype("<f4"):
        raise InputRejected(
            path, f"it holds {dtype} of shape {shape}, not float32 of shape {expected}", _AGAIN
        )
    offset = store.tell()
    size = os.fstat(store.fileno()).st_size
    promised = offset + int(np.prod(expected, dtype=object)) * _VALUE_BYTES
    if size != promised:
        what = "it is cut off" if size < promised else "it is longer than it should be"
        raise InputRejected(path, f"{what} ({size:,} bytes instead of {promised:,})", _AGAIN)
    return offset
