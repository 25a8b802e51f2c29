"""What fusion learns from: clips with the scores of networks, and their similarity to a gallery.

A network is sure of the clips that trained it, so what is learned on its scores of them does not hold for
others. **Out of fold**, a clip's scores come from networks that did not see it: those of the split that tests
it, or of a split whose validation it is. **In sample**, they come from networks that were trained on it; that
is the SLR-sentiment paper's way (its sections 3.4 and 5), kept to show what it leads to.

A gallery holds training clips of the networks that embed it: never a clip that is scored out of fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.evaluation.scores import ScoreSet, read_scores
from signlens.fusion.learned_weights import make_folds
from signlens.fusion.stack import Vote
from signlens.models.ensemble import SAM_SLR_WEIGHTS, log_softmax, weighted_mean
from signlens.retrieval.index import cosines
from signlens.training.held_out import IN_SAMPLE, ScoredClips, fused_cosines, scored_clips, vote_shares
from signlens.training.run import Run
from signlens.training.sources import TEST, VALIDATION
from signlens_studies.retrieval.reductions import class_means, one_hot, top_k
from signlens_studies.slr_sentiment.fusion_experiment import OUT_OF_FOLD, REDUCTIONS

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Progress = Callable[[str], None]

SCORE_SPACE = "scores"
"""The one space of a scores file: cosine of the ensemble's scores less their mean over the classes."""


@dataclass(frozen=True, eq=False)
class FusionPart:
    """One learning problem: what teaches, and what is scored then.

    Attributes:
        name: Of the split or fold.
        fit: Provenance -> sets of clips to learn from. `OUT_OF_FOLD` is always there: it also teaches the
            ensemble's weights and temperature, whatever a head learns from.
        scored: Subset -> clips that no part of the fusion has seen.
    """

    name: str
    fit: Mapping[str, tuple[ScoredClips, ...]]
    scored: Mapping[str, ScoredClips]


@dataclass(frozen=True, eq=False)
class FusionClips:
    """Everything that a fusion experiment learns from and is measured on.

    Attributes:
        classes: Names of the classes.
        parts: The learning problems; each clip is scored by one at most.
        transfer: Split -> clips of other data, to be scored with what all `parts`' scored clips teach.
        dataset: What they are.
        extractor: What made the poses; empty if not known.
        spaces: Of similarity; empty without a gallery.
    """

    classes: tuple[str, ...]
    parts: tuple[FusionPart, ...]
    transfer: Mapping[str, ScoredClips]
    dataset: str
    extractor: str
    spaces: tuple[str, ...]


# -- of a run ---------------------------------------------------------------------------------------


def clips_of_run(
    run: Run,
    splits: tuple[str, ...],
    transfer: tuple[str, ...] = (),
    *,
    in_sample: bool = False,
    progress: Progress = lambda name: None,
) -> FusionClips:
    """Clips of a run's splits, scored by the run's networks.

    One split with validation clips: these teach, and the test clips are scored. Several splits that score
    test clips: what a split tests is scored by what the other splits' tested clips teach.

    Args:
        run: The run.
        splits: Names of splits; empty for all that the run's experiment names.
        transfer: Names of further splits, see `FusionClips`.
        in_sample: Whether to score the networks' own training clips too.
        progress: Called with the name of each split that is done.

    Raises:
        UsageError: A split that is not there, or splits that leave nothing to learn from.
        PartMissing: A network has not been trained.
    """
    known, only = run.source.splits(), run.experiment.data.only
    wanted = splits or tuple(n for n in known if not only or n in only)
    for name in (*wanted, *transfer):
        if name not in known:
            raise UsageError("split", f"there is none called {name!r}", f"choose from {', '.join(known)}")
    found = {}
    for name in (*wanted, *transfer):
        split = known[name]
        own = split.train if split.target is None else split.train[split.target]
        found[name] = scored_clips(run, split, trained=own if in_sample and name not in transfer else None)
        progress(name)
    parts = []
    for name in wanted:
        here = found[name]
        if len(wanted) == 1:
            fit: tuple[ScoredClips, ...] = tuple(here[s] for s in (VALIDATION,) if s in here)
        else:
            fit = tuple(found[other][TEST] for other in wanted if other != name and TEST in found[other])
        if not fit or TEST not in here:
            raise UsageError(
                run.folder,
                f"split {name!r} has no test clips, or there are no others to learn from",
                "name splits that test clips, or one with validation and test clips",
            )
        sides = {OUT_OF_FOLD: fit}
        if in_sample:
            sides[IN_SAMPLE] = (here[IN_SAMPLE],)
        parts.append(FusionPart(name, sides, {TEST: here[TEST]}))
    _check_unique(parts, str(run.folder))
    return FusionClips(
        run.source.classes,
        tuple(parts),
        {name: found[name][TEST] for name in transfer},
        ", ".join(dict.fromkeys(str(name) for name in run.source.dataset)),
        run.source.extractor,
        tuple(run.experiment.networks),
    )


