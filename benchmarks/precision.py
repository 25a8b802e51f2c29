"""What fewer bits cost a run's networks in accuracy, on its own out-of-fold clips.

``python benchmarks/precision.py RUN [--only SPLIT ...] [--json]``

RUN trained the starter experiment. Every split's networks are exported in float32, with float16 weights and
in int8 (calibrated on that split's training clips, as they stand), and score the split's own test clips on
ONNX Runtime. Figures are top-1 in points less float32, paired, with 95 % intervals, for every network and for
the ensemble with the shipped model's weights; bytes; and milliseconds of processor time a clip, by turns.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from signlens.errors import SignLensError
from signlens.evaluation.metrics import bootstrap, top_k_hits
from signlens.files import whole_file
from signlens.models.ensemble import weighted_mean
from signlens.models.sign_model import STARTER
from signlens.training.onnx_export import export_onnx
from signlens.training.pieces import load_network
from signlens.training.precision import FLOAT16, FLOAT32, store_in_half_precision
from signlens.training.sources import TEST
from signlens_studies.starter.tasks import SHARED_WORDS, WLASL50, open_starter_run

INT8 = "int8"
PRECISIONS = (FLOAT32, FLOAT16, INT8)

CALIBRATION = 256
"""Training clips that tell what the activations of an int8 network span."""

Floats = NDArray[np.float64]


def quantise(path: Path, calibration: NDArray[np.float32]) -> None:
    """Turn an ONNX file's convolutions and matrix products into products of eight-bit integers.

    Weights have a scale for each channel out, activations one each, from what they span on the calibration
    clips.

    Args:
        path: The file, with one input ``clip``; it is replaced.
        calibration: Inputs of training clips, (N, ...).

    """

    class Clips(CalibrationDataReader):
        def __init__(self) -> None:
            self.left: Iterator[NDArray[np.float32]] = iter(
                np.split(calibration, range(16, len(calibration), 16))
            )

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.left, None)
            return None if batch is None else {"clip": batch}

    loudness = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises on the root logger, for every call
    try:
        with whole_file(path) as temporary:
            quantize_static(
                str(path),
                str(temporary),
                Clips(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "MatMul", "Gemm"],
                per_channel=True,
                reduce_range=True,  # 7 bits: sums of products in 16 bits do not overflow on older processors
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    finally:
        logging.root.setLevel(loudness)


def make_variants(network: Any, calibration: NDArray[np.float32], folder: Path) -> dict[str, Path]:
    """Precision -> the network's ONNX file."""
    made = {precision: folder / f"{precision}.onnx" for precision in PRECISIONS}
    export_onnx(network, calibration[:16], made[FLOAT32])
    for precision, path in made.items():
        if precision != FLOAT32:
            shutil.copyfile(made[FLOAT32], path)
    store_in_half_precision(made[FLOAT16])
    quantise(made[INT8], calibration)
    return made


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def scores_of(made: onnxruntime.InferenceSession, clips: NDArray[np.float32]) -> Floats:
    parts = [made.run(None, {"clip": clips[i : i + 64]})[0] for i in range(0, len(clips), 64)]
    return np.concatenate(parts).astype(np.float64)


def time_variants(
    sessions: dict[str, onnxruntime.InferenceSession], clip: NDArray[np.float32]
) -> dict[str, float]:
    """Milliseconds of processor time for one clip, medians by turns."""
    spent: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(15):
        for name, made in sessions.items():
            started = time.process_time()
            for _ in range(4):
                made.run(None, {"clip": clip})
            spent[name].append(250 * (time.process_time() - started))
    return {name: statistics.median(seconds[3:]) for name, seconds in spent.items()}


