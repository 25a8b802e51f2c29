"""MediaPipe's networks, read from its wheel and run with LiteRT.

The wheel carries the TensorFlow Lite files of Holistic's networks. They are run directly, without
MediaPipe's graph: each `Network` is one interpreter with one thread, so that several can run side by
side. MediaPipe itself is never imported.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing
from signlens.optional import import_opencv
from signlens.pose.regions import Points, Region

POSE_DETECTION = "pose_detection/pose_detection.tflite"
POSE_LANDMARKS = "pose_landmark/pose_landmark_full.tflite"
HAND_RECROP = "holistic_landmark/hand_recrop.tflite"
HAND_LANDMARKS = "hand_landmark/hand_landmark_full.tflite"
FACE_DETECTION = "face_detection/face_detection_short_range.tflite"
FACE_DETECTION_FAR = "face_detection/face_detection_full_range_sparse.tflite"
FACE_LANDMARKS = "face_landmark/face_landmark.tflite"
NETWORK_FILES: tuple[str, ...] = (
    POSE_DETECTION,
    POSE_LANDMARKS,
    HAND_RECROP,
    HAND_LANDMARKS,
    FACE_DETECTION,
    FACE_DETECTION_FAR,
    FACE_LANDMARKS,
)


def mediapipe_version() -> str:
    """Version of the installed MediaPipe wheel.

    Raises:
        PartMissing: It is not installed.
    """
    try:
        return importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError:
        raise PartMissing(
            "mediapipe",
            "the package whose pose networks are used is not installed",
            "pip install mediapipe==0.10.21",
        ) from None


def network_path(name: str) -> Path:
    """Where the wheel keeps one of `NETWORK_FILES`.

    Raises:
        PartMissing: MediaPipe, or the file in it, is not there.
    """
    found = importlib.util.find_spec("mediapipe")  # finds the folder, imports nothing
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "modules" / name
        if path.is_file():
            return path
    raise PartMissing("mediapipe", f"its network {name} is not installed", "pip install mediapipe==0.10.21")


def network_hashes() -> dict[str, str]:
    """SHA-256 of every network file in use, by file name."""
    return {
        Path(name).name: hashlib.sha256(network_path(name).read_bytes()).hexdigest() for name in NETWORK_FILES
    }


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Drop what native code writes to standard error (LiteRT greets there), unless asked not to."""
    if os.environ.get("SIGNLENS_DEBUG"):
        yield
        return
    try:
        saved = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


