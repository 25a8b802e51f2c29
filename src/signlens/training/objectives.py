"""Losses beyond cross-entropy, for embeddings that are to be searched by cosine. Pure functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CROSS_ENTROPY, SUPERVISED_CONTRASTIVE, ARCFACE = OBJECTIVES = (
    "cross_entropy",
    "supervised_contrastive",
    "arcface",
)


def soft_cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    """Sum over clips of the cross-entropy with soft targets.

    Args:
        logits: (N, C).
        wanted: (N, C), rows sum to 1.
    """
    return -(wanted * F.log_softmax(logits, dim=1)).sum()


def supervised_contrastive(embedding: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Draw clips of one class together and push all others away (Khosla et al. 2020, their L_out, eq. 2).

    For each clip the mean, over the others of its class, of -log of that other's share among all other
    clips, softmax over cosines divided by the temperature. Only directions count.

    Args:
        embedding: (N, D), of any length above 0.
        labels: (N,) classes.
        temperature: Above 0.

    Returns:
        Mean over the clips whose class occurs again in the batch; 0 if there is none.
    """
    unit = F.normalize(embedding, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    similarity = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    log_share = similarity - similarity.logsumexp(dim=1, keepdim=True)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    count = positive.sum(dim=1)
    total = -torch.where(positive, log_share, 0.0).sum(dim=1) / count.clamp(min=1)
    return total.sum() / (count > 0).sum().clamp(min=1)


def additive_angular_margin(logits: Tensor, labels: Tensor, scale: float, margin: float) -> Tensor:
    """ArcFace (Deng et al. 2019, eq. 3): the true class's angle is made larger before the softmax.

    Args:
        logits: (N, C) `scale` times cosines (`signlens.models.cosine.CosineClassifier`).
        labels: (N,) true classes.
        scale: The classifier's.
        margin: Radians added to the angle of the true class; where the sum would pass pi, pi is taken.

    Returns:
        (N, C) logits for the cross-entropy.
    """
    true = labels[:, None]
    # The arc cosine's slope is infinite at its ends.
    cosine = (logits.gather(1, true) / scale).clamp(-1 + 1e-6, 1 - 1e-6)
    wider = torch.cos((torch.acos(cosine) + margin).clamp(max=torch.pi))
    return logits.scatter(1, true, scale * wider)
