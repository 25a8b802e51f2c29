"""The command line: verbs only. Each parses, calls, prints; docs/command-line.md has the contract.

Results go to standard output: one JSON document with ``--json``, text for people without. Progress,
warnings and errors go to standard error. Exit codes: 0 answered (also degraded), 1 a defect of
SignLens, 2 wrong usage, 3 an input was rejected, 4 a part is missing, 130 interrupted.

Rooms are imported inside the verbs, so that each starts with what it needs.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

import signlens
from signlens.errors import InputRejected, SignLensError, UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from signlens.pose import PoseClip
    from signlens.recognition import Recognition
    from signlens.recognizer import Recognizer
    from signlens.video import VideoLimits

DEBUG_VARIABLE = "SIGNLENS_DEBUG"
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif", ".mpg", ".mpeg",
    ".ts", ".3gp", ".flv", ".wmv", ".asf", ".ogv",
})  # fmt: skip
"""What counts as a video in a folder; a file that is named itself may be called anything."""

EXIT_DEFECT, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
_GRAVITY = (0, 3, 4, 2, 1)  # of several exit codes, the last of these counts

NOTES = (
    "A gloss is a label for a sign, not a translation of it. An expression score measures what a face "
    "shows, not what a person feels. Deaf signers are the authority on their language."
)

app = typer.Typer(
    name="signlens",
    help="Read a video of one isolated sign: its gloss, the expression of the face, similar signs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# -- what several verbs share -----------------------------------------------------------------------

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else there.")
]
Clips = Annotated[
    list[str], typer.Argument(metavar="CLIP...", help="Videos, .pose files, or a camera such as camera:0.")
]
ModelFolder = Annotated[
    Path | None, typer.Option("--model", help="Folder of a sign model; the shipped one by default.")
]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", help="Reject longer clips (default 60 seconds).")
]
MaxPixels = Annotated[
    int | None, typer.Option("--max-pixels", help="Reject larger frames (default 4096 x 2304).")
]
MaxFrames = Annotated[
    int | None, typer.Option("--max-frames", help="Reject clips of more frames (default 3600).")
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


def _debugging() -> bool:
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def _say(text: str) -> None:
    """One line for a person, on standard error."""
    typer.echo(text, err=True)


def _report_error(error: Exception) -> int:
    """Say in one line what went wrong; returns the exit code."""
    if isinstance(error, SignLensError):
        _say(f"signlens: {_one_line(str(error))}")
        return error.exit_code
    if _debugging():
        traceback.print_exception(error)
    _say(f"signlens: {_defect(error)}")
    return EXIT_DEFECT


def _defect(error: Exception) -> str:
    what = _one_line(f"{type(error).__name__}: {error}")
    how = "" if _debugging() else f"; run it again with {DEBUG_VARIABLE}=1 to see where"
    return f"this is a defect of SignLens, not of your input ({what}){how}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


@contextmanager
def _errors_to_exit_codes() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        _say("signlens: interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (BrokenPipeError, SystemExit):  # rich makes a SystemExit of a broken pipe
        # Whoever read our output has gone (such as `| head`); nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        raise typer.Exit(_report_error(error)) from None


def _gravest(codes: Sequence[int]) -> int:
    return max(codes, key=_GRAVITY.index, default=0)


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def _limits(max_seconds: float | None, max_pixels: int | None, max_frames: int | None) -> VideoLimits | None:
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


class _Bar:
    """A progress bar on standard error that shows up when something takes longer than a second."""

    def __init__(self, total_clips: int) -> None:
        self._total_clips = total_clips
        self._progress: Progress | None = None
        self._task: Any = None
        self._text = ""
        self._expected: int | None = None
        self._visible = sys.stderr.isatty()
        self._started = time.monotonic()

    def clip(self, number: int, name: str) -> Callable[[int], None]:
        """Begin a clip; returns what is called with its number of frames done."""
        count = f"{number + 1}/{self._total_clips} " if self._total_clips > 1 else ""
        self._text = f"{count}{Path(name).name}"
        self._expected = _claimed_frames(name) if self._visible else None
        if self._progress is not None:
            self._progress.reset(self._task, description=self._text, total=self._expected)
        return self._frames_done

    def _frames_done(self, frames: int) -> None:
        if not self._visible:
            return
        if self._progress is None:
            if time.monotonic() - self._started < 1:
                return
            self._start()
        assert self._progress is not None
        self._progress.update(self._task, completed=frames)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} frames"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(self._text, total=self._expected)
        self._progress.start()

    def hide(self) -> None:
        """Take the bar away while something else is printed."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()


