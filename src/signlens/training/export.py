"""Trained networks to ONNX, checked against PyTorch."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from signlens.errors import SignLensError
from signlens.skeleton.graph import NODES
from signlens.skeleton.hand_features import FEATURES
from signlens.training.experiment import NetworkSettings

TOLERANCE = 1e-4


def export_onnx(model: nn.Module, settings: NetworkSettings, path: Path) -> None:
    """Write a network (input ``clip``; outputs ``logits`` and ``embedding``) and check it.

    Args:
        model: The network in evaluation mode.
        settings: What it reads.
        path: ONNX file to write.

    Raises:
        SignLensError: ONNX Runtime's outputs differ from PyTorch's by more than `TOLERANCE`.
    """
    if settings.kind == "slgcn":
        example = torch.randn(2, 3, settings.window, len(NODES))
    else:
        example = torch.randn(2, settings.window, FEATURES)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (example,),
                str(temporary),
                dynamo=False,
                opset_version=17,
                input_names=["clip"],
                output_names=["logits", "embedding"],
                dynamic_axes={"clip": {0: "clips"}, "logits": {0: "clips"}, "embedding": {0: "clips"}},
            )
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        with torch.no_grad():
            expected = [t.numpy() for t in model(example)]
        for ours, theirs in zip(session.run(None, {"clip": example.numpy()}), expected, strict=True):
            worst = float(np.abs(ours - theirs).max())
            if worst > TOLERANCE:
                raise SignLensError(
                    path, f"ONNX and PyTorch differ by {worst:.2g}", "report this as a defect"
                )
        temporary.replace(path)
