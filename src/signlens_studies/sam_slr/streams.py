"""The four streams on the starter model's splits: the tasks, and streams and ensembles on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.evaluation.metrics import Interval, bootstrap, top_k_hits
from signlens.fusion.learned_weights import ChosenWeights, choose_weights
from signlens.models.ensemble import SAM_SLR_WEIGHTS, ensemble
from signlens.training.run import Run, load_scores
from signlens.training.sources import TEST
from signlens_studies.starter.tasks import BACK, FOLDS, FORTH, SHARED_WORDS

FIXED, CHOSEN = "four streams, SAM-SLR's weights", "four streams, weights chosen on validation"


@dataclass(frozen=True)
class Task:
    """Clips that are scored together.

    Attributes:
        name: Name, for people.
        splits: Splits whose scored clips make it up.
        glosses: The choice; None is every class that a scored clip has.
    """

    name: str
    splits: tuple[str, ...]
    glosses: tuple[str, ...] | None = None


TASKS = (
    Task("WLASL50-real", FOLDS),
    Task("Traduttore 1 to 2", (FORTH,), SHARED_WORDS),
    Task("Traduttore 2 to 1", (BACK,), SHARED_WORDS),
)


@dataclass(frozen=True)
class ScoredTask:
    """Scores of every network on the clips of a task, all in the same order.

    Attributes:
        labels: (N,) classes among the task's glosses.
        logits: Network -> (N, glosses).
        parts: (N,) number of the split that scored each clip.
    """

    labels: NDArray[np.int64]
    logits: dict[str, NDArray[np.float64]]
    parts: NDArray[np.int64]


def score_task(run: Run, task: Task) -> ScoredTask:
    """A run's scores on a task, narrowed to its glosses.

    Raises:
        PartMissing: A network has not been trained.
    """
    labels = parts = chosen = glosses = np.zeros(0, np.int64)
    logits = {}
    source = run.source
    for network in run.experiment.networks:
        found = [load_scores(run.folder, (network, split), TEST) for split in task.splits]
        labels = source.labels[np.concatenate([rows for rows, _ in found])]
        parts = np.repeat(np.arange(len(found)), [len(rows) for rows, _ in found])
        glosses = np.unique(labels)
        if task.glosses is not None:
            glosses = np.array(sorted(source.classes.index(g) for g in task.glosses))
        chosen = np.flatnonzero(np.isin(labels, glosses))
        values = np.concatenate([values for _, values in found])
        logits[network] = values[chosen][:, glosses].astype(np.float64)
    return ScoredTask(np.searchsorted(glosses, labels[chosen]), logits, parts[chosen])


@dataclass(frozen=True)
class StreamTable:
    """Streams and ensembles on one task.

    Attributes:
        task: Its name.
        clips: Number of clips.
        glosses: Number of glosses.
        rows: System -> top-1 and top-5, percent.
    """

    task: str
    clips: int
    glosses: int
    rows: dict[str, tuple[Interval, Interval]]


def stream_tables(run: Run) -> tuple[list[StreamTable], ChosenWeights]:
    """A table for each task, and the weights that WLASL50-real's out-of-fold clips choose.

    Weights are chosen on WLASL50-real: for the clips of a fold on the other folds, and on all of it for
    Traduttore, whose clips choose nothing.

    Raises:
        PartMissing: A network has not been trained.
    """
    tables = []
    validation = score_task(run, TASKS[0])
    chosen = choose_weights(validation.logits, validation.labels, folds=validation.parts)
    for task in TASKS:
        scored = score_task(run, task)
        systems = dict(scored.logits)
        if set(SAM_SLR_WEIGHTS) <= set(systems):
            systems[FIXED] = ensemble(scored.logits, SAM_SLR_WEIGHTS)
        if task is TASKS[0]:
            systems[CHOSEN] = _cross_fitted(scored)
        else:
            systems[CHOSEN] = ensemble(scored.logits, chosen.chosen.weights)
        rows = {
            name: (
                bootstrap(100.0 * top_k_hits(values, scored.labels, 1)),
                bootstrap(100.0 * top_k_hits(values, scored.labels, 5)),
            )
            for name, values in systems.items()
        }
        width = next(iter(scored.logits.values())).shape[1]
        tables.append(StreamTable(task.name, len(scored.labels), width, rows))
    return tables, chosen


def _cross_fitted(scored: ScoredTask) -> NDArray[np.float64]:
    made = np.zeros_like(next(iter(scored.logits.values())))
    for part in np.unique(scored.parts):
        here, other = scored.parts == part, scored.parts != part
        weights = choose_weights(
            {n: v[other] for n, v in scored.logits.items()}, scored.labels[other], folds=scored.parts[other]
        ).chosen.weights
        made[here] = ensemble({n: v[here] for n, v in scored.logits.items()}, weights)
    return made


def markdown(tables: list[StreamTable], chosen: ChosenWeights) -> str:
    """The tables for people."""
    lines = []
    for table in tables:
        lines += [
            f"**{table.task}** ({table.clips} clips, {table.glosses} glosses)",
            "",
            "| system | top-1 | 95 % | top-5 | 95 % |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {one.value:.1f} | {one.low:.1f}-{one.high:.1f} "
            f"| {five.value:.1f} | {five.low:.1f}-{five.high:.1f} |"
            for name, (one, five) in table.rows.items()
        ]
        lines.append("")
    lines.append(f"On the validation clips ({chosen.clips}, all folds of WLASL50-real out of fold), right:")
    lines += [f"- {c.name}: {c.right} (cross-fitted {c.cross_fitted_right})" for c in chosen.candidates]
    lines.append(f"Chosen: {chosen.chosen.name}.")
    return "\n".join(lines) + "\n"


def as_json(tables: list[StreamTable], chosen: ChosenWeights) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "tables": [
            {
                "task": t.task,
                "clips": t.clips,
                "glosses": t.glosses,
                "rows": {n: {"top1": vars(one), "top5": vars(five)} for n, (one, five) in t.rows.items()},
            }
            for t in tables
        ],
        "weights": chosen.to_json(),
    }
