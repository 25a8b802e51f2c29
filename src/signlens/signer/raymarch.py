"""The ray marcher: signed-distance shapes in, an image and depths out (numba).

The scene is a short list of *groups*. A group has its own frame (rotation and origin), a
list of primitives blended smoothly inside it, a material, and a bounding capsule. The
image is the union of the groups. Sphere tracing follows Hart, "Sphere tracing: a geometric
method for the antialiased ray tracing of implicit surfaces" (1996); the smooth union is the
quadratic polynomial one.

Everything here is a pure function of its arrays, releases the interpreter lock, and gives
the same bytes whatever thread runs it. This module needs numba; `signlens.signer.render`
imports it on first use. numba takes the types from the arrays, so the kernels carry no annotations.

Array layouts (all float64 unless said):

* ``primitives`` (P, 12): kind, ax, ay, az, bx, by, bz, r1, r2, blend, operation, chain.
  Kind 0 is a round cone from a (radius r1) to b (radius r2), 1 an ellipsoid at a with radii b
  turned by r1 radians about z, 2 a sphere at a with radius r1. Operation 0 joins, 1 cuts away.
  Chain matters in hands only: 0 palm, 1..5 thumb..little finger.
* ``frames`` (G, 19): rotation (9, row-major, local to world), origin (3), bounding capsule
  (two world points and a radius).
* ``table`` (G, 4) int64: kind (0 plain, 1 hand), first primitive, one past the last, material.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

# Materials.
HEAD, SKIN, HAND, TORSO, CLOTH, HAIR, EYE, FRAME = range(8)

# Rows of the colour table (linear RGB).
(
    C_SKIN,
    C_LIPS,
    C_HAIR,
    C_BROW,
    C_IRIS,
    C_SCLERA,
    C_SHIRT,
    C_TRIM,
    C_NAIL,
    C_MOUTH,
    C_TEETH,
    C_BACK_TOP,
    C_BACK_LOW,
    C_FRAME,
    C_TONGUE,
    C_BLUSH,
    C_LASH,
) = range(17)
COLOURS = 17

# Slots of the face paint vector; lengths in centimetres of the head's own frame.
(
    F_EYE_X,
    F_EYE_Y,
    F_LID_UP_R,
    F_LID_LOW_R,
    F_LID_UP_L,
    F_LID_LOW_L,
    F_GAZE_X,
    F_GAZE_Y,
    F_IRIS,
    F_EYE_W,
    F_BROW_IN_R,
    F_BROW_MID_R,
    F_BROW_OUT_R,
    F_BROW_IN_L,
    F_BROW_MID_L,
    F_BROW_OUT_L,
    F_BROW_X_IN,
    F_BROW_X_OUT,
    F_BROW_THICK,
    F_MOUTH_Y,
    F_MOUTH_W_R,
    F_MOUTH_W_L,
    F_LIFT_R,
    F_LIFT_L,
    F_OPEN_UP,
    F_OPEN_LOW,
    F_LIP_UP,
    F_LIP_LOW,
    F_TEETH,
    F_BLUSH,
    F_FOLD,
    F_BEARD,
    F_FURROW,
    F_WRINKLE,
    F_LASH,
    F_FOREHEAD,
    F_SCALP,
    F_UNIT,
) = range(38)
FACE_SLOTS = 38

# Slots of the clothes paint vector; lengths in metres of the body's frame.
T_NECKLINE, T_DEPTH, T_PATTERN, T_PERIOD = range(4)
CLOTHES_SLOTS = 4

HIT = 4e-4
FAR = 6.0


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile once and keep the result on disk; compile in memory where no folder is writable."""
    try:
        return numba.njit(cache=True, fastmath=True, nogil=True)(function)
    except RuntimeError:  # numba found no place for its cache
        return numba.njit(fastmath=True, nogil=True)(function)


@_jit
def _smooth_min(a, b, k):
    if k <= 0.0:
        return min(a, b)
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@_jit
def _primitive(p, i, x, y, z):
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


@_jit
def _local(f, g, x, y, z):
    dx, dy, dz = x - f[g, 9], y - f[g, 10], z - f[g, 11]
    return (
        f[g, 0] * dx + f[g, 3] * dy + f[g, 6] * dz,
        f[g, 1] * dx + f[g, 4] * dy + f[g, 7] * dz,
        f[g, 2] * dx + f[g, 5] * dy + f[g, 8] * dz,
    )


@_jit
def _group(p, f, t, g, x, y, z):
    lx, ly, lz = _local(f, g, x, y, z)
    first, last = t[g, 1], t[g, 2]
    if t[g, 0] == 0:
        d = 1e9
        for i in range(first, last):
            e = _primitive(p, i, lx, ly, lz)
            d = _smooth_min(d, e, p[i, 9]) if p[i, 10] == 0.0 else -_smooth_min(-d, e, p[i, 9])
        return d
    # A hand: every finger melts into the palm but never into its neighbour (no webbing).
    palm = 1e9
    i = first
    while i < last and p[i, 11] == 0.0:
        palm = _smooth_min(palm, _primitive(p, i, lx, ly, lz), p[i, 9])
        i += 1
    best = palm
    while i < last:
        chain = p[i, 11]
        finger = 1e9
        while i < last and p[i, 11] == chain:
            finger = _smooth_min(finger, _primitive(p, i, lx, ly, lz), p[i, 9])
            i += 1
        best = min(best, _smooth_min(palm, finger, 0.009))
    return best


