"""Short films with known non-manual markers: which, from when to when, on whose face.

The face and the head are scripted over a sign's hands: at rest, then worn from `Script.begin_s` to
`Script.end_s`, then at rest again. So a detector's onsets and offsets can be held against the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.signer.body import BodyPose
from signlens.signer.face import FaceParameters, add_faces, parse_expression
from signlens.signer.identity import find_identity
from signlens.signer.notation import find_sign
from signlens.signer.performance import Performance, perform
from signlens.signer.render import render_pose_frame
from signlens.signer.scene import Camera

RAMP_S = 0.2
"""An expression comes and goes in this time; its onset and offset lie in the middle of it."""

SHAKE_DEGREES, SHAKE_HZ = 14.0, 1.8
NOD_DEGREES, NOD_HZ = 11.0, 1.8
GLANCE_DEGREES = 22.0

HEAD_MOVEMENTS = ("head-shake", "head-nod", "glance")
"""What a script's words may name beside the expressions; a glance turns the head once and back: no marker."""


@dataclass(frozen=True)
class Script:
    """One film.

    Attributes:
        words: Expressions of `signlens.signer.face.EXPRESSIONS` and `HEAD_MOVEMENTS`, joined by ``+``.
        identity: Who signs.
        yaw_degrees: Turn of the body to the signer's left.
        sign: What the hands do meanwhile.
        begin_s: When the face or the head leaves rest.
        end_s: When it is at rest again.
        duration_s: Length of the film.
        fps: Frames per second.
    """

    words: str
    identity: str = "maya"
    yaw_degrees: float = 0.0
    sign: str = "book"
    begin_s: float = 0.6
    end_s: float = 1.7
    duration_s: float = 2.1
    fps: float = 10.0

    def truth(self) -> dict[str, tuple[float, float]]:
        """The markers that are truly there, by name (``brow_raise``, ...): (onset, offset) in seconds.

        A marker that an emotional expression contains, such as the raised brows of surprise, is there too:
        it is the same movement, whatever it means. Parts below half of the full movement do not count.
        """
        names = self.words.split("+")
        face, _ = parse_expression("+".join(n for n in names if n not in HEAD_MOVEMENTS) or "neutral")
        worn = (self.begin_s + RAMP_S / 2, self.end_s - RAMP_S / 2)
        found = {}
        if face.brow_raise >= 0.5:
            found["brow_raise"] = worn
        if face.brow_furrow >= 0.5:
            found["brow_furrow"] = worn
        if face.mouth_open >= 0.5:
            found["mouth_opening"] = worn
        for name in ("head-shake", "head-nod"):
            if name in names:
                found[name.replace("-", "_")] = (self.begin_s, self.end_s)
        return found

    def partly(self) -> frozenset[str]:
        """Markers of which the face shows a part that is less than half of the full movement."""
        names = self.words.split("+")
        face, _ = parse_expression("+".join(n for n in names if n not in HEAD_MOVEMENTS) or "neutral")
        shares = {
            "brow_raise": max(face.brow_raise, face.brow_inner),
            # Brows go down and together with a wrinkled nose, too.
            "brow_furrow": max(face.brow_furrow, -face.brow_raise, face.nose_wrinkle),
            "mouth_opening": max(face.mouth_open, face.upper_lip),
        }
        return frozenset(name for name, share in shares.items() if share > 0) - set(self.truth())

    @property
    def frames(self) -> int:
        """Number of frames."""
        return round(self.duration_s * self.fps)


def pose_at(script: Script, performance: Performance, t: float) -> BodyPose:
    """The body at t seconds.

    Args:
        script: The film.
        performance: The sign placed on its signer, see `performance_of`.
        t: Seconds from the start.
    """
    names = script.words.split("+")
    pose = performance.pose(t)
    expressions = "+".join(n for n in names if n not in HEAD_MOVEMENTS) or "neutral"
    worn, _ = parse_expression(expressions)
    share = _smooth((t - script.begin_s) / RAMP_S) * _smooth((script.end_s - t) / RAMP_S)
    face = add_faces(pose.face, FaceParameters.from_array(share * worn.to_array()))
    turn, nod = pose.head_turn, pose.head_nod
    since, length = t - script.begin_s, script.end_s - script.begin_s
    if 0 < since < length:
        edge = _smooth(since / RAMP_S) * _smooth((length - since) / RAMP_S)
        if "head-shake" in names:
            turn += SHAKE_DEGREES * edge * float(np.sin(2 * np.pi * SHAKE_HZ * since))
        if "head-nod" in names:
            nod += NOD_DEGREES * edge * float(np.sin(2 * np.pi * NOD_HZ * since))
        if "glance" in names:
            turn += GLANCE_DEGREES * float(np.sin(np.pi * since / length))
    return replace(pose, face=face, head_turn=turn, head_nod=nod)


def performance_of(script: Script) -> Performance:
    """The script's sign on its signer's body, with a neutral face."""
    for name in script.words.split("+"):
        if name not in HEAD_MOVEMENTS:
            parse_expression(name)
    if not 0 < script.begin_s < script.end_s < script.duration_s:
        raise UsageError("script", "its times do not follow one another", "0 < begin < end < duration")
    identity = find_identity(script.identity)
    return perform(find_sign(script.sign), identity, yaw_degrees=script.yaw_degrees)


def film(script: Script, *, width: int = 272, height: int = 204) -> Iterator[NDArray[np.uint8]]:
    """Draw the film, frame by frame, head and chest filling it as on a web camera.

    Args:
        script: What to show.
        width: Pixels across.
        height: Pixels down.

    Yields:
        (height, width, 3) uint8 RGB.
    """
    performance = performance_of(script)
    camera = Camera(width, height, position=(0.0, -0.06, 2.0), focal=min(width, height) * 2.6)
    for frame in range(script.frames):
        pose = pose_at(script, performance, frame / script.fps)
        yield render_pose_frame(pose, identity=script.identity, camera=camera, smooth=0)[0]


def _smooth(u: float) -> float:
    """Smoothstep from 0 to 1."""
    v = min(max(u, 0.0), 1.0)
    return v * v * (3 - 2 * v)
