"""The verb `search`: known signs that look alike."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from signlens.cli.progress import ProgressBar
from signlens.cli.shared import (
    AsJson,
    MaxFrames,
    MaxPixels,
    MaxSeconds,
    ModelFolder,
    app,
    asked_limits,
    errors_to_exit_codes,
    print_json,
    say,
)
from signlens.errors import UsageError
from signlens.reasons import Reason

if TYPE_CHECKING:
    from signlens.pose import PoseClip
    from signlens.recognizer import Recognizer
    from signlens.retrieval.gallery import SimilarSign

    LookUp = Callable[[NDArray[np.float32], int, Set[str]], list[SimilarSign]]


@app.command()
def search(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="A video, a .pose file, or camera:0.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many similar signs to give.")] = 10,
    space: Annotated[
        str,
        typer.Option(
            "--space",
            help="What is compared: a network of the model (joint, bone, joint_motion, bone_motion, "
            "hand_shape), or fused: all of them, by their weights.",
        ),
    ] = "fused",
    gallery: Annotated[
        Path | None, typer.Option("--gallery", help="Folder of a gallery; the model's own by default.")
    ] = None,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Search by the index that `gallery index` built.")
    ] = False,
    service: Annotated[
        str | None,
        typer.Option("--service", help="Search a gallery on a Qdrant server (its URL, or a folder)."),
    ] = None,
    collection: Annotated[
        str, typer.Option("--collection", help="With --service: first part of the collection's name.")
    ] = "signlens",
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write a page that shows the clip and its neighbours side by side."),
    ] = None,
    as_filmed: Annotated[
        bool,
        typer.Option("--as-filmed", help="Do not turn a signer to the camera who is turned or tilted."),
    ] = False,
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
    model: ModelFolder = None,
) -> None:
    """Find the known clips whose signing looks most like this one's: similar form, not similar meaning."""
    with errors_to_exit_codes():
        from signlens.recognizer import Recognizer
        from signlens.retrieval.index import check_k

        if service is not None and (gallery is not None or approximate or report is not None):
            others = "--gallery, --approximate or --report"
            raise UsageError("--service", f"does not go with {others}", "leave one out")
        limits = asked_limits(max_seconds, max_pixels, max_frames)
        with (
            Recognizer(model, limits=limits, correct_orientation=not as_filmed) as recognizer,
            ProgressBar(1) as bar,
        ):
            check_k(k)
            recognizer.model.require_space(space)
            folder = recognizer.model.folder if gallery is None else gallery
            if service is not None:
                look_up = _on_service(recognizer, service, collection, space)
            else:
                look_up = _in_gallery(recognizer, folder, approximate, space)
            poses = recognizer.poses(clip, bar.clip(0, clip))
            scores, straight = recognizer.embed(poses, clip)
            found = look_up(scores.embedding_in(space), k, poses.provenance.source_hashes)
        reasons = [*poses.reasons, *held_out_reasons(found)]
        if report is not None:
            _write_report(report, clip, straight, found, folder, space, reasons)
        if as_json:
            from signlens import document

            print_json(
                {
                    "clip": {"path": clip, "frames": poses.frames},
                    "reasons": [reason.to_json() for reason in reasons],
                    "space": space,
                    "search": "service" if service else "approximate" if approximate else "exact",
                    "similar": [document.as_json(document.JsonSimilar, sign) for sign in found],
                    "model": recognizer.identity,
                    "report": None if report is None else str(report),
                }
            )
            return
        _print(clip, found, reasons)


def held_out_reasons(found: list[SimilarSign]) -> list[Reason]:
    """What to say of results that are not of training clips."""
    counts = {split: sum(sign.split == split for sign in found) for split in ("val", "test")}
    return [
        Reason(
            "held_out_found",
            f"{count} of the clips found are of the split {split}, which was put into the gallery on "
            "purpose; do not measure recall with them.",
        )
        for split, count in counts.items()
        if count
    ]


def _in_gallery(recognizer: Recognizer, folder: Path, approximate: bool, space: str) -> LookUp:
    from signlens.retrieval.gallery import GALLERY_FILE, Gallery
    from signlens.retrieval.stored_gallery import StoredGallery

    path = folder / GALLERY_FILE
    if approximate:
        from signlens.retrieval.approximate import open_index

        stored = StoredGallery.open(path, recognizer.space)
        index = open_index(folder, stored, space)
        return lambda query, k, sources: stored.signs(index.search(query, k, stored.rows_of(sources)))
    held = Gallery.load(path, recognizer.space, only=space)
    return lambda query, k, sources: held.search(query, k, held.rows_of(sources), space)


def _on_service(recognizer: Recognizer, service: str, collection: str, space: str) -> LookUp:
    from signlens.retrieval.service import ServiceIndex, connect

    index = ServiceIndex(connect(service), recognizer.space, space, collection)
    return lambda query, k, sources: index.signs(index.search(query, k, index.rows_of(sources)))


def _write_report(
    report: Path,
    clip: str,
    straight: PoseClip,
    found: list[SimilarSign],
    folder: Path,
    space: str,
    reasons: list[Reason],
) -> None:
    from signlens.report.similar import MOST_SHOWN, write_similar
    from signlens.retrieval.building import signing_skeleton
    from signlens.retrieval.gallery import GALLERY_FILE
    from signlens.retrieval.stored_gallery import StoredGallery

    held = StoredGallery.open(folder / GALLERY_FILE)
    skeletons = held.skeletons_of({sign.clip for sign in found[:MOST_SHOWN]})
    write_similar(
        signing_skeleton(straight),
        found,
        report,
        name=clip,
        clips=held.clips,
        skeletons=skeletons,
        space=space,
        model=held.model,
        reasons=[reason.text for reason in reasons],
    )


def _print(clip: str, found: list[SimilarSign], reasons: list[Reason]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    marked = any(sign.split in ("val", "test") for sign in found)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Gloss")
    table.add_column("Cosine", justify="right")
    table.add_column("Clip of the gallery", style="dim")
    if marked:
        table.add_column("Split")
    for sign in found:
        cells = [escape(sign.gloss), f"{sign.similarity:.3f}", escape(sign.clip)]
        table.add_row(*cells, *([sign.split] if marked else []))
    for reason in reasons:
        say(f"signlens: {clip}: {reason.text}")
    Console(highlight=False).print(table)