@_jit
def _bound(f, g, x, y, z):
    ax, ay, az = f[g, 12], f[g, 13], f[g, 14]
    bx, by, bz = f[g, 15] - ax, f[g, 16] - ay, f[g, 17] - az
    px, py, pz = x - ax, y - ay, z - az
    h = (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz + 1e-12)
    h = min(max(h, 0.0), 1.0)
    qx, qy, qz = px - bx * h, py - by * h, pz - bz * h
    return np.sqrt(qx * qx + qy * qy + qz * qz) - f[g, 18]


@_jit
def _crossed(f, g, ox, oy, oz, dx, dy, dz):
    """Whether a ray meets a group's bounding capsule, and a lower bound of where."""
    ax, ay, az = f[g, 12] - ox, f[g, 13] - oy, f[g, 14] - oz
    bx, by, bz = f[g, 15] - ox, f[g, 16] - oy, f[g, 17] - oz
    ta = ax * dx + ay * dy + az * dz
    tb = bx * dx + by * dy + bz * dz
    ax, ay, az = ax - dx * ta, ay - dy * ta, az - dz * ta
    bx, by, bz = bx - dx * tb, by - dy * tb, bz - dz * tb
    ux, uy, uz = bx - ax, by - ay, bz - az
    s = -(ax * ux + ay * uy + az * uz) / (ux * ux + uy * uy + uz * uz + 1e-12)
    s = min(max(s, 0.0), 1.0)
    qx, qy, qz = ax + s * ux, ay + s * uy, az + s * uz
    r = f[g, 18]
    if qx * qx + qy * qy + qz * qz > r * r or max(ta, tb) + r < 0.0:
        return -1.0
    return max(min(ta, tb) - r, 0.0)


@_jit
def _march(p, f, t, ox, oy, oz, dx, dy, dz, start, far, active):
    """First hit along a ray: (distance, group), group -1 where nothing is hit."""
    n = 0
    near = far
    for g in range(len(t)):
        s = _crossed(f, g, ox, oy, oz, dx, dy, dz)
        if s >= 0.0 and s < far:
            active[n] = g
            n += 1
            near = min(near, s)
    if n == 0:
        return far, -1
    s = max(start, near)
    for _ in range(96):
        x, y, z = ox + dx * s, oy + dy * s, oz + dz * s
        d, hit = 1e9, -1
        for j in range(n):
            g = active[j]
            b = _bound(f, g, x, y, z)
            if b >= d:
                continue
            if b > 0.02:
                d, hit = b, -1
                continue
            e = _group(p, f, t, g, x, y, z)
            if e < d:
                d, hit = e, g
        if hit >= 0 and d < HIT:
            return s, hit
        s += max(d * 0.93, 0.5 * HIT)
        if s > far:
            return far, -1
    return far, -1


@_jit
def _scene(p, f, t, x, y, z, limit):
    """Distance to the scene, capped at limit (groups farther than it are not looked at)."""
    d = limit
    for g in range(len(t)):
        if _bound(f, g, x, y, z) < d:
            d = min(d, _group(p, f, t, g, x, y, z))
    return d


@_jit
def _shadow(p, f, t, x, y, z, dx, dy, dz, active):
    n = 0
    for g in range(len(t)):
        s = _crossed(f, g, x, y, z, dx, dy, dz)
        if s >= 0.0 and s < 0.7:
            active[n] = g
            n += 1
    light, s = 1.0, 0.012
    for _ in range(22):
        qx, qy, qz = x + dx * s, y + dy * s, z + dz * s
        d = 1e9
        for j in range(n):
            g = active[j]
            b = _bound(f, g, qx, qy, qz)
            if b < d:
                d = b if b > 0.03 else min(d, _group(p, f, t, g, qx, qy, qz))
        light = min(light, 0.5 + 5.0 * d / s)
        if light <= 0.0:
            return 0.0
        s += min(max(d, 0.008), 0.08)
        if s > 0.6 or d > 1e8:
            break
    light = min(max(light, 0.0), 1.0)
    return light * light * (3.0 - 2.0 * light)


@_jit
def _step(edge0, edge1, x):
    """Smooth 0..1 ramp; falls when edge1 < edge0."""
    v = (x - edge0) / (edge1 - edge0)
    v = min(max(v, 0.0), 1.0)
    return v * v * (3.0 - 2.0 * v)


@_jit
def _mix(r, g, b, colours, row, amount):
    return (
        r + (colours[row, 0] - r) * amount,
        g + (colours[row, 1] - g) * amount,
        b + (colours[row, 2] - b) * amount,
    )


