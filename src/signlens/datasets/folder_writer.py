"""Writing a dataset folder (`signlens.datasets.folder`): a clip at a time, whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.folder import (
    COLUMNS,
    DATASET_FILE,
    FORMAT,
    FRAME_HEIGHTS,
    MANIFEST_FILE,
    PIXELS,
    POSES_FILE,
    SPLITS,
    VALUES,
    Array,
    ClipRecord,
    Dataset,
    Description,
    distinct_keypoints,
    identity_of,
)
from signlens.errors import UsageError
from signlens.files import file_sha256, whole_file, write_errors
from signlens.pose.clip import WHOLE_BODY_KEYPOINTS

_STORE_HEADER_BYTES = 128


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
        folder: Made if it is not there. Other files in it are left alone.
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
    """
    folder = Path(folder)
    index = tuple(int(i) for i in keypoints)
    if not distinct_keypoints(index):
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
    with write_errors(folder, problem="the dataset cannot be written there"):
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
            description = Description(
                FORMAT,
                name,
                kind,
                unit,
                clips=len(writer.records),
                available=sum(c.available for c in writer.records),
                frames=writer.frames,
                identity=identity_of(writer.records),
                manifest_sha256=file_sha256(manifest_part),
                poses_sha256=writer.digest.hexdigest(),
                keypoints=index,
                provenance=dict(provenance or {}),
                glosses=tuple(glosses),
            )
            text = json.dumps(vars(description), indent=1, ensure_ascii=False, allow_nan=False)
            document_part.write_text(text + "\n", encoding="utf-8")
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
        table.writerow(COLUMNS)
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
            table.writerow([_cell(getattr(record, column)) for column in COLUMNS])
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
        if poses.ndim != 3 or poses.shape[1:] != (self._keypoints, VALUES) or not len(poses):
            raise UsageError(
                self._folder,
                f"the poses of {clip.name} have shape {poses.shape}",
                f"give (frames, {self._keypoints}, {VALUES})",
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


def _check_text(folder: Path, text: str) -> None:
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise UsageError(folder, f"{text!r} holds characters that are no text", "rename it")


def _cell(value: str | int | bool) -> str:
    return str(int(value)) if isinstance(value, int) else value


def _store_header(frames: int, keypoints: int) -> bytes:
    """A .npy header (version 1.0) of always the same length, so that it can be filled in last."""
    start = b"\x93NUMPY\x01\x00" + (_STORE_HEADER_BYTES - 10).to_bytes(2, "little")
    words = {"descr": "<f4", "fortran_order": False, "shape": (frames, keypoints, VALUES)}
    return start + repr(words).encode().ljust(_STORE_HEADER_BYTES - len(start) - 1) + b"\n"
