"""What the expression network learns from and is tested on: FER+, CK+, signers at rest; who is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens_studies.expression.face_pictures import (
    FacePictures,
    cached_pictures,
    ckplus_pictures,
    ferplus_pictures,
    signer_pictures,
)
from signlens_studies.expression.ferplus import FerPlus, read_ferplus
from signlens_studies.expression.train_network import NetworkExperiment, Shown, one_hot, shown, together


@dataclass(frozen=True)
class Sources:
    """The three sources.

    Attributes:
        votes: FER+.
        ferplus: Its pictures, in the same order.
        ckplus: CK+'s.
        signers: Of signers at rest.
    """

    votes: FerPlus
    ferplus: FacePictures
    ckplus: FacePictures
    signers: FacePictures


def read_sources(
    data: Path, cache: Path, experiment: NetworkExperiment, say: Callable[[str], None]
) -> Sources:
    """Read the pictures and find the faces in them; the second time from the cache.

    Args:
        data: Folder of ``ferplus``, ``ckplus48`` and ``wlasl-videos``.
        cache: Folder outside of the repository for faces that were found.
        experiment: Its rest frames.
        say: Told how far it is.
    """
    votes = read_ferplus(data / "ferplus")
    rest = (experiment.rest_share, experiment.rest_wrist_height, experiment.rest_frames_per_end)
    signers = cache / f"signers-{rest[0]:g}-{rest[1]:g}-{rest[2]}.npz"
    return Sources(
        votes,
        cached_pictures(cache / "ferplus.npz", lambda: ferplus_pictures(votes, say)),
        cached_pictures(cache / "ckplus48.npz", lambda: ckplus_pictures(data / "ckplus48", say)),
        cached_pictures(signers, lambda: signer_pictures(data / "wlasl-videos", *rest, say)),
    )


def folds(person: NDArray[np.str_], count: int, seed: int) -> NDArray[np.int64]:
    """(N,) which fold each row is in: persons whole, the folds of as equal size as they allow.

    Args:
        person: (N,) who it is.
        count: Number of folds.
        seed: Order in which persons of as many rows are taken.
    """
    names, index, size = np.unique(person, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-size[order], kind="stable")]
    filled, fold = np.zeros(count, dtype=np.int64), np.zeros(len(names), dtype=np.int64)
    for number in order:
        fold[number] = filled.argmin()
        filled[fold[number]] += size[number]
    return np.asarray(fold[index])


def votes_shown(sources: Sources, experiment: NetworkExperiment, rarity: float) -> Shown:
    """FER+'s training pictures with their votes."""
    rows = sources.votes.training_rows()
    return shown(sources.ferplus, rows, sources.votes.soft_labels(experiment.least_votes)[rows], rarity)


def all_shown(
    sources: Sources,
    experiment: NetworkExperiment,
    ckplus: NDArray[np.int64] | None = None,
    signers: NDArray[np.int64] | None = None,
) -> Shown:
    """FER+'s training pictures together with CK+ and signers at rest.

    Args:
        sources: All.
        experiment: How often each is shown.
        ckplus: Rows of CK+; None for all.
        signers: Rows of signers at rest; None for all.
    """
    votes = votes_shown(sources, experiment, experiment.joint.rarity)
    parts = [replace(votes, times=votes.times * experiment.ferplus_share)]
    for faces, rows, repeats in (
        (sources.ckplus, ckplus, experiment.ckplus_repeats),
        (sources.signers, signers, experiment.rest_repeats),
    ):
        chosen = np.arange(len(faces.label)) if rows is None else rows
        part = shown(faces, chosen, one_hot(faces.label[chosen]))
        parts.append(replace(part, times=part.times * repeats))
    return together(parts)
