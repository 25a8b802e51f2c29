"""What the paper's code did, by its own equations, point by point."""

import math

import numpy as np
import pytest

from signlens.errors import UsageError
from signlens_studies.orientation.published_rotation import as_published


def published_frame(seed: int = 0) -> np.ndarray:
    clip = np.random.default_rng(seed).uniform(20, 200, (4, 27, 4)).astype(np.float32)
    clip[..., 3] = 1
    return clip


def test_published_2d_moves_the_left_wrist_alone() -> None:
    clip = published_frame()
    made = as_published(clip, "2D")
    assert np.abs(made[:, 5, :2] - clip[:, 5, :2]).max() > 1
    np.testing.assert_array_equal(np.delete(made, 5, axis=1), np.delete(clip, 5, axis=1))


@pytest.mark.parametrize("mode", ["normal", "bin-5", "bin-30", "fixed-45", "fixed-10"])
def test_published_3d_follows_its_own_equations(mode: str) -> None:
    clip = published_frame(3)
    made = as_published(clip, mode)
    np.testing.assert_array_equal(np.delete(made, [5, 6], axis=1), np.delete(clip, [5, 6], axis=1))
    wrap = lambda a: a - 180 if a > 90 else a + 180 if a < -90 else a  # noqa: E731
    alphas, betas, sides = [], [], []
    for frame in clip.astype(float):
        dx, dy, dz = frame[6, :3] - frame[5, :3]
        alphas.append(wrap(math.degrees(math.atan2(dy, dx))))
        betas.append(wrap(math.degrees(math.atan2(dz, dx))))
        sides.append(-math.copysign(1, -dz) if dz else 0)
    if mode.startswith("bin"):
        size = int(mode[4:])
        for angles in (alphas, betas):
            bins = [math.floor(a / size) for a in angles]
            most = max(bins.count(b) for b in bins)
            best = min((b for b in set(bins) if bins.count(b) == most), key=lambda b: abs(b + 0.5))
            angles[:] = [best * size] * len(angles)
    if mode.startswith("fixed"):
        betas = [side * int(mode[6:]) for side in sides]
    for t, frame in enumerate(clip.astype(float)):
        a, b = math.radians(alphas[t]), math.radians(betas[t])
        rz = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
        ry = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
        centre = np.trunc((frame[5, :3] + frame[6, :3]) / 2)
        for node in (5, 6):
            expected = ry @ rz @ (frame[node, :3] - centre) + centre
            np.testing.assert_allclose(made[t, node, :3], expected, atol=1e-2)


def test_published_modes_are_named() -> None:
    for mode in ("bin-7", "smoothed", "fixed-20"):
        with pytest.raises(UsageError, match=mode):
            as_published(published_frame(), mode)
    assert (
        np.abs(as_published(published_frame(), "normal", turned="all") - published_frame())
        .min(axis=0)[7:, 0]
        .all()
    )
