"""Scores of one answer a clip: sentiment in 7 and 3 classes, one emotion of ten; and rows to compare with.

"Weighted accuracy" (wAcc) is what the EmoSign paper prints under that name: the mean of the classes' recalls,
known as balanced accuracy. A constant answer gets 33.33 % in 3 classes and 14.29 % in 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EMOTIONS, EmoSign
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.ratings import Rating, aggregate
from signlens.emosign.tasks import (
    EMOTION_CLASSES,
    REFUSED,
    SENTIMENT3,
    SENTIMENT7,
    emotion_of,
    sentiment3_of,
)
from signlens.evaluation.metrics import (
    Interval,
    balanced_accuracy,
    bootstrap_statistic,
    confusion_matrix,
    interval,
    recall_per_class,
    weighted_f1,
)

Labels = NDArray[np.int64]
REFUSED_CLASS = -1
CHANCE_DRAWS = 1000
CLASSES = {"sentiment7": SENTIMENT7, "sentiment3": SENTIMENT3, "emotion": EMOTION_CLASSES}
"""The tasks with one answer a clip, and their classes."""


def interval_unit(signers: Sequence[str]) -> str:
    """What is drawn for intervals: ``signer``, or ``clip`` where signers are not known or only one.

    >>> interval_unit(["rachel", "ben"]), interval_unit(["rachel", ""])
    ('signer', 'clip')
    """
    return "signer" if len(set(signers)) > 1 and all(signers) else "clip"


def signer_intervals(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    signers: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> list[Interval]:
    """Figures with 95 % intervals, drawing what `interval_unit` says.

    Args:
        statistic: See `signlens.evaluation.metrics.bootstrap_statistic`.
        signers: (N,) who signs each clip.
        draws: Number of resamples.
        seed: Seed of the resamples.
    """
    groups = np.array(signers) if interval_unit(signers) == "signer" else None
    return bootstrap_statistic(statistic, len(signers), groups=groups, draws=draws, seed=seed)


def plain_interval(found: Interval) -> dict[str, float | None]:
    """Plain values; null for what is not defined."""
    values = {"value": found.value, "low": found.low, "high": found.high}
    return {name: round(value, 12) if np.isfinite(value) else None for name, value in values.items()}


def ordinal_errors(truth: Labels, predicted: Labels, classes: int) -> NDArray[np.float64]:
    """(N,) distance in classes; a refusal counts as the worst answer that there is.

    >>> ordinal_errors(np.array([0, 3]), np.array([2, -1]), 7).tolist()
    [2.0, 3.0]
    """
    worst = np.maximum(truth, classes - 1 - truth)
    return np.asarray(np.where(predicted < 0, worst, np.abs(predicted - truth)), dtype=np.float64)


def score_classes(
    truth: Labels, predicted: Labels, classes: Sequence[str], signers: Sequence[str], draws: int, seed: int
) -> dict[str, Any]:
    """Every metric of a task with one answer a clip, as plain JSON; shares are 0..1.

    Args:
        truth: (N,) classes.
        predicted: (N,) classes, -1 for a refusal.
        classes: Their names.
        signers: (N,) who signs.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.
    """
    ordinal = tuple(classes) in (SENTIMENT7, SENTIMENT3)
    errors = ordinal_errors(truth, predicted, len(classes))

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        table = confusion_matrix(truth[rows], predicted[rows], len(classes))
        accuracy = np.diagonal(table).sum() / max(table.sum(), 1)
        values = [balanced_accuracy(table), weighted_f1(table), float(accuracy), *recall_per_class(table)]
        if ordinal:
            own = [errors[rows][truth[rows] == c] for c in range(len(classes))]
            means = [float(e.mean()) for e in own if len(e)]
            values += [float(errors[rows].mean()), float(np.mean(means))]
        return np.array(values)

    found = [plain_interval(each) for each in signer_intervals(statistic, signers, draws, seed)]
    table = confusion_matrix(truth, predicted, len(classes))
    result: dict[str, Any] = {
        "clips": len(truth),
        "refused": int((predicted < 0).sum()),
        "wacc": found[0],
        "wf1": found[1],
        "accuracy": found[2],
        "recall": {name: found[3 + i] for i, name in enumerate(classes)},
        "support": {name: int(table[i].sum()) for i, name in enumerate(classes)},
        "confusion": {"classes": list(classes), "columns": [*classes, REFUSED], "counts": table.tolist()},
    }
    if ordinal:
        result["mean_absolute_error"], result["class_mean_absolute_error"] = found[-2:]
    return result


def chance_row(truth: Labels, classes: int, seed: int) -> dict[str, Any]:
    """What answers drawn evenly from the classes get: the mean and the middle 95 % of many such draws."""
    rng = np.random.default_rng(seed)
    tables = [
        confusion_matrix(truth, rng.integers(0, classes, len(truth)), classes) for _ in range(CHANCE_DRAWS)
    ]
    row: dict[str, Any] = {"clips": len(truth)}
    for name, metric in (("wacc", balanced_accuracy), ("wf1", weighted_f1)):
        drawn = np.array([metric(table) for table in tables])
        row[name] = plain_interval(interval(float(drawn.mean()), drawn))
    return row


def two_metrics(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Clips, wAcc and wF1 of what `score_classes` gave."""
    return {name: scores[name] for name in ("clips", "wacc", "wf1")}


