"""From a body pose to the arrays that the ray marcher draws."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from signlens.signer.body import (
    FOREARM,
    HIP,
    NECK_PIVOT,
    SHOULDER,
    UPPER_ARM,
    ArmJoints,
    BodyPose,
    _rotate,
    arm_joints,
    head_frame,
)
from signlens.signer.face import FaceShape, face_shape
from signlens.signer.hand import FINGER_RADII, THUMB_RADII
from signlens.signer.identity import NECKLINES, PATTERNS, Identity

Array = NDArray[np.float64]

# Kinds of primitive, operations and materials: see signlens.signer.raymarch.
CONE, ELLIPSOID, BALL = 0.0, 1.0, 2.0
JOIN, CUT = 0.0, 1.0
HEAD, SKIN, HAND, TORSO, CLOTH, HAIR, EYE, FRAME = range(8)


def linear(colour: str) -> Array:
    """``#rrggbb`` (sRGB) as linear RGB, 0..1."""
    v = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks along -z.

    Attributes:
        width: Pixels across.
        height: Pixels down.
        position: (3,) metres in the world frame (the body frame at yaw 0).
        focal: Focal length in pixels.
    """

    width: int
    height: int
    position: tuple[float, float, float] = (0.0, -0.100, 2.0)
    focal: float = 0.0

    def __post_init__(self) -> None:
        """Choose the focal length that shows the upper body, where none is given."""
        if self.focal <= 0.0:
            object.__setattr__(self, "focal", min(self.height * 1.95, self.width * 1.95))

    def project(self, points: Array) -> Array:
        """(..., 3) world points to (..., 2) pixels."""
        q = points - np.array(self.position)
        depth = -q[..., 2]
        return np.stack(
            [
                self.width / 2 + self.focal * q[..., 0] / depth,
                self.height / 2 - self.focal * q[..., 1] / depth,
            ],
            axis=-1,
        )


@dataclass(frozen=True)
class Scene:
    """One frame, ready to draw: the arrays of `signlens.signer.raymarch` and what they were made from."""

    primitives: Array
    frames: Array
    table: NDArray[np.int64]
    face: Array
    clothes: Array
    colours: Array
    look: Array
    shape: FaceShape
    arms: tuple[ArmJoints, ArmJoints]
    body_rotation: Array
    head_rotation: Array
    head_centre: Array
    head_scale: float


class _Builder:
    """Collects primitives group by group."""

    def __init__(self) -> None:
        self.primitives: list[list[float]] = []
        self.frames: list[Array] = []
        self.table: list[tuple[int, int, int, int]] = []
        self._first = 0

    def cone(self, a: Array, b: Array, r1: float, r2: float, blend: float = 0.0, chain: float = 0.0) -> None:
        self.primitives.append([CONE, *map(float, a), *map(float, b), r1, r2, blend, JOIN, chain])

    def ball(self, a: Array, r: float, blend: float = 0.0, operation: float = JOIN) -> None:
        self.primitives.append([BALL, *map(float, a), 0.0, 0.0, 0.0, r, r, blend, operation, 0.0])

    def ellipsoid(
        self,
        a: Array,
        radii: Array,
        blend: float = 0.0,
        operation: float = JOIN,
        turn: float = 0.0,
        chain: float = 0.0,
    ) -> None:
        self.primitives.append(
            [ELLIPSOID, *map(float, a), *map(float, radii), turn, 0.0, blend, operation, chain]
        )

    def close(
        self, material: int, rotation: Array, origin: Array, a: Array, b: Array, r: float, hand: bool = False
    ) -> None:
        """End a group; a, b, r bound it in the group's own frame."""
        self.frames.append(
            np.concatenate([rotation.ravel(), origin, rotation @ a + origin, rotation @ b + origin, [r]])
        )
        self.table.append((int(hand), self._first, len(self.primitives), material))
        self._first = len(self.primitives)


def _v(*values: float) -> Array:
    return np.array(values, dtype=np.float64)


def _between(a: Array, b: Array, h: float) -> Array:
    return a + (b - a) * h


