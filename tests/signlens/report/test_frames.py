"""Pictures for a page: small, faithful, evenly spaced, bounded."""

from __future__ import annotations

import io
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from signlens.report import FrameStrip, PictureLimits, encode_frames, encode_webp


@dataclass(frozen=True)
class Frame:
    index: int
    t_s: float
    image: NDArray[np.uint8]


def decode(webp: bytes) -> NDArray[np.uint8]:
    with av.open(io.BytesIO(webp), format="webp_pipe") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def gradient(height: int, width: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], axis=-1).astype(np.uint8)


def test_a_picture_looks_like_its_frame() -> None:
    image = gradient(240, 320)
    webp, width, height = encode_webp(image)
    assert (width, height) == (320, 240)
    error = decode(webp).astype(float) - image
    assert float(np.sqrt((error**2).mean())) < 4  # of 255


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (1080, 1920, (480, 270)),
        (1920, 1080, (270, 480)),
        (100, 60, (60, 100)),
        (1, 3000, (480, 2)),
        (33, 47, (47, 33)),
    ],
)
def test_size_is_bounded_and_its_shape_kept(height: int, width: int, expected: tuple[int, int]) -> None:
    webp, *size = encode_webp(gradient(height, width))
    assert tuple(size) == expected
    assert decode(webp).shape == (expected[1], expected[0], 3)


def test_same_picture_same_bytes() -> None:
    assert encode_webp(gradient(90, 160)) == encode_webp(gradient(90, 160))


@given(frames=st.integers(1, 40), cap=st.integers(1, 9), known=st.booleans())
@settings(max_examples=15, deadline=None)
def test_strip_is_evenly_spaced_within_its_cap(frames: int, cap: int, known: bool) -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    strip = encode_frames(
        (Frame(i, i / 25, image) for i in range(frames)),
        PictureLimits(max_frames=cap),
        expected_frames=frames if known else None,
    )
    indices = [picture.index for picture in strip]
    assert indices[0] == 0
    assert len(indices) <= cap
    steps = set(np.diff(indices).tolist())
    assert len(steps) <= 1
    step = steps.pop() if steps else frames
    assert indices[-1] + step >= frames  # nothing of the end is lost
    if frames <= cap:
        assert indices == list(range(frames))
    if known:
        assert step <= max(1, -(-frames // cap)) or len(indices) == 1
    assert [picture.t_s for picture in strip] == [i / 25 for i in indices]


def test_bytes_are_bounded() -> None:
    noise = np.random.default_rng(0)
    limits = PictureLimits(max_bytes=40_000)
    strip = encode_frames(
        (Frame(i, i / 25, noise.integers(0, 256, (96, 96, 3), dtype=np.uint8)) for i in range(40)), limits
    )
    assert 2 <= len(strip) < 40
    assert sum(len(picture.webp) for picture in strip) <= limits.max_bytes


def test_one_picture_stays_however_small_the_budget() -> None:
    strip = encode_frames([Frame(0, 0.0, gradient(64, 64))] * 3, PictureLimits(max_bytes=1))
    assert len(strip) == 1


def test_full_size_frames_are_not_held() -> None:
    alive: list[weakref.ref[Frame]] = []
    most = 0

    def stream() -> Iterator[Frame]:
        nonlocal most
        for index in range(12):
            frame = Frame(index, index / 25, np.zeros((40, 40, 3), dtype=np.uint8))
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            most = max(most, sum(reference() is not None for reference in alive))

    assert len(encode_frames(stream())) == 12
    assert most <= 1


def test_strip_can_be_read_while_it_grows() -> None:
    strip = FrameStrip()
    assert strip.frames == ()
    strip.add(Frame(0, 0.0, gradient(10, 10)))
    assert [picture.index for picture in strip.frames] == [0]
