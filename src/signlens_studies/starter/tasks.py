"""What the starter model is measured on: names of its datasets and splits, and the glosses of each task."""

from __future__ import annotations

from pathlib import Path

from signlens.errors import UsageError
from signlens.training.run import Run, open_run

TRADUTTORE, WLASL50 = "traduttore", "wlasl50"
"""Names of the two datasets that ``python -m signlens_studies starter datasets`` writes."""

SHARED_WORDS = (
    "can", "coffee", "get", "hello", "medium", "muffin", "no", "please", "small", "tea", "thank-you", "water",
)  # fmt: skip
"""The twelve words that both recorders of Traduttore signed."""

FOLDS = tuple(f"wlasl-fold-{k}" for k in range(5))
"""Splits that test WLASL50-real's clips in turn."""

FORTH, BACK = "traduttore-1-to-2", "traduttore-2-to-1"
"""Splits that test one recorder of Traduttore by networks that saw the other."""

OPEN_SET = "open-set"
"""The split that leaves every fifth gloss out of training, to see what unknown signs look like."""


def open_starter_run(folder: Path) -> Run:
    """A run on the two landmark sets.

    Raises:
        UsageError: The folder is no run, or one on other data.
        InputRejected: The datasets are not there.
    """
    run = open_run(folder)
    if {TRADUTTORE, WLASL50} - set(run.source.dataset):
        raise UsageError(
            folder,
            "was trained on other datasets than the starter's",
            "train signlens_studies/starter/starter.toml",
        )
    return run
