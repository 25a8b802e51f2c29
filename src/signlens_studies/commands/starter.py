"""``python -m signlens_studies starter``: the shipped sign model's data, its tables, its choices."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from signlens.cli.shared import AsJson, RunFolder, errors_to_exit_codes, print_json
from signlens.optional import require_extra

app = typer.Typer(help="The shipped sign model: its data, its tables, its choices.")


@app.command("datasets")
def datasets(
    data: Annotated[Path, typer.Option("--data", help="Folder that holds traduttore-asl and wlasl50-real.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write the dataset folders into.")],
) -> None:
    """Write the two landmark sets as dataset folders, OUT/traduttore and OUT/wlasl50."""
    with errors_to_exit_codes():
        from signlens_studies.starter.landmark_sets import write_datasets

        for dataset in write_datasets(data, out):
            available = len(dataset.rows())
            typer.echo(
                f"{dataset.folder}: {available} of {len(dataset)} clips, {len(dataset.glosses)} glosses"
            )


@app.command("tables")
def tables(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write results.json and RESULTS.md there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what a run of starter.toml or shipped.toml reaches on clips that it did not see."""
    with errors_to_exit_codes():
        try:
            from signlens_studies.starter import results
        except ImportError as error:
            raise require_extra("train", error.name or "torch") from None
        from signlens.files import whole_file
        from signlens_studies.starter.tasks import open_starter_run

        found = results.tables(open_starter_run(run))
        plain = results.as_json(*found)
        if out is not None:
            for name, text in (
                ("results.json", json.dumps(plain, indent=1) + "\n"),
                ("RESULTS.md", results.markdown(*found)),
            ):
                with whole_file(out / name) as part:
                    part.write_text(text, encoding="utf-8")
        if as_json:
            print_json(plain)
        else:
            typer.echo(results.markdown(*found))


@app.command("leading-hand")
def leading_hand(run: RunFolder, as_json: AsJson = False) -> None:
    """Print what it is worth to leave open which hand leads."""
    with errors_to_exit_codes():
        try:
            from signlens_studies.starter import leading_hand as study
        except ImportError as error:
            raise require_extra("train", error.name or "torch") from None
        from signlens_studies.starter.tasks import open_starter_run

        found = study.study(open_starter_run(run))
        if as_json:
            print_json([asdict(row) for row in found])
        else:
            study.print_table(found)
