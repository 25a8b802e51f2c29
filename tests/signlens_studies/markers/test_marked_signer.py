"""Films with known markers: the script's truth is what the body does."""

from __future__ import annotations

import numpy as np
import pytest

from signlens.errors import UsageError
from signlens.signer.face import PARAMETER_NAMES
from signlens_studies.markers.marked_signer import (
    GLANCE_DEGREES,
    NOD_DEGREES,
    SHAKE_DEGREES,
    Script,
    performance_of,
    pose_at,
)


def courses(words: str) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Times, face parameters, turn and nod of a film, against the same film with a neutral face."""
    script, plain = Script(words), Script("neutral")
    performance, still = performance_of(script), performance_of(plain)
    times = np.arange(0, script.duration_s, 0.005)
    poses = [pose_at(script, performance, float(t)) for t in times]
    rests = [pose_at(plain, still, float(t)) for t in times]
    face = np.array([p.face.to_array() - r.face.to_array() for p, r in zip(poses, rests, strict=True)])
    turn = np.array([p.head_turn - r.head_turn for p, r in zip(poses, rests, strict=True)])
    nod = np.array([p.head_nod - r.head_nod for p, r in zip(poses, rests, strict=True)])
    return times, dict(zip(PARAMETER_NAMES, face.T, strict=True)), turn, nod


@pytest.mark.parametrize(
    ("words", "marker", "parameter"),
    [
        ("brow-raise", "brow_raise", "brow_raise"),
        ("brow-furrow", "brow_furrow", "brow_furrow"),
        ("mouth-open", "mouth_opening", "mouth_open"),
        ("surprise", "mouth_opening", "mouth_open"),
    ],
)
def test_onset_and_offset_are_where_the_face_is_half_way(words, marker, parameter):
    times, face, turn, nod = courses(words)
    course = face[parameter]
    above = times[course >= course.max() / 2]
    onset, offset = Script(words).truth()[marker]
    assert above[0] == pytest.approx(onset, abs=0.006)
    assert above[-1] == pytest.approx(offset, abs=0.006)
    assert course[0] == course[-1] == 0
    assert not turn.any()
    assert not nod.any()


@pytest.mark.parametrize(
    ("words", "marker", "degrees"),
    [("head-shake", "head_shake", SHAKE_DEGREES), ("head-nod", "head_nod", NOD_DEGREES)],
)
def test_the_head_swings_to_both_sides_and_only_meanwhile(words, marker, degrees):
    times, face, turn, nod = courses(words)
    course, other = (turn, nod) if marker == "head_shake" else (nod, turn)
    assert not other.any()
    assert not any(values.any() for values in face.values())
    assert course.max() == pytest.approx(degrees, rel=0.1)
    assert course.min() == pytest.approx(-degrees, rel=0.1)
    onset, offset = Script(words).truth()[marker]
    moving = times[np.abs(course) > 0.05]
    assert moving[0] == pytest.approx(onset, abs=0.05)
    assert moving[-1] == pytest.approx(offset, abs=0.05)


def test_a_glance_goes_to_one_side_and_is_no_marker():
    _, face, turn, _ = courses("glance")
    assert turn.min() == 0
    assert turn.max() == pytest.approx(GLANCE_DEGREES, rel=0.01)
    assert Script("glance").truth() == {}
    assert Script("glance").partly() == frozenset()
    assert not any(values.any() for values in face.values())


def test_what_is_there_in_full_in_part_and_not():
    both = Script("brow-furrow+head-shake")
    assert set(both.truth()) == {"brow_furrow", "head_shake"}
    happy = Script("happy")
    assert happy.truth() == {}
    assert {"brow_raise", "mouth_opening"} <= happy.partly()
    assert set(Script("surprise").truth()) == {"brow_raise", "mouth_opening"}
    assert not Script("surprise").partly() & set(Script("surprise").truth())


@pytest.mark.parametrize(
    "script", [Script("grin"), Script("happy", identity="nobody"), Script("happy", begin_s=1.8)]
)
def test_unknown_words_and_wrong_times_are_said(script):
    with pytest.raises(UsageError):
        performance_of(script)
