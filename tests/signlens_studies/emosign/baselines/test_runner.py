import json

import numpy as np
import pytest
from baseline_parts import save_classifier, save_encoders, signing_of
from made_up import WORDS, write_csv, write_made_up
from media import write_video
from typer.testing import CliRunner

from signlens.cli import app
from signlens.emosign.annotations import load_emosign
from signlens.emosign.predictions import read_predictions
from signlens.pose.file import write_pose
from signlens_studies.emosign.baselines.runner import BASELINES

VOCABULARY = sorted({w.strip(".,!") for text in WORDS.values() for w in text.split()})


@pytest.fixture(autouse=True)
def few_chance_rows(monkeypatch):
    monkeypatch.setattr("signlens.emosign.class_scores.CHANCE_DRAWS", 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("emosign")
    write_made_up(path)
    return path


def signlens(*arguments):
    return CliRunner().invoke(app, ["emosign", *map(str, arguments)])


def run(folder, baseline, out, *more):
    labels = folder / "emosign_dataset.csv"
    return signlens("run", baseline, "--annotations", labels, "--out", out, "--draws", 20, *more)


def test_run_writes_predictions_that_score_reads(folder, tmp_path):
    out = tmp_path / "majority.csv"
    result = run(folder, "majority", out, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["data"]["made_up"] is True
    assert found["scores"]["emotion"]["wacc"]["value"] <= 0.1 + 1e-9
    assert len(read_predictions(out)) == 200
    said = signlens("score", out, "--annotations", folder / "emosign_dataset.csv", "--draws", 20, "--json")
    task = json.loads(said.stdout)["tasks"]["sentiment7"]["model"]
    assert task["wf1"]["value"] == found["scores"]["sentiment7"]["wf1"]["value"]


def test_people_are_told_that_the_data_are_made_up(folder, tmp_path):
    result = run(folder, "constant", tmp_path / "c.jsonl")
    assert result.exit_code == 0, result.output
    assert "made up" in result.stderr
    assert "33.33" in result.stdout
    assert "14.29" in result.stdout


@pytest.mark.parametrize(
    ("baseline", "out", "more", "code", "words"),
    [
        ("dice", "a.csv", (), 2, "No such command 'dice'"),
        ("random", "a.txt", (), 2, ".jsonl"),
        ("vader", "a.csv", (), 3, "--captions"),
        ("hands", "a.csv", (), 3, "--videos"),
        ("llm", "a.csv", (), 2, "--server"),
        ("llm", "a.csv", ("--server", "http://localhost:1/v1"), 2, "--model"),
        ("llm", "a.csv", ("--server", "https://example.com/v1", "--model", "m"), 2, "--allow-upload"),
        ("caption-classifier", "a.csv", ("--classifier", "some/model@main"), 2, "40 digits"),
        ("random", "a.csv", ("--draws", 0), 2, "--draws"),
    ],
)
def test_wrong_use_is_said_in_one_line(folder, tmp_path, baseline, out, more, code, words):
    result = run(folder, baseline, tmp_path / out, *more)
    if baseline == "caption-classifier":
        result = run(folder, baseline, tmp_path / out, "--captions", folder / "captions.csv", *more)
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert not (tmp_path / out).exists()


def test_grammar_on_markers_that_mean_nothing(folder, tmp_path):
    data = load_emosign(folder / "emosign_dataset.csv")
    rng = np.random.default_rng(0)
    rows = [{"video_name": c.video_name, "question": int(rng.random() < 0.3)} for c in data.clips]
    markers = write_csv(tmp_path / "markers.csv", rows)
    out = tmp_path / "random.csv"
    assert run(folder, "random", out).exit_code == 0
    asked = ("grammar", "--annotations", folder / "emosign_dataset.csv", "--markers", markers, "--draws", 20)
    found = json.loads(signlens(*asked, "--predictions", out, "--json").stdout)
    assert found["of"] == "predictions"
    assert abs(np.mean([e["r2"]["added"] for e in found["emotions"].values()])) < 0.05
    shown = signlens(*asked)
    assert shown.exit_code == 0, shown.output
    assert "What the markers add" in shown.stdout
    assert "made up" in shown.stderr


@pytest.mark.slow
def test_one_command_runs_all_baselines(folder, tmp_path):
    """Everything but the model behind a server, from files, on the made-up copy."""
    pytest.importorskip("transformers")
    pytest.importorskip("vaderSentiment")
    data = load_emosign(folder / "emosign_dataset.csv")
    videos, poses = tmp_path / "videos", tmp_path / "poses"
    videos.mkdir()
    poses.mkdir()
    for i, clip in enumerate(data.clips):
        write_video(videos / f"{clip.utterance}.mp4", frames=6 + i % 5, rate=10)
        write_pose(signing_of(clip, i), poses / f"{clip.video_name}.pose")
    labels = ["joy", "surprise", "fear", "sadness", "anger", "annoyance", "neutral"]
    classifier = save_classifier(tmp_path / "classifier", labels, VOCABULARY)
    vision, text = save_encoders(tmp_path, VOCABULARY)
    more = ("--captions", folder / "captions.csv", "--videos", videos, "--poses", poses)
    networks = ("--classifier", classifier, "--vision-encoder", vision, "--text-encoder", text)
    sizes = ("--epochs", 2, "--hidden", 8, "--max-frames", 4)
    result = run(folder, "all", tmp_path / "out", *more, *networks, *sizes, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found["not_run"]) == {"llm"}
    assert [row["baseline"] for row in found["ran"]] == [name for name in BASELINES if name != "llm"]
    assert set(found["ablations"]) == {"fusion against fusion-video", "fusion against fusion-caption"}
    for name in BASELINES:
        if name != "llm":
            assert len(read_predictions(tmp_path / "out" / f"{name}.csv")) == 200
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["ran"] == found["ran"]
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".png", ".jpg")]