class Network:
    """One network, ready to run on crops of a frame; not for use by two threads at once.

    Args:
        name: One of `NETWORK_FILES`.
        low: Input value for black.
        high: Input value for white.

    Raises:
        PartMissing: The network or LiteRT is not installed.
    """

    def __init__(self, name: str, low: float = 0.0, high: float = 1.0) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise PartMissing(
                "ai-edge-litert",
                f"it cannot be imported ({error})",
                "install it with: pip install ai-edge-litert",
            ) from None
        self._cv2 = import_opencv()
        with _quiet_stderr():
            self._interpreter = Interpreter(str(network_path(name)), num_threads=1)
            self._interpreter.allocate_tensors()
        entry = self._interpreter.get_input_details()[0]
        self._input = int(entry["index"])
        self.size = int(entry["shape"][1])
        self._outputs = [int(o["index"]) for o in self._interpreter.get_output_details()]
        self._scale = np.float32((high - low) / 255)
        self._offset = np.float32(low)

    def run(self, image: NDArray[np.uint8], region: Region, outside_is_black: bool = False) -> None:
        """Run on one region of a frame; fetch the results with `output`.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: Which part of it.
            outside_is_black: What lies beyond the frame: black, or the frame's edge carried on.
        """
        cv2 = self._cv2
        crop = cv2.warpAffine(
            image,
            region.sampling_matrix(self.size),
            (self.size, self.size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT if outside_is_black else cv2.BORDER_REPLICATE,
        )
        entry = self._interpreter.tensor(self._input)()[0]
        np.multiply(crop, self._scale, out=entry)
        if self._offset:
            np.add(entry, self._offset, out=entry)
        del entry  # the interpreter does not run while somebody looks into it
        self._interpreter.invoke()

    def output(self, position: int) -> NDArray[np.float32]:
        """Output tensor by position in the network's own order (a copy)."""
        return np.asarray(self._interpreter.get_tensor(self._outputs[position]))


@dataclass(frozen=True)
class Detection:
    """Something found in a frame.

    Attributes:
        score: 0..1.
        box: (4,) left, top, right, bottom in pixels.
        keypoints: (K, 2) pixels.
    """

    score: float
    box: Points
    keypoints: Points


class Detector:
    """A single-shot detector with fixed anchors (pose or face), and its non-maximum suppression.

    Args:
        name: The network.
        strides: Stride of every output layer, in order (SSD, Liu et al., ECCV 2016).
        anchors_per_layer: Anchors per cell and layer.
        min_score: Weaker detections are dropped.
        overlap: Detections that overlap by more (intersection over union) are merged, weighted by score.
    """

    def __init__(
        self,
        name: str,
        strides: tuple[int, ...],
        anchors_per_layer: int = 2,
        min_score: float = 0.5,
        overlap: float = 0.3,
    ) -> None:
        self._network = Network(name, -1.0, 1.0)
        self._anchors = anchor_centres(self._network.size, strides, anchors_per_layer)
        self._min_logit = float(np.log(min_score / (1 - min_score)))
        self._overlap = overlap

    def detect(self, image: NDArray[np.uint8], region: Region | None = None) -> list[Detection]:
        """Everything found in a region (the whole frame if None), best first."""
        if region is None:
            height, width = image.shape[:2]
            region = Region(width / 2, height / 2, max(width, height))
        self._network.run(image, region, outside_is_black=True)
        logits = self._network.output(1).reshape(-1)
        kept = np.flatnonzero(logits >= self._min_logit)
        if len(kept) == 0:
            return []
        scores = 1 / (1 + np.exp(-logits[kept].astype(np.float64)))
        raw = self._network.output(0)[0, kept].astype(np.float64) / self._network.size
        anchors = self._anchors[kept]
        centre, extent = raw[:, 0:2] + anchors, raw[:, 2:4]
        points = raw[:, 4:].reshape(len(kept), -1, 2) + anchors[:, None]
        found = []
        for score, box, keypoints in merge_overlapping(
            scores, np.concatenate([centre - extent / 2, centre + extent / 2], axis=1), points, self._overlap
        ):
            corners = region.to_frame(
                np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
            )
            found.append(
                Detection(
                    score,
                    np.concatenate([corners.min(axis=0), corners.max(axis=0)]),
                    region.to_frame(keypoints),
                )
            )
        return found


def anchor_centres(size: int, strides: tuple[int, ...], anchors_per_layer: int) -> Points:
    """(N, 2) centres of an SSD's anchors, 0..1, layers of equal stride taken together."""
    centres = []
    start = 0
    while start < len(strides):
        layers = 1
        while start + layers < len(strides) and strides[start + layers] == strides[start]:
            layers += 1
        cells = -(-size // strides[start])
        ticks = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(ticks, ticks, indexing="ij")
        centres.append(
            np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), layers * anchors_per_layer, axis=0)
        )
        start += layers
    return np.concatenate(centres)


def merge_overlapping(
    scores: Points, boxes: Points, keypoints: Points, overlap: float
) -> list[tuple[float, Points, Points]]:
    """Weighted non-maximum suppression: overlapping detections become their score-weighted mean.

    Args:
        scores: (N,).
        boxes: (N, 4) left, top, right, bottom.
        keypoints: (N, K, 2).
        overlap: Intersection over union above which two detections are one.

    Returns:
        Score of the best, box and keypoints of each group, best first.
    """
    order = np.argsort(-scores, kind="stable")
    scores, boxes, keypoints = scores[order], boxes[order], keypoints[order]
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    left = np.ones(len(scores), dtype=bool)
    merged = []
    while left.any():
        best = int(np.argmax(left))
        common = np.prod(
            np.maximum(
                np.minimum(boxes[:, 2:], boxes[best, 2:]) - np.maximum(boxes[:, :2], boxes[best, :2]), 0
            ),
            axis=1,
        )
        union = area + area[best] - common
        group = left & (common > overlap * union)
        group[best] = True
        weight = scores[group] / scores[group].sum()
        merged.append(
            (float(scores[best]), weight @ boxes[group], np.tensordot(weight, keypoints[group], axes=1))
        )
        left &= ~group
    return merged
