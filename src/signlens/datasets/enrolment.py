"""Clips for a gallery: those of a dataset folder, or files of poses and videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from signlens.datasets.clip_files import ClipFile, ClipFiles, Form, without_endings
from signlens.datasets.folder import DATASET_FILE, FRAME_HEIGHTS, SPLITS, Dataset
from signlens.datasets.gloss_folders import read_gloss_folders
from signlens.errors import InputRejected, UsageError
from signlens.pose.clip import WHOLE_BODY_KEYPOINTS, PoseClip, Provenance
from signlens.pose.file import read_pose
from signlens.retrieval.building import Enrolment
from signlens.retrieval.gallery import GalleryClip
from signlens.video import VIDEO_SUFFIXES, sha256_of

TRAIN, NO_SPLIT = "train", "none"
INCLUDES = (*SPLITS, NO_SPLIT)
"""What a gallery may be made of: clips of these splits, or of none."""

_FORMS: tuple[Form, ...] = ("pose", "video")
_EVERY_KEYPOINT = np.arange(WHOLE_BODY_KEYPOINTS)
_HEIGHT = 480.0
_RATE = 25.0


def pose_clip(dataset: Dataset, row: int) -> PoseClip:
    """A dataset's clip as poses.

    A dataset does not keep how fast a clip was filmed: 25 frames a second is assumed. Coordinates in frame
    heights become pixels of a frame 480 high.
    """
    keypoints = dataset.points(row, _EVERY_KEYPOINT)
    if dataset.unit == FRAME_HEIGHTS:
        keypoints[..., :3] *= np.float32(_HEIGHT)
    keypoints[keypoints[..., 3] <= 0, :3] = np.nan
    clip = dataset.clips[row]
    return PoseClip(
        keypoints,
        face_mesh=None,
        times=np.arange(len(keypoints)) / _RATE,
        fps=_RATE,
        width=0,
        height=0,
        provenance=Provenance(
            str(dataset.provenance.get("extractor", "")),
            "unknown",
            source={"name": clip.name, "sha256": clip.source_sha256},
        ),
    )


def clips_of_dataset(dataset: Dataset, include: Sequence[str] = (TRAIN,)) -> list[Enrolment]:
    """The clips with poses of some splits (`INCLUDES`)."""
    wanted = _wanted(include)
    rows = [row for row, c in enumerate(dataset.clips) if c.available and c.split in wanted]
    if not rows:
        known = sorted({c.split or NO_SPLIT for c in dataset.clips if c.available})
        raise UsageError(
            dataset.folder,
            f"it has no clip with poses in {' or '.join(include)}, only in {', '.join(known) or 'no split'}",
            "say with --include which clips the gallery may hold",
        )

    def opened(row: int) -> tuple[GalleryClip, Callable[[], PoseClip]]:
        c = dataset.clips[row]
        known = GalleryClip(c.name, c.gloss, c.signer, c.split, c.source_sha256)
        return known, partial(pose_clip, dataset, row)

    return [Enrolment(dataset.clips[row].name, partial(opened, row)) for row in rows]


def clips_of_files(
    paths: Sequence[Path],
    poses_of: Callable[[Path], PoseClip],
    *,
    include: Sequence[str] = (TRAIN, NO_SPLIT),
    gloss: str = "",
    signer: str = "",
    signer_pattern: str = "",
) -> list[Enrolment]:
    """Files of poses or videos, and folders of such with a folder per gloss (above it perhaps one per split).

    Where a clip is there both as a video and as a `.pose` file, the latter is taken.

    Args:
        paths: Files and folders.
        poses_of: Extracts a video.
        include: Of `INCLUDES`; a file named by itself is of no split.
        gloss: Gloss of the files named by themselves; by default the name of the folder that each is in.
        signer: Who signs in them.
        signer_pattern: See `signlens.datasets.gloss_folders.read_gloss_folders`.
    """
    wanted = _wanted(include)
    found: list[Enrolment] = []
    for path in paths:
        if path.is_dir():
            found += _in_folder(path, poses_of, wanted, signer_pattern)
            continue
        form = path.suffix.lower()
        if not path.is_file() or form not in (".pose", *VIDEO_SUFFIXES):
            problem = "it is no video and no .pose file" if path.is_file() else "there is no such file"
            raise InputRejected(path, problem, "name .pose files, videos, or folders of them")
        file = ClipFile(path, without_endings(path.name), "pose" if form == ".pose" else "video")
        own = gloss or path.resolve().parent.name
        found.append(_of_file(file, GalleryClip(f"{own}/{file.key}", own, signer), poses_of))
    for name, count in Counter(clip.name for clip in found).items():
        if count > 1:
            raise UsageError(name, f"{count} clips would have this name", "rename a file")
    if not found:
        problem = f"no clip is of {' or '.join(include)}"
        raise UsageError("include", problem, "say with --include which clips to take")
    return found


def is_dataset(path: Path) -> bool:
    """Whether a folder is one that `signlens dataset import` made."""
    return (path / DATASET_FILE).is_file()


def _in_folder(
    folder: Path, poses_of: Callable[[Path], PoseClip], wanted: set[str], signer_pattern: str
) -> list[Enrolment]:
    labels = read_gloss_folders(folder, signer_pattern)
    files: dict[str, ClipFile] = {}
    for file in ClipFiles([folder], _FORMS):
        if file.key not in files or file.form == "pose":
            files[file.key] = file
    return [
        _of_file(files[clip.name], GalleryClip(clip.name, clip.gloss, clip.signer, clip.split), poses_of)
        for clip in labels.clips
        if clip.name in files and clip.split in wanted
    ]


def _of_file(file: ClipFile, clip: GalleryClip, poses_of: Callable[[Path], PoseClip]) -> Enrolment:
    def opened() -> tuple[GalleryClip, Callable[[], PoseClip]]:
        if file.form == "video":
            return _with_source(clip, sha256_of(file.path)), lambda: poses_of(file.path)
        poses = read_pose(file.path)
        return _with_source(clip, poses.provenance.source.get("sha256", "")), lambda: poses

    return Enrolment(clip.name, opened)


def _with_source(clip: GalleryClip, source: str) -> GalleryClip:
    return GalleryClip(clip.name, clip.gloss, clip.signer, clip.split, source)


def _wanted(include: Sequence[str]) -> set[str]:
    for name in include:
        if name not in INCLUDES:
            raise UsageError("include", f"there is no split {name!r}", f"choose from {', '.join(INCLUDES)}")
    return {"" if name == NO_SPLIT else name for name in include}
