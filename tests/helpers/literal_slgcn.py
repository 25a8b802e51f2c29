"""SL-GCN written out literally: one loop a channel, subset and step; slow and obvious.

From the description of the SAM-SLR paper (section 3.2), for tests of `signlens.models.slgcn`: it takes
that network's parameters by name and shares none of its code. Activations are (N, C, T, V).
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-5


def batch_norm(x: Tensor, parameters: dict[str, Tensor], name: str, training: bool) -> Tensor:
    """Every channel (dimension 1) less its mean, over its deviation, scaled and shifted."""
    channels = []
    for c, values in enumerate(x.unbind(dim=1)):
        if training:
            mean = values.sum() / values.numel()
            variance = ((values - mean) ** 2).sum() / values.numel()
        else:
            mean, variance = parameters[f"{name}.running_mean"][c], parameters[f"{name}.running_var"][c]
        channels.append(
            (values - mean) / torch.sqrt(variance + EPSILON) * parameters[f"{name}.weight"][c]
            + parameters[f"{name}.bias"][c]
        )
    return torch.stack(channels, dim=1)


def convolution(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1) -> Tensor:
    """Over time: out[c', t] = bias[c'] + sum over c and k of weight[c', c, k] x[c, stride t + k - pad]."""
    kernel, frames = weight.shape[2], x.unbind(dim=2)
    pad = kernel // 2
    out = []
    for t in range(0, len(frames), stride):
        total = bias[None, :, None].expand(len(x), -1, x.shape[3])
        for k in range(kernel):
            if 0 <= t + k - pad < len(frames):
                total = total + torch.einsum("oc,ncv->nov", weight[:, :, k, 0], frames[t + k - pad])
        out.append(total)
    return torch.stack(out, dim=2)


def graph_convolution(
    x: Tensor, parameters: dict[str, Tensor], name: str, out_channels: int, training: bool
) -> Tensor:
    """Decoupled spatial graph convolution: channel c is mixed by the matrices of group c mod groups."""
    adjacency = parameters[f"{name}.adjacency"]
    subsets, groups = adjacency.shape[:2]
    features = torch.einsum("nctv,cd->ndtv", x, parameters[f"{name}.weight"])
    features = features + parameters[f"{name}.bias"][None, :, None, None]
    features = batch_norm(features, parameters, f"{name}.feature_norm", training)
    channels = []
    features_of = features.unbind(dim=1)
    for c in range(out_channels):
        total = torch.zeros_like(features_of[c])
        for subset in range(subsets):
            matrix = adjacency[subset, c % groups]
            columns = [matrix[:, node] / (matrix[:, node].sum() + 0.001) for node in range(matrix.shape[1])]
            total = total + features_of[subset * out_channels + c] @ torch.stack(columns, dim=1)
        channels.append(total)
    y = batch_norm(torch.stack(channels, dim=1), parameters, f"{name}.norm", training)
    if x.shape[1] != out_channels:
        x = convolution(x, parameters[f"{name}.skip.0.weight"], parameters[f"{name}.skip.0.bias"])
        x = batch_norm(x, parameters, f"{name}.skip.1", training)
    return torch.relu(y + x)


def gate(means: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Sigmoid of a convolution from C channels to one: (N, C, L) to (N, L)."""
    kernel, places = weight.shape[2], means.unbind(dim=2)
    pad = kernel // 2
    out = []
    for at in range(len(places)):
        total = bias.expand(len(means))
        for k in range(kernel):
            if 0 <= at + k - pad < len(places):
                total = total + (places[at + k - pad] * weight[0, :, k]).sum(dim=1)
        out.append(torch.sigmoid(total))
    return torch.stack(out, dim=1)


def attention(y: Tensor, parameters: dict[str, Tensor], name: str) -> Tensor:
    """Spatial, temporal, channel: each y times its gate, plus y."""
    spatial = gate(y.mean(dim=2), parameters[f"{name}.spatial.weight"], parameters[f"{name}.spatial.bias"])
    y = y * spatial[:, None, None, :] + y
    temporal = gate(y.mean(dim=3), parameters[f"{name}.temporal.weight"], parameters[f"{name}.temporal.bias"])
    y = y * temporal[:, None, :, None] + y
    squeezed = y.mean(dim=(2, 3)) @ parameters[f"{name}.squeeze.weight"].t()
    squeezed = torch.relu(squeezed + parameters[f"{name}.squeeze.bias"])
    excited = squeezed @ parameters[f"{name}.excite.weight"].t() + parameters[f"{name}.excite.bias"]
    return y * torch.sigmoid(excited)[:, :, None, None] + y


def drop_nodes(x: Tensor, keep: float, edges: tuple[tuple[int, int], ...]) -> Tensor:
    """DropGraph over nodes: a drawn node goes with all its neighbours."""
    strength = x.detach().abs().mean(dim=2).mean(dim=1)
    strength = strength / strength.sum() * strength.numel()
    chance = torch.clamp(strength * ((1 - keep) / (1 + 1.92)), max=1.0)
    drawn = torch.bernoulli(chance)
    mask = torch.ones_like(drawn)
    for clip in range(len(x)):
        for node in range(x.shape[3]):
            if drawn[clip, node] == 1:
                mask[clip, node] = 0
                for a, b in edges:
                    if node in (a, b):
                        mask[clip, a] = mask[clip, b] = 0
    return x * mask[:, None, None, :] * (mask.numel() / mask.sum())


def drop_frames(x: Tensor, keep: float, block: int) -> Tensor:
    """DropGraph over time: a drawn frame goes with block // 2 frames before and after it."""
    strength = x.detach().abs().mean(dim=3).mean(dim=1)
    strength = strength / strength.sum() * strength.numel()
    drawn = torch.bernoulli(torch.clamp(strength * ((1 - keep) / block), max=1.0))
    mask = torch.ones_like(drawn)
    for clip in range(len(x)):
        for frame in range(x.shape[2]):
            if drawn[clip, frame] == 1:
                mask[clip, max(0, frame - block // 2) : frame + block // 2 + 1] = 0
    return x * mask[:, None, :, None] * (mask.numel() / mask.sum())


def literal_slgcn(
    x: Tensor,
    parameters: dict[str, Tensor],
    *,
    channels: tuple[int, ...],
    strides: tuple[int, ...],
    edges: tuple[tuple[int, int], ...],
    training: bool,
    keep: float = 1.0,
    drop_graph_from: int = 6,
    drop_block: int = 41,
) -> Tensor:
    """Logits (N, classes) of clips (N, 3, T, V).

    Args:
        x: One stream.
        parameters: Parameters and running statistics by the name that `SLGCN` gives them.
        channels: Output channels of each block.
        strides: Temporal stride of each block.
        edges: The skeleton's edges.
        training: Whether batch norms see the batch, and DropGraph drops.
        keep: DropGraph's keep rate.
        drop_graph_from: First block whose activations DropGraph may drop.
        drop_block: Length of a dropped stretch of time.
    """
    n, c, t, v = x.shape
    # The input's norm counts its 3 V channels node by node.
    x = batch_norm(x.permute(0, 3, 1, 2).reshape(n, v * c, t), parameters, "input_norm", training)
    x = x.view(n, v, c, t).permute(0, 2, 3, 1)
    for index, (out_channels, stride) in enumerate(zip(channels, strides, strict=True)):
        name = f"blocks.{index}"
        drops = training and keep < 1 and index >= drop_graph_from
        y = graph_convolution(x, parameters, f"{name}.graph_conv", out_channels, training)
        y = attention(y, parameters, f"{name}.attention")
        y = convolution(y, parameters[f"{name}.temporal.weight"], parameters[f"{name}.temporal.bias"], stride)
        y = batch_norm(y, parameters, f"{name}.temporal_norm", training)
        if drops:
            y = drop_frames(drop_nodes(y, keep, edges), keep, drop_block)
        if index > 0:
            skip = x
            if x.shape[1] != out_channels or stride != 1:
                weight, bias = parameters[f"{name}.skip.0.weight"], parameters[f"{name}.skip.0.bias"]
                skip = convolution(x, weight, bias, stride)
                skip = batch_norm(skip, parameters, f"{name}.skip.1", training)
            if drops:
                skip = drop_frames(drop_nodes(skip, keep, edges), keep, drop_block)
            y = y + skip
        x = torch.relu(y)
    return x.mean(dim=(2, 3)) @ parameters["classifier.weight"].t() + parameters["classifier.bias"]
