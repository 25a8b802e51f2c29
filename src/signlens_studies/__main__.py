"""``python -m signlens_studies SUBJECT VERB ...``: what the papers and the shipped models rest on, run again.

A subject's commands are imported only when it, or the list of all, is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

SUBJECTS = {
    "slr-sentiment": "signlens_studies.commands.slr_sentiment:app",
    "expression": "signlens_studies.commands.expression:app",
    "sam-slr": "signlens_studies.commands.sam_slr:app",
    "starter": "signlens_studies.commands.starter:app",
    "markers": "signlens_studies.commands.markers:app",
    "retrieval": "signlens_studies.commands.retrieval:app",
    "orientation": "signlens_studies.commands.orientation:app",
}
"""Subject -> "module:its typer application". The module must be light: no study is imported with it."""


class Subjects(TyperGroup):
    """The group of all subjects, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the subjects."""
        return list(SUBJECTS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The group of one subject, or None."""
        if cmd_name not in SUBJECTS:
            return None
        module, _, name = SUBJECTS[cmd_name].partition(":")
        # A group also where a subject has one verb, so that every command is SUBJECT VERB.
        group = get_group(getattr(importlib.import_module(module), name))
        group.name = cmd_name
        return group


app = typer.Typer(cls=Subjects, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def _studies() -> None:
    """Studies of SignLens: each subject's README says what was found."""


if __name__ == "__main__":
    app(prog_name="python -m signlens_studies")
