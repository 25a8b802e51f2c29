"""Traduttore's recordings of the words that two people signed, with all 33 body points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.pose import PoseClip, Provenance
from signlens.pose.layouts import FACE_MESH_POINTS, HolisticPoints, whole_body_from_holistic
from signlens_studies.starter.landmark_sets import TRADUTTORE_ASPECT, read_traduttore

EXTRACTOR = "mediapipe-holistic"

WORDS = (
    "can", "coffee", "get", "hello", "medium", "muffin", "no", "please", "small", "tea", "thank-you", "water",
)  # fmt: skip
"""The twelve words that both recorders of Traduttore signed."""


@dataclass(frozen=True)
class Recording:
    """One recorded clip.

    Attributes:
        gloss: Its word.
        recorder: Who recorded it.
        poses: As extracted.
    """

    gloss: str
    recorder: str
    poses: PoseClip


def load_recordings(folder: Path, recorder: str, per_word: int | None = None) -> list[Recording]:
    """Traduttore's clips of the twelve shared words by one recorder, with all 33 body points.

    Args:
        folder: The set's folder.
        recorder: ``recorder1``, ``recorder2`` or ``recorder3``.
        per_word: Evenly spaced clips of each word; all when None.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    rows, landmarks = read_traduttore(folder)
    chosen: list[int] = []
    for word in WORDS:
        of_word = [
            i
            for i, row in enumerate(rows)
            if (row["kind"], row["gloss"], row["recorder"]) == ("word", word, recorder)
            and row["all_zero"] != "1"
            and not row["duplicate_of"]
        ]
        some = len(of_word) if per_word is None else min(per_word, len(of_word))
        chosen += [of_word[i] for i in np.unique(np.linspace(0, len(of_word) - 1, some).round().astype(int))]
    return [
        Recording(rows[i]["gloss"], recorder, _poses(landmarks[i], f"traduttore/{rows[i]['sequence']}"))
        for i in chosen
    ]


def _poses(landmarks: NDArray[np.float32], name: str, height: int = 480, fps: float = 15.0) -> PoseClip:
    frames = len(landmarks)
    width = round(height * TRADUTTORE_ASPECT)
    size = np.array([width, height, width], np.float32)
    body = landmarks[:, :132].reshape(frames, 33, 4).copy()
    body[..., 3] *= (body[..., :2] != 0).any(axis=(1, 2))[:, None]
    parts = [np.clip(body, -1e4, 1e4)]
    for flat in (landmarks[:, 132:195], landmarks[:, 195:]):
        hand = flat.reshape(frames, 21, 3)
        present = (hand != 0).any(axis=(1, 2))[:, None, None]
        parts.append(np.concatenate([hand, np.broadcast_to(present, (frames, 21, 1))], axis=-1))
    for part in parts:
        part[..., :3] *= size
        part[..., 3] = np.clip(part[..., 3], 0, 1)
    no_face = np.zeros((frames, FACE_MESH_POINTS, 4), np.float32)
    keypoints = whole_body_from_holistic(HolisticPoints(parts[0], no_face, parts[1], parts[2]))
    times = np.arange(frames) / fps
    provenance = Provenance(EXTRACTOR, "unknown", source={"name": name})
    return PoseClip(keypoints, None, times, fps, width, height, provenance)
