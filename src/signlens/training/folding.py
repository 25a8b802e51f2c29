"""SL-GCN for use: every normalisation folded into the product beside it, adjacencies baked.

The same function as `signlens.models.slgcn` in evaluation, in float32 to rounding. What is left of a
block is two products over channels and nodes, three gates, one convolution over time and the skip; that
is what `signlens.training.onnx_export` writes. Activations are (N, C, V, T), so that nothing is moved in
memory and no product looks beyond its own clip.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signlens.models.slgcn import SLGCN, Block, DecoupledGraphConv, STCAttention, TemporalConv


def scale_and_shift(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm does in evaluation: x to scale * x + shift, each (C,) float64."""
    if norm.running_mean is None or norm.running_var is None:
        raise AssertionError("a batch norm without running statistics cannot be folded")
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def _constant(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().float().contiguous(), requires_grad=False)


class FoldedGraphConv(nn.Module):
    """A `DecoupledGraphConv` as one product over channels and one over nodes.

    Args:
        layer: The trained layer.
    """

    def __init__(self, layer: DecoupledGraphConv) -> None:
        super().__init__()
        subsets, channels = layer.subsets, len(layer.norm.weight)
        self.nodes = layer.adjacency.shape[-1]
        scale, shift = scale_and_shift(layer.feature_norm)
        weight = layer.weight.double() * scale
        bias = (layer.bias.double() * scale + shift).view(subsets, channels)
        scale, shift = scale_and_shift(layer.norm)
        matrix = layer.normalised_adjacency().double().repeat(1, channels // layer.groups, 1, 1)
        matrix = matrix * scale[:, None, None]
        # A constant in a node's features comes out as a constant of each node: the columns' sums of it.
        after = torch.einsum("kc,kcvw->cw", bias, matrix) + shift[:, None]
        self.skip: nn.Parameter | None = None
        if isinstance(layer.skip, nn.Sequential):
            folded = folded_conv(layer.skip)
            self.skip = _constant(folded.weight[..., 0, 0])
            if folded.bias is not None:
                after = after + folded.bias.double()[:, None]
        # Rows of the weight: the three subsets of a channel next to each other, as the matrix reads them.
        self.weight = _constant(weight.view(-1, subsets, channels).permute(2, 1, 0).reshape(-1, len(weight)))
        self.matrix = _constant(matrix.permute(1, 3, 0, 2).reshape(channels, self.nodes, -1))
        self.after = _constant(after[..., None])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, V, T) to (N, C', V, T)."""
        features = torch.matmul(self.weight, x.flatten(2))
        subsets_and_nodes = self.matrix.shape[2]
        features = features.reshape(x.shape[0], len(self.matrix), subsets_and_nodes, -1)
        mixed = torch.matmul(self.matrix, features) + self.after
        if self.skip is None:
            return F.relu(mixed + x)
        skip = torch.matmul(self.skip, x.flatten(2))
        return F.relu(mixed + skip.reshape(x.shape[0], len(self.skip), self.nodes, -1))


def folded_conv(layers: Iterable[nn.Module]) -> nn.Conv2d:
    """A convolution over time and the norm after it, as one convolution over (V, T) images."""
    conv, norm = layers
    if not isinstance(conv, TemporalConv) or not isinstance(norm, nn.BatchNorm2d):
        raise AssertionError("what is folded is a convolution and its norm")
    scale, shift = scale_and_shift(norm)
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    out = nn.Conv2d(conv.in_channels, conv.out_channels, (1, kernel), (1, stride), (0, kernel // 2))
    bias = torch.zeros_like(shift) if conv.bias is None else conv.bias.double()
    out.weight = _constant((conv.weight.double() * scale[:, None, None, None]).transpose(2, 3))
    out.bias = _constant(bias * scale + shift)
    return out


class FoldedAttention(nn.Module):
    """An `STCAttention` over (N, C, V, T).

    Args:
        layer: The trained layer.
    """

    def __init__(self, layer: STCAttention) -> None:
        super().__init__()
        self.spatial, self.temporal = layer.spatial, layer.temporal
        self.squeeze, self.excite = layer.squeeze, layer.excite

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, V, T) to the same shape."""
        x = x * (1 + torch.sigmoid(self.spatial(x.mean(dim=3))))[..., None]
        mean = x.mean(dim=2)
        over_time = 1 + torch.sigmoid(self.temporal(mean))
        squeezed = F.relu(self.squeeze((mean * over_time).mean(dim=2)))
        over_channels = 1 + torch.sigmoid(self.excite(squeezed))
        return x * (over_channels[..., None] * over_time)[:, :, None]


class FoldedBlock(nn.Module):
    """A `Block` with its norms folded.

    Args:
        block: The trained block.
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.graph_conv = FoldedGraphConv(block.graph_conv)
        attention = block.attention
        self.attention = FoldedAttention(attention) if isinstance(attention, STCAttention) else attention
        self.temporal = folded_conv((block.temporal, block.temporal_norm))
        self.has_skip = block.has_skip
        skip = block.skip
        self.skip = folded_conv(skip) if isinstance(skip, nn.Sequential) else skip

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, V, T) to (N, C', V, T / stride)."""
        y = self.temporal(self.attention(self.graph_conv(x)))
        return F.relu(y + self.skip(x) if self.has_skip else y)


class FoldedSLGCN(nn.Module):
    """A trained `SLGCN` in the form that is exported.

    Args:
        model: The network; it is not changed, but small layers of it are shared.
    """

    def __init__(self, model: SLGCN) -> None:
        super().__init__()
        scale, shift = scale_and_shift(model.input_norm)
        channels = model.config.in_channels
        self.scale = _constant(scale.view(-1, channels).t()[..., None])
        self.shift = _constant(shift.view(-1, channels).t()[..., None])
        self.blocks = nn.ModuleList(FoldedBlock(block) for block in model.blocks if isinstance(block, Block))
        self.classifier = model.classifier

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, T, V) to logits (N, classes) and embedding (N, last channels)."""
        x = x.transpose(2, 3) * self.scale + self.shift
        for block in self.blocks:
            x = block(x)
        embedding = x.mean(dim=(2, 3))
        return self.classifier(embedding), embedding
