from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import made_scores
from scipy.optimize import approx_fprime
from scipy.special import log_softmax as scipy_log_softmax

from signlens.errors import UsageError
from signlens.fusion.learned_weights import (
    FIXED,
    LEARNED,
    _loss_and_gradient,
    choose_weights,
    cross_fit,
    cross_fit_temperature,
    learn_weights,
    make_folds,
)
from signlens.models.ensemble import SAM_SLR_WEIGHTS, ensemble, fit_temperature, weighted_mean


def nll(log_probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())


def right(scores: np.ndarray, labels: np.ndarray) -> int:
    return int((scores.argmax(axis=1) == labels).sum())


@given(st.integers(0, 500))
@settings(max_examples=10, deadline=None)
def test_the_gradient_is_the_slope(seed: int) -> None:
    made = made_scores(30, 6, seed)
    names, rng = list(made.streams), np.random.default_rng(seed)
    at, unit = rng.uniform(0, 2, 4), rng.uniform(0.5, 2, 4)

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        return _loss_and_gradient(made.streams, names, made.labels, shares / unit, unit)

    slope = approx_fprime(at, lambda x: loss(x)[0], 1e-6)
    assert loss(at)[1] == pytest.approx(slope, abs=1e-4)
    total = sum(c * made.streams[n].astype(float) for n, c in zip(names, at / unit, strict=True))
    assert loss(at)[0] == pytest.approx(nll(scipy_log_softmax(total, axis=1), made.labels))


def test_large_sets_are_summed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_scores(50, 6)
    arguments = (made.streams, list(made.streams), made.labels, np.ones(4), np.ones(4))
    whole = _loss_and_gradient(*arguments)
    monkeypatch.setattr("signlens.fusion.learned_weights._ROWS", 7)
    parts = _loss_and_gradient(*arguments)
    assert parts[0] == pytest.approx(whole[0])
    assert parts[1] == pytest.approx(whole[1])


@given(st.integers(0, 500), st.integers(20, 80))
@settings(max_examples=10, deadline=None)
def test_never_above_the_best_stream_the_fixed_weights_or_any_others(seed: int, clips: int) -> None:
    made = made_scores(clips, 5, seed)
    learned = learn_weights(made.streams, made.labels)
    assert min(learned.weights.values()) >= 0
    assert sum(learned.weights.values()) == pytest.approx(1)
    applied = ensemble(made.streams, learned.weights, learned.temperature)
    assert nll(applied, made.labels) == pytest.approx(learned.negative_log_likelihood)
    rng = np.random.default_rng(seed)
    others = [{name: 1.0} for name in made.streams] + [SAM_SLR_WEIGHTS]
    others += [dict(zip(made.streams, rng.dirichlet(np.ones(4)).tolist(), strict=True)) for _ in range(10)]
    for weights in others:
        scores = weighted_mean(made.streams, weights)
        best = nll(ensemble(made.streams, weights, fit_temperature(scores, made.labels)), made.labels)
        assert learned.negative_log_likelihood <= best + 1e-7


def test_streams_without_information_are_left_out_and_units_do_not_matter() -> None:
    made = made_scores(2000, 8, streams={"good": 2.5, "noise": 0.0})
    learned = learn_weights(made.streams, made.labels)
    assert learned.weights["noise"] < 0.05
    scaled = {"good": made.streams["good"] * 7, "noise": made.streams["noise"]}
    again = learn_weights(scaled, made.labels)
    assert again.negative_log_likelihood == pytest.approx(learned.negative_log_likelihood, abs=1e-6)
    assert again.stream_temperatures["good"] == pytest.approx(
        7 * learned.stream_temperatures["good"], rel=1e-3
    )
    assert again.shares["good"] == pytest.approx(learned.shares["good"], rel=1e-2)


def test_the_weights_that_made_the_labels_are_found_again() -> None:
    rng = np.random.default_rng(0)
    streams = {"a": rng.normal(size=(30_000, 5)) * 2, "b": rng.normal(size=(30_000, 5)) * 2}
    probabilities = np.exp(scipy_log_softmax(0.9 * streams["a"] + 0.3 * streams["b"], axis=1))
    labels = (probabilities.cumsum(axis=1) > rng.random((30_000, 1))).argmax(axis=1)
    found = learn_weights(streams, labels)
    assert found.weights["a"] / found.temperature == pytest.approx(0.9, rel=0.04)
    assert found.weights["b"] / found.temperature == pytest.approx(0.3, rel=0.06)


def test_clips_that_are_all_right_do_not_ask_for_boundless_weights() -> None:
    labels = np.arange(12) % 3
    streams = {"a": np.eye(3)[labels] * 5, "b": np.eye(3)[labels]}
    found = learn_weights(streams, labels)
    assert np.isfinite(list(found.weights.values())).all()
    assert found.temperature > 0
    assert right(ensemble(streams, found.weights, found.temperature), labels) == 12


