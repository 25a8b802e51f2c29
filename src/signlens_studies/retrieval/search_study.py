"""Do similar signs help? Recall of every embedding space on the starter model's splits.

A query is a test clip of a split; its gallery is the split's training clips of the same landmark set, both
embedded by the networks trained on that split, in evaluation mode. All systems answer the same queries.
Where spaces are fused, their weights are chosen on other clips than those that are reported.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.evaluation.metrics import Interval, bootstrap, interval, top_k_hits
from signlens.evaluation.scores import read_scores
from signlens.retrieval import votes as class_scores
from signlens.retrieval.index import cosines
from signlens_studies.retrieval.recall import AT, Found, look_up

if TYPE_CHECKING:
    from signlens.training.experiment import Experiment
    from signlens.training.sources import ClipSource

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Weights = dict[str, float]
Tell = Callable[[str, int, int], None]

RAW, WARPED = "raw keypoints", "dynamic time warping"
EQUAL, CHOSEN = "fused, equal weights", "fused, weights chosen on other clips"

WEIGHT_STEPS = 4
"""Weights are multiples of one over this number and sum to 1."""

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
class Part:
    """The queries and the gallery of one split.

    Attributes:
        split: Its name.
        queries: (Q,) rows of the source.
        gallery: (G,) rows.
        query_labels: (Q,) classes.
        gallery_labels: (G,) classes.
        similarities: System -> (Q, G), larger is more alike, NaN where a clip must not be found.
        vectors: Space -> embeddings of the queries and of the gallery.
    """

    split: str
    queries: Rows
    gallery: Rows
    query_labels: Rows
    gallery_labels: Rows
    similarities: dict[str, Floats]
    vectors: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]]

    def found(self, similarities: Floats) -> Found:
        """What a search by these similarities makes of the queries."""
        return look_up(similarities, self.query_labels, self.gallery_labels)


# -- spaces -----------------------------------------------------------------------------------------


def fuse(similarities: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """The weighted mean of spaces' cosines: the cosine of the weighted concatenation of unit vectors.

    Args:
        similarities: Space -> (Q, G).
        weights: Space -> weight, summing to 1.
    """
    return np.asarray(sum(weight * similarities[name] for name, weight in weights.items() if weight))


def fuse_vectors(
    vectors: Mapping[str, tuple[NDArray[np.floating], ...]], weights: Mapping[str, float], side: int
) -> Floats:
    """One unit vector a clip whose cosine is that of `fuse`: unit vectors times the weight's root, joined.

    Args:
        vectors: Space -> embeddings of several sets of clips.
        weights: Space -> weight, summing to 1.
        side: Which set of clips.
    """
    joined = []
    for name, weight in weights.items():
        if weight:
            own = vectors[name][side].astype(np.float64)
            joined.append(
                np.sqrt(weight) * own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
            )
    return np.concatenate(joined, axis=1)


def weight_grid(names: Sequence[str], steps: int = WEIGHT_STEPS) -> list[Weights]:
    """All weights that are multiples of 1 / steps and sum to 1, the most even ones first.

    Args:
        names: Spaces.
        steps: See `WEIGHT_STEPS`.
    """
    every = (c for c in itertools.product(range(steps + 1), repeat=len(names)) if sum(c) == steps)
    even = sorted(every, key=lambda c: (sum(v * v for v in c), [-v for v in c]))
    return [{name: v / steps for name, v in zip(names, c, strict=True)} for c in even]


@dataclass(frozen=True, eq=False)
class WeightChoice:
    """Average precision of every weighting on every query of a task, to choose by.

    Attributes:
        grid: The weightings.
        values: (weightings, N) average precision.
        part: (N,) number of the part that each query belongs to.
        labels: (N,) glosses of the queries.
    """

    grid: list[Weights]
    values: Floats
    part: Rows
    labels: Rows

    def best(self, on: NDArray[np.bool_]) -> Weights:
        """The weighting with the highest mean average precision on some of the queries."""
        return self.grid[int(self.values[:, on].mean(axis=1).argmax())]


def weigh(parts: Sequence[Part], spaces: Sequence[str], tell: Tell) -> WeightChoice:
    """Try every weighting of the spaces on a task's queries."""
    grid = weight_grid(spaces)
    values = []
    for number, weights in enumerate(grid):
        tell("weighing spaces", number, len(grid))
        values.append(
            np.concatenate([p.found(fuse(p.similarities, weights)).average_precision for p in parts])
        )
    return WeightChoice(
        grid,
        np.stack(values),
        np.repeat(np.arange(len(parts)), [len(p.queries) for p in parts]),
        np.concatenate([p.query_labels for p in parts]),
    )


