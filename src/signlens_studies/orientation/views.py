"""What a turned signer costs, and what correction wins back, on recordings under a virtual camera.

Takes Traduttore's recordings, whose landmarks have a z, brings that z to scale, and looks at them with a
virtual camera from the side (`VirtualCamera` says what is modelled). Networks that never saw the tested
recorder score every view, uncorrected and corrected.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.evaluation.comparison import McNemar, mcnemar
from signlens.evaluation.metrics import Interval, bootstrap, interval, resampled_counts, wilson
from signlens.orientation.correction import Correction, CorrectionSettings, correct
from signlens.orientation.depth import Depth
from signlens.orientation.landmark_depth import landmark_depth
from signlens.orientation.lifted_depth import lifted_depth
from signlens.orientation.policies import POLICIES
from signlens.orientation.yaw_cues import read_cues
from signlens.pose import PoseClip
from signlens_studies.orientation.recordings import WORDS, Recording
from signlens_studies.orientation.view_scorers import Scorer
from signlens_studies.orientation.virtual_camera import VirtualCamera

YAWS = (0.0, 15.0, -15.0, 30.0, -30.0, 45.0, -45.0, 60.0, -60.0)
ROLLS = (0.0, 10.0, -10.0, 20.0, -20.0)

Array = NDArray[np.float64]

Method = Callable[[PoseClip, Depth], tuple[PoseClip, Correction | None]]
"""A view and its true depth -> what the networks get, and what was done."""


def methods(best: CorrectionSettings | None = None, widest: float | None = None) -> dict[str, Method]:
    """Everything that is compared, by name.

    Args:
        best: The settings that the others vary; the defaults when None.
        widest: How wide the signer's shoulders are when they face the camera (`lifted_depth`), if known.
    """
    best = best or CorrectionSettings()

    def by(depth_of: Callable[[PoseClip], Depth] | None, **changes: Any) -> Method:
        settings = dataclasses.replace(best, **changes)

        def method(clip: PoseClip, true: Depth) -> tuple[PoseClip, Correction | None]:
            return correct(clip, settings, true if depth_of is None else depth_of(clip))

        return method

    made: dict[str, Method] = {
        "no correction": lambda clip, true: (clip, None),
        "2D": by(landmark_depth, space="2D"),
        "3D, all cues": by(landmark_depth),
        "3D, landmark depth alone": by(landmark_depth, yaw="depth"),
        "3D, lift": by(lifted_depth, yaw="depth"),
        "3D, lift, own widest known": by(lambda clip: lifted_depth(clip, widest), yaw="depth"),
        "3D, true depth": by(None, yaw="depth"),
        "3D, all cues, shoulders only": by(landmark_depth, joints="shoulders"),
    }
    for policy in POLICIES:
        if policy != best.policy:
            made[f"3D, all cues, {policy}"] = by(landmark_depth, policy=policy)
    return made


@dataclass(frozen=True)
class Cell:
    """One method at one view.

    Attributes:
        method: Its name.
        yaw: Degrees of the virtual camera.
        roll: Degrees of tilt.
        right: (N,) whether each clip was recognised.
        yaw_error: (N,) how far the measured yaw is off, degrees; NaN where none is measured.
        changed: (N,) whether the poses were changed at all.
    """

    method: str
    yaw: float
    roll: float
    right: NDArray[np.bool_]
    yaw_error: Array
    changed: NDArray[np.bool_]


def run_view(
    recordings: Sequence[Recording],
    scorer: Scorer,
    classes: Sequence[str],
    compared: Mapping[str, Method],
    views: Sequence[tuple[float, float]],
    camera: VirtualCamera | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[Cell]:
    """Score every method at every view; every method sees the same views.

    The view (0, 0) is the recording as it is, untouched: what correction costs a signer who faces the camera.
    Poses that a method leaves as they are are not scored again.

    Args:
        recordings: The clips.
        scorer: The networks.
        classes: Names of their classes.
        compared: The methods.
        views: (yaw, roll) in degrees.
        camera: What happens on the way; the defaults when None.
        seed: Of the camera's errors.
        progress: Called with a line a view.
    """
    camera = camera or VirtualCamera()
    columns = [list(classes).index(w) for w in WORDS]
    truth = np.array([WORDS.index(r.gloss) for r in recordings])
    # The recorders do not face the camera exactly; where they face is part of the truth.
    own_yaw = np.array([median_degrees(read_cues(r.poses).shoulders) for r in recordings])
    cells = []
    for yaw, roll in views:
        rng = np.random.default_rng([seed, int(yaw) % 360, int(roll) % 360])
        if yaw == roll == 0:
            seen = [(r.poses, landmark_depth(r.poses)) for r in recordings]
        else:
            seen = [camera.view(r.poses, yaw, roll, rng) for r in recordings]
        unchanged = scorer([clip for clip, _ in seen])[:, columns]
        for name, method in compared.items():
            done = [method(clip, true) for clip, true in seen]
            changed = np.array([new is not clip for (new, _), (clip, _) in zip(done, seen, strict=True)])
            scores = unchanged.copy()
            if changed.any():
                moved = [clip for (clip, _), other in zip(done, changed, strict=True) if other]
                scores[changed] = scorer(moved)[:, columns]
            right = (scores.argmax(axis=1) == truth) & np.isfinite(scores).any(axis=1)
            measured = np.array([np.nan if c is None else c.measured_yaw for _, c in done])
            cells.append(Cell(name, yaw, roll, right, np.abs(measured - (own_yaw + yaw)), changed))
        if progress is not None:
            progress(f"yaw {yaw:+.0f}, roll {roll:+.0f}")
    return cells


@dataclass(frozen=True)
class Kept:
    """What one method keeps, costs and measures.

    Attributes:
        method: Its name.
        at_zero: Accuracy on the recordings as they are, per cent (Wilson's interval).
        cost_at_zero: Points lost there against no correction, paired, per cent.
        at_zero_test: McNemar's test of the same.
        kept: Angle -> accuracy over both sides, in per cent of that at 0 without correction.
        gain: Angle -> points won there against no correction, paired, per cent.
        yaw_error: Median error of the yaw over all turned views, degrees; None where none is measured.
        changed: Angle -> share of clips that were changed, per cent.
    """

    method: str
    at_zero: Interval
    cost_at_zero: Interval
    at_zero_test: McNemar
    kept: dict[float, Interval]
    gain: dict[float, Interval]
    yaw_error: Interval | None
    changed: dict[float, float]


def summarise(cells: Sequence[Cell]) -> list[Kept]:
    """Accuracy kept, cost and yaw error of each method; intervals over clips, percentile bootstrap."""
    found = {(c.method, c.yaw, c.roll): c for c in cells}
    names = list(dict.fromkeys(c.method for c in cells))
    angles = sorted({abs(c.yaw) for c in cells if c.yaw and not c.roll})
    plain = found["no correction", 0.0, 0.0].right
    counts = np.concatenate(list(resampled_counts(len(plain), None, 2000, 0)))

    def sides(name: str, angle: float) -> list[Cell]:
        return [found[name, y, 0.0] for y in (angle, -angle) if (name, y, 0.0) in found]

    made = []
    for name in names:
        zero = found[name, 0.0, 0.0].right
        kept, gain = {}, {}
        for angle in angles:
            right = np.mean([c.right for c in sides(name, angle)], axis=0)
            before = np.mean([c.right for c in sides("no correction", angle)], axis=0)
            share = 100 * (counts @ right) / np.maximum(counts @ plain, 1e-9)
            kept[angle] = interval(float(100 * right.mean() / plain.mean()), share)
            gain[angle] = interval(
                float(100 * (right - before).mean()), 100 * (counts @ (right - before)) / len(plain)
            )
        made.append(
            Kept(
                method=name,
                at_zero=wilson(int(zero.sum()), len(zero)),
                cost_at_zero=bootstrap(100 * (plain.astype(np.int64) - zero)),
                at_zero_test=mcnemar(plain, zero),
                kept=kept,
                gain=gain,
                yaw_error=_median_error([c.yaw_error for a in angles for c in sides(name, a)]),
                changed={
                    a: float(100 * np.mean([c.changed for c in sides(name, a)])) for a in (0.0, *angles)
                },
            )
        )
    return made


def _median_error(errors: Sequence[Array]) -> Interval | None:
    """Median over clips and views; clips are drawn for the interval, each with all its views."""
    table = np.stack(errors, axis=1) if errors else np.full((0, 0), np.nan)
    if not np.isfinite(table).any():
        return None
    rng = np.random.default_rng(0)
    drawn = [np.nanmedian(table[rng.integers(0, len(table), len(table))]) for _ in range(400)]
    return interval(float(np.nanmedian(table)), np.array(drawn))


def choose(
    recordings: Sequence[Recording],
    scorer: Scorer,
    classes: Sequence[str],
    progress: Callable[[str], None] | None = None,
) -> tuple[CorrectionSettings, list[tuple[CorrectionSettings, float, float]]]:
    """The settings that keep most at +-30 and +-45 among those that cost nothing at 0, on validation clips.

    Args:
        recordings: Validation clips: of another recorder than the one under test.
        scorer: Networks that have not seen them.
        classes: Names of their classes.
        progress: Called with a line a view.

    Returns:
        The best, and each candidate with its points at 0 against no correction and its mean at the
        turned views.
    """
    candidates = [
        CorrectionSettings(policy=policy, least_yaw=least)
        for policy in ("clip", "smoothed", "frame")
        for least in (0.0, 5.0, 10.0, 15.0, 20.0)
    ]
    compared: dict[str, Method] = {"no correction": lambda clip, true: (clip, None)}
    for number, settings in enumerate(candidates):
        compared[str(number)] = lambda clip, true, s=settings: correct(clip, s)  # type: ignore[misc]
    views = [(0.0, 0.0), (30.0, 0.0), (-30.0, 0.0), (45.0, 0.0), (-45.0, 0.0)]
    cells = run_view(recordings, scorer, classes, compared, views, seed=1, progress=progress)
    at = {(c.method, c.yaw): 100 * float(c.right.mean()) for c in cells}
    tried = [
        (
            settings,
            at[str(n), 0.0] - at["no correction", 0.0],
            float(np.mean([at[str(n), y] for y, _ in views[1:]])),
        )
        for n, settings in enumerate(candidates)
    ]
    free = [t for t in tried if t[1] >= 0] or tried
    return max(free, key=lambda t: (t[2], t[0].least_yaw))[0], tried


def median_degrees(angles: Array) -> float:
    """Median of radians in degrees; NaN where none is known."""
    known = angles[np.isfinite(angles)]
    return float(np.degrees(np.median(known))) if len(known) else float("nan")
