"""From a dataset folder to a trained run, its tables, its model folder, and back to `recognize`'s model."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("onnx", reason="export needs the [train] extra")

from made_dataset import GLOSSES, write_made_dataset  # noqa: E402

from signlens.cli import app  # noqa: E402
from signlens.errors import InputRejected, PartMissing, UsageError  # noqa: E402
from signlens.evaluation.scores import read_scores  # noqa: E402
from signlens.files import file_sha256  # noqa: E402
from signlens.fusion.stack import ModelStack  # noqa: E402
from signlens.models.sign_model import SignModel  # noqa: E402
from signlens.training import pieces, run  # noqa: E402
from signlens.training.distributed import ALONE  # noqa: E402
from signlens.training.experiment import load_experiment  # noqa: E402
from signlens.training.export import export_model  # noqa: E402
from signlens.training.held_out import IN_SAMPLE, gallery_rows  # noqa: E402
from signlens.training.loop import infer  # noqa: E402
from signlens.training.sources import ClipSource  # noqa: E402
from signlens_studies.commands.slr_sentiment import app as studies  # noqa: E402
from signlens_studies.slr_sentiment.fusion_clips import clips_of_run  # noqa: E402
from signlens_studies.slr_sentiment.fusion_experiment import OUT_OF_FOLD  # noqa: E402

TOML = """
name = "two-streams"
seed = 1
[data]
dataset = "{data}"
preparation = "{preparation}"
{splits}
[training]
batch = 8
epochs = 6
learning_rate = 0.02
[networks.joint]
kind = "slgcn"
stream = "joint"
window = 8
shape = {{ channels = [8], strides = [1], groups = 4, temporal_kernel = 3 }}
[networks.bone]
kind = "slgcn"
stream = "bone"
window = 8
shape = {{ channels = [8], strides = [1], groups = 4, temporal_kernel = 3 }}
"""

runner = CliRunner()


def write_experiment(folder: Path, data: Path, preparation: str = "normalised", splits: str = "") -> Path:
    file = folder / "e.toml"
    file.write_text(TOML.format(data=data, preparation=preparation, splits=splits))
    return file


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run")
    write_made_dataset(folder / "data")
    file = write_experiment(folder, folder / "data")
    result = runner.invoke(app, ["train", str(file), "--out", str(folder / "run"), "--workers", "1"])
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_run_holds_weights_curves_and_scores_of_every_network(trained: Path) -> None:
    for name in ("joint", "bone"):
        folder = trained / "official" / name
        assert {p.name for p in folder.iterdir()} >= {
            "model.safetensors", "curve.csv", "scores.npz", "network.json"
        }  # fmt: skip
        assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    for subset in ("val", "test"):
        scores = read_scores(trained / f"scores-{subset}.npz")
        assert set(scores.streams) == {"joint", "bone"}
        assert len(scores.clips) == 9
        assert scores.glosses == GLOSSES


def test_finished_pieces_are_kept_and_never_overwritten_by_other_settings(
    trained: Path, tmp_path: Path
) -> None:
    model = trained / "official" / "joint" / "model.safetensors"
    before = model.stat().st_mtime_ns
    arguments = ["--out", str(trained), "--workers", "1"]
    assert runner.invoke(app, ["train", str(trained / "experiment.toml"), *arguments]).exit_code == 0
    other = tmp_path / "other.toml"
    other.write_text((trained / "experiment.toml").read_text().replace("epochs = 6", "epochs = 7"))
    result = runner.invoke(app, ["train", str(other), *arguments])
    assert result.exit_code == 2
    assert "other settings" in result.output
    assert model.stat().st_mtime_ns == before
    assert "epochs = 6" in (trained / "experiment.toml").read_text(), "the run still says what it is"


def test_a_network_that_starts_from_another_run_begins_with_its_weights(
    trained: Path, tmp_path: Path
) -> None:
    text = (trained / "experiment.toml").read_text()
    slow = text.replace("learning_rate = 0.02", "learning_rate = 1e-9").replace("epochs = 6", "steps = 1")
    file = tmp_path / "on.toml"
    opened = run.open_run(trained)
    first, source = opened.experiment, opened.source
    (split,) = {split for _, split in run.pieces_of(source, first)}
    piece = ("joint", split)

    def weights(start: str) -> dict[str, torch.Tensor]:
        file.write_text(slow.replace('stream = "joint"', f'stream = "joint"\nstart_from = "{start}"'))
        experiment = load_experiment(file)
        out = tmp_path / (Path(start).name or "random")
        pieces.train_piece(source, experiment, piece, out, ALONE)
        assert run.trained_digest(out, piece) == run.piece_digest(source, experiment, piece)
        return pieces.load_network(out, experiment, piece, len(source.classes)).state_dict()

    begun = pieces.load_network(trained, first, piece, len(source.classes)).state_dict()
    on, anew = weights(str(trained)), weights("")
    learnt = [name for name in begun if name.endswith("weight")]
    assert learnt
    for name in learnt:
        torch.testing.assert_close(on[name], begun[name], atol=1e-6, rtol=1e-5)
    assert not torch.allclose(anew["classifier.weight"], begun["classifier.weight"], atol=1e-3)
    with pytest.raises(PartMissing, match="is to start from it"):
        weights(str(tmp_path / "nowhere"))
    file.write_text(slow.replace('stream = "joint"', f'stream = "joint"\nstart_from = "{trained}"'))
    file.write_text(file.read_text().replace("channels = [8]", "channels = [4]"))
    with pytest.raises(UsageError, match="another shape"):
        pieces.train_piece(source, load_experiment(file), piece, tmp_path / "other", ALONE)


def test_evaluate_prints_the_runs_streams_and_the_ensemble_chosen_on_validation(trained: Path) -> None:
    result = runner.invoke(app, ["evaluate", str(trained), "--json", "--draws", "200"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    names = [s["name"] for s in found["systems"]]
    assert names[:2] == ["joint", "bone"]
    assert "chosen" in names


def test_the_exported_folder_gives_the_runs_scores(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    result = runner.invoke(app, ["export", str(trained), "--to", str(folder)])
    assert result.exit_code == 0, result.output
    model = SignModel(folder)
    assert model.glosses == GLOSSES
    assert model.extractor == "mediapipe-holistic"
    opened = run.open_run(trained)
    experiment, source = opened.experiment, opened.source
    rows = source.splits()["official"].score["test"]
    logits, _ = model.run({n: source.inputs(rows, s, None) for n, s in experiment.networks.items()})
    expected = read_scores(trained / "scores-test.npz").streams
    for name, values in logits.items():
        np.testing.assert_allclose(values, expected[name], atol=1e-4)
    assert 0 <= model.unknown_below <= 1
    card = json.loads((folder / "model.json").read_text())
    stack = ModelStack.load(folder / "stack.json", GLOSSES)
    assert card["sha256"]["stack.json"] == file_sha256(folder / "stack.json")
    assert card["fusion"]["used"] == stack.used
    assert card["fusion"]["why"] == stack.why
    assert stack.clips == len(source.splits()["official"].validation)


def test_fusion_reads_a_runs_clips_out_of_fold_and_in_sample(trained: Path) -> None:
    opened = run.open_run(trained)
    experiment, source = opened.experiment, opened.source
    split = source.splits()["official"]
    clips = clips_of_run(opened, (), in_sample=True)
    (part,) = clips.parts
    held, taught, own = part.scored["test"], part.fit[OUT_OF_FOLD][0], part.fit[IN_SAMPLE][0]
    assert [source.names.index(n) for n in taught.names.tolist()] == split.validation.tolist()
    assert [source.names.index(n) for n in own.names.tolist()] == split.train.tolist()
    network = pieces.load_network(trained, experiment, ("joint", "official"), 3)
    logits, embedding = infer(network, source, experiment.networks["joint"], split.train, ALONE)
    np.testing.assert_allclose(own.logits["joint"], logits, atol=1e-5)
    gallery = gallery_rows(source, split.train, 12)
    assert set(gallery.tolist()) <= set(split.train.tolist()), "no scored clip is in the gallery"
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    expected = unit @ unit[np.searchsorted(split.train, gallery)].T
    itself = split.train[:, None] == gallery[None, :]
    assert itself.any()
    assert np.isnan(own.cosines["joint"][itself]).all()
    np.testing.assert_allclose(own.cosines["joint"][~itself], expected[~itself], atol=1e-5)
    assert np.isfinite(held.cosines["joint"]).all()
    assert np.array_equal(held.owners, source.labels[gallery])


def test_a_fusion_experiment_learns_on_a_runs_validation_and_scores_its_test(
    trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "fusion.toml"
    file.write_text(
        'name = "f"\nstack = true\n[heads.mean]\narchitecture = "with_retrieval"\n'
        'retrieval = "mean"\nsteps = 5\n'
    )
    refused = runner.invoke(app, ["train", str(file), "--out", str(tmp_path / "out")])
    assert refused.exit_code == 2
    assert "slr-sentiment fuse" in refused.output
    result = runner.invoke(
        studies, ["fuse", str(file), "--data", str(trained), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    scores = read_scores(tmp_path / "out" / "scores-test.npz")
    assert sorted(scores.clips) == sorted(read_scores(trained / "scores-test.npz").clips)
    assert {"ensemble", "stack", "chosen", "mean_out_of_fold"} <= set(scores.streams)


def test_a_folder_in_half_precision_loads_and_says_so(trained: Path, tmp_path: Path) -> None:
    folders = {precision: tmp_path / precision for precision in ("float32", "float16")}
    for precision, folder in folders.items():
        result = runner.invoke(app, ["export", str(trained), "--to", str(folder), "--precision", precision])
        assert result.exit_code == 0, result.output
        card = json.loads((folder / "model.json").read_text())
        assert card["precision"] == precision
        assert SignModel(folder).glosses, "every file has the hash that the card names"
    for network in card["networks"]:
        sizes = [(folder / network["file"]).stat().st_size for folder in folders.values()]
        assert sizes[1] < sizes[0]
    refused = runner.invoke(
        app, ["export", str(trained), "--to", str(tmp_path / "no"), "--precision", "int4"]
    )
    assert refused.exit_code == 2 and not (tmp_path / "no").exists()


def test_a_run_in_sam_slrs_pixels_trains_and_exports(tmp_path: Path) -> None:
    write_made_dataset(tmp_path / "data")
    file = write_experiment(tmp_path, tmp_path / "data", "sam-slr")
    file.write_text(
        file.read_text().replace("[training]", "[augmentation]\nmirror = 0.5\nshift = 10.0\n[training]")
        .replace("window = 8", "window = 8\nframes = 24").replace("epochs = 6", "epochs = 1")
    )  # fmt: skip
    out = tmp_path / "run"
    assert runner.invoke(app, ["train", str(file), "--out", str(out), "--workers", "1"]).exit_code == 0
    card = export_model(out, tmp_path / "model")
    assert {(n["preparation"], n["window"]) for n in card["networks"]} == {("sam-slr", 24)}
    opened = run.open_run(out)
    experiment, source = opened.experiment, opened.source
    assert source.inputs(np.arange(3), experiment.networks["joint"], None).shape == (3, 3, 24, 27)
    rng = np.random.default_rng(0)
    assert source.inputs(np.arange(3), experiment.networks["joint"], rng).shape == (3, 3, 8, 27)


FOLDS = """
[[data.split]]
name = "fold-0"
train = { fold = [1, 2] }
test = { fold = [0] }
[[data.split]]
name = "fold-1"
train = { fold = [0, 2] }
test = { fold = [1] }
"""


def test_splits_are_what_the_experiment_says_and_their_scores_are_pooled(tmp_path: Path) -> None:
    dataset = write_made_dataset(tmp_path / "data")
    experiment = load_experiment(write_experiment(tmp_path, tmp_path / "data", splits=FOLDS))
    source = ClipSource([tmp_path / "data"], experiment)
    splits = source.splits()
    assert set(splits) == {"fold-0", "fold-1"}
    for number, split in enumerate(splits.values()):
        assert {dataset.clips[i].fold for i in split.score["test"]} == {number}
        assert number not in {dataset.clips[i].fold for i in split.train}
    for piece in run.pieces_of(source, experiment):
        pieces.train_piece(source, experiment, piece, tmp_path / "run", ALONE)
    pooled = run.pooled_scores(run.Run(tmp_path / "run", experiment, source), "test")
    assert pooled is not None
    assert len(pooled.clips) == sum(len(s.score["test"]) for s in splits.values())
    network = pieces.load_network(tmp_path / "run", experiment, ("bone", "fold-1"), 3)
    expected, _ = infer(network, source, experiment.networks["bone"], splits["fold-1"].score["test"], ALONE)
    np.testing.assert_allclose(pooled.streams["bone"][-len(expected) :], expected, atol=1e-5)
    with pytest.raises(UsageError, match="2 splits"):
        (tmp_path / "run" / "experiment.toml").write_text((tmp_path / "e.toml").read_text())
        (tmp_path / "run" / "run.json").write_text(json.dumps({"data": str(tmp_path / "data")}))
        export_model(tmp_path / "run", tmp_path / "model")


def test_training_on_what_is_scored_is_refused(tmp_path: Path) -> None:
    write_made_dataset(tmp_path / "data")
    splits = '[[data.split]]\nname = "leak"\ntrain = { split = ["train"] }\ntest = { fold = [0] }\n'
    experiment = load_experiment(write_experiment(tmp_path, tmp_path / "data", splits=splits))
    with pytest.raises(UsageError, match="trains on clips of its own test"):
        ClipSource([tmp_path / "data"], experiment)
    empty = '[[data.split]]\nname = "none"\ntrain = { split = ["training"] }\n'
    experiment = load_experiment(write_experiment(tmp_path, tmp_path / "data", splits=empty))
    with pytest.raises(UsageError, match="no available clip trains"):
        ClipSource([tmp_path / "data"], experiment)


def test_what_is_not_a_run_and_what_is_not_trained_are_named(tmp_path: Path, trained: Path) -> None:
    result = runner.invoke(app, ["evaluate", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not the folder of a run" in result.output
    with pytest.raises(PartMissing, match="joint on official"):
        run.load_scores(tmp_path, ("joint", "official"), "test")
    file = write_experiment(tmp_path, tmp_path / "nowhere")
    result = runner.invoke(app, ["train", str(file), "--out", str(tmp_path / "out")])
    assert result.exit_code == 3
    assert "nowhere" in result.output


def test_heat_maps_train_on_the_same_footing(tmp_path: Path) -> None:
    write_made_dataset(tmp_path / "data")
    file = write_experiment(tmp_path, tmp_path / "data")
    text = file.read_text()
    file.write_text(
        text[: text.index("[networks.joint]")].replace("epochs = 6", "epochs = 2")
        + '[networks.sstcn]\nkind = "sstcn"\nconfiguration = "small"\nwindow = 4\n'
        + "shape = { frames = 4, size = 8, dense = [8, 8], dense_squeeze = 4 }\n"
    )
    out = tmp_path / "run"
    result = runner.invoke(app, ["train", str(file), "--out", str(out), "--workers", "1"])
    assert result.exit_code == 0, result.output
    scores = read_scores(out / "scores-test.npz")
    assert scores.streams["sstcn"].shape == (9, 3)
    result = runner.invoke(app, ["export", str(out), "--to", str(tmp_path / "model")])
    assert result.exit_code == 2
    assert "sstcn" in result.output


def test_pictures_are_cut_from_the_videos_that_the_manifest_names(tmp_path: Path) -> None:
    from media import write_video

    write_made_dataset(tmp_path / "data", train=3, validation=0, test=0)
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "clip000.mp4", frames=30, width=640, height=480)
    file = write_experiment(tmp_path, tmp_path / "data")
    text = file.read_text().replace("[training]", f'videos = "{tmp_path / "videos"}"\n[training]')
    file.write_text(
        text[: text.index("[networks.joint]")]
        + '[networks.rgb]\nkind = "r2plus1d"\nconfiguration = "paper"\nwindow = 32\n'
    )
    experiment = load_experiment(file)
    source = ClipSource([tmp_path / "data"], experiment)
    network = experiment.networks["rgb"]
    assert source.inputs(np.array([0]), network, None).shape == (1, 5, 3, 32, 128, 128)
    varied = source.inputs(np.array([0]), network, np.random.default_rng(0))
    assert varied.shape == (1, 3, 32, 128, 128)
    assert np.abs(varied).max() <= 1
    with pytest.raises(InputRejected, match=r"clip001\.mp4"):
        source.inputs(np.array([1]), network, None)