def answer_of(prediction: LabelPrediction, task: str) -> str | None:
    """The class that a prediction gives for a task, ``refused``, or None if the model does not do it."""
    if task == "emotion":
        return prediction.emotion
    if task == "sentiment7":
        return prediction.sentiment
    if prediction.sentiment3 is not None or prediction.sentiment in (None, REFUSED):
        return prediction.sentiment3 or prediction.sentiment
    return sentiment3_of(int(prediction.sentiment))


def _answer_of_rating(rating: Rating, task: str) -> str | None:
    """One annotator's answer to a task; None where it was skipped."""
    if task == "emotion":
        given = {e: v for e, v in rating.emotions.items() if v is not None}
        return emotion_of(given) if len(given) == len(EMOTIONS) else None
    if rating.sentiment is None:
        return None
    return str(rating.sentiment) if task == "sentiment7" else sentiment3_of(rating.sentiment)


def annotator_rows(
    ratings: Sequence[Rating],
    data: EmoSign,
    task: str,
    rows: NDArray[np.int64],
    draws: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Each annotator scored as a model would be, against the majority of the others.

    Args:
        ratings: What all annotators said.
        data: The labels: for the signers, and the names that `rows` count.
        task: One of `CLASSES`.
        rows: Which clips belong to the task.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.
    """
    classes = CLASSES[task]
    wanted = {data.clips[i].video_name: data.clips[i] for i in rows}
    found = []
    for annotator in sorted({r.annotator for r in ratings}):
        others = aggregate([r for r in ratings if r.annotator != annotator and r.video_name in wanted])
        truth_of = {}
        for clip in others.clips:
            label = emotion_of(clip.emotions) if task == "emotion" else str(clip.sentiment)
            truth_of[clip.video_name] = sentiment3_of(clip.sentiment) if task == "sentiment3" else label
        pairs = [
            (truth_of[r.video_name], answer, wanted[r.video_name].signer)
            for r in ratings
            if r.annotator == annotator
            and r.video_name in truth_of
            and (answer := _answer_of_rating(r, task)) is not None
        ]
        if pairs:
            truth = np.array([classes.index(t) for t, _, _ in pairs])
            predicted = np.array([classes.index(p) for _, p, _ in pairs])
            scores = score_classes(truth, predicted, classes, [s for _, _, s in pairs], draws, seed)
            found.append({"annotator": annotator, **two_metrics(scores)})
    return found
