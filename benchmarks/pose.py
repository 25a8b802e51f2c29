"""Pose extraction: frames per second beside a plain MediaPipe Holistic loop, coverage and agreement.

The plain loop is what everybody writes first: OpenCV decodes, ``mp.solutions.holistic`` (model complexity 1)
looks at every frame, one after the other. Both go over the same clips in one run, clip by clip in turn
(who goes first alternates), and decoding counts for both. Loading is left out for both in the ratio and
reported apart.

    python benchmarks/pose.py --clips 20 [--json] [--folder ../shared/data/wlasl-videos]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.pose import FACE, LEFT_HAND, RIGHT_HAND, HolisticExtractor
from signlens.pose.layouts import HolisticPoints, whole_body_from_holistic

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SIGNLENS_SHARED", ROOT.parent / "shared"))


def plain_loop(path: Path) -> tuple[NDArray[np.float32], float, float]:
    """Keypoints, seconds for the frames, seconds for loading."""
    import cv2
    import mediapipe as mp

    parts: list[list[NDArray[np.float64]]] = [[], [], [], []]
    started = time.perf_counter()
    with mp.solutions.holistic.Holistic(model_complexity=1) as holistic:
        loaded = time.perf_counter()
        capture = cv2.VideoCapture(str(path))
        raw = []
        while True:
            more, image = capture.read()
            if not more:
                break
            raw.append(holistic.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
            height, width = image.shape[:2]
        capture.release()
        done = time.perf_counter()
    for result in raw:  # turning protobufs into arrays does not count against the plain loop
        for part, (found, count) in enumerate(
            (
                (result.pose_landmarks, 33),
                (result.face_landmarks, 468),
                (result.left_hand_landmarks, 21),
                (result.right_hand_landmarks, 21),
            )
        ):
            points = np.zeros((count, 4))
            if found is not None:
                points[:] = [
                    (p.x * width, p.y * height, p.z * width, p.visibility if part == 0 else 1)
                    for p in found.landmark
                ]
            parts[part].append(points)
    pose, face, left, right = (np.asarray(part) for part in parts)
    keypoints = whole_body_from_holistic(HolisticPoints(pose, face, left, right))
    return keypoints, done - loaded, loaded - started


def ours(extractor: HolisticExtractor, path: Path) -> tuple[NDArray[np.float32], float]:
    """Keypoints, and seconds."""
    started = time.perf_counter()
    clip = extractor.extract(path)
    return clip.keypoints, time.perf_counter() - started


def coverage(keypoints: NDArray[np.float32]) -> NDArray[np.float64]:
    """Frames with a body, a left hand, a right hand, a face."""
    seen = keypoints[..., 3] > 0
    return np.asarray(
        [seen[:, part].any(axis=1).sum() for part in (slice(0, 17), LEFT_HAND, RIGHT_HAND, FACE)], dtype=float
    )


PARTS = ("body", "left_hand", "right_hand", "face")
# The body points that the recogniser uses: nose, shoulders, elbows, wrists.
AGREEMENT = {"body": [0, 5, 6, 7, 8, 9, 10], "hands": list(range(91, 133)), "face": list(range(23, 91))}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=20, help="how many clips, spread evenly over the folder")
    parser.add_argument("--folder", type=Path, default=SHARED / "data" / "wlasl-videos")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    every = sorted(arguments.folder.glob("*.mp4"))
    if not every:
        print(f"skipped: there are no mp4 files in {arguments.folder}; name a folder with --folder")
        return
    chosen = [every[i * len(every) // arguments.clips] for i in range(min(arguments.clips, len(every)))]

    frames = 0
    seconds = {"plain": 0.0, "ours": 0.0}
    processor = {"plain": 0.0, "ours": 0.0}
    loading = {"plain": [], "ours": []}  # type: dict[str, list[float]]
    covered = {"plain": np.zeros(4), "ours": np.zeros(4)}
    apart: dict[str, list[NDArray[np.float64]]] = {name: [] for name in AGREEMENT}

    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import cv2  # noqa: F401  both sides find what they need already imported
    import mediapipe  # noqa: F401

    started = time.perf_counter()
    with HolisticExtractor() as extractor:
        loading["ours"].append(time.perf_counter() - started)
        extractor.extract(chosen[0])
        plain_loop(chosen[0])  # warm-up, both
        for number, path in enumerate(chosen):
            for who in ("ours", "plain") if number % 2 else ("plain", "ours"):
                before = time.process_time()
                if who == "ours":
                    mine, mine_s = ours(extractor, path)
                else:
                    theirs, theirs_s, load_s = plain_loop(path)
                processor[who] += time.process_time() - before
            if len(mine) != len(theirs):
                sys.exit(f"{path}: {len(mine)} frames here, {len(theirs)} in the plain loop")
            frames += len(mine)
            seconds["ours"] += mine_s
            seconds["plain"] += theirs_s
            loading["plain"].append(load_s)
            covered["ours"] += coverage(mine)
            covered["plain"] += coverage(theirs)
            shoulders = np.hypot(*(theirs[:, 5, :2] - theirs[:, 6, :2]).T)
            for name, points in AGREEMENT.items():
                distance = np.hypot(*np.moveaxis(mine[:, points, :2] - theirs[:, points, :2], -1, 0))
                both = (mine[:, points, 3] > 0) & (theirs[:, points, 3] > 0)
                apart[name].append((100 * distance / shoulders[:, None])[both])
            print(
                f"{path.name}: plain {len(mine) / theirs_s:.1f}, ours {len(mine) / mine_s:.1f} fps",
                file=sys.stderr,
            )

    speed = {name: frames / s for name, s in seconds.items()}
    result: dict[str, Any] = {
        "clips": len(chosen),
        "frames": frames,
        "cores": os.cpu_count(),
        "fps": {name: round(value, 2) for name, value in speed.items()},
        "ratio": round(speed["ours"] / speed["plain"], 3),
        "processor_ms_per_frame": {who: round(1000 * s / frames, 1) for who, s in processor.items()},
        "loading_s": {name: round(statistics.median(value), 3) for name, value in loading.items()},
        "coverage": {
            who: {part: round(float(n) / frames, 4) for part, n in zip(PARTS, counts, strict=True)}
            for who, counts in covered.items()
        },
        "hand_coverage": {who: round(float(n[1] + n[2]) / (2 * frames), 4) for who, n in covered.items()},
        "apart_percent_of_shoulder_width": {
            name: {
                "median": round(float(np.median(np.concatenate(values))), 3),
                "p95": round(float(np.percentile(np.concatenate(values), 95)), 3),
            }
            for name, values in apart.items()
        },
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{result['clips']} clips, {frames} frames, {result['cores']} cores")
    print(
        f"plain loop {speed['plain']:.1f} fps, SignLens {speed['ours']:.1f} fps: {result['ratio']:.2f} times"
    )
    for who in ("plain", "ours"):
        print(f"coverage, {who}: {result['coverage'][who]}, hands {result['hand_coverage'][who]}")
    print(f"apart, in % of shoulder width: {result['apart_percent_of_shoulder_width']}")
    print(f"processor time, in ms per frame: {result['processor_ms_per_frame']}")
    print(f"loading, in s: {result['loading_s']}")


if __name__ == "__main__":
    main()
