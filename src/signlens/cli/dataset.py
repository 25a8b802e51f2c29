"""The verb `dataset info`, and the group of dataset verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from signlens.cli.progress import ProgressBar
from signlens.cli.shared import AsJson, app, errors_to_exit_codes, print_json

LISTED = 10

datasets = typer.Typer(
    help="Datasets: import clips with labels, and see what is in them.", no_args_is_help=True
)
app.add_typer(datasets, name="dataset")


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
        from signlens.datasets.summary import summarise_dataset

        dataset = Dataset.open(folder)
        if verify:
            dataset.check_poses()
        with ProgressBar() as bar:
            found = summarise_dataset(dataset, lambda done, total: bar(done, total, "reading"))
        if as_json:
            print_json({"folder": str(folder), **found})
        else:
            _print_summary(found)


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
    print_missing(found)
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
        typer.echo(f"Numbers missing in the signers' numbering: {len(gaps)} ({', '.join(gaps[:LISTED])})")
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


def print_missing(found: dict[str, Any]) -> None:
    """Which clips have no poses, and why."""
    missing = found["missing"]
    if not missing["count"]:
        return
    typer.echo(f"Without poses: {missing['count']:,} clips")
    reasons = list(missing["reasons"].items())
    for reason, count in reasons[:LISTED]:
        typer.echo(f"  {count:,} x {reason}")
    if len(reasons) > LISTED:
        typer.echo(f"  and {len(reasons) - LISTED} other reasons; manifest.csv has each")
    if len(reasons) > 1 or missing["count"] < found["clips"]["listed"]:
        more = " ..." if missing["count"] > LISTED else ""
        typer.echo(f"  {' '.join(missing['clips'][:LISTED])}{more}")


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
