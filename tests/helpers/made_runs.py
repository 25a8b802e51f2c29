"""Runs of networks that have learnt nothing, for tests of what is made of a run."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from signlens.training import run as runs
from signlens.training.distributed import ALONE
from signlens.training.experiment import load_experiment
from signlens.training.loop import infer
from signlens.training.network_kinds import build_network
from signlens_studies.starter.clips import StarterSource

TOML = """
name = "{name}"
seed = 1
[data]
dataset = "starter-sets"
only = [{only}]
[training]
batch = 16
steps = 3
learning_rate = 1e-3
[networks.hand_shape]
kind = "handshape"
window = 12
shape = {{ width = 16 }}
[networks.bone]
kind = "slgcn"
stream = "bone"
window = 12
shape = {{ channels = [8], strides = [2], temporal_kernel = 3, groups = 4 }}
"""


def untrained(folder: Path, data: Path, name: str, seed: int, only: Sequence[str]) -> Path:
    """A run as `train` leaves it, with networks as they were drawn.

    Args:
        folder: Folder of the run, to be made.
        data: Folder of the landmark sets.
        name: Of the experiment.
        seed: Of the networks.
        only: Names of the splits.
    """
    folder.mkdir()
    (folder / "experiment.toml").write_text(
        TOML.format(name=name, only=", ".join(f'"{split}"' for split in only))
    )
    (folder / "run.json").write_text(json.dumps({"data": str(data)}))
    experiment = load_experiment(folder / "experiment.toml")
    source = StarterSource(data, experiment)
    for network, split in runs.pieces_of(source, experiment):
        torch.manual_seed(seed)
        settings = experiment.networks[network]
        model = build_network(settings, len(source.classes)).eval()
        rows = source.splits()[split].score["test"]
        logits, embedding = infer(model, source, settings, rows, ALONE)
        piece = runs.piece_folder(folder, (network, split))
        piece.mkdir(parents=True)
        save_file(model.state_dict(), piece / "model.safetensors")
        (piece / "network.json").write_text('{"digest": "made up"}')
        np.savez(piece / "scores.npz", test_rows=rows, test_logits=logits, test_embedding=embedding)
    return folder
