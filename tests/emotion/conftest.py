"""Faces for the tests: the shipped reference face, moved as a hand-worked example says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from signlens.emotion.head import ExpressionHead, load_head
from signlens.pose.clip import PoseClip, Provenance


@pytest.fixture(scope="session")
def head() -> ExpressionHead:
    return load_head()


@pytest.fixture(scope="session")
def clip_of() -> Callable[..., PoseClip]:
    """Makes a clip with a face mesh and no keypoint seen."""
    return _clip_of


def _clip_of(mesh: np.ndarray | None, frames: int | None = None, fps: float = 25.0) -> PoseClip:
    count = len(mesh) if mesh is not None else frames
    keypoints = np.full((count, 133, 4), np.nan, dtype=np.float32)
    keypoints[..., 3] = 0
    return PoseClip(
        keypoints=keypoints,
        face_mesh=None if mesh is None else mesh.astype(np.float32),
        times=np.arange(count) / fps,
        fps=fps,
        width=640,
        height=480,
        provenance=Provenance("test", "1"),
    )
