"""Training pictures made to look like films: moved, turned, lit, blurred, noisy, compressed, covered.

Everything is done to a whole batch at once, in torch, by one generator of random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from signlens_studies.expression.face_pictures import PLAIN, STORED
from signlens_studies.expression.network import SIDE


@dataclass(frozen=True)
class FilmLook:
    """How far pictures are changed, and how many of them.

    Attributes:
        unaligned: Share of pictures taken as they are, without regard to their points.
        degrees: Most rotation.
        scale: Most change of size, as a share.
        shift: Most shift, as a share of the side.
        turn: Most narrowing towards one side, as of a head that turns.
        light: Most change of brightness from the middle to an edge, as a share.
        gamma: Most exponent of the grey levels, and its inverse the least.
        coarse: Share that is shrunk and enlarged again.
        noise: Most deviation of the noise, in grey levels.
        compressed: Share that is quantised as JPEG does.
        covered: Share that has a rectangle covered.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    unaligned: float = 0.15
    degrees: float = 12.0
    scale: float = 0.14
    shift: float = 0.06
    turn: float = 0.2
    light: float = 0.3
    gamma: float = 1.5
    coarse: float = 0.15
    noise: float = 8.0
    compressed: float = 0.15
    covered: float = 0.25


def frames(pictures: Tensor, placement: Tensor) -> Tensor:
    """The aligned frame of stored pictures: (B, 72, 72) uint8, (B, 2, 3) to (B, 1, 48, 48) grey levels."""
    grid = torch.arange(SIDE, dtype=torch.float32)
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    return _sampled(pictures, placement, x.reshape(1, -1), y.reshape(1, -1))


def _sampled(pictures: Tensor, placement: Tensor, x: Tensor, y: Tensor) -> Tensor:
    m = placement[:, :, :, None]
    across = m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2]
    down = m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]
    places = torch.stack([across, down], dim=-1) * (2 / (STORED - 1)) - 1
    grid = places.reshape(len(pictures), SIDE, SIDE, 2)
    return F.grid_sample(pictures[:, None].float(), grid, padding_mode="border", align_corners=True)


def filmed(pictures: Tensor, placement: Tensor, look: FilmLook, random: torch.Generator) -> Tensor:
    """Stored pictures as a film might show them.

    Args:
        pictures: (B, 72, 72) uint8.
        placement: (B, 2, 3) (`FacePictures.placement`).
        look: How far.
        random: Where the random numbers come from.

    Returns:
        (B, 1, 48, 48) grey levels, 0 to 255.
    """
    seen = _moved(pictures, placement, look, random)
    seen = _lit(seen, look, random)
    seen = _covered(seen, look, random)
    seen = _coarsened(seen, look, random)
    deviation = look.noise * torch.rand(len(seen), 1, 1, 1, generator=random).square()
    seen = seen + deviation * torch.randn(seen.shape, generator=random)
    return _compressed(seen, look, random).clamp(0, 255)


def _uniform(count: int, most: float, random: torch.Generator) -> Tensor:
    return (2 * torch.rand(count, 1, generator=random) - 1) * most


def _moved(pictures: Tensor, placement: Tensor, look: FilmLook, random: torch.Generator) -> Tensor:
    count = len(pictures)
    plain = torch.rand(count, 1, 1, generator=random) < look.unaligned
    placement = torch.where(plain, torch.from_numpy(PLAIN), placement)
    centre = (SIDE - 1) / 2
    grid = torch.arange(SIDE, dtype=torch.float32) - centre
    y, x = (v.reshape(1, -1) for v in torch.meshgrid(grid, grid, indexing="ij"))
    mirror = torch.where(torch.rand(count, 1, generator=random) < 0.5, -1.0, 1.0)
    angle = _uniform(count, math.radians(look.degrees), random)
    size = torch.exp(_uniform(count, look.scale, random))
    narrow = torch.exp(_uniform(count, look.scale / 2, random))
    u, v = x * mirror * size * narrow, y * size / narrow
    across = torch.cos(angle) * u - torch.sin(angle) * v
    down = torch.sin(angle) * u + torch.cos(angle) * v
    sideways, nodding = _uniform(count, look.turn, random), _uniform(count, look.turn / 2, random)
    depth = 1 + (sideways * across + nodding * down) / SIDE
    across = across / depth + _uniform(count, look.shift * SIDE, random) + centre
    down = down / depth + _uniform(count, look.shift * SIDE, random) + centre
    return _sampled(pictures, placement, across, down)


