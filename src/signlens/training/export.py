"""Trained networks to ONNX, checked against PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from signlens.errors import SignLensError
from signlens.files import whole_file

TOLERANCE = 1e-4


def export_onnx(model: nn.Module, example: NDArray[np.float32], path: Path) -> None:
    """Write a network (input ``clip``; outputs ``logits`` and ``embedding``) and check it.

    Args:
        model: The network in evaluation mode.
        example: Inputs of a few real clips, (N, ...): what the two runtimes are compared on.
        path: ONNX file to write.

    Raises:
        SignLensError: ONNX Runtime's outputs differ from PyTorch's by more than `TOLERANCE`.
    """
    clips = torch.from_numpy(example)
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (clips,),
                str(temporary),
                dynamo=False,
                opset_version=17,
                input_names=["clip"],
                output_names=["logits", "embedding"],
                dynamic_axes={"clip": {0: "clips"}, "logits": {0: "clips"}, "embedding": {0: "clips"}},
            )
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        with torch.no_grad():
            expected = [t.numpy() for t in model(clips)]
        for ours, theirs in zip(session.run(None, {"clip": example}), expected, strict=True):
            worst = float(np.abs(ours - theirs).max())
            if worst > TOLERANCE:
                raise SignLensError(
                    path, f"ONNX and PyTorch differ by {worst:.2g}", "report this as a defect"
                )
