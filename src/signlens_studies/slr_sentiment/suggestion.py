"""A first draft of a gloss map, from what the glosses mean in English: a lexicon of words and emotions.

What a gloss's English word stirs is not what a signer's face shows with the sign, and a gloss is only a
label. A draft is to be read and cut by people who know the signs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signlens.emotion.gloss_map import GlossMap
from signlens.errors import UsageError
from signlens.optional import require_extra
from signlens_studies.markdown import markdown_table

LEXICON_EMOTIONS = {
    "joy": "happy",
    "sadness": "sad",
    "surprise": "surprise",
    "fear": "fear",
    "disgust": "disgust",
    "anger": "anger",
}
"""Of the NRC lexicon's eight emotions those that are among ours; it has no contempt."""

STRONG = 1.5
"""The size of VADER's valence (-4 to 4) from which a word is taken for strongly felt."""

_POSITIVE = ("happy", "surprise")
_NEGATIVE = ("sad", "surprise", "fear", "disgust", "anger")

Emotions = Mapping[str, Sequence[str]]
Valences = Mapping[str, float]


def nrc_emotions() -> Emotions:
    """Word -> emotions, by the NRC Word-Emotion Association Lexicon (Mohammad and Turney 2013).

    The lexicon's terms are research only; using it commercially takes a licence of its owner's.
    """
    try:
        from nrclex import NRCLex
    except ImportError:
        raise require_extra("studies", "nrclex") from None
    words: dict[str, list[str]] = NRCLex().__lexicon__
    return words


def vader_valences() -> Valences:
    """Word -> valence, -4 to 4, by VADER (Hutto and Gilbert 2014). It knows no emotions but good and bad."""
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        raise require_extra("studies", "vaderSentiment") from None
    words: dict[str, float] = SentimentIntensityAnalyzer().lexicon
    return words


def suggest(
    glosses: Sequence[str],
    emotions: Emotions | None,
    valences: Valences | None = None,
    *,
    strong: float = STRONG,
    single: bool = False,
    name: str = "suggested",
) -> GlossMap:
    """A draft of a map for a vocabulary.

    A gloss goes to the emotion that its word has in the lexicon; of several, to the one that the fewest words
    of the lexicon have, which says most.

    Args:
        glosses: The vocabulary.
        emotions: Word -> emotions (`nrc_emotions`); None to go by valence alone, which can only tell *happy*.
        valences: Word -> valence (`vader_valences`): only words at least `strong` are taken, and only for
            an emotion of the same sign (surprise has either). None to take all words of the lexicon.
        strong: Least size of the valence.
        single: Only words with one emotion alone.
        name: What to call the map.
    """
    frequency = Counter(
        LEXICON_EMOTIONS[e] for of in (emotions or {}).values() for e in of if e in LEXICON_EMOTIONS
    )
    found: dict[str, list[str]] = {}
    for gloss in dict.fromkeys(glosses):
        word = gloss.strip().casefold()
        value = 0.0 if valences is None else valences.get(word, 0.0)
        if emotions is None:
            candidates = ["happy"] if value >= strong else []
        else:
            candidates = [LEXICON_EMOTIONS[e] for e in emotions.get(word, ()) if e in LEXICON_EMOTIONS]
        if valences is not None:
            fitting = _POSITIVE if value > 0 else _NEGATIVE
            candidates = [e for e in candidates if e in fitting] if abs(value) >= strong else []
        if candidates and not (single and len(candidates) > 1):
            best = min(candidates, key=lambda e: (frequency[e], e))
            found.setdefault(best, []).append(gloss)
    ordered = {e: tuple(found[e]) for e in LEXICON_EMOTIONS.values() if e in found}
    return GlossMap(name, ordered)


