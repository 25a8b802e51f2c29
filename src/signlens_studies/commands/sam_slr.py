"""``python -m signlens_studies sam-slr``: SAM-SLR's streams on the starter's tasks."""

from __future__ import annotations

import typer

from signlens.cli.shared import AsJson, RunFolder, errors_to_exit_codes, print_json
from signlens.optional import require_extra

app = typer.Typer(help="SAM-SLR (its ablations: `signlens reproduce sam-slr-ablations`).")


@app.command("streams")
def streams(run: RunFolder, as_json: AsJson = False) -> None:
    """Print streams and ensembles of a run of four-streams.toml on every task."""
    with errors_to_exit_codes():
        try:
            from signlens_studies.sam_slr import streams as study
        except ImportError as error:
            raise require_extra("train", error.name or "torch") from None
        from signlens_studies.starter.tasks import open_starter_run

        found = study.stream_tables(open_starter_run(run))
        if as_json:
            print_json(study.as_json(*found))
        else:
            typer.echo(study.markdown(*found))
