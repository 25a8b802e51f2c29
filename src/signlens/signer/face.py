"""The face: what its parameters mean, the named expressions, and its shapes.

All lengths in this module are centimetres of the head's own frame: origin in the middle of
the face, x to the signer's left, y up, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import UsageError


@dataclass(frozen=True)
class FaceParameters:
    """What the face does. All zero is the neutral face.

    Attributes:
        smile: Corners of the mouth up (1) or down (-1).
        lopsided: The smile on the left side only (1) or the right side only (-1).
        mouth_open: Jaw dropped, 0..1.
        mouth_wide: Mouth stretched (1) or rounded (-1).
        lip_press: Lips pressed together, 0..1.
        upper_lip: Upper lip raised, 0..1.
        brow_raise: Brows up (1) or down (-1).
        brow_inner: Inner ends of the brows up, 0..1.
        brow_furrow: Brows down and together, 0..1.
        lids_wide: Eyes wide (1) or narrowed (-1).
        blink: Lids closed, 0..1.
        gaze_x: Gaze to the signer's left (1) or right (-1).
        gaze_y: Gaze up (1) or down (-1).
        nose_wrinkle: Nose wrinkled, 0..1.
        cheek_raise: Cheeks lifted, 0..1.
        cheek_puff: Cheeks filled with air, 0..1.
    """

    smile: float = 0.0
    lopsided: float = 0.0
    mouth_open: float = 0.0
    mouth_wide: float = 0.0
    lip_press: float = 0.0
    upper_lip: float = 0.0
    brow_raise: float = 0.0
    brow_inner: float = 0.0
    brow_furrow: float = 0.0
    lids_wide: float = 0.0
    blink: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    nose_wrinkle: float = 0.0
    cheek_raise: float = 0.0
    cheek_puff: float = 0.0

    def __post_init__(self) -> None:
        """Keep every parameter inside its range (signed ones -1..1, the others 0..1)."""
        for name in PARAMETER_NAMES:
            low = -1.0 if name in _SIGNED else 0.0
            object.__setattr__(self, name, float(min(max(getattr(self, name), low), 1.0)))

    def to_array(self) -> NDArray[np.float64]:
        """The parameters in the order of `PARAMETER_NAMES`."""
        return np.array([getattr(self, name) for name in PARAMETER_NAMES])

    @staticmethod
    def from_array(values: NDArray[np.float64]) -> FaceParameters:
        """The inverse of `to_array`."""
        return FaceParameters(**dict(zip(PARAMETER_NAMES, map(float, values), strict=True)))


PARAMETER_NAMES: tuple[str, ...] = tuple(f.name for f in fields(FaceParameters))
_SIGNED = {"smile", "lopsided", "mouth_wide", "brow_raise", "lids_wide", "gaze_x", "gaze_y"}

EMOTION_FACES: dict[str, FaceParameters] = {
    "neutral": FaceParameters(),
    "happy": FaceParameters(
        smile=1.0, cheek_raise=0.9, lids_wide=-0.15, mouth_open=0.28, mouth_wide=0.3, brow_raise=0.2
    ),
    "sad": FaceParameters(
        smile=-0.9, brow_inner=1.0, brow_raise=0.1, lids_wide=-0.45, gaze_y=-0.45, mouth_wide=-0.15
    ),
    "surprise": FaceParameters(brow_raise=1.0, lids_wide=1.0, mouth_open=0.75, mouth_wide=-0.35),
    "fear": FaceParameters(
        brow_raise=0.65,
        brow_inner=0.8,
        brow_furrow=0.25,
        lids_wide=1.0,
        mouth_open=0.32,
        mouth_wide=0.75,
        smile=-0.45,
    ),
    "disgust": FaceParameters(
        nose_wrinkle=1.0,
        upper_lip=1.0,
        brow_furrow=0.7,
        lids_wide=-0.6,
        smile=-0.55,
        cheek_raise=0.5,
        mouth_open=0.06,
    ),
    "anger": FaceParameters(brow_furrow=1.0, brow_raise=-0.35, lids_wide=0.15, lip_press=0.9, smile=-0.4),
    "contempt": FaceParameters(lopsided=0.95, lids_wide=-0.35, lip_press=0.35, brow_raise=-0.1),
}
"""One face per name of `signlens.emotion.expressions.EMOTIONS`."""

MARKER_FACES: dict[str, FaceParameters] = {
    "brow-raise": FaceParameters(brow_raise=1.0, lids_wide=0.35),
    "brow-furrow": FaceParameters(brow_furrow=0.9, brow_raise=-0.2, lids_wide=-0.15),
    "mouth-open": FaceParameters(mouth_open=0.8),
    "head-shake": FaceParameters(),
    "head-nod": FaceParameters(),
}
"""Non-manual markers by name; the two head movements move the head, not the face."""

EXPRESSIONS: tuple[str, ...] = (*EMOTIONS, *MARKER_FACES)


def parse_expression(name: str) -> tuple[FaceParameters, frozenset[str]]:
    """Read an expression: a name of `EXPRESSIONS`, or several joined by ``+``.

    Returns:
        The sum of the faces (each parameter kept in range), and the names that were given.

    Raises:
        UsageError: A name is not known.
    """
    total = np.zeros(len(PARAMETER_NAMES))
    names = [part.strip().replace("_", "-").replace(" ", "-") for part in name.split("+")]
    for part in names:
        face = EMOTION_FACES.get(part) or MARKER_FACES.get(part)
        if face is None:
            raise UsageError(f"expression {part!r}", "is not known", f"choose from {', '.join(EXPRESSIONS)}")
        total = total + face.to_array()
    return FaceParameters.from_array(total), frozenset(names)


def add_faces(*faces: FaceParameters) -> FaceParameters:
    """Parameters added up, each kept in its range."""
    return FaceParameters.from_array(np.sum([f.to_array() for f in faces], axis=0))


@dataclass(frozen=True)
class FaceBuild:
    """The proportions of one face (see `signlens.signer.identity`), 1 being the middle."""

    eye: float = 1.0
    iris: float = 1.0
    nose: float = 1.0
    lips: float = 1.0
    jaw: float = 1.0
    width: float = 1.0
    brow: float = 1.0
    lash: float = 1.0
    beard: float = 0.0
    blush: float = 0.6


@dataclass(frozen=True)
class FaceShape:
    """Where the features of the face are, in head centimetres; sides are (right, left).

    The renderer paints these curves and the truth samples them, so both speak of one face.
    """

    eye_x: float
    eye_y: float
    eye_half: float
    lid_up: tuple[float, float]
    lid_low: tuple[float, float]
    gaze: tuple[float, float]
    iris: float
    brow_inner: tuple[float, float]
    brow_middle: tuple[float, float]
    brow_outer: tuple[float, float]
    brow_x: tuple[float, float]
    brow_thick: float
    mouth_y: float
    mouth_half: tuple[float, float]
    lift: tuple[float, float]
    open_up: float
    open_low: float
    lip_up: float
    lip_low: float
    jaw_drop: float

    def brow_height(self, side: int, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height of a brow's middle line at u (0 inner end, 1 outer end)."""
        a, m, b = self.brow_inner[side], self.brow_middle[side], self.brow_outer[side]
        return np.asarray(
            a * (u - 0.55) * (u - 1.0) / 0.55 + m * u * (u - 1.0) / (0.55 * -0.45) + b * u * (u - 0.55) / 0.45
        )

    def lid(self, side: int, q: NDArray[np.float64], upper: bool) -> NDArray[np.float64]:
        """Height of a lid's edge above the eye's centre; q is -1 at the inner, 1 at the outer corner."""
        tilt = 0.10 * q
        if upper:
            peak = np.where(np.abs(q) < 1.0, 1.0 - (q + 0.08) ** 2, 0.0)
            return np.asarray(tilt + self.lid_up[side] * np.maximum(peak, 0.0) ** 0.62)
        return np.asarray(tilt - self.lid_low[side] * (1.0 - q * q) ** 0.75)

    def mouth(self, x: NDArray[np.float64], edge: str) -> NDArray[np.float64]:
        """Height at x of an edge: ``middle``, ``top``, ``bottom`` (opening), ``upper``, ``lower``."""
        left = x > 0
        half = np.where(left, self.mouth_half[1], self.mouth_half[0])
        lift = np.where(left, self.lift[1], self.lift[0])
        c = np.minimum(np.abs(x) / half, 1.0)
        arch = 1.0 - c * c
        middle = self.mouth_y + lift * (c * c - 0.30)
        if edge == "middle":
            return np.asarray(middle)
        top = middle + self.open_up * arch
        bottom = middle - self.open_low * np.sqrt(arch)
        if edge == "top":
            return np.asarray(top)
        if edge == "bottom":
            return np.asarray(bottom)
        if edge == "upper":
            return np.asarray(top + self.lip_up * (1.0 - c**1.7) * (1.0 - 0.20 * np.exp(-(x * x) / 0.10)))
        return np.asarray(bottom - self.lip_low * arch**0.62)


