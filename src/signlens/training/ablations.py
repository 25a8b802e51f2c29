"""SAM-SLR's ablations of the joint stream, theirs on AUTSL beside ours on the starter's two landmark sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.evaluation.metrics import Interval, bootstrap, top_k_hits
from signlens.evaluation.reproduce import Reproduction, Row
from signlens.training import command
from signlens.training import run as runs
from signlens.training.experiment import Experiment
from signlens.training.sources import TEST
from signlens.training.starter import FOLDS, SHARED_WORDS, StarterSource

FULL = "full"

PUBLISHED = {
    FULL: 95.02,
    "no_graph_reduction": 63.69,
    "no_decoupling": 94.66,
    "no_drop_graph": 94.81,
    "no_attention": 93.53,
    "no_augmentation": 90.16,
}
"""Top-1 on AUTSL's validation clips, joint stream (SAM-SLR, its table of ablations), percent."""

_PAPER_NAMES = {
    FULL: "SL-GCN, joint",
    "no_graph_reduction": "w/o graph reduction",
    "no_decoupling": "w/o decoupling GCN",
    "no_drop_graph": "w/o drop graph",
    "no_attention": "w/o STC attention",
    "no_augmentation": "w/o keypoint augmentation",
}


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
    Task("WLASL50-real", tuple(f"wlasl-fold-{k}" for k in range(FOLDS))),
    Task("Traduttore 1 to 2", ("traduttore-1-to-2",), SHARED_WORDS),
    Task("Traduttore 2 to 1", ("traduttore-2-to-1",), SHARED_WORDS),
)


def right_of(
    run: Path, source: StarterSource, experiment: Experiment, task: Task
) -> dict[str, NDArray[np.bool_]]:
    """Which clips of a task each network recognises, all networks on the same clips in the same order.

    Raises:
        PartMissing: A network has not been trained.
    """
    found = {}
    for network in experiment.networks:
        parts = [runs.load_scores(run, (network, split), TEST) for split in task.splits]
        labels = source.labels[np.concatenate([rows for rows, _ in parts])]
        logits = np.concatenate([values for _, values in parts])
        glosses = np.unique(labels)
        if task.glosses is not None:
            glosses = np.array(sorted(source.classes.index(g) for g in task.glosses))
        chosen = np.isin(labels, glosses)
        found[network] = top_k_hits(logits[chosen][:, glosses], np.searchsorted(glosses, labels[chosen]), 1)
    return found


def ablations(run: Path, draws: int = 2000, seed: int = 0) -> Reproduction:
    """The table of a run of ``experiments/ablations.toml``: top-1, and what each part is worth, paired.

    Args:
        run: The run's folder.
        draws: Number of bootstrap resamples.
        seed: Of these.

    Raises:
        UsageError: The folder is no such run.
        PartMissing: A network has not been trained.
    """
    experiment, data = command.open_run(run)
    source = runs.open_source(data, experiment)
    if not isinstance(source, StarterSource) or not set(PUBLISHED) <= set(experiment.networks):
        raise UsageError(run, "is no run of the ablations", "train experiments/ablations.toml")
    rows = []
    clips = {}
    for task in TASKS:
        right = right_of(run, source, experiment, task)
        clips[task.name] = len(right[FULL])
        for name, published in PUBLISHED.items():
            ours = bootstrap(100.0 * right[name], draws=draws, seed=seed)
            rows.append(
                Row(
                    f"{task.name}: {name}",
                    _PAPER_NAMES[name],
                    "percent",
                    published,
                    ours,
                    int(right[name].sum()),
                )
            )
            if name != FULL:
                gain = 100.0 * (right[name].astype(np.float64) - right[FULL])
                worth: Interval = bootstrap(gain, draws=draws, seed=seed)
                theirs = round(published - PUBLISHED[FULL], 2)
                rows.append(Row(f"{task.name}: {name} less {FULL}", "", "points", theirs, worth))
    return Reproduction(
        name="sam-slr-ablations",
        title="SAM-SLR, ablations of SL-GCN's joint stream (top-1)",
        theirs="AUTSL validation, 226 glosses, whole-body poses of HRNet, full-size network, 250 epochs",
        data={"file": str(run), "experiment": experiment.name, "clips": clips, "extractor": source.extractor},
        intervals={
            "kind": "percentile bootstrap",
            "level": 0.95,
            "draws": draws,
            "seed": seed,
            "unit": "clip",
        },
        rows=tuple(rows),
        notes=(
            "Ours: the starter configuration, few clips, no epoch chosen; differences are paired.",
            "Without graph reduction theirs has 133 keypoints; ours has the 49 of upper body and hands, as "
            "the landmark sets hold no more.",
            "Ours has DropGraph in the last of three blocks, stretches of 3 frames.",
        ),
    )
