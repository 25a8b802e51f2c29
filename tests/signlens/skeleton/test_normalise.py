import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from signlens.errors import InputRejected
from signlens.skeleton import graph, normalise


def points(seed: int = 0, frames: int = 14) -> np.ndarray:
    """A signer of 640 x 480: a plausible body, hands that move."""
    rng = np.random.default_rng(seed)
    body = np.array(
        [[320, 120], [390, 200], [250, 200], [420, 300], [220, 300], [400, 380], [240, 380]], float
    )
    made = np.zeros((frames, 49, 4), np.float32)
    made[:, :7, :2] = body + rng.normal(0, 2, (frames, 7, 2))
    for hand, wrist in ((normalise.LEFT_HAND, 5), (normalise.RIGHT_HAND, 6)):
        path = np.cumsum(rng.normal(0, 8, (frames, 1, 2)), axis=0)
        made[:, hand, :2] = made[:, wrist : wrist + 1, :2] + path + rng.normal(0, 15, (1, 21, 2))
        made[:, hand, 2] = rng.normal(0, 10, (1, 21))
    made[..., 3] = 1
    return made


@given(st.floats(0.2, 5), st.floats(-900, 900), st.floats(-900, 900))
@settings(max_examples=40, deadline=None)
def test_place_and_size_in_the_frame_do_not_matter(scale: float, dx: float, dy: float) -> None:
    clip = points()
    moved = clip.copy()
    moved[..., :3] *= scale
    moved[..., :2] += [dx, dy]
    np.testing.assert_allclose(normalise.normalise(moved)[0], normalise.normalise(clip)[0], atol=2e-3)


def test_the_nose_is_the_centre_and_the_shoulders_the_unit() -> None:
    joints, seen = normalise.normalise(points())
    np.testing.assert_allclose(joints[:, 0, :2].mean(axis=0), 0, atol=1e-5)
    width = np.linalg.norm(joints[:, 1, :2] - joints[:, 2, :2], axis=-1)
    assert np.median(width) == pytest.approx(1, abs=1e-5)
    assert seen.min() == 1


def test_a_hand_that_drops_out_is_filled_between_and_marked() -> None:
    clip = points()
    whole, _ = normalise.normalise(clip)
    clip[5:8, normalise.RIGHT_HAND] = np.nan
    clip[5:8, normalise.RIGHT_HAND, 3] = 0
    joints, seen = normalise.normalise(clip)
    assert np.isfinite(joints).all()
    assert not seen[5:8, normalise.RIGHT_HAND].any()
    assert seen[8:, normalise.RIGHT_HAND].all()
    expected = whole[4, 28] + (whole[8, 28] - whole[4, 28]) * 0.5
    np.testing.assert_allclose(joints[6, 28, :2], expected[:2], atol=1e-4)


def test_a_hand_that_never_shows_waits_at_its_wrist() -> None:
    clip = points()
    clip[:, normalise.LEFT_HAND, 3] = 0
    joints, seen = normalise.normalise(clip)
    assert not seen[:, normalise.LEFT_HAND].any()
    np.testing.assert_allclose(joints[:, 10, :2], joints[:, normalise.LEFT_WRIST, :2])


@given(st.lists(st.booleans(), min_size=1, max_size=30).filter(any))
def test_fill_gaps_agrees_with_numpys_interpolation(known: list[bool]) -> None:
    mask = np.array(known)
    values = np.random.default_rng(len(known)).normal(size=(len(known), 2)).astype(np.float32)
    at = np.arange(len(known))
    filled = normalise.fill_gaps(values, mask)
    for channel in range(2):
        expected = np.interp(at, at[mask], values[mask, channel])
        np.testing.assert_allclose(filled[:, channel], expected, atol=1e-5)


def test_no_shoulders_is_rejected() -> None:
    clip = points()
    clip[:, 1, 3] = 0
    with pytest.raises(InputRejected, match="shoulders"):
        normalise.normalise(clip)


def test_a_left_handed_signer_and_a_right_handed_one_look_the_same() -> None:
    right = points()
    right[:, normalise.LEFT_HAND, 3] = 0
    left = right[:, normalise.MIRROR].copy()
    left[..., 0] = 640 - left[..., 0]
    ours, theirs = normalise.prepare(right, 16), normalise.prepare(left, 16)
    assert not ours.mirrored
    assert theirs.mirrored
    np.testing.assert_allclose(ours.joints, theirs.joints, atol=1e-4)
    np.testing.assert_array_equal(ours.visible, theirs.visible)


def both_hands(left_steps: float, right_steps: float) -> np.ndarray:
    """Both hands seen throughout, each going up and down by its own amount of shoulder widths."""
    clip = points(frames=21)
    clip[:] = clip[:1]
    there = (np.arange(21) % 2)[:, None] * 100.0  # shoulders are 100 pixels apart
    clip[:, 1, :2], clip[:, 2, :2] = (370, 300), (270, 300)
    clip[:, normalise.LEFT_HAND, 1] += there * left_steps
    clip[:, normalise.RIGHT_HAND, 1] += there * right_steps
    return clip


def test_which_hand_leads_is_in_doubt_where_both_do_about_the_same() -> None:
    # Seen equally, the lead is (left path - right path) / (left path + right path).
    plain = normalise.prepare(both_hands(0.2, 0.8), 12)
    assert (plain.mirrored, plain.doubt) == (False, 0)
    even = normalise.prepare(both_hands(0.5, 0.5), 12)
    # 0.3 below the margin of 0.3, in units of 0.22: the normal distribution has 8.6 % beyond.
    assert not even.mirrored
    assert even.doubt == pytest.approx(0.0863, abs=2e-3)
    little = normalise.prepare(both_hands(0.64, 0.36), 12)
    much = normalise.prepare(both_hands(0.67, 0.33), 12)
    assert (little.mirrored, much.mirrored) == (False, True)
    assert 0.4 < little.doubt < 0.5
    assert 0.4 < much.doubt < 0.5
    assert normalise.prepare(both_hands(0.95, 0.05), 12).doubt == 0


@given(st.floats(-3, 3))
def test_the_probability_that_the_left_hand_leads_is_the_normal_distributions(dominance: float) -> None:
    expected = norm.cdf(dominance, normalise.DOMINANCE_MARGIN, normalise.DOMINANCE_SPREAD)
    assert normalise.left_leads(dominance) == pytest.approx(expected, abs=1e-9)


def test_frames_without_hands_are_left_out() -> None:
    clip = points(frames=20)
    clip[:6, 7:, 3] = 0
    made = normalise.prepare(clip, 24)
    assert made.frames_used == 14
    assert made.hand_share == pytest.approx(0.7)
    assert made.joints.shape == (24, 49, 3)


def test_the_27_nodes_are_among_the_49_points() -> None:
    np.testing.assert_array_equal(normalise.WHOLE_BODY_INDEX[normalise.TO_NODES], graph.WHOLE_BODY_INDEX)
    np.testing.assert_array_equal(normalise.MIRROR[normalise.MIRROR], np.arange(49))


def test_one_preparation_serves_every_window() -> None:
    clip = points(4)
    whole = normalise.prepare(clip)
    for window in (7, 30):
        apart = normalise.prepare(clip, window)
        np.testing.assert_array_equal(whole.resampled(window).joints, apart.joints)
        np.testing.assert_array_equal(whole.resampled(window).visible, apart.visible)
