"""Scores made for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signlens.evaluation.scores import ScoreSet, write_scores

STREAMS = {"joint": 2.0, "bone": 1.8, "joint_motion": 1.0, "bone_motion": 0.9}


def made_scores(
    clips: int = 120,
    classes: int = 12,
    seed: int = 0,
    streams: dict[str, float] | None = None,
    signers: int = 6,
    name: str = "made",
) -> ScoreSet:
    """Noisy scores: a stream's number is how far its true class stands out of unit noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, clips)
    return ScoreSet(
        source="made in a test",
        clips=np.array([f"{name}-{i}" for i in range(clips)]),
        labels=labels,
        streams={
            stream: (rng.normal(size=(clips, classes)) + strength * np.eye(classes)[labels]).astype(
                np.float32
            )
            for stream, strength in (streams or STREAMS).items()
        },
        glosses=tuple(f"gloss {c}" for c in range(classes)),
        signers=np.array([f"person {i % signers}" for i in range(clips)]) if signers else None,
    )


def written(path: Path, scores: ScoreSet) -> Path:
    """The path, with the scores in it."""
    write_scores(path, scores)
    return path
