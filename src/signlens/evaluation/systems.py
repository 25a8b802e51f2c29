"""Systems that are asked for by a few words, out of a scores file.

The name of a stream; ``joint=1,bone=0.9`` (fixed weights of raw logits); ``sam-slr`` (its published weights);
``learned`` (on validation, or cross-fitted); ``chosen`` (the best of these, likewise). ``+temperature``
behind it calibrates it by one temperature, learned likewise. ``+emotion`` behind that boosts the glosses
that the face speaks for, by a strength learned likewise (fixed weights are calibrated first: a strength that
is learned on flat probabilities only makes up for their flatness); ``+emotion=2`` by this strength.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import add_log_boost
from signlens.errors import UsageError
from signlens.evaluation.comparison import checked_validation
from signlens.evaluation.emotion_vectors import EmotionBoost
from signlens.evaluation.scores import ScoreSet, read_scores
from signlens.fusion.emotion_strength import choose_strength
from signlens.fusion.learned_weights import (
    LearnedWeights,
    choose_weights,
    cross_fit_temperature,
    held_out,
    learn_weights,
    make_folds,
)
from signlens.models.ensemble import SAM_SLR_WEIGHTS, ensemble, fit_temperature, log_softmax, weighted_mean

SAM_SLR, LEARNED, CHOSEN, TEMPERATURE = "sam-slr", "learned", "chosen", "+temperature"
EMOTION = "+emotion"
MAX_DRAWS = 100_000


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        by: What the bootstrap draws: clips, or signers with all of their clips.
        draws: Number of bootstrap resamples.
        seed: Of the resamples and of random folds.
        fit_on: Scores file to learn weights and temperatures on; None cross-fits them.
        cross_fit_by: What folds are made of when cross-fitting: ``fold`` (the file's), ``signer``, ``clip``;
            None takes the first of these that the file has.
        folds: How many folds of signers or clips.
        emotion: What ``+emotion`` augments scores with; None where nothing is said of faces.
    """

    by: str = "clip"
    draws: int = 2000
    seed: int = 0
    fit_on: Path | None = None
    cross_fit_by: str | None = None
    folds: int = 5
    emotion: EmotionBoost | None = None

    def __post_init__(self) -> None:
        if self.by not in ("clip", "signer"):
            raise UsageError("--by", f"{self.by} cannot be drawn", "give clip or signer")
        if self.cross_fit_by not in (None, "fold", "signer", "clip"):
            raise UsageError(
                "--cross-fit", f"{self.cross_fit_by} makes no folds", "give fold, signer or clip"
            )
        if not 100 <= self.draws <= MAX_DRAWS:
            raise UsageError("--draws", f"{self.draws} resamples", f"give 100 to {MAX_DRAWS}")
        if self.fit_on is not None and self.cross_fit_by is not None:
            raise UsageError("--cross-fit", "is not what --fit-on does", "give one of the two")
        if self.seed < 0:
            raise UsageError("--seed", f"{self.seed} is below 0", "give 0 or more")
        if self.folds < 2:
            raise UsageError("--folds", f"{self.folds} folds", "give 2 or more")


