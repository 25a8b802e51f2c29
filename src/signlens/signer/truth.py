"""The truth beside each frame: joints in 2D and 3D, what hides them, yaw and expression."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.files import whole_file
from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, WHOLE_BODY_KEYPOINTS
from signlens.signer.body import HIP, SHOULDER_KEYPOINT, BodyPose
from signlens.signer.face import PARAMETER_NAMES, FaceShape
from signlens.signer.scene import EYE, HEAD, Camera, Scene

Array = NDArray[np.float64]

RIG_JOINTS: tuple[str, ...] = (
    "neck", "head_centre",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "left_hip",
)  # fmt: skip
"""The rig's own joints: here a shoulder is the ball joint, not the keypoint on top of it."""

# How far (metres) a surface may lie before a point that counts as seen: about the flesh round it.
_FLESH = np.full(WHOLE_BODY_KEYPOINTS, 0.020)
_FLESH[:17] = 0.075
_FLESH[:5] = 0.020
_FLESH[9:11] = 0.035
_FLESH[LEFT_HAND] = _FLESH[RIGHT_HAND] = 0.022
_FLESH[[91, 112]] = 0.035


@dataclass(frozen=True)
class TruthFrame:
    """Truth of one frame; see `Truth`."""

    keypoints_2d: Array
    keypoints_3d: Array
    visible: NDArray[np.bool_]
    rig_2d: Array
    rig_3d: Array
    yaw_degrees: float
    head_degrees: Array
    face: Array


