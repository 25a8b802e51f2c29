import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emosign.class_scores import ordinal_errors, score_classes, signer_intervals
from signlens.emosign.tasks import SENTIMENT7
from signlens.evaluation.metrics import balanced_accuracy, confusion_matrix, weighted_f1

answers = st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 4)), min_size=1, max_size=60)


@settings(max_examples=20, deadline=None)
@given(answers)
def test_metrics_agree_with_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, predicted = np.array(pairs).T
    found = metrics.recall_score(truth, predicted, labels=np.unique(truth), average=None, zero_division=0)
    assert balanced_accuracy(confusion_matrix(truth, predicted, 5)) == pytest.approx(found.mean(), abs=1e-9)
    expected = metrics.f1_score(truth, predicted, average="weighted", zero_division=0)
    assert weighted_f1(confusion_matrix(truth, predicted, 5)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("classes", "printed"), [(3, 33.33), (7, 14.29), (10, 10.00)])
def test_a_constant_answer_gets_what_the_paper_printed_for_one(classes, printed):
    truth = np.random.default_rng(0).permutation(np.arange(200) % classes)
    for constant in range(classes):
        found = balanced_accuracy(confusion_matrix(truth, np.full(200, constant), classes))
        assert round(100 * found, 2) == printed


def test_affectgpt_answered_neutral_where_three_clips_are():
    # A constant "neutral" with 3 neutral clips of 200 has wF1 0.04 %, the figure that the paper prints.
    truth = np.array([1] * 3 + [0] * 100 + [2] * 97)
    assert round(100 * weighted_f1(confusion_matrix(truth, np.full(200, 1), 3)), 2) == 0.04


def test_a_whole_score_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 7, 120), rng.integers(0, 7, 120)
    found = score_classes(truth, predicted, SENTIMENT7, ["a", "b"] * 60, draws=20, seed=0)
    assert found["wacc"]["value"] == pytest.approx(
        metrics.balanced_accuracy_score(truth, predicted), abs=1e-9
    )
    assert found["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(truth, predicted), abs=1e-9)
    assert [row[:-1] for row in found["confusion"]["counts"]] == metrics.confusion_matrix(
        truth, predicted
    ).tolist()
    recalls = metrics.recall_score(truth, predicted, average=None)
    assert [r["value"] for r in found["recall"].values()] == pytest.approx(recalls.tolist(), abs=1e-9)
    error = metrics.mean_absolute_error(truth, predicted)
    assert found["mean_absolute_error"]["value"] == pytest.approx(error, abs=1e-9)
    by_class = [metrics.mean_absolute_error(truth[truth == c], predicted[truth == c]) for c in range(7)]
    assert found["class_mean_absolute_error"]["value"] == pytest.approx(np.mean(by_class), abs=1e-9)


def test_errors_of_order_by_hand():
    truth, predicted = np.array([0, 3, 6, 3]), np.array([2, 3, -1, -1])
    assert ordinal_errors(truth, predicted, 7).tolist() == [2, 0, 6, 3]


def test_intervals_draw_whole_signers():
    # Signer a is always right, b never: of two signers drawn, 0, 1 or 2 are a.
    right = np.array([1.0] * 30 + [0.0] * 10)
    signers = ["a"] * 30 + ["b"] * 10
    (found,) = signer_intervals(lambda rows: right[rows].mean(keepdims=True), signers, draws=400)
    assert (found.value, found.low, found.high) == (0.75, 0.0, 1.0)
    (by_clip,) = signer_intervals(lambda rows: right[rows].mean(keepdims=True), [""] * 40, draws=400)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 40)
    assert by_clip.low == pytest.approx(0.75 - half, abs=0.05)
    assert by_clip.high == pytest.approx(0.75 + half, abs=0.05)
