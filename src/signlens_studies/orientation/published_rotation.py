"""What the SLR-sentiment paper's code did to skeletons, mistakes included, for its tables and figures."""

from __future__ import annotations

from typing import Literal

import numpy as np

from signlens.errors import UsageError
from signlens.orientation.frame import Angles
from signlens.orientation.policies import BIN_DEGREES, FIXED_DEGREES, most_frequent_bin
from signlens.orientation.rotation import Array, turn

WRISTS_OF_27 = (5, 6)
"""The nodes that the paper's code took for shoulders: its arrays had been cut from 133 points to 27."""


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
        # A bin stands for its lower edge, which is half a bin too low on average.
        half = np.radians(float(size) / 2)
        alpha, beta = (most_frequent_bin(angle, float(size)) - half for angle in (alpha, beta))
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
