"""Nested cross-validation of the expression head, by person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import AppearanceHead, Framing
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.head import softmax
from signlens.evaluation.metrics import bootstrap, expected_calibration_error
from signlens.models.ensemble import fit_temperature
from signlens_studies.expression.appearance import Discriminant
from signlens_studies.expression.head_fitting import (
    Bench,
    Setting,
    folds_by_person,
    mean_log_loss,
    select,
    train,
    train_branches,
)
from signlens_studies.expression.measured_faces import NEUTRAL, FloatArray


def validate(bench: Bench, say: Callable[[str], None]) -> dict[str, Any]:
    """Nested cross-validation by person; everything that the docs and the card report.

    A face the mesh does not find is an error in every accuracy.
    """
    e = bench.experiment
    faces, signers = bench.expressions, bench.signers
    fold_e = folds_by_person(faces.person, e.folds, e.seed)
    fold_s = folds_by_person(signers.person, e.folds, e.seed)
    n_e, n_s = len(faces.label), len(signers.label)
    ways_e = {
        "refined": bench.expression_shapes["crop0/refined"],
        "unrefined": bench.expression_shapes["crop0/unrefined"],
    }
    ways_s = {
        k: v for k, v in bench.signer_shapes.items() if k in ("clip", "filmed/refined", "crop0/refined")
    }
    out_e = {k: np.full((n_e, len(EMOTIONS)), np.nan) for k in (*ways_e, "as filmed")}
    out_s = {k: np.full((n_s, len(EMOTIONS)), np.nan) for k in ways_s}
    chosen: list[Setting] = []
    pictured_e = np.full((n_e, len(EMOTIONS) - 1), np.nan)
    pictured_s = np.full((n_s, len(EMOTIONS) - 1), np.nan)
    for fold in range(e.folds):
        train_e, train_s = np.flatnonzero(fold_e != fold), np.flatnonzero(fold_s != fold)
        test_e, test_s = np.flatnonzero(fold_e == fold), np.flatnonzero(fold_s == fold)
        setting = select(bench, train_e, train_s, e.seed + 1000 * fold)
        chosen.append(setting)
        model = train(bench, train_e, train_s, setting, e.seed + 1000 * fold)
        for key, shape in ways_e.items():
            out_e[key][test_e] = model.logits(bench.features(shape[test_e]))
        moved = bench.as_filmed("crop0/refined", test_e, test_s, e.seed + fold)
        out_e["as filmed"][test_e] = model.logits(bench.features(moved))
        for key, shape in ways_s.items():
            out_s[key][test_s] = model.logits(bench.features(shape[test_s]))
        discriminant = train_branches(bench, train_e, [setting.shrinkage])[setting.shrinkage]
        pictured_e[test_e] = discriminant.scores(bench.histograms[test_e])
        pictured_s[test_s] = discriminant.scores(bench.signer_histograms[test_s])
        say(f"fold {fold + 1} of {e.folds}: {setting.to_json()}")
    seven = np.array([i for i in range(len(EMOTIONS)) if i != NEUTRAL])
    result: dict[str, Any] = {
        "chosen": [setting.to_json() for setting in chosen],
        "faces": n_e,
        "subjects": len(np.unique(faces.person)),
    }
    resting = signers.label == NEUTRAL
    temperature = temperature_by_fold(
        np.concatenate([out_e["refined"], out_s["clip"][resting]]),
        np.concatenate([faces.label, signers.label[resting]]),
        np.concatenate([fold_e, fold_s[resting]]),
        e.folds,
    )
    # Inner folds train on half the people, so their shares are too careful; the points have this remedy too.
    shares = np.array([setting.shares for setting in chosen])[fold_e]
    sums = shares[:, :1] * pictured_e + shares[:, 1:] * out_e["unrefined"][:, 1:]
    sharpness = temperature_by_fold(sums, faces.label - 1, fold_e, e.folds)
    for out, logits, scores, place in (
        (out_e, out_e["unrefined"], pictured_e, fold_e),
        (out_s, out_s["clip"], pictured_s, fold_s),
    ):
        out[PICTURED] = np.full_like(logits, np.nan)
        for fold, setting in enumerate(chosen):
            held = place == fold
            branch = head_branch(None, setting, temperature[fold], sharpness[fold])
            out[PICTURED][held] = branch.joined(logits[held] / temperature[fold], scores[held])
    for key, logits in out_e.items():
        found = np.isfinite(logits).all(axis=1)
        safe = np.where(found[:, None], logits, 0.0)
        guess7 = np.where(found, seven[safe[:, seven].argmax(axis=1)], -1)
        guess8 = np.where(found, safe.argmax(axis=1), -1)
        right7, right8 = guess7 == faces.label, guess8 == faces.label
        result[f"ckplus, {key}"] = {
            "not_found": int((~found).sum()),
            "seven_classes": {
                "accuracy": float(right7.mean()),
                "interval_95": _by_person(right7, bench),
                "recall": {EMOTIONS[i]: float(right7[faces.label == i].mean()) for i in seven},
                "mean_recall": float(np.mean([right7[faces.label == i].mean() for i in seven])),
                "confusion": _confusion(faces.label, guess7, seven),
            },
            "eight_classes": {
                "accuracy": float(right8.mean()),
                "interval_95": _by_person(right8, bench),
                "recall": {EMOTIONS[i]: float(right8[faces.label == i].mean()) for i in seven},
                "taken_for_neutral": float((guess8 == NEUTRAL).mean()),
            },
        }
    result["signers at rest"] = {
        "faces": int(resting.sum()),
        "people_at_most": len(np.unique(signers.person[resting])),
        **{key: _answers(logits[resting]) for key, logits in out_s.items()},
    }
    result["signers signing (unlabelled)"] = {
        "faces": int((~resting).sum()),
        **{key: _answers(logits[~resting]) for key, logits in out_s.items()},
    }
    label = np.concatenate([faces.label, signers.label[resting]])
    fold = np.concatenate([fold_e, fold_s[resting]])
    logits = np.concatenate([out_e["refined"], out_s["clip"][resting]])
    found = np.isfinite(logits).all(axis=1)
    probabilities = softmax(logits / temperature[fold][:, None])[found]
    with_picture = softmax(np.concatenate([out_e[PICTURED], out_s[PICTURED][resting]]))
    seen = np.isfinite(with_picture).all(axis=1)
    result["calibration"] = {
        "temperature": fit_temperature(logits[found], label[found]),
        "ece_without": expected_calibration_error(softmax(logits[found]), label[found]),
        "ece": expected_calibration_error(probabilities, label[found]),
        "log_loss": mean_log_loss(probabilities, label[found]),
        "ece_with_pictures": expected_calibration_error(with_picture[seen], label[seen]),
        "sharpness": fit_temperature(*_finite(sums, faces.label - 1)),
        "log_loss_with_pictures": mean_log_loss(with_picture[seen], label[seen]),
    }
    at_rest = out_s["clip"][resting] / temperature[fold_s[resting]][:, None]
    at_rest = softmax(at_rest[np.isfinite(at_rest).all(axis=1)])
    result["neutral"] = [float(v) for v in np.log(np.maximum(at_rest, 1e-12)).mean(axis=0)]
    return result


PICTURED = "points and picture"
"""A face measured as `recognize` measures it: unrefined points, and the picture at them."""


def head_branch(
    branch: Discriminant | None, setting: Setting, temperature: float, sharpness: float
) -> AppearanceHead:
    """A discriminant as the head has it.

    Args:
        branch: The discriminant; None gives a branch of which only `AppearanceHead.joined` is of use.
        setting: Its shares.
        temperature: What the points' logits are divided by before they get here.
        sharpness: What the sum over the seven expressions is divided by.
    """
    nothing = np.empty((0, len(EMOTIONS) - 1))
    return AppearanceHead(
        framing=Framing(0.5, 0.5, 0.5),
        weights=nothing if branch is None else branch.weights,
        bias=nothing[:0] if branch is None else branch.bias,
        appearance_share=setting.shares[0] / sharpness,
        points_share=setting.shares[1] * temperature / sharpness,
    )


def temperature_by_fold(
    logits: FloatArray, label: NDArray[np.int64], fold: NDArray[np.int64], folds: int
) -> FloatArray:
    """(folds,) the temperature of each fold, fitted on the other folds' held-out logits."""
    found = np.isfinite(logits).all(axis=1)
    others = [found & (fold != number) for number in range(folds)]
    return np.array([fit_temperature(logits[rows], label[rows]) for rows in others])


def _finite(logits: FloatArray, label: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
    found = np.isfinite(logits).all(axis=1)
    return logits[found], label[found]


def _confusion(
    truth: NDArray[np.int64], guess: NDArray[np.int64], classes: NDArray[np.int64]
) -> dict[str, Any]:
    return {
        EMOTIONS[t]: {
            **{EMOTIONS[g]: int(((truth == t) & (guess == g)).sum()) for g in classes},
            "not found": int(((truth == t) & (guess < 0)).sum()),
        }
        for t in classes
    }


def _answers(logits: FloatArray) -> dict[str, float]:
    """Share of faces given each expression."""
    found = np.isfinite(logits).all(axis=1)
    guess = np.where(found, np.where(found[:, None], logits, 0.0).argmax(axis=1), -1)
    return {name: round(float((guess == i).mean()), 4) for i, name in enumerate(EMOTIONS)}


def _by_person(right: NDArray[np.bool_], bench: Bench) -> tuple[float, float]:
    """95 % interval of an accuracy over the CK+ faces, drawing whole subjects."""
    e = bench.experiment
    people = np.unique(bench.expressions.person, return_inverse=True)[1]
    found = bootstrap(right, groups=people, draws=e.bootstrap, seed=e.seed)
    return found.low, found.high
