"""The starter's way on small made-up landmark sets: datasets, splits, training, tables, model folder."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from places import ROOT
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("onnx", reason="export needs the [train] extra")

from made_landmark_sets import DATA, SPLITS, write_starter_datasets  # noqa: E402

from signlens.cli import app  # noqa: E402
from signlens.errors import InputRejected, PartMissing, UsageError  # noqa: E402
from signlens.fusion.stack import ModelStack  # noqa: E402
from signlens.models.sign_model import SignModel  # noqa: E402
from signlens.skeleton.augmentation import Augmentation  # noqa: E402
from signlens.training.calibration import ensemble_weights, model_weights  # noqa: E402
from signlens.training.distributed import ALONE  # noqa: E402
from signlens.training.experiment import GroupSettings, load_experiment  # noqa: E402
from signlens.training.export import export_model  # noqa: E402
from signlens.training.held_out import gallery_rows  # noqa: E402
from signlens.training.loop import infer  # noqa: E402
from signlens.training.pieces import load_network  # noqa: E402
from signlens.training.run import RUN_FILE, Run, load_scores, open_run, piece_folder  # noqa: E402
from signlens.training.sources import TEST, ClipSource, draw_weights  # noqa: E402
from signlens_studies.sam_slr import ablations, streams  # noqa: E402
from signlens_studies.starter import results  # noqa: E402
from signlens_studies.starter.landmark_sets import write_datasets  # noqa: E402
from signlens_studies.starter.tasks import FOLDS, SHARED_WORDS, open_starter_run  # noqa: E402

pytestmark = pytest.mark.study

GLOSSES = tuple(sorted({*SHARED_WORDS, *(f"gloss{i}" for i in range(10))}))
STREAMS = ("joint", "bone", "joint_motion", "bone_motion")

TOML = """
name = "small"
seed = 0
{data}
[export]
split = "everything"
calibrate = ["wlasl-fold-0", "wlasl-fold-1", "wlasl-fold-2", "wlasl-fold-3", "wlasl-fold-4"]
[[export.groups]]
name = "streams"
networks = ["joint", "bone", "joint_motion", "bone_motion"]
[[export.groups]]
name = "hand_shape"
networks = ["hand_shape", "hand_shape_mirrored"]
merge = true
[augmentation]
noise = 0.005
rotate = 0.05
[training]
batch = 16
learning_rate = 5e-3
weight_decay = 0.01
steps = 3
draw = "balanced"
target_share = 0.6
precision = "float32"
[networks.hand_shape]
kind = "handshape"
window = 12
shape = {{ width = 16 }}
training = {{ steps = 150, mixup = 0.2, label_smoothing = 0.1 }}
[networks.hand_shape_mirrored]
kind = "handshape"
window = 12
shape = {{ width = 8 }}
augmentation = {{ mirror = 0.25 }}
""" + "".join(
    f"""[networks.{stream}]
kind = "slgcn"
stream = "{stream}"
window = 12
shape = {{{{ channels = [8], strides = [2], temporal_kernel = 3, groups = 4 }}}}
"""
    for stream in STREAMS
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_starter_datasets(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that the ordinary verb trained."""
    folder = tmp_path_factory.mktemp("run")
    file = folder / "small.toml"
    file.write_text(TOML.format(data=DATA.format(only="", splits=SPLITS)))
    arguments = ["train", str(file), "--data", str(data), "--out", str(folder / "run"), "--workers", "1"]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    return open_starter_run(folder / "run")


