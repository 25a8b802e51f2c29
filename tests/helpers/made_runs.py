"""Runs of networks that have learnt nothing, for tests of what is made of a run."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from made_landmark_sets import DATA, SPLITS
from safetensors.torch import save_file

from signlens.training.distributed import ALONE
from signlens.training.loop import infer
from signlens.training.network_kinds import build_network
from signlens.training.run import RUN_FILE, open_run, piece_folder, pieces_of

TOML = """
name = "{name}"
seed = 1
{data}
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
        data: Folder of the dataset folders (`write_starter_datasets`).
        name: Of the experiment.
        seed: Of the networks.
        only: Names of the splits.
    """
    folder.mkdir()
    (folder / "experiment.toml").write_text(
        TOML.format(
            name=name,
            data=DATA.format(only=f"only = {json.dumps(list(only))}", splits=SPLITS),
        )
    )
    places = [str(data / name) for name in ("traduttore", "wlasl50")]
    (folder / RUN_FILE).write_text(json.dumps({"data": places}))
    run = open_run(folder)
    experiment, source = run.experiment, run.source
    for network, split in pieces_of(source, experiment):
        torch.manual_seed(seed)
        settings = experiment.networks[network]
        model = build_network(settings, len(source.classes)).eval()
        rows = source.splits()[split].score["test"]
        logits, embedding = infer(model, source, settings, rows, ALONE)
        piece = piece_folder(folder, (network, split))
        piece.mkdir(parents=True)
        save_file(model.state_dict(), piece / "model.safetensors")
        (piece / "network.json").write_text('{"digest": "made up"}')
        np.savez(piece / "scores.npz", test_rows=rows, test_logits=logits, test_embedding=embedding)
    return folder
