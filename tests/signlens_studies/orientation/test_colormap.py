"""INFERNO and back, and depth videos as the paper had them."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turned_figure import as_seen, pose_clip, standing

from signlens.errors import InputRejected
from signlens.orientation.depth import with_depth
from signlens.orientation.frame import SignerFrame
from signlens_studies.orientation.colormap import colormap_depth, decode_inferno, inferno_table


def test_the_table_is_matplotlibs_inferno_and_has_an_inverse() -> None:
    theirs = np.round(matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255)
    np.testing.assert_array_equal(inferno_table(), theirs)
    assert len(np.unique(inferno_table(), axis=0)) == 256


def test_every_index_comes_back_exactly() -> None:
    index = np.random.default_rng(0).permutation(np.arange(256, dtype=np.uint8)).reshape(16, 16)
    coloured = cv2.cvtColor(cv2.applyColorMap(index, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(decode_inferno(coloured), index)


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_other_colour_goes_to_the_nearest(colours: list[tuple[int, int, int]]) -> None:
    image = np.array(colours, np.uint8)
    table = inferno_table().astype(float)
    for pixel, index in zip(image.astype(float), decode_inferno(image), strict=True):
        away = np.linalg.norm(table - pixel, axis=1)
        assert away[index] == pytest.approx(away.min())


def depth_video(path: Path, yaw: float, frames: int, beside: bool) -> Path:
    """A flat figure's depth, each frame stretched to 0..255 by itself, in colours, beside the original."""
    from signlens.signer import write_video

    pictures = []
    for number in range(frames):
        far = np.tan(np.radians(yaw)) * np.linspace(-1, 1, 160)[None] * np.ones((120, 1))
        far = far * (1 + 0.3 * number)  # frames differ in scale
        near = np.round(255 * (far.max() - far) / (far.max() - far.min())).astype(np.uint8)
        coloured = cv2.cvtColor(cv2.applyColorMap(near, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
        original = np.full((120, 160, 3), 128, np.uint8)
        pictures.append(np.concatenate([original, coloured], axis=1) if beside else coloured)
    write_video(pictures, path, fps=25, quality=16)
    return path


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("yaw", [-40, 25])
def test_a_depth_video_gives_the_turn(tmp_path: Path, yaw: float, beside: bool) -> None:
    flat = standing(4) * [1, 1, 0]
    clip = pose_clip(as_seen(flat, yaw))
    depth = colormap_depth(clip, depth_video(tmp_path / "depth.mp4", yaw, 4, beside))
    frame = SignerFrame.of(with_depth(clip, depth).keypoints)
    np.testing.assert_allclose(np.degrees(frame.yaw), yaw, atol=3)


@pytest.mark.parametrize("frames", [3, 5])
def test_another_number_of_frames_is_rejected(tmp_path: Path, frames: int) -> None:
    clip = pose_clip(as_seen(standing(4), 20))
    with pytest.raises(InputRejected, match="frames"):
        colormap_depth(clip, depth_video(tmp_path / "depth.mp4", 20, frames, False))
