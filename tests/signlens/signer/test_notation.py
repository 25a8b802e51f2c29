"""Signs as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from signlens.errors import InputRejected, UsageError
from signlens.signer.notation import (
    find_sign,
    load_signs,
    read_sign,
)

GOOD = """
gloss = "test"
about = "a test"
[[right]]
time = 0.0
shape = "5"
place = "neutral"
fingers = "up"
palm = "forward"
[[right]]
time = 0.5
offset = [0, 5, 0]
"""


def test_at_least_twelve_signs_ship_and_each_says_where_it_comes_from() -> None:
    signs = load_signs()
    assert len(signs) >= 12
    assert {"hello", "thank-you", "please", "no", "yes", "drink", "mother", "book"} <= set(signs)
    for gloss, sign in signs.items():
        assert sign.gloss == gloss
        assert len(sign.about) > 30


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("time = 0.5", "time = 0.5\ncolour = 1", "unknown key 'colour'"),
        ('gloss = "test"', 'gloss = "test"\nmood = 1', "unknown key 'mood'"),
        ('shape = "5"', 'shape = "fish"', "shape is 'fish'"),
        ('place = "neutral"', 'place = "moon"', "place 'moon'"),
        ('place = "neutral"', 'place = "other-hand:palm"', "other hand has no keyframes"),
        ('fingers = "up"', 'fingers = "sideways"', "no direction"),
        ('palm = "forward"', 'palm = "up"', "same line"),
        ("time = 0.5", "time = 0.0", "not after"),
        ("time = 0.5", 'time = 0.5\nelbow = "high"', "elbow"),
        (
            "time = 0.5",
            'time = 0.5\ncircle = { plane = "front", radius = 5, turns = 1, speed = 2 }',
            "'speed'",
        ),
        ("offset = [0, 5, 0]", "offset = [0, 5]", "three numbers"),
        ('about = "a test"', "", "about is missing"),
        ('gloss = "test"', 'gloss = "test', "not TOML"),
        ('shape = "5"\n', "", "does not say its shape"),
    ],
)
def test_a_wrong_sign_is_an_error_that_names_the_file(old: str, new: str, message: str) -> None:
    read_sign(GOOD, "good.toml")
    with pytest.raises(InputRejected, match=r"bad\.toml") as caught:
        read_sign(GOOD.replace(old, new, 1), "bad.toml")
    assert message in str(caught.value)


def test_a_sign_can_be_read_from_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert find_sign(str(path)).gloss == "test"
    with pytest.raises(InputRejected, match="cannot be read"):
        find_sign(str(tmp_path / "absent.toml"))
    with pytest.raises(UsageError, match="choose from"):
        find_sign("no-such-sign")
