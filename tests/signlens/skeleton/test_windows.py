import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.errors import UsageError
from signlens.skeleton.windows import loop_pad, resample


@given(st.integers(1, 40), st.integers(1, 200))
def test_loop_padding_repeats_the_clip_from_its_start(frames: int, length: int) -> None:
    clip = np.arange(frames, dtype=np.float32)
    expected = [clip[i % frames] for i in range(length)]
    np.testing.assert_array_equal(loop_pad(clip, length), expected)


@given(st.integers(1, 40), st.integers(2, 80))
def test_resampling_agrees_with_numpys_interpolation(frames: int, length: int) -> None:
    clip = np.random.default_rng(frames).normal(size=(frames, 3)).astype(np.float32)
    at = np.linspace(0, frames - 1, length)
    for channel in range(3):
        expected = np.interp(at, np.arange(frames), clip[:, channel])
        np.testing.assert_allclose(resample(clip, length)[:, channel], expected, atol=1e-5)


@pytest.mark.parametrize("function", [loop_pad, resample])
def test_nothing_cannot_be_stretched(function) -> None:
    with pytest.raises(UsageError):
        function(np.zeros((0, 3), np.float32), 10)
    with pytest.raises(UsageError):
        function(np.zeros((4, 3), np.float32), 0)
