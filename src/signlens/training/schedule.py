"""Optimisers, learning rates and precision as functions of an experiment's settings and the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from signlens.training.experiment import TrainingSettings

_WARM_SHARE, _START, _END = 0.15, 1 / 25, 1e-5  # of one cycle: rise, first and last rate over the highest


def make_optimiser(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The optimiser over every parameter, biases and normalisation included (as SAM-SLR's)."""
    parameters, rate, decay = list(model.parameters()), settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(
            parameters,
            rate,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            weight_decay=decay,
        )
    kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, rate, weight_decay=decay)


def learning_rate(settings: TrainingSettings, step: int, steps_per_epoch: int, total_steps: int) -> float:
    """The rate of a step.

    ``milestones`` is SAM-SLR's: at epoch e of the warm-up rate * (e + 1) / warm_up, then times `factor`
    at each milestone passed. ``one-cycle`` rises and falls along cosines (Smith & Topin 2019).

    Args:
        settings: The schedule.
        step: Counted from 0.
        steps_per_epoch: Steps of an epoch.
        total_steps: Steps of the whole training.
    """
    rate = settings.learning_rate
    if settings.schedule == "milestones":
        epoch = step // steps_per_epoch
        if epoch < settings.warm_up:
            return rate * (epoch + 1) / settings.warm_up
        return rate * settings.factor ** sum(epoch >= m for m in settings.milestones)
    peak = max(1.0, _WARM_SHARE * total_steps)
    if step < peak:
        low, high, share = rate * _START, rate, step / peak
    else:
        low, high, share = rate, rate * _END, (step - peak) / max(1.0, total_steps - 1 - peak)
    return low + (high - low) * (1 - math.cos(math.pi * min(share, 1.0))) / 2


def use_bfloat16(settings: TrainingSettings, device: torch.device) -> bool:
    """Whether to multiply in bfloat16: as asked, or where the hardware has instructions for it."""
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(known is not None and known())
