"""``train-network`` and ``network-table``: from pictures to an exported network and its table."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from signlens.errors import InputRejected
from signlens_studies.expression.network import ExpressionNetwork
from signlens_studies.expression.network_data import Sources, all_shown, read_sources, votes_shown
from signlens_studies.expression.network_export import (
    Calibration,
    calibrate,
    export_network,
    figures,
    onnx_reader,
    probabilities,
)
from signlens_studies.expression.network_tables import (
    ckplus_table,
    faces_a_second,
    ferplus_table,
    frames_of,
    left_out_logits,
    rest_table,
    write_json,
)
from signlens_studies.expression.peers import peers
from signlens_studies.expression.train_network import (
    STATE_FILE,
    NetworkExperiment,
    begin,
    blended,
    load_network_experiment,
    logits_of,
    train,
)

STRENGTHS = tuple(round(0.05 * n, 2) for n in range(15))
"""Strengths of the classes' offsets that validation chooses from (`calibrate`)."""

NETWORK_FILE, REPORT_FILE, TABLE_FILE = "expression.onnx", "report.json", "table.json"


def train_network(
    experiment: Path, data: Path, cache: Path, out: Path, say: Callable[[str], None], threads: int = 1
) -> dict[str, Any]:
    """Train, calibrate and export the network; goes on where it was stopped.

    Args:
        experiment: The TOML file.
        data: Folder of ``ferplus``, ``ckplus48`` and ``wlasl-videos``.
        cache: Folder outside of the repository for faces that were found.
        out: Folder of the run: states, ``expression.onnx`` and ``report.json``.
        say: Told how far it is.
        threads: Of torch.

    Returns:
        The report: validation figures, calibration, what was trained on.
    """
    torch.set_num_threads(threads)
    settings = load_network_experiment(experiment)
    sources = read_sources(data, cache, settings, say)

    def validate(network: ExpressionNetwork) -> dict[str, float]:
        rows = sources.votes.rows("valid")
        logits = logits_of(network, sources.ferplus, rows, quick=True)
        return figures(probabilities(logits), sources.votes.label[rows])

    votes = votes_shown(sources, settings, settings.training.rarity)
    run = begin(settings, settings.training)
    alone = train(run, votes, settings.training, settings, out / "ferplus", validate, say)
    everything = all_shown(sources, settings)
    run = begin(settings, settings.joint, alone)
    network = train(run, everything, settings.joint, settings, out / "joint", validate, say)
    return _finish(blended(alone, network, settings.joint_share), settings, sources, out)


def _finish(
    network: ExpressionNetwork, settings: NetworkExperiment, sources: Sources, out: Path
) -> dict[str, Any]:
    rows = sources.votes.rows("valid")
    label = sources.votes.label[rows]
    raw = logits_of(network, sources.ferplus, rows)
    calibration = calibrate(raw, label, STRENGTHS)
    path = out / NETWORK_FILE
    example = torch.from_numpy(frames_of(sources.ferplus, rows[:8]))[:, None]
    export_network(network, calibration, path, settings.name, example)
    exported = onnx_reader(path)(frames_of(sources.ferplus, rows))
    report = {
        "name": settings.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "weights": sum(p.numel() for p in network.parameters()),
        "calibration": asdict(calibration),
        "validation": figures(probabilities(exported), label),
        "validation, uncalibrated": figures(probabilities(raw), label),
        "trained_on": {
            "ferplus": len(sources.votes.training_rows()),
            "ckplus48": len(sources.ckplus.label),
            "signers at rest": len(sources.signers.label),
        },
        "experiment": asdict(settings),
    }
    write_json(out / REPORT_FILE, report)
    return report


def network_table(
    experiment: Path,
    data: Path,
    cache: Path,
    out: Path,
    say: Callable[[str], None],
    threads: int = 1,
    split: str = "test",
) -> dict[str, Any]:
    """Test the exported network beside its peers, and what leaving people out says.

    Args:
        experiment: As in `train_network`.
        data: Likewise; also of ``peers-face``.
        cache: Likewise.
        out: The run's folder; ``table.json`` is written there.
        say: Told how far it is.
        threads: Of torch.
        split: Part of FER+.

    Raises:
        InputRejected: The run is not finished.
    """
    torch.set_num_threads(threads)
    settings = load_network_experiment(experiment)
    try:
        report = json.loads((out / REPORT_FILE).read_text(encoding="utf-8"))
        calibration = Calibration(**report["calibration"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputRejected(out, f"no finished run ({error})", "run train-network first") from error
    sources = read_sources(data, cache, settings, say)
    run = begin(settings, settings.training)
    run.load(out / "ferplus" / STATE_FILE)
    others = peers(data / "peers-face")
    of_ckplus, of_signers = left_out_logits(sources, settings, run.mean, out / "folds", say)
    say(f"FER+ {split}")
    start = time.monotonic()
    table = {
        "network": {key: report[key] for key in ("name", "sha256", "bytes")},
        "split": split,
        "ferplus": ferplus_table(sources, onnx_reader(out / NETWORK_FILE), others, split, settings.bootstrap),
        "ckplus48": ckplus_table(sources, of_ckplus, calibration, others, settings.bootstrap),
        "rest": rest_table(sources, of_signers, calibration, others, settings.bootstrap),
        "faces_a_second": faces_a_second(out / NETWORK_FILE),
    }
    say(f"tables in {time.monotonic() - start:.0f} s")
    write_json(out / TABLE_FILE, table)
    return table


def table_lines(table: dict[str, Any]) -> list[str]:
    """The figures that matter, a line each."""
    lines = []
    for name, row in table["ferplus"].items():
        if isinstance(row, dict) and "accuracy" in row and isinstance(row["accuracy"], dict):
            parts = (_percent(row[key]) for key in ("accuracy", "balanced"))
            error = row["calibration_error"]["value"]
            lines.append(
                f"FER+ {table['split']}, {name}: {', balanced '.join(parts)}, calibration error {error:.3f}"
            )
            lines.append("  recall " + ", ".join(f"{k} {v:.2f}" for k, v in row["recall"].items()))
    lines += [
        f"CK+, seven classes, {name}: {_percent(row['accuracy'])}" for name, row in table["ckplus48"].items()
    ]
    lines += [f"at rest, neutral, {name}: {_percent(row['neutral'])}" for name, row in table["rest"].items()]
    speed = ", ".join(f"{name} {value:.0f}" for name, value in table["faces_a_second"].items())
    return [*lines, f"faces a second on one core: {speed}"]


def _percent(figure: dict[str, float]) -> str:
    low, high = (np.float64(figure[key]) * 100 for key in ("low", "high"))
    return f"{100 * figure['value']:.1f} % ({low:.1f} to {high:.1f})"
