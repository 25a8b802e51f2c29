"""A fusion experiment: its file, and the folder that its training leaves (`slr_sentiment.fusion`).

Read without PyTorch, so that tables are printed without it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import PartMissing, UsageError
from signlens.training.experiment import _build

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

    architecture: str
    steps: int
    retrieval: str = ""
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    batch: int = 64
    dropout: float = 0.2


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

    name: str
    seed: int = 0
    provenance: tuple[str, ...] = (OUT_OF_FOLD,)
    emotion: str = NONE
    splits: tuple[str, ...] = ()
    transfer: tuple[str, ...] = ()
    space: str = "fused"
    stack: bool = False
    heads: dict[str, HeadSettings] = field(default_factory=dict)

    @property
    def reductions(self) -> tuple[str, ...]:
        """Those that a head reads."""
        return tuple(sorted({head.retrieval for head in self.heads.values() if head.retrieval}))


def is_fusion_experiment(path: Path) -> bool:
    """Whether a file is an experiment of this kind: it has a table ``heads`` or asks for a stack."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "heads" in table or "stack" in table


def load_fusion_experiment(path: Path) -> FusionExperiment:
    """Read an experiment file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UsageError(path, "there is no such experiment file", "see experiments/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(path, f"is not TOML ({error})", "correct it") from None
    heads = table.get("heads", {})
    if not isinstance(heads, dict):
        raise UsageError(path, "heads is not a table", "write [heads.NAME]")
    table["heads"] = {name: _head(name, entry, path) for name, entry in heads.items()}
    made = _build(FusionExperiment, table, "the file", path)
    unknown = [p for p in made.provenance if p not in PROVENANCES]
    if unknown or not made.provenance:
        raise UsageError(
            path, f"provenance {list(made.provenance)}", f"give some of {', '.join(PROVENANCES)}"
        )
    if not made.heads and not made.stack:
        raise UsageError(path, "names no head and no stack", "add [heads.NAME] or stack = true")
    return made


def _head(name: str, entry: Any, path: Path) -> HeadSettings:
    where = f"[heads.{name}]"
    head = _build(HeadSettings, entry, where, path)
    if not name.replace("_", "").isalnum():
        raise UsageError(path, f"{where} is not a name", "use letters, digits and _")
    if head.architecture not in ARCHITECTURES:
        raise UsageError(
            path, f"architecture {head.architecture!r} of {where}", f"choose from {', '.join(ARCHITECTURES)}"
        )
    if (head.architecture == WITH_RETRIEVAL) != bool(head.retrieval):
        raise UsageError(path, f"{where}: {WITH_RETRIEVAL} and retrieval go together", "give both or none")
    if head.retrieval and head.retrieval not in REDUCTIONS:
        raise UsageError(
            path, f"retrieval {head.retrieval!r} of {where}", f"choose from {', '.join(REDUCTIONS)}"
        )
    if head.steps < 1 or head.batch < 1 or not head.learning_rate > 0 or not 0 <= head.dropout < 1:
        raise UsageError(path, f"{where} has a value out of range", "steps, batch, rate > 0; dropout 0..1")
    return head


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
            "train one: signlens train signlens_studies/slr_sentiment/fusion-heads.toml --data RUN "
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
