import numpy as np
import pytest
from mirrored_maps import mirror_maps

from signlens.errors import InputRejected
from signlens.models.heatmap_input import (
    evaluation_batch,
    heatmap_input,
    mirror_clip,
    place,
    training_batch,
)
from signlens.skeleton.augmentation import Augmentation
from signlens.skeleton.heatmaps import MAPS, MOUTH, keypoint_maps
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, WHOLE_BODY_INDEX


def signer(frames: int = 20, seed: int = 0, leads: str = "right") -> np.ndarray:
    """A signer 100 px wide at the shoulders; one hand moves twice as far as the other."""
    rng = np.random.default_rng(seed)
    points = np.zeros((frames, 133, 4), np.float32)
    points[..., :2] = rng.uniform([200, 180], [400, 440], (133, 2))
    points[..., 3] = rng.uniform(0.3, 1.0, (frames, 133))
    points[:, 0, :2], points[:, 5, :2], points[:, 6, :2] = [300, 200], [350, 260], [250, 260]
    path = 60 * np.sin(np.linspace(0, 6, frames))
    points[:, 91:112, 0] += path[:, None] * (2 if leads == "left" else 0.2)
    points[:, 112:, 0] += path[:, None] * (2 if leads == "right" else 0.2)
    return points


def test_the_input_is_the_maps_of_the_keypoints_frame_after_frame() -> None:
    points = signer(60)
    made = evaluation_batch([place(points)])
    assert made.shape == (1, 1980, 24, 24) and made.dtype == np.float32
    np.testing.assert_allclose(made.reshape(60, 33, 24, 24), keypoint_maps(points), atol=1e-4)


def test_49_points_give_the_same_input_without_a_mouth() -> None:
    points = signer()
    mouth = np.isin(MAPS, MOUTH)
    whole = evaluation_batch([place(points)], 12).reshape(12, 33, 24, 24)
    upper = evaluation_batch([place(points[:, WHOLE_BODY_INDEX])], 12).reshape(12, 33, 24, 24)
    np.testing.assert_array_equal(upper[:, ~mouth], whole[:, ~mouth])
    assert whole[:, mouth].any(axis=(2, 3)).all() and not upper[:, mouth].any()
    clip = place(points)
    np.testing.assert_array_equal(
        heatmap_input(clip.joints[None, :12, :49], clip.confidence[None, :12, :49]),
        heatmap_input(clip.joints[None, :12], np.where(np.arange(53) < 49, clip.confidence[None, :12], 0)),
    )


def test_what_was_not_found_stays_empty_though_its_place_is_filled() -> None:
    points = signer()
    points[5:9, 91:112] = [np.nan, np.nan, np.nan, 0]
    points[3, 71] = [np.nan, np.nan, np.nan, 0]
    clip = place(points)
    assert np.isfinite(clip.joints).all()
    maps = evaluation_batch([clip], 20).reshape(20, 33, 24, 24)
    left = (MAPS >= 91) & (MAPS < 112)
    assert not maps[5:9, left].any() and maps[4, left].any(axis=(1, 2)).all()
    assert not maps[3, 1].any() and maps[2, 1].any()


def test_frames_without_hands_are_left_out_where_others_have_one() -> None:
    points = signer()
    points[:6, 91:, 3] = 0
    assert len(place(points).joints) == 14
    points[:, 91:, 3] = 0
    assert len(place(points).joints) == 20


def test_left_handed_signers_are_mirrored() -> None:
    assert not place(signer(leads="right")).mirrored
    clip = place(signer(leads="left"))
    assert clip.mirrored
    path = np.abs(np.diff(clip.joints[..., 0], axis=0)).sum(axis=0)
    assert path[RIGHT_HAND].mean() > 5 * path[LEFT_HAND].mean()


def test_a_mirrored_clip_is_drawn_mirrored() -> None:
    clip = place(signer())
    maps = evaluation_batch([clip], 20).reshape(20, 33, 24, 24)
    turned = evaluation_batch([mirror_clip(clip)], 20).reshape(20, 33, 24, 24)
    np.testing.assert_allclose(turned, mirror_maps(maps), atol=1e-5)
    back = mirror_clip(mirror_clip(clip))
    np.testing.assert_array_equal(back.joints, clip.joints)
    assert not back.mirrored


def test_larger_hands_fill_more_of_the_picture_about_the_same_root() -> None:
    clip = place(signer())
    plain, large = (evaluation_batch([clip], 20, m).reshape(20, 33, 24, 24) for m in (1.0, 2.0))
    roots_and_body = np.array([0, *range(5, 11), 91, 112, *MOUTH])
    same = np.isin(MAPS, roots_and_body)
    np.testing.assert_array_equal(plain[:, same], large[:, same])
    assert np.abs(plain[:, ~same] - large[:, ~same]).max() > 0.3


def test_training_without_variation_is_evaluation_in_most_draws() -> None:
    clip = place(signer(60))
    expected = evaluation_batch([clip] * 400, size=2)
    made = training_batch([clip] * 400, np.random.default_rng(0), mirror_rate=0, size=2)
    same = np.isclose(made, expected, atol=1e-6).all(axis=(1, 2, 3))
    # 8 of 13 draws change no frame; three standard errors of a share over 400 are 0.073.
    assert same.mean() == pytest.approx(8 / 13, abs=0.075)
    made = training_batch([clip] * 400, np.random.default_rng(0), mirror_rate=1, size=2)
    same = np.isclose(made, evaluation_batch([mirror_clip(clip)] * 400, size=2), atol=1e-6).all(
        axis=(1, 2, 3)
    )
    assert same.mean() == pytest.approx(8 / 13, abs=0.075)


def test_training_varies_by_the_generator_alone() -> None:
    clips = [place(signer(frames, seed)) for frames, seed in ((12, 0), (30, 1), (90, 2))]
    amount = Augmentation(rotate=0.2, scale=0.1, hand_rotate=0.1, crop=0.2, warp=0.2, noise=0.01, mirror=1.0)
    first, again, other = (
        training_batch(clips, np.random.default_rng(seed), amount, frames=16, size=12) for seed in (1, 1, 2)
    )
    assert first.shape == (3, 16 * 33, 12, 12) and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert first.min() >= 0 and first.max() <= 1 + 1e-6


def test_the_augmentations_own_mirror_is_not_used() -> None:
    clip = place(signer())
    made = [
        training_batch([clip], np.random.default_rng(3), Augmentation(mirror=m), mirror_rate=0, frames=8)
        for m in (0.0, 1.0)
    ]
    np.testing.assert_array_equal(made[0], made[1])


def test_a_clip_without_a_signer_is_refused() -> None:
    points = signer()
    points[:, 5, 3] = 0
    with pytest.raises(InputRejected, match="shoulders"):
        place(points)
