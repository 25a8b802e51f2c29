"""Grammar or affect: non-manual markers over time, from the same measures as the expression.

Raised brows, furrowed brows, an open mouth, a headshake and a nod, each with onset, offset, strength and
confidence. What a marker *often* does is written beside it (`FUNCTIONS`); what it does in this clip, and
whether it is grammar, affect or both, geometry cannot tell, and this module does not say.

- Brows are compared with the signer's own: with the frames in which the hands rest, or, where no rest is
  seen, with the clip's median; a neutral face of the signer from elsewhere can be given. A mouth is open or
  closed whoever's it is, so it is compared with a closed one.
- A head movement is a swing back and forth within a band of frequencies, at least one whole period of it: a
  glance aside and back is none.
- Hysteresis: a marker begins above one threshold and lasts while above half of it; shorter ones than
  `LEAST_S` are dropped. Onset and offset are where it passes half of its own height.

The constants were chosen on films of three rendered signers (maya, kofi, elena) and measured on three others:
``python -m signlens_studies markers films``, whose README shows what they find. They were never
fitted to recordings of people.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.orientation.frame import SignerFrame
from signlens.pose.clip import LEFT_HAND, RIGHT_HAND, PoseClip
from signlens.pose.face_points import MEASURED_POINTS, MEASURES, align_faces, head_angles, measures
from signlens.reasons import Reason
from signlens.signing.oscillation import median3, runs, turning_points
from signlens.signing.rest import at_rest

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

FUNCTIONS: dict[str, str] = {
    "brow_raise": "often marks yes/no questions, topics and conditionals",
    "brow_furrow": "often marks wh-questions",
    "head_shake": "often marks negation",
    "head_nod": "often marks affirmation or emphasis",
    "mouth_opening": "often belongs to mouthing or a mouth gesture",
}
"""What each marker often does in ASL and related sign languages; it can be affect as well."""

GRID_HZ = 25.0
"""Everything is measured on a grid of so many points a second, whatever the clip's frame rate."""
LONGEST_GAP_S = 0.2
"""Frames without a face are bridged over so much time; a longer gap ends a marker."""
LEAST_S = 0.2
"""A marker of the face lasts at least so long."""
LEAST_FACE = 0.3
"""Share of the clip's frames with a face below which nothing is read."""
LEAST_FPS = 8.0
"""Below so many frames a second a headshake's two sides may fall between frames."""
REST_S = 0.16
"""So much rest must be seen to take the face at rest from it."""

BROW_RAISE_ON = 0.018
BROW_FURROW_ON = 0.012
MOUTH_ON = 0.045
"""Thresholds, in distances between the outer corners of the eyes, above the signer's own face (above a
closed mouth)."""
BROW_RAISE_FULL, BROW_FURROW_FULL, MOUTH_FULL = 0.05, 0.03, 0.15
"""What a deliberate, full movement measures: strength 1."""
CLOSED_MOUTH = 0.03
"""The lips' inner rims as the face mesh draws them on a closed mouth: never quite together."""
TURNED_DEGREES = 15.0
"""Thresholds double when the head is so far from its usual direction in the clip: the mesh follows a face
less well while it turns."""
NOISE_FACTOR = 2.5
"""A threshold is never below so many standard deviations of the measure's own flicker."""

SWING_ON = 7.0
SWING_FULL = 25.0
"""Degrees from one side to the other: the least that counts, and strength 1."""
HALF_SWING_S = (0.07, 0.60)
"""Time from one side to the other: 0.8 to 7 swings a second."""
LEAST_HALF_SWINGS = 2
"""From one side to the other and back: one whole period between turns to the same side."""
BEYOND = 0.3
"""A first or last turn lies at least this share of its swing beyond the head's usual place."""
SWING_REST = 0.2
"""The head is back once it is within this share of its swing from the middle."""

_COLUMN = {name: i for i, name in enumerate(MEASURES)}
_BROWS = (70, 63, 105, 66, 107, 300, 293, 334, 296, 336, 33, 133, 362, 263)
_LIPS = (61, 291, 0, 17, 13, 14)


@dataclass(frozen=True)
class Marker:
    """A non-manual marker: a movement of face or head that signing uses as grammar, among other things.

    Attributes:
        name: ``brow_raise``, ``brow_furrow``, ``head_shake``, ``head_nod`` or ``mouth_opening``.
        onset_s: Where it begins, seconds from the clip's start.
        offset_s: Where it ends.
        strength: 0..1; 1 is a deliberate, full movement.
        confidence: 0..1, by a rule and not calibrated: how far it stands out, and how well it was seen.
        function: What it often does in signing; not what it does here.
    """

    name: str
    onset_s: float
    offset_s: float
    strength: float
    confidence: float
    function: str