@_jit
def _brow_distance(x, y, inner, middle, outer, x_in, x_out, thick):
    """Signed distance (about) to a brow: a parabola through three heights, tapering outwards."""
    u = (x - x_in) / (x_out - x_in)
    v = min(max(u, 0.0), 1.0)
    # Lagrange through u = 0, 0.55, 1.
    height = (
        inner * (v - 0.55) * (v - 1.0) / 0.55
        + middle * v * (v - 1.0) / (0.55 * -0.45)
        + outer * v * (v - 0.55) / 0.45
    )
    half = thick * (1.0 - 0.62 * v * v) * (0.80 + 0.2 * min(v * 5.0, 1.0))
    dx = (u - v) * (x_out - x_in)
    dy = y - height
    return np.sqrt(dx * dx + dy * dy) - half


@_jit
def _darken(r, g, b, amount, green):
    """Towards dark and red: green and blue lose `green` times what red loses."""
    return r * (1.0 - amount), g * (1.0 - green * amount), b * (1.0 - green * amount)


@_jit
def _paint_folds(face, r, g, b, ax, x, y):
    """Folds of expression: beside the mouth, between the brows, on the nose, on the forehead."""
    if face[F_FOLD] > 0.01:
        fy = min(max((y + 1.6) / (face[F_MOUTH_Y] + 1.4), 0.0), 1.0)
        fx = 1.55 + 1.75 * np.sqrt(fy)
        amount = np.exp(-((ax - fx) ** 2) / 0.022) * _step(0.0, 0.25, fy) * _step(1.0, 0.7, fy)
        r, g, b = _darken(r, g, b, amount * (face[F_FOLD] * 0.20), 1.25)
    if face[F_FURROW] > 0.01:
        amount = np.exp(-((ax - 0.42 - 0.06 * (y - 3.4)) ** 2) / 0.012)
        amount *= np.exp(-((y - 3.5) ** 2) / 0.45) * 0.34 * face[F_FURROW]
        r, g, b = _darken(r, g, b, amount, 1.2)
    if face[F_WRINKLE] > 0.01:
        amount = np.exp(-((y - 1.55 - 0.25 * ax) ** 2) / 0.02) + np.exp(-((y - 2.1 - 0.25 * ax) ** 2) / 0.02)
        amount *= np.exp(-(x * x) / 0.9) * 0.22 * face[F_WRINKLE]
        r, g, b = _darken(r, g, b, amount, 1.2)
    if face[F_FOREHEAD] > 0.01:
        amount = np.exp(-((y - 6.2 + 0.02 * x * x) ** 2) / 0.02)
        amount += np.exp(-((y - 7.0 + 0.02 * x * x) ** 2) / 0.02)
        amount *= _step(3.6, 1.6, ax) * 0.13 * face[F_FOREHEAD]
        r, g, b = _darken(r, g, b, amount, 1.2)
    return r, g, b


@_jit
def _paint_mouth(face, colours, r, g, b, spec, ax, y, left, w):
    """Lips, teeth, tongue and the line between closed lips."""
    width = face[F_MOUTH_W_L] if left else face[F_MOUTH_W_R]
    lift = face[F_LIFT_L] if left else face[F_LIFT_R]
    c = min(ax / width, 1.0)
    arch = 1.0 - c * c
    middle = face[F_MOUTH_Y] + lift * (c * c - 0.30)
    top = middle + face[F_OPEN_UP] * arch
    bottom = middle - face[F_OPEN_LOW] * np.sqrt(arch)
    # Cupid's bow above, a full curve below.
    bow = 1.0 - 0.20 * np.exp(-(ax * ax) / 0.10)
    upper = top + face[F_LIP_UP] * (1.0 - c**1.7) * bow
    lower = bottom - face[F_LIP_LOW] * arch**0.62
    beyond = max(ax - width, 0.0)
    edge = 0.05 + w
    inside = _step(edge, -edge, max(y - upper, lower - y)) * _step(0.16 + w, 0.0, beyond)
    r, g, b = _mix(r, g, b, colours, C_LIPS, 0.82 * inside)
    spec += 0.10 * inside
    gap = top - bottom
    open_amount = _step(0.04, 0.22, gap)
    cavity = _step(edge, -edge, max(y - top, bottom - y)) * open_amount * _step(0.0, -0.1, ax - width)
    r, g, b = _mix(r, g, b, colours, C_MOUTH, cavity)
    if cavity > 0.0:
        tooth = _step(-edge, edge, y - (top - min(0.62, 0.55 * gap + 0.10) * arch)) * face[F_TEETH]
        r, g, b = _mix(r, g, b, colours, C_TEETH, cavity * tooth)
        tongue = _step(edge, -edge, y - (bottom + 0.45 * gap * (1.0 - 0.5 * c * c)))
        r, g, b = _mix(r, g, b, colours, C_TONGUE, cavity * tongue * (1.0 - tooth) * 0.9)
        spec *= 1.0 - cavity
    # The line between closed lips, drawn on a little past the corners.
    line = (1.0 - open_amount) * _step(0.085 + w, 0.02, abs(y - middle)) * _step(0.35, -0.1, ax - width)
    line = max(line, 0.8 * _step(0.22 + w, 0.05, np.sqrt((ax - width) ** 2 + (y - middle) ** 2)))
    r, g, b = _mix(r, g, b, colours, C_MOUTH, 0.62 * line)
    return r, g, b, spec


