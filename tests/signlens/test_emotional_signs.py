"""The report on recordings of emotional signs: timeline, markers, and what they did to the ranking."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from places import DATA
from typer.testing import CliRunner

from signlens.cli import app

CRY = DATA / "wlasl-videos" / "14188.mp4"


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not CRY.is_file(), reason=f"{CRY} is not there (set SIGNLENS_SHARED)")
def test_the_sign_cry_shows_timeline_markers_and_their_effect(tmp_path: Path) -> None:
    # The starter model knows none of the shipped map's glosses, so a map of glosses that it does know.
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\n[glosses]\ndisgust = ["clothes"]\nanger = ["computer"]\n')
    report = tmp_path / "cry.html"
    options = ("--json", "--emotion-strength", "1", "--gloss-map", str(own), "--report", str(report))
    result = CliRunner().invoke(app, ["recognize", str(CRY), *options])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert len(document["emotion"]["timeline"]) == 16
    assert document["markers"], "the brows are drawn together in this recording"
    assert {m["name"] for m in document["markers"]} <= {
        "brow_raise",
        "brow_furrow",
        "mouth_opening",
        "head_shake",
        "head_nod",
    }
    for marker in document["markers"]:
        assert 0 <= marker["onset_s"] < marker["offset_s"] <= document["clip"]["duration_s"]
    used = document["emotion_boost"]["probabilities"]
    for prediction in document["predictions"]:
        emotion = {"clothes": "disgust", "computer": "anger"}.get(prediction["gloss"])
        expected = 0.0 if emotion is None else float(np.log1p(used[emotion]))
        assert prediction["evidence"]["emotion"] == pytest.approx(expected, abs=2e-4)
    page = report.read_text(encoding="utf-8")
    assert page.count('class="lane marker"') == len({m["name"] for m in document["markers"]})
    assert 'id="timeline"' in page
    assert "What face and head did to the ranking" in page
    assert 'id="effects"' in page
