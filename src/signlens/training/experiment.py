"""One TOML file is one experiment; an unknown key is an error."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from signlens.errors import UsageError
from signlens.models.inputs import PREPARATIONS, SAM_SLR
from signlens.skeleton.augmentation import Augmentation, PixelAugmentation

STARTER_SETS = "starter-sets"
"""The data source of the starter model: both landmark sets together, with their own splits."""


@dataclass(frozen=True)
class Selection:
    """Which clips of a dataset; what is empty does not restrict.

    Attributes:
        split: Names of splits of the manifest.
        fold: Numbers of folds.
        signer: Signers.
    """

    split: tuple[str, ...] = ()
    fold: tuple[int, ...] = ()
    signer: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was asked for."""
        return not (self.split or self.fold or self.signer)


@dataclass(frozen=True)
class SplitSettings:
    """One way to part a dataset.

    Attributes:
        name: Name, also of the folder with its networks.
        train: Clips that train.
        validation: Clips that choose the best epoch; without any the last epoch is taken.
        test: Clips that are only scored.
    """

    name: str
    train: Selection
    validation: Selection = Selection()
    test: Selection = Selection()


@dataclass(frozen=True)
class DataSettings:
    """Where the clips come from and how they are parted.

    Attributes:
        dataset: A dataset folder (`signlens dataset import`), or ``starter-sets``.
        preparation: ``normalised`` (signer-centred, resampled to the window) or ``sam-slr`` (pixels,
            loop-padded, a random window in training; reference recipe).
        videos: Folder of the videos that the manifest's sources name; for ``r2plus1d`` alone.
        only: Names of those splits of the source to train; empty is all of them.
        split: The splits; none means the official one: train, val, test.
    """

    dataset: str
    preparation: str = "normalised"
    videos: str = ""
    only: tuple[str, ...] = ()
    split: tuple[SplitSettings, ...] = ()


