"""Makes a small dataset folder: glosses that differ in where and how the right hand moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.folder import ClipRecord, Dataset
from signlens.datasets.folder_writer import write_dataset
from signlens.skeleton.normalise import WHOLE_BODY_INDEX

GLOSSES = ("apple", "book", "coffee")


def write_made_dataset(
    folder: Path, *, train: int = 24, validation: int = 9, test: int = 9, seed: int = 0
) -> Dataset:
    """Write it: the first clips train, then validation, then test; signers by turns.

    Args:
        folder: Where to.
        train: Number of training clips.
        validation: Of validation clips.
        test: Of test clips.
        seed: Of the clips.
    """
    rng = np.random.default_rng(seed)
    splits = ["train"] * train + ["val"] * validation + ["test"] * test

    def clips():  # type: ignore[no-untyped-def]
        for number, split in enumerate(splits):
            gloss = number % len(GLOSSES)
            yield (
                ClipRecord(
                    name=f"clip{number:03d}",
                    gloss=GLOSSES[gloss],
                    signer=f"signer{number % 4}",
                    split=split,
                    fold=number % 3,
                    source=f"clip{number:03d}.mp4",
                    source_sha256="",
                    available=True,
                    reason="",
                    start=-1,
                    frames=0,
                ),
                signing(gloss, int(rng.integers(12, 20)), rng),
            )

    return write_dataset(
        folder,
        "made up",
        "test",
        GLOSSES,
        WHOLE_BODY_INDEX,
        clips(),
        provenance={"extractor": "mediapipe-holistic"},
    )


def signing(gloss: int, frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(T, 49, 4) pixels of a clip: the hand stands lower and swings wider for higher glosses."""
    points = np.zeros((frames, 49, 4), np.float32)
    body = [(320, 100), (400, 200), (240, 200), (430, 300), (210, 300), (420, 380), (220, 380)]
    points[:, :7, :2] = body
    swing = 20 * (gloss + 1) * np.sin(np.linspace(0, 2 * np.pi, frames))
    root = np.stack([250 + swing, np.full(frames, 180 + 60 * gloss)], axis=1)
    shape = np.random.default_rng(gloss).uniform(-30, 30, (21, 2))
    shape[0] = 0
    points[:, 28:, :2] = root[:, None] + shape
    points[:, 7:28, :2] = [420, 380]
    points[..., :2] += rng.normal(0, 1.5, points[..., :2].shape) + rng.normal(0, 10, 2)
    points[..., 3] = 1
    points[:, 7:28, 3] = 0
    return points
