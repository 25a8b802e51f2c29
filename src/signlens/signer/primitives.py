"""Signed distances of the shapes that a signer is made of (numba); arrays: see `signlens.signer.raymarch`."""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile once and keep the result on disk; compile in memory where no folder is writable."""
    try:
        return numba.njit(cache=True, fastmath=True, nogil=True)(function)
    except RuntimeError:  # numba found no place for its cache
        return numba.njit(fastmath=True, nogil=True)(function)


@jit
def smooth_min(a, b, k):
    """The quadratic polynomial smooth union of two distances, over a width k."""
    if k <= 0.0:
        return min(a, b)
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@jit
def primitive(p, i, x, y, z):
    """Signed distance of a point from primitive i."""
    kind = p[i, 0]
    px, py, pz = x - p[i, 1], y - p[i, 2], z - p[i, 3]
    if kind == 2.0:
        return np.sqrt(px * px + py * py + pz * pz) - p[i, 7]
    if kind == 0.0:
        bx, by, bz = p[i, 4] - p[i, 1], p[i, 5] - p[i, 2], p[i, 6] - p[i, 3]
        h = (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz + 1e-12)
        h = min(max(h, 0.0), 1.0)
        qx, qy, qz = px - bx * h, py - by * h, pz - bz * h
        return np.sqrt(qx * qx + qy * qy + qz * qz) - (p[i, 7] + (p[i, 8] - p[i, 7]) * h)
    if p[i, 7] != 0.0:
        c, s = np.cos(p[i, 7]), np.sin(p[i, 7])
        px, py = c * px + s * py, c * py - s * px
    ux, uy, uz = px / p[i, 4], py / p[i, 5], pz / p[i, 6]
    k0 = np.sqrt(ux * ux + uy * uy + uz * uz)
    vx, vy, vz = ux / p[i, 4], uy / p[i, 5], uz / p[i, 6]
    k1 = np.sqrt(vx * vx + vy * vy + vz * vz)
    if k1 < 1e-9:
        return -min(p[i, 4], min(p[i, 5], p[i, 6]))
    return k0 * (k0 - 1.0) / k1