def _torso(build: _Builder, identity: Identity, arms: tuple[ArmJoints, ArmJoints], body: Array) -> None:
    w = identity.shoulders
    build.ellipsoid(_v(0, -0.30, -0.005), _v(0.148 * w, 0.31, 0.098), 0.0)
    build.cone(_v(-0.055 * w, -0.125, 0.008), _v(0.055 * w, -0.125, 0.008), 0.098, 0.098, 0.05)
    for arm, s in zip(arms, (-1.0, 1.0), strict=True):
        ball = arm.shoulder
        build.cone(_v(s * 0.05, -0.075, -0.012), ball + _v(-s * 0.012, 0.004, 0), 0.062, 0.053, 0.05)
        build.cone(_v(s * 0.035, 0.010, -0.022), ball + _v(-s * 0.035, 0.022, -0.005), 0.034, 0.030, 0.05)
        build.cone(ball, _between(ball, arm.elbow, 0.45), 0.054, 0.049, 0.035)
    build.cone(_v(0, -0.52, 0), _v(0, -0.78, 0), 0.132 * w, 0.150 * w, 0.10)
    build.cone(_v(0, -0.05, -0.008), _v(0, 0.10, 0.010), 0.056, 0.052, 0.030)
    build.close(TORSO, body, np.zeros(3), _v(0, -0.10, 0), _v(0, -0.78, 0), 0.335)


def _limb_frame(a: Array, b: Array) -> Array:
    """A rotation whose y axis runs from a to b."""
    y = (b - a) / np.linalg.norm(b - a)
    helper = _v(0, 0, 1) if abs(y[2]) < 0.9 else _v(1, 0, 0)
    x = np.cross(y, helper)
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _arm(build: _Builder, identity: Identity, arm: ArmJoints, body: Array) -> None:
    upper, fore = UPPER_ARM * identity.arms, FOREARM * identity.arms
    size = identity.hands
    wrist_r = 0.0225 * size
    frame = _limb_frame(arm.shoulder, arm.elbow)
    if identity.sleeves == "long":
        build.cone(_v(0, 0, 0), _v(0, upper, 0), 0.054, 0.044)
        build.close(CLOTH, body @ frame, body @ arm.shoulder, _v(0, 0, 0), _v(0, upper, 0), 0.056)
        frame = _limb_frame(arm.elbow, arm.wrist)
        cuff = fore - 0.036
        build.cone(_v(0, 0, 0), _v(0, cuff * 0.45, 0), 0.0440, 0.0420, 0.0)
        build.cone(_v(0, cuff * 0.45, 0), _v(0, cuff - 0.012, 0), 0.0420, 0.0325, 0.01)
        build.cone(_v(0, cuff - 0.012, 0), _v(0, cuff - 0.004, 0), 0.0335, 0.0335, 0.004)
        build.close(CLOTH, body @ frame, body @ arm.elbow, _v(0, 0, 0), _v(0, cuff, 0), 0.050)
        build.cone(_v(0, fore - 0.09, 0), _v(0, fore, 0), 0.028, wrist_r)
        build.close(SKIN, body @ frame, body @ arm.elbow, _v(0, fore - 0.09, 0), _v(0, fore, 0), 0.030)
    else:
        build.cone(_v(0, 0, 0), _v(0, upper * 0.56, 0), 0.0545, 0.0535)
        build.cone(_v(0, upper * 0.56, 0), _v(0, upper * 0.60, 0), 0.0545, 0.0540, 0.003)
        build.close(CLOTH, body @ frame, body @ arm.shoulder, _v(0, 0, 0), _v(0, upper * 0.6, 0), 0.060)
        build.cone(_v(0, upper * 0.4, 0), _v(0, upper, 0), 0.0455, 0.0375)
        build.close(SKIN, body @ frame, body @ arm.shoulder, _v(0, upper * 0.4, 0), _v(0, upper, 0), 0.048)
        frame = _limb_frame(arm.elbow, arm.wrist)
        build.cone(_v(0, 0, 0), _v(0, fore * 0.32, 0), 0.0375, 0.0395)
        build.cone(_v(0, fore * 0.32, 0), _v(0, fore, 0), 0.0395, wrist_r, 0.012)
        build.close(SKIN, body @ frame, body @ arm.elbow, _v(0, 0, 0), _v(0, fore, 0), 0.042)


