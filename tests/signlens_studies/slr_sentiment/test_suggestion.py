"""A draft of a map: which words go where, and how it compares."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.emotion.gloss_map import GlossMap, load_gloss_map
from signlens_studies.slr_sentiment.suggestion import (
    agreement,
    nrc_emotions,
    suggest,
    to_toml,
    vader_valences,
)

EMOTIONS = {
    "party": ["joy", "positive"],
    "grave": ["fear", "sadness", "negative"],
    "ghost": ["fear", "negative"],
    "bank": ["trust"],
    "gift": ["joy", "surprise"],
}
VALENCES = {"party": 1.7, "grave": -1.6, "ghost": -1.3, "gift": -2.0, "war": -2.9, "win": 2.8}
GLOSSES = ["Party", "grave", "ghost", "bank", "gift", "war", "win", "party"]


def test_the_rarest_emotion_of_a_word_wins() -> None:
    made = suggest(GLOSSES, EMOTIONS)
    # fear 2 words, sadness 1; joy 2, surprise 1.
    assert made.glosses == {
        "happy": ("Party", "party"),
        "sad": ("grave",),
        "surprise": ("gift",),
        "fear": ("ghost",),
    }
    assert suggest(GLOSSES, EMOTIONS, single=True).glosses == {
        "happy": ("Party", "party"),
        "fear": ("ghost",),
    }


def test_valence_must_be_strong_and_of_the_same_sign() -> None:
    assert suggest(GLOSSES, EMOTIONS, VALENCES).glosses == {
        "happy": ("Party", "party"),
        "sad": ("grave",),
        "surprise": ("gift",),  # bad surprises are surprises; joy it cannot be
    }
    assert suggest(GLOSSES, EMOTIONS, VALENCES, strong=1.2).glosses["fear"] == ("ghost",)
    assert suggest(GLOSSES, None, VALENCES).glosses == {"happy": ("Party", "win", "party")}


def test_agreement_worked_by_hand() -> None:
    mine = GlossMap("mine", {"happy": ("Party", "win"), "sad": ("cry",)})
    hand = GlossMap("hand", {"happy": ("party",), "fear": ("cry", "elsewhere")})
    rows = {row.emotion: row for row in agreement(mine, hand, ["party", "win", "cry", "book"])}
    happy, sad, fear = rows["happy"], rows["sad"], rows["fear"]
    assert (happy.suggested, happy.by_hand, happy.both, happy.precision, happy.recall) == (2, 1, 1, 0.5, 1.0)
    assert (sad.precision, sad.recall) == (0.0, None)
    assert (fear.by_hand, fear.precision, fear.recall) == (1, None, 0.0)
    assert (rows["all"].both, rows["any"].both) == (1, 2)
    assert rows["any"].recall == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1).filter(lambda t: t.strip()), min_size=1, max_size=5))
def test_what_is_written_is_read_again(tmp_path_factory, names: list[str]) -> None:
    unique = list({name.strip().casefold(): name for name in names}.values())
    path = tmp_path_factory.mktemp("maps") / "m.toml"
    try:
        "".join(unique).encode()
    except UnicodeEncodeError:
        return
    made = GlossMap('a "name" \\', {"sad": tuple(unique)}, {"sad": (unique[0],)})
    path.write_text(to_toml(made, "two\nlines"), encoding="utf-8")
    assert load_gloss_map(path) == made


def test_the_real_lexicons_know_the_words() -> None:
    pytest.importorskip("nrclex")
    pytest.importorskip("vaderSentiment")
    emotions, valences = nrc_emotions(), vader_valences()
    assert "sadness" in emotions["cry"]
    assert valences["cry"] < 0 < valences["happy"]
    made = suggest(["cry", "happy", "table", "rage"], emotions, valences)
    assert made.glosses == {"happy": ("happy",), "sad": ("cry",), "anger": ("rage",)}


def test_a_lexicon_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    from signlens.errors import PartMissing

    monkeypatch.setitem(sys.modules, "nrclex", None)
    with pytest.raises(PartMissing, match=r"signlens\[studies\]"):
        nrc_emotions()
