"""Convolution over time by discrete Fourier transforms: what training on processors uses for long kernels.

A transform over time turns the convolution of C channels with C' kernels into one product (C', C) for each
frequency. Over T frames with a kernel of K that are about T / 2 complex products instead of K T real ones:
for SL-GCN's nine taps a quarter of the arithmetic, and the transforms themselves are products with a small
matrix. The numbers are those of the convolution, to rounding (Mathieu, Henaff and LeCun, "Fast training of
convolutional networks through FFTs", 2014).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

WORTH = 0.7
"""Largest share of a convolution's arithmetic at which transforms are used; they also move more memory."""


def frequencies_pay(channels: int, kernel: int, frames: int, stride: int) -> bool:
    """Whether a convolution is less work by transforms.

    Args:
        channels: In and out.
        kernel: Taps.
        frames: Frames in.
        stride: Step in time.
    """
    after = -(-frames // stride)
    frequencies = (frames + kernel // 2) // 2 + 1
    products = 8 * frequencies * channels
    transforms = 4 * frequencies * (frames + after)
    return products + transforms < WORTH * 2 * kernel * channels * after


@lru_cache(maxsize=64)
def _transforms(frames: int, kernel: int, stride: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Three matrices of the transforms.

    Frames to spectrum (2 F, T), spectrum to frames (2 F, T / stride), taps to products (4 F, K). A spectrum
    holds a real and an imaginary row for each frequency. Its period is T + K // 2: the frames that the kernel
    sees beyond one end are those beyond the other, and nought. A frequency's product is the real matrix
    ((re, -im), (im, re)), whose four entries the taps are mapped to.
    """
    period = frames + kernel // 2
    count = period // 2 + 1
    turn = torch.arange(count, dtype=torch.float64) * (2 * math.pi / period)
    angle = turn[:, None] * torch.arange(frames, dtype=torch.float64)
    spectrum = torch.stack([angle.cos(), -angle.sin()], dim=1)
    # All frequencies but the first and, where the period is even, the last stand for two.
    twice = torch.full((count,), 2.0, dtype=torch.float64)
    twice[0] = 1
    if period % 2 == 0:
        twice[-1] = 1
    back = (spectrum * (twice / period)[:, None, None])[..., ::stride]
    shift = turn[:, None] * (torch.arange(kernel, dtype=torch.float64) - kernel // 2)
    taps = torch.stack([shift.cos(), -shift.sin(), shift.sin(), shift.cos()], dim=1)
    return (
        spectrum.reshape(2 * count, frames).to(dtype),
        back.reshape(2 * count, -1).to(dtype),
        taps.reshape(4 * count, kernel).to(dtype),
    )


class FrequencyConvolution(torch.autograd.Function):
    """``apply(x, weight, bias, stride)``: a convolution padded by K // 2 frames on both sides.

    x is (C, V, N, T), every node by itself; weight (C', C, K), K odd; bias (C',); the result
    (C', V, N, T / stride).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        """See the class."""
        channels, nodes, clips, frames = x.shape
        out, _, kernel = weight.shape
        to_spectrum, back, taps = _transforms(frames, kernel, stride, x.dtype)
        count = len(back) // 2
        entries = (taps @ weight.reshape(-1, kernel).t()).view(count, 2, 2, out, channels)
        matrix = entries.transpose(2, 3).reshape(count, 2 * out, 2 * channels)
        spectrum = (to_spectrum @ x.reshape(-1, frames).t()).view(count, 2 * channels, nodes * clips)
        product = torch.bmm(matrix, spectrum)
        product[0, :out] += bias[:, None] * (frames + kernel // 2)  # a constant is of frequency nought
        ctx.save_for_backward(spectrum, matrix, to_spectrum, back, taps)
        ctx.shape = x.shape
        return (product.view(2 * count, -1).t() @ back).view(out, nodes, clips, -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """(C', V, N, T / stride) to the gradients of the arguments."""
        spectrum, matrix, to_spectrum, back, taps = ctx.saved_tensors
        channels, nodes, clips, frames = ctx.shape
        out, count, kernel = len(gradient), len(matrix), taps.shape[1]
        of_product = (back @ gradient.reshape(-1, gradient.shape[3]).t()).view(count, 2 * out, nodes * clips)
        of_spectrum = torch.bmm(matrix.transpose(1, 2), of_product)
        of_x = (of_spectrum.view(2 * count, -1).t() @ to_spectrum).view(ctx.shape)
        of_entries = torch.bmm(of_product, spectrum.transpose(1, 2)).view(count, 2, out, 2, channels)
        of_weight = (taps.t() @ of_entries.transpose(2, 3).reshape(4 * count, -1)).t()
        of_bias = of_product[0, :out].sum(dim=1) * (frames + kernel // 2)
        return of_x, of_weight.reshape(out, channels, kernel), of_bias, None