@pytest.fixture(scope="module")
def model_folder(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the ordinary verb exports of it."""
    folder = tmp_path_factory.mktemp("model") / "model"
    found = CliRunner().invoke(app, ["export", str(trained.folder), "--to", str(folder)])
    assert found.exit_code == 0, found.output
    return folder


def test_splits_keep_signers_folds_and_left_out_glosses_apart(trained: Run) -> None:
    source = trained.source
    assert source.classes[: source.vocabulary] == GLOSSES
    assert source.classes[source.vocabulary] == "idle"
    assert source.idle == source.vocabulary
    assert all(name.startswith("letter:") for name in source.classes[source.vocabulary + 1 :])
    found = source.splits()
    for split in found.values():
        for rows in split.score.values():
            assert not set(split.train) & set(rows)
    scored = np.concatenate([found[name].score[TEST] for name in FOLDS])
    assert sorted(scored) == np.flatnonzero(source.dataset == "wlasl50").tolist()
    for name, tested in (("traduttore-1-to-2", "recorder2"), ("traduttore-2-to-1", "recorder1")):
        assert {source.signers[i] for i in found[name].score[TEST]} == {tested}
        assert tested not in {source.signers[i] for i in found[name].train}
    glosses = {name: set() for name in ("train", "test")}
    glosses["train"] = {source.classes[source.labels[i]] for i in found["open-set"].train}
    glosses["test"] = {source.classes[source.labels[i]] for i in found["open-set"].score[TEST]}
    assert glosses["test"]
    assert not glosses["test"] & glosses["train"], "what is scored was never trained"
    assert len(found["everything"].train) == len(source.names)


def test_drawing_gives_the_target_set_its_share(trained: Run) -> None:
    source = trained.source
    split = source.splits()["wlasl-fold-0"]
    weights = draw_weights(split, source.labels, 0.7)
    target = source.dataset[split.train] == "wlasl50"
    assert weights[target].sum() == pytest.approx(0.7)
    assert weights[~target].sum() == pytest.approx(0.3)
    size = np.bincount(source.labels[split.train])[source.labels[split.train]]
    np.testing.assert_allclose(
        weights[target] * np.sqrt(size[target]), weights[target][0] * np.sqrt(size[target][0])
    )
    plain = draw_weights(split, source.labels)
    np.testing.assert_allclose(plain * np.sqrt(size), plain[0] * np.sqrt(size[0]))


def test_a_network_is_varied_by_its_own_amounts(trained: Run, data: Path) -> None:
    still = dataclasses.replace(trained.experiment, augmentation=Augmentation())
    source = ClipSource(still.data.folders(data), still)
    rows = np.arange(6)
    plain = still.networks["hand_shape"]
    mirrored = dataclasses.replace(plain, augmentation=Augmentation(mirror=1.0))
    as_is = source.inputs(rows, plain, None)
    np.testing.assert_allclose(source.inputs(rows, plain, np.random.default_rng(0)), as_is, atol=1e-5)
    assert not np.allclose(source.inputs(rows, mirrored, np.random.default_rng(0)), as_is, atol=1e-2)
    np.testing.assert_array_equal(source.inputs(rows, mirrored, None), as_is)  # evaluation varies nothing


def test_the_hand_shape_network_learns_what_tells_the_made_up_signs_apart(trained: Run) -> None:
    made, facts = results.tables(trained)
    wlasl = {row.system: row for row in made[0].rows}
    assert [table.clips for table in made] == [50, 48, 48]
    assert wlasl["hand_shape"].top1.value > 60, "chance is 10"
    assert wlasl["hand_shape"].top1.low <= wlasl["hand_shape"].top1.value <= wlasl["hand_shape"].top1.high
    assert {*results.BASELINES, "streams (4 networks)", "whole ensemble"} <= set(wlasl)
    assert 0 <= facts["wlasl_ece"] <= 1
    assert 0 <= facts["unknown_below"] <= 1
    assert "| hand_shape |" in results.markdown(made, facts)


def test_evaluate_takes_the_clips_that_calibrate_or_those_of_a_split(trained: Run) -> None:
    for more, clips in (([], 50), (["--split", "traduttore-1-to-2"], 48 + 4)):
        arguments = ["evaluate", str(trained.folder), *more, "--json", "--draws", "100"]
        found = CliRunner().invoke(app, arguments)
        assert found.exit_code == 0, found.output
        assert json.loads(found.stdout)["data"]["clips"] == clips
    wrong = CliRunner().invoke(app, ["evaluate", str(trained.folder), "--split", "nothing"])
    assert wrong.exit_code == 2
    assert "nothing" in wrong.stderr


def test_networks_of_a_group_share_one_weight() -> None:
    groups = (
        GroupSettings("streams", STREAMS),
        GroupSettings("hand_shape", ("hand_shape", "hand_shape_mirrored"), merge=True),
    )
    names = (*STREAMS, "hand_shape", "hand_shape_mirrored")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 60)
    logits = {name: rng.normal(size=(60, 4)) for name in names}
    for name in ("hand_shape", "hand_shape_mirrored"):
        logits[name][np.arange(60), labels] += 2
    weights = ensemble_weights(logits, labels, groups)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["hand_shape"] == weights["hand_shape_mirrored"]
    # SAM-SLR's weights: 1, 0.9, 0.5, 0.5.
    assert weights["bone"] == pytest.approx(0.9 * weights["joint"])
    assert weights["joint_motion"] == pytest.approx(0.5 * weights["joint"])
    merged = model_weights(weights, groups)
    assert set(merged) == {*STREAMS, "hand_shape"}
    assert merged["hand_shape"] > 0.5
    # A group counts as the mean of its networks does.
    joined = {name: logits[name] for name in STREAMS}
    joined["hand_shape"] = (logits["hand_shape"] + logits["hand_shape_mirrored"]) / 2
    alone = ensemble_weights(joined, labels, groups[:1])
    assert alone["hand_shape"] == pytest.approx(merged["hand_shape"])


def test_the_model_folder_runs_in_onnx_runtime_and_its_gallery_knows_its_model(
    trained: Run, model_folder: Path
) -> None:
    from signlens.retrieval.gallery import Gallery, embedding_space

    model = SignModel(model_folder)
    assert model.glosses == GLOSSES
    source, rows, settings = trained.source, np.arange(7), trained.experiment.networks
    logits, embeddings = model.run({n: source.inputs(rows, settings[n], None) for n in model.weights})
    found = {
        name: infer(
            load_network(trained.folder, trained.experiment, (name, "everything"), len(model.classes)),
            source, settings[name], rows, ALONE,
        )
        for name in ("bone", "hand_shape", "hand_shape_mirrored")
    }  # fmt: skip
    np.testing.assert_allclose(logits["bone"], found["bone"][0], atol=1e-4)
    # Both hand-shape networks are one in the model: their mean, and the first one's embedding.
    assert set(model.weights) == set(settings) - {"hand_shape_mirrored"}
    both = (found["hand_shape"][0] + found["hand_shape_mirrored"][0]) / 2
    np.testing.assert_allclose(logits["hand_shape"], both, atol=1e-4)
    np.testing.assert_allclose(embeddings["hand_shape"], found["hand_shape"][1], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(model.fuse_embeddings(embeddings), axis=1), 1, atol=1e-5)
    gallery = Gallery.load(model_folder / "gallery.safetensors")
    card = json.loads((model_folder / "model.json").read_text())
    assert gallery.space == embedding_space(card)
    expected = gallery_rows(source, source.splits()["everything"].train, 12)
    assert [clip.name for clip in gallery.clips] == [source.names[i] for i in expected]
    stack = ModelStack.load(model_folder / "stack.json", model.classes)
    assert (card["fusion"]["used"], card["fusion"]["why"]) == (stack.used, stack.why)
    assert stack.clips == 50, "learned on the tested clips of all folds"
    assert "stack.json" in card["sha256"]


def test_a_damaged_or_missing_model_is_named(model_folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(model_folder, damaged)
    weights = bytearray((damaged / "bone.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (damaged / "bone.onnx").write_bytes(weights)
    with pytest.raises(PartMissing, match=r"bone\.onnx"):
        SignModel(damaged)
    card = json.loads((model_folder / "model.json").read_text())
    del card["classes"]
    (damaged / "model.json").write_text(json.dumps(card))
    with pytest.raises(PartMissing, match="classes"):
        SignModel(damaged)
    with pytest.raises(PartMissing, match="no sign model"):
        SignModel(tmp_path / "nowhere")


def test_fused_cosine_is_the_weighted_mean_of_the_networks_cosines(model_folder: Path) -> None:
    model = SignModel(model_folder)
    rng = np.random.default_rng(0)
    parts = {n.name: rng.normal(size=(2, 5)).astype(np.float32) for n in model.networks}
    fused = model.fuse_embeddings(parts)
    weights = {n.name: n.weight for n in model.networks}
    expected = sum(
        weights[name] * float(v[0] @ v[1] / np.linalg.norm(v[0]) / np.linalg.norm(v[1]))
        for name, v in parts.items()
    ) / sum(weights.values())
    assert float(fused[0] @ fused[1]) == pytest.approx(expected, abs=1e-5)


def test_missing_data_and_missing_pieces_are_named(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="traduttore-asl"):
        write_datasets(tmp_path, tmp_path / "out")
    with pytest.raises(PartMissing, match="on wlasl-fold-0"):
        results.tables(dataclasses.replace(trained, folder=tmp_path))
    calibrate = trained.experiment.export.calibrate
    for change in ({"split": "nothing"}, {"calibrate": (*calibrate, "nothing")}, {"split": ""}):
        (tmp_path / RUN_FILE).write_text((trained.folder / RUN_FILE).read_text())
        text = (trained.folder / "experiment.toml").read_text()
        if "split" in change:
            text = text.replace('split = "everything"', f'split = "{change["split"]}"')
        else:
            text = text.replace('"wlasl-fold-4"]\n[[export', '"wlasl-fold-4", "nothing"]\n[[export')
        (tmp_path / "experiment.toml").write_text(text)
        with pytest.raises(UsageError, match=r"nothing|export\.split"):
            export_model(tmp_path, tmp_path / "model")


def test_the_streams_table_is_of_out_of_fold_scores_and_never_below_the_best_stream_on_validation(
    trained: Run,
) -> None:
    four = dataclasses.replace(
        trained.experiment, networks={n: trained.experiment.networks[n] for n in STREAMS}
    )
    tables, chosen = streams.stream_tables(dataclasses.replace(trained, experiment=four))
    assert [t.clips for t in tables] == [50, 48, 48]
    right = {c.name: c.right for c in chosen.candidates}
    assert chosen.chosen.right >= max(right[n] for n in four.networks)
    rows, logits = zip(*(load_scores(trained.folder, ("bone", fold), TEST) for fold in FOLDS), strict=True)
    labels = trained.source.labels[np.concatenate(rows)]
    narrow = np.concatenate(logits)[:, np.unique(labels)]
    expected = 100 * (np.unique(labels)[narrow.argmax(axis=1)] == labels).mean()
    assert tables[0].rows["bone"][0].value == pytest.approx(expected)
    assert right["bone"] == round(expected / 2)
    assert "| bone |" in streams.markdown(tables, chosen)


def test_the_table_of_ablations_pairs_every_variant_with_the_full_network(data: Path, tmp_path: Path) -> None:
    text = (ROOT / "src" / "signlens_studies" / "sam_slr" / "ablations.toml").read_text()
    (tmp_path / "experiment.toml").write_text(text)
    settings = load_experiment(tmp_path / "experiment.toml")
    places = [str(place) for place in settings.data.folders(data)]
    (tmp_path / RUN_FILE).write_text(json.dumps({"data": places}))
    source = open_run(tmp_path).source
    rng = np.random.default_rng(0)
    right: dict[str, list[np.ndarray]] = {name: [] for name in settings.networks}
    for split_name, split in source.splits().items():
        rows = split.score[TEST]
        for number, network in enumerate(settings.networks):
            hit = rng.random(len(rows)) < 1 - 0.15 * number
            logits = rng.random((len(rows), len(source.classes)))
            logits[np.arange(len(rows)), source.labels[rows]] = np.where(hit, 2.0, -1.0)
            folder = piece_folder(tmp_path, (network, split_name))
            folder.mkdir(parents=True)
            np.savez(folder / "scores.npz", test_rows=rows, test_logits=logits, test_embedding=logits)
            if split_name.startswith("wlasl"):
                right[network].append(hit)
    made = ablations.ablations(tmp_path)
    ours = {row.measure: row for row in made.rows}
    for name, hits in right.items():
        share = 100 * np.concatenate(hits).mean()
        assert ours[f"WLASL50-real: {name}"].ours.value == pytest.approx(share)
        if name != ablations.FULL:
            full = 100 * np.concatenate(right[ablations.FULL]).mean()
            assert ours[f"WLASL50-real: {name} less full"].ours.value == pytest.approx(share - full)
    assert ours["WLASL50-real: no_attention less full"].theirs == pytest.approx(-1.49)
    with pytest.raises(UsageError, match="no run of the ablations"):
        (tmp_path / "experiment.toml").write_text(text.replace("[networks.full]", "[networks.whole]"))
        ablations.ablations(tmp_path)
