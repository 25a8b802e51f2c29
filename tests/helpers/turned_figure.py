"""A figure of 133 keypoints with known depth, turned and seen by a camera without perspective."""

import numpy as np
from scipy.spatial.transform import Rotation

from signlens.orientation.landmark_depth import SCALES, Scales
from signlens.pose import BODY, FACE, LEFT_HAND, RIGHT_HAND, PoseClip, Provenance

PIXELS = 120.0
"""Pixels per shoulder width."""


def standing(frames: int = 8, seed: int = 0) -> np.ndarray:
    """(T, 133, 3) in shoulder widths from the middle of the shoulders; x to the right, y down, z away."""
    rng = np.random.default_rng(seed)
    p = np.zeros((frames, 133, 3))
    p[:, 0] = [0, -0.70, -0.38]
    for left, right, place in (
        (1, 2, (0.10, -0.80, -0.30)),
        (3, 4, (0.22, -0.75, -0.12)),
        (5, 6, (0.50, 0.00, 0.00)),
        (7, 8, (0.62, 0.85, 0.05)),
        (11, 12, (0.36, 1.60, 0.00)),
    ):
        p[:, left] = place
        p[:, right] = np.array(place) * [-1, 1, 1]
    p[:, 13:17] = p[:, [11, 12, 11, 12]] + [0, 1, 0]
    p[:, 17:23] = p[:, [15, 15, 15, 16, 16, 16]] + [0, 0.9, 0]
    swing = np.sin(np.linspace(0, 3, frames))[:, None]
    p[:, 9] = np.array([0.35, 0.45, -0.55]) + swing * [0.1, -0.2, 0.1]
    p[:, 10] = np.array([-0.30, 0.30, -0.60]) + swing * [0.2, 0.1, 0.0]
    p[:, FACE] = p[:, :1] + rng.normal(0, 0.05, (68, 3))
    p[:, FACE.start + 30] = p[:, 0]
    p[:, FACE.start + 27] = [0, -0.85, -0.30]
    p[:, FACE.start + 8] = [0, -0.85 + 1 / 2.4, -0.30]
    p[:, FACE.start + 36] = [-0.16, -0.80, -0.24]
    p[:, FACE.start + 45] = [0.16, -0.80, -0.24]
    for hand, wrist in ((LEFT_HAND, 9), (RIGHT_HAND, 10)):
        shape = rng.normal(0, 0.1, (21, 3))
        shape[0] = 0
        p[:, hand] = p[:, wrist : wrist + 1] + shape
    return p


def as_seen(points: np.ndarray, yaw: float | np.ndarray = 0.0, roll: float = 0.0) -> np.ndarray:
    """The figure turned to its own left by `yaw` (one angle or one a frame), the picture tilted; degrees."""
    yaws = np.broadcast_to(yaw, len(points))
    turned = [
        Rotation.from_euler("yz", [-a, roll], degrees=True).apply(frame)
        for a, frame in zip(yaws, points, strict=True)
    ]
    return np.stack(turned)


def pose_clip(
    seen: np.ndarray, extractor: str = "mediapipe-holistic", width: int = 640, height: int = 480
) -> PoseClip:
    """What the extractor makes of it: pixels, and its own idea of the scale of z."""
    scale = SCALES.get(extractor, Scales())
    keypoints = np.ones((len(seen), 133, 4), np.float32)
    keypoints[..., :2] = seen[..., :2] * PIXELS + [width / 2, height * 0.4]
    z = seen[..., 2]
    raw = np.zeros_like(z)
    raw[:, 5:23] = z[:, 5:23] * scale.body
    raw[:, 0] = z[:, 0] * scale.nose
    raw[:, 1:5] = raw[:, :1] + (z[:, 1:5] - z[:, :1]) * scale.head
    raw[:, FACE] = (z[:, FACE] - z[:, :1]) * scale.face
    for hand, wrist in ((LEFT_HAND, 9), (RIGHT_HAND, 10)):
        raw[:, hand] = (z[:, hand] - z[:, wrist : wrist + 1]) * scale.hand
    assert BODY.stop == 17
    keypoints[..., 2] = raw * PIXELS + 7
    return PoseClip(
        keypoints=keypoints,
        face_mesh=None,
        times=np.arange(len(seen)) / 25,
        fps=25.0,
        width=width,
        height=height,
        provenance=Provenance(extractor, "test", source={"name": "figure"}),
    )