@_jit
def _paint_beard(face, colours, r, g, b, spec, ax, x, y, z):
    """Beard: soft edge along cheeks and above the lip."""
    mouth_y = face[F_MOUTH_Y]
    line = -1.2 - 2.6 * np.exp(-((ax - 2.6) ** 2) / 3.4)
    amount = _step(line + 0.25, line - 0.55, y)
    amount *= _step(0.0, 0.9, np.sqrt((x / 2.9) ** 2 + ((y - mouth_y) / 1.25) ** 2) - 0.72)
    stash = np.exp(-((y - mouth_y - 1.28) ** 2) / 0.20) * _step(2.9, 2.0, ax)
    amount = max(amount, stash) * face[F_BEARD] * _step(-1.0, 2.0, z)
    r, g, b = _mix(r, g, b, colours, C_HAIR, amount)
    return r, g, b, spec * (1.0 - amount)


@_jit
def _paint_head(face, colours, x, y, z, w):
    """Skin, brows, mouth; x, y, z in head centimetres, w the width of a pixel there."""
    u = face[F_UNIT]
    x, y, z, w = x / u, y / u, z / u, w / u
    r, g, b = colours[C_SKIN, 0], colours[C_SKIN, 1], colours[C_SKIN, 2]
    spec = 0.10
    ax = abs(x)
    left = x > 0.0
    if z < 0.0:
        ear = np.exp(-((ax - 7.3) ** 2) / 0.8 - (y - 0.8) ** 2 / 3.0)
        r, g, b = _mix(r, g, b, colours, C_BLUSH, 0.25 * ear)
        return r, g, b, spec
    # Warmth of cheeks and nose.
    warm = np.exp(-((ax - 4.0) ** 2) / 2.6 - (y + 1.1) ** 2 / 1.8)
    warm = warm * face[F_BLUSH] + 0.30 * np.exp(-(x * x) / 1.3 - (y + 0.7) ** 2 / 1.0)
    r, g, b = _mix(r, g, b, colours, C_BLUSH, min(warm, 1.0) * 0.42)
    if face[F_BEARD] > 0.0:
        r, g, b, spec = _paint_beard(face, colours, r, g, b, spec, ax, x, y, z)
    # Nostrils.
    hole = ((ax - 0.62) / 0.36) ** 2 + ((y + 1.62) / 0.17) ** 2
    if z > 5.5:
        r, g, b = _darken(r, g, b, 0.55 * _step(1.35, 0.4, hole), 1.0)
    r, g, b = _paint_folds(face, r, g, b, ax, x, y)
    # Socket: a soft shade and a lid crease round the eye.
    ex = (ax - face[F_EYE_X]) / (face[F_EYE_W] * 1.35)
    ey = (y - face[F_EYE_Y] - 0.25) / 1.75
    r, g, b = _darken(r, g, b, 0.16 * _step(1.3, 0.5, ex * ex + ey * ey), 1.25)
    # Brow.
    d = _brow_distance(
        ax, y,
        face[F_BROW_IN_L] if left else face[F_BROW_IN_R],
        face[F_BROW_MID_L] if left else face[F_BROW_MID_R],
        face[F_BROW_OUT_L] if left else face[F_BROW_OUT_R],
        face[F_BROW_X_IN], face[F_BROW_X_OUT], face[F_BROW_THICK],
    )  # fmt: skip
    amount = 0.94 * _step(0.06 + w, -0.06 - w, d)
    r, g, b = _mix(r, g, b, colours, C_BROW, amount)
    spec *= 1.0 - amount
    width = face[F_MOUTH_W_L] if left else face[F_MOUTH_W_R]
    if ax / width < 1.25 and y < face[F_MOUTH_Y] + 3.0 and z > 2.5:
        r, g, b, spec = _paint_mouth(face, colours, r, g, b, spec, ax, y, left, w)
    return r, g, b, spec


