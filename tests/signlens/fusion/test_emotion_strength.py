"""The strength is chosen by what it does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from signlens.emotion.gloss_map import add_log_boost
from signlens.errors import UsageError
from signlens.evaluation.metrics import top_k_hits
from signlens.fusion.emotion_strength import STRENGTHS, choose_strength


def planted(clips: int = 400, shown: float = 1.0, seed: int = 0, scale: float = 1.0):
    """Sixteen classes in pairs that look alike; the face tells half of the pairs apart.

    Classes 2 i and 2 i + 1 score alike up to noise. Even classes below 8 have an emotion of their own, which
    a clip of them shows with probability `shown`; other clips show neutral.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 16, clips)
    scores = scale * (rng.normal(size=(clips, 16)) + 4 * (np.arange(16) // 2 == labels[:, None] // 2))
    emotions = np.array([c // 2 + 1 if c % 2 == 0 and c < 8 else -1 for c in range(16)])
    face = np.where((emotions[labels] >= 0) & (rng.random(clips) < shown), emotions[labels], 0)
    return scores, labels, 0.9 * np.eye(8)[face] + 0.1 / 8, emotions


def hits(scores, labels) -> int:
    return int(top_k_hits(scores, labels, 1).sum())


@pytest.mark.parametrize("k", [1, 3, 10, None])
def test_what_is_tried_is_what_the_boost_gives(k) -> None:
    scores, labels, vectors, emotions = planted(200)
    choice = choose_strength(scores, labels, vectors, emotions, top_k=k)
    assert [t.strength for t in choice.tried] == list(STRENGTHS)
    for tried in choice.tried:
        boosted = add_log_boost(scores, vectors, emotions, tried.strength, k)
        assert tried.nll == pytest.approx(-log_softmax(boosted, axis=1)[np.arange(200), labels].mean())
        assert tried.right == hits(boosted, labels)
    assert choice.strength == min(choice.tried, key=lambda t: t.nll).strength
    by_hits = choose_strength(scores, labels, vectors, emotions, top_k=k, by="top1")
    most = max(t.right for t in by_hits.tried)
    assert by_hits.strength == min(t.strength for t in by_hits.tried if t.right == most)


def test_without_faces_nothing_is_chosen() -> None:
    scores, labels, vectors, emotions = planted()
    assert choose_strength(scores, labels, np.zeros_like(vectors), emotions).strength == 0
    wrong = np.random.default_rng(1).permutation(vectors)
    assert (
        choose_strength(scores, labels, wrong, emotions).strength
        < choose_strength(scores, labels, vectors, emotions).strength
    )


def test_wrong_use() -> None:
    scores, labels, vectors, emotions = planted(10)
    with pytest.raises(UsageError, match="none to choose"):
        choose_strength(scores, labels, vectors, emotions, strengths=())
    with pytest.raises(UsageError, match="strength"):
        choose_strength(scores, labels, vectors, emotions, strengths=(-1.0, 1.0))
