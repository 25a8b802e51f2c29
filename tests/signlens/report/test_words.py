"""The words: true to the numbers, and never more certain than they are."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_clips import answered, degraded, expression, rejected

from signlens.answer import Answer
from signlens.emotion.explain import ExplainedAway, Explaining, HeldBack
from signlens.emotion.expressions import EmotionMoment, EmotionReading
from signlens.fusion.clip_fusion import BoostInfo, Evidence
from signlens.recognition import Recognition
from signlens.report import words
from signlens.signing.intensity import Intensity


def plain(text: str) -> str:
    return text.replace(words.NARROW_SPACE, " ")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.00012, "<0.1 %"),
        (0.0061, "0.6 %"),
        (0.0994, "9.9 %"),
        (0.142, "14 %"),
        (0.99, "99 %"),
        (0.9987, "99.9 %"),
        (0.99999, ">99.9 %"),
        (1.0, "100 %"),
        (math.nan, "unknown"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert plain(words.percent(share)) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_percent_never_rounds_up_to_certainty(share: float) -> None:
    text = plain(words.percent(share))
    assert text not in ("0 %", "100 %", "0.0 %", "100.0 %")
    assert abs(float(text.strip("<> %")) - 100 * share) <= 0.51


def test_signed_numbers() -> None:
    assert words.signed(0.0) == "0.00"
    assert words.signed(-0.001) == "0.00"
    assert words.signed(0.12) == "+0.12"
    assert words.signed(-2.5) == "\N{MINUS SIGN}2.50"
    assert words.signed(-math.inf) == "\N{MINUS SIGN}\N{INFINITY}"


def test_a_log_term_is_told_as_a_factor() -> None:
    assert words.factor(0.0) == "no change"
    assert plain(words.factor(math.log(2))) == "\N{MULTIPLICATION SIGN} 2.00"
    assert plain(words.factor(math.log(0.25))) == "\N{MULTIPLICATION SIGN} 0.25"
    assert plain(words.factor(-math.inf)) == "\N{MULTIPLICATION SIGN} <0.01"
    assert plain(words.factor(math.inf)) == "\N{MULTIPLICATION SIGN} >1000"


def test_why_names_all_three_terms() -> None:
    text = plain(words.why(Evidence(math.log(0.5), 0.0, math.log(2))))
    assert text == (
        "the movement alone gives it 50 %, the face changes nothing, "
        "and similar signs raise its odds (\N{MULTIPLICATION SIGN} 2.00)."
    )
    assert "the face lowers its odds" in words.why(Evidence(-1.0, -0.5, 0.0))


def test_headline_for_every_kind_of_answer() -> None:
    assert words.headline(answered())[1] == "hello"
    assert "73" in words.headline(answered())[0]
    assert words.headline(degraded())[1] == "Unknown sign"
    assert words.headline(replace(answered(), answer=Answer("no_sign", None, "")))[1] == "No sign made"
    assert words.headline(rejected()) == ("This clip was not answered", "No answer")


def test_no_face_is_said_to_be_no_face() -> None:
    assert "No face was seen" in words.expression_sentence(None)
    assert "neutral" in words.expression_sentence(answered().emotion)


def test_runs_of_the_strongest_expression() -> None:
    leads = ["neutral", "neutral", "happy", "sad", "sad"]
    timeline = tuple(EmotionMoment(float(i), expression(name, 0.6)) for i, name in enumerate(leads))
    reading = EmotionReading("made", expression("neutral", 0.5), 1.0, timeline)
    assert list(words.expression_runs(reading)) == [
        ("neutral", 0.0, 1.0),
        ("happy", 2.0, 2.0),
        ("sad", 3.0, 4.0),
    ]
    assert list(words.expression_runs(replace(reading, timeline=()))) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.mp4", "b.mp4"), ("C:\\clips\\b.mp4", "b.mp4"), ("camera:0", "camera:0"), ("/", "/")],
)
def test_file_name(path: str, name: str) -> None:
    assert words.file_name(path) == name


def test_what_markers_did_is_said_in_words() -> None:
    base = Recognition("x.mp4", "ok")
    assert "boost is off" in words.boost_sentences(base)[0]

    def said(**parts: object) -> str:
        explaining = Explaining(**{"markers_heeded": True, "probabilities": {}, **parts})  # type: ignore[arg-type]
        return " ".join(words.boost_sentences(replace(base, explaining=explaining)))

    assert "not heeded" in said(markers_heeded=False)
    assert "by the map" not in said()
    counted = BoostInfo("mine", "0123456789abcdef", 1.5, 10)
    by = words.boost_sentences(
        replace(base, boost=counted, explaining=Explaining(markers_heeded=True, probabilities={}))
    )
    assert "by the map mine (SHA-256 0123456789ab...) at a strength of 1.5, among the 10 best" in by[0]
    assert len(by) == 2
    assert "No marker explained" in said()
    cut = ExplainedAway("surprise", 0.4, 0.1, ("brow_raise", "mouth_opening"))
    slight = ExplainedAway("fear", 0.002, 0.001, ("brow_raise",))
    text = said(explained_away=(cut, slight))
    assert "brow raise and mouth opening may explain surprise" in text
    assert "fear" not in text
    held = HeldBack("shock", "surprise", ("brow_raise",), 0.1, 0.5)
    hardly = HeldBack("amazing", "surprise", ("brow_raise",), 0.1, 0.1001)
    text = said(explained_away=(cut,), held_back=(held, hardly))
    assert "shock was held back" in text
    assert words.factor(0.5) in text
    assert "amazing" not in text
    assert "contempt never does" in said(negation=0.7)


def test_how_the_hands_sign_is_said_in_words() -> None:
    assert "no movement" in words.intensity_sentence(None)
    text = words.intensity_sentence(Intensity("left", 2.0, 1.5, 2, 0.5, 0.8, 1.25))
    assert "2.0 shoulder widths a second (0.8" in text
    assert "done twice" in text
    assert words.times_done(1) == "once"
    assert words.times_done(7) == "7 times"
