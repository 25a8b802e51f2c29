"""`signlens reproduce`: the paper's tables on files made in the test, and on its own predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import made_scores, written
from places import DATA
from scipy.special import softmax
from typer.testing import CliRunner

from signlens.cli import app
from signlens.datasets.folder import ClipRecord
from signlens.datasets.folder_writer import write_dataset
from signlens.evaluation.metrics import outcomes
from signlens_studies.slr_sentiment.recognition_tables import l1_of_min_max_scores, l1_of_softmax

PREDICTIONS = DATA / "wlasl-seed-results" / "val_predictions.csv"


def run(*arguments: object):
    return CliRunner().invoke(app, ["reproduce", *(str(a) for a in arguments)])


def document(*arguments: object) -> dict:
    draws = () if arguments[0] == "table1" else ("--draws", 200)
    result = run(*arguments, "--json", *draws)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def rows(found: dict) -> dict[str, dict]:
    return {row["measure"]: row for row in found["rows"]}


# -- the paper's losses -----------------------------------------------------------------------------


def test_the_losses_worked_by_hand() -> None:
    scores = np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 4.0]])
    # Stretched: 0, 1, 0.5 against 0, 1, 0; and 0, 0, 1 against 1, 0, 0.
    assert l1_of_min_max_scores(scores, np.array([1, 0])).tolist() == [0.5, 2.0]
    even = outcomes(np.zeros((1, 4)), np.array([2]))
    assert l1_of_softmax(even).tolist() == pytest.approx([2 * (1 - 0.25)])
    assert l1_of_min_max_scores(np.full((1, 4), 7.0), np.array([2])).tolist() == [1.0]


@given(st.integers(0, 1000), st.floats(0.1, 30))
@settings(max_examples=40, deadline=None)
def test_the_losses_are_the_distances_that_the_paper_describes(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(5, 8)) * scale, rng.integers(0, 8, 5)
    truth = np.eye(8)[labels]
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    stretched = (scores - low) / (high - low)
    assert l1_of_min_max_scores(scores, labels) == pytest.approx(np.abs(truth - stretched).sum(axis=1))
    expected = np.abs(truth - softmax(scores, axis=1)).sum(axis=1)
    assert l1_of_softmax(outcomes(scores, labels)) == pytest.approx(expected)
    assert (l1_of_softmax(outcomes(scores, labels)) <= 2).all()


# -- table 2 ----------------------------------------------------------------------------------------


def test_table2_of_scores_takes_the_papers_weights(tmp_path: Path) -> None:
    made = made_scores()
    found = document("table2", "--scores", written(tmp_path / "a.npz", made))
    assert found["data"]["weights"] == "joint=1,bone=1,joint_motion=0.5,bone_motion=0.5"
    mean = (
        made.streams["joint"].astype(float)
        + made.streams["bone"]
        + 0.5 * made.streams["joint_motion"]
        + 0.5 * made.streams["bone_motion"]
    ) / 3
    table = rows(found)
    assert table["top1_per_instance"]["count"] == int((mean.argmax(axis=1) == made.labels).sum())
    p = softmax(mean, axis=1)[np.arange(120), made.labels]
    assert table["l1_of_softmax"]["ours"]["value"] == pytest.approx(2 * (1 - p).mean())
    assert table["l1_of_softmax"]["theirs"] == 1.4986
    assert table["l1_of_min_max_scores"]["paper_name"] == "Mean loss normal"
    assert any("among 12 classes, theirs among 2,000" in note for note in found["notes"])
    one = document("table2", "--scores", tmp_path / "a.npz", "--weights", "joint")
    assert rows(one)["top1_per_instance"]["count"] == int(
        (made.streams["joint"].argmax(axis=1) == made.labels).sum()
    )
    assert run("table2", "--scores", tmp_path / "a.npz", "--draws", 100).exit_code == 0


def test_table2_of_few_classes_leaves_out_what_means_nothing(tmp_path: Path) -> None:
    small = written(tmp_path / "a.npz", made_scores(30, 4, streams={"only": 1.0}))
    row = rows(document("table2", "--scores", small))["top5_per_instance"]
    assert row["ours"] is None
    assert "only 4 classes" in row["why_not"]


def test_table2_of_predictions_says_what_they_cannot_tell(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("sample,label,pred_old,pred_new\na,1,1,0\nb,2,2,2\nc,2,2,0\nd,0,1,0\n", encoding="utf-8")
    found = document("table2", "--predictions", path)
    table = rows(found)
    assert found["data"]["column"] == "pred_new"
    assert table["top1_per_instance"]["count"] == 2
    assert table["top1_per_instance"]["ours"]["value"] == 50
    assert table["top1_per_class"]["ours"]["value"] == pytest.approx(100 * (0 + 0.5 + 1) / 3)
    sklearn = pytest.importorskip("sklearn.metrics")
    f1 = sklearn.f1_score([1, 2, 2, 0], [0, 2, 0, 0], average="macro", zero_division=0)
    assert table["macro_f1"]["ours"]["value"] == pytest.approx(100 * f1)
    for name in ("top5_per_instance", "top10_per_instance", "l1_of_min_max_scores", "l1_of_softmax"):
        assert table[name]["ours"] is None
        assert "needs the scores" in table[name]["why_not"]
    assert any("pred_old 3 right" in note for note in found["notes"])
    old = document("table2", "--predictions", path, "--column", "pred_old")
    assert rows(old)["top1_per_instance"]["count"] == 3
    result = run("table2", "--predictions", path, "--draws", 100)
    assert result.exit_code == 0
    assert "does not say: dataset, split, extractor" in result.stdout


@pytest.mark.shared
@pytest.mark.skipif(not PREDICTIONS.is_file(), reason=f"{PREDICTIONS} is not there (set SIGNLENS_SHARED)")
def test_the_papers_own_predictions_give_its_table_2() -> None:
    found = document("table2", "--predictions", PREDICTIONS)
    row = rows(found)["top1_per_instance"]
    assert (row["count"], found["data"]["clips"]) == (769, 2723)
    assert round(row["ours"]["value"], 2) == row["theirs"] == 28.24
    by_signer = document("table2", "--predictions", PREDICTIONS, "--by", "signer")
    wide, narrow = (rows(d)["top1_per_instance"]["ours"] for d in (by_signer, found))
    assert wide["high"] - wide["low"] > narrow["high"] - narrow["low"]


# -- table 1 ----------------------------------------------------------------------------------------


def test_table1_counts_the_clips_that_have_poses(tmp_path: Path) -> None:
    poses = np.ones((2, 3, 4), np.float32)
    clips = [
        (ClipRecord(f"{split}{i}", "book", signer="a", split=split), poses if i else None)
        for split, number in (("train", 5), ("val", 3), ("test", 2))
        for i in range(number)
    ]
    write_dataset(tmp_path / "set", "Made", "gloss-folders", ["book"], [0, 1, 2], clips)
    found = document("table1", "--dataset", tmp_path / "set")
    table = rows(found)
    assert {name: row["ours"] for name, row in table.items()} == {"train": 4, "test": 1, "val": 2, "total": 7}
    assert {name: row["theirs"] for name, row in table.items()} == {
        "train": 8811,
        "test": 2067,
        "val": 2723,
        "total": 13601,
    }
    assert found["data"]["listed"] == {"train": 5, "val": 3, "test": 2}
    assert any("3 of the 10 clips" in note for note in found["notes"])
    assert any("another dataset" in note for note in found["notes"])
    result = run("table1", "--dataset", tmp_path / "set")
    assert result.exit_code == 0, result.stderr
    assert "8,811" in result.stdout


# -- bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("clip,label,pred\n", "no clip"),
        ("label,pred\n1,1\n", "columns are label, pred"),
        ("clip,label\na,1\n", "columns are clip, label"),
        ("clip,label,pred\na,1,x\n", "pred is 'x'"),
        ("clip,label,pred\na,,1\n", "label is ''"),
        ("clip,label,pred\na,1,99999999\n", "99999999"),
        ("clip,label,pred\na,1,1\na,1,1\n", "more than once: a"),
        ("clip,label,pred\na,1\n", "2 columns"),
        ("clip,label,pred\n,1,1\n", "clip is empty"),
    ],
)
def test_what_is_no_table_of_predictions_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    result = run("table2", "--predictions", path)
    assert result.exit_code == 3
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("table99",), 2, "No such command 'table99'"),
        (("table1",), 2, "--dataset"),
        (("table1", "--dataset", "nowhere"), 3, "nowhere"),
        (("table2",), 2, "--scores FILE.npz or --predictions"),
        (("table2", "--scores", "a.npz", "--predictions", "b.csv"), 2, "one of two"),
        (("table2", "--scores", "none.npz"), 3, "no such file"),
        (("table2", "--predictions", "none.csv"), 3, "no such file"),
        (("table2", "--predictions", "none.csv", "--weights", "joint"), 2, "not for predictions"),
    ],
)
def test_what_is_missing_is_said(arguments: tuple[str, ...], code: int, words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.stderr
    assert words in result.stderr
