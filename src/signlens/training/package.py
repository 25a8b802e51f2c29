"""A run's networks as a model folder that `recognize --model` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.files import file_sha256, whole_file
from signlens.fusion.learned_weights import choose_weights
from signlens.models.ensemble import SAM_SLR_WEIGHTS, ensemble
from signlens.models.inputs import SAM_SLR
from signlens.retrieval.gallery import GALLERY_FILE, Gallery, GalleryClip, embedding_space, unit_vectors
from signlens.skeleton.sam_slr import FRAMES
from signlens.training import run as runs
from signlens.training.distributed import ALONE
from signlens.training.experiment import Experiment, NetworkSettings
from signlens.training.export import export_onnx
from signlens.training.loop import infer
from signlens.training.precision import FLOAT32, reduce_precision
from signlens.training.sources import VALIDATION, ClipSource, Rows, Split

KNOWN_ACCEPTED = 0.9
"""Share of rightly recognised validation clips that must be answered rather than called unknown."""

PER_GLOSS = 12
"""Training clips of a gloss whose embeddings ship."""


def package(
    data: Path,
    experiment: Experiment,
    run: Path,
    destination: Path,
    version: str,
    precision: str = FLOAT32,
) -> dict[str, Any]:
    """Write the model folder: ONNX files, card, gallery of training clips.

    The ensemble's weights, the temperature, the threshold for unknown signs and the stack that joins similar
    signs (``stack.json``; used only where it is never worse) come from the validation clips; without any,
    every network counts the same, every answer is given and there is no stack.

    Args:
        data: The dataset folder.
        experiment: The run's experiment.
        run: The run's folder.
        destination: The model's folder; its files are replaced.
        version: The model's version.
        precision: Of the networks, one of `signlens.training.precision.PRECISIONS`.

    Returns:
        The content of ``model.json``.

    Raises:
        UsageError: The run has several splits, or networks that a model folder cannot hold.
        PartMissing: A network has not been trained.
    """
    from signlens.training.model_stack import add_to_model, stack_of_validation

    source = runs.open_source(data, experiment)
    split = _only_split(source, experiment, run)
    weights, temperature, unknown_below = _calibrate(source, experiment, run, split)
    destination.mkdir(parents=True, exist_ok=True)
    some = split.train[:: max(1, len(split.train) // 16)]
    entries, hashes, embeddings = [], {}, {}
    chosen = gallery_rows(source, split.train)
    for name, settings in experiment.networks.items():
        network = runs.load_network(run, experiment, (name, split.name), len(source.classes))
        file = f"{name}.onnx"
        export_onnx(network, source.inputs(some, settings, None), destination / file)
        reduce_precision(destination / file, precision)
        hashes[file] = file_sha256(destination / file)
        entries.append(_entry(name, file, settings, experiment.data.preparation, weights[name]))
        embeddings[name] = infer(network, source, settings, chosen, ALONE)[1]
    card = {
        "name": experiment.name,
        "version": version,
        "extractor": source.extractor,
        "precision": precision,
        "classes": list(source.classes),
        "glosses": len(source.classes),
        "idle": None,
        "temperature": temperature,
        "unknown_below": unknown_below,
        "networks": entries,
        "sha256": hashes,
    }
    document = destination / "model.json"
    _write(document, card)
    hashes[GALLERY_FILE] = Gallery(
        vectors={name: unit_vectors(own) for name, own in embeddings.items()},
        weights={name: weights[name] for name in embeddings},
        clips=tuple(
            GalleryClip(source.names[i], source.classes[source.labels[i]], source.signers[i], "train")
            for i in chosen
        ),
        model=f"{experiment.name} {version}",
        space=embedding_space(card),
    ).save(destination / GALLERY_FILE)
    stack = stack_of_validation(run, experiment, source, split, weights, temperature, KNOWN_ACCEPTED)
    add_to_model(destination, card, stack)
    _write(document, card)
    return card


def _only_split(source: ClipSource, experiment: Experiment, run: Path) -> Split:
    names = [n for n in source.splits() if not experiment.data.only or n in experiment.data.only]
    if len(names) != 1:
        raise UsageError(
            run,
            f"has networks of {len(names)} splits, and a model is one of them",
            f"export a run whose experiment names one (data.only), of {', '.join(names)}",
        )
    other = [n for n, s in experiment.networks.items() if s.kind not in ("slgcn", "handshape")]
    if other:
        raise UsageError(
            run,
            f"a model folder cannot hold networks such as {other[0]!r} yet",
            "leave them out of the experiment",
        )
    return source.splits()[names[0]]


def _calibrate(
    source: ClipSource, experiment: Experiment, run: Path, split: Split
) -> tuple[dict[str, float], float, float]:
    """Weights, temperature, and the probability below which a sign is called unknown."""
    equal = dict.fromkeys(experiment.networks, 1.0)
    if not len(split.validation):
        return equal, 1.0, 0.0
    logits = {n: runs.load_scores(run, (n, split.name), VALIDATION)[1] for n in experiment.networks}
    labels = source.labels[split.validation]
    fixed = SAM_SLR_WEIGHTS if set(SAM_SLR_WEIGHTS) == set(logits) else equal
    best = choose_weights(logits, labels, fixed=fixed).chosen
    scores = ensemble(logits, best.weights, best.temperature)
    right = scores.argmax(axis=1) == labels
    below = float(np.quantile(np.exp(scores.max(axis=1))[right], 1 - KNOWN_ACCEPTED)) if right.any() else 0.0
    weights = {name: float(best.weights.get(name, 0.0)) for name in logits}
    return weights, float(best.temperature), below


def _entry(
    name: str, file: str, settings: NetworkSettings, preparation: str, weight: float
) -> dict[str, Any]:
    window = settings.frames or (FRAMES if preparation == SAM_SLR else settings.window)
    return {
        "name": name,
        "file": file,
        "kind": settings.kind,
        "stream": settings.stream,
        "window": window,
        "weight": weight,
        "graph": str(settings.shape.get("graph", "reduced")),
        "preparation": preparation,
    }


def gallery_rows(source: ClipSource, train: Rows) -> NDArray[np.int64]:
    """A few evenly spaced training clips of each gloss."""
    labels = source.labels[train]
    chosen = []
    for gloss in np.unique(labels):
        rows = train[labels == gloss]
        at = np.linspace(0, len(rows) - 1, min(PER_GLOSS, len(rows))).round().astype(int)
        chosen.append(rows[np.unique(at)])
    return np.concatenate(chosen)


def _write(path: Path, card: dict[str, Any]) -> None:
    with whole_file(path) as part:
        part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
