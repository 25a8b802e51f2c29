import logging
from collections import Counter

import numpy as np
import pytest
from made_up import FREQUENT, SINGLE, write_made_up

from signlens.emosign.annotations import EMOTIONS, EmoSignClip, load_emosign
from signlens.emosign.tasks import (
    EMOTION_CLASSES,
    RULES,
    emotion_of,
    expressions_of,
    labels3,
    labels7,
    multi_label,
    partition,
    sentiment3_of,
    single_emotion,
)
from signlens.errors import UsageError


def clip(name="x_1", sentiment=0, **emotions):
    return EmoSignClip(name, "1", "x", sentiment, dict.fromkeys(EMOTIONS, 0) | emotions)


def test_joy_and_excited_are_one_expression_of_the_stronger_intensity():
    assert expressions_of(clip(joy=1, excited=3).emotions) == {"happiness": 3}
    assert emotion_of(clip(joy=1, excited=1, worry=2).emotions) == "worry"
    assert emotion_of(clip(anger=2, sadness=2).emotions) == "sadness"
    assert emotion_of(clip().emotions) == "neutral"


def test_the_default_rule_by_hand():
    clips = [clip(), clip(joy=1, excited=2), clip(fear=1)]
    clips += [clip(fear=1, worry=2)] * 3 + [clip(joy=1, worry=1)] * 2
    parts = partition(clips)
    assert parts.single == (0, 1, 2)
    assert parts.classes == ("neutral", "happiness", "fear")
    assert parts.multi == (3, 4, 5)
    assert parts.left_out == (6, 7)


def test_other_rules_by_hand():
    clips = [clip(fear=3, worry=1), clip(fear=2, worry=2), clip(fear=1), clip()]
    assert partition(clips, "all").multi == (0, 1)
    assert partition(clips, "strongest").single == (0, 2, 3)
    clear = partition(clips, "clear")
    assert clear.single == (0, 2, 3)
    assert clear.classes == ("fear", "neutral", "neutral")
    assert clear.left_out == (1,)


def test_the_made_up_copy_has_the_papers_counts(tmp_path, caplog):
    data = load_emosign(write_made_up(tmp_path))
    with caplog.at_level(logging.INFO, "signlens.emosign.tasks"):
        counts = partition(data.clips).as_json()
    assert counts["counts"] == counts["paper"] == {"single": 140, "multi": 37, "left_out": 23}
    assert counts["single_classes"] == SINGLE
    assert sum(FREQUENT.values()) == 37
    assert "140 single, 37 multiple, 23 left out" in caplog.text


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_parts_all_clips(tmp_path, rule):
    data = load_emosign(write_made_up(tmp_path))
    parts = partition(data.clips, rule)
    assert sorted((*parts.single, *parts.multi, *parts.left_out)) == list(range(200))
    labels = single_emotion(data.clips, rule)
    assert tuple(EMOTION_CLASSES[i] for i in labels.labels) == parts.classes
    assert parts.as_json()["rule_says"]


def test_an_unknown_rule_is_refused():
    with pytest.raises(UsageError, match="combinations"):
        partition([clip()], "best")


def test_sentiment_labels():
    clips = [clip(sentiment=s) for s in range(-3, 4)]
    assert labels7(clips).labels.tolist() == list(range(7))
    assert labels3(clips).labels.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert Counter(sentiment3_of(s) for s in range(-3, 4)) == {"negative": 3, "neutral": 1, "positive": 3}


def test_multi_label_table():
    labels = multi_label([clip(joy=2), clip(anger=1)])
    assert labels.intensity.shape == (2, 10)
    assert labels.intensity[0, 0] == 2
    assert np.array_equal(labels.present.sum(axis=1), [1, 1])
