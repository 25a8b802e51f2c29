"""Small made-up landmark sets in the layout of Traduttore and WLASL50-real: hands that differ by gloss."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from signlens_studies.starter.landmark_sets import write_datasets
from signlens_studies.starter.tasks import SHARED_WORDS


def hand(rng: np.random.Generator, shape: int, frames: int) -> np.ndarray:
    """A hand whose fingers' lengths tell the shape and whose path goes its own way."""
    made = np.zeros((frames, 21, 3), np.float32)
    length = np.random.default_rng(shape).uniform(0.02, 0.15, 5)
    for finger in range(5):
        for joint in range(4):
            made[:, 1 + finger * 4 + joint, 0] = 0.02 * finger
            made[:, 1 + finger * 4 + joint, 1] = -length[finger] * (joint + 1) / 4
    path = np.array([0.4, 0.7]) + 0.1 * np.sin(np.linspace(0, shape, frames))[:, None]
    made[..., :2] += path[:, None] + rng.normal(0, 0.002, (frames, 21, 2))
    return made


def body(frames: int, points: int, left: int, right: int) -> np.ndarray:
    made = np.zeros((frames, points, 4), np.float32)
    made[:, :, :2] = [0.5, 0.5]
    made[:, 0, :2], made[:, left, :2], made[:, right, :2] = [0.5, 0.2], [0.65, 0.4], [0.35, 0.4]
    made[..., 3] = 1
    return made


def write_landmark_sets(folder: Path, *, seed: int = 0) -> Path:
    """Three recorders of all shared words, two letters and idle; ten glosses in five folds.

    Args:
        folder: Where to.
        seed: Of the clips.
    """
    rng = np.random.default_rng(seed)
    rows, arrays = [], []
    for recorder in ("recorder1", "recorder2", "recorder3"):
        for index, (kind, gloss) in enumerate(
            [("word", w) for w in SHARED_WORDS] + [("letter", "a"), ("letter", "b"), ("idle", "-")]
        ):
            for sequence in range(4):
                clip = np.zeros((20, 258), np.float32)
                clip[:, :132] = body(20, 33, 11, 12).reshape(20, -1)
                if kind != "idle":
                    clip[:, 195:] = hand(rng, index, 20).reshape(20, -1)
                arrays.append(clip)
                rows.append(
                    {
                        "gloss": gloss,
                        "sequence": str(sequence),
                        "kind": kind,
                        "recorder": recorder,
                        "all_zero": "0",
                        "duplicate_of": "",
                    }
                )
    write(folder / "traduttore-asl", rows, np.stack(arrays))
    rows, arrays = [], []
    for index in range(10):
        for fold in range(5):
            clip = np.zeros((30, 170), np.float32)
            clip[:, :44] = body(30, 11, 1, 2).reshape(30, -1)
            clip[:, 107:] = hand(rng, 40 + index, 30).reshape(30, -1)
            arrays.append(clip)
            rows.append({"gloss": f"gloss{index}", "sequence": str(fold), "length": "30", "fold": str(fold)})
    write(folder / "wlasl50-real", rows, np.stack(arrays))
    return folder


def write_starter_datasets(folder: Path, *, seed: int = 0) -> Path:
    """The same sets as dataset folders, as the study writes them; gives the folder that holds both."""
    sets = folder / "sets"
    sets.mkdir(parents=True)
    write_datasets(write_landmark_sets(sets, seed=seed), folder / "data")
    return folder / "data"


OTHERS = [[i for i in range(5) if i != k] for k in range(5)]

SPLITS = """
[[data.split]]
name = "traduttore-1-to-2"
train = [{ dataset = ["traduttore"], signer = ["recorder1"] }, { dataset = ["wlasl50"] }]
test = { signer = ["recorder2"], without = ["letter:*"] }
target = { dataset = ["traduttore"] }
[[data.split]]
name = "traduttore-2-to-1"
train = [{ dataset = ["traduttore"], signer = ["recorder2", "recorder3"] }, { dataset = ["wlasl50"] }]
test = { signer = ["recorder1"], without = ["letter:*"] }
target = { dataset = ["traduttore"] }
[[data.split]]
name = "everything"
train = {}
target = { dataset = ["wlasl50"] }
[[data.split]]
name = "open-set"
train = { without = ["can", "gloss1", "gloss6", "muffin", "tea"] }
test = { dataset = ["wlasl50"], gloss = ["can", "gloss1", "gloss6", "muffin", "tea"] }
target = { dataset = ["wlasl50"] }
""" + "".join(
    f"""
[[data.split]]
name = "wlasl-fold-{k}"
train = [{{ dataset = ["traduttore"] }}, {{ dataset = ["wlasl50"], fold = {OTHERS[k]} }}]
test = {{ dataset = ["wlasl50"], fold = [{k}] }}
target = {{ dataset = ["wlasl50"] }}
"""
    for k in range(5)
)
"""The starter's splits, as far as the made-up sets go."""

DATA = """
[data]
dataset = ["data/traduttore", "data/wlasl50"]
{only}
{splits}
[vocabulary]
idle = "idle"
outside = ["letter:*"]
"""


def write(folder: Path, rows: list[dict[str, str]], landmarks: np.ndarray) -> None:
    folder.mkdir()
    with (folder / "clips.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    np.savez(folder / "clips.npz", landmarks=landmarks)
