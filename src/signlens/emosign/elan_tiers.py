"""The tiers of an ELAN file with EmoSign's three tasks, and of markers of grammar beside them; as data."""

from __future__ import annotations

from signlens.emosign.annotations import EMOTIONS

SIGN = "SIGN"
SENTIMENT = "SENTIMENT"
EMOTION_TIERS = {emotion: emotion.upper() for emotion in EMOTIONS}
CONFIDENCE = "CONFIDENCE"
CUE = "CUE"
REASONING = "REASONING"
GRAMMAR = "GRAMMAR"
NON_MANUAL = (
    "NMM_BROWS",
    "NMM_EYES",
    "NMM_GAZE",
    "NMM_NOSE",
    "NMM_CHEEKS",
    "NMM_MOUTH",
    "NMM_HEAD",
    "NMM_BODY",
)
GRAMMAR_MARKERS = (
    "topic",
    "wh-question",
    "yes/no-question",
    "rhetorical question",
    "conditional",
    "negation",
    "relative clause",
    "role shift",
)
TIERS = (
    SIGN,
    SENTIMENT,
    *EMOTION_TIERS.values(),
    CONFIDENCE,
    CUE,
    REASONING,
    GRAMMAR,
    *NON_MANUAL,
)

VOCABULARIES = {
    "EmoSign sentiment": (
        ("-3", "very negative"),
        ("-2", "negative"),
        ("-1", "slightly negative"),
        ("0", "neutral"),
        ("1", "slightly positive"),
        ("2", "positive"),
        ("3", "very positive"),
    ),
    "EmoSign intensity": (("0", "not there"), ("1", "slight"), ("2", "clear"), ("3", "strong")),
    "Grammatical marker": tuple((marker, "") for marker in GRAMMAR_MARKERS),
}
FREE_TEXT = "EmoSign text"
TYPE_OF_TIER = (
    {SENTIMENT: "EmoSign sentiment", GRAMMAR: "Grammatical marker"}
    | dict.fromkeys(EMOTION_TIERS.values(), "EmoSign intensity")
    | dict.fromkeys((SIGN, CONFIDENCE, CUE, REASONING, *NON_MANUAL), FREE_TEXT)
)
