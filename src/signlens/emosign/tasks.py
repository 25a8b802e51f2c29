"""EmoSign's tasks: which clips belong to them and what their classes are.

The paper parts the 200 clips into a single-expression set of 140 and a multi-expression set of 37,
"only classes with more than 2 samples", and does not say by which rule; 23 clips are in neither. The
rules here are ours. The default gives meaning to all three numbers: clips that show at most one
expression, clips whose combination of several occurs more than twice, and the rarer combinations.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EMOTIONS, EmoSignClip
from signlens.errors import InputRejected, UsageError

SENTIMENT7 = ("-3", "-2", "-1", "0", "1", "2", "3")
SENTIMENT3 = ("negative", "neutral", "positive")
EMOTION_CLASSES = (
    "happiness",
    "surprise_pos",
    "surprise_neg",
    "worry",
    "sadness",
    "fear",
    "disgust",
    "frustration",
    "anger",
    "neutral",
)
REFUSED = "refused"
MIN_SAMPLES = 3
PAPER_COUNTS = {"single": 140, "multi": 37, "left_out": 23}

_MERGED = {"joy": "happiness", "excited": "happiness"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskLabels:
    """The labels of a task with one answer a clip.

    Attributes:
        task: ``sentiment7``, ``sentiment3`` or ``emotion``.
        classes: Names of the classes.
        rows: (M,) which of the clips belong to the task.
        labels: (M,) the class of each.
    """

    task: str
    classes: tuple[str, ...]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class MultiLabels:
    """The labels of the task with any number of emotions a clip.

    Attributes:
        emotions: Names of the columns.
        intensity: (N, 10), 0 (absent) to 3.
    """

    emotions: tuple[str, ...]
    intensity: NDArray[np.int64]

    @property
    def present(self) -> NDArray[np.bool_]:
        """(N, 10) whether each emotion is there."""
        return self.intensity > 0


@dataclass(frozen=True)
class Partition:
    """The clips parted by how many expressions they show.

    Attributes:
        rule: Name of the rule.
        single: Rows that show at most one expression.
        multi: Rows that show several.
        left_out: Rows in neither set.
        classes: The class of each row of `single`, in its order.
    """

    rule: str
    single: tuple[int, ...]
    multi: tuple[int, ...]
    left_out: tuple[int, ...]
    classes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The rule and its counts beside the paper's."""
        counts = Counter(self.classes)
        return {
            "rule": self.rule,
            "rule_says": describe_rule(self.rule),
            "counts": {
                "single": len(self.single),
                "multi": len(self.multi),
                "left_out": len(self.left_out),
            },
            "paper": dict(PAPER_COUNTS),
            "single_classes": {name: counts[name] for name in EMOTION_CLASSES},
        }


def expressions_of(emotions: Mapping[str, int], threshold: int = 1) -> dict[str, int]:
    """The expressions that are there, joy and excited merged, with their strongest intensity.

    Args:
        emotions: Intensity (0..3) of each of the ten emotions.
        threshold: The least intensity that counts as there.
    """
    found: dict[str, int] = {}
    for emotion in EMOTIONS:
        if emotions[emotion] >= threshold:
            name = _MERGED.get(emotion, emotion)
            found[name] = max(found.get(name, 0), emotions[emotion])
    return found


def emotion_of(emotions: Mapping[str, int]) -> str:
    """The class with the strongest intensity; of equals the first of `EMOTION_CLASSES`; or neutral.

    >>> emotion_of(dict.fromkeys(EMOTIONS, 0) | {"joy": 2, "worry": 1})
    'happiness'
    """
    found = expressions_of(emotions)
    return max(found, key=lambda name: (found[name], -EMOTION_CLASSES.index(name)), default="neutral")


def sentiment3_of(sentiment: int) -> str:
    """The sign of a sentiment of -3..3."""
    return SENTIMENT3[(sentiment > 0) - (sentiment < 0) + 1]


def _by_combination(clips: Sequence[EmoSignClip], threshold: int, least: int) -> list[str]:
    sets = [frozenset(expressions_of(clip.emotions, threshold)) for clip in clips]
    several = Counter(found for found in sets if len(found) > 1)
    return [
        "single" if len(found) < 2 else "multi" if several[found] >= least else "left_out" for found in sets
    ]


