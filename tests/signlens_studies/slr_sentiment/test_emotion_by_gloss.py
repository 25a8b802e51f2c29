import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from signlens.cli import app
from signlens.emotion.expressions import EMOTIONS
from signlens.evaluation.scores import ScoreSet, write_scores
from signlens_studies.slr_sentiment.emotion_by_gloss import LabelledFaces, agreement, mean_by_gloss

SAD = EMOTIONS.index("sad")
runner = CliRunner()


def faces(rows: list[tuple[str, str, float]]) -> LabelledFaces:
    """(gloss, split, sad) of each clip."""
    vectors = np.zeros((len(rows), 8))
    vectors[:, SAD] = [value for _, _, value in rows]
    return LabelledFaces(vectors, np.array([r[0] for r in rows]), np.array([r[1] for r in rows]))


def test_means_are_of_the_clips_of_a_gloss_and_a_split() -> None:
    found = faces([("a", "train", 0.5), ("a", "train", 1.0), ("a", "test", 0.1), ("b", "train", 0.0)])
    assert mean_by_gloss(found, "sad", "train") == {"a": 0.75, "b": 0.0}
    assert mean_by_gloss(found, "sad", "test") == {"a": pytest.approx(0.1)}
    assert mean_by_gloss(found, "happy", "train") == {"a": 0.0, "b": 0.0}


def test_splits_that_say_the_same_agree_and_others_do_not() -> None:
    rows = [
        (gloss, split, value)
        for split in ("train", "test")
        for gloss, value in zip("abcd", (0.1, 0.5, 0.2, 0.9), strict=True)
    ]
    assert agreement(faces(rows), "sad", "train", "test") == (pytest.approx(1), 4)
    rows[4:] = [(gloss, "test", value) for gloss, value in zip("abcd", (0.9, 0.5, 0.8, 0.1), strict=True)]
    assert agreement(faces(rows), "sad", "train", "test")[0] == pytest.approx(-1)
    assert np.isnan(agreement(faces(rows), "anger", "train", "test")[0])
    assert np.isnan(agreement(faces(rows[:2] + rows[4:6]), "sad", "train", "test")[0])


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    labels = np.array([0, 0, 1, 2, 0, 1, 2, 1])
    splits = np.array(["train"] * 4 + ["test"] * 3 + ["val"])
    sad = [0.6, 0.5728, 0.1, 0.9, 0.0, 0.3, 0.2, 0.4]
    clips = np.array([f"c{i}" for i in range(8)])
    write_scores(
        tmp_path / "s.npz",
        ScoreSet("x", clips, labels, {"joint": np.zeros((8, 3))}, ("circle", "book", "cry"), splits=splits),
    )
    lines = ["clip," + ",".join(EMOTIONS)]
    for name, value in zip(clips, sad, strict=True):
        lines.append(f"{name}," + ",".join(str(value if e == "sad" else 0) for e in EMOTIONS))
    (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")
    return ["--scores", str(tmp_path / "s.npz"), "--emotion", str(tmp_path / "e.csv"), "--draws", "100"]


def test_table_10_stands_beside_the_papers(files: list[str]) -> None:
    result = runner.invoke(app, ["reproduce", "table10", *files, "--json"])
    assert result.exit_code == 0, result.output
    rows = {row["measure"]: row for row in json.loads(result.stdout)["rows"]}
    train, test, val = (rows[f"mean sad, circle, {split}"] for split in ("train", "test", "val"))
    assert (train["theirs"], train["ours"]["value"], train["count"]) == (0.5864, pytest.approx(0.5864), 2)
    assert (test["theirs"], test["ours"]["value"]) == (0.0, 0.0)
    assert (val["ours"], val["why_not"]) == (None, "no clip of the gloss")
    by_hand = np.corrcoef([0.5864, 0.1, 0.9], [0.0, 0.3, 0.2])[0, 1]
    assert rows["correlation over glosses of mean sad, train and test"]["ours"] == pytest.approx(by_hand)


def test_another_gloss_may_be_asked_for_and_an_unknown_one_is_told(files: list[str]) -> None:
    result = runner.invoke(app, ["reproduce", "table11", *files, "--gloss", "book", "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["rows"]
    assert rows[0]["measure"] == "mean happy, book, train"
    assert rows[0]["theirs"] is None
    result = runner.invoke(app, ["reproduce", "table11", *files])
    assert result.exit_code == 2
    assert "'alligator'" in result.output
    result = runner.invoke(app, ["reproduce", "table11", *files[:2]])
    assert result.exit_code == 2
    assert "--emotion" in result.output
