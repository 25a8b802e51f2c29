"""A run's folder: what it holds, of which experiment, and every network's scores. Read without PyTorch.

RUN/experiment.toml, run.json
RUN/SPLIT/NETWORK/checkpoint.safetensors   while it trains
RUN/SPLIT/NETWORK/model.safetensors, curve.csv, curve.png, scores.npz, network.json   when it has
RUN/scores-val.npz, scores-test.npz        every network's scores as streams, pooled over splits
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.evaluation.scores import ScoreSet, write_scores
from signlens.files import whole_file, write_errors
from signlens.training.experiment import Experiment, load_experiment
from signlens.training.sources import TEST, VALIDATION, ClipSource

EXPERIMENT_FILE = "experiment.toml"
RUN_FILE = "run.json"

Piece = tuple[str, str]
"""A network and a split, by name."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run that was begun.

    Attributes:
        folder: Where it stands.
        experiment: What it trains.
        source: Its clips.
    """

    folder: Path
    experiment: Experiment
    source: ClipSource


def claim_run(folder: Path, experiment_file: Path, datasets: tuple[Path, ...]) -> None:
    """Make a run's folder and say in it what it is.

    Raises:
        UsageError: It cannot be written there.
    """
    with write_errors(folder, "name another", "the run cannot be written there"):
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / EXPERIMENT_FILE) as part:
            part.write_text(experiment_file.read_text(encoding="utf-8"), encoding="utf-8")
        with whole_file(folder / RUN_FILE) as part:
            part.write_text(json.dumps({"data": [str(d.resolve()) for d in datasets]}), encoding="utf-8")


def open_run(folder: Path) -> Run:
    """A run: its experiment and its clips.

    Raises:
        UsageError: The folder is not a run's.
        InputRejected: Its datasets are not there.
    """
    try:
        data = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))["data"]
        places = tuple(Path(place) for place in ([data] if isinstance(data, str) else data))
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            folder,
            "is not the folder of a run",
            "train one first: signlens train EXPERIMENT.toml --out RUN",
        ) from None
    experiment = load_experiment(folder / EXPERIMENT_FILE)
    return Run(folder, experiment, ClipSource(places, experiment))


def pieces_of(source: ClipSource, experiment: Experiment) -> list[Piece]:
    """All pieces of a run, in order.

    Raises:
        UsageError: The experiment asks for a split that the source does not have.
    """
    known = list(source.splits())
    for name in experiment.data.only:
        if name not in known:
            raise UsageError("split", f"there is none called {name!r}", f"choose from {', '.join(known)}")
    wanted = [name for name in known if not experiment.data.only or name in experiment.data.only]
    return [(network, split) for split in wanted for network in experiment.networks]


def piece_folder(run: Path, piece: Piece) -> Path:
    """Where a piece stands."""
    network, split = piece
    return run / split / network


def piece_digest(source: ClipSource, experiment: Experiment, piece: Piece) -> str:
    """Identifies all that decides a piece: settings, data, split, and the weights that it starts from.

    Raises:
        PartMissing: These have not been trained.
    """
    network, split = piece
    parts = source.splits()[split]
    digest = hashlib.sha256(f"{experiment.digest(network)} {source.identity} {split}".encode())
    for rows in (parts.train, *parts.score.values()):
        digest.update(rows.astype("<i8").tobytes())
    if first := experiment.networks[network].start_from:
        trained = trained_digest(Path(first), piece)
        if trained is None:
            raise PartMissing(
                piece_folder(Path(first), piece),
                f"{' on '.join(piece)} is to start from it",
                "train it first",
            )
        digest.update(trained.encode())
    return digest.hexdigest()


def trained_digest(run: Path, piece: Piece) -> str | None:
    """What a finished piece was made of (`piece_digest`); None if it is not finished."""
    try:
        card = json.loads((piece_folder(run, piece) / "network.json").read_text(encoding="utf-8"))
        return str(card["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_pieces(source: ClipSource, experiment: Experiment, pieces: Iterable[Piece], run: Path) -> None:
    """See that what a run already holds is of this experiment.

    Raises:
        UsageError: A piece was trained by other settings or on other data.
    """
    for piece in pieces:
        if trained_digest(run, piece) not in (None, piece_digest(source, experiment, piece)):
            raise UsageError(
                piece_folder(run, piece),
                "was trained by other settings or on other data",
                "name another folder, or remove it to start anew",
            )


def load_scores(run: Path, piece: Piece, subset: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row numbers and logits (N, classes) of a piece's scored clips.

    Raises:
        PartMissing: The piece has not been trained, or does not score that subset.
    """
    path = piece_folder(run, piece) / "scores.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[f"{subset}_rows"], archive[f"{subset}_logits"]
    except FileNotFoundError:
        raise PartMissing(path, f"{' on '.join(piece)} has not been trained", "train it first") from None
    except KeyError:
        raise PartMissing(path, f"holds no scores of {subset}", "choose another part of the split") from None


