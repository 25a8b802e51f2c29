"""Training the pieces of a run, in this process or several; each is finished or gone on with."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from signlens.errors import InputRejected, PartMissing, SignLensError
from signlens.files import whole_file
from signlens.training import loop
from signlens.training.curves import draw_curve
from signlens.training.distributed import ALONE, World, join_world, leave_world
from signlens.training.experiment import Experiment, load_experiment
from signlens.training.network_kinds import build_network
from signlens.training.run import (
    Piece,
    Run,
    check_pieces,
    claim_run,
    piece_digest,
    piece_folder,
    pieces_of,
    trained_digest,
    write_pooled,
)
from signlens.training.sources import ClipSource


def train_run(
    experiment_file: Path,
    data: Path | None,
    out: Path,
    workers: int | None,
    progress: Callable[[int, int, str, loop.Progress | None], None],
) -> bool:
    """Train every piece of an experiment that is not finished, and pool the scores.

    With one worker (or one piece, or under `torchrun`) pieces train one after the other in this process and
    report every step; with several, each trains in a process of its own.

    Args:
        experiment_file: The TOML file.
        data: Another place of the clips than the experiment says, see `DataSettings.folders`.
        out: Folder of the run; made if missing, gone on with if there.
        workers: Processes; None is one a core.
        progress: Called with pieces done, pieces in all, the name of the present one, and where it is.

    Returns:
        Whether this process leads (under `torchrun` only one does).

    Raises:
        UsageError: The experiment file is wrong, or the run's folder holds another experiment's run.
        InputRejected: The clips are missing.
    """
    experiment = load_experiment(experiment_file)
    folders = experiment.data.folders(data)
    source = ClipSource(folders, experiment)
    pieces = pieces_of(source, experiment)
    check_pieces(source, experiment, pieces, out)
    claim_run(out, experiment_file, folders)
    workers = min(workers or os.cpu_count() or 1, len(pieces))
    leads = True
    if "WORLD_SIZE" in os.environ or workers == 1:
        world = _train_here(
            source, experiment, out, pieces, lambda done, name, at: progress(done, len(pieces), name, at)
        )
        leads = world.leads
        leave_world(world)
    else:
        _train_apart(
            folders,
            experiment,
            out,
            pieces,
            workers,
            lambda done, name: progress(done, len(pieces), name, None),
        )
    if leads:
        write_pooled(Run(out, experiment, source))
    return leads


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
    history = loop.history_rows(fitted.history)
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


def _work(folders: Sequence[Path], experiment: Experiment, piece: Piece, run: Path) -> None:
    torch.set_num_threads(1)
    train_piece(ClipSource(folders, experiment), experiment, piece, run, ALONE)


def _train_apart(
    folders: Sequence[Path],
    experiment: Experiment,
    run: Path,
    pieces: Iterable[Piece],
    workers: int,
    progress: Callable[[int, str], None],
) -> None:
    """Train pieces, several at a time, each in a process of its own on one core.

    Raises:
        SignLensError: A piece failed; finished ones are kept, and stopped ones go on from their checkpoints.
    """
    # What the processes start with is inherited: threads inside the pieces would only wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        jobs = {pool.submit(_work, folders, experiment, piece, run): " on ".join(piece) for piece in pieces}
        for done, job in enumerate(as_completed(jobs), 1):
            try:
                job.result()
            except Exception as error:
                pool.shutdown(wait=True, cancel_futures=True)
                if isinstance(error, SignLensError):
                    raise
                raise SignLensError(
                    run, f"training of {jobs[job]} failed ({error!r})", "run it again"
                ) from error
            progress(done, jobs[job])


def _train_here(
    source: ClipSource,
    experiment: Experiment,
    run: Path,
    pieces: list[Piece],
    progress: Callable[[int, str, loop.Progress | None], None],
) -> World:
    """Train pieces one after the other, together with the processes that `torchrun` started."""
    world = join_world()
    for number, piece in enumerate(pieces):
        name = " on ".join(piece)

        def report(at: loop.Progress, number: int = number, name: str = name) -> None:
            progress(number, name, at)

        if world.leads:
            progress(number, name, None)
        train_piece(source, experiment, piece, run, world, report)
    return world


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
