"""Which way the signer faces, from several cues at once, and the correction of a whole clip.

No cue will do alone: the depth of the shoulders is biased from clip to clip, the head turns on its
own, the width of the shoulders hardly changes at small angles and has no sign. They are weighed
against each other by how far each one errs, see `fused_yaw`.

    corrected, correction = correct(clip)
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from signlens.errors import UsageError
from signlens.orientation.depth import Depth, filled_z
from signlens.orientation.frame import SHOULDERS, Angles, SignerFrame
from signlens.orientation.landmark_depth import extractors_own_z, landmark_depth
from signlens.orientation.policies import PER_FRAME, POLICIES, apply_policy
from signlens.orientation.rotation import turn
from signlens.orientation.yaw_cues import Cues, read_cues
from signlens.pose.clip import PoseClip
from signlens.reasons import Reason

SHOULDERS_SPREAD = np.radians(8.0)
"""Standard deviation of the yaw by the shoulders' depth, over clips (rendered signers: 7 degrees)."""
HEAD_SPREAD = np.radians(8.0)
"""Standard deviation of the head's yaw from the body's: heads turn. On films of people (`wlasl-videos`)
the two cues differ by 10 degrees, of which the shoulders' depth makes the rest."""
USUAL_SPREAD = np.radians(45.0)
"""Signers mostly face the camera, more or less."""
WIDTH_POWER = 0.8
"""The width of the shoulders falls as cos(yaw) to this power: shoulders are round, not a line."""
FARTHEST = 4.0
"""Beyond this many standard deviations a cue disagrees, and by how much no longer matters."""

_STEEPEST = np.radians(85.0)

_GRID = np.radians(np.arange(-88.0, 88.5, 4.0))
_GRID_WIDTH = WIDTH_POWER * np.log(np.cos(_GRID))
_GRID_PRIOR = 0.5 * (_GRID / USUAL_SPREAD) ** 2