def load_embedding(run: Path, piece: Piece, subset: str) -> NDArray[np.float32]:
    """(N, D) embeddings beside `load_scores`.

    Raises:
        PartMissing: As `load_scores`.
    """
    load_scores(run, piece, subset)
    with np.load(piece_folder(run, piece) / "scores.npz", allow_pickle=False) as archive:
        return np.asarray(archive[f"{subset}_embedding"])


def pooled_scores(run: Run, subset: str, splits: tuple[str, ...] = ()) -> ScoreSet | None:
    """The scores of a subset, one stream a network, the clips of some splits after one another.

    Args:
        run: The run.
        subset: `VALIDATION` or `TEST`.
        splits: Which; by default all, or where a clip is scored by several, those that calibrate the model.

    Returns:
        None when no split scores that subset, or when a clip is still scored by more than one split.

    Raises:
        UsageError: The run has no such split.
        PartMissing: A network has not been trained.
    """
    source, experiment = run.source, run.experiment
    trained = list(dict.fromkeys(split for _, split in pieces_of(source, experiment)))
    for name in splits:
        if name not in trained:
            raise UsageError(run.folder, f"has no split {name!r}", f"choose from {', '.join(trained)}")
    names = [name for name in splits or trained if subset in source.splits()[name].score]
    if not names:
        return None
    rows: list[NDArray[np.int64]] = []
    streams: dict[str, list[NDArray[np.float32]]] = {n: [] for n in experiment.networks}
    for split in names:
        for network, found in streams.items():
            here, logits = load_scores(run.folder, (network, split), subset)
            found.append(logits)
        rows.append(here)
    chosen = np.concatenate(rows)
    if len(np.unique(chosen)) != len(chosen):
        calibrating = experiment.export.calibrate
        return pooled_scores(run, subset, calibrating) if calibrating and not splits else None
    signers = np.array([source.signers[i] for i in chosen])
    return ScoreSet(
        source=str(run.folder),
        clips=np.array([source.names[i] for i in chosen]),
        labels=source.labels[chosen],
        streams={name: np.concatenate(found) for name, found in streams.items()},
        glosses=source.classes,
        signers=signers if (signers != "").all() else None,
        splits=np.full(len(chosen), subset),
        folds=np.repeat(np.arange(len(names)), [len(r) for r in rows]) if len(names) > 1 else None,
        dataset=", ".join(dict.fromkeys(str(name) for name in source.dataset)),
    )


def write_pooled(run: Run, splits: tuple[str, ...] = ()) -> dict[str, Path]:
    """Write ``scores-val.npz`` and ``scores-test.npz`` as far as there is such a part.

    Args:
        run: The run.
        splits: See `pooled_scores`; the files' names end with theirs.

    Returns:
        Subset -> file.
    """
    written: dict[str, Path] = {}
    for subset in (VALIDATION, TEST):
        scores = pooled_scores(run, subset, splits)
        if scores is not None:
            written[subset] = run.folder / f"scores-{'-'.join((subset, *splits))}.npz"
            write_scores(written[subset], scores)
    return written
