"""Upright, and face to the camera: rotations of a skeleton, a whole clip at once.

Pure NumPy. Source: the SLR-sentiment paper, sections 4.3 and 4.4 (Figures 8 and 9), with what its equations
and code got wrong put right (see `rotation`). Roll is the paper's alpha, yaw its beta: see `SignerFrame`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.frame import Angles

Array = NDArray[np.float32]


def rotation(roll: Angles, yaw: Angles) -> Angles:
    r"""The matrices that bring the shoulders' frame onto the camera's: R(beta, alpha), equation (6).

    The paper's equation (3) turns the plane by alpha,

        R_z(a) = [[cos a, -sin a], [sin a, cos a]],                                   (3)

    and its equation (6) composes R_y(beta) R_z(alpha). A direction at angle alpha comes out at
    2 alpha under R_z(+alpha): a signer who leans by 20 degrees would lean by 40. To level it, the
    plane has to be turned back, so here

        R(beta, alpha) = R_y(beta) R_z(-alpha),
        R_y(b) = [[cos b, 0, sin b], [0, 1, 0], [-sin b, 0, cos b]].                  (6)

    R_y keeps the paper's sign, which is right: the levelled shoulders (w, 0, dz) with
    b = atan2(dz, w) come out at (hypot(w, dz), 0, -w sin b + dz cos b) = (hypot(w, dz), 0, 0).

    Args:
        roll: (...,) alpha.
        yaw: (...,) beta.

    Returns:
        (..., 3, 3).
    """
    return _rotation(np.asarray(roll), np.asarray(yaw), np.zeros(np.shape(roll)))


def _rotation(roll: Angles, yaw: Angles, slant: Angles) -> Angles:
    """R_y(beta) S R_z(-alpha), multiplied out, where S adds `slant` times x to z."""
    ca, sa, cb, sb = np.cos(roll), np.sin(roll), np.cos(yaw), np.sin(yaw)
    across, away = cb + sb * slant, cb * slant - sb
    turned = np.zeros((*ca.shape, 3, 3))
    turned[..., 0, 0], turned[..., 0, 1], turned[..., 0, 2] = across * ca, across * sa, sb
    turned[..., 1, 0], turned[..., 1, 1] = -sa, ca
    turned[..., 2, 0], turned[..., 2, 1], turned[..., 2, 2] = away * ca, away * sa, cb
    return turned


def turn(
    points: Array,
    centre: Angles,
    roll: Angles,
    yaw: Angles,
    joints: tuple[int, ...] | None = None,
    slant: Angles | None = None,
    out: Array | None = None,
) -> Array:
    """Rotate every frame about its own centre, equations (4), (5) and (7).

        P' = R(beta, alpha) (P - C)          (4) in the plane with beta = 0, (7) in space
        P_final = P' + C                     (5), (7)

    Args:
        points: (T, V, 4).
        centre: (T, 3) C.
        roll: (T,) alpha; see `rotation` for its sign.
        yaw: (T,) beta; zeros level only.
        joints: Which points move; all when None (the paper also tried the shoulders alone).
        slant: (T,) added to the slope of depth over x after levelling and before the turn, for a depth
            that is known up to a slant; none when None.
        out: Where to write, which may be `points` itself; a new array when None.

    Returns:
        Points of the same type. Confidence is as it was; so is, whole, a frame whose centre or angle
        is NaN.
    """
    known = np.isfinite(centre).all(axis=1) & np.isfinite(roll) & np.isfinite(yaw)
    left_alone = points[~known]
    angles = (roll, yaw, np.zeros(len(points)) if slant is None else slant)
    matrix = _rotation(*(np.where(known, angle, 0.0) for angle in angles)).astype(points.dtype)
    origin = np.where(known[:, None], centre, 0.0).astype(points.dtype)
    moving = slice(None) if joints is None else list(joints)
    # Coordinate by coordinate: many small matrix products are slower.
    x, y, z = (points[:, moving, i] - origin[:, i : i + 1] for i in range(3))
    turned = points.copy() if out is None else out
    if turned is not points and out is not None:
        turned[...] = points
    for i in range(3):
        row = matrix[:, i, :, None]
        moved = row[:, 0] * x
        moved += row[:, 1] * y
        moved += row[:, 2] * z
        moved += origin[:, i : i + 1]
        turned[:, moving, i] = moved
    turned[~known] = left_alone
    return turned
