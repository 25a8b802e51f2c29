"""Building a gallery: clips in, one after the other; what is done is kept when the work is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, PartMissing
from signlens.pose.clip import PoseClip
from signlens.retrieval.gallery import Gallery, GalleryClip, Skeletons, embedding_space, unit_vectors
from signlens.signing.rest import cut_to_signing
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, prepare

if TYPE_CHECKING:
    from signlens.models.sign_model import SignModel, SignScores

PART_FILE = "gallery.part.safetensors"
"""Where a gallery stands while it is being built: a gallery of the clips done so far."""

SAVE_EVERY_S = 60.0
MOST_FRAMES = 96
"""A longer clip's skeleton is kept at so many frames."""

Array = NDArray[np.float32]
Progress = Callable[[int, int, str], None]


def empty_gallery(model: SignModel, notes: Mapping[str, str] | None = None) -> Gallery:
    """A gallery for a model's embeddings that holds no clip yet; `notes` say where its clips come from."""
    return Gallery(
        clips=(),
        model=f"{model.name} {model.version}",
        space=embedding_space(model.card),
        vectors={name: np.zeros((0, size), np.float32) for name, size in model.embedding_sizes.items()},
        weights=model.weights,
        notes=notes or {},
    )


@dataclass(frozen=True)
class Enrolment:
    """A clip that a gallery shall hold.

    Attributes:
        name: Its name.
        open: Reads what is known of it; gives also what reads its poses.
    """

    name: str
    open: Callable[[], tuple[GalleryClip, Callable[[], PoseClip]]]


class Embed(Protocol):
    """How a model embeds a clip; `signlens.recognizer.Recognizer.embed` does."""

    def __call__(self, clip: PoseClip, name: str) -> tuple[SignScores, PoseClip]:
        """What the networks make of a clip, and the clip as they saw it."""
        ...


@dataclass(frozen=True)
class Built:
    """What came of building.

    Attributes:
        gallery: The gallery.
        rejected: Name -> why the clip is not in it.
        kept: How many clips were there already.
    """

    gallery: Gallery
    rejected: dict[str, str] = field(default_factory=dict)
    kept: int = 0


def embed_clips(
    clips: Sequence[Enrolment],
    embed: Embed,
    empty: Gallery,
    part: Path,
    *,
    skeletons: bool = False,
    progress: Progress | None = None,
) -> Built:
    """Embed clips; what an earlier call had done when it was stopped is not done again.

    The clips done so far are written to `part` about once a minute, and when the work is stopped.

    Args:
        clips: The clips, names all different.
        embed: The model.
        empty: A gallery without clips that has the model's weights and space, and the notes to be kept; a
            part with other notes is not gone on with.
        part: File of the clips done so far; removed by the caller once the gallery is saved.
        skeletons: Whether to keep how each clip is signed.
        progress: Called with clips done, clips in all, and a clip's name.
    """
    done = _earlier(part, empty, skeletons)
    fresh: list[tuple[GalleryClip, Mapping[str, Array], NDArray[np.float32] | None]] = []
    rejected: dict[str, str] = {}
    kept: list[int] = []
    saved = time.monotonic()
    try:
        for number, clip in enumerate(clips):
            if progress is not None:
                progress(number, len(clips), clip.name)
            try:
                known, poses = clip.open()
                row = done.row(clip.name)
                if row is not None and done.clips[row] == known:
                    kept.append(row)
                    continue
                scores, straight = embed(poses(), clip.name)
                fresh.append((known, scores.embeddings, signing_skeleton(straight) if skeletons else None))
            except InputRejected as error:
                rejected[clip.name] = str(error)
            if time.monotonic() - saved > SAVE_EVERY_S:
                done, fresh = done.joined(_gallery(fresh, empty)), []
                kept = [row for row in (done.row(c.name) for c in clips[: number + 1]) if row is not None]
                done.save(part, dtype="float32")
                saved = time.monotonic()
    except BaseException:
        if fresh:
            done.joined(_gallery(fresh, empty)).save(part, dtype="float32")
        raise
    if progress is not None:
        progress(len(clips), len(clips), "")
    found = done.only(kept).joined(_gallery(fresh, empty))
    order = [row for row in (found.row(clip.name) for clip in clips) if row is not None]
    return Built(found.only(order), rejected, len(kept))


def signing_skeleton(clip: PoseClip) -> NDArray[np.float32]:
    """How a clip is signed: its frames from where the hands leave their rest to where they return.

    Args:
        clip: Poses, turned to the camera.

    Returns:
        (T, 49, 2) float32 in shoulder widths from the nose, the leading hand on the right, NaN where a point
        was not seen; T is at most `MOST_FRAMES`.

    Raises:
        InputRejected: The signer's nose and shoulders show in no frame.
    """
    cut = cut_to_signing(clip.keypoints[:, WHOLE_BODY_INDEX])
    signing = prepare(cut.points, min(len(cut.points), MOST_FRAMES), cut.frame)
    points = signing.joints[..., :2].copy()
    points[signing.visible < 0.5] = np.nan
    return points


def _earlier(part: Path, empty: Gallery, skeletons: bool) -> Gallery:
    """The clips done so far, or none."""
    fresh = replace(empty, skeletons=Skeletons.of([])) if skeletons else empty
    try:
        found = Gallery.load(part, empty.space, skeletons=True)
    except PartMissing:
        return fresh
    if found.notes != empty.notes or (skeletons and found.skeletons is None):
        return fresh
    return found if skeletons else replace(found, skeletons=None)


def _gallery(
    clips: Sequence[tuple[GalleryClip, Mapping[str, Array], NDArray[np.float32] | None]], empty: Gallery
) -> Gallery:
    drawn = [points for _, _, points in clips if points is not None]
    return replace(
        empty,
        vectors={
            name: unit_vectors(np.stack([vectors[name] for _, vectors, _ in clips])) if clips else own
            for name, own in empty.vectors.items()
        },
        clips=tuple(clip for clip, _, _ in clips),
        skeletons=Skeletons.of(drawn) if len(drawn) == len(clips) else None,
    )
