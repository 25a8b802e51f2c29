"""The verbs, end to end: what is printed where, and the exit codes."""

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from made_up import made_up_rows, write_made_up
from media import write_video
from typer.testing import CliRunner

from signlens.cli import app
from signlens.emosign.annotations import load_emosign
from signlens.emosign.elan import read_elan
from signlens.emosign.elan_tiers import SENTIMENT


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("emosign")
    write_made_up(path)
    return path


def signlens(*words: object, code: int = 0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.stderr
    return result


def write_predictions(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_agreement_of_any_ratings(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("unit,annotator,value\n1,a,1\n1,b,1\n2,a,2\n2,b,3\n3,a,3\n3,b,3\n", encoding="utf-8")
    found = json.loads(
        signlens("emosign", "agreement", "--ratings", path, "--level", "interval", "--json").stdout
    )
    # By hand: one unit differs, by 1, in two ordered pairs of six; expected over all pairs of the values.
    values = [1, 1, 2, 3, 3, 3]
    expected = sum((a - b) ** 2 for a in values for b in values) / 30
    assert found["alpha"] == pytest.approx(1 - (2 / 6) / expected, abs=1e-6)
    assert found["units"] == 3
    assert "interval" in signlens("emosign", "agreement", "--ratings", path, "--level", "interval").stdout


def test_wrong_use_of_agreement(tmp_path, folder):
    assert "--level: is needed" in signlens("emosign", "agreement", "--ratings", "x.csv", code=2).stderr
    assert "one kind of file" in signlens("emosign", "agreement", code=2).stderr
    text = signlens(
        "emosign", "agreement", "--ratings", tmp_path / "x.csv", "--level", "ratio", code=3
    ).stderr
    assert "x.csv: there is no such file" in text


def test_agreement_on_the_labels(folder):
    found = signlens("emosign", "agreement", "--raters", folder / "raters.csv", "--draws", 20).stdout
    assert "frustration" in found
    assert "signlens reproduce" in found


def test_score_end_to_end(tmp_path, folder):
    labels = folder / "emosign_dataset.csv"
    rows = [{"video_name": r["video_name"], "sentiment": r["Sentiment"]} for r in made_up_rows()]
    path = write_predictions(tmp_path / "p.csv", rows)
    words = ("emosign", "score", path, "--annotations", labels, "--draws", 5)
    found = json.loads(signlens(*words, "--json").stdout)
    assert found["tasks"]["sentiment7"]["model"]["wacc"]["value"] == 1
    assert found["not_scored"]["emotion"]
    result = signlens(*words, "--rule", "all")
    assert "always" in result.stdout
    assert "140 single, 60 multiple, 0 left out" in result.stdout
    assert "made up" in result.stderr
    assert "not a rule" in signlens(*words, "--rule", "best", code=2).stderr
    assert "signlens emosign figures" in signlens(*words, "--figures", tmp_path, code=2).stderr


def test_score_refuses_what_does_not_fit_and_lists_it(tmp_path, folder):
    labels = folder / "emosign_dataset.csv"
    rows = [{"video_name": r["video_name"], "sentiment": r["Sentiment"]} for r in made_up_rows()]
    short = write_predictions(tmp_path / "short.csv", rows[1:])
    text = signlens("emosign", "score", short, "--annotations", labels, code=3).stderr
    assert str(rows[0]["video_name"]) in text
    rows[4]["sentiment"] = "ecstatic"
    invented = write_predictions(tmp_path / "invented.csv", rows)
    text = signlens("emosign", "score", invented, "--annotations", labels, code=3).stderr
    assert "line 6: sentiment is 'ecstatic'" in text


def test_import_and_use_the_folder(tmp_path, folder):
    labels = folder / "emosign_dataset.csv"
    found = json.loads(
        signlens("dataset", "import", "emosign", labels, "--out", tmp_path / "in", "--json").stdout
    )
    assert found["expressions"]["counts"] == {"single": 140, "multi": 37, "left_out": 23}
    result = signlens("dataset", "import", "emosign", labels, "--out", tmp_path / "in")
    assert "200 clips without videos" in result.stdout
    assert load_emosign(tmp_path / "in").identity == found["identity"]
    text = signlens("dataset", "import", "emosign", labels, "--out", tmp_path, "--subset", 5, code=2).stderr
    assert "--subset" in text
    text = signlens("dataset", "import", "csv", labels, "--out", tmp_path, "--rule", "all", code=2).stderr
    assert "--rule" in text


@pytest.mark.parametrize("table", ["emosign-table2", "emosign-table3", "emosign-table4"])
def test_the_papers_tables(tmp_path, folder, table):
    assert "--" in signlens("reproduce", table, code=2).stderr
    names = {r["video_name"]: r for r in made_up_rows()}
    rows = [{"video_name": n, "sentiment": r["Sentiment"], "emotion": "worry"} for n, r in names.items()]
    path = write_predictions(tmp_path / "p.csv", rows)
    words = ("--raters", folder / "raters.csv", "--draws", 100)
    if table != "emosign-table2":
        words += ("--annotations", folder / "emosign_dataset.csv", "--predictions", path)
    found = json.loads(signlens("reproduce", table, *words, "--json").stdout)
    theirs = {(row["measure"], row["paper_name"]): row["theirs"] for row in found["rows"]}
    ours = {row["measure"]: row["ours"] for row in found["rows"] if row["ours"] is not None}
    if table == "emosign-table2":
        assert theirs["joy, ordinal", "joy"] == 0.699
        assert any("0.418" in note for note in found["notes"])
    elif table == "emosign-table3":
        assert theirs["wF1, 3 classes", "video + caption: GPT-4o"] == 76.72
        assert ours["wAcc, 7 classes: predictions"]["value"] == pytest.approx(100)
    else:
        assert theirs["wAcc", "video: GPT-4o"] == 11.50
        assert ours["wAcc, 10 classes: predictions"]["value"] == pytest.approx(10)
        assert ours["recall of worry: predictions"]["value"] == pytest.approx(100)
        assert any("140 single" in note for note in found["notes"])
    assert ("made up" in str(found["notes"])) == (table != "emosign-table2")
    assert table.partition("-")[0] in signlens("reproduce", table, *words).stdout.casefold()


def test_elan_files_there_and_back(tmp_path, folder):
    pytest.importorskip("pympi")
    labels = folder / "emosign_dataset.csv"
    clips = load_emosign(labels).clips[:2]
    videos = tmp_path / "videos"
    videos.mkdir()
    for clip in clips:
        write_video(videos / f"{clip.utterance}.mp4", frames=50, rate=25)
    eaf = tmp_path / "eaf" / "annotator-1"
    words = ("emosign", "to-elan", "--annotations", labels, "--videos", videos, "--out", eaf)
    found = json.loads(signlens(*words, "--json").stdout)
    assert len(found["written"]) == 2
    assert len(found["missing_videos"]) == 198
    (sentiment,) = read_elan(eaf / f"{clips[0].video_name}.eaf").tiers[SENTIMENT]
    assert (sentiment.start_ms, sentiment.end_ms) == (0, 2000)
    again = ET.canonicalize(from_file=str(eaf / f"{clips[0].video_name}.eaf"))
    signlens(*words)
    assert ET.canonicalize(from_file=str(eaf / f"{clips[0].video_name}.eaf")) == again
    out = tmp_path / "raters.csv"
    signlens("emosign", "from-elan", eaf, "--out", out)
    with out.open(encoding="utf-8", newline="") as file:
        rows = {row["video_name"]: row for row in csv.DictReader(file)}
    for clip in clips:
        row = rows[clip.video_name]
        assert row["annotator"] == "annotator-1"
        assert int(row["Sentiment"]) == clip.sentiment
        assert {e: int(row[e]) for e in clip.emotions} == dict(clip.emotions)
    assert "no .eaf file" in signlens("emosign", "from-elan", videos, "--out", out, code=2).stderr
    text = signlens("emosign", "to-elan", "--annotations", labels, "--out", eaf, code=3).stderr
    assert "none of its clips has a video" in text


def test_the_template(tmp_path):
    pytest.importorskip("pympi")
    signlens("emosign", "template", tmp_path / "emosign.etf")
    assert SENTIMENT in read_elan(tmp_path / "emosign.etf").tiers
    assert "neither" in signlens("emosign", "template", tmp_path / "emosign.txt", code=2).stderr
