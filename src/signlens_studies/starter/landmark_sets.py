"""Published MediaPipe landmark arrays: Traduttore ASL and the 50 glosses of WLASL50-real.

Both come as one npz (``landmarks``) beside a csv of clips. `load_traduttore` and `load_wlasl50` hold a whole
set in memory; `open_traduttore` and `open_wlasl50` give labels and poses to an import, clip by clip.
"""

from __future__ import annotations

import csv
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.folder import FRAME_HEIGHTS, Dataset
from signlens.datasets.importing import FoundPoses, import_dataset
from signlens.datasets.labels import LabelledClip, Labels
from signlens.datasets.tables import TableRow, read_csv
from signlens.errors import InputRejected
from signlens.pose import WHOLE_BODY_KEYPOINTS, PoseClip, Provenance
from signlens.skeleton.normalise import WHOLE_BODY_INDEX

# The arrays hold fractions of the frame without its size, so the shape of the frame is assumed:
# webcams record 4:3; WLASL's recordings lie between 4:3 and 16:9. Augmentation varies it.
TRADUTTORE_ASPECT = 4 / 3
WLASL50_ASPECT = 1.4

_MEDIAPIPE_BODY = [0, 11, 12, 13, 14, 15, 16]

IDLE = "idle"

_RECORDER_SPLITS = {"recorder1": "train", "recorder2": "test"}


@dataclass(frozen=True)
class LandmarkClip:
    """One labelled clip.

    Attributes:
        name: Unique name, ``set/gloss/sequence``.
        gloss: The gloss, ``idle``, or ``letter:x`` for a finger-spelled letter.
        signer: Who signed it, as far as known, else an empty string.
        fold: Cross-validation fold, or -1.
        points: (T, 49, 4) float32: x, y, z in one isotropic unit (frame heights), confidence.
    """

    name: str
    gloss: str
    signer: str
    fold: int
    points: NDArray[np.float32]


def default_data() -> Path:
    """Folder of the landmark sets: ``data`` in ``SIGNLENS_SHARED``, by default in ``../shared``."""
    return Path(os.environ.get("SIGNLENS_SHARED", "../shared")) / "data"


def load_traduttore(folder: Path, only: Collection[str] | None = None) -> list[LandmarkClip]:
    """Traduttore ASL: 20-frame clips of words, letters and idle, three recorders.

    Clips that are all zero or duplicates of others are left out (60 of 4,693).

    Args:
        folder: The set's folder.
        only: Names of the clips wanted; all by default.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    rows, landmarks = read_traduttore(folder, only)
    clips = []
    for row, clip in zip(rows, _traduttore_points(landmarks), strict=True):
        if row["all_zero"] == "1" or row["duplicate_of"]:
            continue
        clips.append(LandmarkClip(_traduttore_name(row), _traduttore_gloss(row), row["recorder"], -1, clip))
    return clips


def read_traduttore(
    folder: Path, only: Collection[str] | None = None
) -> tuple[list[dict[str, str]], NDArray[np.float32]]:
    """Traduttore's table and its landmarks (N, 20, 258) as published; rows as in the table.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    return _read(folder, (20, 258), _traduttore_name, only)


def load_wlasl50(folder: Path, only: Collection[str] | None = None) -> list[LandmarkClip]:
    """WLASL50-real: 423 clips of 50 glosses in five roughly signer-disjoint folds.

    Args:
        folder: The set's folder.
        only: Names of the clips wanted; all by default.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    rows, landmarks = _read(folder, (30, 170), _wlasl50_name, only)
    return [
        LandmarkClip(
            _wlasl50_name(row),
            row["gloss"],
            "",
            int(row["fold"]),
            clip[: max(int(row["length"]), 1)],
        )
        for row, clip in zip(rows, _wlasl50_points(landmarks), strict=True)
    ]


def open_traduttore(folder: Path) -> tuple[Labels, LandmarkPoses]:
    """Traduttore ASL for an import.

    The recorder stands for the signer. recorder1 trains, recorder2 tests, recorder3 (letters and one word)
    belongs to no split; the fold is the recorder's number, from 0.

    Args:
        folder: The set's folder.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    table = folder / "clips.csv"
    columns = ("gloss", "sequence", "kind", "recorder", "all_zero", "duplicate_of")
    clips: list[LabelledClip] = []
    entries: dict[str, _Entry] = {}
    for number, row in enumerate(read_csv(table, columns)):
        recorder = row.filled("recorder")
        digits = recorder.removeprefix("recorder")
        if not digits.isdecimal():
            raise row.error(f"{recorder!r} is no recorder", "give the set as released")
        name = _traduttore_name(row.values)
        fold, split = int(digits) - 1, _RECORDER_SPLITS.get(recorder, "")
        clips.append(LabelledClip(name, _traduttore_gloss(row.values), recorder, split, fold, (name,)))
        reason = "its landmarks are all zero" if row["all_zero"] == "1" else ""
        if row["duplicate_of"] and not reason:
            reason = f"it is a duplicate of {row['duplicate_of']}"
        _add_entry(entries, row, name, _Entry(number, 20, reason))
    return _labels("traduttore", clips, table), LandmarkPoses(
        folder / "clips.npz", entries, (20, 258), _traduttore_points
    )


