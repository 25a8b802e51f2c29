"""Films of people, tilted by 20 degrees with ffmpeg's own filter: the sign stays the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import av
import numpy as np
import pytest
from study_commands import study
from turned_figure import as_seen, pose_clip, standing

from signlens.errors import InputRejected
from signlens.pose import write_pose
from signlens.signer import write_video
from signlens_studies.orientation.tilted_films import (
    Tilted,
    compare,
    films_of,
    poses_of,
    stability,
    tilt,
)
from signlens_studies.starter.landmark_sets import default_data

FILMS = default_data() / "wlasl-videos"


def bar(frames: int = 3) -> list[np.ndarray]:
    picture = np.zeros((120, 161, 3), np.uint8)
    picture[56:64, 30:130] = 255
    return [picture] * frames


@pytest.mark.parametrize("degrees", [0.0, 20.0, -35.0])
def test_a_film_is_turned_clockwise_and_keeps_its_frames_and_its_even_size(
    tmp_path: Path, degrees: float
) -> None:
    film = tmp_path / "bar.mp4"
    write_video(bar(), film, fps=25)
    made = tilt(film, degrees, tmp_path / "tilted.mp4")
    with av.open(str(made)) as video:
        pictures = [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]
    assert [picture.shape for picture in pictures] == [(120, 160)] * 3
    for picture in pictures:
        y, x = np.nonzero(picture > 128)
        _, _, direction = np.linalg.svd(np.stack([x - x.mean(), y - y.mean()], 1), full_matrices=False)
        slope = np.degrees(np.arctan2(direction[0, 1], direction[0, 0]))
        assert (slope + 90) % 180 - 90 == pytest.approx(degrees, abs=1)  # y points down: clockwise


def test_the_picture_grows_to_hold_a_tilted_film(tmp_path: Path) -> None:
    film = tmp_path / "white.mp4"
    write_video([np.full((120, 160, 3), 255, np.uint8)] * 2, film, fps=25)

    def white(whole: bool) -> tuple[tuple[int, ...], float]:
        made = tilt(film, 20, tmp_path / "tilted.mp4", whole)
        with av.open(str(made)) as video:
            picture = next(video.decode(video=0)).to_ndarray(format="gray")
        return picture.shape, float((picture > 128).sum()) / (120 * 160)

    shape, kept = white(whole=True)
    # 120 cos 20 + 160 sin 20 = 167.5 high, 160 cos 20 + 120 sin 20 = 191.4 wide, and even.
    assert shape == (168, 192)
    assert kept == pytest.approx(1, abs=0.03)
    shape, kept = white(whole=False)
    assert shape == (120, 160)
    assert kept < 0.9


def test_poses_in_the_cache_are_not_extracted_again(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    write_video(bar(), folder / "00123.mp4", fps=25)
    (folder / "clips.csv").write_text("video_id,gloss\n00123,dog\n")
    (film,) = films_of(folder)
    assert (film.path.name, film.gloss) == ("00123.mp4", "dog")
    write_pose(pose_clip(as_seen(standing(6), 0, 20)), tmp_path / "00123_+20.pose")
    write_pose(pose_clip(as_seen(standing(6), 0, 0)), tmp_path / "00123_+0.pose")
    assert poses_of(film, 20, tmp_path).frames == 6
    (found,) = compare([film], tmp_path, 20)
    assert found.known
    assert found.upright == found.tilted  # a figure that is tilted without any error is levelled exactly
    assert found.tilt_error == pytest.approx(0, abs=0.1)
    assert found.hands_lost == 0
    assert found.lead_change == pytest.approx(0, abs=1e-3)
    assert found.original == ""
    write_pose(pose_clip(as_seen(standing(6), 0, 0)), tmp_path / "00123.pose")
    (again,) = compare([film], tmp_path, 20, control=tmp_path)
    assert again.original == again.upright
    options = ("--films", folder, "--cache", tmp_path, "--out", tmp_path / "o.json")
    assert study("orientation", "tilted-films", *options) == 0
    (folder / "clips.csv").write_text("video_id,gloss\n00124,dog\n")
    with pytest.raises(InputRejected, match="00124"):
        films_of(folder)
    with pytest.raises(InputRejected, match="no such file"):
        films_of(tmp_path)


def test_the_shares_by_hand() -> None:
    answers = [("a", "a", "a", "a"), ("a", "a", "a", "b"), ("a", "b", "b", "b"), ("c", "c", "c", "d")]
    films = [Tilted(f"{i}", "a", True, *four, 0.9, float(i), 0.1) for i, four in enumerate(answers)]
    made = stability(films)
    assert (made.same.value, made.same_as_filmed.value) == (75, 50)
    assert made.p_value == 1  # of three films that differ, two and one
    assert made.tilt_error == 1.5
    assert made.hands_lost == pytest.approx(10)
    assert made.lead_spread == 0
    leads = [
        dataclasses.replace(f, lead_change=c) for f, c in zip(films, (0.2, -0.2, 0.2, -0.2), strict=True)
    ]
    assert stability(leads).lead_spread == pytest.approx(0.2 / 2**0.5)
    assert made.same_encoded_anew is None
    asked = stability([dataclasses.replace(f, original="a") for f in films])
    assert asked.same_encoded_anew is not None
    assert asked.same_encoded_anew.value == 75


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not (FILMS / "clips.csv").is_file(), reason="needs the films in SIGNLENS_SHARED")
def test_a_film_tilted_by_twenty_degrees_shows_the_same_sign(tmp_path: Path) -> None:
    from signlens.models.sign_model import SignModel

    glosses = SignModel().glosses
    films = [film for film in films_of(FILMS) if film.gloss in glosses]
    assert len(films) >= 5
    for whole in (False, True):
        found = compare(films, tmp_path, 20, whole=whole)
        for film in found:
            assert film.tilt_error == pytest.approx(0, abs=8)
            assert film.upright == film.gloss
        assert sum(film.upright == film.tilted for film in found) >= 0.9 * len(found)
