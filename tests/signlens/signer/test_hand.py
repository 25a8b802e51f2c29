"""Handshapes and the hand's geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.errors import InputRejected, UsageError
from signlens.signer.hand import (
    HAND_POINTS,
    PHALANGES,
    THUMB_LENGTHS,
    Handshape,
    _read_handshape,
    find_handshape,
    hand_points,
    load_handshapes,
)

angles = st.lists(st.floats(-20, 110), min_size=20, max_size=20)


@given(angles, st.floats(0.8, 1.2))
def test_bones_keep_their_lengths_whatever_the_angles(values: list[float], scale: float) -> None:
    points = hand_points(Handshape.from_array(np.array(values)), scale)
    for finger in range(4):
        bones = np.linalg.norm(np.diff(points[5 + 4 * finger : 9 + 4 * finger], axis=0), axis=1)
        np.testing.assert_allclose(bones, PHALANGES[finger] * scale, rtol=1e-9)
    thumb = np.linalg.norm(np.diff(points[1:5], axis=0), axis=1)
    np.testing.assert_allclose(thumb, THUMB_LENGTHS * scale, rtol=1e-9)


@given(angles)
def test_array_form_is_lossless(values: list[float]) -> None:
    np.testing.assert_array_equal(Handshape.from_array(np.array(values)).to_array(), values)


def test_a_straight_finger_points_along_y_and_a_right_angle_along_the_palm() -> None:
    straight = Handshape(np.zeros((4, 3)), np.zeros(4), np.array([45.0, 10, 0, 0]))
    points = hand_points(straight)
    tip, knuckle = points[HAND_POINTS.index("index_tip")], points[HAND_POINTS.index("index_mcp")]
    np.testing.assert_allclose(tip - knuckle, [0, PHALANGES[0].sum(), 0], atol=1e-12)
    bent = Handshape(np.array([[90.0, 0, 0]] * 4), np.zeros(4), straight.thumb)
    points = hand_points(bent)
    tip, knuckle = points[HAND_POINTS.index("little_tip")], points[HAND_POINTS.index("little_mcp")]
    np.testing.assert_allclose(tip - knuckle, [0, 0, PHALANGES[3].sum()], atol=1e-12)


def gap(shape: str, a: str, b: str) -> float:
    points = hand_points(find_handshape(shape))
    return float(np.linalg.norm(points[HAND_POINTS.index(a)] - points[HAND_POINTS.index(b)]))


def test_handshapes_look_like_their_names() -> None:
    # Fingertips that should meet are near, those that should be apart are far (metres).
    assert gap("F", "thumb_tip", "index_tip") < 0.03 < gap("5", "thumb_tip", "index_tip")
    assert gap("O", "thumb_tip", "middle_tip") < 0.035
    assert gap("8", "thumb_tip", "middle_tip") < 0.03 < gap("8", "thumb_tip", "index_tip")
    assert gap("V", "index_tip", "middle_tip") > 1.5 * gap("U", "index_tip", "middle_tip")
    for name, up in {
        "1": "index",
        "V": "index middle",
        "W": "index middle ring",
        "I": "little",
        "S": "",
    }.items():
        for finger in ("index", "middle", "ring", "little"):
            long = gap(name, f"{finger}_mcp", f"{finger}_tip") > 0.06
            assert long == (finger in up.split()), (name, finger)


def test_every_shipped_handshape_is_read() -> None:
    assert len(load_handshapes()) >= 20
    with pytest.raises(UsageError, match="not known"):
        find_handshape("nonsense")


@pytest.mark.parametrize(
    "data",
    [
        {"fingers": [0, 0, 0], "thumb": [1, 2, 3, 4], "colour": 1},
        {"fingers": [0, 0], "thumb": [1, 2, 3, 4]},
        {"fingers": [0, 0, 0], "thumb": [1, 2, 3]},
        {"fingers": [0, 0, 0], "thumb": [1, 2, 3, 4], "spread": [1, 2]},
        {"index": [0, 0, 0], "thumb": [1, 2, 3, 4]},
    ],
)
def test_a_wrong_handshape_is_an_error(data: dict[str, object]) -> None:
    with pytest.raises(InputRejected, match="handshape 'h'"):
        _read_handshape("h", data, "file.toml")
