"""The state of a training run in one safetensors file: written whole, read without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from signlens.errors import InputRejected
from signlens.files import whole_file


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    best: dict[str, Tensor],
    state: dict[str, Any],
) -> None:
    """Write everything that a run needs to go on as if it had not been stopped.

    Random numbers are made from the seed and the number of the step, so there is no generator to keep.

    Args:
        path: The file.
        model: The network as it is.
        optimiser: The optimiser as it is.
        best: The weights of the best epoch so far; empty before there is one.
        state: Plain values: step, history and what identifies the run.
    """
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in best.items()}
    for index, entry in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": value for key, value in entry.items() if value is not None}
    copied = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    with whole_file(path) as part:
        save_file(copied, part, metadata={"state": json.dumps(state)})


def load_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Put a saved state back.

    Returns:
        The best weights so far and the plain values.

    Raises:
        InputRejected: The file is no checkpoint of this network.
    """
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimiser": {}}
    try:
        with safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["state"])
            for key in file.keys():  # noqa: SIM118 (not a dictionary)
                kind, _, name = key.partition(".")
                parts[kind][name] = file.get_tensor(key)
        model.load_state_dict(parts["model"])
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputRejected(
            path, f"is not a checkpoint of this network ({type(error).__name__})", "remove it to start anew"
        ) from None
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in parts["optimiser"].items():
        index, _, key = name.partition(".")
        entries.setdefault(int(index), {})[key] = value
    whole = optimiser.state_dict()
    whole["state"] = entries
    optimiser.load_state_dict(whole)
    return parts["best"], state
