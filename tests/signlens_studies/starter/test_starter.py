"""The starter model on small made-up landmark sets: split, train, tables, shipped folder."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from places import ROOT

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("onnx", reason="export needs the [train] extra")

from made_landmark_sets import write_landmark_sets  # noqa: E402

from signlens.errors import InputRejected, PartMissing, UsageError  # noqa: E402
from signlens.fusion.stack import ModelStack  # noqa: E402
from signlens.models.sign_model import SignModel  # noqa: E402
from signlens.skeleton.augmentation import Augmentation  # noqa: E402
from signlens.training import command, run  # noqa: E402
from signlens.training.distributed import ALONE  # noqa: E402
from signlens.training.experiment import (  # noqa: E402
    STARTER_SETS,
    DataSettings,
    Experiment,
    NetworkSettings,
    TrainingSettings,
)
from signlens.training.loop import infer  # noqa: E402
from signlens.training.sources import TEST, draw_weights  # noqa: E402
from signlens_studies.sam_slr import ablations, streams  # noqa: E402
from signlens_studies.starter import clips as starter  # noqa: E402
from signlens_studies.starter import results as starter_results  # noqa: E402

WORDS = starter.SHARED_WORDS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_landmark_sets(tmp_path_factory.mktemp("data"))


def experiment(steps: int = 150) -> Experiment:
    few = TrainingSettings(
        batch=16, learning_rate=5e-3, weight_decay=0.01, steps=3, draw="balanced", precision="float32"
    )
    small = {"channels": (8,), "strides": (2,), "temporal_kernel": 3, "groups": 4}
    networks = {
        stream: NetworkSettings("slgcn", 12, few, stream=stream, shape=small)
        for stream in ("joint", "bone", "joint_motion", "bone_motion")
    }
    longer = dataclasses.replace(few, steps=steps, mixup=0.2, label_smoothing=0.1)
    networks["hand_shape"] = NetworkSettings("handshape", 12, longer, shape={"width": 16})
    networks["hand_shape_mirrored"] = NetworkSettings(
        "handshape", 12, few, shape={"width": 8}, augmentation=Augmentation(mirror=0.25)
    )
    return Experiment(
        "small", 0, DataSettings(STARTER_SETS), Augmentation(noise=0.005, rotate=0.05), networks
    )


def test_splits_keep_signers_folds_and_left_out_glosses_apart(data: Path) -> None:
    corpus = starter.load_corpus(data)
    clips = corpus.clips
    assert corpus.classes[: corpus.vocabulary] == tuple(sorted({*WORDS, *(f"gloss{i}" for i in range(10))}))
    assert corpus.classes[corpus.vocabulary] == "idle"
    found = starter.splits(corpus)
    for split in found.values():
        for rows in split.score.values():
            assert not set(split.train) & set(rows)
    scored = np.concatenate([found[f"wlasl-fold-{k}"].score[TEST] for k in range(5)])
    assert sorted(scored) == [i for i, c in enumerate(clips) if c.name.startswith("wlasl50/")]
    for name, tested in (("traduttore-1-to-2", "recorder2"), ("traduttore-2-to-1", "recorder1")):
        assert {clips[i].signer for i in found[name].score[TEST]} == {tested}
        assert tested not in {clips[i].signer for i in found[name].train}
    trained = {clips[i].gloss for i in found["open-set"].train}
    outside = {clips[i].gloss for i in found["open-set"].score[TEST]}
    assert outside
    assert not outside & trained, "what is scored was never trained"
    assert len(found["everything"].train) == len(clips)
    for k in range(5):
        inner = found[f"inner-{k}"]
        assert {clips[i].fold for i in inner.validation} == {k}
        assert not {k, (k - 1) % 5} & {clips[i].fold for i in inner.train}, "one fold stays unseen"


def test_drawing_gives_the_target_set_its_share(data: Path) -> None:
    corpus = starter.load_corpus(data)
    split = starter.splits(corpus)["wlasl-fold-0"]
    weights = draw_weights(split, corpus.labels, 0.7)
    target = np.array([corpus.clips[i].name.startswith("wlasl50/") for i in split.train])
    assert weights[target].sum() == pytest.approx(0.7)
    assert weights[~target].sum() == pytest.approx(0.3)
    size = np.bincount(corpus.labels[split.train])[corpus.labels[split.train]]
    np.testing.assert_allclose(
        weights[target] * np.sqrt(size[target]), weights[target][0] * np.sqrt(size[target][0])
    )
    plain = draw_weights(split, corpus.labels)
    np.testing.assert_allclose(plain * np.sqrt(size), plain[0] * np.sqrt(size[0]))


def test_a_network_is_varied_by_its_own_amounts(data: Path) -> None:
    still = dataclasses.replace(experiment(), augmentation=Augmentation())
    source = starter.StarterSource(data, still)
    rows = np.arange(6)
    plain = still.networks["hand_shape"]
    mirrored = dataclasses.replace(plain, augmentation=Augmentation(mirror=1.0))
    as_is = source.inputs(rows, plain, None)
    np.testing.assert_allclose(source.inputs(rows, plain, np.random.default_rng(0)), as_is, atol=1e-5)
    assert not np.allclose(source.inputs(rows, mirrored, np.random.default_rng(0)), as_is, atol=1e-2)
    np.testing.assert_array_equal(source.inputs(rows, mirrored, None), as_is)  # evaluation varies nothing


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    source = starter.StarterSource(data, experiment())
    for piece in run.pieces_of(source, experiment()):
        if not piece[1].startswith("inner"):
            run.train_piece(source, experiment(), piece, out, ALONE)
    return out


def test_the_hand_shape_network_learns_what_tells_the_made_up_signs_apart(data: Path, trained: Path) -> None:
    made, facts = starter_results.tables(data, experiment(), trained)
    wlasl = {row.system: row for row in made[0].rows}
    assert made[0].clips == 50
    assert wlasl["hand_shape"].top1.value > 60, "chance is 10"
    assert wlasl["hand_shape"].top1.low <= wlasl["hand_shape"].top1.value <= wlasl["hand_shape"].top1.high
    assert {
        "1-nearest-neighbour", "four streams", "hand-shape networks", "four streams + hand shape",
    } <= set(wlasl)  # fmt: skip
    assert 0 <= facts["wlasl_ece"] <= 1
    assert 0 <= facts["unknown_below"] <= 1
    assert "| hand_shape |" in starter_results.markdown(made, facts)


def test_hand_shape_networks_share_one_weight_beside_the_streams() -> None:
    streams = ("joint", "bone", "joint_motion", "bone_motion")
    one = starter_results.weights_with(0.6, (*streams, "hand_shape"))
    two = starter_results.weights_with(0.6, (*streams, "hand_shape", "hand_shape_mirrored"))
    assert sum(one.values()) == pytest.approx(1)
    assert one["hand_shape"] == 0.6
    assert (two["hand_shape"], two["hand_shape_mirrored"]) == (0.3, 0.3)
    assert {s: two[s] for s in streams} == {s: one[s] for s in streams}
    assert two["bone"] == pytest.approx(0.4 * 0.9 / 2.9)  # SAM-SLR's 1, 0.9, 0.5, 0.5
    assert starter_results.is_starter(one)
    assert starter_results.is_starter(two)
    assert not starter_results.is_starter(streams)
    assert not starter_results.is_starter((*two, "sstcn"))
    assert not starter_results.is_starter(("joint", "hand_shape"))
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 60)
    logits = {name: rng.normal(size=(60, 4)) for name in two}
    for name in ("hand_shape", "hand_shape_mirrored"):
        logits[name][np.arange(60), labels] += 2
    mean = (logits["hand_shape"] + logits["hand_shape_mirrored"]) / 2
    joined = {**{s: logits[s] for s in streams}, "hand_shape": mean}
    weight = starter_results.learn_hand_weight(logits, labels)
    assert weight == pytest.approx(starter_results.learn_hand_weight(joined, labels))
    assert weight > 0.5


def test_the_shipped_folder_runs_in_onnx_runtime_and_its_gallery_knows_its_model(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    from signlens.retrieval.gallery import Gallery, embedding_space

    folder = tmp_path / "model"
    starter_results.package(data, experiment(), trained, folder, "0.0.1")
    model = SignModel(folder)
    assert model.glosses == tuple(sorted({*WORDS, *(f"gloss{i}" for i in range(10))}))
    source, rows = starter.StarterSource(data, experiment()), np.arange(7)
    settings = experiment().networks
    logits, embeddings = model.run({n: source.inputs(rows, settings[n], None) for n in model.weights})
    found = {
        name: infer(
            run.load_network(trained, experiment(), (name, "everything"), len(model.classes)),
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
    gallery = Gallery.load(folder / "gallery.safetensors")
    assert gallery.space == embedding_space(json.loads((folder / "model.json").read_text()))
    assert len(gallery.glosses) == len(starter_results.gallery_rows(starter.load_corpus(data)))
    card = json.loads((folder / "model.json").read_text())
    stack = ModelStack.load(folder / "stack.json", model.classes)
    assert (card["fusion"]["used"], card["fusion"]["why"]) == (stack.used, stack.why)
    assert "stack.json" in card["sha256"]


def test_a_damaged_or_missing_model_is_named(data: Path, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    starter_results.package(data, experiment(), trained, folder, "0.0.1")
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    weights = bytearray((damaged / "bone.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (damaged / "bone.onnx").write_bytes(weights)
    with pytest.raises(PartMissing, match=r"bone\.onnx"):
        SignModel(damaged)
    card = json.loads((folder / "model.json").read_text())
    del card["classes"]
    (damaged / "model.json").write_text(json.dumps(card))
    with pytest.raises(PartMissing, match="classes"):
        SignModel(damaged)
    with pytest.raises(PartMissing, match="no sign model"):
        SignModel(tmp_path / "nowhere")


def test_fused_cosine_is_the_weighted_mean_of_the_networks_cosines(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    starter_results.package(data, experiment(), trained, tmp_path / "m", "0.0.1")
    model = SignModel(tmp_path / "m")
    rng = np.random.default_rng(0)
    parts = {n.name: rng.normal(size=(2, 5)).astype(np.float32) for n in model.networks}
    fused = model.fuse_embeddings(parts)
    weights = {n.name: n.weight for n in model.networks}
    expected = sum(
        weights[name] * float(v[0] @ v[1] / np.linalg.norm(v[0]) / np.linalg.norm(v[1]))
        for name, v in parts.items()
    ) / sum(weights.values())
    assert float(fused[0] @ fused[1]) == pytest.approx(expected, abs=1e-5)


def test_missing_data_and_missing_pieces_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="traduttore-asl"):
        starter.load_corpus(tmp_path)
    with pytest.raises(PartMissing, match="joint on wlasl-fold-0"):
        starter_results.tables(data, experiment(), tmp_path)


def test_the_streams_table_is_of_out_of_fold_scores_and_never_below_the_best_stream_on_validation(
    data: Path, trained: Path
) -> None:
    four = dataclasses.replace(
        experiment(), networks={n: s for n, s in experiment().networks.items() if n != "hand_shape"}
    )
    source = starter.StarterSource(data, four)
    tables, chosen = streams.stream_tables(trained, source, four)
    assert [t.clips for t in tables] == [50, 48, 48]
    right = {c.name: c.right for c in chosen.candidates}
    assert chosen.chosen.right >= max(right[n] for n in four.networks)
    rows, logits = [], []
    for k in range(5):
        found = run.load_scores(trained, ("bone", f"wlasl-fold-{k}"), TEST)
        rows.append(found[0])
        logits.append(found[1])
    labels = source.labels[np.concatenate(rows)]
    narrow = np.concatenate(logits)[:, np.unique(labels)]
    expected = 100 * (np.unique(labels)[narrow.argmax(axis=1)] == labels).mean()
    assert tables[0].rows["bone"][0].value == pytest.approx(expected)
    assert right["bone"] == round(expected / 2)
    assert "| bone |" in streams.markdown(tables, chosen)


def test_the_table_of_ablations_pairs_every_variant_with_the_full_network(data: Path, tmp_path: Path) -> None:
    text = (ROOT / "src" / "signlens_studies" / "sam_slr" / "ablations.toml").read_text()
    (tmp_path / "experiment.toml").write_text(text)
    (tmp_path / "run.json").write_text(json.dumps({"data": str(data)}))
    settings, _ = command.open_run(tmp_path)
    source = starter.StarterSource(data, settings)
    rng = np.random.default_rng(0)
    right: dict[str, list[np.ndarray]] = {name: [] for name in settings.networks}
    for split_name in settings.data.only:
        rows = source.splits()[split_name].score[TEST]
        for number, network in enumerate(settings.networks):
            hit = rng.random(len(rows)) < 1 - 0.15 * number
            logits = rng.random((len(rows), len(source.classes)))
            logits[np.arange(len(rows)), source.labels[rows]] = np.where(hit, 2.0, -1.0)
            folder = run.piece_folder(tmp_path, (network, split_name))
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
