"""The emotion boost: glosses that an expression speaks for gain a visible log term.

In probability space: a gloss of emotion E has its probability multiplied by 1 + strength v_E, that is
``log(1 + strength v_E)`` added to its log-probability, and only among the top-k candidates (the
SLR-sentiment paper, section 3.2, multiplies raw logits instead, whose sign and scale mean nothing).
A boost only raises and only within the top k, so the set of the top k never changes. `boost_terms` is
for one clip, `add_log_boost` for many.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import InputRejected, PartMissing, UsageError

MAPS = Path(__file__).parent / "gloss_maps"
SHIPPED_MAP = "slr-sentiment-27"


@dataclass(frozen=True)
class GlossMap:
    """Which glosses an expression speaks for.

    Attributes:
        name: What the map is called.
        glosses: Emotion -> glosses; no gloss stands under two emotions.
        grammatical: Emotion -> those of its glosses whose face is grammar, not affect.
        sha256: Hash (hex) of the map's content, whatever the file's spacing and comments; log
            it with each result.
    """

    name: str
    glosses: Mapping[str, tuple[str, ...]]
    grammatical: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hash (hex) of the map's content: emotions, glosses and flags, in sorted order."""
        content = {
            part: {emotion: sorted(names) for emotion, names in sorted(table.items())}
            for part, table in (("glosses", self.glosses), ("grammatical", self.grammatical))
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def emotion_of(self, include_grammatical: bool = False) -> dict[str, str]:
        """Gloss -> emotion; glosses whose face is grammar only when asked for."""
        return {
            gloss: emotion
            for emotion, names in self.glosses.items()
            for gloss in names
            if include_grammatical or gloss not in self.grammatical.get(emotion, ())
        }

    def unknown(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        """The map's glosses that a vocabulary does not have: the boost can do nothing for them."""
        known = {_folded(gloss) for gloss in vocabulary}
        return tuple(g for names in self.glosses.values() for g in names if _folded(g) not in known)

    def class_emotions(
        self, vocabulary: Sequence[str], include_grammatical: bool = False
    ) -> NDArray[np.int64]:
        """The map with its glosses turned into classes.

        Args:
            vocabulary: C glosses, one per class; case does not matter.
            include_grammatical: Also the glosses whose face is grammar ("not").

        Returns:
            (C,) the place in `EMOTIONS` of the emotion that speaks for each class, -1 for none.
        """
        emotion = {_folded(g): EMOTIONS.index(e) for g, e in self.emotion_of(include_grammatical).items()}
        return np.array([emotion.get(_folded(gloss), -1) for gloss in vocabulary], dtype=np.int64)


def shipped_maps() -> tuple[str, ...]:
    """The names of the maps that come with the package."""
    return tuple(sorted(path.stem for path in MAPS.glob("*.toml")))


def load_gloss_map(which: str | Path | None = None) -> GlossMap:
    """Read a gloss map.

    Args:
        which: The name of a shipped map (`shipped_maps`), or a TOML file with ``name``, a table
            ``[glosses]`` (emotion = list of glosses) and, if need be, ``[grammatical]``; None for the
            shipped map of 27 glosses. The two larger maps are for reproduction: tables of the
            SLR-sentiment paper rest on them, wrong entries included.

    Raises:
        InputRejected: Not readable, an unknown key or emotion, a gloss under two emotions.
        PartMissing: The shipped map is gone.
    """
    named = SHIPPED_MAP if which is None else which
    shipped = isinstance(named, str) and (named in shipped_maps() or which is None)
    source = MAPS / f"{named}.toml" if shipped else Path(named)
    try:
        table = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        if shipped:
            raise PartMissing(source, "the shipped gloss map cannot be read", "reinstall signlens") from error
        raise InputRejected(
            source,
            "the gloss map cannot be read",
            f"give a TOML file, or one of {', '.join(shipped_maps())}",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputRejected(source, f"not a TOML file ({error})", "correct it") from error
    unknown = sorted(set(table) - {"name", "glosses", "grammatical"})
    if unknown:
        raise InputRejected(source, f"unknown keys {unknown}", "use name, [glosses] and [grammatical]")
    glosses = _gloss_table(source, table.get("glosses"))
    if not glosses:
        raise InputRejected(source, "there is no [glosses] table with an emotion", "add one")
    grammatical = _gloss_table(source, table.get("grammatical", {}))
    every = [_folded(g) for names in glosses.values() for g in names]
    twice = sorted({g for g in every if every.count(g) > 1})
    if twice:
        raise InputRejected(source, f"these glosses stand there twice: {twice}", "keep each once")
    stray = sorted(g for e, names in grammatical.items() for g in names if g not in glosses.get(e, ()))
    if stray:
        raise InputRejected(source, f"grammatical but not under that emotion: {stray}", "correct them")
    return GlossMap(str(table.get("name", source.stem)), glosses, grammatical)


def boost_terms(
    glosses: Sequence[str],
    emotion_probabilities: Mapping[str, float] | NDArray[np.floating] | Sequence[float],
    gloss_map: GlossMap,
    strength: float,
    top_k: int,
    log_probabilities: NDArray[np.floating],
    include_grammatical: bool = False,
) -> NDArray[np.float64]:
    """The term that the emotion adds to each gloss's log-probability.

    Args:
        glosses: C names, one per class.
        emotion_probabilities: The eight, by name or in the order of `EMOTIONS`; each in 0..1.
            All zero (no face) changes nothing.
        gloss_map: Which gloss goes with which emotion; case does not matter.
        strength: Lambda, at least 0; 0 changes nothing. Choose it on validation.
        top_k: Only the best k by log-probability are touched; ties go to the earlier class.
        log_probabilities: (C,) before the boost.
        include_grammatical: Also boost glosses whose face is grammar ("not").

    Returns:
        (C,) ``log(1 + strength v_E)`` for the glosses of E among the top k, 0 elsewhere.
    """
    scores = np.asarray(log_probabilities, dtype=np.float64)
    if scores.shape != (len(glosses),) or np.isnan(scores).any():
        raise UsageError("log_probabilities", f"are not {len(glosses)} numbers", "give one for each gloss")
    if isinstance(emotion_probabilities, Mapping):
        strangers = sorted(set(emotion_probabilities) - set(EMOTIONS))
        if strangers:
            raise UsageError("emotions", f"unknown: {', '.join(strangers)}", f"use {', '.join(EMOTIONS)}")
        emotion_probabilities = [emotion_probabilities.get(name, 0.0) for name in EMOTIONS]
    vector = np.asarray(emotion_probabilities, dtype=np.float64)
    classes = gloss_map.class_emotions(glosses, include_grammatical)
    return log_boost(scores[None], vector[None], classes, strength, top_k)[0]


# -- many clips at once -----------------------------------------------------------------------------


def top_classes(scores: NDArray[np.floating], top_k: int | None) -> NDArray[np.int64]:
    """(N, k) the best classes of each clip, best first; ties go to the earlier class.

    Args:
        scores: (N, C), larger is better.
        top_k: How many; None or more than C for all.
    """
    if top_k is not None and top_k < 1:
        raise UsageError("top_k", f"{top_k} is too small", "give at least 1")
    return np.argsort(-scores, axis=1, kind="stable")[:, :top_k]


def class_values(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    top_k: int | None,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which scores an augmentation touches, and how strongly the face speaks for each.

    Args:
        scores: (N, C), larger is better.
        vectors: (N, 8) in the order of `EMOTIONS`; zeros where no face was seen.
        class_emotions: (C,) see `GlossMap.class_emotions`.
        top_k: Only the best k of each clip; None for all.

    Returns:
        (N, C) touched, and (N, C) the emotion's value v_E there, 0 elsewhere.
    """
    if scores.ndim != 2 or vectors.shape != (len(scores), len(EMOTIONS)):
        raise UsageError(
            "vectors", f"shape {vectors.shape} for scores of {scores.shape}", "give eight values a clip"
        )
    if class_emotions.shape != scores.shape[1:]:
        raise UsageError(
            "class_emotions",
            f"shape {class_emotions.shape} for {scores.shape[1]} classes",
            "give one a class",
        )
    touched = np.zeros(scores.shape, dtype=bool)
    best = top_classes(scores, top_k)
    np.put_along_axis(touched, best, class_emotions[best] >= 0, axis=1)
    values = np.where(touched, vectors[:, class_emotions], 0.0)
    return touched, values


def log_boost(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    strength: float | NDArray[np.floating],
    top_k: int | None = 10,
) -> NDArray[np.float64]:
    """What the boost adds to the scores of many clips: p is multiplied by 1 + strength v.

    Args:
        scores: (N, C) whose softmax is the probabilities.
        vectors: (N, 8) probabilities in the order of `EMOTIONS`; zeros where no face was seen.
        class_emotions: (C,) see `GlossMap.class_emotions`.
        strength: Lambda, at least 0; or (N,) one a clip.
        top_k: Only the best k of each clip; None for all.

    Returns:
        (N, C) at least 0.

    >>> class_emotions = np.array([EMOTIONS.index("happy"), -1])
    >>> happy = np.eye(8)[[EMOTIONS.index("happy")]]
    >>> np.exp(log_boost(np.zeros((1, 2)), happy, class_emotions, 1.0)).tolist()
    [[2.0, 1.0]]
    """
    given = np.asarray(strength, dtype=np.float64)
    if not (np.isfinite(given) & (given >= 0)).all() or given.shape not in ((), (len(scores),)):
        raise UsageError("strength", "is no strength", "give 0 or more, once or for each clip")
    if not ((vectors >= 0) & (vectors <= 1 + 1e-6)).all():
        raise UsageError(
            "emotions", "some are not in 0..1, so they are no probabilities", "give means of probabilities"
        )
    _, values = class_values(scores, vectors, class_emotions, top_k)
    return np.asarray(np.log1p(given.reshape(-1, 1) * values))


def add_log_boost(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    class_emotions: NDArray[np.int64],
    strength: float | NDArray[np.floating],
    top_k: int | None = 10,
) -> NDArray[np.float64]:
    """(N, C) scores after `log_boost`; none is lower, and the set of the best k of a clip is the same."""
    return np.asarray(scores + log_boost(scores, vectors, class_emotions, strength, top_k))


def _gloss_table(source: Path, table: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(table, dict):
        raise InputRejected(source, "a table emotion = [glosses] is missing", "add [glosses]")
    strangers = sorted(set(table) - set(EMOTIONS))
    if strangers:
        raise InputRejected(source, f"unknown emotions {strangers}", f"use {', '.join(EMOTIONS)}")
    for emotion, names in table.items():
        if not isinstance(names, list) or not all(isinstance(g, str) and g.strip() for g in names):
            raise InputRejected(
                source, f"{emotion} is not a list of glosses", "write it as a list of strings"
            )
    return {emotion: tuple(names) for emotion, names in table.items()}


def _folded(gloss: str) -> str:
    return gloss.strip().casefold()
