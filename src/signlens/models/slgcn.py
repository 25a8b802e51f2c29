"""SL-GCN: the skeleton network of SAM-SLR, in PyTorch; it reads as the paper's figure.

Written from the description of Jiang et al., "Skeleton Aware Multi-modal Sign Language Recognition" (CVPR
workshops 2021), section 3.2: a block is a decoupled spatial graph convolution, attention over nodes, time and
channels, a convolution over time, DropGraph and a skip connection; ten blocks and a classifier are the
network. The paper's configuration has exactly 4,294,502 trainable parameters at 2,000 classes.

Activations are (N, C, T, V): clips, channels, frames, nodes. Models in use run in ONNX Runtime
(`signlens.training.folding` has what makes them fast).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signlens.errors import UsageError
from signlens.skeleton.graph import GRAPHS, Graph


@dataclass(frozen=True)
class SLGCNConfig:
    """Shape of an SL-GCN.

    Attributes:
        classes: Number of glosses.
        channels: Output channels of each block.
        strides: Temporal stride of each block.
        groups: Decoupling groups; output channel c uses the adjacency of group c mod groups.
        decoupled: False lets all channels share one adjacency (an ablation of the paper).
        attention: False leaves the attention out (an ablation of the paper).
        drop_graph: False never drops (an ablation of the paper).
        drop_graph_from: First block (counted from 0) whose activations DropGraph may drop.
        drop_block: Length in frames of a dropped stretch of time.
        in_channels: Channels of the input: x, y, confidence.
        temporal_kernel: Kernel of the temporal convolution.
        drop_classifier: Dropout before the classifier (0 in the paper).
        graph: Name of the skeleton in `signlens.skeleton.graph.GRAPHS`.

    Raises:
        UsageError: There is no graph of that name.
    """

    classes: int
    channels: tuple[int, ...] = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
    strides: tuple[int, ...] = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
    groups: int = 16
    decoupled: bool = True
    attention: bool = True
    drop_graph: bool = True
    drop_graph_from: int = 6
    drop_block: int = 41
    in_channels: int = 3
    temporal_kernel: int = 9
    drop_classifier: float = 0.0
    graph: str = "reduced"

    def __post_init__(self) -> None:
        if self.graph not in GRAPHS:
            raise UsageError(
                "graph", f"there is none called {self.graph!r}", f"choose from {', '.join(GRAPHS)}"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values, for cards and checkpoints."""
        return asdict(self)


def paper_slgcn(classes: int) -> SLGCNConfig:
    """The configuration of the SAM-SLR paper."""
    return SLGCNConfig(classes)


def starter(classes: int) -> SLGCNConfig:
    """The small one of the model that ships: windows of 16 frames, little data.

    DropGraph is off: its stretches of 41 frames would drop whole windows.
    """
    return SLGCNConfig(
        classes,
        channels=(32, 64, 128),
        strides=(1, 2, 2),
        groups=8,
        temporal_kernel=5,
        drop_graph=False,
        drop_classifier=0.3,
    )


CONFIGURATIONS: dict[str, Callable[[int], SLGCNConfig]] = {"paper": paper_slgcn, "starter": starter}
"""Named configurations, as functions of the number of classes."""


class TemporalConv(nn.Conv2d):
    """Convolution over time, every node by itself, initialised as in the paper's code.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel: Frames that it sees, odd; padded to keep the length.
        stride: Step in time.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, (kernel, 1), (stride, 1), (kernel // 2, 0))
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        zero_bias(self)


def zero_bias(layer: nn.Conv1d | nn.Conv2d | nn.Linear) -> None:
    """Start a layer's constants at 0."""
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


