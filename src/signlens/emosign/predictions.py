"""What a model says of each clip: the file that `signlens emosign score` reads.

CSV columns (JSONL keys in brackets, where they differ):

- ``video_name``: as in the labels;
- ``sentiment``: -3 .. 3;
- ``sentiment3``: negative, neutral or positive; taken from ``sentiment`` when absent;
- ``emotion``: one of the ten classes;
- ``joy`` .. ``anger``: intensities 0 .. 3 [``intensities``, an object];
- ``present_joy`` .. ``present_anger``: 0 or 1; taken from the intensities when absent [``present``];
- ``cue``: free text;
- ``cue_intervals``: seconds, ``0.40-1.20;2.00-2.50``, or ``none`` when the model found none [an array
  of pairs].

A model that would not answer is written down as ``refused`` (intensities: all ten blank with
``refused`` in ``joy``; in JSONL the word in place of the object). It counts as wrong.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signlens.datasets.tables import Faults, parse_integer, read_csv, read_text
from signlens.emosign.annotations import (
    EMOTIONS,
    INTENSITIES,
    checked_intervals,
    format_intervals,
    parse_intervals,
)
from signlens.emosign.tasks import EMOTION_CLASSES, REFUSED, SENTIMENT3, SENTIMENT7
from signlens.errors import InputRejected, UsageError
from signlens.files import whole_file

PRESENT = tuple(f"present_{emotion}" for emotion in EMOTIONS)
COLUMNS = ("video_name", "sentiment", "sentiment3", "emotion", *EMOTIONS, *PRESENT, "cue", "cue_intervals")
KEYS = (
    "video_name",
    "sentiment",
    "sentiment3",
    "emotion",
    "intensities",
    "present",
    "cue",
    "cue_intervals",
)
OWN_PREFIX = "x_"

_CLASSES = {"sentiment": SENTIMENT7, "sentiment3": SENTIMENT3, "emotion": EMOTION_CLASSES}


@dataclass(frozen=True)
class LabelPrediction:
    """What a model says of one clip; None where it does not do a task.

    Attributes:
        video_name: The clip.
        sentiment: One of `SENTIMENT7`, or ``refused``.
        sentiment3: One of `SENTIMENT3`, or ``refused``; None: it follows from `sentiment`.
        emotion: One of `EMOTION_CLASSES`, or ``refused``.
        intensities: The ten emotions, 0..3; empty for a refusal.
        present: The ten emotions; None: those with an intensity above 0; empty for a refusal.
        cue: Free text.
        cue_intervals: Begin and end in seconds.
    """

    video_name: str
    sentiment: str | None = None
    sentiment3: str | None = None
    emotion: str | None = None
    intensities: Mapping[str, int] | None = None
    present: Mapping[str, bool] | None = None
    cue: str | None = None
    cue_intervals: tuple[tuple[float, float], ...] | None = None

    @property
    def presence(self) -> Mapping[str, bool] | None:
        """Which of the ten emotions are there; empty for a refusal, None if not said at all."""
        if self.present is not None or self.intensities is None:
            return self.present
        return {emotion: value > 0 for emotion, value in self.intensities.items()}


def read_predictions(path: Path) -> list[LabelPrediction]:
    """Read predictions from ``.csv`` or ``.jsonl``.

    Raises:
        UsageError: The file has another ending.
        InputRejected: It cannot be read; or rows are bad, labels invented or clips named twice: every
            one is named by line.
    """
    ending = path.suffix.casefold()
    if ending not in (".csv", ".jsonl"):
        raise UsageError(path, "is neither .csv nor .jsonl", "give one of these endings")
    faults = Faults(path)
    found: list[LabelPrediction] = []
    lines: dict[str, int] = {}
    for line, document in _csv_rows(path) if ending == ".csv" else _json_rows(path, faults):
        try:
            prediction = _parse(document)
        except ValueError as error:
            faults.add(line, str(error))
            continue
        if prediction.video_name in lines:
            faults.add(line, f"{prediction.video_name} stands already in line {lines[prediction.video_name]}")
        lines[prediction.video_name] = line
        found.append(prediction)
    faults.raise_if_any()
    if not found:
        raise InputRejected(path, "holds no predictions", "write one row for each clip")
    return found


def _csv_rows(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    """Every row as the document that JSONL would hold."""
    table = read_csv(path, ("video_name",))
    unknown = [c for c in table.columns if c not in COLUMNS and not c.startswith(OWN_PREFIX)]
    if unknown:
        raise InputRejected(
            path,
            f"has unknown columns: {', '.join(unknown)}",
            f"known are {', '.join(COLUMNS)}; your own begin with {OWN_PREFIX}",
        )
    rows = []
    for row in table:
        cells = {name: text for name, text in row.values.items() if text and not name.startswith(OWN_PREFIX)}
        document: dict[str, Any] = {key: cells[key] for key in KEYS if key in cells}
        for key, names in (("intensities", EMOTIONS), ("present", PRESENT)):
            given = {name.removeprefix("present_"): cells[name] for name in names if name in cells}
            if given:
                document[key] = REFUSED if list(given.values()) == [REFUSED] else given
        rows.append((row.line, document))
    return rows


def _json_rows(path: Path, faults: Faults) -> Iterable[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(read_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            faults.add(line, "is not JSON")
            continue
        if not isinstance(document, dict):
            faults.add(line, "is not an object")
            continue
        unknown = [k for k in document if k not in KEYS and not k.startswith(OWN_PREFIX)]
        if unknown:
            faults.add(line, f"unknown keys {', '.join(unknown)}; known are {', '.join(KEYS)}")
            continue
        given = {k: v for k, v in document.items() if v is not None and not k.startswith(OWN_PREFIX)}
        yield line, given


def _parse(document: Mapping[str, Any]) -> LabelPrediction:
    """One prediction; ValueError says what is wrong."""
    name = document.get("video_name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError("video_name is missing")
    cue = document.get("cue")
    if cue is not None and not isinstance(cue, str):
        raise ValueError("cue is not text")
    return LabelPrediction(
        name.strip(),
        _class(document, "sentiment"),
        _class(document, "sentiment3"),
        _class(document, "emotion"),
        _ten(document, "intensities", INTENSITIES),
        _present(document),
        cue,
        _intervals(document.get("cue_intervals")),
    )


def _class(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is None:
        return None
    text = str(value).strip()
    if key == "sentiment" and text != REFUSED:
        number = parse_integer(text)
        text = text if number is None else str(number)
    if isinstance(value, bool) or (text != REFUSED and text not in _CLASSES[key]):
        raise ValueError(f"{key} is {value!r}, not one of {', '.join(_CLASSES[key])} or {REFUSED}")
    return text


def _ten(document: Mapping[str, Any], key: str, allowed: tuple[int, ...]) -> dict[str, int] | None:
    value = document.get(key)
    if value is None:
        return None
    if value == REFUSED:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} is not an object")
    invented = [name for name in value if name not in EMOTIONS]
    absent = [name for name in EMOTIONS if value.get(name) is None]
    if invented:
        raise ValueError(f"{key} names {', '.join(map(str, invented))}, which are not among the ten emotions")
    if absent:
        raise ValueError(f"{key} lacks {', '.join(absent)}")
    numbers = {name: parse_integer(str(int(v) if isinstance(v, bool) else v)) for name, v in value.items()}
    wrong = [f"{name} is {value[name]!r}" for name, number in numbers.items() if number not in allowed]
    if wrong:
        raise ValueError(f"{key}: {', '.join(wrong)}, not {allowed[0]}..{allowed[-1]}")
    return {name: int(numbers[name] or 0) for name in EMOTIONS}


def _present(document: Mapping[str, Any]) -> dict[str, bool] | None:
    given = _ten(document, "present", (0, 1))
    return None if given is None else {name: bool(value) for name, value in given.items()}


def _intervals(value: Any) -> tuple[tuple[float, float], ...] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return parse_intervals(value)
    try:
        pairs = [(float(begin), float(end)) for begin, end in value]
    except (TypeError, ValueError):
        raise ValueError("cue_intervals is not an array of [begin, end] in seconds") from None
    return checked_intervals(pairs)


def write_predictions(predictions: Iterable[LabelPrediction], path: Path) -> None:
    """Write predictions as ``.csv`` or ``.jsonl``; `read_predictions` gives the same back.

    Times are written to the millisecond. CSV cannot tell an empty text from none; JSONL can.

    Raises:
        UsageError: The file has another ending.
        OSError: It cannot be written.
    """
    documents = [_document(p) for p in predictions]
    ending = path.suffix.casefold()
    if ending not in (".csv", ".jsonl"):
        raise UsageError(path, "is neither .csv nor .jsonl", "give one of these endings")
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if ending == ".jsonl":
            file.writelines(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
            return
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for document in documents:
            row = {key: document[key] for key in KEYS if key in document}
            for key, names in (("intensities", EMOTIONS), ("present", PRESENT)):
                value = row.pop(key, None)
                if value == REFUSED:
                    row[names[0]] = REFUSED
                elif value is not None:
                    row |= {name: int(value[name.removeprefix("present_")]) for name in names}
            if "cue_intervals" in row:
                row["cue_intervals"] = format_intervals(row["cue_intervals"]) or "none"
            writer.writerow(row)


def _document(prediction: LabelPrediction) -> dict[str, Any]:
    document: dict[str, Any] = {"video_name": prediction.video_name}
    for key in ("sentiment", "sentiment3", "emotion", "cue"):
        value = getattr(prediction, key)
        if value is not None:
            document[key] = value
    for key in ("intensities", "present"):
        value = getattr(prediction, key)
        if value is not None:
            document[key] = dict(value) if value else REFUSED
    if prediction.cue_intervals is not None:
        document["cue_intervals"] = [list(interval) for interval in prediction.cue_intervals]
    return document
