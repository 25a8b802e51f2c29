"""What the end-to-end tests share: a rendered clip, its real poses, and a tiny sign model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _pytest.doctest import DoctestModule
from signer_clips import SignerClip, signer_clip
from tiny_model import write_tiny_model

from signlens.emotion.head import ExpressionHead, load_head
from signlens.pose import PoseClip, Provenance, extract_pose, write_pose

__all__ = ["signer_clip"]

CHROMIUM = Path("/usr/bin/chromium")
CHROMEDRIVER = Path("/usr/bin/chromedriver")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[Any], list[Any]]:
    """Look for doctests in src alone: they pass over what cannot be imported, which in a test is an error."""
    found = yield
    return [one for one in found if not isinstance(one, DoctestModule)]


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One headless Chromium for all tests of the pages."""
    if not CHROMIUM.exists() or not CHROMEDRIVER.exists():
        pytest.skip("Chromium and its driver are not installed (packages chromium, chromium-driver)")
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed (pip install selenium)"
    )
    profile = tempfile.mkdtemp(prefix="signlens-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--window-size=1280,900", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(CHROMEDRIVER)))
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


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