@given(st.integers(2, 60), st.integers(2, 6), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_folds_of_clips_are_as_equal_as_can_be(clips: int, folds: int, seed: int) -> None:
    if folds > clips:
        with pytest.raises(UsageError, match="folds"):
            make_folds(clips, folds, seed)
        return
    made = make_folds(clips, folds, seed)
    sizes = np.bincount(made, minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(made, make_folds(clips, folds, seed))


@given(st.lists(st.sampled_from("abcdefg"), min_size=3, max_size=60), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_folds_never_part_a_signer(signers: list[str], seed: int) -> None:
    people = np.array(signers)
    if len(set(signers)) < 3:
        return
    made = make_folds(people, 3, seed)
    assert set(made.tolist()) == {0, 1, 2}
    for person in set(signers):
        assert len(set(made[people == person].tolist())) == 1


def test_a_clips_own_label_does_not_change_its_cross_fitted_answer() -> None:
    made = made_scores(60, 5)
    folds = make_folds(60, 4)
    answered, weights = cross_fit(made.streams, made.labels, folds)
    assert len(weights) == 4
    changed = made.labels.copy()
    changed[folds == 2] = (changed[folds == 2] + 1) % 5
    again, _ = cross_fit(made.streams, changed, folds)
    assert np.array_equal(answered[folds == 2], again[folds == 2])
    assert not np.array_equal(answered[folds == 1], again[folds == 1])
    held = folds == 0
    expected = learn_weights({n: v[~held] for n, v in made.streams.items()}, made.labels[~held])
    by_hand = ensemble({n: v[held] for n, v in made.streams.items()}, expected.weights, expected.temperature)
    assert np.allclose(answered[held], by_hand)


def test_cross_fitted_temperatures_keep_the_order_of_every_clip() -> None:
    made = made_scores(60, 5)
    scores = made.streams["joint"].astype(float)
    answered = cross_fit_temperature(scores, made.labels, make_folds(60, 3))
    assert np.array_equal(answered.argsort(axis=1), scores.argsort(axis=1))
    assert np.allclose(np.exp(answered).sum(axis=1), 1)


@given(st.integers(0, 500))
@settings(max_examples=5, deadline=None)
def test_what_is_chosen_is_never_below_the_best_stream_on_validation(seed: int) -> None:
    # A good stream and three bad ones: fixed weights fall below the good one.
    made = made_scores(80, 6, seed, {"joint": 3.0, "bone": 0.2, "joint_motion": 0.0, "bone_motion": 0.0})
    found = choose_weights(made.streams, made.labels)
    chosen = weighted_mean(made.streams, found.chosen.weights)
    counted = {c.name: right(weighted_mean(made.streams, c.weights), made.labels) for c in found.candidates}
    assert list(counted) == [*made.streams, FIXED, LEARNED]
    assert {c.name: c.right for c in found.candidates} == counted
    assert right(chosen, made.labels) >= max(counted[name] for name in made.streams)
    assert min(found.chosen.right, found.chosen.cross_fitted_right) == max(
        min(c.right, c.cross_fitted_right) for c in found.candidates
    )
    assert counted[FIXED] < counted["joint"]
    assert found.chosen.name != FIXED
    document = found.to_json()
    assert document["validation_clips"] == 80
    assert len(document["candidates"]) == 6


def test_equally_many_right_are_told_apart_by_likelihood() -> None:
    labels = np.arange(40) % 4
    rng = np.random.default_rng(0)
    sure = np.eye(4)[labels] * 4 + rng.normal(size=(40, 4)) * 0.1
    vague = np.eye(4)[labels] * 0.4 + rng.normal(size=(40, 4)) * 0.05
    assert right(vague, labels) == 40
    found = choose_weights({"vague": vague, "sure": sure}, labels)
    figures = {c.name: c.negative_log_likelihood for c in found.candidates}
    assert found.chosen.name == min(figures, key=figures.__getitem__)
    assert {min(c.right, c.cross_fitted_right) for c in found.candidates} == {40}


def test_fixed_weights_of_ones_own_are_tried() -> None:
    made = made_scores(40, 4, streams={"a": 1.5, "b": 1.5})
    assert [c.name for c in choose_weights(made.streams, made.labels).candidates] == ["a", "b", LEARNED]
    found = choose_weights(made.streams, made.labels, fixed={"a": 1.0, "b": 1.0})
    assert [c.name for c in found.candidates] == ["a", "b", FIXED, LEARNED]
    alone = choose_weights({"a": made.streams["a"]}, made.labels)
    assert alone.chosen.name == "a"


@pytest.mark.parametrize(
    ("streams", "labels"),
    [
        ({}, np.zeros(3, int)),
        ({"a": np.zeros((0, 3))}, np.zeros(0, int)),
        ({"a": np.zeros((3, 2))}, np.zeros(2, int)),
        ({"a": np.zeros((3, 2)), "b": np.zeros((3, 4))}, np.zeros(3, int)),
    ],
)
def test_what_cannot_be_learned_from_is_refused(streams: dict, labels: np.ndarray) -> None:
    for do in (learn_weights, choose_weights):
        with pytest.raises(UsageError):
            do(streams, labels)


def test_one_fold_is_refused() -> None:
    made = made_scores(20, 4)
    with pytest.raises(UsageError, match="one fold"):
        cross_fit(made.streams, made.labels, np.zeros(20, int))