def _check_unique(parts: list[FusionPart], what: str) -> None:
    names = np.concatenate([clips.names for part in parts for clips in part.scored.values()])
    if len(np.unique(names)) != len(names):
        raise UsageError(what, "a clip is tested by more than one split", "name splits that part the clips")


# -- of a scores file -------------------------------------------------------------------------------


def clips_of_scores(path: Path, *, in_sample: bool = False, folds: int = 5, seed: int = 0) -> FusionClips:
    """Clips of any system's scores file.

    With a ``split`` column that holds ``train``, the training clips teach and ``val`` and ``test`` are
    scored; their scores are out of fold where the file has ``fold``, in sample where it has none. Else every
    clip is scored by what the clips of the other folds teach: the file's folds, or folds of signers, or of
    clips. Similar signs are those with similar scores (`SCORE_SPACE`) among the clips that teach, but none of
    a clip's own fold.

    Args:
        path: The file.
        in_sample: Whether in-sample scores are asked for.
        folds: How many folds of signers or clips.
        seed: Of these.

    Raises:
        InputRejected: It is no scores file.
        UsageError: It does not hold what was asked for.
    """
    scores = read_scores(path)
    trains = scores.splits is not None and bool((scores.splits == "train").any())
    if in_sample and (not trains or scores.folds is not None):
        raise UsageError(
            path,
            "holds no scores of the networks' own training clips",
            "give a split column with train, and no fold; or ask for out_of_fold alone",
        )
    groups = scores.folds if scores.folds is not None else _folds_of(scores, folds, seed)
    parts = []
    if trains:
        assert scores.splits is not None
        train = scores.splits == "train"
        if scores.folds is None and not in_sample:
            raise UsageError(
                path,
                "its training clips have no fold, so their scores are those of networks trained on them",
                "give fold (N,), or say provenance = ['in_sample']",
            )
        fit = _of_scores(scores, train, train, groups)
        subsets = [name for name in (VALIDATION, TEST) if (scores.splits == name).any()]
        if not subsets:
            raise UsageError(path, "has training clips only", "give clips of val or test too")
        side = IN_SAMPLE if in_sample else OUT_OF_FOLD
        held = {name: _of_scores(scores, scores.splits == name, train, None) for name in subsets}
        parts.append(FusionPart("official", {side: (fit,)}, held))
    else:
        for number in np.unique(groups).tolist():
            here = groups == number
            fits = tuple(
                _of_scores(scores, ~here & (groups == other), ~here & (groups != other), None)
                for other in np.unique(groups[~here])
            )
            held = {TEST: _of_scores(scores, here, ~here, None)}
            parts.append(FusionPart(f"fold-{number}", {OUT_OF_FOLD: fits}, held))
    return FusionClips(
        scores.glosses or tuple(str(i) for i in range(scores.classes)),
        tuple(parts),
        {},
        scores.dataset or path.stem,
        scores.extractor,
        (SCORE_SPACE,),
    )


def _folds_of(scores: ScoreSet, folds: int, seed: int) -> Labels:
    signers = scores.signers
    if signers is not None and (signers != "").all() and len(np.unique(signers)) > 1:
        return make_folds(signers, min(folds, len(np.unique(signers))), seed)
    return make_folds(len(scores), min(folds, len(scores)), seed)


def _of_scores(
    scores: ScoreSet, rows: NDArray[np.bool_], gallery: NDArray[np.bool_], folds: Labels | None
) -> ScoredClips:
    logits = {name: np.asarray(v, np.float32) for name, v in scores.streams.items()}
    joined = weighted_mean(logits, fixed_weights(tuple(logits)))
    profile = joined - joined.mean(axis=1, keepdims=True)
    similar = cosines(profile[rows], profile[gallery])
    if folds is not None:
        similar[folds[rows][:, None] == folds[gallery][None, :]] = np.nan
    return ScoredClips(
        scores.clips[rows],
        scores.labels[rows],
        {name: values[rows] for name, values in logits.items()},
        {SCORE_SPACE: similar},
        scores.labels[gallery],
    )


