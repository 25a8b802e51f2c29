"""`dataset import KIND`: a verb for each kind of dataset, with the options that it needs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from importlib.resources import files
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from signlens.cli.dataset import LISTED, datasets, print_missing
from signlens.cli.progress import ProgressBar
from signlens.cli.shared import (
    EXIT_INTERRUPTED,
    AsJson,
    MaxFrames,
    MaxPixels,
    MaxSeconds,
    asked_limits,
    errors_to_exit_codes,
    print_json,
    say,
)
from signlens.errors import InputRejected, UsageError

if TYPE_CHECKING:
    from signlens.datasets.importing import ImportSettings
    from signlens.datasets.labels import Labels

Out = Annotated[Path, typer.Option("--out", help="The dataset folder; made, or replaced.")]

COMMON: dict[str, tuple[Any, Any]] = {
    "sources": (
        Annotated[
            list[Path],
            typer.Argument(metavar="SOURCE...", help="Label files, or the folder that holds them."),
        ],
        Parameter.empty,
    ),
    "out": (Out, Parameter.empty),
    "videos": (
        Annotated[Path | None, typer.Option("--videos", help="Folder of videos; their poses are extracted.")],
        None,
    ),
    "poses": (
        Annotated[
            Path | None,
            typer.Option("--poses", help="Folder of poses; with --videos, theirs are kept there too."),
        ],
        None,
    ),
    "labels_only": (
        Annotated[bool, typer.Option("--labels-only", help="Only the labels: no clip has poses.")],
        False,
    ),
    "name": (Annotated[str, typer.Option("--name", help="The dataset's name; else the folder's.")], ""),
    "glosses": (
        Annotated[
            Path | None,
            typer.Option("--glosses", help="File of glosses in class order; others are left out."),
        ],
        None,
    ),
    "signer_split": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--signer-split", metavar="SPLIT=SIGNER", help="Splits by signer; once for each signer."
            ),
        ],
        None,
    ),
    "keypoints": (
        Annotated[
            Literal["whole-body", "signing"],
            typer.Option("--keypoints", help="What is stored: all 133, or the 49 of upper body and hands."),
        ],
        "whole-body",
    ),
    "mirrored": (
        Annotated[
            bool, typer.Option("--mirrored", help="Arrays come from mirrored frames, as SAM-SLR's do.")
        ],
        False,
    ),
    "as_json": (AsJson, False),
    "max_seconds": (MaxSeconds, None),
    "max_pixels": (MaxPixels, None),
    "max_frames": (MaxFrames, None),
}
"""What every kind takes: parameter -> its type for the command line, and its default."""

RETIRED = tomllib.loads(files("signlens.datasets").joinpath("retired_kinds.toml").read_text("utf-8"))
"""Kind that was -> what replaced it."""


class Kinds(TyperGroup):
    """The kinds; one that was taken out says what replaced it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb of a kind."""
        if args and args[0] in RETIRED:
            with errors_to_exit_codes():
                raise UsageError(args[0], "is no longer imported by this verb", RETIRED[args[0]])
        return super().resolve_command(ctx, args)


kinds = typer.Typer(
    cls=Kinds, no_args_is_help=True, help="Make a dataset folder of labels and videos or poses."
)
datasets.add_typer(kinds, name="import")


Read = Callable[[tuple[Path, ...], dict[str, Any]], "tuple[Labels, Path | None]"]
"""Sources and options -> labels, and the folder in which the clips lie beside them, if they do."""


def add_kind(
    name: str, text: str, read: Read, own: dict[str, tuple[Any, Any]], *, left_out: Sequence[str] = ()
) -> None:
    """Add the verb of a kind: what every kind takes, and options of its own.

    Args:
        name: Of the kind.
        text: Its help.
        read: Reads its labels; rooms are imported inside.
        own: As `COMMON`.
        left_out: Parameters that it does not take.
    """
    parameters = {n: p for n, p in COMMON.items() if n not in left_out} | own

    def verb(**given: Any) -> None:
        with errors_to_exit_codes():
            from signlens.datasets.importing import ImportSettings

            sources, limits = tuple(given.pop("sources")), [given.pop(n) for n in _LIMITS]
            as_json, splits = given.pop("as_json"), tuple(given.pop("signer_split") or ())
            special = {option: given.pop(option) for option in own}
            settings = ImportSettings(**given, signer_splits=splits, limits=asked_limits(*limits))
            labels, clips_in = read(sources, {**given, **special})
            _import(labels, settings, as_json, clips_in)

    verb.__doc__ = text
    verb.__annotations__ = {n: annotation for n, (annotation, _) in parameters.items()}
    ordered = sorted(parameters.items(), key=lambda item: item[1][1] is not Parameter.empty)
    verb.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(n, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for n, (annotation, default) in ordered
        ]
    )
    kinds.command(name)(verb)


_LIMITS = ("max_seconds", "max_pixels", "max_frames")


def _one(sources: tuple[Path, ...]) -> Path:
    if len(sources) > 1:
        raise UsageError("SOURCE", f"{len(sources)} sources are given", "give one")
    return sources[0]


def _wlasl(sources: tuple[Path, ...], options: dict[str, Any]) -> tuple[Labels, Path | None]:
    from signlens.datasets.wlasl import read_wlasl

    return read_wlasl(sources, options["subset"]), None


def _autsl(sources: tuple[Path, ...], options: dict[str, Any]) -> tuple[Labels, Path | None]:
    from signlens.datasets.autsl import read_autsl

    return read_autsl(sources, options["gloss_language"]), None


def _asl_citizen(sources: tuple[Path, ...], options: dict[str, Any]) -> tuple[Labels, Path | None]:
    from signlens.datasets.asl_citizen import read_asl_citizen

    return read_asl_citizen(sources), None


def _gloss_folders(sources: tuple[Path, ...], options: dict[str, Any]) -> tuple[Labels, Path | None]:
    from signlens.datasets.gloss_folders import read_gloss_folders

    source = _one(sources)
    for folder in (options["out"], options["poses"]):
        if folder and folder.resolve().is_relative_to(source.resolve()):
            raise UsageError(
                folder, "it lies within the gloss folders, and would be taken for one", "name another"
            )
    return read_gloss_folders(source, options["signer_pattern"]), source


def _csv(sources: tuple[Path, ...], options: dict[str, Any]) -> tuple[Labels, Path | None]:
    from signlens.datasets.csv_manifest import read_csv_manifest

    table = _one(sources)
    apart = options["videos"] or options["poses"] or options["labels_only"]
    return read_csv_manifest(table), None if apart else table.parent


def _slr_sentiment(sources: tuple[Path, ...], options: dict[str, Any]) -> tuple[Labels, Path | None]:
    from signlens.datasets.slr_sentiment import read_slr_sentiment

    lists = [path for path in sources if path.suffix.lower() != ".csv"]
    tables = [path for path in sources if path.suffix.lower() == ".csv"]
    if len(tables) != 1 or len(lists) > 1:
        raise InputRejected(
            sources[0], "it is not one table of labels", "give split_labels.csv, and WLASL's class list"
        )
    return read_slr_sentiment(tables[0], lists[0] if lists else None), None


add_kind(
    "wlasl",
    "WLASL's released JSON files, with their official splits.",
    _wlasl,
    {"subset": (Annotated[int | None, typer.Option("--subset", help="100, 300, 1000 or 2000.")], None)},
)
add_kind(
    "autsl",
    "AUTSL's label tables: Turkish signs.",
    _autsl,
    {
        "gloss_language": (
            Annotated[Literal["en", "tr"], typer.Option("--gloss-language", help="Language of the glosses.")],
            "en",
        )
    },
)
add_kind("asl-citizen", "ASL Citizen's split tables.", _asl_citizen, {})
add_kind(
    "gloss-folders",
    "A folder of clips for each gloss.",
    _gloss_folders,
    {
        "signer_pattern": (
            Annotated[
                str,
                typer.Option("--signer-pattern", help="Regular expression for who signs, in file names."),
            ],
            "",
        )
    },
    left_out=("videos",),
)
add_kind("csv", "A table of clips: clip, gloss, and if known signer, split and fold.", _csv, {})
add_kind(
    "slr-sentiment",
    "The SLR-sentiment paper's split of WLASL: split_labels.csv, and WLASL's class list.",
    _slr_sentiment,
    {},
)


def _import(labels: Labels, settings: ImportSettings, as_json: bool, clips_in: Path | None = None) -> None:
    from signlens.datasets.importing import import_labels
    from signlens.datasets.summary import summarise_dataset

    with ProgressBar() as bar:
        try:
            dataset = import_labels(labels, settings, bar, clips_in=clips_in)
        except KeyboardInterrupt:
            bar.hide()
            say("signlens: interrupted; the same command goes on where this one stopped")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    found = summarise_dataset(dataset)
    if as_json:
        print_json({"folder": str(settings.out), **found})
        return
    clips = found["clips"]
    typer.echo(f"{settings.out}: {clips['available']:,} of {clips['listed']:,} clips have poses")
    print_missing(found)
    typer.echo(f"identity {found['identity']}")


@kinds.command()
def emosign(
    out: Out,
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[SOURCE]", help="The labels' CSV; none with --revision or --raters."),
    ] = None,
    videos: Annotated[Path | None, typer.Option("--videos", help="Folder of the clips' videos.")] = None,
    captions: Annotated[
        Path | None, typer.Option("--captions", help="CSV of caption and video_name, or utterance.")
    ] = None,
    signers: Annotated[Path | None, typer.Option("--signers", help="CSV of video_name and signer.")] = None,
    raters: Annotated[
        list[Path] | None,
        typer.Option("--raters", help="What each annotator said, a file for each or one for all."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Fetch the labels at this commit (40 digits).")
    ] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", help="What the file's SHA-256 must be.")] = None,
    rule: Annotated[
        str | None,
        typer.Option("--rule", help="Which clips are single: combinations, all, clear, strongest."),
    ] = None,
    intensity_base: Annotated[
        int | None, typer.Option("--intensity-base", help="How 'absent' is stored, 0 or 1.")
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave bad rows out, and say which.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """EmoSign's released labels, or what its annotators said."""
    with errors_to_exit_codes():
        from signlens.emosign.released_labels import import_emosign

        found = import_emosign(
            out,
            source,
            videos=videos,
            captions=captions,
            signers=signers,
            raters=tuple(raters or ()),
            revision=revision,
            sha256=sha256,
            rule=rule,
            intensity_base=intensity_base,
            skip_bad_rows=skip_bad_rows,
        )
        if as_json:
            print_json({"folder": str(out), **found})
        else:
            _print_emosign(out, found)


def _print_emosign(out: Path, found: dict[str, Any]) -> None:
    from signlens.emosign.scoring import MADE_UP

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
            more = f", and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
            typer.echo(f"{len(missing)} clips without {what}: {', '.join(missing[:LISTED])}{more}")
    for note in found["notes"]:
        say(f"signlens: {note}")
    typer.echo(f"identity {found['identity']}")
    if found["made_up"]:
        say(f"signlens: {MADE_UP}")
