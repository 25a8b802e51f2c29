"""Scoring a file of predictions on all of EmoSign's tasks, with intervals by signer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import listed
from signlens.emosign import cues
from signlens.emosign.annotations import EMOTIONS, EmoSign
from signlens.emosign.class_scores import (
    REFUSED_CLASS,
    annotator_rows,
    answer_of,
    chance_row,
    interval_unit,
    ordinal_errors,
    plain_interval,
    score_classes,
    signer_intervals,
    two_metrics,
)
from signlens.emosign.predictions import LabelPrediction, read_predictions
from signlens.emosign.ratings import Rating, read_ratings
from signlens.emosign.tasks import (
    DEFAULT_RULE,
    REFUSED,
    TaskLabels,
    labels3,
    labels7,
    multi_label,
    partition,
    single_emotion,
)
from signlens.errors import InputRejected

MADE_UP = "These data are made up: the figures say that the program runs, and nothing about signing."


def score_file(
    predictions: Path,
    data: EmoSign,
    *,
    raters: Sequence[Path] = (),
    rule: str = DEFAULT_RULE,
    intensity_base: int | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a file of predictions: see `score`.

    Args:
        predictions: ``.csv`` or ``.jsonl``.
        data: The labels.
        raters: Files of single annotators, for their rows.
        rule: Which clips are single expressions.
        intensity_base: How the raters store "absent"; found out by default.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.
    """
    ratings = read_ratings(raters, intensity_base) if raters else []
    found = score(read_predictions(predictions), data, rule=rule, ratings=ratings, draws=draws, seed=seed)
    return {"predictions": str(predictions), **found}


def score(
    predictions: Sequence[LabelPrediction],
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
    scoring = _Scoring(data, [by_name.get(clip.video_name) for clip in data.clips], draws, seed)
    for labels in (labels7(data.clips), labels3(data.clips), single_emotion(data.clips, rule)):
        scoring.classes(labels, ratings)
    scoring.labels()
    scoring.cue_times()
    scoring.cue_texts()
    if not scoring.tasks:
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
            "unit": interval_unit([clip.signer for clip in data.clips]),
            "draws": draws,
            "seed": seed,
            "level": 0.95,
        },
        "tasks": scoring.tasks,
        "not_scored": scoring.not_scored,
    }


def _by_name(predictions: Sequence[LabelPrediction], data: EmoSign) -> dict[str, LabelPrediction]:
    by_name: dict[str, LabelPrediction] = {}
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


