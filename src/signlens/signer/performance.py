"""From a sign's keyframes to a pose at any time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.signer.body import (
    REST_ROTATION,
    REST_WRIST,
    ArmPose,
    BodyPose,
    contact_point,
    head_frame,
)
from signlens.signer.face import PARAMETER_NAMES, FaceParameters, add_faces
from signlens.signer.hand import HAND_POINTS, Handshape, hand_points, load_handshapes
from signlens.signer.identity import Identity
from signlens.signer.notation import (
    BODY_PLACES,
    DIRECTIONS,
    FACE_FIELDS,
    HEAD_PLACES,
    OTHER_PREFIX,
    PLANES,
    Key,
    Sign,
    find_sign,
    load_signs,
    read_sign,
)

Array = NDArray[np.float64]

# Turns of the hand to and fro: about its fingers' axis, its palm's axis, and across it.
_TURNS = {"twist": (0.0, 1.0, 0.0), "wave": (0.0, 0.0, 1.0), "nod": (1.0, 0.0, 0.0)}


@dataclass(frozen=True)
class _Track:
    """A hand's keyframes placed on a body: rows of wrist (3), quaternion (4), shape (20), elbow (1)."""

    times: Array
    values: Array
    through: tuple[bool, ...]
    extras: tuple[dict[str, Any], ...]
    shapes: dict[str, Handshape]


