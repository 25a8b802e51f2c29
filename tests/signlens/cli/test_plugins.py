"""Verbs that another package adds by entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner

from signlens.cli import plugins
from signlens.cli.plugins import GROUP, OpenGroup


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[typer.Typer]:
    """An application to which a package of this test adds a group, a verb of a group, and a lower verb."""
    module = ModuleType("added_verbs")
    tables = typer.Typer(help="Tables.")

    @tables.command()
    def first() -> None:
        """The first table."""
        typer.echo("table 1")

    def run(times: int = 1) -> None:
        """Run it."""
        typer.echo("ran " * times)

    module.tables, module.run = tables, run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "added_verbs", module)
    added = {"tables": "added_verbs:tables", "inner.run": "added_verbs:run", "own": "added_verbs:run"}
    monkeypatch.setattr(
        plugins, "_found", lambda: {name: EntryPoint(name, value, GROUP) for name, value in added.items()}
    )
    whole = typer.Typer(cls=OpenGroup)
    inner = typer.Typer(cls=OpenGroup, help="Inner.")
    whole.add_typer(inner, name="inner")

    @whole.command()
    def own() -> None:
        """The application's own verb."""
        typer.echo("own")

    @inner.command()
    def other() -> None:
        """Another."""

    yield whole


def said(app: typer.Typer, *words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_added_verbs_run_and_are_listed_where_they_belong(app: typer.Typer) -> None:
    assert said(app, "tables", "first") == "table 1\n"
    assert said(app, "inner", "run", "--times", "2") == "ran ran \n"
    assert "tables" in said(app, "--help")
    assert "run" not in said(app, "--help").split()
    assert "run" in said(app, "inner", "--help").split()


def test_an_applications_own_verb_comes_first(app: typer.Typer) -> None:
    assert said(app, "own") == "own\n"


def test_what_nobody_added_is_wrong_usage(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["run"]).exit_code == 2


def test_the_studies_add_their_verbs() -> None:
    """They are installed together with the product."""
    from signlens.cli import app as whole

    assert "table14" in said(whole, "reproduce", "--help")
    assert "majority" in said(whole, "emosign", "run", "--help")
    assert "--markers" in said(whole, "emosign", "grammar", "--help")
