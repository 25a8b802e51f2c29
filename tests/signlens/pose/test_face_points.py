"""Head pose is removed, and a measure moves when, and only when, its part of the face does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from signlens.pose.face_points import (
    MEASURES,
    STABLE_POINTS,
    measures,
    mirror_points,
    remove_head_pose,
    symmetric_outline,
)

INNER_BROW = [107, 66, 55, 65, 336, 296, 285, 295]
OUTER_BROW = [70, 63, 46, 53, 300, 293, 276, 283]


def changed(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Measures that differ, and by how much."""
    return {
        name: float(b - a) for name, a, b in zip(MEASURES, before, after, strict=True) if abs(b - a) > 1e-9
    }


def moved(face: np.ndarray, points: list[int], by: tuple[float, float, float]) -> np.ndarray:
    result = face.copy()
    result[points] += by
    return result


@settings(max_examples=40, deadline=None)
@given(
    angles=st.tuples(st.floats(-80, 80), st.floats(-60, 60), st.floats(-180, 180)),
    scale=st.floats(0.1, 900),
    shift=st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(-500, 500)),
    seed=st.integers(0, 1000),
)
def test_rotation_scale_and_place_leave_measures_unchanged(head, angles, scale, shift, seed):
    person = head.reference + np.random.default_rng(seed).normal(0, 0.02, (468, 3))
    turn = Rotation.from_euler("yxz", angles, degrees=True).as_matrix()
    seen = (person @ turn.T) * scale + shift
    both = np.stack([person, seen])
    result = measures(remove_head_pose(both, head.reference))
    np.testing.assert_allclose(result[1], result[0], atol=1e-7)


def test_alignment_is_the_least_squares_rotation_of_scipy(head):
    generator = np.random.default_rng(3)
    person = head.reference + generator.normal(0, 0.05, (468, 3))
    turned = person @ Rotation.from_euler("y", 30, degrees=True).as_matrix().T
    aligned = remove_head_pose(turned[None], head.reference)[0]
    stable = list(STABLE_POINTS)
    goal = head.reference[stable] - head.reference[stable].mean(axis=0)
    source = turned[stable] - turned[stable].mean(axis=0)
    expected, _ = Rotation.align_vectors(goal, source)
    direction = aligned[1] - aligned[0]
    wanted = expected.apply(turned[1] - turned[0])
    np.testing.assert_allclose(
        direction / np.linalg.norm(direction), wanted / np.linalg.norm(wanted), atol=1e-7
    )


def test_the_reference_stays_where_it_is(head):
    np.testing.assert_allclose(
        remove_head_pose(head.reference[None] * 200 + 50, head.reference)[0], head.reference, atol=1e-9
    )
    assert np.linalg.norm(head.reference[33] - head.reference[263]) == pytest.approx(1, abs=1e-6)


def test_a_raised_brow_raises_only_brow_measures(head):
    face = head.reference
    raised = moved(face, INNER_BROW + OUTER_BROW, (0, -0.1, 0))
    before, after = measures(np.stack([face, raised]))
    difference = changed(before, after)
    assert set(difference) == {"AU01_inner_brow_raiser", "AU02_outer_brow_raiser", "AU04_brow_lowerer"}
    assert difference["AU01_inner_brow_raiser"] == pytest.approx(0.1)
    assert difference["AU02_outer_brow_raiser"] == pytest.approx(0.1)
    assert difference["AU04_brow_lowerer"] == pytest.approx(-0.05)


def test_inner_and_outer_brow_are_told_apart(head):
    face = head.reference
    difference = changed(*measures(np.stack([face, moved(face, OUTER_BROW, (0, -0.1, 0))])))
    assert set(difference) == {"AU02_outer_brow_raiser"}


@pytest.mark.parametrize(
    ("points", "by", "raised", "lowered"),
    [
        ([158, 159, 160, 385, 386, 387], (0, -0.02, 0), {"AU05_upper_lid_raiser"}, {"AU43_eye_closure"}),
        ([144, 145, 153, 373, 374, 380], (0, -0.02, 0), {"AU07_lid_tightener", "AU43_eye_closure"}, set()),
        ([129, 98, 358, 327], (0, -0.03, 0), {"AU09_nose_wrinkler"}, set()),
        ([152], (0, 0.1, 0), {"AU17_chin_raiser", "AU26_jaw_drop"}, set()),
        ([50, 101, 118, 280, 330, 347], (0, -0.03, 0), {"AU06_cheek_raiser"}, set()),
        ([61, 291], (0, -0.05, 0), {"AU12_lip_corner_puller"}, {"AU15_lip_corner_depressor"}),
        (
            [87, 14, 317, 84, 17, 314],
            (0, 0.05, 0),
            {"AU25_lips_part"},
            {"AU15_lip_corner_depressor", "AU17_chin_raiser"},
        ),
    ],
)
def test_one_part_moves_its_own_measures(head, points, by, raised, lowered):
    face = head.reference
    difference = changed(*measures(np.stack([face, moved(face, points, by)])))
    assert {name for name, value in difference.items() if value > 0} == raised
    assert {name for name, value in difference.items() if value < 0} == lowered


def test_a_one_sided_mouth_corner_is_an_asymmetry(head):
    face = head.reference
    one = moved(face, [61], (0, -0.08, 0))
    before, after = measures(np.stack([face, one]))
    assert changed(before, after)["mouth_corner_asymmetry"] == pytest.approx(0.08)


def test_a_face_and_its_mirror_image_measure_the_same(head):
    person = head.reference + np.random.default_rng(5).normal(0, 0.02, (468, 3))
    pair = np.concatenate([person[None], mirror_points(person[None], head.mirror)])
    shape = remove_head_pose(pair, head.reference)
    # The reference is a mean of real faces, so its two sides differ by about a thousandth.
    np.testing.assert_allclose(measures(shape)[0], measures(shape)[1], atol=2e-3)
    outline = symmetric_outline(shape, head.mirror)
    np.testing.assert_allclose(outline[0], outline[1], atol=2e-3)
    np.testing.assert_array_equal(mirror_points(mirror_points(pair, head.mirror), head.mirror), pair)


def test_missing_faces_stay_missing_and_leave_the_others_alone(head):
    faces = np.repeat(head.reference[None], 4, axis=0) * 100
    faces[1] = np.nan
    faces[2, 17, 1] = np.nan  # one lost point is no face either
    faces[3] = 7.0  # all points in one place: no size
    result = measures(remove_head_pose(faces, head.reference))
    assert np.isfinite(result[0]).all()
    assert np.isnan(result[1:]).all()
    alone = measures(remove_head_pose(faces[:1], head.reference))
    np.testing.assert_allclose(result[0], alone[0])


def test_no_face_at_all_gives_no_row(head):
    assert remove_head_pose(np.empty((0, 468, 3)), head.reference).shape == (0, 468, 3)
    assert head.probabilities(np.full((3, 468, 3), np.nan)).shape == (3, 8)


def test_wrong_shapes_are_refused(head):
    with pytest.raises(ValueError, match="468"):
        remove_head_pose(np.zeros((2, 478, 3)), head.reference)
    with pytest.raises(ValueError, match="reference"):
        remove_head_pose(np.zeros((2, 468, 3)), np.zeros((478, 3)))
