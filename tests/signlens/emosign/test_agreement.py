import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emosign.agreement import (
    LEVELS,
    krippendorff_alpha,
    label_agreement,
    make_ratings,
    pairwise_kappa,
    read_long_ratings,
    weighted_kappa,
)
from signlens.emosign.ratings import Rating
from signlens.errors import InputRejected, UsageError

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C: 4 observers, 12 units.
FOUR_OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
# The same paper, examples A (two observers, binary) and B (two observers, nominal).
BINARY = ("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
LETTERS = ("a a b b d c c c e d d a", "b a b b b c c c e d d d")
# Wikipedia, "Krippendorff's alpha": 3 coders, 15 units.
THREE_CODERS = (
    "* * * * * 3 4 1 2 1 1 3 3 * 3",
    "1 * 2 1 3 3 4 3 * * * * * * *",
    "* * 2 1 3 4 4 * 2 1 1 3 3 * 4",
)


def table(rows, number=float):
    return {
        (f"u{i}", f"a{k}"): None if cell in ".*" else number(cell)
        for k, row in enumerate(rows)
        for i, cell in enumerate(row.split())
    }


def alpha_by_hand(given, level):
    """Every pair of ratings, one by one, straight from the definition of alpha."""
    units = {}
    for (unit, _), value in given.items():
        if value is not None:
            units.setdefault(unit, []).append(value)
    units = [values for values in units.values() if len(values) > 1]
    pooled = [value for values in units for value in values]

    def squared(c, k):
        if level == "nominal":
            return float(c != k)
        if level == "interval":
            return (c - k) ** 2
        if level == "ratio":
            return ((c - k) / (c + k)) ** 2 if c + k else 0.0
        low, high = min(c, k), max(c, k)
        between = sum(low <= value <= high for value in pooled)
        return (between - (pooled.count(c) + pooled.count(k)) / 2) ** 2

    n = len(pooled)
    observed = sum(
        squared(a, b) / (len(values) - 1) for values in units for a, b in itertools.permutations(values, 2)
    ) / max(n, 1)
    expected = sum(squared(a, b) for a, b in itertools.permutations(pooled, 2)) / max(n * (n - 1), 1)
    return 1 - observed / expected if expected > 0 else math.nan


@pytest.mark.parametrize(
    ("level", "printed"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_the_published_example_of_four_observers(level, printed):
    found = krippendorff_alpha(make_ratings(table(FOUR_OBSERVERS)), level, draws=0)
    assert round(found.value, 3) == printed
    assert (found.units, found.ratings) == (11, 40)


def test_other_published_examples():
    assert round(krippendorff_alpha(make_ratings(table(BINARY)), "nominal", draws=0).value, 3) == 0.095
    assert round(krippendorff_alpha(make_ratings(table(LETTERS, str)), "nominal", draws=0).value, 3) == 0.692
    three = make_ratings(table(THREE_CODERS))
    assert round(krippendorff_alpha(three, "nominal", draws=0).value, 3) == 0.691
    assert round(krippendorff_alpha(three, "interval", draws=0).value, 3) == 0.811


sparse_ratings = st.dictionaries(
    st.tuples(st.integers(0, 7).map("u{}".format), st.integers(0, 3).map("a{}".format)),
    st.none() | st.integers(0, 5).map(float) | st.sampled_from([0.25, 1000.0, 1e6]),
    min_size=1,
    max_size=32,
)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=25, deadline=None)
@given(given_ratings=sparse_ratings)
def test_alpha_agrees_with_every_pair_one_by_one(level, given_ratings):
    found = krippendorff_alpha(make_ratings(given_ratings), level, draws=0).value
    expected = alpha_by_hand(given_ratings, level)
    if math.isnan(expected):
        assert math.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=1e-9)


def test_perfect_agreement_is_one_and_its_interval_has_no_width():
    same = make_ratings({(f"u{i}", a): float(i % 3) for i in range(9) for a in "abc"})
    for level in LEVELS:
        found = krippendorff_alpha(same, level, draws=50)
        assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))


def test_ratings_that_never_differ_have_no_alpha():
    same = make_ratings({(f"u{i}", a): 2.0 for i in range(9) for a in "ab"})
    found = krippendorff_alpha(same, "interval")
    assert math.isnan(found.value)
    assert found.as_json()["alpha"] is None


