"""The page of `signlens rotate`: a clip before and after correction, and its skeleton to turn by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.orientation.correction import Correction
from signlens.orientation.depth import Depth, filled_z
from signlens.orientation.frame import SignerFrame
from signlens.orientation.landmark_depth import landmark_depth
from signlens.pose.clip import PoseClip
from signlens.report.drawing import WHOLE_BODY_LIMBS, still
from signlens.report.rendering import render, write_page

MOST_FRAMES = 240
"""A longer clip is shown by evenly spaced frames."""
SIDE = 480
"""Pixels of the drawings."""

POINTS_SHOWN: list[int] = [*range(13), *range(91, 133)]
"""Body to the hips and both hands; legs and feet are seldom in view, the face would hide the head's turn."""
LIMBS_SHOWN: list[list[int | str]] = [
    [POINTS_SHOWN.index(a), POINTS_SHOWN.index(b), part]
    for part in ("body", "left_hand", "right_hand")
    for a, b in WHOLE_BODY_LIMBS[part]
    if a in POINTS_SHOWN and b in POINTS_SHOWN
]


def write_turning(
    before: PoseClip, after: PoseClip, correction: Correction, destination: Path, depth: Depth | None = None
) -> Path:
    """Write one self-contained HTML file; it loads nothing.

    Args:
        before: The clip as extracted.
        after: The same clip, corrected.
        correction: What was done.
        destination: The file to write; folders on the way are made. Replaced in one step.
        depth: Depth of the clip; the extractor's own when None.

    Returns:
        ``destination``. The same input gives the same bytes.

    Raises:
        UsageError: The page cannot be written there.
    """
    depth = depth or landmark_depth(before)
    chosen = np.unique(np.linspace(0, before.frames - 1, min(before.frames, MOST_FRAMES)).round().astype(int))
    first = _in_space(before, depth, chosen)
    # The corrected clip's z is in the extractor's scales, so depth is read anew.
    second = _in_space(after, landmark_depth(after), chosen)
    html = render(
        "turning.html.jinja",
        script_name="turning.js",
        title=before.provenance.source.get("name", "poses"),
        correction=correction,
        sentences=correction.sentences()
        or ("The signer faces the camera well enough; the poses were left as they are.",),
        measures=[
            (
                "Yaw measured",
                _degrees(correction.measured_yaw, "to the signer's left", "to the signer's right"),
            ),
            ("Yaw taken back", _degrees(correction.applied_yaw, "", "")),
            (
                "Tilt measured",
                _degrees(correction.measured_roll, "left shoulder down", "right shoulder down"),
            ),
            ("Tilt taken back", _degrees(correction.applied_roll, "", "")),
            ("Depth from", depth.source),
            ("Frames without shoulders", str(correction.without_shoulders)),
        ],
        stills=[still(_flat(points[len(points) // 2]), SIDE, SIDE) for points in (first, second)],
        frames=len(chosen),
        side=SIDE,
        data={
            "times": before.times[chosen].round(4).tolist(),
            "limbs": LIMBS_SHOWN,
            "before": _plain(first[:, POINTS_SHOWN]),
            "after": _plain(second[:, POINTS_SHOWN]),
        },
    )
    return write_page(destination, html)


def _in_space(clip: PoseClip, depth: Depth, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """(F, 133, 3) in shoulder widths from the middle of the shoulders; NaN for what is not seen."""
    frame = SignerFrame.of(clip.keypoints)
    points = np.concatenate([clip.keypoints[..., :2], filled_z(clip, depth)[..., None]], axis=-1)
    points[..., :2] -= frame.centre[:, None, :2]
    points[~(clip.keypoints[..., 3] > 0)] = np.nan
    points[~frame.known] = np.nan
    return np.asarray(points[chosen] / depth.unit)


def _flat(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """(133, 3) one frame as `still` draws it: pixels of a square 3.2 shoulder widths wide, confidence."""
    made = np.zeros((len(points), 3), np.float32)
    made[:, :2] = points[:, :2] * (SIDE / 3.2) + [SIDE / 2, SIDE * 0.38]
    shown = np.zeros(len(points), np.bool_)
    shown[POINTS_SHOWN] = True
    made[:, 2] = shown & np.isfinite(points).all(axis=1)
    return made


def _plain(points: NDArray[np.float64]) -> list[list[list[int] | None]]:
    """Thousandths of a shoulder width, None for what is not seen."""
    rounded = np.round(points * 1000)
    return [[None if np.isnan(p).any() else [int(v) for v in p] for p in frame] for frame in rounded]


def _degrees(value: float, positive: str, negative: str) -> str:
    if np.isnan(value):
        return "not known"
    side = positive if value > 0 else negative
    text = f"{abs(value) if side else value:.0f}°"
    return f"{text} {side}".strip() if round(abs(value)) else "0°"
