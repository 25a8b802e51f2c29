import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.errors import PartMissing, UsageError
from signlens.fusion.learned_weights import make_folds
from signlens.fusion.stack import (
    ENSEMBLE,
    STACK,
    STACK_WITH_BIAS,
    ChosenStack,
    ModelStack,
    Parts,
    Stack,
    StackCandidate,
)
from signlens.fusion.stack_learning import FLOORS, choose_stack, cross_fit_stack, learn_stack
from signlens.models.ensemble import fit_temperature, log_softmax

optimize = pytest.importorskip("scipy.optimize", reason="learning needs the [train] extra")

CLASSES = 6


def made_up(
    clips: int = 200, *, skeleton: float = 1.0, neighbours: float = 0.0, seed: int = 0
) -> tuple[Parts, np.ndarray]:
    """Clips whose ensemble and whose neighbours know the truth as far as asked; 0 is noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, clips)
    truth = np.eye(CLASSES)[labels]
    logs = log_softmax(skeleton * truth + rng.normal(size=truth.shape))
    votes = np.exp(neighbours * truth + rng.normal(size=truth.shape))
    return Parts(logs, None, votes / votes.sum(axis=1, keepdims=True)), labels


def loss_of(stack: Stack, parts: Parts, labels: np.ndarray) -> float:
    return -float(np.take_along_axis(stack.log_probabilities(parts), labels[:, None], axis=1).mean())


def test_hand_worked_terms() -> None:
    parts = Parts(np.log([[0.5, 0.5]]), np.array([[np.log(2.0), 0]]), np.array([[0.0, 0.3]]))
    stack = Stack(2.0, emotion=1.0, retrieval=3.0, floor=0.1, bias=(0.0, 0.25))
    terms = stack.terms(parts)
    assert np.allclose(terms["skeleton"], [[2 * np.log(0.5), 2 * np.log(0.5) + 0.25]])
    assert np.allclose(terms["emotion"], [[np.log(2), 0]])
    assert np.allclose(terms["retrieval"], [[0, 3 * np.log(4)]])
    odds = np.exp(stack.log_probabilities(parts)[0])
    assert odds[1] / odds[0] == pytest.approx(np.exp(0.25) * 4**3 / 2)


@given(seed=st.integers(0, 1000), skeleton=st.floats(0.1, 5), retrieval=st.floats(0, 5))
@settings(max_examples=25, deadline=None)
def test_the_terms_sum_to_the_log_probability_up_to_one_number_a_clip(
    seed: int, skeleton: float, retrieval: float
) -> None:
    parts, _ = made_up(5, seed=seed)
    expression = np.random.default_rng(seed).random(parts.skeleton.shape)
    parts = Parts(parts.skeleton, expression, parts.retrieval)
    stack = Stack(skeleton, 0.5, retrieval, 0.1, tuple(np.linspace(-1, 1, CLASSES)))
    logs = stack.log_probabilities(parts)
    left = logs - sum(stack.terms(parts).values())
    assert np.allclose(left, left[:, :1])
    assert np.allclose(np.exp(logs).sum(axis=1), 1)


def test_silence_adds_nothing() -> None:
    parts, _ = made_up(10)
    nothing = np.zeros_like(parts.skeleton)
    stack = Stack(1.3, 2.0, 2.0, 0.01)
    assert np.allclose(
        stack.log_probabilities(Parts(parts.skeleton, nothing, nothing)), log_softmax(1.3 * parts.skeleton)
    )


def test_the_ensemble_alone_gets_its_temperature() -> None:
    parts, labels = made_up()
    stack = learn_stack(parts, labels, what=ENSEMBLE)
    assert 1 / stack.skeleton == pytest.approx(fit_temperature(parts.skeleton, labels), rel=1e-4)
    assert (stack.emotion, stack.retrieval, stack.bias) == (0, 0, ())


def test_the_coefficients_are_those_of_another_optimiser() -> None:
    parts, labels = made_up(neighbours=1.5)
    expression = np.log1p(np.random.default_rng(5).random(parts.skeleton.shape))
    parts = Parts(parts.skeleton, expression, parts.retrieval)
    found = learn_stack(parts, labels)

    def loss(values: np.ndarray) -> float:
        scores = values[0] * parts.skeleton + abs(values[1]) * expression
        scores = scores + abs(values[2]) * np.log1p(parts.retrieval / found.floor)
        picked = scores[np.arange(len(labels)), labels]
        return float((np.log(np.exp(scores).sum(axis=1)) - picked).mean())

    other = optimize.minimize(loss, [1, 0.1, 0.1], method="Nelder-Mead", options={"maxiter": 4000})
    assert loss_of(found, parts, labels) == pytest.approx(other.fun, abs=1e-5)
    assert [found.skeleton, found.emotion, found.retrieval] == pytest.approx(
        [other.x[0], abs(other.x[1]), abs(other.x[2])], abs=0.02
    )
    assert found.retrieval > 0.1


def test_a_floor_is_the_best_of_those_that_there_are() -> None:
    parts, labels = made_up(neighbours=2.0)
    found = learn_stack(parts, labels)
    for floor in FLOORS:
        others = Stack(found.skeleton, 0.0, found.retrieval, floor)
        assert loss_of(found, parts, labels) <= loss_of(others, parts, labels) + 1e-9


def test_biases_find_a_class_that_the_ensemble_underrates_and_stay_small_without_reason() -> None:
    parts, labels = made_up(600)
    lowered = parts.skeleton - 1.0 * (np.arange(CLASSES) == 2)
    found = learn_stack(Parts(lowered, None, parts.retrieval), labels, what=STACK_WITH_BIAS)
    bias = np.array(found.bias)
    assert bias.argmax() == 2
    assert 0.4 < bias[2] - np.delete(bias, 2).mean() < 1.2
    few, labels = made_up(12)
    assert np.abs(learn_stack(few, labels, what=STACK_WITH_BIAS).bias).max() < 0.6


def test_cross_fitting_does_not_see_the_fold_that_it_answers() -> None:
    parts, labels = made_up(60, neighbours=1.0)
    folds = make_folds(60, 3)
    before = cross_fit_stack(parts, labels, folds)
    changed = labels.copy()
    changed[folds == 1] = (changed[folds == 1] + 1) % CLASSES
    after = cross_fit_stack(parts, changed, folds)
    assert np.array_equal(before[folds == 1], after[folds == 1])
    assert not np.allclose(before[folds == 0], after[folds == 0])


def test_neighbours_that_know_something_are_used_and_noise_is_not() -> None:
    parts, labels = made_up(300, neighbours=2.0)
    chosen = choose_stack(parts, labels, make_folds(300))
    assert chosen.used
    assert chosen.why.startswith("Used")
    assert chosen.stack.retrieval > 0
    parts, labels = made_up(300, neighbours=0.0)
    turned_down = choose_stack(parts, labels, make_folds(300))
    assert not turned_down.used
    assert turned_down.why.startswith("Not used")
    assert turned_down.stack == learn_stack(parts, labels, what=ENSEMBLE)


@given(seed=st.integers(0, 500), neighbours=st.floats(0, 2))
@settings(max_examples=8, deadline=None)
def test_what_is_used_is_never_worse_than_the_ensemble_on_validation(seed: int, neighbours: float) -> None:
    parts, labels = made_up(40, neighbours=neighbours, seed=seed)
    chosen = choose_stack(parts, labels, make_folds(40, 4))
    by_name = {c.name: c for c in chosen.candidates}
    used, base = by_name[chosen.name], by_name[ENSEMBLE]
    assert used.cross_fitted_right >= base.cross_fitted_right
    assert used.right >= base.cross_fitted_right
    assert used.negative_log_likelihood <= base.negative_log_likelihood
    assert used is base or used.gain_low > 0


def test_the_gain_and_its_interval_are_those_of_a_paired_t_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    parts, labels = made_up(300, neighbours=1.0)
    folds = make_folds(300)
    rows = np.arange(300)
    losses = [-cross_fit_stack(parts, labels, folds, what=what)[rows, labels] for what in (ENSEMBLE, STACK)]
    found = {c.name: c for c in choose_stack(parts, labels, folds).candidates}[STACK]
    interval = stats.ttest_rel(*losses).confidence_interval(0.95)
    assert found.gain == pytest.approx((losses[0] - losses[1]).mean())
    assert (found.gain_low, found.gain_high) == pytest.approx(
        (interval.low, interval.high), rel=0.02, abs=1e-4
    )


def test_what_does_not_fit_together_is_wrong_usage() -> None:
    parts, labels = made_up(4)
    with pytest.raises(UsageError, match="retrieval has the shape"):
        Parts(parts.skeleton, None, np.zeros((4, CLASSES + 1)))
    with pytest.raises(UsageError, match="below 0"):
        Parts(parts.skeleton, np.full(parts.skeleton.shape, -0.1))
    with pytest.raises(UsageError, match="labels"):
        learn_stack(parts, labels[:3])
    with pytest.raises(UsageError, match="biases of 2 classes"):
        Stack(1.0, bias=(0.0, 0.0)).log_probabilities(parts)
    for wrong in ({"skeleton": 0.0}, {"skeleton": 1.0, "retrieval": -1.0}, {"skeleton": 1.0, "floor": 0.0}):
        with pytest.raises(UsageError, match="is"):
            Stack(**wrong)


# -- on disk ----------------------------------------------------------------------------------------

NAMES = ("a", "b", "c")


def carried() -> ModelStack:
    chosen = ChosenStack(
        STACK, Stack(1.5, 0.0, 0.25, 0.01), (StackCandidate(ENSEMBLE, 3, 3, 0.5),), 4, "Used: it is better."
    )
    return ModelStack.of(chosen, NAMES, unknown_below=0.25, validation="4 clips")


def test_a_stack_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    carried().save(path)
    assert ModelStack.load(path, NAMES) == carried()


def test_the_stack_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    carried().save(path)
    with pytest.raises(PartMissing, match=r"stack\.json.*other classes"):
        ModelStack.load(path, ("a", "c", "b"))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("stack"),
        lambda d: d.update(layout=2),
        lambda d: d["stack"].update(skeleton=-1.0),
        lambda d: d["stack"].update(bias=[0.0]),
        lambda d: d.update(used="yes"),
        lambda d: d.update(unknown_below=2),
        lambda d: d.update(surprise=1),
    ],
)
def test_a_damaged_stack_is_refused_by_name(tmp_path: Path, change: object) -> None:
    path = tmp_path / "stack.json"
    carried().save(path)
    document = json.loads(path.read_text())
    change(document)  # type: ignore[operator]
    path.write_text(json.dumps(document))
    with pytest.raises(PartMissing, match=r"stack\.json"):
        ModelStack.load(path, NAMES)
    path.write_text("{")
    with pytest.raises(PartMissing, match=r"stack\.json"):
        ModelStack.load(path, NAMES)