@dataclass(frozen=True)
class CorrectionSettings:
    """How a clip is corrected.

    Attributes:
        space: ``3D`` levels and turns to the camera, ``2D`` levels only.
        policy: From angles per frame to what is applied: one of `signlens.orientation.policies.POLICIES`.
        yaw: ``fused`` weighs all cues; ``depth`` takes the shoulders' depth alone (the paper's way).
        joints: ``all``, or ``shoulders`` alone (a variant of the paper).
        least_yaw: Degrees; a clip turned by less is left as it is.
        least_roll: Degrees; a clip tilted by less is left as it is.
        most_yaw: Degrees; beyond, what the camera does not see cannot be brought back.
    """

    space: Literal["2D", "3D"] = "3D"
    policy: str = "clip"
    yaw: Literal["fused", "depth"] = "fused"
    joints: Literal["all", "shoulders"] = "all"
    least_yaw: float = 15.0
    least_roll: float = 5.0
    most_yaw: float = 75.0

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            UsageError: One is not known.
        """
        for option, value, known in (
            ("space", self.space, ("2D", "3D")),
            ("policy", self.policy, POLICIES),
            ("yaw", self.yaw, ("fused", "depth")),
            ("joints", self.joints, ("all", "shoulders")),
        ):
            if value not in known:
                raise UsageError(option, f"there is no {value!r}", f"choose from {', '.join(known)}")


@dataclass(frozen=True)
class Correction:
    """What was measured and what was done to a clip.

    Attributes:
        roll: (T,) degrees by which each frame was levelled; NaN for a frame that was left alone.
        yaw: (T,) degrees by which each frame was turned; NaN likewise.
        measured_roll: Median tilt of the shoulders, degrees; NaN where they are never seen.
        measured_yaw: Median yaw, degrees, positive to the signer's own left.
        without_shoulders: Number of frames whose shoulders are not seen; they are left alone.
    """

    roll: Angles
    yaw: Angles
    measured_roll: float
    measured_yaw: float
    without_shoulders: int

    @property
    def applied(self) -> bool:
        """Whether anything was changed."""
        return bool(np.nanmax(np.abs([self.roll, self.yaw]), initial=0.0) > 0)

    @property
    def applied_roll(self) -> float:
        """Median degrees of levelling."""
        return _median(self.roll)

    @property
    def applied_yaw(self) -> float:
        """Median degrees of turning."""
        return _median(self.yaw)

    def reasons(self) -> tuple[Reason, ...]:
        """What was done; empty when nothing was and nothing was missing."""
        reasons: list[Reason] = []
        if abs(self.applied_yaw) > 0:
            side = "left" if self.applied_yaw > 0 else "right"
            text = f"The signer is turned about {abs(self.applied_yaw):.0f} degrees to their own {side}"
            reasons.append(Reason("turned", f"{text}; the poses were turned to the camera."))
        if abs(self.applied_roll) > 0:
            text = f"The picture is tilted by about {abs(self.applied_roll):.0f} degrees"
            reasons.append(Reason("levelled", f"{text}; the poses were levelled."))
        if self.without_shoulders and self.applied:
            frames = "frame" if self.without_shoulders == 1 else "frames"
            text = f"In {self.without_shoulders} {frames} the shoulders are not seen"
            reasons.append(Reason("shoulders_not_seen", f"{text}; these were left as they are."))
        return tuple(reasons)

    def sentences(self) -> tuple[str, ...]:
        """The same for a person."""
        return tuple(reason.text for reason in self.reasons())


@dataclass(frozen=True)
class Orientation:
    """How the signer stood to the camera, and what was done about it before recognition.

    Attributes:
        yaw_degrees: Turn of the body, positive to the signer's own left; None where it is unknown.
        roll_degrees: Tilt of the shoulders in the picture, positive where the signer's left one is lower;
            None likewise.
        turned_by_degrees: By how much the poses were turned to the camera; 0 when they were left alone.
        levelled_by_degrees: By how much they were levelled.
        sentences: What was done, for a person; empty when nothing was.
    """

    yaw_degrees: float | None
    roll_degrees: float | None
    turned_by_degrees: float
    levelled_by_degrees: float
    sentences: tuple[str, ...] = ()

    @classmethod
    def of(cls, correction: Correction) -> Self:
        """The same facts of a correction that was made."""
        return cls(
            yaw_degrees=_or_none(correction.measured_yaw),
            roll_degrees=_or_none(correction.measured_roll),
            turned_by_degrees=_or_none(correction.applied_yaw) or 0.0,
            levelled_by_degrees=_or_none(correction.applied_roll) or 0.0,
            sentences=correction.sentences(),
        )


def _or_none(angle: float) -> float | None:
    return None if np.isnan(angle) else angle


def correct(
    clip: PoseClip,
    settings: CorrectionSettings | None = None,
    depth: Depth | None = None,
    frame: SignerFrame | None = None,
) -> tuple[PoseClip, Correction]:
    """Bring a clip upright and face to the camera.

    Args:
        clip: The poses.
        settings: How; the defaults when None.
        depth: Depth of the same clip; the extractor's own when None.
        frame: The signer's, of the same clip; found when None.

    Returns:
        The corrected clip (the very same object when nothing is to be done), and what was done. Its z is
        in the extractor's own scales, as networks know them; its face mesh is the one given.
    """
    settings = settings or CorrectionSettings()
    depth = depth or landmark_depth(clip)
    cues = read_cues(clip, frame)
    keypoints = clip.keypoints.copy()
    keypoints[..., 2] = filled_z(clip, depth)
    frame = SignerFrame.of(keypoints)
    cues = dataclasses.replace(cues, shoulders=frame.yaw)
    measured_yaw = fused_yaw(cues) if settings.yaw == "fused" else frame.yaw
    measured_yaw = np.where(frame.known, measured_yaw, np.nan)
    weights = frame.width
    roll = apply_policy(_roll_policy(settings.policy), frame.roll, weights)
    yaw = np.zeros(clip.frames)
    if settings.space == "3D":
        # Shoulders seen at one place can still be in depth: then there is no telling the turn.
        yaw = apply_policy(settings.policy, measured_yaw, weights)
        most = np.radians(settings.most_yaw)
        yaw = np.clip(np.where(np.isnan(yaw) & frame.known, 0.0, yaw), -most, most)
    roll = _unless_small(roll, frame.roll, settings.least_roll)
    yaw = _unless_small(yaw, measured_yaw, settings.least_yaw)
    known = frame.known
    correction = Correction(
        roll=np.degrees(np.where(known, roll, np.nan)),
        yaw=np.degrees(np.where(known, yaw, np.nan)),
        measured_roll=float(np.degrees(_median(frame.roll))),
        measured_yaw=float(np.degrees(_median(measured_yaw))),
        without_shoulders=int((~known).sum()),
    )
    if not correction.applied:
        return clip, correction
    joints = SHOULDERS[133] if settings.joints == "shoulders" else None
    slant = None
    if settings.space == "3D" and settings.yaw == "fused":
        # What is believed, which bins and fixed angles round.
        exact = settings.policy in (PER_FRAME, "smoothed", "clip")
        slant = _slant(frame, apply_policy(settings.policy if exact else "clip", measured_yaw, weights), yaw)
    turned = turn(keypoints, frame.centre, roll, yaw, joints, slant, out=keypoints)
    if settings.space == "3D" and settings.joints == "all":
        turned[..., 2] = extractors_own_z(turned[..., 2], clip.provenance.extractor)
    else:
        turned[..., 2] = clip.keypoints[..., 2]
    turned[~known] = clip.keypoints[~known]
    return dataclasses.replace(clip, keypoints=turned), correction


def _slant(frame: SignerFrame, believed: Angles, applied: Angles) -> Angles:
    """(T,) what to add to the slope of depth so that the levelled shoulders are turned as is believed.

    A depth that is known up to a slant (the bas-relief ambiguity: Belhumeur, Kriegman and Yuille 1999) is
    made to agree with the cues that fix the slant: z + (tan(yaw) - tan(beta)) (x - C). A frame that is
    not turned keeps its depth.
    """
    usable = np.isfinite(believed) & np.isfinite(applied) & (applied != 0)
    usable &= (np.abs(believed) < _STEEPEST) & (np.abs(frame.yaw) < _STEEPEST)
    tangents = [np.tan(np.where(usable, angle, 0.0)) for angle in (believed, frame.yaw)]
    return np.asarray(tangents[0] - tangents[1])


def fused_yaw(cues: Cues) -> Angles:
    """Weigh the cues: the mean of the angles, each as likely as all cues together make it.

    With g the yaw, independent errors and the usual Gaussians,

        -log p(g) = ((g - shoulders) / s_1)^2 / 2 + ((g - head) / s_2)^2 / 2
                    + ((log width - k log cos g) / s_3)^2 / 2 + (g / s_0)^2 / 2,

    where no term grows beyond that of four standard deviations: a head that is turned away, say, is
    outvoted rather than averaged in. A cue that a frame lacks is left out.

    Args:
        cues: Of T frames.

    Returns:
        (T,) radians; NaN where neither the shoulders nor the head give a side.
    """
    cost = np.broadcast_to(_GRID_PRIOR, (len(cues.shoulders), len(_GRID))).copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        width = np.log(cues.width)
    for value, expected, spread in (
        (cues.shoulders, _GRID, SHOULDERS_SPREAD),
        (cues.head, _GRID, HEAD_SPREAD),
        (width, _GRID_WIDTH, cues.width_spread),
    ):
        known = np.isfinite(value)[:, None]
        away = (np.where(known, value[:, None], 0.0) - expected) / spread
        cost += known * np.minimum(0.5 * away * away, 0.5 * FARTHEST**2)
    cost -= cost.min(axis=1, keepdims=True)
    likely = np.exp(-cost)
    mean = likely @ _GRID / likely.sum(axis=1)
    sided = np.isfinite(cues.shoulders) | np.isfinite(cues.head)
    return np.where(sided, mean, np.nan)


def _roll_policy(policy: str) -> str:
    """The paper fixes the depth angle alone; a tilt has no natural size, so it is the clip's."""
    return "clip" if policy.startswith("fixed") else policy


def _unless_small(angles: Angles, measured: Angles, least_degrees: float) -> Angles:
    """Zero where the clip's median angle is small: one clip is treated in one way."""
    small = abs(_median(measured)) < np.radians(least_degrees)
    return np.where(np.isnan(angles), angles, 0.0) if small else angles


def _median(values: Angles) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