def compare(
    exact: dict[str, Floats], other: dict[str, Floats], labels: NDArray[np.int64], weights: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """System -> top-1 of float32 and of the variant, and the difference with its interval."""
    systems = {name: (exact[name], other[name]) for name in exact}
    systems["ensemble"] = (weighted_mean(exact, weights), weighted_mean(other, weights))
    found = {}
    for name, (before, after) in systems.items():
        was, is_now = top_k_hits(before, labels, 1), top_k_hits(after, labels, 1)
        change = bootstrap(100.0 * (is_now.astype(np.float64) - was))
        found[name] = {
            "float32": 100 * float(was.mean()),
            "top1": 100 * float(is_now.mean()),
            "change": change.value,
            "low": change.low,
            "high": change.high,
            "won": int((is_now & ~was).sum()),
            "lost": int((was & ~is_now).sum()),
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--only", nargs="+", help="splits; all that are scored by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        found = measure(options.run, options.only)
    except SignLensError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print_tables(found)
    return 0


def measure(folder: Path, only: list[str] | None) -> dict[str, Any]:
    run = open_starter_run(folder)
    experiment, source = run.experiment, run.source
    card = json.loads((STARTER / "model.json").read_text(encoding="utf-8"))
    weights = {n["name"]: n["weight"] for n in card["networks"]}
    words = np.array([source.classes.index(w) for w in SHARED_WORDS])
    tasks: dict[str, dict[str, Any]] = {}
    size: dict[str, dict[str, int]] = {}
    speed: dict[str, dict[str, float]] = {}
    for name, split in source.splits().items():
        if (
            name not in (only or experiment.data.only or source.splits())
            or name == "open-set"
            or TEST not in split.score
        ):
            continue
        rows = split.score[TEST]
        glosses = np.unique(source.labels[source.dataset == WLASL50]) if name.startswith("wlasl") else words
        rows = rows[np.isin(source.labels[rows], glosses)]
        task = tasks.setdefault(
            "WLASL50-real" if name.startswith("wlasl") else name, {"labels": [], "logits": {}}
        )
        task["labels"].append(np.searchsorted(np.sort(glosses), source.labels[rows]))
        chosen = split.train[:: -(-len(split.train) // CALIBRATION)]
        for network, settings in experiment.networks.items():
            print(f"{name}: {network}", file=sys.stderr, flush=True)
            model = load_network(folder, experiment, (network, name), len(source.classes))
            clips = source.inputs(rows, settings, None)
            with tempfile.TemporaryDirectory() as place:
                made = make_variants(model, source.inputs(chosen, settings, None), Path(place))
                sessions = {variant: session(path) for variant, path in made.items()}
                size[network] = {variant: path.stat().st_size for variant, path in made.items()}
            if network not in speed:
                speed[network] = time_variants(sessions, clips[:1])
            for variant, ready in sessions.items():
                scores = scores_of(ready, clips)[:, np.sort(glosses)]
                task["logits"].setdefault(variant, {}).setdefault(network, []).append(scores)
    result: dict[str, Any] = {"bytes": size, "ms_a_clip": speed, "tasks": {}}
    for name, task in tasks.items():
        labels = np.concatenate(task["labels"])
        logits = {v: {n: np.concatenate(p) for n, p in ns.items()} for v, ns in task["logits"].items()}
        result["tasks"][name] = {
            "clips": len(labels),
            **{v: compare(logits["float32"], logits[v], labels, weights) for v in PRECISIONS[1:]},
        }
    return result


def print_tables(found: dict[str, Any]) -> None:
    for name, task in found["tasks"].items():
        print(f"{name}, {task['clips']} clips")
        for variant in PRECISIONS[1:]:
            for system, row in task[variant].items():
                print(
                    f"  {variant:<9} {system:<14} {row['float32']:6.2f} -> {row['top1']:6.2f}  "
                    f"{row['change']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})  "
                    f"won {row['won']}, lost {row['lost']}"
                )
    for network, sizes in found["bytes"].items():
        told = (
            f"{variant} {count / 1e3:.0f} kB {found['ms_a_clip'][network][variant]:.2f} ms"
            for variant, count in sizes.items()
        )
        print(f"{network}: {', '.join(told)}")


if __name__ == "__main__":
    sys.exit(main())
