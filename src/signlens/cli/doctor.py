"""The verb `doctor`: what is installed and what is missing."""

from __future__ import annotations

import typer

from signlens.cli.shared import AsJson, app, errors_to_exit_codes, print_json


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Show what is installed, which models are present, what is missing and how to get it."""
    with errors_to_exit_codes():
        from signlens.cli.doctor_report import examine

        found = examine()
        if as_json:
            print_json(found.to_json())
        else:
            from rich.console import Console
            from rich.markup import escape
            from rich.table import Table

            colour = {"ok": "green", "missing": "red", "broken": "red", "absent": "yellow"}
            table = Table(box=None, pad_edge=False, header_style="dim")
            for name in ("Part", "Name", "State", "Detail", "What to do"):
                table.add_column(name, overflow="fold")
            for f in found.findings:
                state = f"[{colour[f.state]}]{f.state}[/]"
                table.add_row(f.part, escape(f.name), state, escape(f.detail), escape(f.remedy))
            console = Console(highlight=False)
            console.print(table)
            console.print()
            console.print(
                "Everything that recognize needs is here." if found.healthy else "Something is missing."
            )
        raise typer.Exit(0 if found.healthy else 4)
