"""Explaining away, by hand and by what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.emotion.explain import EXPLAINS, explain_away, face_terms, negation
from signlens.emotion.expressions import EMOTIONS, EmotionMoment, EmotionReading
from signlens.emotion.gloss_map import GlossMap, boost_terms, load_gloss_map
from signlens.signing.markers import FUNCTIONS, Marker


def reading_of(rows: np.ndarray, step: float = 0.2, mean: np.ndarray | None = None) -> EmotionReading:
    """A reading whose moments are the rows (K, 8), `step` seconds apart from 0 on."""

    def named(values: np.ndarray) -> dict[str, float]:
        return dict(zip(EMOTIONS, map(float, values), strict=True))

    moments = tuple(EmotionMoment(i * step, named(row)) for i, row in enumerate(rows))
    return EmotionReading("made", named(rows.mean(axis=0) if mean is None else mean), 1.0, moments)


def marker(name: str, onset: float = 0.0, offset: float = 9.0, confidence: float = 1.0) -> Marker:
    return Marker(name, onset, offset, 1.0, confidence, FUNCTIONS[name])


def all_of(emotion: str, moments: int = 5) -> np.ndarray:
    rows = np.zeros((moments, 8))
    rows[:, EMOTIONS.index(emotion)] = 1
    return rows


readings = st.lists(st.lists(st.floats(0.001, 1), min_size=8, max_size=8), min_size=1, max_size=6).map(
    lambda rows: reading_of(np.array(rows) / np.array(rows).sum(axis=1, keepdims=True))
)
markers = st.lists(
    st.builds(
        marker,
        st.sampled_from(sorted(EXPLAINS)),
        st.floats(0, 1),
        st.floats(0, 1),
        st.floats(0, 1),
    ),
    max_size=4,
)


def test_every_marker_and_every_expression_is_known():
    assert set(EXPLAINS) == set(FUNCTIONS)
    for table in EXPLAINS.values():
        assert set(table) <= set(EMOTIONS) - {"neutral"}
        assert all(0 < share <= 1 for share in table.values())


def test_hand_worked():
    # Surprise throughout; raised brows in the last two of five moments (0.6 and 0.8 s), seen for sure.
    used, cut = explain_away(reading_of(all_of("surprise")), [marker("brow_raise", 0.55, 0.85)])
    assert used["surprise"] == pytest.approx((3 + 2 * 0.2) / 5)
    assert used["neutral"] == pytest.approx(2 * 0.8 / 5)
    assert [(c.emotion, c.before, c.markers) for c in cut] == [("surprise", 1.0, ("brow_raise",))]
    # Half as sure: half as much is explained. Two markers: what one leaves, the other cuts.
    half, _ = explain_away(reading_of(all_of("surprise")), [marker("brow_raise", confidence=0.5)])
    assert half["surprise"] == pytest.approx(0.6)
    both, cut = explain_away(reading_of(all_of("surprise")), [marker("brow_raise"), marker("mouth_opening")])
    assert both["surprise"] == pytest.approx(0.2 * 0.6)
    assert cut[0].markers == ("brow_raise", "mouth_opening")


def test_a_headshake_is_no_contempt_and_a_smile_stays():
    used, _ = explain_away(reading_of(all_of("contempt")), [marker("head_shake")])
    assert used["contempt"] == 0
    for name in EXPLAINS:
        assert explain_away(reading_of(all_of("happy")), [marker(name)])[0]["happy"] == 1


@given(reading=readings, seen=markers)
def test_what_must_always_hold(reading, seen):
    used, cut = explain_away(reading, seen)
    assert sum(used.values()) == pytest.approx(sum(reading.probabilities.values()))
    for name in EMOTIONS:
        assert 0 <= used[name] <= 1 + 1e-9
        if name != "neutral":
            assert used[name] <= reading.probabilities[name] + 1e-12
    explicable = {e for m in seen for e in EXPLAINS[m.name]}
    assert {c.emotion for c in cut} <= explicable
    for name in set(EMOTIONS) - explicable - {"neutral"}:
        assert used[name] == reading.probabilities[name]


@given(reading=readings)
def test_no_marker_no_change(reading):
    assert explain_away(reading, []) == (reading.probabilities, ())


def test_a_weighted_mean_keeps_its_weights():
    # The mean counts the second moment alone; both moments are cut alike, so the mean is cut as much.
    rows = all_of("anger", 2)
    used, _ = explain_away(reading_of(rows, mean=rows[1] * 0.7), [marker("brow_furrow")])
    assert used["anger"] == pytest.approx(0.7 * 0.2)


GLOSSES = ("shock", "not", "happy", "table", "cheat")
LOG = np.log([0.3, 0.25, 0.2, 0.15, 0.1])


def test_the_boost_leaves_out_what_a_marker_explains():
    rows = np.zeros((4, 8))
    rows[:, [EMOTIONS.index("surprise"), EMOTIONS.index("happy")]] = 0.5
    found = face_terms(GLOSSES, reading_of(rows), [marker("brow_raise")], load_gloss_map(), 2.0, 5, LOG)
    assert found.terms == pytest.approx([np.log1p(2 * 0.5 * 0.2), 0, np.log1p(2 * 0.5), 0, 0])
    (held,) = found.explaining.held_back
    assert (held.gloss, held.emotion, held.markers) == ("shock", "surprise", ("brow_raise",))
    assert held.term == found.terms[0]
    assert held.without_markers == pytest.approx(np.log1p(2 * 0.5))


@given(reading=readings, seen=markers, strength=st.floats(0, 4), k=st.integers(1, 5))
def test_invariants_of_the_terms(reading, seen, strength, k):
    gloss_map = load_gloss_map()
    found = face_terms(GLOSSES, reading, seen, gloss_map, strength, k, LOG)
    assert (found.terms >= 0).all()
    assert not found.terms[k:].any()
    boosted = np.argsort(-(LOG + found.terms), kind="stable")
    assert set(boosted[:k]) == set(range(k))  # only raised, only within the top k
    plain = face_terms(GLOSSES, reading, seen, gloss_map, strength, k, LOG, explain=False)
    expected = boost_terms(GLOSSES, reading.probabilities, gloss_map, strength, k, LOG)
    assert plain.terms == pytest.approx(expected)
    assert not plain.explaining.markers_heeded
    other = [i for i, gloss in enumerate(GLOSSES) if gloss != "not"]
    assert (found.terms[other] <= plain.terms[other] + 1e-12).all()


@pytest.mark.parametrize("flagged", [True, False])
def test_not_is_supported_by_a_headshake_and_never_by_contempt(flagged):
    # A map of one's own that forgets to flag it changes nothing.
    gloss_map = GlossMap("own", {"contempt": ("NOT",)}, {"contempt": ("NOT",)} if flagged else {})
    contempt = reading_of(all_of("contempt"))
    without = face_terms(GLOSSES, contempt, [], gloss_map, 3.0, 5, LOG)
    assert not without.terms.any()
    shaken = face_terms(GLOSSES, contempt, [marker("head_shake", confidence=0.5)], gloss_map, 3.0, 5, LOG)
    assert shaken.terms == pytest.approx([0, np.log1p(3 * 0.5), 0, 0, 0])
    assert shaken.explaining.negation == 0.5
    outside = face_terms(GLOSSES, contempt, [marker("head_shake")], gloss_map, 3.0, 1, LOG)
    assert not outside.terms.any()  # not among the best k


def test_no_face_no_term_but_a_headshake_counts_alone():
    found = face_terms(GLOSSES, None, [], load_gloss_map(), 2.0, 5, LOG)
    assert not found.terms.any()
    assert negation([marker("head_nod"), marker("head_shake", confidence=0.4)]) == 0.4
    assert negation([marker("head_nod")]) == 0
