"""An experiment's settings to an untrained network: a plain dictionary of kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from signlens.errors import UsageError
from signlens.models import slgcn
from signlens.models.handshape import HandShapeConfig, HandShapeNet
from signlens.training.experiment import NetworkSettings


def _slgcn(settings: NetworkSettings, classes: int) -> nn.Module:
    configuration = _named(slgcn.CONFIGURATIONS, settings.configuration, "SL-GCN")(classes)
    return slgcn.SLGCN(_reshape(configuration, settings))


def _handshape(settings: NetworkSettings, classes: int) -> nn.Module:
    return HandShapeNet(_reshape(HandShapeConfig(classes), settings))


KINDS: dict[str, Callable[[NetworkSettings, int], nn.Module]] = {"slgcn": _slgcn, "handshape": _handshape}
"""Kind -> function of the settings and the number of classes."""


def build_network(settings: NetworkSettings, classes: int) -> nn.Module:
    """The network that an experiment's settings describe, freshly initialised.

    Raises:
        UsageError: A configuration or a field of its shape is not known.
    """
    return KINDS[settings.kind](settings, classes)


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
