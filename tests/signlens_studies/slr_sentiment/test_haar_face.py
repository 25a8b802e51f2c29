"""The paper's own vector by hand-worked examples, quirks included."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import InputRejected, UsageError
from signlens_studies.slr_sentiment import haar_face as paper
from signlens_studies.slr_sentiment.haar_face import (
    first_haar_face,
    majority_expression,
    paper_frames,
    winning_logit_average,
)


def frame(**logits: float) -> np.ndarray:
    names = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
    row = np.full(8, -9.0)
    for name, value in logits.items():
        row[names.index(name)] = value
    return row


@pytest.mark.parametrize(
    ("frames", "looked_at"), [(10, 10), (15, 15), (19, 19), (20, 10), (29, 15), (45, 12), (64, 11), (100, 10)]
)
def test_about_ten_to_nineteen_frames_are_looked_at(frames, looked_at):
    found = paper_frames(frames)
    assert len(found) == looked_at
    assert found.tolist() == [i for i in range(frames) if i % (frames // 10) == 0]


def test_a_short_clip_is_a_clear_error_where_the_paper_divides_by_zero():
    for frames in range(10):
        with pytest.raises(InputRejected, match="10"):
            paper_frames(frames)


def test_counts_are_ignored():
    # Nine frames of happy at logit 2 and one of anger at logit 2: half and half.
    rows = np.stack([frame(happy=2.0)] * 9 + [frame(anger=2.0)])
    expected = np.zeros(8)
    expected[[1, 6]] = 0.5
    np.testing.assert_array_equal(winning_logit_average(rows), expected)
    assert majority_expression(rows) == "happy"


def test_the_mean_of_the_winners_alone_and_four_decimals():
    rows = np.stack([frame(sad=1.0, happy=0.9), frame(sad=3.0), frame(fear=1.0), np.full(8, np.nan)])
    # Sad (1 + 3) / 2 = 2, fear 1; the happy 0.9 that lost and the frame without a face count for nothing.
    np.testing.assert_array_equal(winning_logit_average(rows), [0, 0, 0.6667, 0, 0.3333, 0, 0, 0])
    np.testing.assert_allclose(winning_logit_average(rows, None)[2], 2 / 3)


def test_one_expression_alone_is_certain_and_negative_logits_leave_the_unit_interval():
    np.testing.assert_array_equal(winning_logit_average(frame(fear=-0.5)[None]), np.eye(8)[4])
    vector = winning_logit_average(np.stack([frame(happy=3.0), frame(sad=-1.0)]))
    np.testing.assert_array_equal(vector, [0, 1.5, -0.5, 0, 0, 0, 0, 0])


def test_no_face_is_all_zeros_and_a_zero_sum_an_error():
    np.testing.assert_array_equal(winning_logit_average(np.full((3, 8), np.nan)), np.zeros(8))
    assert majority_expression(np.full((3, 8), np.nan)) is None
    with pytest.raises(UsageError, match="sum to 0"):
        winning_logit_average(np.stack([frame(happy=1.0), frame(sad=-1.0)]))
    with pytest.raises(UsageError, match="eight"):
        winning_logit_average(np.zeros((3, 7)))


def test_the_haar_cascade_sees_no_face_in_nothing():
    assert first_haar_face(np.zeros((120, 160, 3), np.uint8)) is None
    assert first_haar_face(np.full((64, 64, 3), 128, np.uint8)) is None
    assert cv2.data.haarcascades


def test_the_papers_way_takes_blue_for_red_and_keeps_frames_without_a_face_empty(monkeypatch):
    class Listening:
        expressions = EMOTIONS

        def logits_of_crops(self, crops):
            self.crops = crops
            return np.zeros((len(crops), 8))

    provider = Listening()
    seen = iter(range(100))
    monkeypatch.setattr(paper, "first_haar_face", lambda image: None if next(seen) == 3 else image)
    frames = [np.dstack([np.full((4, 4), v, np.uint8), *np.zeros((2, 4, 4), np.uint8)]) for v in range(29)]
    assert paper.paper_logits(frames, provider).shape == (15, 8)
    assert provider.crops[3] is None
    # The red of frames 0, 2, 4, ... stands where blue belongs.
    assert [int(c[0, 0, 2]) for c in provider.crops if c is not None] == [0, 2, 4, *range(8, 29, 2)]
    assert all(int(c[..., :2].max()) == 0 for c in provider.crops if c is not None)
