"""Small linear heads, trained leave-one-signer-out.

Nothing is tuned: the strength of regularisation is fixed below, because 200 clips of four signers leave
nothing to choose it on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EMOTIONS, EmoSign
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import (
    DEFAULT_RULE,
    TaskLabels,
    labels3,
    labels7,
    multi_label,
    single_emotion,
)
from signlens.errors import InputRejected
from signlens.optional import require_extra
from signlens_studies.emosign.baselines.materials import Array, refused

INVERSE_STRENGTH = 0.1
"""scikit-learn's C of the logistic regressions."""
RIDGE = 10.0
"""scikit-learn's alpha of the ridge regression that gives intensities."""

Ints = NDArray[np.int64]


def signer_folds(data: EmoSign) -> list[tuple[str, Ints, Ints]]:
    """Each signer with the rows of the others (to train on) and their own (to answer)."""
    signers = np.array([clip.signer for clip in data.clips])
    unknown = int((signers == "").sum())
    if unknown:
        raise InputRejected(
            data.source,
            f"{unknown} clips have no known signer, so signers cannot be held apart",
            "give --signers FILE (video_name, signer)",
        )
    names = sorted(set(signers.tolist()))
    if len(names) < 2:
        raise InputRejected(
            data.source, "there is one signer only, and no other to learn from", "training needs two or more"
        )
    return [(name, np.flatnonzero(signers != name), np.flatnonzero(signers == name)) for name in names]


def leave_one_signer_out(features: Array, data: EmoSign, rule: str = DEFAULT_RULE) -> list[LabelPrediction]:
    """Answers of linear heads that never saw the signer whom they answer.

    Sentiment (7 and 3 classes) and the single emotion: multinomial logistic regression, classes weighed
    evenly. Presence of each emotion: one logistic regression each. Intensities: ridge regression, rounded.
    Features are standardised, and missing ones replaced by their mean, with numbers of the training
    signers alone.

    Args:
        features: (N, F), NaN where one is missing. A row without any is answered ``refused``.
        data: The N clips.
        rule: Which clips are single expressions.
    """
    usable = np.isfinite(features).any(axis=1)
    if not usable.any():
        raise InputRejected(data.source, "no clip has anything to learn from", "are these the right videos?")
    tasks = {"sentiment": labels7, "sentiment3": labels3}
    answers: dict[str, Ints] = {}
    labels = {name: task(data.clips) for name, task in tasks.items()}
    labels["emotion"] = single_emotion(data.clips, rule)
    truth = multi_label(data.clips)
    folds = signer_folds(data)
    for name, task in labels.items():
        answers[name] = _classify(features, usable, task, folds)
    present = np.zeros(truth.present.shape, bool)
    intensity = np.zeros(truth.intensity.shape, np.int64)
    for _, others, own in folds:
        train = others[usable[others]]
        prepare = _preparation(features[train])
        seen, asked = prepare(features[train]), prepare(features[own])
        intensity[own] = _intensities(seen, truth.intensity[train], asked)
        for column in range(len(EMOTIONS)):
            present[own, column] = _fit_and_answer(seen, truth.present[train, column].astype(np.int64), asked)
    predictions = []
    for i, clip in enumerate(data.clips):
        if not usable[i]:
            predictions.append(refused(clip.video_name))
            continue
        said = {name: labels[name].classes[answers[name][i]] for name in labels}
        predictions.append(
            LabelPrediction(
                clip.video_name,
                said["sentiment"],
                said["sentiment3"],
                said["emotion"],
                dict(zip(EMOTIONS, intensity[i].tolist(), strict=True)),
                dict(zip(EMOTIONS, present[i].tolist(), strict=True)),
            )
        )
    return predictions


def _classify(
    features: Array, usable: NDArray[np.bool_], task: TaskLabels, folds: Sequence[tuple[str, Ints, Ints]]
) -> Ints:
    """(N,) the class of every clip; only those that belong to the task are learned from."""
    label_of = np.full(len(features), -1)
    label_of[task.rows] = task.labels
    answers = np.zeros(len(features), np.int64)
    for signer, others, own in folds:
        train = others[usable[others] & (label_of[others] >= 0)]
        if not len(train):
            raise InputRejected(
                task.task,
                f"no clip of the signers other than {signer} can be learned from",
                "give more videos",
            )
        prepare = _preparation(features[train])
        answers[own] = _fit_and_answer(prepare(features[train]), label_of[train], prepare(features[own]))
    return answers


def _preparation(train: Array) -> Callable[[Array], Array]:
    """Fills and standardises by the numbers of the training rows."""
    known = np.isfinite(train)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, train, 0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (train - mean) ** 2, 0).sum(axis=0) / count)
    spread[spread < 1e-12] = 1.0

    def prepare(rows: Array) -> Array:
        return np.asarray(np.where(np.isfinite(rows), (rows - mean) / spread, 0.0))

    return prepare


def _linear_model() -> Any:
    try:
        from sklearn import linear_model
    except ImportError as error:
        raise require_extra("studies", error.name or "scikit-learn") from None
    return linear_model


def _fit_and_answer(seen: Array, labels: Ints, asked: Array) -> Ints:
    if len(np.unique(labels)) < 2:
        return np.full(len(asked), labels[0])
    model = _linear_model().LogisticRegression(C=INVERSE_STRENGTH, class_weight="balanced", max_iter=2000)
    return np.asarray(model.fit(seen, labels).predict(asked), np.int64)


def _intensities(seen: Array, intensity: Ints, asked: Array) -> Ints:
    found = _linear_model().Ridge(alpha=RIDGE).fit(seen, intensity).predict(asked)
    return np.asarray(np.clip(np.rint(found), 0, 3), np.int64)
