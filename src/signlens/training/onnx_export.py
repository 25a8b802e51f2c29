"""Trained networks to ONNX, checked against PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from signlens.errors import SignLensError
from signlens.files import whole_file
from signlens.models.slgcn import SLGCN
from signlens.training.folding import FoldedSLGCN

TOLERANCE = 1e-4
"""How far ONNX Runtime may be from PyTorch, relative to the largest output, or to 1 where that is less."""

Array = NDArray[np.float32]


def export_onnx(model: nn.Module, example: Array, path: Path) -> None:
    """Write a network (input ``clip``; outputs ``logits`` and ``embedding``) and check it.

    The number of clips is free; so is, for an SL-GCN, the number of frames. An SL-GCN's normalisations are
    folded into its products.

    Args:
        model: The network in evaluation mode.
        example: Inputs of a few real clips, (N, ...): what the two runtimes are compared on.
        path: ONNX file to write.

    Raises:
        SignLensError: ONNX Runtime's outputs differ from PyTorch's by more than `TOLERANCE`.
    """
    clips = torch.from_numpy(example)
    with torch.no_grad():
        logits, embedding = model(clips)
    _write(
        FoldedSLGCN(model) if isinstance(model, SLGCN) else model,
        {"clip": clips},
        {"logits": logits, "embedding": embedding},
        {"clip": {0: "clips", 2: "frames"} if isinstance(model, SLGCN) else {0: "clips"}},
        path,
    )


class MeanOfNetworks(nn.Module):
    """Networks that read the same input, as one: the mean of their logits, and the first one's embedding.

    Args:
        networks: One or more.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, C) and embedding (N, D)."""
        outputs = [network(clips) for network in self.networks]
        return torch.stack([logits for logits, _ in outputs]).mean(dim=0), outputs[0][1]


def _write(
    model: nn.Module,
    inputs: dict[str, Tensor],
    expected: dict[str, Tensor],
    free: dict[str, dict[int, str]],
    path: Path,
) -> None:
    """Write a module as an ONNX file and compare ONNX Runtime's outputs with those expected."""
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model.eval(),
                tuple(inputs.values()),
                str(temporary),
                dynamo=False,
                opset_version=17,
                input_names=list(inputs),
                output_names=list(expected),
                dynamic_axes={**free, **{name: {0: "clips"} for name in expected}},
            )
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        found = session.run(None, {name: clip.numpy() for name, clip in inputs.items()})
        for ours, theirs in zip(found, expected.values(), strict=True):
            worst = float(np.abs(ours - theirs.numpy()).max())
            if not worst <= TOLERANCE * max(1.0, float(theirs.abs().max())):
                raise SignLensError(
                    path, f"ONNX and PyTorch differ by {worst:.2g}", "report this as a defect"
                )