def _hand(build: _Builder, identity: Identity, arm: ArmJoints, body: Array) -> None:
    size = identity.hands
    points = (arm.hand - arm.wrist) @ arm.frame  # back into the hand's own frame
    roots = (
        _v(0.013, 0.006, 0) * size,
        _v(0.005, 0.004, 0) * size,
        _v(-0.005, 0.004, 0) * size,
        _v(-0.013, 0.006, 0) * size,
    )
    for i in range(4):
        knuckle = points[5 + 4 * i] - _v(0, 0.004, 0) * size
        build.cone(roots[i], knuckle, 0.0160 * size, (0.0122, 0.0124, 0.0118, 0.0108)[i] * size, 0.014)
    build.cone(
        _v(0.010, 0.010, 0.002) * size,
        _between(points[1], points[2], 0.75),
        0.0155 * size,
        0.0135 * size,
        0.016,
    )
    build.cone(
        _v(-0.014, 0.016, 0.003) * size, _v(-0.027, 0.058, 0.003) * size, 0.0145 * size, 0.0120 * size, 0.014
    )
    build.cone(_v(0, -0.016, 0) * size, _v(0, 0.012, 0) * size, 0.0225 * size, 0.0205 * size, 0.012)
    r1, r2 = THUMB_RADII[0] * size, THUMB_RADII[1] * size
    radii = np.linspace(r1, r2, 4)
    for j in range(3):
        build.cone(points[1 + j], points[2 + j], radii[j], radii[j + 1], 0.003, 1.0)
    for i in range(4):
        r1, r2 = FINGER_RADII[i] * size
        radii = np.linspace(r1, r2, 4)
        for j in range(3):
            build.cone(points[5 + 4 * i + j], points[6 + 4 * i + j], radii[j], radii[j + 1], 0.002, 2.0 + i)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - middle, axis=1).max()) + 0.027
    build.close(HAND, body @ arm.frame, body @ arm.wrist, middle, middle, radius, hand=True)


def _head(build: _Builder, identity: Identity, shape: FaceShape, face_width: float, pose: BodyPose) -> None:
    """Skin of the head, in its own frame; the caller scales from centimetres."""
    f = pose.face
    jaw, nose, drop = identity.jaw, identity.nose, shape.jaw_drop
    build.ellipsoid(_v(0, 4.1, -1.7), _v(7.3 * face_width, 7.9, 8.2))
    build.ellipsoid(_v(0, -2.1 - 0.25 * drop, 0.35), _v(6.05 * face_width, 6.4 + 0.2 * drop, 5.75), 2.6)
    for i, s in enumerate((-1.0, 1.0)):
        lift = 0.55 * f.cheek_raise + 0.10 * max(f.smile, 0.0) + 0.2 * max(s * f.lopsided, 0.0)
        build.ball(
            _v(s * (3.75 + 0.25 * max(f.smile, 0) + 0.35 * f.cheek_puff), -1.0 + lift, 3.35),
            2.25 + 0.12 * lift,
            2.2,
        )
        build.ball(_v(s * 3.1, -4.2, 3.3), 1.55 + 0.8 * f.cheek_puff, 2.0)
        build.cone(
            _v(s * 5.0 * jaw, -2.6 - 0.5 * drop, 0.2), _v(s * 1.7 * jaw, -7.0 - drop, 3.2), 1.35, 1.25, 2.2
        )
        # Brow ridge, following the brow a little.
        build.cone(
            _v(s * 1.7, shape.brow_inner[i] - 0.25, 5.35),
            _v(s * 4.9, shape.brow_outer[i] - 0.3, 3.9),
            0.75,
            0.7,
            1.6,
        )
        build.ellipsoid(_v(s * 7.35 * face_width, 0.9, -1.3), _v(0.85, 2.25, 1.45), 0.7, turn=-s * 0.16)
    build.ball(_v(0, -7.15 - drop, 3.85), 1.65, 2.0)
    for s in (-1.0, 1.0):
        build.ellipsoid(_v(s * shape.eye_x, shape.eye_y + 0.1, 6.75), _v(1.75, 1.15, 1.15), 1.5, CUT)
    # Nose.
    wrinkle = 0.25 * f.nose_wrinkle
    build.cone(_v(0, 2.6, 5.55), _v(0, -0.55 + wrinkle, 7.15), 0.62, 0.80 * nose, 1.3)
    build.ball(_v(0, -0.75 + wrinkle, 7.3), 0.98 * nose, 0.8)
    for s in (-1.0, 1.0):
        build.ball(_v(s * 1.08 * nose, -1.05 + wrinkle, 6.45), 0.64 * nose, 0.8)
    # Lips: soft ridges along the painted curves; the mouth opens into a hollow.
    for s, half, lift in (
        (-1.0, shape.mouth_half[0], shape.lift[0]),
        (1.0, shape.mouth_half[1], shape.lift[1]),
    ):
        y = shape.mouth_y - 0.3 * lift
        corner = _v(s * half * 0.92, y + lift * 0.95, 4.95)
        build.cone(
            _v(s * 0.35, y + shape.open_up + 0.5 * shape.lip_up, 5.78),
            corner,
            0.33 * identity.lips_full**0.5,
            0.22,
            0.55,
        )
        fat = 0.36 * identity.lips_full**0.5
        low = y - shape.open_low - 0.5 * shape.lip_low
        bend = _v(s * half * 0.55, low + 0.22 * (shape.open_low + shape.lip_low) + 0.12 * lift, 5.40)
        build.cone(_v(0, low, 5.62), bend, fat, fat * 0.8, 0.55)
        build.cone(bend, corner, fat * 0.8, 0.2, 0.55)
    opening = shape.open_up + shape.open_low
    if opening > 0.15:
        build.ellipsoid(
            _v(0, shape.mouth_y + (shape.open_up - shape.open_low) * 0.5, 6.0),
            _v(float(np.mean(shape.mouth_half)) * 0.86, opening * 0.52, 1.4),
            0.25,
            CUT,
        )


