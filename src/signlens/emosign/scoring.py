"""Scoring predictions on EmoSign's tasks, with intervals by signer and the rows to read them against.

"Weighted accuracy" (wAcc) is what the paper prints under that name: the mean of the classes' recalls,
known as balanced accuracy. Every wAcc of its emotion table is reproduced so
(`signlens_studies.emosign.paper.recovered_wacc`), and a constant answer gets 33.33 in 3 and 14.29 in 7
classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import listed
from signlens.emosign import cues
from signlens.emosign.annotations import EMOTIONS, EmoSign, EmoSignClip
from signlens.emosign.predictions import Prediction
from signlens.emosign.ratings import Rating, aggregate
from signlens.emosign.tasks import (
    DEFAULT_RULE,
    EMOTION_CLASSES,
    REFUSED,
    SENTIMENT3,
    SENTIMENT7,
    TaskLabels,
    emotion_of,
    labels3,
    labels7,
    multi_label,
    partition,
    sentiment3_of,
    single_emotion,
)
from signlens.errors import InputRejected
from signlens.evaluation.metrics import Interval
from signlens_studies.emosign import paper

Classes = NDArray[np.int64]
REFUSED_CLASS = -1
CHANCE_DRAWS = 1000
SINGLE_ANSWER_TASKS = ("sentiment7", "sentiment3", "emotion")


# ---- metrics -------------------------------------------------------------------------------------


def confusion(truth: Classes, predicted: Classes, n_classes: int) -> NDArray[np.int64]:
    """(C, C + 1) clips of each true class (rows) by predicted class; the last column is refusals.

    Args:
        truth: (N,) classes 0..C-1.
        predicted: (N,) classes, -1 for a refusal.
        n_classes: C.
    """
    answered = np.where(predicted < 0, n_classes, predicted)
    flat = np.bincount(truth * (n_classes + 1) + answered, minlength=n_classes * (n_classes + 1))
    return np.asarray(flat.reshape(n_classes, n_classes + 1))


def recalls(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C,) share of each class's clips that was found; NaN for a class without clips."""
    support = table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diagonal(table) / np.where(support > 0, support, np.nan))


def _balanced(table: NDArray[np.int64]) -> float:
    found = recalls(table)
    found = found[np.isfinite(found)]
    return float(found.mean()) if len(found) else float("nan")


def _f1(table: NDArray[np.int64]) -> NDArray[np.float64]:
    hits = np.diagonal(table).astype(np.float64)
    named = table.sum(axis=1) + table[:, :-1].sum(axis=0)
    return np.asarray(np.where(named > 0, 2 * hits / np.maximum(named, 1), 0.0))


def _weighted_f1(table: NDArray[np.int64]) -> float:
    total = table.sum()
    return float((_f1(table) * table.sum(axis=1)).sum() / total) if total else float("nan")


def balanced_accuracy(truth: Classes, predicted: Classes, n_classes: int) -> float:
    """wAcc: mean recall over the classes that have clips; -1 in `predicted` is a refusal."""
    return _balanced(confusion(truth, predicted, n_classes))


def weighted_f1(truth: Classes, predicted: Classes, n_classes: int) -> float:
    """wF1: F1 of each class, weighted by its clips; -1 in `predicted` is a refusal."""
    return _weighted_f1(confusion(truth, predicted, n_classes))


def ordinal_errors(truth: Classes, predicted: Classes, n_classes: int) -> NDArray[np.float64]:
    """(N,) distance in classes; a refusal counts as the worst answer that there is."""
    worst = np.maximum(truth, n_classes - 1 - truth)
    return np.asarray(np.where(predicted < 0, worst, np.abs(predicted - truth)), dtype=np.float64)


