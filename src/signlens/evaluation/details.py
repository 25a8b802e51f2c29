"""Where a system is right and wrong: its confusions, its classes, its signers; as plain rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.evaluation.metrics import Outcomes, measure, wilson
from signlens.evaluation.scores import ScoreSet

CONFUSIONS = 20


@dataclass(frozen=True)
class Details:
    """Rows of one system."""

    system: str
    confusions: list[dict[str, Any]]
    per_class: list[dict[str, Any]]
    per_signer: list[dict[str, Any]]


def confusions(of: Outcomes, most: int = CONFUSIONS) -> list[tuple[int, int, int]]:
    """The most frequent mistakes: (true class, predicted class, clips), most frequent first."""
    wrong = ~of.hits(1)
    pairs = of.labels[wrong] * of.classes + of.predictions[wrong]
    found, counts = np.unique(pairs, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return [(int(found[i]) // of.classes, int(found[i]) % of.classes, int(counts[i])) for i in order.tolist()]


def details(name: str, of: Outcomes, scores: ScoreSet) -> Details:
    """Confusions, classes and signers of one system; the scores name the classes and signers."""
    support = np.bincount(of.labels, minlength=of.classes)
    return Details(
        system=name,
        confusions=[
            {
                "true": scores.gloss_of(true),
                "predicted": scores.gloss_of(predicted),
                "clips": clips,
                "of": int(support[true]),
            }
            for true, predicted, clips in confusions(of)
        ],
        per_class=_per_class(of, scores),
        per_signer=_per_signer(of, scores),
    )


def _per_class(of: Outcomes, scores: ScoreSet) -> list[dict[str, Any]]:
    def count(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(values, minlength=of.classes)

    support, predicted = count(of.labels), count(of.predictions)
    right, among5 = count(of.labels[of.hits(1)]), count(of.labels[of.hits(5)])
    return [
        {
            "class": c,
            "gloss": scores.gloss_of(c),
            "clips": int(support[c]),
            "right": int(right[c]),
            "top1": 100 * float(right[c] / support[c]) if support[c] else None,
            "top5": 100 * float(among5[c] / support[c]) if support[c] and of.classes > 5 else None,
            "predicted": int(predicted[c]),
            "precision": 100 * float(right[c] / predicted[c]) if predicted[c] else None,
            "f1": 100 * float(2 * right[c] / (support[c] + predicted[c])),
        }
        for c in np.flatnonzero(support + predicted).tolist()
    ]


def _per_signer(of: Outcomes, scores: ScoreSet) -> list[dict[str, Any]]:
    """A row per signer; the few clips of one get Wilson's interval."""
    if scores.signers is None:
        return []
    rows = []
    for signer in np.unique(scores.signers).tolist():
        here = of.take(scores.signers == signer)
        right = int(here.hits(1).sum())
        rows.append(
            {
                "signer": signer or None,
                "clips": len(here.labels),
                "right": right,
                "top1": asdict(wilson(right, len(here.labels))),
                "top5": measure(here)["top5_per_instance"] if of.classes > 5 else None,
            }
        )
    return rows


def paired_by_signer(scores: ScoreSet, first: Outcomes, second: Outcomes) -> list[dict[str, Any]]:
    """A row per signer: clips, and how many of them either system recognises."""
    if scores.signers is None:
        return []
    rows = []
    for signer in np.unique(scores.signers).tolist():
        here = scores.signers == signer
        rows.append(
            {
                "signer": signer or None,
                "clips": int(here.sum()),
                "right_first": int(first.hits(1)[here].sum()),
                "right_second": int(second.hits(1)[here].sum()),
            }
        )
    return rows