# -- what comes out ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class SystemRow:
    """One line of a table; percent.

    Attributes:
        system: Name.
        recall: k -> share of queries for which any of the k nearest clips has the query's gloss.
        mean_average_precision: Over the whole gallery.
        recall_less_raw: k -> paired difference from the raw keypoints; None for these themselves.
        precision_less_raw: The same of the mean average precision.
    """

    system: str
    recall: dict[int, Interval]
    mean_average_precision: Interval
    recall_less_raw: dict[int, Interval] | None = None
    precision_less_raw: Interval | None = None


@dataclass(frozen=True)
class Pair:
    """Two systems on the same queries; percentage points, the second less the first."""

    first: str
    second: str
    recall: dict[int, Interval]
    mean_average_precision: Interval


@dataclass(frozen=True)
class Reduction:
    """Recognition by similar signs alone: one reduction of similarities to class scores, percent."""

    reduction: str
    top1: Interval
    top5: Interval


@dataclass(frozen=True)
class TaskResult:
    """A task's tables.

    Attributes:
        task: Name.
        queries: Number of queries.
        glosses: Number of glosses.
        gallery: Split -> clips in its gallery.
        duplicates: Pairs of a query and an exact duplicate of it in the gallery, which was not to be found.
        weights: Split -> chosen weights of the fused space.
        systems: The table.
        pairs: Spaces of the other run beside those of this one.
        reductions: Class scores of the fused space with chosen weights.
        note: What a reader must know of this task alone.
    """

    task: str
    queries: int
    glosses: int
    gallery: dict[str, int]
    duplicates: int
    weights: dict[str, Weights]
    systems: tuple[SystemRow, ...]
    pairs: tuple[Pair, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Study:
    """Everything that was measured.

    Attributes:
        source: Folder of the run, or the scores file.
        tasks: Tables.
        draws: Bootstrap resamples.
        seed: Of all draws.
    """

    source: str
    tasks: tuple[TaskResult, ...]
    draws: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **asdict(self),
            "intervals": "95 %, percentile bootstrap over queries, differences paired",
        }


def _percent(values: NDArray[Any], draws: int, seed: int) -> Interval:
    return bootstrap(100.0 * values.astype(np.float64), draws=draws, seed=seed)


def _row(name: str, found: Found, raw: Found | None, draws: int, seed: int) -> SystemRow:
    return SystemRow(
        name,
        {k: _percent(found.hits(k), draws, seed) for k in AT},
        _percent(found.average_precision, draws, seed),
        *(() if raw is None else _difference(raw, found, draws, seed)),
    )


def _difference(first: Found, second: Found, draws: int, seed: int) -> tuple[dict[int, Interval], Interval]:
    recall = {k: _percent(second.hits(k).astype(np.float64) - first.hits(k), draws, seed) for k in AT}
    return recall, _percent(second.average_precision - first.average_precision, draws, seed)


def _pooled(parts: Sequence[Part], similarities: Sequence[Floats]) -> Found:
    found = [part.found(values) for part, values in zip(parts, similarities, strict=True)]
    return Found(
        np.concatenate([f.first for f in found]), np.concatenate([f.average_precision for f in found])
    )


def _reductions(
    parts: Sequence[Part], weights: Sequence[Weights], extra: Mapping[str, Floats], draws: int, seed: int
) -> tuple[Reduction, ...]:
    """Accuracy of each reduction of the fused space to class scores, among the glosses of the galleries."""
    glosses = np.unique(np.concatenate([p.gallery_labels for p in parts]))
    labels = np.searchsorted(glosses, np.concatenate([p.query_labels for p in parts]))
    scores: dict[str, list[Floats]] = {}
    for part, chosen in zip(parts, weights, strict=True):
        own = np.searchsorted(glosses, part.gallery_labels)
        matrix = fuse(part.similarities, chosen)
        for name, reduce in _ways(own, len(glosses)).items():
            scores.setdefault(name, []).append(np.stack([reduce(row) for row in matrix]))
        queries, gallery = (fuse_vectors(part.vectors, chosen, side) for side in (0, 1))
        prototypes = class_scores.class_prototypes(gallery.astype(np.float32), own, len(glosses))
        near = cosines(queries, prototypes.vectors)
        scores.setdefault("prototypes, up to 3 a class", []).append(
            np.stack([class_scores.nearest_per_class(row, prototypes.labels, len(glosses)) for row in near])
        )
    values = {name: np.nan_to_num(np.concatenate(found), nan=-np.inf) for name, found in scores.items()}
    return tuple(
        Reduction(name, *(_percent(top_k_hits(found, labels, k), draws, seed) for k in (1, 5)))
        for name, found in {**values, **extra}.items()
    )


def _ways(own: Rows, classes: int) -> dict[str, Callable[[Floats], Floats]]:
    """Every reduction of a query's similarities to class scores, for a gallery of these labels."""
    from signlens.fusion.stack import Vote

    vote = Vote()
    k, heat = vote.neighbours, vote.temperature
    return {
        "one-hot": lambda s: class_scores.one_hot(s, own, classes),
        **{f"top {n}": partial(_top, own, classes, n) for n in class_scores.TOP_K},
        "mean": lambda s: class_scores.class_means(s, own, classes),
        f"{k} nearest, softmax at {heat:g}": lambda s: class_scores.class_shares(s, own, classes, k, heat),
    }


