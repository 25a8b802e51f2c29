"""The expression network beside its peers, on people and pictures that it has not learned from.

FER+'s test pictures by the exported file itself; CK+ and signers at rest by networks whose joint training
left those subjects and signers out. Peers see the same pictures through the same cutting
(`film_look.frames`), and FER+'s also as they are published.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from signlens.emotion import EMOTIONS
from signlens.emotion.head import load_head
from signlens.evaluation.metrics import bootstrap_statistic, expected_calibration_error
from signlens.files import whole_file
from signlens.optional import import_opencv
from signlens.pose.face_points import align_faces
from signlens_studies.expression.face_pictures import MARGIN, FacePictures
from signlens_studies.expression.film_look import frames
from signlens_studies.expression.network import ExpressionNetwork
from signlens_studies.expression.network_data import Sources, all_shown, folds
from signlens_studies.expression.network_export import (
    Calibration,
    balanced,
    figures,
    onnx_reader,
    probabilities,
    recalls,
)
from signlens_studies.expression.peers import Peer
from signlens_studies.expression.train_network import (
    NetworkExperiment,
    begin,
    blended,
    logits_of,
    train,
)

TURNS = (0.0, 10.0, 20.0, 30.0, 45.0, 90.0)
"""Degrees of head turn between which pictures are counted together."""

SIDES = (48, 32, 24, 16, 12)
"""Pixels to which pictures are shrunk, to see how small a face may be."""

Statistic = Callable[[NDArray[np.int64]], float]


def with_interval(statistic: Statistic, unit: NDArray[Any], draws: int, seed: int) -> dict[str, float]:
    """A figure with its 95 % interval, by drawing units with replacement.

    Args:
        statistic: The figure of some rows.
        unit: (N,) what is drawn: the same value for rows that stay together.
        draws: How often.
        seed: Of the drawing.
    """
    (found,) = bootstrap_statistic(
        lambda rows: np.array([statistic(rows)]), len(unit), groups=unit, draws=draws, seed=seed
    )
    return asdict(found)


def head_turn(faces: FacePictures, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(R,) degrees between where the face looks and the camera; NaN where no points were found."""
    points = faces.points[rows].astype(np.float64)
    _, rotation = align_faces(points, load_head().reference)
    ahead = np.clip(rotation[:, 2, 2], -1, 1)
    return np.asarray(np.degrees(np.arccos(ahead)))


def described(
    rows: NDArray[np.float64], label: NDArray[np.int64], unit: NDArray[Any], draws: int
) -> dict[str, Any]:
    """Accuracy, balanced recall, calibration error with intervals, and recall per class."""
    answer = rows.argmax(axis=1)
    return {
        "pictures": len(label),
        "accuracy": with_interval(lambda r: float((answer[r] == label[r]).mean()), unit, draws, 0),
        "balanced": with_interval(lambda r: balanced(answer[r], label[r]), unit, draws, 0),
        "calibration_error": with_interval(
            lambda r: expected_calibration_error(rows[r], label[r]), unit, draws, 0
        ),
        "recall": {n: float(v) for n, v in zip(EMOTIONS, recalls(answer, label), strict=True)},
        "precision": {n: float(v) for n, v in zip(EMOTIONS, recalls(label, answer), strict=True)},
        "confusion": np.bincount(label * 8 + answer, minlength=64).reshape(8, 8).tolist(),
    }


def ferplus_table(
    sources: Sources,
    network: Callable[[NDArray[np.floating]], NDArray[np.float64]],
    others: dict[str, Peer],
    split: str,
    draws: int,
) -> dict[str, Any]:
    """The network and its peers on a part of FER+.

    Args:
        sources: All.
        network: Frames to calibrated logits (`onnx_reader`).
        others: By name.
        split: ``valid`` or ``test``.
        draws: For intervals, which draw pictures, those that are the same together.
    """
    votes, faces = sources.votes, sources.ferplus
    chosen = votes.rows(split)
    label, unit = votes.label[chosen], votes.group[chosen]
    seen = frames_of(faces, chosen)
    rows = probabilities(network(seen))
    table: dict[str, Any] = {"network": described(rows, label, unit, draws)}
    clear = ~votes.tied[chosen]
    table["network, no tie"] = described(rows[clear], label[clear], unit[clear], draws)
    levels = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    for name, peer in others.items():
        table[f"{name}, same cutting"] = described(peer(levels), label, unit, draws)
        table[f"{name}, as published"] = described(peer(votes.pictures[chosen]), label, unit, draws)
    turn = head_turn(faces, chosen)
    table["by head turn"] = [
        {"from": low, "to": high, "pictures": int(part.sum()), **figures(rows[part], label[part])}
        for low, high in pairwise(TURNS)
        if (part := (turn >= low) & (turn < high)).any()
    ]
    lost = ~faces.found[chosen]
    if lost.any():
        table["no face points"] = {"pictures": int(lost.sum()), **figures(rows[lost], label[lost])}
    table["by face size"] = [
        {"side": side, **figures(probabilities(network(shrunk(seen, side))), label)} for side in SIDES
    ]
    return table


