import numpy as np

from signlens.skeleton.hand_features import FEATURES, hand_features
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND

SHAPE = slice(FEATURES - 2 * 80, FEATURES)


def clip() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(0, 0.3, (2, 10, 49, 3)).astype(np.float32), np.ones((2, 10, 49), np.float32)


def test_shape_does_not_depend_on_place_or_size() -> None:
    joints, seen = clip()
    moved = joints.copy()
    for hand, shift in ((LEFT_HAND, [0.4, -0.2, 0.1]), (RIGHT_HAND, [-0.3, 0.5, 0.0])):
        root = moved[:, :, hand.start : hand.start + 1]
        moved[:, :, hand] = 1.7 * (moved[:, :, hand] - root) + root + np.array(shift, np.float32)
    before, after = hand_features(joints, seen), hand_features(moved, seen)
    np.testing.assert_allclose(after[..., SHAPE], before[..., SHAPE], atol=1e-4)
    assert np.abs(after - before)[..., : SHAPE.start].max() > 0.1


def test_place_does_not_depend_on_finger_curl() -> None:
    joints, seen = clip()
    curled = joints.copy()
    curled[:, :, RIGHT_HAND.start + 4] += 0.2  # thumb tip only
    difference = np.abs(hand_features(curled, seen) - hand_features(joints, seen))
    assert difference[..., : SHAPE.start].max() == 0
    assert difference[..., SHAPE].max() > 0.05


def test_an_unseen_hand_has_no_shape() -> None:
    joints, seen = clip()
    seen[:, :, LEFT_HAND] = 0
    features = hand_features(joints, seen)
    left_shape = features[..., FEATURES - 160 : FEATURES - 80]
    assert not left_shape.any()
    assert features[..., FEATURES - 80 :].any()


def test_a_still_clip_has_no_velocity() -> None:
    joints, seen = clip()
    still = np.repeat(joints[:, :1], 10, axis=1)
    place = (FEATURES - 160) // 2
    features = hand_features(still, seen)
    assert features.shape == (2, 10, FEATURES)
    assert not features[..., place : 2 * place].any()
