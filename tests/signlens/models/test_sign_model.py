"""The shipped model scores a clip whose hands lead alike with either hand leading."""

import numpy as np
import pytest
from turned_figure import as_seen, pose_clip, standing

from signlens.models.inputs import network_input
from signlens.models.sign_model import SignModel
from signlens.pose import LEFT_HAND, RIGHT_HAND, PoseClip
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, mirror_joints, prepare


@pytest.fixture(scope="module")
def model() -> SignModel:
    return SignModel()


def signer(left_path: float) -> PoseClip:
    """Both hands seen, the right one moving 0.3 shoulder widths a frame, the left one by its own amount."""
    figure = standing(24)
    figure[:] = figure[:1]
    there = (np.arange(24) % 2)[:, None]
    for hand, wrist, path in ((LEFT_HAND, 9, left_path), (RIGHT_HAND, 10, 0.3)):
        figure[:, hand, 1] -= there * path
        figure[:, wrist, 1] -= there[:, 0] * path
    return pose_clip(as_seen(figure))


def by_hand(model: SignModel, clip: PoseClip, other: bool) -> tuple[dict[str, np.ndarray], float]:
    made, doubt = {}, 0.0
    for network in model.networks:
        signing = prepare(clip.keypoints[:, WHOLE_BODY_INDEX], network.window)
        joints, seen = signing.joints[None], signing.visible[None]
        if other:
            joints, seen = mirror_joints(joints, seen)
        given = network_input(network.kind, network.stream, joints, seen, network.graph)
        made[network.name] = model._sessions[network.name].run(["logits"], {"clip": given})[0][0]
        doubt = signing.doubt
    return made, doubt


def test_a_clip_in_doubt_is_the_mean_of_both_leading_hands(model: SignModel) -> None:
    clip = signer(left_path=0.5)
    likely, doubt = by_hand(model, clip, other=False)
    other, _ = by_hand(model, clip, other=True)
    assert 0.05 < doubt < 0.5
    scores = model.score(clip)
    for name, values in scores.logits.items():
        np.testing.assert_allclose(values, (1 - doubt) * likely[name] + doubt * other[name], atol=1e-3)
    assert max(float(np.abs(likely[n] - other[n]).max()) for n in likely) > 0.1, "the two do differ"
    total = sum(model.weights.values())
    mean = sum(model.weights[n] / total * scores.logits[n].astype(float) for n in likely) / model.temperature
    np.testing.assert_allclose(np.exp(scores.log_probabilities), np.exp(mean) / np.exp(mean).sum(), atol=1e-5)
    assert scores.embedding.ndim == 1
    assert np.linalg.norm(scores.embedding) == pytest.approx(1, abs=1e-5)


def test_a_clip_that_one_hand_leads_plainly_is_scored_once(model: SignModel) -> None:
    clip = signer(left_path=0.02)
    likely, doubt = by_hand(model, clip, other=False)
    assert doubt == 0
    for name, values in model.score(clip).logits.items():
        np.testing.assert_allclose(values, likely[name], atol=1e-4)


def test_the_answer_does_not_jump_where_the_other_hand_begins_to_lead(model: SignModel) -> None:
    # By hand: (left - right) / (left + right) is 0.3 where left is 0.3 * 1.3 / 0.7.
    edge = 0.3 * 1.3 / 0.7
    before, after = (signer(left_path=edge + step) for step in (-0.002, 0.002))
    doubts = [prepare(c.keypoints[:, WHOLE_BODY_INDEX], 16) for c in (before, after)]
    assert [d.mirrored for d in doubts] == [False, True]
    first, second = (np.exp(model.score(c).log_probabilities) for c in (before, after))
    assert np.abs(first - second).sum() / 2 < 0.05
