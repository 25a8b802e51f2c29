"""Points of the upper body and hands, free of where the camera stood and how large the frame is.

The recogniser sees 49 points: the seven upper-body nodes of SAM-SLR and all 21 points of each hand.
The 27 nodes of SL-GCN are among them (`TO_NODES`).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.frame import SignerFrame
from signlens.skeleton import graph
from signlens.skeleton.windows import resample

POINTS = 49
WHOLE_BODY_INDEX: NDArray[np.int64] = np.array([0, 5, 6, 7, 8, 9, 10, *range(91, 112), *range(112, 133)])
"""(49,) index of each point among the 133 whole-body keypoints."""

LEFT_HAND = slice(7, 28)
RIGHT_HAND = slice(28, 49)
LEFT_WRIST, RIGHT_WRIST = 5, 6

MIRROR: NDArray[np.int64] = np.array([0, 2, 1, 4, 3, 6, 5, *range(28, 49), *range(7, 28)])
"""(49,) point order after a left-right mirror."""

TO_NODES: NDArray[np.int64] = np.array(
    [int(np.flatnonzero(index == WHOLE_BODY_INDEX)[0]) for index in graph.WHOLE_BODY_INDEX]
)
"""(27,) position of each SL-GCN node among the 49 points."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Signing:
    """A clip ready for the recogniser.

    Attributes:
        joints: (T, 49, 3) float32, finite: x and y from the clip's mean nose position, in shoulder
            widths; z of a hand from its own root, in the same unit, 0 for the body.
        visible: (T, 49) float32, 1 where the point was found, 0 where it was filled in.
        mirrored: Whether the clip was mirrored to put the dominant hand on the right.
        frames_used: How many frames of the source clip it holds before resampling.
        hand_share: Share of the source clip's frames in which a hand was found, 0..1.
        doubt: Probability that the other hand is the dominant one, 0..0.5; 0 where it is plain.
    """

    joints: Array
    visible: Array
    mirrored: bool
    frames_used: int
    hand_share: float
    doubt: float = 0.0

    def resampled(self, window: int) -> Self:
        """The same at a length of `window` frames."""
        joints, visible = resample(self.joints, window), resample(self.visible, window)
        return dataclasses.replace(self, joints=joints, visible=visible)


def fill_gaps(values: Array, known: NDArray[np.bool_]) -> Array:
    """Fill unknown frames by linear interpolation in time, constant beyond the ends.

    >>> fill_gaps(np.array([1.0, 9.0, 2.0, 9.0]), np.array([True, False, True, False])).tolist()
    [1.0, 1.5, 2.0, 2.0]

    Args:
        values: (T, ...) where unknown frames may hold anything.
        known: (T,) which frames count; at least one must.
    """
    if known.all():
        return values
    at = np.flatnonzero(known)
    position = np.arange(len(values))
    right = np.clip(np.searchsorted(at, position), 0, len(at) - 1)
    left = np.clip(right - 1, 0, None)
    left = np.where(position >= at[right], right, left)
    span = np.maximum(at[right] - at[left], 1)
    part = np.clip((position - at[left]) / span, 0, 1).astype(values.dtype)
    part = part.reshape(-1, *([1] * (values.ndim - 1)))
    return values[at[left]] * (1 - part) + values[at[right]] * part


def normalise(points: Array, frame: SignerFrame | None = None) -> tuple[Array, Array]:
    """Centre on the nose, scale by the shoulders, fill what is missing.

    Does not depend on the frame's size, nor on where in it the signer stands or how large
    (SAM-SLR centres on the temporal mean of the nose but stays in pixels).

    Args:
        points: (T, 49, 4): x, y, z in one isotropic unit (pixels), confidence. Missing points have
            confidence 0 and any coordinates.
        frame: The signer's, of the same points; found when None.

    Returns:
        Joints (T, 49, 3) and visible (T, 49), see `Signing`.

    Raises:
        InputRejected: No frame shows the nose and both shoulders.
    """
    confidence = points[..., 3]
    present = confidence > 0
    centre, scale = (frame or SignerFrame.of(points)).place()
    xyz = np.nan_to_num(points[..., :3], nan=0.0).astype(np.float32)
    out = np.zeros_like(xyz)
    visible = present.astype(np.float32)
    for point in range(7):
        if present[:, point].any():
            out[:, point, :2] = fill_gaps(xyz[:, point, :2], present[:, point])
        else:
            # An elbow or wrist that never shows hangs from the joint before it.
            out[:, point, :2] = out[:, max(point - 2, 0), :2]
    for hand, wrist in ((LEFT_HAND, LEFT_WRIST), (RIGHT_HAND, RIGHT_WRIST)):
        known = present[:, hand].all(axis=1)
        visible[:, hand] = known[:, None]
        if known.any():
            filled = fill_gaps(xyz[:, hand], known)
            filled[..., 2] -= filled[:, :1, 2].copy()
            out[:, hand] = filled
        else:
            out[:, hand, :2] = out[:, wrist : wrist + 1, :2]
    out[..., :2] -= centre
    return out / np.float32(scale), visible


