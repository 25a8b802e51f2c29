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
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.files import file_sha256, whole_file
from signlens.pose.clip import WHOLE_BODY_KEYPOINTS

FORMAT = 1
DATASET_FILE, MANIFEST_FILE, POSES_FILE = "dataset.json", "manifest.csv", "poses.npy"
SPLITS = ("train", "val", "test")
"""The splits that a clip may belong to, besides none (the empty string)."""

PIXELS = "pixels"
FRAME_HEIGHTS = "frame heights"

_MAX_JSON_BYTES = 2**26
_MAX_MANIFEST_BYTES = 2**30
_STORE_HEADER_BYTES = 128
_CHUNK_BYTES = 2**20
_MOST_IN_MEMORY = 2**25
_VALUES = 4
_VALUE_BYTES = 4
_AGAIN = "import it again"

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


_COLUMNS = tuple(field.name for field in fields(ClipRecord))
_WHOLE_NUMBERS = ("fold", "start", "frames")


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
        document: Mapping[str, Any],
        clips: tuple[ClipRecord, ...],
        store: mmap.mmap,
        offset: int,
    ) -> None:
        self.folder = folder
        self.name: str = document["name"]
        self.kind: str = document["kind"]
        self.unit: str = document["unit"]
        self.glosses: tuple[str, ...] = tuple(document["glosses"])
        self.keypoints: NDArray[np.int64] = np.array(document["keypoints"], dtype=np.int64)
        self.clips = clips
        self.identity: str = document["identity"]
        self.provenance: dict[str, Any] = document["provenance"]
        self._poses_sha256: str = document["poses_sha256"]
        self._store = store
        self._in_memory = 0
        self._offset = offset
        self._row_bytes = len(self.keypoints) * _VALUES * _VALUE_BYTES
        self._column = np.full(WHOLE_BODY_KEYPOINTS, -1, dtype=np.int64)
        self._column[self.keypoints] = np.arange(len(self.keypoints))
        number = {gloss: i for i, gloss in enumerate(self.glosses)}
        self._labels = np.array([number[c.gloss] for c in clips], dtype=np.int64)

    @classmethod
    def open(cls, folder: str | Path) -> Dataset:
        """Open a dataset folder.

        Args:
            folder: The folder that `write_dataset` (or ``signlens dataset import``) made.

        Raises:
            InputRejected: It is no dataset folder, or its files were cut, changed or do not belong together.
        """
        folder = Path(folder)
        document = _read_document(folder)
        clips = _read_manifest(folder, document)
        try:
            with (folder / POSES_FILE).open("rb") as file:
                offset = _check_store(folder / POSES_FILE, file, document)
                store = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise _unreadable(folder / POSES_FILE, error) from None
        return cls(folder, document, clips, store, offset)

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
        """Rows of the clips that have poses, in the manifest's order.

        Args:
            split: Only those of this split (the empty string: of none).
            fold: Only those of this fold.
        """
        return np.array(
            [
                row
                for row, clip in enumerate(self.clips)
                if clip.available and split in (None, clip.split) and fold in (None, clip.fold)
            ],
            dtype=np.int64,
        )

    def poses(self, row: int) -> Array:
        """A clip's poses.

        Args:
            row: Its row in `clips`.

        Returns:
            (T, K, 4) float32, read-only: x, y, z in `unit`, confidence. A point that was not found is
            all zero: its confidence of 0 says so.

        Raises:
            UsageError: There is no such clip, or it has no poses.
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
        shape = (clip.frames, len(self.keypoints), _VALUES)
        first = self._offset + clip.start * self._row_bytes
        self._let_go(clip.frames * self._row_bytes)
        return np.ndarray(shape, dtype="<f4", buffer=self._store, offset=first)

    def points(self, row: int, indices: NDArray[np.int64] | Sequence[int]) -> Array:
        """Chosen whole-body keypoints of a clip.

        Args:
            row: Its row in `clips`.
            indices: Whole-body indices, 0..132.

        Returns:
            (T, len(indices), 4) float32, a copy; see `poses`. Keypoints that the store lacks are all zero.

        Raises:
            UsageError: As `poses`.
        """
        poses = self.poses(row)
        columns = self._column[np.asarray(indices, dtype=np.int64)]
        out = np.zeros((len(poses), len(columns), _VALUES), dtype=np.float32)
        stored = columns >= 0
        out[:, stored] = poses[:, columns[stored]]
        return out

    def check_poses(self) -> None:
        """Read the whole store and hold it against the hash that was taken when it was written.

        Raises:
            InputRejected: It was damaged or changed.
        """
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


def write_dataset(
    folder: str | Path,
    name: str,
    kind: str,
    glosses: Sequence[str],
    keypoints: NDArray[np.int64] | Sequence[int],
    clips: Iterable[tuple[ClipRecord, Array | None]],
    *,
    unit: str = PIXELS,
    provenance: Mapping[str, Any] | None = None,
) -> Dataset:
    """Write a dataset folder, whole or not at all; an earlier one in the same place is replaced.

    Args:
        folder: Where to; made if it is not there. Other files in it are left alone.
        name: Its name, for people.
        kind: What it was imported from.
        glosses: In class order, all different; every clip's gloss must be among them.
        keypoints: (K,) whole-body indices that the poses hold, all different.
        clips: Clips with their poses (T, K, 4): x, y, z, confidence; None where there are none, and then
            the record says why in ``reason``. Taken one at a time. ``available``, ``start`` and ``frames``
            are filled in here; points of confidence 0 are stored as zeros.
        unit: ``pixels`` or ``frame heights``.
        provenance: What else to remember, as plain JSON values; read after the last clip, so the one
            who yields the clips may still add to it.

    Returns:
        The dataset, opened.

    Raises:
        UsageError: Clips or poses that no dataset can hold, or a folder that cannot be written to.
    """
    folder = Path(folder)
    index = [int(i) for i in keypoints]
    if not index or len(set(index)) != len(index) or not all(0 <= i < WHOLE_BODY_KEYPOINTS for i in index):
        raise UsageError(
            folder,
            "the keypoints are not different whole-body indices",
            f"give some of 0..{WHOLE_BODY_KEYPOINTS - 1}",
        )
    if len(set(glosses)) != len(glosses):
        raise UsageError(folder, "two classes have the same gloss", "give each gloss once")
    if unit not in (PIXELS, FRAME_HEIGHTS):
        raise UsageError(folder, f"{unit!r} is no unit", f"give {PIXELS} or {FRAME_HEIGHTS}")
    for text in (name, kind, *glosses):
        _check_text(folder, text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The inner ones are put into place first: dataset.json, which vouches for the others, comes last.
        with (
            whole_file(folder / DATASET_FILE) as document_part,
            whole_file(folder / MANIFEST_FILE) as manifest_part,
            whole_file(folder / POSES_FILE) as poses_part,
        ):
            writer = _Writer(folder, set(glosses), len(index))
            with (
                manifest_part.open("w", newline="", encoding="utf-8") as manifest,
                poses_part.open("wb") as store,
            ):
                writer.run(clips, manifest, store)
            document = {
                "format": FORMAT,
                "name": name,
                "kind": kind,
                "unit": unit,
                "clips": len(writer.records),
                "available": sum(c.available for c in writer.records),
                "frames": writer.frames,
                "identity": identity_of(writer.records),
                "manifest_sha256": file_sha256(manifest_part),
                "poses_sha256": writer.digest.hexdigest(),
                "keypoints": index,
                "provenance": dict(provenance or {}),
                "glosses": list(glosses),
            }
            document_part.write_text(
                json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
            )
    except OSError as error:
        raise UsageError(
            folder, f"the dataset cannot be written there ({error.strerror or error})", "name another folder"
        ) from None
    return Dataset.open(folder)


class _Writer:
    """Takes clips one at a time into an open manifest and store."""

    def __init__(self, folder: Path, glosses: set[str], keypoints: int) -> None:
        self.records: list[ClipRecord] = []
        self.frames = 0
        self.digest = hashlib.sha256()
        self._folder = folder
        self._glosses = glosses
        self._keypoints = keypoints
        self._names: set[str] = set()

    def run(self, clips: Iterable[tuple[ClipRecord, Array | None]], manifest: Any, store: BinaryIO) -> None:
        store.write(bytes(_STORE_HEADER_BYTES))
        table = csv.writer(manifest, lineterminator="\n")
        table.writerow(_COLUMNS)
        for given, poses in clips:
            self._check(given)
            if poses is None:
                record = replace(
                    given, available=False, reason=given.reason or "no poses", start=-1, frames=0
                )
            else:
                content = self._store_bytes(given, poses)
                store.write(content)
                self.digest.update(content)
                record = replace(given, available=True, reason="", start=self.frames, frames=len(poses))
                self.frames += len(poses)
            table.writerow([_cell(getattr(record, column)) for column in _COLUMNS])
            self.records.append(record)
        store.seek(0)
        store.write(_store_header(self.frames, self._keypoints))

    def _check(self, clip: ClipRecord) -> None:
        if not clip.name or clip.name in self._names:
            problem = "a clip has no name" if not clip.name else f"two clips are called {clip.name}"
            raise UsageError(self._folder, problem, "give every clip a name of its own")
        self._names.add(clip.name)
        for text in (clip.name, clip.gloss, clip.signer, clip.source, clip.source_sha256, clip.reason):
            _check_text(self._folder, text)
        if clip.gloss not in self._glosses:
            raise UsageError(
                self._folder, f"the gloss {clip.gloss} of {clip.name} is no class", "list all glosses"
            )
        if clip.split not in ("", *SPLITS):
            raise UsageError(
                self._folder, f"{clip.name} has the split {clip.split!r}", f"use {', '.join(SPLITS)} or none"
            )
        if clip.fold < -1:
            raise UsageError(
                self._folder, f"{clip.name} has the fold {clip.fold}", "count from 0, or give -1"
            )

    def _store_bytes(self, clip: ClipRecord, poses: Array) -> bytes:
        if poses.ndim != 3 or poses.shape[1:] != (self._keypoints, _VALUES) or not len(poses):
            raise UsageError(
                self._folder,
                f"the poses of {clip.name} have shape {poses.shape}",
                f"give (frames, {self._keypoints}, {_VALUES})",
            )
        confidence = poses[..., 3:]
        values = np.where(confidence > 0, poses, 0).astype("<f4")
        if not np.isfinite(values).all() or not np.isfinite(confidence).all() or (confidence < 0).any():
            raise UsageError(
                self._folder,
                f"{clip.name} has points that count as seen but are not numbers",
                "give them a confidence of 0",
            )
        return values.tobytes()


# ---------------------------------------------------------------------------------------------------


def _check_text(folder: Path, text: str) -> None:
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise UsageError(folder, f"{text!r} holds characters that are no text", "rename it")


def _cell(value: str | int | bool) -> str:
    return str(int(value)) if isinstance(value, int) else value


def _store_header(frames: int, keypoints: int) -> bytes:
    """A .npy header (version 1.0) of always the same length, so that it can be filled in last."""
    start = b"\x93NUMPY\x01\x00" + (_STORE_HEADER_BYTES - 10).to_bytes(2, "little")
    words = {"descr": "<f4", "fortran_order": False, "shape": (frames, keypoints, _VALUES)}
    return start + repr(words).encode().ljust(_STORE_HEADER_BYTES - len(start) - 1) + b"\n"


def _reopen(folder: Path, poses_sha256: str) -> Dataset:
    dataset = Dataset.open(folder)
    if dataset._poses_sha256 != poses_sha256:
        raise InputRejected(folder, "the dataset was replaced while it was in use", "start again")
    return dataset


def _unreadable(path: Path, error: OSError) -> InputRejected:
    if isinstance(error, FileNotFoundError):
        return InputRejected(path, "there is no such file", "name a folder that signlens dataset import made")
    return InputRejected(path, f"it cannot be read ({error.strerror})", "check the path")


def _read_capped(path: Path, cap: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(cap + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(content) > cap:
        raise InputRejected(path, f"it has more than {cap:,} bytes", _AGAIN)
    return content


def _read_document(folder: Path) -> dict[str, Any]:
    path = folder / DATASET_FILE
    try:
        document = json.loads(_read_capped(path, _MAX_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputRejected(path, f"it is not JSON ({error})", _AGAIN) from None
    if not isinstance(document, dict) or "format" not in document:
        raise InputRejected(path, "it does not describe a dataset", _AGAIN)
    if document["format"] != FORMAT:
        raise InputRejected(
            path, f"its format {document['format']!r} is of another version of SignLens", _AGAIN
        )
    kinds: dict[str, type] = {
        **dict.fromkeys(("name", "kind", "unit", "identity", "manifest_sha256", "poses_sha256"), str),
        **dict.fromkeys(("clips", "available", "frames"), int),
        **dict.fromkeys(("keypoints", "glosses"), list),
        "provenance": dict,
    }
    for key, kind in kinds.items():
        if not isinstance(document.get(key), kind):
            raise InputRejected(path, f"{key} is missing or of another type", _AGAIN)
    index = document["keypoints"]
    good = index and all(type(i) is int and 0 <= i < WHOLE_BODY_KEYPOINTS for i in index)
    if not good or len(set(index)) != len(index):
        raise InputRejected(path, "its keypoints are not different whole-body indices", _AGAIN)
    glosses = document["glosses"]
    if not all(isinstance(g, str) for g in glosses) or len(set(glosses)) != len(glosses):
        raise InputRejected(path, "its glosses are not different texts", _AGAIN)
    return document


def _read_manifest(folder: Path, document: Mapping[str, Any]) -> tuple[ClipRecord, ...]:
    path = folder / MANIFEST_FILE
    content = _read_capped(path, _MAX_MANIFEST_BYTES)
    if hashlib.sha256(content).hexdigest() != document["manifest_sha256"]:
        raise InputRejected(
            path,
            "it was changed after the import, or belongs to another import",
            "change the labels that were imported, and import them again",
        )
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
        columns = tuple(next(lines, ()))
        if columns != _COLUMNS:
            raise ValueError(f"its columns are {', '.join(columns)}")
        clips = tuple(_record(row, lines.line_num) for row in lines)
    except (ValueError, csv.Error) as error:
        raise InputRejected(path, f"it is no manifest ({error})", _AGAIN) from None
    glosses = set(document["glosses"])
    frames = 0
    for clip in clips:
        if clip.gloss not in glosses:
            raise InputRejected(path, f"the gloss {clip.gloss} of {clip.name} is no class", _AGAIN)
        if clip.available and (clip.start != frames or clip.frames < 1):
            raise InputRejected(path, f"the frames of {clip.name} are not where they should be", _AGAIN)
        frames += clip.frames
    counts = (len(clips), sum(c.available for c in clips), frames)
    if counts != (document["clips"], document["available"], document["frames"]):
        raise InputRejected(path, f"its clips are not those of {DATASET_FILE}", _AGAIN)
    if len({c.name for c in clips}) != len(clips):
        raise InputRejected(path, "two of its clips have the same name", _AGAIN)
    if identity_of(clips) != document["identity"]:
        raise InputRejected(folder / DATASET_FILE, "its identity is not that of its clips", _AGAIN)
    return clips


def _record(row: list[str], line: int) -> ClipRecord:
    if len(row) != len(_COLUMNS):
        raise ValueError(f"line {line} has {len(row)} columns, not {len(_COLUMNS)}")
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    for column in _WHOLE_NUMBERS:
        values[column] = int(values[column])
    if values["available"] not in ("0", "1"):
        raise ValueError(f"line {line} says neither 0 nor 1 for available")
    values["available"] = values["available"] == "1"
    return ClipRecord(**values)


def _check_store(path: Path, store: BinaryIO, document: Mapping[str, Any]) -> int:
    """Offset of the first frame in the store, which must be exactly as large as it should be."""
    expected = (document["frames"], len(document["keypoints"]), _VALUES)
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
