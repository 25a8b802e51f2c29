"""Rendered signers at a known yaw, seen by the real extractor: how well each cue reads the turn.

Nothing is modelled here but the signer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.files import whole_file
from signlens.orientation.correction import fused_yaw
from signlens.orientation.depth import with_depth
from signlens.orientation.frame import LEFT_SHOULDER, RIGHT_SHOULDER, SignerFrame
from signlens.orientation.lifted_depth import lifted_yaw
from signlens.orientation.nearness import depth_from_nearness, sample
from signlens.orientation.yaw_cues import read_cues
from signlens.pose import FACE, LEFT_HAND, RIGHT_HAND, HolisticExtractor, PoseClip, read_pose, write_pose
from signlens_studies.orientation.colormap import colormap_depth, inferno_table
from signlens_studies.orientation.views import YAWS, median_degrees

Array = NDArray[np.float64]

RENDERED = (
    ("maya", "please"), ("jonas", "book"), ("amara", "thank-you"),
    ("ren", "what"), ("elena", "hello"), ("kofi", "coffee"),
)  # fmt: skip
"""Identities and what they sign."""
RENDERED_FRAMES = 6
_SHOULDERS = [LEFT_SHOULDER, RIGHT_SHOULDER]


BACKGROUND = 6.0
"""Metres to which the background is put in pictures of nearness."""


@dataclass(frozen=True)
class Filmed:
    """A rendered clip as the extractor sees it.

    Attributes:
        poses: What it found.
        truth: Where everything was (`signlens.signer.Truth`).
        nearness: (T, 133) one over the true depth of the surface that shows at each keypoint found, NaN
            where none was: what a perfect network of relative depth would give. None if not rendered.
        depth_video: The same pictures as the SLR-sentiment paper had them: each frame stretched to 0..255,
            coloured with INFERNO, compressed, beside the original. None if not rendered.
    """

    poses: PoseClip
    truth: Any
    nearness: Array | None = None
    depth_video: Path | None = None


def render_poses(cache: Path, yaws: Sequence[float] = YAWS) -> list[Filmed]:
    """Film the rendered signers and let the real extractor look; what is in the cache is not made again.

    Args:
        cache: Folder for the films, their truths and their poses.
        yaws: Degrees, whole numbers.

    Raises:
        PartMissing: The extra ``signer`` or the extractor is not installed.
    """
    from signlens.signer import Truth, render_sign, write_video

    cache.mkdir(parents=True, exist_ok=True)
    made = []
    with HolisticExtractor() as extractor:
        for yaw in yaws:
            for who, sign in RENDERED:
                stem = f"{sign}-{who}-{int(yaw):+d}-480x360-{RENDERED_FRAMES}"
                poses, truth, film, depth, near = (
                    cache / f"{stem}{end}" for end in (".pose", ".npz", ".mp4", "-depth.mp4", "-nearness.npz")
                )
                if not all(path.is_file() for path in (poses, truth, depth, near)):
                    clip = render_sign(
                        sign, yaw_degrees=yaw, identity=who, width=480, height=360,
                        frames=RENDERED_FRAMES, fps=12.0, smooth=0, workers=1,
                    )  # fmt: skip
                    images = list(clip)
                    pictures = [1 / np.minimum(d, BACKGROUND).astype(np.float64) for d in clip.depths()]
                    write_video(images, film, fps=clip.fps, quality=16)
                    beside = [
                        np.concatenate(pair, axis=1)
                        for pair in zip(images, map(_in_colours, pictures), strict=True)
                    ]
                    write_video(beside, depth, fps=clip.fps)
                    clip.truth.save(truth)
                    found = extractor.extract(film)
                    write_pose(found, poses)
                    seen = zip(pictures, found.keypoints, strict=True)
                    rows = [sample(picture, frame, found.width, found.height) for picture, frame in seen]
                    with whole_file(near) as part, part.open("wb") as stream:
                        np.savez(stream, nearness=np.stack(rows))
                with np.load(near, allow_pickle=False) as archive:
                    nearness = archive["nearness"]
                made.append(Filmed(read_pose(poses), Truth.load(truth), nearness, depth))
    return made


def _in_colours(nearness: Array) -> NDArray[np.uint8]:
    """A picture of nearness stretched to 0..255 and coloured with INFERNO, RGB."""
    low, high = nearness.min(), nearness.max()
    return inferno_table()[np.round(255 * (nearness - low) / max(high - low, 1e-9)).astype(np.uint8)]


def _by_exact_nearness(clip: Filmed) -> Array:
    if clip.nearness is None:
        return np.full(clip.poses.frames, np.nan)
    depth = depth_from_nearness(clip.poses, "exact", clip.nearness)
    return SignerFrame.of(with_depth(clip.poses, depth).keypoints).yaw


def _by_depth_video(clip: Filmed) -> Array:
    if clip.depth_video is None:
        return np.full(clip.poses.frames, np.nan)
    depth = colormap_depth(clip.poses, clip.depth_video)
    return SignerFrame.of(with_depth(clip.poses, depth).keypoints).yaw


CUES: dict[str, Callable[[Filmed], Array]] = {
    "shoulders' z, as it comes": lambda clip: SignerFrame.of(clip.poses.keypoints).yaw,
    "shoulders' z, to scale (`landmark`)": lambda clip: read_cues(clip.poses).shoulders,
    "face mesh": lambda clip: read_cues(clip.poses).head,
    "nose between the ears": lambda clip: read_cues(clip.poses).nose,
    "width and nose (`lift`)": lambda clip: lifted_yaw(clip.poses),
    "true depth in an INFERNO video (`colormap`)": _by_depth_video,
    "true nearness, unrounded (a perfect `depth-anything`)": _by_exact_nearness,
    "all cues": lambda clip: fused_yaw(read_cues(clip.poses)),
}
"""Name -> yaw of every frame, radians."""


@dataclass(frozen=True)
class CueError:
    """How one cue reads the rendered signers.

    Attributes:
        cue: Its name.
        read: True yaw -> median reading over clips, degrees.
        median: Median absolute error over clips, degrees.
        unknown: Clips that it says nothing of.
        rms: Root of the mean square, degrees.
        by_yaw: Absolute yaw -> median absolute error, degrees.
    """

    cue: str
    read: dict[float, float]
    median: float
    unknown: int
    rms: float
    by_yaw: dict[float, float]


def cue_errors(clips: Sequence[Filmed]) -> list[CueError]:
    """Errors of each cue, of a clip's median over its frames; cues that no clip has are left out."""
    truth = np.array([float(clip.truth.yaw_degrees[0]) for clip in clips])
    made = []
    for name, read in CUES.items():
        got = np.array([median_degrees(read(clip)) for clip in clips])
        error = np.abs(got - truth)
        known = np.isfinite(error)
        if not known.any():
            continue
        made.append(
            CueError(
                cue=name,
                read={float(y): float(np.nanmedian(got[truth == y])) for y in np.unique(truth)},
                median=float(np.median(error[known])),
                unknown=int((~known).sum()),
                rms=float(np.sqrt((error[known] ** 2).mean())),
                by_yaw={
                    float(y): float(np.nanmedian(error[np.abs(truth) == y])) for y in np.unique(np.abs(truth))
                },
            )
        )
    return made


