"""A classifier that knows directions alone, so that its classes lie in the space that is searched."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CosineClassifier(nn.Module):
    """Logits: a fixed scale times the cosine between the embedding and each class's direction.

    Args:
        features: Length of the embedding.
        classes: Number of classes.
        scale: What the cosines are multiplied with; it bounds the logits.
    """

    def __init__(self, features: int, classes: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.empty(classes, features))
        nn.init.normal_(self.weight, std=1 / math.sqrt(features))

    def forward(self, embedding: Tensor) -> Tensor:
        """(N, features) to (N, classes) in -scale..scale."""
        return self.scale * F.linear(F.normalize(embedding, dim=1), F.normalize(self.weight, dim=1))
