from pathlib import Path

import numpy as np
import pytest
from media import QUADRANTS, write_video

from signlens.errors import InputRejected, UsageError
from signlens.models.rgb_input import (
    evaluation_clips,
    evaluation_frames,
    evaluation_input,
    pose_box,
    read_pictures,
    training_clip,
    training_frames,
    training_input,
)
from signlens.pose import PoseClip, Provenance
from signlens.skeleton.heatmaps import Box


def poses(frames: int, places: list[tuple[float, float]], width: int = 96, height: int = 64) -> PoseClip:
    """A clip in which only a few points of the right hand are seen."""
    keypoints = np.full((frames, 133, 4), np.nan, np.float32)
    keypoints[..., 3] = 0
    for index, place in enumerate(places):
        keypoints[:, 112 + index] = [*place, 0, 1]
    return PoseClip(keypoints, None, np.arange(frames) / 30, 30.0, width, height, Provenance("test", "0"))


def shade(index: int, width: int, height: int) -> np.ndarray:
    """A grey frame whose brightness tells its index."""
    return np.full((height, width, 3), 20 + 5 * index, np.uint8)


def test_the_box_is_square_around_all_that_is_seen_and_larger() -> None:
    box = pose_box(poses(3, [(40, 20), (60, 30)]))
    # 20 wide and 10 high: a square of 26 about (50, 25).
    assert (box.left, box.top, box.side) == pytest.approx((37, 12, 26))
    with pytest.raises(InputRejected, match="no signer"):
        pose_box(poses(3, []))


def test_legs_and_feet_do_not_make_the_box_larger() -> None:
    clip = poses(3, [(40, 20), (60, 30)])
    clip.keypoints[:, 13:23] = [48, 5000, 0, 1]
    assert pose_box(clip) == pose_box(poses(3, [(40, 20), (60, 30)]))


def test_training_takes_any_stretch_of_frames_in_a_row() -> None:
    rng = np.random.default_rng(0)
    starts = set()
    for _ in range(200):
        order = training_frames(40, rng)
        assert (np.diff(order) == 1).all() and len(order) == 32
        starts.add(int(order[0]))
    assert starts == set(range(9))
    assert training_frames(10, rng).tolist() == [*range(10), *range(10), *range(10), 0, 1]
    with pytest.raises(UsageError):
        training_frames(0, rng)


def test_evaluation_takes_evenly_spaced_stretches_from_start_to_end() -> None:
    order = evaluation_frames(72)
    assert order.shape == (5, 32)
    assert order[:, 0].tolist() == [0, 10, 20, 30, 40] and order[-1, -1] == 71
    assert (np.diff(order, axis=1) == 1).all()
    assert (evaluation_frames(10) == evaluation_frames(10)[0]).all()
    with pytest.raises(UsageError):
        evaluation_frames(5, clips=0)


def test_wanted_frames_come_in_the_order_wanted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "grey.mp4", frames=30, draw=shade, options={"crf": "1"})
    wanted = np.array([[3, 4, 5], [29, 0, 3]])
    pictures = read_pictures(path, wanted, Box(10, 10, 40), size=16)
    assert pictures.shape == (2, 3, 16, 16, 3) and pictures.dtype == np.uint8
    np.testing.assert_allclose(pictures.mean(axis=(2, 3, 4)), 20 + 5 * wanted, atol=3)


def test_pictures_show_the_box_and_black_beyond_the_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "quadrants.mp4", frames=3, options={"crf": "1"})
    # The frame is 96 x 64; this box reaches 32 px beyond its right and lower sides.
    picture = read_pictures(path, np.array([1]), Box(48 - 16, 32 - 16, 96), size=96)[0].astype(float)
    for row, column, colour in ((4, 4, QUADRANTS[0, 0]), (4, 40, QUADRANTS[0, 1]), (40, 40, QUADRANTS[1, 1])):
        np.testing.assert_allclose(picture[row, column], colour, atol=12)
    assert not picture[:, 66:].any() and not picture[50:].any()
    small = read_pictures(path, np.array([1]), Box(48 - 16, 32 - 16, 96), size=24)[0].astype(float)
    np.testing.assert_allclose(small, picture.reshape(24, 4, 24, 4, 3).mean(axis=(1, 3)), atol=1.5)
    nowhere = read_pictures(path, np.array([1]), Box(1000, 1000, 10), size=24)
    assert not nowhere.any()


