"""The tables of README.md beside it, printed: views, candidates, cues and scales."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from signlens.errors import UsageError
from signlens.evaluation.metrics import Interval, wilson
from signlens.orientation.correction import CorrectionSettings
from signlens.orientation.yaw_cues import read_cues
from signlens_studies.orientation.recordings import Recording, load_recordings
from signlens_studies.orientation.rendered_views import RENDERED_FRAMES, Filmed, cue_errors, measure_scales
from signlens_studies.orientation.view_scorers import Scorer, run_scorer, shipped_scorer
from signlens_studies.orientation.views import ROLLS, YAWS, Cell, choose, methods, run_view, summarise


def open_networks(
    recordings_of: str,
    data: Path,
    run: Path | None,
    networks: Sequence[str],
    per_word: int | None,
) -> tuple[list[Recording], Scorer, tuple[str, ...], str]:
    """The recordings of one recorder, and networks to score them with.

    Args:
        recordings_of: ``recorder1`` or ``recorder2``.
        data: Folder of the landmark sets.
        run: A run of ``signlens_studies/starter/starter.toml``; the shipped model when None.
        networks: Which networks of the run; all that it has when empty.
        per_word: Clips of each word; all when None.
    """
    split = "traduttore-1-to-2" if recordings_of == "recorder2" else "traduttore-2-to-1"
    if run is None:
        scorer, classes, about = shipped_scorer()
    else:
        scorer, classes, about = run_scorer(run, split, networks)
    recordings = load_recordings(data / "traduttore-asl", recordings_of, per_word)
    print(f"{len(recordings)} clips of {recordings_of}, {about}")
    return recordings, scorer, classes, about


def compare_methods(
    recordings: Sequence[Recording],
    scorer: Scorer,
    classes: Sequence[str],
    chosen: Sequence[str],
    rolls: bool,
) -> list[Cell]:
    """Every method, or those chosen beside no correction, at every view.

    Raises:
        UsageError: There is no such method.
    """
    widths = [np.nanmedian(read_cues(r.poses).width) for r in recordings]
    compared = methods(widest=float(np.percentile(widths, 75)))
    unknown = [m for m in chosen if m not in compared]
    if unknown:
        raise UsageError(
            "--methods", f"there is none called {unknown[0]!r}", f"choose from {'; '.join(compared)}"
        )
    if chosen:
        compared = {"no correction": compared["no correction"], **{m: compared[m] for m in chosen}}
    views = [(y, r) for r in (ROLLS if rolls else (0.0,)) for y in YAWS]
    return run_view(recordings, scorer, classes, compared, views, progress=tell)


def print_choice(
    recordings: Sequence[Recording], scorer: Scorer, classes: Sequence[str]
) -> CorrectionSettings:
    """Print every candidate of `choose`, and return the best."""
    best, tried = choose(recordings, scorer, classes, tell)
    for settings, cost, mean in tried:
        mark = "  <" if settings == best else ""
        name = f"{settings.policy}, from {settings.least_yaw:g} degrees"
        print(f"{name:28s} at 0: {cost:+5.2f}   mean at +-30, +-45: {mean:5.1f}{mark}")
    return best


def tell(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


def print_view(cells: Sequence[Cell], clips: int, about: str) -> dict[str, Any]:
    """Print every method at every view, and what it keeps and costs; the same as plain values."""
    names = list(dict.fromkeys(c.method for c in cells))
    yaws, rolls = sorted({c.yaw for c in cells}), sorted({c.roll for c in cells})
    at = {(c.method, c.yaw, c.roll): wilson(int(c.right.sum()), len(c.right)) for c in cells}

    def table(title: str, rows: Sequence[tuple[str, str, float]]) -> None:
        print(f"\n| {title} | " + " | ".join(f"{y:+.0f}" for y in yaws) + " |")
        print("|---|" + "---|" * len(yaws))
        for label, name, roll in rows:
            print(f"| {label} | " + " | ".join(f"{at[name, y, roll].value:.1f}" for y in yaws) + " |")

    if len(rolls) == 1:
        table("top-1 at yaw", [(name, name, 0.0) for name in names])
    else:
        for name in names:
            table(f"{name}: top-1 at roll (down), yaw (across)", [(f"{r:+.0f}", name, r) for r in rolls])
    made = summarise(cells)
    angles = list(made[0].kept)
    print("\n| system | at 0 | cost at 0 | only right without / with it, p | yaw error |")
    print("|---|---|---|---|---|")
    for row in made:
        test = row.at_zero_test
        print(
            f"| {row.method} | {_with_interval(row.at_zero)} | {_with_interval(row.cost_at_zero, 2)} | "
            f"{test.only_first} / {test.only_second}, {test.p_value:.2g} | {_with_interval(row.yaw_error)} |"
        )
    for title, values in (
        ("kept of the accuracy at 0", [row.kept for row in made]),
        ("points won against no correction", [row.gain for row in made]),
    ):
        print(f"\n| {title} | " + " | ".join(f"+-{a:.0f}" for a in angles) + " |")
        print("|---|" + "---|" * len(angles))
        for row, of in zip(made, values, strict=True):
            print(f"| {row.method} | " + " | ".join(_with_interval(of[a]) for a in angles) + " |")
    print("\n| clips changed, per cent | " + " | ".join(f"+-{a:.0f}" for a in (0.0, *angles)) + " |")
    print("|---|" + "---|" * (len(angles) + 1))
    for row in made:
        print(f"| {row.method} | " + " | ".join(f"{v:.1f}" for v in row.changed.values()) + " |")
    accuracy = [
        {"method": m, "yaw": y, "roll": r, "top1": v.value, "low": v.low, "high": v.high}
        for (m, y, r), v in at.items()
    ]
    return {"clips": clips, "networks": about, "accuracy": accuracy, "summary": [asdict(row) for row in made]}


def _with_interval(value: Interval | None, digits: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value.value:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def print_rendered(clips: Sequence[Filmed]) -> dict[str, Any]:
    """Print what each cue reads at every true yaw; the same as plain values."""
    made = cue_errors(clips)
    yaws = sorted(made[0].read)
    print(f"{len(clips)} rendered clips of {RENDERED_FRAMES} frames, 480x360, six identities")
    print(
        "\n| cue reads, at a true yaw of | "
        + " | ".join(f"{y:+.0f}" for y in yaws)
        + " | median error | rms |"
    )
    print("|---|" + "---|" * (len(yaws) + 2))
    for row in made:
        read = " | ".join(f"{row.read[y]:+.0f}" for y in yaws)
        unknown = f" ({row.unknown} clips unknown)" if row.unknown else ""
        print(f"| {row.cue}{unknown} | {read} | {row.median:.1f} | {row.rms:.1f} |")
    return {"clips": len(clips), "cues": [asdict(row) for row in made]}


def print_scales(clips: Sequence[Filmed]) -> dict[str, Any]:
    """Print the factors of `measure_scales`; the same as plain values."""
    made = measure_scales(clips)
    for name, (value, without) in made.items():
        print(f"{name:9s} {value:.2f}   without one identity: {min(without):.2f} to {max(without):.2f}")
    return {name: value for name, (value, _) in made.items()}
