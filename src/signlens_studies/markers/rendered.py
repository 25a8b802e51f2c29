"""What the markers and the expression head make of faces that are known: the rendered signer's proof.

    python -m signlens_studies markers films --cache FOLDER
    python -m signlens_studies markers recordings FOLDER --cache FOLDER

The first draws short films with known markers and expressions, alone and together, passes them through the
real pose extractor and the default expression provider (on the face points, which are what is kept), and
prints what is recovered (markers found, false alarms, errors of onset and offset) and what is confused (which
expression a marker scores as, before and after explaining away). Thresholds were chosen on films of
`CHOSEN_ON`; the tables are of `MEASURED_ON`.

The second counts the markers in recordings, whose truth nobody has annotated, and prints how fast and how
large people sign there: the usual values of `signlens.signing.intensity`.

Drawing takes most of the time; poses are kept in the cache folder, so a run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signlens.emotion import explain_away, read_emotion
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.head import load_head
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.metrics import wilson
from signlens.pose import PoseClip, read_pose, write_pose
from signlens.pose.holistic import HolisticExtractor
from signlens.signer.film import write_video
from signlens.signing.intensity import measure_intensity
from signlens.signing.markers import FUNCTIONS, MarkerReading, read_markers
from signlens_studies.markdown import markdown_table
from signlens_studies.markers.marked_signer import Script, film

CHOSEN_ON = ("maya", "kofi", "elena")
"""Signers on whose films the thresholds were chosen."""
MEASURED_ON = ("ren", "amara", "jonas")
"""Signers whose films only measure."""

MARKED: tuple[str, ...] = (
    "neutral",
    "brow-raise",
    "brow-furrow",
    "mouth-open",
    "head-shake",
    "head-nod",
    "glance",
    "happy+brow-raise",
    "brow-furrow+head-shake",
)
"""Films of each signer."""
EXPRESSIVE: tuple[str, ...] = ("surprise", "anger", "happy", "fear", "sad", "contempt", "disgust")
"""Films of the first signer: full expressions, which contain some of the markers' movements."""
TURNED: tuple[str, ...] = ("neutral", "brow-raise", "brow-furrow", "mouth-open", "head-shake", "head-nod")
"""Films of the first signer turned by `TURNED_YAW` degrees."""
TURNED_YAW = 25.0

WIDTH, HEIGHT = 272, 204


@dataclass(frozen=True)
class Seen:
    """What was made of one film.

    Attributes:
        script: The film.
        reading: Its markers.
        shown: Expression -> mean probability; empty when no face was seen.
        used: The same after explaining away.
    """

    script: Script
    reading: MarkerReading
    shown: dict[str, float]
    used: dict[str, float]


@dataclass(frozen=True)
class Recovery:
    """How one marker was recovered over some films.

    Attributes:
        there: Films in which it truly is.
        found: Of them, those in which a marker of its name meets the true time.
        absent: Films in which it is not, not even in part.
        false_alarms: Of them, those in which it was said nonetheless.
        onset_ms: Median error of the onset, signed; NaN where none was found.
        offset_ms: The same of the offset.
        spread_ms: Median absolute error of onsets and offsets together.
    """

    there: int
    found: int
    absent: int
    false_alarms: int
    onset_ms: float
    offset_ms: float
    spread_ms: float


def scripts(signers: Sequence[str]) -> list[Script]:
    """The films of some signers: `MARKED` for each; expressions and turned films for the first."""
    films = [Script(words, who) for who in signers for words in MARKED]
    if signers:
        films += [Script(words, signers[0]) for words in EXPRESSIVE]
        films += [Script(words, signers[0], yaw_degrees=TURNED_YAW) for words in TURNED]
    return films


def poses_of(script: Script, extractor: HolisticExtractor, cache: Path | None = None) -> PoseClip:
    """Draw a film and find its signer, or take both from the cache.

    Args:
        script: The film.
        extractor: Inside its ``with``.
        cache: Folder of poses; made when absent.
    """
    kept = None if cache is None else cache / f"{_name(script)}.pose"
    if kept is not None and kept.is_file():
        return read_pose(kept)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "film.mp4"
        write_video(film(script, width=WIDTH, height=HEIGHT), video, fps=script.fps, quality=16)
        clip = extractor.extract(video)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_pose(clip, kept)
    return clip


def _name(script: Script) -> str:
    facts = json.dumps([asdict(script), WIDTH, HEIGHT], sort_keys=True)
    digest = hashlib.sha256(facts.encode()).hexdigest()[:8]
    return f"{script.words}-{script.identity}-{script.yaw_degrees:g}-{digest}"


