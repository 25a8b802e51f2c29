"""The signer's frame against loops over frames."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.errors import InputRejected, UsageError
from signlens.orientation.frame import LEFT_SHOULDER, RIGHT_SHOULDER, SHOULDERS, SignerFrame
from signlens.pose.layouts import KEYPOINT_NAMES
from signlens.skeleton.normalise import WHOLE_BODY_INDEX


def clip(seed: int = 0, frames: int = 9, points: int = 133) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.normal(200, 60, (frames, points, 4)).astype(np.float32)
    made[..., 3] = rng.random((frames, points)) > 0.3
    made[made[..., 3] == 0, :3] = np.nan
    return made


def test_the_shoulders_are_those_of_the_layouts() -> None:
    names = [KEYPOINT_NAMES[i] for i in WHOLE_BODY_INDEX]
    assert [names[i] for i in SHOULDERS[49]] == ["left_shoulder", "right_shoulder"]
    assert (KEYPOINT_NAMES[LEFT_SHOULDER], KEYPOINT_NAMES[RIGHT_SHOULDER]) == (
        "left_shoulder",
        "right_shoulder",
    )


@given(st.integers(0, 2**16), st.sampled_from(sorted(SHOULDERS)))
@settings(max_examples=40, deadline=None)
def test_against_a_loop_over_frames(seed: int, points: int) -> None:
    made = clip(seed, points=points)
    frame = SignerFrame.of(made)
    left, right = SHOULDERS[points]
    widths, noses = [], []
    for t, one in enumerate(made.astype(np.float64)):
        both = one[left, 3] > 0 and one[right, 3] > 0
        assert frame.known[t] == both
        if not both:
            assert np.isnan(frame.yaw[t]) and np.isnan(frame.centre[t]).all()
            continue
        dx, dy, dz = one[left, :3] - one[right, :3]
        widths.append(math.hypot(dx, dy))
        # Levelled first, so the turn is seen against the whole width; from behind, its sign changes.
        behind = -1 if dx < 0 else 1
        assert frame.yaw[t] == pytest.approx(math.atan2(dz, behind * widths[-1]))
        if one[0, 3] > 0:
            noses.append(one[0, :2])
    if widths:
        assert frame.shoulder_width == pytest.approx(float(np.median(widths)), rel=1e-6)
    else:
        assert frame.shoulder_width is None
    if noses:
        np.testing.assert_allclose(frame.place()[0], np.mean(noses, axis=0), rtol=1e-5)
    else:
        with pytest.raises(InputRejected, match="nose and both shoulders"):
            frame.place()


def test_some_frames_of_a_frame_are_the_frame_of_some_frames() -> None:
    made = clip(3, frames=20)
    chosen = np.arange(20) % 3 == 1
    for part in (slice(4, 15), chosen):
        np.testing.assert_array_equal(SignerFrame.of(made)[part].yaw, SignerFrame.of(made[part]).yaw)
        assert SignerFrame.of(made)[part].shoulder_width == SignerFrame.of(made[part]).shoulder_width


def test_another_depth_changes_the_turn_alone() -> None:
    made = clip(5)
    depth = np.random.default_rng(1).normal(0, 30, made.shape[:2])
    own, other = SignerFrame.of(made), SignerFrame.of(made, depth)
    np.testing.assert_array_equal(own.roll, other.roll)
    assert own.shoulder_width == other.shoulder_width
    known = own.known
    np.testing.assert_allclose(
        other.across[known, 2], (depth[:, LEFT_SHOULDER] - depth[:, RIGHT_SHOULDER])[known]
    )


def test_shoulders_on_one_point_have_no_width() -> None:
    made = np.ones((4, 49, 4), np.float32)
    frame = SignerFrame.of(made)
    assert frame.shoulder_width is None
    with pytest.raises(InputRejected, match="one point"):
        frame.place()
    with pytest.raises(UsageError, match="17 points"):
        SignerFrame.of(np.ones((2, 17, 4), np.float32))