@dataclass(frozen=True)
class Agreement:
    """A suggested map beside one made by hand.

    Attributes:
        emotion: Which; ``all`` for a gloss under the same emotion in both; ``any`` for a gloss in both.
        suggested: Glosses suggested.
        by_hand: Glosses of the other map that the vocabulary has.
        both: In both.
        precision: Share of the suggested that are in the other, 0..1; None where none is suggested.
        recall: Share of the other's that are suggested, 0..1; None where it has none.
    """

    emotion: str
    suggested: int
    by_hand: int
    both: int
    precision: float | None
    recall: float | None


def agreement(suggested: GlossMap, by_hand: GlossMap, vocabulary: Sequence[str]) -> tuple[Agreement, ...]:
    """Precision and recall of a suggested map, per emotion and over all, within a vocabulary."""
    known = {gloss.strip().casefold() for gloss in vocabulary}

    def pairs(of: GlossMap) -> set[tuple[str, str]]:
        placed = of.emotion_of(include_grammatical=True).items()
        return {(g.strip().casefold(), e) for g, e in placed if g.strip().casefold() in known}

    mine, theirs = pairs(suggested), pairs(by_hand)
    rows = []
    for emotion in dict.fromkeys([*by_hand.glosses, *suggested.glosses]):
        rows.append(
            _row(emotion, {p for p in mine if p[1] == emotion}, {p for p in theirs if p[1] == emotion})
        )
    rows.append(_row("all", mine, theirs))
    rows.append(_row("any", {g for g, _ in mine}, {g for g, _ in theirs}))
    return tuple(rows)


def _row(emotion: str, mine: set[Any], theirs: set[Any]) -> Agreement:
    both = len(mine & theirs)
    return Agreement(
        emotion,
        len(mine),
        len(theirs),
        both,
        both / len(mine) if mine else None,
        both / len(theirs) if theirs else None,
    )


def to_toml(of: GlossMap, comment: str = "") -> str:
    """The map as a TOML file, as `load_gloss_map` reads it."""

    def text(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04X}" for c in escaped) + '"'

    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [f"name = {text(of.name)}", "", "[glosses]"]
    lines += [f"{emotion} = [{', '.join(text(g) for g in names)}]" for emotion, names in of.glosses.items()]
    if of.grammatical:
        lines += ["", "[grammatical]"]
        lines += [f"{e} = [{', '.join(text(g) for g in names)}]" for e, names in of.grammatical.items()]
    return "\n".join(lines) + "\n"


WAYS = {
    "nrc": "every word with an emotion in the NRC lexicon",
    "nrc-single": "words with one emotion there, and no other",
    "nrc-vader": f"words whose valence in VADER is {STRONG:g} or more, with the emotion of the NRC lexicon",
    "vader": f"VADER alone: words of a valence of {STRONG:g} or more are happy; no other emotion",
}
TERMS = (
    "A draft by the meaning of English words: read it and cut it with people who know the signs.\n"
    "The NRC lexicon (Mohammad and Turney 2013) is for research only; commercial use takes a licence."
)


def suggested(way: str, glosses: Sequence[str]) -> GlossMap:
    """The draft that one of `WAYS` gives."""
    if way not in WAYS:
        raise UsageError("--by", f"there is no way {way}", f"give one of {', '.join(WAYS)}")
    made = suggest(
        glosses,
        None if way == "vader" else nrc_emotions(),
        vader_valences() if way.endswith("vader") else None,
        single=way == "nrc-single",
        name=f"suggested-{way}",
    )
    if not made.glosses:
        raise UsageError(
            "--by", f"{way} knows none of the {len(glosses)} glosses", "they must be English words"
        )
    return made


def table(rows: dict[str, tuple[Agreement, ...]]) -> str:
    """Precision and recall of each way, in Markdown."""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.0f} %"

    lines = [
        (way, r.emotion, r.suggested, r.by_hand, r.both, share(r.precision), share(r.recall))
        for way, of in rows.items()
        for r in of
    ]
    head = ("way", "emotion", "suggested", "by hand", "both", "precision", "recall")
    return markdown_table(head, lines)
