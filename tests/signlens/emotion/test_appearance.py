"""The branch that looks at pictures: framing, alignment, histograms, and what it may not do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emotion.appearance import (
    CROP,
    HISTOGRAMS,
    SIDE,
    AppearanceHead,
    Framing,
    aligned_face,
    cut_square,
    describe,
    expression_crop,
    gradient_histograms,
)
from signlens.emotion.head import softmax

FRAMING = Framing(0.5, 0.4, 0.5)


def drawn_face(points: np.ndarray, size: tuple[int, int], level: int = 120) -> np.ndarray:
    """A picture whose content moves with the face points: discs at some of them."""
    image = np.full((*size, 3), level, np.uint8)
    span = float(np.linalg.norm(points[263, :2] - points[33, :2]))
    for number, index in enumerate((33, 263, 61, 291, 152, 10, 1, 70, 300, 17)):
        centre = [round(16 * float(v)) for v in points[index, :2]]
        shade = 255 if number % 2 else 0
        cv2.circle(image, centre, round(16 * span / 12), (shade,) * 3, -1, cv2.LINE_AA, 4)
    return image


def placed(head, scale: float, angle: float, at: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return head.reference @ turn * scale + [*at, 0]


def test_the_crop_is_framed_as_asked(head):
    points = placed(head, 100, 0.0, (300, 240))
    crop, moved = expression_crop(drawn_face(points, (480, 640)), points, FRAMING)
    assert crop.shape == (CROP, CROP)
    eyes = moved[[33, 263]]
    # One pixel of the crop is about four of the picture, and squares begin at whole pixels.
    np.testing.assert_allclose((eyes.mean(axis=0) + 0.5) / CROP, [0.5, 0.4], atol=0.01)
    assert np.linalg.norm(eyes[1] - eyes[0]) / CROP == pytest.approx(0.5, abs=0.01)
    # The disc at the right eye's corner is where the moved points say.
    x, y = np.round(moved[33]).astype(int)
    assert crop[y, x] < 60


@pytest.mark.parametrize(
    ("scale", "angle", "at"), [(60, 0.0, (200, 200)), (160, 0.25, (330, 250)), (90, -0.3, (400, 180))]
)
def test_where_and_how_large_a_face_is_does_not_matter(head, scale, angle, at):
    base = placed(head, 110, 0.0, (300, 240))
    first = describe(drawn_face(base, (480, 640)), base, FRAMING, head.reference)
    points = placed(head, scale, angle, at)
    second = describe(drawn_face(points, (480, 640)), points, FRAMING, head.reference)
    other = describe(drawn_face(base, (480, 640)), points, FRAMING, head.reference)
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    assert cosine > 0.9
    assert cosine > first @ other / np.linalg.norm(first) / np.linalg.norm(other)


def test_alignment_brings_the_eyes_to_their_place(head):
    points = placed(head, 24, 0.4, (24, 22))[:, :2]
    crop = np.zeros((CROP, CROP), np.uint8)
    for eye in points[[33, 263]]:
        cv2.circle(crop, [round(256 * v) for v in eye.tolist()], 256 * 2, 255, -1, cv2.LINE_AA, 8)
    found = aligned_face(crop, points, head.reference).astype(float)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    for half, x in ((slice(0, SIDE // 2), 0.25), (slice(SIDE // 2, SIDE), 0.75)):
        weight = found[:, half]
        assert (weight * xs[:, half]).sum() / weight.sum() == pytest.approx(x * SIDE - 0.5, abs=0.6)
        assert (weight * ys[:, half]).sum() / weight.sum() == pytest.approx(0.36 * SIDE, abs=0.6)


def test_a_mirrored_face_is_described_the_same(head):
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    np.testing.assert_allclose(
        gradient_histograms(picture), gradient_histograms(picture[:, ::-1].copy()), atol=1e-6
    )
    assert gradient_histograms(picture).shape == (HISTOGRAMS,)


def test_histograms_hardly_change_with_brightness_and_contrast():
    picture = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 200, (SIDE, SIDE), dtype=np.uint8), (0, 0), 2
    )
    dim = (picture * 0.6 + 40).astype(np.uint8)
    one, two = gradient_histograms(picture), gradient_histograms(dim)
    assert one @ two / np.linalg.norm(one) / np.linalg.norm(two) > 0.99


def test_no_face_no_crop(head):
    image = np.zeros((100, 100, 3), np.uint8)
    lost = np.full((468, 3), np.nan)
    assert expression_crop(image, lost, FRAMING) is None
    assert np.isnan(describe(image, lost, FRAMING, head.reference)).all()
    assert expression_crop(image, placed(head, 8, 0, (50, 50)), FRAMING) is None  # too small
    assert expression_crop(image, placed(head, 60, 0, (900, 50)), FRAMING) is None  # outside
    assert aligned_face(np.zeros((48, 48), np.uint8), np.ones((468, 2)), head.reference) is None


def test_squares_go_on_beyond_the_edge():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    found = cut_square(image, np.array([-1.0, -1.0]), 3)
    assert found.tolist() == [[0, 0, 1], [0, 0, 1], [4, 4, 5]]
    assert cut_square(image, np.array([4.0, 0.0]), 3) is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_the_picture_never_says_how_neutral_a_face_is(seed):
    generator = np.random.default_rng(seed)
    branch = AppearanceHead(FRAMING, np.empty((0, 7)), np.empty(0), *generator.uniform(0, 3, 2))
    logits, scores = generator.normal(0, 4, (5, 8)), generator.normal(0, 4, (5, 7))
    scores[2] = np.nan
    before, after = softmax(logits), softmax(branch.joined(logits, scores))
    np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-12)
    np.testing.assert_array_equal(after[2], before[2])
    mixed = branch.points_share * logits + branch.appearance_share * np.c_[np.zeros(5), scores]
    seen = [0, 1, 3, 4]
    np.testing.assert_array_equal(after[seen, 1:].argmax(axis=1), mixed[seen, 1:].argmax(axis=1))


def test_the_shipped_head_reads_points_alone_and_with_a_picture(head):
    points = np.stack([placed(head, 100, 0, (300, 240)), placed(head, 100, 0.1, (280, 230))])
    image = drawn_face(points[0], (480, 640))
    rows, used = head.probabilities_with_pictures(points, [image, None])
    assert used.tolist() == [True, False]
    alone = head.probabilities(points)
    np.testing.assert_array_equal(rows[1], alone[1])
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    assert rows[0, 0] == pytest.approx(alone[0, 0])
    assert not np.allclose(rows[0], alone[0])


def test_a_window_of_the_frame_reads_as_the_frame(head):
    points = placed(head, 100, 0.05, (300, 240))
    image = drawn_face(points, (480, 640))
    whole, _ = head.probabilities_with_pictures(points[None], [image])
    inside = points - [150, 90, 0]
    cut, used = head.probabilities_with_pictures(points[None], [image[90:420, 150:460].copy()], inside[None])
    assert used.all()
    np.testing.assert_allclose(cut, whole, atol=1e-9)
