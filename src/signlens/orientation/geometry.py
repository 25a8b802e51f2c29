"""Upright, and face to the camera: the shoulders' frame, rotations of a skeleton, rules for angles.

Pure NumPy, a whole clip at once. Source: the SLR-sentiment paper, sections 4.3 to 4.5 (Figures 8
and 9), with what its equations and code got wrong put right (see `rotation` and `as_published`).

Frame of all coordinates, as in `PoseClip`: x to the image's right, y down, z away from the camera, one
unit for all three. The *shoulders' frame* has its origin C in the middle between the shoulders and its x
axis along them, from the signer's right shoulder to the left one, which is the image's +x for
a signer who faces the camera upright. Two angles lead there, in radians:

- roll (the paper's alpha): tilt of the shoulders in the image, positive where the signer's left
  shoulder is the lower one; in (-pi/2, pi/2], since a line has no direction.
- yaw (beta): turn about the vertical, positive to the signer's own left, which takes the left
  shoulder away from the camera; in (-pi, pi].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError

Array = NDArray[np.float32]
Angles = NDArray[np.float64]

SHOULDERS: dict[int, tuple[int, int]] = {27: (1, 2), 49: (1, 2), 133: (5, 6)}
"""Points of a layout -> its left and right shoulder: SL-GCN's nodes, the recogniser's, whole body."""

WRISTS_OF_27 = (5, 6)
"""The nodes that the paper's code took for shoulders: its arrays had been cut from 133 points to 27."""

BIN_DEGREES = (5, 10, 20, 30)
"""The paper's sizes of a bin (its section 4.5)."""
FIXED_DEGREES = (45, 10)
"""The paper's fixed angles for a signer who is not straight."""
STRAIGHT_DEGREES = 5.0
"""Below this yaw a signer counts as straight for the fixed angles; the paper names no threshold."""

PER_FRAME = "frame"
POLICIES: tuple[str, ...] = (
    PER_FRAME,
    "smoothed",
    "clip",
    *(f"bin-{size}" for size in BIN_DEGREES),
    *(f"fixed-{size}" for size in FIXED_DEGREES),
)
"""Names of the rules that `settle` knows."""


@dataclass(frozen=True)
class ShoulderFrame:
    """Where the shoulders' frame lies in every frame of a clip.

    Attributes:
        known: (T,) whether both shoulders were seen, at two places.
        centre: (T, 3) middle between the shoulders, NaN where unknown.
        across: (T, 3) from the right shoulder to the left one, NaN where unknown.
    """

    known: NDArray[np.bool_]
    centre: Angles
    across: Angles

    @property
    def width(self) -> Angles:
        """(T,) distance of the shoulders as seen in the image."""
        return np.asarray(np.hypot(self.across[:, 0], self.across[:, 1]))

    @property
    def roll(self) -> Angles:
        """(T,) alpha = atan2(dy, dx), brought into (-pi/2, pi/2]."""
        x, y = self.across[:, 0], self.across[:, 1]
        turned = np.where((x < 0) | ((x == 0) & (y < 0)), -1.0, 1.0)
        return np.asarray(np.arctan2(turned * y, turned * x))

    @property
    def yaw(self) -> Angles:
        """(T,) beta = atan2(dz, hypot(dx, dy)), of the shoulders after levelling.

        The paper has atan2(dz, dx) of the tilted shoulders, which is too large by the tilt. From
        behind, levelling leaves the shoulders exchanged, and the hypotenuse takes their sign.
        """
        x, y, z = self.across.T
        behind = np.where((x < 0) | ((x == 0) & (y < 0)), -1.0, 1.0)
        return np.asarray(np.arctan2(z, behind * np.hypot(x, y)))


def shoulders_of(points: int) -> tuple[int, int]:
    """Left and right shoulder of a layout, by its number of points.

    Raises:
        UsageError: The layout is not one of `SHOULDERS`.
    """
    if points not in SHOULDERS:
        known = ", ".join(str(n) for n in SHOULDERS)
        raise UsageError("skeleton", f"there is no layout of {points} points", f"give {known} points")
    return SHOULDERS[points]


def shoulder_frame(points: Array, shoulders: tuple[int, int] | None = None) -> ShoulderFrame:
    """Find the shoulders' frame.

    Args:
        points: (T, V, 4) x, y, z, confidence; a point with confidence 0 is not seen.
        shoulders: Left and right shoulder; by the layout when None.

    Raises:
        UsageError: The layout is not known.
    """
    left, right = shoulders_of(points.shape[1]) if shoulders is None else shoulders
    pair = points[:, [left, right]].astype(np.float64)
    place, confidence = pair[..., :3], pair[..., 3]
    across = place[:, 0] - place[:, 1]
    known = (confidence > 0).all(axis=1) & np.isfinite(place).all(axis=(1, 2)) & (across != 0).any(axis=1)
    nan = np.where(known, 0.0, np.nan)[:, None]
    return ShoulderFrame(known, place.mean(axis=1) + nan, across + nan)


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
    made = np.zeros((*ca.shape, 3, 3))
    made[..., 0, 0], made[..., 0, 1], made[..., 0, 2] = across * ca, across * sa, sb
    made[..., 1, 0], made[..., 1, 1] = -sa, ca
    made[..., 2, 0], made[..., 2, 1], made[..., 2, 2] = away * ca, away * sa, cb
    return made


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
    made = points.copy() if out is None else out
    if made is not points and out is not None:
        made[...] = points
    for i in range(3):
        row = matrix[:, i, :, None]
        moved = row[:, 0] * x
        moved += row[:, 1] * y
        moved += row[:, 2] * z
        moved += origin[:, i : i + 1]
        made[:, moving, i] = moved
    made[~known] = left_alone
    return made


