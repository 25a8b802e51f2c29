import numpy as np
import pytest
from mirrored_maps import MIRRORED_MAPS, mirror_maps
from places import DATA, SHARED

from signlens.errors import InputRejected, UsageError
from signlens.pose.layouts import KEYPOINT_NAMES
from signlens.skeleton.heatmaps import (
    BODY_BOX,
    MAPS,
    MOUTH,
    POOL,
    SIGMA,
    SIZE,
    Box,
    keypoint_maps,
    render_maps,
    signer_box,
)
from signlens.skeleton.normalise import LEFT_HAND, WHOLE_BODY_INDEX, normalise
from signlens_studies.starter.landmark_sets import load_wlasl50

needs_shared = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings are not at {SHARED / 'data'}")

BOX = Box(0.0, 0.0, 24.0)


def whole_body(frames: int = 3, seed: int = 0) -> np.ndarray:
    """A signer 100 px wide at the shoulders whose nose is at (300, 200)."""
    rng = np.random.default_rng(seed)
    points = np.zeros((frames, 133, 4), np.float32)
    points[..., :2] = rng.uniform([150, 130], [450, 450], (frames, 133, 2))
    points[..., 3] = rng.uniform(0.3, 1.0, (frames, 133))
    points[:, 0, :2], points[:, 5, :2], points[:, 6, :2] = [300, 200], [350, 260], [250, 260]
    return points


def test_there_are_33_maps_of_the_points_that_the_paper_names() -> None:
    assert len(MAPS) == len(set(MAPS.tolist())) == 33
    names = [KEYPOINT_NAMES[p] for p in MAPS]
    assert sum(91 <= p < 112 for p in MAPS) == sum(112 <= p < 133 for p in MAPS) == 11
    assert sum(23 <= p < 91 for p in MAPS) == 4
    assert names[0] == "nose"


def test_mirroring_pairs_left_with_right() -> None:
    np.testing.assert_array_equal(MIRRORED_MAPS[MIRRORED_MAPS], np.arange(33))
    for here, there in enumerate(MIRRORED_MAPS):
        name, other = KEYPOINT_NAMES[MAPS[here]], KEYPOINT_NAMES[MAPS[there]]
        if "left" in name or "right" in name:
            swapped = name.replace("left", "?").replace("right", "left").replace("?", "right")
            assert other == swapped
    # The corners of the mouth change places, the lips stay.
    assert MAPS[MIRRORED_MAPS].tolist()[1:5] == [77, 71, 85, 89]


