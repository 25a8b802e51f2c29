"""What is painted on the signer's surfaces: skin, brows, mouth, eyes, nails and clothes (numba).

Used by `signlens.signer.raymarch`; kernels carry no annotations, since numba takes the types from the arrays.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from signlens.signer.primitives import jit, primitive

# Materials.
HEAD, SKIN, HAND, TORSO, CLOTH, HAIR, EYE, FRAME = range(8)

# Rows of the colour table (linear RGB).
(
    C_SKIN, C_LIPS, C_HAIR, C_BROW, C_IRIS, C_SCLERA, C_SHIRT, C_TRIM, C_NAIL, C_MOUTH, C_TEETH,
    C_BACK_TOP, C_BACK_LOW, C_FRAME, C_TONGUE, C_BLUSH, C_LASH,
) = range(17)  # fmt: skip

# Slots of the face paint vector; lengths in centimetres of the head's own frame.
(
    F_EYE_X, F_EYE_Y, F_LID_UP_R, F_LID_LOW_R, F_LID_UP_L, F_LID_LOW_L, F_GAZE_X, F_GAZE_Y, F_IRIS,
    F_EYE_W, F_BROW_IN_R, F_BROW_MID_R, F_BROW_OUT_R, F_BROW_IN_L, F_BROW_MID_L, F_BROW_OUT_L,
    F_BROW_X_IN, F_BROW_X_OUT, F_BROW_THICK, F_MOUTH_Y, F_MOUTH_W_R, F_MOUTH_W_L, F_LIFT_R, F_LIFT_L,
    F_OPEN_UP, F_OPEN_LOW, F_LIP_UP, F_LIP_LOW, F_TEETH, F_BLUSH, F_FOLD, F_BEARD, F_FURROW, F_WRINKLE,
    F_LASH, F_FOREHEAD, F_SCALP, F_UNIT,
) = range(38)  # fmt: skip

# Slots of the clothes paint vector; lengths in metres of the body's frame.
T_NECKLINE, T_DEPTH, T_PATTERN, T_PERIOD = range(4)


@jit
def step(edge0, edge1, x):
    """Smooth 0..1 ramp; falls when edge1 < edge0."""
    v = (x - edge0) / (edge1 - edge0)
    v = min(max(v, 0.0), 1.0)
    return v * v * (3.0 - 2.0 * v)


@jit
def mix(r, g, b, colours, row, amount):
    """Towards a row of the colour table."""
    return (
        r + (colours[row, 0] - r) * amount,
        g + (colours[row, 1] - g) * amount,
        b + (colours[row, 2] - b) * amount,
    )


@jit
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


@jit
def _darken(r, g, b, amount, green):
    """Towards dark and red: green and blue lose `green` times what red loses."""
    return r * (1.0 - amount), g * (1.0 - green * amount), b * (1.0 - green * amount)


@jit
def _paint_folds(face, r, g, b, ax, x, y):
    """Folds of expression: beside the mouth, between the brows, on the nose, on the forehead."""
    if face[F_FOLD] > 0.01:
        fy = min(max((y + 1.6) / (face[F_MOUTH_Y] + 1.4), 0.0), 1.0)
        fx = 1.55 + 1.75 * np.sqrt(fy)
        amount = np.exp(-((ax - fx) ** 2) / 0.022) * step(0.0, 0.25, fy) * step(1.0, 0.7, fy)
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
        amount *= step(3.6, 1.6, ax) * 0.13 * face[F_FOREHEAD]
        r, g, b = _darken(r, g, b, amount, 1.2)
    return r, g, b


@jit
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
    inside = step(edge, -edge, max(y - upper, lower - y)) * step(0.16 + w, 0.0, beyond)
    r, g, b = mix(r, g, b, colours, C_LIPS, 0.82 * inside)
    spec += 0.10 * inside
    gap = top - bottom
    open_amount = step(0.04, 0.22, gap)
    cavity = step(edge, -edge, max(y - top, bottom - y)) * open_amount * step(0.0, -0.1, ax - width)
    r, g, b = mix(r, g, b, colours, C_MOUTH, cavity)
    if cavity > 0.0:
        tooth = step(-edge, edge, y - (top - min(0.62, 0.55 * gap + 0.10) * arch)) * face[F_TEETH]
        r, g, b = mix(r, g, b, colours, C_TEETH, cavity * tooth)
        tongue = step(edge, -edge, y - (bottom + 0.45 * gap * (1.0 - 0.5 * c * c)))
        r, g, b = mix(r, g, b, colours, C_TONGUE, cavity * tongue * (1.0 - tooth) * 0.9)
        spec *= 1.0 - cavity
    # The line between closed lips, drawn on a little past the corners.
    line = (1.0 - open_amount) * step(0.085 + w, 0.02, abs(y - middle)) * step(0.35, -0.1, ax - width)
    line = max(line, 0.8 * step(0.22 + w, 0.05, np.sqrt((ax - width) ** 2 + (y - middle) ** 2)))
    r, g, b = mix(r, g, b, colours, C_MOUTH, 0.62 * line)
    return r, g, b, spec


@jit
def _paint_beard(face, colours, r, g, b, spec, ax, x, y, z):
    """Beard: soft edge along cheeks and above the lip."""
    mouth_y = face[F_MOUTH_Y]
    line = -1.2 - 2.6 * np.exp(-((ax - 2.6) ** 2) / 3.4)
    amount = step(line + 0.25, line - 0.55, y)
    amount *= step(0.0, 0.9, np.sqrt((x / 2.9) ** 2 + ((y - mouth_y) / 1.25) ** 2) - 0.72)
    stash = np.exp(-((y - mouth_y - 1.28) ** 2) / 0.20) * step(2.9, 2.0, ax)
    amount = max(amount, stash) * face[F_BEARD] * step(-1.0, 2.0, z)
    r, g, b = mix(r, g, b, colours, C_HAIR, amount)
    return r, g, b, spec * (1.0 - amount)


@jit
def paint_head(face, colours, x, y, z, w):
    """Skin, brows, mouth; x, y, z in head centimetres, w the width of a pixel there."""
    u = face[F_UNIT]
    x, y, z, w = x / u, y / u, z / u, w / u
    r, g, b = colours[C_SKIN, 0], colours[C_SKIN, 1], colours[C_SKIN, 2]
    spec = 0.10
    ax = abs(x)
    left = x > 0.0
    if z < 0.0:
        ear = np.exp(-((ax - 7.3) ** 2) / 0.8 - (y - 0.8) ** 2 / 3.0)
        r, g, b = mix(r, g, b, colours, C_BLUSH, 0.25 * ear)
        return r, g, b, spec
    # Warmth of cheeks and nose.
    warm = np.exp(-((ax - 4.0) ** 2) / 2.6 - (y + 1.1) ** 2 / 1.8)
    warm = warm * face[F_BLUSH] + 0.30 * np.exp(-(x * x) / 1.3 - (y + 0.7) ** 2 / 1.0)
    r, g, b = mix(r, g, b, colours, C_BLUSH, min(warm, 1.0) * 0.42)
    if face[F_BEARD] > 0.0:
        r, g, b, spec = _paint_beard(face, colours, r, g, b, spec, ax, x, y, z)
    # Nostrils.
    hole = ((ax - 0.62) / 0.36) ** 2 + ((y + 1.62) / 0.17) ** 2
    if z > 5.5:
        r, g, b = _darken(r, g, b, 0.55 * step(1.35, 0.4, hole), 1.0)
    r, g, b = _paint_folds(face, r, g, b, ax, x, y)
    # Socket: a soft shade and a lid crease round the eye.
    ex = (ax - face[F_EYE_X]) / (face[F_EYE_W] * 1.35)
    ey = (y - face[F_EYE_Y] - 0.25) / 1.75
    r, g, b = _darken(r, g, b, 0.16 * step(1.3, 0.5, ex * ex + ey * ey), 1.25)
    # Brow.
    d = _brow_distance(
        ax, y,
        face[F_BROW_IN_L] if left else face[F_BROW_IN_R],
        face[F_BROW_MID_L] if left else face[F_BROW_MID_R],
        face[F_BROW_OUT_L] if left else face[F_BROW_OUT_R],
        face[F_BROW_X_IN], face[F_BROW_X_OUT], face[F_BROW_THICK],
    )  # fmt: skip
    amount = 0.94 * step(0.06 + w, -0.06 - w, d)
    r, g, b = mix(r, g, b, colours, C_BROW, amount)
    spec *= 1.0 - amount
    width = face[F_MOUTH_W_L] if left else face[F_MOUTH_W_R]
    if ax / width < 1.25 and y < face[F_MOUTH_Y] + 3.0 and z > 2.5:
        r, g, b, spec = _paint_mouth(face, colours, r, g, b, spec, ax, y, left, w)
    return r, g, b, spec


@jit
def paint_eye(face, colours, left, x, y, z, w):
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
    shade = 0.13 * step(-0.2, 0.3, y - top)
    r, g, b = r * (1.0 - shade), g * (1.0 - 1.3 * shade), b * (1.0 - 1.2 * shade)
    crease = abs(y - (top + 0.42 + 0.25 * (1.0 - min(up / 0.8, 1.0))))
    amount = 0.30 * step(0.10 + w, 0.02, crease) * step(1.15, 0.75, abs(q))
    r, g, b = r * (1.0 - amount), g * (1.0 - 1.2 * amount), b * (1.0 - 1.2 * amount)
    inside = step(edge, -edge, max(y - top, bottom - y)) * step(0.04, -0.06, abs(out) - half)
    if up + low > 0.02 and inside > 0.0:
        sr, sg, sb = colours[C_SCLERA, 0], colours[C_SCLERA, 1], colours[C_SCLERA, 2]
        under = 0.45 * step(0.55, 0.0, top - y) + 0.12 * c * c
        sr, sg, sb = sr * (1.0 - under), sg * (1.0 - under), sb * (1.0 - under)
        ix, iy = x - face[F_GAZE_X], y - face[F_GAZE_Y]
        d = np.sqrt(ix * ix + iy * iy)
        iris = face[F_IRIS]
        amount = step(edge, -edge, d - iris)
        glow = 0.75 + 0.75 * step(0.0, iris, -iy + 0.2) * step(0.2 * iris, 0.8 * iris, d)
        rim = 1.0 - 0.60 * step(0.72 * iris, iris, d)
        sr += (colours[C_IRIS, 0] * glow * rim - sr) * amount
        sg += (colours[C_IRIS, 1] * glow * rim - sg) * amount
        sb += (colours[C_IRIS, 2] * glow * rim - sb) * amount
        amount = step(edge, -edge, d - 0.46 * iris)
        sr, sg, sb = sr * (1.0 - 0.94 * amount), sg * (1.0 - 0.94 * amount), sb * (1.0 - 0.94 * amount)
        lit = step(edge, -edge, np.sqrt((ix + 0.30) ** 2 + (iy - 0.32) ** 2) - 0.21)
        lit = max(lit, 0.55 * step(edge, -edge, np.sqrt((ix - 0.27) ** 2 + (iy + 0.28) ** 2) - 0.10))
        sr, sg, sb = sr + (1.15 - sr) * lit, sg + (1.15 - sg) * lit, sb + (1.15 - sb) * lit
        r, g, b = r + (sr - r) * inside, g + (sg - g) * inside, b + (sb - b) * inside
        spec = spec * (1.0 - inside) + 0.25 * inside
    # Lashes: a dark line on the upper lid, thicker outside, with a small wing; a faint one below.
    thick = face[F_LASH] * (0.65 + 0.5 * step(-0.8, 0.9, q)) + w * 0.3
    line = step(thick + edge * 0.6, thick - edge * 0.6, abs(y - top - 0.3 * thick)) * step(1.12, 0.98, abs(q))
    r, g, b = mix(r, g, b, colours, C_LASH, 0.92 * line)
    line = step(0.05 + edge, 0.0, abs(y - bottom)) * step(1.08, 0.9, abs(q)) * 0.35
    r, g, b = mix(r, g, b, colours, C_LASH, line)
    return r, g, b, spec


@jit
def paint_hand(p, first, last, colours, x, y, z):
    """Skin of a hand: warmer tips, faint creases inside the joints, nails on the back."""
    r, g, b = colours[C_SKIN, 0], colours[C_SKIN, 1], colours[C_SKIN, 2]
    best, at, index = 1e9, 0.0, -1
    for i in range(first, last):
        if p[i, 11] == 0.0:
            continue
        d = primitive(p, i, x, y, z)
        if d < best:
            best, index = d, i
    spec = 0.09
    # Palm side a little lighter and rosier than the back.
    amount = 0.0
    if index < 0 or best > 0.006:
        palm = step(0.0, 0.02, z)
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
        amount = 0.30 * step(0.35, 1.1, at)
        r, g, b = mix(r, g, b, colours, C_BLUSH, amount)
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
        nail = step(0.50, 0.66, facing) * step(0.36, 0.48, at) * step(1.22, 1.10, at)
        r, g, b = mix(r, g, b, colours, C_NAIL, 0.75 * nail)
        spec += 0.18 * nail
    if not root:
        crease = 0.12 * np.exp(-(at * at * length2) / 3.0e-6)
        r, g, b = r * (1.0 - crease), g * (1.0 - 1.2 * crease), b * (1.0 - 1.2 * crease)
    return r, g, b, spec


@jit
def paint_torso(clothes, colours, x, y, z, w):
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
        r, g, b = mix(r, g, b, colours, C_TRIM, step(w + 1e-4, -w - 1e-4, phase - 0.16 * clothes[T_PERIOD]))
    elif clothes[T_PATTERN] == 2.0:
        edge = 0.030 + 0.10 * step(0.0, -0.30, y)
        if z > 0.0:
            inner = step(w + 1e-4, -w - 1e-4, ax - edge)
            r, g, b = mix(r, g, b, colours, C_TRIM, inner)
            seam = 0.35 * step(0.010 + w, 0.008, abs(ax - edge - 0.008)) * (1.0 - inner)
            r, g, b = r * (1.0 - seam), g * (1.0 - seam), b * (1.0 - seam)
    trim = step(0.013 + w, 0.013 - w, below)
    if clothes[T_PATTERN] == 2.0:
        r, g, b = r * (1.0 - 0.15 * trim), g * (1.0 - 0.15 * trim), b * (1.0 - 0.15 * trim)
    else:
        r, g, b = mix(r, g, b, colours, C_TRIM, trim * 0.9)
    skin = step(w + 5e-4, -w - 5e-4, below)
    r, g, b = mix(r, g, b, colours, C_SKIN, skin)
    return r, g, b, 0.02 + 0.07 * skin, skin
