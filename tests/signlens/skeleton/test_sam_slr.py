import numpy as np
import pytest

from signlens.errors import InputRejected
from signlens.skeleton import graph
from signlens.skeleton.augmentation import PixelAugmentation
from signlens.skeleton.graph import EDGES
from signlens.skeleton.sam_slr import SHOULDER_PIXELS, centre, clip_tensor, nodes_in_pixels, vary
from signlens.skeleton.streams import make_stream


def points(frames: int = 10, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).uniform(50, 450, (frames, 27, 4)).astype(np.float32)
    made[..., 3] = 0.9
    return made


def test_every_size_of_frame_gives_the_same_nodes_with_shoulders_of_the_reference_width() -> None:
    small = points()
    large = small.copy()
    large[..., :3] *= 3
    nodes = nodes_in_pixels(small)
    np.testing.assert_allclose(nodes, nodes_in_pixels(large), rtol=1e-4)
    width = np.linalg.norm(nodes[:, 1, :2] - nodes[:, 2, :2], axis=1)
    assert np.median(width) == pytest.approx(SHOULDER_PIXELS, rel=1e-4)


def test_a_hole_is_filled_in_time_and_a_node_that_never_shows_lies_on_its_parent() -> None:
    made = points()
    made[4, 3] = [np.nan, np.nan, np.nan, 0]
    made[:, 12] = [np.nan, np.nan, np.nan, 0]
    nodes = nodes_in_pixels(made)
    assert np.isfinite(nodes).all()
    np.testing.assert_allclose(nodes[4, 3, :2], (nodes[3, 3, :2] + nodes[5, 3, :2]) / 2, rtol=1e-4)
    np.testing.assert_array_equal(nodes[:, 12, :2], nodes[:, graph.PARENT[12], :2])
    assert (nodes[:, 12, 2] == 0).all()


def test_no_shoulders_is_rejected() -> None:
    made = points()
    made[:, 1, 3] = 0
    with pytest.raises(InputRejected, match="shoulders"):
        nodes_in_pixels(made)


@pytest.mark.parametrize("stream", ["joint", "bone", "joint_motion", "bone_motion"])
def test_short_clips_loop_and_long_ones_are_cut_before_the_stream_is_made(stream: str) -> None:
    nodes = nodes_in_pixels(points(7))
    looped = clip_tensor(nodes, stream, 20)
    expected = make_stream(np.stack([nodes[i % 7] for i in range(20)]), stream)
    np.testing.assert_array_equal(looped, expected)
    np.testing.assert_array_equal(clip_tensor(nodes, stream, 5), make_stream(nodes[:5], stream))


def test_centring_moves_all_joints_but_only_the_nose_of_a_vector_stream() -> None:
    joint = nodes_in_pixels(points())[None]
    centred = centre(joint, "joint")
    np.testing.assert_allclose(centred[0, :, 0, :2].mean(axis=0), 0, atol=1e-3)
    step = (joint - centred)[0, ..., :2]
    np.testing.assert_allclose(step, np.broadcast_to(step[:1, :1], step.shape), atol=1e-3)
    bone = make_stream(joint, "bone")
    moved = centre(bone, "bone")
    np.testing.assert_array_equal(moved[:, :, 1:], bone[:, :, 1:])
    np.testing.assert_array_equal(moved[..., 2], bone[..., 2])
    rebuilt = moved[0].copy()
    for parent, child in EDGES:
        rebuilt[:, child] += rebuilt[:, parent]
    np.testing.assert_allclose(centre(joint, "joint")[0], rebuilt, atol=1e-3)


def test_variation_takes_a_window_mirrors_and_shifts_within_bounds() -> None:
    clips = np.stack([clip_tensor(nodes_in_pixels(points(30, seed)), "joint", 40) for seed in range(64)])
    rng = np.random.default_rng(0)
    plain = vary(clips, "joint", 40, PixelAugmentation(), rng)
    np.testing.assert_array_equal(plain, centre(clips, "joint"))
    shifted = vary(clips, "joint", 40, PixelAugmentation(shift=10), rng) - plain
    assert np.abs(shifted[..., :2]).max() <= 10 + 1e-3
    np.testing.assert_allclose(shifted, np.broadcast_to(shifted[:, :1, :1], shifted.shape), atol=1e-3)
    mirrored = vary(clips, "joint", 40, PixelAugmentation(mirror=1), rng)
    expected = plain[:, :, graph.MIRROR].copy()
    expected[..., 0] *= -1
    np.testing.assert_allclose(mirrored, expected, atol=1e-3)
    half = vary(clips, "joint", 40, PixelAugmentation(mirror=0.5), rng)
    share = np.mean([np.allclose(h, m, atol=1e-2) for h, m in zip(half, mirrored, strict=True)])
    assert 0.25 < share < 0.75
    window = vary(clips, "bone_motion", 16, PixelAugmentation(), rng)
    assert window.shape == (64, 16, 27, 3)
    first = clips[0, :, 5, 2]
    found = window[0, :, 5, 2]
    assert any(np.array_equal(first[i : i + 16], found) for i in range(25)), "contiguous frames of the clip"
