import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emotion.gloss_map import add_log_boost
from signlens_studies.slr_sentiment.as_printed import multiply_logits


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), slope=st.floats(0, 3), offset=st.floats(0, 1), k=st.integers(1, 12))
def test_multiplying_logits_is_the_printed_loop(seed, slope, offset, k):
    generator = np.random.default_rng(seed)
    scores, vectors = generator.normal(2, 3, (3, 12)), generator.normal(0.2, 0.5, (3, 8))
    classes = generator.integers(-1, 8, 12)
    made = multiply_logits(scores, vectors, classes, slope=slope, offset=offset, top_k=k)
    for row in range(3):
        best = sorted(range(12), key=lambda c: -scores[row, c])[:k]
        for c in range(12):
            factor = 1.0
            if c in best and classes[c] >= 0:
                factor = 1 + slope * vectors[row, classes[c]] + offset
            assert made[row, c] == pytest.approx(scores[row, c] * factor)


def test_multiplying_sinks_a_logit_below_zero_where_the_log_boost_raises_it():
    scores, vectors, classes = np.array([[-1.0, -1.1]]), np.eye(8)[[1]], np.array([1, -1])
    assert multiply_logits(scores, vectors, classes)[0].argmax() == 1
    assert add_log_boost(scores, vectors, classes, 1.0)[0].argmax() == 0
