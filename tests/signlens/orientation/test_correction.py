"""Correction of whole clips, on a figure whose turn is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turned_figure import PIXELS, as_seen, pose_clip, standing

from signlens.errors import UsageError
from signlens.orientation.correction import CorrectionSettings, correct, fused_yaw
from signlens.orientation.depth_sources import read_depth
from signlens.orientation.frame import SignerFrame
from signlens.orientation.policies import POLICIES
from signlens.orientation.yaw_cues import Cues, read_cues
from signlens.pose import FACE

ALWAYS = CorrectionSettings(least_yaw=0, least_roll=0)


def joints_of(clip) -> np.ndarray:
    """Upper body and hands about the middle of the shoulders, in shoulder widths."""
    k = clip.keypoints[:, [0, *range(5, 11), *range(91, 133)], :2]
    centre = clip.keypoints[:, [5, 6], :2].mean(axis=1, keepdims=True)
    return (k - centre) / PIXELS


@given(st.floats(-45, 45), st.floats(-25, 25))
@settings(max_examples=15, deadline=None)
def test_a_turned_and_tilted_signer_comes_back(yaw: float, roll: float) -> None:
    straight = pose_clip(as_seen(standing()))
    corrected, correction = correct(pose_clip(as_seen(standing(), yaw, roll)), ALWAYS)
    assert correction.measured_roll == pytest.approx(roll, abs=0.5)
    assert correction.measured_yaw == pytest.approx(yaw, abs=4)
    # A figure without thick shoulders looks narrower than a person, which costs a few degrees; hands
    # are 0.6 before the shoulders.
    np.testing.assert_allclose(joints_of(corrected), joints_of(straight), atol=0.1)


@given(st.floats(-60, 60), st.floats(-25, 25), st.sampled_from(["frame", "smoothed", "clip"]))
@settings(max_examples=15, deadline=None)
def test_true_depth_alone_brings_it_back_exactly(yaw: float, roll: float, policy: str) -> None:
    straight = pose_clip(as_seen(standing()))
    by_depth = dataclasses.replace(ALWAYS, yaw="depth", policy=policy)
    corrected, correction = correct(pose_clip(as_seen(standing(), yaw, roll)), by_depth)
    assert correction.measured_yaw == pytest.approx(yaw, abs=0.2)
    np.testing.assert_allclose(joints_of(corrected), joints_of(straight), atol=0.01)


@given(st.floats(-9, 9), st.floats(-4, 4))
@settings(max_examples=15, deadline=None)
def test_a_signer_who_stands_straight_is_not_touched(yaw: float, roll: float) -> None:
    clip = pose_clip(as_seen(standing(), yaw, roll))
    corrected, correction = correct(clip)
    assert corrected is clip
    assert not correction.applied
    assert correction.sentences() == ()


def test_the_result_says_what_was_done() -> None:
    _, correction = correct(pose_clip(as_seen(standing(), -40, 15)))
    assert correction.applied_yaw == pytest.approx(-40, abs=4)
    assert correction.applied_roll == pytest.approx(15, abs=1)
    said = " ".join(correction.sentences())
    assert f"{-correction.applied_yaw:.0f} degrees to their own right" in said
    assert "tilted by about 15 degrees" in said


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("joints", ["all", "shoulders"])
def test_confidence_is_untouched_and_frames_without_shoulders_are_left_and_counted(
    policy: str, joints: str
) -> None:
    clip = pose_clip(as_seen(standing(), 40, 12))
    keypoints = clip.keypoints.copy()
    keypoints[2, 6] = [np.nan, np.nan, np.nan, 0]
    clip = dataclasses.replace(clip, keypoints=keypoints)
    corrected, correction = correct(clip, CorrectionSettings(policy=policy, joints=joints))
    np.testing.assert_array_equal(corrected.keypoints[..., 3], clip.keypoints[..., 3])
    np.testing.assert_array_equal(corrected.keypoints[2], clip.keypoints[2])
    assert correction.without_shoulders == 1
    assert np.isnan(correction.yaw[2])
    assert "1 frame " in " ".join(correction.sentences())
    moved = np.abs(corrected.keypoints - clip.keypoints)[..., :2].max(axis=(0, 2)) > 1
    assert moved[9] == (joints == "all")
    assert moved[5]


@pytest.mark.parametrize("origin", [0, FACE.start + 30, 91, 112])
def test_a_part_whose_own_origin_is_not_seen_is_turned_with_the_rest(origin: int) -> None:
    clip = pose_clip(as_seen(standing(), 40, 12))
    whole, _ = correct(clip)
    keypoints = clip.keypoints.copy()
    keypoints[3, origin] = [np.nan, np.nan, np.nan, 0]
    corrected, correction = correct(dataclasses.replace(clip, keypoints=keypoints))
    assert correction.applied_yaw == pytest.approx(40, abs=4)
    seen = keypoints[..., 3] > 0
    assert np.isfinite(corrected.keypoints[seen]).all()
    others = np.delete(np.arange(133), origin)
    # Points that hang on it have no depth of their own, and turn as if they lay in the shoulders' plane.
    far = np.abs(corrected.keypoints - whole.keypoints)[:, others, :2]
    np.testing.assert_allclose(np.delete(far, 3, axis=0), 0, atol=1)
    assert far[3, 5:17].max() < 1


def test_levelling_alone_keeps_the_turn() -> None:
    clip = pose_clip(as_seen(standing(), 40, 15))
    corrected, correction = correct(clip, CorrectionSettings(space="2D"))
    assert correction.applied_yaw == 0
    frame = SignerFrame.of(corrected.keypoints)
    np.testing.assert_allclose(frame.roll, 0, atol=1e-3)
    np.testing.assert_allclose(frame.width, PIXELS * np.cos(np.radians(40)), rtol=1e-3)


def test_poses_without_depth_are_corrected_by_what_can_be_seen() -> None:
    clip = pose_clip(as_seen(standing(), 45))
    keypoints = clip.keypoints.copy()
    keypoints[..., 2] = 0
    flat = dataclasses.replace(clip, keypoints=keypoints)
    corrected, correction = correct(flat, depth=read_depth(flat, "lift"))
    assert correction.measured_yaw == pytest.approx(45, abs=12)
    width = SignerFrame.of(corrected.keypoints).width / PIXELS
    assert (width > 0.85).all()


def cues(shoulders: float, head: float, width: float) -> Cues:
    one = [np.radians([shoulders]), np.radians([head]), np.radians([head]), np.array([width])]
    return Cues(*one, width_spread=0.07)


def fused(shoulders: float, head: float, width: float) -> float:
    return float(np.degrees(fused_yaw(cues(shoulders, head, width))[0]))


def test_agreeing_cues_are_believed_and_a_head_turned_away_is_outvoted() -> None:
    assert fused(40, 40, np.cos(np.radians(40))) == pytest.approx(40, abs=3)
    assert abs(fused(0, 60, 1.0)) < 12
    assert fused(45, 25, 0.7) > 34  # the width says far, the shoulders to which side
    assert fused(-45, -25, 0.7) < -34


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(0.3, 1.2))
def test_fusion_is_symmetrical_and_between_its_cues(shoulders: float, head: float, width: float) -> None:
    made = fused(shoulders, head, width)
    assert fused(-shoulders, -head, width) == pytest.approx(-made, abs=1e-6)
    by_width = np.degrees(np.arccos(min(width, 1.0)))
    farthest = max(abs(shoulders), abs(head), by_width)
    assert abs(made) <= farthest + 8


def test_missing_cues_are_left_out() -> None:
    assert fused(30, np.nan, np.nan) == pytest.approx(30, abs=2)
    assert fused(np.nan, 30, np.nan) == pytest.approx(30, abs=3)
    assert np.isnan(fused(np.nan, np.nan, 0.7))
    clip = pose_clip(as_seen(standing(), 35))
    keypoints = clip.keypoints.copy()
    keypoints[:, FACE] = [np.nan, np.nan, np.nan, 0]
    made = np.degrees(fused_yaw(read_cues(dataclasses.replace(clip, keypoints=keypoints))))
    np.testing.assert_allclose(made, 35, atol=4)


@pytest.mark.parametrize(
    "wrong", [{"policy": "often"}, {"space": "4D"}, {"yaw": "guess"}, {"joints": "none"}]
)
def test_settings_are_checked(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong.values()))):
        CorrectionSettings(**wrong)
