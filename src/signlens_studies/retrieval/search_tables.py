"""What the search study found: recall of every system with intervals, as values and as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.evaluation.metrics import Interval, bootstrap, top_k_hits
from signlens.fusion.stack import Vote
from signlens.retrieval.index import cosines
from signlens.retrieval.votes import class_shares
from signlens_studies.retrieval import reductions
from signlens_studies.retrieval.recall import AT, Found
from signlens_studies.retrieval.weighting import Floats, Part, Rows, Weights, fuse, fuse_vectors

RAW, WARPED = "raw keypoints", "dynamic time warping"
EQUAL, CHOSEN = "fused, equal weights", "fused, weights chosen on other clips"


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
        prototypes = reductions.class_prototypes(gallery.astype(np.float32), own, len(glosses))
        near = cosines(queries, prototypes.vectors)
        scores.setdefault("prototypes, up to 3 a class", []).append(
            np.stack([reductions.nearest_per_class(row, prototypes.labels, len(glosses)) for row in near])
        )
    values = {name: np.nan_to_num(np.concatenate(found), nan=-np.inf) for name, found in scores.items()}
    return tuple(
        Reduction(name, *(_percent(top_k_hits(found, labels, k), draws, seed) for k in (1, 5)))
        for name, found in {**values, **extra}.items()
    )


def _ways(own: Rows, classes: int) -> dict[str, Callable[[Floats], Floats]]:
    """Every reduction of a query's similarities to class scores, for a gallery of these labels."""
    vote = Vote()
    k, heat = vote.neighbours, vote.temperature
    return {
        "one-hot": lambda s: reductions.one_hot(s, own, classes),
        **{f"top {n}": partial(_top, own, classes, n) for n in reductions.TOP_K},
        "mean": lambda s: reductions.class_means(s, own, classes),
        f"{k} nearest, softmax at {heat:g}": lambda s: class_shares(s, own, classes, k, heat),
    }


def _top(own: Rows, classes: int, k: int, similarities: Floats) -> Floats:
    return reductions.top_k(similarities, own, classes, k)


def task_result(
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
