"""Scores and emotion vectors of the same clips: what Tables 3 to 6 and Figure 4 of the paper are made from.

Compared is always with and without on the same clips, which the paper did not: it took one signer out of the
second half of the comparison.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import load_gloss_map
from signlens.errors import UsageError
from signlens.evaluation.emotion_vectors import EmotionBoost, read_emotion_vectors
from signlens.evaluation.results import describe_scores, resampling_units
from signlens.evaluation.scores import ScoreSet, read_scores
from signlens.evaluation.systems import (
    EMOTION,
    FittingData,
    Settings,
    SystemScores,
    calibrated,
    system_scores,
)
from signlens_studies.slr_sentiment.as_printed import multiply_logits
from signlens_studies.slr_sentiment.recognition_tables import ensemble_words, without_signers

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WLASL = "WLASL2000, the paper's val split"
CLIPS_5 = f"{WLASL} without one of its signers (2,329 clips); its Table 2 with all of them (2,723 clips)"
MAPS = (
    "As printed: raw logits times 1 + v among the ten best, with the map that this table rests on there (its "
    "tables rest on three). Put right: calibrated probabilities times 1 + strength v, with the shipped map, "
    "glosses whose face is grammar left out; temperature and strength learned on other clips: cross-fitted, "
    "or on the validation file."
)


NO_PROBABILITIES = (
    "The emotion vectors are no probabilities (some are not in 0..1), so they can only be multiplied in as "
    "printed: nothing is put right."
)


@dataclass(frozen=True, eq=False)
class Material:
    """Scores and faces of the same clips.

    Attributes:
        scores: Without the signers left out.
        words: The plain system.
        settings: Of the intervals.
        printed: With the map that the table rests on, or the user's.
        right: With the shipped map, or the user's.
        groups: (N,) what the bootstrap draws together, or None.
        notes: What a reader must know.
        data: What a figure must carry.
    """

    scores: ScoreSet
    words: str
    settings: Settings
    printed: EmotionBoost
    right: EmotionBoost
    groups: NDArray[np.int64] | None
    notes: tuple[str, ...]
    data: Mapping[str, Any]

    def plain(self) -> SystemScores:
        """The system without emotion."""
        return system_scores(self.words, FittingData(self.scores, self.settings))

    def calibrated(self) -> SystemScores:
        """The same with a learned temperature."""
        return system_scores(calibrated(self.words), FittingData(self.scores, self.settings))

    def as_printed(self, slope: float) -> SystemScores:
        """Raised as the paper's formula has it."""
        if not 0 <= slope < math.inf:
            raise UsageError("--slope", f"{slope} is no slope", "give a number of 0 or more")
        base, boost = self.plain(), self.printed
        vectors, classes = boost.vectors.of(self.scores.clips), boost.class_emotions(self.scores)
        made = multiply_logits(base.scores, vectors, classes, slope=slope, top_k=boost.top_k)
        learned = {"emotion": {**boost.facts(self.scores), "without": base.learned, "slope": slope}}
        return SystemScores(made, base.weights, base.temperature, learned)

    def put_right(self) -> tuple[SystemScores, Floats]:
        """The answer, and (N,) the strength that each clip got."""
        teacher = FittingData(self.scores, replace(self.settings, emotion=self.right))
        made = system_scores(f"{calibrated(self.words)}{EMOTION}", teacher)
        if teacher.validation is not None:
            return made, np.full(len(self.scores), made.learned["emotion"]["strength"])
        folds, _ = teacher.folds()
        by_fold = np.array([choice["strength"] for choice in made.learned["emotion"]["choices"]])
        return made, by_fold[np.unique(folds, return_inverse=True)[1]]

    def systems(self, slope: float) -> tuple[dict[str, SystemScores], Floats | None]:
        """All answers by what they are called; and the strengths, or None where the vectors allow none."""
        found = {"without": self.plain(), "as printed": self.as_printed(slope)}
        if not self.right.vectors.are_probabilities:
            return found, None
        right, strengths = self.put_right()
        return {**found, "calibrated": self.calibrated(), "put right": right}, strengths


def open_material(
    scores_file: Path,
    emotion: Path,
    theirs: str,
    settings: Settings,
    *,
    weights: str | None = None,
    gloss_map: str | None = None,
    glosses: Path | None = None,
    exclude_signers: Sequence[str] = (),
) -> Material:
    """Read scores and vectors, and check that they go together.

    Args:
        scores_file: Scores of any system (.npz).
        emotion: What the faces show (.csv).
        theirs: The shipped gloss map that the paper's table rests on.
        settings: Of the intervals; ``fit_on`` names validation scores.
        weights: The plain system, in the words of `signlens.evaluation.systems`.
        gloss_map: In place of both maps, the paper's and the shipped one.
        glosses: The classes' names, where the scores do not hold them.
        exclude_signers: Whose clips are left out.
    """
    scores, excluded = without_signers(read_scores(scores_file), exclude_signers)
    if glosses is not None and not scores.glosses:
        from signlens.datasets.labels import read_gloss_list

        scores = replace(scores, glosses=read_gloss_list(glosses))
    vectors = read_emotion_vectors(emotion)
    printed = EmotionBoost(vectors, load_gloss_map(gloss_map or theirs), include_grammatical=True)
    right = EmotionBoost(vectors, load_gloss_map(gloss_map))
    for boost in (printed, right):
        boost.class_emotions(scores)
    groups, notes = resampling_units(scores.signers, scores.source, settings.by)
    words = ensemble_words(scores, weights)
    facts = printed.facts(scores)
    data = {
        **describe_scores(scores),
        "weights": words,
        "fitted_on": None if settings.fit_on is None else str(settings.fit_on),
        "signers_left_out": excluded,
        "emotion_vectors": facts["vectors"],
        "emotion_vectors_sha256": facts["vectors_sha256"],
        "clips_without_vector": facts["clips_without_vector"],
        "clips_without_face": facts["clips_without_face"],
        "gloss_map": printed.gloss_map.name,
        "gloss_map_sha256": printed.gloss_map.sha256,
        "gloss_map_put_right": right.gloss_map.name,
        "gloss_map_put_right_sha256": right.gloss_map.sha256,
    }
    said = [*notes, *excluded_note(excluded), *printed.notes(scores)]
    if right.gloss_map != printed.gloss_map:
        said += [note for note in right.notes(scores) if note not in said]
    return Material(scores, words, settings, printed, right, groups, tuple(said), data)


def excluded_note(excluded: Mapping[str, int]) -> list[str]:
    """What is to be said of signers left out."""
    if not excluded:
        return []
    who = ", ".join(f"{signer} ({clips:,} clips)" for signer, clips in excluded.items())
    return [f"Left out on both sides of every comparison: {who}."]
