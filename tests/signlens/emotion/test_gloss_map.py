"""The boost only raises, only within the top k, only glosses that the map names."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import DATA

from signlens.datasets.labels import read_gloss_list
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.gloss_map import (
    GlossMap,
    add_log_boost,
    boost_terms,
    load_gloss_map,
    shipped_maps,
)
from signlens.errors import InputRejected, UsageError

SEED = DATA / "wlasl-seed-results"
MAP = load_gloss_map()
GLOSSES = [g for names in MAP.glosses.values() for g in names] + [f"other {i}" for i in range(13)]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum())


cases = given(seed=st.integers(0, 10_000), strength=st.floats(0, 20), k=st.integers(1, len(GLOSSES)))


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return log_softmax(generator.normal(0, 3, len(GLOSSES))), generator.dirichlet(np.ones(8))


@settings(max_examples=150, deadline=None)
@cases
def test_the_set_of_the_top_k_never_changes(seed, strength, k):
    scores, emotion = draw(seed)
    terms = boost_terms(GLOSSES, emotion, MAP, strength, k, scores)
    assert (terms >= 0).all()
    before = set(np.argsort(-scores, kind="stable")[:k])
    assert set(np.argsort(-(scores + terms), kind="stable")[:k]) == before
    assert not terms[[i for i in range(len(GLOSSES)) if i not in before]].any()


@settings(max_examples=60, deadline=None)
@cases
def test_it_multiplies_the_softmax(seed, strength, k):
    scores, emotion = draw(seed)
    terms = boost_terms(GLOSSES, emotion, MAP, strength, len(GLOSSES), scores, include_grammatical=True)
    probabilities = np.exp(scores)
    for index, gloss in enumerate(GLOSSES):
        for e, names in MAP.glosses.items():
            if gloss in names:
                probabilities[index] *= 1 + strength * emotion[EMOTIONS.index(e)]
    boosted = np.exp(scores + terms)
    np.testing.assert_allclose(boosted / boosted.sum(), probabilities / probabilities.sum(), rtol=1e-9)


@pytest.mark.parametrize(("vector", "strength"), [(np.zeros(8), 5.0), (np.full(8, 0.125), 0.0)])
def test_no_emotion_or_no_strength_no_change(vector, strength):
    scores, _ = draw(1)
    assert not boost_terms(GLOSSES, vector, MAP, strength, 10, scores).any()


def test_hand_worked():
    glosses = ["BOOK", "Happy", "sad", "happy "]
    scores = np.log([0.4, 0.3, 0.2, 0.1])
    terms = boost_terms(glosses, {"happy": 0.5, "sad": 0.25}, MAP, 2.0, 3, scores)
    np.testing.assert_allclose(terms, [0, np.log(2), np.log(1.5), 0])


def test_not_is_grammar_unless_asked_for():
    scores = np.log([0.5, 0.5])
    contempt = {"contempt": 1.0}
    assert boost_terms(["not", "cheat"], contempt, MAP, 1.0, 2, scores).tolist() == [0, np.log(2)]
    every = boost_terms(["not", "cheat"], contempt, MAP, 1.0, 2, scores, include_grammatical=True)
    assert every.tolist() == [np.log(2), np.log(2)]


def test_the_printed_list_with_angry():
    assert sum(len(names) for names in MAP.glosses.values()) == 27
    assert "angry" in MAP.glosses["anger"]
    assert "quiet" not in MAP.emotion_of()
    assert "neutral" not in MAP.glosses
    assert MAP.grammatical == {"contempt": ("not",)}


def test_the_hash_is_of_the_content(tmp_path):
    text = '# a comment\n[glosses]\nsad = ["cry", "tired"]\n'
    (tmp_path / "a.toml").write_text(text)
    (tmp_path / "b.toml").write_text('name = "b"\n[glosses]\nsad = ["tired",\n "cry"]')
    (tmp_path / "c.toml").write_text('[glosses]\nsad = ["tired"]')
    a, b, c = (load_gloss_map(tmp_path / f"{n}.toml").sha256 for n in "abc")
    assert a == b != c
    expected = b'{"glosses": {"sad": ["cry", "tired"]}, "grammatical": {}}'
    assert a == hashlib.sha256(expected).hexdigest()


def test_unknown_glosses_are_reported():
    assert load_gloss_map().unknown([*GLOSSES]) == ()
    assert GlossMap("x", {"sad": ("cry", "weep")}).unknown(["Cry", "book"]) == ("weep",)


@pytest.mark.parametrize(
    "text",
    [
        "colour = 1\n[glosses]\nsad = ['cry']",
        "[glosses]\nangst = ['cry']",
        "[glosses]\nsad = 'cry'",
        "[glosses]\nsad = ['cry']\nfear = ['Cry']",
        "[glosses]\nsad = ['cry']\n[grammatical]\nsad = ['not']",
        "glosses = 3",
        "name = 'x'",
        "[glosses",
    ],
)
def test_a_bad_map_is_refused_by_name(tmp_path, text):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(InputRejected, match=r"map\.toml"):
        load_gloss_map(path)
    with pytest.raises(InputRejected):
        load_gloss_map(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    "change",
    [
        {"strength": -1.0},
        {"strength": float("nan")},
        {"top_k": 0},
        {"log_probabilities": np.zeros(3)},
        {"log_probabilities": np.array([0.0, np.nan])},
        {"emotion_probabilities": [0.5] * 7},
        {"emotion_probabilities": [2.0] + [0.0] * 7},
        {"emotion_probabilities": {"angst": 1.0}},
    ],
)
def test_wrong_use_is_refused(change):
    given_ = {
        "glosses": ["a", "b"],
        "emotion_probabilities": [0.125] * 8,
        "gloss_map": MAP,
        "strength": 1.0,
        "top_k": 2,
        "log_probabilities": np.zeros(2),
    }
    with pytest.raises(UsageError):
        boost_terms(**{**given_, **change})


# -- shipped maps -----------------------------------------------------------------------------------


def test_the_maps_that_the_papers_tables_rest_on():
    assert shipped_maps() == ("slr-sentiment-27", "slr-sentiment-29", "slr-sentiment-31")
    glosses = {}
    for name in shipped_maps():
        loaded = load_gloss_map(name)
        assert loaded.name == name
        glosses[name] = loaded.emotion_of(include_grammatical=True)
        assert len(glosses[name]) == int(name[-2:])
    small, middle, large = (set(glosses[n].items()) for n in shipped_maps())
    assert middle - small == {("funny", "sad"), ("wonderful", "sad")}
    assert large - middle == {("wow", "surprise"), ("wrong", "contempt")}
    assert small < middle < large
    assert load_gloss_map() == load_gloss_map("slr-sentiment-27")
    assert len({load_gloss_map(n).sha256 for n in shipped_maps()}) == 3


def test_a_name_that_is_no_map_is_refused_with_the_names():
    with pytest.raises(InputRejected, match="slr-sentiment-29"):
        load_gloss_map("slr-sentiment-99")


@pytest.mark.shared
@pytest.mark.skipif(not SEED.is_dir(), reason=f"{SEED} is not there (set SIGNLENS_SHARED)")
def test_the_map_is_the_papers_file_by_gloss():
    names = read_gloss_list(SEED.parent / "wlasl-metadata" / "wlasl_class_list.txt")
    ids = json.loads((SEED / "sign_emotion_assosiation.json").read_text())
    theirs = {names[i]: EMOTIONS[int(e)] for e, classes in ids.items() for i in classes}
    assert load_gloss_map().emotion_of(include_grammatical=True) == theirs
    found = load_gloss_map().class_emotions(names, include_grammatical=True)
    assert {i: int(e) for i, e in enumerate(found) if e >= 0} == {
        i: int(e) for e, classes in ids.items() for i in classes
    }
    assert load_gloss_map("slr-sentiment-31").unknown(names) == ()


# -- many clips -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), strength=st.floats(0, 20), k=st.integers(1, 45), grammatical=st.booleans()
)
def test_many_clips_are_boosted_as_each_alone(seed, strength, k, grammatical):
    generator = np.random.default_rng(seed)
    scores = generator.normal(0, 3, (4, len(GLOSSES)))
    vectors = generator.dirichlet(np.ones(8), 4)
    vectors[1] = 0
    classes = MAP.class_emotions(GLOSSES, grammatical)
    boosted = add_log_boost(scores, vectors, classes, strength, k)
    for row in range(4):
        terms = boost_terms(GLOSSES, vectors[row], MAP, strength, k, scores[row], grammatical)
        np.testing.assert_allclose(boosted[row] - scores[row], terms, atol=1e-12)
    assert (boosted[1] == scores[1]).all(), "no face, no change"
    for n in range(k, len(GLOSSES) + 1):
        before, after = (np.argsort(-s, axis=1, kind="stable")[:, :n] for s in (scores, boosted))
        assert (np.sort(before) == np.sort(after)).all(), "top n moved, n at least k"


@pytest.mark.parametrize(
    ("vectors", "classes", "strength", "k"),
    [
        (np.zeros((2, 7)), np.zeros(3, int), 1.0, 2),
        (np.zeros((1, 8)), np.zeros(3, int), 1.0, 2),
        (np.zeros((2, 8)), np.zeros(4, int), 1.0, 2),
        (np.full((2, 8), 1.5), np.zeros(3, int), 1.0, 2),
        (np.zeros((2, 8)), np.zeros(3, int), -1.0, 2),
        (np.zeros((2, 8)), np.zeros(3, int), np.ones(3), 2),
        (np.zeros((2, 8)), np.zeros(3, int), 1.0, 0),
    ],
)
def test_wrong_use_for_many_is_refused(vectors, classes, strength, k):
    with pytest.raises(UsageError):
        add_log_boost(np.zeros((2, 3)), vectors, classes, strength, k)
