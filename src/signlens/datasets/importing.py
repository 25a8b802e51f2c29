"""Labels and the poses of their clips, brought together into a dataset folder, one clip at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.clip_files import POSE_FORMS, ClipFile, ClipFiles
from signlens.datasets.extraction import Extraction
from signlens.datasets.folder import PIXELS, ClipRecord, Dataset
from signlens.datasets.folder_writer import write_dataset
from signlens.datasets.labels import (
    LabelledClip,
    Labels,
    only_glosses,
    parse_signer_splits,
    read_gloss_list,
    split_by_signer,
)
from signlens.datasets.openpose import read_openpose_folder
from signlens.datasets.whole_body_arrays import read_whole_body_array, unmirrored
from signlens.errors import InputRejected, UsageError
from signlens.files import file_sha256, write_errors
from signlens.pose.clip import WHOLE_BODY_KEYPOINTS
from signlens.pose.file import read_pose
from signlens.skeleton.normalise import WHOLE_BODY_INDEX

if TYPE_CHECKING:
    from signlens.video import VideoLimits

LABEL_FPS = 25.0
"""WLASL counts frames as if every recording had 25 a second, whatever it has."""

CUT_SLACK_S = 0.2
NO_FILE = "there is neither a video nor poses of it"
NO_POSES_ASKED = "only labels were imported"

KEYPOINT_SETS: dict[str, NDArray[np.int64]] = {
    "whole-body": np.arange(WHOLE_BODY_KEYPOINTS),
    "signing": WHOLE_BODY_INDEX,
}
"""Which keypoints a store may hold: all 133, or the 49 of upper body and hands."""


@dataclass(frozen=True)
class FoundPoses:
    """What a source knows of one clip.

    Attributes:
        poses: (T, K, 4) for the K keypoints of the source, or None.
        reason: Why there are none.
        source: Name of the file that they come from.
        sha256: SHA-256 (hex) of the video where it is known, else of that file.
        extractor: Name and version of what made them.
        note: What was done to them (``cut``, ``cut before``), or an empty string.
    """

    poses: NDArray[np.float32] | None
    reason: str = ""
    source: str = ""
    sha256: str = ""
    extractor: str = ""
    note: str = ""


class PoseSource(Protocol):
    """Where an import takes poses from.

    Attributes:
        keypoints: (K,) whole-body indices that its poses hold.
        unit: Unit of its coordinates.
        required: Whether an import in which no clip has poses is a mistake.
    """

    keypoints: NDArray[np.int64]
    unit: str
    required: bool

    def find(self, clip: LabelledClip) -> FoundPoses:
        """The poses of a clip; clips are asked for in the order of the labels."""
        ...


class NoPoses:
    """The source of an import of labels alone."""

    keypoints = KEYPOINT_SETS["whole-body"]
    unit = PIXELS
    required = False

    def find(self, clip: LabelledClip) -> FoundPoses:
        """None, for any clip."""
        return FoundPoses(None, NO_POSES_ASKED)


class FilePoses:
    """Poses from files: `.pose`, arrays and OpenPose's where there are some, else from videos.

    Args:
        poses: Folder of poses.
        videos: Folder of videos.
        extraction: Extracts videos; needed where there are some. `.pose` files that it keeps are held
            against their video, all others are taken as they are and their video is not opened.
        mirrored: Whether arrays and OpenPose files were made from mirrored frames (SAM-SLR's are).
    """

    keypoints = KEYPOINT_SETS["whole-body"]
    unit = PIXELS
    required = True

    def __init__(
        self,
        poses: Path | None = None,
        videos: Path | None = None,
        extraction: Extraction | None = None,
        *,
        mirrored: bool = False,
    ) -> None:
        self._poses = ClipFiles([poses] if poses else [], POSE_FORMS)
        self._videos = ClipFiles([videos] if videos else [], ("video",))
        self._extraction = extraction
        self._mirrored = mirrored

    def find(self, clip: LabelledClip) -> FoundPoses:
        """The poses of a clip, cut to its sign where its labels say where that is."""
        file = None
        try:
            poses, video = self._poses.find(clip.files), self._videos.find(clip.files)
            file = video or poses
            if file is None:
                return FoundPoses(None, NO_FILE)
            if poses and not (video and self._extraction and self._extraction.keeps(poses)):
                file = poses
            return self._cut(clip, self._read(file, poses))
        except InputRejected as error:
            return FoundPoses(None, _without_folders(error), "" if file is None else file.path.name)

    def _read(self, file: ClipFile, poses: ClipFile | None) -> tuple[FoundPoses, NDArray[np.float64]]:
        """Poses and the time of each frame in seconds."""
        if file.form == "video" or file.form == "pose":
            if file.form == "pose":
                clip = read_pose(file.path)
            else:
                assert self._extraction is not None, "videos need an extraction"
                clip = self._extraction.poses_of(file.path, poses.key if poses else file.key)
            origin = clip.provenance
            found = FoundPoses(
                np.where(clip.keypoints[..., 3:] > 0, clip.keypoints, np.float32(0)),
                source=origin.source.get("name") or file.path.name,
                sha256=origin.source.get("sha256") or file_sha256(file.path),
                extractor=f"{origin.extractor} {origin.version}".strip(),
            )
            return found, clip.times
        if file.form == "array":
            keypoints, sha256 = read_whole_body_array(file.path), file_sha256(file.path)
            extractor = "COCO-WholeBody arrays"
        else:
            keypoints, sha256 = read_openpose_folder(file.path)
            extractor = "OpenPose"
        if self._mirrored:
            keypoints, extractor = unmirrored(keypoints), f"{extractor}, mirrored"
        found = FoundPoses(keypoints, source=file.path.name, sha256=sha256, extractor=extractor)
        return found, np.arange(len(keypoints)) / LABEL_FPS

    def _cut(self, clip: LabelledClip, read: tuple[FoundPoses, NDArray[np.float64]]) -> FoundPoses:
        found, times = read
        assert found.poses is not None
        part = sign_in_recording(times, clip.first_frame, clip.last_frame)
        if part is None:
            whole = clip.first_frame == 1 and clip.last_frame == -1
            note = "" if whole else "cut before"
            return FoundPoses(found.poses, "", found.source, found.sha256, found.extractor, note)
        return FoundPoses(found.poses[part], "", found.source, found.sha256, found.extractor, "cut")


def sign_in_recording(times: NDArray[np.float64], first_frame: int, last_frame: int) -> slice | None:
    """Which frames of a recording a labelled range means, or None for all of them.

    WLASL's ranges are positions in the recordings as they were published, at 25 frames a second. Most
    copies were cut to the sign already; their ranges point past their end, and they are left whole.

    Args:
        times: (T,) seconds of the frames.
        first_frame: From 1.
        last_frame: Included; -1 for the end of the recording.
    """
    if last_frame == -1 and first_frame == 1:
        return None
    end_s = float(times[-1]) + float(np.median(np.diff(times)) if len(times) > 1 else 0)
    from_s = (first_frame - 1) / LABEL_FPS
    to_s = end_s if last_frame == -1 else last_frame / LABEL_FPS
    if end_s < to_s - CUT_SLACK_S or from_s >= end_s:
        return None
    inside = np.flatnonzero((times >= from_s - 1e-6) & (times < to_s - 1e-6))
    if not len(inside) or len(inside) == len(times):
        return None
    return slice(int(inside[0]), int(inside[-1]) + 1)


EXTRACTED = "extracted"
"""Where in a dataset folder the `.pose` files of its videos are kept, unless another folder is named."""


@dataclass(frozen=True)
class ImportSettings:
    """What an import does beside reading the labels of its kind.

    Attributes:
        out: The dataset folder.
        videos: Folder of videos, to be extracted.
        poses: Folder of poses; with videos, theirs are kept there too.
        labels_only: Whether to leave poses out.
        name: Name of the dataset; by default the folder's.
        glosses: File of the glosses to keep, in class order.
        signer_splits: ``SPLIT=SIGNER`` texts that replace the splits.
        keypoints: Which keypoints are stored.
        mirrored: Whether arrays and OpenPose files come from mirrored frames.
        limits: Caps on the videos.
    """

    out: Path
    videos: Path | None = None
    poses: Path | None = None
    labels_only: bool = False
    name: str = ""
    glosses: Path | None = None
    signer_splits: tuple[str, ...] = ()
    keypoints: Literal["whole-body", "signing"] = "whole-body"
    mirrored: bool = False
    limits: VideoLimits | None = None

    def __post_init__(self) -> None:
        """Check what goes together."""
        if self.labels_only and (self.videos or self.poses):
            raise UsageError("--labels-only", "videos or poses are given too", "leave one of them out")


def import_labels(
    labels: Labels,
    settings: ImportSettings,
    progress: Callable[[float, float | None, str], None] | None = None,
    *,
    clips_in: Path | None = None,
) -> Dataset:
    """Import a dataset whose labels were read: poses are found or extracted, the folder is written.

    Args:
        labels: Of one of the kinds.
        settings: What else is asked for.
        progress: Called with the number of clips done, of how many, and what is done now.
        clips_in: Folder in which the labelled clips lie, as videos or poses.
    """
    if settings.glosses is not None:
        labels = only_glosses(labels, read_gloss_list(settings.glosses))
    splits = parse_signer_splits(settings.signer_splits)
    if splits:
        labels = split_by_signer(labels, splits)
    total = len(labels.clips)
    present = (0, "")

    def on_clip(done: int, clip: str) -> None:
        nonlocal present
        present = (done, clip)
        if progress is not None:
            progress(done, total, clip)

    def on_frames(frames: int) -> None:
        if progress is not None:
            progress(present[0], total, f"{present[1]}, {frames} frames")

    videos, poses = clips_in or settings.videos, settings.poses or clips_in
    with ExitStack() as stack:
        source: PoseSource = NoPoses()
        if not settings.labels_only and (videos or poses):
            extraction = None
            if videos:
                if settings.poses and not settings.poses.exists():
                    with write_errors(settings.poses, "name another", "the folder cannot be made"):
                        settings.poses.mkdir(parents=True)
                kept = settings.poses or settings.out / EXTRACTED
                extraction = stack.enter_context(Extraction(kept, settings.limits, on_frames))
            source = FilePoses(poses, videos, extraction, mirrored=settings.mirrored)
        return import_dataset(
            labels, source, settings.out, name=settings.name, keypoints=settings.keypoints, progress=on_clip
        )


def import_dataset(
    labels: Labels,
    source: PoseSource,
    out: Path,
    *,
    name: str = "",
    keypoints: Literal["whole-body", "signing"] = "whole-body",
    progress: Callable[[int, str], None] | None = None,
) -> Dataset:
    """Write a dataset folder out of labels and poses.

    Args:
        labels: What the label files say.
        source: Where poses come from.
        out: The folder.
        name: Name of the dataset; by default the folder's.
        keypoints: Which of the source's keypoints are stored.
        progress: Called with the number of clips done and the next one's name.
    """
    wanted = np.isin(source.keypoints, KEYPOINT_SETS[keypoints])
    provenance: dict[str, Any] = labels.provenance()

    def clips() -> Iterator[tuple[ClipRecord, NDArray[np.float32] | None]]:
        extractors: Counter[str] = Counter()
        notes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for number, clip in enumerate(labels.clips):
            if progress is not None:
                progress(number, clip.name)
            found = source.find(clip)
            record = ClipRecord(
                name=clip.name,
                gloss=clip.gloss,
                signer=clip.signer,
                split=clip.split,
                fold=clip.fold,
                source=found.source or (clip.files[0] if clip.files else ""),
                source_sha256=found.sha256,
                reason=found.reason,
            )
            if found.poses is None:
                reasons[found.reason] += 1
                yield record, None
                continue
            extractors[found.extractor] += 1
            if found.note:
                notes[found.note] += 1
            yield record, found.poses if wanted.all() else found.poses[:, wanted]
        if source.required and not extractors:
            why = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3))
            raise InputRejected(
                name or labels.kind,
                f"none of its {len(labels.clips):,} clips has poses ({why})" if why else "it lists no clip",
                "check the folders of videos or poses, or import the labels alone with --labels-only",
            )
        provenance["extractors"] = dict(sorted(extractors.items()))
        provenance["cuts"] = dict(sorted(notes.items()))

    if not labels.clips:
        raise UsageError(labels.kind, "there is no clip in it", "check the labels")
    return write_dataset(
        out,
        name or out.resolve().name,
        labels.kind,
        labels.glosses,
        source.keypoints[wanted],
        clips(),
        unit=source.unit,
        provenance=provenance,
    )


def _without_folders(error: InputRejected) -> str:
    """The error in one line, its file by its name alone: manifests travel between machines."""
    text = f"{Path(error.subject).name}: {error.problem}"
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
