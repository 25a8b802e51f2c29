"""Face parameters and where they put the features."""

from __future__ import annotations

import numpy as np
import pytest

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import UsageError
from signlens.signer.face import (
    EMOTION_FACES,
    EXPRESSIONS,
    FaceBuild,
    FaceParameters,
    FaceShape,
    add_faces,
    face_shape,
    parse_expression,
)

BUILD = FaceBuild()


def test_every_emotion_of_the_project_has_a_face() -> None:
    assert tuple(EMOTION_FACES) == EMOTIONS
    assert parse_expression("neutral")[0] == FaceParameters()
    assert len({tuple(f.to_array()) for f in EMOTION_FACES.values()}) == 8


def test_expressions_add_up_and_unknown_ones_are_errors() -> None:
    face, names = parse_expression("happy+brow-raise + head shake")
    assert names == {"happy", "brow-raise", "head-shake"}
    assert face.smile == 1.0
    assert face.brow_raise == 1.0  # kept in range
    with pytest.raises(UsageError, match="grumpy"):
        parse_expression("grumpy")
    for name in EXPRESSIONS:
        parse_expression(name)


def test_parameters_stay_in_range() -> None:
    face = FaceParameters(smile=-3, blink=-1, mouth_open=7)
    assert (face.smile, face.blink, face.mouth_open) == (-1.0, 0.0, 1.0)
    assert FaceParameters.from_array(face.to_array()) == face
    assert add_faces(face, FaceParameters(smile=0.5)).smile == -0.5


def corner(face: FaceParameters, side: int) -> float:
    shape = face_shape(face, BUILD)
    x = shape.mouth_half[side] * (-1 if side == 0 else 1)
    return float(shape.mouth(np.array(x), "middle") - shape.mouth(np.array(0.0), "middle"))


def test_features_follow_their_parameters() -> None:
    def shape(**values: float) -> FaceShape:
        return face_shape(FaceParameters(**values), BUILD)

    base = shape()
    assert (
        corner(FaceParameters(smile=1), 1) > corner(FaceParameters(), 1) > corner(FaceParameters(smile=-1), 1)
    )
    assert corner(FaceParameters(lopsided=1), 1) > corner(FaceParameters(lopsided=1), 0)
    assert shape(brow_raise=1).brow_middle[0] > base.brow_middle[0] > shape(brow_raise=-1).brow_middle[0]
    assert shape(brow_furrow=1).brow_x[0] < base.brow_x[0]
    assert shape(brow_furrow=1).brow_inner[0] < base.brow_inner[0]
    assert (
        shape(brow_inner=1).brow_inner[0] - base.brow_inner[0]
        > shape(brow_inner=1).brow_outer[0] - base.brow_outer[0]
    )
    assert shape(mouth_wide=1).mouth_half[0] > base.mouth_half[0] > shape(mouth_wide=-1).mouth_half[0]
    opening = shape(mouth_open=1).open_up + shape(mouth_open=1).open_low
    assert base.open_up + base.open_low == 0 < opening
    closed = shape(blink=1)
    assert closed.lid_up[0] + closed.lid_low[0] < 0.1 * (base.lid_up[0] + base.lid_low[0])
    assert closed.lid_low == base.lid_low  # a blink moves the upper lid
