"""Frames to the clip: sampling, missing faces, hands over the face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.emotion.provider import FaceFrames
from signlens.emotion.reading import COVERED_WEIGHT, face_covered, read_emotion, sample_frames
from signlens.errors import UsageError
from signlens.recognition import EMOTIONS


class Sided:
    """A provider whose answer is written in the first point's x: that expression, for sure."""

    name, version, needs_images = "sided", "1", False

    def probabilities(self, faces: FaceFrames) -> np.ndarray:
        x = faces.points[:, 0, 0]
        rows = np.full((len(x), 8), np.nan)
        for row, value in zip(rows, x, strict=True):
            if np.isfinite(value):
                row[:] = 0
                row[int(value)] = 1
        return rows


class Pictures(Sided):
    name, needs_images = "pictures", True


def faces_saying(*answers: int | None) -> np.ndarray:
    mesh = np.full((len(answers), 468, 3), np.nan)
    for row, answer in zip(mesh, answers, strict=True):
        if answer is not None:
            row[:] = 0
            row[0, 0] = answer
    return mesh


@given(frames=st.integers(1, 500), samples=st.integers(1, 60))
def test_samples_are_spread_evenly(frames, samples):
    chosen = sample_frames(frames, samples)
    assert len(chosen) == min(frames, samples)
    assert chosen[0] >= 0
    assert chosen[-1] < frames
    assert (np.diff(chosen) > 0).all()
    if len(chosen) > 1 and samples < frames:
        steps = np.diff(chosen)
        assert steps.max() - steps.min() <= 1


def test_hand_worked_samples():
    assert sample_frames(8, 4).tolist() == [1, 3, 5, 7]
    assert sample_frames(3, 16).tolist() == [0, 1, 2]
    assert sample_frames(3, None).tolist() == [0, 1, 2]
    with pytest.raises(UsageError):
        sample_frames(3, 0)


def test_counts_of_frames_matter(clip_of):
    # Nine happy frames and one angry one: the mean says so.
    reading = read_emotion(clip_of(faces_saying(*[1] * 9, 6)), samples=None, provider=Sided())
    assert reading is not None
    assert reading.probabilities["happy"] == pytest.approx(0.9)
    assert reading.probabilities["anger"] == pytest.approx(0.1)
    assert sum(reading.probabilities.values()) == pytest.approx(1)
    assert list(reading.probabilities) == list(EMOTIONS)
    assert reading.coverage == 1


def test_frames_without_a_face_count_in_coverage_only(clip_of):
    clip = clip_of(faces_saying(1, None, 2, None))
    reading = read_emotion(clip, samples=None, provider=Sided())
    assert reading is not None
    assert reading.coverage == 0.5
    assert reading.probabilities["happy"] == reading.probabilities["sad"] == 0.5
    assert [m.t_s for m in reading.timeline] == [0.0, pytest.approx(0.08)]


def test_no_face_no_emotion(clip_of):
    assert read_emotion(clip_of(faces_saying(None, None)), provider=Sided()) is None
    assert read_emotion(clip_of(None, frames=3)) is None


def test_a_face_between_the_samples_is_still_read(clip_of):
    answers: list[int | None] = [None] * 40
    answers[0] = 3
    reading = read_emotion(clip_of(faces_saying(*answers)), samples=4, provider=Sided())
    assert reading is not None
    assert reading.probabilities["surprise"] == 1
    assert reading.coverage == pytest.approx(1 / 40)


def test_a_hand_over_the_face_counts_less(clip_of, head):
    mesh = np.repeat(head.reference[None] * 100 + [320, 240, 0], 2, axis=0)
    clip = clip_of(mesh)
    clip.keypoints[1, 100] = (320, 250, 0, 0.9)  # a finger on the nose
    assert face_covered(clip).tolist() == [False, True]
    clip.face_mesh[:, 0, 0] = (1, 2)
    reading = read_emotion(clip, samples=None, provider=Sided())
    assert reading is not None
    assert reading.probabilities["sad"] == pytest.approx(COVERED_WEIGHT / (1 + COVERED_WEIGHT))
    clip.keypoints[1, 100] = (320, 400, 0, 0.9)  # a finger at the chest
    assert not face_covered(clip).any()


def test_a_provider_that_needs_pictures_says_so(clip_of):
    clip = clip_of(faces_saying(1, 1))
    with pytest.raises(UsageError, match="pictures"):
        read_emotion(clip, provider=Pictures())
    images = tuple(np.zeros((4, 4, 3), np.uint8) for _ in range(2))
    assert read_emotion(clip, provider=Pictures(), images=images) is not None


def test_the_default_provider_reads_a_face(clip_of, head):
    mesh = np.repeat(head.reference[None] * 100 + [320, 240, 0], 20, axis=0)
    reading = read_emotion(clip_of(mesh))
    assert reading is not None
    assert reading.provider == "landmarks"
    assert len(reading.timeline) == 16
    assert sum(reading.probabilities.values()) == pytest.approx(1)
