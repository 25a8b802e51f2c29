"""Do similar signs help? Recall of every embedding space on the starter model's splits.

A query is a test clip of a split; its gallery is the split's training clips of the same landmark set, both
embedded by the networks trained on that split, in evaluation mode. All systems answer the same queries.
Where spaces are fused, their weights are chosen on other clips than those that are reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.evaluation.metrics import Interval, interval
from signlens.evaluation.scores import read_scores
from signlens.retrieval.index import cosines
from signlens_studies.retrieval.recall import AT, look_up
from signlens_studies.retrieval.search_tables import (
    CHOSEN,
    EQUAL,
    RAW,
    WARPED,
    Pair,
    Study,
    SystemRow,
    TaskResult,
    task_result,
)
from signlens_studies.retrieval.weighting import Floats, Part, Rows, Tell, WeightChoice, Weights, fuse, weigh

if TYPE_CHECKING:
    from signlens.training.experiment import Experiment
    from signlens.training.sources import ClipSource


WINDOW = 24
"""Frames to which clips are resampled for the keypoint baselines."""

ENROLLED = 3
"""Clips of each unseen gloss that the gallery gets."""


@dataclass(frozen=True)
class SearchTask:
    """What is searched for in what.

    Attributes:
        name: For people.
        folder: First part of the names of the landmark set's clips.
        splits: Splits of the starter model.
        subset: Which scored clips of a split ask.
        words: Whether only Traduttore's shared words count; else every gloss.
    """

    name: str
    folder: str
    splits: tuple[str, ...]
    subset: str = "test"
    words: bool = False


TASKS = (
    SearchTask("WLASL50-real, five folds pooled", "wlasl50/", tuple(f"wlasl-fold-{k}" for k in range(5))),
    SearchTask(
        "Traduttore, 12 words, recorder1 -> recorder2", "traduttore/", ("traduttore-1-to-2",), words=True
    ),
    SearchTask(
        "Traduttore, 12 words, recorder2 + recorder3 -> recorder1",
        "traduttore/",
        ("traduttore-2-to-1",),
        words=True,
    ),
    SearchTask("WLASL50-real, inner validation on fold 1", "wlasl50/", ("inner-1",), "val"),
)
OPEN_SET = "open-set"


@dataclass(frozen=True, eq=False)
class OpenedRun:
    """A run with its clips.

    Attributes:
        folder: Where it stands.
        experiment: What it was trained by.
        source: Its clips.
        prefix: What goes before its networks' names.
    """

    folder: Path
    experiment: Experiment
    source: ClipSource
    prefix: str = ""

    def has(self, splits: Sequence[str]) -> bool:
        """Whether every network of the run has been trained on all of these splits."""
        from signlens.training.run import trained_digest

        return all(
            trained_digest(self.folder, (network, split)) is not None
            for network in self.experiment.networks
            for split in splits
        )


def open_starter_run(folder: Path) -> OpenedRun:
    """Open a run that trains on the starter model's splits.

    Raises:
        UsageError: The folder is no run's, or the run is of other data.
        InputRejected: The landmark sets are missing.
    """
    from signlens_studies.starter.tasks import open_starter_run as open_run

    run = open_run(folder)
    return OpenedRun(folder, run.experiment, run.source)


def study_run(
    folder: Path,
    beside: Path | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
    warping: bool = True,
    tell: Tell = lambda text, done, total: None,
) -> Study:
    """Measure every task whose splits a run has trained.

    Args:
        folder: Folder of the run.
        beside: Another run on the same splits, whose spaces are measured beside this one's.
        draws: Bootstrap resamples.
        seed: Of all draws.
        warping: Whether to measure dynamic time warping too (a minute).
        tell: Told what is being done, how far, and of how much.

    Raises:
        UsageError: No task's splits have been trained, or the run is of other data.
        PartMissing: An optional package is not installed.
    """
    run = open_starter_run(folder)
    runs = [run]
    if beside is not None:
        other = open_starter_run(beside)
        runs.append(replace(other, prefix=f"{other.experiment.name}: "))
        if runs[1].source.identity != run.source.identity:
            raise UsageError(beside, f"is on other clips than {folder}", "give a run on the same data")
    spaces = list(run.experiment.networks)
    tasks = [task for task in TASKS if all(r.has(task.splits) for r in runs)]
    open_set = all(r.has((OPEN_SET,)) for r in runs)
    if not tasks and not open_set:
        which = ", ".join(str(r.folder) for r in runs)
        raise UsageError(
            which, "no split that is searched has been trained", f"train {', '.join(TASKS[0].splits)}"
        )
    results: list[TaskResult] = []
    choice: WeightChoice | None = None
    for task in tasks:
        parts = [_part(runs, task, split, warping, tell) for split in task.splits]
        weights: list[Weights] = []
        if len(spaces) > 1 and choice is None and len(parts) > 1:
            choice = weigh(parts, spaces, tell)
            weights = [choice.best(choice.part != number) for number in range(len(parts))]
        elif choice is not None:
            weights = [choice.best(np.ones(len(choice.part), np.bool_))] * len(parts)
        results.append(task_result(task.name, parts, spaces, weights, _counterparts(runs), draws, seed))
    if open_set:
        results.append(_unseen(runs, spaces, choice, seed, warping, tell))
    return Study(str(folder), tuple(results), draws, seed)


def _counterparts(runs: Sequence[OpenedRun]) -> dict[str, str]:
    """Each further run's space -> the first run's of the same name."""
    return {
        f"{run.prefix}{name}": name
        for run in runs[1:]
        for name in run.experiment.networks
        if name in runs[0].experiment.networks
    }


def _part(runs: Sequence[OpenedRun], task: SearchTask, split_name: str, warping: bool, tell: Tell) -> Part:
    """Embed and compare the clips of one split.

    Raises:
        PartMissing: A piece has not been trained, or dtaidistance is not installed.
    """
    from signlens_studies.starter.tasks import SHARED_WORDS

    source = runs[0].source
    split = source.splits()[split_name]
    inside = np.array([name.startswith(task.folder) for name in source.names])
    if task.words:
        inside &= np.isin(source.labels, [source.classes.index(word) for word in SHARED_WORDS])
    gallery = split.train[inside[split.train]]
    queries = split.score[task.subset]
    queries = queries[inside[queries] & np.isin(source.labels[queries], source.labels[gallery])]
    return _compare(runs, split_name, task.subset, queries, gallery, warping, tell)


def _compare(
    runs: Sequence[OpenedRun],
    split: str,
    subset: str,
    queries: Rows,
    gallery: Rows,
    warping: bool,
    tell: Tell,
) -> Part:
    """Every system's similarities. Neither a query itself nor an exact duplicate of it is to be found."""
    from signlens_studies.retrieval.keypoint_search import (
        euclidean_distances,
        keypoint_paths,
        warped_distances,
    )

    source = runs[0].source
    own, known = (keypoint_paths(source.prepared(rows, WINDOW)[0]) for rows in (queries, gallery))
    similarities = {RAW: -euclidean_distances(own, known)}
    if warping:
        tell(f"{split}: {WARPED}", 0, 1)
        similarities[WARPED] = -warped_distances(own, known)
    vectors = {}
    for run in runs:
        for number, network in enumerate(run.experiment.networks):
            tell(f"{split}: embedding by {network}", number, len(run.experiment.networks))
            vectors[f"{run.prefix}{network}"] = (
                _embeddings(run, network, split, subset, queries),
                _embeddings(run, network, split, subset, gallery),
            )
    similarities |= {name: cosines(*pair) for name, pair in vectors.items()}
    known_bytes = [path.tobytes() for path in known]
    same = np.array([[path.tobytes() == other for other in known_bytes] for path in own])
    for values in similarities.values():
        values[same] = np.nan
    return Part(
        split, queries, gallery, source.labels[queries], source.labels[gallery], similarities, vectors
    )