@dataclass(frozen=True)
class TrainingSettings:
    """How networks are trained.

    Attributes:
        batch: Clips per step, over all processes.
        learning_rate: Highest rate of the schedule.
        epochs: Passes over the training clips; or
        steps: optimiser steps. One of the two is given.
        optimiser: ``sgd`` (Nesterov), ``adam`` or ``adamw``.
        momentum: SGD's.
        weight_decay: On every parameter.
        decay_until: Epoch from which on there is no weight decay; 0 is never.
        schedule: ``one-cycle`` or ``milestones``.
        warm_up: Epochs of linear rise at the start (``milestones``), at epoch e (e + 1) / warm_up.
        milestones: Epochs at which the rate is multiplied by `factor`.
        factor: See `milestones`.
        draw: ``shuffle`` (every clip once an epoch), ``balanced`` (rare classes more often), or ``pairs``:
            balanced, and each clip brings another of its class.
        target_share: Share of balanced draws that comes from the data set under test, where the source
            joins several; 0 leaves the draws as they are.
        label_smoothing: Mass of the target spread over all classes.
        mixup: Parameter of mixup's beta distribution, applied to half of the batches; 0 is off.
        clip_gradient: Largest norm of the gradient; 0 is off.
        precision: ``float32``, ``bfloat16``, or ``auto``: bfloat16 where the hardware has it.
        objective: ``cross_entropy``; ``supervised_contrastive``: the cross-entropy and, beside it, the
            contrast of embeddings; ``arcface``: the cross-entropy with an angular margin, for a cosine
            classifier (`signlens.training.objectives`).
        contrast_weight: Of the contrast, beside 1 of the cross-entropy (``supervised_contrastive``).
        contrast_temperature: Of the contrast's softmax.
        margin: Radians (``arcface``).
    """

    batch: int
    learning_rate: float
    epochs: int = 0
    steps: int = 0
    optimiser: str = "adamw"
    momentum: float = 0.0
    weight_decay: float = 0.0
    decay_until: int = 0
    schedule: str = "one-cycle"
    warm_up: int = 0
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    draw: str = "shuffle"
    target_share: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    clip_gradient: float = 0.0
    precision: str = "auto"
    objective: str = "cross_entropy"
    contrast_weight: float = 1.0
    contrast_temperature: float = 0.1
    margin: float = 0.2

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings that the objective does not read, so that they do not decide what is trained."""
        return {
            "cross_entropy": ("objective", "contrast_weight", "contrast_temperature", "margin"),
            "supervised_contrastive": ("margin",),
            "arcface": ("contrast_weight", "contrast_temperature"),
        }[self.objective]


@dataclass(frozen=True)
class NetworkSettings:
    """One network: what it is, what it reads, how it is trained.

    Attributes:
        kind: ``slgcn``, ``handshape``, ``sstcn`` (heat-maps), ``r2plus1d`` (pictures).
        window: Frames that it reads in training (SSTCN and R(2+1)D: its configuration's).
        training: How it is trained.
        configuration: Named shape of the network (SL-GCN, SSTCN: ``paper``, ``starter`` / ``small``).
        shape: Fields of the network's configuration that differ from the named one.
        stream: Stream of the skeleton (SL-GCN only).
        frames: Frames that it reads in evaluation; 0 is `window`.
        augment: Whether its clips are augmented.
        augmentation: How, where that differs from the experiment's; None where it does not.
        start_from: Folder of a run (from the present folder) whose network of the same name and split gives
            the first weights; empty starts from random ones.
    """

    kind: str
    window: int
    training: TrainingSettings
    configuration: str = "starter"
    shape: dict[str, Any] = field(default_factory=dict)
    stream: str = ""
    frames: int = 0
    augment: bool = True
    augmentation: Augmentation | PixelAugmentation | None = None
    start_from: str = ""


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a training run computes.

    Attributes:
        name: Name of the model that comes out.
        seed: Seed of all randomness.
        data: The clips.
        augmentation: How clips are varied; of the kind that the preparation asks for.
        networks: The networks by name.
    """

    name: str
    seed: int
    data: DataSettings
    augmentation: Augmentation | PixelAugmentation
    networks: dict[str, NetworkSettings] = field(default_factory=dict)

    def digest(self, network: str) -> str:
        """Hash of all that decides one network's training, to tell finished work from outdated work."""
        parts = dataclasses.asdict(self)
        own = parts["networks"][network]
        parts["networks"] = {network: own}
        # What is varied by amounts of its own is not varied by the experiment's.
        parts["augmentation"] = own.pop("augmentation") or parts["augmentation"]
        # The name, where the data stand and which of their splits are wanted now do not change a piece.
        del parts["name"]
        for key in ("dataset", "videos", "only"):
            del parts["data"][key]
        # Weights to start from count by what they are, not by where they stand (`run.piece_digest`).
        del own["start_from"]
        for key in self.networks[network].training.unused:
            del own["training"][key]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


T = TypeVar("T")


def _build(cls: type[T], table: Any, where: str, path: Path) -> T:
    if not isinstance(table, dict):
        raise UsageError(path, f"{where} is not a table", "see experiments/ for examples")
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise UsageError(
            path, f"unknown key {unknown[0]!r} in {where}", f"known are: {', '.join(sorted(known))}"
        )
    needed = [
        name
        for name, f in known.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and name not in table
    ]
    if needed:
        raise UsageError(path, f"{where} lacks {needed[0]!r}", "add it")
    made = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    for name, value in made.items():
        expected = str(known[name].type).split("[")[0]
        right = {
            "int": isinstance(value, int) and not isinstance(value, bool),
            "float": isinstance(value, int | float) and not isinstance(value, bool),
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
            "tuple": isinstance(value, tuple),
        }.get(expected, True)
        if not right:
            raise UsageError(path, f"{name!r} in {where} is not {expected}: {value!r}", "correct it")
    return cls(**made)


def _choice(value: str, known: tuple[str, ...], what: str, path: Path) -> None:
    if value not in known:
        raise UsageError(path, f"there is no {what} {value!r}", f"choose from {', '.join(known)}")


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        UsageError: The file is missing, is not TOML, holds an unknown or lacks a needed key, or a value
            that is none of those known.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(path, "there is no such experiment file", "see experiments/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(path, f"is not TOML ({error})", "correct it") from None
    common = table.pop("training", {})
    data = _data(table.get("data", {}), path)
    table["data"] = data
    kind = PixelAugmentation if data.preparation == SAM_SLR else Augmentation
    amounts = table.get("augmentation", {})
    table["augmentation"] = _build(kind, amounts, "[augmentation]", path)
    table["networks"] = {
        name: _network(name, _own_augmentation(name, entry, amounts, kind, path), common, path)
        for name, entry in table.get("networks", {}).items()
    }
    if not table["networks"]:
        raise UsageError(path, "the file names no network", "add [networks.NAME]")
    return _build(Experiment, table, "the file", path)


def _data(entry: Any, path: Path) -> DataSettings:
    splits = []
    for part in entry.get("split", ()) if isinstance(entry, dict) else ():
        where = f"[[data.split]] {part.get('name', '')}"
        made = {
            key: _build(Selection, value, f"{key} of {where}", path) if key != "name" else value
            for key, value in part.items()
        }
        splits.append(_build(SplitSettings, made, where, path))
    if splits:
        entry = {**entry, "split": splits}
    data = _build(DataSettings, entry, "[data]", path)
    _choice(data.preparation, PREPARATIONS, "preparation", path)
    return data


def _own_augmentation(
    name: str, entry: Any, amounts: Any, kind: type[Augmentation | PixelAugmentation], path: Path
) -> Any:
    """A network's table, its own amounts of augmentation joined with the experiment's."""
    own = entry.get("augmentation") if isinstance(entry, dict) else None
    if own is None:
        return entry
    where = f"[augmentation] of [networks.{name}]"
    if not isinstance(own, dict):
        raise UsageError(path, f"{where} is not a table", "see experiments/ for examples")
    return {**entry, "augmentation": _build(kind, {**amounts, **own}, where, path)}


def _network(name: str, entry: Any, common: Any, path: Path) -> NetworkSettings:
    where = f"[networks.{name}]"
    if not isinstance(entry, dict):
        raise UsageError(path, f"{where} is not a table", "see experiments/ for examples")
    training = _build(
        TrainingSettings, {**common, **entry.get("training", {})}, f"[training] of {where}", path
    )
    _choice(training.optimiser, ("sgd", "adam", "adamw"), "optimiser", path)
    _choice(training.schedule, ("one-cycle", "milestones"), "schedule", path)
    _choice(training.draw, ("shuffle", "balanced", "pairs"), "draw", path)
    _choice(training.objective, ("cross_entropy", "supervised_contrastive", "arcface"), "objective", path)
    _choice(training.precision, ("auto", "float32", "bfloat16"), "precision", path)
    if bool(training.epochs) == bool(training.steps):
        raise UsageError(path, f"{where} needs either epochs or steps", "give one of the two")
    if training.batch < 1 or training.learning_rate <= 0:
        raise UsageError(path, f"batch and learning_rate of {where} are to be positive", "correct them")
    _check_objective(training, where, path)
    network = _build(NetworkSettings, {**entry, "training": training}, where, path)
    _choice(network.kind, ("slgcn", "handshape", "sstcn", "r2plus1d"), "kind of network", path)
    if network.window < 1:
        raise UsageError(path, f"window of {where} is to be positive", "correct it")
    # A list in a shape is a tuple in the configuration.
    shape = {k: tuple(v) if isinstance(v, list) else v for k, v in network.shape.items()}
    if training.objective == "arcface" and not float(network.shape.get("cosine_scale", 0)) > 0:
        raise UsageError(
            path, f"{where} learns by arcface without a cosine classifier", "give its shape cosine_scale = 16"
        )
    return dataclasses.replace(network, shape=shape)


def _check_objective(training: TrainingSettings, where: str, path: Path) -> None:
    if training.objective == "cross_entropy":
        return
    if training.mixup:
        raise UsageError(
            path, f"{training.objective} of {where} needs clips of one class each", "set mixup = 0"
        )
    if training.contrast_weight < 0 or training.contrast_temperature <= 0 or training.margin < 0:
        raise UsageError(
            path,
            f"contrast_weight, contrast_temperature or margin of {where} is out of range",
            "give 0 or more, and a temperature above 0",
        )