def mirror_joints(joints: Array, visible: Array) -> tuple[Array, Array]:
    """Left and right change places; twice is the identity.

    Args:
        joints: (..., 49, 3), nose-centred.
        visible: (..., 49).
    """
    mirrored = joints[..., MIRROR, :].copy()
    mirrored[..., 0] *= -1
    return mirrored, visible[..., MIRROR]


def left_dominance(joints: Array, visible: Array) -> float:
    """How much the left hand leads, from -3 (right) to 3: seen more often, moving further.

    Args:
        joints: (T, 49, 3) normalised.
        visible: (T, 49).
    """
    root = {}
    for name, hand in (("left", LEFT_HAND.start), ("right", RIGHT_HAND.start)):
        step = np.linalg.norm(np.diff(joints[:, hand, :2], axis=0), axis=-1)
        root[name] = (float(visible[:, hand].mean()), float((step * visible[1:, hand]).sum()))
    (left_seen, left_path), (right_seen, right_path) = root["left"], root["right"]
    return 2 * (left_seen - right_seen) + (left_path - right_path) / (left_path + right_path + 1e-3)


DOMINANCE_MARGIN = 0.3
"""From here on the left hand is taken for the dominant one: most signers are right-handed."""
DOMINANCE_SPREAD = 0.22
"""Standard deviation of `left_dominance` over looks at one film: what the films of `wlasl-videos` differ by
when they are filmed again, tilted (`python -m signlens_studies orientation tilted-films` prints it)."""
LEAST_DOUBT = 0.02
"""A smaller probability is none."""


def left_leads(dominance: float) -> float:
    """Probability that the left hand is the dominant one, 0..1.

    Where both hands do about the same, another look at the same clip may see the other one lead.

    Args:
        dominance: See `left_dominance`.
    """
    return 0.5 * math.erfc((DOMINANCE_MARGIN - dominance) / (DOMINANCE_SPREAD * math.sqrt(2)))


def _hands(points: Array) -> NDArray[np.bool_]:
    """(T,) whether a hand shows."""
    present = points[..., 3] > 0
    return np.asarray(present[:, LEFT_HAND].all(axis=1) | present[:, RIGHT_HAND].all(axis=1))


def frames_with_hands(points: Array) -> NDArray[np.bool_]:
    """(T,) the frames that show a hand; all frames where fewer than two do.

    Args:
        points: (T, 49, 4), see `normalise`.
    """
    hand = _hands(points)
    return hand if hand.sum() >= 2 else np.ones(len(points), np.bool_)


def prepare(points: Array, window: int | None = None, frame: SignerFrame | None = None) -> Signing:
    """A clip's 49 points for the recogniser.

    Frames without any hand are left out where some show one; the rest is normalised, mirrored if the
    left hand leads (left-handed signers mirror their signs), and resampled.

    Args:
        points: (T, 49, 4) in one isotropic unit, see `normalise`.
        window: Frames to resample to; as many as there are when None.
        frame: The signer's, of the same points; found when None.

    Raises:
        InputRejected: As `normalise`.
    """
    used = frames_with_hands(points)
    frame = (frame or SignerFrame.of(points))[used]
    joints, visible = normalise(points[used], frame)
    dominance = left_dominance(joints, visible)
    mirrored = dominance > DOMINANCE_MARGIN
    doubt = left_leads(dominance)
    doubt = min(doubt, 1 - doubt)
    if mirrored:
        joints, visible = mirror_joints(joints, visible)
    signing = Signing(
        joints=joints,
        visible=visible,
        mirrored=bool(mirrored),
        frames_used=int(used.sum()),
        hand_share=float(_hands(points).mean()),
        doubt=doubt if doubt >= LEAST_DOUBT else 0.0,
    )
    return signing if window is None else signing.resampled(window)
