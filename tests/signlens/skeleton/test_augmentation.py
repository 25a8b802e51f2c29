import numpy as np
import pytest

from signlens.skeleton.augmentation import Augmentation, augment
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND


def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(6, 16, 49, 3)).astype(np.float32), np.ones((6, 16, 49), np.float32)


def test_nothing_asked_nothing_changed() -> None:
    joints, seen = batch()
    new, new_seen = augment(joints, seen, Augmentation(), np.random.default_rng(0))
    np.testing.assert_allclose(new, joints, atol=1e-6)
    np.testing.assert_array_equal(new_seen, seen)


def test_the_same_generator_gives_the_same_clips_and_inputs_stay_as_they_are() -> None:
    joints, seen = batch()
    kept = joints.copy()
    amount = Augmentation(
        crop=0.3, warp=0.3, rotate=0.2, yaw=0.2, hand_rotate=0.2, noise=0.01, drop_hand=0.5, mirror=0.5
    )
    first = augment(joints, seen, amount, np.random.default_rng(7))
    second = augment(joints, seen, amount, np.random.default_rng(7))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(joints, kept)


def test_rotation_keeps_distances() -> None:
    joints, seen = batch()
    new, _ = augment(joints, seen, Augmentation(rotate=0.5), np.random.default_rng(0))
    before = np.linalg.norm(joints[..., 3, :2] - joints[..., 40, :2], axis=-1)
    after = np.linalg.norm(new[..., 3, :2] - new[..., 40, :2], axis=-1)
    np.testing.assert_allclose(after, before, rtol=1e-4)
    assert np.abs(new - joints).max() > 0.1


def test_turning_a_hand_keeps_its_root_and_its_shape() -> None:
    joints, seen = batch()
    new, _ = augment(joints, seen, Augmentation(hand_rotate=0.5), np.random.default_rng(0))
    for hand in (LEFT_HAND, RIGHT_HAND):
        np.testing.assert_allclose(new[:, :, hand.start], joints[:, :, hand.start], atol=1e-6)
        before = np.linalg.norm(joints[:, :, hand] - joints[:, :, hand.start : hand.start + 1], axis=-1)
        after = np.linalg.norm(new[:, :, hand] - new[:, :, hand.start : hand.start + 1], axis=-1)
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(new[:, :, :7], joints[:, :, :7])


def test_cutting_time_stays_within_the_clip() -> None:
    joints = np.broadcast_to(np.arange(16, dtype=np.float32)[None, :, None, None], (200, 16, 49, 3)).copy()
    new, _ = augment(
        joints, np.ones((200, 16, 49), np.float32), Augmentation(crop=0.5, warp=0.3), np.random.default_rng(0)
    )
    assert new.min() >= 0
    assert new.max() <= 15
    time = new[:, :, 0, 0]
    assert (np.diff(time, axis=1) >= -1e-4).all(), "time never runs backwards"
    length = time[:, -1] - time[:, 0]
    assert length.min() >= 0.45 * 15
    assert length.std() > 0.5


def test_dropping_a_hand_hides_it_as_often_as_asked() -> None:
    joints = np.zeros((2000, 2, 49, 3), np.float32)
    _, seen = augment(
        joints, np.ones((2000, 2, 49), np.float32), Augmentation(drop_hand=0.3), np.random.default_rng(0)
    )
    hidden = seen[:, :, LEFT_HAND].max(axis=(1, 2)) == 0
    assert hidden.mean() == pytest.approx(0.3, abs=0.05)
    assert seen[:, :, RIGHT_HAND].min() == 1
