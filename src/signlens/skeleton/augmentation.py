"""Training-time variation of clips: other signers, cameras, speeds, and a less sure extractor.

Pure NumPy, a whole batch at once, every random number from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, mirror_joints

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """How strongly clips are varied. Zero everywhere changes nothing.

    Attributes:
        crop: Largest share of the clip's time that may be cut off, 0..1.
        warp: Largest change of speed within the clip, 0..1.
        rotate: Standard deviation of the in-plane rotation, radians.
        yaw: Standard deviation of the turn about the vertical axis, radians (moves hands by their depth).
        scale: Standard deviation of the log of the size.
        aspect: Standard deviation of the log of height over width.
        shear: Standard deviation of the shear.
        shift: Standard deviation of the place, shoulder widths.
        hand_rotate: As rotate, for each hand about its own root.
        hand_scale: Standard deviation of each hand's relative size.
        hand_shift: Standard deviation of each hand's place, shoulder widths.
        noise: Standard deviation of every coordinate, shoulder widths.
        drop_hand: Probability that the non-dominant (left) hand is not seen.
        mirror: Probability of a mirrored clip.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    crop: float = 0.0
    warp: float = 0.0
    rotate: float = 0.0
    yaw: float = 0.0
    scale: float = 0.0
    aspect: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    hand_rotate: float = 0.0
    hand_scale: float = 0.0
    hand_shift: float = 0.0
    noise: float = 0.0
    drop_hand: float = 0.0
    mirror: float = 0.0


@dataclass(frozen=True)
class PixelAugmentation:
    """How SAM-SLR's clips in pixels are varied (`signlens.skeleton.sam_slr`).

    Attributes:
        mirror: Probability of a mirrored clip.
        shift: Largest shift of the clip in x and in y, pixels.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    mirror: float = 0.0
    shift: float = 0.0


def augment(
    joints: Array, visible: Array, amount: Augmentation, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Vary each clip of a batch on its own.

    Args:
        joints: (N, T, 49, 3) normalised joints.
        visible: (N, T, 49).
        amount: How strongly.
        rng: Source of all randomness.

    Returns:
        New arrays of the same shapes.
    """
    joints, visible = _retime(joints, visible, amount, rng)
    joints = _vary_hands(joints, amount, rng)
    joints = _vary_view(joints, amount, rng)
    if amount.noise:
        joints = joints + rng.standard_normal(joints.shape, np.float32) * np.float32(amount.noise)
    if amount.drop_hand:
        dropped = rng.random(len(joints)) < amount.drop_hand
        visible = visible.copy()
        visible[dropped, :, LEFT_HAND] = 0
    if amount.mirror:
        chosen = rng.random(len(joints)) < amount.mirror
        turned, turned_visible = mirror_joints(joints[chosen], visible[chosen])
        joints, visible = joints.copy(), visible.copy()
        joints[chosen], visible[chosen] = turned, turned_visible
    return joints, visible


def _retime(
    joints: Array, visible: Array, amount: Augmentation, rng: np.random.Generator
) -> tuple[Array, Array]:
    if not (amount.crop or amount.warp):
        return joints, visible
    n, t = joints.shape[:2]
    kept = 1 - amount.crop * rng.random((n, 1))
    start = (1 - kept) * rng.random((n, 1))
    even = np.linspace(0, 1, t)[None]
    bend = amount.warp * rng.uniform(-1, 1, (n, 1)) * np.sin(np.pi * even) / np.pi
    at = np.clip(start + kept * (even + bend), 0, 1) * (t - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, t - 1)
    part = (at - low).astype(np.float32)[..., None]
    row = np.arange(n)[:, None]
    visible = visible[row, low] * (1 - part) + visible[row, high] * part
    part = part[..., None]
    return joints[row, low] * (1 - part) + joints[row, high] * part, visible


def _vary_hands(joints: Array, amount: Augmentation, rng: np.random.Generator) -> Array:
    if not (amount.hand_rotate or amount.hand_scale or amount.hand_shift):
        return joints
    joints = joints.copy()
    n = len(joints)
    for hand in (LEFT_HAND, RIGHT_HAND):
        root = joints[:, :, hand.start : hand.start + 1].copy()
        local = joints[:, :, hand] - root
        angle = rng.standard_normal(n) * amount.hand_rotate
        size = 1 + rng.standard_normal(n) * amount.hand_scale
        turned = _rotate_plane(local, angle) * size.astype(np.float32)[:, None, None, None]
        moved = np.zeros((n, 1, 1, 3), np.float32)
        moved[..., :2] = rng.standard_normal((n, 1, 1, 2)) * amount.hand_shift
        joints[:, :, hand] = turned + root + moved
    return joints


def _rotate_plane(points: Array, angle: NDArray[np.float64]) -> Array:
    cosine = np.cos(angle).astype(np.float32)[:, None, None]
    sine = np.sin(angle).astype(np.float32)[:, None, None]
    x, y = points[..., 0], points[..., 1]
    return np.stack([x * cosine - y * sine, x * sine + y * cosine, points[..., 2]], axis=-1)


def _vary_view(joints: Array, amount: Augmentation, rng: np.random.Generator) -> Array:
    n = len(joints)

    def draw(spread: float) -> Array:
        return (rng.standard_normal(n) * spread).astype(np.float32)[:, None, None]

    yaw = draw(amount.yaw)
    angle = rng.standard_normal(n) * amount.rotate
    width = np.exp(draw(amount.scale))
    height = width * np.exp(draw(amount.aspect))
    shear = draw(amount.shear)
    x, y, z = joints[..., 0], joints[..., 1], joints[..., 2]
    turned = np.stack([x * np.cos(yaw) + z * np.sin(yaw), y, z], axis=-1)
    turned = _rotate_plane(turned, angle)
    x, y, z = turned[..., 0], turned[..., 1], turned[..., 2]
    moved = rng.standard_normal((2, n)).astype(np.float32)[..., None, None] * np.float32(amount.shift)
    return np.stack([width * x + shear * y + moved[0], height * y + moved[1], width * z], axis=-1)