def test_the_maps_are_those_of_pooling_a_gaussian_twice() -> None:
    """A literal slow version: 96 x 96 pixels, sigma 3, two 3 x 3 max-pools of stride 2."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, y = rng.uniform(5, 90, 2)
        pixel = np.arange(96)
        picture = np.exp(-((pixel[None] - x) ** 2 + (pixel[:, None] - y) ** 2) / (2 * 3.0**2))
        for _ in range(2):
            half = range(len(picture) // 2)
            padded = np.pad(picture, 1, constant_values=-np.inf)
            picture = np.array(
                [[padded[2 * r : 2 * r + 3, 2 * c : 2 * c + 3].max() for c in half] for r in half]
            )
        # Pooled so, cell c looks at pixel 4 c; ours looks at its middle, 4 c + 2 pixels from the left.
        ours = render_maps(np.array([x + 2, y + 2]), np.array(1.0), Box(0, 0, 96))
        # Whole pixels miss the very top by up to half a pixel: exp(-0.5**2 / 18) twice.
        np.testing.assert_allclose(ours, picture, atol=1 - np.exp(-0.25 / 18) ** 2 + 1e-6)
        assert np.abs(ours - picture).max() > 0 and picture.max() > 0.97


def test_far_from_a_keypoint_the_map_is_a_gaussian_worked_by_hand() -> None:
    made = render_maps(np.array([12.5, 7.5]), np.array(0.8), BOX)
    assert made.shape == (24, 24)
    assert made[7, 12] == pytest.approx(0.8)
    # Three cells to the right and one down, each less the 0.75 that pooling reaches.
    expected = 0.8 * np.exp(-((3 - POOL) ** 2 + (1 - POOL) ** 2) / (2 * SIGMA**2))
    assert made[8, 15] == pytest.approx(expected, rel=1e-5)


def test_the_peak_is_the_confidence_and_a_missing_keypoint_has_an_empty_map() -> None:
    points = whole_body()
    points[1, MAPS[5], 3] = 0
    points[1, MAPS[5], :2] = np.nan
    points[2, MAPS[6], 3] = np.nan
    maps = keypoint_maps(points)
    assert maps.shape == (3, 33, SIZE, SIZE) and maps.dtype == np.float32
    assert not maps[1, 5].any() and not maps[2, 6].any()
    box = signer_box(points)
    for frame, index in ((0, 3), (1, 12), (2, 30)):
        at = (points[frame, MAPS[index], :2] - [box.left, box.top]) / box.side * SIZE
        column, row = np.floor(at).astype(int)
        assert maps[frame, index, row, column] == pytest.approx(points[frame, MAPS[index], 3])
        assert maps[frame, index].max() == pytest.approx(points[frame, MAPS[index], 3])


def test_a_point_outside_of_the_box_fades_out() -> None:
    assert render_maps(np.array([-2.0, 5.0]), np.array(1.0), BOX).max() < 0.15
    assert not render_maps(np.array([-200.0, 5.0]), np.array(1.0), BOX).any()


def test_the_box_follows_the_signer_and_the_maps_do_not_notice() -> None:
    points = whole_body()
    box = signer_box(points)
    assert (box.left, box.top, box.side) == pytest.approx(
        (300 + 100 * BODY_BOX.left, 200 + 100 * BODY_BOX.top, 100 * BODY_BOX.side)
    )
    moved = points.copy()
    moved[..., :2] = moved[..., :2] * 2.5 + [70, -40]
    np.testing.assert_allclose(keypoint_maps(moved), keypoint_maps(points), atol=1e-4)


def test_mirroring_the_signer_mirrors_the_maps() -> None:
    points = whole_body()
    pairs = {MAPS[a]: MAPS[b] for a, b in enumerate(MIRRORED_MAPS)}
    turned = points.copy()
    for a, b in pairs.items():
        turned[:, a] = points[:, b]
    turned[..., 0] = 640 - turned[..., 0]
    np.testing.assert_allclose(keypoint_maps(turned), mirror_maps(keypoint_maps(points)), atol=1e-5)


def test_49_points_give_the_same_maps_without_a_mouth() -> None:
    points = whole_body()
    all_maps, fewer = keypoint_maps(points), keypoint_maps(points[:, WHOLE_BODY_INDEX])
    mouth = np.isin(MAPS, MOUTH)
    np.testing.assert_array_equal(fewer[:, ~mouth], all_maps[:, ~mouth])
    assert not fewer[:, mouth].any() and all_maps[:, mouth].any()


def test_poses_without_shoulders_or_of_another_layout_are_refused() -> None:
    points = whole_body()
    with pytest.raises(UsageError, match="59"):
        keypoint_maps(points[:, :59])
    points[:, 5, 3] = 0
    with pytest.raises(InputRejected, match="shoulders"):
        keypoint_maps(points)


@pytest.mark.shared
@needs_shared
def test_the_box_holds_nearly_all_hand_points_of_real_clips() -> None:
    held = []
    for clip in load_wlasl50(DATA / "wlasl50-real"):
        if clip.fold != 0:
            joints, seen = normalise(clip.points)
            place = joints[:, LEFT_HAND.start :, :2][seen[:, LEFT_HAND.start :] > 0]
            place = (place - [BODY_BOX.left, BODY_BOX.top]) / BODY_BOX.side
            held.append(((place >= 0) & (place < 1)).all(axis=-1))
    share = np.concatenate(held).mean()
    assert 0.995 < share < 1, "a box that holds all would waste cells"
