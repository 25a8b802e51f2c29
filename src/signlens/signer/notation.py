"""Signs as data: keyframes of handshape, place, orientation, movement and non-manuals.

One sign is one TOML file in ``signs/``. ``docs/signer.md`` explains every key with an example.
An unknown key, name or unit is an error that names the file and the keyframe.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.signer.body import (
    CONTACTS,
    REST_ROTATION,
    REST_WRIST,
    ArmPose,
    BodyPose,
    contact_point,
    head_frame,
    orientation,
)
from signlens.signer.face import PARAMETER_NAMES, FaceParameters, add_faces
from signlens.signer.hand import HAND_POINTS, Handshape, hand_points, load_handshapes
from signlens.signer.identity import Identity

Array = NDArray[np.float64]

DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "out": (1, 0, 0),
    "across": (-1, 0, 0),
    "up": (0, 1, 0),
    "down": (0, -1, 0),
    "forward": (0, 0, 1),
    "back": (0, 0, -1),
}
"""Words for directions, in the hand's own side's frame: outwards, up, forward."""

# Places on the head: centimetres of the head's frame, for the hand's own side (x outwards).
HEAD_PLACES: dict[str, tuple[float, float, float]] = {
    "head-top": (0.0, 12.6, 0.0),
    "forehead": (0.0, 6.4, 6.6),
    "temple": (6.6, 4.6, 3.2),
    "eye": (3.3, 2.2, 6.6),
    "nose": (0.0, -0.8, 8.2),
    "cheek": (4.9, -1.6, 5.2),
    "ear": (8.2, 0.8, -0.8),
    "mouth": (0.0, -4.3, 6.9),
    "mouth-corner": (3.2, -4.0, 6.2),
    "chin": (0.0, -7.9, 5.8),
    "under-chin": (0.0, -10.2, 4.4),
    "jaw": (5.2, -5.6, 2.8),
}
# Places on and before the trunk, metres of the body frame, for the hand's own side.
BODY_PLACES: dict[str, tuple[float, float, float]] = {
    "neck": (0.0, 0.020, 0.070),
    "chest": (0.0, -0.140, 0.112),
    "own-chest": (0.075, -0.130, 0.112),
    "shoulder": (0.165, -0.045, 0.055),
    "other-shoulder": (-0.150, -0.045, 0.065),
    "belly": (0.0, -0.330, 0.105),
    "waist": (0.10, -0.40, 0.105),
    "neutral": (0.120, -0.200, 0.300),
    "neutral-low": (0.120, -0.310, 0.280),
    "neutral-high": (0.150, -0.050, 0.300),
    "middle": (0.0, -0.210, 0.290),
    "side": (0.290, -0.120, 0.200),
    "rest": (float(REST_WRIST[0]), float(REST_WRIST[1]), float(REST_WRIST[2])),
}
OTHER_PREFIX = "other-hand:"

_KEY_KEYS = {
    "time", "shape", "place", "offset", "contact", "fingers", "palm", "elbow", "through",
    "circle", "shake", "twist", "wave", "nod", "wiggle", "close",
}  # fmt: skip
_FACE_KEYS = {"time", *PARAMETER_NAMES, "head_turn", "head_nod", "head_tilt", "shrug"}
_FACE_FIELDS = (*PARAMETER_NAMES, "head_turn", "head_nod", "head_tilt", "shrug")
_SIGN_KEYS = {"gloss", "about", "source", "left", "right", "face", "mirror", "hold"}
_CIRCLE_KEYS = {"plane", "radius", "turns", "start"}
_SHAKE_KEYS = {"along", "size", "count"}
_TWIST_KEYS = {"degrees", "count"}
_WIGGLE_KEYS = {"degrees", "count"}
_CLOSE_KEYS = {"shape", "count"}
# Turns of the hand to and fro: about its fingers' axis, its palm's axis, and across it.
_TURNS = {"twist": (0.0, 1.0, 0.0), "wave": (0.0, 0.0, 1.0), "nod": (1.0, 0.0, 0.0)}
_PLANES: dict[str, tuple[int, int]] = {"front": (0, 1), "side": (2, 1), "table": (0, 2)}


@dataclass(frozen=True)
class Key:
    """One keyframe of one hand, checked but not yet placed on a body."""

    time: float
    shape: str
    place: str
    offset: Array
    contact: str
    rotation: Array
    elbow: float
    through: bool
    extra: dict[str, Any]


@dataclass(frozen=True)
class FaceKey:
    """One keyframe of the non-manuals: values in the order of ``_FACE_FIELDS``."""

    time: float
    values: Array


@dataclass(frozen=True)
class Sign:
    """One sign, as written.

    Attributes:
        gloss: Its label.
        about: The description it was written from.
        right: Keyframes of the dominant (right) hand.
        left: Keyframes of the other hand; empty when it rests.
        face: Keyframes of face and head; empty for none.
        duration: Seconds from the first to the last keyframe.
        hold: Seconds that the last keyframe is held.
    """

    gloss: str
    about: str
    right: tuple[Key, ...]
    left: tuple[Key, ...]
    face: tuple[FaceKey, ...]
    duration: float
    hold: float


class _Reader:
    """Checks values and names the file and the place in it when one is wrong."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, problem: str, remedy: str = "correct the sign's file") -> InputRejected:
        return InputRejected(self.source, problem, remedy)

    def keys(self, data: Any, allowed: set[str], where: str) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise self.fail(f"{where} is not a table")
        for key in data:
            if key not in allowed:
                raise self.fail(
                    f"{where} has an unknown key {key!r}", f"known keys: {', '.join(sorted(allowed))}"
                )
        return data

    def number(
        self,
        data: dict[str, Any],
        key: str,
        where: str,
        low: float,
        high: float,
        default: float | None = None,
    ) -> float:
        value = data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.fail(f"{where}: {key} is {value!r}", f"write a number from {low:g} to {high:g}")
        return float(value)

    def choice(
        self, data: dict[str, Any], key: str, where: str, options: Any, default: str | None = None
    ) -> str:
        value = data.get(key, default)
        if value not in options:
            raise self.fail(f"{where}: {key} is {value!r}", f"choose from {', '.join(sorted(options))}")
        return str(value)

    def vector(self, value: Any, where: str) -> Array:
        if not (
            isinstance(value, list) and len(value) == 3 and all(isinstance(v, int | float) for v in value)
        ):
            raise self.fail(f"{where} is {value!r}", "write three numbers: out, up, forward")
        return np.array([float(v) for v in value])

    def direction(self, value: Any, where: str) -> Array:
        """A word such as ``up-forward``, or three numbers."""
        if isinstance(value, list):
            total = self.vector(value, where)
        else:
            total = np.zeros(3)
            for word in str(value).split("-"):
                if word not in DIRECTIONS:
                    raise self.fail(
                        f"{where}: {word!r} is no direction", f"choose from {', '.join(DIRECTIONS)}"
                    )
                total = total + np.array(DIRECTIONS[word])
        length = float(np.linalg.norm(total))
        if length < 1e-6:
            raise self.fail(f"{where}: the direction {value!r} points nowhere")
        return total / length


