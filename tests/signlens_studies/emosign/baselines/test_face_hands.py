from dataclasses import replace

import numpy as np
import pytest
from baseline_parts import circling, made_pose, signing_of
from made_up import write_made_up

from signlens.emosign.annotations import load_emosign
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.scoring import score
from signlens.emosign.tasks import REFUSED
from signlens.emotion.expressions import EMOTIONS as EXPRESSIONS
from signlens.emotion.providers import LandmarkProvider
from signlens.errors import InputRejected, PartMissing, UsageError
from signlens.pose.file import write_pose
from signlens_studies.emosign.baselines import comparison, face, hands
from signlens_studies.emosign.baselines.learning import leave_one_signer_out
from signlens_studies.emosign.baselines.materials import Materials
from signlens_studies.emosign.baselines.simple import constant

pytestmark = pytest.mark.study

STILL = np.tile([0.6, 0.8], (50, 1))


@pytest.fixture(autouse=True)
def few_chance_rows(monkeypatch):
    monkeypatch.setattr("signlens.emosign.class_scores.CHANCE_DRAWS", 5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return load_emosign(write_made_up(tmp_path_factory.mktemp("emosign")))


@pytest.fixture(scope="module")
def poses(data):
    return [signing_of(clip, i) for i, clip in enumerate(data.clips)]


@pytest.fixture(scope="module")
def readings(poses):
    provider = LandmarkProvider()
    return [face.read_face(clip, provider) for clip in poses]


# ---- hands and body ------------------------------------------------------------------------------


def test_measures_of_a_circle_worked_by_hand():
    found = hands.signing_measures(made_pose(STILL, circling(0.3, 1.0)))
    around = 2 * np.pi * 0.3  # shoulder widths a second, at one turn a second
    assert found["speed_peak"] == pytest.approx(around, rel=0.02)
    assert found["speed_mean"] == pytest.approx(around / 2, rel=0.02)  # the other hand is still
    assert found["path_length"] == pytest.approx(around, rel=0.02)
    assert found["acceleration_peak"] == pytest.approx(around * 2 * np.pi, rel=0.02)
    assert found["size_width"] == pytest.approx(0.6, rel=0.06)
    assert found["size_height"] == pytest.approx(0.6, rel=0.06)
    assert found["hold_share"] == pytest.approx(0.5)
    assert found["two_handed_share"] == pytest.approx(0)
    assert found["repetition"] > 0.9
    assert found["repetitions"] == 2
    assert found["hand_opening"] == pytest.approx(0.01 * np.mean([4, 8, 12, 16, 20]), rel=1e-3)
    assert found["head_speed"] == pytest.approx(0, abs=1e-4)
    assert found["body_sway"] == pytest.approx(0, abs=1e-4)


def test_a_movement_that_does_not_come_back_is_no_repetition():
    once = np.stack([np.linspace(0, 1, 50) ** 2, np.linspace(0.5, 0.2, 50)], axis=1)
    assert hands.signing_measures(made_pose(STILL, once))["repetition"] < 0.5
    assert hands.signing_measures(made_pose(STILL, STILL))["repetition"] == 0
    faster = hands.signing_measures(made_pose(STILL, circling(0.2, 2.5)))
    assert faster["repetitions"] == 5


def test_measures_depend_on_neither_camera_nor_side():
    plain = hands.signing_measures(made_pose(STILL, circling(0.3, 1.0)))
    near = hands.signing_measures(made_pose(STILL, circling(0.3, 1.0), scale=160, origin=(100, 90)))
    other = hands.signing_measures(made_pose(circling(0.3, 1.0), STILL))
    doubled = hands.signing_measures(made_pose(np.repeat(STILL, 2, 0), circling(0.3, 1.0, 100, 50), fps=50))
    for measure in hands.MEASURES:
        for changed in (near, other):
            assert changed[measure] == pytest.approx(plain[measure], rel=1e-3, abs=1e-3), measure
        assert doubled[measure] == pytest.approx(plain[measure], rel=0.05, abs=0.02), measure


def test_twice_as_fast_is_twice_the_speed_and_above_is_above():
    slow = hands.signing_measures(made_pose(STILL, circling(0.3, 0.5)))
    fast = hands.signing_measures(made_pose(STILL, circling(0.3, 1.0)))
    assert fast["speed_mean"] == pytest.approx(2 * slow["speed_mean"], rel=0.03)
    high = np.tile([0.2, -0.5], (50, 1))
    found = hands.signing_measures(made_pose(high, STILL))
    assert found["space_above_shoulders"] == 1
    assert found["space_height"] == pytest.approx(0.5, rel=1e-3)
    assert found["space_reach"] == pytest.approx(1.0, rel=1e-3)  # (0.6, 0.8)
    assert found["hands_apart"] == pytest.approx(np.hypot(0.4, 1.3), rel=1e-3)


def test_hands_that_are_not_seen_give_no_number():
    clip = made_pose(STILL, STILL)
    k = clip.keypoints.copy()
    k[:, [9, 10]] = [np.nan, np.nan, np.nan, 0]
    found = hands.signing_measures(replace(clip, keypoints=k))
    assert np.isnan([found[m] for m in ("speed_mean", "size_width", "repetition", "hold_share")]).all()
    k[:, [5, 6]] = [np.nan, np.nan, np.nan, 0]
    with pytest.raises(InputRejected, match="shoulders"):
        hands.signing_measures(replace(clip, keypoints=k))
    assert np.isnan(hands.signing_features(replace(clip, keypoints=k))).all()


# ---- face ----------------------------------------------------------------------------------------


def expressions(**given):
    return dict.fromkeys(EXPRESSIONS, 0.0) | given


def reading_of(rows, seconds):
    mean = dict(zip(EXPRESSIONS, np.mean(rows, axis=0), strict=True))
    return face.FaceReading(mean, np.array(seconds), np.array(rows), np.zeros(len(face.FEATURES)))


def test_mapping_to_ten_classes_keeps_all_probability():
    assert set(face.MAPPING) == set(EXPRESSIONS)
    said = expressions(happy=0.3, surprise=0.5, anger=0.1, contempt=0.1)
    found = face.class_probabilities(said)
    assert sum(found.values()) == pytest.approx(1)
    assert found["surprise_pos"] == 0.5  # .3 against .2
    assert found["disgust"] == 0.1
    found = face.class_probabilities(said | {"happy": 0.1})
    assert (found["surprise_pos"], found["surprise_neg"]) == (0, 0.5)
    assert found["worry"] == found["frustration"] == 0


def test_moments_are_where_the_answer_shows():
    rows = np.zeros((6, 8))
    rows[:, 0] = 1
    rows[2:4] = [0.1, 0.9, 0, 0, 0, 0, 0, 0]
    found = face.moments_of(reading_of(rows, np.arange(6) * 0.2), "happiness")
    assert len(found) == 1
    assert found[0] == pytest.approx((0.3, 0.7))
    assert face.moments_of(reading_of(rows, np.arange(6) * 0.2), "worry") == ()


def test_no_face_is_refused_and_no_face_at_all_rejected(data, readings):
    said = face.zero_shot(data, [None, *readings[1:]])
    assert said[0].emotion == said[0].sentiment == REFUSED
    assert score(said, data, draws=10)["tasks"]["sentiment7"]["model"]["refused"] == 1
    with pytest.raises(InputRejected, match="no face"):
        face.checked(data, [None] * 200)
    assert face.read_face(made_pose(STILL, STILL), LandmarkProvider()) is None


def test_what_a_provider_says_is_what_is_answered(data):
    said = face.zero_shot(
        replace(data, clips=data.clips[:3]),
        [
            reading_of([list(expressions(**given).values())] * 2, [0.0, 0.1])
            for given in ({"happy": 0.9, "sad": 0.1}, {"neutral": 1.0}, {"anger": 0.4, "neutral": 0.6})
        ],
    )
    assert [(p.emotion, p.sentiment) for p in said] == [
        ("happiness", "2"),
        ("neutral", "0"),
        ("neutral", "-1"),
    ]
    assert said[0].intensities["joy"] == said[0].intensities["excited"] == 3
    assert said[2].intensities["anger"] == 1


def test_a_provider_that_looks_at_pixels_needs_them(poses):
    class Pixels(LandmarkProvider):
        needs_images = True

    with pytest.raises(UsageError, match="--videos"):
        face.read_face(poses[0], Pixels())
    with pytest.raises(UsageError, match="landmarks"):
        face.provider_named("crystal ball")
    with pytest.raises(PartMissing, match=r"none\.pth"):
        face.provider_named("dan:none.pth")
    assert face.provider_named("landmarks").name == "landmarks"


# ---- together ------------------------------------------------------------------------------------


def test_heads_on_face_and_hands_and_their_paired_comparison(data, readings, poses):
    of_face = face.face_features(readings)
    of_hands = np.array([hands.signing_features(clip) for clip in poses])
    alone = leave_one_signer_out(of_face, data)
    both = leave_one_signer_out(np.concatenate([of_face, of_hands], axis=1), data)
    found = comparison.compare(both, alone, data, draws=200)
    scored = [score(predictions, data, draws=10) for predictions in (both, alone)]
    assert set(found) == {"sentiment7", "sentiment3", "emotion"}
    for task, row in found.items():
        first, second = (each["tasks"][task]["model"] for each in scored)
        assert row["wacc"]["difference"] == pytest.approx(first["wacc"]["value"] - second["wacc"]["value"])
        assert row["wacc"]["low"] <= row["wacc"]["difference"] <= row["wacc"]["high"]
        exact = row["mcnemar"]
        assert (
            exact["both_right"] + exact["only_first"] + exact["only_second"] + exact["neither"]
            == row["clips"]
        )
        assert exact["only_first"] - exact["only_second"] == pytest.approx(
            (first["accuracy"]["value"] - second["accuracy"]["value"]) * row["clips"]
        )
    assert scored[0]["tasks"]["sentiment3"]["model"]["wacc"]["value"] > 0.5


def test_comparison_of_one_with_itself_and_with_one_that_does_less(data):
    same = comparison.compare(constant(data), constant(data), data, draws=50)
    assert all(row["wacc"]["difference"] == 0 and row["mcnemar"]["p_value"] == 1 for row in same.values())
    only = [LabelPrediction(c.video_name, sentiment="0") for c in data.clips]
    assert set(comparison.compare(constant(data), only, data, draws=50)) == {"sentiment7", "sentiment3"}


def test_poses_are_found_by_name_or_number_and_missing_ones_listed(data, poses, tmp_path):
    few = replace(data, clips=data.clips[:3])
    write_pose(poses[0], tmp_path / f"{few.clips[0].video_name}.pose")
    write_pose(poses[1], tmp_path / f"{few.clips[1].utterance}.pose")
    with pytest.raises(InputRejected, match=few.clips[2].video_name):
        list(Materials(few, poses=tmp_path).pose_clips())
    found = list(Materials(few, poses=tmp_path, allow_missing=True).pose_clips())
    assert found[2] is None
    np.testing.assert_array_equal(found[1].keypoints, poses[1].keypoints)
    clips = Materials(few, poses=tmp_path, allow_missing=True).pose_clips()
    features = hands.stacked([None if c is None else hands.signing_features(c) for c in clips])
    assert np.isfinite(features[0]).sum() > 10
    assert np.isnan(features[2]).all()