def _quaternion(m: Array) -> Array:
    """Unit quaternion (w, x, y, z) of a proper rotation (Shepperd's method)."""
    trace = float(np.trace(m))
    candidates = np.array([trace, m[0, 0], m[1, 1], m[2, 2]])
    i = int(candidates.argmax())
    if i == 0:
        q = np.array([1 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    else:
        a = i - 1
        b, c = (a + 1) % 3, (a + 2) % 3
        q = np.zeros(4)
        q[0] = m[c, b] - m[b, c]
        q[1 + a] = 1 + m[a, a] - m[b, b] - m[c, c]
        q[1 + b] = m[b, a] + m[a, b]
        q[1 + c] = m[c, a] + m[a, c]
    return np.asarray(q / np.linalg.norm(q))


def _matrix(q: Array) -> Array:
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def interpolate(times: Array, values: Array, through: tuple[bool, ...], t: float) -> Array:
    """Quintic interpolation: at rest at every keyframe, but moving through those marked so.

    Between two keyframes at rest this is the minimum-jerk movement of Flash and Hogan (1985),
    10 u^3 - 15 u^4 + 6 u^5. Keyframes marked `through` are passed with the mean velocity of
    their neighbours; accelerations are zero at all keyframes.

    Args:
        times: (K,) seconds, increasing.
        values: (K, D).
        through: K flags.
        t: Seconds; before the first and after the last keyframe the value stays.
    """
    if t <= times[0]:
        return np.asarray(values[0])
    if t >= times[-1]:
        return np.asarray(values[-1])
    i = int(np.searchsorted(times, t, side="right")) - 1
    span = times[i + 1] - times[i]
    u = (t - times[i]) / span

    def velocity(k: int) -> Array:
        if not through[k] or k in (0, len(times) - 1):
            return np.zeros(values.shape[1])
        return np.asarray((values[k + 1] - values[k - 1]) / (times[k + 1] - times[k - 1]))

    step = values[i + 1] - values[i]
    v0, v1 = velocity(i) * span, velocity(i + 1) * span
    u3, u4, u5 = u**3, u**4, u**5
    return np.asarray(
        values[i]
        + v0 * (u - 6 * u3 + 8 * u4 - 3 * u5)
        + step * (10 * u3 - 15 * u4 + 6 * u5)
        + v1 * (-4 * u3 + 7 * u4 - 3 * u5)
    )


def _window(u: float, edge: float) -> float:
    """Rises from 0 to 1 in the first `edge` of a movement and falls in the last."""
    v = min(u, 1.0 - u) / edge
    v = min(max(v, 0.0), 1.0)
    return v * v * (3 - 2 * v)


def _axis_rotation(axis: Array, degrees: float) -> Array:
    a = np.radians(degrees) / 2
    return _matrix(np.array([np.cos(a), *(np.sin(a) * axis)]))


def _hand_at(track: _Track, t: float) -> ArmPose:
    row = interpolate(track.times, track.values, track.through, t)
    wrist, rotation = row[:3].copy(), _matrix(row[3:7])
    angles, elbow = row[7:27].copy(), float(row[27])
    i = int(np.searchsorted(track.times, t, side="right")) - 1
    if 0 <= i < len(track.times) - 1 and track.extras[i]:
        extra = track.extras[i]
        u = float((t - track.times[i]) / (track.times[i + 1] - track.times[i]))
        # Movements start and end at rest: the phase itself follows the minimum-jerk curve.
        phase = u + 0.35 * np.sin(2 * np.pi * u) / (2 * np.pi) * -1.0
        if "circle" in extra:
            plane, radius, turns, start = extra["circle"]
            a, b = PLANES[plane]
            angle = start + 2 * np.pi * turns * phase
            grow = _window(u, 0.12)
            # Round the place itself; eased in from and out to the centre.
            wrist[a] += radius * grow * np.cos(angle)
            wrist[b] += radius * grow * np.sin(angle)
        if "shake" in extra:
            along, size, count = extra["shake"]
            wrist += along * size * np.sin(2 * np.pi * count * phase) * _window(u, 0.10)
        for name, axis in _TURNS.items():
            if name in extra:
                degrees, count = extra[name]
                turn = degrees * np.sin(2 * np.pi * count * phase) * _window(u, 0.10)
                rotation = rotation @ _axis_rotation(np.array(axis), float(turn))
        if "wiggle" in extra:
            degrees, count = extra["wiggle"]
            for finger in range(4):
                swing = np.sin(2 * np.pi * (count * phase + 0.22 * finger)) * _window(u, 0.15)
                angles[3 * finger] += degrees * (0.5 + 0.5 * swing) * _window(u, 0.15)
        if "close" in extra:
            name, count = extra["close"]
            share = 0.5 - 0.5 * np.cos(2 * np.pi * count * phase)
            angles += (track.shapes[name].to_array() - angles) * share
    return ArmPose(wrist=wrist, rotation=rotation, shape=Handshape.from_array(angles), elbow=elbow)


@dataclass(frozen=True)
class Timing:
    """When things happen, in seconds from the start of the clip.

    Attributes:
        lead: At rest before the hands move.
        rise: From rest to the first keyframe.
        fall: From the last keyframe back to rest.
        tail: At rest at the end.
    """

    lead: float = 0.16
    rise: float = 0.48
    fall: float = 0.52
    tail: float = 0.16


@dataclass(frozen=True)
class Performance:
    """A sign placed on one body, ready to be asked for its pose at any time."""

    sign: Sign
    timing: Timing
    right: _Track
    left: _Track
    face_times: Array
    face_values: Array
    expression: FaceParameters
    markers: frozenset[str]
    yaw: float
    breath: tuple[float, float, float]

    @property
    def duration(self) -> float:
        """Seconds from rest to rest."""
        t = self.timing
        return t.lead + t.rise + self.sign.duration + self.sign.hold + t.fall + t.tail

    def pose(self, t: float) -> BodyPose:
        """The body at t seconds from the start of the clip."""
        values = interpolate(self.face_times, self.face_values, (False,) * len(self.face_times), t)
        face = FaceParameters.from_array(values[: len(PARAMETER_NAMES)])
        turn, nod, tilt, shrug = values[len(PARAMETER_NAMES) :]
        start = self.timing.lead
        length = max(self.duration - self.timing.tail - start, 1e-6)
        u = min(max((t - start) / length, 0.0), 1.0)
        if "head-shake" in self.markers:
            turn += 17.0 * np.sin(2 * np.pi * 2.0 * u) * _window(u, 0.15)
        if "head-nod" in self.markers:
            nod += 13.0 * np.sin(2 * np.pi * 2.0 * u) * _window(u, 0.15)
        # Breath and a slow sway keep a resting body alive.
        sway, phase, blink_at = self.breath
        lean = sway * np.sin(2 * np.pi * 0.23 * t + phase)
        face = add_faces(face, self.expression)
        blink = np.exp(-(((t - blink_at) / 0.055) ** 2))
        if blink > 0.03:
            face = replace(face, blink=max(face.blink, float(blink)))
        return BodyPose(
            right=_hand_at(self.right, t),
            left=_hand_at(self.left, t),
            face=face,
            head_turn=float(turn) + 1.2 * float(np.sin(2 * np.pi * 0.31 * t + phase)),
            head_nod=float(nod) + 0.8 * float(np.sin(2 * np.pi * 0.37 * t + 2 * phase)),
            head_tilt=float(tilt),
            shrug=float(min(max(shrug, 0.0), 1.0)),
            yaw=self.yaw,
            lean=float(lean),
        )


def _rest_row() -> Array:
    return np.concatenate(
        [REST_WRIST, _quaternion(REST_ROTATION), load_handshapes()["relaxed"].to_array(), [0.0]]
    )


def _place_track(
    keys: tuple[Key, ...],
    sign: Sign,
    timing: Timing,
    identity: Identity,
    heads: Any,
    other: _Track | None,
    jitter: Array,
) -> _Track:
    """Put keyframes on a body; `heads` gives the head's frame at a time, `other` the other hand."""
    begin = timing.lead + timing.rise
    end = begin + sign.duration + sign.hold
    rest = _rest_row()
    shapes = load_handshapes()
    if not keys:
        return _Track(np.array([0.0]), rest[None], (False,), ({},), {})
    times, rows, through = [0.0, timing.lead], [rest, rest], [False, False]
    extras: list[dict[str, Any]] = [{}, {}]
    for n, key in enumerate(keys):
        time = begin + key.time
        shape = shapes[key.shape]
        if key.place.startswith(OTHER_PREFIX):
            assert other is not None  # checked when the sign was read
            arm = _hand_at(other, time)
            frame = arm.rotation * np.array([-1.0, 1.0, 1.0])
            spot = (
                frame @ contact_point(key.place[len(OTHER_PREFIX) :], arm.shape, identity.hands) + arm.wrist
            )
            spot = spot * np.array([-1.0, 1.0, 1.0])  # the other side's frame
        elif key.place in HEAD_PLACES:
            rotation, centre = heads(time)
            local = np.array(HEAD_PLACES[key.place]) * 0.01 * identity.head
            # The dominant hand is the right one: outwards is -x in the head's frame.
            side = np.array([-1.0, 1.0, 1.0]) if other is not None or keys is sign.right else np.ones(3)
            spot = (rotation @ (local * side) + centre) * side
        else:
            spot = np.array(BODY_PLACES[key.place])
        frame = key.rotation * np.array([-1.0, 1.0, 1.0])
        wrist = spot + key.offset - frame @ contact_point(key.contact, shape, identity.hands) + jitter[n]
        row = np.concatenate([wrist, _quaternion(key.rotation), shape.to_array(), [key.elbow]])
        times.append(time)
        rows.append(row)
        through.append(key.through)
        extras.append(key.extra)
    last = rows[-1]
    if times[-1] < end:
        times.append(end)
        rows.append(last)
        through.append(False)
        extras.append({})
    times += [end + timing.fall, end + timing.fall + timing.tail + 1e-3]
    rows += [rest, rest]
    through += [False, False]
    extras += [{}, {}]
    values = np.array(rows)
    for i in range(1, len(values)):  # the nearer of the two quaternions of a rotation
        if values[i, 3:7] @ values[i - 1, 3:7] < 0:
            values[i, 3:7] *= -1
    return _Track(np.array(times), values, tuple(through), tuple(extras), shapes)


def perform(
    sign: Sign,
    identity: Identity,
    *,
    expression: FaceParameters | None = None,
    markers: frozenset[str] = frozenset(),
    yaw_degrees: float = 0.0,
    seed: int = 0,
    timing: Timing | None = None,
) -> Performance:
    """Place a sign on a body.

    Args:
        sign: The sign.
        identity: Whose body.
        expression: A face worn during the whole clip.
        markers: Names of `signlens.signer.face.MARKER_FACES` that move the head.
        yaw_degrees: Turn of the whole body to the signer's left.
        seed: 0 is the sign as written; other seeds vary tempo and places a little, as people do.
        timing: Rests and transitions; None for the usual ones.
    """
    rng = np.random.default_rng(seed)
    timing = timing or Timing()
    breath = (0.6, float(rng.uniform(0, 2 * np.pi)), timing.lead + timing.rise * 0.55)
    jitter = np.zeros((2, 64, 3))
    if seed != 0:
        tempo = float(np.exp(rng.normal(0, 0.10)))
        timing = Timing(
            *(
                v * float(np.exp(rng.normal(0, 0.12)))
                for v in (timing.lead, timing.rise, timing.fall, timing.tail)
            )
        )
        sign = _scaled(sign, tempo)
        # One shift for the whole sign and a smaller one a keyframe.
        jitter = rng.normal(0, 0.008, (2, 1, 3)) + rng.normal(0, 0.002, (2, 64, 3))
        breath = (float(rng.uniform(0.3, 1.2)), breath[1], float(rng.uniform(0.2, 1.5)))
    begin = timing.lead + timing.rise
    end = begin + sign.duration + sign.hold
    zero = np.zeros(len(FACE_FIELDS))
    face_times = [0.0, timing.lead * 0.5, *(begin + k.time for k in sign.face)]
    face_values = [zero, zero, *(k.values for k in sign.face)]
    if sign.face:
        if face_times[-1] < end:
            face_times.append(end)
            face_values.append(face_values[-1])
        face_times.append(end + timing.fall)
        face_values.append(zero)
    times, values = np.array(face_times), np.array(face_values)

    def heads(t: float) -> tuple[Array, Array]:
        row = interpolate(times, values, (False,) * len(times), t)
        turn, nod, tilt, _ = row[len(PARAMETER_NAMES) :]
        return head_frame(BodyPose(head_turn=float(turn), head_nod=float(nod), head_tilt=float(tilt)))

    left = _place_track(sign.left, sign, timing, identity, heads, None, jitter[1])
    right = _place_track(sign.right, sign, timing, identity, heads, left, jitter[0])
    return Performance(
        sign, timing, right, left, times, values, expression or FaceParameters(), markers, yaw_degrees, breath
    )


def _scaled(sign: Sign, tempo: float) -> Sign:
    """The same sign, slower (tempo > 1) or faster."""

    def keys(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace(k, time=k.time * tempo) for k in rows)

    right = keys(sign.right)
    left = right if sign.left is sign.right else keys(sign.left)
    return replace(
        sign,
        right=right,
        left=left,
        face=keys(sign.face),
        duration=sign.duration * tempo,
        hold=sign.hold * tempo,
    )


__all__ = [
    "BODY_PLACES", "DIRECTIONS", "HAND_POINTS", "HEAD_PLACES", "Performance", "Sign", "Timing",
    "find_sign", "hand_points", "interpolate", "load_signs", "perform", "read_sign",
]  # fmt: skip