def look(script: Script, clip: PoseClip) -> Seen:
    """Markers and expression of a film's poses, as `recognize` measures them."""
    reading = read_markers(clip, load_head().reference)
    emotion = read_emotion(clip)
    if emotion is None:
        return Seen(script, reading, {}, {})
    used, _ = explain_away(emotion, reading.markers)
    return Seen(script, reading, dict(emotion.probabilities), used)


def recovery(films: Iterable[Seen], marker: str) -> Recovery:
    """How well one marker is recovered.

    Args:
        films: What was made of each.
        marker: A name in `signlens.signing.markers.FUNCTIONS`.
    """
    there = found = absent = alarms = 0
    onsets: list[float] = []
    offsets: list[float] = []
    for seen in films:
        said = [m for m in seen.reading.markers if m.name == marker]
        truth = seen.script.truth().get(marker)
        if truth is None:
            if marker not in seen.script.partly():
                absent += 1
                alarms += bool(said)
            continue
        there += 1
        meets = [m for m in said if m.onset_s < truth[1] and m.offset_s > truth[0]]
        if meets:
            found += 1
            onsets.append(1000 * (min(m.onset_s for m in meets) - truth[0]))
            offsets.append(1000 * (max(m.offset_s for m in meets) - truth[1]))
    errors = np.abs([*onsets, *offsets])
    return Recovery(
        there,
        found,
        absent,
        alarms,
        float(np.median(onsets)) if onsets else float("nan"),
        float(np.median(offsets)) if offsets else float("nan"),
        float(np.median(errors)) if len(errors) else float("nan"),
    )


def recovery_table(films: Sequence[Seen]) -> str:
    """Markdown: one marker a row."""
    every = [recovery(films, marker) for marker in FUNCTIONS]
    rows = []
    for marker, r in zip(FUNCTIONS, every, strict=True):
        times = (f"{value:+.0f} ms" if np.isfinite(value) else "" for value in (r.onset_ms, r.offset_ms))
        spread = f"{r.spread_ms:.0f} ms" if np.isfinite(r.spread_ms) else ""
        found, alarms = f"{r.found} of {r.there}", f"{r.false_alarms} of {r.absent}"
        rows.append((marker.replace("_", " "), found, alarms, *times, spread))
    totals = (
        ("found", sum(r.found for r in every), sum(r.there for r in every)),
        ("false alarms", sum(r.false_alarms for r in every), sum(r.absent for r in every)),
    )
    head = ("marker", "found", "false alarms", "onset, median error", "offset", "median absolute error")
    over_all = ", ".join(_share(*total) for total in totals)
    return f"{markdown_table(head, rows)}\n\nOver all markers: {over_all}."


def _share(name: str, hits: int, of: int) -> str:
    if not of:
        return f"{name} {hits} of {of}"
    bounds = wilson(hits, of)
    return f"{name} {hits} of {of} (95 % interval {bounds.low:.0f} to {bounds.high:.0f} %)"


def confusion_table(films: Sequence[Seen]) -> str:
    """Markdown: what each film's markers and expression were taken for, means over signers."""
    rows = []
    for words in dict.fromkeys(seen.script.words for seen in films):
        same = [seen for seen in films if seen.script.words == words]
        said = [m for seen in same for m in dict.fromkeys(m.name for m in seen.reading.markers)]
        counts = ", ".join(f"{m.replace('_', ' ')} {said.count(m)}" for m in FUNCTIONS if m in said)
        shown, used = (_mean([getattr(seen, part) for seen in same]) for part in ("shown", "used"))
        ranked = sorted(shown, key=lambda e: -shown[e])[:3]
        strongest = (", ".join(f"{e} {means[e]:.2f}" for e in ranked) for means in (shown, used))
        rows.append((words, len(same), counts or "none", *strongest))
    head = ("film", "films", "markers said", "strongest expressions", "after explaining away")
    return markdown_table(head, rows)


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    seen = [row for row in rows if row]
    return {name: float(np.mean([row[name] for row in seen])) if seen else 0.0 for name in EMOTIONS}


@dataclass(frozen=True)
class Recordings:
    """Markers and movement in recordings without truth.

    Attributes:
        clips: How many were read.
        with_marker: Marker -> clips in which it was said.
        without: Clips in which none was said.
        unread: Clips whose markers could not be read.
        speed: Quartiles of the signing speed, shoulder widths a second.
        size: Quartiles of the signing space, shoulder widths.
        moving: Clips of which speed and size were measured.
        frames: Mean frames of a clip.
        cpu_ms: Mean processor time of markers and movement together, milliseconds a clip.
    """

    clips: int
    with_marker: dict[str, int]
    without: int
    unread: int
    speed: tuple[float, float, float]
    size: tuple[float, float, float]
    moving: int
    frames: float
    cpu_ms: float


