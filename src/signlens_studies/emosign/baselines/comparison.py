"""Two baselines on the same clips: difference with its interval by signer, McNemar's exact test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EmoSign
from signlens.emosign.predictions import Prediction
from signlens.emosign.scoring import (
    REFUSED_CLASS,
    balanced_accuracy,
    interval_unit,
    paired_difference,
    weighted_f1,
)
from signlens.emosign.tasks import (
    DEFAULT_RULE,
    REFUSED,
    TaskLabels,
    labels3,
    labels7,
    sentiment3_of,
    single_emotion,
)
from signlens.evaluation.comparison import mcnemar

Ints = NDArray[np.int64]


def compare(
    first: Sequence[Prediction],
    second: Sequence[Prediction],
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
        for name, metric in (("wacc", balanced_accuracy), ("wf1", weighted_f1)):
            difference = paired_difference(
                _statistic(metric, task, a),
                _statistic(metric, task, b),
                signers,
                draws,
                seed,
            )
            row[name] = {"difference": difference.value, "low": difference.low, "high": difference.high}
        row["mcnemar"] = asdict(mcnemar(np.equal(a, task.labels), np.equal(b, task.labels)))
        found[task.task] = row
    return found


def _statistic(
    metric: Callable[[Ints, Ints, int], float], task: TaskLabels, said: Ints
) -> Callable[[Ints], float]:
    return lambda rows: metric(task.labels[rows], said[rows], len(task.classes))


def _answers(predictions: Sequence[Prediction], task: TaskLabels) -> Ints | None:
    said = []
    for i in task.rows:
        prediction = predictions[i]
        if task.task == "emotion":
            answer = prediction.emotion
        elif task.task == "sentiment7":
            answer = prediction.sentiment
        else:
            answer = prediction.sentiment3
            if answer is None and prediction.sentiment is not None:
                given = prediction.sentiment
                answer = REFUSED if given == REFUSED else sentiment3_of(int(given))
        if answer is None:
            return None
        said.append(REFUSED_CLASS if answer == REFUSED else task.classes.index(answer))
    return np.array(said, np.int64)
