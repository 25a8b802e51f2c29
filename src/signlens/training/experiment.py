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
from signlens.skeleton.augmentation import Augmentation


@dataclass(frozen=True)
class NetworkSettings:
    """One network of the ensemble and how it is trained.

    Attributes:
        kind: ``slgcn`` or ``handshape``.
        window: Frames of its input.
        steps: Optimiser steps.
        batch: Clips per step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: AdamW's.
        stream: Stream of the skeleton (SL-GCN only).
        channels: Output channels of each block (SL-GCN only).
        strides: Temporal strides of each block (SL-GCN only).
        temporal_kernel: Kernel over time (SL-GCN only).
        groups: Decoupling groups (SL-GCN only).
        width: Channels (hand-shape network only).
    """

    kind: str
    window: int
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    stream: str = ""
    channels: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    temporal_kernel: int = 9
    groups: int = 16
    width: int = 128


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a training run computes.

    Attributes:
        name: Name of the model that comes out.
        seed: Seed of all randomness.
        target_share: Share of each batch that comes from the data set under test, where there are two.
        label_smoothing: Mass of the target spread over all classes.
        mixup: Parameter of mixup's beta distribution, applied to half of the batches; 0 is off.
        bfloat16: Mixed precision; fast on processors that have it, slow on others.
        augmentation: How clips are varied.
        networks: The networks by name.
    """

    name: str
    seed: int
    target_share: float
    label_smoothing: float
    mixup: float
    bfloat16: bool
    augmentation: Augmentation
    networks: dict[str, NetworkSettings] = field(default_factory=dict)

    def digest(self, network: str) -> str:
        """Hash of all that decides one network's training, to tell finished work from outdated work."""
        parts = dataclasses.asdict(self)
        parts["networks"] = {network: parts["networks"][network]}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


T = TypeVar("T")


def _build(cls: type[T], table: dict[str, Any], where: str, path: Path) -> T:
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
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        UsageError: The file is missing, is not TOML, or holds an unknown or lacks a needed key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(path, "there is no such experiment file", "see experiments/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(path, f"is not TOML ({error})", "correct it") from None
    table["augmentation"] = _build(Augmentation, table.get("augmentation", {}), "[augmentation]", path)
    table["networks"] = {
        name: _build(NetworkSettings, entry, f"[networks.{name}]", path)
        for name, entry in table.get("networks", {}).items()
    }
    return _build(Experiment, table, "the file", path)
