"""The signers: looks and proportions, as data (``identities.toml``)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

from signlens.errors import InputRejected, UsageError
from signlens.signer.face import FaceBuild

HAIR_STYLES: tuple[str, ...] = ("short", "cropped", "bob", "fringe", "long", "curls", "bun", "bald")
NECKLINES: tuple[str, ...] = ("round", "v")
PATTERNS: tuple[str, ...] = ("plain", "stripes", "cardigan")
SLEEVES: tuple[str, ...] = ("long", "short")


@dataclass(frozen=True)
class Identity:
    """How one signer looks. Colours are ``#rrggbb`` (sRGB); proportions have 1 as the middle.

    Attributes:
        name: Key in ``identities.toml``.
        about: One line for a person.
        skin: Skin colour.
        lips: Lip colour.
        hair: Hair colour (and the beard's).
        hair_style: One of `HAIR_STYLES`.
        brows: Brow colour.
        iris: Eye colour.
        shirt: Colour of the clothes.
        trim: Collar, stripes, or what shows under an open cardigan.
        pattern: One of `PATTERNS`.
        neckline: One of `NECKLINES`.
        neckline_depth: Metres the neckline dips in the middle.
        sleeves: One of `SLEEVES`.
        backdrop: Colours at the top and at the bottom of the background.
        glasses: Colour of the frames, or empty for none.
        shoulders: Width of the shoulders.
        head: Size of the head.
        hands: Size of the hands.
        arms: Length of the arms.
        eye: Size of the eyes.
        nose: Size of the nose.
        lips_full: Fullness of the lips.
        jaw: Width of the jaw.
        face_width: Width of the face.
        brow: Thickness of the brows.
        lashes: Strength of the lashes.
        beard: 0 (none) to 1 (full).
        blush: Warmth of the cheeks, 0..1.
    """

    name: str
    about: str
    skin: str
    lips: str
    hair: str
    hair_style: str
    brows: str
    iris: str
    shirt: str
    trim: str
    pattern: str = "plain"
    neckline: str = "round"
    neckline_depth: float = 0.025
    sleeves: str = "long"
    backdrop: tuple[str, str] = ("#e8e8e8", "#cccccc")
    glasses: str = ""
    shoulders: float = 1.0
    head: float = 1.16
    hands: float = 1.05
    arms: float = 1.0
    eye: float = 1.0
    nose: float = 1.0
    lips_full: float = 1.0
    jaw: float = 1.0
    face_width: float = 1.0
    brow: float = 1.0
    lashes: float = 1.0
    beard: float = 0.0
    blush: float = 0.6

    def face_build(self) -> FaceBuild:
        """The proportions that the face needs."""
        return FaceBuild(
            eye=self.eye, nose=self.nose, lips=self.lips_full, jaw=self.jaw, width=self.face_width,
            brow=self.brow, lash=self.lashes, beard=self.beard, blush=self.blush,
        )  # fmt: skip


_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_CHOICES = {"hair_style": HAIR_STYLES, "neckline": NECKLINES, "pattern": PATTERNS, "sleeves": SLEEVES}
_COLOURS = {"skin", "lips", "hair", "brows", "iris", "shirt", "trim"}


def read_identity(name: str, data: dict[str, Any], source: str) -> Identity:
    """Check one table of ``identities.toml`` and make it an `Identity`.

    Raises:
        InputRejected: An unknown key, a missing one, or a value outside its range.
    """
    known = {f.name: f for f in fields(Identity)}
    for key, value in data.items():
        if key not in known or key == "name":
            raise InputRejected(
                source, f"identity {name!r} has an unknown key {key!r}", "remove it or correct its name"
            )
        if key in _CHOICES and value not in _CHOICES[key]:
            raise InputRejected(
                source, f"identity {name!r}: {key} is {value!r}", f"choose from {', '.join(_CHOICES[key])}"
            )
        if key in _COLOURS and not (isinstance(value, str) and _COLOUR.match(value)):
            raise InputRejected(source, f"identity {name!r}: {key} is {value!r}", "write a colour as #rrggbb")
        if known[key].type == "float" and not (isinstance(value, int | float) and 0.0 <= value <= 2.0):
            raise InputRejected(
                source, f"identity {name!r}: {key} is {value!r}", "write a number from 0 to 2"
            )
    values = dict(data)
    if "backdrop" in values:
        pair = values["backdrop"]
        if not (isinstance(pair, list) and len(pair) == 2 and all(_COLOUR.match(str(c)) for c in pair)):
            raise InputRejected(
                source, f"identity {name!r}: backdrop is {pair!r}", "write two colours as #rrggbb"
            )
        values["backdrop"] = (pair[0], pair[1])
    glasses = values.get("glasses", "")
    if glasses and not _COLOUR.match(glasses):
        raise InputRejected(source, f"identity {name!r}: glasses is {glasses!r}", "write a colour as #rrggbb")
    try:
        return Identity(name=name, **values)
    except TypeError as error:
        raise InputRejected(
            source, f"identity {name!r} is not complete ({error})", "add what is missing"
        ) from None


@cache
def load_identities() -> dict[str, Identity]:
    """The identities that ship, by name."""
    text = resources.files("signlens.signer").joinpath("identities.toml").read_text(encoding="utf-8")
    return {name: read_identity(name, data, "identities.toml") for name, data in tomllib.loads(text).items()}


def find_identity(name: str) -> Identity:
    """An identity by name.

    Raises:
        UsageError: There is none of that name.
    """
    identities = load_identities()
    if name not in identities:
        raise UsageError(f"identity {name!r}", "is not known", f"choose from {', '.join(identities)}")
    return identities[name]