def open_wlasl50(folder: Path) -> tuple[Labels, LandmarkPoses]:
    """WLASL50-real for an import: no signers, no splits, five folds.

    Args:
        folder: The set's folder.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    table = folder / "clips.csv"
    clips: list[LabelledClip] = []
    entries: dict[str, _Entry] = {}
    for number, row in enumerate(read_csv(table, ("gloss", "sequence", "length", "fold"))):
        name, fold = _wlasl50_name(row.values), row.whole_number("fold", below=1000)
        clips.append(LabelledClip(name, row.filled("gloss"), "", "", fold, (name,)))
        length = row.whole_number("length", below=31)
        _add_entry(entries, row, name, _Entry(number, length, "" if length else "it has no frame"))
    return _labels("wlasl50", clips, table), LandmarkPoses(
        folder / "clips.npz", entries, (30, 170), _wlasl50_points
    )


def write_datasets(data: Path, out: Path) -> tuple[Dataset, ...]:
    """Write both sets as dataset folders, ``traduttore`` and ``wlasl50``.

    Args:
        data: Folder that holds ``traduttore-asl`` and ``wlasl50-real``.
        out: Folder to write them into.

    Raises:
        InputRejected: A set is missing.
    """
    made = []
    for name, (labels, poses) in (
        ("traduttore", open_traduttore(data / "traduttore-asl")),
        ("wlasl50", open_wlasl50(data / "wlasl50-real")),
    ):
        made.append(import_dataset(labels, poses, out / name, name=name, keypoints="signing"))
    return tuple(made)


@dataclass(frozen=True)
class _Entry:
    """Where a clip stands in the array, how many of its frames count, and what speaks against it."""

    row: int
    frames: int
    reason: str


def _add_entry(entries: dict[str, _Entry], row: TableRow, name: str, entry: _Entry) -> None:
    if name in entries:
        raise row.error(f"the clip {name} comes twice", "give the set as released")
    entries[name] = entry


def _labels(kind: str, clips: list[LabelledClip], table: Path) -> Labels:
    return Labels(kind, tuple(sorted({clip.gloss for clip in clips})), tuple(clips), (table,))


class LandmarkPoses:
    """The poses of a landmark set, unpacked clip by clip (see `signlens.datasets.importing.PoseSource`).

    Args:
        arrays: The npz with ``landmarks``.
        entries: Clip name -> where it stands.
        shape: Frames and values of one clip.
        to_points: (1, frames, values) -> (1, frames, 49, 4) in frame heights.
    """

    keypoints = WHOLE_BODY_INDEX
    unit = FRAME_HEIGHTS
    required = True

    def __init__(
        self,
        arrays: Path,
        entries: Mapping[str, _Entry],
        shape: tuple[int, int],
        to_points: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ) -> None:
        self._entries = entries
        self._to_points = to_points
        self._rows = _rows_of(arrays, (len(entries), *shape))
        self._row = -1
        self._arrays = arrays

    def find(self, clip: LabelledClip) -> FoundPoses:
        """The poses of a clip; clips must be asked for in the order of the labels.

        Raises:
            InputRejected: The array is damaged, or of another shape than the table.
        """
        entry = self._entries[clip.name]
        source = f"{self._arrays.name}[{entry.row}]"
        values = None
        while self._row < entry.row:
            values = next(self._rows)
            self._row += 1
        assert values is not None, "the order of the labels"
        sha256 = hashlib.sha256(values.tobytes()).hexdigest()
        if entry.reason:
            return FoundPoses(None, entry.reason, source, sha256)
        points = self._to_points(values[None].astype(np.float32))[0, : entry.frames]
        points[..., 3] = np.clip(points[..., 3], 0, 1)
        return FoundPoses(points, "", source, sha256, "mediapipe-holistic (version unknown)")


def _rows_of(path: Path, shape: tuple[int, int, int]) -> Iterator[NDArray[np.floating]]:
    """The clips of ``landmarks`` in an npz, one at a time."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("landmarks.npy") as member:
            found, dtype = _array_header(member)
            if found != shape or dtype.kind != "f":
                raise InputRejected(
                    path, f"landmarks have shape {found}, not {shape}", "take the matching pair"
                )
            size = shape[1] * shape[2] * dtype.itemsize
            for _ in range(shape[0]):
                content = member.read(size)
                if len(content) != size:
                    raise InputRejected(path, "it is cut off", "take it from its source again")
                yield np.frombuffer(content, dtype).reshape(shape[1:])
    except FileNotFoundError:
        raise InputRejected(path, "there is no such file", "name the folder of the landmark set") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        problem = " ".join(str(error).split())
        raise InputRejected(
            path, f"it is no npz with landmarks ({problem})", "take it from its source again"
        ) from None


