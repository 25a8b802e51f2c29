"""Networks and detectors: anchors, suppression, a known input, and what is said when a part is missing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from signlens.errors import PartMissing
from signlens.pose import networks
from signlens.pose.networks import (
    NETWORK_FILES,
    POSE_DETECTION,
    Network,
    anchor_centres,
    merge_overlapping,
    network_hashes,
)
from signlens.pose.regions import Region


def test_anchors_by_hand() -> None:
    centres = anchor_centres(32, (8, 16, 16), 2)
    assert len(centres) == 4 * 4 * 2 + 2 * 2 * 4
    np.testing.assert_allclose(centres[:4], [[0.125, 0.125], [0.125, 0.125], [0.375, 0.125], [0.375, 0.125]])
    np.testing.assert_allclose(centres[32:36], [[0.25, 0.25]] * 4)
    assert len(anchor_centres(224, (8, 16, 32, 32, 32), 2)) == 2254
    assert len(anchor_centres(128, (8, 16, 16, 16), 2)) == 896
    assert len(anchor_centres(192, (4,), 1)) == 2304


def test_suppression_by_hand() -> None:
    scores = np.array([0.4, 0.8, 0.6])
    boxes = np.array([[0.0, 0, 10, 10], [1.0, 0, 11, 10], [50.0, 50, 60, 60]])
    keypoints = np.array([[[0.0, 0]], [[3.0, 0]], [[9.0, 9]]])
    merged = merge_overlapping(scores, boxes, keypoints, 0.3)
    assert [round(score, 3) for score, _, _ in merged] == [0.8, 0.6]
    np.testing.assert_allclose(merged[0][1], [2 / 3, 0, 32 / 3, 10])
    np.testing.assert_allclose(merged[0][2], [[2.0, 0]])
    np.testing.assert_allclose(merged[1][1], boxes[2])


def test_the_same_crop_gives_the_same_numbers() -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    network = Network(POSE_DETECTION, -1, 1)
    results = []
    for _ in range(2):
        network.run(image, Region(60, 45, 120, 0.3))
        results.append(network.output(0))
        network.run(image, Region(10, 10, 20))
    np.testing.assert_array_equal(results[0], results[1])
    other = Network(POSE_DETECTION, -1, 1)
    other.run(image, Region(60, 45, 120, 0.3))
    np.testing.assert_array_equal(results[0], other.output(0))


def test_hashes_name_every_network() -> None:
    hashes = network_hashes()
    assert len(hashes) == len(NETWORK_FILES)
    assert all(len(value) == 64 for value in hashes.values())


def test_a_missing_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PartMissing, match=r"nothing\.tflite.*mediapipe==0\.10\.21"):
        networks.network_path("nothing.tflite")


def test_extracting_and_reading_never_import_mediapipe() -> None:
    code = (
        "import sys; from signlens.pose import read_pose, HolisticExtractor\n"
        "with HolisticExtractor(): pass\n"
        "assert not {'mediapipe', 'matplotlib', 'jax', 'torch'} & set(sys.modules), sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    code = (
        "import sys; import signlens.pose\n"
        "assert not {'cv2', 'av', 'pose_format', 'ai_edge_litert'} & set(sys.modules), sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
