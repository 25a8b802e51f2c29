import numpy as np
import pytest

from signlens.emotion.head import load_head
from signlens_studies.expression.face_pictures import (
    EYE_SPAN,
    EYES,
    MARGIN,
    PLAIN,
    FacePictures,
    alignment,
    cached_pictures,
    of_film,
)


def face_at(x, y, size, degrees):
    """The reference face, its eyes' middle somewhere in an image."""
    face = np.array(load_head().reference)
    face -= [*face[[33, 263], :2].mean(axis=0), 0]
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    face[:, :2] = face[:, :2] @ rotation.T * size + [x, y]
    face[:, 2] *= size
    return face


@pytest.mark.parametrize(("size", "degrees"), [(25, 0), (100, 0), (60, 25), (180, -70)])
def test_the_frame_has_the_eyes_at_the_same_place_however_a_face_is_filmed(size, degrees):
    face = face_at(300, 200, size, degrees)
    matrix = alignment(face)
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    eyes = face[[33, 263], :2] @ back[:2, :2].T + back[:2, 2]
    middle, span = eyes.mean(axis=0), np.linalg.norm(eyes[1] - eyes[0])
    assert middle == pytest.approx(np.array(EYES) * 48 - 0.5, abs=0.1)
    assert span == pytest.approx(EYE_SPAN * 48, rel=0.01)
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=0.2)


def test_points_without_extent_or_with_nan_have_no_frame():
    assert alignment(np.zeros((468, 3))) is None
    assert alignment(np.full((468, 3), np.nan)) is None


@pytest.mark.parametrize("size", [20, 90])
def test_a_films_face_is_cut_where_its_points_are(size):
    face = face_at(160, 120, size, 15)
    image = np.zeros((240, 320), dtype=np.uint8)
    rows, columns = np.mgrid[:240, :320]
    eye = face[33, :2]
    image[(columns - eye[0]) ** 2 + (rows - eye[1]) ** 2 < (0.12 * size) ** 2] = 255
    picture, points = of_film(image, face)
    assert picture.shape == (72, 72)
    y, x = np.mgrid[:72, :72]
    weight = picture / picture.sum(dtype=float)
    assert [(x * weight).sum(), (y * weight).sum()] == pytest.approx(points[33, :2], abs=0.6)
    assert points[[33, 263], :2].mean(axis=0) == pytest.approx(np.array(EYES) * 48 - 0.5 + MARGIN, abs=0.2)


def test_faces_are_made_once_and_read_again(tmp_path):
    made = FacePictures(
        np.ones((2, 72, 72), dtype=np.uint8),
        np.repeat(PLAIN[None], 2, axis=0),
        np.full((2, 468, 3), np.nan, dtype=np.float16),
        np.array([0, 3]),
        np.array(["a", "b"]),
        np.array(["x", "y"]),
    )
    path = tmp_path / "cache" / "faces.npz"
    cached_pictures(path, lambda: made)

    def again():
        raise AssertionError("made twice")

    read = cached_pictures(path, again)
    assert read.person.tolist() == ["a", "b"]
    assert not read.found.any()
    assert np.array_equal(read.pictures, made.pictures)