def test_the_interval_is_that_of_resampled_units():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 25)
    given_ratings = {
        (f"u{i}", a): float(np.clip(truth[i] + rng.integers(-1, 2), 0, 3)) for i in range(25) for a in "abc"
    }
    ratings = make_ratings(given_ratings)
    found = krippendorff_alpha(ratings, "interval", draws=2000, seed=1)
    again = []
    for _ in range(400):
        drawn = {}
        for position, unit in enumerate(rng.integers(0, 25, 25)):
            drawn |= {(f"d{position}", a): given_ratings[f"u{unit}", a] for a in "abc"}
        again.append(alpha_by_hand(drawn, "interval"))
    low, high = np.percentile(again, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.1)
    assert found.high == pytest.approx(high, abs=0.1)
    assert found.low < found.value < found.high


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40),
    st.sampled_from(["nominal", "linear", "quadratic"]),
)
def test_weighted_kappa_agrees_with_scikit_learn(pairs, weights):
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = np.array(pairs).T
    found = weighted_kappa(a, b, 5, weights)
    if math.isnan(found):
        assert len(set(a) | set(b)) == 1
    else:
        name = None if weights == "nominal" else weights
        expected = metrics.cohen_kappa_score(a, b, labels=range(5), weights=name)
        assert found == pytest.approx(expected, abs=1e-9)


def test_kappa_counts_only_units_that_both_rated_and_the_whole_scale():
    metrics = pytest.importorskip("sklearn.metrics")
    given_ratings = {
        ("u1", "a"): -3.0,
        ("u1", "b"): 3.0,
        ("u2", "a"): 1.0,
        ("u2", "b"): 1.0,
        ("u3", "a"): 2.0,
    }
    given_ratings |= {("u4", "a"): 0.0, ("u4", "b"): 1.0}
    (found,) = pairwise_kappa(make_ratings(given_ratings), "quadratic", range(-3, 4))
    assert found["units"] == 3
    expected = metrics.cohen_kappa_score([-3, 1, 0], [3, 1, 1], labels=range(-3, 4), weights="quadratic")
    assert found["kappa"] == pytest.approx(expected, abs=1e-6)


def test_a_long_file_is_read_with_blanks_as_missing(tmp_path):
    path = tmp_path / "ratings.csv"
    lines = ["Unit,Annotator,Value"]
    lines += [f"{u},{a},{'' if v is None else v}" for (u, a), v in table(FOUR_OBSERVERS).items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert round(krippendorff_alpha(read_long_ratings(path), "interval", draws=0).value, 3) == 0.849


def test_texts_are_nominal_only(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("unit,annotator,value\n1,a,yes\n1,b,no\n2,a,yes\n2,b,yes\n3,a,7\n", encoding="utf-8")
    ratings = read_long_ratings(path)
    assert krippendorff_alpha(ratings, "nominal", draws=0).value == pytest.approx(
        alpha_by_hand({("1", "a"): "yes", ("1", "b"): "no", ("2", "a"): "yes", ("2", "b"): "yes"}, "nominal")
    )
    with pytest.raises(InputRejected, match="not all numbers"):
        krippendorff_alpha(ratings, "ordinal")


def test_bad_lines_and_levels_are_named(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("unit,annotator,value\n1,a,1\n1,a,2\n,b,2\n", encoding="utf-8")
    with pytest.raises(
        InputRejected, match=r"line 3: a has rated 1 already; line 4: unit or annotator is empty"
    ):
        read_long_ratings(path)
    with pytest.raises(UsageError, match="not a level"):
        krippendorff_alpha(make_ratings({("1", "a"): 1.0}), "cardinal")
    with pytest.raises(InputRejected, match="negative"):
        krippendorff_alpha(make_ratings({("1", "a"): -1.0, ("1", "b"): 1.0}), "ratio")


def test_every_label_has_its_agreement():
    emotions = dict.fromkeys(("joy", "excited", "surprise_pos", "surprise_neg", "worry"), 0)
    emotions |= dict.fromkeys(("sadness", "fear", "disgust", "frustration", "anger"), 1)
    ratings = [
        Rating(f"clip{i}", a, i % 3 - 1, emotions | {"joy": (i + k) % 2})
        for i in range(6)
        for k, a in enumerate("ab")
    ]
    found = label_agreement(ratings, ("nominal",), draws=20)
    rows = {row["label"]: row for row in found["labels"]}
    assert rows["sentiment"]["alpha"]["nominal"]["alpha"] == 1
    assert rows["joy"]["alpha"]["nominal"]["alpha"] < 0
    assert rows["fear"]["alpha"]["nominal"]["alpha"] is None
    assert found["overall"]["nominal"]["labels"] == 2