@dataclass
class _Scoring:
    """The tasks of one file, one after another.

    Attributes:
        data: The labels.
        predictions: (N,) in the order of the clips; None where a clip has none.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.
        tasks: What was scored.
        not_scored: Tasks that were not, and why.
    """

    data: EmoSign
    predictions: Sequence[LabelPrediction | None]
    draws: int
    seed: int
    tasks: dict[str, Any] = field(default_factory=dict)
    not_scored: dict[str, str] = field(default_factory=dict)

    def _signers(self, rows: Iterable[int]) -> list[str]:
        return [self.data.clips[i].signer for i in rows]

    def _complete(self, task: str, answers: Sequence[Any], rows: Sequence[int]) -> bool:
        """Whether the task can be scored; False when no clip has an answer."""
        if all(answer is None for answer in answers):
            self.not_scored[task] = "the predictions do not answer it"
            return False
        missing = [self.data.clips[i].video_name for i in rows if answers[i] is None]
        if missing:
            raise InputRejected(
                "predictions",
                f"{task}: {len(missing)} of {len(rows)} clips have no answer: {listed(missing, 30)}",
                f"answer them all; write {REFUSED} where the model would not",
            )
        return True

    def classes(self, of: TaskLabels, ratings: Sequence[Rating]) -> None:
        """A task with one answer a clip."""
        answers = [None if p is None else answer_of(p, of.task) for p in self.predictions]
        rows = of.rows.tolist()
        if not self._complete(of.task, answers, rows):
            return
        place = {name: i for i, name in enumerate(of.classes)} | {REFUSED: REFUSED_CLASS}
        predicted = np.array([place[str(answers[i])] for i in rows])
        most = int(np.bincount(of.labels, minlength=len(of.classes)).argmax())
        model, constant = (
            score_classes(of.labels, given, of.classes, self._signers(rows), self.draws, self.seed)
            for given in (predicted, np.full(len(rows), most))
        )
        self.tasks[of.task] = {
            "model": model,
            "chance": chance_row(of.labels, len(of.classes), self.seed),
            "majority": {"class": of.classes[most], **two_metrics(constant)},
            "annotators": annotator_rows(ratings, self.data, of.task, of.rows, self.draws, self.seed),
        }

    def labels(self) -> None:
        """Any number of emotions a clip, and their intensities."""
        truth, rows = multi_label(self.data.clips), range(len(self.data.clips))
        intensities = [None if p is None else p.intensities for p in self.predictions]
        presents = [None if p is None else p.presence for p in self.predictions]
        if not self._complete("multi_label", presents, rows):
            return
        named = np.array([[bool(p and p.get(e)) for e in EMOTIONS] for p in presents])
        errors = None
        if self._complete("multi_label intensities", intensities, rows):
            said = np.array([[i[e] if i else REFUSED_CLASS for e in EMOTIONS] for i in intensities])
            errors = ordinal_errors(truth.intensity, said, 4)
        base = truth.present.mean(axis=0) > 0.5
        zero = truth.intensity.astype(np.float64)

        def scored(named: NDArray[np.bool_], errors: NDArray[np.float64] | None) -> dict[str, Any]:
            signers = self._signers(rows)
            return score_multi_label(truth.present, named, errors, signers, self.draws, self.seed)

        self.tasks["multi_label"] = {
            "model": {
                "refused": sum(p is not None and not p for p in presents),
                **scored(named, errors),
            },
            "majority": {
                "says": [e for e, on in zip(EMOTIONS, base, strict=True) if on],
                **scored(np.broadcast_to(base, truth.present.shape), None),
            },
            "all_present": scored(np.ones_like(truth.present), None),
            "all_absent": scored(np.zeros_like(truth.present), zero),
        }

    def cue_times(self) -> None:
        """When what carries the emotion is seen."""
        rows = [i for i, clip in enumerate(self.data.clips) if clip.cue_intervals]
        if not rows:
            self.not_scored["cue_time"] = "the annotations hold no intervals"
            return
        answers = [None if p is None else p.cue_intervals for p in self.predictions]
        if not self._complete("cue_time", answers, rows):
            return
        pairs = [(self.data.clips[i].cue_intervals, answers[i] or ()) for i in rows]
        iou = np.array([cues.temporal_iou(truth, said) for truth, said in pairs])
        met = np.array([cues.hits(truth, said) for truth, said in pairs])
        count = np.array([len(truth) for truth, _ in pairs])

        def statistic(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
            return np.array([iou[drawn].mean(), met[drawn].sum() / count[drawn].sum()])

        found = signer_intervals(statistic, self._signers(rows), self.draws, self.seed)
        self.tasks["cue_time"] = {
            "model": {
                "clips": len(rows),
                "cues": int(count.sum()),
                "temporal_iou": plain_interval(found[0]),
                "hit_rate": plain_interval(found[1]),
                "hit_overlap": cues.HIT_OVERLAP,
            }
        }

    def cue_texts(self) -> None:
        """Which themes the words on it name."""
        truth = cues.theme_table([clip.cues for clip in self.data.clips])
        rows = np.flatnonzero(truth.any(axis=1)).tolist()
        if not rows:
            self.not_scored["cue_text"] = "the annotators' words name no known theme"
            return
        answers = [None if p is None else p.cue for p in self.predictions]
        if not self._complete("cue_text", answers, rows):
            return
        said = cues.theme_table([[answers[i] or ""] for i in rows])
        signers, own = self._signers(rows), truth[rows]
        self.tasks["cue_text"] = {
            "model": _score_themes(own, said, signers, self.draws, self.seed),
            "every_theme": _score_themes(own, np.ones_like(own), signers, self.draws, self.seed),
        }


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

    found = [plain_interval(each) for each in signer_intervals(statistic, signers, draws, seed)]
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

    found = [plain_interval(each) for each in signer_intervals(statistic, signers, draws, seed)]
    themes = {
        theme: {"clips_with_it": int(t.sum()), "named": int(s.sum()), "both": int((t & s).sum())}
        for theme, t, s in zip(cues.THEMES, truth.T, said.T, strict=True)
    }
    names = ("f1", "recall", "precision", "jaccard")
    return {"clips": len(truth), **dict(zip(names, found, strict=True)), "themes": themes}
