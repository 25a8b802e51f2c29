"""A run: every network of an experiment on every split, each a folder that is finished or gone on with.

RUN/experiment.toml, run.json
RUN/SPLIT/NETWORK/checkpoint.safetensors   while it trains
RUN/SPLIT/NETWORK/model.safetensors, curve.csv, curve.png, scores.npz, network.json   when it has
RUN/scores-val.npz, scores-test.npz        every network's scores as streams, pooled over splits
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from signlens.errors import InputRejected, PartMissing, SignLensError, UsageError
from signlens.evaluation.scores import ScoreSet, write_scores
from signlens.files import whole_file
from signlens.training import loop
from signlens.training.curves import draw_curve
from signlens.training.distributed import ALONE, World, join_world
from signlens.training.experiment import STARTER_SETS, Experiment
from signlens.training.network_kinds import build_network
from signlens.training.sources import TEST, VALIDATION, ClipSource, DatasetSource
from signlens_studies.starter.clips import StarterSource

Piece = tuple[str, str]
"""A network and a split, by name."""


def open_source(data: Path, experiment: Experiment) -> ClipSource:
    """The experiment's clips.

    Args:
        data: The dataset folder, or for ``starter-sets`` the folder of the landmark sets.
        experiment: The experiment.

    Raises:
        InputRejected: There are no such data.
        UsageError: The experiment's splits do not fit them.
    """
    if experiment.data.dataset == STARTER_SETS:
        return StarterSource(data, experiment)
    return DatasetSource(data, experiment)


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


def train_piece(
    source: ClipSource,
    experiment: Experiment,
    piece: Piece,
    run: Path,
    world: World,
    progress: Callable[[loop.Progress], None] | None = None,
) -> None:
    """Train one network on one split, score its clips, and write the piece; nothing if it is finished.

    Raises:
        UsageError: The piece was trained by other settings or on other data, wholly or in part.
    """
    check_pieces(source, experiment, [piece], run)
    digest = piece_digest(source, experiment, piece)
    if trained_digest(run, piece) == digest:
        return
    network, split_name = piece
    settings, split = experiment.networks[network], source.splits()[split_name]
    folder = piece_folder(run, piece)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.safetensors"
    fitted = loop.fit(
        source,
        split,
        settings,
        experiment.seed,
        world,
        checkpoint=checkpoint,
        digest=digest,
        progress=progress,
        first_weights=_first_weights(settings.start_from, piece),
    )
    scored = {
        name: (rows, *loop.infer(fitted.model, source, settings, rows, world))
        for name, rows in split.score.items()
    }
    if not world.leads:
        return
    state = {k: v.detach().cpu().contiguous() for k, v in fitted.model.state_dict().items()}
    with whole_file(folder / "model.safetensors") as part:
        save_file(state, part)
    with whole_file(folder / "scores.npz") as part:
        arrays: dict[str, Any] = {
            f"{name}_{key}": value
            for name, found in scored.items()
            for key, value in zip(("rows", "logits", "embedding"), found, strict=True)
        }
        np.savez(part, **arrays)
    history = loop.plain(fitted.history)
    with whole_file(folder / "curve.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]) if history else ["epoch"])
        writer.writeheader()
        writer.writerows(history)
    draw_curve(fitted.history, f"{network}, {split_name}", folder / "curve.png")
    card = {
        "digest": digest,
        "network": network,
        "split": split_name,
        "classes": len(source.classes),
        "best_epoch": fitted.best_epoch,
        "parameters": sum(p.numel() for p in fitted.model.parameters()),
        "history": history[-1:],
    }
    with whole_file(folder / "network.json") as part:
        part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)


def _first_weights(folder: str, piece: Piece) -> dict[str, torch.Tensor] | None:
    if not folder:
        return None
    path = piece_folder(Path(folder), piece) / "model.safetensors"
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputRejected(path, f"holds no weights ({type(error).__name__})", "train it again") from None


def _work(data: Path, experiment: Experiment, piece: Piece, run: Path) -> None:
    torch.set_num_threads(1)
    train_piece(open_source(data, experiment), experiment, piece, run, ALONE)


def train_pieces(
    data: Path,
    experiment: Experiment,
    run: Path,
    pieces: Iterable[Piece],
    workers: int,
    progress: Callable[[str], None],
) -> None:
    """Train pieces, several at a time, each in a process of its own on one core.

    Args:
        data: See `open_source`.
        experiment: Settings.
        run: Folder of the run.
        pieces: Which.
        workers: Processes.
        progress: Called with the name of each finished piece.

    Raises:
        SignLensError: A piece failed; finished ones are kept, and stopped ones go on from their checkpoints.
    """
    # What the processes start with is inherited: threads inside the pieces would only wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        jobs = {pool.submit(_work, data, experiment, piece, run): " on ".join(piece) for piece in pieces}
        for job in as_completed(jobs):
            try:
                job.result()
            except Exception as error:
                pool.shutdown(wait=True, cancel_futures=True)
                if isinstance(error, SignLensError):
                    raise
                raise SignLensError(
                    run, f"training of {jobs[job]} failed ({error!r})", "run it again"
                ) from error
            progress(jobs[job])


def train_here(
    data: Path,
    experiment: Experiment,
    run: Path,
    pieces: list[Piece],
    progress: Callable[[int, str, loop.Progress | None], None],
) -> World:
    """Train pieces one after the other in this process, together with those that `torchrun` started.

    Args:
        data: See `open_source`.
        experiment: Settings.
        run: Folder of the run.
        pieces: Which.
        progress: Called in the leading process with the number of finished pieces, the name of the
            present one, and where it is.

    Returns:
        The processes that took part.
    """
    world = join_world()
    source = open_source(data, experiment)
    for number, piece in enumerate(pieces):
        name = " on ".join(piece)

        def tell(at: loop.Progress, number: int = number, name: str = name) -> None:
            progress(number, name, at)

        if world.leads:
            progress(number, name, None)
        train_piece(source, experiment, piece, run, world, tell)
    return world


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


def load_network(run: Path, experiment: Experiment, piece: Piece, classes: int) -> nn.Module:
    """A trained network in evaluation mode.

    Raises:
        PartMissing: It has not been trained.
        InputRejected: Its file does not fit the experiment.
    """
    path = piece_folder(run, piece) / "model.safetensors"
    if not path.is_file():
        raise PartMissing(path, f"{' on '.join(piece)} has not been trained", "train it first")
    model = build_network(experiment.networks[piece[0]], classes)
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise InputRejected(
            path, f"does not fit the experiment ({type(error).__name__})", "train it again"
        ) from None
    return model.eval()


def pooled_scores(run: Path, source: ClipSource, experiment: Experiment, subset: str) -> ScoreSet | None:
    """The scores of a subset, one stream a network, the clips of all splits after one another.

    Returns:
        None when no split scores that subset, or when a clip is scored by more than one split.
    """
    names = [name for name, split in source.splits().items() if subset in split.score]
    names = [n for n in names if not experiment.data.only or n in experiment.data.only]
    if not names:
        return None
    rows: list[NDArray[np.int64]] = []
    streams: dict[str, list[NDArray[np.float32]]] = {n: [] for n in experiment.networks}
    for split in names:
        for network, found in streams.items():
            here, logits = load_scores(run, (network, split), subset)
            found.append(logits)
        rows.append(here)
    chosen = np.concatenate(rows)
    if len(np.unique(chosen)) != len(chosen):
        return None
    signers = np.array([source.signers[i] for i in chosen])
    return ScoreSet(
        source=str(run),
        clips=np.array([source.names[i] for i in chosen]),
        labels=source.labels[chosen],
        streams={name: np.concatenate(found) for name, found in streams.items()},
        glosses=source.classes,
        signers=signers if (signers != "").all() else None,
        splits=np.full(len(chosen), subset),
        folds=np.repeat(np.arange(len(names)), [len(r) for r in rows]) if len(names) > 1 else None,
        dataset=experiment.data.dataset,
    )


def write_pooled(run: Path, source: ClipSource, experiment: Experiment) -> dict[str, Path]:
    """Write ``scores-val.npz`` and ``scores-test.npz`` as far as there is such a part.

    Returns:
        Subset -> file.
    """
    written: dict[str, Path] = {}
    for subset in (VALIDATION, TEST):
        scores = pooled_scores(run, source, experiment, subset)
        if scores is not None:
            written[subset] = run / f"scores-{subset}.npz"
            write_scores(written[subset], scores)
    return written
