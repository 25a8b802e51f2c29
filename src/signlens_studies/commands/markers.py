"""``python -m signlens_studies markers``: what is recovered of known markers, and counted in recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from signlens.cli.shared import errors_to_exit_codes

app = typer.Typer(help="Non-manual markers: on films of known markers, and in recordings.")

Cache = Annotated[Path | None, typer.Option("--cache", help="Folder in which poses are kept between runs.")]
Numbers = Annotated[Path | None, typer.Option("--json", help="Also write the numbers to this file.")]


@app.command("films")
def films(
    signers: Annotated[
        str | None, typer.Option("--signers", help="Comma-separated rendered signers; those of the tables.")
    ] = None,
    cache: Cache = None,
    kept_only: Annotated[
        bool, typer.Option("--kept-only", help="Only films that are in the cache already.")
    ] = False,
    numbers: Numbers = None,
) -> None:
    """Draw films with known markers and expressions, and count what is found and confused."""
    with errors_to_exit_codes():
        from signlens_studies.markers import rendered

        names = rendered.MEASURED_ON if signers is None else tuple(filter(None, signers.split(",")))
        _write(numbers, rendered.print_films(names, cache, kept_only))


@app.command("recordings")
def recordings(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Videos or .pose files.")],
    cache: Cache = None,
    numbers: Numbers = None,
) -> None:
    """Count markers in recordings without truth, and print how fast and how large people sign there."""
    with errors_to_exit_codes():
        from signlens_studies.markers import rendered

        _write(numbers, rendered.print_survey(rendered.survey(rendered.read_recordings(folder, cache))))


def _write(path: Path | None, numbers: dict[str, Any]) -> None:
    from signlens.files import whole_file

    if path is not None:
        with whole_file(path) as part:
            part.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
