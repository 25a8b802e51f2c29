"""How long an answer takes: the networks from keypoints on one core, and the command on a `.pose` file.

``python benchmarks/recognize.py [--clip CLIP] [--runs N] [--json]``

The clip is only a carrier: its poses are extracted once (not timed) and then answered again and again.
Figures are medians, measured in this process (networks) and over whole processes (start-up).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from signlens.errors import SignLensError
from signlens.models.sign_model import SignModel
from signlens.pose import PoseClip, extract_pose, read_pose, write_pose

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = next(iter(sorted((ROOT / "examples").glob("*.mp4"))), ROOT / "examples")
STREAMS_TARGET_MS = 100.0
START_UP_TARGET_S = 2.0
WARM_UP = 3


def on_one_core() -> str:
    """Keep this process to one core where the system can; returns how it was done."""
    if not hasattr(os, "sched_setaffinity"):
        return "one thread a network"
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return "pinned to one core"


def time_networks(model: SignModel, clip: PoseClip, runs: int) -> dict[str, Any]:
    """Milliseconds from keypoints to probabilities: the four skeleton streams, and all networks."""
    streams = [network for network in model.networks if network.kind == "slgcn"]
    every = model.networks

    def measure(networks: tuple[Any, ...]) -> float:
        model.networks = networks
        spent = []
        for run in range(WARM_UP + runs):
            started = time.perf_counter()
            model.score(clip)
            if run >= WARM_UP:
                spent.append(1000 * (time.perf_counter() - started))
        return statistics.median(spent)

    result = {
        "streams": [network.stream for network in streams],
        "streams_ms": measure(tuple(streams)),
        "networks": [network.name for network in every],
        "all_networks_ms": measure(every),
    }
    model.networks = every
    return result


def time_start_up(pose_file: Path, runs: int) -> dict[str, Any]:
    """Seconds that ``signlens recognize x.pose --json`` takes from start to end."""
    command = [sys.executable, "-m", "signlens.cli", "recognize", str(pose_file), "--json"]
    wall, cpu = [], []
    for run in range(1 + runs):  # the first one warms the disk's cache
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        elapsed = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if run:
            wall.append(elapsed)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall_s": statistics.median(wall), "cpu_s": statistics.median(cpu), "slowest_wall_s": max(wall)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, default=EXAMPLE, help="a video or a .pose file")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        clip = read_pose(options.clip) if options.clip.suffix == ".pose" else extract_pose(options.clip)
        with tempfile.TemporaryDirectory() as folder:
            pose_file = Path(folder) / "clip.pose"
            write_pose(clip, pose_file)
            start_up = time_start_up(pose_file, max(3, options.runs // 3))
        how = on_one_core()
        networks = time_networks(SignModel(threads=1), clip, options.runs)
    except SignLensError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    met = {
        "streams": networks["streams_ms"] <= STREAMS_TARGET_MS,
        "all_networks": networks["all_networks_ms"] <= STREAMS_TARGET_MS,
        "start_up": start_up["wall_s"] <= START_UP_TARGET_S,
    }
    if options.json:
        targets = {"streams_ms": STREAMS_TARGET_MS, "start_up_s": START_UP_TARGET_S}
        document = {
            "frames": clip.frames,
            "cores": how,
            "networks": networks,
            "start_up": start_up,
            "targets": targets,
            "met": met,
        }
        print(json.dumps(document, indent=2))
        return 0
    print(f"{options.clip}, {clip.frames} frames; medians, {how}")
    for name, value, target, unit, ok in (
        (
            f"keypoints to probabilities, {len(networks['streams'])} streams",
            networks["streams_ms"],
            STREAMS_TARGET_MS,
            "ms",
            met["streams"],
        ),
        (
            f"the same, all {len(networks['networks'])} networks",
            networks["all_networks_ms"],
            STREAMS_TARGET_MS,
            "ms",
            met["all_networks"],
        ),
        (
            "signlens recognize x.pose --json, start to end",
            start_up["wall_s"],
            START_UP_TARGET_S,
            "s",
            met["start_up"],
        ),
    ):
        print(f"  {name:<50} {value:8.2f} {unit:<2} (at most {target:g}: {'met' if ok else 'MISSED'})")
    print(f"  {'   of which processor time':<50} {start_up['cpu_s']:8.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