def frames_of(faces: FacePictures, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(R, 48, 48) aligned frames, grey levels."""
    found = frames(torch.from_numpy(faces.pictures[rows]), torch.from_numpy(faces.placement[rows]))
    return np.asarray(found[:, 0].numpy())


def shrunk(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(N, 48, 48) as a camera of fewer pixels would have them, enlarged again."""
    cv2 = import_opencv()
    size = pictures.shape[1:]
    small = [cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in pictures]
    return np.stack([cv2.resize(p, size, interpolation=cv2.INTER_LINEAR) for p in small])


def left_out_logits(
    sources: Sources,
    experiment: NetworkExperiment,
    start: ExpressionNetwork,
    folder: Path,
    say: Callable[[str], None],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raw logits of CK+ and of signers at rest, each by a network that has not seen the person.

    Args:
        sources: All.
        experiment: Its joint training is done once a fold.
        start: The network after training on FER+ alone.
        folder: Where finished folds are kept.
        say: Told how far it is.

    Returns:
        (N, 8) of CK+ and (M, 8) of signers.
    """
    subjects = folds(sources.ckplus.person, experiment.folds, experiment.seed)
    signers = folds(sources.signers.person, experiment.folds, experiment.seed)
    of_ckplus = np.full((len(subjects), len(EMOTIONS)), np.nan)
    of_signers = np.full((len(signers), len(EMOTIONS)), np.nan)
    for fold in range(experiment.folds):
        say(f"fold {fold + 1} of {experiment.folds}")
        data = all_shown(
            sources, experiment, np.flatnonzero(subjects != fold), np.flatnonzero(signers != fold)
        )
        run = begin(experiment, experiment.joint, start)
        network = train(run, data, experiment.joint, experiment, folder / f"fold-{fold}", None, say)
        network = blended(start, network, experiment.joint_share)
        tested = np.flatnonzero(subjects == fold)
        of_ckplus[tested] = logits_of(network, sources.ckplus, tested)
        tested = np.flatnonzero(signers == fold)
        of_signers[tested] = logits_of(network, sources.signers, tested)
    return of_ckplus, of_signers


def ckplus_table(
    sources: Sources,
    logits: NDArray[np.float64],
    calibration: Calibration,
    others: dict[str, Peer],
    draws: int,
) -> dict[str, Any]:
    """Seven classes of CK+ (no neutral), and all eight; intervals draw subjects."""
    label, unit = sources.ckplus.label, sources.ckplus.person
    rows = probabilities(calibration.logits(logits))
    table = {"network": _seven(rows, label, unit, draws)}
    levels = np.clip(np.rint(frames_of(sources.ckplus, np.arange(len(label)))), 0, 255).astype(np.uint8)
    known = label != EMOTIONS.index("contempt")
    table["network, six without contempt"] = _seven(
        _without_contempt(rows)[known], label[known], unit[known], draws
    )
    published = sources.ckplus.pictures[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    for name, peer in others.items():
        for cutting, pictures in (("same cutting", levels), ("as published", published)):
            found = peer(pictures)
            six = _seven(found[known], label[known], unit[known], draws)
            table[f"{name}, {cutting}"] = _seven(found, label, unit, draws)
            table[f"{name}, {cutting}, six without contempt"] = six
    return table


def _without_contempt(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    result = rows.copy()
    result[:, EMOTIONS.index("contempt")] = 0
    return result


def _seven(
    rows: NDArray[np.float64], label: NDArray[np.int64], unit: NDArray[Any], draws: int
) -> dict[str, Any]:
    answer = rows[:, 1:].argmax(axis=1) + 1
    eight = rows.argmax(axis=1)
    return {
        "pictures": len(label),
        "accuracy": with_interval(lambda r: float((answer[r] == label[r]).mean()), unit, draws, 0),
        "accuracy, neutral allowed": with_interval(
            lambda r: float((eight[r] == label[r]).mean()), unit, draws, 0
        ),
        "recall": {n: float(v) for n, v in zip(EMOTIONS, recalls(answer, label), strict=True) if v == v},
    }


def rest_table(
    sources: Sources,
    logits: NDArray[np.float64],
    calibration: Calibration,
    others: dict[str, Peer],
    draws: int,
) -> dict[str, Any]:
    """Share of faces at rest that are called neutral; intervals draw signers, and videos where unknown."""
    faces = sources.signers
    video = np.array([name.split(":")[0] for name in faces.name])
    unit = np.where(faces.person == "signer -1", video, faces.person)
    levels = np.clip(np.rint(frames_of(faces, np.arange(len(unit)))), 0, 255).astype(np.uint8)
    answers = {"network": probabilities(calibration.logits(logits))}
    answers |= {name: peer(levels) for name, peer in others.items()}
    return {name: _share_neutral(rows, unit, draws) for name, rows in answers.items()}


def _share_neutral(rows: NDArray[np.float64], unit: NDArray[Any], draws: int) -> dict[str, Any]:
    answer = rows.argmax(axis=1)
    return {
        "pictures": len(answer),
        "neutral": with_interval(lambda r: float((answer[r] == 0).mean()), unit, draws, 0),
        "answers": {n: float((answer == i).mean()) for i, n in enumerate(EMOTIONS)},
    }


def faces_a_second(path: Path, seconds: float = 2.0) -> dict[str, float]:
    """How many faces an exported file reads on one core, one by one and by 16."""
    import time

    read = onnx_reader(path)
    random = np.random.default_rng(0)
    result = {}
    for batch in (1, 16):
        pictures = random.uniform(0, 255, (batch, 48, 48))
        read(pictures)
        start, count = time.process_time(), 0
        while time.process_time() - start < seconds:
            read(pictures)
            count += batch
        result[f"batch of {batch}"] = count / (time.process_time() - start)
    return result


def write_json(path: Path, what: dict[str, Any]) -> None:
    """Write a table as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        text = json.dumps(_without_nan(what), indent=1, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")


def _without_nan(value: Any) -> Any:
    """The same with null for what was not measured."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value
