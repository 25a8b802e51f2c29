"""Films of people, tilted by 20 degrees: the sign stays the same."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from signlens.datasets.mediapipe_arrays import default_data
from signlens.models.sign_model import SignModel
from signlens.pose import HolisticExtractor, PoseClip
from signlens.signer import write_video
from signlens.skeleton.orientation import correct
from signlens.video import open_video

FILMS = default_data() / "wlasl-videos"


def tilted(film: Path, degrees: float, target: Path) -> Path:
    with open_video(film, max_side=480) as video:
        frames = [frame.image for frame in video]
    height, width = frames[0].shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    write_video([cv2.warpAffine(f, turn, (width, height)) for f in frames], target, quality=16)
    return target


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not (FILMS / "clips.csv").is_file(), reason="needs the films in SIGNLENS_SHARED")
def test_a_film_tilted_by_twenty_degrees_shows_the_same_sign(tmp_path: Path) -> None:
    model = SignModel()
    with (FILMS / "clips.csv").open(newline="", encoding="utf-8") as table:
        known = [row for row in csv.DictReader(table) if row["gloss"] in model.glosses]
    films = {path.stem.lstrip("0"): path for path in FILMS.rglob("*.mp4")}

    def best(clip: PoseClip) -> tuple[str, float]:
        corrected, correction = correct(clip)
        scores = model.score(corrected).log_probabilities[: len(model.glosses)]
        return model.glosses[int(scores.argmax())], correction.measured_roll

    same = []
    with HolisticExtractor() as extractor:
        for row in known:
            film = films[row["video_id"].lstrip("0")]
            upright, straight = best(extractor.extract(tilted(film, 0, tmp_path / "upright.mp4")))
            turned, tilt = best(extractor.extract(tilted(film, 20, tmp_path / "tilted.mp4")))
            assert tilt - straight == pytest.approx(-20, abs=8)  # turned anticlockwise: right side down
            same.append(upright == turned)
    assert len(same) >= 5
    assert np.mean(same) >= 0.9