@dataclass(frozen=True)
class FaceTrack:
    """The face over time, on an even grid.

    Attributes:
        times: (G,) seconds, `GRID_HZ` a second.
        values: (G, 19) `signlens.pose.face_points.measures`; NaN where unknown.
        angles: (G, 3) yaw, pitch, roll of the head in degrees; NaN where unknown.
        brows_free: (G,) whether the brows are seen with no hand over them.
        mouth_free: (G,) the same for the mouth.
        rest: (G,) whether the hands rest before or after the sign.
        face_share: Share of the clip's frames with a face.
        fps: Frames per second of the clip.
        flicker: (19,) standard deviation of each measure from frame to frame.
    """

    times: Array
    values: Array
    angles: Array
    brows_free: Bools
    mouth_free: Bools
    rest: Bools
    face_share: float
    fps: float
    flicker: Array


@dataclass(frozen=True)
class MarkerReading:
    """The markers of a clip.

    Attributes:
        markers: In order of onset.
        reasons: What could not be read, and why.
        readable: False when nothing at all could be read: then no marker means nothing.
        baseline: What the brows were compared with: ``rest``, ``median`` or ``given``; empty when unread.
    """

    markers: tuple[Marker, ...] = ()
    reasons: tuple[Reason, ...] = ()
    readable: bool = True
    baseline: str = field(default="")


def read_markers(
    clip: PoseClip,
    reference: NDArray[np.floating],
    neutral: NDArray[np.floating] | None = None,
    frame: SignerFrame | None = None,
) -> MarkerReading:
    """The non-manual markers of a clip.

    Args:
        clip: Poses with the face mesh, as filmed.
        reference: (468, 3) reference face of the expression head.
        neutral: (19,) measures of the signer's neutral face from elsewhere; None for the clip's own.
        frame: The signer's, of the same clip; found when None.

    Raises:
        UsageError: ``neutral`` has another shape.
    """
    if clip.face_mesh is None:
        return _unread(
            "no_face_mesh", "These poses carry no face mesh, so no markers of face and head are read."
        )
    track = track_face(clip, reference, frame or SignerFrame.of(clip.keypoints))
    if track.face_share < LEAST_FACE or len(track.times) < 2:
        if track.face_share >= LEAST_FACE:
            return _unread(
                "single_frame", "One moment shows no change, so no markers of face and head are read."
            )
        share = f"{track.face_share:.0%} of the frames"
        text = f"The face is seen in only {share}, so no markers of face and head are read."
        return _unread("face_seldom_seen", text)
    return find_markers(track, neutral)


def _unread(code: str, text: str) -> MarkerReading:
    return MarkerReading((), (Reason(code, text),), readable=False)


def track_face(clip: PoseClip, reference: NDArray[np.floating], frame: SignerFrame) -> FaceTrack:
    """Measure a clip's face and head on an even grid.

    Args:
        clip: Poses with the face mesh.
        reference: (468, 3) reference face.
        frame: The signer's, of the same clip.
    """
    assert clip.face_mesh is not None  # callers look first
    shape, rotations = align_faces(clip.face_mesh, reference, MEASURED_POINTS)
    values, angles = measures(shape), head_angles(rotations)
    visible = np.isfinite(values).all(axis=1)
    end = float(clip.times[-1] - clip.times[0])
    grid = clip.times[0] + np.arange(int(np.floor(end * GRID_HZ + 1e-6)) + 1) / GRID_HZ
    columns = np.concatenate([values, angles], axis=1)
    on_grid = _bridge(clip.times, columns, visible, grid)
    jumps = (
        np.abs(np.diff(values[visible], n=2, axis=0)) if visible.sum() > 4 else np.zeros((1, len(MEASURES)))
    )
    free = {
        name: visible & ~_hand_over(clip, points) for name, points in (("brows", _BROWS), ("mouth", _LIPS))
    }
    return FaceTrack(
        times=grid,
        values=on_grid[:, : len(MEASURES)],
        angles=on_grid[:, len(MEASURES) :],
        brows_free=_nearest(clip.times, free["brows"], grid),
        mouth_free=_nearest(clip.times, free["mouth"], grid),
        rest=_nearest(clip.times, at_rest(clip, frame), grid),
        face_share=float(visible.mean()),
        fps=clip.fps,
        # Second differences of white noise have sqrt(6) times its standard deviation.
        flicker=1.4826 * np.median(jumps, axis=0) / np.sqrt(6),
    )


