from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import made_scores
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap

from signlens.evaluation.comparison import mcnemar
from signlens.evaluation.metrics import (
    METRICS,
    Outcomes,
    bootstrap,
    bootstrap_metrics,
    expected_calibration_error,
    intervals,
    measure,
    negative_log_likelihood,
    outcomes,
    resampled_counts,
    top_k_hits,
    weighted_metrics,
    wilson,
)
from signlens.models.ensemble import log_softmax


@given(st.integers(2, 30), st.integers(4, 12), st.integers(1, 3), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_top_k_agrees_with_scikit_learn(n: int, c: int, k: int, seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(n, c)), rng.integers(0, c, n)
    expected = metrics.top_k_accuracy_score(labels, scores, k=k, labels=np.arange(c))
    assert top_k_hits(scores, labels, k).mean() == pytest.approx(expected)


def test_a_constant_system_gets_no_credit_for_ties() -> None:
    scores, labels = np.zeros((4, 3)), np.array([0, 1, 2, 0])
    assert not top_k_hits(scores, labels, 1).any()
    assert not top_k_hits(scores, labels, 2).any()
    found = outcomes(scores, labels)
    assert (found.predictions != labels).all()
    assert measure(found)["macro_f1"] == 0


def test_a_tie_for_the_best_is_answered_by_one_of_the_best() -> None:
    found = outcomes(np.array([[5.0, 5.0, 1.0], [9.0, 2.0, 2.0]]), np.array([0, 0]))
    assert found.predictions.tolist() == [1, 0]
    assert found.ranks.tolist() == [1, 0]


def by_hand(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """All metrics by loops and scikit-learn."""
    metrics = pytest.importorskip("sklearn.metrics")
    n, c = scores.shape
    order = [sorted(range(c), key=lambda j: -scores[i, j]) for i in range(n)]
    predicted = np.array([o[0] for o in order])
    found = {}
    for k in (1, 5, 10):
        hit = np.array([labels[i] in order[i][:k] for i in range(n)])
        found[f"top{k}_per_instance"] = 100 * hit.mean() if k < c else np.nan
        per_class = [hit[labels == g].mean() for g in range(c) if (labels == g).any()]
        found[f"top{k}_per_class"] = 100 * np.mean(per_class) if k < c else np.nan
    found["macro_f1"] = 100 * metrics.f1_score(labels, predicted, average="macro", zero_division=0)
    probabilities = np.exp(log_softmax(scores))
    found["nll"] = metrics.log_loss(labels, probabilities, labels=np.arange(c))
    confidence = probabilities.max(axis=1)
    gap = 0.0
    for b in range(15):
        inside = (confidence >= b / 15) & ((confidence < (b + 1) / 15) | (b == 14))
        if inside.any():
            gap += inside.sum() / n * abs(confidence[inside].mean() - (predicted == labels)[inside].mean())
    found["ece"] = 100 * gap
    return found


@given(st.integers(1, 60), st.integers(2, 30), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_every_metric_agrees_with_loops_and_scikit_learn(n: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, n)
    scores = rng.normal(size=(n, c)) + 2 * np.eye(c)[labels] * rng.random((n, 1))
    found, expected = measure(outcomes(scores, labels)), by_hand(scores, labels)
    assert list(found) == list(METRICS)
    for name in METRICS:
        assert found[name] == pytest.approx(expected[name], nan_ok=True), name


@pytest.mark.parametrize("by_signer", [False, True])
def test_each_resample_is_what_the_metrics_of_its_clips_are(by_signer: bool) -> None:
    made = made_scores(40, 7, signers=5)
    scores = made.streams["joint"]
    groups = np.arange(40) % 5 if by_signer else None
    counts = np.concatenate(list(resampled_counts(40, groups, draws=12, seed=3)))
    drawn = bootstrap_metrics({"a": outcomes(scores, made.labels)}, groups=groups, draws=12, seed=3)["a"]
    for row, times in enumerate(counts.astype(int)):
        clips = np.repeat(np.arange(40), times)
        expected = by_hand(scores[clips], made.labels[clips])
        for name in METRICS:
            assert drawn[name][row] == pytest.approx(expected[name], nan_ok=True), name


def test_resamples_draw_as_many_clips_as_there_are_or_whole_groups() -> None:
    counts = np.concatenate(list(resampled_counts(30, draws=50)))
    assert counts.shape == (50, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert len(np.unique(counts, axis=0)) == 50
    groups = np.array([7, 7, 2, 2, 2, 9])
    counts = np.concatenate(list(resampled_counts(6, groups, draws=50)))
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 2:5] == counts[:, 2:3]).all()
    assert (counts[:, [0, 2, 5]].sum(axis=1) == 3).all()


def test_resampling_in_pieces_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resampled_counts(50, draws=40, seed=1)))
    monkeypatch.setattr("signlens.evaluation.metrics._CHUNK", 50 * 7)
    pieces = list(resampled_counts(50, draws=40, seed=1))
    assert len(pieces) == 6
    assert np.array_equal(np.concatenate(pieces), whole)