def _embeddings(run: OpenedRun, network: str, split: str, subset: str, rows: Rows) -> NDArray[np.float32]:
    """(len(rows), D) by a split's own network; what the run has scored is taken from there."""
    from signlens.training.distributed import ALONE
    from signlens.training.loop import infer
    from signlens.training.pieces import load_network
    from signlens.training.run import load_embedding, load_scores

    piece = (network, split)
    scored, _ = load_scores(run.folder, piece, subset)
    kept = load_embedding(run.folder, piece, subset)
    place = {int(row): at for at, row in enumerate(scored)}
    found = np.zeros((len(rows), kept.shape[1]), np.float32)
    rest = np.array([at for at, row in enumerate(rows) if int(row) not in place], np.int64)
    for at, row in enumerate(rows):
        if int(row) in place:
            found[at] = kept[place[int(row)]]
    if len(rest):
        model = load_network(run.folder, run.experiment, piece, len(run.source.classes))
        _, found[rest] = infer(model, run.source, run.experiment.networks[network], rows[rest], ALONE)
    return found


# -- unseen glosses -----------------------------------------------------------------------------------


ENROLMENTS = 200
"""Seeded draws of the clips that are enrolled."""


def _unseen(
    runs: Sequence[OpenedRun],
    spaces: Sequence[str],
    choice: WeightChoice | None,
    seed: int,
    warping: bool,
    tell: Tell,
) -> TaskResult:
    """Search for glosses that no network has been trained on.

    Some clips of each left-out gloss stand in the gallery beside the training clips of all other glosses of
    WLASL50-real; the rest ask. An interval spans both the draw of the enrolled clips and, in each draw, a
    bootstrap resample of the queries.
    """
    source = runs[0].source
    split = source.splits()[OPEN_SET]
    left_out = split.score["test"]
    trained = split.train[[source.names[row].startswith("wlasl50/") for row in split.train]]
    part = _compare(runs, OPEN_SET, "test", left_out, np.concatenate([trained, left_out]), warping, tell)
    systems = dict(part.similarities)
    weights: list[Weights] = []
    if len(spaces) > 1:
        systems[EQUAL] = fuse(systems, {s: 1 / len(spaces) for s in spaces})
        if choice is not None:
            # Queries of the left-out glosses choose nothing here, though other networks embedded them.
            weights = [choice.best(~np.isin(choice.labels, part.query_labels))]
            systems[CHOSEN] = fuse(systems, weights[0])
    rng = np.random.default_rng(seed)
    glosses = np.unique(part.query_labels)
    values: dict[str, list[Floats]] = {name: [] for name in systems}  # per draw: value, resampled value
    for number in range(ENROLMENTS):
        tell("unseen glosses", number, ENROLMENTS)
        enrolled = np.concatenate(
            [rng.permutation(np.flatnonzero(part.query_labels == g))[:ENROLLED] for g in glosses]
        )
        asks = np.setdiff1d(np.arange(len(left_out)), enrolled)
        columns = np.concatenate([np.arange(len(trained)), len(trained) + enrolled])
        counts = np.bincount(rng.integers(0, len(asks), len(asks)), minlength=len(asks))
        for name, matrix in systems.items():
            found = look_up(
                matrix[np.ix_(asks, columns)], part.query_labels[asks], part.gallery_labels[columns]
            )
            each = np.stack([*(found.hits(k) for k in AT), found.average_precision]).astype(np.float64)
            values[name].append(np.stack([each.mean(axis=1), each @ counts / len(asks)]))
    stacked = {name: 100 * np.stack(found) for name, found in values.items()}  # (draws, 2, measures)

    def described(found: Floats) -> tuple[dict[int, Interval], Interval]:
        made = [interval(float(found[:, 0, m].mean()), found[:, 1, m]) for m in range(len(AT) + 1)]
        return dict(zip(AT, made[:-1], strict=True)), made[-1]

    return TaskResult(
        task=f"WLASL50-real, {len(glosses)} unseen glosses, {ENROLLED} clips of each enrolled",
        queries=len(left_out) - ENROLLED * len(glosses),
        glosses=len(glosses),
        gallery={OPEN_SET: len(trained) + ENROLLED * len(glosses)},
        duplicates=int(np.isnan(part.similarities[RAW]).sum()) - len(left_out),
        weights=dict.fromkeys((OPEN_SET,), weights[0]) if weights else {},
        systems=tuple(
            SystemRow(name, *described(found), *(() if name == RAW else described(found - stacked[RAW])))
            for name, found in stacked.items()
        ),
        pairs=tuple(
            Pair(own, other, *described(stacked[other] - stacked[own]))
            for other, own in _counterparts(runs).items()
        ),
        note=(
            f"Glosses left out of training: {', '.join(source.classes[g] for g in glosses)}. Means over "
            f"{ENROLMENTS} draws of the enrolled clips; the interval also resamples the queries. "
            "WLASL50-real names no signers: an enrolled clip and a query may be of one signer."
        ),
    )


