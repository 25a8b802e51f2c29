"""A dataset as large as WLASL2000: how fast it is imported and read, and in how much memory.

``python benchmarks/dataset_scale.py [--clips N] [--folder DIR] [--json]``

Makes up 21,095 clips (seeded; lengths like WLASL's at 25 frames a second; the 49 keypoints of upper body
and hands), imports them, opens the dataset, reads an epoch in random order, and trains one (SL-GCN, starter
configuration, one thread); and does the same with 2,000 clips. Every step runs in a process of its own,
whose peak memory is what the system says it was.
Exits 1 when a step's memory grows with the number of clips by more than the manifest does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLIPS, FEW_CLIPS = 21_095, 2_000
GLOSSES, SIGNERS = 2_000, 119
MEDIAN_FRAMES, SPREAD, LEAST_FRAMES, MOST_FRAMES = 58, 0.39, 9, 282  # of nslt_2000.json
MANIFEST_BYTES = 4096
"""What one more clip may cost in memory: its labels and its row of the manifest, a few times over."""


def make_up(clips: int) -> tuple[Any, Any]:
    """Labels of so many clips, and a source that makes up each one's poses when it is asked for them."""
    import numpy as np

    from signlens.datasets.folder import PIXELS
    from signlens.datasets.importing import Found
    from signlens.datasets.labels import LabelledClip, Labels
    from signlens.skeleton.normalise import WHOLE_BODY_INDEX

    rng = np.random.default_rng(0)
    glosses = tuple(f"gloss-{i:04d}" for i in range(GLOSSES))
    splits = rng.choice(["train", "val", "test"], clips, p=[0.678, 0.186, 0.136])
    lengths = np.exp(rng.normal(np.log(MEDIAN_FRAMES), SPREAD, clips)).astype(int)
    lengths = lengths.clip(LEAST_FRAMES, MOST_FRAMES)
    labels = Labels(
        "made-up",
        glosses,
        tuple(
            LabelledClip(f"{i:05d}", glosses[i % GLOSSES], f"signer{i * 7 % SIGNERS}", str(splits[i]))
            for i in range(clips)
        ),
        (),
    )

    class MadeUpPoses:
        keypoints = WHOLE_BODY_INDEX
        unit = PIXELS
        required = True

        def find(self, clip: LabelledClip) -> Found:
            number = int(clip.name)
            poses = np.random.default_rng(number).random((lengths[number], 49, 4), dtype=np.float32)
            return Found(poses, "", f"{clip.name}.mp4", f"{number:064x}", "made up")

    return labels, MadeUpPoses()


class Clock:
    """Clips per second, by the clock on the wall and by the processor time that was used."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def rates(self, clips: int) -> dict[str, float]:
        """Since this clock was started."""
        wall, processor = time.perf_counter() - self._wall, time.process_time() - self._processor
        return {"seconds": wall, "clips_per_s": clips / wall, "clips_per_processor_s": clips / processor}


def import_step(folder: Path, clips: int) -> dict[str, Any]:
    from signlens.datasets.importing import import_dataset

    labels, source = make_up(clips)
    clock = Clock()
    dataset = import_dataset(labels, source, folder)
    rates = clock.rates(clips)
    size = {path.name: path.stat().st_size for path in folder.iterdir()}
    return {
        **rates,
        "store_bytes_per_clip": size["poses.npy"] / clips,
        "manifest_bytes_per_clip": size["manifest.csv"] / clips,
        "frames": sum(clip.frames for clip in dataset.clips),
    }


def open_step(folder: Path, clips: int) -> dict[str, Any]:
    from signlens.datasets.folder import Dataset

    clock = Clock()
    dataset = Dataset.open(folder)
    assert len(dataset) == clips
    return clock.rates(clips)


def read_step(folder: Path, clips: int) -> dict[str, Any]:
    import numpy as np

    from signlens.datasets.folder import Dataset
    from signlens.skeleton.normalise import WHOLE_BODY_INDEX

    dataset = Dataset.open(folder)
    order = np.random.default_rng(1).permutation(dataset.rows())
    clock = Clock()
    total = sum(float(dataset.points(row, WHOLE_BODY_INDEX).sum()) for row in order.tolist())
    assert len(order) == clips and total > 0
    return clock.rates(clips)


def train_step(folder: Path, clips: int) -> dict[str, Any]:
    import torch

    from signlens.skeleton.augmentation import Augmentation
    from signlens.training.distributed import ALONE
    from signlens.training.experiment import DataSettings, Experiment, NetworkSettings, TrainingSettings
    from signlens.training.loop import fit
    from signlens.training.sources import DatasetSource

    torch.set_num_threads(1)
    training = TrainingSettings(batch=64, learning_rate=1e-3, epochs=1)
    network = NetworkSettings("slgcn", 16, training, stream="joint")
    experiment = Experiment(
        "scale", 1, DataSettings(str(folder)), Augmentation(rotate=0.1, noise=0.01), {"joint": network}
    )
    source = DatasetSource(folder, experiment)
    split = dataclasses.replace(source.splits()["official"], score={})
    clock = Clock()
    fit(source, split, network, 1, ALONE)
    return clock.rates(len(split.train))


STEPS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "import": import_step,
    "open": open_step,
    "read": read_step,
    "train": train_step,
}


def run_step(step: str, folder: Path, clips: int) -> dict[str, Any]:
    """A step in a process of its own, with its peak memory."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--clips", str(clips)]
    print(f"{step} of {clips:,} clips ...", file=sys.stderr, flush=True)
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def step_in_this_process(step: str, folder: Path, clips: int) -> None:
    found = STEPS[step](folder, clips)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    found["peak_mib"] = peak / (2**10 if sys.platform != "darwin" else 2**20)
    print(json.dumps(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--folder", type=Path, help="where to make the datasets; a temporary one by default")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.step:
        step_in_this_process(options.step, options.folder, options.clips)
        return 0
    counts = sorted({min(FEW_CLIPS, options.clips), options.clips})
    found: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for clips in counts:
            place = Path(folder) / str(clips)
            found[clips] = {step: run_step(step, place, clips) for step in STEPS}
    few, many = counts[0], counts[-1]
    growth = {
        step: (found[many][step]["peak_mib"] - found[few][step]["peak_mib"]) * 2**20 / max(1, many - few)
        for step in STEPS
    }
    good = all(bytes_per_clip <= MANIFEST_BYTES for bytes_per_clip in growth.values())
    if options.json:
        print(
            json.dumps({"runs": found, "memory_bytes_per_further_clip": growth, "target_met": good}, indent=2)
        )
        return 0 if good else 1
    for clips, run in found.items():
        made = run["import"]
        store, manifest = made["store_bytes_per_clip"], made["manifest_bytes_per_clip"]
        print(f"{clips:,} clips, {made['frames']:,} frames, {store * clips / 2**30:.2f} GiB of poses")
        print(f"  bytes a clip: {store:,.0f} of poses, {manifest:,.0f} of manifest")
        for step, rates in run.items():
            print(
                f"  {step}: {rates['seconds']:.1f} s, {rates['clips_per_s']:,.0f} clips/s "
                f"({rates['clips_per_processor_s']:,.0f} a second of processor time), "
                f"peak {rates['peak_mib']:.0f} MiB"
            )
    print(f"memory for each further clip (at most {MANIFEST_BYTES:,} bytes):")
    for step, bytes_per_clip in growth.items():
        print(f"  {step}: {bytes_per_clip:,.0f} bytes")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
