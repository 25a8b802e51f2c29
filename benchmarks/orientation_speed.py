"""Correcting a 150-frame clip: milliseconds, beside a plain loop over its points.

The plain loop levels and turns point by point, as everybody writes it first. ``turn`` is the same work
done by `signlens.orientation.rotation`; ``correct`` also reads depth and cues and decides what to do.
Processor time of one thread, the fastest of many runs and their median (other work on the machine only
ever slows a run down). ``gaps``: a clip without legs and feet, one hand missing in a third of the frames, as
films have it; the others see every point.

    OMP_NUM_THREADS=1 python benchmarks/orientation_speed.py [--json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.correction import CorrectionSettings, correct
from signlens.orientation.frame import SignerFrame
from signlens.orientation.rotation import turn
from signlens.pose import LEFT_HAND, PoseClip, Provenance

FRAMES, POINTS = 150, 133


def face_camera(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level and turn every frame by its own angles."""
    frame = SignerFrame.of(points)
    return turn(points, frame.centre, frame.roll, frame.yaw)


SHOULDERS = (5, 6)


def made_clip(seed: int = 0) -> PoseClip:
    """A clip of 150 frames and 133 points, all seen, the shoulders turned by about 35 degrees."""
    rng = np.random.default_rng(seed)
    keypoints = np.empty((FRAMES, POINTS, 4), np.float32)
    keypoints[..., :3] = rng.normal([320, 240, 0], [60, 60, 40], (FRAMES, POINTS, 3))
    keypoints[:, 5, :3] = rng.normal([370, 205, 120], 2, (FRAMES, 3))
    keypoints[:, 6, :3] = rng.normal([270, 195, -120], 2, (FRAMES, 3))
    keypoints[..., 3] = 1
    provenance = Provenance("mediapipe-holistic", "made")
    return PoseClip(keypoints, None, np.arange(FRAMES) / 25, 25.0, 640, 480, provenance)


def with_gaps(clip: PoseClip) -> PoseClip:
    """The clip as films show people: no legs, and a hand that is not found throughout."""
    keypoints = clip.keypoints.copy()
    nothing = [np.nan, np.nan, np.nan, 0]
    keypoints[:, 13:23] = nothing
    keypoints[: FRAMES // 3, LEFT_HAND] = nothing
    return dataclasses.replace(clip, keypoints=keypoints)


def plain_loop(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level and turn, point by point."""
    out = points.copy()
    for t in range(len(points)):
        left, right = (points[t, i, :3].astype(float) for i in SHOULDERS)
        cx, cy, cz = (left + right) / 2
        dx, dy, dz = left - right
        roll, yaw = math.atan2(dy, dx), math.atan2(dz, math.hypot(dx, dy))
        ca, sa, cb, sb = math.cos(roll), math.sin(roll), math.cos(yaw), math.sin(yaw)
        for v in range(points.shape[1]):
            x, y, z = points[t, v, 0] - cx, points[t, v, 1] - cy, points[t, v, 2] - cz
            x, y = ca * x + sa * y, ca * y - sa * x
            out[t, v, :3] = cb * x + sb * z + cx, y + cy, cb * z - sb * x + cz
    return out


def timed(run: Callable[[], object], times: int) -> tuple[float, float]:
    """Fastest and median milliseconds."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        run()
        taken.append(1000 * (time.process_time() - started))
    return min(taken), float(np.median(taken))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    clip = made_clip()
    difference = float(np.abs(face_camera(clip.keypoints) - plain_loop(clip.keypoints)).max())
    always = CorrectionSettings(least_yaw=0, least_roll=0)
    gaps = with_gaps(clip)
    found = {}
    for name, run, times in (
        ("plain_loop", lambda: plain_loop(clip.keypoints), 5),
        ("turn", lambda: face_camera(clip.keypoints), 500),
        ("correct", lambda: correct(clip, always), 500),
        ("correct_gaps", lambda: correct(gaps, always), 500),
    ):
        found[f"{name}_ms"], found[f"{name}_median_ms"] = timed(run, times)
    found["largest_difference_pixels"] = difference
    found["turn_ratio"] = found["plain_loop_ms"] / found["turn_ms"]
    found["correct_ratio"] = found["plain_loop_ms"] / found["correct_ms"]
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:26s} {value:9.3f}")
    return 0 if difference < 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