class DecoupledGraphConv(nn.Module):
    """Spatial graph convolution with one learnable adjacency per subset and channel group.

    Args:
        in_channels: Channels in.
        out_channels: Channels out, a multiple of groups.
        groups: Decoupling groups.
        graph: The skeleton.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int, graph: Graph) -> None:
        super().__init__()
        start = torch.from_numpy(graph.adjacency())
        self.subsets, self.groups = len(start), groups
        self.adjacency = nn.Parameter(start[:, None].repeat(1, groups, 1, 1))
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels * self.subsets))
        nn.init.normal_(self.weight, 0, math.sqrt(0.5 / (out_channels * self.subsets)))
        self.bias = nn.Parameter(torch.full((out_channels * self.subsets,), 1e-6))
        self.feature_norm = nn.BatchNorm2d(out_channels * self.subsets)
        self.norm = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.norm.weight, 1e-6)
        self.skip: nn.Module = (
            nn.Identity()
            if in_channels == out_channels
            else nn.Sequential(TemporalConv(in_channels, out_channels), nn.BatchNorm2d(out_channels))
        )

    def normalised_adjacency(self) -> Tensor:
        """(3, groups, V, V): every column divided by its sum + 0.001."""
        return self.adjacency / (self.adjacency.sum(dim=2, keepdim=True) + 0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) to (N, C', T, V)."""
        n, _, t, v = x.shape
        features = self.feature_norm(F.conv2d(x, self.weight.t()[..., None, None], self.bias))
        # Subset k of channel c = q * groups + g is mixed by the matrix of k and g.
        features = features.view(n, self.subsets, -1, self.groups, t, v)
        mixed = torch.einsum("nkqgtv,kgvw->nqgtw", features, self.normalised_adjacency())
        return F.relu(self.norm(mixed.reshape(n, -1, t, v)) + self.skip(x))