def _read_extra(read: _Reader, data: dict[str, Any], where: str) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if "circle" in data:
        c = read.keys(data["circle"], _CIRCLE_KEYS, f"{where}: circle")
        extra["circle"] = (
            read.choice(c, "plane", where, _PLANES),
            read.number(c, "radius", where, 0, 30) / 100,
            read.number(c, "turns", where, -6, 6),
            np.radians(read.number(c, "start", where, -360, 360, 90.0)),
        )
    if "shake" in data:
        c = read.keys(data["shake"], _SHAKE_KEYS, f"{where}: shake")
        extra["shake"] = (
            read.direction(c.get("along", "out"), f"{where}: shake along"),
            read.number(c, "size", where, 0, 30) / 100,
            read.number(c, "count", where, 0.5, 10),
        )
    for name, keys in (
        ("twist", _TWIST_KEYS),
        ("wave", _TWIST_KEYS),
        ("nod", _TWIST_KEYS),
        ("wiggle", _WIGGLE_KEYS),
    ):
        if name in data:
            c = read.keys(data[name], keys, f"{where}: {name}")
            extra[name] = (
                read.number(c, "degrees", where, -180, 180),
                read.number(c, "count", where, 0.5, 10),
            )
    if "close" in data:
        c = read.keys(data["close"], _CLOSE_KEYS, f"{where}: close")
        extra["close"] = (
            read.choice(c, "shape", where, load_handshapes()),
            read.number(c, "count", where, 0.5, 10),
        )
    return extra


