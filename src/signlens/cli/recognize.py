"""The verb `recognize`: the main job."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.progress import ProgressBar
from signlens.cli.recognition_text import print_recognition
from signlens.cli.shared import (
    EXIT_INTERRUPTED,
    AsJson,
    Clips,
    MaxFrames,
    MaxPixels,
    MaxSeconds,
    ModelFolder,
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

if TYPE_CHECKING:
    from signlens.emotion import SignerBaseline
    from signlens.pose import PoseClip
    from signlens.recognition import Recognition
    from signlens.recognizer import Recognizer, Seen


FACE, SIGNS = "The face", "Similar signs"
"""Panels of the help."""


def _print_schema(wanted: bool) -> None:
    if wanted:
        from signlens.document import schema

        print_json(schema())
        raise typer.Exit()


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
    similar: Annotated[
        int, typer.Option("--similar", help="How many similar signs to give.", rich_help_panel=SIGNS)
    ] = 5,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
    emotion_strength: Annotated[
        float | None,
        typer.Option(
            "--emotion-strength",
            help="How much the expression counts for glosses (0: not); by default as the model's validation "
            "chose.",
            rich_help_panel=FACE,
        ),
    ] = None,
    gloss_map: Annotated[
        str | None,
        typer.Option(
            "--gloss-map",
            help="Which glosses an expression speaks for: a TOML file, or the name of a shipped map. For "
            "--emotion-strength.",
            rich_help_panel=FACE,
        ),
    ] = None,
    despite_markers: Annotated[
        bool,
        typer.Option(
            "--despite-markers",
            help="Let an expression count that a marker (brows, headshake) explains.",
            rich_help_panel=FACE,
        ),
    ] = False,
    retrieval_strength: Annotated[
        float | None,
        typer.Option(
            "--retrieval-strength",
            help="How much similar signs count for glosses (0: not); by default as the model's validation "
            "chose.",
            rich_help_panel=SIGNS,
        ),
    ] = None,
    emotion_provider: Annotated[
        str,
        typer.Option(
            "--emotion-provider",
            help="Who reads the face: landmarks (shipped), dan or emotiefflib.",
            rich_help_panel=FACE,
        ),
    ] = "landmarks",
    emotion_model: Annotated[
        str | None,
        typer.Option(
            "--emotion-model",
            help="Weights of the provider: a checkpoint of DAN, or a fetched model of EmotiEffLib.",
            rich_help_panel=FACE,
        ),
    ] = None,
    emotion_frames: Annotated[
        int,
        typer.Option(
            "--emotion-frames",
            help="How many frames it reads, evenly spread; 0 for all.",
            rich_help_panel=FACE,
        ),
    ] = 16,
    same_signer: Annotated[
        bool,
        typer.Option(
            "--same-signer",
            help="The clips show one signer, whose own face at rest is taken as neutral.",
            rich_help_panel=FACE,
        ),
    ] = False,
    as_filmed: Annotated[
        bool, typer.Option("--as-filmed", help="Do not turn a signer to the camera who is turned or tilted.")
    ] = False,
    model: ModelFolder = None,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema", callback=_print_schema, is_eager=True, help="Print the JSON Schema of the document."
        ),
    ] = False,
) -> None:
    """Say which sign a clip shows, what the face shows, and which known signs look alike."""
    with errors_to_exit_codes():
        from signlens.emotion import open_provider
        from signlens.fusion.clip_fusion import FusionSettings
        from signlens.recognizer import Recognizer

        if same_signer and len(clips) < 2:
            raise UsageError(
                "--same-signer", "one clip does not show what a face always is", "give several clips"
            )
        destinations = _report_files(clips, report)
        limits = asked_limits(max_seconds, max_pixels, max_frames)
        if gloss_map is not None and not emotion_strength:
            raise UsageError(
                "--gloss-map", "is for --emotion-strength, which is 0", "give a strength above 0"
            )
        with Recognizer(
            model,
            limits=limits,
            fusion=FusionSettings(emotion_strength, retrieval_strength, explain_markers=not despite_markers),
            top_k=top_k,
            similar=similar,
            correct_orientation=not as_filmed,
            gloss_map=gloss_map,
            emotion_provider=open_provider(emotion_provider, emotion_model),
            emotion_samples=emotion_frames or None,
        ) as recognizer:
            if recognizer.boost is not None and recognizer.boost.unknown_glosses:
                unknown = recognizer.boost.unknown_glosses
                say(
                    f"{len(unknown)} glosses of the map {recognizer.boost.gloss_map} are not among the "
                    f"model's, so nothing is done for them: {', '.join(unknown)}"
                )
            code = _recognize_all(
                recognizer,
                clips,
                destinations,
                as_json=as_json,
                pictures=not no_video,
                same_signer=same_signer,
            )
        raise typer.Exit(code)


def _look_at_all(
    recognizer: Recognizer, clips: Sequence[str], bar: ProgressBar
) -> list[Seen | SignLensError]:
    """What was seen of each clip, or why it cannot be answered."""
    looks: list[Seen | SignLensError] = []
    for number, clip in enumerate(clips):
        try:
            looks.append(recognizer.look(clip, bar.clip(number, clip)))
        except InputRejected as error:
            looks.append(error)
    return looks


def _resting_face(recognizer: Recognizer, looks: Sequence[Seen | SignLensError]) -> SignerBaseline | None:
    """The signer's face at rest, and a word on it."""
    baseline = recognizer.resting_face(look for look in looks if not isinstance(look, SignLensError))
    if baseline is None:
        say("Fewer than two of the clips show the signer's face at rest: faces are taken as they are.")
    else:
        seen = f"{baseline.frames} frames of {baseline.clips} clips"
        say(f"The signer's face at rest in {seen} is taken as neutral.")
    return baseline