def survey(clips: Iterable[PoseClip]) -> Recordings:
    """Count markers, and measure speed and size, over recordings."""
    reference = load_head().reference
    said = dict.fromkeys(FUNCTIONS, 0)
    total = without = unread = frames = 0
    spent = 0.0
    moves: list[tuple[float, float]] = []
    for clip in clips:
        total += 1
        frames += clip.frames
        started = time.process_time()
        reading = read_markers(clip, reference)
        found = measure_intensity(clip)
        spent += time.process_time() - started
        unread += not reading.readable
        without += reading.readable and not reading.markers
        for name in {m.name for m in reading.markers}:
            said[name] += 1
        if found is not None:
            moves.append((found.speed, found.size))
    quartiles = np.percentile(moves, [25, 50, 75], axis=0).T if moves else np.full((2, 3), np.nan)
    speed, size = (tuple(float(v) for v in row) for row in quartiles)
    mean, cpu_ms = frames / max(total, 1), 1000 * spent / max(total, 1)
    return Recordings(total, said, without, unread, speed, size, len(moves), mean, cpu_ms)  # type: ignore[arg-type]


def read_recordings(folder: Path, cache: Path | None) -> Iterable[PoseClip]:
    """The poses of a folder's videos and `.pose` files, in order of their names."""
    files = sorted(
        p for p in folder.iterdir() if p.suffix.lower() in (".pose", ".mp4", ".mov", ".mkv", ".avi")
    )
    if not files:
        raise InputRejected(folder, "there is no video and no .pose file in it", "name another folder")
    with HolisticExtractor() as extractor:
        for path in files:
            kept = path if path.suffix == ".pose" else None if cache is None else cache / f"{path.stem}.pose"
            if kept is not None and kept.is_file():
                yield read_pose(kept)
                continue
            try:
                clip = extractor.extract(path)
            except InputRejected as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_pose(clip, kept)
            yield clip


def print_films(signers: Sequence[str], cache: Path | None, kept_only: bool) -> dict[str, Any]:
    """Draw the films (or take them from the cache) and print the tables; returns the numbers."""
    films: list[Seen] = []
    missing: list[str] = []
    wanted = scripts(signers)
    if kept_only and cache is None:
        raise UsageError("--kept-only", "there is no cache to look in", "give --cache FOLDER")
    with HolisticExtractor() as extractor:
        for number, script in enumerate(wanted, 1):
            if kept_only and cache is not None and not (cache / f"{_name(script)}.pose").is_file():
                missing.append(f"{script.words} ({script.identity}, {script.yaw_degrees:g} degrees)")
                continue
            print(f"{number}/{len(wanted)} {script.words} {script.identity}", file=sys.stderr)
            films.append(look(script, poses_of(script, extractor, cache)))
    straight = [seen for seen in films if seen.script.yaw_degrees == 0]
    marked = [seen for seen in straight if seen.script.words in MARKED]
    turned = [seen for seen in films if seen.script.yaw_degrees != 0]
    who = ", ".join(dict.fromkeys(seen.script.identity for seen in films))
    print(f"{len(films)} films of {who}, {WIDTH}x{HEIGHT}, {Script('neutral').fps:g} frames a second")
    if missing:
        print(f"not drawn: {'; '.join(missing)}")
    result: dict[str, Any] = {"films": len(films), "not_drawn": missing}
    for title, part in (
        ("markers, facing the camera", marked),
        (f"turned by {TURNED_YAW:g} degrees", turned),
    ):
        if part:
            print(f"\n{title}: {len(part)} films\n\n{recovery_table(part)}")
            result[title] = {m: asdict(recovery(part, m)) for m in FUNCTIONS}
    print(f"\nwhat is taken for what, facing the camera\n\n{confusion_table(straight)}")
    result["seen"] = [
        {
            "words": s.script.words,
            "identity": s.script.identity,
            "yaw_degrees": s.script.yaw_degrees,
            "truth": s.script.truth(),
            "markers": [asdict(m) for m in s.reading.markers],
            "shown": s.shown,
            "used": s.used,
        }
        for s in films
    ]
    return result


def print_survey(found: Recordings) -> dict[str, Any]:
    """Print what `survey` found; returns the numbers."""
    print(
        f"{found.clips} recordings; in {found.without} no marker was said, {found.unread} could not be read"
    )
    for name, count in found.with_marker.items():
        print(f"  {name.replace('_', ' '):14s} in {count}")
    for name, quartiles in (("speed", found.speed), ("size", found.size)):
        low, middle, high = quartiles
        print(f"{name}: median {middle:.2f}, quartiles {low:.2f} and {high:.2f} ({found.moving} recordings)")
    print(
        f"markers and movement: {found.cpu_ms:.1f} ms of processor time a clip of {found.frames:.0f} frames"
    )
    return asdict(found)
