"""The verbs `train` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signlens.cli.progress import ProgressBar
from signlens.cli.shared import RunFolder, app, errors_to_exit_codes
from signlens.optional import require_extra

if TYPE_CHECKING:
    from signlens.training.loop import Progress as Place


@app.command()
def train(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment's file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; gone on with if it is there.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Another place of the experiment's dataset; of several, the folder that holds them.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", help="Networks trained at a time, each on a core; as many as cores by default."
        ),
    ] = None,
) -> None:
    """Train the networks of an experiment; goes on where it was stopped. `torchrun` spreads it."""
    with errors_to_exit_codes():
        try:
            from signlens.training.pieces import train_run
        except ImportError as error:
            raise require_extra("train", error.name or "torch") from None
        with ProgressBar() as bar:

            def show(done: int, total: int, name: str, at: Place | None) -> None:
                if at is None:
                    bar(done, total, name)
                    return
                rate = f"loss {at.loss:.3f}, accuracy {at.accuracy:.0%}, {at.clips_per_second:.0f} clips/s"
                bar(done + at.step / at.steps, total, f"{name} ({done + 1}/{total}): {rate}")

            leads = train_run(experiment, data, out, workers, show)
        if leads:
            typer.echo(f"{out}: trained; signlens evaluate {out} prints its tables")


@app.command()
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option("--to", help="Folder of the model; its files are replaced.")],
    precision: Annotated[
        str,
        typer.Option(help="Of the networks' weights: float32, or float16 (half the size)."),
    ] = "float32",
) -> None:
    """Write a run's model: ONNX files, vocabulary and calibration, gallery, results."""
    with errors_to_exit_codes():
        try:
            from signlens.training.export import export_model
        except ImportError as error:
            raise require_extra("train", error.name or "torch") from None
        card = export_model(run, to, precision)
        typer.echo(f"{to}: {card['name']} {card['version']}, {card['glosses']} glosses")
