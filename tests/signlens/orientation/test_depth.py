"""Every source of depth on a figure whose depth is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turned_figure import PIXELS, as_seen, pose_clip, standing

from signlens.errors import UsageError
from signlens.orientation.depth import Depth, with_depth
from signlens.orientation.depth_sources import read_depth
from signlens.orientation.frame import SignerFrame
from signlens.orientation.landmark_depth import extractors_own_z, landmark_depth
from signlens.orientation.lifted_depth import lifted_depth, lifted_yaw
from signlens.orientation.nearness import CAMERA_DISTANCE, depth_from_nearness, sample
from signlens.orientation.yaw_cues import read_cues
from signlens.pose import FACE, LEFT_HAND, RIGHT_HAND

YAWS = st.floats(-70, 70)


def yaw_by(clip, depth) -> np.ndarray:
    return np.degrees(SignerFrame.of(with_depth(clip, depth).keypoints).yaw)


@given(YAWS, st.floats(-20, 20))
@settings(max_examples=25, deadline=None)
def test_landmark_depth_is_the_figures_own(yaw: float, roll: float) -> None:
    seen = as_seen(standing(), yaw, roll)
    clip = pose_clip(seen)
    depth = landmark_depth(clip)
    np.testing.assert_allclose(depth.z, seen[..., 2], atol=2e-3)
    assert depth.unit == pytest.approx(PIXELS, rel=1e-3)
    np.testing.assert_allclose(yaw_by(clip, depth), yaw, atol=0.2)


def test_the_way_back_to_the_extractors_scales() -> None:
    clip = pose_clip(as_seen(standing(), 25))
    depth = landmark_depth(clip)
    own = extractors_own_z(depth.z * depth.unit, clip.provenance.extractor)
    again = clip.keypoints.copy()
    again[..., 2] = own
    np.testing.assert_allclose(
        landmark_depth(dataclasses.replace(clip, keypoints=again)).z, depth.z, atol=1e-4
    )
    given = clip.keypoints[..., 2].astype(float)
    for hand in (LEFT_HAND, RIGHT_HAND):
        np.testing.assert_allclose(own[:, hand], given[:, hand] - given[:, [hand.start]], atol=0.05)
    np.testing.assert_allclose(
        own[:, :17], given[:, :17] - given[:, 5:7].mean(axis=1, keepdims=True), atol=0.2
    )


def test_an_unknown_extractors_z_counts_as_it_stands() -> None:
    seen = as_seen(standing(), 30)
    np.testing.assert_allclose(
        landmark_depth(pose_clip(seen, "true-scale")).z[:, :17], seen[:, :17, 2], atol=1e-3
    )


def test_poses_without_depth_say_so() -> None:
    clip = pose_clip(as_seen(standing(), 30))
    flat = clip.keypoints.copy()
    flat[..., 2] = 0
    depth = landmark_depth(dataclasses.replace(clip, keypoints=flat))
    assert np.isnan(depth.z).all()
    assert any("no depth" in reason.text for reason in depth.reasons)


def test_the_origin_and_unit_do_not_depend_on_the_frame() -> None:
    seen = as_seen(standing(), 25)
    clip = pose_clip(seen)
    larger = clip.keypoints.copy()
    larger[..., :3] *= 3
    for read in (landmark_depth, lifted_depth):
        one, other = read(clip), read(dataclasses.replace(clip, keypoints=larger))
        np.testing.assert_allclose(one.z, other.z, atol=1e-3)
        assert other.unit == pytest.approx(3 * one.unit, rel=1e-4)
        np.testing.assert_allclose(one.z[:, [5, 6]].mean(axis=1), 0, atol=1e-4)


def test_frames_without_shoulders_are_unknown_and_the_others_are_not() -> None:
    clip = pose_clip(as_seen(standing(), 25))
    keypoints = clip.keypoints.copy()
    keypoints[2, 5] = [np.nan, np.nan, np.nan, 0]
    hidden = dataclasses.replace(clip, keypoints=keypoints)
    for read in (landmark_depth, lifted_depth):
        depth = read(hidden)
        assert np.isnan(depth.z[2]).all()
        assert np.isfinite(depth.z[[0, 1, 3], 6]).all()
        assert np.isfinite(with_depth(hidden, depth).keypoints[hidden.keypoints[..., 3] > 0]).all()


def test_a_missing_hand_stays_missing_and_a_hand_without_wrist_goes_into_the_shoulders_plane() -> None:
    clip = pose_clip(as_seen(standing(), 40))
    keypoints = clip.keypoints.copy()
    keypoints[:, LEFT_HAND] = [np.nan, np.nan, np.nan, 0]
    keypoints[:, 10] = [np.nan, np.nan, np.nan, 0]
    clip = dataclasses.replace(clip, keypoints=keypoints)
    made = with_depth(clip, landmark_depth(clip)).keypoints
    assert np.isnan(made[:, LEFT_HAND, :3]).all()
    frame = SignerFrame.of(made)
    plane = frame.across[:, 2] / frame.across[:, 0]
    expected = plane[:, None] * (made[:, RIGHT_HAND, 0] - frame.centre[:, :1]) + frame.centre[:, 2:]
    np.testing.assert_allclose(made[:, RIGHT_HAND, 2], expected, atol=0.05)


# -- lift ---------------------------------------------------------------------------------------


@given(st.floats(20, 70), st.sampled_from([-1, 1]))
@settings(max_examples=25, deadline=None)
def test_lift_reads_the_turn_off_the_width_and_its_side_off_the_nose(size: float, side: int) -> None:
    clip = pose_clip(as_seen(standing(), side * size))
    flat = clip.keypoints.copy()
    flat[..., 2] = 0  # no depth at all
    clip = dataclasses.replace(clip, keypoints=flat)
    # The face is a little foreshortened by its own depth, which is not seen here.
    np.testing.assert_allclose(np.degrees(lifted_yaw(clip)), side * size, atol=3)
    np.testing.assert_allclose(yaw_by(clip, lifted_depth(clip)), side * size, atol=3)


def test_lift_measures_by_the_signers_own_widest() -> None:
    broad = standing(40) * [1.3, 1, 1]
    broad[:, :5] /= [1.3, 1, 1]
    broad[:, FACE] /= [1.3, 1, 1]
    yaw = np.linspace(0, 60, 40)
    clip = pose_clip(as_seen(broad, yaw))
    np.testing.assert_allclose(np.degrees(lifted_yaw(clip))[10:], yaw[10:], atol=6)
    turned = pose_clip(as_seen(broad, 50.0))
    wrong = np.degrees(lifted_yaw(turned)).mean()
    right = np.degrees(lifted_yaw(turned, widest=1.3)).mean()
    assert abs(right - 50) < 3 < abs(wrong - 50)


def test_lift_brings_bent_arms_forward() -> None:
    seen = as_seen(standing(), 0)
    depth = lifted_depth(pose_clip(seen))
    assert (depth.z[:, [9, 10]] < -0.2).all()
    assert (depth.z[:, 0] < -0.2).all()


# -- relative depth --------------------------------------------------------------------------------


@given(YAWS, st.floats(0.2, 50), st.floats(-100, 100), st.booleans())
@settings(max_examples=25, deadline=None)
def test_nearness_comes_back_in_shoulder_widths(
    yaw: float, factor: float, offset: float, frames: bool
) -> None:
    seen = as_seen(standing(), yaw)
    clip = pose_clip(seen)
    rng = np.random.default_rng(0)
    factors = factor * (rng.uniform(0.5, 2, (len(seen), 1)) if frames else 1)
    offsets = offset + rng.normal(0, 5, (len(seen), 1))
    nearness = offsets + factors / (CAMERA_DISTANCE + seen[..., 2])
    depth = depth_from_nearness(clip, "test", nearness, per_frame=frames)
    # The mean nearness of two shoulders, s before and behind their middle, is not the middle's: it is off by
    # s^2 / distance, which is 0.044 shoulder widths for s = 0.5 sin 70 degrees.
    np.testing.assert_allclose(depth.z, seen[..., 2], atol=0.044)
    assert depth.reasons == ()


def test_one_hidden_point_does_not_spoil_the_scale() -> None:
    seen = as_seen(standing(), 30)
    nearness = 1 / (CAMERA_DISTANCE + seen[..., 2])
    nearness[:, 3] = 1 / (CAMERA_DISTANCE - 0.7)  # a hand before the ear
    depth = depth_from_nearness(pose_clip(seen), "test", nearness)
    np.testing.assert_allclose(depth.z[:, 5:11], seen[:, 5:11, 2], atol=0.08)


def test_depth_that_has_nothing_to_do_with_the_signer_is_reported() -> None:
    clip = pose_clip(as_seen(standing(), 20))
    depth = depth_from_nearness(clip, "test", clip.keypoints[..., 1].astype(float))
    assert any("does not fit" in reason.text for reason in depth.reasons)


def test_sampling_is_bilinear_in_the_unmirrored_frame() -> None:
    ramp = np.arange(40.0)[None] + 100 * np.arange(30.0)[:, None]
    points = np.array(
        [[3, 5, 0, 1], [2.5, 4.25, 0, 1], [39, 29, 0, 1], [41, 5, 0, 1], [3, 3, 0, 0]], np.float32
    )
    made = sample(ramp, points, 40, 30)
    np.testing.assert_allclose(made, [503, 427.5, 2939, np.nan, np.nan])
    # Half the resolution: pixel centres lie at (x + 0.5) / 2 - 0.5.
    half = ramp.reshape(15, 2, 20, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(sample(half, points[:2], 40, 30), [503, 427.5])


# -- cues ------------------------------------------------------------------------------------------


@given(st.floats(-60, 60), st.floats(-20, 20))
@settings(max_examples=25, deadline=None)
def test_cues_follow_the_turn(yaw: float, roll: float) -> None:
    cues = read_cues(pose_clip(as_seen(standing(), yaw, roll)))
    np.testing.assert_allclose(np.degrees(cues.shoulders), yaw, atol=0.2)
    np.testing.assert_allclose(np.degrees(cues.head), yaw, atol=0.2)
    np.testing.assert_allclose(cues.width, np.cos(np.radians(yaw)), atol=0.01)
    if abs(yaw) > 5:
        assert (np.sign(cues.nose) == np.sign(yaw)).all()


def test_without_a_face_the_ears_and_the_neck_serve() -> None:
    clip = pose_clip(as_seen(standing(), 35))
    keypoints = clip.keypoints.copy()
    keypoints[:, FACE] = [np.nan, np.nan, np.nan, 0]
    with_face, without = read_cues(clip), read_cues(dataclasses.replace(clip, keypoints=keypoints))
    np.testing.assert_allclose(np.degrees(without.head), 35, atol=0.2)
    assert without.width_spread > with_face.width_spread
    keypoints[:, [1, 2, 3, 4]] = [np.nan, np.nan, np.nan, 0]
    headless = read_cues(dataclasses.replace(clip, keypoints=keypoints))
    assert np.isnan(headless.head).all()
    assert np.isfinite(headless.shoulders).all()


# -- the interface ---------------------------------------------------------------------------------


def test_sources_are_named_and_say_what_they_need() -> None:
    clip = pose_clip(as_seen(standing(), 20))
    for source in ("landmark", "lift"):
        assert isinstance(read_depth(clip, source), Depth)
        assert read_depth(clip, source).source == source
    with pytest.raises(UsageError, match="no video"):
        read_depth(clip, "depth-anything")
    with pytest.raises(UsageError, match="signlens_studies orientation colormap"):
        read_depth(clip, "colormap")
    with pytest.raises(UsageError, match="lidar"):
        read_depth(clip, "lidar")
