"""``python -m signlens_studies orientation``: what a turned signer costs, and what correction wins back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from signlens.cli.shared import errors_to_exit_codes

app = typer.Typer(help="Turned and tilted signers: recordings, rendered signers, tilted films, extractors.")

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the landmark sets; where this project keeps them.")
]
Run = Annotated[
    Path | None,
    typer.Option("--run", help="A run of the starter's experiment; the shipped model if not given."),
]
Networks = Annotated[str, typer.Option("--networks", help="Comma-separated; all that the run has.")]
PerWord = Annotated[int | None, typer.Option("--per-word", help="Clips of each word; all.")]
Cache = Annotated[Path, typer.Option("--cache", help="Folder in which films or poses are kept between runs.")]
Numbers = Annotated[Path | None, typer.Option("--out", help="Also write the numbers to this JSON file.")]


@app.command("view")
def view(
    data: Data = None,
    run: Run = None,
    networks: Networks = "",
    recorder: Annotated[str, typer.Option("--recorder", help="recorder1 or recorder2.")] = "recorder2",
    per_word: PerWord = None,
    methods: Annotated[str, typer.Option("--methods", help="Separated by ;, as the table names them.")] = "",
    rolls: Annotated[bool, typer.Option("--rolls", help="Also tilt the views, at every yaw.")] = False,
    out: Numbers = None,
) -> None:
    """Look at recordings with a virtual camera from the side, and score every way of correction."""
    with errors_to_exit_codes():
        from signlens_studies.orientation import view_tables

        clips, scorer, classes, about = view_tables.open_networks(
            recorder, _data(data), run, _names(networks), per_word
        )
        chosen = [name.strip() for name in methods.split(";") if name.strip()]
        cells = view_tables.compare_methods(clips, scorer, classes, chosen, rolls)
        _write(out, view_tables.print_view(cells, len(clips), about))


@app.command("choose")
def choose(
    data: Data = None,
    run: Run = None,
    networks: Networks = "",
    recorder: Annotated[str, typer.Option("--recorder", help="recorder1 or recorder2.")] = "recorder2",
    per_word: PerWord = None,
    out: Numbers = None,
) -> None:
    """Choose the settings of the correction on validation recordings."""
    with errors_to_exit_codes():
        from signlens_studies.orientation import view_tables

        clips, scorer, classes, about = view_tables.open_networks(
            recorder, _data(data), run, _names(networks), per_word
        )
        best = view_tables.print_choice(clips, scorer, classes)
        _write(out, {"clips": len(clips), "networks": about, "best": asdict(best)})


@app.command("rendered")
def rendered(cache: Cache, out: Numbers = None) -> None:
    """Film rendered signers at known angles, and print how well each cue reads the turn."""
    with errors_to_exit_codes():
        from signlens_studies.orientation import rendered_views, view_tables

        _write(out, view_tables.print_rendered(rendered_views.render_poses(cache)))


@app.command("scales")
def scales(cache: Cache, out: Numbers = None) -> None:
    """Measure how many times too large the extractor's z is, part by part, on rendered signers."""
    with errors_to_exit_codes():
        from signlens_studies.orientation import rendered_views, view_tables

        _write(out, view_tables.print_scales(rendered_views.render_poses(cache)))


@app.command("tilted-films")
def tilted_films(
    cache: Cache,
    films: Annotated[
        Path | None, typer.Option("--films", help="Folder of wlasl-videos; where this project keeps it.")
    ] = None,
    degrees: Annotated[float, typer.Option("--degrees", help="How far, clockwise.")] = 20.0,
    whole: Annotated[bool, typer.Option("--whole", help="The picture grows to hold its corners.")] = False,
    control: Annotated[
        Path | None, typer.Option("--control", help="Poses of the films as they are (signlens extract).")
    ] = None,
    out: Numbers = None,
) -> None:
    """Film films again, tilted, and count how many keep their first answer."""
    with errors_to_exit_codes():
        from signlens_studies.orientation import tilted_films as study
        from signlens_studies.orientation.view_tables import tell

        folder = _data(None) / "wlasl-videos" if films is None else films
        found = study.compare(study.films_of(folder), cache, degrees, tell, control, whole)
        _write(out, study.print_stability(found, degrees))


@app.command("extractor")
def extractor(
    frames: Annotated[int, typer.Option("--frames", help="Frames of each sign.")] = 4,
    signs: Annotated[str, typer.Option("--signs", help="Comma-separated signs; all.")] = "",
    yaws: Annotated[str, typer.Option("--yaws", help="Comma-separated degrees.")] = "-60,-30,0,30,60",
    size: Annotated[str, typer.Option("--size", help="Size of a frame.")] = "320x240",
    part: Annotated[str, typer.Option("--part", help="all, detection or face.")] = "all",
) -> None:
    """Let MediaPipe Holistic look at single frames of the rendered signer."""
    with errors_to_exit_codes():
        from signlens.errors import UsageError
        from signlens.signer.notation import load_signs
        from signlens_studies.orientation import extractor as study

        try:
            width, height = (int(side) for side in size.split("x"))
            angles = [float(yaw) for yaw in yaws.split(",")]
        except ValueError:
            raise UsageError("--size, --yaws", "are no numbers", "give 320x240 and -30,0,30") from None
        if part not in ("all", "detection", "face"):
            raise UsageError("--part", f"there is no {part!r}", "choose all, detection or face")
        with study.holistic() as look:
            if part != "face":
                study.print_detection(
                    look, _names(signs) or list(load_signs()), angles, frames, (width, height)
                )
            if part != "detection":
                study.print_face(look)


@app.command("draw")
def draw(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the drawings go.")],
    results: Annotated[
        Path | None,
        typer.Option("--results", help="What view --out wrote: also draw accuracy against angle."),
    ] = None,
) -> None:
    """Draw the frames of the correction, and accuracy against angle."""
    with errors_to_exit_codes():
        from signlens_studies.orientation import draw as study

        study.draw_frames(folder / "orientation-frames.svg")
        if results is not None:
            study.draw_curves(folder / "orientation-accuracy.svg", json.loads(results.read_text("utf-8")))


@app.command("colormap")
def colormap(
    poses: Annotated[Path, typer.Argument(metavar="POSES", help="A .pose file.")],
    video: Annotated[Path, typer.Argument(metavar="DEPTH_VIDEO", help="Its depth, coloured with INFERNO.")],
    out: Annotated[Path, typer.Option("--out", help="Write the corrected poses (.pose).")],
) -> None:
    """Turn poses to the camera by the depth in a coloured video, as the SLR-sentiment paper had it."""
    with errors_to_exit_codes():
        from signlens.orientation.correction import correct
        from signlens.pose import read_pose, write_pose
        from signlens_studies.orientation.colormap import colormap_depth

        clip = read_pose(poses)
        corrected, correction = correct(clip, depth=colormap_depth(clip, video))
        write_pose(corrected, out)
        for line in correction.sentences() or ("The poses were left as they are.",):
            typer.echo(line)


def _data(folder: Path | None) -> Path:
    from signlens_studies.starter.landmark_sets import default_data

    return default_data() if folder is None else folder


def _names(listed: str) -> list[str]:
    return [name for name in listed.split(",") if name]


def _write(path: Path | None, numbers: dict[str, Any]) -> None:
    from signlens.files import whole_file

    if path is not None:
        with whole_file(path) as part:
            part.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
