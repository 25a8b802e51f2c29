"""A run's networks as a model folder that `recognize --model` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from signlens import __version__
from signlens.errors import UsageError
from signlens.files import file_sha256, whole_file
from signlens.fusion.stack import STACK_FILE, ModelStack
from signlens.models.inputs import SAM_SLR
from signlens.retrieval.gallery import GALLERY_FILE, Gallery, GalleryClip, embedding_space, unit_vectors
from signlens.skeleton.sam_slr import FRAMES
from signlens.training.calibration import calibrate, learn_model_stack, model_weights
from signlens.training.distributed import ALONE
from signlens.training.experiment import NetworkSettings
from signlens.training.held_out import gallery_rows
from signlens.training.loop import infer
from signlens.training.onnx_export import MeanOfNetworks, export_onnx
from signlens.training.pieces import load_network
from signlens.training.precision import FLOAT32, check_precision, reduce_precision
from signlens.training.run import Run, open_run
from signlens.training.sources import Split

EXAMPLES = 16
"""Clips on which ONNX Runtime is compared with PyTorch."""


def export_model(folder: Path, destination: Path, precision: str = FLOAT32) -> dict[str, Any]:
    """Write the model folder of a run: ONNX files, card, gallery of training clips, stack.

    The ensemble's weights, the temperature, the threshold for unknown signs and the stack that joins similar
    signs (``stack.json``; used only where it is never worse) come from held-out clips, see
    `signlens.training.calibration.calibrate`; without any there is no stack.

    Args:
        folder: The run's folder.
        destination: The model's folder; its files are replaced.
        precision: Of the networks, one of `signlens.training.precision.PRECISIONS`.

    Returns:
        The content of ``model.json``.

    Raises:
        UsageError: It is no run's folder, the run has several splits and does not say which ships, or it has
            networks that a model folder cannot hold.
        PartMissing: A network has not been trained.
    """
    check_precision(precision)
    run = open_run(folder)
    source, experiment = run.source, run.experiment
    split = _shipped_split(run)
    calibration = calibrate(run, split)
    groups = experiment.export.groups
    weights = model_weights(calibration.weights, groups)
    destination.mkdir(parents=True, exist_ok=True)
    examples = split.train[:: max(1, len(split.train) // EXAMPLES)]
    chosen = gallery_rows(source, split.train, experiment.export.per_gloss)
    entries, hashes, embeddings = [], {}, {}
    for name, (network, settings) in _networks_of_model(run, split).items():
        file = f"{name}.onnx"
        export_onnx(network, source.inputs(examples, settings, None), destination / file)
        reduce_precision(destination / file, precision)
        hashes[file] = file_sha256(destination / file)
        entries.append(_entry(name, file, settings, experiment.data.preparation, weights[name]))
        embeddings[name] = infer(network, source, settings, chosen, ALONE)[1]
    card = {
        "name": experiment.name,
        "version": __version__,
        "extractor": source.extractor,
        "precision": precision,
        "classes": list(source.classes),
        "glosses": source.vocabulary,
        "idle": source.idle,
        "temperature": calibration.temperature,
        "unknown_below": calibration.unknown_below,
        "networks": entries,
        "sha256": hashes,
    }
    hashes[GALLERY_FILE] = Gallery(
        vectors={name: unit_vectors(own) for name, own in embeddings.items()},
        weights={name: weights[name] for name in embeddings},
        clips=tuple(
            GalleryClip(source.names[i], source.classes[source.labels[i]], source.signers[i], "train")
            for i in chosen
        ),
        model=f"{experiment.name} {__version__}",
        space=embedding_space(card),
    ).save(destination / GALLERY_FILE)
    stack = learn_model_stack(calibration, source.classes, groups, experiment.export.accepted)
    _add_stack(destination, card, stack)
    with whole_file(destination / "model.json") as part:
        part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def _shipped_split(run: Run) -> Split:
    splits, named = run.source.splits(), run.experiment.export.split
    trained = [name for name in splits if not run.experiment.data.only or name in run.experiment.data.only]
    for name in (*([named] if named else []), *run.experiment.export.calibrate):
        if name not in trained:
            raise UsageError(run.folder, f"has no split {name!r}", f"choose from {', '.join(trained)}")
    if not named and len(trained) != 1:
        raise UsageError(
            run.folder,
            f"has networks of {len(trained)} splits, and a model is one of them",
            f"say which in its experiment (export.split): {', '.join(trained)}",
        )
    other = [n for n, s in run.experiment.networks.items() if s.kind not in ("slgcn", "handshape")]
    if other:
        raise UsageError(
            run.folder,
            f"a model folder cannot hold networks such as {other[0]!r} yet",
            "leave them out of the experiment",
        )
    return splits[named or trained[0]]


def _networks_of_model(run: Run, split: Split) -> dict[str, tuple[nn.Module, NetworkSettings]]:
    """Name -> a trained network of the model, and how its inputs are made."""
    experiment, classes = run.experiment, len(run.source.classes)

    def load(name: str) -> nn.Module:
        return load_network(run.folder, experiment, (name, split.name), classes)

    merged = {name for group in experiment.export.groups if group.merge for name in group.networks}
    found = {
        name: (load(name), settings) for name, settings in experiment.networks.items() if name not in merged
    }
    for group in experiment.export.groups:
        if group.merge:
            networks = MeanOfNetworks([load(name) for name in group.networks])
            found[group.name] = networks.eval(), experiment.networks[group.networks[0]]
    return found


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


def _add_stack(folder: Path, card: dict[str, Any], stack: ModelStack | None) -> None:
    """Write the stack beside a model and name it in the model's card."""
    path = folder / STACK_FILE
    if stack is None:
        path.unlink(missing_ok=True)
        card["fusion"] = {"used": False, "why": "There were no held-out clips to learn it on."}
        return
    card["sha256"][STACK_FILE] = stack.save(path)
    card["fusion"] = {"used": stack.used, "why": stack.why, "validation": stack.validation}
