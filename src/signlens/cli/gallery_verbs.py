"""The verbs of galleries: `gallery build`, `add`, `remove`, `info`, `index`, `publish`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

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
    print_found,
    say,
)
from signlens.errors import InputRejected, UsageError
from signlens.files import write_errors

if TYPE_CHECKING:
    from signlens.recognizer import Recognizer
    from signlens.retrieval.building import Built, Enrolment
    from signlens.retrieval.gallery import Gallery

_LISTED = 10
_UNWRITABLE = "the gallery cannot be written there"

galleries = typer.Typer(
    help="Galleries: the known clips that `search` looks among. A gloss is a label, not a translation.",
    no_args_is_help=True,
)
app.add_typer(galleries, name="gallery")

GalleryFolder = Annotated[Path, typer.Argument(metavar="GALLERY", help="Folder of a gallery.")]
Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...",
        help="A dataset folder; or .pose files, videos, and folders of these with a folder per gloss.",
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="SPLIT",
        help="Which clips: train (default), val, test, none (clips without a split); once for each. "
        "Results from val and test are marked, for they make measured recall too good.",
    ),
]
Gloss = Annotated[
    str, typer.Option("--gloss", help="Gloss of single files; by default the name of their folder.")
]
Signer = Annotated[str, typer.Option("--signer", help="Who signs in single files.")]
SignerPattern = Annotated[
    str, typer.Option("--signer-pattern", help="For folders: regular expression for who signs.")
]
WithPoses = Annotated[
    bool,
    typer.Option(
        "--with-poses",
        help="Keep each clip's skeleton too, to draw it beside a query. Poses are personal data.",
    ),
]
AsFilmed = Annotated[
    bool, typer.Option("--as-filmed", help="Do not turn a signer to the camera who is turned or tilted.")
]


@galleries.command()
def build(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", help="The gallery's folder; made if it is not there.")],
    include: Include = None,
    gloss: Gloss = "",
    signer: Signer = "",
    signer_pattern: SignerPattern = "",
    with_poses: WithPoses = False,
    as_filmed: AsFilmed = False,
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
    model: ModelFolder = None,
) -> None:
    """Embed clips and write a gallery; a run that was stopped goes on where it was."""
    with errors_to_exit_codes():
        from signlens.recognizer import Recognizer

        limits = asked_limits(max_seconds, max_pixels, max_frames)
        with Recognizer(model, limits=limits, correct_orientation=not as_filmed) as recognizer:
            clips, notes = _planned(sources, include, gloss, signer, signer_pattern, recognizer)
            notes["orientation"] = "as filmed" if as_filmed else "turned to the camera"
            built = _built(clips, recognizer, notes, out, with_poses)
            _save(built.gallery, out)
        _part(out).unlink(missing_ok=True)
        raise typer.Exit(_report(built, out, len(built.gallery), as_json))


@galleries.command()
def add(
    folder: GalleryFolder,
    sources: Sources,
    include: Include = None,
    gloss: Gloss = "",
    signer: Signer = "",
    signer_pattern: SignerPattern = "",
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
    model: ModelFolder = None,
) -> None:
    """Add clips to a gallery; a clip of the same name takes the other's place."""
    with errors_to_exit_codes():
        from signlens.recognizer import Recognizer

        limits = asked_limits(max_seconds, max_pixels, max_frames)
        with Recognizer(model, limits=limits) as recognizer:
            earlier = _load(folder)
            earlier.require_space(recognizer.space, folder)
            recognizer.correct_orientation = earlier.notes.get("orientation") != "as filmed"
            clips, notes = _planned(sources, include, gloss, signer, signer_pattern, recognizer)
            built = _built(clips, recognizer, notes, folder, earlier.skeletons is not None)
            whole = earlier.joined(built.gallery)
            _save(whole, folder)
        _part(folder).unlink(missing_ok=True)
        from dataclasses import replace

        added = len(built.gallery)
        raise typer.Exit(_report(replace(built, gallery=whole), folder, added, as_json))


