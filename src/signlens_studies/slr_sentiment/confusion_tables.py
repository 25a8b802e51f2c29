"""Tables 3 and 4 of the SLR-sentiment paper: whom an augmentation touches, and whether it should."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import top_classes
from signlens.errors import UsageError
from signlens_studies.reproduction import PAPER, Reproduction, Row
from signlens_studies.slr_sentiment.augmentation import WLASL, Bools, Material


@dataclass(frozen=True)
class Confusion:
    """How many clips an augmentation touches, and whether it should.

    Attributes:
        true_positive: Clips of a gloss of the map that are raised as they should be.
        false_positive: Clips of another gloss where a gloss of the map is raised.
        true_negative: Clips of another gloss where none is.
        false_negative: Clips of a gloss of the map that are not raised as they should be.
    """

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def clips(self) -> int:
        """All of them."""
        return self.true_positive + self.false_positive + self.true_negative + self.false_negative

    @property
    def precision(self) -> float:
        """Share of the raised clips that should be, 0..1; NaN where none is raised."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Share of the clips that should be raised that are, 0..1; NaN where none should."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1."""
        wrong = self.false_positive + self.false_negative
        return _share(2 * self.true_positive, 2 * self.true_positive + wrong)

    @property
    def accuracy(self) -> float:
        """Share of the clips that are raised if and only if they should be, 0..1."""
        return _share(self.true_positive + self.true_negative, self.clips)


TABLE_3 = Confusion(32, 2296, 376, 19)
TABLE_4 = Confusion(26, 98, 2574, 25)
PRINTED_SHARES = {"table3": (0.0137, 0.6274), "table4": (0.2097, 0.5098)}
"""Precision and recall as printed. Table 3's recall is 32 / 51 = 0.62745: cut off, not rounded."""

EVEN_SHARE = 1 / 8
"""The weight above which an emotion is taken for shown, by default: more than an even share of the eight."""


def _share(part: int, of: int) -> float:
    return part / of if of else float("nan")


def confusion_as_published(
    labels: NDArray[np.int64],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    best: NDArray[np.int64] | None = None,
) -> Confusion:
    """The counts by the definitions of Tables 3 and 4, as the paper's code has them.

    Any weight above 0 counts. Among all classes (Table 3): a clip whose gloss is in the map is a true
    positive where its emotion has a weight; another clip is a false positive where the weights of the seven
    emotions do not sum to 0. Among the best (Table 4): besides, *any* gloss of that emotion must be among the
    best, the true one or not; and for a false positive, a gloss of an emotion with weight.

    Args:
        labels: (N,) true classes.
        vectors: (N, 8) in the order of `EMOTIONS`.
        class_emotions: (C,) see `GlossMap.class_emotions`.
        best: (N, k) the best classes of each clip (Table 4); None for all classes (Table 3).
    """
    emotion = class_emotions[labels]
    positive = emotion >= 0
    own = vectors[np.arange(len(labels)), emotion] > 0
    if best is None:
        raised = vectors[:, 1:].sum(axis=1) != 0
    else:
        among = class_emotions[best]
        own &= (among == emotion[:, None]).any(axis=1)
        weights = np.where(among >= 0, np.take_along_axis(vectors, among, axis=1), 0.0)
        raised = weights.sum(axis=1) > 0
    return _counts(positive, own, raised)


def confusion(
    labels: NDArray[np.int64],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    best: NDArray[np.int64] | None = None,
    tau: float = EVEN_SHARE,
) -> Confusion:
    """The counts put right: what is raised must be the true gloss, by an emotion that is shown.

    Args:
        labels: (N,) true classes.
        vectors: (N, 8) in the order of `EMOTIONS`.
        class_emotions: (C,) see `GlossMap.class_emotions`.
        best: (N, k) the best classes of each clip, the only ones that are raised; None for all.
        tau: An emotion is shown where its weight is above this.
    """
    shown = vectors > tau
    emotion = class_emotions[labels]
    own = shown[np.arange(len(labels)), emotion]
    among = class_emotions[None] if best is None else class_emotions[best]
    raised = (np.take_along_axis(shown, np.broadcast_to(among, (len(labels), among.shape[1])), 1)) & (
        among >= 0
    )
    if best is not None:
        own &= (best == labels[:, None]).any(axis=1)
    return _counts(emotion >= 0, own, raised.any(axis=1))


def _counts(positive: Bools, own: Bools, raised: Bools) -> Confusion:
    return Confusion(
        true_positive=int((positive & own).sum()),
        false_positive=int((~positive & raised).sum()),
        true_negative=int((~positive & ~raised).sum()),
        false_negative=int((positive & ~own).sum()),
    )


def table3(material: Material, tau: float | None = None) -> Reproduction:
    """Whom an augmentation of all classes touches, by the paper's definition and put right."""
    return _confusion_table(material, tau, "table3", TABLE_3, top_k=None)


def table4(material: Material, tau: float | None = None) -> Reproduction:
    """The same among the ten best classes alone."""
    return _confusion_table(material, tau, "table4", TABLE_4, top_k=10)


def _confusion_table(
    material: Material, tau: float | None, name: str, printed: Confusion, top_k: int | None
) -> Reproduction:
    scores = material.scores
    tau = EVEN_SHARE if tau is None else tau
    if not 0 <= tau < 1:
        raise UsageError("--tau", f"{tau} is no weight", "give 0 or more, below 1")
    best = None if top_k is None else top_classes(material.plain().scores, top_k)
    published = confusion_as_published(
        scores.labels,
        material.printed.vectors.of(scores.clips),
        material.printed.class_emotions(scores),
        best,
    )
    right = confusion(
        scores.labels,
        material.right.vectors.of(scores.clips),
        material.right.class_emotions(scores),
        best,
        tau,
    )
    rows = []
    for label, ours in (("as published", published), ("put right", right)):
        theirs = printed if label == "as published" else None
        for field_name, paper_name in (
            ("true_positive", "True positive"),
            ("false_positive", "False positive"),
            ("true_negative", "True negative"),
            ("false_negative", "False negative"),
        ):
            value = getattr(ours, field_name)
            rows.append(
                Row(
                    f"{field_name}, {label}",
                    paper_name if theirs else "",
                    "clips",
                    None if theirs is None else getattr(theirs, field_name),
                    value,
                    value,
                )
            )
        for place, share in enumerate(("precision", "recall", "f1", "accuracy")):
            value = getattr(ours, share)
            known = None
            if theirs is not None:
                known = PRINTED_SHARES[name][place] if place < 2 else getattr(theirs, share)
            missing = "" if np.isfinite(value) else "there is no clip to divide by"
            paper_name = share.capitalize() if theirs and place < 2 else ""
            rows.append(
                Row(
                    f"{share}, {label}", paper_name, "share", known, None if missing else value, None, missing
                )
            )
    where = "all classes" if top_k is None else f"the {top_k} best classes of each clip"
    return Reproduction(
        name=name,
        title=f"{PAPER}, {name[:5].capitalize()} {name[5:]}: whom the augmentation of {where} touches",
        theirs=f"{WLASL} (2,723 clips, 51 of them of the 31 glosses of that map)",
        data={**material.data, "tau": tau},
        intervals={},
        rows=tuple(rows),
        notes=(
            *material.notes,
            "As published, any weight above 0 counts, and among the best any gloss of the clip's emotion, "
            "the true one or not. Put right: the true gloss is raised, by an emotion of a weight above "
            f"{tau:g} (--tau), and glosses whose face is grammar are left out.",
            "F1 and accuracy are not in the paper: theirs are computed from its counts.",
        ),
    )
