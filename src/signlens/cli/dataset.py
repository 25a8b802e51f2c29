"""The verbs `dataset import` and `dataset info`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from signlens.cli.shared import (
    EXIT_INTERRUPTED,
    AsJson,
    MaxFrames,
    MaxPixels,
    MaxSeconds,
    app,
    asked_limits,
    errors_to_exit_codes,
    print_json,
    say,
)
from signlens.errors import UsageError

_LISTED = 10

datasets = typer.Typer(
    help="Datasets: import clips with labels, and see what is in them.", no_args_is_help=True
)
app.add_typer(datasets, name="dataset")


@datasets.command("import")
def import_(
    kind: Annotated[
        Literal[
            "wlasl",
            "autsl",
            "asl-citizen",
            "gloss-folders",
            "csv",
            "traduttore",
            "wlasl50",
            "slr-sentiment",
            "emosign",
        ],
        typer.Argument(metavar="KIND", help="What is imported; docs/datasets.md shows each."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The dataset folder; made, or replaced.")],
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="Label files, or the folder that holds them (emosign: none with --revision or --raters).",
        ),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option("--videos", help="Folder of videos; their poses are extracted.")
    ] = None,
    poses: Annotated[
        Path | None,
        typer.Option("--poses", help="Folder of poses; with --videos, theirs are kept there too."),
    ] = None,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Only the labels: no clip has poses.")
    ] = False,
    name: Annotated[str, typer.Option("--name", help="The dataset's name; by default the folder's.")] = "",
    glosses: Annotated[
        Path | None, typer.Option("--glosses", help="File of glosses in class order; others are left out.")
    ] = None,
    subset: Annotated[int | None, typer.Option("--subset", help="wlasl: 100, 300, 1000 or 2000.")] = None,
    gloss_language: Annotated[
        Literal["en", "tr"] | None, typer.Option("--gloss-language", help="autsl: en (default) or tr.")
    ] = None,
    signer_pattern: Annotated[
        str, typer.Option("--signer-pattern", help="gloss-folders: regular expression for who signs.")
    ] = "",
    signer_split: Annotated[
        list[str] | None,
        typer.Option(
            "--signer-split", metavar="SPLIT=SIGNER", help="Splits by signer; once for each signer."
        ),
    ] = None,
    keypoints: Annotated[
        Literal["whole-body", "signing"],
        typer.Option("--keypoints", help="What is stored: all 133, or the 49 of upper body and hands."),
    ] = "whole-body",
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Arrays come from mirrored frames, as SAM-SLR's do.")
    ] = False,
    captions: Annotated[
        Path | None,
        typer.Option("--captions", help="emosign: CSV of caption and video_name, or utterance."),
    ] = None,
    signers: Annotated[
        Path | None, typer.Option("--signers", help="emosign: CSV of video_name and signer.")
    ] = None,
    raters: Annotated[
        list[Path] | None,
        typer.Option("--raters", help="emosign: what each annotator said, a file for each or one for all."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="emosign: fetch the labels at this commit (40 digits).")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="emosign: what the file's SHA-256 must be.")
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option("--rule", help="emosign: which clips are single: combinations, all, clear, strongest."),
    ] = None,
    intensity_base: Annotated[
        int | None, typer.Option("--intensity-base", help="emosign: how 'absent' is stored, 0 or 1.")
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="emosign: leave bad rows out, and say which.")
    ] = False,
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
) -> None:
    """Make a dataset folder of labels and videos or poses; a run that was stopped goes on where it was."""
    with errors_to_exit_codes():
        of_emosign = {
            "captions": captions,
            "signers": signers,
            "raters": tuple(raters or ()),
            "revision": revision,
            "sha256": sha256,
            "rule": rule,
            "intensity_base": intensity_base,
            "skip_bad_rows": skip_bad_rows,
        }
        if kind == "emosign":
            _refuse_given(
                kind,
                {
                    "poses": poses,
                    "labels-only": labels_only,
                    "name": name,
                    "glosses": glosses,
                    "subset": subset,
                    "gloss-language": gloss_language,
                    "signer-pattern": signer_pattern,
                    "signer-split": signer_split,
                    "mirrored": mirrored,
                },
            )
            _import_emosign(out, sources or [], videos, of_emosign, as_json)
            return
        _refuse_given(kind, {name.replace("_", "-"): value for name, value in of_emosign.items()})
        if not sources:
            raise UsageError("SOURCE", f"{kind} needs label files, or their folder", "name them")
        from signlens.datasets.command import ImportRequest, run_import
        from signlens.datasets.summary import summarise

        request = ImportRequest(
            kind=kind,
            sources=tuple(sources),
            out=out,
            videos=videos,
            poses=poses,
            labels_only=labels_only,
            name=name,
            glosses=glosses,
            subset=subset,
            gloss_language=gloss_language,
            signer_pattern=signer_pattern,
            signer_splits=tuple(signer_split or ()),
            keypoints=keypoints,
            mirrored=mirrored,
            limits=asked_limits(max_seconds, max_pixels, max_frames),
        )
        try:
            with _bar() as (on_clip, on_frames):
                dataset = run_import(request, on_clip, on_frames)
        except KeyboardInterrupt:
            say("signlens: interrupted; the same command goes on where this one stopped")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        found = summarise(dataset)
        if as_json:
            print_json({"folder": str(out), **found})
            return
        clips = found["clips"]
        typer.echo(f"{out}: {clips['available']:,} of {clips['listed']:,} clips have poses")
        _print_missing(found)
        typer.echo(f"identity {found['identity']}")


def _refuse_given(kind: str, options: Mapping[str, Any]) -> None:
    """Options of other kinds, which would go unheard."""
    given = [f"--{name}" for name, value in options.items() if value not in (None, False, "", (), [])]
    if given:
        raise UsageError(", ".join(given), f"has no meaning for {kind}", "leave it out")


def _import_emosign(
    out: Path, sources: list[Path], videos: Path | None, options: Mapping[str, Any], as_json: bool
) -> None:
    from signlens.emosign.released_labels import import_emosign
    from signlens.emosign.scoring import MADE_UP

    if len(sources) > 1:
        raise UsageError("SOURCE", "emosign is one CSV file", "name that one")
    found = import_emosign(out, sources[0] if sources else None, videos=videos, **options)
    if as_json:
        print_json({"folder": str(out), **found})
        return
    parts, paper = found["expressions"]["counts"], found["expressions"]["paper"]
    signers = ", ".join(f"{name or 'unknown'} {count}" for name, count in found["signers"].items())
    typer.echo(f"{out}: {found['clips']} clips ({signers}); absent is stored as {found['intensity_base']}")
    typer.echo(
        f"rule '{found['expressions']['rule']}': {parts['single']} single, {parts['multi']} multiple, "
        f"{parts['left_out']} left out (the paper: {paper['single']}, {paper['multi']}, "
        f"{paper['left_out']} unaccounted)"
    )
    for what in ("videos", "captions"):
        missing = found[f"missing_{what}"]
        if missing:
            more = f", and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
            typer.echo(f"{len(missing)} clips without {what}: {', '.join(missing[:_LISTED])}{more}")
    for note in found["notes"]:
        say(f"signlens: {note}")
    typer.echo(f"identity {found['identity']}")
    if found["made_up"]:
        say(f"signlens: {MADE_UP}")


@datasets.command("info")
def info(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A dataset folder.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Hold every pose against its checksum as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a dataset folder holds: splits, signers and their overlap, what is missing, lengths, hands."""
    with errors_to_exit_codes():
        from signlens.datasets.folder import Dataset
        from signlens.datasets.summary import summarise

        dataset = Dataset.open(folder)
        if verify:
            dataset.check_poses()
        with _bar() as (on_clip, _):
            found = summarise(dataset, lambda done, total: on_clip(done, total, "reading"))
        if as_json:
            print_json({"folder": str(folder), **found})
        else:
            _print_summary(found)