def _claimed_frames(clip: str) -> int | None:
    """How many frames a video says it has, for the bar alone."""
    from signlens.recognizer import is_pose_file
    from signlens.video import open_video

    if is_pose_file(clip) or clip.startswith("camera:"):
        return None
    try:
        with open_video(clip) as video:
            return video.expected_frames
    except SignLensError:
        return None


# -- recognize --------------------------------------------------------------------------------------


@app.command()
def recognize(
    clips: Clips,
    as_json: AsJson = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write an HTML report: a file for one clip (NAME.html), a folder for several.",
        ),
    ] = None,
    no_video: Annotated[
        bool, typer.Option("--no-video", help="Keep the video's pictures out of the report; poses alone.")
    ] = False,
    top_k: Annotated[int, typer.Option("--top-k", help="How many candidate glosses to give.")] = 5,
    similar: Annotated[int, typer.Option("--similar", help="How many similar signs to give.")] = 5,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
    emotion_strength: Annotated[
        float, typer.Option("--emotion-strength", help="How much the expression counts for glosses (0: not).")
    ] = 0.0,
    retrieval_strength: Annotated[
        float, typer.Option("--retrieval-strength", help="How much similar signs count for glosses (0: not).")
    ] = 0.0,
    model: ModelFolder = None,
) -> None:
    """Say which sign a clip shows, what the face shows, and which known signs look alike."""
    with _errors_to_exit_codes():
        from signlens.fusion.evidence import FusionSettings
        from signlens.recognizer import Recognizer

        destinations = _report_files(clips, report)
        limits = _limits(max_seconds, max_pixels, max_frames)
        fusion = FusionSettings(emotion_strength=emotion_strength, retrieval_strength=retrieval_strength)
        with Recognizer(model, limits=limits, fusion=fusion, top_k=top_k, similar=similar) as recognizer:
            code = _recognize_all(recognizer, clips, destinations, as_json=as_json, pictures=not no_video)
        raise typer.Exit(code)


def _recognize_all(
    recognizer: Recognizer,
    clips: Sequence[str],
    destinations: Sequence[Path] | None,
    *,
    as_json: bool,
    pictures: bool,
) -> int:
    """Answer every clip, print as asked, write the reports; nothing that was computed is lost."""
    results: list[Recognition] = []
    codes: list[int] = []
    written: list[tuple[Recognition, Path]] = []
    try:
        with _Bar(len(clips)) as bar:
            for number, clip in enumerate(clips):
                result, poses, code = _recognize_one(recognizer, clip, bar.clip(number, clip))
                results.append(result)
                codes.append(code)
                bar.hide()
                if not as_json and result.status != "rejected":  # a rejection has been said already
                    _print_result(result, first=number == 0, vocabulary=len(recognizer.model.glosses))
                if destinations is not None:
                    problem = _write_report(result, poses, destinations[number], recognizer, pictures)
                    if problem is None:
                        written.append((result, destinations[number]))
                        (_say if as_json else typer.echo)(f"Report: {destinations[number]}")
                    codes.append(0 if problem is None else _report_error(problem))
    except KeyboardInterrupt:
        _say(f"signlens: interrupted after {len(results)} of {len(clips)} clips")
        codes = [EXIT_INTERRUPTED]
    if as_json and len(clips) == 1 and results:
        _print_json(results[0].to_json())
    elif as_json and len(clips) > 1:
        _print_json([r.to_json() for r in results])
    if len(written) > 1:
        from signlens.report import write_index

        index = write_index(written, written[0][1].parent / "index.html")
        (_say if as_json else typer.echo)(f"All reports: {index}")
    return codes[0] if EXIT_INTERRUPTED in codes else _gravest(codes)


