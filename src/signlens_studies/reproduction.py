"""A table or figure of a paper, theirs beside ours: what every recipe of ``signlens reproduce`` makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from signlens.evaluation.metrics import Interval

PAPER = "SLR sentiment enhanced"
"""The paper of most tables, as their titles name it."""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        measure: What it is, by its honest name.
        paper_name: What the paper calls it; empty if it is not in the paper.
        unit: percent, clips, or what else.
        theirs: As printed there, or None.
        ours: With interval where there is one; None if it cannot be computed.
        count: How many clips that is, or None.
        why_not: Why there is nothing of ours.
    """

    measure: str
    paper_name: str
    unit: str
    theirs: float | None
    ours: Interval | float | None
    count: int | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Reproduction:
    """A table, theirs beside ours.

    Attributes:
        name: ``table1``, ...
        title: What it shows.
        theirs: What their figures were measured on.
        data: What ours were measured on.
        intervals: How the intervals were made; empty if there are none.
        rows: The table.
        notes: What a reader must know.
        figure: The file that was drawn; None where there is none.
    """

    name: str
    title: str
    theirs: str
    data: Mapping[str, Any]
    intervals: Mapping[str, Any]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    figure: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
