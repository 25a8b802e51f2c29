import numpy as np

from signlens.orientation.frame import SignerFrame
from signlens.pose import PoseClip, Provenance
from signlens.signing.rest import at_rest, cut_to_signing
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, WHOLE_BODY_INDEX


def recording(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A signer of shoulder width 100 px and nose at (300, 100) whose hand roots go the given ways.

    Args:
        left: (T, 2) root in shoulder widths from the nose; NaN where the hand is not seen.
        right: As left.
    """
    clip = np.zeros((len(left), 49, 4), np.float32)
    clip[..., 3] = 1
    for point, place in enumerate(
        [(0, 0), (0.5, 0.9), (-0.5, 0.9), (0.6, 1.5), (-0.6, 1.5), (0.6, 2), (-0.6, 2)]
    ):
        clip[:, point, :2] = np.array(place) * 100 + [300, 100]
    for hand, way in ((LEFT_HAND, left), (RIGHT_HAND, right)):
        fingers = np.linspace(0, 0.3, 21)[None, :, None] * [0.3, 1]
        clip[:, hand, :2] = (way[:, None] + fingers) * 100 + [300, 100]
        gone = np.isnan(way[:, 0])
        clip[gone, hand, 3] = 0
    return clip


def still(frames: int, x: float, y: float) -> np.ndarray:
    return np.tile([[x, y]], (frames, 1)).astype(float)


def rise(frames_rest: int, frames_sign: int) -> np.ndarray:
    """Rest, a sign at the chin, rest."""
    sign = np.stack([np.linspace(-0.2, 0.2, frames_sign), np.full(frames_sign, 0.5)], axis=1)
    return np.concatenate([still(frames_rest, -0.3, 2), sign, still(frames_rest, -0.3, 2)])


def test_rest_before_and_after_is_left_out_and_a_resting_hand_hidden() -> None:
    right = rise(10, 20)
    cut = cut_to_signing(recording(still(40, 0.3, 2), right))
    assert (cut.first, cut.last) == (9, 30)
    assert len(cut.points) == 22
    assert not cut.points[:, LEFT_HAND, 3].any()
    assert cut.points[:, RIGHT_HAND, 3].all()
    assert not cut.only_rest


def test_a_left_hand_that_signs_too_stays() -> None:
    right = rise(10, 20)
    cut = cut_to_signing(recording(right * [-1, 1], right))
    assert cut.points[:, LEFT_HAND, 3].all()
    assert (cut.first, cut.last) == (9, 30)


def test_a_clip_that_was_cut_to_the_sign_keeps_its_still_low_base_hand() -> None:
    right = np.stack([np.linspace(-0.2, 0.2, 20), np.linspace(0.4, 1.2, 20)], axis=1)
    clip = recording(still(20, 0.2, 1.6), right)
    cut = cut_to_signing(clip)
    np.testing.assert_array_equal(cut.points, clip)
    assert not cut.only_rest


def test_a_still_hand_high_up_is_no_rest() -> None:
    clip = recording(still(20, 0.3, 0.6), rise(3, 14))
    cut = cut_to_signing(clip)
    assert cut.points[:, LEFT_HAND, 3].all()
    assert len(cut.points) == 20, "the left hand signs from the first frame to the last"


def test_hands_that_only_rest_or_never_show_are_no_signing() -> None:
    nowhere = np.full((20, 2), np.nan)
    resting = still(20, 0.3, 2)
    for left, right in ((resting, -resting * [1, -1]), (nowhere, resting), (nowhere, nowhere)):
        cut = cut_to_signing(recording(left, right))
        assert cut.only_rest
        assert len(cut.points) == 20


def test_a_hand_that_comes_into_view_to_sign_is_signing() -> None:
    right = np.full((30, 2), np.nan)
    right[8:22] = [0.0, 0.4]
    right[8:22, 0] = np.linspace(-0.3, 0.3, 14)
    cut = cut_to_signing(recording(np.full((30, 2), np.nan), right))
    assert not cut.only_rest


def whole_body(right: np.ndarray) -> PoseClip:
    """The recording as a clip of 133 keypoints, the body's right wrist where the right hand is."""
    points = recording(still(len(right), 0.3, 2), right)
    keypoints = np.full((len(points), 133, 4), np.nan, np.float32)
    keypoints[..., 3] = 0
    keypoints[:, WHOLE_BODY_INDEX] = points
    keypoints[:, 10] = keypoints[:, 112]
    times = np.arange(len(points)) / 25
    return PoseClip(keypoints, None, times, 25.0, 640, 480, Provenance("made", ""))


def test_the_face_is_at_rest_before_the_hands_rise_and_after_they_are_down() -> None:
    clip = whole_body(rise(6, 9))
    frame = SignerFrame.of(clip.keypoints)
    assert np.flatnonzero(at_rest(clip, frame)).tolist() == [*range(6), *range(15, 21)]
    # A hand that is lost for a moment while it signs makes no rest.
    clip.keypoints[9:11, [10, *range(112, 133)], 3] = 0
    assert np.flatnonzero(at_rest(clip, frame)).tolist() == [*range(6), *range(15, 21)]
    assert at_rest(whole_body(still(5, -0.3, 2)), frame[:5]).all()
    clip.keypoints[:, 0, 3] = 0
    assert not at_rest(clip, SignerFrame.of(clip.keypoints)).any()


def test_the_frame_of_a_cut_is_the_frame_of_its_points() -> None:
    cut = cut_to_signing(recording(still(40, 0.3, 2), rise(10, 20)))
    np.testing.assert_array_equal(cut.frame.shoulders, SignerFrame.of(cut.points).shoulders)
