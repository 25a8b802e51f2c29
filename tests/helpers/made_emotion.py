"""Scores and emotion vectors made for the tests, with a planted gain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from made_scores import made_scores

from signlens.emotion.expressions import EMOTIONS
from signlens.evaluation.emotion_vectors import EmotionVectors
from signlens.evaluation.scores import ScoreSet

GLOSSES = (
    "happy",
    "book",
    "cry",
    "drink",
    "afraid",
    "angry",
    "computer",
    "awful",
    "not",
    "go",
    "who",
    "shock",
)
SHOWN = {"happy": 1, "cry": 2, "afraid": 4, "angry": 6, "awful": 5, "not": 7, "shock": 3}


def emotional(clips: int = 240, seed: int = 0, name: str = "made", **more) -> ScoreSet:
    """Scores of twelve glosses, seven of which are in the shipped map; the true one stands out a little."""
    weak = {"joint": 1.4, "bone": 1.2, "joint_motion": 0.6, "bone_motion": 0.6}
    return replace(made_scores(clips, seed=seed, streams=weak, name=name, **more), glosses=GLOSSES)


def faces(scores: ScoreSet, seed: int = 0, shown: float = 0.9) -> EmotionVectors:
    """A clip of an emotional gloss shows its emotion with probability `shown`; others are neutral."""
    rng = np.random.default_rng(seed)
    true = np.array([SHOWN.get(scores.gloss_of(c), 0) for c in scores.labels.tolist()])
    face = np.where(rng.random(len(scores)) < shown, true, 0)
    return EmotionVectors("made in a test", "", scores.clips, 0.8 * np.eye(8)[face] + 0.2 / 8)


def written_faces(path: Path, vectors: EmotionVectors) -> Path:
    """The path, with the vectors in it."""
    lines = [",".join(("clip", *EMOTIONS))]
    for name, values in zip(vectors.clips.tolist(), vectors.values.tolist(), strict=True):
        lines.append(",".join((name, *(f"{value:.6g}" for value in values))))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
