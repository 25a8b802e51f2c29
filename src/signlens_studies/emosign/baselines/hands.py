"""Baselines that look at hands and body alone: how fast, how large, how repeated, where in space.

The cues are those that EmoSign's annotators name besides the face (size, speed, repetition of signs, use
of signing space, shoulders, body). Lengths are in shoulder widths and times in seconds, so that neither
the camera's distance nor its frame rate counts. Both hands count alike: a left-handed signer and a mirror
image of a right-handed one measure the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.orientation.frame import SignerFrame
from signlens.pose.clip import LEFT_HAND, RIGHT_HAND, PoseClip
from signlens.signing.intensity import measure_intensity
from signlens_studies.emosign.baselines.materials import Array

MEASURES: tuple[str, ...] = (
    "speed_mean",
    "speed_peak",
    "acceleration_peak",
    "hold_share",
    "size_width",
    "size_height",
    "path_length",
    "repetition",
    "repetitions",
    "space_reach",
    "space_height",
    "space_above_shoulders",
    "hands_apart",
    "two_handed_share",
    "hand_opening",
    "head_speed",
    "body_sway",
    "shoulder_raise",
)
"""Names of the measures, in the order of `signing_measures`."""

RATE = 25.0
"""Hertz at which positions are laid out evenly before anything is measured."""
HOLD_SPEED = 0.5
"""Shoulder widths a second below which a hand counts as held."""

_LEFT_WRIST, _RIGHT_WRIST = 9, 10
_FINGERTIPS = (4, 8, 12, 16, 20)
_LONGEST_GAP_S = 0.4


def _track(clip: PoseClip, points: Array, seen: NDArray[np.bool_]) -> Array:
    """(M, 2) positions at `RATE`; NaN inside gaps that are too long to bridge, and before and after."""
    times = clip.times - clip.times[0]
    even = np.arange(0, times[-1] + 1e-9, 1 / RATE)
    out = np.full((len(even), 2), np.nan)
    known = np.flatnonzero(seen)
    if len(known) < 2:
        return out
    at = times[known]
    for axis in range(2):
        out[:, axis] = np.interp(even, at, points[known, axis], left=np.nan, right=np.nan)
    right = np.clip(np.searchsorted(at, even, side="left"), 1, len(at) - 1)
    out[(at[right] - at[right - 1]) > _LONGEST_GAP_S] = np.nan
    return out


def _point(clip: PoseClip, index: int) -> Array:
    k = clip.keypoints[:, index].astype(np.float64)
    return _track(clip, k[:, :2], k[:, 3] > 0)


def _speed(track: Array) -> Array:
    """(M - 1,) shoulder widths a second; NaN where a position is."""
    return np.asarray(np.linalg.norm(np.diff(track, axis=0), axis=1) * RATE)


def _percentile(values: Array, q: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, q)) if len(known) else float("nan")


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def signing_measures(clip: PoseClip) -> dict[str, float]:
    """Speed, size, repetition and space of the signing in a clip.

    - ``speed_mean``, ``speed_peak`` (95th percentile): of both wrists, against the shoulders, in shoulder
      widths a second; ``acceleration_peak`` (95th percentile) of the same, a second more.
    - ``hold_share``: share of time below `HOLD_SPEED`.
    - ``size_width``, ``size_height``: extents of the wrists' places (5th to 95th percentile), the larger of
      the two hands; ``path_length``: way of both wrists for a second of clip.
    - ``repetition`` (how regularly, 0..1), ``repetitions`` (how often): see
      `signlens.signing.intensity.Intensity`.
    - ``space_reach``: 95th percentile of the wrists' distance from the middle of the shoulders;
      ``space_height``: 95th percentile of how far above it they come; ``space_above_shoulders``: share of
      time that a wrist is above it; ``hands_apart``: mean distance of the wrists.
    - ``two_handed_share``: share of the way that the hand that moves less goes, times two (0..1).
    - ``hand_opening``: mean distance of the fingertips from the wrist.
    - ``head_speed``: of the nose against the shoulders; ``body_sway``: extent of the middle of the
      shoulders; ``shoulder_raise``: 95th percentile above the median of how near the shoulders come to the
      nose.

    Args:
        clip: The poses.

    Returns:
        Each of `MEASURES`; NaN where the parts it needs are not seen.
    """
    name = clip.provenance.source.get("name", "poses")
    k = clip.keypoints.astype(np.float64)
    frame = SignerFrame.of(clip.keypoints)
    if clip.frames < 2 or not frame.known.any():
        raise InputRejected(name, "no two frames that show both shoulders", "film the signer's upper body")
    width = frame.shoulder_width
    if width is None:
        raise InputRejected(name, "the shoulders lie on one point", "film the signer from the front")
    middle = _track(clip, frame.centre[:, :2], frame.known) / width
    nose = _track(clip, frame.nose[:, :2], np.isfinite(frame.nose[:, 0])) / width
    wrists = [_point(clip, i) / width - middle for i in (_LEFT_WRIST, _RIGHT_WRIST)]
    speeds = [_speed(w) for w in wrists]
    turns = [np.linalg.norm(np.diff(w, n=2, axis=0), axis=1) * RATE**2 for w in wrists]
    speed, turning, place = (np.concatenate(parts) for parts in (speeds, turns, wrists))
    known = speed[np.isfinite(speed)]
    ways = np.array([np.nansum(s) / RATE for s in speeds])
    seconds = max(len(middle) - 1, 1) / RATE
    extents = np.array([[_percentile(w[:, a], 95) - _percentile(w[:, a], 5) for a in (0, 1)] for w in wrists])
    largest = [float(np.nanmax(c)) if np.isfinite(c).any() else float("nan") for c in extents.T]
    intensity = measure_intensity(clip, frame)
    once = (0.0, 1.0) if len(known) else (float("nan"), float("nan"))
    repeated = once if intensity is None else (intensity.periodicity, float(intensity.repetitions))
    above = np.array([w[:, 1] < 0 for w in wrists]).any(axis=0)
    shown = np.isfinite(wrists[0]).all(axis=1) | np.isfinite(wrists[1]).all(axis=1)
    neck = -(nose - middle)[:, 1]
    values = {
        "speed_mean": _mean(speed),
        "speed_peak": _percentile(speed, 95),
        "acceleration_peak": _percentile(turning, 95),
        "hold_share": float((known < HOLD_SPEED).mean()) if len(known) else float("nan"),
        "size_width": largest[0],
        "size_height": largest[1],
        "path_length": float(ways.sum() / seconds) if len(known) else float("nan"),
        "repetition": repeated[0],
        "repetitions": repeated[1],
        "space_reach": _percentile(np.linalg.norm(place, axis=1), 95),
        "space_height": _percentile(-place[:, 1], 95),
        "space_above_shoulders": float(above[shown].mean()) if shown.any() else float("nan"),
        "hands_apart": _mean(np.linalg.norm(wrists[0] - wrists[1], axis=1)),
        "two_handed_share": float(2 * ways.min() / ways.sum()) if ways.sum() > 0 else float("nan"),
        "hand_opening": _hand_opening(k) / width,
        "head_speed": _mean(_speed(nose - middle)),
        "body_sway": _percentile(middle[:, 0], 95) - _percentile(middle[:, 0], 5),
        "shoulder_raise": _percentile(-neck, 95) - _percentile(-neck, 50),
    }
    return {measure: values[measure] for measure in MEASURES}


def _hand_opening(keypoints: Array) -> float:
    """Mean distance of the fingertips from the hand's root over all hands that are seen; NaN without any."""
    found = []
    for part in (LEFT_HAND, RIGHT_HAND):
        hand = keypoints[:, part]
        hand = hand[(hand[..., 3] > 0).all(axis=1), :, :2]
        found.append(np.linalg.norm(hand[:, _FINGERTIPS, :] - hand[:, :1], axis=2).reshape(-1))
    return _mean(np.concatenate(found))


def signing_features(clip: PoseClip) -> Array:
    """(F,) `signing_measures` in the order of `MEASURES`; all NaN where no shoulders are seen."""
    try:
        values = signing_measures(clip)
    except InputRejected:
        return np.full(len(MEASURES), np.nan)
    return np.array([values[measure] for measure in MEASURES])


def stacked(rows: Sequence[Array | None]) -> Array:
    """(N, F) the rows; NaN for None."""
    return np.array([np.full(len(MEASURES), np.nan) if row is None else row for row in rows])
