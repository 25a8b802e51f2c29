"""What carries the emotion: when it is seen, and in which words it is described.

The themes follow the paper's: non-manual markers, how a sign is modified, and context. The key words
are ours; they find that something was named, not whether it was there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Intervals = Sequence[tuple[float, float]]

HIT_OVERLAP = 0.5

_WORDS = {
    "brows": r"\b(?:eye ?)?brows?\b|\bfurrow",
    "eyes": r"\bsquint|\beyes?\b(?! ?(?:brow|gaz|contact))|\bblink|\beyelid",
    "gaze": r"\bgaz(?:e|ing)|\beye contact|\blook(?:s|ed|ing)? (?:up|down|away|aside|at|toward)",
    "nose": r"\bnose|\bnostril",
    "cheeks": r"\bcheeks?\b|\bpuff",
    "mouth": r"\bmouth|\blips?\b|\btongue|\bteeth|\bsmil|\bfrown|\bgrin|\bgrimac|\bpout|\bpurs(?:e|ing)",
    "head": r"\bhead|\bnod(?:s|ded|ding)?\b|\bchin\b",
    "shoulders": r"\bshoulder|\bshrug",
    "body": r"\bbody|\btorso|\blean(?:s|ed|ing)?\b|\bposture|\bchest",
    "sign size": r"\bsize|\blarge|\bbig(?:ger)?\b|\bsmall(?:er)?\b|\bexaggerat|\bexpansive",
    "sign speed": r"\bspeed|\bfast|\bquick|\brapid|\bslow|\bpace\b|\btempo|\babrupt",
    "repetition": r"\brepeat|\brepetit|\btwice\b|\b(?:multiple|several) times",
    "emphasis": r"\bemphas|\bemphat|\bforce(?:ful)?\b|\bintens|\btens(?:e|ion)",
    "finger-spelling": r"\bfinger[ -]?spell|\bspell(?:s|ed|ing)? out",
    "role shift": r"\brole[ -]?shift|\bconstructed (?:action|dialogue)",
    "signing space": r"\bspace\b|\bspatial",
}
THEMES = tuple(_WORDS)
_PATTERNS = {theme: re.compile(words, re.IGNORECASE) for theme, words in _WORDS.items()}


def themes_of(texts: Sequence[str]) -> frozenset[str]:
    """The themes that any of the texts names.

    >>> sorted(themes_of(["furrowed brows", "a slow nod"]))
    ['brows', 'head', 'sign speed']
    """
    return frozenset(theme for theme, words in _PATTERNS.items() if any(words.search(t) for t in texts))


def theme_table(texts: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """(N, themes) which theme each clip's texts name, in the order of `THEMES`."""
    found = [themes_of(each) for each in texts]
    return np.array([[theme in each for theme in THEMES] for each in found], dtype=bool).reshape(
        -1, len(THEMES)
    )


def merged(intervals: Intervals) -> list[tuple[float, float]]:
    """The same times as intervals that do not touch, in order."""
    whole: list[tuple[float, float]] = []
    for begin, end in sorted(intervals):
        if whole and begin <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((begin, end))
    return whole


def duration(intervals: Intervals) -> float:
    """Seconds that the intervals cover together."""
    return sum(end - begin for begin, end in merged(intervals))


def temporal_iou(a: Intervals, b: Intervals) -> float:
    """Seconds in both over seconds in either; 0 where both are empty.

    >>> temporal_iou([(0.0, 2.0)], [(1.0, 3.0)])
    0.3333333333333333
    """
    either = duration([*a, *b])
    return (duration(a) + duration(b) - either) / either if either > 0 else 0.0


def hits(truth: Intervals, predicted: Intervals, overlap: float = HIT_OVERLAP) -> int:
    """How many of the true intervals some predicted interval meets with at least this temporal IoU."""
    return sum(any(temporal_iou([one], [other]) >= overlap for other in predicted) for one in truth)