_OnClip = Callable[[int, int, str], None]


@contextmanager
def _bar() -> Iterator[tuple[_OnClip, Callable[[int], None]]]:
    """A progress bar on standard error, where that is a terminal: clips done, and a video's frames."""
    if not sys.stderr.isatty():
        yield (lambda done, total, clip: None), (lambda frames: None)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[frames]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=None, frames="")

        def on_clip(done: int, total: int, clip: str) -> None:
            progress.update(task, completed=done, total=total, description=escape(clip[:40]), frames="")

        def on_frames(frames: int) -> None:
            progress.update(task, frames=f"{frames} frames")

        yield on_clip, on_frames


_SPLIT_NAMES = {"train": "Training", "test": "Testing", "val": "Validation", "none": "No split"}


def _print_summary(found: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(
        f"{found['name']} ({found['kind']}): {found['glosses']:,} glosses, {found['keypoints']} keypoints a "
        f"frame, in {found['unit']}",
        markup=False,
    )
    console.print(f"identity {found['identity']}", soft_wrap=True, markup=False)
    console.print()
    console.print(_split_table(found))
    _print_facts(found)
    _print_signers(found)
    _print_missing(found)
    if found["frames"]["total"]:
        console.print()
        console.print(_length_table(found))
        _print_hands(found)


def _split_table(found: dict[str, Any]) -> Any:
    from rich.table import Table

    published = found["published"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Subset")
    for head in ("Listed", "With poses", "Glosses", "Signers"):
        table.add_column(head, justify="right")
    if published:
        table.add_column(published["where"], justify="right")

    def row(title: str, part: dict[str, int], count: int | None) -> None:
        cells = [f"{part[key]:,}" for key in ("listed", "available", "glosses", "signers") if key in part]
        cells += [""] * (4 - len(cells))
        table.add_row(title, *cells, *([] if not published else ["" if count is None else f"{count:,}"]))

    counts = published["clips"] if published else {}
    for split in ("train", "test", "val", "none"):
        if split in found["splits"]:
            row(_SPLIT_NAMES[split], found["splits"][split], counts.get(split))
    for fold, part in found["folds"].items():
        row(f"Fold {fold}", part, None)
    row("Total", found["clips"], sum(counts.values()) if counts else None)
    return table


def _print_facts(found: dict[str, Any]) -> None:
    gaps = found["provenance"].get("facts", {}).get("numbering_gaps", [])
    if gaps:
        typer.echo(f"Numbers missing in the signers' numbering: {len(gaps)} ({', '.join(gaps[:_LISTED])})")
    if found["glosses_without_training_clip"]:
        typer.echo(
            f"Glosses in val or test without a training clip: {found['glosses_without_training_clip']}"
        )
    for note, count in found["provenance"].get("cuts", {}).items():
        what = {
            "cut": "cut to the sign out of a longer recording",
            "cut before": "labelled with a place in a longer recording, and taken as cut already",
        }
        typer.echo(f"Clips {what.get(note, note)}: {count:,}")
    extractors = found["provenance"].get("extractors", {})
    if extractors:
        typer.echo("Poses by: " + ", ".join(f"{name or 'unknown'} ({n:,})" for name, n in extractors.items()))


def _print_signers(found: dict[str, Any]) -> None:
    signers = found["signers"]
    if not signers["known"]:
        typer.echo("Signers: not known")
        return
    typer.echo(
        f"Signers: {signers['known']:,}, known of {signers['clips_with_known_signer']:,} of "
        f"{found['clips']['listed']:,} clips"
    )
    for split, overlap in found["signer_overlap"].items():
        if overlap["share"] is not None:
            known = overlap["clips_with_known_signer"]
            typer.echo(
                f"  {_SPLIT_NAMES[split]}: {overlap['signer_trains']:,} of {known:,} clips "
                f"({overlap['share']:.2%}) are signed by someone who also trains"
            )


def _print_missing(found: dict[str, Any]) -> None:
    missing = found["missing"]
    if not missing["count"]:
        return
    typer.echo(f"Without poses: {missing['count']:,} clips")
    reasons = list(missing["reasons"].items())
    for reason, count in reasons[:_LISTED]:
        typer.echo(f"  {count:,} x {reason}")
    if len(reasons) > _LISTED:
        typer.echo(f"  and {len(reasons) - _LISTED} other reasons; manifest.csv has each")
    if len(reasons) > 1 or missing["count"] < found["clips"]["listed"]:
        more = " ..." if missing["count"] > _LISTED else ""
        typer.echo(f"  {' '.join(missing['clips'][:_LISTED])}{more}")


def _length_table(found: dict[str, Any]) -> Any:
    from rich.table import Table

    frames = found["frames"]
    table = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        title=f"{frames['total']:,} frames; a clip has {frames['shortest']} to {frames['longest']}, "
        f"median {frames['median']:g}, mean {frames['mean']:.1f}",
        title_justify="left",
        title_style="",
    )
    table.add_column("Frames")
    table.add_column("Clips", justify="right")
    table.add_column("")
    entries = found["length_histogram"]
    filled = [i for i, entry in enumerate(entries) if entry["clips"]]
    most = max(entry["clips"] for entry in entries)
    for entry in entries[filled[0] : filled[-1] + 1]:
        span = f"{entry['from']} or more" if entry["to"] is None else f"{entry['from']} to {entry['to']}"
        bar = "#" * round(40 * entry["clips"] / most)
        table.add_row(span, f"{entry['clips']:,}", bar)
    return table


def _print_hands(found: dict[str, Any]) -> None:
    hands = found["hands"]
    if hands is None:
        typer.echo("Hands: not stored")
        return
    without, share = hands["clips_without"], hands["share_of_frames"]
    typer.echo(
        f"Clips in which no frame shows the left hand: {without['left']:,}; the right: {without['right']:,}; "
        f"any: {without['any']:,}"
    )
    typer.echo(
        f"Frames that show the left hand: {share['left']:.1%}; the right: {share['right']:.1%}; "
        f"any: {share['any']:.1%}"
    )
