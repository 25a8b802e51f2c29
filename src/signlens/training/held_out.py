"""Clips as networks see them that did not learn from them, and their similarity to a gallery.

A network is sure of the clips that trained it, so what is learned on its scores of them does not hold for
others. Weights, temperature, thresholds and fusion are learned on held-out clips alone. A gallery holds
training clips of the networks that embed it: never a clip that is scored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.fusion.stack import Vote
from signlens.retrieval.index import cosines as cosines_between
from signlens.retrieval.votes import class_shares
from signlens.training.distributed import ALONE
from signlens.training.experiment import GroupSettings
from signlens.training.loop import infer
from signlens.training.pieces import load_network
from signlens.training.run import Run, load_embedding, load_scores
from signlens.training.sources import ClipSource, Rows, Split

Labels = NDArray[np.int64]

IN_SAMPLE = "in_sample"
"""The subset of clips that trained the networks that score them."""


@dataclass(frozen=True, eq=False)
class ScoredClips:
    """Clips as one set of networks sees them.

    Attributes:
        names: (N,) clips.
        labels: (N,) true classes.
        logits: Network -> (N, C) raw scores.
        cosines: Space -> (N, G) similarity to each clip of the gallery, NaN where that is the clip itself or
            may not count; empty without a gallery.
        owners: (G,) classes of the gallery's clips.
        signers: (N,) signers, empty where unknown.
    """

    names: NDArray[np.str_]
    labels: Labels
    logits: Mapping[str, NDArray[np.float32]]
    cosines: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    owners: Labels = field(default_factory=lambda: np.zeros(0, np.int64))
    signers: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, np.str_))


def scored_clips(run: Run, split: Split, *, trained: Rows | None = None) -> dict[str, ScoredClips]:
    """The clips of a split as its networks see them.

    Args:
        run: The run.
        split: One of its splits.
        trained: Training clips to score too, as `IN_SAMPLE`: a clip is not similar to itself.

    Returns:
        Subset -> its clips.

    Raises:
        PartMissing: A network has not been trained.
        InputRejected: A network scored other clips.
    """
    source, experiment = run.source, run.experiment
    gallery = gallery_rows(source, split.train, experiment.export.per_gloss)
    wanted = np.unique(gallery) if trained is None else np.union1d(gallery, trained)
    subsets = {name: rows for name, rows in split.score.items() if len(rows)}
    every = {**subsets, **({} if trained is None else {IN_SAMPLE: trained})}
    logits: dict[str, dict[str, NDArray[np.float32]]] = {name: {} for name in every}
    cosines: dict[str, dict[str, NDArray[np.float64]]] = {name: {} for name in every}
    for network, settings in experiment.networks.items():
        piece = (network, split.name)
        model = load_network(run.folder, experiment, piece, len(source.classes))
        own_logits, own = infer(model, source, settings, wanted, ALONE)
        known = own[np.searchsorted(wanted, gallery)]
        for name, rows in subsets.items():
            stored, logits[name][network] = load_scores(run.folder, piece, name)
            if not np.array_equal(stored, rows):
                raise InputRejected(
                    run.folder, f"{network} scored other clips of {split.name}", "train it again"
                )
            cosines[name][network] = cosines_between(load_embedding(run.folder, piece, name), known)
        if trained is not None:
            place = np.searchsorted(wanted, trained)
            logits[IN_SAMPLE][network] = own_logits[place]
            similar = cosines_between(own[place], known)
            similar[trained[:, None] == gallery[None, :]] = np.nan
            cosines[IN_SAMPLE][network] = similar
    return {
        name: ScoredClips(
            np.array([source.names[i] for i in rows]),
            source.labels[rows],
            logits[name],
            cosines[name],
            source.labels[gallery],
            np.array([source.signers[i] for i in rows]),
        )
        for name, rows in every.items()
    }


def gallery_rows(source: ClipSource, train: Rows, per_gloss: int) -> Rows:
    """A few evenly spaced training clips of each gloss of the vocabulary and each signer.

    Args:
        source: The clips.
        train: Rows to take from.
        per_gloss: Clips of each, at most.
    """
    groups: dict[tuple[int, str], list[int]] = {}
    for row in train.tolist():
        if source.labels[row] < source.vocabulary:
            groups.setdefault((int(source.labels[row]), source.signers[row]), []).append(row)
    chosen = [
        rows[i]
        for rows in groups.values()
        for i in np.unique(np.linspace(0, len(rows) - 1, min(per_gloss, len(rows))).round().astype(int))
    ]
    return np.array(sorted(chosen), np.int64)


def merge_networks(clips: ScoredClips, groups: Sequence[GroupSettings]) -> ScoredClips:
    """Clips as a model sees them that holds the networks of merged groups as one.

    Args:
        clips: As the run's networks see them.
        groups: Those that are merged; the first network's space is the group's.
    """
    merged = [group for group in groups if group.merge]
    within = {name for group in merged for name in group.networks}
    logits = {name: values for name, values in clips.logits.items() if name not in within}
    cosines = {name: values for name, values in clips.cosines.items() if name not in within}
    for group in merged:
        logits[group.name] = np.mean([clips.logits[name] for name in group.networks], axis=0)
        if group.networks[0] in clips.cosines:
            cosines[group.name] = clips.cosines[group.networks[0]]
    return dataclasses.replace(clips, logits=logits, cosines=cosines)


def fused_cosines(clips: ScoredClips, weights: Mapping[str, float]) -> NDArray[np.floating]:
    """(N, G) similarity in all spaces together, weighted as `SignModel.fuse_embeddings` does."""
    total = sum(weights[name] for name in clips.cosines)
    return np.asarray(sum(weights[name] / total * values for name, values in clips.cosines.items()))


def vote_shares(
    similar: NDArray[np.floating], owners: Labels, classes: int, vote: Vote
) -> NDArray[np.float64]:
    """(N, C) shares of the neighbours' votes.

    Args:
        similar: (N, G) similarities, NaN where a clip may not count.
        owners: (G,) classes of the gallery's clips.
        classes: Number of classes.
        vote: How they vote.
    """
    return np.stack(
        [class_shares(row, owners, classes, vote.neighbours, vote.temperature) for row in similar]
    )
