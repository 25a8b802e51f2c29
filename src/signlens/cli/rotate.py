"""The verb `rotate`: bring a clip's poses upright and face to the camera."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.progress import ProgressBar
from signlens.cli.shared import (
    AsJson,
    MaxFrames,
    MaxPixels,
    MaxSeconds,
    app,
    asked_limits,
    errors_to_exit_codes,
    print_json,
)
from signlens.errors import UsageError
from signlens.files import write_errors

if TYPE_CHECKING:
    from signlens.orientation.correction import Correction
    from signlens.pose import PoseClip
    from signlens.reasons import Reason
    from signlens.video import VideoLimits


@app.command()
def rotate(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="A video or a .pose file.")],
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write an HTML page: before, after, and the skeleton to turn by hand."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the corrected poses (.pose).")] = None,
    depth: Annotated[
        str, typer.Option("--depth", help="Where depth comes from: landmark, depth-anything, lift.")
    ] = "landmark",
    depth_video: Annotated[
        Path | None,
        typer.Option("--depth-video", help="The video of a .pose file, for depth-anything."),
    ] = None,
    policy: Annotated[
        str,
        typer.Option("--policy", help="Angles: frame, smoothed, clip, bin-5/10/20/30, fixed-45, fixed-10."),
    ] = "clip",
    flat: Annotated[bool, typer.Option("--2d", help="Level only.")] = False,
    by_depth: Annotated[
        bool, typer.Option("--by-depth", help="Take the turn from the depth alone, not from all cues.")
    ] = False,
    shoulders: Annotated[
        bool, typer.Option("--shoulders-only", help="Move the shoulders alone (a variant of the paper).")
    ] = False,
    always: Annotated[bool, typer.Option("--always", help="Correct small angles too.")] = False,
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
) -> None:
    """Turn a clip's poses to the camera and level them; say by how much."""
    with errors_to_exit_codes():
        from signlens.orientation.correction import CorrectionSettings, correct
        from signlens.orientation.depth_sources import check_source, read_depth
        from signlens.pose import is_pose_file

        settings = CorrectionSettings(
            space="2D" if flat else "3D",
            policy=policy,
            yaw="depth" if by_depth else "fused",
            joints="shoulders" if shoulders else "all",
        )
        if always:
            settings = dataclasses.replace(settings, least_yaw=0.0, least_roll=0.0)
        check_source(depth)
        pictures = depth_video
        if depth == "depth-anything" and pictures is None and not is_pose_file(clip):
            pictures = Path(clip)
        if depth == "depth-anything" and pictures is None:
            raise UsageError("--depth-video", f"{depth} looks at pictures", "name the video")
        if out is not None and out.suffix.lower() != ".pose":
            raise UsageError(out, "is no name of a pose file", "end it in .pose")
        poses = _poses(clip, asked_limits(max_seconds, max_pixels, max_frames))
        found = read_depth(poses, depth, pictures)
        corrected, correction = correct(poses, settings, found)
        if out is not None:
            _write_poses(_signed(corrected, correction), out)
        if report is not None:
            from signlens.report.turning import write_turning

            write_turning(poses, corrected, correction, report, found)
        document = _document(clip, poses, correction, found.source, found.reasons)
        if as_json:
            print_json(document)
        else:
            _print(document, report, out)


def _poses(clip: str, limits: VideoLimits | None) -> PoseClip:
    from signlens.pose import HolisticExtractor, is_pose_file, read_pose

    if is_pose_file(clip):
        return read_pose(clip)
    with ProgressBar(1) as bar, HolisticExtractor() as extractor:
        return extractor.extract(clip, limits, bar.clip(0, clip))


def _signed(clip: PoseClip, correction: Correction) -> PoseClip:
    """The clip, whose provenance says what was done to it."""
    if not correction.applied:
        return clip
    done = {"yaw": round(correction.applied_yaw, 2), "roll": round(correction.applied_roll, 2)}
    settings = {**clip.provenance.settings, "corrected_degrees": done}
    return dataclasses.replace(clip, provenance=dataclasses.replace(clip.provenance, settings=settings))


def _write_poses(clip: PoseClip, out: Path) -> None:
    from signlens.pose import write_pose

    with write_errors(out, "name another place"):
        write_pose(clip, out)


def _document(
    name: str, clip: PoseClip, correction: Correction, source: str, depth_reasons: tuple[Reason, ...]
) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return None if math.isnan(value) else round(value, 2)

    return {
        "clip": name,
        "frames": clip.frames,
        "depth": source,
        "measured": {"yaw": number(correction.measured_yaw), "roll": number(correction.measured_roll)},
        "applied": {"yaw": number(correction.applied_yaw), "roll": number(correction.applied_roll)},
        "corrected": correction.applied,
        "frames_without_shoulders": correction.without_shoulders,
        "reasons": [reason.to_json() for reason in (*depth_reasons, *correction.reasons())],
    }


def _print(document: dict[str, Any], report: Path | None, out: Path | None) -> None:
    measured = document["measured"]
    for name, key, meaning in (
        ("Yaw", "yaw", "positive: to the signer's own left"),
        ("Tilt", "roll", "positive: left shoulder lower"),
    ):
        value = measured[key]
        text = "not known" if value is None else f"{value:+.0f} degrees ({meaning})"
        typer.echo(f"{name}: {text}")
    for reason in document["reasons"]:
        typer.echo(reason["text"])
    if not document["corrected"]:
        typer.echo("The poses were left as they are.")
    for what, where in (("Report", report), ("Poses", out)):
        if where is not None:
            typer.echo(f"{what}: {where}")