def _recognize_one(
    recognizer: Recognizer, clip: str, progress: Callable[[int], None]
) -> tuple[Recognition, PoseClip | None, int]:
    """One clip's result, its poses, and the exit code that it asks for; errors go to standard error."""
    from signlens.recognizer import rejection

    try:
        result, poses = recognizer.analyse(clip, progress=progress)
    except SignLensError as error:
        return rejection(clip, error), None, _report_error(error)
    except Exception as error:
        code = _report_error(error)
        return rejection(clip, SignLensError(clip, _defect(error))), None, code
    return result, poses, 0


def _report_files(clips: Sequence[str], report: Path | None) -> list[Path] | None:
    """Where each clip's report goes.

    Raises:
        UsageError: One file for several clips.
    """
    if report is None:
        return None
    if report.suffix.lower() in (".html", ".htm") and not report.is_dir():
        if len(clips) > 1:
            raise UsageError(report, f"one report cannot hold {len(clips)} clips", "name a folder")
        return [report]
    taken = {"index.html"} if len(clips) > 1 else set()
    files = []
    for clip in clips:
        stem = Path(clip.replace(":", "-")).stem or "clip"
        name, number = f"{stem}.html", 2
        while name in taken:
            name, number = f"{stem}-{number}.html", number + 1
        taken.add(name)
        files.append(report / name)
    return files


def _write_report(
    result: Recognition, poses: PoseClip | None, destination: Path, recognizer: Recognizer, pictures: bool
) -> Exception | None:
    from signlens.datasets.mediapipe_arrays import default_data, find_poses
    from signlens.recognizer import is_pose_file
    from signlens.report import write_report

    # A camera cannot be read twice, so its report shows the poses alone.
    shown = pictures and not is_pose_file(result.path) and not result.path.startswith("camera:")
    try:
        write_report(
            result,
            destination,
            pose=poses,
            frames=result.path if shown else None,
            # The package ships embeddings, not clips; where the sets are at hand, they are drawn.
            gallery_poses=find_poses(default_data(), {sign.clip for sign in result.similar}),
            video_limits=recognizer.limits,
        )
    except (SignLensError, OSError) as error:
        if isinstance(error, OSError):
            return UsageError(
                destination, f"the report cannot be written ({error.strerror})", "name another place"
            )
        return error
    return None


