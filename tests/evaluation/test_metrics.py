import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.evaluation.metrics import (
    bootstrap,
    expected_calibration_error,
    negative_log_likelihood,
    top_k_hits,
)


@given(st.integers(2, 30), st.integers(3, 12), st.integers(1, 3), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_top_k_agrees_with_scikit_learn(n: int, c: int, k: int, seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(n, c)), rng.integers(0, c, n)
    expected = metrics.top_k_accuracy_score(labels, scores, k=k, labels=np.arange(c))
    assert top_k_hits(scores, labels, k).mean() == pytest.approx(expected)


def test_a_constant_system_gets_no_credit_for_ties() -> None:
    assert not top_k_hits(np.zeros((4, 3)), np.array([0, 1, 2, 0]), 1).any()


def test_the_interval_of_a_proportion_is_close_to_the_normal_one() -> None:
    values = np.arange(400) < 300
    found = bootstrap(values)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert found.value == 0.75
    assert found.low == pytest.approx(0.75 - half, abs=0.008)
    assert found.high == pytest.approx(0.75 + half, abs=0.008)


def test_drawing_whole_signers_widens_the_interval() -> None:
    groups = np.repeat(np.arange(10), 40)
    values = np.repeat(np.arange(10) < 7, 40)
    by_clip, by_signer = bootstrap(values), bootstrap(values, groups=groups)
    assert by_signer.high - by_signer.low > 2 * (by_clip.high - by_clip.low)


def test_calibration_error_worked_by_hand() -> None:
    # Two bins: confidence 0.9 (right 1 of 2) and 0.6 (right 2 of 2).
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    labels = np.array([0, 1, 0, 0])
    expected = 0.5 * abs(0.9 - 0.5) + 0.5 * abs(0.6 - 1.0)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected)


def test_likelihood_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 50)
    labels = rng.integers(0, 4, 50)
    assert negative_log_likelihood(np.log(probabilities), labels) == pytest.approx(
        metrics.log_loss(labels, probabilities, labels=np.arange(4))
    )
