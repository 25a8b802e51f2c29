"""An experiment's settings to an untrained network: a plain dictionary of kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from signlens.errors import UsageError
from signlens.models import r2plus1d, slgcn, sstcn
from signlens.models.handshape import HandShapeConfig, HandShapeNet
from signlens.training.experiment import NetworkSettings


def configuration_of(settings: NetworkSettings, classes: int) -> Any:
    """The shape of the network that an experiment's settings describe.

    Raises:
        UsageError: A configuration or a field of its shape is not known.
    """
    if settings.kind == "handshape":
        return _reshape(HandShapeConfig(classes), settings)
    configurations: dict[str, Any] = {
        "slgcn": slgcn.CONFIGURATIONS,
        "sstcn": sstcn.CONFIGURATIONS,
        "r2plus1d": r2plus1d.CONFIGURATIONS,
    }
    named = configurations[settings.kind]
    return _reshape(_named(named, settings.configuration, settings.kind)(classes), settings)


KINDS: dict[str, Callable[[Any], nn.Module]] = {
    "slgcn": slgcn.SLGCN,
    "handshape": HandShapeNet,
    "sstcn": sstcn.SSTCN,
    "r2plus1d": r2plus1d.R2Plus1D,
}
"""Kind -> function of its configuration."""


def build_network(settings: NetworkSettings, classes: int) -> nn.Module:
    """The network that an experiment's settings describe, freshly initialised.

    Raises:
        UsageError: A configuration or a field of its shape is not known.
        PartMissing: ``r2plus1d`` without torchvision.
    """
    return KINDS[settings.kind](configuration_of(settings, classes))


def _named(configurations: dict[str, Any], name: str, kind: str) -> Any:
    if name not in configurations:
        raise UsageError(
            "configuration", f"{kind} has none called {name!r}", f"choose from {', '.join(configurations)}"
        )
    return configurations[name]


def _reshape(configuration: Any, settings: NetworkSettings) -> Any:
    known = configuration.to_json()
    for key in settings.shape:
        if key not in known or key == "classes":
            raise UsageError(
                "shape", f"{settings.kind} has no field {key!r}", f"known are: {', '.join(sorted(known))}"
            )
    return type(configuration)(**{**vars(configuration), **settings.shape})