def level(points: Array, roll: Angles | None = None, shoulders: tuple[int, int] | None = None) -> Array:
    """2D correction: turn the image plane by -alpha about the middle of the shoulders.

    Args:
        points: (T, V, 4).
        roll: (T,) alpha; that of each frame's shoulders when None.
        shoulders: Left and right shoulder; by the layout when None.

    Raises:
        UsageError: The layout is not known.
    """
    frame = shoulder_frame(points, shoulders)
    angle = frame.roll if roll is None else roll
    return turn(points, frame.centre, angle, np.zeros(len(points)))


def face_camera(
    points: Array,
    roll: Angles | None = None,
    yaw: Angles | None = None,
    shoulders: tuple[int, int] | None = None,
) -> Array:
    """3D correction: level, then turn by beta about the vertical, so that the shoulders lie across the view.

    Args:
        points: (T, V, 4).
        roll: (T,) alpha; that of each frame's shoulders when None.
        yaw: (T,) beta; that of each frame's shoulders when None.
        shoulders: Left and right shoulder; by the layout when None.

    Raises:
        UsageError: The layout is not known.
    """
    frame = shoulder_frame(points, shoulders)
    return turn(points, frame.centre, frame.roll if roll is None else roll, frame.yaw if yaw is None else yaw)


# ---------------------------------------------------------------------------------------------------
# From angles per frame to the angle that is applied


def settle(policy: str, angles: Angles, weights: Angles | None = None) -> Angles:
    """The angles that are applied, by one of the rules of `POLICIES`.

    ``frame``: as measured. ``smoothed``: `smoothed`. ``clip``: `of_clip`. ``bin-N``: `most_frequent_bin` at
    its centre. ``fixed-N``: `fixed` by the side of `of_clip`.

    Args:
        policy: Name of the rule.
        angles: (T,) radians; NaN where unknown.
        weights: (T,) how much each frame counts for ``smoothed`` and ``clip``; alike when None.

    Returns:
        (T,) radians; NaN where the angle was.

    Raises:
        UsageError: There is no such rule.
    """
    kind, _, size = policy.partition("-")
    if policy not in POLICIES:
        raise UsageError("policy", f"there is none called {policy!r}", f"choose from {', '.join(POLICIES)}")
    if kind == "frame":
        return angles.copy()
    if kind == "smoothed":
        return smoothed(angles, weights)
    if kind == "clip":
        return of_clip(angles, weights)
    if kind == "bin":
        return most_frequent_bin(angles, float(size))
    return fixed(of_clip(angles, weights), float(size))


SMOOTHING_FRAMES = 4.0
"""Standard deviation, in frames, of the Gaussian of `smoothed`."""


