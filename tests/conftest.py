"""What the end-to-end tests share: a rendered clip, its real poses, and a tiny sign model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from signer_clips import SignerClip, signer_clip
from signlens.pose import PoseClip, extract_pose, write_pose
from tiny_model import write_tiny_model

__all__ = ["signer_clip"]


@pytest.fixture(scope="session")
def signer_poses(signer_clip: Callable[..., SignerClip]) -> PoseClip:
    """The poses that the real extractor finds in the rendered clip."""
    return extract_pose(signer_clip().path)


@pytest.fixture(scope="session")
def pose_file(signer_poses: PoseClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a `.pose` file."""
    path = tmp_path_factory.mktemp("poses") / "thank-you.pose"
    write_pose(signer_poses, path)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder with two tiny networks and a gallery."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))
