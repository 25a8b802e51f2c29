"""Baselines that look at no clip: one answer for all, the most frequent answer, random answers."""

from __future__ import annotations

import numpy as np

from signlens.emosign.annotations import EMOTIONS, EmoSign
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import (
    DEFAULT_RULE,
    EMOTION_CLASSES,
    SENTIMENT3,
    SENTIMENT7,
    labels3,
    labels7,
    multi_label,
    single_emotion,
)
from signlens_studies.emosign.baselines.learning import signer_folds


def constant(data: EmoSign) -> list[LabelPrediction]:
    """Neutral in every task: no emotion is there."""
    none = dict.fromkeys(EMOTIONS, 0)
    return [LabelPrediction(clip.video_name, "0", "neutral", "neutral", none) for clip in data.clips]


def majority(data: EmoSign, rule: str = DEFAULT_RULE) -> list[LabelPrediction]:
    """The most frequent answer among the clips of the other signers, task by task.

    An emotion is there when it is in more than half of them; its intensity is their median.

    Args:
        data: The labels.
        rule: Which clips are single expressions.
    """
    tasks = (labels7(data.clips), labels3(data.clips), single_emotion(data.clips, rule))
    truth = multi_label(data.clips)
    found: dict[int, LabelPrediction] = {}
    for _, others, own in signer_folds(data):
        most = []
        for task in tasks:
            labels = task.labels[np.isin(task.rows, others)]
            most.append(task.classes[int(np.bincount(labels, minlength=len(task.classes)).argmax())])
        present = truth.present[others].mean(axis=0) > 0.5
        median = np.floor(np.median(truth.intensity[others], axis=0)).astype(int)
        for i in own:
            found[int(i)] = LabelPrediction(
                data.clips[i].video_name,
                most[0],
                most[1],
                most[2],
                dict(zip(EMOTIONS, median.tolist(), strict=True)),
                dict(zip(EMOTIONS, present.tolist(), strict=True)),
            )
    return [found[i] for i in range(len(data.clips))]


def random(data: EmoSign, seed: int = 0) -> list[LabelPrediction]:
    """Answers drawn evenly from the classes; each emotion is there in one of two.

    Args:
        data: The clips.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    predictions = []
    for clip in data.clips:
        intensities = np.where(rng.random(len(EMOTIONS)) < 0.5, rng.integers(1, 4, len(EMOTIONS)), 0)
        predictions.append(
            LabelPrediction(
                clip.video_name,
                SENTIMENT7[rng.integers(len(SENTIMENT7))],
                SENTIMENT3[rng.integers(len(SENTIMENT3))],
                EMOTION_CLASSES[rng.integers(len(EMOTION_CLASSES))],
                dict(zip(EMOTIONS, intensities.tolist(), strict=True)),
            )
        )
    return predictions