@_jit
def _paint_eye(face, colours, left, x, y, z, w):
    """Eyeball with its lids; x, y, z in head centimetres from the eye's centre."""
    u = face[F_UNIT]
    x, y, z, w = x / u, y / u, z / u, w / u
    up = face[F_LID_UP_L] if left else face[F_LID_UP_R]
    low = face[F_LID_LOW_L] if left else face[F_LID_LOW_R]
    out = x if left else -x
    half = face[F_EYE_W]
    q = out / half
    c = min(abs(q), 1.0)
    arch = 1.0 - c * c
    # The outer corner stands a little higher than the inner one.
    tilt = 0.10 * q
    peak = 1.0 - (q + 0.08) ** 2 if abs(q) < 1.0 else 0.0
    top = tilt + up * max(peak, 0.0) ** 0.62
    bottom = tilt - low * arch**0.75
    edge = 0.05 + w
    r, g, b = colours[C_SKIN, 0], colours[C_SKIN, 1], colours[C_SKIN, 2]
    spec = 0.08
    # Lid: a little deeper than the skin, with a crease above.
    shade = 0.13 * _step(-0.2, 0.3, y - top)
    r, g, b = r * (1.0 - shade), g * (1.0 - 1.3 * shade), b * (1.0 - 1.2 * shade)
    crease = abs(y - (top + 0.42 + 0.25 * (1.0 - min(up / 0.8, 1.0))))
    amount = 0.30 * _step(0.10 + w, 0.02, crease) * _step(1.15, 0.75, abs(q))
    r, g, b = r * (1.0 - amount), g * (1.0 - 1.2 * amount), b * (1.0 - 1.2 * amount)
    inside = _step(edge, -edge, max(y - top, bottom - y)) * _step(0.04, -0.06, abs(out) - half)
    if up + low > 0.02 and inside > 0.0:
        sr, sg, sb = colours[C_SCLERA, 0], colours[C_SCLERA, 1], colours[C_SCLERA, 2]
        under = 0.45 * _step(0.55, 0.0, top - y) + 0.12 * c * c
        sr, sg, sb = sr * (1.0 - under), sg * (1.0 - under), sb * (1.0 - under)
        ix, iy = x - face[F_GAZE_X], y - face[F_GAZE_Y]
        d = np.sqrt(ix * ix + iy * iy)
        iris = face[F_IRIS]
        amount = _step(edge, -edge, d - iris)
        glow = 0.75 + 0.75 * _step(0.0, iris, -iy + 0.2) * _step(0.2 * iris, 0.8 * iris, d)
        rim = 1.0 - 0.60 * _step(0.72 * iris, iris, d)
        sr += (colours[C_IRIS, 0] * glow * rim - sr) * amount
        sg += (colours[C_IRIS, 1] * glow * rim - sg) * amount
        sb += (colours[C_IRIS, 2] * glow * rim - sb) * amount
        amount = _step(edge, -edge, d - 0.46 * iris)
        sr, sg, sb = sr * (1.0 - 0.94 * amount), sg * (1.0 - 0.94 * amount), sb * (1.0 - 0.94 * amount)
        lit = _step(edge, -edge, np.sqrt((ix + 0.30) ** 2 + (iy - 0.32) ** 2) - 0.21)
        lit = max(lit, 0.55 * _step(edge, -edge, np.sqrt((ix - 0.27) ** 2 + (iy + 0.28) ** 2) - 0.10))
        sr, sg, sb = sr + (1.15 - sr) * lit, sg + (1.15 - sg) * lit, sb + (1.15 - sb) * lit
        r, g, b = r + (sr - r) * inside, g + (sg - g) * inside, b + (sb - b) * inside
        spec = spec * (1.0 - inside) + 0.25 * inside
    # Lashes: a dark line on the upper lid, thicker outside, with a small wing; a faint one below.
    thick = face[F_LASH] * (0.65 + 0.5 * _step(-0.8, 0.9, q)) + w * 0.3
    line = _step(thick + edge * 0.6, thick - edge * 0.6, abs(y - top - 0.3 * thick)) * _step(
        1.12, 0.98, abs(q)
    )
    r, g, b = _mix(r, g, b, colours, C_LASH, 0.92 * line)
    line = _step(0.05 + edge, 0.0, abs(y - bottom)) * _step(1.08, 0.9, abs(q)) * 0.35
    r, g, b = _mix(r, g, b, colours, C_LASH, line)
    return r, g, b, spec


@_jit
def _paint_hand(p, first, last, colours, x, y, z):
    """Skin of a hand: warmer tips, faint creases inside the joints, nails on the back."""
    r, g, b = colours[C_SKIN, 0], colours[C_SKIN, 1], colours[C_SKIN, 2]
    best, at, index = 1e9, 0.0, -1
    for i in range(first, last):
        if p[i, 11] == 0.0:
            continue
        d = _primitive(p, i, x, y, z)
        if d < best:
            best, index = d, i
    spec = 0.09
    # Palm side a little lighter and rosier than the back.
    amount = 0.0
    if index < 0 or best > 0.006:
        palm = _step(0.0, 0.02, z)
        r, g, b = r * (1.0 + 0.06 * palm), g * (1.0 + 0.05 * palm), b * (1.0 + 0.05 * palm)
        return r, g, b, spec
    i = index
    bx, by, bz = p[i, 4] - p[i, 1], p[i, 5] - p[i, 2], p[i, 6] - p[i, 3]
    length2 = bx * bx + by * by + bz * bz
    px, py, pz = x - p[i, 1], y - p[i, 2], z - p[i, 3]
    at = (px * bx + py * by + pz * bz) / length2
    tip = i + 1 == last or p[i + 1, 11] != p[i, 11]
    root = p[i - 1, 11] != p[i, 11]
    if tip:
        amount = 0.30 * _step(0.35, 1.1, at)
        r, g, b = _mix(r, g, b, colours, C_BLUSH, amount)
        # The nail faces away from the way the finger bends: columns 9.. carry no direction, so
        # the bend is read from the joint before it, and the palm's normal where it is straight.
        j = i - 1
        cx, cy, cz = p[j, 4] - p[j, 1], p[j, 5] - p[j, 2], p[j, 6] - p[j, 3]
        lc, lb = np.sqrt(cx * cx + cy * cy + cz * cz), np.sqrt(length2)
        if p[i, 11] == 1.0:
            nx, ny, nz = 0.55, 0.10, -0.83
        else:
            nx, ny, nz = 0.0, 0.0, -0.30
        nx, ny, nz = nx + cx / lc - bx / lb, ny + cy / lc - by / lb, nz + cz / lc - bz / lb
        along = (nx * bx + ny * by + nz * bz) / length2
        nx, ny, nz = nx - along * bx, ny - along * by, nz - along * bz
        ln = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
        nx, ny, nz = nx / ln, ny / ln, nz / ln
        qx, qy, qz = px - at * bx, py - at * by, pz - at * bz
        lq = np.sqrt(qx * qx + qy * qy + qz * qz) + 1e-9
        facing = (qx * nx + qy * ny + qz * nz) / lq
        nail = _step(0.50, 0.66, facing) * _step(0.36, 0.48, at) * _step(1.22, 1.10, at)
        r, g, b = _mix(r, g, b, colours, C_NAIL, 0.75 * nail)
        spec += 0.18 * nail
    if not root:
        crease = 0.12 * np.exp(-(at * at * length2) / 3.0e-6)
        r, g, b = r * (1.0 - crease), g * (1.0 - 1.2 * crease), b * (1.0 - 1.2 * crease)
    return r, g, b, spec


