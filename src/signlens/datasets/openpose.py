"""OpenPose's JSON files, one a frame, to whole-body keypoints.

Sources: OpenPose's output format (BODY_25 and COCO body models, 70 face points of which the first 68 are
those of iBUG 300-W, 21 points a hand). WLASL's published poses are of this kind.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import read_bytes
from signlens.errors import InputRejected
from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, WHOLE_BODY_KEYPOINTS
from signlens.pose.layouts import BODY_NAMES, FEET_NAMES

FRAME_FILE = re.compile(r".*?(\d+)_keypoints\.json")
MAX_FRAMES = 100_000
_MAX_FRAME_BYTES = 2**22

BODY_25 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist", "middle_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee",
    "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe",
    "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
COCO_18 = tuple(name for name in BODY_25[:19] if name != "middle_hip")
_FACE_POINTS = 70  # the last two are pupils

_TO = {name: index for index, name in enumerate(BODY_NAMES + FEET_NAMES)}


def is_openpose_folder(names: list[str]) -> bool:
    """Whether a folder with these files is one clip of OpenPose's."""
    return any(FRAME_FILE.fullmatch(name) for name in names)


def read_openpose_folder(folder: Path) -> tuple[NDArray[np.float32], str]:
    """A clip's keypoints out of a folder of ``..._keypoints.json`` files, one a frame.

    Args:
        folder: The folder. Frames are in the order of the number before ``_keypoints``; none may be
            missing between the first and the last. Of several people in a frame, the one whose body takes
            most room counts.

    Returns:
        (T, 133, 4) float32: x, y, 0, confidence; points that were not found are zero. And SHA-256 (hex)
        over the files.
    """
    numbered = sorted(
        (int(match[1]), path) for path in folder.iterdir() if (match := FRAME_FILE.fullmatch(path.name))
    )
    if not 0 < len(numbered) <= MAX_FRAMES:
        raise InputRejected(folder, f"it holds {len(numbered):,} frames", f"give 1 to {MAX_FRAMES:,}")
    for (before, _), (after, path) in itertools.pairwise(numbered):
        if after != before + 1:
            what = "is there twice" if after == before else "does not follow the one before it"
            raise InputRejected(path, f"frame {after} {what} ({before})", "give every frame once")
    digest = hashlib.sha256()
    poses = np.zeros((len(numbered), WHOLE_BODY_KEYPOINTS, 4), dtype=np.float32)
    for frame, (_, path) in enumerate(numbered):
        content = read_bytes(path, _MAX_FRAME_BYTES, too_large="give OpenPose's own files")
        digest.update(hashlib.sha256(content).digest())
        poses[frame] = _frame(path, content)
    return poses, digest.hexdigest()


def _frame(path: Path, content: bytes) -> NDArray[np.float32]:
    try:
        people = json.loads(content)["people"]
        found = [_person(person) for person in people]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputRejected(
            path, f"it is no frame of OpenPose's ({error})", "write it with OpenPose's --write_json"
        ) from None
    if not found:
        return np.zeros((WHOLE_BODY_KEYPOINTS, 4), dtype=np.float32)
    return max(found, key=_room)


def _person(person: dict[str, Any]) -> NDArray[np.float32]:
    keypoints = np.zeros((WHOLE_BODY_KEYPOINTS, 4), dtype=np.float32)
    body = _triples(person, "pose_keypoints_2d", (len(BODY_25), len(COCO_18)))
    names = BODY_25 if len(body) == len(BODY_25) else COCO_18
    for name, triple in zip(names, body, strict=False):
        if name in _TO:
            keypoints[_TO[name], [0, 1, 3]] = triple
    for key, part, count in (
        ("face_keypoints_2d", FACE, _FACE_POINTS),
        ("hand_left_keypoints_2d", LEFT_HAND, 21),
        ("hand_right_keypoints_2d", RIGHT_HAND, 21),
    ):
        points = _triples(person, key, (count,))
        if len(points):
            keypoints[part, :2] = points[: part.stop - part.start, :2]
            keypoints[part, 3] = points[: part.stop - part.start, 2]
    keypoints[..., 3] = np.clip(keypoints[..., 3], 0, 1)
    keypoints[keypoints[..., 3] <= 0] = 0
    return keypoints


def _triples(person: dict[str, Any], key: str, counts: tuple[int, ...]) -> NDArray[np.float32]:
    """(P, 3) x, y, confidence; (0, 3) where that part was not looked for."""
    values = np.asarray(person.get(key, []), dtype=np.float32)
    if values.size == 0:
        return np.zeros((0, 3), dtype=np.float32)
    if values.ndim != 1 or values.size not in [3 * count for count in counts]:
        raise ValueError(f"{key} has {values.size} numbers, not {3 * counts[0]}")
    if not np.isfinite(values).all():
        raise ValueError(f"{key} holds what is no number")
    return values.reshape(-1, 3)


def _room(keypoints: NDArray[np.float32]) -> float:
    body = keypoints[: len(BODY_NAMES)]
    seen = body[body[:, 3] > 0, :2]
    return float(np.prod(np.ptp(seen, axis=0))) if len(seen) > 1 else 0.0
