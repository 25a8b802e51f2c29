"""What single annotators said of the clips, and the labels that follow from it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from signlens.datasets.tables import Faults, TableRow, parse_integer, read_csv
from signlens.emosign.annotations import (
    EMOTIONS,
    SENTIMENTS,
    EmoSignClip,
    detect_intensity_base,
    format_intervals,
    parse_intervals,
    signer_of,
    stored_intensities,
    utterance_of,
)
from signlens.emosign.cues import merged
from signlens.errors import UsageError
from signlens.files import whole_file


@dataclass(frozen=True)
class Rating:
    """What one annotator said of one clip.

    Attributes:
        video_name: The clip.
        annotator: Who rated.
        sentiment: -3 to +3; None where it was skipped.
        emotions: The ten, 0 to 3; None where skipped.
        confidence: 0 to 100 as the annotator gave it; None if not given.
        cue: What the annotator wrote.
        cue_intervals: Begin and end in seconds of what carries the emotion, where it was marked.
    """

    video_name: str
    annotator: str
    sentiment: int | None
    emotions: Mapping[str, int | None]
    confidence: float | None = None
    cue: str = ""
    cue_intervals: tuple[tuple[float, float], ...] = ()


def read_ratings(paths: Sequence[Path], intensity_base: int | None = None) -> list[Rating]:
    """Read what each annotator said.

    One file for all or one for each: ``video_name``, ``Sentiment`` and the ten emotions, with
    ``annotator`` (else the file's name is taken), ``confidence`` (0 to 100), ``Reasoning`` and
    ``cue_intervals`` (seconds, ``0.40-1.20;2.00-2.50``). A blank cell is a label that was skipped; a
    row of blanks, or one with ``skipped`` set, is a skipped clip.

    Args:
        paths: The files. All store "absent" the same way.
        intensity_base: How "absent" is stored, 0 or 1; found out by default.
    """
    if not paths:
        raise UsageError("--raters", "no file was given", "give one file for each annotator, or one for all")
    parsed: list[tuple[Path, Faults, list[tuple[TableRow, str, dict[str, int | None]]]]] = []
    seen: set[tuple[str, str]] = set()
    for path in paths:
        table = read_csv(path, ("video_name", "Sentiment", *EMOTIONS))
        faults = Faults(path)
        rows = []
        for row in table:
            annotator = row["annotator"] or path.stem
            name = row["video_name"]
            if not name:
                faults.add(row.line, "video_name is empty")
            elif (name, annotator) in seen:
                faults.add(row.line, f"{annotator} has rated {name} already")
            seen.add((name, annotator))
            good = stored_intensities(row, faults, blank_allowed=True)
            rows.append((row, annotator, {e: good.get(e) for e in EMOTIONS}))
        parsed.append((path, faults, rows))
    base = intensity_base
    if base is None:
        values = [v for _, _, rows in parsed for _, _, r in rows for v in r.values() if v is not None]
        base = detect_intensity_base(values, ", ".join(p.name for p in paths))
    ratings = []
    for _, faults, rows in parsed:
        ratings += [
            rating
            for row, annotator, stored in rows
            if (rating := _rating(row, annotator, stored, base, faults)) is not None
        ]
        faults.raise_if_any()
    return ratings


def _rating(
    row: TableRow, annotator: str, stored: Mapping[str, int | None], base: int, faults: Faults
) -> Rating | None:
    skipped = row["skipped"].casefold() in ("1", "yes", "true")
    text = row["Sentiment"]
    sentiment = parse_integer(text) if text else None
    if text and sentiment not in SENTIMENTS:
        faults.add(row.line, f"Sentiment is {text!r}, not a whole number of -3..3")
    for emotion, value in stored.items():
        if value is not None and not base <= value <= base + 3:
            faults.add(row.line, f"{emotion} is {value}, where intensities are {base}..{base + 3}")
    confidence = None
    if row["confidence"]:
        try:
            confidence = float(row["confidence"])
        except ValueError:
            confidence = -1.0
        if not 0 <= confidence <= 100:
            faults.add(row.line, f"confidence is {row['confidence']!r}, not a number of 0..100")
    intervals: tuple[tuple[float, float], ...] = ()
    try:
        intervals = parse_intervals(row["cue_intervals"])
    except ValueError as error:
        faults.add(row.line, f"cue_intervals: {error}")
    if skipped:
        stored, sentiment, intervals = dict.fromkeys(EMOTIONS), None, ()
    if row.line in faults.found:
        return None
    return Rating(
        row["video_name"],
        annotator,
        sentiment,
        {e: None if v is None else v - base for e, v in stored.items()},
        confidence,
        row["Reasoning"],
        intervals,
    )


def write_ratings(path: Path, ratings: Sequence[Rating]) -> None:
    """Write ratings as one file that `read_ratings` reads; "absent" is stored as 0.

    Raises:
        OSError: It cannot be written.
    """
    columns = ("video_name", "annotator", "Sentiment", *EMOTIONS, "confidence", "Reasoning", "cue_intervals")
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for rating in ratings:
            writer.writerow(
                {
                    "video_name": rating.video_name,
                    "annotator": rating.annotator,
                    "Sentiment": rating.sentiment,
                    **rating.emotions,
                    "confidence": rating.confidence,
                    "Reasoning": rating.cue,
                    "cue_intervals": format_intervals(rating.cue_intervals),
                }
            )


def majority(votes: Sequence[tuple[int, float | None]]) -> tuple[int, bool]:
    """The value that most annotators gave; a tie goes to the more confident one (EmoSign's rule).

    When confidence does not settle it either, the value closest to the mean of all votes is taken,
    and of two as close, the smaller in size.

    Args:
        votes: Value and confidence (None: not given) of every annotator; not empty.

    Returns:
        The value, and whether confidence left it undecided.

    >>> majority([(2, 60), (3, 90)]), majority([(0, None), (2, None)])
    ((3, False), (0, True))
    """
    counts = Counter(value for value, _ in votes)
    most = max(counts.values())
    tied = sorted(value for value, count in counts.items() if count == most)
    if len(tied) == 1:
        return tied[0], False
    confidence = {value: max(-1.0 if c is None else c for v, c in votes if v == value) for value in tied}
    best = [value for value in tied if confidence[value] == max(confidence.values())]
    if len(best) == 1:
        return best[0], False
    mean = sum(value for value, _ in votes) / len(votes)
    return min(best, key=lambda value: (abs(value - mean), abs(value), value)), True


def majority_intervals(
    marked: Sequence[tuple[tuple[float, float], ...]],
) -> tuple[tuple[float, float], ...]:
    """The times that more than half of the annotators marked.

    Args:
        marked: The intervals of every annotator who marked any.
    """
    borders = sorted({time for intervals in marked for interval in intervals for time in interval})
    agreed = [
        (begin, end)
        for begin, end in pairwise(borders)
        if 2 * sum(any(b <= begin and end <= e for b, e in intervals) for intervals in marked) > len(marked)
    ]
    return tuple(merged(agreed))


@dataclass(frozen=True)
class Aggregate:
    """Labels out of several annotators' ratings.

    Attributes:
        clips: One for each clip that has every label, in the order in which the ratings name them.
        left_out: Clips that lack a label because every annotator skipped it.
        undecided: How many labels neither majority nor confidence settled.
    """

    clips: tuple[EmoSignClip, ...]
    left_out: tuple[str, ...]
    undecided: int


def aggregate(ratings: Sequence[Rating]) -> Aggregate:
    """Merge ratings label by label: majority, ties to the more confident annotator."""
    by_clip: dict[str, list[Rating]] = {}
    for rating in ratings:
        by_clip.setdefault(rating.video_name, []).append(rating)
    clips, left_out, undecided = [], [], 0
    for name, given in by_clip.items():
        labels: dict[str, int] = {}
        for label in ("sentiment", *EMOTIONS):
            values = [(r.sentiment if label == "sentiment" else r.emotions[label], r) for r in given]
            votes = [(value, r.confidence) for value, r in values if value is not None]
            if votes:
                labels[label], unsure = majority(votes)
                undecided += unsure
        if len(labels) < 1 + len(EMOTIONS):
            left_out.append(name)
            continue
        sentiment = labels.pop("sentiment")
        cues = tuple(r.cue for r in given if r.cue)
        intervals = majority_intervals([r.cue_intervals for r in given if r.cue_intervals])
        utterance, signer = utterance_of(name), signer_of(name)
        clips.append(EmoSignClip(name, utterance, signer, sentiment, labels, cues, cue_intervals=intervals))
    return Aggregate(tuple(clips), tuple(left_out), undecided)
