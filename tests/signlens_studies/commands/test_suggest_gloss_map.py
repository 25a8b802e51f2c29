"""The command that suggests a gloss map."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from study_commands import study

from signlens.emotion.gloss_map import load_gloss_map
from signlens_studies.slr_sentiment.suggestion import WAYS, suggested

pytest.importorskip("nrclex")
pytest.importorskip("vaderSentiment")


def suggest(*words: object) -> int:
    return study("slr-sentiment", "suggest-gloss-map", *words)


@pytest.fixture
def glosses(tmp_path: Path) -> Path:
    path = tmp_path / "glosses.txt"
    path.write_text("book\ncry\nhappy\nrage\ncheat\ndrink\n")
    return path


def test_the_map_can_be_used_as_it_is_printed(glosses: Path, tmp_path: Path, capsys) -> None:
    assert suggest(glosses, "--against", "slr-sentiment-27") == 0
    out, err = capsys.readouterr()
    (tmp_path / "m.toml").write_text(out, encoding="utf-8")
    made = load_gloss_map(tmp_path / "m.toml")
    assert made == suggested("nrc-vader", glosses.read_text().split())
    assert "research only" in out
    assert "| nrc-vader | contempt | 0 | 1 | 0 |" in err


def test_all_ways_side_by_side(glosses: Path, capsys) -> None:
    assert suggest(glosses, "--compare", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(WAYS)
    assert found["vader"]["glosses"] == {"happy": ["happy"]}
    assert found["nrc"]["against"] == "slr-sentiment-27"
    assert suggest(glosses, "--compare") == 0
    assert capsys.readouterr().out.count("| all |") == len(WAYS)


def test_wrong_use(glosses: Path, tmp_path: Path, capsys) -> None:
    assert suggest(glosses, "--by", "feeling") == 2
    assert suggest(tmp_path / "absent.txt") == 3
    (tmp_path / "g.txt").write_text("qqq\n")
    assert suggest(tmp_path / "g.txt") == 2
    assert capsys.readouterr().out == ""
