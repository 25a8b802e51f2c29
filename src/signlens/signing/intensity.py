"""How intensely the hands sign: speed, size and repetition.

EmoSign's annotators named how a sign is modified (its size, speed and repetition) among what told them the
emotion. These are measures of movement in units of the signer's own shoulders, so that neither the distance
to the camera nor the frame's size counts. They measure no feeling: a sign may be large because it is a large
sign, and repetition may be its plural or its aspect. So each stands beside what is usual (`TYPICAL`), and the
comparison that says most is that of a sign with itself. `signlens_studies.emosign.baselines.hands` measures
more, for a head to learn from; this is what a person reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.frame import SignerFrame
from signlens.pose.clip import LEFT_HAND, RIGHT_HAND, PoseClip
from signlens.signing.oscillation import median3, turning_points
from signlens.signing.rest import raised
from signlens.skeleton.normalise import fill_gaps

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

TYPICAL: dict[str, float] = {"speed": 2.65, "size": 0.96}
"""Medians over recordings of citation forms by many signers, in shoulder widths a second and shoulder widths:
``python -m signlens_studies markers recordings FOLDER`` prints them for the WLASL videos."""

ACTIVE = 0.15
"""A hand moves while it is at least this fast, as a share of its own fast speed (90th percentile)."""
LEAST_PATH = 0.3
"""Shoulder widths that a hand must travel for its signing to be measured."""
USED = 0.3
"""A hand signs too when it travels at least so much of what the other one does."""
LEAST_SEEN = 0.3
"""Share of the frames in which a wrist must be seen."""
TURN_SHARE = 0.4
"""A turn of the movement counts when it goes back by this share of the movement's extent."""
RISE = 0.15
"""Shoulder widths: a hand that goes up or down by less is still at its height."""
LEAST_EXTENT = 0.05
"""Shoulder widths; a smaller movement has no repetitions to count."""

_FINGERTIPS = (4, 8, 12, 16, 20)
_HANDS: dict[Literal["left", "right"], tuple[int, slice]] = {
    "left": (9, LEFT_HAND),
    "right": (10, RIGHT_HAND),
}


@dataclass(frozen=True)
class Intensity:
    """How intensely the hands sign, in units of the signer's own shoulders.

    Attributes:
        hand: ``left`` or ``right``, the signer's own: the hand that travels farther.
        speed: Its path over the time in which it moves, in shoulder widths a second.
        size: Diagonal of the space that both hands use, in shoulder widths.
        repetitions: How often the movement is done; 1 is once.
        periodicity: How regularly, 0..1; 0 for a movement done once.
        speed_ratio: Speed over the median of citation forms.
        size_ratio: Size over the median of citation forms.
    """

    hand: Literal["left", "right"]
    speed: float
    size: float
    repetitions: int
    periodicity: float
    speed_ratio: float
    size_ratio: float


def measure_intensity(clip: PoseClip, frame: SignerFrame | None = None) -> Intensity | None:
    """Speed, size and repetition of a clip's signing.

    Speed is the path of the hand that travels farther over the time in which it moves; size is the diagonal
    of the box that holds the middle 90 % of the places of the raised wrists that sign; repetitions count how
    often the movement between rise and fall comes back to where it was (1: done once).

    Args:
        clip: The poses.
        frame: The signer's, of the same clip; found when None.

    Returns:
        The measures, or None where no hand is seen to move or the shoulders never show.
    """
    frame = frame or SignerFrame.of(clip.keypoints)
    unit = frame.shoulder_width
    if unit is None or clip.frames < 5:
        return None
    tracks = {side: _wrist(clip, wrist, frame, unit) for side, (wrist, _) in _HANDS.items()}
    places = {side: track for side, track in tracks.items() if track is not None}
    steps = np.diff(clip.times)
    ways = {side: np.linalg.norm(np.diff(place, axis=0), axis=1) for side, place in places.items()}
    if not ways:
        return None
    main = max(ways, key=lambda side: float(ways[side].sum()))
    if ways[main].sum() < LEAST_PATH:
        return None
    pace = ways[main] / steps
    active = pace >= ACTIVE * np.percentile(pace, 90)
    moving = np.flatnonzero(active)
    signing = slice(int(moving[0]), int(moving[-1]) + 2)
    speed = float(ways[main][active].sum() / steps[active].sum())
    held = _between_rise_and_fall(places[main][signing, 1])
    used = [side for side, way in ways.items() if way.sum() >= USED * ways[main].sum()]
    everywhere = np.concatenate([places[side] for side in used])
    up = everywhere[raised(everywhere)]
    size = extent(up if len(up) else everywhere)
    shape = _hand_shape(clip, _HANDS[main][1], unit)[signing]
    count, periodicity = repetitions(np.concatenate([places[main][signing], shape], axis=1)[held])
    return Intensity(
        hand=main,
        speed=speed,
        size=size,
        repetitions=count,
        periodicity=periodicity,
        speed_ratio=speed / TYPICAL["speed"],
        size_ratio=size / TYPICAL["size"],
    )