def measure_scales(clips: Sequence[Filmed]) -> dict[str, tuple[float, list[float]]]:
    """How many times too large the extractor's z is, by part: least squares through the origin.

    Returns:
        Part -> the factor over all clips, and over all but one identity, for each identity in turn.
    """
    parts: dict[str, list[tuple[int, int | None]]] = {
        "shoulders": [(LEFT_SHOULDER, RIGHT_SHOULDER)],
        "elbows": [(7, None), (8, None)],
        "wrists": [(9, None), (10, None)],
        "nose": [(0, None)],
        "head": [(3, 4), (1, 2)],
        "face": [(FACE.start + 45, FACE.start + 36), (FACE.start + 16, FACE.start)],
        "hand": [
            (hand.start + i, hand.start)
            for hand in (LEFT_HAND, RIGHT_HAND)
            for i in (4, 8, 12, 16, 20, 5, 9, 17)
        ],
    }
    rows: dict[str, dict[str, list[Array]]] = {name: {} for name in parts}
    for clip in clips:
        k, truth = clip.poses.keypoints.astype(np.float64), clip.truth
        world = -truth.keypoints_3d[..., 2]
        pixels = truth.focal / truth.camera[2]  # of a metre at the signer's place
        for name, pairs in parts.items():
            for point, origin in pairs:
                base = k[:, _SHOULDERS, 2].mean(axis=1) if origin is None else k[:, origin, 2]
                from_world = world[:, _SHOULDERS].mean(axis=1) if origin is None else world[:, origin]
                raw, true = (k[:, point, 2] - base) / pixels, world[:, point] - from_world
                known = np.isfinite(raw) & np.isfinite(true) & truth.visible[:, point]
                rows[name].setdefault(truth.identity, []).append(np.stack([raw[known], true[known]]))
    found = {}
    for name, by_identity in rows.items():

        def factor(leave_out: str | None, of: dict[str, list[Array]] = by_identity) -> float:
            raw, true = np.concatenate([a for who, v in of.items() if who != leave_out for a in v], axis=1)
            return float((raw * true).sum() / (true * true).sum())

        found[name] = factor(None), [factor(who) for who in by_identity]
    return found