def find_markers(track: FaceTrack, neutral: NDArray[np.floating] | None = None) -> MarkerReading:
    """The markers in a tracked face.

    Args:
        track: From `track_face`.
        neutral: (19,) measures of the signer's neutral face; None for the clip's own.

    Raises:
        UsageError: ``neutral`` has another shape.
    """
    reasons: list[Reason] = []
    own, baseline, reason = _own_face(track, neutral)
    if reason is not None:
        reasons.append(reason)
    found = _face_markers(track, own)
    if track.fps < LEAST_FPS:
        text = f"At {track.fps:.1f} frames a second a headshake or a nod may fall between frames: not read."
        reasons.append(Reason("frame_rate_low", text))
    else:
        yaw, pitch = track.angles[:, 0], track.angles[:, 1]
        found += _swings("head_shake", track.times, yaw, pitch)
        found += _swings("head_nod", track.times, pitch, yaw)
    found.sort(key=lambda m: (m.onset_s, m.name))
    return MarkerReading(tuple(found), tuple(reasons), True, baseline)


def _own_face(track: FaceTrack, neutral: NDArray[np.floating] | None) -> tuple[Array, str, Reason | None]:
    """(19,) what the signer's face is compared with, what that is called, and what is wrong with it."""
    rest = track.rest & track.brows_free
    if neutral is not None:
        own = np.asarray(neutral, dtype=np.float64)
        if own.shape != (len(MEASURES),):
            raise UsageError("neutral", f"shape {own.shape}, not ({len(MEASURES)},)", "give one a measure")
        return own, "given", None
    if rest.sum() >= REST_S * GRID_HZ:
        return np.median(track.values[rest], axis=0), "rest", None
    if track.brows_free.any():
        text = (
            "The hands are never seen at rest, so the brows are compared with the clip's median: brows that "
            "are held up or drawn together throughout do not show."
        )
        return np.median(track.values[track.brows_free], axis=0), "median", Reason("no_rest_seen", text)
    text = "A hand covers the brows throughout, so their markers are not read."
    return np.full(len(MEASURES), np.nan), "", Reason("brows_covered", text)


def _face_markers(track: FaceTrack, own: Array) -> list[Marker]:
    """Raised and furrowed brows and an open mouth, against the signer's own face."""
    inner, outer, lower, lips = (
        _COLUMN[name]
        for name in (
            "AU01_inner_brow_raiser",
            "AU02_outer_brow_raiser",
            "AU04_brow_lowerer",
            "AU25_lips_part",
        )
    )
    over, flicker = track.values - own, track.flicker
    brows, mouth = track.brows_free, track.mouth_free
    known = np.isfinite(track.angles).all(axis=1)
    usual = np.median(track.angles[known, :2], axis=0)
    away = 1 + np.linalg.norm(track.angles[:, :2] - usual, axis=1) / TURNED_DEGREES
    raised = (over[:, inner] + over[:, outer]) / 2
    opened = track.values[:, lips] - CLOSED_MOUTH
    found: list[Marker] = []
    for name, signal, free, noise, on, full in (
        ("brow_raise", raised, brows, flicker[inner], BROW_RAISE_ON, BROW_RAISE_FULL),
        ("brow_furrow", over[:, lower], brows, flicker[lower], BROW_FURROW_ON, BROW_FURROW_FULL),
        ("mouth_opening", opened, mouth, flicker[lips], MOUTH_ON, MOUTH_FULL),
    ):
        found += _held(name, track.times, signal, free, max(on, NOISE_FACTOR * float(noise)) * away, full)
    return found


def _held(name: str, times: Array, signal: Array, free: Bools, on: Array, full: float) -> list[Marker]:
    """Stretches in which a measure is raised, by hysteresis; `on` is the threshold at each moment."""
    smooth = median3(signal)
    found = []
    with np.errstate(invalid="ignore"):
        raised = np.isfinite(smooth) & (smooth > on / 2)
    for first, last in runs(raised):
        stretch, least = smooth[first : last + 1], on[first : last + 1]
        if not (stretch > least).any():
            continue
        height = float(np.percentile(stretch[stretch > least], 80))
        above = np.flatnonzero(stretch >= np.maximum(least / 2, height / 2))
        begin, end = first + int(above[0]), first + int(above[-1])
        if (end - begin + 1) / GRID_HZ < LEAST_S - 1e-9:
            continue
        visible = float(free[begin : end + 1].mean())
        if visible < 0.5:
            continue  # mostly guessed under a hand
        over = height / float(np.median(on[begin : end + 1]))
        found.append(_marker(name, times[begin], times[end], height / full, visible, over))
    return found


def _swings(name: str, times: Array, angle: Array, other: Array) -> list[Marker]:
    """Stretches in which the head swings back and forth about one axis, more than about the other."""
    found: list[Marker] = []
    if not np.isfinite(angle).any():
        return found
    straight = float(np.nanmedian(angle))
    for first, last in runs(np.isfinite(angle)):
        series = angle[first : last + 1]
        turning = _true_turns(series, straight)
        for group in _in_time(turning):
            size = np.abs(np.diff(series[group]))
            if len(size) < LEAST_HALF_SWINGS:
                continue
            begin, end = _ends_of_swing(series, group)
            across = other[first + begin : first + end + 1]
            if np.ptp(across) > np.ptp(series[begin : end + 1]):
                continue
            mean = float(size.mean())
            onset, offset = times[first + begin], times[first + end]
            found.append(_marker(name, onset, offset, mean / SWING_FULL, 1.0, mean / SWING_ON))
    return found


