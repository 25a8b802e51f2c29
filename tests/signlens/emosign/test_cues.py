import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.emosign.cues import THEMES, duration, hits, temporal_iou, theme_table, themes_of

# Borders in whole tenths of a second, so that a plain count of tenths is an independent answer.
tenths = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda p: (p[0] / 10, (p[0] + p[1]) / 10)),
    max_size=5,
)


def counted(intervals):
    held = np.zeros(80, dtype=bool)
    for begin, end in intervals:
        held[round(begin * 10) : round(end * 10)] = True
    return held


@given(tenths, tenths)
def test_overlap_agrees_with_counting_tenths(a, b):
    held_a, held_b = counted(a), counted(b)
    either = (held_a | held_b).sum()
    assert duration(a) == pytest.approx(held_a.sum() / 10)
    expected = (held_a & held_b).sum() / either if either else 0
    assert temporal_iou(a, b) == pytest.approx(expected, abs=1e-9)


def test_hits_by_hand():
    truth = [(0.0, 1.0), (2.0, 3.0), (5.0, 6.0)]
    # The first is met with 0.5, the second with 0.4 only, the third not at all.
    assert hits(truth, [(0.0, 0.5), (2.6, 3.0), (7.0, 8.0)]) == 1
    assert hits(truth, [(0.0, 0.5), (2.6, 3.0)], overlap=0.39) == 2
    assert hits(truth, []) == 0


@pytest.mark.parametrize(
    ("text", "themes"),
    [
        ("furrowed eyebrows, pursed lips", {"brows", "mouth"}),
        ("Eyes wide; head thrust forward", {"eyes", "head"}),
        ("eye gaze shifts, role shift", {"gaze", "role shift"}),
        ("signs larger and faster than usual, repeated twice", {"sign size", "sign speed", "repetition"}),
        ("emphatic fingerspelling of N-O", {"emphasis", "finger-spelling"}),
        ("puffed cheeks, raised shoulders, leaning back", {"cheeks", "shoulders", "body"}),
        ("it felt sad", set()),
    ],
)
def test_themes_are_found_by_their_words(text, themes):
    assert themes_of([text]) == themes
    (row,) = theme_table([[text]])
    assert {theme for theme, there in zip(THEMES, row, strict=True) if there} == themes