@galleries.command()
def remove(
    folder: GalleryFolder,
    clips: Annotated[list[str] | None, typer.Argument(metavar="CLIP...", help="Names of clips.")] = None,
    gloss: Annotated[list[str] | None, typer.Option("--gloss", help="All clips of a gloss.")] = None,
    signer: Annotated[
        list[str] | None, typer.Option("--signer", help="All clips of a signer, who may wish so.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take clips out of a gallery."""
    with errors_to_exit_codes():
        gallery = _load(folder)
        names, glosses, signers = set(clips or ()), set(gloss or ()), set(signer or ())
        if not names | glosses | signers:
            raise UsageError("gallery remove", "nothing is named", "name clips, --gloss or --signer")
        for what, asked, known in (
            ("clip", names, {c.name for c in gallery.clips}),
            ("gloss", glosses, set(gallery.glosses)),
            ("signer", signers, {c.signer for c in gallery.clips}),
        ):
            if asked - known:
                missing = f"it has no {what} {min(asked - known)}"
                raise UsageError(folder, missing, "see: signlens gallery info")
        left = [
            row
            for row, c in enumerate(gallery.clips)
            if not (c.name in names or c.gloss in glosses or c.signer in signers)
        ]
        _save(gallery.only(left), folder)
        removed = len(gallery) - len(left)
        document = {"gallery": str(folder), "removed": removed, "clips": len(left)}
        print_found(document, as_json, f"{folder}: {removed} removed, {len(left)} left")


@galleries.command()
def info(folder: GalleryFolder, as_json: AsJson = False) -> None:
    """What is in a gallery, and which clips in it are the same recording."""
    with errors_to_exit_codes():
        from collections import Counter

        gallery = _load(folder)
        splits = Counter(c.split or "none" for c in gallery.clips)
        glosses = Counter(gallery.glosses)
        spaces = {name: gallery.matrix(name).shape[1] for name in gallery.spaces}
        signers = len({c.signer for c in gallery.clips if c.signer})
        found = {
            "gallery": str(folder),
            "model": gallery.model,
            "space": gallery.space,
            "spaces": spaces,
            "weights": dict(gallery.weights),
            "clips": len(gallery),
            "glosses": dict(sorted(glosses.items())),
            "signers": signers,
            "splits": dict(splits),
            "with_poses": gallery.skeletons is not None,
            "duplicates": [list(names) for names in gallery.duplicates()],
            "notes": dict(gallery.notes),
        }
        print_found(
            found,
            as_json,
            f"{folder}: {len(gallery):,} clips of {len(glosses):,} glosses, by {gallery.model}",
            "Spaces: " + ", ".join(f"{name} ({d})" for name, d in spaces.items()),
            "Splits: " + ", ".join(f"{name} {count:,}" for name, count in splits.items()),
            f"Signers known: {signers}; skeletons: {'yes' if gallery.skeletons else 'no'}",
            *(f"{name}: {text}" for name, text in gallery.notes.items()),
            *_duplicates(gallery),
        )


@galleries.command()
def index(
    folder: GalleryFolder,
    space: Annotated[str, typer.Option("--space", help="A network of the model, or fused.")] = "fused",
    stored_as: Annotated[
        Literal["f16", "i8"], typer.Option("--stored-as", help="Half-precision numbers, or bytes.")
    ] = "f16",
    as_json: AsJson = False,
) -> None:
    """Build the approximate index of one space, for `search --approximate`; refused if it misses much."""
    with errors_to_exit_codes():
        from dataclasses import asdict

        from signlens.retrieval.approximate import RECALL_AT, build_index
        from signlens.retrieval.gallery import GALLERY_FILE

        known = build_index(folder, GALLERY_FILE, space, stored_as)
        print_found(
            asdict(known),
            as_json,
            f"{folder}: index of {known.clips:,} clips in {space}, {known.bytes / 2**20:.1f} MiB, built in "
            f"{known.build_s:.1f} s; finds {known.recall:.2%} of the {RECALL_AT} nearest clips of "
            f"{known.sample} clips that asked",
        )


@galleries.command()
def publish(
    folder: GalleryFolder,
    service: Annotated[str, typer.Option("--service", help="Qdrant: a server's URL, or a folder.")],
    collection: Annotated[
        str, typer.Option("--collection", help="First part of the collection's name.")
    ] = "signlens",
    as_json: AsJson = False,
) -> None:
    """Put a gallery on a Qdrant server that many machines share; an earlier one of the model is replaced."""
    with errors_to_exit_codes():
        from signlens.retrieval import service as services

        gallery = _load(folder)
        name = services.publish(gallery, services.connect(service), collection)
        document = {"service": service, "collection": name, "clips": len(gallery)}
        print_found(document, as_json, f"{service}: {len(gallery):,} clips in {name}")


def _planned(
    sources: Sequence[Path],
    include: Sequence[str] | None,
    gloss: str,
    signer: str,
    signer_pattern: str,
    recognizer: Recognizer,
) -> tuple[list[Enrolment], dict[str, str]]:
    from signlens.datasets.enrolment import NO_SPLIT, TRAIN, clips_of_dataset, clips_of_files, is_dataset
    from signlens.datasets.folder import Dataset

    if any(is_dataset(path) for path in sources):
        if len(sources) > 1:
            raise UsageError("gallery", "a dataset folder stands alone", "add the others with: gallery add")
        if gloss or signer or signer_pattern:
            raise UsageError("gallery", "a dataset says itself who signs what", "leave these options out")
        dataset = Dataset.open(sources[0])
        asked = list(dict.fromkeys(include or (TRAIN,)))
        return clips_of_dataset(dataset, asked), {
            "dataset": dataset.name,
            "dataset_identity": dataset.identity,
            "include": ", ".join(asked),
        }
    asked = list(dict.fromkeys(include or (TRAIN, NO_SPLIT)))
    named = {"gloss": gloss, "signer": signer, "signer_pattern": signer_pattern}
    clips = clips_of_files(sources, recognizer.poses, include=asked, **named)
    return clips, {"include": ", ".join(asked)}


def _built(
    clips: Sequence[Enrolment], recognizer: Recognizer, notes: dict[str, str], folder: Path, with_poses: bool
) -> Built:
    from signlens.retrieval.building import embed_clips, empty_gallery

    try:
        with write_errors(folder, problem=_UNWRITABLE), ProgressBar() as progress:
            folder.mkdir(parents=True, exist_ok=True)
            return embed_clips(
                clips,
                recognizer.embed,
                empty_gallery(recognizer.model, notes),
                _part(folder),
                skeletons=with_poses,
                progress=progress,
            )
    except KeyboardInterrupt:
        say("signlens: the same command goes on where this one stopped")
        raise


def _part(folder: Path) -> Path:
    from signlens.retrieval.building import PART_FILE

    return folder / PART_FILE


def _load(folder: Path) -> Gallery:
    from signlens.retrieval.gallery import GALLERY_FILE, Gallery

    return Gallery.load(folder / GALLERY_FILE, skeletons=True)


def _save(gallery: Gallery, folder: Path) -> None:
    from signlens.retrieval.gallery import GALLERY_FILE

    with write_errors(folder, problem=_UNWRITABLE):
        gallery.save(folder / GALLERY_FILE)


def _report(built: Built, folder: Path, added: int, as_json: bool) -> int:
    """Print what was done; returns the exit code."""
    gallery = built.gallery
    document = {
        "gallery": str(folder),
        "clips": len(gallery),
        "added": added,
        "done_before": built.kept,
        "rejected": built.rejected,
        "duplicates": [list(names) for names in gallery.duplicates()],
        "splits": sorted({c.split or "none" for c in gallery.clips}),
    }
    summary = f"{folder}: {len(gallery):,} clips of {len(set(gallery.glosses)):,} glosses"
    print_found(document, as_json, summary)
    for number, reason in enumerate(built.rejected.values()):
        if number == _LISTED:
            say(f"signlens: and {len(built.rejected) - _LISTED} other clips were rejected; --json has each")
            break
        say(f"signlens: {reason}")
    for line in () if as_json else _duplicates(gallery):
        say(line)
    held_out = sorted({c.split for c in gallery.clips} & {"val", "test"})
    if held_out:
        say(
            f"signlens: this gallery holds clips of {' and '.join(held_out)}; what is found among them is "
            "marked, and says nothing of how well unseen clips are found"
        )
    return InputRejected.exit_code if built.rejected else 0


def _duplicates(gallery: Gallery) -> list[str]:
    groups = gallery.duplicates()
    lines = [f"The same recording: {', '.join(names)}" for names in groups[:_LISTED]]
    if len(groups) > _LISTED:
        lines.append(f"and {len(groups) - _LISTED} others; --json has each")
    return lines
