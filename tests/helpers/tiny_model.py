"""Writes a sign model's folder with tiny networks of the real kinds, untrained, for tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.models.inputs import network_input
from signlens.models.sign_model import SignModel
from signlens.retrieval import GALLERY_FILE, Gallery, GalleryClip, embedding_space, unit_vectors

GLOSSES = ("angry", "apple", "happy", "hello", "sad")  # three of them in the shipped gloss map
CLASSES = (*GLOSSES, "idle", "letter:a")


def write_tiny_model(
    folder: Path, bias: Mapping[str, float] | None = None, *, unknown_below: float = 0.3, gallery: bool = True
) -> Path:
    """Write the folder; needs PyTorch.

    Args:
        folder: Where to; must exist.
        bias: Class -> what is added to its logits, to make a network sure of it.
        unknown_below: The model's threshold.
        gallery: Whether to write a gallery, of three random clips a gloss.
    """
    import torch
    from torch import nn

    from signlens.training.experiment import NetworkSettings, TrainingSettings
    from signlens.training.network_kinds import build_network
    from signlens.training.onnx_export import export_onnx

    training = TrainingSettings(batch=1, learning_rate=0.1, steps=1)
    shape = {"channels": (8, 8), "strides": (1, 2), "groups": 4}
    settings = {
        "joint": NetworkSettings("slgcn", 16, training, stream="joint", shape=shape),
        "hand_shape": NetworkSettings("handshape", 16, training, shape={"width": 8}),
    }
    networks, hashes = [], {}
    for seed, (name, network) in enumerate(settings.items()):
        torch.manual_seed(seed)
        module = build_network(network, len(CLASSES)).eval()
        classifier = [m for m in module.modules() if isinstance(m, nn.Linear)][-1]
        with torch.no_grad():
            classifier.bias += torch.tensor([(bias or {}).get(c, 0.0) for c in CLASSES])
        example = network_input(network.kind, network.stream, *_random_signing(2))
        export_onnx(module, example, folder / f"{name}.onnx")
        hashes[f"{name}.onnx"] = hashlib.sha256((folder / f"{name}.onnx").read_bytes()).hexdigest()
        networks.append(
            {
                "name": name,
                "file": f"{name}.onnx",
                "kind": network.kind,
                "stream": network.stream,
                "window": network.window,
                "weight": 1.0 + seed,
            }
        )
    card = {
        "name": "tiny",
        "version": "1",
        "extractor": "mediapipe-holistic",
        "classes": list(CLASSES),
        "glosses": len(GLOSSES),
        "idle": len(GLOSSES),
        "temperature": 1.0,
        "unknown_below": unknown_below,
        "networks": networks,
        "sha256": hashes,
    }
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    if gallery:
        write_gallery(folder)
    return folder


def write_gallery(folder: Path) -> Gallery:
    """Write (again) a gallery of random embeddings beside a model, three of each gloss."""
    model = SignModel(folder)
    joints, seen = _random_signing(3 * len(GLOSSES))
    _, embeddings = model.run({n.name: network_input(n.kind, n.stream, joints, seen) for n in model.networks})
    gallery = Gallery(
        vectors={name: unit_vectors(own) for name, own in embeddings.items()},
        weights=model.weights,
        clips=tuple(GalleryClip(f"clip{i}", gloss) for i, gloss in enumerate(GLOSSES * 3)),
        model="tiny 1",
        space=embedding_space(json.loads((folder / "model.json").read_text(encoding="utf-8"))),
    )
    gallery.save(folder / GALLERY_FILE, dtype="float32")
    return gallery


def _random_signing(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    joints = np.random.default_rng(0).normal(size=(count, 16, 49, 3)).astype(np.float32)
    return joints, np.ones(joints.shape[:-1], np.float32)
