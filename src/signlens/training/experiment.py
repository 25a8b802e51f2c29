"""One TOML file is one experiment; an unknown key is an error."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from signlens.errors import UsageError
from signlens.models.inputs import SAM_SLR
from signlens.settings_file import check_settings, read_toml
from signlens.skeleton.augmentation import Augmentation, PixelAugmentation

_STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True)
class Selection:
    """Which clips; what is empty does not restrict, and what is given must all hold.

    Attributes:
        dataset: Names of datasets, where there are several.
        split: Names of splits of the manifest.
        fold: Numbers of folds.
        signer: Signers.
        gloss: Patterns of glosses, such as ``letter:*``.
        without: Patterns of glosses that are left out.
    """

    __pydantic_config__: ClassVar = _STRICT

    dataset: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    fold: tuple[int, ...] = ()
    signer: tuple[str, ...] = ()
    gloss: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


Selections = Selection | tuple[Selection, ...]
"""One selection, or several of which each adds its clips."""


@dataclass(frozen=True)
class SplitSettings:
    """One way to part the clips.

    Attributes:
        name: Name, also of the folder with its networks.
        train: Clips that train.
        validation: Clips that choose the best epoch; without any the last epoch is taken.
        test: Clips that are only scored.
        target: Which of the training clips are of the data under test (see `TrainingSettings.target_share`);
            all, where nothing is said.
    """

    __pydantic_config__: ClassVar = _STRICT

    name: str
    train: Selections
    validation: Selections = ()
    test: Selections = ()
    target: Selections = ()


@dataclass(frozen=True)
class DataSettings:
    """Where the clips come from and how they are parted.

    Attributes:
        dataset: A dataset folder (`signlens dataset import`), or several: their glosses are one table.
        preparation: ``normalised`` (signer-centred, resampled to the window) or ``sam-slr`` (pixels,
            loop-padded, a random window in training; reference recipe).
        videos: Folder of the videos that the manifest's sources name; for ``r2plus1d`` alone.
        only: Names of those splits of the source to train; empty is all of them.
        split: The splits; none means the official one: train, val, test.
    """

    __pydantic_config__: ClassVar = _STRICT

    dataset: str | tuple[str, ...]
    preparation: Literal["normalised", "sam-slr"] = "normalised"
    videos: str = ""
    only: tuple[str, ...] = ()
    split: tuple[SplitSettings, ...] = ()

    @property
    def datasets(self) -> tuple[str, ...]:
        """The dataset folders as the file names them."""
        return (self.dataset,) if isinstance(self.dataset, str) else self.dataset

    def folders(self, place: Path | None = None) -> tuple[Path, ...]:
        """The dataset folders.

        Args:
            place: Another place: of one dataset its folder, of several the folder that holds them by name.
        """
        if place is None:
            return tuple(Path(name) for name in self.datasets)
        return (place,) if len(self.datasets) == 1 else tuple(place / Path(n).name for n in self.datasets)


@dataclass(frozen=True)
class VocabularySettings:
    """What the classes are.

    Attributes:
        idle: The gloss of clips that show no signing; empty if there are none.
        outside: Patterns of glosses that are learned but never answered, such as ``letter:*``.
    """

    __pydantic_config__: ClassVar = _STRICT

    idle: str = ""
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupSettings:
    """Networks that count as one in the ensemble.

    Attributes:
        name: Of the group.
        networks: Its networks. SAM-SLR's four streams count by its fixed weights, others the same each.
        merge: Whether they become one network of the model, the mean of all, of the group's name.
    """

    __pydantic_config__: ClassVar = _STRICT

    name: str
    networks: tuple[str, ...]
    merge: bool = False


@dataclass(frozen=True)
class ExportSettings:
    """What becomes of a run's networks in a model's folder.

    Attributes:
        split: Whose networks ship; need not be said where there is one split.
        calibrate: Splits whose tested clips, which their networks did not see, choose weights, temperature,
            threshold and stack. Empty for the validation clips of `split`.
        groups: Networks that count together.
        per_gloss: Clips of each gloss and signer that the gallery holds, at most.
        accepted: Share of the rightly recognised clips that must not be called unknown, 0..1.
    """

    __pydantic_config__: ClassVar = _STRICT

    split: str = ""
    calibrate: tuple[str, ...] = ()
    groups: tuple[GroupSettings, ...] = ()
    per_gloss: int = 12
    accepted: float = 0.9

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A value out of range.
        """
        if self.per_gloss < 1 or not 0 < self.accepted <= 1:
            raise ValueError("per_gloss is at least 1, accepted above 0 and at most 1")


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

    __pydantic_config__: ClassVar = _STRICT

    batch: int
    learning_rate: float
    epochs: int = 0
    steps: int = 0
    optimiser: Literal["sgd", "adam", "adamw"] = "adamw"
    momentum: float = 0.0
    weight_decay: float = 0.0
    decay_until: int = 0
    schedule: Literal["one-cycle", "milestones"] = "one-cycle"
    warm_up: int = 0
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    draw: Literal["shuffle", "balanced", "pairs"] = "shuffle"
    target_share: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    clip_gradient: float = 0.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    objective: Literal["cross_entropy", "supervised_contrastive", "arcface"] = "cross_entropy"
    contrast_weight: float = 1.0
    contrast_temperature: float = 0.1
    margin: float = 0.2

    def __post_init__(self) -> None:
        """Check what one key says against another.

        Raises:
            ValueError: They do not fit.
        """
        if bool(self.epochs) == bool(self.steps):
            raise ValueError("give either epochs or steps")
        if self.batch < 1 or self.learning_rate <= 0:
            raise ValueError("batch and learning_rate are to be positive")
        if self.objective != "cross_entropy" and self.mixup:
            raise ValueError(f"{self.objective} needs clips of one class each: set mixup = 0")
        if self.contrast_weight < 0 or self.contrast_temperature <= 0 or self.margin < 0:
            raise ValueError("give contrast_weight and margin of 0 or more, contrast_temperature above 0")

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

    __pydantic_config__: ClassVar = _STRICT

    kind: Literal["slgcn", "handshape", "sstcn", "r2plus1d"]
    window: int
    training: TrainingSettings
    configuration: str = "starter"
    shape: dict[str, Any] = field(default_factory=dict)
    stream: str = ""
    frames: int = 0
    augment: bool = True
    augmentation: Augmentation | PixelAugmentation | None = None
    start_from: str = ""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: No frame is read.
        """
        if self.window < 1:
            raise ValueError("window is to be positive")


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a training run computes.

    Attributes:
        name: Name of the model that comes out.
        seed: Seed of all randomness.
        data: The clips.
        augmentation: How clips are varied; of the kind that the preparation asks for.
        networks: The networks by name.
        vocabulary: Which of the classes are answered.
        export: How a model is made of the run.
    """

    __pydantic_config__: ClassVar = _STRICT

    name: str
    seed: int
    data: DataSettings
    augmentation: Augmentation | PixelAugmentation
    networks: dict[str, NetworkSettings] = field(default_factory=dict)
    vocabulary: VocabularySettings = VocabularySettings()
    export: ExportSettings = ExportSettings()

    def digest(self, network: str) -> str:
        """Hash of all that decides one network's training, to tell finished work from outdated work."""
        parts = dataclasses.asdict(self)
        own = parts["networks"][network]
        parts["networks"] = {network: own}
        # What is varied by amounts of its own is not varied by the experiment's.
        parts["augmentation"] = own.pop("augmentation") or parts["augmentation"]
        # The name, where the data stand and which of their splits are wanted now do not change a piece.
        del parts["name"], parts["export"]
        for key in ("dataset", "videos", "only", "split"):  # whose clips they are is known to the source
            del parts["data"][key]
        # Weights to start from count by what they are, not by where they stand (`run.piece_digest`).
        del own["start_from"]
        for key in self.networks[network].training.unused:
            del own["training"][key]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    A network's own ``training`` and ``augmentation`` tables stand over the experiment's.

    Raises:
        UsageError: The file is missing, is not TOML, holds an unknown or lacks a needed key, or a value
            that is none of those known.
    """
    table = read_toml(path)
    common, amounts = table.pop("training", {}), table.pop("augmentation", {})
    if "heads" in table or "stack" in table:
        raise UsageError(
            path,
            "joins the scores of networks and trains none",
            "python -m signlens_studies slr-sentiment fuse",
        )
    networks = table.pop("networks", {})
    if not isinstance(networks, dict) or not networks:
        raise UsageError(path, "the file names no network", "add [networks.NAME]")
    data = check_settings(DataSettings, table.get("data", {}), path, "data")
    kind: type[Augmentation | PixelAugmentation] = (
        PixelAugmentation if data.preparation == SAM_SLR else Augmentation
    )
    augmentation = check_settings(kind, amounts, path, "augmentation")
    found = {
        name: _network(entry, common, amounts, kind, path, f"networks.{name}")
        for name, entry in networks.items()
    }
    plain = check_settings(Experiment, {**table, "augmentation": {}}, path)
    return dataclasses.replace(plain, augmentation=augmentation, networks=found)


def _network(
    entry: Any,
    common: Any,
    amounts: Any,
    kind: type[Augmentation | PixelAugmentation],
    path: Path,
    where: str,
) -> NetworkSettings:
    for name, value in ((where, entry), ("training", common)):
        if not isinstance(value, dict):
            raise UsageError(path, f"[{name}] is not a table", "correct it")
    own = entry.get("augmentation")
    varied = None
    if own is not None:
        if not isinstance(own, dict):
            raise UsageError(path, f"[{where}.augmentation] is not a table", "correct it")
        varied = check_settings(kind, {**amounts, **own}, path, f"{where}.augmentation")
    rest = {key: value for key, value in entry.items() if key not in ("augmentation", "training")}
    learned = check_settings(
        TrainingSettings, {**common, **entry.get("training", {})}, path, f"{where}.training"
    )
    checked = check_settings(NetworkSettings, {**rest, "training": dataclasses.asdict(learned)}, path, where)
    # A list in a shape is a tuple in the configuration.
    shape: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in checked.shape.items()}
    if learned.objective == "arcface" and not float(shape.get("cosine_scale", 0)) > 0:
        raise UsageError(
            path,
            f"[{where}] learns by arcface without a cosine classifier",
            "give its shape cosine_scale = 16",
        )
    return dataclasses.replace(checked, shape=shape, training=learned, augmentation=varied)