def _print_result(result: Recognition, *, first: bool, vocabulary: int) -> None:
    """The answer for a person."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    if not first:
        console.print()
        console.rule(style="dim")
    console.print(f"[bold]{escape(result.path)}[/]", soft_wrap=True)
    if result.clip is not None:
        clip = result.clip
        console.print(
            f"[dim]{clip.frames} frames, {clip.fps:.1f} a second, {clip.duration_s:.1f} s, "
            f"{clip.width}x{clip.height}[/]"
        )
    console.print()
    if result.answer is not None:
        console.print(f"[bold]{escape(result.answer.explanation)}[/]")
    for reason in result.reasons:
        console.print(f"[yellow]![/] {escape(reason)}")
    console.print()
    console.print(_prediction_table(result))
    _print_expression(console, result)
    if result.similar:
        signs = ", ".join(f"{escape(s.gloss)} {s.similarity:.2f}" for s in result.similar)
        console.print(f"Similar signs (cosine): {signs}")
    if result.pose is not None:
        part = result.pose.coverage
        console.print(
            f"Seen: body {part.body:.0%}, left hand {part.left_hand:.0%}, right hand {part.right_hand:.0%}, "
            f"face {part.face:.0%} of the frames"
        )
    console.print(f"Took {result.timing_ms.get('total', 0) / 1000:.1f} s")
    console.print()
    console.print(f"[dim]The model knows {vocabulary} glosses. {NOTES}[/]")


def _prediction_table(result: Recognition) -> Any:
    from rich.bar import Bar
    from rich.markup import escape
    from rich.table import Table

    from signlens.report.words import percent, signed

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Gloss")
    table.add_column("Probability", justify="right")
    table.add_column("", width=20)
    for name in ("Skeleton", "Emotion", "Similar signs"):
        table.add_column(name, justify="right", style="dim")
    for p in result.predictions:
        table.add_row(
            escape(p.gloss),
            percent(p.probability),
            Bar(1, 0, p.probability, width=20),
            *(signed(v) for v in (p.evidence.skeleton, p.evidence.emotion, p.evidence.retrieval)),
        )
    return table


def _print_expression(console: Console, result: Recognition) -> None:
    from signlens.report.words import percent

    console.print()
    reading = result.emotion
    if reading is None:
        console.print("Expression of the face: none read, no face was seen.")
        return
    ranked = sorted(reading.probabilities.items(), key=lambda item: -item[1])
    text = ", ".join(f"{name} {percent(value)}" for name, value in ranked[:3])
    console.print(f"Expression of the face: {text} (a face in {reading.coverage:.0%} of the sampled frames)")


# -- extract ----------------------------------------------------------------------------------------


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
    with _errors_to_exit_codes():
        from signlens.pose.holistic import HolisticExtractor

        limits = _limits(max_seconds, max_pixels, max_frames)
        planned, rejected = _plan_extraction(inputs, out)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(out, f"the folder cannot be made ({error.strerror})", "name another") from None
        entries: list[dict[str, Any]] = []
        codes = []
        for problem in rejected:
            codes.append(_report_error(problem))
            entries.append(_entry(problem.subject, None, "rejected", [str(problem)]))
        interrupted = False
        try:
            with HolisticExtractor() as extractor, _Bar(len(planned)) as bar:
                for number, (source, target) in enumerate(planned):
                    progress = bar.clip(number, source)
                    try:
                        if _is_finished(source, target):
                            entries.append(_entry(source, target, "skipped", []))
                            continue
                        clip = extractor.extract(source, limits, progress)
                        _save_pose(clip, target)
                        entries.append(_entry(source, target, "written", list(clip.reasons)))
                    except Exception as error:
                        bar.hide()
                        codes.append(_report_error(error))
                        reason = str(error) if isinstance(error, SignLensError) else _defect(error)
                        entries.append(_entry(source, None, "rejected", [reason]))
        except KeyboardInterrupt:
            interrupted = True
            _say("signlens: interrupted; the same command goes on where this one stopped")
        if as_json:
            _print_json(entries)
        else:
            _print_extraction(entries, out)
        raise typer.Exit(EXIT_INTERRUPTED if interrupted else _gravest(codes))


def _entry(source: str, target: Path | None, status: str, reasons: list[str]) -> dict[str, Any]:
    return {
        "input": source,
        "output": None if target is None else str(target),
        "status": status,
        "reasons": reasons,
    }


def _plan_extraction(inputs: Sequence[str], out: Path) -> tuple[list[tuple[str, Path]], list[InputRejected]]:
    """Which source goes to which file, and which inputs hold nothing.

    Raises:
        UsageError: Two sources would be written to one file.
    """
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
    from signlens.pose import read_pose
    from signlens.pose.holistic import EXTRACTOR, SETTINGS
    from signlens.pose.networks import mediapipe_version, network_hashes
    from signlens.video import sha256_of

    if not target.is_file() or source.startswith("camera:"):
        return False
    try:
        made = read_pose(target).provenance
    except InputRejected:
        return False
    return (
        (made.extractor, made.version) == (EXTRACTOR, mediapipe_version())
        and made.models == network_hashes()
        and made.settings == SETTINGS
        and made.source.get("sha256") == sha256_of(source)
    )


def _save_pose(clip: PoseClip, target: Path) -> None:
    from signlens.pose import write_pose

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_pose(clip, target)
    except OSError as error:
        raise UsageError(target, f"it cannot be written ({error.strerror})", "name another folder") from None


def _print_extraction(entries: Sequence[dict[str, Any]], out: Path) -> None:
    for entry in entries:
        if entry["status"] == "written":
            note = f" ({' '.join(entry['reasons'])})" if entry["reasons"] else ""
            typer.echo(f"{entry['output']}{note}")
    count = {s: sum(e["status"] == s for e in entries) for s in ("written", "skipped", "rejected")}
    typer.echo(
        f"{out}: {count['written']} written, {count['skipped']} already there, {count['rejected']} rejected"
    )


# -- search -----------------------------------------------------------------------------------------


@app.command()
def search(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="A video, a .pose file, or camera:0.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many similar signs to give.")] = 10,
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
    model: ModelFolder = None,
) -> None:
    """Find the known clips whose signing looks most like this one's."""
    with _errors_to_exit_codes():
        from signlens.recognizer import Recognizer

        limits = _limits(max_seconds, max_pixels, max_frames)
        with Recognizer(model, limits=limits) as recognizer, _Bar(1) as bar:
            found, poses = recognizer.search(clip, k, bar.clip(0, clip))
        if as_json:
            _print_json(
                {
                    "clip": {"path": clip, "frames": poses.frames},
                    "reasons": list(poses.reasons),
                    "similar": [
                        {"clip": s.clip, "gloss": s.gloss, "similarity": round(s.similarity, 4)}
                        for s in found
                    ],
                    "model": recognizer.identity,
                }
            )
            return
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("Gloss")
        table.add_column("Cosine", justify="right")
        table.add_column("Clip of the gallery", style="dim")
        for sign in found:
            table.add_row(escape(sign.gloss), f"{sign.similarity:.3f}", escape(sign.clip))
        for reason in poses.reasons:
            _say(f"signlens: {clip}: {reason}")
        Console(highlight=False).print(table)


