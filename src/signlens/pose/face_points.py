"""Face points to what the face does: head pose removed, measures named after FACS action units.

The 468 MediaPipe face points of a frame are turned, moved and scaled into one canonical face
frame by the points that expressions hardly move (eye corners, bridge of the nose, rim of the
forehead and temples). What is left is shape: who the face is, and what it does. From the shape come

- `measures`: distances a person can read, each named after the action unit of the Facial Action
  Coding System (Ekman, Friesen and Hager 2002) that drives it. They are geometry, not FACS coding:
  a certified coder looks at skin and motion too.
- `symmetric_outline`: the canonical shape with left and right averaged, which the expression head
  reads beside the measures.

The canonical frame: x to the image's right, y down, z away from the camera; origin at the mean of the
stable points; unit = the distance between the outer eye corners of the reference face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

POINTS = 468

# Point numbers are MediaPipe FaceMesh's. "Right" is the signer's own right: the image's left
# in a picture that is not mirrored.
STABLE_POINTS: tuple[int, ...] = (
    *(33, 133, 362, 263),  # eye corners
    *(168, 6, 197),  # bridge of the nose
    *(10, 109, 338, 67, 297, 103, 332, 54, 284),  # rim of the forehead
    *(21, 251, 162, 389, 127, 356, 234, 454),  # temples
)
"""Points that expressions hardly move; head pose is read from them alone."""

_OUTER_CORNER = (33, 263)
_INNER_CORNER = (133, 362)
_INNER_BROW = ((107, 66, 55, 65), (336, 296, 285, 295))
_OUTER_BROW = ((70, 63, 46, 53), (300, 293, 276, 283))
_UPPER_LID = ((158, 159, 160), (385, 386, 387))
_LOWER_LID = ((144, 145, 153), (373, 374, 380))
_CHEEK = ((50, 101, 118), (280, 330, 347))
_NOSE_WING = ((129, 98), (358, 327))
_MOUTH_CORNER = (61, 291)
_UPPER_LIP_TOP = (37, 0, 267)
_UPPER_LIP_EDGE = (82, 13, 312)
_LOWER_LIP_EDGE = (87, 14, 317)
_LOWER_LIP_BOTTOM = (84, 17, 314)
_UNDER_NOSE = 2
_CHIN = 152

MEASURED_POINTS: tuple[int, ...] = tuple(sorted({
    *_OUTER_CORNER, *_INNER_CORNER, *_MOUTH_CORNER, _UNDER_NOSE, _CHIN,
    *_UPPER_LIP_TOP, *_UPPER_LIP_EDGE, *_LOWER_LIP_EDGE, *_LOWER_LIP_BOTTOM,
    *(
        point
        for pair in (_INNER_BROW, _OUTER_BROW, _UPPER_LID, _LOWER_LID, _CHEEK, _NOSE_WING)
        for side in pair
        for point in side
    ),
}))  # fmt: skip
"""The points that `measures` looks at."""

MEASURES: tuple[str, ...] = (
    "AU01_inner_brow_raiser",
    "AU02_outer_brow_raiser",
    "AU04_brow_lowerer",
    "AU05_upper_lid_raiser",
    "AU06_cheek_raiser",
    "AU07_lid_tightener",
    "AU09_nose_wrinkler",
    "AU10_upper_lip_raiser",
    "AU12_lip_corner_puller",
    "AU15_lip_corner_depressor",
    "AU17_chin_raiser",
    "AU18_lip_puckerer",
    "AU20_lip_stretcher",
    "AU24_lip_presser",
    "AU25_lips_part",
    "AU26_jaw_drop",
    "AU43_eye_closure",
    "brow_asymmetry",
    "mouth_corner_asymmetry",
)
"""Names of the measures, in the order of `measures`; larger means more of it."""


def mirror_points(points: NDArray[np.floating], order: NDArray[np.integer]) -> FloatArray:
    """Faces as a mirror shows them: x negated, left and right points exchanged.

    Args:
        points: (K, 468, 3).
        order: (468,) which point is which point's mirror image; twice is the identity.
    """
    return np.asarray(np.asarray(points, dtype=np.float64)[:, order] * [-1.0, 1.0, 1.0])


def remove_head_pose(points: NDArray[np.floating], reference: NDArray[np.floating]) -> FloatArray:
    """Turn, move and scale faces onto a reference by their stable points.

    The least-squares similarity (Umeyama 1991), so the result does not depend on where in the
    frame the face is, how large it is or how the head is turned.

    Args:
        points: (K, 468, 3) pixels, z in the same scale; rows with any NaN count as no face.
        reference: (468, 3) reference face, shipped with the head.

    Returns:
        (K, 468, 3) in the canonical frame; NaN for rows without a (usable) face.

    Raises:
        ValueError: Wrong shapes.
    """
    return align_faces(points, reference)[0]


def align_faces(
    points: NDArray[np.floating],
    reference: NDArray[np.floating],
    only: tuple[int, ...] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """As `remove_head_pose`, and the rotation that was taken out.

    Args:
        points: (K, 468, 3) pixels, z in the same scale; rows with any NaN count as no face.
        reference: (468, 3) reference face, shipped with the head.
        only: Points that are wanted, to save time; the others are NaN in the shapes.

    Returns:
        (K, 468, 3) canonical shapes, and (K, 3, 3) proper rotations of the head: a direction of the
        reference face, as a column, to the same direction in the picture. NaN without a usable face.

    Raises:
        ValueError: Wrong shapes.
    """
    faces = np.asarray(points, dtype=np.float64)
    if faces.ndim != 3 or faces.shape[1:] != (POINTS, 3):
        raise ValueError(f"face points have shape {faces.shape}, not (faces, 468, 3)")
    target = np.asarray(reference, dtype=np.float64)
    if target.shape != (POINTS, 3):
        raise ValueError(f"the reference face has shape {target.shape}, not (468, 3)")
    stable = list(STABLE_POINTS)
    result = np.full(faces.shape, np.nan)
    rotations = np.full((len(faces), 3, 3), np.nan)
    source = faces[:, stable]
    centre = source.mean(axis=1, keepdims=True)
    spread = ((source - centre) ** 2).sum(axis=(1, 2))
    # A face whose stable points coincide has no size: as good as no face.
    usable = np.isfinite(faces).all(axis=(1, 2)) & (spread > 0)
    if not usable.any():
        return result, rotations
    goal_centre = target[stable].mean(axis=0)
    goal = target[stable] - goal_centre
    covariance = np.einsum("kpi,pj->kij", (source - centre)[usable], goal)
    left, values, right = np.linalg.svd(covariance)
    sign = np.ones_like(values)
    sign[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * sign[:, None, :]) @ right
    scale = (values * sign).sum(axis=1) / spread[usable]
    wanted = np.arange(POINTS) if only is None else np.asarray(only)
    moved = faces[np.flatnonzero(usable)[:, None], wanted] - centre[usable]
    result[np.flatnonzero(usable)[:, None], wanted] = (
        moved @ (rotation * scale[:, None, None])
    ) + goal_centre
    rotations[usable] = rotation
    return result, rotations


def head_angles(rotations: NDArray[np.floating]) -> FloatArray:
    """Yaw, pitch and roll of the head in degrees, against the reference face's own.

    Args:
        rotations: (K, 3, 3) of `align_faces`.

    Returns:
        (K, 3): yaw, positive to the signer's own left; pitch, positive with the chin down; roll, positive
        with the signer's left side lower. NaN rows stay NaN.
    """
    turn = np.asarray(rotations, dtype=np.float64)
    ahead = -turn[:, :, 2]  # the reference face looks along -z
    yaw = np.arctan2(ahead[:, 0], -ahead[:, 2])
    pitch = np.arctan2(ahead[:, 1], np.hypot(ahead[:, 0], ahead[:, 2]))
    # Of the eyes' line, what is left after yaw and pitch lies in the face's own plane.
    roll = np.arctan2(turn[:, 1, 0], turn[:, 1, 1])
    return np.degrees(np.stack([yaw, pitch, roll], axis=1))


def measures(shape: NDArray[np.floating]) -> FloatArray:
    """What the face does, as distances in the canonical unit (outer eye corner to outer eye corner).

    Left and right are averaged, so a face and its mirror image measure the same; what differs
    between the sides is in the two asymmetries (a one-sided mouth corner is contempt's sign, AU 14).

    Args:
        shape: (K, 468, 3) from `remove_head_pose`.

    Returns:
        (K, 19) in the order of `MEASURES`; NaN rows stay NaN. Offsets differ between people:
        compare a face with the same face at rest, or let the head compare it with many.
    """
    face = np.asarray(shape, dtype=np.float64)
    x, y, z = face[..., 0], face[..., 1], face[..., 2]

    def height(group: tuple[int, ...]) -> FloatArray:
        return np.asarray(y[:, list(group)].mean(axis=1))

    def both(values: list[FloatArray]) -> FloatArray:
        return np.asarray((values[0] + values[1]) / 2)

    sides = (0, 1)
    inner = [y[:, _INNER_CORNER[s]] - height(_INNER_BROW[s]) for s in sides]
    outer = [y[:, _OUTER_CORNER[s]] - height(_OUTER_BROW[s]) for s in sides]
    eye_line = [(y[:, _INNER_CORNER[s]] + y[:, _OUTER_CORNER[s]]) / 2 for s in sides]
    upper_lid = [eye_line[s] - height(_UPPER_LID[s]) for s in sides]
    lower_lid = [eye_line[s] - height(_LOWER_LID[s]) for s in sides]
    brow_gap = x[:, list(_INNER_BROW[1])].mean(axis=1) - x[:, list(_INNER_BROW[0])].mean(axis=1)
    cheek = [eye_line[s] - height(_CHEEK[s]) for s in sides]
    wing = [y[:, _INNER_CORNER[s]] - height(_NOSE_WING[s]) for s in sides]
    corner_height = [eye_line[s] - y[:, _MOUTH_CORNER[s]] for s in sides]
    width = x[:, _MOUTH_CORNER[1]] - x[:, _MOUTH_CORNER[0]]
    corner_y = (y[:, _MOUTH_CORNER[0]] + y[:, _MOUTH_CORNER[1]]) / 2
    top, upper_edge = height(_UPPER_LIP_TOP), height(_UPPER_LIP_EDGE)
    lower_edge, bottom = height(_LOWER_LIP_EDGE), height(_LOWER_LIP_BOTTOM)
    lips_z = z[:, [*_UPPER_LIP_TOP, *_LOWER_LIP_BOTTOM]].mean(axis=1)
    columns = {
        "AU01_inner_brow_raiser": both(inner),
        "AU02_outer_brow_raiser": both(outer),
        # Lowered and drawn together: both shrink.
        "AU04_brow_lowerer": -(both(inner) + brow_gap) / 2,
        "AU05_upper_lid_raiser": both(upper_lid),
        "AU06_cheek_raiser": both(cheek),
        "AU07_lid_tightener": both(lower_lid),
        "AU09_nose_wrinkler": both(wing),
        "AU10_upper_lip_raiser": y[:, _UNDER_NOSE] - top,
        # Up and out at 45 degrees, as the zygomatic major pulls.
        "AU12_lip_corner_puller": (both(corner_height) + width / 2) / np.sqrt(2),
        "AU15_lip_corner_depressor": corner_y - (upper_edge + lower_edge) / 2,
        # The chin boss pushes the lower lip up, away from the rim of the jaw.
        "AU17_chin_raiser": y[:, _CHIN] - bottom,
        # Lips forward, mouth narrow.
        "AU18_lip_puckerer": -(lips_z + width) / 2,
        "AU20_lip_stretcher": width,
        "AU24_lip_presser": -((upper_edge - top) + (bottom - lower_edge)),
        "AU25_lips_part": lower_edge - upper_edge,
        "AU26_jaw_drop": y[:, _CHIN] - y[:, _UNDER_NOSE],
        "AU43_eye_closure": both(lower_lid) - both(upper_lid),
        "brow_asymmetry": np.abs((inner[0] + outer[0]) - (inner[1] + outer[1])) / 2,
        "mouth_corner_asymmetry": np.abs(corner_height[0] - corner_height[1]),
    }
    return np.stack([columns[name] for name in MEASURES], axis=1)


def symmetric_outline(shape: NDArray[np.floating], order: NDArray[np.integer]) -> FloatArray:
    """X and y of the canonical shape averaged with its mirror image, one of each mirrored pair.

    Averaging lowers the points' noise and makes the head read a face and its mirror image the
    same without teaching it so. Depth is left out: it is the mesh's weakest coordinate.

    Args:
        shape: (K, 468, 3) from `remove_head_pose`.
        order: (468,) as for `mirror_points`.

    Returns:
        (K, 2 P), P = number of points i with i <= order[i]: x and y in turn; NaN rows stay NaN.
    """
    face = np.asarray(shape, dtype=np.float64)
    one_side = np.arange(POINTS) <= order
    mean = (face + mirror_points(face, order)) / 2
    return np.asarray(mean[:, one_side, :2].reshape(len(face), -1))
