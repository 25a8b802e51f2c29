"""Several processes as one: started by `torchrun`, or a single process that needs none of this.

Gradients are summed by hand rather than by a wrapper: SL-GCN's adjacency does not train in its first epoch,
and the networks are small. Batch normalisation uses the statistics of the whole batch, so that the number
of processes does not change what is computed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class World:
    """The processes that train together.

    Attributes:
        rank: This one's number.
        size: How many there are.
        device: Where this one computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by its sum over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


ALONE = World(0, 1, torch.device("cpu"))
"""One process on the processor."""


def join_world() -> World:
    """Join the processes that `torchrun` started (environment variables), or be alone.

    Computes on the process's own GPU where there is one, else on the processor.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if size > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(rank, size, device)


def leave_world(world: World) -> None:
    """Part from the other processes."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()


class SharedBatchNorm(nn.Module):
    """Batch normalisation over the batches of all processes, with the parameters of the layer it replaces.

    Args:
        layer: The layer whose parameters and running statistics are taken over (shared, not copied).
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, layer: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        for name, buffer in layer.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        self.eps, self.momentum = layer.eps, 0.1 if layer.momentum is None else layer.momentum

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        shape = [1, -1, *[1] * (x.dim() - 2)]
        if self.training:
            axes = [0, *range(2, x.dim())]
            values = x.float()
            channels = values.shape[1]
            count = values.new_tensor([values.numel() / channels])
            sums = _all_reduce(torch.cat([values.sum(axes), (values * values).sum(axes), count]))
            total = sums[-1]
            mean = sums[:channels] / total
            variance = (sums[channels:-1] / total - mean * mean).clamp(min=0)
            with torch.no_grad():
                unbiased = variance * total / (total - 1).clamp(min=1)
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(unbiased, self.momentum)
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return x * scale.view(shape) + (self.bias - mean * scale).view(shape)


def _all_reduce(value: Tensor) -> Tensor:
    """Sum over processes that gradients flow through: each process gets the sum of all gradients."""
    return _Sum.apply(value)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone()
        dist.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous().clone()
        dist.all_reduce(gradient)
        return gradient


def share_batch_norm(model: nn.Module) -> nn.Module:
    """Make every batch normalisation one over all processes; names in the state stay."""
    for name, child in model.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            setattr(model, name, SharedBatchNorm(child))
        else:
            share_batch_norm(child)
    return model
