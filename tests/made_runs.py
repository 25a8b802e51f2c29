"""Runs of networks that have learnt nothing, for tests of what is made of a run."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from signlens.training import run as runs
from signlens.training.distributed import ALONE
from signlens.training.experiment import load_experiment
from signlens.training.loop import infer
from signlens.training.networks import build_network
from signlens.training.starter import StarterSource


def untrained(folder: Path, data: Path, seed: int, toml: str) -> Path:
    """A run as `train` leaves it, with networks as they were drawn.

    Args:
        folder: Folder of the run, to be made.
        data: Folder of the landmark sets.
        seed: Of the networks.
        toml: The experiment.
    """
    folder.mkdir()
    (folder / "experiment.toml").write_text(toml)
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
