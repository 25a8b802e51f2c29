"""SAM-SLR's ablations of the joint stream, theirs on AUTSL beside ours on the starter's two landmark sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signlens.errors import UsageError
from signlens.evaluation.metrics import Interval, bootstrap, top_k_hits
from signlens.optional import require_extra
from signlens_studies.reproduction import Reproduction, Row

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


def ablations(run: Path, draws: int = 2000, seed: int = 0) -> Reproduction:
    """The table of a run of ``sam_slr/ablations.toml``: top-1, and what each part is worth, paired.

    Args:
        run: The run's folder.
        draws: Number of bootstrap resamples.
        seed: Of these.

    Raises:
        UsageError: The folder is no such run.
        PartMissing: A network has not been trained, or PyTorch is not installed.
    """
    # Only here: the other tables are printed without PyTorch.
    try:
        from signlens_studies.sam_slr import streams
        from signlens_studies.starter.tasks import open_starter_run
    except ImportError as error:
        raise require_extra("train", error.name or "torch") from None
    opened = open_starter_run(run)
    experiment, source = opened.experiment, opened.source
    if not set(PUBLISHED) <= set(experiment.networks):
        raise UsageError(run, "is no run of the ablations", "train signlens_studies/sam_slr/ablations.toml")
    rows = []
    clips = {}
    for task in streams.TASKS:
        scored = streams.score_task(opened, task)
        right = {name: top_k_hits(values, scored.labels, 1) for name, values in scored.logits.items()}
        clips[task.name] = len(scored.labels)
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
