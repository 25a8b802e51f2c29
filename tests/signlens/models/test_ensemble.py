import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax as scipy_log_softmax

from signlens.errors import UsageError
from signlens.models.ensemble import (
    SAM_SLR_WEIGHTS,
    SLR_SENTIMENT_WEIGHTS,
    ensemble,
    fit_temperature,
    log_softmax,
    weighted_mean,
)

logit_arrays = st.integers(0, 2**31).map(
    lambda seed: np.random.default_rng(seed).uniform(-20, 20, (4, 7)).astype(np.float32)
)


@settings(deadline=None)
@given(logit_arrays)
def test_log_softmax_agrees_with_scipy(logits):
    assert np.allclose(log_softmax(logits), scipy_log_softmax(logits.astype(np.float64), axis=-1))


@settings(deadline=None)
@given(logit_arrays, logit_arrays, st.floats(0.1, 5), st.floats(0.1, 5), st.floats(0.2, 5))
def test_a_mean_of_logits_is_a_geometric_mean_of_probabilities(one, two, first, second, temperature):
    fused = ensemble({"a": one, "b": two}, {"a": first, "b": second}, temperature)
    logs = (first * scipy_log_softmax(one, axis=-1) + second * scipy_log_softmax(two, axis=-1)) / (
        first + second
    )
    assert np.allclose(fused, scipy_log_softmax(logs.astype(np.float64) / temperature, axis=-1), atol=1e-4)
    assert np.allclose(np.exp(fused).sum(axis=-1), 1)


@settings(deadline=None)
@given(logit_arrays, st.floats(0.2, 5))
def test_only_the_ratio_of_weights_counts_and_absent_networks_do_not(one, scale):
    logits = {"a": one, "b": one[::-1], "unused": one * 9}
    assert np.allclose(
        ensemble(logits, {"a": 1.0, "b": 0.5}), ensemble(logits, {"a": scale, "b": scale / 2}), atol=1e-6
    )


@settings(deadline=None)
@given(logit_arrays)
def test_temperature_keeps_the_order(logits):
    cold, hot = (ensemble({"a": logits}, {"a": 1.0}, t) for t in (0.5, 4.0))
    assert (cold.max(axis=-1) >= hot.max(axis=-1) - 1e-12).all()
    for before, after in zip(cold, hot, strict=True):
        assert after[before.argmax()] == pytest.approx(after.max())


@pytest.mark.parametrize(
    ("weights", "temperature"),
    [
        ({"b": 1.0}, 1.0),
        ({"a": 0.0}, 1.0),
        ({}, 1.0),
        ({"a": 1.0}, 0.0),
        ({"a": 1.0}, float("nan")),
        ({"a": 2.0, "c": -1.0}, 1.0),
        ({"a": float("nan")}, 1.0),
        ({"a": float("inf")}, 1.0),
    ],
)
def test_what_cannot_be_weighted_is_refused(weights, temperature):
    with pytest.raises(UsageError):
        ensemble({"a": np.zeros(3), "c": np.zeros(3)}, weights, temperature)


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_no_temperature_of_a_fine_grid_is_better(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(60, 5)) * 3
    labels = np.where(rng.random(60) < 0.7, logits.argmax(1), rng.integers(0, 5, 60))

    def loss(log_temperature):
        scaled = scipy_log_softmax(logits / np.exp(log_temperature), axis=1)
        return -scaled[np.arange(60), labels].mean()

    best = np.log(fit_temperature(logits, labels))
    assert loss(best) <= min(map(loss, np.linspace(-4, 4, 801))) + 1e-9
    assert loss(best + 1e-4) - loss(best - 1e-4) == pytest.approx(0, abs=1e-8)


def test_the_temperature_that_made_the_labels_is_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40_000, 4)) * 2
    probabilities = np.exp(scipy_log_softmax(logits / 2.5, axis=1))
    labels = (probabilities.cumsum(axis=1) > rng.random((40_000, 1))).argmax(axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(2.5, rel=0.05)


def test_the_published_stream_weights():
    assert list(SAM_SLR_WEIGHTS) == ["joint", "bone", "joint_motion", "bone_motion"]
    assert sum(SAM_SLR_WEIGHTS.values()) == pytest.approx(2.9)
    assert sum(SLR_SENTIMENT_WEIGHTS.values()) == pytest.approx(3.0)


def test_a_weighted_mean_worked_by_hand():
    logits = {
        "a": np.array([[1.0, 2.0]]),
        "b": np.array([[4.0, -2.0]], np.float32),
        "unused": np.ones((1, 2)),
    }
    assert weighted_mean(logits, {"a": 2.0, "b": 1.0}).tolist() == [[2.0, 2.0 / 3]]
    assert weighted_mean(logits, {"a": 2.0, "b": 0.0}).tolist() == [[1.0, 2.0]]


@settings(deadline=None)
@given(logit_arrays, logit_arrays, st.floats(0, 5), st.floats(0.1, 5))
def test_the_ensemble_is_the_softmax_of_the_weighted_mean(one, two, first, second):
    mean = weighted_mean({"a": one, "b": two}, {"a": first, "b": second})
    assert np.allclose(
        ensemble({"a": one, "b": two}, {"a": first, "b": second}, 1.7), scipy_log_softmax(mean / 1.7, axis=-1)
    )
