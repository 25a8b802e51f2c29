"""The verb `extract`: videos to .pose files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.progress import ProgressBar
from signlens.cli.shared import (
    EXIT_INTERRUPTED,
    AsJson,
    MaxFrames,
    MaxPixels,
    MaxSeconds,
    app,
    asked_limits,
    defect,
    errors_to_exit_codes,
    gravest,
    print_json,
    report_error,
    say,
)
from signlens.errors import InputRejected, SignLensError, UsageError
from signlens.files import write_errors
from signlens.reasons import Reason

if TYPE_CHECKING:
    from signlens.pose import PoseClip


@app.command()
def extract(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Videos, folders of videos, or camera:0.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the .pose files.")],
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
) -> None:
    """Turn videos into .pose files with provenance; a run that was stopped goes on where it was."""
    with errors_to_exit_codes():
        from signlens.pose.holistic import HolisticExtractor

        limits = asked_limits(max_seconds, max_pixels, max_frames)
        planned, rejected = _plan_extraction(inputs, out)
        with write_errors(out, "name another", "the folder cannot be made"):
            out.mkdir(parents=True, exist_ok=True)
        entries: list[dict[str, Any]] = []
        codes = []
        for problem in rejected:
            codes.append(report_error(problem))
            entries.append(_entry(problem.subject, None, "rejected", [Reason.of_error(problem)]))
        interrupted = False
        try:
            with HolisticExtractor() as extractor, ProgressBar(len(planned)) as bar:
                for number, (source, target) in enumerate(planned):
                    progress = bar.clip(number, source)
                    try:
                        if _is_finished(source, target):
                            entries.append(_entry(source, target, "skipped"))
                            continue
                        clip = extractor.extract(source, limits, progress)
                        _save_pose(clip, target)
                        entries.append(_entry(source, target, "written", clip.reasons))
                    except Exception as error:
                        bar.hide()
                        codes.append(report_error(error))
                        entries.append(_entry(source, None, "rejected", [_rejection(source, error)]))
        except KeyboardInterrupt:
            interrupted = True
            say("signlens: interrupted; the same command goes on where this one stopped")
        if as_json:
            print_json(entries)
        else:
            _print_extraction(entries, out)
        raise typer.Exit(EXIT_INTERRUPTED if interrupted else gravest(codes))


def _entry(source: str, target: Path | None, status: str, reasons: Sequence[Reason] = ()) -> dict[str, Any]:
    return {
        "input": source,
        "output": None if target is None else str(target),
        "status": status,
        "reasons": [reason.to_json() for reason in reasons],
    }


def _rejection(source: str, error: Exception) -> Reason:
    return Reason.of_error(
        error if isinstance(error, SignLensError) else SignLensError(source, defect(error))
    )


def _plan_extraction(inputs: Sequence[str], out: Path) -> tuple[list[tuple[str, Path]], list[InputRejected]]:
    """Which source goes to which file, and which inputs hold nothing."""
    from signlens.video import VIDEO_SUFFIXES

    planned: list[tuple[str, Path]] = []
    rejected = []
    for name in inputs:
        path = Path(name)
        if not path.is_dir():
            planned.append((name, out / f"{Path(name.replace(':', '-')).stem}.pose"))
            continue
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
        if not found:
            rejected.append(InputRejected(name, "there is no video in this folder", "name another"))
        planned += [(str(p), out / p.relative_to(path).with_suffix(".pose")) for p in found]
    owner: dict[Path, str] = {}
    for source, target in planned:
        if target in owner:
            raise UsageError(
                target, f"both {owner[target]} and {source} would be written there", "use two commands"
            )
        owner[target] = source
    return planned, rejected


def _is_finished(source: str, target: Path) -> bool:
    """Whether `target` holds, whole, what the extractor of today would make of `source`."""
    from signlens.datasets.extraction import is_finished, todays_extractor
    from signlens.pose import read_pose

    if not target.is_file() or source.startswith("camera:"):
        return False
    try:
        return is_finished(read_pose(target), Path(source), todays_extractor())
    except InputRejected:
        return False


def _save_pose(clip: PoseClip, target: Path) -> None:
    from signlens.pose import write_pose

    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_pose(clip, target)


def _print_extraction(entries: Sequence[dict[str, Any]], out: Path) -> None:
    for entry in entries:
        if entry["status"] == "written":
            note = f" ({' '.join(reason['text'] for reason in entry['reasons'])})" if entry["reasons"] else ""
            typer.echo(f"{entry['output']}{note}")
    count = {s: sum(e["status"] == s for e in entries) for s in ("written", "skipped", "rejected")}
    typer.echo(
        f"{out}: {count['written']} written, {count['skipped']} already there, {count['rejected']} rejected"
    )
