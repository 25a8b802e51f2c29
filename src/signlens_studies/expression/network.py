"""The expression network: a grey face of 48 x 48 pixels to the logits of eight expressions.

A small residual network (He et al. 2016) with squeeze-and-excitation (Hu et al. 2018). Faces come aligned, so
the last map is not averaged: a depthwise filter of its whole size weighs each place by itself (Chen et al.
2018, MobileFaceNets). About 1.4 million weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from signlens.emotion import EMOTIONS

SIDE = 48
"""Pixels of the input along each side."""

FLATTEST = 8.0
"""Grey levels; a picture whose standard deviation is smaller is divided by this."""


def standardised(pictures: Tensor) -> Tensor:
    """Grey levels to zero mean and unit deviation in every picture: (B, 1, H, W) to the same."""
    centred = pictures - pictures.mean(dim=(2, 3), keepdim=True)
    deviation = centred.square().mean(dim=(2, 3), keepdim=True).sqrt()
    return centred / deviation.clamp(min=FLATTEST)


class Excitation(nn.Module):
    """Weighs the channels of a map by what the whole map holds."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 8)
        self.excite = nn.Linear(channels // 8, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        weight = torch.sigmoid(self.excite(torch.relu(self.squeeze(maps.mean(dim=(2, 3))))))
        return maps * weight[:, :, None, None]


class Block(nn.Module):
    """Two convolutions, excitation, and the input added; halves the map where `halve` says so."""

    def __init__(self, into: int, out: int, halve: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(into, out, 3, 2 if halve else 1, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        self.excitation = Excitation(out)
        self.pool = nn.AvgPool2d(2) if halve else nn.Identity()
        self.shortcut = nn.Conv2d(into, out, 1, bias=False) if into != out else nn.Identity()
        self.shortcut_norm = nn.BatchNorm2d(out) if into != out else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """(B, into, H, W) to (B, out, H or H / 2, W or W / 2)."""
        inner = torch.relu(self.first_norm(self.first(maps)))
        inner = self.excitation(self.second_norm(self.second(inner)))
        return torch.relu(inner + self.shortcut_norm(self.shortcut(self.pool(maps))))


class ExpressionNetwork(nn.Module):
    """Grey pictures to logits.

    Args:
        widths: Channels of each stage; every stage but the first halves the map.
        blocks: Blocks of each stage.
        dropout: Share of the last features that training leaves out.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        into, stages = widths[0], []
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for number in range(count):
                stages.append(Block(into, width, halve=stage > 0 and number == 0))
                into = width
        self.blocks = nn.Sequential(*stages)
        last = SIDE // 2 ** len(widths)
        self.places = nn.Conv2d(into, into, last, groups=into, bias=False)
        self.places_norm = nn.BatchNorm2d(into)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(into, len(EMOTIONS))
        nn.init.constant_(self.places.weight, 1 / last**2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of pictures.

        Args:
            pictures: (B, 1, 48, 48) grey levels, 0 to 255.

        Returns:
            (B, 8), in the order of `EMOTIONS`.
        """
        maps = standardised(pictures).contiguous(memory_format=torch.channels_last)
        maps = torch.relu(self.stem_norm(self.stem(maps)))
        features = self.places_norm(self.places(self.blocks(maps))).flatten(1)
        logits: Tensor = self.answer(self.dropout(features))
        return logits
