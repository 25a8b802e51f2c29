"""The ensemble's second kind of network: residual temporal convolutions over hand features.

It reads hand shape apart from hand place (`signlens.skeleton.hand_features`), which SL-GCN's
coordinates mix; with few clips a gloss that separation carries most of the accuracy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signlens.models.cosine import CosineClassifier
from signlens.skeleton.hand_features import FEATURES


@dataclass(frozen=True)
class HandShapeConfig:
    """Shape of the network.

    Attributes:
        classes: Number of glosses.
        width: Channels of the first two blocks; the last has twice as many.
        drop_input: Dropout of whole features.
        drop_block: Dropout of channels within a block.
        drop_classifier: Dropout before the classifier.
        cosine_scale: Above 0 the classifier is `CosineClassifier` with this scale; 0 is a linear one.
    """

    classes: int
    width: int = 128
    drop_input: float = 0.1
    drop_block: float = 0.2
    drop_classifier: float = 0.5
    cosine_scale: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for cards and checkpoints."""
        return asdict(self)


class TemporalBlock(nn.Module):
    """Two convolutions over time with normalisation before each, and a skip connection."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm1d(in_channels)
        self.conv1 = nn.Conv1d(in_channels, out_channels, kernel, stride, kernel // 2)
        self.norm2 = nn.BatchNorm1d(out_channels)
        self.drop = nn.Dropout1d(drop)
        self.conv2 = nn.Conv1d(out_channels, out_channels, kernel, 1, kernel // 2)
        self.skip: nn.Module = (
            nn.Identity()
            if in_channels == out_channels and stride == 1
            else nn.Conv1d(in_channels, out_channels, 1, stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T) to (N, C', T / stride)."""
        y = self.conv1(F.relu(self.norm1(x)))
        y = self.conv2(self.drop(F.relu(self.norm2(y))))
        return self.skip(x) + y


class HandShapeNet(nn.Module):
    """Gloss logits and an embedding from the features of a clip.

    Args:
        config: Its shape.
    """

    def __init__(self, config: HandShapeConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.input_norm = nn.BatchNorm1d(FEATURES)
        self.drop_input = nn.Dropout1d(config.drop_input)
        self.project = nn.Conv1d(FEATURES, width, 1)
        self.blocks = nn.Sequential(
            TemporalBlock(width, width, 5, 1, config.drop_block),
            TemporalBlock(width, width, 5, 2, config.drop_block),
            TemporalBlock(width, 2 * width, 3, 2, config.drop_block),
        )
        self.norm = nn.BatchNorm1d(2 * width)
        self.drop_classifier = nn.Dropout(config.drop_classifier)
        self.classifier: nn.Module = (
            CosineClassifier(4 * width, config.classes, config.cosine_scale)
            if config.cosine_scale > 0
            else nn.Linear(4 * width, config.classes)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, FEATURES) to logits (N, classes) and embedding (N, 4 * width): mean and maximum."""
        x = self.project(self.drop_input(self.input_norm(features.transpose(1, 2))))
        x = F.relu(self.norm(self.blocks(x)))
        embedding = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)
        return self.classifier(self.drop_classifier(embedding)), embedding
