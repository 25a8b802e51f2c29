"""Comparing two systems on the same clips: matched by name, McNemar's exact test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import listed
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.scores import ScoreSet, read_scores


@dataclass(frozen=True)
class McNemar:
    """Who is right where, and how likely so uneven a split is if both were equally good.

    Attributes:
        both_right: Clips that both recognise.
        only_first: Clips that only the first recognises.
        only_second: Clips that only the second recognises.
        neither: Clips that none recognises.
        p_value: Two-sided and exact, from the binomial distribution of the clips where they differ.
    """

    both_right: int
    only_first: int
    only_second: int
    neither: int
    p_value: float


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test (1947) on the clips of two systems.

    Args:
        first_right: (N,) whether the first recognises each clip.
        second_right: (N,) the same of the second.

    >>> mcnemar(np.array([True, False, False, True]), np.array([True, True, True, False])).p_value
    1.0
    """
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    return McNemar(
        both_right=int((first_right & second_right).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~first_right & ~second_right).sum()),
        p_value=sign_test(only_first, only_second),
    )


def sign_test(wins: int, losses: int) -> float:
    """P(a split of fair coin tosses at least as uneven), two-sided; in whole numbers until the last division.

    >>> sign_test(9, 1)
    0.021484375
    """
    n = wins + losses
    term, tail = 1, 0
    for k in range(min(wins, losses) + 1):
        tail += term
        term = term * (n - k) // (k + 1)
    return min(1.0, 2 * tail / 2**n)


def match_clips(first: ScoreSet, second: ScoreSet, *, common: bool = False) -> tuple[ScoreSet, ScoreSet, int]:
    """Two sets of scores brought to the same clips in the first one's order, and the same order of classes.

    With `common` the clips that both have are kept, instead of refusing when one has more.

    Returns:
        Both, and how many clips were left out because only one has them.

    Raises:
        UsageError: Not the same clips, without `common`; or they choose among other classes.
        InputRejected: A clip has another label in the other file.
    """
    in_both, rows, others = np.intersect1d(first.clips, second.clips, assume_unique=True, return_indices=True)
    left_out = len(first) + len(second) - 2 * len(in_both)
    if left_out and not common:
        lacking = []
        for scores, other in ((first, second), (second, first)):
            only = np.setdiff1d(scores.clips, other.clips, assume_unique=True)
            if len(only):
                lacking.append(f"only {scores.source} has {listed(only, 5)}")
        raise UsageError(
            "--compare",
            f"the two do not hold the same clips: {'; '.join(lacking)}",
            "compare on those that both have with --common",
        )
    if len(in_both) == 0:
        raise UsageError("--compare", "the two have no clip in common", "compare scores of the same clips")
    order = np.argsort(rows)
    first, second = first.take(rows[order]), _in_class_order(second.take(others[order]), first)
    differ = first.labels != second.labels
    if differ.any():
        raise InputRejected(
            second.source,
            f"labels differ from those of {first.source}: {listed(first.clips[differ], 5)}",
            "score both against the same labels",
        )
    return first, second, left_out


def _in_class_order(scores: ScoreSet, like: ScoreSet) -> ScoreSet:
    """Scores with their classes in the order of another set."""
    if scores.classes != like.classes or (
        scores.glosses and like.glosses and set(scores.glosses) != set(like.glosses)
    ):
        raise UsageError(
            scores.source,
            f"its {scores.classes} classes are not the {like.classes} of {like.source}",
            "compare systems that choose among the same glosses",
        )
    if not scores.glosses or not like.glosses or scores.glosses == like.glosses:
        return scores
    place = {gloss: i for i, gloss in enumerate(like.glosses)}
    to = np.array([place[gloss] for gloss in scores.glosses])
    columns = np.argsort(to)
    return replace(
        scores,
        labels=to[scores.labels],
        streams={name: values[:, columns] for name, values in scores.streams.items()},
        glosses=like.glosses,
    )


def checked_validation(validation: ScoreSet, scores: ScoreSet) -> ScoreSet:
    """Validation scores, to learn weights on, in the class order of those that the weights are applied to.

    Raises:
        UsageError: Other streams or classes, or a clip that is in both.
    """
    lacking = sorted(set(scores.streams) - set(validation.streams))
    if lacking:
        raise UsageError(
            validation.source,
            f"has no scores of {', '.join(lacking)}",
            f"give the streams of {scores.source}",
        )
    both = np.intersect1d(validation.clips, scores.clips, assume_unique=True)
    if len(both):
        raise UsageError(
            validation.source,
            f"{len(both)} of its clips are in {scores.source} too: {listed(both)}",
            "learn weights on other clips than those that are reported",
        )
    return _in_class_order(validation, scores)


def share_clips(first: Path, second: Path) -> bool:
    """Whether any clip is in both scores files."""
    return bool(np.isin(read_scores(first).clips, read_scores(second).clips).any())