@_jit
def _paint_torso(clothes, colours, x, y, z, w):
    """Shirt below the neckline, skin above it; x, y, z in body metres."""
    kind, depth = clothes[T_NECKLINE], clothes[T_DEPTH]
    ax = abs(x)
    # Height of the neckline: a round one, a V, or an open jacket over a round one.
    line = -0.012 - depth + (0.035 + depth) * (ax / 0.088) ** 2
    if kind == 1.0:
        line = -0.012 - depth + (0.035 + depth) * ax / 0.084
    if z < -0.01:
        line = max(line, 0.004)
    below = line - y
    r, g, b = colours[C_SHIRT, 0], colours[C_SHIRT, 1], colours[C_SHIRT, 2]
    if clothes[T_PATTERN] == 1.0:
        phase = (y + 2.0) / clothes[T_PERIOD]
        phase = abs(phase - np.floor(phase) - 0.5) * clothes[T_PERIOD]
        r, g, b = _mix(r, g, b, colours, C_TRIM, _step(w + 1e-4, -w - 1e-4, phase - 0.16 * clothes[T_PERIOD]))
    elif clothes[T_PATTERN] == 2.0:
        edge = 0.030 + 0.10 * _step(0.0, -0.30, y)
        if z > 0.0:
            inner = _step(w + 1e-4, -w - 1e-4, ax - edge)
            r, g, b = _mix(r, g, b, colours, C_TRIM, inner)
            seam = 0.35 * _step(0.010 + w, 0.008, abs(ax - edge - 0.008)) * (1.0 - inner)
            r, g, b = r * (1.0 - seam), g * (1.0 - seam), b * (1.0 - seam)
    trim = _step(0.013 + w, 0.013 - w, below)
    if clothes[T_PATTERN] == 2.0:
        r, g, b = r * (1.0 - 0.15 * trim), g * (1.0 - 0.15 * trim), b * (1.0 - 0.15 * trim)
    else:
        r, g, b = _mix(r, g, b, colours, C_TRIM, trim * 0.9)
    skin = _step(w + 5e-4, -w - 5e-4, below)
    r, g, b = _mix(r, g, b, colours, C_SKIN, skin)
    return r, g, b, 0.02 + 0.07 * skin, skin


