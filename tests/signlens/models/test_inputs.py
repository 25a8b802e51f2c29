import numpy as np
import pytest

from signlens.errors import UsageError
from signlens.models.inputs import (
    either_hand_leading,
    expected_logits,
    magnify_hands,
    network_input,
    slgcn_input,
)
from signlens.skeleton.hand_features import hand_features
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, TO_NODES, Signing, mirror_joints


def clip() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 6, 49, 3)).astype(np.float32), rng.random((2, 6, 49)).astype(np.float32)


def test_magnifying_leaves_roots_and_body_and_scales_fingers() -> None:
    joints, _ = clip()
    large = magnify_hands(joints, 3)
    np.testing.assert_array_equal(large[..., :7, :], joints[..., :7, :])
    for hand in (LEFT_HAND, RIGHT_HAND):
        np.testing.assert_allclose(large[..., hand.start, :], joints[..., hand.start, :])
        np.testing.assert_allclose(
            large[..., hand.start + 8, :] - large[..., hand.start, :],
            3 * (joints[..., hand.start + 8, :] - joints[..., hand.start, :]),
            rtol=1e-4,
            atol=1e-5,
        )


@pytest.mark.parametrize("stream", ["joint", "bone", "joint_motion", "bone_motion"])
def test_every_stream_keeps_what_was_seen(stream: str) -> None:
    joints, seen = clip()
    made = slgcn_input(joints, seen, stream)
    assert made.shape == (2, 3, 6, 27)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made[:, 2], seen[..., TO_NODES])


def test_a_clip_in_doubt_has_two_views_and_the_mean_of_their_logits() -> None:
    joints, seen = clip()
    sure = Signing(joints[0], seen[0], False, 6, 1.0)
    alone, alone_seen = either_hand_leading(sure)
    np.testing.assert_array_equal(alone, joints[:1])
    np.testing.assert_array_equal(alone_seen, seen[:1])
    both, both_seen = either_hand_leading(Signing(joints[0], seen[0], False, 6, 1.0, doubt=0.25))
    other, other_seen = mirror_joints(joints[0], seen[0])
    np.testing.assert_array_equal(both, np.stack([joints[0], other]))
    np.testing.assert_array_equal(both_seen, np.stack([seen[0], other_seen]))
    logits = np.array([[1.0, 2.0], [3.0, -2.0]], np.float32)
    np.testing.assert_allclose(expected_logits(logits, 0.25), [[1.5, 1.0]])
    np.testing.assert_array_equal(expected_logits(logits[:1], 0.25), logits[:1])


def test_kinds() -> None:
    joints, seen = clip()
    np.testing.assert_array_equal(network_input("handshape", "", joints, seen), hand_features(joints, seen))
    with pytest.raises(UsageError):
        network_input("transformer", "", joints, seen)
