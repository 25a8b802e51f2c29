"""Faces a second of the shipped emotion provider, beside DAN and beside OpenCV's HOG and SVM.

    OMP_NUM_THREADS=1 python benchmarks/emotion.py [--rounds N] [--json]

``landmarks`` is the provider as `recognize` uses it: face points and a window of the frame in, probabilities
out. ``points`` is the same without pictures. ``dan`` is one forward of DAN in PyTorch on a 224 x 224 face,
preprocessing included (random weights do not change the time). ``hog-svm`` is the textbook peer: OpenCV's
HOG of a 64 x 64 face cut out by its points' box, and OpenCV's own RBF support vector machine over 880 faces.

Processor time of one thread, all four by turns on the same made-up faces; a ratio is the median of the turns'
ratios. Pictures are noise with the shading of a face: what they show does not change the time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from signlens.emotion.faces import FaceAlbum, face_picture
from signlens.emotion.provider import FaceFrames
from signlens.emotion.providers import LandmarkProvider

FACES = 64
TARGET = 200.0


def made_faces(provider: LandmarkProvider, seed: int = 0) -> FaceFrames:
    """Windows of a video of 640 x 480 pixels with a face of some 110 in it, as `recognize` keeps them."""
    rng = np.random.default_rng(seed)
    points = provider.head.reference * 60 + [320, 200, 0] + rng.normal(0, 1, (FACES, 468, 3))
    album = FaceAlbum(provider.face_side, capacity=FACES)
    for index in range(FACES):
        album.add(index, rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), points[index])
    return album.faces(points, np.arange(FACES))


def svm_over(faces: FaceFrames) -> Callable[[], Any]:
    """HOG and support vector machine of OpenCV, trained on noise of the right size."""
    counter = cv2.HOGDescriptor((64, 64), (16, 16), (8, 8), (8, 8), 9)
    rng = np.random.default_rng(1)
    machine = cv2.ml.SVM_create()
    machine.setKernel(cv2.ml.SVM_RBF)
    machine.setGamma(1 / counter.getDescriptorSize())
    examples = rng.uniform(0, 0.3, (880, counter.getDescriptorSize())).astype(np.float32)
    machine.train(examples, cv2.ml.ROW_SAMPLE, rng.integers(0, 7, 880).astype(np.int32))

    def answer() -> None:
        rows = []
        for found in faces.pictures():
            crop = face_picture(*found, 1.0) if found else None
            if crop is not None:
                grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
                rows.append(counter.compute(cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)).ravel())
        machine.predict(np.stack(rows))

    return answer


def dan_over(faces: FaceFrames, count: int) -> Callable[[], Any] | None:
    """DAN on the first faces; None without PyTorch."""
    try:
        import torch

        from signlens.emotion.dan import SCALE, face_input
        from signlens.emotion.dan_network import DAN
    except ImportError:
        return None
    torch.set_num_threads(1)
    model = DAN().eval()

    def answer() -> None:
        with torch.inference_mode():
            for found in faces.pictures()[:count]:
                crop = face_picture(*found, SCALE) if found else None
                if crop is not None:
                    model(face_input(crop)[None])

    return answer


def main() -> int:
    """Time all of them by turns; exit code 1 when the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    provider = LandmarkProvider()
    faces = made_faces(provider)
    of_dan = 2
    work: dict[str, tuple[Callable[[], Any], int]] = {
        "landmarks": (lambda: provider.read(faces), FACES),
        "points": (lambda: provider.read(FaceFrames(faces.points)), FACES),
        "hog-svm": (svm_over(faces), FACES),
    }
    dan = dan_over(faces, of_dan)
    if dan is not None:
        work["dan"] = (dan, of_dan)
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(options.rounds + 1):
        for name, (answer, count) in work.items():
            started = time.process_time()
            answer()
            rates[name].append(count / (time.process_time() - started))
    rates = {name: values[1:] for name, values in rates.items()}  # the first turn warms up
    result: dict[str, Any] = {
        "faces_per_second": {name: round(statistics.median(v), 1) for name, v in rates.items()},
        "ratio": {
            name: round(statistics.median(a / b for a, b in zip(rates["landmarks"], v, strict=True)), 2)
            for name, v in rates.items()
            if name != "landmarks"
        },
        "target": TARGET,
        "rounds": options.rounds,
    }
    reached = result["faces_per_second"]["landmarks"] >= TARGET
    if options.json:
        print(json.dumps(result))
    else:
        for name, rate in result["faces_per_second"].items():
            against = (
                f", landmarks is {result['ratio'][name]:.2f} times that" if name in result["ratio"] else ""
            )
            print(f"{name:>10}: {rate:8.1f} faces a second{against}")
        print(f"target {TARGET:.0f} faces a second on one core: {'reached' if reached else 'missed'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
