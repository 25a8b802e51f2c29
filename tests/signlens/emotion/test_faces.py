"""Whose face: the largest near the head; the album's bounded memory; faces of frames without poses."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emotion.faces import (
    FaceAlbum,
    face_picture,
    face_square,
    faces_in_frames,
    heads_of,
    largest_face_near,
)
from signlens.errors import UsageError
from signlens.video import open_video


def test_the_largest_face_near_the_head_is_taken():
    boxes = np.array([[0, 0, 60, 60], [100, 100, 140, 140], [110, 90, 160, 140]])
    assert largest_face_near(boxes, None) == 0  # nobody knows where the signer is: the largest
    assert largest_face_near(boxes, np.array([125, 118, 50])) == 2  # a passer-by's is larger, but far
    assert largest_face_near(boxes, np.array([400, 400, 50])) is None
    assert largest_face_near(np.empty((0, 4)), None) is None
    assert largest_face_near(np.array([[5, 5, 5, 9.0]]), None) is None  # no width


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_the_choice_is_a_literal_search(seed):
    generator = np.random.default_rng(seed)
    corner = generator.uniform(0, 300, (6, 2))
    boxes = np.c_[corner, corner + generator.uniform(5, 90, (6, 2))]
    head = np.array([*generator.uniform(0, 300, 2), generator.uniform(20, 150)])
    best, area = None, 0.0
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        near = np.hypot((x0 + x1) / 2 - head[0], (y0 + y1) / 2 - head[1]) <= head[2]
        if near and (x1 - x0) * (y1 - y0) > area:
            best, area = i, (x1 - x0) * (y1 - y0)
    assert largest_face_near(boxes, head) == best


def test_heads_lie_between_nose_eyes_and_ears():
    keypoints = np.full((2, 133, 4), np.nan)
    keypoints[..., 3] = 0
    keypoints[0, :5] = [[100, 80, 0, 1], [110, 70, 0, 1], [90, 70, 0, 1], [120, 75, 0, 1], [80, 75, 0, 1]]
    keypoints[1, 0] = [100, 80, 0, 1]
    heads = heads_of(keypoints)
    np.testing.assert_allclose(heads[0], [100, 74, 60])
    assert np.isnan(heads[1]).all()


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
    album.keep_only(kept[:1])
    assert album.nearest(wanted).tolist() == [0]


def test_an_albums_windows_are_small_copies(head):
    album = FaceAlbum(48, capacity=4)
    points = head.reference * 400 + [1000, 600, 0]
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


def test_faces_of_frames_without_poses(signer_clip):
    """Two signers put side by side, one larger: the head says whose face is read, else the largest is."""
    with open_video(signer_clip(frames=2).path) as video:
        frame = next(iter(video)).image
    height, width = frame.shape[:2]
    alone = faces_in_frames([frame])
    assert np.isfinite(alone.points).all()
    middle = alone.points[0, :, :2].mean(axis=0)
    size = np.ptp(alone.points[0, :, 1])
    large = cv2.resize(frame, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    both = np.zeros((large.shape[0], width + large.shape[1], 3), np.uint8)
    both[:height, :width], both[:, width:] = frame, large
    heads = np.array([[*middle, 1.5 * size], [np.nan] * 3, [5.0, 5.0, 4.0]])
    found = faces_in_frames([both, both, both], heads)
    places = found.points[..., :2].mean(axis=1)
    np.testing.assert_allclose(places[0], middle, atol=0.15 * size)
    np.testing.assert_allclose(places[1], middle * 1.5 + [width, 0], atol=0.2 * size)
    assert np.isnan(places[2]).all()  # no face is near that head
    assert np.isnan(faces_in_frames([np.zeros((120, 160, 3), np.uint8)]).points).all()


def test_frames_that_are_no_pictures_are_refused():
    with pytest.raises(UsageError, match="RGB"):
        faces_in_frames([np.zeros((4, 4), np.uint8)])
    with pytest.raises(UsageError, match="heads"):
        faces_in_frames([np.zeros((4, 4, 3), np.uint8)], np.zeros((2, 3)))
