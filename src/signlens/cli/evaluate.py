"""The verb `evaluate`: accuracies with intervals."""

from __future__ import annotations

import typer

from signlens.cli.shared import AsJson, RunFolder, app, errors_to_exit_codes, print_json


@app.command()
def evaluate(run: RunFolder, as_json: AsJson = False) -> None:
    """Print a run's accuracies with their intervals, its calibration, and how it meets unknown signs."""
    with errors_to_exit_codes():
        from signlens.training import command

        text, plain = command.evaluate(run)
        if as_json:
            print_json(plain)
        else:
            typer.echo(text)
