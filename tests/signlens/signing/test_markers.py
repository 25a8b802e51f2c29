"""Non-manual markers in made-up faces whose movements are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from signlens.emotion.head import ExpressionHead
from signlens.errors import UsageError
from signlens.pose import face_points as landmarks
from signlens.pose.clip import PoseClip, Provenance
from signlens.pose.face_points import MEASURED_POINTS, align_faces, head_angles, measures, remove_head_pose
from signlens.signing.markers import FUNCTIONS, Marker, MarkerReading, read_markers

BROWS = [i for side in (*landmarks._INNER_BROW, *landmarks._OUTER_BROW) for i in side]
INNER_BROWS = [i for side in landmarks._INNER_BROW for i in side]
LOWER_LIP = [*landmarks._LOWER_LIP_EDGE, *landmarks._LOWER_LIP_BOTTOM]
UPPER_LIP = [*landmarks._UPPER_LIP_EDGE]

Course = Callable[[np.ndarray], np.ndarray]


def nothing(t: np.ndarray) -> np.ndarray:
    return np.zeros_like(t)


def between(start: float, end: float, height: float = 1.0, ramp: float = 0.1) -> Course:
    """Up around `start`, down around `end`, half way exactly at both."""
    return lambda t: height * np.clip((t - start) / ramp + 0.5, 0, 1) * np.clip((end - t) / ramp + 0.5, 0, 1)


def swing(start: float, end: float, degrees: float, hertz: float) -> Course:
    return lambda t: np.where((t > start) & (t < end), degrees * np.sin(2 * np.pi * hertz * (t - start)), 0.0)


def film(
    head: ExpressionHead,
    *,
    seconds: float = 3.0,
    fps: float = 25.0,
    raised: Course = nothing,
    furrowed: Course = nothing,
    mouth: Course = nothing,
    yaw: Course = nothing,
    pitch: Course = nothing,
    noise: float = 0.001,
    hands_rest: bool = True,
    size: float = 100.0,
    shift: tuple[float, float] = (320.0, 200.0),
    turned: float = 0.0,
) -> PoseClip:
    """A face that does what is said, and wrists that are up in the middle of the clip."""
    rng = np.random.default_rng(5)
    t = np.arange(round(seconds * fps)) / fps
    face = np.repeat(head.reference[None], len(t), axis=0)
    # A mouth as it is when closed, whatever the reference face does.
    edge_gap = face[0, list(landmarks._LOWER_LIP_EDGE), 1].mean() - face[0, UPPER_LIP, 1].mean()
    face[:, LOWER_LIP, 1] += 0.025 - edge_gap + mouth(t)[:, None]
    face[:, BROWS, 1] -= raised(t)[:, None]
    face[:, INNER_BROWS, 1] += furrowed(t)[:, None]
    face += rng.normal(0, noise, face.shape)
    # In the picture's axes (x right, y down, z away) a turn about x lowers the chin, and one about -y
    # turns the face to the picture's right, the signer's left.
    turn = Rotation.from_euler("YX", np.stack([-turned - yaw(t), pitch(t)], axis=1), degrees=True).as_matrix()
    points = np.einsum("kij,kpj->kpi", turn, face) * size + [*shift, 0.0]
    keypoints = np.zeros((len(t), 133, 4), np.float32)
    keypoints[..., :2] = np.nan
    for index, place in {0: (0, 0.2), 5: (1.6, 2.2), 6: (-1.6, 2.2)}.items():
        keypoints[:, index] = [*(np.array(place) * size + shift), 0, 0.9]
    middle = (t > 0.25 * seconds) & (t < 0.75 * seconds)
    for index, x in ((9, 1.0), (10, -1.0)):
        height = np.where(middle | (not hands_rest), 2.8, 6.5)
        keypoints[:, index, 0], keypoints[:, index, 1] = x * size + shift[0], height * size + shift[1]
        keypoints[:, index, 2], keypoints[:, index, 3] = 0, 0.9
    return PoseClip(
        keypoints=keypoints,
        face_mesh=points.astype(np.float32),
        times=t,
        fps=fps,
        width=640,
        height=480,
        provenance=Provenance("test", "1"),
    )


def read(head: ExpressionHead, **options: object) -> MarkerReading:
    return read_markers(film(head, **options), head.reference)  # type: ignore[arg-type]


def only(reading: MarkerReading) -> Marker:
    assert [m.name for m in reading.markers] == [m.name for m in reading.markers][:1], reading.markers
    return reading.markers[0]


def test_the_heads_angles_are_those_it_was_turned_by(head):
    rng = np.random.default_rng(1)
    angles = rng.uniform(-35, 35, (20, 3))
    turn = Rotation.from_euler("YXZ", angles * [-1, 1, 1], degrees=True).as_matrix()
    faces = np.einsum("kij,pj->kpi", turn, head.reference) * 70 + [300, 200, 5]
    shape, rotations = align_faces(faces, head.reference)
    assert rotations == pytest.approx(turn)
    assert head_angles(rotations) == pytest.approx(angles)
    assert shape == pytest.approx(remove_head_pose(faces, head.reference))


def test_aligning_some_points_measures_the_same(head):
    faces = np.repeat(head.reference[None], 3, axis=0) * 50
    faces[1] = np.nan
    whole = align_faces(faces, head.reference)
    some = align_faces(faces, head.reference, MEASURED_POINTS)
    assert measures(some[0]) == pytest.approx(measures(whole[0]), nan_ok=True)
    assert some[1] == pytest.approx(whole[1], nan_ok=True)
    assert np.isnan(some[0][0]).any()  # the others are left out


def test_a_still_face_has_no_markers(head):
    reading = read(head)
    assert reading.readable
    assert reading.markers == reading.reasons == ()
    assert reading.baseline == "rest"


@pytest.mark.parametrize(
    ("name", "movement", "height"),
    [("brow_raise", "raised", 0.05), ("brow_furrow", "furrowed", 0.05), ("mouth_opening", "mouth", 0.12)],
)
@pytest.mark.parametrize("fps", [12.5, 25.0, 50.0])
def test_onset_and_offset_are_found_at_any_frame_rate(head, name, movement, height, fps):
    marker = only(read(head, fps=fps, **{movement: between(0.9, 1.9, height)}))
    assert marker.name == name
    assert marker.function == FUNCTIONS[name]
    assert marker.onset_s == pytest.approx(0.9, abs=0.09)
    assert marker.offset_s == pytest.approx(1.9, abs=0.09)
    assert marker.confidence > 0.6


def test_strength_grows_with_the_movement_and_a_slight_one_is_none(head):
    strengths = [
        only(read(head, raised=between(0.9, 1.9, height))).strength for height in (0.025, 0.035, 0.045, 0.3)
    ]
    assert strengths == sorted(strengths)
    assert strengths[-1] == 1
    assert read(head, raised=between(0.9, 1.9, 0.008)).markers == ()
    assert read(head, raised=between(0.9, 0.98, 0.1, ramp=0.02)).markers == ()  # a flash


def test_where_the_face_is_how_large_and_how_turned_does_not_count(head):
    course = {"raised": between(0.9, 1.9, 0.05), "mouth": between(1.2, 2.0, 0.1)}
    plain = read(head, noise=0, **course)
    other = read(head, noise=0, size=37.0, shift=(90.0, 70.0), turned=25.0, **course)
    assert [m.name for m in plain.markers] == ["brow_raise", "mouth_opening"]
    for a, b in zip(plain.markers, other.markers, strict=True):
        assert (a.name, a.onset_s, a.offset_s) == (b.name, b.onset_s, b.offset_s)
        assert a.strength == pytest.approx(b.strength, abs=1e-3)


@pytest.mark.parametrize(("name", "axis"), [("head_shake", "yaw"), ("head_nod", "pitch")])
@pytest.mark.parametrize("hertz", [1.0, 2.0, 4.0])
def test_a_shake_is_about_the_neck_and_a_nod_is_up_and_down(head, name, axis, hertz):
    marker = only(read(head, **{axis: swing(0.8, 2.2, 10, hertz)}))
    assert marker.name == name
    assert marker.onset_s == pytest.approx(0.8, abs=0.15)
    assert marker.offset_s == pytest.approx(2.2, abs=0.55 / hertz)
    assert marker.strength == pytest.approx(20 / 25, abs=0.1)


def test_neither_a_glance_nor_a_slow_turn_nor_a_tremor_is_a_shake(head):
    for course in (
        between(0.8, 1.6, 25),  # aside and back
        lambda t: 20 * np.sin(2 * np.pi * 0.3 * t),  # slow
        lambda t: 1.5 * np.sin(2 * np.pi * 5 * t),  # small
        lambda t: np.where(t > 1.4, 25.0, 0.0),  # turned, and stays so
    ):
        assert read(head, yaw=course).markers == ()


def test_markers_of_face_and_head_are_found_together(head):
    reading = read(head, furrowed=between(0.8, 2.0, 0.05), yaw=swing(0.9, 2.1, 12, 2))
    assert {m.name for m in reading.markers} == {"brow_furrow", "head_shake"}
    assert [m.onset_s for m in reading.markers] == sorted(m.onset_s for m in reading.markers)


def test_brows_held_up_throughout_need_a_face_at_rest_from_elsewhere(head):
    clip = film(head, raised=lambda t: np.full_like(t, 0.06), hands_rest=False)
    alone = read_markers(clip, head.reference)
    assert alone.markers == ()
    assert alone.baseline == "median"
    assert "held up" in alone.reasons[0].text
    neutral = np.median(measures(remove_head_pose(film(head).face_mesh, head.reference)), axis=0)
    marker = only(read_markers(clip, head.reference, neutral))
    assert marker.name == "brow_raise"
    assert marker.onset_s == 0
    with pytest.raises(UsageError):
        read_markers(clip, head.reference, neutral[:3])


def test_rest_at_the_ends_shows_brows_held_up_for_most_of_the_clip(head):
    marker = only(read(head, raised=between(0.4, 2.6, 0.05)))
    assert marker.offset_s - marker.onset_s == pytest.approx(2.2, abs=0.15)


def test_what_a_hand_covers_is_not_read(head):
    clip = film(head, raised=between(0.9, 1.9, 0.05))
    assert only(read_markers(clip, head.reference)).name == "brow_raise"
    mesh = clip.face_mesh
    clip.keypoints[20:50, 100] = [*mesh[30, 66, :2] + [0, 3], 0, 0.9]  # a finger on a brow
    assert read_markers(clip, head.reference).markers == ()


def test_too_little_face_is_said_and_not_guessed(head):
    clip = film(head, raised=between(0.9, 1.9, 0.05), yaw=swing(0.8, 2.2, 10, 2))
    clip.face_mesh[10:] = np.nan
    hidden = read_markers(clip, head.reference)
    assert not hidden.readable
    assert hidden.markers == ()
    assert "13%" in hidden.reasons[0].text
    bare = PoseClip(clip.keypoints, None, clip.times, clip.fps, clip.width, clip.height, clip.provenance)
    assert "no face mesh" in read_markers(bare, head.reference).reasons[0].text


def test_a_long_gap_ends_a_marker_and_a_short_one_does_not(head):
    clip = film(head, raised=between(0.5, 2.5, 0.05))
    clip.face_mesh[36:38] = np.nan
    assert len(read_markers(clip, head.reference).markers) == 1
    clip.face_mesh[32:44] = np.nan
    assert [m.name for m in read_markers(clip, head.reference).markers] == ["brow_raise"] * 2


def test_few_frames_a_second_hide_head_movements_and_it_says_so(head):
    reading = read(head, fps=6.0, raised=between(0.9, 1.9, 0.05), yaw=swing(0.8, 2.2, 10, 2.0))
    assert [m.name for m in reading.markers] == ["brow_raise"]
    assert "frames a second" in reading.reasons[0].text


def test_noise_alone_is_no_marker(head):
    assert read(head, noise=0.01, seconds=10.0).markers == ()


def test_one_frame_says_nothing(head):
    reading = read(head, seconds=0.04)
    assert not reading.readable


@given(seed=st.integers(0, 2**31), missing=st.floats(0, 0.9), frames=st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_whatever_the_face_does_markers_are_in_order_and_inside_the_clip(head, seed, missing, frames):
    rng = np.random.default_rng(seed)
    clip = film(head, seconds=frames / 25, yaw=lambda t: np.cumsum(rng.normal(0, 8, t.size)), noise=0.02)
    clip.face_mesh[rng.random(frames) < missing] = np.nan
    clip.face_mesh[rng.random(frames) < 0.05] = 7.0  # all points in one place
    times = 3 + np.cumsum(rng.uniform(0.005, 0.1, frames))  # uneven, and not from 0
    clip = replace(clip, times=times)
    reading = read_markers(clip, head.reference)
    assert reading.readable or reading.reasons
    assert [m.onset_s for m in reading.markers] == sorted(m.onset_s for m in reading.markers)
    for m in reading.markers:
        assert times[0] <= m.onset_s < m.offset_s <= times[-1] + 1e-6
        assert 0 <= m.confidence <= 1
        assert 0 < m.strength <= 1