@_jit
def _shade(p, f, t, face, clothes, colours, look, ox, oy, oz, dx, dy, dz, s, hit, focal, active):
    x, y, z = ox + dx * s, oy + dy * s, oz + dz * s
    e = 3.0e-4 + 2.0e-4 * s
    a = _group(p, f, t, hit, x + e, y - e, z - e)
    b = _group(p, f, t, hit, x - e, y - e, z + e)
    c = _group(p, f, t, hit, x - e, y + e, z - e)
    d = _group(p, f, t, hit, x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, -a - b + c + d, -a + b - c + d
    ln = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    nx, ny, nz = nx / ln, ny / ln, nz / ln

    lx, ly, lz = _local(f, hit, x, y, z)
    material = t[hit, 3]
    w = s / focal
    skin = 1.0
    if material == HEAD:
        r, g, bl, spec = _paint_head(face, colours, lx * 100.0, ly * 100.0, lz * 100.0, w * 70.0)
    elif material == EYE:
        r, g, bl, spec = _paint_eye(
            face, colours, p[t[hit, 1], 11] > 0.5,
            lx * 100.0, ly * 100.0, lz * 100.0, w * 70.0,
        )  # fmt: skip
    elif material == HAND:
        r, g, bl, spec = _paint_hand(p, t[hit, 1], t[hit, 2], colours, lx, ly, lz)
    elif material == TORSO:
        r, g, bl, spec, skin = _paint_torso(clothes, colours, lx, ly, lz, w * 0.7)
    elif material == HAIR:
        angle = np.arctan2(lx, lz)
        strand = (
            0.5
            + 0.25 * np.sin(angle * 47.0 + 6.0 * ly * 10.0)
            + 0.25 * np.sin(angle * 83.0 - 4.0 * ly * 10.0)
        )
        k = 0.88 + 0.24 * strand * look[0]
        r, g, bl = colours[C_HAIR, 0] * k, colours[C_HAIR, 1] * k, colours[C_HAIR, 2] * k
        spec, skin = 0.06, 0.0
    elif material == FRAME:
        r, g, bl = colours[C_FRAME, 0], colours[C_FRAME, 1], colours[C_FRAME, 2]
        spec, skin = 0.5, 0.0
    elif material == CLOTH:
        r, g, bl = colours[C_SHIRT, 0], colours[C_SHIRT, 1], colours[C_SHIRT, 2]
        spec, skin = 0.02, 0.0
        if clothes[T_PATTERN] == 1.0:
            # Stripes run round the sleeve: the group's y axis is the forearm's or upper arm's.
            period = clothes[T_PERIOD]
            phase = (ly + 2.0) / period
            phase = abs(phase - np.floor(phase) - 0.5) * period
            r, g, bl = _mix(r, g, bl, colours, C_TRIM, _step(w + 1e-4, -w - 1e-4, phase - 0.16 * period))
    else:
        r, g, bl, spec = colours[C_SKIN, 0], colours[C_SKIN, 1], colours[C_SKIN, 2], 0.09

    # Occlusion of the ambient light, three steps out.
    occlusion = 0.0
    occlusion += (0.008 - _scene(p, f, t, x + nx * 0.008, y + ny * 0.008, z + nz * 0.008, 0.008)) * 22.0
    occlusion += (0.026 - _scene(p, f, t, x + nx * 0.026, y + ny * 0.026, z + nz * 0.026, 0.026)) * 9.0
    occlusion += (0.065 - _scene(p, f, t, x + nx * 0.065, y + ny * 0.065, z + nz * 0.065, 0.065)) * 3.2
    ambient = min(max(1.0 - occlusion, 0.25), 1.0)

    kx, ky, kz = -0.42, 0.62, 0.66
    lambert = nx * kx + ny * ky + nz * kz
    wrap = 0.18 + 0.20 * skin
    key = max((lambert + wrap) / (1.0 + wrap), 0.0)
    shadow = 1.0
    if lambert > -0.1:
        shadow = _shadow(p, f, t, x + nx * 0.004, y + ny * 0.004, z + nz * 0.004, kx, ky, kz, active)
    key *= 0.35 + 0.65 * shadow
    fill = max(nx * 0.60 + ny * 0.10 + nz * 0.79 + 0.25, 0.0) / 1.25
    sky = 0.5 + 0.5 * ny
    facing = max(-(nx * dx + ny * dy + nz * dz), 0.0)
    rim = (1.0 - facing) ** 3 * max(0.35 + 0.65 * nx, 0.0)

    lr = 0.78 * key * 1.04 + ambient * (0.34 * fill + 0.20 + 0.13 * sky) + 0.22 * rim * ambient
    lg = 0.78 * key * 0.99 + ambient * (0.34 * fill + 0.19 + 0.14 * sky) + 0.22 * rim * ambient
    lb = 0.78 * key * 0.93 + ambient * (0.34 * fill + 0.19 + 0.16 * sky) + 0.22 * rim * ambient
    # Light that has gone through skin is redder where it fades.
    fade = skin * max(0.0, 1.0 - abs(key - 0.22) / 0.35) * 0.10
    lr += fade
    lg += 0.25 * fade
    occluded = skin * (1.0 - ambient)
    lr *= 1.0 + 0.12 * occluded
    lb *= 1.0 - 0.10 * occluded

    hx, hy, hz = kx - dx, ky - dy, kz - dz
    lh = np.sqrt(hx * hx + hy * hy + hz * hz)
    shine = max((nx * hx + ny * hy + nz * hz) / lh, 0.0)
    gloss = spec * (shine**24 if material != EYE else shine**60) * shadow
    return r * lr + gloss, g * lg + gloss, bl * lb + gloss


@_jit
def _background(colours, u, v):
    """Backdrop: a vertical gradient with a soft glow behind the signer."""
    glow = np.exp(-(u * u) / 0.35 - (v - 0.15) ** 2 / 0.5)
    k = _step(-1.0, 1.0, v)
    r = colours[C_BACK_LOW, 0] + (colours[C_BACK_TOP, 0] - colours[C_BACK_LOW, 0]) * k
    g = colours[C_BACK_LOW, 1] + (colours[C_BACK_TOP, 1] - colours[C_BACK_LOW, 1]) * k
    b = colours[C_BACK_LOW, 2] + (colours[C_BACK_TOP, 2] - colours[C_BACK_LOW, 2]) * k
    lift = 0.16 * glow
    return r * (0.92 + lift), g * (0.92 + lift), b * (0.92 + lift)


@_jit
def _encode(v):
    """Linear light to sRGB with a soft shoulder, 0..1."""
    if v > 0.7:
        v = 0.7 + 0.3 * (1.0 - np.exp(-(v - 0.7) / 0.3))
    if v <= 0.0031308:
        return 12.92 * max(v, 0.0)
    return 1.055 * v ** (1.0 / 2.4) - 0.055


@_jit
def _pixel(p, f, t, face, clothes, colours, look, camera, u, v, active):
    """Colour (sRGB 0..1), depth and group of the ray through pixel position (u, v)."""
    focal = camera[3]
    dx, dy, dz = (u - camera[4]) / focal, -(v - camera[5]) / focal, -1.0
    ln = np.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / ln, dy / ln, dz / ln
    s, hit = _march(p, f, t, camera[0], camera[1], camera[2], dx, dy, dz, 0.3, FAR, active)
    if hit < 0:
        r, g, b = _background(colours, (u - camera[4]) / camera[4], -(v - camera[5]) / camera[5])
    else:
        r, g, b = _shade(
            p, f, t, face, clothes, colours, look,
            camera[0], camera[1], camera[2], dx, dy, dz, s, hit, focal, active,
        )  # fmt: skip
    return _encode(r), _encode(g), _encode(b), s, hit


@_jit
def render(p, f, t, face, clothes, colours, look, camera, width, height, smooth):
    """Render one frame.

    Args:
        p: (P, 12) primitives.
        f: (G, 19) frames and bounds of the groups.
        t: (G, 4) int64 group table.
        face: Face paint vector.
        clothes: Clothes paint vector.
        colours: (COLOURS, 3) linear RGB.
        look: (2,) strand contrast of the hair, grain (0..1 of 8 grey levels).
        camera: (7,) x, y, z, focal length in pixels, centre x, centre y, seed of the grain.
        width: Pixels across.
        height: Pixels down.
        smooth: Rays more per pixel on edges (0 for none).

    Returns:
        (height, width, 3) uint8 RGB.
    """
    image = np.empty((height, width, 3), np.float64)
    depth = np.empty((height, width), np.float64)
    group = np.empty((height, width), np.int64)
    active = np.empty(len(t), np.int64)
    for j in range(height):
        for i in range(width):
            r, g, b, s, hit = _pixel(p, f, t, face, clothes, colours, look, camera, i + 0.5, j + 0.5, active)
            image[j, i, 0], image[j, i, 1], image[j, i, 2] = r, g, b
            depth[j, i], group[j, i] = s, hit
    if smooth > 0:
        for j in range(height):
            for i in range(width):
                edge = False
                for k in range(4):
                    jj = min(max(j + (k == 0) - (k == 1), 0), height - 1)
                    ii = min(max(i + (k == 2) - (k == 3), 0), width - 1)
                    if group[jj, ii] != group[j, i] or abs(depth[jj, ii] - depth[j, i]) > 0.008:
                        edge = True
                if not edge:
                    continue
                r, g, b = image[j, i, 0], image[j, i, 1], image[j, i, 2]
                for k in range(smooth):
                    # Points of a rotated grid round the centre.
                    angle = 0.46 + 2.0 * np.pi * k / smooth
                    a, c, e, _, _ = _pixel(
                        p, f, t, face, clothes, colours, look, camera,
                        i + 0.5 + 0.36 * np.cos(angle), j + 0.5 + 0.36 * np.sin(angle), active,
                    )  # fmt: skip
                    r, g, b = r + a, g + c, b + e
                image[j, i, 0], image[j, i, 1], image[j, i, 2] = (
                    r / (smooth + 1), g / (smooth + 1), b / (smooth + 1),
                )  # fmt: skip
    out = np.empty((height, width, 3), np.uint8)
    state = np.uint64(camera[6]) * np.uint64(2654435761) + np.uint64(88172645463325252)
    for j in range(height):
        for i in range(width):
            # Grain (xorshift): the sum of two bytes, near to normal, the same in all channels.
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            grain = (
                float(state & np.uint64(255)) + float((state >> np.uint64(8)) & np.uint64(255))
            ) / 255.0 - 1.0
            for c in range(3):
                value = image[j, i, c] * 255.0 + 8.0 * look[1] * grain + 0.5
                out[j, i, c] = np.uint8(min(max(value, 0.0), 255.0))
    return out


@_jit
def first_hits(p, f, t, origins, targets):
    """Distance of the first surface on the way from each origin to (and past) its target.

    Args:
        p: (P, 12) primitives.
        f: (G, 19) frames and bounds.
        t: (G, 4) int64 group table.
        origins: (N, 3) start points.
        targets: (N, 3) points that give the direction.

    Returns:
        (N, 2) distance from the origin (`FAR` where nothing is met) and group (-1 for none).
    """
    out = np.empty((len(targets), 2))
    active = np.empty(len(t), np.int64)
    for n in range(len(targets)):
        dx = targets[n, 0] - origins[n, 0]
        dy = targets[n, 1] - origins[n, 1]
        dz = targets[n, 2] - origins[n, 2]
        ln = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-12
        s, hit = _march(
            p, f, t, origins[n, 0], origins[n, 1], origins[n, 2], dx / ln, dy / ln, dz / ln, 0.0, FAR, active
        )
        out[n, 0], out[n, 1] = s, hit
    return out