# -- doctor -----------------------------------------------------------------------------------------


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Show what is installed, which models are present, what is missing and how to get it."""
    with _errors_to_exit_codes():
        from signlens.doctor import examine

        found = examine()
        if as_json:
            _print_json(found.to_json())
        else:
            from rich.console import Console
            from rich.markup import escape
            from rich.table import Table

            colour = {"ok": "green", "missing": "red", "broken": "red", "absent": "yellow"}
            table = Table(box=None, pad_edge=False, header_style="dim")
            for name in ("Part", "Name", "State", "Detail", "What to do"):
                table.add_column(name, overflow="fold")
            for f in found.findings:
                state = f"[{colour[f.state]}]{f.state}[/]"
                table.add_row(f.part, escape(f.name), state, escape(f.detail), escape(f.remedy))
            console = Console(highlight=False)
            console.print(table)
            console.print()
            console.print(
                "Everything that recognize needs is here." if found.healthy else "Something is missing."
            )
        raise typer.Exit(0 if found.healthy else 4)


# -- train, evaluate, export --------------------------------------------------------------------------

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that `train` made.")]


@app.command()
def train(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment's file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; gone on with if it is there.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the landmark sets; $SIGNLENS_SHARED/data.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes; one a core by default.")
    ] = None,
) -> None:
    """Cross-validate an experiment and train the weights that ship; goes on where it was stopped."""
    with _errors_to_exit_codes():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from signlens.datasets.mediapipe_arrays import default_data
        from signlens.training import command

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("training", total=None)
            command.train(
                experiment,
                data or default_data(),
                out,
                workers or os.cpu_count() or 1,
                lambda done, total, name: bar.update(task, completed=done, total=total, description=name),
            )
        typer.echo(f"{out}: trained; signlens evaluate {out} prints its tables")


@app.command()
def evaluate(run: RunFolder, as_json: AsJson = False) -> None:
    """Print a run's accuracies with their intervals, its calibration, and how it meets unknown signs."""
    with _errors_to_exit_codes():
        from signlens.training import command

        text, plain = command.evaluate(run)
        if as_json:
            _print_json(plain)
        else:
            typer.echo(text)