def _top(own: Rows, classes: int, k: int, similarities: Floats) -> Floats:
    return class_scores.top_k(similarities, own, classes, k)


def _result(
    name: str,
    parts: Sequence[Part],
    spaces: Sequence[str],
    weights: Sequence[Weights],
    others: Mapping[str, str],
    draws: int,
    seed: int,
    extra: Mapping[str, Floats] | None = None,
    note: str = "",
) -> TaskResult:
    """A task's tables.

    Args:
        name: Of the task.
        parts: Its queries and galleries.
        spaces: Those that are fused.
        weights: Chosen weights for each part; empty if there are none.
        others: Another run's space -> the space to compare it with.
        draws: Bootstrap resamples.
        seed: Of them.
        extra: Further scores (Q, glosses) to put beside the reductions.
        note: See `TaskResult`.
    """
    systems = {system: [p.similarities[system] for p in parts] for system in parts[0].similarities}
    even = {s: 1 / len(spaces) for s in spaces}
    used = list(weights) or [even] * len(parts)
    if len(spaces) > 1:
        systems[EQUAL] = [fuse(p.similarities, even) for p in parts]
        if weights:
            systems[CHOSEN] = [fuse(p.similarities, w) for p, w in zip(parts, weights, strict=True)]
    found = {system: _pooled(parts, values) for system, values in systems.items()}
    raw = found.get(RAW)
    return TaskResult(
        task=name,
        queries=sum(len(p.queries) for p in parts),
        glosses=len(np.unique(np.concatenate([p.query_labels for p in parts]))),
        gallery={p.split: len(p.gallery) for p in parts},
        duplicates=sum(int(np.isnan(p.similarities[spaces[0]]).sum()) for p in parts),
        weights={p.split: w for p, w in zip(parts, weights, strict=False)},
        systems=tuple(_row(s, f, None if s == RAW else raw, draws, seed) for s, f in found.items()),
        pairs=tuple(
            Pair(own, other, *_difference(found[own], found[other], draws, seed))
            for other, own in others.items()
        ),
        reductions=_reductions(parts, used, extra or {}, draws, seed),
        note=note,
    )


# -- a run on the starter model's splits --------------------------------------------------------------


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
        results.append(_result(task.name, parts, spaces, weights, _counterparts(runs), draws, seed))
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
            _result(
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


# -- for people ---------------------------------------------------------------------------------------


def _cell(value: Interval, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{value.value:{sign}.1f} ({value.low:{sign}.1f} to {value.high:{sign}.1f})"


def markdown(study: Study) -> str:
    """The tables for people."""
    lines = []
    for task in study.tasks:
        gallery = ", ".join(f"{split} {clips}" for split, clips in task.gallery.items())
        lines += [
            f"**{task.task}** ({task.queries} queries, {task.glosses} glosses; "
            f"clips in the gallery: {gallery}; exact duplicates left out: {task.duplicates})",
            "",
        ]
        compared = any(row.recall_less_raw for row in task.systems)
        head = ["system", *(f"recall at {k}" for k in AT), "mean average precision"]
        head += ["recall at 1 less raw"] if compared else []
        lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for row in task.systems:
            cells = [row.system, *(_cell(row.recall[k]) for k in AT), _cell(row.mean_average_precision)]
            if compared:
                cells.append(_cell(row.recall_less_raw[1], True) if row.recall_less_raw else "")
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
        if task.pairs:
            recalls = " | ".join(f"recall at {k}" for k in AT)
            lines += [
                f"| second less first | {recalls} | mean average precision |",
                "|---" * (len(AT) + 2) + "|",
            ]
            for pair in task.pairs:
                cells = [_cell(pair.recall[k], True) for k in AT]
                cells.append(_cell(pair.mean_average_precision, True))
                lines.append(f"| {pair.second} less {pair.first} | {' | '.join(cells)} |")
            lines.append("")
        for split, weights in task.weights.items():
            told = ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight)
            lines.append(f"- Chosen weights, {split}: {told}")
        if task.note:
            lines.append(f"- {task.note}")
        lines.append("")
        if task.reductions:
            lines += ["| recognition by similar signs alone | top-1 | top-5 |", "|---|---|---|"]
            lines += [f"| {r.reduction} | {_cell(r.top1)} | {_cell(r.top5)} |" for r in task.reductions]
            lines.append("")
    lines.append(
        f"Percent; 95 % intervals by {study.draws:,} bootstrap resamples of the queries, differences paired. "
        "They know nothing of the few signers behind the clips."
    )
    return "\n".join(lines) + "\n"
