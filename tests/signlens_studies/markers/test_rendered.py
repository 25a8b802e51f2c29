"""The proof on the rendered signer: how its numbers are counted, and a small part of it for real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from study_commands import study

from signlens.emotion.expressions import EMOTIONS
from signlens.pose import PoseClip, Provenance
from signlens.signing.intensity import measure_intensity
from signlens.signing.markers import FUNCTIONS, Marker, MarkerReading
from signlens_studies.markers.marked_signer import Script
from signlens_studies.markers.rendered import (
    CHOSEN_ON,
    MEASURED_ON,
    Seen,
    confusion_table,
    look,
    poses_of,
    recovery,
    recovery_table,
    scripts,
    survey,
)


def said(name: str, onset: float, offset: float) -> Marker:
    return Marker(name, onset, offset, 0.8, 0.9, FUNCTIONS[name])


def seen(words: str, *markers: Marker, shown: str = "neutral", used: str = "neutral") -> Seen:
    one = {name: 0.0 for name in EMOTIONS}
    return Seen(Script(words), MarkerReading(markers), {**one, shown: 1.0}, {**one, used: 1.0})


# In every script a marker of the face is there from 0.7 to 1.6 seconds, of the head from 0.6 to 1.7.
FILMS = (
    seen("brow-raise", said("brow_raise", 0.74, 1.58), shown="surprise"),
    seen("brow-raise", said("brow_raise", 0.1, 0.3)),  # elsewhere: missed
    seen("brow-raise+head-shake", said("brow_raise", 0.7, 1.0), said("brow_raise", 1.2, 1.7)),
    seen("neutral", said("brow_raise", 0.5, 0.9)),  # a false alarm
    seen("happy", said("brow_raise", 0.7, 1.6)),  # there in part: neither
    seen("mouth-open"),
)


def test_recall_false_alarms_and_errors_are_counted_by_hand():
    raised = recovery(FILMS, "brow_raise")
    assert (raised.there, raised.found, raised.absent, raised.false_alarms) == (3, 2, 2, 1)
    assert raised.onset_ms == pytest.approx((40 + 0) / 2)
    assert raised.offset_ms == pytest.approx((-20 + 100) / 2)
    assert raised.spread_ms == pytest.approx((20 + 40) / 2)  # median of 0, 20, 40, 100
    shaken = recovery(FILMS, "head_shake")
    assert (shaken.there, shaken.found, shaken.false_alarms) == (1, 0, 0)
    assert np.isnan(shaken.onset_ms)


def test_the_tables_say_what_was_counted():
    table = recovery_table(FILMS)
    assert "| brow raise | 2 of 3 | 1 of 2 | +20 ms | +40 ms | 30 ms |" in table
    assert "| head shake | 0 of 1 | 0 of 5 |  |  |  |" in table
    # There are three raises, one shake and one open mouth, of which two raises are found.
    assert "found 2 of 5 (95 % interval 12 to 77 %)" in table
    assert recovery_table([]).endswith("found 0 of 0, false alarms 0 of 0.")
    confused = confusion_table(FILMS)
    assert "| brow-raise | 2 | brow raise 2 | neutral 0.50, surprise 0.50" in confused
    assert "| mouth-open | 1 | none | neutral 1.00" in confused


def test_thresholds_are_not_measured_on_those_they_were_chosen_on():
    assert not set(CHOSEN_ON) & set(MEASURED_ON)
    assert {s.identity for s in scripts(MEASURED_ON)} == set(MEASURED_ON)
    assert {s.words for s in scripts(MEASURED_ON)} >= {"neutral", "glance", "brow-furrow+head-shake"}
    assert scripts([]) == []


def bare(frames: int = 10) -> PoseClip:
    keypoints = np.zeros((frames, 133, 4), np.float32)
    return PoseClip(keypoints, None, np.arange(frames) / 25, 25.0, 64, 48, Provenance("test", "1"))


def test_recordings_without_a_face_or_a_hand_are_counted_and_not_measured():
    found = survey([bare(), bare()])
    assert (found.clips, found.unread, found.without, found.moving) == (2, 2, 0, 0)
    assert set(found.with_marker.values()) == {0}
    assert np.isnan(found.speed).all()


def test_only_kept_films_need_a_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mediapipe", reason="this test needs MediaPipe")
    assert study("markers", "films", "--kept-only") == 2
    numbers = tmp_path / "numbers.json"
    assert study("markers", "films", "--kept-only", "--cache", tmp_path, "--json", numbers) == 0
    assert json.loads(numbers.read_text())["films"] == 0
    assert "not drawn" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sign", "times"), [("please", 2), ("coffee", 2), ("small", 2), ("apple", 2), ("thank-you", 1), ("go", 1)]
)
def test_the_rendered_signers_own_repetitions_are_counted(sign, times):
    pytest.importorskip("numba", reason="the rendered signer needs the extra signer (numba)")
    from signlens.signer import render_sign

    truth = render_sign(sign, workers=1).truth  # nothing is drawn
    keypoints = np.full((len(truth.times), 133, 4), np.nan, np.float32)
    keypoints[..., 3] = np.isfinite(truth.keypoints_2d).all(axis=2)
    there = keypoints[..., 3] > 0
    keypoints[there, :2], keypoints[there, 2] = truth.keypoints_2d[there], 0
    clip = PoseClip(
        keypoints, None, truth.times, truth.fps, truth.width, truth.height, Provenance("truth", "1")
    )
    found = measure_intensity(clip)
    assert found is not None
    assert found.repetitions == times


@pytest.mark.slow
def test_markers_of_a_drawn_face_are_found_by_the_real_extractor(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the rendered signer needs the extra signer (numba)")
    pytest.importorskip("mediapipe", reason="this test needs MediaPipe")
    from signlens.pose.holistic import HolisticExtractor

    films = []
    with HolisticExtractor() as extractor:
        for words in ("brow-raise", "brow-furrow+head-shake"):
            script = Script(words, identity="amara")
            films.append(look(script, poses_of(script, extractor, tmp_path)))
            assert len(list(tmp_path.glob("*.pose"))) == len(films)
        kept = poses_of(Script("brow-raise", identity="amara"), extractor, tmp_path)
    assert kept.frames == films[0].script.frames
    for marker, there in (("brow_raise", 1), ("brow_furrow", 1), ("head_shake", 1)):
        found = recovery(films, marker)
        assert (found.there, found.found, found.false_alarms) == (there, there, 0)
        assert found.spread_ms < 150
    surprise = films[0]
    assert surprise.used["surprise"] < surprise.shown["surprise"]
