"""Batch normalisation of activations whose channels come first, (C, ...): SL-GCN's norms.

`ChannelNorm` normalises each channel over everything else. `NormalisedMixing` normalises features and mixes
their nodes, in one pass over memory; in training both directions of it are written by hand, so that several
processes can share its statistics (`signlens.training.distributed`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class ChannelNorm(nn.BatchNorm2d):
    """Batch normalisation of activations (C, ...): each channel over everything else.

    In training it is computed as group normalisation of one sample with one group a channel, which gives
    the same numbers and has a kernel about three times as fast on CPUs.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(C, ...) to the same shape; what is returned may be changed in place."""
        assert self.running_mean is not None and self.running_var is not None
        channels = len(x)
        flat = x.reshape(1, channels, -1)
        if not self.training:
            scale = self.weight / torch.sqrt(self.running_var + self.eps)
            shift = self.bias - self.running_mean * scale
            return torch.addcmul(shift[:, None], flat, scale[:, None]).view_as(x)
        count = flat.shape[2]
        y, mean, inverse = torch.native_group_norm(
            flat, self.weight, self.bias, 1, channels, count, channels, self.eps
        )
        with torch.no_grad():
            move_running(self, mean[0], inverse[0] ** -2 - self.eps, count)
        return y.view_as(x)


def move_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: Tensor | int) -> None:
    """Move a norm's running statistics towards a batch's, of so many values a channel."""
    assert norm.running_mean is not None and norm.running_var is not None
    unbiased = variance * (count / (count - 1))
    for running, batch in ((norm.running_mean, mean), (norm.running_var, unbiased)):
        running.lerp_(batch.to(running.dtype), norm.momentum or 0.1)


class NormalisedMixing(nn.BatchNorm2d):
    """Batch normalisation of features and the mixing of their nodes, in one.

    The normalised features are never written out: their scale goes into the mixing matrices, and what is
    constant in a channel comes out as a constant of each node.

    Args:
        channels: Channels out; the norm has `subsets` times as many, subset by subset.
        subsets: Subsets of the adjacency.
    """

    def __init__(self, channels: int, subsets: int) -> None:
        super().__init__(channels * subsets)
        self.subsets = subsets
        # The sum over the processes that train together, in place; `signlens.training.distributed` sets it.
        self.total: Callable[[Tensor], Tensor] | None = None

    def forward(  # type: ignore[override]
        self, features: Tensor, adjacency: Tensor, bias: Tensor
    ) -> Tensor:
        """Normalise features plus a constant a channel, and mix.

        Args:
            features: (C * subsets, V, L), the subsets of a channel next to each other.
            adjacency: (subsets, groups, V, V), from the second last node to the last; channel c uses group
                c mod groups.
            bias: (subsets * C,) constants that the features still lack. The batch's own mean takes constants
                away, so they only move the running mean, and their gradient is nought.

        Returns:
            (C, V, L).
        """
        assert self.running_mean is not None and self.running_var is not None
        if self.training:
            mixed, mean, variance, count = _NormaliseAndMix.apply(
                features, adjacency, self.weight, self.bias, bias, self.eps, self.total
            )
            with torch.no_grad():
                move_running(self, mean + bias, variance, count)
            return torch.as_tensor(mixed)
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        shift = self.bias - (self.running_mean - bias) * scale
        matrix, after = _folded(adjacency, scale.view(self.subsets, -1), shift.view(self.subsets, -1))
        return _mix(features, matrix, after)


def _folded(adjacency: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices (C, V, subsets * V) and constants (C, V) that scale and shift (subsets, C), and mix."""
    subsets, groups, nodes, _ = adjacency.shape
    # (subsets, C / groups, groups, ...): a channel's group changes fastest.
    by_group = (subsets, -1, groups)
    matrix = torch.einsum("kgvw,kqg->qgwkv", adjacency, scale.view(by_group))
    after = torch.einsum("kgw,kqg->qgw", adjacency.sum(dim=2), shift.view(by_group))
    return matrix.reshape(-1, nodes, subsets * nodes), after.reshape(-1, nodes)


