"""Small videos, made here, and the real recordings where they are at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from places import DATA

from signlens.pose import HolisticExtractor
from signlens.video import open_video


@pytest.fixture(scope="session")
def recordings() -> Path:
    folder = DATA / "wlasl-videos"
    if not folder.is_dir():
        pytest.skip(f"the recordings are not at {folder}; set SIGNLENS_SHARED")
    return folder


@pytest.fixture(scope="session")
def extractor() -> Iterator[HolisticExtractor]:
    with HolisticExtractor() as one:
        yield one


Image = NDArray[np.uint8]


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    return _write_video


@pytest.fixture(scope="session")
def read_frames() -> Callable[..., list[Image]]:
    return _read_frames


def _write_video(path: Path, frames: Iterable[Image], fps: int = 25) -> Path:
    """Frames as a nearly lossless mp4 (sides must be even)."""
    with av.open(str(path), "w") as container:
        stream = None
        for image in frames:
            if stream is None:
                stream = container.add_stream(
                    "libx264", rate=fps, options={"crf": "12", "preset": "ultrafast"}
                )
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        assert stream is not None
        container.mux(stream.encode(None))
    return path


def _read_frames(path: Path, count: int, start: int = 0) -> list[Image]:
    """Some frames of a recording, cut to even sides."""
    with open_video(path) as video:
        images = [frame.image for frame in video if start <= frame.index < start + count]
    height, width = (side // 2 * 2 for side in images[0].shape[:2])
    return [np.ascontiguousarray(image[:height, :width]) for image in images]


@pytest.fixture(scope="session")
def rendered_frames() -> list[Image]:
    """A few frames of a rendered signer, both hands and the face in view."""
    signer = pytest.importorskip("signlens.signer", reason="the rendered signer needs the extra signer")
    return list(signer.render_sign("book", width=320, height=240, frames=8, smooth=1, workers=1))[2:6]