def _by_strongest(clips: Sequence[EmoSignClip]) -> list[str]:
    places = []
    for clip in clips:
        found = expressions_of(clip.emotions)
        top = max(found.values(), default=0)
        places.append("single" if list(found.values()).count(top) < 2 else "multi")
    return places


_RULES: dict[str, tuple[str, Callable[[Sequence[EmoSignClip]], list[str]]]] = {
    "combinations": (
        "single: at most one expression is there (joy and excited are one); multi: several, in a "
        "combination that more than 2 clips show; the rarer combinations are left out",
        lambda clips: _by_combination(clips, 1, MIN_SAMPLES),
    ),
    "all": (
        "single: at most one expression is there; multi: every other clip",
        lambda clips: _by_combination(clips, 1, 1),
    ),
    "clear": (
        "as combinations, but an expression is there from intensity 2 on",
        lambda clips: _by_combination(clips, 2, MIN_SAMPLES),
    ),
    "strongest": (
        "single: one expression is stronger than every other, or none is there; multi: several share "
        "the greatest intensity",
        _by_strongest,
    ),
}
DEFAULT_RULE = "combinations"
RULES = tuple(_RULES)


def describe_rule(rule: str) -> str:
    """What a rule says, in one sentence."""
    if rule not in _RULES:
        raise UsageError("--rule", f"{rule!r} is not a rule", f"choose one of {', '.join(_RULES)}")
    return _RULES[rule][0]


def partition(clips: Sequence[EmoSignClip], rule: str = DEFAULT_RULE) -> Partition:
    """Part the clips into single and multiple expressions; the choice and its counts are logged.

    Args:
        clips: The clips.
        rule: One of `RULES`.
    """
    describe_rule(rule)
    places = _RULES[rule][1](clips)
    single, multi, left_out = (
        tuple(i for i, place in enumerate(places) if place == name)
        for name in ("single", "multi", "left_out")
    )
    threshold = 2 if rule == "clear" else 1
    classes = []
    for i in single:
        found = {e: v if v >= threshold else 0 for e, v in clips[i].emotions.items()}
        classes.append(emotion_of(found))
    _log.info(
        "rule %r parts %d clips into %d single, %d multiple, %d left out; the paper: 140, 37, 23",
        rule,
        len(clips),
        len(single),
        len(multi),
        len(left_out),
    )
    return Partition(rule, single, multi, left_out, tuple(classes))


def labels7(clips: Sequence[EmoSignClip]) -> TaskLabels:
    """Sentiment in 7 classes, of every clip."""
    labels = [clip.sentiment + 3 for clip in clips]
    return TaskLabels("sentiment7", SENTIMENT7, np.arange(len(clips)), np.array(labels, dtype=np.int64))


def labels3(clips: Sequence[EmoSignClip]) -> TaskLabels:
    """Sentiment in 3 classes, of every clip."""
    labels = [SENTIMENT3.index(sentiment3_of(clip.sentiment)) for clip in clips]
    return TaskLabels("sentiment3", SENTIMENT3, np.arange(len(clips)), np.array(labels, dtype=np.int64))


def single_emotion(clips: Sequence[EmoSignClip], rule: str = DEFAULT_RULE) -> TaskLabels:
    """The one emotion of each clip of the single-expression set, in the paper's ten classes."""
    parts = partition(clips, rule)
    if not parts.single:
        raise InputRejected("annotations", f"no clip is single by the rule {rule!r}", "choose another --rule")
    labels = [EMOTION_CLASSES.index(name) for name in parts.classes]
    return TaskLabels(
        "emotion", EMOTION_CLASSES, np.array(parts.single, dtype=np.int64), np.array(labels, dtype=np.int64)
    )


def multi_label(clips: Sequence[EmoSignClip]) -> MultiLabels:
    """Presence and intensity of the ten emotions, of every clip."""
    values = [[clip.emotions[e] for e in EMOTIONS] for clip in clips]
    return MultiLabels(EMOTIONS, np.array(values, dtype=np.int64).reshape(-1, len(EMOTIONS)))
