"""SL-GCN in training and in use, beside SAM-SLR's published code where it is given.

``python benchmarks/slgcn.py [--peer FOLDER] [--part training inference] [--repeats N] [--json]``

The peer is the folder SL-GCN of a checkout of https://github.com/jackyjsy/CVPR21Chal-SLR (CC BY-NC: fetch it
yourself; nothing of it is kept here). Both networks get the same weights and clips, DropGraph is off as in
epoch 0, and their steps are timed by turns. Figures are processor seconds, on one thread unless --threads
says otherwise, so that other work on the machine counts less; a ratio is the median of the turns' ratios,
with its range. Without a peer, only our figures.

The peer asks for a GPU by name when it is built; a torch function mode turns ``device="cuda"`` into the CPU
while that happens. Nothing else of it is touched.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib
import io
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from precision import quantise
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from signlens.errors import InputRejected, SignLensError
from signlens.models.slgcn import SLGCN, paper_slgcn
from signlens.training.onnx_export import export_onnx

CLASSES, NODES = 2000, 27
TRAINING_BATCH, TRAINING_FRAMES, INFERENCE_FRAMES = 16, 100, 150
BFLOAT16_TARGET = 2.0
INFERENCE_TARGETS = {1: 1.7, 16: 2.4}


class _OnTheCPU(TorchFunctionMode):
    """Tensors that are asked for on a GPU are made on the CPU."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if str(kwargs.get("device")) == "cuda":
            kwargs["device"] = "cpu"
        return func(*args, **kwargs)


