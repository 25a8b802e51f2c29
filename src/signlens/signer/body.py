"""The body: a pose of arms, hands, head and face, and where it puts every joint.

Body frame (metres): origin at the root of the neck, x to the signer's left, y up, z forward.
Yaw turns the whole body about the vertical axis through the origin; positive turns the
signer to their own left. Each arm is described in its *own side's* frame: x outwards from the
body's middle, y up, z forward, so that both arms read alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from signlens.signer.face import FaceParameters
from signlens.signer.hand import HAND_POINTS, Handshape, find_handshape, hand_points
from signlens.signer.identity import Identity

Array = NDArray[np.float64]

UPPER_ARM, FOREARM = 0.275, 0.25
SHOULDER = np.array([0.170, -0.080, -0.010])
NECK_PIVOT = np.array([0.0, 0.055, 0.0])
HEAD_CENTRE = np.array([0.0, 0.108, 0.026])  # middle of the face, from the pivot
HIP = np.array([0.10, -0.52, 0.0])
# The keypoint of a shoulder lies near the top of it, where annotators and detectors put it,
# not at the centre of the ball joint.
SHOULDER_KEYPOINT = np.array([-0.012, 0.045, 0.010])

SIDES: tuple[str, str] = ("right", "left")
_MIRROR = (np.array([-1.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0]))

REST_WRIST = np.array([0.170, -0.430, 0.160])


def orientation(fingers: Array, palm: Array) -> Array:
    """The rotation of a hand whose fingers and palm point these ways, in its own side's frame.

    Args:
        fingers: (3,) direction of the fingers; kept exactly.
        palm: (3,) direction out of the palm; made perpendicular to the fingers.

    Returns:
        (3, 3) proper rotation; its columns are minus the thumb's side, the fingers, the palm.
    """
    y = fingers / np.linalg.norm(fingers)
    z = palm - y * float(palm @ y)
    length = float(np.linalg.norm(z))
    if length < 1e-6:
        raise ValueError("fingers and palm point the same way")
    z = z / length
    return np.stack([np.cross(y, z), y, z], axis=1)


REST_ROTATION = orientation(np.array([-0.55, -0.42, 0.72]), np.array([-0.75, -0.55, -0.30]))


@dataclass(frozen=True)
class ArmPose:
    """One arm, in its own side's frame.

    Attributes:
        wrist: (3,) where the wrist should be (out of reach: as near as the arm allows).
        rotation: (3, 3) of `orientation`.
        shape: The handshape.
        elbow: How far the elbow is lifted, 0 (hanging) to 1 (level with the shoulder).
    """

    wrist: Array = field(default_factory=lambda: REST_WRIST.copy())
    rotation: Array = field(default_factory=lambda: REST_ROTATION.copy())
    shape: Handshape = field(default_factory=lambda: find_handshape("relaxed"))
    elbow: float = 0.0


@dataclass(frozen=True)
class BodyPose:
    """Everything that moves.

    Attributes:
        right: Right arm.
        left: Left arm.
        face: Face parameters.
        head_turn: Degrees to the signer's left.
        head_nod: Degrees forward (chin down).
        head_tilt: Degrees towards the signer's left shoulder.
        shrug: Shoulders lifted, 0..1.
        yaw: Degrees that the whole body turns to the signer's left.
        lean: Degrees that the upper body sways to the signer's left.
    """

    right: ArmPose = field(default_factory=ArmPose)
    left: ArmPose = field(default_factory=ArmPose)
    face: FaceParameters = field(default_factory=FaceParameters)
    head_turn: float = 0.0
    head_nod: float = 0.0
    head_tilt: float = 0.0
    shrug: float = 0.0
    yaw: float = 0.0
    lean: float = 0.0


def _rotate(axis: int, degrees: float) -> Array:
    a = np.radians(degrees)
    c, s = np.cos(a), np.sin(a)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    m = np.eye(3)
    m[i, i], m[j, j], m[i, j], m[j, i] = c, c, -s, s
    return m


def head_rotation(turn: float, nod: float, tilt: float) -> Array:
    """(3, 3) rotation of the head in the body frame, angles in degrees as in `BodyPose`."""
    return np.asarray(_rotate(1, turn) @ _rotate(0, nod) @ _rotate(2, -tilt))


def head_frame(pose: BodyPose) -> tuple[Array, Array]:
    """Rotation of the head and the middle of the face, in the body frame."""
    rotation = head_rotation(pose.head_turn, pose.head_nod, pose.head_tilt)
    return rotation, NECK_PIVOT + rotation @ HEAD_CENTRE


@dataclass(frozen=True)
class ArmJoints:
    """One arm's joints in the body frame (before yaw).

    Attributes:
        shoulder: (3,) ball joint.
        elbow: (3,).
        wrist: (3,).
        hand: (21, 3) the hand's points; the first is the wrist.
        frame: (3, 3) hand frame, columns thumb's side, fingers, palm. A mirrored basis on the left.
    """

    shoulder: Array
    elbow: Array
    wrist: Array
    hand: Array
    frame: Array


def solve_elbow(shoulder: Array, wrist: Array, pole: Array, upper: float, fore: float) -> tuple[Array, Array]:
    """Two-bone inverse kinematics.

    Args:
        shoulder: (3,) root.
        wrist: (3,) target.
        pole: (3,) direction towards which the elbow bends.
        upper: Length of the upper arm.
        fore: Length of the forearm.

    Returns:
        Elbow and wrist; the wrist is the target, or the nearest reachable point towards it.
    """
    reach = wrist - shoulder
    distance = float(np.linalg.norm(reach))
    along = reach / max(distance, 1e-9)
    distance = min(max(distance, abs(upper - fore) + 0.06), (upper + fore) * 0.995)
    a = (upper * upper - fore * fore + distance * distance) / (2.0 * distance)
    side = pole - along * float(pole @ along)
    side = side / max(float(np.linalg.norm(side)), 1e-9)
    elbow = shoulder + along * a + side * np.sqrt(max(upper * upper - a * a, 0.0))
    return elbow, shoulder + along * distance


def arm_joints(pose: BodyPose, side: int, identity: Identity) -> ArmJoints:
    """Joints of the right (0) or left (1) arm in the body frame."""
    arm = (pose.right, pose.left)[side]
    mirror = _MIRROR[side]
    shoulder = SHOULDER * np.array([identity.shoulders, 1.0, 1.0])
    lift = 0.030 * min(max((float(arm.wrist[1]) + 0.10) / 0.30, 0.0), 1.0) + 0.045 * pose.shrug
    shoulder = shoulder + np.array([0.0, lift, 0.0])
    # The elbow hangs down and out; it comes out and forward as it is lifted.
    down, up = np.array([0.50, -0.85, -0.28]), np.array([0.95, 0.10, -0.10])
    pole = down + (up - down) * arm.elbow**2
    elbow, wrist = solve_elbow(shoulder, arm.wrist, pole, UPPER_ARM * identity.arms, FOREARM * identity.arms)
    # Own side's frame to body frame; the thumb's side is minus the first column (see orientation).
    frame = arm.rotation * np.array([-1.0, 1.0, 1.0])
    points = hand_points(arm.shape, identity.hands) @ frame.T + wrist
    return ArmJoints(
        shoulder * mirror, elbow * mirror, wrist * mirror, points * mirror, frame * mirror[:, None]
    )


def contact_point(name: str, shape: Handshape, scale: float) -> Array:
    """A named place of the hand, in the hand's local frame (metres).

    Names: ``wrist``, ``palm``, ``back``, ``heel``, ``fingertips``, ``knuckles``, ``edge`` (little
    finger's side), ``thumb-side``, and every point of `HAND_POINTS` (``index_tip``, ``thumb_tip``...).
    """
    points = hand_points(shape, 1.0)
    places = {
        "palm": np.array([0.0, 0.055, 0.016]),
        "back": np.array([0.0, 0.055, -0.014]),
        "heel": np.array([0.0, 0.012, 0.014]),
        "edge": np.array([-0.040, 0.050, 0.004]),
        "thumb-side": np.array([0.036, 0.070, 0.004]),
        "fingertips": points[[8, 12, 16]].mean(axis=0),
        "knuckles": points[[6, 10, 14]].mean(axis=0),
        "pinch": points[[4, 8]].mean(axis=0),
    }
    if name in places:
        return np.asarray(places[name] * scale)
    return np.asarray(points[HAND_POINTS.index(name)] * scale)


CONTACTS: tuple[str, ...] = (
    "palm", "back", "heel", "edge", "thumb-side", "fingertips", "knuckles", "pinch", *HAND_POINTS,
)  # fmt: skip