def smoothed(angles: Angles, weights: Angles | None = None, spread: float = SMOOTHING_FRAMES) -> Angles:
    """Weighted Gaussian mean in time, on the circle; frames that are not known count for nothing.

    Args:
        angles: (T,) radians, NaN where unknown.
        weights: (T,) not negative; alike when None.
        spread: Standard deviation in frames.
    """
    known = np.isfinite(angles)
    if not known.any():
        return angles.copy()
    weight = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
    reach = min(int(3 * spread) + 1, len(angles) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    vector = np.where(known, weight * np.exp(1j * np.where(known, angles, 0.0)), 0.0)
    mean = np.convolve(vector, kernel)[reach : reach + len(angles)]
    # Opposite angles may cancel, and weights may all be zero: then the frame's own angle stands.
    lost = np.abs(mean) < 1e-9 * max(float(weight.max()), 1e-300)
    return np.where(known, np.where(lost, angles, np.angle(mean)), np.nan)


def of_clip(angles: Angles, weights: Angles | None = None) -> Angles:
    """One angle for the whole clip: the weighted median of the frames'.

    Args:
        angles: (T,) radians, NaN where unknown.
        weights: (T,) not negative; alike when None.
    """
    known = np.isfinite(angles)
    if not known.any():
        return angles.copy()
    order = np.argsort(angles[known])
    values = angles[known][order]
    weight = np.ones(len(values)) if weights is None else weights[known][order]
    if weight.sum() <= 0:
        weight = np.ones(len(values))
    # The middle of the weight, between two values where it falls on their border.
    at = np.cumsum(weight) - 0.5 * weight
    middle = np.interp(0.5 * weight.sum(), at, values)
    return np.where(known, middle, np.nan)


def most_frequent_bin(
    angles: Angles, size_degrees: float, value: Literal["centre", "lower_edge_as_published"] = "centre"
) -> Angles:
    """One angle for the clip: the bin into which most frames fall (paper 4.5, "discrete angles").

    Args:
        angles: (T,) radians, NaN where unknown.
        size_degrees: Size of a bin; bin k reaches from k * size up to (k + 1) * size.
        value: What stands for a bin: its centre, or its lower edge as in the paper's code, which is
            half a bin too low on average.

    Raises:
        UsageError: A bin has no positive size.
    """
    if not size_degrees > 0:
        raise UsageError("bin", f"{size_degrees} degrees is no size of a bin", "give a positive number")
    known = np.isfinite(angles)
    if not known.any():
        return angles.copy()
    bins = np.floor(np.degrees(angles[known]) / size_degrees).astype(np.int64)
    names, counts = np.unique(bins, return_counts=True)
    # Among bins with as many frames the one nearest to straight: the smallest change.
    best = names[counts == counts.max()]
    chosen = float(best[np.argmin(np.abs(best + 0.5))])
    degrees = size_degrees * (chosen + (0.5 if value == "centre" else 0.0))
    return np.where(known, np.radians(degrees), np.nan)


def fixed(angles: Angles, size_degrees: float, straight_degrees: float = STRAIGHT_DEGREES) -> Angles:
    """The paper's fixed angles: one size to the side to which the signer is turned, 0 if straight.

    The paper's code had no dead zone, so that a straight signer was turned by the full angle too.

    Args:
        angles: (T,) radians, NaN where unknown.
        size_degrees: The angle, 45 or 10 in the paper.
        straight_degrees: Up to this angle a signer counts as straight.
    """
    side = np.where(np.abs(angles) <= np.radians(straight_degrees), 0.0, np.sign(angles))
    return np.asarray(side * np.radians(size_degrees))


# ---------------------------------------------------------------------------------------------------
# What the paper's code did, for its tables


def as_published(
    nodes: Array,
    mode: str,
    *,
    turned: Literal["shoulders", "all"] = "shoulders",
) -> Array:
    """The rotations behind the printed Tables 12 and 13 and Figures 10 and 11, mistakes included.

    Not for use on anything else: the wrists are taken for the shoulders, the plane is turned by +alpha
    (which doubles the tilt), beta = atan2(dz, dx) of the tilted segment, both angles wrapped into a
    right angle, the centre cut to whole numbers, bins stand for their lower edge, and the fixed
    angles know no "straight". In 2D the code undid the rotation of the right node again, so only the
    left one moves.

    Args:
        nodes: (T, 27, 4) with z as decoded from a colour map (0..255, larger is nearer), x and y in
            pixels of a frame of 256 x 256, confidence.
        mode: ``2D``, ``normal``, ``bin-5`` to ``bin-30``, ``fixed-45`` or ``fixed-10``.
        turned: ``shoulders`` (in truth the wrists; the printed rows) or ``all`` joints.

    Raises:
        UsageError: There is no such mode.
    """
    left, right = WRISTS_OF_27
    place = nodes[..., :3].astype(np.float64)
    across = place[:, right] - place[:, left]
    dx, dy, dz = across.T
    alpha, beta = (_into_right_angle(np.arctan2(d, dx)) for d in (dy, dz))
    chosen: tuple[int, ...] | None = WRISTS_OF_27 if turned == "shoulders" else None
    kind, _, size = mode.partition("-")
    if mode == "2D":
        beta = np.zeros_like(beta)
        chosen = (left,) if turned == "shoulders" else None
    elif mode in [f"bin-{degrees}" for degrees in BIN_DEGREES]:
        alpha, beta = (
            most_frequent_bin(angle, float(size), "lower_edge_as_published") for angle in (alpha, beta)
        )
    elif mode in [f"fixed-{degrees}" for degrees in FIXED_DEGREES]:
        # Their dz is left minus right.
        beta = np.radians(float(size)) * np.where(-dz < 0, 1.0, np.where(-dz > 0, -1.0, 0.0))
    elif kind != "normal":
        raise UsageError("mode", f"the paper has none called {mode!r}", "choose 2D, normal, bin-N or fixed-N")
    centre = np.trunc((place[:, left] + place[:, right]) / 2)
    return turn(nodes, centre, -alpha, beta, chosen)


def _into_right_angle(angle: Angles) -> Angles:
    """Brought into [-pi/2, pi/2] by half turns."""
    quarter = np.pi / 2
    return np.asarray(
        np.where(angle > quarter, angle - np.pi, np.where(angle < -quarter, angle + np.pi, angle))
    )
