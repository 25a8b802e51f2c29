"""The COCO-WholeBody layout, MediaPipe Holistic's points, and the way from one to the other, as data.

Sources: COCO-WholeBody (Jin et al., Whole-Body Human Pose Estimation in the Wild, ECCV 2020) for the
133 keypoints, whose face part is the 68-point markup of iBUG 300-W (Sagonas et al., 2013) and whose
hands are numbered like MediaPipe's; MediaPipe 0.10.21 (``solutions/pose.py``, ``solutions/hands.py`` and
``solutions/face_mesh_connections.py``) for the 33 body points, the 21 hand points and the groups of the
468-point face mesh. The face correspondences follow the mesh's named contours (oval, brows, eyes, lips)
and, along the jaw, the mesh vertices that lie at even steps of arc between ear and chin.

"Left" and "right" are the signer's own, in both layouts. Indices are 0-based.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.pose.clip import (
    BODY,
    FACE,
    FACE_MESH_POINTS,
    FEET,
    LEFT_HAND,
    RIGHT_HAND,
    WHOLE_BODY_KEYPOINTS,
)

BODY_NAMES: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
FEET_NAMES: tuple[str, ...] = (
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
FACE_NAMES: tuple[str, ...] = tuple(f"face-{i}" for i in range(68))
HAND_NAMES: tuple[str, ...] = (
    "hand_root",
    *(
        f"{finger}{joint}"
        for finger in ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
        for joint in (1, 2, 3, 4)
    ),
)
KEYPOINT_NAMES: tuple[str, ...] = (
    BODY_NAMES
    + FEET_NAMES
    + FACE_NAMES
    + tuple(f"left_{name}" for name in HAND_NAMES)
    + tuple(f"right_{name}" for name in HAND_NAMES)
)
"""The 133 names in COCO-WholeBody order."""

GROUPS: dict[str, slice] = {
    "body": BODY,
    "feet": FEET,
    "face": FACE,
    "left_hand": LEFT_HAND,
    "right_hand": RIGHT_HAND,
}
"""Group name -> its keypoints."""

_BODY_LIMBS = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7),
    (6, 8), (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4),
)  # fmt: skip
_FEET_LIMBS = ((15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22))
_HAND_LIMBS = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1)
    for finger in range(5)
    for joint in range(4)
)


def _path(*indices: int, closed: bool = False) -> tuple[tuple[int, int], ...]:
    """Consecutive pairs of a line through some points."""
    pairs = tuple(itertools.pairwise(indices))
    return (*pairs, (indices[-1], indices[0])) if closed else pairs


_FACE_LIMBS = (
    _path(*range(0, 17))
    + _path(*range(17, 22))
    + _path(*range(22, 27))
    + _path(*range(27, 31))
    + _path(*range(31, 36))
    + _path(*range(36, 42), closed=True)
    + _path(*range(42, 48), closed=True)
    + _path(*range(48, 60), closed=True)
    + _path(*range(60, 68), closed=True)
)

LIMBS: dict[str, tuple[tuple[int, int], ...]] = {
    "body": _BODY_LIMBS,
    "feet": _FEET_LIMBS,
    "face": tuple((a + FACE.start, b + FACE.start) for a, b in _FACE_LIMBS),
    "left_hand": tuple((a + LEFT_HAND.start, b + LEFT_HAND.start) for a, b in _HAND_LIMBS),
    "right_hand": tuple((a + RIGHT_HAND.start, b + RIGHT_HAND.start) for a, b in _HAND_LIMBS),
}
"""Group name -> pairs of keypoint indices (0..132) to join with a line when drawing."""

MIRRORED_KEYPOINT: NDArray[np.intp]
"""(133,) for every keypoint, the keypoint it becomes when the image is mirrored left to right."""


def _mirror() -> NDArray[np.intp]:
    index = {name: i for i, name in enumerate(KEYPOINT_NAMES)}
    order = np.arange(WHOLE_BODY_KEYPOINTS, dtype=np.intp)
    for name, i in index.items():
        if name.startswith("left_"):
            order[i] = index["right_" + name[5:]]
        elif name.startswith("right_"):
            order[i] = index["left_" + name[6:]]
    face = (
        list(range(16, -1, -1))  # jaw
        + list(range(26, 16, -1))  # brows
        + list(range(27, 31))  # bridge of the nose
        + list(range(35, 30, -1))  # base of the nose
        + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]  # eyes
        + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55]  # outer lips
        + [64, 63, 62, 61, 60, 67, 66, 65]  # inner lips
    )
    order[FACE] = np.asarray(face, dtype=np.intp) + FACE.start
    return order


MIRRORED_KEYPOINT = _mirror()

# ---------------------------------------------------------------------------------------------------
# MediaPipe Holistic

MEDIAPIPE_POSE_NAMES: tuple[str, ...] = (
    "NOSE", "LEFT_EYE_INNER", "LEFT_EYE", "LEFT_EYE_OUTER", "RIGHT_EYE_INNER", "RIGHT_EYE",
    "RIGHT_EYE_OUTER", "LEFT_EAR", "RIGHT_EAR", "MOUTH_LEFT", "MOUTH_RIGHT", "LEFT_SHOULDER",
    "RIGHT_SHOULDER", "LEFT_ELBOW", "RIGHT_ELBOW", "LEFT_WRIST", "RIGHT_WRIST", "LEFT_PINKY",
    "RIGHT_PINKY", "LEFT_INDEX", "RIGHT_INDEX", "LEFT_THUMB", "RIGHT_THUMB", "LEFT_HIP", "RIGHT_HIP",
    "LEFT_KNEE", "RIGHT_KNEE", "LEFT_ANKLE", "RIGHT_ANKLE", "LEFT_HEEL", "RIGHT_HEEL",
    "LEFT_FOOT_INDEX", "RIGHT_FOOT_INDEX",
)  # fmt: skip
"""The 33 body points of MediaPipe Pose (``solutions/pose.py``, PoseLandmark)."""

MEDIAPIPE_POSE_POINTS = len(MEDIAPIPE_POSE_NAMES)
MEDIAPIPE_HAND_POINTS = 21

POSE_TO_WHOLE_BODY: tuple[tuple[str, str], ...] = (
    *((name.upper(), name) for name in (*BODY_NAMES, "left_heel", "right_heel")),
    ("LEFT_FOOT_INDEX", "left_big_toe"),
    ("RIGHT_FOOT_INDEX", "right_big_toe"),
)
"""MediaPipe's body point -> the whole-body keypoint. MediaPipe has no small toe: those two stay missing."""

