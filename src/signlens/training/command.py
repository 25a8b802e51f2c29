"""What the verbs `train`, `evaluate` and `export` do with a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signlens import __version__
from signlens.errors import UsageError
from signlens.files import whole_file
from signlens.optional import require_extra
from signlens.training.experiment import STARTER_SETS, Experiment, load_experiment

if TYPE_CHECKING:
    from signlens.training.loop import Progress

EXPERIMENT_FILE = "experiment.toml"
RUN_FILE = "run.json"


def data_of(experiment: Experiment, given: Path | None) -> Path:
    """Where an experiment's clips stand: as given, else as its file says (from the present folder)."""
    from signlens_studies.starter.landmark_sets import default_data

    if given is not None:
        return given
    if experiment.data.dataset == STARTER_SETS:
        return default_data()
    return Path(experiment.data.dataset)


def train(
    experiment_file: Path,
    data: Path | None,
    out: Path,
    workers: int | None,
    progress: Callable[[int, int, str, Progress | None], None],
) -> bool:
    """Train every piece of an experiment that is not finished, and pool the scores.

    With one worker (or one piece, or under `torchrun`) pieces train one after the other in this process and
    report every step; with several, each trains in a process of its own.

    Args:
        experiment_file: The TOML file.
        data: Folder of the clips; None takes the experiment's.
        out: Folder of the run; made if missing, gone on with if there.
        workers: Processes; None is one a core.
        progress: Called with pieces done, pieces in all, the its name, and where it is.

    Returns:
        Whether this process leads (under `torchrun` only one does).

    Raises:
        UsageError: The experiment file is wrong, or the run's folder holds another experiment's run.
        InputRejected: The clips are missing.
        PartMissing: PyTorch is not installed.
    """
    experiment = load_experiment(experiment_file)
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise require_extra("train", error.name or "torch") from None
    from signlens.training import run
    from signlens.training.distributed import leave_world

    place = data_of(experiment, data)
    source = run.open_source(place, experiment)
    pieces = run.pieces_of(source, experiment)
    run.check_pieces(source, experiment, pieces, out)
    _claim(out, experiment_file, place)
    together = "WORLD_SIZE" in os.environ
    workers = min(workers or os.cpu_count() or 1, len(pieces))
    if together or workers == 1:
        world = run.train_here(
            place, experiment, out, pieces, lambda done, name, at: progress(done, len(pieces), name, at)
        )
        leads = world.leads
        leave_world(world)
    else:
        done, leads = 0, True

        def count(name: str) -> None:
            nonlocal done
            done += 1
            progress(done, len(pieces), name, None)

        run.train_pieces(place, experiment, out, pieces, workers, count)
    if leads:
        run.write_pooled(out, source, experiment)
    return leads


def _claim(out: Path, experiment_file: Path, data: Path) -> None:
    """Make the run's folder and say in it what it is."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with whole_file(out / EXPERIMENT_FILE) as part:
            part.write_text(experiment_file.read_text(encoding="utf-8"), encoding="utf-8")
        with whole_file(out / RUN_FILE) as part:
            part.write_text(json.dumps({"data": str(data.resolve())}), encoding="utf-8")
    except OSError as error:
        raise UsageError(out, f"the run cannot be written there ({error.strerror})", "name another") from None


def open_run(run: Path) -> tuple[Experiment, Path]:
    """A run's experiment and where its clips stand.

    Raises:
        UsageError: The folder is not a run's.
    """
    try:
        data = Path(json.loads((run / RUN_FILE).read_text(encoding="utf-8"))["data"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            run, "is not the folder of a run", "train one first: signlens train EXPERIMENT.toml --out RUN"
        ) from None
    return load_experiment(run / EXPERIMENT_FILE), data


def score_files(run: Path) -> dict[str, Path]:
    """A run's pooled scores, ``val`` and ``test`` as far as there are any.

    Raises:
        UsageError: The folder is not a run's.
        PartMissing: A piece has not been trained.
    """
    from signlens.training import run as runs

    experiment, data = open_run(run)
    return runs.write_pooled(run, runs.open_source(data, experiment), experiment)


def _is_starter(experiment: Experiment) -> bool:
    """Whether an experiment trains the whole starter model, weights that ship included."""
    return experiment.data.dataset == STARTER_SETS and "everything" in experiment.data.only


def starter_tables(run: Path) -> tuple[str, dict[str, Any]] | None:
    """Tables of a run on the starter model's splits, as Markdown and as plain values; None for others.

    Raises:
        UsageError: The folder is not a run's.
        PartMissing: A piece has not been trained.
    """
    from signlens_studies.sam_slr import streams
    from signlens_studies.starter import results as starter_results
    from signlens_studies.starter.clips import StarterSource

    experiment, data = open_run(run)
    if _is_starter(experiment):
        made, facts = starter_results.tables(data, experiment, run)
        return starter_results.markdown(made, facts), starter_results.as_json(made, facts)
    needed = {split for task in streams.TASKS for split in task.splits}
    if experiment.data.dataset == STARTER_SETS and needed <= set(experiment.data.only):
        found = streams.stream_tables(run, StarterSource(data, experiment), experiment)
        return streams.markdown(*found), streams.as_json(*found)
    return None


def export(run: Path, destination: Path, precision: str = "float32") -> dict[str, Any]:
    """Write a run's model folder: ONNX files, ``model.json``, gallery, results.

    Args:
        run: The run's folder.
        destination: The model's folder.
        precision: Of the networks, one of `signlens.training.precision.PRECISIONS`.

    Raises:
        UsageError: The folder is not a run's, or there is no such precision.
        PartMissing: A piece has not been trained.
    """
    from signlens.training import package
    from signlens.training.precision import check_precision
    from signlens_studies.starter import results as starter_results

    check_precision(precision)
    experiment, data = open_run(run)
    make = starter_results.package if _is_starter(experiment) else package.package
    return make(data, experiment, run, destination, __version__, precision)
