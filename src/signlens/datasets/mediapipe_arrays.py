"""Published MediaPipe landmark arrays: Traduttore ASL and the 50 glosses of WLASL50-real.

Both come as one npz (``landmarks``) beside a csv of clips. They are read, never copied.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.pose import WHOLE_BODY_KEYPOINTS, PoseClip, Provenance
from signlens.skeleton.normalise import WHOLE_BODY_INDEX

# The arrays hold fractions of the frame without its size, so the shape of the frame is assumed:
# webcams record 4:3; WLASL's recordings lie between 4:3 and 16:9. Augmentation varies it.
TRADUTTORE_ASPECT = 4 / 3
WLASL50_ASPECT = 1.4

_MEDIAPIPE_BODY = [0, 11, 12, 13, 14, 15, 16]

IDLE = "idle"


@dataclass(frozen=True)
class LandmarkClip:
    """One labelled clip.

    Attributes:
        name: Unique name, ``set/gloss/sequence``.
        gloss: The gloss, ``idle``, or ``letter:x`` for a finger-spelled letter.
        signer: Who signed it, as far as known, else an empty string.
        fold: Cross-validation fold, or -1.
        points: (T, 49, 4) float32: x, y, z in one isotropic unit (frame heights), confidence.
    """

    name: str
    gloss: str
    signer: str
    fold: int
    points: NDArray[np.float32]


def default_data() -> Path:
    """Folder of the landmark sets: ``data`` in ``SIGNLENS_SHARED``, by default in ``../shared``."""
    return Path(os.environ.get("SIGNLENS_SHARED", "../shared")) / "data"


def load_traduttore(folder: Path, only: Collection[str] | None = None) -> list[LandmarkClip]:
    """Traduttore ASL: 20-frame clips of words, letters and idle, three recorders.

    Clips that are all zero or duplicates of others are left out (60 of 4,693).

    Args:
        folder: The set's folder.
        only: Names of the clips wanted; all by default.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    rows, landmarks = _read(folder, (20, 258), _traduttore_name, only)
    body = landmarks[..., :132].reshape(len(rows), 20, 33, 4)[:, :, _MEDIAPIPE_BODY]
    points = _points(body, landmarks[..., 132:195], landmarks[..., 195:], TRADUTTORE_ASPECT)
    clips = []
    for row, clip in zip(rows, points, strict=True):
        if row["all_zero"] == "1" or row["duplicate_of"]:
            continue
        clips.append(LandmarkClip(_traduttore_name(row), _traduttore_gloss(row), row["recorder"], -1, clip))
    return clips


def load_wlasl50(folder: Path, only: Collection[str] | None = None) -> list[LandmarkClip]:
    """WLASL50-real: 423 clips of 50 glosses in five roughly signer-disjoint folds.

    Args:
        folder: The set's folder.
        only: Names of the clips wanted; all by default.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    rows, landmarks = _read(folder, (30, 170), _wlasl50_name, only)
    body = landmarks[..., :44].reshape(len(rows), 30, 11, 4)[:, :, :7]
    points = _points(body, landmarks[..., 44:107], landmarks[..., 107:], WLASL50_ASPECT)
    return [
        LandmarkClip(
            _wlasl50_name(row),
            row["gloss"],
            "",
            int(row["fold"]),
            clip[: max(int(row["length"]), 1)],
        )
        for row, clip in zip(rows, points, strict=True)
    ]


def find_poses(data: Path, names: Collection[str]) -> dict[str, PoseClip]:
    """Poses of gallery clips that come from these sets, to be drawn; empty where the sets are not at hand.

    Args:
        data: Folder of both sets.
        names: Names of clips.

    Returns:
        Name -> poses of the upper body and hands, in a frame 480 pixels high. The sets do not say
        how fast they were filmed: 15 frames a second is assumed.
    """
    sets = {
        "traduttore/": (load_traduttore, data / "traduttore-asl", TRADUTTORE_ASPECT),
        "wlasl50/": (load_wlasl50, data / "wlasl50-real", WLASL50_ASPECT),
    }
    found = {}
    for prefix, (load, folder, aspect) in sets.items():
        wanted = {name for name in names if name.startswith(prefix)}
        if wanted and (folder / "clips.npz").is_file():
            found.update({clip.name: _as_poses(clip, aspect) for clip in load(folder, wanted)})
    return found


def _as_poses(clip: LandmarkClip, aspect: float, height: int = 480, fps: float = 15.0) -> PoseClip:
    frames = len(clip.points)
    keypoints = np.full((frames, WHOLE_BODY_KEYPOINTS, 4), np.nan, np.float32)
    keypoints[..., 3] = 0
    points = clip.points.copy()
    points[..., :3] *= height
    points[points[..., 3] <= 0, :3] = np.nan
    points[..., 3] = np.clip(points[..., 3], 0, 1)
    keypoints[:, WHOLE_BODY_INDEX] = points
    return PoseClip(
        keypoints=keypoints,
        face_mesh=None,
        times=np.arange(frames) / fps,
        fps=fps,
        width=round(height * aspect),
        height=height,
        provenance=Provenance("mediapipe-holistic", "unknown", source={"name": clip.name}),
    )


def _traduttore_gloss(row: dict[str, str]) -> str:
    return {"idle": IDLE, "letter": f"letter:{row['gloss']}"}.get(row["kind"], row["gloss"])


def _traduttore_name(row: dict[str, str]) -> str:
    return f"traduttore/{_traduttore_gloss(row)}/{row['recorder']}-{row['sequence']}"


def _wlasl50_name(row: dict[str, str]) -> str:
    return f"wlasl50/{row['gloss']}/{row['sequence']}"


def _read(
    folder: Path,
    shape: tuple[int, int],
    name_of: Callable[[dict[str, str]], str],
    only: Collection[str] | None,
) -> tuple[list[dict[str, str]], NDArray[np.float32]]:
    table, arrays = folder / "clips.csv", folder / "clips.npz"
    for path in (table, arrays):
        if not path.is_file():
            raise InputRejected(
                path, "there is no such file", "point to the folder that holds the landmark set"
            )
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with np.load(arrays, allow_pickle=False) as archive:
        landmarks = archive["landmarks"].astype(np.float32)
    if landmarks.shape != (len(rows), *shape):
        raise InputRejected(
            arrays,
            f"landmarks have shape {landmarks.shape}, not {(len(rows), *shape)}",
            "take the matching pair",
        )
    if only is not None:
        chosen = [i for i, row in enumerate(rows) if name_of(row) in only]
        return [rows[i] for i in chosen], landmarks[chosen]
    return rows, landmarks


def _points(
    body: NDArray[np.float32], left: NDArray[np.float32], right: NDArray[np.float32], aspect: float
) -> NDArray[np.float32]:
    """(N, T, 49, 4) out of fractions of the frame; MediaPipe's z is in units of its width."""
    parts = [body]
    for flat in (left, right):
        hand = flat.reshape(*flat.shape[:2], 21, 3)
        present = (hand != 0).any(axis=(2, 3), keepdims=True)
        parts.append(np.concatenate([hand, np.broadcast_to(present, (*hand.shape[:3], 1))], axis=-1))
    points = np.concatenate(parts, axis=2).astype(np.float32)
    points[..., 0] *= aspect
    points[..., 2] *= aspect
    # All-zero bodies are frames without a person.
    points[:, :, :7, 3] *= (body[..., :2] != 0).any(axis=(2, 3))[..., None]
    return points
