from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from made_up import write_made_up

from signlens.emosign.annotations import load_emosign
from signlens.emosign.scoring import score
from signlens.emosign.tasks import EMOTION_CLASSES, REFUSED
from signlens.errors import InputRejected
from signlens_studies.emosign.baselines.learning import leave_one_signer_out, signer_folds
from signlens_studies.emosign.baselines.materials import Materials, cached_array
from signlens_studies.emosign.baselines.simple import constant, majority, random


@pytest.fixture(autouse=True)
def few_chance_rows(monkeypatch):
    monkeypatch.setattr("signlens.emosign.class_scores.CHANCE_DRAWS", 5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return load_emosign(write_made_up(tmp_path_factory.mktemp("emosign")))


def test_constant_scores_as_the_paper_says_of_constant_models(data):
    tasks = score(constant(data), data, draws=10)["tasks"]
    assert tasks["sentiment3"]["model"]["wacc"]["value"] == pytest.approx(1 / 3)
    assert tasks["sentiment7"]["model"]["wacc"]["value"] == pytest.approx(1 / 7)
    assert tasks["emotion"]["model"]["wacc"]["value"] == pytest.approx(1 / 10)


def test_majority_is_that_of_the_other_signers(data):
    said = majority(data)
    for signer in {clip.signer for clip in data.clips}:
        others = Counter(clip.sentiment for clip in data.clips if clip.signer != signer)
        answers = {p.sentiment for p, c in zip(said, data.clips, strict=True) if c.signer == signer}
        assert len(answers) == 1
        assert others[int(str(answers.pop()))] == max(others.values())


def test_majority_of_one_signer_flips_when_only_they_change(data):
    flipped = replace(
        data,
        clips=tuple(replace(c, sentiment=3) if c.signer == "ben" else c for c in data.clips),
    )
    before, after = majority(data), majority(flipped)
    own = [i for i, c in enumerate(data.clips) if c.signer == "ben"]
    assert [before[i] for i in own] == [after[i] for i in own]


def test_random_is_seeded_and_even(data):
    assert random(data, 3) == random(data, 3)
    assert random(data, 3) != random(data, 4)
    counts = Counter(p.emotion for seed in range(20) for p in random(data, seed))
    assert set(counts) == set(EMOTION_CLASSES)
    assert min(counts.values()) > 4000 / 10 * 0.8


def test_folds_hold_signers_apart(data):
    folds = signer_folds(data)
    signers = np.array([clip.signer for clip in data.clips])
    assert sorted(np.concatenate([own for _, _, own in folds]).tolist()) == list(range(200))
    for signer, others, own in folds:
        assert set(signers[own]) == {signer}
        assert signer not in set(signers[others])


def test_training_needs_known_signers(data):
    nobody = replace(data, clips=tuple(replace(c, signer="") for c in data.clips))
    alone = replace(data, clips=tuple(replace(c, signer="a") for c in data.clips))
    with pytest.raises(InputRejected, match="200 clips have no known signer"):
        signer_folds(nobody)
    with pytest.raises(InputRejected, match="one signer only"):
        majority(alone)


def test_heads_learn_what_features_tell_and_nothing_from_the_answered_signer(data):
    rng = np.random.default_rng(0)
    told = np.array([clip.sentiment for clip in data.clips], float)[:, None] + rng.normal(0, 0.1, (200, 1))
    features = np.concatenate([told, rng.normal(size=(200, 2))], axis=1)
    said = leave_one_signer_out(features, data)
    right = [
        p.sentiment3 == ("positive" if c.sentiment > 0 else "negative")
        for p, c in zip(said, data.clips, strict=True)
        if c.sentiment
    ]
    assert np.mean(right) > 0.8
    # Labels of one signer turned around: what is said of that signer stays, what is said of others does not.
    turned = replace(
        data, clips=tuple(replace(c, sentiment=-c.sentiment) if c.signer == "cory" else c for c in data.clips)
    )
    again = leave_one_signer_out(features, turned)
    own = [i for i, c in enumerate(data.clips) if c.signer == "cory"]
    rest = [i for i, c in enumerate(data.clips) if c.signer != "cory"]
    assert [said[i] for i in own] == [again[i] for i in own]
    assert [said[i] for i in rest] != [again[i] for i in rest]


def test_rows_without_features_are_refused_and_gaps_filled(data):
    features = np.random.default_rng(1).normal(size=(200, 3))
    features[4] = np.nan
    features[9, 1] = np.nan
    said = leave_one_signer_out(features, data)
    assert [p.video_name for p in said if p.emotion == REFUSED] == [data.clips[4].video_name]
    assert score(said, data, draws=10)["tasks"]["sentiment7"]["model"]["refused"] == 1
    with pytest.raises(InputRejected, match="anything to learn"):
        leave_one_signer_out(np.full((200, 2), np.nan), data)


def test_missing_captions_are_listed_or_allowed(data):
    with pytest.raises(InputRejected, match="none of its clips has a caption"):
        Materials(data).captions()
    some = replace(data, clips=tuple(replace(c, caption="hm") if i else c for i, c in enumerate(data.clips)))
    with pytest.raises(InputRejected, match=data.clips[0].video_name):
        Materials(some).captions()
    assert Materials(some, allow_missing=True).captions()[:2] == [None, "hm"]


def test_kept_arrays_come_back_and_damaged_ones_are_made_again(tmp_path):
    made = []

    def make():
        made.append(1)
        return np.arange(6, dtype=np.float32).reshape(2, 3)

    for _ in range(2):
        assert cached_array(tmp_path, "k", make, (None, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(made) == 1
    path = tmp_path / "k.npz"
    path.write_bytes(path.read_bytes()[:-40])
    cached_array(tmp_path, "k", make, (None, 3))
    assert len(made) == 2
    cached_array(tmp_path, "k", make, (None, 4))
    assert len(made) == 3