def test_the_interval_of_a_proportion_is_close_to_the_normal_one_and_to_scipy() -> None:
    values = np.arange(400) < 300
    found = bootstrap(values)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert found.value == 0.75
    assert found.low == pytest.approx(0.75 - half, abs=0.008)
    assert found.high == pytest.approx(0.75 + half, abs=0.008)
    theirs = scipy_bootstrap(
        (values.astype(float),), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.008)


def test_drawing_whole_signers_widens_the_interval() -> None:
    groups = np.repeat(np.arange(10), 40)
    values = np.repeat(np.arange(10) < 7, 40)
    by_clip, by_signer = bootstrap(values), bootstrap(values, groups=groups)
    assert by_signer.high - by_signer.low > 2 * (by_clip.high - by_clip.low)


def _sparse(rng: np.random.Generator, clips: int = 150, classes: int = 100) -> Outcomes:
    """A test set with hardly more clips than classes; some classes are easier than others."""
    labels = rng.integers(0, classes, clips)
    right = rng.random(clips) < np.linspace(0.1, 0.9, classes)[labels]
    predicted = np.where(right, labels, rng.integers(0, classes, clips))
    ranks = np.where(predicted == labels, 0, 20)
    return Outcomes(labels, classes, ranks, predicted, np.full(clips, 0.5), np.zeros(clips))


def test_intervals_of_few_clips_a_class_hold_what_they_should() -> None:
    rng = np.random.default_rng(0)
    expected = np.mean([measure(_sparse(rng))["macro_f1"] for _ in range(300)])
    held, plain = 0, 0
    for seed in range(60):
        one = _sparse(rng)
        value, drawn = measure(one), bootstrap_metrics({"": one}, draws=200, seed=seed)[""]
        found = intervals(value, drawn)["macro_f1"]
        assert found is not None
        assert found.low < found.value < found.high
        held += found.low <= expected <= found.high
        low, high = np.percentile(drawn["macro_f1"], [2.5, 97.5])
        plain += low <= expected <= high
    assert held >= 51  # of 60; the normal course is 55
    assert held >= plain


def test_all_metrics_of_a_large_test_set_are_resampled_in_seconds() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 226, 3742)
    found = outcomes((rng.normal(size=(3742, 226)) + 3 * np.eye(226)[labels]).astype(np.float32), labels)
    start = time.process_time()
    drawn = bootstrap_metrics({"": found}, draws=2000)[""]
    assert time.process_time() - start < 20
    assert all(len(values) == 2000 for values in drawn.values())


def test_counting_a_clip_twice_is_having_it_twice() -> None:
    made = made_scores(20, 5)
    found = outcomes(made.streams["bone"], made.labels)
    doubled = found.take(np.repeat(np.arange(20), 2))
    weighted = weighted_metrics(found, np.full((1, 20), 2.0))
    for name, value in measure(doubled).items():
        assert weighted[name][0] == pytest.approx(value, nan_ok=True)


def test_outcomes_are_the_same_in_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_scores(30, 5)
    whole = outcomes(made.streams["bone"], made.labels)
    monkeypatch.setattr("signlens.evaluation.metrics._ROWS", 7)
    parts = outcomes(made.streams["bone"], made.labels)
    for field in ("ranks", "predictions", "confidence", "log_likelihood"):
        assert np.array_equal(getattr(whole, field), getattr(parts, field))


def test_calibration_error_worked_by_hand() -> None:
    # Two bins: confidence 0.9 (right 1 of 2) and 0.6 (right 2 of 2).
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    labels = np.array([0, 1, 0, 0])
    expected = 0.5 * abs(0.9 - 0.5) + 0.5 * abs(0.6 - 1.0)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected)
    assert measure(outcomes(np.log(probabilities), labels))["ece"] == pytest.approx(100 * expected)


def test_likelihood_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 50)
    labels = rng.integers(0, 4, 50)
    assert negative_log_likelihood(np.log(probabilities), labels) == pytest.approx(
        metrics.log_loss(labels, probabilities, labels=np.arange(4))
    )


@pytest.mark.parametrize(("right", "of"), [(0, 5), (5, 5), (3, 7), (90, 100), (638, 662)])
def test_wilsons_interval_agrees_with_scipy(right: int, of: int) -> None:
    expected = binomtest(right, of).proportion_ci(method="wilson")
    found = wilson(right, of)
    assert (found.low, found.high) == pytest.approx((100 * expected.low, 100 * expected.high))
    assert found.value == 100 * right / of


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
def test_mcnemar_agrees_with_scipys_binomial_test(pairs: list[tuple[bool, bool]]) -> None:
    first, second = np.array(pairs).T
    found = mcnemar(first, second)
    assert found.both_right + found.only_first + found.only_second + found.neither == len(pairs)
    assert found.only_first == sum(a and not b for a, b in pairs)
    differ = found.only_first + found.only_second
    expected = binomtest(found.only_first, differ).pvalue if differ else 1.0
    assert found.p_value == pytest.approx(expected)
    assert mcnemar(second, first).p_value == found.p_value


def test_mcnemar_of_thousands_of_clips() -> None:
    first = np.arange(9000) < 4000
    second = np.arange(9000) >= 4200
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second, found.neither) == (4000, 4800, 200)
    assert found.p_value == pytest.approx(binomtest(4000, 8800).pvalue)