def parse_weights(text: str) -> dict[str, float]:
    """Weights from words.

    >>> parse_weights("joint=1,bone=0.9")
    {'joint': 1.0, 'bone': 0.9}
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.strip().rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not equals or not name or not math.isfinite(weight) or weight < 0:
            raise UsageError(
                "weights",
                f"{part.strip()!r} is no weight",
                "write joint=1,bone=0.9, with numbers of 0 or more",
            )
        if name in found:
            raise UsageError("weights", f"{name} occurs twice", "give each stream once")
        found[name] = weight
    return found


@dataclass(frozen=True, eq=False)
class SystemScores:
    """What a system gives to every class of every clip.

    Attributes:
        scores: (N, C), larger is better; softmax makes probabilities of them.
        weights: Stream -> weight of its raw logits; None where each fold has its own.
        temperature: Of the weighted mean; None where each fold has its own.
        learned: How weights or temperature were learned, as plain values; empty if they were not.
    """

    scores: NDArray[np.float64]
    weights: Mapping[str, float] | None
    temperature: float | None
    learned: Mapping[str, Any]


class FittingData:
    """What weights and temperatures are learned on: a validation file, or folds of the clips themselves."""

    def __init__(self, scores: ScoreSet, settings: Settings, validation: ScoreSet | None = None) -> None:
        self.scores = scores
        self.settings = settings
        self._given = validation

    @cached_property
    def validation(self) -> ScoreSet | None:
        """Other clips to learn on; None to cross-fit. Read when something is learned."""
        if self._given is not None:
            return self._given
        fit_on = self.settings.fit_on
        return None if fit_on is None else checked_validation(read_scores(fit_on), self.scores)

    def folds(self) -> tuple[NDArray[np.int64], dict[str, Any]]:
        """(N,) folds, and what they are."""
        scores, settings = self.scores, self.settings
        signers = scores.signers
        known = signers is not None and not (signers == "").any() and len(np.unique(signers)) > 1
        given = scores.folds is not None and len(np.unique(scores.folds)) > 1
        kind = settings.cross_fit_by or ("fold" if given else "signer" if known else "clip")
        if kind == "fold":
            if scores.folds is None or not given:
                raise UsageError(scores.source, "has no folds", "cross-fit by signer or clip")
            return scores.folds, {"cross_fitted_by": kind, "folds": len(np.unique(scores.folds))}
        if kind == "signer":
            if signers is None or not known:
                raise UsageError(
                    scores.source, "does not say who signs each clip, or only one does", "cross-fit by clip"
                )
            number = min(settings.folds, len(np.unique(signers)))
            return make_folds(signers, number, settings.seed), {"cross_fitted_by": kind, "folds": number}
        made = make_folds(len(scores), settings.folds, settings.seed)
        return made, {"cross_fitted_by": kind, "folds": settings.folds, "seed": settings.seed}

    def fitted_on(self) -> dict[str, Any]:
        """What the validation file is, as plain values."""
        assert self.validation is not None
        return {"fitted_on": self.validation.source, "clips": len(self.validation)}


def system_scores(what: str, data: FittingData) -> SystemScores:
    """The scores of a system that is asked for by words."""
    scores = data.scores
    if what in scores.streams:
        return _fixed(scores, {what: 1.0})
    plain, plus, how = what.rpartition(EMOTION)
    if plus and (not how or how.startswith("=")):
        return _with_emotion(plain, how, data)
    if what.endswith(TEMPERATURE):
        return _calibrated(what.removesuffix(TEMPERATURE), data)
    if what in (LEARNED, CHOSEN):
        return _fitted(what, data)
    if what == SAM_SLR:
        return _fixed(scores, SAM_SLR_WEIGHTS)
    if "=" in what:
        return _fixed(scores, parse_weights(what))
    raise UsageError(
        what,
        f"is neither a stream of {scores.source} nor a weighting",
        f"give one of {', '.join(scores.streams)}; or name=weight,...; or {SAM_SLR}, {LEARNED}, {CHOSEN}; "
        f"{TEMPERATURE} or {EMOTION} behind it",
    )


def _fixed(scores: ScoreSet, weights: Mapping[str, float]) -> SystemScores:
    return SystemScores(weighted_mean(scores.streams, weights), dict(weights), 1.0, {})


def _fitted(how: str, data: FittingData) -> SystemScores:
    """Weights that are learned, or chosen, on other clips than they answer."""
    scores = data.scores

    def fit(on: ScoreSet, folds: NDArray[np.int64] | None) -> tuple[Mapping[str, float], float, Any]:
        streams = {name: on.streams[name] for name in scores.streams}
        if how == LEARNED:
            made = learn_weights(streams, on.labels)
            return made.weights, made.temperature, _facts(made)
        choice = choose_weights(streams, on.labels, folds=folds, seed=data.settings.seed)
        return choice.chosen.weights, choice.chosen.temperature, choice.to_json()

    if data.validation is not None:
        weights, temperature, facts = fit(data.validation, None)
        learned = {**data.fitted_on(), **(facts if how == LEARNED else {"choice": facts})}
        return SystemScores(ensemble(scores.streams, weights, temperature), weights, temperature, learned)
    folds, of_folds = data.folds()
    answered, per_fold = np.zeros((len(scores), scores.classes)), []
    for here in held_out(folds):
        inner = folds[~here] if len(np.unique(folds)) > 2 else None
        weights, temperature, facts = fit(scores.take(~here), inner)
        answered[here] = ensemble(scores.take(here).streams, weights, temperature)
        per_fold.append(facts)
    return SystemScores(answered, None, None, {**of_folds, "per_fold": per_fold})


def _facts(learned: LearnedWeights) -> dict[str, Any]:
    return {
        "weights": dict(learned.weights),
        "temperature": learned.temperature,
        "stream_temperatures": dict(learned.stream_temperatures),
        "shares": learned.shares,
    }


def _calibrated(what: str, data: FittingData) -> SystemScores:
    base = system_scores(what, data)
    if base.learned:
        raise UsageError(what, "has a temperature of its own", f"leave out {TEMPERATURE}")
    assert base.weights is not None
    if data.validation is not None:
        validation = data.validation
        temperature = fit_temperature(weighted_mean(validation.streams, base.weights), validation.labels)
        return SystemScores(
            log_softmax(base.scores / temperature), base.weights, temperature, data.fitted_on()
        )
    folds, facts = data.folds()
    return SystemScores(
        cross_fit_temperature(base.scores, data.scores.labels, folds), base.weights, None, facts
    )


def _with_emotion(plain: str, how: str, data: FittingData) -> SystemScores:
    """A system with its scores augmented by what the faces show.

    The strength for a clip is learned on none of the clips that the plain system is asked about together
    with it: on the validation file, or on the other folds, where the plain system is learned anew.
    """
    scores, boost, what = data.scores, data.settings.emotion, f"{plain}{EMOTION}{how}"
    if boost is None:
        raise UsageError(what, "needs to know what the faces show", "give --emotion FILE")
    classes = boost.class_emotions(scores)
    vectors = boost.vectors.of(scores.clips)
    plain = plain if how else calibrated(plain)
    base = system_scores(plain, data)
    facts: dict[str, Any] = {**boost.facts(scores), "without": base.learned}

    def boosted(strength: float | NDArray[np.float64], learned: Mapping[str, Any]) -> SystemScores:
        made = add_log_boost(base.scores, vectors, classes, strength, boost.top_k)
        return SystemScores(made, base.weights, base.temperature, learned)

    def learned_on(others: ScoreSet) -> tuple[float, dict[str, Any]]:
        given = system_scores(plain, FittingData(others, data.settings, validation=others)).scores
        shown = boost.vectors.of(others.clips)
        choice = choose_strength(given, others.labels, shown, classes, top_k=boost.top_k)
        return choice.strength, choice.to_json()

    if how:
        fixed = _strength(what, how)
        return boosted(fixed, {"emotion": {**facts, "strength": fixed}})
    if data.validation is not None:
        strength, choice = learned_on(data.validation)
        learned = {**facts, "strength": strength, "choice": choice}
        return boosted(strength, {**data.fitted_on(), "emotion": learned})
    folds, of_folds = data.folds()
    strengths, choices = np.zeros(len(scores)), []
    for here in held_out(folds):
        strengths[here], choice = learned_on(scores.take(~here))
        choices.append(choice)
    return boosted(strengths, {**of_folds, "emotion": {**facts, "choices": choices}})


def calibrated(plain: str) -> str:
    """The words for a system with calibrated probabilities: with a temperature where it has none.

    >>> calibrated("joint=1,bone=0.9"), calibrated("learned")
    ('joint=1,bone=0.9+temperature', 'learned')
    """
    return plain if plain in (LEARNED, CHOSEN) or plain.endswith(TEMPERATURE) else plain + TEMPERATURE


def _strength(what: str, text: str) -> float:
    """The number behind ``=``."""
    try:
        strength = float(text.removeprefix("="))
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength) or strength < 0:
        raise UsageError(what, "this is no strength", f"write {EMOTION}=1, with a number of 0 or more")
    return strength


def default_weighting(scores: ScoreSet) -> str | None:
    """What stands for a whole file: its only stream, or SAM-SLR's ensemble of its four; None otherwise."""
    if len(scores.streams) == 1:
        return next(iter(scores.streams))
    return SAM_SLR if set(SAM_SLR_WEIGHTS) <= set(scores.streams) else None
