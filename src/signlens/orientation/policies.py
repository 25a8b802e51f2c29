"""From the angles of a clip's frames to the angle that is applied (the SLR-sentiment paper, section 4.5)."""

from __future__ import annotations

import numpy as np

from signlens.errors import UsageError
from signlens.orientation.frame import Angles

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
"""Names of the rules that `apply_policy` knows."""


def apply_policy(policy: str, angles: Angles, weights: Angles | None = None) -> Angles:
    """The angles that are applied, by one of the rules of `POLICIES`.

    >>> apply_policy("clip", np.array([0.1, 0.2, 0.9])).tolist()
    [0.2, 0.2, 0.2]

    ``frame``: as measured. ``smoothed``: `smooth_angles`. ``clip``: `clip_angle`. ``bin-N``:
    `most_frequent_bin`. ``fixed-N``: `fixed_angle` by the side of `clip_angle`.

    Args:
        policy: Name of the rule.
        angles: (T,) radians; NaN where unknown.
        weights: (T,) how much each frame counts for ``smooth_angles`` and ``clip``; alike when None.

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
        return smooth_angles(angles, weights)
    if kind == "clip":
        return clip_angle(angles, weights)
    if kind == "bin":
        return most_frequent_bin(angles, float(size))
    return fixed_angle(clip_angle(angles, weights), float(size))


SMOOTHING_FRAMES = 4.0
"""Standard deviation, in frames, of the Gaussian of `smooth_angles`."""


def smooth_angles(angles: Angles, weights: Angles | None = None, spread: float = SMOOTHING_FRAMES) -> Angles:
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


def clip_angle(angles: Angles, weights: Angles | None = None) -> Angles:
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


def most_frequent_bin(angles: Angles, size_degrees: float) -> Angles:
    """One angle for the clip: the bin into which most frames fall (paper 4.5, "discrete angles"), its centre.

    Args:
        angles: (T,) radians, NaN where unknown.
        size_degrees: Size of a bin; bin k reaches from k * size up to (k + 1) * size.

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
    degrees = size_degrees * (chosen + 0.5)
    return np.where(known, np.radians(degrees), np.nan)


def fixed_angle(angles: Angles, size_degrees: float, straight_degrees: float = STRAIGHT_DEGREES) -> Angles:
    """The paper's fixed angles: one size to the side to which the signer is turned, 0 if straight.

    The paper's code had no dead zone, so that a straight signer was turned by the full angle too.

    Args:
        angles: (T,) radians, NaN where unknown.
        size_degrees: The angle, 45 or 10 in the paper.
        straight_degrees: Up to this angle a signer counts as straight.
    """
    side = np.where(np.abs(angles) <= np.radians(straight_degrees), 0.0, np.sign(angles))
    return np.asarray(side * np.radians(size_degrees))