def _read_hand(read: _Reader, rows: Any, side: str, one: bool) -> tuple[Key, ...]:
    if not isinstance(rows, list) or not rows:
        raise read.fail(f"{side} needs at least one keyframe", f"write [[{side}]]")
    keys: list[Key] = []
    carried: dict[str, Any] = {"contact": "palm", "elbow": 0.0}
    for i, row in enumerate(rows):
        where = f"{side} keyframe {i + 1}"
        read.keys(row, _KEY_KEYS, where)
        # Shape, place, contact, orientation and elbow last until they are changed.
        values = carried | row
        for key in ("shape", "place", "fingers", "palm"):
            if key not in values:
                raise read.fail(f"{where} does not say its {key}")
        carried = {k: values[k] for k in ("shape", "place", "contact", "fingers", "palm", "elbow")}
        if "offset" in row or "place" not in row:
            carried["offset"] = values.get("offset", [0, 0, 0])
            values["offset"] = carried["offset"]
        time = read.number(row, "time", where, 0.0, 20.0)
        if keys and time <= keys[-1].time:
            raise read.fail(f"{where}: time {time:g} is not after the keyframe before it")
        place = str(values["place"])
        if place.startswith(OTHER_PREFIX):
            spot = place[len(OTHER_PREFIX) :]
            if one:
                raise read.fail(f"{where}: place {place!r}, but the other hand has no keyframes")
            if spot not in CONTACTS:
                raise read.fail(
                    f"{where}: place {place!r}",
                    f"choose from {', '.join(OTHER_PREFIX + c for c in CONTACTS)}",
                )
        elif place not in HEAD_PLACES and place not in BODY_PLACES:
            raise read.fail(
                f"{where}: place {place!r} is not known",
                f"choose from {', '.join((*HEAD_PLACES, *BODY_PLACES))}",
            )
        fingers = read.direction(values["fingers"], f"{where}: fingers")
        palm = read.direction(values["palm"], f"{where}: palm")
        if abs(float(fingers @ palm)) > 0.9:
            raise read.fail(f"{where}: fingers and palm point along the same line")
        keys.append(
            Key(
                time=time,
                shape=read.choice(values, "shape", where, load_handshapes()),
                place=place,
                offset=read.vector(values.get("offset", [0, 0, 0]), f"{where}: offset") / 100,
                contact=read.choice(values, "contact", where, CONTACTS),
                rotation=orientation(fingers, palm),
                elbow=read.number(values, "elbow", where, 0.0, 1.0),
                through=bool(row.get("through", False)),
                extra=_read_extra(read, row, where),
            )
        )
    return tuple(keys)


def _read_face(read: _Reader, rows: Any) -> tuple[FaceKey, ...]:
    if not isinstance(rows, list):
        raise read.fail("face is not a list of keyframes", "write [[face]]")
    keys: list[FaceKey] = []
    for i, row in enumerate(rows):
        where = f"face keyframe {i + 1}"
        read.keys(row, _FACE_KEYS, where)
        time = read.number(row, "time", where, 0.0, 20.0)
        if keys and time <= keys[-1].time:
            raise read.fail(f"{where}: time {time:g} is not after the keyframe before it")
        values = np.zeros(len(_FACE_FIELDS))
        for j, name in enumerate(_FACE_FIELDS):
            limit = 60.0 if name.startswith("head") else 1.0
            values[j] = read.number(row, name, where, -limit, limit, 0.0)
        keys.append(FaceKey(time, values))
    return tuple(keys)


def read_sign(text: str, source: str) -> Sign:
    """Read and check one sign.

    Args:
        text: The TOML document.
        source: Its name, for messages.

    Raises:
        InputRejected: It is not TOML, or has an unknown key, name or value.
    """
    read = _Reader(source)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise read.fail(f"it is not TOML ({error})") from None
    read.keys(data, _SIGN_KEYS, "the sign")
    for key in ("gloss", "about"):
        if not isinstance(data.get(key), str) or not data[key]:
            raise read.fail(f"{key} is missing")
    mirror = data.get("mirror", False)
    if not isinstance(mirror, bool):
        raise read.fail(f"mirror is {mirror!r}", "write true or false")
    if mirror and "left" in data:
        raise read.fail("mirror = true and [[left]] contradict each other", "keep one of them")
    left = _read_hand(read, data["left"], "left", True) if "left" in data else ()
    right = _read_hand(read, data.get("right"), "right", not left)
    if mirror:
        left = right
    face = _read_face(read, data["face"]) if "face" in data else ()
    duration = max([k.time for k in (*right, *left)] + [k.time for k in face])
    hold = read.number(data, "hold", "the sign", 0.0, 5.0, 0.12)
    return Sign(data["gloss"], data["about"], right, left, face, duration, hold)


@cache
def load_signs() -> dict[str, Sign]:
    """The signs that ship, by gloss, in alphabetical order."""
    folder = resources.files("signlens.signer").joinpath("signs")
    signs = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            sign = read_sign(file.read_text(encoding="utf-8"), f"signs/{file.name}")
            signs[sign.gloss] = sign
    return signs


def find_sign(name: str) -> Sign:
    """A shipped sign by gloss, or a sign read from a ``.toml`` file.

    Raises:
        UsageError: No sign has that name.
        InputRejected: The file cannot be read or is wrong.
    """
    if name.endswith(".toml"):
        try:
            return read_sign(Path(name).read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise InputRejected(name, f"it cannot be read ({error})", "give a sign's TOML file") from None
    signs = load_signs()
    if name not in signs:
        raise UsageError(
            f"sign {name!r}", "is not known", f"choose from {', '.join(signs)}, or give a .toml file"
        )
    return signs[name]


# --- From keyframes to a pose at any time ------------------------------------------------------


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
            a, b = _PLANES[plane]
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
    zero = np.zeros(len(_FACE_FIELDS))
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
