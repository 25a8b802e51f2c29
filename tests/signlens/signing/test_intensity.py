"""Speed, size and repetition of movements that are known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signlens.pose.clip import LEFT_HAND, RIGHT_HAND, PoseClip, Provenance
from signlens.signing.intensity import extent, measure_intensity, repetitions

WIDTH = 120.0
"""Pixels from shoulder to shoulder."""


def clip_of(path: np.ndarray, fps: float = 25.0, other: np.ndarray | None = None) -> PoseClip:
    """A clip whose right wrist goes along `path` (T, 2), in shoulder widths from the shoulders' middle."""
    keypoints = np.zeros((len(path), 133, 4), np.float32)
    keypoints[..., :2] = np.nan
    centre = np.array([320.0, 200.0])
    for index, place in {0: (0, -0.7), 5: (0.5, 0), 6: (-0.5, 0)}.items():
        keypoints[:, index] = [*(np.array(place) * WIDTH + centre), 0, 0.9]
    rest = np.tile([0.4, 1.7], (len(path), 1)) if other is None else other
    for index, part, course in ((10, RIGHT_HAND, path), (9, LEFT_HAND, rest)):
        keypoints[:, index, :2] = course * WIDTH + centre
        keypoints[:, index, 2], keypoints[:, index, 3] = 0, 0.9
        hand = np.arange(21)[:, None] * [0.01, -0.012]
        keypoints[:, part, :2] = (course[:, None] + hand) * WIDTH + centre
        keypoints[:, part, 2], keypoints[:, part, 3] = 0, 0.9
    return PoseClip(keypoints, None, np.arange(len(path)) / fps, fps, 640, 480, Provenance("test", "1"))


def signed(course: np.ndarray, rise: int = 12) -> np.ndarray:
    """A movement (T, 2) with a rise from rest before it and a fall back after it."""
    u = (1 - np.cos(np.linspace(0, np.pi, rise)))[:, None] / 2
    low = np.array([-0.4, 1.7])
    still = np.tile(low, (6, 1))
    up, down = low + u * (course[0] - low), course[-1] + u * (low - course[-1])
    return np.concatenate([still, up, course, down, still])


def to_and_fro(times: int, frames: int = 60, size: float = 0.25) -> np.ndarray:
    t = np.linspace(0, 1, frames)
    return np.stack([-0.2 + size * np.sin(2 * np.pi * times * t), np.full(frames, 0.6)], axis=1)


def circles(times: int, frames: int = 60, size: float = 0.25) -> np.ndarray:
    t = np.linspace(0, 1, frames)
    angle = 2 * np.pi * times * t
    return np.stack([-0.2 + size * np.cos(angle), 0.6 + 0.8 * size * np.sin(angle)], axis=1)


def taps(times: int, frames: int = 60, size: float = 0.3) -> np.ndarray:
    t = np.linspace(0, 1, frames)
    return np.stack([np.full(frames, -0.2), 0.5 + size * np.abs(np.sin(np.pi * times * t))], axis=1)


@pytest.mark.parametrize("course", [to_and_fro, circles, taps])
@pytest.mark.parametrize("times", [2, 3, 4, 5])
@pytest.mark.parametrize("with_rest", [True, False])
def test_a_movement_done_k_times_is_counted_k_times(course, times, with_rest):
    path = signed(course(times)) if with_rest else course(times)
    found = measure_intensity(clip_of(path))
    assert found is not None
    assert found.repetitions == times
    assert found.periodicity > 0.5


def test_a_single_stroke_is_done_once():
    stroke = np.linspace([-0.2, 0.1], [-0.3, 0.8], 30)
    found = measure_intensity(clip_of(signed(stroke)))
    assert found is not None
    assert (found.repetitions, found.periodicity) == (1, 0)


def test_closing_the_hand_twice_counts_though_the_wrist_stays():
    clip = clip_of(signed(np.tile([-0.2, 0.4], (50, 1))))
    t = np.linspace(0, 1, clip.frames)
    opening = 1 + 3 * (0.5 - 0.5 * np.cos(2 * np.pi * 4 * t))
    root = clip.keypoints[:, RIGHT_HAND][:, :1, :2]
    hand = clip.keypoints[:, RIGHT_HAND, :2]
    clip.keypoints[:, RIGHT_HAND, :2] = root + (hand - root) * opening[:, None, None]
    found = measure_intensity(clip)
    assert found is not None
    assert found.repetitions in (2, 3)  # four openings in the clip, of which the middle half shows


