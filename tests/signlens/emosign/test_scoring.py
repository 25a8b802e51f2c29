from dataclasses import replace

import numpy as np
import pytest
from made_up import write_made_up

from signlens.emosign.annotations import EMOTIONS, load_emosign
from signlens.emosign.cues import THEMES
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.ratings import Rating, read_ratings
from signlens.emosign.scoring import score, score_multi_label
from signlens.emosign.tasks import REFUSED, emotion_of, partition
from signlens.errors import InputRejected


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("emosign")
    write_made_up(path)
    return path


@pytest.fixture(scope="module")
def data(folder):
    return load_emosign(folder / "emosign_dataset.csv")


def perfect(clip):
    return LabelPrediction(
        clip.video_name,
        str(clip.sentiment),
        None,
        emotion_of(clip.emotions),
        clip.emotions,
        cue="; ".join(clip.cues) or "nothing",
        cue_intervals=clip.cue_intervals,
    )


def test_many_labels_agree_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    truth, said = rng.random((80, 10)) < 0.3, rng.random((80, 10)) < 0.4
    found = score_multi_label(truth, said, None, ["a", "b"] * 40, draws=10, seed=0)
    for average in ("macro", "micro", "weighted"):
        expected = metrics.f1_score(truth, said, average=average, zero_division=0)
        assert found[f"{average}_f1"]["value"] == pytest.approx(expected, abs=1e-9)
    expected = metrics.jaccard_score(truth, said, average="samples", zero_division=1)
    assert found["jaccard"]["value"] == pytest.approx(expected, abs=1e-9)
    assert found["exact_match"]["value"] == pytest.approx(metrics.accuracy_score(truth, said), abs=1e-9)
    for name, average in (
        ("f1", metrics.f1_score),
        ("recall", metrics.recall_score),
        ("precision", metrics.precision_score),
    ):
        values = [label[name]["value"] for label in found["labels"].values()]
        assert values == pytest.approx(average(truth, said, average=None, zero_division=0).tolist(), abs=1e-9)


def test_perfect_predictions_are_perfect_in_every_task(data):
    clips = tuple(replace(c, cue_intervals=((0.5, 1.5), (2.0, 2.5))) for c in data.clips[:5]) + data.clips[5:]
    own = replace(data, clips=clips)
    found = score([perfect(c) for c in own.clips], own, draws=20)
    assert not found["not_scored"]
    for task in ("sentiment7", "sentiment3", "emotion"):
        assert found["tasks"][task]["model"]["wacc"]["value"] == 1
        assert found["tasks"][task]["model"]["wf1"]["value"] == 1
    labels = found["tasks"]["multi_label"]["model"]
    assert (labels["macro_f1"]["value"], labels["intensity_error"]["value"]) == (1, 0)
    times = found["tasks"]["cue_time"]["model"]
    assert (times["clips"], times["cues"], times["temporal_iou"]["value"], times["hit_rate"]["value"]) == (
        5,
        10,
        1,
        1,
    )
    assert found["tasks"]["cue_text"]["model"]["f1"]["value"] == 1
    assert found["tasks"]["emotion"]["model"]["clips"] == 140
    assert found["data"]["made_up"]


def test_rows_to_read_a_score_against(data, folder):
    ratings = read_ratings([folder / "raters.csv"])
    found = score([perfect(c) for c in data.clips], data, ratings=ratings, draws=20)
    emotion = found["tasks"]["emotion"]
    assert emotion["chance"]["wacc"]["value"] == pytest.approx(0.1, abs=0.01)
    assert emotion["majority"]["class"] == "happiness"
    assert emotion["majority"]["wacc"]["value"] == pytest.approx(0.1)
    assert [row["annotator"] for row in emotion["annotators"]] == [
        "annotator 1",
        "annotator 2",
        "annotator 3",
    ]
    assert all(0.3 < row["wacc"]["value"] < 1 for row in emotion["annotators"])