def _true_turns(series: Array, straight: float) -> NDArray[np.int64]:
    """Turning points; the first and the last only where they lie beyond the head's usual place.

    A glance goes from the usual place to one side and back: its ends turn nowhere.
    """
    turning = turning_points(series, SWING_ON)
    for end, neighbour in ((0, 1), (-1, -2)):
        if len(turning) > 1:
            swing = series[turning[end]] - series[turning[neighbour]]
            if (series[turning[end]] - straight) / swing < BEYOND:
                turning = np.delete(turning, end)
    return turning


def _in_time(turning: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Turning points as groups whose neighbours follow one another at the pace of a headshake."""
    if not len(turning):
        return []
    gap = np.diff(turning) / GRID_HZ
    wrong = (gap < HALF_SWING_S[0]) | (gap > HALF_SWING_S[1])
    return [g for g in np.split(turning, np.flatnonzero(wrong) + 1) if len(g) > 1]


def _ends_of_swing(series: Array, group: NDArray[np.int64]) -> tuple[int, int]:
    """From where the head leaves its place before the first turn to where it is back after the last one."""
    middle = float((series[group[:-1]] + series[group[1:]]).mean() / 2)
    near = SWING_REST * float(np.abs(np.diff(series[group])).mean()) / 2
    longest = max(1, round(float(np.diff(group).mean())))  # no last swing is slower than the others
    begin, end = int(group[0]), int(group[-1])
    side = np.sign(series[begin] - middle)
    while begin > 0 and group[0] - begin < longest and side * (series[begin] - middle) > near:
        begin -= 1
    side = np.sign(series[end] - middle)
    while end < len(series) - 1 and end - group[-1] < longest and side * (series[end] - middle) > near:
        end += 1
    return begin, end


def _marker(
    name: str, onset: float, offset: float, strength: float, visible: float, over_threshold: float
) -> Marker:
    return Marker(
        name=name,
        onset_s=float(onset),
        offset_s=float(offset),
        strength=float(min(strength, 1.0)),
        # At the threshold it may as well be nothing; at twice the threshold it is hardly chance.
        confidence=float(visible * min(over_threshold / 2, 1.0)),
        function=FUNCTIONS[name],
    )


def _bridge(times: Array, values: Array, known: Bools, grid: Array) -> Array:
    """Columns on the grid by linear interpolation; NaN inside gaps that are too long."""
    result = np.full((len(grid), values.shape[1]), np.nan)
    at = np.flatnonzero(known)
    if not len(at):
        return result
    moments = times[at]
    right = np.searchsorted(moments, grid - 1e-9)
    left = np.clip(right - 1, 0, None)
    right = np.clip(right, 0, len(at) - 1)
    span = moments[right] - moments[left]
    part = np.divide(grid - moments[left], span, out=np.zeros_like(grid), where=span > 0)
    part = np.clip(part, 0, 1)[:, None]
    mixed = values[at[left]] * (1 - part) + values[at[right]] * part
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    near = np.minimum(np.abs(grid - moments[left]), np.abs(grid - moments[right]))
    # A clip of few frames a second has no gap where every frame has a face.
    inside = (span <= max(LONGEST_GAP_S, 1.5 * usual)) & (near <= max(LONGEST_GAP_S, 1.5 * usual))
    result[inside] = mixed[inside]
    return result


def _nearest(times: Array, flags: Bools, grid: Array) -> Bools:
    right = np.clip(np.searchsorted(times, grid), 0, len(times) - 1)
    left = np.clip(right - 1, 0, None)
    nearer = np.where(np.abs(times[left] - grid) <= np.abs(times[right] - grid), left, right)
    return np.asarray(flags[nearer])


def _hand_over(clip: PoseClip, points: tuple[int, ...]) -> Bools:
    """(T,) whether a keypoint of a hand lies inside the box of these points of the face."""
    assert clip.face_mesh is not None
    box = clip.face_mesh[:, list(points), :2]
    low, high = box.min(axis=1)[:, None], box.max(axis=1)[:, None]
    hands = np.concatenate([clip.keypoints[:, LEFT_HAND], clip.keypoints[:, RIGHT_HAND]], axis=1)
    inside = ((hands[..., :2] > low) & (hands[..., :2] < high)).all(axis=2)
    return np.asarray((inside & (hands[..., 3] > 0)).any(axis=1))