class STCAttention(nn.Module):
    """Spatial, temporal and channel attention, each as y * sigmoid(gate) + y, in this order.

    Args:
        channels: Channels in and out.
        nodes: Nodes of the skeleton; the spatial gate sees all of them.
    """

    def __init__(self, channels: int, nodes: int) -> None:
        super().__init__()
        spatial_kernel = nodes if nodes % 2 else nodes - 1
        self.spatial = nn.Conv1d(channels, 1, spatial_kernel, padding=spatial_kernel // 2)
        nn.init.xavier_normal_(self.spatial.weight)
        self.temporal = nn.Conv1d(channels, 1, 9, padding=4)
        nn.init.zeros_(self.temporal.weight)
        self.squeeze = nn.Linear(channels, channels // 2)
        nn.init.kaiming_normal_(self.squeeze.weight)
        self.excite = nn.Linear(channels // 2, channels)
        nn.init.zeros_(self.excite.weight)
        for layer in (self.spatial, self.temporal, self.squeeze, self.excite):
            zero_bias(layer)

    def forward(self, y: Tensor) -> Tensor:
        """(N, C, T, V) to the same shape."""
        y = y * (1 + torch.sigmoid(self.spatial(y.mean(dim=2)))[:, :, None, :])
        y = y * (1 + torch.sigmoid(self.temporal(y.mean(dim=3)))[:, :, :, None])
        gate = self.excite(F.relu(self.squeeze(y.mean(dim=(2, 3)))))
        return y * (1 + torch.sigmoid(gate)[:, :, None, None])


class DropGraph(nn.Module):
    """Drops neighbourhoods of nodes, then stretches of time (SAM-SLR section 3.2; DropGraph, ECCV 2020).

    Args:
        block: Length of a dropped stretch in frames (odd).
        graph: The skeleton.
    """

    neighbours: Tensor

    def __init__(self, block: int, graph: Graph) -> None:
        super().__init__()
        self.block = block
        self.register_buffer(
            "neighbours", torch.from_numpy((graph.adjacency().sum(0) > 0).astype(np.float32))
        )

    def forward(self, x: Tensor, keep: float) -> Tensor:
        """(N, C, T, V); keep is the share of activations to keep, 0..1. The identity in evaluation."""
        if not self.training or keep >= 1:
            return x
        return self.drop_time(self.drop_nodes(x, keep), keep)

    def drop_nodes(self, x: Tensor, keep: float) -> Tensor:
        """A node that is drawn goes with its neighbours; strong nodes are drawn more often."""
        # 1.92 is the mean number of neighbours of a node in the 27-node tree (2 * 26 / 27); larger
        # trees come to at most 2.
        seeds = _draw(x.detach().abs().mean(dim=(1, 2)), (1 - keep) / (1 + 1.92))  # (N, V)
        mask = (seeds @ self.neighbours < 0.001).to(x.dtype)
        return x * _rescaled(mask)[:, None, None, :]

    def drop_time(self, x: Tensor, keep: float) -> Tensor:
        """A frame that is drawn goes with those around it."""
        seeds = _draw(x.detach().abs().mean(dim=(1, 3)), (1 - keep) / self.block)  # (N, T)
        dropped = F.max_pool1d(seeds[:, None], self.block, stride=1, padding=self.block // 2)
        return x * _rescaled((1 - dropped[:, 0]).to(x.dtype))[:, None, :, None]


def _draw(strength: Tensor, rate: float) -> Tensor:
    """Zeros and ones, a one with the rate in the mean and in proportion to the strength."""
    share = strength / strength.sum().clamp(min=1e-12) * strength.numel()
    return torch.bernoulli((share * rate).clamp(max=1.0))


def _rescaled(mask: Tensor) -> Tensor:
    """The mask, scaled so that the mean activation stays."""
    return mask * (mask.numel() / mask.sum().clamp(min=1.0))


class Block(nn.Module):
    """Graph convolution, attention, convolution over time, DropGraph, skip connection, ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, config: SLGCNConfig, *, skip: bool, drop: bool
    ) -> None:
        super().__init__()
        graph = GRAPHS[config.graph]
        groups = config.groups if config.decoupled else 1
        self.graph_conv = DecoupledGraphConv(in_channels, out_channels, groups, graph)
        self.attention = STCAttention(out_channels, len(graph.nodes)) if config.attention else nn.Identity()
        self.temporal = TemporalConv(out_channels, out_channels, config.temporal_kernel, stride)
        self.temporal_norm = nn.BatchNorm2d(out_channels)
        self.has_skip = skip
        self.skip: nn.Module = nn.Identity()
        if skip and (in_channels != out_channels or stride != 1):
            self.skip = nn.Sequential(
                TemporalConv(in_channels, out_channels, stride=stride), nn.BatchNorm2d(out_channels)
            )
        self.drop = DropGraph(config.drop_block, graph) if drop else None

    def forward(self, x: Tensor, keep: float) -> Tensor:
        """(N, C, T, V) to (N, C', T / stride, V)."""
        y = self.temporal_norm(self.temporal(self.attention(self.graph_conv(x))))
        if self.drop is not None:
            y = self.drop(y, keep)
        if self.has_skip:
            skip = self.skip(x)
            y = y + (skip if self.drop is None else self.drop(skip, keep))
        return F.relu(y)


class SLGCN(nn.Module):
    """SL-GCN over one stream of a clip.

    Args:
        config: Its shape; V below is the number of nodes of its graph (27 in the paper).
    """

    def __init__(self, config: SLGCNConfig) -> None:
        super().__init__()
        self.config = config
        self.keep = 1.0
        self.input_norm = nn.BatchNorm1d(config.in_channels * len(GRAPHS[config.graph].nodes))
        blocks: list[Block] = []
        channels = config.in_channels
        for index, (out, stride) in enumerate(zip(config.channels, config.strides, strict=True)):
            drop = config.drop_graph and index >= config.drop_graph_from
            blocks.append(Block(channels, out, stride, config, skip=index > 0, drop=drop))
            channels = out
        self.blocks = nn.ModuleList(blocks)
        self.drop_classifier = nn.Dropout(config.drop_classifier)
        self.classifier = nn.Linear(channels, config.classes)
        nn.init.normal_(self.classifier.weight, 0, math.sqrt(2.0 / config.classes))

    def schedule(self, epoch: int, *, lowest_keep: float = 0.9, epochs: int = 100) -> None:
        """Set what depends on the epoch: DropGraph's keep rate, and the adjacency frozen in epoch 0.

        Args:
            epoch: Counted from 0.
            lowest_keep: The keep rate reached after `epochs` epochs.
            epochs: Length of the linear descent from 1.
        """
        self.keep = 1 - (1 - lowest_keep) * min(epoch / epochs, 1.0)
        for module in self.modules():
            if isinstance(module, DecoupledGraphConv):
                module.adjacency.requires_grad_(epoch > 0)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 3, T, V) to the embedding before the classifier, (N, last channels)."""
        n, c, t, v = x.shape
        x = self.input_norm(x.permute(0, 3, 1, 2).reshape(n, v * c, t))
        x = x.view(n, v, c, t).permute(0, 2, 3, 1).contiguous()
        for block in self.blocks:
            x = block(x, self.keep)
        return x.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, T, V) to logits (N, classes) and embedding (N, last channels)."""
        embedding = self.embed(x)
        return self.classifier(self.drop_classifier(embedding)), embedding
