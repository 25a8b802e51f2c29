"""The picture of a face: its square, and the album's bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emotion.faces import (
    FaceAlbum,
    face_picture,
    face_square,
)
from signlens.errors import UsageError
from signlens.optional import import_opencv


def test_the_square_is_around_the_points(head):
    points = head.reference * 100 + [300, 240, 0]
    corner, side = face_square(points, 1.1)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    np.testing.assert_allclose(corner + side / 2, (low + high) / 2)
    assert side == pytest.approx(1.1 * (high - low).max())
    picture = face_picture(np.zeros((480, 640, 3), np.uint8), points, 1.1)
    assert picture.shape == (int(side), int(side), 3)
    assert face_picture(np.zeros((480, 640, 3), np.uint8), points + np.array([5000, 0, 0]), 1.1) is None
    assert face_picture(np.zeros((480, 640, 3), np.uint8), np.full((468, 3), np.nan), 1.1) is None


def test_an_album_keeps_every_frame_while_it_can(head):
    album = FaceAlbum(96, capacity=32)
    image, points = np.zeros((240, 320, 3), np.uint8), head.reference * 50 + [160, 120, 0]
    for i in range(32):
        album.add(i, image, points if i != 5 else None)
    assert album.nearest(np.arange(32)).tolist() == list(range(32))
    mesh = np.repeat(points[None], 32, axis=0)
    faces = album.faces(mesh, np.array([4, 5]))
    assert faces.images[0] is not None
    assert faces.images[1] is None
    assert faces.pictures()[1] is None


@settings(deadline=None, max_examples=40)
@given(frames=st.integers(1, 400), capacity=st.integers(2, 40))
def test_an_album_stays_within_its_capacity_and_evenly_spread(frames, capacity):
    album = FaceAlbum(8, capacity)
    image, points = np.zeros((16, 16, 3), np.uint8), np.random.default_rng(0).uniform(3, 13, (468, 3))
    for i in range(frames):
        album.add(i, image, points)
    kept = album.nearest(np.arange(frames))
    assert len(kept) <= capacity
    assert len(kept) >= min(frames, capacity // 2)
    assert len(set(np.diff(kept).tolist())) <= 1
    wanted = np.array([0, frames // 2, frames - 1])
    assert np.abs(album.nearest(wanted)[:, None] - wanted).min(axis=0).max() < 2 * album.distance


def test_an_albums_windows_are_small_copies(head):
    album = FaceAlbum(48, capacity=4)
    points = head.reference * 400 + [1000, 600, 0]
    import_opencv()  # the library's own memory is not the album's
    tracemalloc.start()
    for i in range(12):
        image = np.full((1200, 2000, 3), i, np.uint8)
        album.add(i, image, np.c_[points, np.ones(468)])
        del image
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 4 * 96 * 96 * 3 + 4 * 468 * 3 * 4 + 100_000
    frames = album.nearest(np.arange(12))
    faces = album.faces(np.repeat(points[None], 12, axis=0), frames)
    assert [int(w.mean()) for w in faces.images] == frames.tolist()
    for window, inside in zip(faces.images, faces.image_points, strict=True):
        assert max(window.shape[:2]) == 96
        # The face fills half of its window, in its middle.
        low, high = inside[:, :2].min(axis=0), inside[:, :2].max(axis=0)
        np.testing.assert_allclose((low + high) / 2, 47.5, atol=1)
        assert (high - low).max() == pytest.approx(48, abs=1)


def test_an_album_that_can_hold_nothing_is_an_error():
    with pytest.raises(UsageError, match="FaceAlbum"):
        FaceAlbum(48, capacity=1)