def _array_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(member)
    else:
        raise ValueError(f"array format {version}")
    if fortran:
        raise ValueError("landmarks in column order")
    return shape, dtype


def find_poses(data: Path, names: Collection[str]) -> dict[str, PoseClip]:
    """Poses of gallery clips that come from these sets, to be drawn; empty where the sets are not at hand.

    Args:
        data: Folder of both sets.
        names: Names of clips.

    Returns:
        Name -> poses of the upper body and hands, in a frame 480 pixels high. The sets do not say
        how fast they were filmed: 15 frames a second is assumed.
    """
    sets = {
        "traduttore/": (load_traduttore, data / "traduttore-asl", TRADUTTORE_ASPECT),
        "wlasl50/": (load_wlasl50, data / "wlasl50-real", WLASL50_ASPECT),
    }
    found = {}
    for prefix, (load, folder, aspect) in sets.items():
        wanted = {name for name in names if name.startswith(prefix)}
        if wanted and (folder / "clips.npz").is_file():
            found.update({clip.name: _as_poses(clip, aspect) for clip in load(folder, wanted)})
    return found


def _as_poses(clip: LandmarkClip, aspect: float, height: int = 480, fps: float = 15.0) -> PoseClip:
    frames = len(clip.points)
    keypoints = np.full((frames, WHOLE_BODY_KEYPOINTS, 4), np.nan, np.float32)
    keypoints[..., 3] = 0
    points = clip.points.copy()
    points[..., :3] *= height
    points[points[..., 3] <= 0, :3] = np.nan
    points[..., 3] = np.clip(points[..., 3], 0, 1)
    keypoints[:, WHOLE_BODY_INDEX] = points
    return PoseClip(
        keypoints=keypoints,
        face_mesh=None,
        times=np.arange(frames) / fps,
        fps=fps,
        width=round(height * aspect),
        height=height,
        provenance=Provenance("mediapipe-holistic", "unknown", source={"name": clip.name}),
    )


def _traduttore_gloss(row: Mapping[str, str]) -> str:
    return {"idle": IDLE, "letter": f"letter:{row['gloss']}"}.get(row["kind"], row["gloss"])


def _traduttore_name(row: Mapping[str, str]) -> str:
    return f"traduttore/{_traduttore_gloss(row)}/{row['recorder']}-{row['sequence']}"


def _wlasl50_name(row: Mapping[str, str]) -> str:
    return f"wlasl50/{row['gloss']}/{row['sequence']}"


def _read(
    folder: Path,
    shape: tuple[int, int],
    name_of: Callable[[dict[str, str]], str],
    only: Collection[str] | None,
) -> tuple[list[dict[str, str]], NDArray[np.float32]]:
    table, arrays = folder / "clips.csv", folder / "clips.npz"
    for path in (table, arrays):
        if not path.is_file():
            raise InputRejected(
                path, "there is no such file", "point to the folder that holds the landmark set"
            )
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with np.load(arrays, allow_pickle=False) as archive:
        landmarks = archive["landmarks"].astype(np.float32)
    if landmarks.shape != (len(rows), *shape):
        raise InputRejected(
            arrays,
            f"landmarks have shape {landmarks.shape}, not {(len(rows), *shape)}",
            "take the matching pair",
        )
    if only is not None:
        chosen = [i for i, row in enumerate(rows) if name_of(row) in only]
        return [rows[i] for i in chosen], landmarks[chosen]
    return rows, landmarks


def _traduttore_points(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 20, 258) to (N, 20, 49, 4)."""
    body = landmarks[..., :132].reshape(*landmarks.shape[:2], 33, 4)[:, :, _MEDIAPIPE_BODY]
    return _points(body, landmarks[..., 132:195], landmarks[..., 195:], TRADUTTORE_ASPECT)


def _wlasl50_points(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 30, 170) to (N, 30, 49, 4)."""
    body = landmarks[..., :44].reshape(*landmarks.shape[:2], 11, 4)[:, :, :7]
    return _points(body, landmarks[..., 44:107], landmarks[..., 107:], WLASL50_ASPECT)


def _points(
    body: NDArray[np.float32], left: NDArray[np.float32], right: NDArray[np.float32], aspect: float
) -> NDArray[np.float32]:
    """(N, T, 49, 4) out of fractions of the frame; MediaPipe's z is in units of its width."""
    parts = [body]
    for flat in (left, right):
        hand = flat.reshape(*flat.shape[:2], 21, 3)
        present = (hand != 0).any(axis=(2, 3), keepdims=True)
        parts.append(np.concatenate([hand, np.broadcast_to(present, (*hand.shape[:3], 1))], axis=-1))
    points = np.concatenate(parts, axis=2).astype(np.float32)
    points[..., 0] *= aspect
    points[..., 2] *= aspect
    # All-zero bodies are frames without a person.
    points[:, :, :7, 3] *= (body[..., :2] != 0).any(axis=(2, 3))[..., None]
    return points
