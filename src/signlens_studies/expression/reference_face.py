"""The mean face that measures are taken against, and which point mirrors which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.pose.face_points import POINTS, STABLE_POINTS, mirror_points, remove_head_pose
from signlens_studies.expression.measured_faces import FloatArray


def mirror_order(reference: NDArray[np.floating]) -> NDArray[np.int64]:
    """Which point is which point's mirror image, read from the shape of an upright face.

    The pairing of least total distance (Hungarian method).

    Args:
        reference: (468, 3) face that looks along -z with its eye line along x.

    Returns:
        (468,) indices; applying them twice changes nothing.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    face = np.asarray(reference, dtype=np.float64)
    face = face - [(face[33, 0] + face[263, 0]) / 2, 0.0, 0.0]
    order = linear_sum_assignment(cdist(face, face * [-1.0, 1.0, 1.0]))[1]
    if not np.array_equal(order[order], np.arange(POINTS)):
        raise InputRejected("reference face", "its left and right points do not pair", "use more faces")
    return np.asarray(order, dtype=np.int64)


def reference_face(points: NDArray[np.floating]) -> tuple[FloatArray, NDArray[np.int64]]:
    """The mean shape of some faces, made symmetric, in the canonical unit.

    Generalised Procrustes on the stable points: align to the first face, average, repeat.

    Args:
        points: (K, 468, 3) pixels; rows with NaN are left out.

    Returns:
        (468, 3) reference face (mean of its stable points at the origin, outer eye corners one unit
        apart) and its mirror order.
    """
    faces = np.asarray(points, dtype=np.float64)
    faces = faces[np.isfinite(faces).all(axis=(1, 2))]
    if not len(faces):
        raise InputRejected("faces", "the face mesh found none", "check the pictures")
    reference = faces[0]
    for _ in range(5):
        mean = remove_head_pose(faces, reference).mean(axis=0)
        reference = _unit(mean)
    # Turn the eye line onto the x axis and forehead-to-chin upright before mirroring.
    across = reference[263] - reference[33]
    down = reference[152] - reference[10]
    x = across / np.linalg.norm(across)
    y = down - (down @ x) * x
    y /= np.linalg.norm(y)
    turned = reference @ np.stack([x, y, np.cross(x, y)], axis=1)
    order = mirror_order(turned)
    # The mirror image is aligned back first: the stable points' mean need not lie mid-face.
    mirrored = remove_head_pose(mirror_points(turned[None], order), turned)[0]
    return _unit((turned + mirrored) / 2), order


def _unit(face: FloatArray) -> FloatArray:
    centred = face - face[list(STABLE_POINTS)].mean(axis=0)
    return np.asarray(centred / np.linalg.norm(centred[263] - centred[33]))