def _mix(features: Tensor, matrix: Tensor, after: Tensor) -> Tensor:
    channels, _, columns = matrix.shape
    return torch.baddbmm(
        after[..., None].to(features.dtype),
        matrix.to(features.dtype),
        features.reshape(channels, columns, -1),
    )


class _NormaliseAndMix(torch.autograd.Function):
    """What `NormalisedMixing` does in training; also gives mean, variance (subsets * C,) and their count.

    With `total` these are of the features of all processes, and so are the gradients that flow through them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        adjacency: Tensor,
        weight: Tensor,
        bias: Tensor,
        lacking: Tensor,
        eps: float,
        total: Callable[[Tensor], Tensor] | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        subsets = len(adjacency)
        rows = features.reshape(len(features), -1)
        precision = torch.promote_types(rows.dtype, torch.float32)
        sums = rows.sum(dim=1, dtype=precision)
        squares = torch.linalg.vector_norm(rows, dim=1, dtype=precision) ** 2
        moments = torch.cat([sums, squares, sums.new_tensor([rows.shape[1]])])
        if total is not None:
            moments = total(moments)
        count = moments[-1]
        # From here on (subsets, C), as the parameters stand.
        mean, square = (
            m.view(-1, subsets).t() / count for m in (moments[: len(rows)], moments[len(rows) : -1])
        )
        variance = (square - mean**2).clamp(min=0)
        inverse = torch.rsqrt(variance + eps)
        scale = weight.view(subsets, -1) * inverse
        shift = bias.view(subsets, -1) - mean * scale
        matrix, after = _folded(adjacency, scale, shift)
        ctx.save_for_backward(features, adjacency, matrix, weight, mean, inverse, scale, shift, count)
        ctx.total = total
        made = (_mix(features, matrix, after), mean.reshape(-1), variance.reshape(-1), count)
        ctx.mark_non_differentiable(*made[1:])
        return made

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        features, adjacency, matrix, weight, mean, inverse, scale, shift, count = ctx.saved_tensors
        subsets, groups, nodes, _v = adjacency.shape
        by_group = (subsets, -1, groups)
        flat = features.reshape(len(matrix), subsets * nodes, -1)
        of_matrix = torch.bmm(gradient, flat.transpose(1, 2)).to(matrix.dtype)
        of_matrix = of_matrix.view(-1, groups, nodes, subsets, nodes)  # q g w k v
        of_after = gradient.sum(dim=2, dtype=matrix.dtype).view(-1, groups, nodes)
        of_adjacency = torch.einsum("qgwkv,kqg->kgvw", of_matrix, scale.view(by_group))
        of_adjacency += torch.einsum("qgw,kqg->kgw", of_after, shift.view(by_group))[:, :, None]
        of_shift = torch.einsum("qgw,kgw->kqg", of_after, adjacency.sum(dim=2)).reshape(subsets, -1)
        of_scale = torch.einsum("qgwkv,kgvw->kqg", of_matrix, adjacency).reshape(subsets, -1)
        of_scale = of_scale - mean * of_shift
        through = torch.stack(
            [-scale * of_shift, -0.5 * of_scale * weight.view(subsets, -1) * inverse**3]
        )  # to mean and variance
        if ctx.total is not None:
            through = ctx.total(through)
        slope = 2 * through[1] / count
        constant = through[0] / count - slope * mean
        slope, constant = (v.t().reshape(-1, 1).to(features.dtype) for v in (slope, constant))
        of_features = torch.addcmul(constant, features.reshape(len(features), -1), slope)
        of_features = of_features.view_as(flat).baddbmm_(matrix.transpose(1, 2).to(gradient.dtype), gradient)
        return (
            of_features.view_as(features),
            of_adjacency,
            (of_scale * inverse).reshape(-1),
            of_shift.reshape(-1),
            torch.zeros_like(weight),
            None,
            None,
        )
