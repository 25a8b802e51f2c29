"""TOML files of settings: read once, checked against a dataclass, every error in one line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from signlens.errors import UsageError

T = TypeVar("T")

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")

MOST_BYTES = 2**20
"""A settings file of a person is smaller than this."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        UsageError: There is no such file, it is too large, or it is not TOML.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(path, f"is larger than {MOST_BYTES >> 20} MB", "name a file of settings")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UsageError(path, "there is no such file of settings", "name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(path, f"is not TOML ({error})", "correct it") from None


def check_settings(model: type[T], table: Any, path: Path, where: str = "") -> T:
    """Tables as an instance of a dataclass: unknown keys, missing ones and wrong types are errors.

    Args:
        model: A dataclass whose ``__pydantic_config__`` forbids extra keys, as do those within it.
        table: What was read.
        path: The file, for the message.
        where: The table's name, for the message; empty for the whole file.

    Raises:
        UsageError: It does not fit; the message names file, table and key.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Schedule:
        ...     epochs: int
        ...     __pydantic_config__ = {"extra": "forbid"}
        >>> check_settings(Schedule, {"epochs": 3}, Path("e.toml")).epochs
        3
        >>> check_settings(Schedule, {"epochs": "three"}, Path("e.toml"))
        Traceback (most recent call last):
        signlens.errors.UsageError: e.toml: epochs: input should be a valid integer, not 'three'; correct it
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        # By way of JSON, where strict checking takes a list for a tuple but no text for a number.
        return TypeAdapter(model).validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as failed:
        # A key that is not known first: it often is the one that is missing, misspelt.
        first = min(failed.errors(), key=lambda error: error["type"] not in _UNKNOWN)
        raise _in_one_line(first, path, where) from None


def load_settings(path: Path, model: type[T]) -> T:
    """A whole file as an instance of a dataclass; see `check_settings`."""
    return check_settings(model, read_toml(path), path)


def _in_one_line(error: Any, path: Path, where: str) -> UsageError:
    *tables, key = [str(part) for part in error["loc"]] or [where or "the file"]
    place = ".".join(part for part in (where, *tables) if part)
    said = f"[{place}] {key}" if place else key
    if error["type"] in _UNKNOWN:
        return UsageError(
            path, f"unknown key {key!r} in {f'[{place}]' if place else 'the file'}", "correct it"
        )
    if error["type"] in ("missing", "missing_argument"):
        return UsageError(path, f"lacks {said}", "add it")
    message = error["msg"].removeprefix("Value error, ")
    value = repr(error["input"])
    rule = f"{message[:1].lower()}{message[1:]}"
    return UsageError(path, f"{said}: {rule}" + (f", not {value}" if len(value) < 80 else ""), "correct it")