@dataclass(frozen=True)
class Truth:
    """Truth of a clip.

    "Left" and "right" are the signer's own. Knees, ankles and feet are not modelled: NaN.

    Attributes:
        keypoints_2d: (T, 133, 2) pixels, COCO-WholeBody order.
        keypoints_3d: (T, 133, 3) metres in the world frame (x to the image's right, y up, z
            towards the camera).
        visible: (T, 133) inside the frame and not hidden by another part of the body.
        rig_2d: (T, J, 2) pixels of `RIG_JOINTS`.
        rig_3d: (T, J, 3) metres.
        yaw_degrees: (T,) turn of the body to the signer's left.
        head_degrees: (T, 3) turn, nod and tilt of the head on the body.
        face: (T, P) face parameters in the order of `signlens.signer.face.PARAMETER_NAMES`.
        times: (T,) seconds.
        sign: Gloss.
        identity: Name of the signer.
        expression: As asked for.
        fps: Frames per second.
        width: Pixels across.
        height: Pixels down.
        focal: Focal length in pixels.
        camera: (3,) the camera's place in the world frame.
    """

    keypoints_2d: Array
    keypoints_3d: Array
    visible: NDArray[np.bool_]
    rig_2d: Array
    rig_3d: Array
    yaw_degrees: Array
    head_degrees: Array
    face: Array
    times: Array
    sign: str
    identity: str
    expression: str
    fps: float
    width: int
    height: int
    focal: float
    camera: tuple[float, float, float]

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` (no pickle): the arrays, and the rest as JSON under ``about``.

        The file is complete or absent.
        """
        path = Path(path)
        arrays = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        about: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in arrays}
        about |= {
            "rig_joints": RIG_JOINTS,
            "face_parameters": PARAMETER_NAMES,
            "layout": "COCO-WholeBody 133",
        }
        try:
            with whole_file(path) as part, part.open("wb") as file:
                np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)
        except OSError as error:
            raise InputRejected(
                path, f"it cannot be written ({error.strerror})", "choose another place"
            ) from None

    @staticmethod
    def load(path: str | Path) -> Truth:
        """Read what `save` wrote.

        Raises:
            InputRejected: The file is missing or is not a truth file.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                values = {k: data[k] for k in data.files}
            about = json.loads(str(values.pop("about")))
            names = {f.name for f in fields(Truth)}
            about = {k: v for k, v in about.items() if k in names}
            about["camera"] = tuple(about["camera"])
            return Truth(**values, **about)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise InputRejected(
                path, f"it is no truth file ({error})", "render the sign again with --truth"
            ) from None


def _face_points(shape: FaceShape) -> tuple[Array, Array]:
    """Starts and ends (head centimetres) of rays that find the 68 face points on the skin.

    300-W order: jaw 17 (the signer's right ear to left), brows 10, nose 9, eyes 12, mouth 20.
    """
    starts: list[tuple[float, float, float]] = []
    ends: list[tuple[float, float, float]] = []

    def front(x: float, y: float) -> None:
        starts.append((x, y, 12.0))
        ends.append((x, y, 0.0))

    for i in range(17):
        angle = np.pi * (1.0 + i / 16)
        depth = -0.8 + 4.0 * np.sin(np.pi * i / 16) ** 2
        y = -0.3 + (10.5 + shape.jaw_drop) * np.sin(angle)
        starts.append((12.0 * np.cos(angle), 1.2 * y, depth))
        ends.append((0.0, -1.6 - 0.5 * shape.jaw_drop, depth))
    for side, order in ((0, (1.0, 0.75, 0.5, 0.25, 0.0)), (1, (0.0, 0.25, 0.5, 0.75, 1.0))):
        s = -1.0 if side == 0 else 1.0
        for u in order:
            x = shape.brow_x[0] + u * (shape.brow_x[1] - shape.brow_x[0])
            front(s * x, float(shape.brow_height(side, np.array(u))))
    for y in (2.0, 1.1, 0.2, -0.75):
        front(0.0, y)
    for x in (-1.35, -0.7, 0.0, 0.7, 1.35):
        front(x, -1.75 + 0.12 * abs(x))
    for side, corners in (
        (0, (1.0, 0.35, -0.35, -1.0, -0.35, 0.35)),
        (1, (-1.0, -0.35, 0.35, 1.0, 0.35, -0.35)),
    ):
        s = -1.0 if side == 0 else 1.0
        for j, q in enumerate(corners):
            y = float(shape.lid(side, np.array(q), j < 3))
            front(s * (shape.eye_x + q * shape.eye_half), shape.eye_y + y)
    right, left = -shape.mouth_half[0], shape.mouth_half[1]

    def lip(edge: str, *xs: float) -> None:
        for x in xs:
            front(x, float(shape.mouth(np.array(x), edge)))

    lip("middle", right)
    lip("upper", 0.62 * right, -0.42, 0.0, 0.42, 0.62 * left)
    lip("middle", left)
    lip("lower", 0.62 * left, 0.3 * left, 0.0, 0.3 * right, 0.62 * right)
    lip("middle", 0.88 * right)
    lip("top", 0.35 * right, 0.0, 0.35 * left)
    lip("middle", 0.88 * left)
    lip("bottom", 0.35 * left, 0.0, 0.35 * right)
    return np.array(starts), np.array(ends)


def frame_truth(scene: Scene, pose: BodyPose, camera: Camera, marcher: ModuleType) -> TruthFrame:
    """Truth of one scene seen by one camera."""
    points = np.full((WHOLE_BODY_KEYPOINTS, 3), np.nan)
    starts, ends = _face_points(scene.shape)
    to_world = scene.head_rotation.T * scene.head_scale
    starts, ends = starts @ to_world + scene.head_centre, ends @ to_world + scene.head_centre
    on_head = np.isin(scene.table[:, 3], (HEAD, EYE))
    hits = marcher.first_hits(scene.primitives, scene.frames[on_head], scene.table[on_head], starts, ends)
    way = ends - starts
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    points[FACE] = starts + way * np.minimum(
        hits[:, :1], np.linalg.norm(ends - starts, axis=1, keepdims=True)
    )

    face = points[FACE]
    points[0] = face[30]
    eye_right, eye_left = face[36:42].mean(axis=0), face[42:48].mean(axis=0)
    points[1], points[2] = eye_left, eye_right
    ear = np.array([7.6, 0.9, -0.9])
    points[3] = ear @ to_world + scene.head_centre
    points[4] = (ear * np.array([-1.0, 1.0, 1.0])) @ to_world + scene.head_centre
    body = scene.body_rotation
    rig = np.zeros((len(RIG_JOINTS), 3))
    rig[1] = scene.head_centre
    for side, arm in enumerate(scene.arms):  # right, left
        mirror = np.array([-1.0 if side == 0 else 1.0, 1.0, 1.0])
        odd = 1 - side  # COCO: left first
        points[5 + odd] = body @ (arm.shoulder + SHOULDER_KEYPOINT * mirror)
        points[7 + odd] = body @ arm.elbow
        points[9 + odd] = body @ arm.wrist
        points[11 + odd] = body @ (HIP * mirror)
        points[RIGHT_HAND if side == 0 else LEFT_HAND] = arm.hand @ body.T
        rig[2 + 3 * side : 5 + 3 * side] = np.stack([arm.shoulder, arm.elbow, arm.wrist]) @ body.T
        rig[8 + side] = body @ (HIP * mirror)
    known = np.isfinite(points).all(axis=1)
    flat = np.full((WHOLE_BODY_KEYPOINTS, 2), np.nan)
    flat[known] = camera.project(points[known])
    eye = np.array(camera.position)
    seen = np.zeros(WHOLE_BODY_KEYPOINTS, dtype=bool)
    hits = marcher.first_hits(
        scene.primitives, scene.frames, scene.table, np.tile(eye, (int(known.sum()), 1)), points[known]
    )
    before = np.linalg.norm(points[known] - eye, axis=1) - hits[:, 0]
    seen[known] = before < _FLESH[known]
    with np.errstate(invalid="ignore"):
        inside = (flat >= 0).all(axis=1) & (flat[:, 0] < camera.width) & (flat[:, 1] < camera.height)
    return TruthFrame(
        keypoints_2d=flat,
        keypoints_3d=points,
        visible=seen & inside,
        rig_2d=camera.project(rig),
        rig_3d=rig,
        yaw_degrees=pose.yaw,
        head_degrees=np.array([pose.head_turn, pose.head_nod, pose.head_tilt]),
        face=pose.face.to_array(),
    )


def collect(
    frames: list[TruthFrame], *, sign: str, identity: str, expression: str, fps: float, camera: Camera
) -> Truth:
    """Stack the truth of single frames."""
    stacked = {f.name: np.stack([np.asarray(getattr(t, f.name)) for t in frames]) for f in fields(TruthFrame)}
    return Truth(
        **stacked,
        times=np.arange(len(frames)) / fps,
        sign=sign,
        identity=identity,
        expression=expression,
        fps=fps,
        width=camera.width,
        height=camera.height,
        focal=camera.focal,
        camera=camera.position,
    )
