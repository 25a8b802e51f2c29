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

import numpy as np

from signlens.signer.paint import (
    C_BACK_LOW,
    C_BACK_TOP,
    C_FRAME,
    C_HAIR,
    C_SHIRT,
    C_SKIN,
    C_TRIM,
    CLOTH,
    EYE,
    FRAME,
    HAIR,
    HAND,
    HEAD,
    T_PATTERN,
    T_PERIOD,
    TORSO,
    mix,
    paint_eye,
    paint_hand,
    paint_head,
    paint_torso,
    step,
)
from signlens.signer.primitives import jit, primitive, smooth_min

HIT = 4e-4
FAR = 6.0


@jit
def _local(f, g, x, y, z):
    dx, dy, dz = x - f[g, 9], y - f[g, 10], z - f[g, 11]
    return (
        f[g, 0] * dx + f[g, 3] * dy + f[g, 6] * dz,
        f[g, 1] * dx + f[g, 4] * dy + f[g, 7] * dz,
        f[g, 2] * dx + f[g, 5] * dy + f[g, 8] * dz,
    )


@jit
def _group(p, f, t, g, x, y, z):
    lx, ly, lz = _local(f, g, x, y, z)
    first, last = t[g, 1], t[g, 2]
    if t[g, 0] == 0:
        d = 1e9
        for i in range(first, last):
            e = primitive(p, i, lx, ly, lz)
            d = smooth_min(d, e, p[i, 9]) if p[i, 10] == 0.0 else -smooth_min(-d, e, p[i, 9])
        return d
    # A hand: every finger melts into the palm but never into its neighbour (no webbing).
    palm = 1e9
    i = first
    while i < last and p[i, 11] == 0.0:
        palm = smooth_min(palm, primitive(p, i, lx, ly, lz), p[i, 9])
        i += 1
    best = palm
    while i < last:
        chain = p[i, 11]
        finger = 1e9
        while i < last and p[i, 11] == chain:
            finger = smooth_min(finger, primitive(p, i, lx, ly, lz), p[i, 9])
            i += 1
        best = min(best, smooth_min(palm, finger, 0.009))
    return best


@jit
def _bound(f, g, x, y, z):
    ax, ay, az = f[g, 12], f[g, 13], f[g, 14]
    bx, by, bz = f[g, 15] - ax, f[g, 16] - ay, f[g, 17] - az
    px, py, pz = x - ax, y - ay, z - az
    h = (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz + 1e-12)
    h = min(max(h, 0.0), 1.0)
    qx, qy, qz = px - bx * h, py - by * h, pz - bz * h
    return np.sqrt(qx * qx + qy * qy + qz * qz) - f[g, 18]


@jit
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


@jit
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


@jit
def _scene(p, f, t, x, y, z, limit):
    """Distance to the scene, capped at limit (groups farther than it are not looked at)."""
    d = limit
    for g in range(len(t)):
        if _bound(f, g, x, y, z) < d:
            d = min(d, _group(p, f, t, g, x, y, z))
    return d


@jit
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


@jit
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
        r, g, bl, spec = paint_head(face, colours, lx * 100.0, ly * 100.0, lz * 100.0, w * 70.0)
    elif material == EYE:
        r, g, bl, spec = paint_eye(
            face, colours, p[t[hit, 1], 11] > 0.5,
            lx * 100.0, ly * 100.0, lz * 100.0, w * 70.0,
        )  # fmt: skip
    elif material == HAND:
        r, g, bl, spec = paint_hand(p, t[hit, 1], t[hit, 2], colours, lx, ly, lz)
    elif material == TORSO:
        r, g, bl, spec, skin = paint_torso(clothes, colours, lx, ly, lz, w * 0.7)
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
            r, g, bl = mix(r, g, bl, colours, C_TRIM, step(w + 1e-4, -w - 1e-4, phase - 0.16 * period))
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


@jit
def _background(colours, u, v):
    """Backdrop: a vertical gradient with a soft glow behind the signer."""
    glow = np.exp(-(u * u) / 0.35 - (v - 0.15) ** 2 / 0.5)
    k = step(-1.0, 1.0, v)
    r = colours[C_BACK_LOW, 0] + (colours[C_BACK_TOP, 0] - colours[C_BACK_LOW, 0]) * k
    g = colours[C_BACK_LOW, 1] + (colours[C_BACK_TOP, 1] - colours[C_BACK_LOW, 1]) * k
    b = colours[C_BACK_LOW, 2] + (colours[C_BACK_TOP, 2] - colours[C_BACK_LOW, 2]) * k
    lift = 0.16 * glow
    return r * (0.92 + lift), g * (0.92 + lift), b * (0.92 + lift)


@jit
def _encode(v):
    """Linear light to sRGB with a soft shoulder, 0..1."""
    if v > 0.7:
        v = 0.7 + 0.3 * (1.0 - np.exp(-(v - 0.7) / 0.3))
    if v <= 0.0031308:
        return 12.92 * max(v, 0.0)
    return 1.055 * v ** (1.0 / 2.4) - 0.055


@jit
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


@jit
def render_image(p, f, t, face, clothes, colours, look, camera, width, height, smooth):
    """Render one frame.

    Args:
        p: (P, 12) primitives.
        f: (G, 19) frames and bounds of the groups.
        t: (G, 4) int64 group table.
        face: Face paint vector.
        clothes: Clothes paint vector.
        colours: (17, 3) linear RGB.
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


@jit
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