def _hair(build: _Builder, identity: Identity) -> bool:
    """Hair in head centimetres; False for none."""
    style = identity.hair_style
    if style == "bald":
        return False
    if style == "cropped":
        build.ellipsoid(_v(0, 4.35, -2.0), _v(7.62, 8.05, 8.3))
        build.ellipsoid(_v(0, 0.4, 8.2), _v(6.9, 7.6, 7.6), 0.5, CUT)
        build.ellipsoid(_v(0, -4.6, 1.0), _v(12, 5.8, 9.0), 0.5, CUT)
    elif style == "short":
        build.ellipsoid(_v(0, 4.8, -2.1), _v(8.1, 8.3, 8.6))
        for x, y, z, r in (
            (-4.2, 10.6, 3.1, 2.5),
            (-0.9, 11.6, 3.9, 2.7),
            (2.6, 11.2, 3.4, 2.6),
            (5.2, 9.4, 2.2, 2.0),
        ):
            build.ball(_v(x, y, z), r, 2.2)
        build.ellipsoid(_v(0.0, 0.2, 8.6), _v(6.9, 7.9, 7.4), 0.8, CUT)
        build.ellipsoid(_v(0, -5.4, 1.6), _v(12, 6.6, 9.0), 0.8, CUT)
    elif style == "bob":
        build.ellipsoid(_v(0, 4.7, -2.2), _v(8.5, 8.7, 9.0))
        build.ellipsoid(_v(0, -2.2, -3.8), _v(8.6, 6.6, 6.4), 2.5)
        for s in (-1.0, 1.0):
            build.cone(_v(s * 7.0, 4.8, -1.2), _v(s * 7.1, -5.2, -1.8), 1.9, 2.0, 2.0)
        build.ellipsoid(_v(0.0, -1.2, 8.4), _v(6.2, 9.0, 7.2), 1.2, CUT)
        build.ellipsoid(_v(0.0, -9.5, 3.0), _v(6.0, 9.0, 7.4), 1.2, CUT)
        build.cone(_v(-1.6, 9.6, 5.0), _v(6.6, 5.4, 1.8), 1.5, 1.3, 1.6)
        build.cone(_v(-2.2, 9.6, 4.9), _v(-6.7, 5.4, 1.6), 1.3, 1.3, 1.6)
    elif style == "fringe":
        build.ellipsoid(_v(0, 4.7, -2.0), _v(8.4, 8.5, 8.8))
        build.ellipsoid(_v(0, 0.2, -4.4), _v(7.8, 6.2, 5.6), 2.0)
        build.ellipsoid(_v(0.0, -0.8, 8.2), _v(7.2, 8.0, 7.4), 0.7, CUT)
        build.ellipsoid(_v(0, -7.0, 2.4), _v(12, 7.4, 8.0), 0.8, CUT)
        for x, y, r in ((-4.6, 7.7, 1.2), (-1.9, 7.8, 1.4), (1.1, 7.9, 1.4), (3.9, 7.8, 1.2)):
            build.cone(_v(x * 0.8, 10.0, 4.0), _v(x, y, 5.6 - 0.075 * x * x), 1.7, r * 0.8, 0.9)
    elif style == "long":
        build.ellipsoid(_v(0, 4.8, -2.2), _v(8.5, 8.7, 9.0))
        build.cone(_v(0, 0, -5.0), _v(0, -14.0, -5.4), 7.0, 6.0, 2.5)
        for s in (-1.0, 1.0):
            build.cone(_v(s * 7.2, 4.2, -0.4), _v(s * 8.2, -14.0, -1.2), 2.0, 1.8, 2.0)
        build.ellipsoid(_v(0.0, -0.8, 8.6), _v(6.3, 9.2, 7.2), 1.0, CUT)
    elif style == "curls":
        rng = np.random.default_rng(4)
        count = 34
        build.ellipsoid(_v(0, 5.4, -2.8), _v(8.6, 8.6, 8.6))
        for i in range(count):
            up = 1.0 - (i + 0.5) / count * 1.35
            angle = i * 2.39996
            ring = np.sqrt(max(1.0 - up * up, 0.0))
            spot = _v(np.cos(angle) * ring * 8.7, 5.2 + up * 8.4, -2.3 + np.sin(angle) * ring * 8.3)
            if spot[2] > 0.6 and spot[1] < 9.8:  # off the temples and the brow
                spot[2] -= 2.4
                spot[1] += 2.2
            build.ball(spot, 2.35 + 0.5 * float(rng.random()), 0.7)
        build.ellipsoid(_v(0.0, -0.6, 9.2), _v(6.5, 8.8, 7.6), 1.2, CUT)
    else:  # bun
        build.ellipsoid(_v(0, 4.75, -2.1), _v(8.15, 8.4, 8.7))
        build.ball(_v(0, 13.6, -5.4), 3.7, 0.8)
        build.ellipsoid(_v(0.0, 0.3, 8.6), _v(6.9, 8.2, 7.4), 0.9, CUT)
        build.ellipsoid(_v(0, -5.6, 1.8), _v(12, 6.6, 9.0), 0.9, CUT)
        build.cone(_v(0.3, 10.2, 4.6), _v(6.2, 5.4, 2.6), 1.0, 1.1, 1.4)
        build.cone(_v(-0.3, 10.2, 4.6), _v(-6.2, 5.4, 2.6), 1.0, 1.1, 1.4)
    return True


