"""A fusion experiment: its file, and the folder that its training leaves (`slr_sentiment.fusion`).

Read without PyTorch, so that tables are printed without it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import PartMissing, UsageError
from signlens.settings_file import load_settings, read_toml

OUT_OF_FOLD, IN_SAMPLE = "out_of_fold", "in_sample"
PROVENANCES = (OUT_OF_FOLD, IN_SAMPLE)

WITH_RETRIEVAL = "with_retrieval"
ARCHITECTURES = ("two_hidden", "one_hidden", "linear", WITH_RETRIEVAL)
"""The paper's first, second and third network of section 3.4, and that of section 5."""

REDUCTIONS = ("one_hot", "top_10", "top_20", "top_50", "mean")
"""How similarities become class scores (SLR-sentiment paper, section 5.0.1)."""

Array = NDArray[np.float64]

NONE, MADE_UP = "none", "made-up"
RUN_FILE, EXPERIMENT_FILE, FITTED_FILE = "run.json", "experiment.toml", "fitted.json"
KIND = "fusion"

ENSEMBLE, WITH_NEIGHBOURS, CHOSEN = "ensemble", "ensemble_with_retrieval", "chosen"


@dataclass(frozen=True)
class HeadSettings:
    """One fusion network and how it is trained: plain SGD on cross-entropy, no schedule, no early stopping.

    Attributes:
        architecture: One of `ARCHITECTURES`.
        steps: Steps of the optimiser; the clips are gone through in a new order each time.
        retrieval: The reduction that it reads (``with_retrieval`` alone).
        learning_rate: Of SGD without momentum.
        weight_decay: On every parameter.
        batch: Clips a step.
        dropout: After the first hidden layer.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    architecture: Literal["two_hidden", "one_hidden", "linear", "with_retrieval"]
    steps: int
    retrieval: Literal["", "one_hot", "top_10", "top_20", "top_50", "mean"] = ""
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    batch: int = 64
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A value out of range.
        """
        if (self.architecture == WITH_RETRIEVAL) != bool(self.retrieval):
            raise ValueError(f"{WITH_RETRIEVAL} and retrieval go together: give both or none")
        if self.steps < 1 or self.batch < 1 or not self.learning_rate > 0 or not 0 <= self.dropout < 1:
            raise ValueError("a value is out of range: steps, batch, learning_rate > 0; dropout 0..1")


@dataclass(frozen=True)
class FusionExperiment:
    """Everything that decides what a fusion experiment computes.

    Attributes:
        name: Its name.
        seed: Of all randomness.
        provenance: Whose scores teach the heads: ``out_of_fold``, ``in_sample`` (the paper's way), or both.
        emotion: ``none`` (zeros), ``made-up`` (vectors drawn at random, which know nothing of the clips), or
            a file of emotion vectors.
        splits: Splits of a run; empty is all of them.
        transfer: Further splits, scored with what all `splits` teach.
        space: In which similar signs are searched: ``fused`` or a network's.
        stack: Whether to learn the stack too.
        heads: The networks by name.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    seed: int = 0
    provenance: tuple[str, ...] = (OUT_OF_FOLD,)
    emotion: str = NONE
    splits: tuple[str, ...] = ()
    transfer: tuple[str, ...] = ()
    space: str = "fused"
    stack: bool = False
    heads: dict[str, HeadSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what the file asks for.

        Raises:
            ValueError: Nothing, or a name that no file can have.
        """
        if not self.provenance or set(self.provenance) - set(PROVENANCES):
            raise ValueError(f"provenance {list(self.provenance)}: give out_of_fold, in_sample, or both")
        if not self.heads and not self.stack:
            raise ValueError("names no head and no stack: add [heads.NAME] or stack = true")
        for name in self.heads:
            if not name.replace("_", "").isalnum():
                raise ValueError(f"{name!r} is not the name of a head: use letters, digits and _")

    @property
    def reductions(self) -> tuple[str, ...]:
        """Those that a head reads."""
        return tuple(sorted({head.retrieval for head in self.heads.values() if head.retrieval}))


def is_fusion_experiment(path: Path) -> bool:
    """Whether a file is an experiment of this kind: it has a table ``heads`` or asks for a stack."""
    try:
        table = read_toml(path)
    except UsageError:
        return False
    return "heads" in table or "stack" in table


def load_fusion_experiment(path: Path) -> FusionExperiment:
    """Read an experiment file.

    Raises:
        UsageError: It is missing, is not TOML, or holds an unknown key or a value out of range.
    """
    return load_settings(path, FusionExperiment)


# -- a finished run ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class FusionRun:
    """What `train_fusion` wrote.

    Attributes:
        folder: Where.
        experiment: Its settings.
        fitted: ``fitted.json``.
    """

    folder: Path
    experiment: FusionExperiment
    fitted: Mapping[str, Any]


def open_fusion_run(folder: Path) -> FusionRun:
    """A finished run."""
    try:
        kind = json.loads((folder / RUN_FILE).read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        kind = None
    if kind != KIND:
        raise UsageError(
            folder,
            "is not the folder of a fusion experiment",
            "train one: python -m signlens_studies slr-sentiment fuse fusion-heads.toml --data RUN "
            "--out FOLDER",
        )
    experiment = load_fusion_experiment(folder / EXPERIMENT_FILE)
    try:
        fitted = json.loads((folder / FITTED_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise PartMissing(folder / FITTED_FILE, "the experiment is not finished", "train it again") from None
    return FusionRun(folder, experiment, fitted)


def mean_emotion_weights(run: FusionRun, head: str, side: str) -> Array:
    """(8, C) weight from each emotion to each output of a linear head, the mean over the run's parts.

    Args:
        run: A finished run.
        head: Name of one of its heads.
        side: Of `PROVENANCES`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    settings = run.experiment.heads.get(head)
    if settings is None or side not in run.experiment.provenance:
        raise UsageError(head, f"is no head of {run.folder} on {side} scores", "see its experiment.toml")
    if settings.architecture != "linear":
        raise UsageError(
            head,
            "has hidden layers: no single weight leads from an emotion to an output",
            "name a linear head",
        )
    classes = len(run.fitted["classes"])
    found = []
    for part in run.fitted["parts"]:
        path = run.folder / side / part["part"] / f"{head}.safetensors"
        try:
            weight = load_file(path)["layers.0.weight"]
        except (OSError, SafetensorError, KeyError) as error:
            raise PartMissing(path, f"cannot be read ({type(error).__name__})", "train it again") from None
        if weight.shape != (classes, classes + len(EMOTIONS)):
            raise PartMissing(path, f"has weights of the shape {weight.shape}", "train it again")
        found.append(weight[:, classes:].T.astype(np.float64))
    return np.asarray(np.mean(found, axis=0))
