"""What a model's folder says beside its networks: weights, temperature, threshold and the stack.

All of it is learned on clips that the networks did not see: the validation clips of a split, or the tested
clips of several splits, each out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.fusion.learned_weights import choose_weights, learn_weights, make_folds
from signlens.fusion.stack import ModelStack, Parts, Vote
from signlens.fusion.stack_learning import choose_stack
from signlens.models.ensemble import SAM_SLR_WEIGHTS, ensemble, fit_temperature, log_softmax, weighted_mean
from signlens.training.experiment import GroupSettings
from signlens.training.held_out import ScoredClips, fused_cosines, merge_networks, scored_clips, vote_shares
from signlens.training.run import Run
from signlens.training.sources import TEST, VALIDATION, Split

Labels = NDArray[np.int64]
Logits = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True)
class Calibration:
    """How a model's networks are joined.

    Attributes:
        weights: Network of the run -> its weight in the ensemble.
        temperature: Of the weighted mean.
        unknown_below: Below this probability a sign is called unknown.
        sets: What it was learned on, a set of clips each fold; empty where nothing was held out.
        description: The same for people.
    """

    weights: Mapping[str, float]
    temperature: float = 1.0
    unknown_below: float = 0.0
    sets: tuple[ScoredClips, ...] = field(default=(), repr=False)
    description: str = ""


def calibrate(run: Run, split: Split) -> Calibration:
    """The calibration of a run's networks.

    Args:
        run: The run.
        split: The split whose networks ship; its validation clips calibrate where the experiment names no
            other clips (``export.calibrate``). Without any, every network counts the same and every answer
            is given.

    Raises:
        PartMissing: A network has not been trained, or SciPy is not installed.
    """
    export = run.experiment.export
    if export.calibrate:
        splits = run.source.splits()
        sets = tuple(scored_clips(run, splits[name])[TEST] for name in export.calibrate)
        description = f"clips of {', '.join(export.calibrate)}, out of fold"
    elif len(split.validation):
        sets, description = (scored_clips(run, split)[VALIDATION],), "validation clips"
    else:
        return Calibration(dict.fromkeys(run.experiment.networks, 1.0))
    logits, labels = _joined(sets)
    weights = ensemble_weights(logits, labels, export.groups)
    temperature = fit_temperature(ensemble(logits, weights), labels)
    scores = (
        _held_out_scores(sets, export.groups) if len(sets) > 1 else ensemble(logits, weights, temperature)
    )
    return Calibration(
        weights,
        temperature,
        threshold(scores, labels, export.accepted),
        sets,
        f"{len(labels)} {description}",
    )


def ensemble_weights(
    logits: Logits, labels: Labels, groups: Sequence[GroupSettings] = ()
) -> dict[str, float]:
    """Network -> weight, learned on held-out clips.

    Only the classes that these clips have are judged. Within a group the networks have fixed weights:
    SAM-SLR's for its four streams, else the same each. Without groups, learned weights, SAM-SLR's and one
    network alone compete (`choose_weights`).

    Args:
        logits: Network -> (N, C) raw scores.
        labels: (N,) true classes.
        groups: Networks that count together.

    Raises:
        PartMissing: SciPy is not installed.
    """
    present, places = np.unique(labels, return_inverse=True)
    narrow = {name: values[:, present].astype(np.float64) for name, values in logits.items()}
    if len(narrow) == 1:
        return dict.fromkeys(narrow, 1.0)
    if not groups:
        equal = dict.fromkeys(narrow, 1.0)
        fixed = SAM_SLR_WEIGHTS if set(SAM_SLR_WEIGHTS) == set(narrow) else equal
        chosen = choose_weights(narrow, places, fixed=fixed).chosen.weights
        return {name: float(chosen.get(name, 0.0)) for name in narrow}
    within = {group.name: _within(group) for group in groups}
    alone = [name for name in narrow if not any(name in group.networks for group in groups)]
    systems = {name: weighted_mean(narrow, own) for name, own in within.items()}
    learned = learn_weights({**systems, **{name: narrow[name] for name in alone}}, places).weights
    weights = {name: float(learned[name]) for name in alone}
    for group, own in within.items():
        weights |= {name: float(learned[group] * share) for name, share in own.items()}
    return weights


def _within(group: GroupSettings) -> dict[str, float]:
    """Network -> share of its group, summing to 1."""
    streams = set(group.networks) == set(SAM_SLR_WEIGHTS)
    own = SAM_SLR_WEIGHTS if streams else dict.fromkeys(group.networks, 1.0)
    return {name: weight / sum(own.values()) for name, weight in own.items()}


def threshold(log_probabilities: NDArray[np.floating], labels: Labels, accepted: float) -> float:
    """The probability that a share of the rightly recognised clips reaches; 0 where none is right.

    Args:
        log_probabilities: (N, C).
        labels: (N,).
        accepted: The share, 0..1.
    """
    right = log_probabilities.argmax(axis=1) == labels
    best = np.exp(log_probabilities.max(axis=1))
    return float(np.quantile(best[right], 1 - accepted)) if right.any() else 0.0


def _joined(sets: Sequence[ScoredClips]) -> tuple[dict[str, NDArray[np.floating]], Labels]:
    logits = {
        name: np.concatenate([one.logits[name] for one in sets]).astype(np.float64) for name in sets[0].logits
    }
    return logits, np.concatenate([one.labels for one in sets])


def _held_out_scores(sets: Sequence[ScoredClips], groups: Sequence[GroupSettings]) -> NDArray[np.float64]:
    """(N, C) log-probabilities: of each set by the weights and temperature that the others teach."""
    scores = []
    for here in range(len(sets)):
        logits, labels = _joined([one for number, one in enumerate(sets) if number != here])
        weights = ensemble_weights(logits, labels, groups)
        temperature = fit_temperature(ensemble(logits, weights), labels)
        scores.append(ensemble(_joined(sets[here : here + 1])[0], weights, temperature))
    return np.concatenate(scores)


def model_weights(weights: Mapping[str, float], groups: Sequence[GroupSettings]) -> dict[str, float]:
    """Network of the model -> weight: those of a merged group are one network."""
    merged = {name: group.name for group in groups if group.merge for name in group.networks}
    found: dict[str, float] = {}
    for name, weight in weights.items():
        found[merged.get(name, name)] = found.get(merged.get(name, name), 0.0) + weight
    return found


def learn_model_stack(
    calibration: Calibration, classes: tuple[str, ...], groups: Sequence[GroupSettings], accepted: float
) -> ModelStack | None:
    """The stack that joins similar signs, cross-fitted over folds, signers or clips; None for too few clips.

    No recording's expression is known here, so the expression has no part in it.

    Args:
        calibration: The model's.
        classes: The model's.
        groups: Networks that count together.
        accepted: Share of the rightly recognised clips that must not be called unknown.
    """
    sets = [merge_networks(one, groups) for one in calibration.sets]
    labels = np.concatenate([one.labels for one in sets]) if sets else np.zeros(0, np.int64)
    if len(labels) < 2:
        return None
    weights = model_weights(calibration.weights, groups)
    vote = Vote()
    scores = np.concatenate([weighted_mean(one.logits, weights) for one in sets])
    shares = np.concatenate(
        [vote_shares(fused_cosines(one, weights), one.owners, len(classes), vote) for one in sets]
    )
    parts = Parts(log_softmax(scores / calibration.temperature), None, shares)
    folds, units = _folds_of(sets)
    chosen = choose_stack(parts, labels, folds)
    below = threshold(chosen.stack.log_probabilities(parts), labels, accepted)
    description = f"{calibration.description}, cross-fitted in folds of {units}"
    return ModelStack.of(
        chosen,
        classes,
        unknown_below=below,
        validation=f"{description}; no emotion vectors, so the expression has no part in it",
    )


def _folds_of(sets: Sequence[ScoredClips]) -> tuple[Labels, str]:
    if len(sets) > 1:
        return np.repeat(np.arange(len(sets)), [len(one.labels) for one in sets]), "the splits"
    signers = sets[0].signers
    if len(signers) and (signers != "").all() and len(np.unique(signers)) > 1:
        return make_folds(signers, min(5, len(np.unique(signers)))), "signers"
    units: Any = len(sets[0].labels)
    return make_folds(units, min(5, units)), "clips"