@pytest.mark.parametrize("factor", [2.0, 0.5, 3.0])
def test_played_faster_the_speed_goes_up_and_nothing_else(factor):
    clip = clip_of(signed(circles(3)))
    slow = measure_intensity(clip)
    fast = measure_intensity(replace(clip, times=clip.times / factor, fps=clip.fps * factor))
    assert slow is not None
    assert fast is not None
    assert fast.speed == pytest.approx(factor * slow.speed)
    assert fast.speed_ratio == pytest.approx(factor * slow.speed_ratio)
    assert (fast.size, fast.repetitions, fast.hand) == (slow.size, slow.repetitions, slow.hand)


def test_every_second_frame_left_out_hardly_counts():
    path = signed(circles(2, frames=120), rise=24)
    whole, half = measure_intensity(clip_of(path, 50.0)), measure_intensity(clip_of(path[::2], 25.0))
    assert whole is not None
    assert half is not None
    assert half.speed == pytest.approx(whole.speed, rel=0.08)
    assert half.size == pytest.approx(whole.size, rel=0.05)


def test_the_size_of_the_signer_in_the_picture_does_not_count():
    clip = clip_of(signed(to_and_fro(2)))
    moved = clip.keypoints.copy()
    moved[..., :2] = moved[..., :2] * 0.37 + 55
    plain, small = measure_intensity(clip), measure_intensity(replace(clip, keypoints=moved))
    assert plain is not None
    assert small is not None
    assert small.speed == pytest.approx(plain.speed, rel=1e-3)
    assert small.size == pytest.approx(plain.size, rel=1e-3)
    assert small.repetitions == plain.repetitions


def test_a_larger_movement_is_larger_by_as_much():
    small, large = (measure_intensity(clip_of(circles(2, size=s))) for s in (0.2, 0.4))
    assert small is not None
    assert large is not None
    assert large.size == pytest.approx(2 * small.size, rel=0.1)
    assert large.speed == pytest.approx(2 * small.speed, rel=0.05)


def test_speed_of_a_steady_movement_is_path_over_time():
    path = np.linspace([-0.5, 0.2], [0.5, 0.2], 51)  # one shoulder width in two seconds
    found = measure_intensity(clip_of(path))
    assert found is not None
    assert found.speed == pytest.approx(0.5, rel=1e-3)


def test_the_hand_that_moves_more_is_named_and_a_mirror_changes_sides():
    clip = clip_of(signed(circles(2)))
    mirrored = clip.keypoints.copy()
    mirrored[..., 0] = clip.width - mirrored[..., 0]
    order = np.arange(133)
    order[[5, 6, 9, 10]] = [6, 5, 10, 9]
    order[LEFT_HAND], order[RIGHT_HAND] = np.arange(112, 133), np.arange(91, 112)
    right, left = measure_intensity(clip), measure_intensity(replace(clip, keypoints=mirrored[:, order]))
    assert right is not None
    assert left is not None
    assert (right.hand, left.hand) == ("right", "left")
    assert left.speed == pytest.approx(right.speed, rel=1e-3)
    assert left.repetitions == right.repetitions


def test_hands_at_rest_and_hidden_shoulders_measure_nothing():
    assert measure_intensity(clip_of(np.tile([-0.4, 1.7], (40, 1)))) is None
    clip = clip_of(signed(circles(2)))
    clip.keypoints[:, 5, 3] = 0
    assert measure_intensity(clip) is None
    gone = clip_of(signed(circles(2)))
    gone.keypoints[:, [9, 10], 3] = 0
    assert measure_intensity(gone) is None


def test_a_point_that_jumps_for_one_frame_travels_nowhere():
    clip = clip_of(signed(circles(2)))
    plain = measure_intensity(clip)
    clip.keypoints[30, 10, :2] += 200
    jumped = measure_intensity(clip)
    assert plain is not None
    assert jumped is not None
    assert jumped.speed == pytest.approx(plain.speed, rel=0.05)


def test_extent_and_repetitions_of_nothing():
    assert extent(np.zeros((5, 2))) == 0
    assert repetitions(np.zeros((10, 2))) == (1, 0.0)
    assert repetitions(np.zeros((2, 2))) == (1, 0.0)
    assert extent(np.array([[x, 0.0] for x in np.linspace(0, 1, 101)])) == pytest.approx(0.9)
