"""Reading label files: JSON and CSV of other people, with errors that name file, line and remedy."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signlens.errors import InputRejected

MAX_LABEL_BYTES = 2**28
_CHECK = "check that it is the file of that name from the dataset"


def read_text(path: Path) -> str:
    """A label file's text (UTF-8, with or without a byte order mark).

    Raises:
        InputRejected: It is not there, too large, or no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LABEL_BYTES + 1)
    except FileNotFoundError:
        raise InputRejected(path, "there is no such file", "check the path") from None
    except IsADirectoryError:
        raise InputRejected(path, "this is a folder, not a label file", "name the file in it") from None
    except OSError as error:
        raise InputRejected(path, f"it cannot be read ({error.strerror})", "check the path") from None
    if len(content) > MAX_LABEL_BYTES:
        raise InputRejected(path, f"it has more than {MAX_LABEL_BYTES:,} bytes", _CHECK)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputRejected(path, f"line {line} is not UTF-8 text", "save it as UTF-8") from None


def read_json(path: Path) -> Any:
    """A label file's JSON document.

    Raises:
        InputRejected: As `read_text`, or it is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputRejected(path, f"line {error.lineno} is not JSON ({error.msg})", _CHECK) from None
    except (ValueError, RecursionError) as error:
        raise InputRejected(path, f"it is not JSON ({error})", _CHECK) from None


@dataclass(frozen=True)
class TableRow:
    """One line of a CSV file.

    Attributes:
        path: The file.
        line: Its line number there, from 1.
        values: Column name -> text, without blanks around it.
    """

    path: Path
    line: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """The text in a column; empty where an optional column is not there."""
        return self.values.get(column, "")

    def error(self, problem: str, remedy: str) -> InputRejected:
        """An error about this line."""
        return InputRejected(self.path, f"line {self.line}: {problem}", remedy)

    def filled(self, column: str) -> str:
        """The text in a column that must not be empty.

        Raises:
            InputRejected: It is.
        """
        text = self[column]
        if not text:
            raise self.error(f"{column} is empty", "fill it in")
        return text

    def whole_number(self, column: str, below: int | None = None) -> int:
        """The number in a column, from 0.

        Raises:
            InputRejected: It is no whole number, or not below the given one.
        """
        text = self[column]
        if not (text.isascii() and text.isdecimal()) or len(text) > 9:
            raise self.error(f"{column} is {text!r}, not a whole number", "correct it")
        if below is not None and int(text) >= below:
            raise self.error(f"{column} is {text}, but only 0 to {below - 1} are known", "correct it")
        return int(text)


def read_csv(path: Path, required: Sequence[str], names: Sequence[str] | None = None) -> list[TableRow]:
    """A CSV file's lines; commas, or semicolons where its first line has no comma.

    Args:
        path: The file.
        required: Columns that must be there.
        names: Column names for a file that may come without a header; a first line that holds the first
            of them is a header.

    Raises:
        InputRejected: As `read_text`, or it is no such table.
    """
    return list(_rows(path, required, names))


def _rows(path: Path, required: Sequence[str], names: Sequence[str] | None) -> Iterator[TableRow]:
    text = read_text(path)
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if columns is None:
                header = names is None or names[0] in cells
                columns = cells if header else list(names or ())
                missing = [name for name in required if name not in columns]
                if missing or len(set(columns)) != len(columns):
                    problem = f"has no column {missing[0]}" if missing else "names a column twice"
                    raise InputRejected(
                        path,
                        f"line {reader.line_num} {problem} (it has: {', '.join(columns)})",
                        f"give it the columns {', '.join(required)}",
                    )
                if header:
                    continue
            if len(cells) != len(columns):
                raise InputRejected(
                    path,
                    f"line {reader.line_num} has {len(cells)} columns, not {len(columns)}",
                    "correct the line; put texts that hold commas in quotes",
                )
            yield TableRow(path, reader.line_num, dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise InputRejected(
            path, f"line {reader.line_num} is not CSV ({error})", "correct the line"
        ) from None
    if columns is None:
        raise InputRejected(path, "it is empty", _CHECK)
