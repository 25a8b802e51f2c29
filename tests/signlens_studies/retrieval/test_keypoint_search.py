"""Distances between keypoints: plain against SciPy, warped against the textbook's table."""

import numpy as np
import pytest

from signlens.errors import UsageError
from signlens.skeleton.normalise import TO_NODES
from signlens_studies.retrieval.keypoint_search import euclidean_distances, keypoint_paths, warped_distances

RNG = np.random.default_rng(0)
A, B = (RNG.normal(size=(n, 9, 6)).astype(np.float32) for n in (4, 5))


def literal_warping(a: np.ndarray, b: np.ndarray, band: int) -> float:
    table = np.full((len(a) + 1, len(b) + 1), np.inf)
    table[0, 0] = 0
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            if abs(i - j) <= band:
                step = min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
                table[i, j] = ((a[i - 1] - b[j - 1]) ** 2).sum() + step
    return float(np.sqrt(table[-1, -1]))


def test_plain_distances_are_scipys() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    expected = distance.cdist(A.reshape(4, -1), B.reshape(5, -1))
    np.testing.assert_allclose(euclidean_distances(A, B), expected, rtol=1e-6)


@pytest.mark.parametrize("band", [1, 3, 8])
def test_warping_is_the_textbooks(band: int) -> None:
    pytest.importorskip("dtaidistance", reason="warping needs the extra studies")
    found = warped_distances(A, B, band)
    expected = [[literal_warping(a.astype(float), b.astype(float), band) for b in B] for a in A]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_without_a_band_warping_is_the_plain_distance_and_with_one_a_late_clip_is_the_same() -> None:
    pytest.importorskip("dtaidistance", reason="warping needs the extra studies")
    np.testing.assert_allclose(warped_distances(A, B, 0), euclidean_distances(A, B), rtol=1e-6)
    path = np.cumsum(RNG.normal(size=(1, 9, 6)), axis=1).astype(np.float32)
    late = np.concatenate([path[:, :1], path[:, :1], path[:, :-2]], axis=1)
    late[:, -1:] = path[:, -1:]
    assert warped_distances(path, late)[0, 0] < euclidean_distances(path, late)[0, 0] / 2
    with pytest.raises(UsageError, match="band"):
        warped_distances(A, B, -1)


def test_paths_are_the_27_nodes_in_the_plane() -> None:
    joints = RNG.normal(size=(2, 4, 49, 3)).astype(np.float32)
    paths = keypoint_paths(joints)
    assert paths.shape == (2, 4, 54)
    np.testing.assert_array_equal(paths[1, 2].reshape(27, 2), joints[1, 2, TO_NODES, :2])