def _scale_last(build: _Builder, first: int, unit: float) -> None:
    """Turn the primitives from `first` on from head centimetres into metres."""
    for row in build.primitives[first:]:
        ellipsoid = row[0] == ELLIPSOID
        for i in range(1, 10):
            if i in (7, 8) and ellipsoid:
                continue  # an angle
            row[i] *= unit


def build_scene(pose: BodyPose, identity: Identity, grain: float = 0.0) -> Scene:
    """Everything the ray marcher needs for one frame."""
    body = np.asarray(_rotate(1, pose.yaw) @ _rotate(2, -pose.lean))
    arms = (arm_joints(pose, 0, identity), arm_joints(pose, 1, identity))
    build = _Builder()
    _torso(build, identity, arms, body)
    for arm in arms:
        _arm(build, identity, arm, body)
        _hand(build, identity, arm, body)
    rotation, centre = head_frame(pose)
    head, origin = body @ rotation, body @ centre
    shape = face_shape(pose.face, identity.face_build())
    unit = 0.01 * identity.head
    _close_head(build, identity, shape, pose, head, origin)
    return Scene(
        primitives=np.array(build.primitives),
        frames=np.array(build.frames),
        table=np.array(build.table, dtype=np.int64),
        face=_face_paint(shape, pose, identity),
        clothes=np.array(
            [
                float(NECKLINES.index(identity.neckline)),
                identity.neckline_depth,
                float(PATTERNS.index(identity.pattern)),
                0.042,
            ]
        ),
        colours=_colours(identity),
        look=np.array([1.0 if identity.hair_style != "curls" else 0.4, grain]),
        shape=shape,
        arms=arms,
        body_rotation=body,
        head_rotation=head,
        head_centre=origin,
        head_scale=unit,
    )