def face_shape(face: FaceParameters, build: FaceBuild) -> FaceShape:
    """Where parameters and proportions put the features."""
    open_ = face.mouth_open
    closed = 1.0 - face.blink
    wide = face.lids_wide
    up = build.eye * (0.86 + 0.30 * max(wide, 0.0) + 0.34 * min(wide, 0.0))
    low = build.eye * (0.52 + 0.10 * max(wide, 0.0) + 0.18 * min(wide, 0.0) - 0.16 * face.cheek_raise)
    # A blink brings the upper lid down to the lower one, which stays.
    up = up * closed - (low * 0.92) * face.blink
    gaze_x, gaze_y = 0.62 * face.gaze_x, 0.10 + 0.34 * face.gaze_y
    raise_ = 0.95 * max(face.brow_raise, 0.0) + 0.55 * min(face.brow_raise, 0.0)
    # Narrowed or pressed lids pull the brow with them.
    raise_ -= 0.12 * face.blink
    inner = 4.30 + raise_ + 0.80 * face.brow_inner - 0.85 * face.brow_furrow - 0.2 * face.nose_wrinkle
    middle = 4.78 + raise_ * 1.08 + 0.10 * face.brow_inner - 0.42 * face.brow_furrow
    outer = 4.20 + raise_ * 0.85 - 0.30 * face.brow_inner + 0.10 * face.brow_furrow
    brow_in = 1.55 - 0.42 * face.brow_furrow - 0.12 * face.brow_inner
    half = 2.25 * (1.0 + 0.22 * max(face.smile, 0.0) + 0.16 * face.mouth_wide - 0.05 * open_)
    if face.mouth_wide < 0:
        half = 2.25 * (1.0 + 0.36 * face.mouth_wide - 0.05 * open_)
    side = (max(-face.lopsided, 0.0), max(face.lopsided, 0.0))
    lift = tuple(0.30 + (0.85 if face.smile > 0 else 0.95) * face.smile + 0.80 * s for s in side)
    pressed = 1.0 - 0.62 * face.lip_press
    stretch = 1.0 - 0.18 * max(face.smile, 0.0)
    return FaceShape(
        eye_x=3.2,
        eye_y=2.2,
        eye_half=1.62 * build.eye,
        lid_up=(up, up),
        lid_low=(low, low),
        gaze=(gaze_x, gaze_y),
        iris=0.84 * build.iris,
        brow_inner=(inner, inner),
        brow_middle=(middle, middle + 0.12 * side[1]),
        brow_outer=(outer, outer),
        brow_x=(brow_in, 5.35),
        brow_thick=0.36 * build.brow,
        mouth_y=-4.25 - 0.45 * open_ + 0.12 * face.smile,
        mouth_half=(half * (1.0 + 0.10 * side[0]), half * (1.0 + 0.10 * side[1])),
        lift=(lift[0], lift[1]),
        open_up=0.50 * open_ + 0.30 * face.upper_lip * min(open_ * 8.0, 1.0),
        open_low=1.95 * open_,
        lip_up=0.58 * build.lips * pressed * stretch * (1.0 + 0.2 * max(-face.mouth_wide, 0.0))
        + 0.12 * face.upper_lip,
        lip_low=0.78 * build.lips * pressed * stretch,
        jaw_drop=1.55 * open_,
    )