def signer_intervals(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    signers: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> list[Interval]:
    """Values with 95 % percentile intervals, drawing whole signers.

    Where there are fewer than two signers, or one is not known (an empty name), single clips are drawn.

    Args:
        statistic: Of the numbers of the drawn clips, a clip as often as it was drawn; gives (M,) values.
        signers: (N,) who signs each clip.
        draws: Number of resamples.
        seed: Seed of the resamples.
    """
    names = np.array(signers)
    values = np.asarray(statistic(np.arange(len(names))), dtype=np.float64)
    if interval_unit(signers) == "signer":
        groups = [np.flatnonzero(names == name) for name in np.unique(names)]
    else:
        groups = [np.array([i]) for i in range(len(names))]
    drawn = np.random.default_rng(seed).integers(0, len(groups), (draws, len(groups)))
    # Few signers can be drawn in few ways (four in 35): each is computed once.
    ways, way_of = np.unique(np.sort(drawn, axis=1), axis=0, return_inverse=True)
    of_way = np.array([statistic(np.concatenate([groups[i] for i in way])) for way in ways])
    found = of_way.reshape(len(ways), len(values))[way_of.reshape(-1)]
    intervals = []
    for value, column in zip(values, found.T, strict=True):
        defined = column[np.isfinite(column)]
        low, high = np.percentile(defined, [2.5, 97.5]) if len(defined) else (np.nan, np.nan)
        intervals.append(Interval(float(value), float(low), float(high)))
    return intervals


def signer_bootstrap(
    statistic: Callable[[NDArray[np.int64]], float], signers: Sequence[str], draws: int = 2000, seed: int = 0
) -> Interval:
    """One value with its interval: see `signer_intervals`."""
    return signer_intervals(lambda rows: np.array([statistic(rows)]), signers, draws, seed)[0]


def paired_difference(
    statistic_a: Callable[[NDArray[np.int64]], float],
    statistic_b: Callable[[NDArray[np.int64]], float],
    signers: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """The difference a - b on the same clips, with the same clips drawn for both: see `signer_intervals`."""
    return signer_bootstrap(lambda rows: statistic_a(rows) - statistic_b(rows), signers, draws, seed)


def interval_unit(signers: Sequence[str]) -> str:
    """What is drawn for intervals: ``signer``, or ``clip`` where signers are not known or only one."""
    return "signer" if len(set(signers)) > 1 and all(signers) else "clip"


def _plain(interval: Interval) -> dict[str, float | None]:
    values = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: round(value, 12) if np.isfinite(value) else None for name, value in values.items()}


# ---- one answer a clip ---------------------------------------------------------------------------


def score_classes(
    truth: Classes, predicted: Classes, classes: Sequence[str], signers: Sequence[str], draws: int, seed: int
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
        table = confusion(truth[rows], predicted[rows], len(classes))
        accuracy = np.diagonal(table).sum() / max(table.sum(), 1)
        values = [_balanced(table), _weighted_f1(table), float(accuracy), *recalls(table)]
        if ordinal:
            own = [errors[rows][truth[rows] == c] for c in range(len(classes))]
            means = [float(e.mean()) for e in own if len(e)]
            values += [float(errors[rows].mean()), float(np.mean(means))]
        return np.array(values)

    found = [_plain(interval) for interval in signer_intervals(statistic, signers, draws, seed)]
    table = confusion(truth, predicted, len(classes))
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


def _two_metrics(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {name: scores[name] for name in ("clips", "wacc", "wf1")}


def chance_row(truth: Classes, n_classes: int, seed: int) -> dict[str, Any]:
    """What answers drawn evenly from the classes get: the mean and the middle 95 % of many such draws."""
    rng = np.random.default_rng(seed)
    found = np.array(
        [
            (_balanced(table), _weighted_f1(table))
            for table in (
                confusion(truth, rng.integers(0, n_classes, len(truth)), n_classes)
                for _ in range(CHANCE_DRAWS)
            )
        ]
    )
    row: dict[str, Any] = {"clips": len(truth)}
    for name, column in zip(("wacc", "wf1"), found.T, strict=True):
        low, high = np.percentile(column, [2.5, 97.5])
        row[name] = _plain(Interval(float(column.mean()), float(low), float(high)))
    return row


def _task(clips: Sequence[EmoSignClip], task: str, rule: str) -> TaskLabels:
    if task == "emotion":
        return single_emotion(clips, rule)
    return labels7(clips) if task == "sentiment7" else labels3(clips)


def _answer(prediction: Prediction, task: str) -> str | None:
    """The class that a prediction gives for a task, ``refused``, or None if the model does not do it."""
    if task == "emotion":
        return prediction.emotion
    if task == "sentiment7":
        return prediction.sentiment
    if prediction.sentiment3 is not None or prediction.sentiment in (None, REFUSED):
        return prediction.sentiment3 or prediction.sentiment
    return sentiment3_of(int(prediction.sentiment))


def _of_rating(rating: Rating, task: str) -> str | None:
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
        task: One of `SINGLE_ANSWER_TASKS`.
        rows: Which clips belong to the task.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.
    """
    classes = {"sentiment7": SENTIMENT7, "sentiment3": SENTIMENT3, "emotion": EMOTION_CLASSES}[task]
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
            and (answer := _of_rating(r, task)) is not None
        ]
        if pairs:
            truth = np.array([classes.index(t) for t, _, _ in pairs])
            predicted = np.array([classes.index(p) for _, p, _ in pairs])
            scores = score_classes(truth, predicted, classes, [s for _, _, s in pairs], draws, seed)
            found.append({"annotator": annotator, **_two_metrics(scores)})
    return found


def _paper_rows(task: str) -> list[dict[str, Any]]:
    if task == "emotion":
        return [
            {
                "inputs": r.inputs,
                "model": r.model,
                "wacc_percent": r.wacc,
                "wf1_percent": r.wf1,
                "recall_percent": dict(zip(EMOTION_CLASSES, r.recalls, strict=True)),
            }
            for r in paper.EMOTION
        ]
    seven = task == "sentiment7"
    return [
        {
            "inputs": r.inputs,
            "model": r.model,
            "wacc_percent": r.wacc7 if seven else r.wacc3,
            "wf1_percent": r.wf17 if seven else r.wf13,
        }
        for r in paper.SENTIMENT
    ]


# ---- any number of emotions a clip ---------------------------------------------------------------


def score_multi_label(
    present: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    intensity_errors: NDArray[np.float64] | None,
    signers: Sequence[str],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Presence of each emotion, and the error of its intensity, as plain JSON.

    Args:
        present: (N, 10) truth.
        predicted: (N, 10).
        intensity_errors: (N, 10) absolute errors in steps of the scale of 0..3; None without intensities.
        signers: (N,) who signs.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.
    """
    n = present.shape[1]

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        truth, named = present[rows], predicted[rows]
        both = (truth & named).sum(axis=0).astype(np.float64)
        have, say = truth.sum(axis=0), named.sum(axis=0)
        f1 = np.where(have + say > 0, 2 * both / np.maximum(have + say, 1), 0.0)
        recall = np.where(have > 0, both / np.maximum(have, 1), np.nan)
        precision = np.where(say > 0, both / np.maximum(say, 1), np.nan)
        either = (truth | named).sum(axis=1)
        jaccard = np.where(either > 0, (truth & named).sum(axis=1) / np.maximum(either, 1), 1.0)
        total = max(float((have + say).sum()), 1.0)
        overall = [
            f1.mean(),
            2 * both.sum() / total,
            (f1 * have).sum() / max(have.sum(), 1),
            jaccard.mean(),
            (truth == named).all(axis=1).mean(),
        ]
        errors = np.empty(0) if intensity_errors is None else intensity_errors[rows].mean(axis=0)
        mean_error = [] if intensity_errors is None else [float(errors.mean())]
        return np.concatenate([overall, f1, recall, precision, errors, mean_error])

    found = [_plain(interval) for interval in signer_intervals(statistic, signers, draws, seed)]
    names = ("macro_f1", "micro_f1", "weighted_f1", "jaccard", "exact_match")
    result: dict[str, Any] = {"clips": len(present), **dict(zip(names, found[:5], strict=True))}
    labels = {}
    for i, emotion in enumerate(EMOTIONS):
        labels[emotion] = {
            "clips_with_it": int(present[:, i].sum()),
            "f1": found[5 + i],
            "recall": found[5 + n + i],
            "precision": found[5 + 2 * n + i],
        }
        if intensity_errors is not None:
            labels[emotion]["intensity_error"] = found[5 + 3 * n + i]
    result["labels"] = labels
    if intensity_errors is not None:
        result["intensity_error"] = found[-1]
    return result


# ---- scoring a file of predictions ---------------------------------------------------------------


def score(
    predictions: Sequence[Prediction],
    data: EmoSign,
    *,
    rule: str = DEFAULT_RULE,
    ratings: Sequence[Rating] = (),
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a model on every task that its predictions answer, as plain JSON.

    A task is scored when every clip of it has an answer (``refused`` is one, and counts as wrong).

    Args:
        predictions: One for each clip.
        data: The labels.
        rule: Which clips are single expressions: see `signlens.emosign.tasks.partition`.
        ratings: What each annotator said, for the rows of annotators against the others.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.

    Raises:
        InputRejected: Clips are missing or invented, or a task is answered for some of its clips only;
            the message lists them.
        UsageError: There is no such rule.
    """
    by_name = _by_name(predictions, data)
    ordered = [by_name.get(clip.video_name) for clip in data.clips]
    signers = [clip.signer for clip in data.clips]
    tasks: dict[str, Any] = {}
    not_scored: dict[str, str] = {}
    for task in SINGLE_ANSWER_TASKS:
        labels = _task(data.clips, task, rule)
        answers = [None if p is None else _answer(p, task) for p in ordered]
        if not _complete(task, answers, labels.rows, data, not_scored):
            continue
        index = {name: i for i, name in enumerate(labels.classes)} | {REFUSED: REFUSED_CLASS}
        predicted = np.array([index[str(answers[i])] for i in labels.rows])
        own = [signers[i] for i in labels.rows]
        n = len(labels.classes)
        most = np.bincount(labels.labels, minlength=n).argmax()
        constant = score_classes(
            labels.labels, np.full(len(own), most), labels.classes, own, draws=draws, seed=seed
        )
        tasks[task] = {
            "model": score_classes(labels.labels, predicted, labels.classes, own, draws, seed),
            "chance": chance_row(labels.labels, n, seed),
            "majority": {"class": labels.classes[most], **_two_metrics(constant)},
            "annotators": annotator_rows(ratings, data, task, labels.rows, draws, seed),
            "paper": _paper_rows(task),
        }
    _score_labels(ordered, data, signers, tasks, not_scored, draws, seed)
    _score_cue_times(ordered, data, tasks, not_scored, draws, seed)
    _score_cue_texts(ordered, data, tasks, not_scored, draws, seed)
    if not tasks:
        raise InputRejected("predictions", "answer none of the tasks", "fill at least one of their columns")
    return {
        "data": {
            "source": data.source,
            "sha256": data.sha256,
            "identity": data.identity,
            "made_up": data.made_up,
            "clips": len(data.clips),
            "signers": data.signers,
            "notes": list(data.notes),
        },
        "expressions": partition(data.clips, rule).as_json(),
        "intervals": {
            "unit": interval_unit(signers),
            "draws": draws,
            "seed": seed,
            "level": 0.95,
        },
        "tasks": tasks,
        "not_scored": not_scored,
    }


def _by_name(predictions: Sequence[Prediction], data: EmoSign) -> dict[str, Prediction]:
    by_name: dict[str, Prediction] = {}
    for prediction in predictions:
        if prediction.video_name in by_name:
            raise InputRejected("predictions", f"name {prediction.video_name} twice", "keep one of them")
        by_name[prediction.video_name] = prediction
    known = {clip.video_name for clip in data.clips}
    invented = [name for name in by_name if name not in known]
    if invented:
        raise InputRejected(
            "predictions",
            f"name {len(invented)} clips that the annotations lack: {listed(invented, 30)}",
            "remove them, or score against the annotations that hold them",
        )
    return by_name


def _complete(
    task: str,
    answers: Sequence[Any],
    rows: Sequence[int] | NDArray[np.int64],
    data: EmoSign,
    not_scored: dict[str, str],
) -> bool:
    """Whether the task can be scored; False when no clip has an answer."""
    if all(answer is None for answer in answers):
        not_scored[task] = "the predictions do not answer it"
        return False
    missing = [data.clips[i].video_name for i in rows if answers[i] is None]
    if missing:
        raise InputRejected(
            "predictions",
            f"{task}: {len(missing)} of {len(rows)} clips have no answer: {listed(missing, 30)}",
            f"answer them all; write {REFUSED} where the model would not",
        )
    return True


def _score_labels(
    ordered: Sequence[Prediction | None],
    data: EmoSign,
    signers: Sequence[str],
    tasks: dict[str, Any],
    not_scored: dict[str, str],
    draws: int,
    seed: int,
) -> None:
    truth = multi_label(data.clips)
    rows = range(len(data.clips))
    intensities = [None if p is None else p.intensities for p in ordered]
    presents = [
        None if p is None else p.present if p.present is not None else _presence(p.intensities)
        for p in ordered
    ]
    if not _complete("multi_label", presents, rows, data, not_scored):
        return
    named = np.array([[bool(p and p.get(e)) for e in EMOTIONS] for p in presents])
    errors = None
    if any(i is not None for i in intensities):
        _complete("multi_label intensities", intensities, rows, data, not_scored)
        said = np.array([[i[e] if i else REFUSED_CLASS for e in EMOTIONS] for i in intensities])
        errors = ordinal_errors(truth.intensity, said, 4)
    else:
        not_scored["multi_label intensities"] = "the predictions do not answer it"
    base = truth.present.mean(axis=0) > 0.5
    constant = np.broadcast_to(base, truth.present.shape)
    zero = truth.intensity.astype(np.float64)
    refused = sum(p is not None and not p for p in presents)
    tasks["multi_label"] = {
        "model": {
            "refused": refused,
            **score_multi_label(truth.present, named, errors, signers, draws, seed),
        },
        "majority": {
            "says": [e for e, on in zip(EMOTIONS, base, strict=True) if on],
            **score_multi_label(truth.present, constant, None, signers, draws, seed),
        },
        "all_present": score_multi_label(
            truth.present, np.ones_like(truth.present), None, signers, draws, seed
        ),
        "all_absent": score_multi_label(
            truth.present, np.zeros_like(truth.present), zero, signers, draws, seed
        ),
    }


def _presence(intensities: Mapping[str, int] | None) -> dict[str, bool] | None:
    return None if intensities is None else {e: value > 0 for e, value in intensities.items()}


def _score_cue_times(
    ordered: Sequence[Prediction | None],
    data: EmoSign,
    tasks: dict[str, Any],
    not_scored: dict[str, str],
    draws: int,
    seed: int,
) -> None:
    rows = [i for i, clip in enumerate(data.clips) if clip.cue_intervals]
    if not rows:
        not_scored["cue_time"] = "the annotations hold no intervals"
        return
    answers = [None if p is None else p.cue_intervals for p in ordered]
    if not _complete("cue_time", answers, rows, data, not_scored):
        return
    truth = [data.clips[i].cue_intervals for i in rows]
    said = [answers[i] or () for i in rows]
    iou = np.array([cues.temporal_iou(t, p) for t, p in zip(truth, said, strict=True)])
    met = np.array([cues.hits(t, p) for t, p in zip(truth, said, strict=True)])
    count = np.array([len(t) for t in truth])

    def statistic(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.array([iou[drawn].mean(), met[drawn].sum() / count[drawn].sum()])

    found = signer_intervals(statistic, [data.clips[i].signer for i in rows], draws, seed)
    tasks["cue_time"] = {
        "model": {
            "clips": len(rows),
            "cues": int(count.sum()),
            "temporal_iou": _plain(found[0]),
            "hit_rate": _plain(found[1]),
            "hit_overlap": cues.HIT_OVERLAP,
        }
    }


def _score_cue_texts(
    ordered: Sequence[Prediction | None],
    data: EmoSign,
    tasks: dict[str, Any],
    not_scored: dict[str, str],
    draws: int,
    seed: int,
) -> None:
    truth = cues.theme_table([clip.cues for clip in data.clips])
    rows = np.flatnonzero(truth.any(axis=1))
    if not len(rows):
        not_scored["cue_text"] = "the annotators' words name no known theme"
        return
    answers = [None if p is None else p.cue for p in ordered]
    if not _complete("cue_text", answers, rows, data, not_scored):
        return
    said = cues.theme_table([[answers[i] or ""] for i in rows])
    signers = [data.clips[i].signer for i in rows]
    own = truth[rows]
    tasks["cue_text"] = {
        "model": _score_themes(own, said, signers, draws, seed),
        "every_theme": _score_themes(own, np.ones_like(own), signers, draws, seed),
    }


def _score_themes(
    truth: NDArray[np.bool_], said: NDArray[np.bool_], signers: Sequence[str], draws: int, seed: int
) -> dict[str, Any]:
    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        t, s = truth[rows], said[rows]
        both = float((t & s).sum())
        have, named = float(t.sum()), float(s.sum())
        jaccard = (t & s).sum(axis=1) / (t | s).sum(axis=1)
        precision = both / named if named else np.nan
        return np.array([2 * both / (have + named), both / have, precision, jaccard.mean()])

    found = [_plain(i) for i in signer_intervals(statistic, signers, draws, seed)]
    themes = {
        theme: {"clips_with_it": int(t.sum()), "named": int(s.sum()), "both": int((t & s).sum())}
        for theme, t, s in zip(cues.THEMES, truth.T, said.T, strict=True)
    }
    names = ("f1", "recall", "precision", "jaccard")
    return {"clips": len(truth), **dict(zip(names, found, strict=True)), "themes": themes}