# -- features ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Features:
    """What the heads and the stack read.

    Attributes:
        names: (N,).
        labels: (N,).
        unit: (N,) number of the set that each clip came from, for cross-fitting.
        scores: (N, C) the ensemble's raw logits.
        emotion: (N, 8); zeros where nothing was measured.
        shares: (N, C) of the neighbours' votes; None without a gallery.
        retrieval: Reduction -> (N, C).
    """

    names: NDArray[np.str_]
    labels: Labels
    unit: Labels
    scores: Array
    emotion: Array
    shares: Array | None
    retrieval: Mapping[str, Array]


def fixed_weights(networks: tuple[str, ...]) -> dict[str, float]:
    """SAM-SLR's weights where its four streams are there, else the same for each."""
    if set(SAM_SLR_WEIGHTS) <= set(networks):
        return dict(SAM_SLR_WEIGHTS)
    return dict.fromkeys(networks, 1.0)


def features(
    sets: tuple[ScoredClips, ...],
    weights: Mapping[str, float],
    emotion: Mapping[str, Array],
    reductions: tuple[str, ...],
    vote: Vote,
    space: str = "fused",
) -> Features:
    """What the heads and the stack read of some sets of clips.

    Args:
        sets: One or more.
        weights: Network -> weight in the ensemble, and in the fused space.
        emotion: Clip -> (8,); clips that are not in it get zeros.
        reductions: Which of `REDUCTIONS` to make.
        vote: How neighbours vote.
        space: ``fused`` (cosines weighted as the ensemble) or the name of one.

    Raises:
        UsageError: A reduction or a space that is not there.
    """
    found = [_features(clips, weights, emotion, reductions, vote, space) for clips in sets]
    shares = [one.shares for one in found if one.shares is not None]
    return Features(
        np.concatenate([one.names for one in found]),
        np.concatenate([one.labels for one in found]),
        np.repeat(np.arange(len(found)), [len(one.labels) for one in found]),
        np.concatenate([one.scores for one in found]),
        np.concatenate([one.emotion for one in found]),
        np.concatenate(shares) if len(shares) == len(found) else None,
        {name: np.concatenate([one.retrieval[name] for one in found]) for name in reductions},
    )


def _features(
    clips: ScoredClips,
    weights: Mapping[str, float],
    emotion: Mapping[str, Array],
    reductions: tuple[str, ...],
    vote: Vote,
    space: str,
) -> Features:
    scores = weighted_mean(clips.logits, weights)
    classes = scores.shape[1]
    shares, retrieval = None, {}
    if clips.cosines:
        similar = _fused(clips, weights, space)
        shares = vote_shares(similar, clips.owners, classes, vote)
        for name in reductions:
            reduce = reduction(name)
            retrieval[name] = np.stack([reduce(row, clips.owners, classes) for row in similar])
    elif reductions:
        raise UsageError(
            "retrieval", "there is no gallery to search", "leave retrieval out of the experiment"
        )
    none = np.zeros(8)
    return Features(
        clips.names,
        clips.labels,
        np.zeros(len(clips.names), np.int64),
        scores,
        np.stack([emotion.get(str(name), none) for name in clips.names]),
        shares,
        retrieval,
    )


def _fused(clips: ScoredClips, weights: Mapping[str, float], space: str) -> NDArray[np.floating]:
    """(N, G) similarities in one of the spaces, or in all, weighted as `SignModel.fuse_embeddings`."""
    if space in clips.cosines:
        return clips.cosines[space]
    if set(clips.cosines) == {SCORE_SPACE}:
        return clips.cosines[SCORE_SPACE]
    if space != "fused":
        raise UsageError(
            "space", f"there is none called {space!r}", f"choose from {', '.join(clips.cosines)}"
        )
    return fused_cosines(clips, weights)


def reduction(name: str) -> Callable[[NDArray[np.floating], Labels, int], Array]:
    """A reduction of `REDUCTIONS`; a class without a clip that counts has 0.

    Raises:
        UsageError: There is none of that name.
    """
    if name == "one_hot":
        return one_hot
    if name == "mean":
        return lambda similar, owners, classes: np.nan_to_num(class_means(similar, owners, classes))
    if name in REDUCTIONS:
        k = int(name.removeprefix("top_"))
        return lambda similar, owners, classes: top_k(similar, owners, classes, k)
    raise UsageError("retrieval", f"there is no reduction {name!r}", f"choose from {', '.join(REDUCTIONS)}")


def log_probabilities(found: Features) -> Array:
    """(N, C) the ensemble's log-probabilities at temperature 1."""
    return log_softmax(found.scores)