def build_peer(folder: Path) -> nn.Module:
    """SAM-SLR's network in the paper's configuration, from a checkout.

    Raises:
        InputRejected: The folder does not hold it.
    """
    if not (folder / "model" / "decouple_gcn_attn.py").is_file():
        raise InputRejected(
            folder, "is not the folder SL-GCN of SAM-SLR's code", "give that folder of a checkout"
        )
    sys.path.insert(0, str(folder))
    with _OnTheCPU(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module("model.decouple_gcn_attn")
        network: nn.Module = module.Model(
            num_class=CLASSES, num_point=NODES, num_person=1, groups=16, block_size=41,
            graph="graph.sign_27.Graph", graph_args={"labeling_mode": "spatial"},
        )  # fmt: skip
    return network


PEER_NAMES = {
    "graph_conv.weight": "gcn1.Linear_weight",
    "graph_conv.bias": "gcn1.Linear_bias",
    "graph_conv.adjacency": "gcn1.DecoupleA",
    "graph_conv.feature_norm": "gcn1.bn0",
    "graph_conv.norm": "gcn1.bn",
    "graph_conv.skip": "gcn1.down",
    "attention.spatial": "conv_sa",
    "attention.temporal": "conv_ta",
    "attention.squeeze": "fc1c",
    "attention.excite": "fc2c",
    "temporal_norm": "tcn1.bn",
    "temporal": "tcn1.conv",
    "skip.0": "residual.conv",
    "skip.1": "residual.bn",
}
"""Our layer within a block -> the peer's."""


def peer_name(name: str) -> str:
    """What the peer calls one of our parameters or statistics."""
    if not name.startswith("blocks."):
        return name.replace("input_norm", "data_bn").replace("classifier", "fc")
    _, block, within = name.split(".", 2)
    ours = next(layer for layer in PEER_NAMES if within == layer or within.startswith(f"{layer}."))
    return f"l{int(block) + 1}.{PEER_NAMES[ours]}{within[len(ours) :]}"


def copy_to_peer(model: SLGCN, peer: nn.Module) -> None:
    """Give the peer our weights and running statistics, every one of them."""
    theirs = peer.state_dict()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if "neighbours" not in name:
                theirs[peer_name(name)].copy_(value.reshape(theirs[peer_name(name)].shape))


def trained_looking(seed: int = 0) -> SLGCN:
    """The paper's network with nothing left at zero, so that equal outputs say something."""
    torch.manual_seed(seed)
    model = SLGCN(paper_slgcn(CLASSES))
    for name, parameter in model.named_parameters():
        if name.endswith("graph_conv.norm.weight"):
            nn.init.uniform_(parameter, 0.1, 0.3)
        elif "adjacency" in name:
            parameter.data += 0.05 * torch.rand_like(parameter)
        elif "attention" in name and name.endswith("weight"):
            nn.init.normal_(parameter, std=0.05)
    with torch.no_grad():
        for _ in range(12):  # running statistics
            model(torch.randn(2, 3, 40, NODES))
    return model


def processor_seconds(step: Callable[[], Any]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def by_turns(steps: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Time steps A, B, A, B, ...; the first turn warms up and does not count."""
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repeats + 1):
        for name, step in steps.items():
            seconds = processor_seconds(step)
            if turn:
                spent[name].append(seconds)
        print(f"turn {turn} of {repeats}", file=sys.stderr, flush=True)
    return spent


def ratio(slow: list[float], fast: list[float]) -> dict[str, float]:
    """How many times as fast: median of the turns, and their range."""
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}


def gflop_per_clip(frames: int) -> float:
    """Forward arithmetic of one clip: products of linear maps, mixings and convolutions, 2 a multiply-add."""
    config = paper_slgcn(CLASSES)
    total, channels = 0, config.in_channels
    for index, (out, stride) in enumerate(zip(config.channels, config.strides, strict=True)):
        after = -(-frames // stride)
        total += frames * NODES * 3 * channels * out  # linear map
        total += frames * NODES * 3 * NODES * out  # mixing
        total += after * NODES * config.temporal_kernel * out * out
        if channels != out:
            total += frames * NODES * channels * out
            total += after * NODES * channels * out if index else 0
        channels, frames = out, after
    return 2 * (total + channels * CLASSES) / 1e9


def gemm_peak() -> float:
    """GFLOP per processor second of a large float32 product, the best of several."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    return max(2 * 2048**3 / processor_seconds(lambda: torch.mm(a, b)) / 1e9 for _ in range(6))


def training_step(model: nn.Module, forward: Callable[[], Tensor], labels: Tensor) -> Callable[[], float]:
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4, nesterov=True)

    def step() -> float:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(forward().float(), labels)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


def time_training(model: SLGCN, peer: nn.Module | None, repeats: int) -> dict[str, Any]:
    """Forward, backward and SGD on a batch of 16 windows of 100 frames."""
    clips = torch.randn(TRAINING_BATCH, 3, TRAINING_FRAMES, NODES)
    labels = torch.randint(0, CLASSES, (TRAINING_BATCH,))
    model.train()
    result: dict[str, Any] = {}
    steps: dict[str, Callable[[], Any]] = {}
    if peer is not None:
        copy_to_peer(model, peer)
        peer.train()
        result.update(compare_gradients(model, peer, clips, labels))
        steps["peer"] = training_step(peer, lambda: peer(clips[..., None], 1.0), labels)
    steps["ours"] = training_step(model, lambda: model(clips)[0], labels)

    def in_bfloat16() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = model(clips)[0]
        return logits

    steps["ours, bfloat16"] = training_step(model, in_bfloat16, labels)
    spent = by_turns(steps, repeats)
    result["clips_per_processor_second"] = {
        name: TRAINING_BATCH / statistics.median(seconds) for name, seconds in spent.items()
    }
    result["gflop_per_step"] = 3 * TRAINING_BATCH * gflop_per_clip(TRAINING_FRAMES)
    if peer is not None:
        result["times_the_peer"] = ratio(spent["peer"], spent["ours"])
        result["bfloat16_times_the_peer"] = ratio(spent["peer"], spent["ours, bfloat16"])
    return result


def compare_gradients(model: SLGCN, peer: nn.Module, clips: Tensor, labels: Tensor) -> dict[str, float]:
    """Largest difference of logits and of gradients, relative to the largest logit and gradient."""
    logits, _ = model(clips)
    nn.functional.cross_entropy(logits, labels).backward()
    expected = peer(clips[..., None], 1.0)
    nn.functional.cross_entropy(expected, labels).backward()
    theirs = dict(peer.named_parameters())
    worst, largest = 0.0, 0.0
    for name, parameter in model.named_parameters():
        other = theirs[peer_name(name)].grad
        if parameter.grad is None or other is None:
            raise AssertionError(f"{name} has no gradient")
        worst = max(worst, float((parameter.grad - other.view_as(parameter)).abs().max()))
        largest = max(largest, float(other.abs().max()))
    return {
        "logits_differ": float((logits - expected).abs().max() / expected.abs().max()),
        "gradients_differ": worst / largest,
        **gradient_errors(model, peer, clips[:4], labels[:4]),
    }


def gradient_errors(model: SLGCN, peer: nn.Module, clips: Tensor, labels: Tensor) -> dict[str, float]:
    """How far both networks' float32 gradients are from float64, relative: rounding."""
    exact = copy.deepcopy(model).double()

    def gradients(network: nn.Module, logits: Tensor, rename: Callable[[str], str]) -> list[Tensor]:
        network.zero_grad()
        nn.functional.cross_entropy(logits, labels).backward()
        found = dict(network.named_parameters())
        made = [found[rename(name)].grad for name, _ in model.named_parameters()]
        network.zero_grad()
        return [g.double().flatten() for g in made if g is not None]

    truth = torch.cat(gradients(exact, exact(clips.double())[0], str))
    ours = torch.cat(gradients(model, model(clips)[0], str))
    theirs = torch.cat(gradients(peer, peer(clips[..., None], 1.0), peer_name))
    return {
        "gradient_error": float((ours - truth).norm() / truth.norm()),
        "peer_gradient_error": float((theirs - truth).norm() / truth.norm()),
    }


def time_inference(model: SLGCN, peer: nn.Module | None, repeats: int, threads: int) -> dict[str, Any]:
    """The exported network on ONNX Runtime, against the peer's eager PyTorch, at T = 150."""
    model.eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slgcn.onnx"
        export_onnx(model, np.random.default_rng(0).normal(size=(2, 3, 40, NODES)).astype(np.float32), path)
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        calibration = np.random.default_rng(1).normal(size=(8, 3, 40, NODES)).astype(np.float32)
        quantise(path, calibration)
        int8 = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    peak = gemm_peak()
    gflop = gflop_per_clip(INFERENCE_FRAMES)
    result: dict[str, Any] = {"gflop_per_clip": gflop, "gemm_gflop_per_s": peak}
    if peer is not None:
        copy_to_peer(model, peer)
        peer.eval()
    for batch in INFERENCE_TARGETS:
        clips = torch.randn(batch, 3, INFERENCE_FRAMES, NODES)
        row: dict[str, Any] = {}
        steps: dict[str, Callable[[], Any]] = {}
        with torch.no_grad():
            found = session.run(None, {"clip": clips.numpy()})[0]
            if peer is not None:
                expected = peer(clips[..., None]).numpy()
                row["logits_differ"] = float(np.abs(found - expected).max() / np.abs(expected).max())
                steps["peer"] = lambda clips=clips: peer(clips[..., None])
            steps["ours"] = lambda clips=clips: session.run(None, {"clip": clips.numpy()})
            steps["ours, int8"] = lambda clips=clips: int8.run(None, {"clip": clips.numpy()})
            spent = by_turns(steps, repeats * (4 if batch == 1 else 1))
        seconds = statistics.median(spent["ours"]) / batch
        row["ms_per_clip"] = {n: 1000 * statistics.median(s) / batch for n, s in spent.items()}
        row["share_of_gemm_peak"] = gflop / seconds / peak
        row["int8_times_float32"] = ratio(spent["ours"], spent["ours, int8"])
        if peer is not None:
            row["times_the_peer"] = ratio(spent["peer"], spent["ours"])
        result[f"batch_{batch}"] = row
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, help="folder SL-GCN of a checkout of SAM-SLR's code")
    parser.add_argument(
        "--part", nargs="+", choices=("training", "inference"), default=["training", "inference"]
    )
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    try:
        peer = None if options.peer is None else build_peer(options.peer)
        model = trained_looking()
        found: dict[str, Any] = {"threads": options.threads, "cpu": torch.backends.cpu.get_cpu_capability()}
        if "inference" in options.part:
            found["inference"] = time_inference(model, peer, options.repeats, options.threads)
        if "training" in options.part:
            found["training"] = time_training(model, peer, options.repeats)
    except SignLensError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    met = {}
    if peer is not None and "training" in found:
        gain = found["training"]["bfloat16_times_the_peer"]["median"]
        met["training in bfloat16"] = gain >= BFLOAT16_TARGET
    if peer is not None and "inference" in found:
        for batch, target in INFERENCE_TARGETS.items():
            row = found["inference"][f"batch_{batch}"]
            met[f"inference, batch {batch}"] = row["times_the_peer"]["median"] >= target
    if options.json:
        print(json.dumps({**found, "met": met}, indent=2))
    else:
        print_tables(found, met)
    return 0 if all(met.values()) else 1


def print_tables(found: dict[str, Any], met: dict[str, bool]) -> None:
    def times(row: dict[str, float]) -> str:
        return f"{row['median']:.2f} times the peer ({row['least']:.2f} to {row['most']:.2f})"

    print(
        f"SL-GCN, the paper's configuration, {CLASSES} classes; {found['cpu']}, threads: {found['threads']}"
    )
    if "inference" in found:
        part = found["inference"]
        print(f"inference, {INFERENCE_FRAMES} frames, {part['gflop_per_clip']:.1f} GFLOP a clip; ", end="")
        print(f"a large product here reaches {part['gemm_gflop_per_s']:.0f} GFLOP/s")
        for batch in INFERENCE_TARGETS:
            row = part[f"batch_{batch}"]
            each = ", ".join(f"{name} {value:.0f} ms a clip" for name, value in row["ms_per_clip"].items())
            print(
                f"  batch {batch:<2} {each}; ours at {row['share_of_gemm_peak']:.0%} of that product's speed"
            )
            quick = row["int8_times_float32"]
            print(
                f"           int8 {quick['median']:.2f} times float32 "
                f"({quick['least']:.2f} to {quick['most']:.2f})"
            )
            if "times_the_peer" in row:
                print(f"           {times(row['times_the_peer'])}; logits differ {row['logits_differ']:.1e}")
    if "training" in found:
        part = found["training"]
        print(f"training, batch {TRAINING_BATCH}, {TRAINING_FRAMES} frames, ", end="")
        print(f"{part['gflop_per_step']:.0f} GFLOP a step")
        for name, speed in part["clips_per_processor_second"].items():
            print(f"  {name:<16} {speed:6.2f} clips a processor second")
        if "times_the_peer" in part:
            print(f"  ours: {times(part['times_the_peer'])}")
            print(f"  bfloat16: {times(part['bfloat16_times_the_peer'])}")
            print(f"  logits differ {part['logits_differ']:.1e}, gradients {part['gradients_differ']:.1e}")
            print(
                f"  gradients off float64 by {part['gradient_error']:.1e}, "
                f"the peer's by {part['peer_gradient_error']:.1e}"
            )
    for name, good in met.items():
        print(f"  target of {name}: {'met' if good else 'MISSED'}")


if __name__ == "__main__":
    sys.exit(main())
