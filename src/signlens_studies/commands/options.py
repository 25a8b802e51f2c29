"""Subcommands that share options: each names those that it has."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import typer

from signlens.cli.shared import errors_to_exit_codes

REQUIRED: Any = inspect.Parameter.empty
Options = Mapping[str, tuple[Any, Any]]
"""Parameter -> its `Annotated` type and default, or `REQUIRED`."""


def add_command(
    app: typer.Typer, name: str, text: str, options: Options, named: str, run: Callable[..., None]
) -> None:
    """Add a subcommand.

    Args:
        app: The group that it joins.
        name: What it is called.
        text: Its help.
        options: All options that commands of the group may have.
        named: Those that this one has, parted by spaces, in the order of its help.
        run: Called with their values by name; errors become exit codes.
    """

    def command(**values: Any) -> None:
        with errors_to_exit_codes():
            run(**values)

    chosen = {key: options[key] for key in named.split()}
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(key, kind, default=default, annotation=annotation)
        for key, (annotation, default) in chosen.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {key: annotation for key, (annotation, _) in chosen.items()}
    app.command(name, help=text)(command)