def _recognize_all(
    recognizer: Recognizer,
    clips: Sequence[str],
    destinations: Sequence[Path] | None,
    *,
    as_json: bool,
    pictures: bool,
    same_signer: bool,
) -> int:
    """Answer every clip, print as asked, write the reports; nothing that was computed is lost."""
    results: list[Recognition] = []
    codes: list[int] = []
    written: list[tuple[Recognition, Path]] = []
    try:
        with ProgressBar(len(clips)) as bar:
            looks = _look_at_all(recognizer, clips, bar) if same_signer else []
            baseline = _resting_face(recognizer, looks) if same_signer else None
            for number, clip in enumerate(clips):
                look = looks[number] if same_signer else None
                result, poses, code = _recognize_one(recognizer, clip, look, baseline, bar.clip(number, clip))
                results.append(result)
                codes.append(code)
                bar.hide()
                if not as_json and result.status != "rejected":  # a rejection has been said already
                    print_recognition(result, first=number == 0, vocabulary=len(recognizer.model.glosses))
                if destinations is not None:
                    problem = _write_report(result, poses, destinations[number], recognizer, pictures)
                    if problem is None:
                        written.append((result, destinations[number]))
                        (say if as_json else typer.echo)(f"Report: {destinations[number]}")
                    codes.append(0 if problem is None else report_error(problem))
    except KeyboardInterrupt:
        say(f"signlens: interrupted after {len(results)} of {len(clips)} clips")
        codes = [EXIT_INTERRUPTED]
    if as_json and len(clips) == 1 and results:
        print_json(results[0].to_json())
    elif as_json and len(clips) > 1:
        print_json([r.to_json() for r in results])
    if len(written) > 1:
        from signlens.report import write_index

        index = write_index(written, written[0][1].parent / "index.html")
        (say if as_json else typer.echo)(f"All reports: {index}")
    return codes[0] if EXIT_INTERRUPTED in codes else gravest(codes)


def _recognize_one(
    recognizer: Recognizer,
    clip: str,
    look: Seen | SignLensError | None,
    baseline: SignerBaseline | None,
    progress: Callable[[int], None],
) -> tuple[Recognition, PoseClip | None, int]:
    """One clip's result, its poses, and the exit code that it asks for; errors go to standard error."""
    from signlens.recognition import Recognition

    try:
        if isinstance(look, SignLensError):
            raise look
        seen = recognizer.look(clip, progress) if look is None else look
        return recognizer.answer(seen, baseline), seen.clip, 0
    except SignLensError as error:
        return Recognition.rejected(clip, error), None, report_error(error)
    except Exception as error:
        code = report_error(error)
        return Recognition.rejected(clip, SignLensError(clip, defect(error))), None, code


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
    from signlens.pose import is_pose_file
    from signlens.report import write_report

    # A camera cannot be read twice, so its report shows the poses alone.
    shown = pictures and not is_pose_file(result.path) and not result.path.startswith("camera:")
    try:
        write_report(
            result,
            destination,
            pose=poses,
            frames=result.path if shown else None,
            skeletons=_skeletons(recognizer, {sign.clip for sign in result.similar}),
            video_limits=recognizer.limits,
        )
    except (SignLensError, OSError) as error:
        if isinstance(error, OSError):
            return UsageError(
                destination, f"the report cannot be written ({error.strerror})", "name another place"
            )
        return error
    return None


def _skeletons(recognizer: Recognizer, clips: Set[str]) -> dict[str, Any]:
    """How clips of the model's gallery are signed, where it holds that."""
    from signlens.retrieval.gallery import GALLERY_FILE
    from signlens.retrieval.stored_gallery import StoredGallery

    if recognizer.gallery is None:
        return {}
    return StoredGallery.open(recognizer.model.folder / GALLERY_FILE).skeletons_of(clips)
