"""The stack that a model carries: learned and chosen, or turned down, on clips its networks did not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.fusion.learned_weights import make_folds
from signlens.fusion.stack import STACK_FILE, ModelStack, Parts, Vote
from signlens.fusion.stack_learning import choose_stack
from signlens.models.ensemble import log_softmax
from signlens.training.experiment import Experiment
from signlens.training.fusion_clips import (
    Features,
    clips_of_run,
    clips_of_split,
    features,
    join_networks,
)
from signlens.training.sources import TEST, VALIDATION, ClipSource, Split

Labels = NDArray[np.int64]


def stack_of_validation(
    run: Path,
    experiment: Experiment,
    source: ClipSource,
    split: Split,
    weights: dict[str, float],
    temperature: float,
    accepted: float,
) -> ModelStack | None:
    """The stack of a run with one split: learned on its validation clips; None where there are too few.

    Args:
        run: The run's folder.
        experiment: The run's.
        source: The run's clips.
        split: The split.
        weights: The ensemble's.
        temperature: The ensemble's.
        accepted: Share of rightly recognised validation clips that must not be called unknown.

    Raises:
        PartMissing: A network has not been trained.
    """
    rows = split.validation
    if len(rows) < 2:
        return None
    held = clips_of_split(run, experiment, source, split)[VALIDATION]
    found = features((held,), weights, {}, (), Vote())
    signers = np.array([source.signers[i] for i in rows])
    known = (signers != "").all() and len(np.unique(signers)) > 1
    units: Any = signers if known else len(rows)
    folds = make_folds(units, min(5, len(np.unique(signers)) if known else len(rows)))
    told = f"{len(rows)} validation clips, cross-fitted in folds of {'signers' if known else 'clips'}"
    return _chosen(found, folds, source.classes, temperature, accepted, told)


def stack_of_folds(
    run: Path,
    experiment: Experiment,
    source: ClipSource,
    splits: tuple[str, ...],
    weights: dict[str, float],
    temperature: float,
    accepted: float,
    joined: Mapping[str, Sequence[str]] | None = None,
) -> ModelStack:
    """The stack of a run whose splits test all clips in turn: learned on the tested clips, out of fold.

    Args:
        run: The run's folder.
        experiment: The run's.
        source: The run's clips.
        splits: Names of the splits.
        weights: The ensemble's, of the model's networks.
        temperature: The ensemble's.
        accepted: Share of rightly recognised clips that must not be called unknown.
        joined: Network of the model -> networks of the run that it holds, where it holds several.

    Raises:
        PartMissing: A network has not been trained.
    """
    clips = clips_of_run(run, experiment, source, splits)
    scored = tuple(join_networks(part.scored[TEST], joined or {}) for part in clips.parts)
    found = features(scored, weights, {}, (), Vote())
    told = f"{len(found.labels)} clips of {', '.join(splits)}, out of fold, cross-fitted in these folds"
    return _chosen(found, found.unit, source.classes, temperature, accepted, told)


def _chosen(
    found: Features,
    folds: Labels,
    classes: tuple[str, ...],
    temperature: float,
    accepted: float,
    told: str,
) -> ModelStack:
    parts = Parts(log_softmax(found.scores / temperature), None, found.shares)
    chosen = choose_stack(parts, found.labels, folds)
    fused = chosen.stack.log_probabilities(parts)
    right = fused.argmax(axis=1) == found.labels
    below = float(np.quantile(np.exp(fused.max(axis=1))[right], 1 - accepted)) if right.any() else 0.0
    told += "; no emotion vectors, so the expression has no part in it"
    return ModelStack.of(chosen, classes, unknown_below=below, validation=told)


def add_to_model(folder: Path, card: dict[str, Any], stack: ModelStack | None) -> None:
    """Write the stack beside a model and name it in the model's card, which is changed but not written.

    Args:
        folder: The model's.
        card: Content of its ``model.json``.
        stack: What to write; None removes what may be there.
    """
    path = folder / STACK_FILE
    if stack is None:
        path.unlink(missing_ok=True)
        card["fusion"] = {"used": False, "why": "There were no validation clips to learn it on."}
        return
    card["sha256"][STACK_FILE] = stack.save(path)
    card["fusion"] = {"used": stack.used, "why": stack.why, "validation": stack.validation}
