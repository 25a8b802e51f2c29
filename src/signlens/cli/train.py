"""The verbs `train` and `export`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from signlens.cli.shared import RunFolder, app, errors_to_exit_codes


@app.command()
def train(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment's file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; gone on with if it is there.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the landmark sets; $SIGNLENS_SHARED/data.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes; one a core by default.")
    ] = None,
) -> None:
    """Cross-validate an experiment and train the weights that ship; goes on where it was stopped."""
    with errors_to_exit_codes():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from signlens.datasets.mediapipe_arrays import default_data
        from signlens.training import command

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("training", total=None)
            command.train(
                experiment,
                data or default_data(),
                out,
                workers or os.cpu_count() or 1,
                lambda done, total, name: bar.update(task, completed=done, total=total, description=name),
            )
        typer.echo(f"{out}: trained; signlens evaluate {out} prints its tables")


@app.command()
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option("--to", help="Folder of the model; its files are replaced.")],
) -> None:
    """Write a run's model: ONNX files, vocabulary and calibration, gallery, results."""
    with errors_to_exit_codes():
        from signlens.training import command

        card = command.export(run, to)
        typer.echo(f"{to}: {card['name']} {card['version']}, {card['glosses']} glosses")