@app.command()
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option("--to", help="Folder of the model; its files are replaced.")],
) -> None:
    """Write a run's model: ONNX files, vocabulary and calibration, gallery, results."""
    with _errors_to_exit_codes():
        from signlens.training import command

        card = command.export(run, to)
        typer.echo(f"{to}: {card['name']} {card['version']}, {card['glosses']} glosses")


# -- signer -----------------------------------------------------------------------------------------


@app.command()
def signer(
    sign: Annotated[
        str | None, typer.Argument(metavar="SIGN", help="Gloss of a shipped sign, or a sign's .toml file.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Video to write (.mp4, .mkv, .mov).")] = None,
    yaw: Annotated[
        float, typer.Option("--yaw", help="Turn of the body to the signer's left, in degrees.")
    ] = 0.0,
    expression: Annotated[
        str, typer.Option("--expression", help="Expression of the face; several joined by +.")
    ] = "neutral",
    identity: Annotated[str | None, typer.Option("--identity", help="Who signs.")] = None,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT in pixels.")] = "640x480",
    fps: Annotated[float, typer.Option("--fps", help="Frames per second.")] = 25.0,
    seed: Annotated[
        int, typer.Option("--seed", help="0 is the sign as written; others vary it a little.")
    ] = 0,
    grain: Annotated[float, typer.Option("--grain", help="Grain of the camera, 0 to 1.")] = 0.0,
    quality: Annotated[int, typer.Option("--quality", help="Constant rate factor: lower is better.")] = 20,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Also write the joints and parameters (.npz).")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Threads; one a core by default.")] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Show the signs, identities and expressions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Render a sign by a drawn signer: for tests and demonstration, not for learning to sign."""
    with _errors_to_exit_codes():
        from signlens.signer import command

        if listing:
            found = command.listing()
            if as_json:
                _print_json(found)
                return
            for title in ("signs", "identities"):
                typer.echo(f"{title.capitalize()}:")
                for name, about in found[title].items():
                    typer.echo(f"  {name:<14} {about}")
            typer.echo(f"Expressions: {', '.join(found['expressions'])}\n{found['note']}")
            return
        if sign is None or out is None:
            lacking = "SIGN" if sign is None else "--out"
            raise UsageError(lacking, "is not given", "signlens signer SIGN --out clip.mp4 (or --list)")
        options: dict[str, Any] = {} if identity is None else {"identity": identity}
        with _RenderBar(sign) as bar:
            made = command.render_clip(
                sign,
                out,
                yaw_degrees=yaw,
                expression=expression,
                size=size,
                fps=fps,
                seed=seed,
                grain=grain,
                quality=quality,
                truth=truth,
                workers=workers,
                progress=bar,
                **options,
            )
        if as_json:
            _print_json(made)
        else:
            typer.echo(
                f"{made['out']}: {made['sign']} by {made['identity']}, {made['frames']} frames, "
                f"{made['duration_s']:.1f} s, {made['width']}x{made['height']}"
            )
            typer.echo(command.NOTE)


class _RenderBar:
    """The bar of the renderer, which knows its number of frames."""

    def __init__(self, name: str) -> None:
        self._bar = _Bar(1)
        self._bar._text = name

    def __call__(self, done: int, total: int) -> None:
        self._bar._expected = total
        self._bar._frames_done(done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.hide()


def main() -> None:
    """The entry point of the command ``signlens``."""
    app()


if __name__ == "__main__":
    main()