FACE_MESH_TO_FACE: tuple[int, ...] = (
    # 0-16 jaw, from the signer's right ear over the chin (152) to the left ear: the mesh's face oval
    *(127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107),  # 17-21 the signer's right brow, outer end first: upper brow contour
    *(336, 296, 334, 293, 300),  # 22-26 left brow, inner end first
    *(168, 197, 5, 4),  # 27-30 bridge of the nose, down to its tip
    *(98, 97, 2, 326, 327),  # 31-35 base of the nose, right to left
    *(33, 160, 158, 133, 153, 144),  # 36-41 right eye from its outer corner: eye contour
    *(362, 385, 387, 263, 373, 380),  # 42-47 left eye from its inner corner
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # 48-59 outer lips: lips contour
    *(78, 81, 13, 311, 308, 402, 14, 178),  # 60-67 inner lips
)
"""For each of the 68 face keypoints, the vertex of MediaPipe's 468-point face mesh that stands for it."""

_POSE_FROM = np.asarray([MEDIAPIPE_POSE_NAMES.index(a) for a, _ in POSE_TO_WHOLE_BODY], dtype=np.intp)
_POSE_TO = np.asarray([KEYPOINT_NAMES.index(b) for _, b in POSE_TO_WHOLE_BODY], dtype=np.intp)
_FACE_FROM = np.asarray(FACE_MESH_TO_FACE, dtype=np.intp)


@dataclass(frozen=True)
class HolisticPoints:
    """What MediaPipe Holistic sees in a clip; every array is (T, points, 4): x, y, z in pixels, confidence.

    Attributes:
        pose: (T, 33, 4).
        face_mesh: (T, 468, 4).
        left_hand: (T, 21, 4), the signer's own left hand.
        right_hand: (T, 21, 4).
    """

    pose: NDArray[np.floating[Any]]
    face_mesh: NDArray[np.floating[Any]]
    left_hand: NDArray[np.floating[Any]]
    right_hand: NDArray[np.floating[Any]]


def whole_body_from_holistic(points: HolisticPoints) -> NDArray[np.float32]:
    """Put MediaPipe Holistic's points into the COCO-WholeBody layout.

    Args:
        points: The four parts of the same T frames. Confidence 0 marks a missing point, whatever its
            coordinates say.

    Returns:
        (T, 133, 4) float32: x, y, z, confidence; missing points are NaN with confidence 0.

    Raises:
        ValueError: A part has another shape.
    """
    frames = len(points.pose)
    for name, part, count in (
        ("pose", points.pose, MEDIAPIPE_POSE_POINTS),
        ("face_mesh", points.face_mesh, FACE_MESH_POINTS),
        ("left_hand", points.left_hand, MEDIAPIPE_HAND_POINTS),
        ("right_hand", points.right_hand, MEDIAPIPE_HAND_POINTS),
    ):
        if part.shape != (frames, count, 4):
            raise ValueError(f"{name} has shape {part.shape}, not ({frames}, {count}, 4)")
    whole = np.zeros((frames, WHOLE_BODY_KEYPOINTS, 4), dtype=np.float32)
    whole[:, _POSE_TO] = points.pose[:, _POSE_FROM]
    whole[:, FACE] = points.face_mesh[:, _FACE_FROM]
    whole[:, LEFT_HAND] = points.left_hand
    whole[:, RIGHT_HAND] = points.right_hand
    missing = ~(whole[..., 3] > 0)
    whole[missing, :3] = np.nan
    whole[missing, 3] = 0
    return whole
