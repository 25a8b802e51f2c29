"""Scores files: what any system gave to every class of every clip, with the true labels.

An npz without pickled content. ``clip`` (N,) unique names, ``label`` (N,) whole numbers 0..C-1, and per
stream (joint, bone, or any other name) one (N, C) array of raw scores, larger is better. Optional: ``gloss``
(C,) the classes' names, ``signer`` (N,), ``split`` (N,), ``fold`` (N,), and the single texts ``dataset`` and
``extractor``, which say where the figures come from.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.files import whole_file

MAX_BYTES = 2 << 30
"""Largest file that is read, unpacked: 21,000 clips of 2,000 classes in twelve float32 streams."""

MAX_STREAMS = 64

Floats = NDArray[np.float32] | NDArray[np.float64]

_FIELDS = ("clip", "label", "gloss", "signer", "split", "fold", "dataset", "extractor")
_WRITE_IT = "write it with numpy.savez"
_SHOWN = 5  # how many offenders a message names
_SIGNER_IN_NAME = re.compile(r"(signer\d+)_")


@dataclass(frozen=True, eq=False)
class ScoreSet:
    """Scores of one or several streams for the same clips; checked when made.

    Attributes:
        source: The file, or what else messages shall call it.
        clips: (N,) unique names.
        labels: (N,) true classes, 0..C-1.
        streams: Stream name -> (N, C) raw scores, float32 or float64, all finite.
        glosses: (C,) names of the classes; empty if not known.
        signers: (N,) an empty string where not known; None if not known at all.
        splits: (N,) or None.
        folds: (N,) number of the cross-validation fold that held each clip out, or None.
        dataset: Name of the dataset; empty if not said.
        extractor: What extracted the poses; empty if not said.

    Raises:
        InputRejected: Anything that does not fit together; the message names the source.
    """

    source: str
    clips: NDArray[np.str_]
    labels: NDArray[np.int64]
    streams: Mapping[str, Floats]
    glosses: tuple[str, ...] = ()
    signers: NDArray[np.str_] | None = None
    splits: NDArray[np.str_] | None = None
    folds: NDArray[np.int64] | None = None
    dataset: str = ""
    extractor: str = ""
    signers_from_names: bool = False

    def __post_init__(self) -> None:
        _check(self)

    @property
    def classes(self) -> int:
        """C, the number of classes that were scored."""
        return next(iter(self.streams.values())).shape[1]

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """The same with some of the clips, in the order given."""

        def some(values: NDArray[Any] | None) -> Any:
            return None if values is None else values[rows]

        return replace(
            self,
            clips=self.clips[rows],
            labels=self.labels[rows],
            streams={name: scores[rows] for name, scores in self.streams.items()},
            signers=some(self.signers),
            splits=some(self.splits),
            folds=some(self.folds),
        )

    def gloss_of(self, label: int) -> str:
        """The gloss of a class, or its number where glosses are not known."""
        return self.glosses[label] if self.glosses else str(label)


def signers_in_names(clips: Sequence[str] | NDArray[np.str_]) -> NDArray[np.str_] | None:
    """(N,) the signers in names such as ``signer34_sample1`` (AUTSL's way); None unless all are so."""
    found = [_SIGNER_IN_NAME.match(str(name)) for name in clips]
    if not found or any(match is None for match in found):
        return None
    return np.array([match.group(1) for match in found if match is not None])


def some_of(values: Sequence[object] | NDArray[Any]) -> str:
    """A few of the values for a message, and how many more there are."""
    shown = ", ".join(str(v) for v in values[:_SHOWN])
    return f"{shown}, and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown


def repeated(names: Sequence[str] | NDArray[np.str_]) -> list[str]:
    """Names that occur more than once."""
    found, counts = np.unique(np.asarray(names), return_counts=True)
    return [str(n) for n in found[counts > 1]]


def _check(scores: ScoreSet) -> None:
    """Everything that makes a set of scores one whole.

    Raises:
        InputRejected: It is not.
    """

    def reject(problem: str, remedy: str) -> InputRejected:
        return InputRejected(scores.source, problem, remedy)

    n = len(scores.clips)
    if scores.clips.ndim != 1 or scores.clips.dtype.kind != "U":
        raise reject(
            f"clip is an array of {scores.clips.dtype} of shape {scores.clips.shape}",
            "give one text a clip, shape (N,)",
        )
    if n == 0:
        raise reject("there is no clip in it", "give at least one")
    if (scores.clips == "").any():
        raise reject("a clip has an empty name", "name every clip")
    twice = repeated(scores.clips)
    if twice:
        raise reject(f"clips occur more than once: {some_of(twice)}", "give every clip once")
    if not scores.streams:
        raise reject("there is no array of scores in it", "give one (clips, classes) array per stream")
    if len(scores.streams) > MAX_STREAMS:
        raise reject(f"{len(scores.streams)} arrays of scores are too many", f"give {MAX_STREAMS} at most")
    reserved = sorted(set(scores.streams) & set(_FIELDS))
    if reserved:
        raise reject(f"a stream cannot be called {some_of(reserved)}", "give it another name")
    shape: tuple[int, ...] | None = None
    for name, values in scores.streams.items():
        if values.ndim != 2 or values.dtype not in (np.float32, np.float64):
            raise reject(
                f"{name} is an array of {values.dtype} of shape {values.shape}",
                "give scores as (clips, classes) of float32; what is no score must not be in the file",
            )
        if values.shape[0] != n or values.shape[1] < 2:
            raise reject(
                f"{name} has the shape {values.shape}, but there are {n} clips",
                "give one row a clip and at least two classes",
            )
        if shape is not None and values.shape != shape:
            raise reject(
                f"{name} has {values.shape[1]} classes, another stream has {shape[1]}",
                "score the same classes",
            )
        shape = values.shape
        bad = ~np.isfinite(values).all(axis=1)
        if bad.any():
            raise reject(
                f"{name} holds scores that are NaN or infinite, for {some_of(scores.clips[bad])}",
                "score every class of every clip",
            )
    assert shape is not None
    labels = scores.labels
    if labels.shape != (n,) or labels.dtype != np.int64:
        raise reject(
            f"label is an array of {labels.dtype} of shape {labels.shape}, but there are {n} clips",
            "give one whole number a clip",
        )
    outside = (labels < 0) | (labels >= shape[1])
    if outside.any():
        raise reject(
            f"the labels {some_of(np.unique(labels[outside]))} are not among the {shape[1]} classes",
            "number the classes from 0, as the columns of the scores",
        )
    if scores.glosses and len(scores.glosses) != shape[1]:
        raise reject(
            f"there are {len(scores.glosses)} glosses for {shape[1]} classes", "give one a column, in order"
        )
    twice = repeated(scores.glosses) if scores.glosses else []
    if twice:
        raise reject(f"glosses occur more than once: {some_of(twice)}", "give every class its own")
    for name, column, kind in (
        ("signer", scores.signers, "U"),
        ("split", scores.splits, "U"),
        ("fold", scores.folds, "i"),
    ):
        if column is not None and (column.shape != (n,) or column.dtype.kind != kind):
            raise reject(
                f"{name} is an array of {column.dtype} of shape {column.shape}, but there are {n} clips",
                "give one a clip" + ("" if kind == "U" else ", whole numbers"),
            )


def read_scores(path: str | Path) -> ScoreSet:
    """Read a scores file.

    Where it names no signers but every clip is called ``signer<number>_...``, they are taken from the names.

    Raises:
        InputRejected: It is no such file, holds pickled content, is larger than `MAX_BYTES`, or is not whole.
    """
    path = Path(path)
    if not path.is_file():
        raise InputRejected(path, "there is no such file", "check the path")
    try:
        found = _read_arrays(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        why = " ".join(str(error).split())
        raise InputRejected(path, f"it cannot be read as an npz file ({why})", _WRITE_IT) from None
    for name in ("clip", "label"):
        if name not in found:
            raise InputRejected(
                path, f"it has no array {name}", "give clip, label and the scores of each stream"
            )

    def whole_numbers(name: str) -> NDArray[np.int64]:
        values = found[name]
        if values.dtype.kind not in "iu":
            raise InputRejected(path, f"{name} holds {values.dtype}", "give whole numbers")
        if values.size and (values.max() > np.iinfo(np.int64).max):
            raise InputRejected(path, f"{name} holds {values.max()}", "give smaller numbers")
        return values.astype(np.int64)

    def text(name: str) -> str:
        values = found.get(name)
        if values is None:
            return ""
        if values.shape != () or values.dtype.kind != "U":
            raise InputRejected(
                path, f"{name} is an array of {values.dtype}, shape {values.shape}", "give one text"
            )
        return str(values)

    glosses = found.get("gloss")
    if glosses is not None and (glosses.ndim != 1 or glosses.dtype.kind != "U"):
        raise InputRejected(
            path, f"gloss is an array of {glosses.dtype}, shape {glosses.shape}", "give one text a class"
        )
    signers = found.get("signer")
    guessed = signers_in_names(found["clip"]) if signers is None and found["clip"].ndim == 1 else None
    return ScoreSet(
        source=str(path),
        clips=found["clip"],
        labels=whole_numbers("label"),
        streams={
            name: values.astype(np.float32) if values.dtype == np.float16 else values
            for name, values in found.items()
            if name not in _FIELDS
        },
        glosses=() if glosses is None else tuple(glosses.tolist()),
        signers=guessed if signers is None else signers,
        splits=found.get("split"),
        folds=whole_numbers("fold") if "fold" in found else None,
        dataset=text("dataset"),
        extractor=text("extractor"),
        signers_from_names=guessed is not None,
    )


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an npz file; headers are judged before anything of an array is unpacked.

    Raises:
        InputRejected: Pickled content, something that is no array, or more than `MAX_BYTES`.
        ValueError: (and others of `zipfile` and NumPy) The file is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MAX_STREAMS + len(_FIELDS):
            raise InputRejected(
                path, f"{len(members)} arrays are too many", f"give {MAX_STREAMS} streams at most"
            )
        twice = repeated([m.filename for m in members]) if members else []
        if twice:
            raise InputRejected(path, f"arrays occur more than once: {some_of(twice)}", "give each once")
        total = sum(m.file_size for m in members)
        if total > MAX_BYTES:
            raise InputRejected(
                path,
                f"unpacked it has {total / 2**30:.1f} GiB, more than {MAX_BYTES / 2**30:.0f}",
                "evaluate fewer clips or streams at a time",
            )
        found: dict[str, NDArray[Any]] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise InputRejected(path, f"{name} in it is no array", _WRITE_IT)
            if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputRejected(path, f"{name} is encrypted or packed oddly", _WRITE_IT)
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                read = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }.get(version)
                if read is None:
                    raise InputRejected(path, f"{name} has the array format {version}", _WRITE_IT)
                shape, fortran, dtype = read(stream)
                if dtype.hasobject:
                    raise InputRejected(
                        path,
                        f"{name} holds pickled Python objects, which are never loaded",
                        "save texts as arrays of str, numbers as numbers",
                    )
                # What the header promises must be what the file holds, before memory is asked for.
                promised = int(np.prod([int(s) for s in shape], dtype=object)) * dtype.itemsize
                if promised > member.file_size:
                    raise InputRejected(path, f"{name} is cut short", "write the file again")
                content = stream.read()
                if len(content) != promised:
                    raise InputRejected(
                        path, f"{name} has {len(content)} bytes instead of {promised}", "write the file again"
                    )
            values = np.frombuffer(content, dtype=dtype)
            found[name] = values.reshape(shape, order="F" if fortran else "C").astype(
                dtype.newbyteorder("="), copy=False
            )
        return found


def write_scores(path: str | Path, scores: ScoreSet) -> None:
    """Write a scores file, whole or not at all; the same scores give the same bytes.

    Args:
        path: Its name ends in ``.npz``.
        scores: What to write; signers that were only taken from the names are not written.

    Raises:
        UsageError: Another ending, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise UsageError(path, "is not the name of a scores file", "call it something.npz")
    arrays: dict[str, Any] = {"clip": scores.clips, "label": scores.labels, **scores.streams}
    if scores.glosses:
        arrays["gloss"] = np.array(scores.glosses)
    if scores.signers is not None and not scores.signers_from_names:
        arrays["signer"] = scores.signers
    for name, column in (("split", scores.splits), ("fold", scores.folds)):
        if column is not None:
            arrays[name] = column
    for name, words in (("dataset", scores.dataset), ("extractor", scores.extractor)):
        if words:
            arrays[name] = np.array(words)
    try:
        with whole_file(path) as part, part.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise UsageError(path, f"it cannot be written ({error.strerror})", "name another place") from None
