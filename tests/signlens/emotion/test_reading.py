"""Frames to the clip: sampling, missing faces, hands over the face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.faces import FaceAlbum
from signlens.emotion.provider import ASSUMED_NEUTRAL, FaceFrames, FrameExpressions
from signlens.emotion.reading import (
    COVERED_WEIGHT,
    face_confidence,
    face_covered,
    read_emotion,
    read_frames,
    sample_frames,
    summarise_readings,
)
from signlens.emotion.resting_face import signer_baseline
from signlens.errors import UsageError


class Sided:
    """A provider whose answer is written in the first point's x: that expression, for sure."""

    name, version, needs_images, face_side, neutral = "sided", "1", False, 0, ASSUMED_NEUTRAL

    def read(self, faces: FaceFrames) -> FrameExpressions:
        x = faces.points[:, 0, 0]
        rows = np.full((len(x), 8), np.nan)
        for row, value in zip(rows, x, strict=True):
            if np.isfinite(value):
                row[:] = 0
                row[int(value)] = 1
        return FrameExpressions(rows, np.zeros(len(rows), dtype=bool))


class Pictures(Sided):
    """Knows valence and arousal as well, and reads them from the picture's first pixel."""

    name, needs_images, face_side = "pictures", True, 4

    def read(self, faces: FaceFrames) -> FrameExpressions:
        found = faces.pictures()
        pictured = np.array([picture is not None for picture in found])
        level = np.array([np.nan if f is None else f[0][0, 0, 0] / 100 for f in found])
        rows = np.where(pictured[:, None], super().read(faces).probabilities, np.nan)
        return FrameExpressions(rows, pictured, level, -level)


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
    images = tuple(np.full((4, 4, 3), value, np.uint8) for value in (20, 60))
    with pytest.raises(UsageError, match="images"):
        read_emotion(clip, provider=Sided(), images=images[:1])
    reading = read_emotion(clip, provider=Pictures(), images=images)
    assert reading is not None
    assert reading.valence == pytest.approx(0.4)
    assert reading.arousal == pytest.approx(-0.4)
    assert [m.valence for m in reading.timeline] == [pytest.approx(0.2), pytest.approx(0.6)]
    assert reading.pictured == 1


def test_a_provider_that_knows_no_mood_says_none(clip_of):
    reading = read_emotion(clip_of(faces_saying(1)), provider=Sided())
    assert reading is not None
    assert reading.valence is None
    assert reading.arousal is None
    assert reading.pictured == 0
    assert reading.version == "1"


def test_the_default_provider_reads_a_face(clip_of, head):
    mesh = np.repeat(head.reference[None] * 100 + [320, 240, 0], 20, axis=0)
    reading = read_emotion(clip_of(mesh))
    assert reading is not None
    assert reading.provider == "landmarks"
    assert len(reading.timeline) == 16
    assert sum(reading.probabilities.values()) == pytest.approx(1)


def test_faces_count_by_the_extractors_confidence(clip_of):
    clip = clip_of(faces_saying(1, 6, 2))
    clip.keypoints[0, 23:91] = (0, 0, 0, 0.9)
    clip.keypoints[1, 23:91] = (0, 0, 0, 0.3)
    clip.keypoints[2, 23:91] = (0, 0, 0, 0.6)
    np.testing.assert_allclose(face_confidence(clip), [0.9, 0.3, 0.6], rtol=1e-6)
    reading = read_emotion(clip, samples=None, provider=Sided())
    assert reading is not None
    assert reading.probabilities["happy"] == pytest.approx(0.9 / 1.8)
    assert reading.probabilities["anger"] == pytest.approx(0.3 / 1.8)
    assert face_confidence(clip_of(faces_saying(1))).tolist() == [1]


def test_an_album_stands_in_for_the_frames(clip_of):
    points = np.random.default_rng(0).uniform(4, 12, (468, 3))
    answers = [1] * 8 + [6] * 8
    mesh = faces_saying(*answers)
    album = FaceAlbum(4, capacity=8)
    for i in range(16):
        album.add(i, np.full((16, 16, 3), 10 * (i % 10), np.uint8), None if i == 4 else points)
    found = read_frames(clip_of(mesh), None, Pictures(), album=album)
    assert found is not None
    # Every other frame was kept, and frame 4 has no picture.
    assert found.frames.tolist() == [0, 2, 6, 8, 10, 12, 14]
    assert found.coverage == pytest.approx(7 / 8)
    np.testing.assert_allclose(found.expressions.valence, [0, 0.2, 0.6, 0.8, 0, 0.2, 0.4])
    np.testing.assert_allclose(found.times, found.frames / 25)
    assert summarise_readings(found).probabilities["happy"] == pytest.approx(3 / 7)


def test_with_a_baseline_the_clip_is_read_against_the_signers_own_face(clip_of):
    found = read_frames(clip_of(faces_saying(6, 6, 1)), None, Sided())
    assert found is not None
    angry = found.expressions.probabilities[:1]
    baseline = signer_baseline([angry, angry], ASSUMED_NEUTRAL)
    plain, against = summarise_readings(found), summarise_readings(found, baseline)
    assert plain.probabilities["anger"] == pytest.approx(2 / 3)
    # What the signer always shows reads as rest, and what differs from it stands out.
    assert against.timeline[0].probabilities["neutral"] == pytest.approx(0.8, rel=1e-4)
    assert against.timeline[2].probabilities["happy"] > 0.99
    assert against.signer_baseline
    assert not plain.signer_baseline
    assert sum(against.probabilities.values()) == pytest.approx(1)
