"""Scores files: what any system gave to every class of every clip, with the true labels.

An npz without pickled content. ``clip`` (N,) unique names, ``label`` (N,) whole numbers 0..C-1, and per
stream (joint, bone, or any other name) one (N, C) array of raw scores, larger is better. Optional: ``gloss``
(C,) the classes' names, ``signer`` (N,), ``split`` (N,), ``fold`` (N,), and the single texts ``dataset`` and
``extractor``, which say where the figures come from.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import listed
from signlens.errors import InputRejected, UsageError
from signlens.files import whole_file, write_errors

MAX_BYTES = 2 << 30
"""Largest file that is read, unpacked: 21,000 clips of 2,000 classes in twelve float32 streams."""

MAX_STREAMS = 64

Floats = NDArray[np.float32] | NDArray[np.float64]

_FIELDS = ("clip", "label", "gloss", "signer", "split", "fold", "dataset", "extractor")
_WRITE_IT = "write it with numpy.savez"
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
    """(N,) the signers in names such as AUTSL's; None unless all are so.

    >>> signers_in_names(["signer34_sample1", "signer2_sample1"]).tolist()
    ['signer34', 'signer2']
    """
    found = [_SIGNER_IN_NAME.match(str(name)) for name in clips]
    if not found or any(match is None for match in found):
        return None
    return np.array([match.group(1) for match in found if match is not None])


def _few(values: Collection[Any]) -> str:
    return listed(values, 5)


def repeated(names: Sequence[str] | NDArray[np.str_]) -> list[str]:
    """Names that occur more than once.

    >>> repeated(["a", "b", "a"])
    ['a']
    """
    if not len(names):
        return []
    found, counts = np.unique(np.asarray(names), return_counts=True)
    return [str(n) for n in found[counts > 1]]


def _need(source: str, condition: Any, problem: str, remedy: str) -> None:
    if not condition:
        raise InputRejected(source, problem, remedy)


def _kind(values: NDArray[Any]) -> str:
    return f"is an array of {values.dtype} of shape {values.shape}"


def _check_stream(scores: ScoreSet, name: str, values: NDArray[Any]) -> None:
    need = partial(_need, scores.source)
    need(
        values.ndim == 2 and values.dtype in (np.float32, np.float64),
        f"{name} {_kind(values)}",
        "give scores as (clips, classes) of float32; what is no score must not be in the file",
    )
    need(
        values.shape[0] == len(scores) and values.shape[1] >= 2,
        f"{name} has the shape {values.shape}, but there are {len(scores)} clips",
        "give one row a clip and at least two classes",
    )
    need(
        values.shape[1] == scores.classes,
        f"{name} has {values.shape[1]} classes, another stream has {scores.classes}",
        "score the same classes",
    )
    bad = scores.clips[~np.isfinite(values).all(axis=1)]
    problem = f"{name} holds scores that are NaN or infinite, for {_few(bad)}"
    need(not len(bad), problem, "score every class of every clip")


def _check(scores: ScoreSet) -> None:
    """Everything that makes a set of scores one whole."""
    need = partial(_need, scores.source)
    clips, labels, n = scores.clips, scores.labels, len(scores.clips)
    need(
        clips.ndim == 1 and clips.dtype.kind == "U",
        f"clip {_kind(clips)}",
        "give one text a clip, shape (N,)",
    )
    need(n, "there is no clip in it", "give at least one")
    need((clips != "").all(), "a clip has an empty name", "name every clip")
    twice = repeated(clips)
    need(not twice, f"clips occur more than once: {_few(twice)}", "give every clip once")
    need(scores.streams, "there is no array of scores in it", "give one (clips, classes) array per stream")
    number = len(scores.streams)
    need(number <= MAX_STREAMS, f"{number} arrays of scores are too many", f"give {MAX_STREAMS} at most")
    reserved = sorted(set(scores.streams) & set(_FIELDS))
    need(not reserved, f"a stream cannot be called {_few(reserved)}", "give it another name")
    for name, values in scores.streams.items():
        _check_stream(scores, name, values)
    need(
        labels.shape == (n,) and labels.dtype == np.int64,
        f"label {_kind(labels)}, but there are {n} clips",
        "give one whole number a clip",
    )
    outside = np.unique(labels[(labels < 0) | (labels >= scores.classes)])
    need(
        not len(outside),
        f"the labels {_few(outside)} are not among the {scores.classes} classes",
        "number the classes from 0, as the columns of the scores",
    )
    if scores.glosses:
        problem = f"there are {len(scores.glosses)} glosses for {scores.classes} classes"
        need(len(scores.glosses) == scores.classes, problem, "give one a column, in order")
        twice = repeated(scores.glosses)
        need(not twice, f"glosses occur more than once: {_few(twice)}", "give every class its own")
    for name, column, letter, what in (
        ("signer", scores.signers, "U", "one a clip"),
        ("split", scores.splits, "U", "one a clip"),
        ("fold", scores.folds, "i", "one a clip, whole numbers"),
    ):
        if column is not None:
            right = column.shape == (n,) and column.dtype.kind == letter
            need(right, f"{name} {_kind(column)}, but there are {n} clips", f"give {what}")


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

    def texts(name: str, dimensions: int, what: str) -> NDArray[Any]:
        values = found.get(name, np.empty((0,) * dimensions, np.str_))
        if values.ndim != dimensions or values.dtype.kind != "U":
            raise InputRejected(path, f"{name} is an array of {values.dtype}, shape {values.shape}", what)
        return values

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
        glosses=tuple(texts("gloss", 1, "give one text a class").tolist()),
        signers=guessed if signers is None else signers,
        splits=found.get("split"),
        folds=whole_numbers("fold") if "fold" in found else None,
        dataset=str(texts("dataset", 0, "give one text")),
        extractor=str(texts("extractor", 0, "give one text")),
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
        twice = repeated([m.filename for m in members])
        if twice:
            raise InputRejected(path, f"arrays occur more than once: {_few(twice)}", "give each once")
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
            with archive.open(member) as stream:
                found[name] = _read_array(path, name, stream, member.file_size)
        return found


def _read_array(path: Path, name: str, stream: IO[bytes], size: int) -> NDArray[Any]:
    """One array; what its header promises must be what the file holds, before memory is asked for."""
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(stream))
    if read is None:
        raise InputRejected(path, f"{name} has an array format of another version", _WRITE_IT)
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise InputRejected(
            path,
            f"{name} holds pickled Python objects, which are never loaded",
            "save texts as arrays of str, numbers as numbers",
        )
    promised = math.prod(int(side) for side in shape) * dtype.itemsize
    if stream.tell() + promised != size or any(side < 0 for side in shape):
        raise InputRejected(path, f"{name} is cut short, or longer than it says", "write the file again")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False).astype(dtype.newbyteorder("="), copy=False)


def write_scores(path: str | Path, scores: ScoreSet) -> None:
    """Write a scores file, whole or not at all; the same scores give the same bytes.

    Args:
        path: Its name ends in ``.npz``.
        scores: What to write; signers that were only taken from the names are not written.
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
    with write_errors(path, "name another place"), whole_file(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)
