"""Verbs of other installed packages: entry points of the group ``signlens.commands``.

An entry point is named by the path of its verb, with dots (``reproduce``, ``emosign.run``); it is a typer
application, which becomes a group of verbs, or a function, which becomes one. It is loaded only when its
verb, or the list of all verbs, is asked for.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

GROUP = "signlens.commands"


@cache
def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _path(context: Any) -> str:
    """Where a group stands, such as ``emosign.``; empty for the whole application."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, f"{context.info_name}.")
        context = context.parent
    return "".join(names)


class OpenGroup(TyperGroup):
    """A group of verbs that other packages may add to."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Its own verbs, then those that were added."""
        start = _path(ctx)
        added = [name.removeprefix(start) for name in _found() if name.startswith(start)]
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in added if "." not in name and name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One verb, or None; its own come first."""
        point = _found().get(_path(ctx) + cmd_name)
        own = super().get_command(ctx, cmd_name)
        return own if own is not None or point is None else _as_command(point.load(), cmd_name)


def _as_command(added: Any, name: str) -> Any:
    if isinstance(added, typer.Typer):
        made: Any = get_group(added)
        made.name = name
        return made
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(added)
    return get_command(alone)
