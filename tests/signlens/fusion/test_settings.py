"""What a user asks for, over what validation chose; and the sum of a clip's parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from signlens.errors import UsageError
from signlens.fusion.clip_fusion import Fusion, FusionSettings
from signlens.fusion.stack import ModelStack, Stack, Vote

BOTH = Fusion.of(FusionSettings(emotion_strength=1.0, retrieval_strength=2.0), None)


@st.composite
def three_parts(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    count = draw(st.integers(2, 30))
    scores = rng.uniform(-30, 30, count)
    return scores - logsumexp(scores), rng.uniform(0, 5, count), rng.dirichlet(np.ones(count))


@settings(deadline=None)
@given(three_parts())
def test_the_result_is_the_sum_of_the_terms_renormalised(parts):
    fused = BOTH.fuse(*parts)
    total = parts[0] + parts[1] + np.log1p(2 * parts[2])
    assert np.allclose(fused.skeleton + fused.emotion + fused.retrieval, total)
    assert np.allclose(fused.log_probabilities, total - logsumexp(total), atol=1e-9)
    assert np.exp(fused.log_probabilities).sum() == pytest.approx(1)


@settings(deadline=None)
@given(three_parts())
def test_nothing_asked_and_nothing_chosen_changes_nothing(parts):
    fused = Fusion.of(None, None).fuse(*parts)
    assert np.array_equal(fused.skeleton, parts[0])
    assert not fused.emotion.any()
    assert not fused.retrieval.any()
    assert np.allclose(fused.log_probabilities, parts[0], atol=1e-12)
    assert np.allclose(BOTH.fuse(parts[0]).log_probabilities, parts[0], atol=1e-12), "silence adds nothing"


def test_by_hand():
    # 0.5 * 2 : 0.25 : 0.25 * 4 = 4/9 : 1/9 : 4/9
    skeleton, expression, shares = np.log([0.5, 0.25, 0.25]), np.log([2.0, 1, 1]), np.array([0, 0, 1.5])
    assert np.allclose(np.exp(BOTH.fuse(skeleton, expression, shares).log_probabilities) * 9, [4, 1, 4])


def test_an_impossible_class_stays_impossible():
    with np.errstate(divide="ignore"):
        fused = BOTH.fuse(np.log([1.0, 0.0]), np.log([1.0, 9.0]))
    assert np.exp(fused.log_probabilities).tolist() == [1, 0]


@pytest.mark.parametrize(
    "parts",
    [
        (np.zeros(3), np.zeros(2), np.zeros(3)),
        (np.array([np.nan, 0.0]),),
        (np.zeros(2), np.array([np.inf, 0.0])),
        (np.zeros(2), None, np.array([-1.0, 0.0])),
    ],
)
def test_what_does_not_fit_is_refused(parts):
    with pytest.raises(UsageError):
        BOTH.fuse(*parts)


@pytest.mark.parametrize("wrong", [{"emotion_strength": -0.1}, {"retrieval_strength": float("nan")}])
def test_strengths_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError):
        FusionSettings(**wrong)


@pytest.mark.parametrize("wrong", [{"emotion_top_k": 0}, {"neighbours": 0}, {"temperature": 0.0}])
def test_votes_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError):
        Vote(**wrong)


CHOSEN = ModelStack(
    Stack(1.5, 2.0, 0.5, 0.05), True, "Used.", ("a", "b"), Vote(neighbours=3), unknown_below=0.3
)


def test_what_is_not_asked_for_stays_as_validation_chose_it():
    assert Fusion.of(None, CHOSEN) == Fusion.of(FusionSettings(), CHOSEN)
    assert Fusion.of(None, CHOSEN).stack == CHOSEN.stack
    votes = Fusion.of(FusionSettings(retrieval_strength=4.0), CHOSEN)
    assert votes.stack == Stack(1.5, 2.0, 1.0, 0.25)
    assert (votes.vote, votes.unknown_below, votes.emotion_strength) == (CHOSEN.vote, 0.3, 1.0)
    face = Fusion.of(FusionSettings(emotion_strength=4.0), CHOSEN)
    assert (face.stack, face.emotion_strength) == (Stack(1.5, 1.0, 0.5, 0.05), 4.0)
    off = Fusion.of(FusionSettings(emotion_strength=0.0, retrieval_strength=0.0), CHOSEN)
    assert (off.stack.emotion, off.stack.retrieval, off.info.kind) == (0, 0, "stack")
    heedless = Fusion.of(FusionSettings(explain_markers=False), CHOSEN)
    assert (heedless.stack, heedless.info) == (CHOSEN.stack, Fusion.of(None, CHOSEN).info)


def test_a_stack_that_was_turned_down_serves_for_its_sentence_alone():
    down = ModelStack(CHOSEN.stack, False, "Not used.", ("a", "b"))
    found = Fusion.of(None, down)
    assert (found.stack, found.unknown_below) == (Stack(1.0), None)
    assert (found.info.kind, found.info.why, found.info.coefficients) == ("skeleton", "Not used.", {})
    assert Fusion.of(FusionSettings(emotion_strength=1.0), down).info.kind == "strengths"
