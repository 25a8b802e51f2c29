"""Train one network of the recogniser on prepared clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from signlens.models.handshape import HandShapeConfig, HandShapeNet
from signlens.models.inputs import network_input
from signlens.models.slgcn import SLGCN, SLGCNConfig
from signlens.skeleton.augmentation import augment
from signlens.training.experiment import Experiment, NetworkSettings

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PreparedClips:
    """Clips at one window length, with labels.

    Attributes:
        joints: (N, T, 49, 3).
        seen: (N, T, 49).
        labels: (N,) class of each clip.
        weights: (N,) how often each is drawn, relative to the others.
    """

    joints: Array
    seen: Array
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]


def build_network(settings: NetworkSettings, classes: int) -> nn.Module:
    """The network that an experiment's settings describe."""
    if settings.kind == "handshape":
        return HandShapeNet(HandShapeConfig(classes, width=settings.width))
    return SLGCN(
        SLGCNConfig(
            classes,
            channels=settings.channels,
            strides=settings.strides,
            groups=settings.groups,
            temporal_kernel=settings.temporal_kernel,
            in_channels=3,
            # The windows are shorter than DropGraph's 41 frames, so it would drop whole clips.
            drop_graph_from=len(settings.channels),
            drop_classifier=0.3,
        )
    )


def fit(
    clips: PreparedClips,
    classes: int,
    experiment: Experiment,
    network: str,
    progress: Callable[[int, float], None] | None = None,
) -> nn.Module:
    """Train a network from scratch with AdamW and a one-cycle schedule.

    Args:
        clips: Training clips at the network's window.
        classes: Number of classes.
        experiment: Settings and seed.
        network: Which of the experiment's networks.
        progress: Called with the number of steps done and the loss.

    Returns:
        The network in evaluation mode.
    """
    settings = experiment.networks[network]
    torch.manual_seed(experiment.seed)
    rng = np.random.default_rng(experiment.seed)
    model = build_network(settings, classes)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.15
    )
    chance = clips.weights / clips.weights.sum()
    model.train()
    for step in range(settings.steps):
        chosen = rng.choice(len(clips.labels), settings.batch, p=chance)
        joints, seen = augment(clips.joints[chosen], clips.seen[chosen], experiment.augmentation, rng)
        x = torch.from_numpy(network_input(settings.kind, settings.stream, joints, seen))
        target = F.one_hot(torch.from_numpy(clips.labels[chosen]), classes).float()
        target = target * (1 - experiment.label_smoothing) + experiment.label_smoothing / classes
        if experiment.mixup and rng.random() < 0.5:
            share = float(rng.beta(experiment.mixup, experiment.mixup))
            other = torch.from_numpy(rng.permutation(settings.batch))
            x = share * x + (1 - share) * x[other]
            target = share * target + (1 - share) * target[other]
        with torch.autocast("cpu", torch.bfloat16, enabled=experiment.bfloat16 and settings.kind == "slgcn"):
            logits, _ = model(x)
        loss = -(target * F.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(step + 1, float(loss))
    return model.eval()


def infer(
    model: nn.Module, settings: NetworkSettings, joints: Array, seen: Array, batch: int = 256
) -> tuple[Array, Array]:
    """Logits (N, classes) and embeddings (N, D) of prepared clips, in evaluation mode."""
    logits, embeddings = [], []
    with torch.no_grad():
        for start in range(0, len(joints), batch):
            part = slice(start, start + batch)
            x = network_input(settings.kind, settings.stream, joints[part], seen[part])
            out, embedding = model(torch.from_numpy(x))
            logits.append(out.numpy())
            embeddings.append(embedding.numpy())
    return np.concatenate(logits), np.concatenate(embeddings)
