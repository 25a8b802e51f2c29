"""EmoSign's labels: the released file, several raters, and the videos of ASLLRP that belong to them.

Source: Chua et al., "EmoSign: A Multimodal Dataset for Understanding Emotions in American Sign
Language", arXiv 2505.17090. The labels are the authors' and the annotators'; the videos and captions
come from ASLLRP, which grants access itself. Nothing of either ships with SignLens.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from signlens.datasets.tables import Faults, TableRow, listed, parse_integer, read_csv
from signlens.errors import InputRejected, UsageError
from signlens.files import file_sha256

EMOTIONS = (
    "joy",
    "excited",
    "surprise_pos",
    "surprise_neg",
    "worry",
    "sadness",
    "fear",
    "disgust",
    "frustration",
    "anger",
)
REASONS = ("Reasoning_1", "Reasoning_2", "Reasoning_3")
SENTIMENTS = tuple(range(-3, 4))
INTENSITIES = (0, 1, 2, 3)
RELEASED_COLUMNS = ("video_name", "Sentiment", *EMOTIONS, *REASONS)
OWN_COLUMNS = ("utterance", "signer", "video", "caption", "cue_intervals", "made_up")

LABELS_FILE = "emosign.csv"
FACTS_FILE = "emosign.json"
FORMAT = 1

_VIDEO_ENDINGS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")


@dataclass(frozen=True)
class EmoSignClip:
    """One utterance with its labels.

    Attributes:
        video_name: Its name, unique.
        utterance: ASLLRP's number of the utterance: the trailing number of the name; empty without one.
        signer: Who signs, in lower case, the same over all recordings of one person; empty if unknown.
        sentiment: -3 (most negative) to +3 (most positive).
        emotions: The ten of `EMOTIONS`, in that order: 0 (absent) to 3, however the file stored them.
        cues: What the annotators wrote they had seen.
        video: The recording on this machine; None where it is missing.
        caption: ASLLRP's English translation; None where it is missing.
        cue_intervals: Begin and end, in seconds, of what carries the emotion, where that was annotated.
    """

    video_name: str
    utterance: str
    signer: str
    sentiment: int
    emotions: Mapping[str, int]
    cues: tuple[str, ...] = ()
    video: Path | None = None
    caption: str | None = None
    cue_intervals: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class EmoSign:
    """A file of labels, read.

    Attributes:
        clips: In the order of the file.
        source: The file's name.
        sha256: Of the file's bytes.
        intensity_base: How the file stored "absent": 0 or 1.
        notes: What a reader of results should know: rows left out, columns that are never absent.
        made_up: The file says of itself that it is made up.
    """

    clips: tuple[EmoSignClip, ...]
    source: str
    sha256: str
    intensity_base: int
    notes: tuple[str, ...] = ()
    made_up: bool = False

    @property
    def identity(self) -> str:
        """First digits of a hash over the names and labels."""
        lines = [f"{c.video_name}\t{c.sentiment}\t{[c.emotions[e] for e in EMOTIONS]}" for c in self.clips]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    @property
    def missing_videos(self) -> tuple[str, ...]:
        """Names of the clips without a recording on this machine."""
        return tuple(c.video_name for c in self.clips if c.video is None)

    @property
    def missing_captions(self) -> tuple[str, ...]:
        """Names of the clips without a caption."""
        return tuple(c.video_name for c in self.clips if c.caption is None)

    @property
    def signers(self) -> dict[str, int]:
        """How many clips each signer has; the empty name stands for unknown."""
        return dict(Counter(c.signer for c in self.clips).most_common())


def utterance_of(name: str) -> str:
    """The trailing number of a name; empty without one.

    >>> utterance_of("Cory_2013-6-25_sc0106_1014088")
    '1014088'
    """
    found = re.search(r"(\d+)$", name.strip())
    return found.group(1) if found else ""


def signer_of(name: str) -> str:
    """The first word of letters in a name, in lower case.

    It is the person's name in both ways that ASLLRP names its recordings (``Rachel_2012-02-14_...``,
    ``10-Ben-Conclusion_...``), so that two recordings of one person are one signer.

    >>> signer_of("10-Ben-Conclusion_1014")
    'ben'
    """
    found = re.search(r"[^\W\d_]+", name)
    return found.group(0).casefold() if found else ""


def detect_intensity_base(values: Iterable[int], source: str | Path = "intensities") -> int:
    """Whether intensities are stored as 0..3 (0) or as 1..4 (1).

    A 0 proves the one, a 4 the other. With neither, nothing is proved, and with both the file is
    on no scale.

    Args:
        values: All intensities of the file.
        source: What the message names.

    Raises:
        InputRejected: The values prove neither or both.
    """
    held = set(values)
    if {0, 4} <= held:
        raise InputRejected(
            source,
            "holds intensities of 0 and of 4, so they are neither 0..3 nor 1..4",
            "say which is meant with --intensity-base; rows outside of it are then named",
        )
    if 0 in held:
        return 0
    if 4 in held:
        return 1
    raise InputRejected(
        source,
        "holds no intensity of 0 and none of 4, so 0..3 and 1..4 cannot be told apart",
        "say which it is with --intensity-base 0 or 1",
    )


def load_emosign(
    path: Path,
    *,
    videos: Path | None = None,
    captions: Path | None = None,
    signers: Path | None = None,
    intensity_base: int | None = None,
    skip_bad_rows: bool = False,
) -> EmoSign:
    """Read EmoSign's labels, and join what else there is.

    Args:
        path: The released CSV file, or a folder that `import_emosign` made.
        videos: Folder of ASLLRP's utterance videos, joined by the trailing number of the file's name
            (or of its folder's name).
        captions: CSV file with ``caption`` and ``video_name`` or ``utterance``.
        signers: CSV file with ``video_name`` and ``signer``, for names that do not say who signs.
        intensity_base: How "absent" is stored, 0 or 1; found out by default.
        skip_bad_rows: Leave bad rows out, and say so in the notes, instead of refusing the file.

    Raises:
        InputRejected: The file cannot be read, or rows of it are bad: every one is named by line.
    """
    if intensity_base not in (None, 0, 1):
        raise UsageError("--intensity-base", f"{intensity_base} is not a way to store it", "give 0 or 1")
    if path.is_dir():
        facts = _read_facts(path)
        path, intensity_base = path / LABELS_FILE, 0
        data = _read_labels(path, intensity_base, skip_bad_rows)
        data = replace(
            data,
            source=str(facts.get("source", path.name)),
            intensity_base=int(facts.get("intensity_base", 0)),
            notes=tuple(str(note) for note in facts.get("notes", ())) + data.notes,
        )
    else:
        data = _read_labels(path, intensity_base, skip_bad_rows)
    return joined(data, {"videos": videos, "captions": captions, "signers": signers})


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / FACTS_FILE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputRejected(
            folder, f"holds no readable {FACTS_FILE}", "make it with: signlens dataset import emosign"
        ) from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputRejected(path, "is of another format", "make the folder anew with this version")
    return facts


def _read_labels(path: Path, intensity_base: int | None, skip_bad_rows: bool) -> EmoSign:
    table = read_csv(path, RELEASED_COLUMNS)
    faults = Faults(path)
    stored: dict[int, dict[str, int]] = {}
    names: dict[str, int] = {}
    for row in table:
        problem = _name_problem(row, names)
        if problem:
            faults.add(row.line, problem)
        stored[row.line] = stored_intensities(row, faults)
    if not table:
        raise InputRejected(path, "holds no rows", "give the file with the labels")
    base = intensity_base
    if base is None:
        base = detect_intensity_base((v for row in stored.values() for v in row.values()), path)
    clips = []
    for row in table:
        clip = _clip(row, stored[row.line], base, faults)
        if row.line not in faults.found and clip is not None:
            clips.append(clip)
    notes = []
    if faults.found and skip_bad_rows:
        if not clips:
            raise InputRejected(path, "has no good row: " + listed(faults.texts()), "correct them")
        notes.append(f"{len(faults.found)} bad rows left out: {listed(faults.texts())}")
    else:
        faults.raise_if_any("correct these lines, or leave them out with --skip-bad-rows")
    never = [e for e in EMOTIONS if all(clip.emotions[e] > 0 for clip in clips)]
    if never:
        notes.append(f"never absent: {', '.join(never)}; are these columns stored on another scale?")
    unknown = [c for c in table.columns if c not in RELEASED_COLUMNS and c not in OWN_COLUMNS]
    if unknown:
        notes.append(f"columns not known and not read: {', '.join(unknown)}")
    doubled = [u for u, count in Counter(c.utterance for c in clips).items() if count > 1 and u]
    if doubled:
        notes.append(f"utterances that stand in several rows: {', '.join(doubled)}")
    made_up = any(row["made_up"].casefold() in ("yes", "true", "1") for row in table)
    return EmoSign(tuple(clips), path.name, file_sha256(path), base, tuple(notes), made_up)


def _name_problem(row: TableRow, names: dict[str, int]) -> str:
    name = row["video_name"]
    if not name:
        return "video_name is empty"
    if name in names:
        return f"{name} stands already in line {names[name]}"
    names[name] = row.line
    return ""


def stored_intensities(row: TableRow, faults: Faults, *, blank_allowed: bool = False) -> dict[str, int]:
    """The stored intensities that are whole numbers of 0..4; others are faults, but for blanks if allowed."""
    good = {}
    for emotion in EMOTIONS:
        if blank_allowed and not row[emotion]:
            continue
        value = parse_integer(row[emotion])
        if value is None or not 0 <= value <= 4:
            faults.add(row.line, f"{emotion} is {row[emotion]!r}, not an intensity of 0..3 or 1..4")
        else:
            good[emotion] = value
    return good


def _clip(row: TableRow, stored: Mapping[str, int], base: int, faults: Faults) -> EmoSignClip | None:
    name = row["video_name"]
    sentiment = parse_integer(row["Sentiment"])
    if sentiment is None or sentiment not in SENTIMENTS:
        faults.add(row.line, f"Sentiment is {row['Sentiment']!r}, not a whole number of -3..3")
        return None
    for emotion, value in stored.items():
        if not base <= value <= base + 3:
            faults.add(row.line, f"{emotion} is {value}, where intensities are {base}..{base + 3}")
    if len(stored) < len(EMOTIONS):
        return None
    try:
        intervals = parse_intervals(row["cue_intervals"])
    except ValueError as error:
        faults.add(row.line, f"cue_intervals: {error}")
        return None
    found = row.path.parent / row["video"] if row["video"] else None
    return EmoSignClip(
        name,
        row["utterance"] or utterance_of(name),
        (row["signer"] or signer_of(name)).casefold(),
        sentiment,
        {emotion: stored[emotion] - base for emotion in EMOTIONS},
        tuple(text for text in (row[r] for r in REASONS) if text and text.casefold() != "nan"),
        found if found is not None and found.is_file() else None,
        row["caption"] or None,
        intervals,
    )


def parse_intervals(text: str) -> tuple[tuple[float, float], ...]:
    """Intervals in seconds out of a cell; ``none`` and blanks are no interval.

    >>> parse_intervals("2-2.5; 0.40-1.20")
    ((0.4, 1.2), (2.0, 2.5))

    Raises:
        ValueError: It says what is wrong, in words for the reader of a file.
    """
    intervals = []
    if text.strip().casefold() == "none":
        return ()
    for part in filter(None, (p.strip() for p in text.split(";"))):
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)", part)
        if not found:
            raise ValueError(f"{part!r} is not BEGIN-END in seconds")
        intervals.append((float(found.group(1)), float(found.group(2))))
    return checked_intervals(intervals)


def checked_intervals(intervals: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The intervals in order of time.

    Raises:
        ValueError: One is not finite, begins before 0, or does not end after its begin.
    """
    checked = []
    for begin, end in intervals:
        if not 0 <= begin < end < 1e6:
            raise ValueError(f"{begin}-{end} does not end after it begins")
        checked.append((float(begin), float(end)))
    return tuple(sorted(checked))


def format_intervals(intervals: Iterable[tuple[float, float]]) -> str:
    """What `parse_intervals` reads; to the millisecond.

    >>> format_intervals([(0.4, 1.2), (2, 2.5)])
    '0.400-1.200;2.000-2.500'
    """
    return ";".join(f"{begin:.3f}-{end:.3f}" for begin, end in intervals)


def _join_signers(clips: Sequence[EmoSignClip], path: Path) -> tuple[EmoSignClip, ...]:
    table = read_csv(path, ("video_name", "signer"))
    given = {row["video_name"]: row["signer"].casefold() for row in table}
    known = {clip.video_name for clip in clips}
    strange = sorted(set(given) - known)
    if strange:
        raise InputRejected(path, f"names clips that the labels lack: {listed(strange)}", "correct the names")
    return tuple(replace(clip, signer=given.get(clip.video_name, clip.signer)) for clip in clips)


def _join_videos(clips: Sequence[EmoSignClip], folder: Path) -> tuple[EmoSignClip, ...]:
    if not folder.is_dir():
        raise InputRejected(folder, "is not a folder", "give the folder of the utterance videos")
    wanted = {clip.utterance for clip in clips if clip.utterance}
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.casefold() in _VIDEO_ENDINGS and path.is_file():
            number = utterance_of(path.stem)
            if number not in wanted and path.parent != folder:
                number = utterance_of(path.parent.name)
            if number in wanted:
                found.setdefault(number, []).append(path)
    several = {number: paths for number, paths in found.items() if len(paths) > 1}
    if several:
        shown = [f"{number}: {', '.join(p.name for p in paths)}" for number, paths in several.items()]
        raise InputRejected(
            folder, f"holds several videos of one utterance ({listed(shown)})", "leave one view of each"
        )
    if not found:
        raise InputRejected(
            folder,
            "holds no video whose name ends in the number of an utterance",
            f"the first one looked for is {next((c.utterance for c in clips if c.utterance), 'none')}",
        )
    return tuple(
        replace(clip, video=found[clip.utterance][0]) if clip.utterance in found else clip for clip in clips
    )


def _join_captions(clips: Sequence[EmoSignClip], path: Path) -> tuple[EmoSignClip, ...]:
    table = read_csv(path, ("caption",))
    key = next((c for c in ("video_name", "utterance") if c in table.columns), None)
    if key is None:
        raise InputRejected(path, "has neither video_name nor utterance", "add the column to join by")
    given = {row[key]: row["caption"] for row in table if row["caption"]}
    joined = tuple(
        replace(clip, caption=given.get(clip.video_name if key == "video_name" else clip.utterance))
        for clip in clips
    )
    if all(clip.caption is None for clip in joined):
        raise InputRejected(path, f"has no caption for any of the clips (joined by {key})", "check its keys")
    return joined


def joined(data: EmoSign, joins: Mapping[str, Path | None]) -> EmoSign:
    """The clips with ``signers``, ``videos`` and ``captions`` joined: see `load_emosign`."""
    clips = data.clips
    if joins["signers"] is not None:
        clips = _join_signers(clips, joins["signers"])
    if joins["videos"] is not None:
        clips = _join_videos(clips, joins["videos"])
    if joins["captions"] is not None:
        clips = _join_captions(clips, joins["captions"])
    return replace(data, clips=clips)
