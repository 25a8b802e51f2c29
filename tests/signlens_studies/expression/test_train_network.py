from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import signlens_studies.expression
from signlens.emotion import EMOTIONS
from signlens.errors import UsageError
from signlens_studies.expression.face_pictures import PLAIN, FacePictures
from signlens_studies.expression.network_data import Sources, all_shown, folds
from signlens_studies.expression.train_network import (
    NetworkExperiment,
    Schedule,
    Shown,
    begin,
    blended,
    load_network_experiment,
    logits_of,
    one_hot,
    rate_at,
    shown,
    train,
)

TOML = Path(signlens_studies.expression.__file__).parent / "network.toml"
SCHEDULE = Schedule(epochs=4, decay=2, warmup=1, rate=0.05, batch=16)


@pytest.fixture
def experiment():
    settings = load_network_experiment(TOML)
    return replace(settings, widths=(8, 8, 8), blocks=(1, 1, 1), training=SCHEDULE, joint=SCHEDULE)


def made_faces(count, seed=0):
    """Bright above for even classes, bright below for odd ones."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, count)
    pictures = random.integers(0, 60, (count, 72, 72), dtype=np.uint8)
    for picture, kind in zip(pictures, label, strict=True):
        picture[slice(0, 36) if kind else slice(36, 72)] += 150
    placement = np.repeat(PLAIN[None], count, axis=0)
    points = np.full((count, 468, 3), np.nan, dtype=np.float16)
    people = random.integers(0, 5, count).astype(str)
    return FacePictures(pictures, placement, points, label, people, np.arange(count).astype(str))


def weights_of(network):
    return torch.cat([v.float().flatten() for v in network.state_dict().values()])


def test_the_rate_rises_stays_and_falls():
    assert rate_at(0.5, SCHEDULE) == pytest.approx(0.025)
    assert rate_at(1.7, SCHEDULE) == pytest.approx(0.05)
    assert rate_at(3.0, SCHEDULE) == pytest.approx(0.025)
    assert rate_at(4.0, SCHEDULE) == 0
    # Until the fall begins, a longer schedule is the same.
    assert rate_at(1.9, SCHEDULE) == rate_at(1.9, replace(SCHEDULE, epochs=9))


def test_an_experiment_with_an_unknown_key_is_refused(tmp_path):
    assert isinstance(load_network_experiment(TOML), NetworkExperiment)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(TOML.read_text() + "speed = 3\n")
    with pytest.raises(UsageError, match="speed"):
        load_network_experiment(wrong)


def test_rare_classes_are_shown_more_often_and_the_epoch_keeps_its_length():
    faces = replace(made_faces(100), label=np.array([0] * 90 + [3] * 10))
    data = shown(faces, np.arange(100), one_hot(faces.label), rarity=0.5)
    assert data.times.mean() == pytest.approx(1)
    assert float(data.times[-1] / data.times[0]) == pytest.approx(3)
    orders = [data.order(torch.Generator().manual_seed(n)) for n in range(40)]
    rare = np.mean([(order >= 90).float().sum() for order in orders])
    assert rare == pytest.approx(float(data.times[90:].sum()), rel=0.1)


def test_a_small_network_learns_and_goes_on_where_it_was_stopped(experiment, tmp_path):
    faces = made_faces(160)
    data = shown(faces, np.arange(160), one_hot(faces.label))
    whole = train(begin(experiment, SCHEDULE), data, SCHEDULE, experiment, say=lambda _: None)
    answer = logits_of(whole, faces, np.arange(160)).argmax(axis=1)
    assert (answer == faces.label).mean() > 0.9

    stopped = replace(SCHEDULE, epochs=2, decay=0)  # ends before the rate falls
    train(begin(experiment, stopped), data, stopped, experiment, tmp_path, say=lambda _: None)
    said: list[str] = []
    rest = train(begin(experiment, SCHEDULE), data, SCHEDULE, experiment, tmp_path, say=said.append)
    assert said[0] == "going on after epoch 2"
    assert torch.allclose(weights_of(rest), weights_of(whole), atol=1e-5)


def test_persons_are_whole_in_folds_of_about_the_same_size():
    people = np.repeat(np.arange(30).astype(str), np.random.default_rng(0).integers(1, 9, 30))
    fold = folds(people, 5, seed=1)
    assert all(len(set(fold[people == name])) == 1 for name in set(people))
    counts = np.bincount(fold, minlength=5)
    assert counts.max() - counts.min() <= 2
    assert np.array_equal(fold, folds(people, 5, seed=1))


def test_joint_training_shows_all_sources_and_nobody_who_is_left_out(experiment):
    class Votes:
        def training_rows(self):
            return np.arange(50)

        def soft_labels(self, least_votes):
            return one_hot(made_faces(60).label)

    sources = Sources(Votes(), made_faces(60), made_faces(40, seed=1), made_faces(20, seed=2))
    kept = np.flatnonzero(sources.ckplus.person != "0")
    data = all_shown(sources, experiment, kept, np.arange(5))
    assert isinstance(data, Shown)
    assert len(data.times) == 50 + len(kept) + 5
    assert data.target.shape[1] == len(EMOTIONS)
    assert float(data.times[:50].sum()) == pytest.approx(50 * experiment.ferplus_share, rel=1e-4)
    assert torch.equal(data.pictures[50 : 50 + len(kept)], torch.from_numpy(sources.ckplus.pictures[kept]))


def test_blended_weights_lie_between(experiment):
    torch.manual_seed(1)
    before, after = experiment.network(), experiment.network()
    expected = torch.lerp(weights_of(before), weights_of(after), 0.25)
    assert torch.allclose(weights_of(blended(before, after, 0.25)), expected)
