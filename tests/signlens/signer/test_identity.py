"""The signers' looks."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from signlens.errors import InputRejected, UsageError
from signlens.signer.body import BodyPose
from signlens.signer.face import FaceParameters
from signlens.signer.identity import HAIR_STYLES, find_identity, load_identities, read_identity
from signlens.signer.scene import build_scene

BASE = {
    "about": "x", "skin": "#aabbcc", "lips": "#aabbcc", "hair": "#aabbcc", "hair_style": "bob",
    "brows": "#aabbcc", "iris": "#aabbcc", "shirt": "#aabbcc", "trim": "#aabbcc",
}  # fmt: skip


def test_there_are_several_people_with_different_looks() -> None:
    people = load_identities().values()
    assert len(people) >= 4
    for feature in ("skin", "hair", "hair_style", "shirt"):
        assert len({asdict(p)[feature] for p in people}) >= 4, feature


WRONG: list[dict[str, object]] = [
    {"hat": 1},
    {"name": "x"},
    {"skin": "red"},
    {"hair_style": "x"},
    {"head": 9.0},
    {"backdrop": ["#000000"]},
    {"glasses": "thick"},
]


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_identity_is_an_error(change: dict[str, object]) -> None:
    assert read_identity("x", BASE, "f.toml").skin == "#aabbcc"
    with pytest.raises(InputRejected, match=r"f\.toml"):
        read_identity("x", BASE | change, "f.toml")


def test_a_missing_colour_is_an_error() -> None:
    with pytest.raises(InputRejected, match="not complete"):
        read_identity("x", {k: v for k, v in BASE.items() if k != "skin"}, "f.toml")
    with pytest.raises(UsageError, match="choose from"):
        find_identity("nobody")


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_every_hair_style_builds(style: str) -> None:
    scene = build_scene(
        BodyPose(face=FaceParameters(mouth_open=1)), read_identity("x", BASE | {"hair_style": style}, "f")
    )
    assert (scene.table[:, 3] == 5).any() == (style != "bald")