def _close_head(
    build: _Builder, identity: Identity, shape: FaceShape, pose: BodyPose, head: Array, origin: Array
) -> None:
    """Skin, eyes, hair and glasses, each a group of its own; in centimetres until here."""
    unit = 0.01 * identity.head
    first = len(build.primitives)
    _head(build, identity, shape, identity.face_width, pose)
    _scale_last(build, first, unit)
    build.close(
        HEAD, head, origin, _v(0, 3.6, -1.4) * unit, _v(0, -3.0 - shape.jaw_drop, 1.0) * unit, 9.4 * unit
    )
    for s, left in ((-1.0, 0.0), (1.0, 1.0)):
        eye = _v(s * shape.eye_x, shape.eye_y, 4.35)
        build.ellipsoid(_v(0, 0, 0), _v(2.05, 1.75, 1.55) * unit, chain=left)
        build.close(EYE, head, origin + head @ eye * unit, _v(0, 0, 0), _v(0, 0, 0), 2.1 * unit)
    first = len(build.primitives)
    if _hair(build, identity):
        _scale_last(build, first, unit)
        low = {"long": -14.0, "bob": -3.0, "fringe": -3.0}.get(identity.hair_style, 2.0)
        top = 6.5 if identity.hair_style == "bun" else 5.0
        build.close(HAIR, head, origin, _v(0, top, -2.5) * unit, _v(0, low, -2.5) * unit, 12.4 * unit)
    if identity.glasses:
        first = len(build.primitives)
        _glasses(build)
        _scale_last(build, first, unit)
        build.close(FRAME, head, origin, _v(-4, 2.1, 3.6) * unit, _v(4, 2.1, 3.6) * unit, 5.8 * unit)


def _glasses(build: _Builder) -> None:
    angles = np.linspace(0, 2 * np.pi, 15)
    for s in (-1.0, 1.0):
        across = s * 3.3 + 2.25 * np.cos(angles)
        ring = np.stack([across, 2.0 + 1.9 * np.sin(angles), 7.0 - 0.05 * across**2], axis=1)
        for a, b in pairwise(ring):
            build.cone(a, b, 0.13, 0.13)
        build.cone(_v(s * 5.5, 2.3, 5.45), _v(s * 7.4, 2.3, -0.4), 0.13, 0.13)
    build.cone(_v(-1.05, 2.3, 6.95), _v(1.05, 2.3, 6.95), 0.13, 0.13)


def _face_paint(shape: FaceShape, pose: BodyPose, identity: Identity) -> Array:
    """What is painted on the face, in the order of the ray marcher's ``F_`` indices."""
    return np.array(
        [
            shape.eye_x, shape.eye_y, shape.lid_up[0], shape.lid_low[0], shape.lid_up[1], shape.lid_low[1],
            shape.gaze[0], shape.gaze[1], shape.iris, shape.eye_half,
            shape.brow_inner[0], shape.brow_middle[0], shape.brow_outer[0],
            shape.brow_inner[1], shape.brow_middle[1], shape.brow_outer[1],
            shape.brow_x[0], shape.brow_x[1], shape.brow_thick,
            shape.mouth_y, shape.mouth_half[0], shape.mouth_half[1], shape.lift[0], shape.lift[1],
            shape.open_up, shape.open_low, shape.lip_up, shape.lip_low, 1.0,
            identity.blush,
            max(pose.face.smile, 0.0) + 0.6 * pose.face.upper_lip + 0.3 * pose.face.nose_wrinkle,
            identity.beard, pose.face.brow_furrow, pose.face.nose_wrinkle, 0.13 * identity.lashes,
            max(pose.face.brow_raise, 0.0) + 0.5 * pose.face.brow_inner, 0.0, identity.head,
        ]
    )  # fmt: skip


def _colours(identity: Identity) -> Array:
    """Linear RGB in the order of the ray marcher's ``C_`` indices."""
    skin = linear(identity.skin)
    return np.stack(
        [
            skin,
            linear(identity.lips),
            linear(identity.hair),
            linear(identity.brows),
            linear(identity.iris),
            _v(0.86, 0.84, 0.81),
            linear(identity.shirt),
            linear(identity.trim),
            np.minimum(skin * 1.18 + 0.05, 1.0) * _v(1.0, 0.90, 0.88),
            _v(0.10, 0.022, 0.022),
            _v(0.84, 0.82, 0.77),
            linear(identity.backdrop[0]),
            linear(identity.backdrop[1]),
            linear(identity.glasses) if identity.glasses else _v(0.02, 0.02, 0.02),
            _v(0.52, 0.16, 0.15),
            np.minimum(skin * _v(1.12, 0.62, 0.58), 1.0),
            linear(identity.brows) * 0.35,
        ]
    )


__all__ = ["HIP", "NECK_PIVOT", "SHOULDER", "Camera", "Scene", "build_scene", "linear"]