def _lit(seen: Tensor, look: FilmLook, random: torch.Generator) -> Tensor:
    count = len(seen)
    ramp = torch.linspace(-1, 1, SIDE)
    across = _uniform(count, look.light, random)[:, :, None, None] * ramp
    down = _uniform(count, look.light, random)[:, :, None, None] * ramp[:, None]
    gamma = torch.exp(_uniform(count, math.log(look.gamma), random))[:, :, None, None]
    gain = torch.exp(_uniform(count, 0.3, random))[:, :, None, None]
    level = _uniform(count, 20.0, random)[:, :, None, None]
    lit = 255 * (seen / 255).clamp(1e-4, 1).pow(gamma) * gain * (1 + across + down) + level
    return lit.clamp(0, 255)


def _covered(seen: Tensor, look: FilmLook, random: torch.Generator) -> Tensor:
    count = len(seen)
    half = (0.08 + 0.17 * torch.rand(count, 2, generator=random)) * SIDE
    middle = torch.rand(count, 2, generator=random) * SIDE
    inside = _rectangle(middle, half)
    chosen = (torch.rand(count, 1, 1, 1, generator=random) < look.covered) & inside
    grey = 255 * torch.rand(count, 1, 1, 1, generator=random)
    other = torch.where(torch.rand(count, 1, 1, 1, generator=random) < 0.5, grey, seen.roll(1, 0).flip(2))
    return torch.where(chosen, other, seen)


def _rectangle(middle: Tensor, half: Tensor) -> Tensor:
    grid = torch.arange(SIDE, dtype=torch.float32)
    across = (grid - middle[:, :1]).abs() < half[:, :1]
    down = (grid - middle[:, 1:]).abs() < half[:, 1:]
    return (down[:, :, None] & across[:, None, :])[:, None]


def _coarsened(seen: Tensor, look: FilmLook, random: torch.Generator) -> Tensor:
    chosen = torch.nonzero(torch.rand(len(seen), generator=random) < look.coarse)[:, 0]
    side = int(torch.randint(16, 40, (1,), generator=random))
    if not len(chosen):
        return seen
    small = F.interpolate(seen[chosen], size=(side, side), mode="area")
    return seen.index_copy(0, chosen, F.interpolate(small, size=(SIDE, SIDE), mode="bilinear"))


_LUMINANCE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)  # JPEG's example table (ITU-T T.81, K.1)


def _cosines() -> Tensor:
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)
    matrix = torch.cos(math.pi / 8 * (n + 0.5) * k) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def _compressed(seen: Tensor, look: FilmLook, random: torch.Generator) -> Tensor:
    chosen = torch.nonzero(torch.rand(len(seen), generator=random) < look.compressed)[:, 0]
    if not len(chosen):
        return seen
    strength = 0.5 + 2.5 * torch.rand(len(chosen), 1, 1, 1, 1, generator=random)
    cosines = _cosines()
    tiles = seen[chosen, 0].reshape(len(chosen), SIDE // 8, 8, SIDE // 8, 8).transpose(2, 3)
    table = _LUMINANCE * strength
    kept = torch.round(cosines @ (tiles - 128) @ cosines.T / table) * table
    tiles = cosines.T @ kept @ cosines + 128
    return seen.index_copy(0, chosen, tiles.transpose(2, 3).reshape(len(chosen), 1, SIDE, SIDE))


def mixed(
    pictures: Tensor, target: Tensor, mixup: float, cutmix: float, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A batch whose pictures are blended in pairs, or have a rectangle of each other (Zhang 2018, Yun 2019).

    Args:
        pictures: (B, 1, 48, 48).
        target: (B, 8) shares.
        mixup: How often batches are blended.
        cutmix: How often they exchange rectangles.
        random: Where the random numbers come from.

    Returns:
        Pictures and targets, mixed alike.
    """
    count, which = len(pictures), float(torch.rand(1, generator=random))
    if which >= mixup + cutmix:
        return pictures, target
    other = torch.randperm(count, generator=random)
    if which < mixup:
        share = torch.rand(count, 1, generator=random) * 0.4
        blended = pictures + share[:, :, None, None] * (pictures[other] - pictures)
    else:
        half = (0.15 + 0.2 * torch.rand(count, 2, generator=random)) * SIDE
        inside = _rectangle(torch.rand(count, 2, generator=random) * SIDE, half)
        blended = torch.where(inside, pictures[other], pictures)
        share = inside.float().mean(dim=(1, 2, 3))[:, None]
    return blended, target + share * (target[other] - target)