def extent(places: NDArray[np.floating]) -> float:
    """Diagonal of the box that holds the middle 90 % of places, each axis by itself.

    Args:
        places: (N, 2).
    """
    low, high = np.percentile(places, [5, 95], axis=0)
    return float(np.linalg.norm(high - low))


def repetitions(movement: NDArray[np.floating]) -> tuple[int, float]:
    """How often a movement comes back, and how regularly.

    Its periods along the direction of its largest spread (first principal component): two swings, there and
    back, are one.

    Args:
        movement: (T, D) places, all in one unit (shoulder widths).

    Returns:
        The count, at least 1; and the correlation of the movement with itself one period later, 0..1 (0
        for a movement done once).
    """
    path = np.asarray(movement, dtype=np.float64)
    if len(path) < 3:
        return 1, 0.0
    centred = path - path.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    low, high = np.percentile(along, [5, 95])
    if high - low < LEAST_EXTENT:
        return 1, 0.0
    turns = turning_points(along, TURN_SHARE * float(high - low))
    if len(turns) < 3:
        return 1, 0.0
    swings = np.abs(np.diff(along[turns]))
    # The first and the last swing may be halves: from the middle to a side.
    whole = np.minimum(swings / np.median(swings), 1.0)
    count = int(whole.sum() / 2 + 0.5)
    if count < 2:
        return 1, 0.0
    period = max(1, round(2 * float(np.median(np.diff(turns)))))
    early, late = along[:-period], along[period:]
    if len(early) < 3 or early.std() == 0 or late.std() == 0:
        return count, 0.0
    return count, float(np.clip(np.corrcoef(early, late)[0, 1], 0.0, 1.0))


def _wrist(clip: PoseClip, index: int, frame: SignerFrame, unit: float) -> Array | None:
    """(T, 2) places of a wrist against the middle of the shoulders, in shoulder widths."""
    wrist = clip.keypoints[:, index].astype(np.float64)
    visible = wrist[:, 3] > 0
    if visible.mean() < LEAST_SEEN:
        return None
    middle = fill_gaps(np.nan_to_num(frame.centre[:, :2]), frame.known)
    place = fill_gaps(np.nan_to_num(wrist[:, :2]), visible)
    return median3(np.asarray((place - middle) / unit, dtype=np.float64))


def _hand_shape(clip: PoseClip, part: slice, unit: float) -> Array:
    """(T, 3) where the fingertips are from the hand's root, and how open the hand is; zeros if unseen."""
    hand = clip.keypoints[:, part].astype(np.float64)
    visible = (hand[..., 3] > 0).all(axis=1)
    if visible.sum() < 3:
        return np.zeros((clip.frames, 3))
    away = np.nan_to_num(hand[:, list(_FINGERTIPS), :2] - hand[:, :1, :2]) / unit
    opening = np.linalg.norm(away, axis=2).mean(axis=1)
    shape = np.concatenate([away.mean(axis=1), opening[:, None]], axis=1)
    return median3(np.asarray(fill_gaps(shape, visible), dtype=np.float64))


def _between_rise_and_fall(height: Array) -> slice:
    """From where a hand stops rising to where it begins to fall for good; y points down."""
    turns = turning_points(height, RISE)
    if len(turns) < 2:
        return slice(0, len(height))
    # Where turns alternate, the first or second and the last or last but one are high ones.
    first = turns[0] if height[turns[0]] < height[turns[1]] else turns[1]
    last = turns[-1] if height[turns[-1]] < height[turns[-2]] else turns[-2]
    begin = int(np.flatnonzero(height <= height[first] + RISE / 3)[0])
    end = int(np.flatnonzero(height <= height[last] + RISE / 3)[-1])
    return slice(begin, max(end, begin + 1) + 1)