def test_an_annotator_is_scored_against_the_others_only(data):
    clips = data.clips[:40]
    own = replace(data, clips=clips)
    ratings = [Rating(c.video_name, a, c.sentiment, c.emotions, 50) for c in clips for a in ("a", "b")]
    ratings += [Rating(c.video_name, "c", -3 if c.sentiment > 0 else 3, c.emotions, 100) for c in clips]
    found = score([perfect(c) for c in own.clips], own, ratings=ratings, rule="all", draws=10)
    rows = {row["annotator"]: row for row in found["tasks"]["sentiment7"]["annotators"]}
    assert rows["c"]["wacc"]["value"] == 0
    # Two against one another: the tie goes to c, who is the more confident and never right.
    assert rows["a"]["wacc"]["value"] == 0
    assert found["tasks"]["emotion"]["annotators"][0]["wacc"]["value"] == 1


def test_a_refusal_counts_as_wrong_and_is_counted(data):
    refused = [LabelPrediction(c.video_name, REFUSED, None, REFUSED, {}) for c in data.clips]
    found = score(refused, data, draws=10)["tasks"]
    assert found["sentiment7"]["model"]["refused"] == 200
    assert found["sentiment3"]["model"]["wacc"]["value"] == 0
    assert found["emotion"]["model"]["refused"] == 140
    assert found["multi_label"]["model"]["macro_f1"]["value"] == 0
    # The worst answer to an intensity is at least 2 steps away.
    assert found["multi_label"]["model"]["intensity_error"]["value"] >= 2


def test_missing_and_invented_clips_are_listed(data):
    all_of_them = [LabelPrediction(c.video_name, "1") for c in data.clips]
    with pytest.raises(InputRejected) as error:
        score(all_of_them[2:], data)
    assert "sentiment7: 2 of 200 clips have no answer" in str(error.value)
    assert data.clips[0].video_name in str(error.value)
    assert data.clips[1].video_name in str(error.value)
    with pytest.raises(InputRejected, match="name 1 clips that the annotations lack: elsewhere_7"):
        score([*all_of_them, LabelPrediction("elsewhere_7", "1")], data)
    with pytest.raises(InputRejected, match="twice"):
        score([*all_of_them, all_of_them[0]], data)
    with pytest.raises(InputRejected, match="none of the tasks"):
        score([LabelPrediction(c.video_name) for c in data.clips], data)


def test_only_single_expression_clips_need_an_emotion(data):
    found = score([perfect(c) for c in data.clips], data, draws=5)
    counted = found["expressions"]["counts"]["single"]
    silent = [LabelPrediction(c.video_name, "0") for c in data.clips]
    assert "emotion" in score(silent, data, draws=5)["not_scored"]
    rows = set(partition(data.clips).single)
    some = [
        LabelPrediction(c.video_name, None, None, "worry" if i in rows else None)
        for i, c in enumerate(data.clips)
    ]
    scored = score(some, data, draws=5)["tasks"]["emotion"]["model"]
    assert scored["clips"] == counted
    assert scored["recall"]["worry"]["value"] == 1
    one = next(iter(rows))
    some[one] = replace(some[one], emotion=None)
    with pytest.raises(InputRejected, match=r"emotion: 1 of 140 clips"):
        score(some, data, draws=5)


def test_presence_can_be_said_without_intensities(data):
    found = score(
        [LabelPrediction(c.video_name, present={e: c.emotions[e] > 0 for e in EMOTIONS}) for c in data.clips],
        data,
        draws=5,
    )
    assert found["tasks"]["multi_label"]["model"]["macro_f1"]["value"] == 1
    assert "intensity_error" not in found["tasks"]["multi_label"]["model"]
    assert "multi_label intensities" in found["not_scored"]


def test_naming_every_theme_has_full_recall_and_no_more(data):
    words = (
        "brows eyes, eye gaze, nose, cheeks, mouth, head, shoulders, body, size, speed, repeated, emphasis, "
    )
    words += "fingerspelling, role shift, space"
    found = score([LabelPrediction(c.video_name, cue=words) for c in data.clips], data, draws=5)["tasks"][
        "cue_text"
    ]
    assert found["model"]["recall"] == found["every_theme"]["recall"] == {"value": 1, "low": 1, "high": 1}
    assert found["model"]["f1"] == found["every_theme"]["f1"]
    assert set(found["model"]["themes"]) == set(THEMES)
