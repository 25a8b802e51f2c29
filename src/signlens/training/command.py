"""What the verbs `train`, `evaluate` and `export` do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from signlens import __version__
from signlens.errors import UsageError, require_extra
from signlens.training.experiment import Experiment, load_experiment

EXPERIMENT_FILE = "experiment.toml"
RUN_FILE = "run.json"


def train(
    experiment_file: Path,
    data: Path,
    out: Path,
    workers: int,
    progress: Callable[[int, int, str], None],
) -> Path:
    """Train every piece of an experiment that is not finished: cross-validation and the shipped weights.

    Args:
        experiment_file: The TOML file.
        data: Folder of the landmark sets.
        out: Folder of the run; made if missing, gone on with if there.
        workers: Processes.
        progress: Called with pieces done, pieces in all, and the name of the last one.

    Returns:
        The run's folder.

    Raises:
        UsageError: The experiment file is wrong.
        InputRejected: A landmark set is missing.
        PartMissing: PyTorch or ONNX is not installed.
    """
    experiment = load_experiment(experiment_file)
    try:
        import onnx  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise require_extra("train", error.name or "torch") from None
    from signlens.training import starter

    names = starter.splits(starter.load_corpus(data))
    pieces = [(network, split, 0) for split in names for network in experiment.networks]
    out.mkdir(parents=True, exist_ok=True)
    (out / EXPERIMENT_FILE).write_text(experiment_file.read_text(encoding="utf-8"), encoding="utf-8")
    (out / RUN_FILE).write_text(json.dumps({"data": str(data)}), encoding="utf-8")
    done = 0

    def count(name: str) -> None:
        nonlocal done
        done += 1
        progress(done, len(pieces), name)

    starter.run(data, experiment, out, pieces, workers, count)
    return out


def _open_run(run: Path) -> tuple[Experiment, Path]:
    path = run / RUN_FILE
    if not path.is_file():
        raise UsageError(
            run, "is not the folder of a run", "train one first: signlens train EXPERIMENT.toml --out RUN"
        )
    return load_experiment(run / EXPERIMENT_FILE), Path(json.loads(path.read_text(encoding="utf-8"))["data"])


def evaluate(run: Path) -> tuple[str, dict[str, Any]]:
    """A run's tables with intervals: as text (Markdown) and as plain values.

    Raises:
        UsageError: The folder is not a run's.
        PartMissing: A piece has not been trained.
    """
    from signlens.training import starter_results

    experiment, data = _open_run(run)
    made, facts = starter_results.tables(data, experiment, run)
    return starter_results.markdown(made, facts), starter_results.as_json(made, facts)


def export(run: Path, destination: Path) -> dict[str, Any]:
    """Write a run's model folder: ONNX files, ``model.json``, gallery, results.

    Raises:
        UsageError: The folder is not a run's.
        PartMissing: A piece has not been trained.
    """
    from signlens.training import starter_results

    experiment, data = _open_run(run)
    return starter_results.package(data, experiment, run, destination, __version__)
