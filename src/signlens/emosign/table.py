"""Reading a CSV file whose every fault is named by its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from signlens.datasets.tables import read_text
from signlens.errors import InputRejected

_SHOWN = 12


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        line: Line of the file where the row begins; the header is line 1.
        cells: Column name to text, without blanks around it.
    """

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A CSV file's columns, as they are spelled there, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class Faults:
    """Gathers what is wrong with a file, so that one message names all of it.

    Args:
        path: The file.
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


def listed(items: Collection[str], shown: int = _SHOWN) -> str:
    """The items in one line; the number of those that do not fit is said."""
    items = list(items)
    rest = len(items) - shown
    return "; ".join(items[:shown]) + (f"; and {rest} more" if rest > 0 else "")


def read_table(path: Path, required: Sequence[str] = ()) -> Table:
    """Read a CSV file with a header.

    Args:
        path: The file, UTF-8, comma-separated.
        required: Columns that it must have; case and blanks around do not count, and a column is
            then called as written here.

    Raises:
        InputRejected: The file cannot be read, a column is missing or stands twice, or a row has
            more or fewer cells than the header.
    """
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    faults = Faults(path)
    rows: list[Row] = []
    try:
        header = next(reader, None)
        if not header:
            raise InputRejected(path, "is empty", "give a CSV file with a header")
        spelled = {name.casefold(): name for name in required}
        columns = [spelled.get(cell.strip().casefold(), cell.strip()) for cell in header]
        doubled = sorted({name for name in columns if columns.count(name) > 1})
        if doubled:
            raise InputRejected(path, f"has these columns twice: {', '.join(doubled)}", "name each once")
        missing = [name for name in required if name not in columns]
        if missing:
            raise InputRejected(
                path,
                f"lacks the columns {', '.join(missing)} (it has {', '.join(columns)})",
                "give a CSV file with these columns",
            )
        begin = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(columns):
                    faults.add(begin, f"{len(cells)} cells, the header has {len(columns)}")
                else:
                    rows.append(Row(begin, {c: cell.strip() for c, cell in zip(columns, cells, strict=True)}))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InputRejected(path, f"line {reader.line_num}: {error}", "correct this line") from None
    faults.raise_if_any()
    return Table(tuple(columns), tuple(rows))


def whole_number(text: str) -> int | None:
    """The integer that a cell holds (``2``, ``-1``, also ``2.0``); None when it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not abs(value) < 1e9 or value != int(value):
        return None
    return int(value)
