"""Whether it is the emotion that helps: the boost's gain against its gain with other clips' faces.

It looks at the best k classes of each clip alone: a boost in probability space touches no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import add_log_boost, top_classes
from signlens.errors import UsageError
from signlens.models.ensemble import log_softmax

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PermutationGain:
    """The boost's gain against its gain with the faces of other clips.

    Attributes:
        clips: N.
        gain: Clips recognised with the boost, less without.
        permuted_mean: Mean of the same with the vectors permuted between the clips.
        permuted_low: Its 2.5th percentile.
        permuted_high: Its 97.5th percentile.
        permutations: How many.
        p_value: Share of the permutations, the one given counted in, that gain at least as much.
    """

    clips: int
    gain: int
    permuted_mean: float
    permuted_low: float
    permuted_high: float
    permutations: int
    p_value: float


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The best k classes of each clip.

    Attributes:
        logs: (N, k) log-probabilities.
        emotions: (N, k) place of the emotion that speaks for the class, -1 for none.
        true: (N, k) whether it is the true class.
        rival: (N,) log-probability of the best class that is not among the k.
    """

    logs: Floats
    emotions: NDArray[np.int64]
    true: NDArray[np.bool_]
    rival: Floats

    def terms(self, vectors: NDArray[np.floating], strength: float | NDArray[np.floating]) -> Floats:
        """(N, k) what the boost adds."""
        values = np.where(self.emotions >= 0, np.take_along_axis(vectors, self.emotions, axis=1), 0.0)
        return np.asarray(np.log1p(np.asarray(strength).reshape(-1, 1) * values))

    def right(self, terms: Floats) -> NDArray[np.bool_]:
        """(N,) whether the true class is best; a tie counts against it."""
        scores = self.logs + terms
        own = np.where(self.true, scores, -np.inf).max(axis=1)
        others = np.where(self.true, -np.inf, scores).max(axis=1)
        return np.asarray(own > np.maximum(others, self.rival))


def _candidates(
    scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    class_emotions: NDArray[np.int64],
    top_k: int | None,
) -> _Candidates:
    best = top_classes(scores, top_k)
    logs = log_softmax(scores)
    rest = logs.copy()
    np.put_along_axis(rest, best, -np.inf, axis=1)
    return _Candidates(
        np.take_along_axis(logs, best, axis=1),
        class_emotions[best],
        best == labels[:, None],
        rest.max(axis=1),
    )


def permutation_gain(
    scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    strength: float | NDArray[np.floating],
    *,
    top_k: int | None = 10,
    permutations: int = 1000,
    seed: int = 0,
) -> PermutationGain:
    """Whether a gain comes from what each clip's face shows: permute the faces and see what is left.

    A gain that stays when each clip gets another clip's face is no gain by emotion: the map's glosses were
    raised blindly, and happened to be right more often.

    Args:
        scores: (N, C) whose softmax is the probabilities.
        labels: (N,) true classes.
        vectors: (N, 8) probabilities; zeros where no face was seen.
        class_emotions: (C,) see `GlossMap.class_emotions`.
        strength: Lambda, or (N,) one a clip, chosen on other clips.
        top_k: The boost only touches the best k; None for all.
        permutations: How many.
        seed: Of the permutations.

    Raises:
        UsageError: What `add_log_boost` refuses, or no permutation.
    """
    if permutations < 1:
        raise UsageError("permutations", f"{permutations} is none", "give at least 1")
    add_log_boost(scores, vectors, class_emotions, strength, top_k)
    candidates = _candidates(scores, labels, class_emotions, top_k)
    before = int(candidates.right(np.zeros_like(candidates.logs)).sum())

    def gain(shown: NDArray[np.floating]) -> int:
        return int(candidates.right(candidates.terms(shown, strength)).sum()) - before

    rng = np.random.default_rng(seed)
    permuted = np.array([gain(vectors[rng.permutation(len(labels))]) for _ in range(permutations)])
    own = gain(vectors)
    low, high = np.percentile(permuted, [2.5, 97.5])
    return PermutationGain(
        clips=len(labels),
        gain=own,
        permuted_mean=float(permuted.mean()),
        permuted_low=float(low),
        permuted_high=float(high),
        permutations=permutations,
        p_value=float((1 + (permuted >= own).sum()) / (1 + permutations)),
    )
