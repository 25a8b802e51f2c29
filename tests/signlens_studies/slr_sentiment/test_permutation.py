"""A planted gain is found, and goes when faces are permuted."""

from __future__ import annotations

import numpy as np
import pytest

from signlens.emotion.gloss_map import add_log_boost
from signlens.errors import UsageError
from signlens.evaluation.metrics import top_k_hits
from signlens.fusion.emotion_strength import choose_strength
from signlens_studies.slr_sentiment.permutation import permutation_gain


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


@pytest.mark.parametrize("seed", range(5))
def test_permuting_the_faces_destroys_a_planted_gain(seed: int) -> None:
    scores, labels, vectors, emotions = planted(seed=seed)
    strength = choose_strength(*planted(seed=100 + seed)).strength
    found = permutation_gain(scores, labels, vectors, emotions, strength, permutations=300)
    assert found.gain == hits(add_log_boost(scores, vectors, emotions, strength), labels) - hits(
        scores, labels
    )
    assert found.gain > 20
    assert found.p_value == 1 / 301
    assert found.permuted_high < found.gain / 2


def test_a_gain_that_is_no_emotions_stays_under_permutation() -> None:
    # Everybody looks the same; the class that this face speaks for is the true one more often than not.
    rng = np.random.default_rng(3)
    labels = np.where(rng.random(300) < 0.8, 0, 1)
    scores, emotions = rng.normal(size=(300, 4)), np.array([1, -1, -1, -1])
    vectors = np.tile(np.eye(8)[1], (300, 1))
    found = permutation_gain(scores, labels, vectors, emotions, 4.0, permutations=100)
    assert found.gain > 0
    assert found.permuted_mean == found.gain
    assert found.p_value == 1


def test_the_p_value_is_even_where_faces_say_nothing() -> None:
    values = []
    for seed in range(60):
        scores, labels, vectors, emotions = planted(120, seed=seed)
        vectors = np.random.default_rng(seed).permutation(vectors)
        values.append(permutation_gain(scores, labels, vectors, emotions, 1.0, permutations=60).p_value)
    assert np.mean(np.array(values) <= 0.1) < 0.25
    assert np.mean(np.array(values) > 0.5) > 0.3


def test_a_strength_for_each_clip() -> None:
    scores, labels, vectors, emotions = planted(50)
    each = np.where(np.arange(50) < 20, 0.0, 2.0)
    boosted = add_log_boost(scores, vectors, emotions, each)
    assert (boosted[:20] == scores[:20]).all()
    assert (boosted[20:] == add_log_boost(scores, vectors, emotions, 2.0)[20:]).all()
    assert permutation_gain(scores, labels, vectors, emotions, each, permutations=1).gain == hits(
        boosted, labels
    ) - hits(scores, labels)


def test_wrong_use() -> None:
    scores, labels, vectors, emotions = planted(10)
    with pytest.raises(UsageError, match="permutations"):
        permutation_gain(scores, labels, vectors, emotions, 1.0, permutations=0)
