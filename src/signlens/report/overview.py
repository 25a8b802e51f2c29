"""A page that lists the reports of several clips."""

from __future__ import annotations

import os
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from signlens.recognition import Recognition
from signlens.report import words
from signlens.report.rendering import render, write_page


def write_index(entries: Sequence[tuple[Recognition, Path]], destination: Path) -> Path:
    """Write a page that lists several clips' answers and links to their reports.

    Args:
        entries: (recognition, path of its report), in the order to list them.
        destination: The file to write; links are relative to its folder.

    Returns:
        ``destination``. The same input gives the same bytes.

    Raises:
        UsageError: The page cannot be written there.
    """
    rows = []
    for recognition, report in entries:
        first = recognition.predictions[0] if recognition.predictions else None
        reading = recognition.emotion
        rows.append(
            {
                "name": words.file_name(recognition.path),
                "path": recognition.path,
                "href": _relative_link(Path(report), Path(destination)),
                "status": recognition.status,
                "status_word": words.STATUS_WORDS[recognition.status],
                "reasons": recognition.reasons,
                "answer": words.headline(recognition)[1],
                "is_gloss": recognition.answer is not None and recognition.answer.kind == "sign",
                "probability": words.percent(first.probability) if first is not None else None,
                "expression": (
                    f"{words.strongest(reading)[0]}, {words.percent(words.strongest(reading)[1])}"
                    if reading is not None and reading.probabilities
                    else "no face seen"
                ),
            }
        )
    counts = Counter(recognition.status for recognition, _ in entries)
    html = render(
        "index.html.jinja",
        title="Reports",
        rows=rows,
        counts=[(words.STATUS_WORDS[status], counts[status]) for status in ("ok", "degraded", "rejected")],
    )
    return write_page(destination, html)


def _relative_link(report: Path, index: Path) -> str:
    """URL of a report from the index's folder; quoted, so that no name can be read as a scheme."""
    relative = os.path.relpath(report.resolve(), index.resolve().parent)
    return "/".join(urllib.parse.quote(os.fsencode(part), safe="") for part in Path(relative).parts)