def test_a_video_shorter_than_its_poses_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "short.mp4", frames=8)
    with pytest.raises(InputRejected, match="frame 8 is wanted"):
        evaluation_clips(path, poses(40, [(40, 20), (60, 30)]))
    with pytest.raises(UsageError, match="too many"):
        read_pictures(path, np.zeros(5000, np.int64), Box(0, 0, 10))


def test_evaluation_shows_the_middle_in_the_networks_range() -> None:
    pictures = np.zeros((2, 3, 256, 256, 3), np.uint8)
    pictures[..., 0] = 255
    pictures[..., 16:240, 16:240, 1] = 255
    pictures[:, :, :16] = pictures[:, :, 240:] = 255  # rim: must not show
    made = evaluation_input(pictures)
    assert made.shape == (2, 3, 3, 128, 128) and made.dtype == np.float32
    np.testing.assert_allclose(made[:, 0], 1, atol=1e-6)
    np.testing.assert_allclose(made[:, 1], 1, atol=1e-6)
    np.testing.assert_allclose(made[:, 2], -1, atol=1e-6)
    # 224 of 256 pixels become 128: an edge at 128 stays in the middle, one at 72 comes to 32.
    halves = np.zeros((1, 256, 256, 3), np.uint8)
    halves[:, 72:, 128:] = 255
    edge = evaluation_input(halves)[0, 0]
    assert (edge[:32] == -1).all() and (edge[:, :64] == -1).all() and (edge[33:, 65:] == 1).all()


def test_training_varies_a_stretch_as_a_whole() -> None:
    rng = np.random.default_rng(0)
    one = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    pictures = np.broadcast_to(one, (4, 256, 256, 3))
    draws = [training_input(pictures, rng, 32) for _ in range(40)]
    for made in draws:
        assert made.shape == (3, 4, 32, 32) and made.min() >= -1 and made.max() <= 1
        np.testing.assert_array_equal(made, made[:, :1].repeat(4, 1))
    assert len({made.tobytes() for made in draws}) == 40
    straight = evaluation_input(pictures, 32)
    turned = 0
    for made in draws:
        plain, mirrored = (np.corrcoef(m.ravel(), straight.ravel())[0, 1] for m in (made, made[..., ::-1]))
        turned += mirrored > plain
    assert 8 < turned < 32, "about half of the draws are mirrored"


def test_a_turn_is_at_most_five_degrees_and_keeps_the_middle() -> None:
    pictures = np.zeros((1, 256, 256, 3), np.uint8)
    pictures[:, 126:130] = 255
    rng = np.random.default_rng(0)
    angles = []
    for _ in range(60):
        line = training_input(pictures, rng)[0, 0]
        height = np.array([np.average(np.arange(128), weights=column + 1.0001) for column in line.T[8:-8]])
        angles.append(np.rad2deg(np.arctan(np.polyfit(np.arange(len(height)), height, 1)[0])))
    assert np.abs(angles).max() < 5.3 and np.abs(angles).max() > 3.5


def test_a_video_and_its_poses_become_input(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=40, draw=shade, options={"crf": "1"})
    clip = poses(40, [(40, 20), (60, 40)])
    made = evaluation_clips(path, clip)
    assert made.shape == (5, 3, 32, 128, 128)
    brightness = (made.mean(axis=(1, 3, 4)) + 1) * 127.5
    np.testing.assert_allclose(brightness, np.minimum(20 + 5 * evaluation_frames(40), 255), atol=4)
    stretch = training_clip(path, clip, np.random.default_rng(0))
    assert stretch.shape == (3, 32, 128, 128)
    assert (np.diff(stretch.mean(axis=(0, 2, 3))) > 0).all()