# -- any system's scores ------------------------------------------------------------------------------


def study_scores(
    path: Path,
    *,
    draws: int = 2000,
    seed: int = 0,
    tell: Tell = lambda text, done, total: None,
) -> Study:
    """Search with a system's scores as embeddings, where there is nothing else: one half in the other.

    The clips are halved, by signer where signers are known (no signer is in both), and each half is looked up
    in the other. Weights of the streams are chosen on the other half's queries.

    Args:
        path: A scores file.
        draws: Bootstrap resamples.
        seed: Of them.
        tell: Told what is being done, how far, and of how much.

    Raises:
        InputRejected: It is no scores file.
        UsageError: The clips cannot be halved.
    """
    scores = read_scores(path)
    by_signer = scores.signers is not None and len(np.unique(scores.signers)) > 1
    if by_signer:
        assert scores.signers is not None
        half = np.unique(scores.signers, return_inverse=True)[1] % 2
    else:
        half = np.arange(len(scores)) % 2
    streams = {n: v - v.mean(axis=1, keepdims=True) for n, v in scores.streams.items()}
    parts = []
    for side in (0, 1):
        gallery = np.flatnonzero(half != side)
        queries = np.flatnonzero((half == side) & np.isin(scores.labels, scores.labels[gallery]))
        if not len(queries) or not len(gallery):
            raise UsageError(path, "cannot be halved: no gloss is in both halves", "give more clips")
        vectors = {n: (v[queries], v[gallery]) for n, v in streams.items()}
        parts.append(
            Part(
                f"half {side + 1} in half {2 - side}",
                queries,
                gallery,
                scores.labels[queries],
                scores.labels[gallery],
                {n: cosines(*pair) for n, pair in vectors.items()},
                vectors,
            )
        )
    spaces = list(streams)
    weights: list[Weights] = []
    if len(spaces) > 1:
        choice = weigh(parts, spaces, tell)
        weights = [choice.best(choice.part != number) for number in range(2)]
    asked = np.concatenate([p.queries for p in parts])
    glosses = np.unique(np.concatenate([p.gallery_labels for p in parts]))
    plain = {
        f"the scores of {name} themselves": v[asked][:, glosses].astype(np.float64)
        for name, v in scores.streams.items()
    }
    return Study(
        str(path),
        (
            task_result(
                f"{scores.dataset or path.name}: scores as embeddings",
                parts,
                spaces,
                weights,
                {},
                draws,
                seed,
                plain,
                f"The embeddings are each stream's scores, less their mean. Clips were halved by "
                f"{'signer' if by_signer else 'turns'}; each half is looked up in the other. There are no "
                "keypoints to compare with.",
            ),
        ),
        draws,
        seed,
    )
