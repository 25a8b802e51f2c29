"""What the verbs share: the application, common options, messages, errors to exit codes, progress."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import signlens
from signlens.cli.plugins import OpenGroup
from signlens.errors import SignLensError

if TYPE_CHECKING:
    from signlens.video import VideoLimits

DEBUG_VARIABLE = "SIGNLENS_DEBUG"

EXIT_DEFECT, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
_GRAVITY = (0, 3, 4, 2, 1)  # of several exit codes, the last of these counts

NOTES = (
    "A gloss is a label for a sign, not a translation of it. An expression score measures what a face "
    "shows, not what a person feels. Deaf signers are the authority on their language."
)

app = typer.Typer(
    name="signlens",
    cls=OpenGroup,
    help="Read a video of one isolated sign: its gloss, the expression of the face, similar signs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else there.")
]
Clips = Annotated[
    list[str], typer.Argument(metavar="CLIP...", help="Videos, .pose files, or a camera such as camera:0.")
]
ModelFolder = Annotated[
    Path | None, typer.Option("--model", help="Folder of a sign model; the shipped one by default.")
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that `train` made.")]
MaxSeconds = Annotated[
    float | None,
    typer.Option("--max-seconds", help="Reject longer clips (default 60 seconds).", rich_help_panel="Limits"),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels", help="Reject larger frames (default 4096 x 2304).", rich_help_panel="Limits"
    ),
]
MaxFrames = Annotated[
    int | None,
    typer.Option(
        "--max-frames", help="Reject clips of more frames (default 3600).", rich_help_panel="Limits"
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"signlens {signlens.__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback when SignLens has a defect.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # The environment carries the wish, so that worker processes know it too.
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


def debugging() -> bool:
    """Whether a defect shall show its traceback."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def say(text: str) -> None:
    """One line for a person, on standard error."""
    typer.echo(text, err=True)


def report_error(error: Exception) -> int:
    """Say in one line what went wrong; returns the exit code."""
    if isinstance(error, SignLensError):
        say(f"signlens: {one_line(str(error))}")
        return error.exit_code
    if debugging():
        traceback.print_exception(error)
    say(f"signlens: {defect(error)}")
    return EXIT_DEFECT


def defect(error: Exception) -> str:
    """One line about an error that is ours."""
    what = one_line(f"{type(error).__name__}: {error}")
    how = "" if debugging() else f"; run it again with {DEBUG_VARIABLE}=1 to see where"
    return f"this is a defect of SignLens, not of your input ({what}){how}"


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


@contextmanager
def errors_to_exit_codes() -> Iterator[None]:
    """Every error inside becomes a line on standard error and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        say("signlens: interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (BrokenPipeError, SystemExit):  # rich makes a SystemExit of a broken pipe
        # Whoever read our output has gone (such as `| head`); nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        raise typer.Exit(report_error(error)) from None


def gravest(codes: Sequence[int]) -> int:
    """Of several exit codes, the one that counts."""
    return max(codes, key=_GRAVITY.index, default=0)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def print_found(document: Any, as_json: bool, *lines: str) -> None:
    """What a verb found: the document, or these lines for a person."""
    if as_json:
        print_json(document)
    else:
        typer.echo("\n".join(lines))


def asked_limits(
    max_seconds: float | None, max_pixels: int | None, max_frames: int | None
) -> VideoLimits | None:
    """The caps that were asked for; None when none was, so that `.pose` files need no video decoder."""
    asked = {"max_seconds": max_seconds, "max_pixels": max_pixels, "max_frames": max_frames}
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        return None
    from signlens.video import VideoLimits

    if given.get("max_seconds", 0) > VideoLimits.max_seconds and "max_frames" not in given:
        # Who allows longer clips means it; 60 frames a second, as in the defaults.
        given["max_frames"] = max(VideoLimits.max_frames, round(given["max_seconds"] * 60))
    return VideoLimits(**given)  # type: ignore[arg-type]
