"""Signs as data: keyframes of handshape, place, orientation, movement and non-manuals.

One sign is one TOML file in ``signs/``. ``docs/signer.md`` explains every key with an example.
An unknown key, name or unit is an error that names the file and the keyframe.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.signer.body import (
    CONTACTS,
    REST_WRIST,
    orientation,
)
from signlens.signer.face import PARAMETER_NAMES
from signlens.signer.hand import load_handshapes

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
FACE_FIELDS = (*PARAMETER_NAMES, "head_turn", "head_nod", "head_tilt", "shrug")
_SIGN_KEYS = {"gloss", "about", "source", "left", "right", "face", "mirror", "hold"}
_CIRCLE_KEYS = {"plane", "radius", "turns", "start"}
_SHAKE_KEYS = {"along", "size", "count"}
_TWIST_KEYS = {"degrees", "count"}
_WIGGLE_KEYS = {"degrees", "count"}
_CLOSE_KEYS = {"shape", "count"}
PLANES: dict[str, tuple[int, int]] = {"front": (0, 1), "side": (2, 1), "table": (0, 2)}


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
    """One keyframe of the non-manuals: values in the order of ``FACE_FIELDS``."""

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
            read.choice(c, "plane", where, PLANES),
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
        values = np.zeros(len(FACE_FIELDS))
        for j, name in enumerate(FACE_FIELDS):
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
