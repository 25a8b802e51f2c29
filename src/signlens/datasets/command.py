"""What ``signlens dataset import`` does, as a function: labels by kind, a source of poses, the folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from signlens.datasets.asl_citizen import read_asl_citizen
from signlens.datasets.autsl import read_autsl
from signlens.datasets.csv_manifest import read_csv_manifest
from signlens.datasets.extraction import Extraction
from signlens.datasets.folder import Dataset
from signlens.datasets.gloss_folders import read_gloss_folders
from signlens.datasets.importing import FilePoses, NoPoses, PoseSource, import_dataset
from signlens.datasets.labels import (
    Labels,
    only_glosses,
    parse_signer_splits,
    read_gloss_list,
    split_by_signer,
)
from signlens.datasets.slr_sentiment import read_slr_sentiment
from signlens.datasets.wlasl import read_wlasl
from signlens.errors import InputRejected, UsageError
from signlens_studies.starter.landmark_sets import open_traduttore, open_wlasl50

if TYPE_CHECKING:
    from signlens.video import VideoLimits

Kind = Literal[
    "wlasl", "autsl", "asl-citizen", "gloss-folders", "csv", "traduttore", "wlasl50", "slr-sentiment"
]
KeypointSet = Literal["whole-body", "signing"]
Language = Literal["en", "tr"]

EXTRACTED = "extracted"
"""Where in a dataset folder the `.pose` files of its videos are kept, unless another folder is named."""

_MOST_SOURCES = {"wlasl": None, "autsl": None, "asl-citizen": None, "slr-sentiment": 2}
_OPTION_OF = {"--subset": "wlasl", "--gloss-language": "autsl", "--signer-pattern": "gloss-folders"}


@dataclass(frozen=True)
class ImportRequest:
    """What is to be imported, as the command line asks for it.

    Attributes:
        kind: Kind of dataset.
        sources: Label files, or the folder that holds them.
        out: The dataset folder.
        videos: Folder of videos, to be extracted.
        poses: Folder of poses; with videos, theirs are kept there too.
        labels_only: Whether to leave poses out.
        name: Name of the dataset; by default the folder's.
        glosses: File of the glosses to keep, in class order.
        subset: How many glosses of WLASL.
        gloss_language: Language of AUTSL's glosses.
        signer_pattern: Regular expression that finds the signer in the file names of gloss folders.
        signer_splits: ``SPLIT=SIGNER`` texts that replace the splits.
        keypoints: Which keypoints are stored.
        mirrored: Whether arrays and OpenPose files come from mirrored frames.
        limits: Caps on the videos.
    """

    kind: Kind
    sources: tuple[Path, ...]
    out: Path
    videos: Path | None = None
    poses: Path | None = None
    labels_only: bool = False
    name: str = ""
    glosses: Path | None = None
    subset: int | None = None
    gloss_language: Language | None = None
    signer_pattern: str = ""
    signer_splits: tuple[str, ...] = ()
    keypoints: KeypointSet = "whole-body"
    mirrored: bool = False
    limits: VideoLimits | None = None


def run_import(
    request: ImportRequest,
    on_clip: Callable[[int, int, str], None] | None = None,
    on_frames: Callable[[int], None] | None = None,
) -> Dataset:
    """Import a dataset.

    Args:
        request: What is asked for.
        on_clip: Called before each clip with how many are done, of how many, and its name.
        on_frames: Called with the number of frames that are done of a video.

    Returns:
        The dataset, opened.

    Raises:
        UsageError: Options that do not go together, or a folder that cannot be written to.
        InputRejected: Labels that cannot be read, or no clip of them has poses.
        PartMissing: Videos are to be extracted, and what that needs is not installed.
    """
    _check(request)
    labels, source = _LABELS[request.kind](request)
    if request.glosses is not None:
        labels = only_glosses(labels, read_gloss_list(request.glosses))
    splits = parse_signer_splits(request.signer_splits)
    if splits:
        labels = split_by_signer(labels, splits)
    with ExitStack() as stack:
        if source is None:
            source = _file_source(request, stack, on_frames)
        total = len(labels.clips)
        return import_dataset(
            labels,
            source,
            request.out,
            name=request.name,
            keypoints=request.keypoints,
            progress=None if on_clip is None else lambda done, clip: on_clip(done, total, clip),
        )


def _check(request: ImportRequest) -> None:
    kind = request.kind
    given = {
        "--subset": request.subset is not None,
        "--gloss-language": request.gloss_language is not None,
        "--signer-pattern": request.signer_pattern != "",
    }
    for option, present in given.items():
        if present and kind != _OPTION_OF[option]:
            raise UsageError(option, f"it means nothing to {kind}", f"it is for {_OPTION_OF[option]}")
    most = _MOST_SOURCES.get(kind, 1)
    if not request.sources or (most is not None and len(request.sources) > most):
        raise UsageError(
            kind, f"{len(request.sources)} sources are given", f"give {'one' if most == 1 else most}"
        )
    if request.labels_only and (request.videos or request.poses):
        raise UsageError("--labels-only", "videos or poses are given too", "leave one of them out")
    if kind in ("traduttore", "wlasl50") and (request.videos or request.poses or request.mirrored):
        raise UsageError(kind, "it brings its own poses", "leave out --videos, --poses and --mirrored")
    if kind == "gloss-folders":
        if request.videos:
            raise UsageError("--videos", "the clips lie in the gloss folders", "give their folder as SOURCE")
        for folder in (request.out, request.poses):
            if folder and folder.resolve().is_relative_to(request.sources[0].resolve()):
                raise UsageError(
                    folder, "it lies within the gloss folders, and would be taken for one", "name another"
                )


def _file_source(
    request: ImportRequest, stack: ExitStack, on_frames: Callable[[int], None] | None
) -> PoseSource:
    poses, videos = request.poses, request.videos
    if request.kind == "gloss-folders":
        videos = request.sources[0]
        poses = poses or videos
    elif request.kind == "csv" and not (poses or videos):
        poses = videos = request.sources[0].parent
    if request.labels_only or not (poses or videos):
        return NoPoses()
    kept = request.poses or request.out / EXTRACTED
    if videos and request.poses and not request.poses.exists():
        _make(request.poses)
    extraction = stack.enter_context(Extraction(kept, request.limits, on_frames)) if videos else None
    return FilePoses(poses, videos, extraction, mirrored=request.mirrored)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(folder, f"the folder cannot be made ({error.strerror})", "name another") from None


# ---------------------------------------------------------------------------------------------------
# Labels by kind; those that bring poses of their own return them too.

_Read = tuple[Labels, PoseSource | None]


def _wlasl(request: ImportRequest) -> _Read:
    return read_wlasl(request.sources, request.subset), None


def _autsl(request: ImportRequest) -> _Read:
    return read_autsl(request.sources, request.gloss_language or "en"), None


def _asl_citizen(request: ImportRequest) -> _Read:
    return read_asl_citizen(request.sources), None


def _gloss_folders(request: ImportRequest) -> _Read:
    return read_gloss_folders(request.sources[0], request.signer_pattern), None


def _csv(request: ImportRequest) -> _Read:
    return read_csv_manifest(request.sources[0]), None


def _slr_sentiment(request: ImportRequest) -> _Read:
    lists = [path for path in request.sources if path.suffix.lower() != ".csv"]
    tables = [path for path in request.sources if path.suffix.lower() == ".csv"]
    if len(tables) != 1 or len(lists) > 1:
        raise InputRejected(
            request.sources[0],
            "it is not one table of labels",
            "give split_labels.csv, and WLASL's class list",
        )
    return read_slr_sentiment(tables[0], lists[0] if lists else None), None


def _traduttore(request: ImportRequest) -> _Read:
    labels, source = open_traduttore(request.sources[0])
    return labels, NoPoses() if request.labels_only else source


def _wlasl50(request: ImportRequest) -> _Read:
    labels, source = open_wlasl50(request.sources[0])
    return labels, NoPoses() if request.labels_only else source


_LABELS: dict[str, Callable[[ImportRequest], _Read]] = {
    "wlasl": _wlasl,
    "autsl": _autsl,
    "asl-citizen": _asl_citizen,
    "gloss-folders": _gloss_folders,
    "csv": _csv,
    "slr-sentiment": _slr_sentiment,
    "traduttore": _traduttore,
    "wlasl50": _wlasl50,
}
