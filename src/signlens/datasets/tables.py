"""Reading JSON and CSV files of other people, with errors that name file, lines and remedy."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signlens.errors import InputRejected

MAX_LABEL_BYTES = 2**28
_CHECK = "check that it is the file of that name from the dataset"


def read_bytes(
    path: Path, limit: int, *, too_large: str = _CHECK, not_there: str = "check the path"
) -> bytes:
    """A file's bytes, of at most the limit; else it is rejected with these remedies."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise InputRejected(path, "there is no such file", not_there) from None
    except IsADirectoryError:
        raise InputRejected(path, "this is a folder, not a label file", "name the file in it") from None
    except OSError as error:
        raise InputRejected(path, f"it cannot be read ({error.strerror})", "check the path") from None
    if len(content) > limit:
        raise InputRejected(path, f"it has more than {limit:,} bytes", too_large)
    return content


def read_text(path: Path) -> str:
    """A label file's text (UTF-8, with or without a byte order mark); InputRejected if it is none."""
    content = read_bytes(path, MAX_LABEL_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputRejected(path, f"line {line} is not UTF-8 text", "save it as UTF-8") from None


def read_json(path: Path) -> Any:
    """A label file's JSON document; InputRejected as `read_text`, or where it is not JSON."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputRejected(path, f"line {error.lineno} is not JSON ({error.msg})", _CHECK) from None
    except (ValueError, RecursionError) as error:
        raise InputRejected(path, f"it is not JSON ({error})", _CHECK) from None


@dataclass(frozen=True)
class TableRow:
    """One row of a CSV file.

    Attributes:
        path: The file.
        line: The line where the row begins, from 1.
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
        """The text in a column that must not be empty."""
        text = self[column]
        if not text:
            raise self.error(f"{column} is empty", "fill it in")
        return text

    def whole_number(self, column: str, below: int | None = None) -> int:
        """The number in a column, from 0 and below the given one."""
        text = self[column]
        if not (text.isascii() and text.isdecimal()) or len(text) > 9:
            raise self.error(f"{column} is {text!r}, not a whole number", "correct it")
        if below is not None and int(text) >= below:
            raise self.error(f"{column} is {text}, but only 0 to {below - 1} are known", "correct it")
        return int(text)


@dataclass(frozen=True)
class Table:
    """A CSV file: its columns and its rows, over which one iterates."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def __iter__(self) -> Iterator[TableRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Faults:
    """What is wrong with the lines of a file, gathered so that one message names all of it.

    >>> faults = Faults("labels.csv")
    >>> faults.add(7, "the gloss is empty")
    >>> faults.texts()
    ['line 7: the gloss is empty']
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.found: dict[int, str] = {}

    def add(self, line: int, problem: str) -> None:
        """Note a fault; the first one of a line is kept."""
        self.found.setdefault(line, problem)

    def texts(self) -> list[str]:
        """Every fault with its line, in the order of the file."""
        return [f"line {line}: {problem}" for line, problem in sorted(self.found.items())]

    def raise_if_any(self, remedy: str = "correct these lines") -> None:
        """Raise InputRejected that names the lines, when there was a fault."""
        if self.found:
            raise InputRejected(self.path, listed(self.texts()), remedy)


def listed(items: Collection[Any], shown: int = 12) -> str:
    """The items in one line, and how many more there are than shown.

    >>> listed(["a", "b", "c"], shown=2)
    'a; b; and 1 more'
    """
    items = [str(item) for item in items]
    rest = len(items) - shown
    return "; ".join(items[:shown]) + (f"; and {rest} more" if rest > 0 else "")


def parse_integer(text: str) -> int | None:
    """The integer that a cell holds; None when it is none.

    >>> [parse_integer(text) for text in ("-1", "2.0", "2.5", "two")]
    [-1, 2, None, None]
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if abs(value) < 1e9 and value == int(value) else None


def read_csv(path: Path, required: Sequence[str] = (), names: Sequence[str] | None = None) -> Table:
    """Read a CSV file; commas, or semicolons where its first line has no comma.

    Args:
        path: The file.
        required: Columns that must be there; they are found in any case, and then called as here.
        names: Column names for a file that may come without a header; a first line that holds the first
            of them is a header.
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    rows, faults, end = [], Faults(path), 0
    try:
        for cells in reader:
            line, end = end + 1, reader.line_num
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if columns is None:
                header = names is None or names[0] in cells
                columns = _columns(path, line, cells if header else names or (), required)
                if header:
                    continue
            if len(cells) != len(columns):
                faults.add(line, f"{len(cells)} columns, not {len(columns)}")
            else:
                rows.append(TableRow(path, line, dict(zip(columns, cells, strict=True))))
    except csv.Error as error:
        raise InputRejected(path, f"line {reader.line_num} is not CSV ({error})", "correct it") from None
    faults.raise_if_any("correct these lines; put texts that hold commas in quotes")
    if columns is None:
        raise InputRejected(path, "it is empty", _CHECK)
    return Table(tuple(columns), tuple(rows))


def _columns(path: Path, line: int, cells: Sequence[str], required: Sequence[str]) -> list[str]:
    """The names of a header's columns, the required ones spelled as asked for."""
    spelled = {name.casefold(): name for name in required}
    columns = [spelled.get(cell.casefold(), cell) for cell in cells]
    missing = [name for name in required if name not in columns]
    if missing or len(set(columns)) != len(columns):
        problem = f"has no column {', '.join(missing)}" if missing else "names a column twice"
        raise InputRejected(
            path,
            f"line {line} {problem} (it has: {', '.join(columns)})",
            f"give it the columns {', '.join(required)}" if required else "name each once",
        )
    return columns
