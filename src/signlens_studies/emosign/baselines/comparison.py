"""Two baselines on the same clips: difference with its interval by signer, McNemar's exact test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EmoSign
from signlens.emosign.class_scores import REFUSED_CLASS, answer_of, interval_unit, signer_intervals
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import (
    DEFAULT_RULE,
    REFUSED,
    TaskLabels,
    labels3,
    labels7,
    single_emotion,
)
from signlens.evaluation.comparison import mcnemar
from signlens.evaluation.metrics import balanced_accuracy, confusion_matrix, weighted_f1

Ints = NDArray[np.int64]


def compare(
    first: Sequence[LabelPrediction],
    second: Sequence[LabelPrediction],
    data: EmoSign,
    *,
    rule: str = DEFAULT_RULE,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """By how much the first is better than the second, task by task, as plain JSON.

    Args:
        first: One prediction for every clip, in the order of the clips.
        second: The same of another model.
        data: The labels.
        rule: Which clips are single expressions.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.

    Returns:
        For each task that both answer: clips, differences of wAcc and wF1 (shares, first minus second)
        with 95 % intervals from the same drawn signers, and McNemar's test of who is right where.
    """
    found: dict[str, Any] = {}
    for task in (labels7(data.clips), labels3(data.clips), single_emotion(data.clips, rule)):
        a, b = _answers(first, task), _answers(second, task)
        if a is None or b is None:
            continue
        signers = [data.clips[i].signer for i in task.rows]
        row: dict[str, Any] = {"clips": len(task.rows), "intervals_by": interval_unit(signers)}
        differences = signer_intervals(_differences(task, a, b), signers, draws, seed)
        for name, difference in zip(("wacc", "wf1"), differences, strict=True):
            row[name] = {"difference": difference.value, "low": difference.low, "high": difference.high}
        row["mcnemar"] = asdict(mcnemar(np.equal(a, task.labels), np.equal(b, task.labels)))
        found[task.task] = row
    return found


def _differences(task: TaskLabels, a: Ints, b: Ints) -> Callable[[Ints], NDArray[np.float64]]:
    """WAcc and wF1 of the first less those of the second, on some rows."""

    def statistic(rows: Ints) -> NDArray[np.float64]:
        first, second = (
            confusion_matrix(task.labels[rows], said[rows], len(task.classes)) for said in (a, b)
        )
        return np.array([metric(first) - metric(second) for metric in (balanced_accuracy, weighted_f1)])

    return statistic


def _answers(predictions: Sequence[LabelPrediction], task: TaskLabels) -> Ints | None:
    said = [answer_of(predictions[i], task.task) for i in task.rows]
    if any(answer is None for answer in said):
        return None
    place = {name: i for i, name in enumerate(task.classes)} | {REFUSED: REFUSED_CLASS}
    return np.array([place[str(answer)] for answer in said], np.int64)
