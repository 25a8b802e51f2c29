"""Fusion experiments on made-up scores files: what teaches, what is scored, what is printed."""

import json
from pathlib import Path

import numpy as np
import pytest
from places import ROOT
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("scipy", reason="stacks need the [train] extra")

from signlens.cli import app  # noqa: E402
from signlens.emotion.expressions import EMOTIONS  # noqa: E402
from signlens.errors import InputRejected, PartMissing, UsageError  # noqa: E402
from signlens.evaluation.scores import ScoreSet, read_scores, write_scores  # noqa: E402
from signlens.fusion.stack import Vote  # noqa: E402
from signlens.training.calibration import ensemble_weights  # noqa: E402
from signlens.training.experiment import GroupSettings  # noqa: E402
from signlens.training.held_out import merge_networks  # noqa: E402
from signlens_studies.commands.slr_sentiment import app as studies  # noqa: E402
from signlens_studies.slr_sentiment.fusion import head_logits, train_fusion, train_head  # noqa: E402
from signlens_studies.slr_sentiment.fusion_clips import (  # noqa: E402
    SCORE_SPACE,
    ScoredClips,
    clips_of_scores,
    features,
)
from signlens_studies.slr_sentiment.fusion_experiment import (  # noqa: E402
    IN_SAMPLE,
    OUT_OF_FOLD,
    HeadSettings,
    load_fusion_experiment,
    mean_emotion_weights,
    open_fusion_run,
)
from signlens_studies.slr_sentiment.fusion_heads import head_input  # noqa: E402
from signlens_studies.slr_sentiment.fusion_tables import top_outputs  # noqa: E402

pytestmark = pytest.mark.study

CLASSES = 5
GLOSSES = ("angry", "apple", "happy", "hello", "sad")

TOML = """
name = "made-up"
emotion = "{emotion}"
provenance = {provenance}
stack = {stack}
[heads.two_hidden]
architecture = "two_hidden"
steps = 30
[heads.one_hidden]
architecture = "one_hidden"
steps = 30
[heads.linear]
architecture = "linear"
learning_rate = 1.0
steps = 200
[heads.top_10]
architecture = "with_retrieval"
retrieval = "top_10"
steps = 30
"""

runner = CliRunner()


def scores_of(
    clips: int = 60, *, splits: tuple[str, ...] = (), folds: bool = False, seed: int = 0, known: float = 2.0
) -> ScoreSet:
    """Two streams that know the truth to some degree; training clips, where there are any, by heart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % CLASSES
    truth = np.eye(CLASSES)[labels]
    split = np.array([splits[i % len(splits)] for i in range(clips)]) if splits else None
    sure = np.full(clips, known)
    if split is not None and not folds:
        sure[split == "train"] = 12.0
    return ScoreSet(
        source="made up",
        clips=np.array([f"clip{i:03d}" for i in range(clips)]),
        labels=labels.astype(np.int64),
        streams={
            name: (sure[:, None] * truth + rng.normal(size=truth.shape)).astype(np.float32)
            for name in ("joint", "bone")
        },
        glosses=GLOSSES,
        splits=split,
        folds=rng.permutation(np.arange(clips) % 3).astype(np.int64) if folds else None,
        dataset="made up",
    )


def write(folder: Path, scores: ScoreSet, **settings: str) -> tuple[Path, Path]:
    """A scores file and an experiment."""
    write_scores(folder / "scores.npz", scores)
    values = {"emotion": "none", "provenance": '["out_of_fold"]', "stack": "true", **settings}
    (folder / "e.toml").write_text(TOML.format(**values))
    return folder / "e.toml", folder / "scores.npz"


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on clips in three folds."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("crossed")
    experiment, data = write(folder, scores_of(folds=True))
    result = runner.invoke(
        studies, ["fuse", str(experiment), "--data", str(data), "--out", str(folder / "run")]
    )
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture(scope="module")
def as_printed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run the paper's way: in sample, with training, validation and test clips."""
    folder = tmp_path_factory.mktemp("printed")
    scores = scores_of(90, splits=("train", "val", "test"))
    experiment, data = write(folder, scores, provenance='["in_sample"]', emotion="made-up", stack="false")
    train_fusion(experiment, data, folder / "run", lambda name: None)
    return folder / "run"


# -- heads ------------------------------------------------------------------------------------------


def test_a_linear_head_is_scikit_learns_logistic_regression() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    inputs = head_input(np.eye(3)[labels] + rng.normal(size=(120, 3)), rng.random((120, 8)))
    settings = HeadSettings("linear", 1500, learning_rate=1.0, batch=120, weight_decay=1e-2)
    head = train_head(inputs, labels, 3, settings, seed=0)
    # Decay adds 1e-2 / 2 |w|^2 to the mean loss, that of the bias too: C = 1 / (N 1e-2), a column of ones.
    other = linear_model.LogisticRegression(C=1 / (120 * 1e-2), fit_intercept=False, max_iter=5000, tol=1e-10)
    with_ones = np.column_stack([inputs, np.ones(120)])
    logits = head_logits(head, inputs)
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(chance, other.fit(with_ones, labels).predict_proba(with_ones), atol=1e-3)


def test_training_is_repeatable_and_takes_as_many_steps_as_asked() -> None:
    inputs = np.random.default_rng(0).normal(size=(10, 11)).astype(np.float32)
    labels = np.arange(10) % 3

    def trained(steps: int, seed: int = 0) -> np.ndarray:
        return head_logits(
            train_head(inputs, labels, 3, HeadSettings("two_hidden", steps, batch=4), seed), inputs
        )

    assert np.array_equal(trained(7), trained(7))
    assert not np.array_equal(trained(7), trained(7, seed=1))
    assert not np.array_equal(trained(7), trained(8))


# -- clips ------------------------------------------------------------------------------------------


def test_a_clip_is_never_among_those_that_teach_it_or_that_it_is_compared_with(tmp_path: Path) -> None:
    scores = scores_of(folds=True)
    _, data = write(tmp_path, scores)
    clips = clips_of_scores(data)
    assert scores.folds is not None
    fold_of = dict(zip(scores.clips.tolist(), scores.folds.tolist(), strict=True))
    tested = np.concatenate([part.scored["test"].names for part in clips.parts])
    assert sorted(tested) == sorted(scores.clips)
    for part in clips.parts:
        held = part.scored["test"]
        teachers = np.concatenate([s.names for s in part.fit[OUT_OF_FOLD]])
        assert not set(held.names) & set(teachers)
        assert len({fold_of[n] for n in held.names.tolist()}) == 1
        assert held.cosines[SCORE_SPACE].shape == (len(held.names), len(teachers))
        for other in part.fit[OUT_OF_FOLD]:
            # None of its own fold, and none of the fold that will be tested.
            assert other.cosines[SCORE_SPACE].shape[1] == len(teachers) - len(other.names)


def test_signers_are_not_parted_where_there_are_no_folds(tmp_path: Path) -> None:
    scores = scores_of()
    named = ScoreSet(
        source="made up",
        clips=np.array([f"signer{i % 4}_{i}" for i in range(len(scores))]),
        labels=scores.labels,
        streams=scores.streams,
    )
    write_scores(tmp_path / "s.npz", named)
    parts = clips_of_scores(tmp_path / "s.npz").parts
    assert len(parts) == 4
    assert all(len({n.split("_")[0] for n in part.scored["test"].names.tolist()}) == 1 for part in parts)


def test_in_sample_scores_must_be_asked_for_by_name(tmp_path: Path) -> None:
    _, data = write(tmp_path, scores_of(splits=("train", "test")))
    with pytest.raises(UsageError, match="networks trained on them"):
        clips_of_scores(data)
    part = clips_of_scores(data, in_sample=True).parts[0]
    assert set(part.fit) == {IN_SAMPLE}
    taught = part.fit[IN_SAMPLE][0]
    assert np.isnan(np.diag(taught.cosines[SCORE_SPACE])).all(), "a clip does not find itself"
    _, data = write(tmp_path, scores_of(folds=True))
    with pytest.raises(UsageError, match="no scores of the networks' own training clips"):
        clips_of_scores(data, in_sample=True)


def test_features_are_the_ensemble_and_the_votes_of_the_neighbours(tmp_path: Path) -> None:
    _, data = write(tmp_path, scores_of(folds=True))
    held = clips_of_scores(data).parts[0].scored["test"]
    emotion = {str(held.names[0]): np.arange(8.0)}
    found = features((held,), {"joint": 3.0, "bone": 1.0}, emotion, ("one_hot", "mean"), Vote(neighbours=3))
    expected = (3 * held.logits["joint"].astype(float) + held.logits["bone"]) / 4
    assert np.allclose(found.scores, expected)
    assert np.array_equal(found.emotion[0], np.arange(8.0))
    assert not found.emotion[1:].any()
    assert found.shares is not None
    assert np.allclose(found.shares.sum(axis=1), 1)
    similar = held.cosines[SCORE_SPACE]
    assert np.array_equal(found.retrieval["one_hot"].argmax(axis=1), held.owners[similar.argmax(axis=1)])
    own = [similar[4, held.owners == c].mean() for c in range(CLASSES)]
    assert np.allclose(found.retrieval["mean"][4], own, atol=1e-6)


def test_weights_of_one_network_are_that_network(tmp_path: Path) -> None:
    _, data = write(tmp_path, scores_of(folds=True))
    part = clips_of_scores(data).parts[0]
    teachers = part.fit[OUT_OF_FOLD]
    weights = ensemble_weights(
        {name: np.concatenate([one.logits[name] for one in teachers]) for name in teachers[0].logits},
        np.concatenate([one.labels for one in teachers]),
    )
    assert set(weights) == {"joint", "bone"}
    assert all(weight >= 0 for weight in weights.values())


# -- a run ------------------------------------------------------------------------------------------


def test_every_system_answers_every_clip_once(crossed: Path) -> None:
    scores = read_scores(crossed / "scores-test.npz")
    assert len(scores) == 60
    assert set(scores.streams) == {
        "ensemble", "ensemble_with_retrieval", "stack", "stack_with_class_bias", "chosen",
        *(f"{name}_out_of_fold" for name in ("two_hidden", "one_hidden", "linear", "top_10")),
    }  # fmt: skip
    for name in ("ensemble", "stack", "chosen"):
        assert np.allclose(np.exp(scores.streams[name]).sum(axis=1), 1, atol=1e-4)
    fitted = json.loads((crossed / "fitted.json").read_text())
    assert sum(part["scored"]["test"] for part in fitted["parts"]) == 60
    assert all(
        part["taught"]["out_of_fold"]["clips"] == 60 - part["scored"]["test"] for part in fitted["parts"]
    )


def test_where_the_stack_is_turned_down_the_answer_is_the_ensembles(crossed: Path) -> None:
    scores = read_scores(crossed / "scores-test.npz")
    fitted = json.loads((crossed / "fitted.json").read_text())
    assert scores.folds is not None
    for number, part in enumerate(fitted["parts"]):
        here = scores.folds == number
        used = part["stack"]["chosen"]
        assert np.array_equal(scores.streams["chosen"][here], scores.streams[used][here])


def test_finished_heads_are_not_trained_again_and_others_are(tmp_path: Path) -> None:
    experiment, data = write(tmp_path, scores_of(folds=True), stack="false")
    names: list[str] = []
    train_fusion(experiment, data, tmp_path / "run", names.append)
    file = tmp_path / "run" / "out_of_fold" / "fold-0" / "linear.safetensors"
    before = file.stat().st_mtime_ns
    train_fusion(experiment, data, tmp_path / "run", names.append)
    assert file.stat().st_mtime_ns == before
    experiment.write_text(experiment.read_text().replace("steps = 200", "steps = 3"))
    train_fusion(experiment, data, tmp_path / "run", names.append)
    assert file.stat().st_mtime_ns != before


def test_weights_of_emotions_are_the_columns_behind_the_scores(as_printed: Path) -> None:
    from safetensors.torch import load_file

    run = open_fusion_run(as_printed)
    weights = mean_emotion_weights(run, "linear", IN_SAMPLE)
    state = load_file(as_printed / "in_sample" / "official" / "linear.safetensors")["layers.0.weight"].numpy()
    for number in range(len(EMOTIONS)):
        assert np.allclose(weights[number], state[:, CLASSES + number])
    strongest = top_outputs(weights, GLOSSES)
    assert set(strongest) == set(EMOTIONS)
    assert strongest["fear"][0][0] == GLOSSES[int(state[:, CLASSES + 4].argmax())]
    with pytest.raises(UsageError, match="hidden layers"):
        mean_emotion_weights(run, "two_hidden", IN_SAMPLE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("steps = 200", "epochs = 200"), "unknown key 'epochs'"),
        (('"linear"', '"cubic"'), "cubic"),
        (('retrieval = "top_10"', ""), "go together"),
        (('"out_of_fold"', '"on_the_moon"'), "on_the_moon"),
        (("steps = 30", "steps = 0"), "out of range"),
    ],
)
def test_a_wrong_experiment_is_wrong_usage(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    experiment, _ = write(tmp_path, scores_of(folds=True))
    experiment.write_text(experiment.read_text().replace(*change))
    with pytest.raises(UsageError, match=message):
        load_fusion_experiment(experiment)


def test_the_experiments_of_the_repository_are_read() -> None:
    folder = ROOT / "src" / "signlens_studies" / "slr_sentiment"
    heads = load_fusion_experiment(folder / "fusion-heads.toml").heads
    assert {h.architecture for h in heads.values()} == {"two_hidden", "one_hidden", "linear"}
    final = load_fusion_experiment(folder / "final-fusion.toml")
    assert set(final.reductions) == {"one_hot", "top_10", "top_20", "top_50", "mean"}
    assert final.stack


def test_emotion_vectors_of_other_clips_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "emotion.csv"
    file.write_text("clip," + ",".join(EMOTIONS) + "\nstranger" + ",0.125" * 8 + "\n")
    experiment, data = write(tmp_path, scores_of(folds=True), emotion=str(file))
    with pytest.raises(UsageError, match="none of the 60 clips"):
        train_fusion(experiment, data, tmp_path / "run", lambda name: None)
    with pytest.raises(InputRejected, match="no such file"):
        train_fusion(experiment, tmp_path / "nothing.npz", tmp_path / "run", lambda name: None)


def test_an_expression_that_knows_the_gloss_is_taken_up_by_the_stack(tmp_path: Path) -> None:
    scores = scores_of(120, folds=True, known=1.0)
    of = {"angry": "anger", "happy": "happy", "sad": "sad"}
    lines = ["clip," + ",".join(EMOTIONS)]
    for name, label in zip(scores.clips, scores.labels, strict=True):
        values = [0.9 if of.get(GLOSSES[label]) == emotion else 0.0 for emotion in EMOTIONS]
        lines.append(f"{name}," + ",".join(map(str, values)))
    (tmp_path / "emotion.csv").write_text("\n".join(lines) + "\n")
    experiment, data = write(tmp_path, scores, emotion=str(tmp_path / "emotion.csv"))
    experiment.write_text(
        'name = "stack alone"\nstack = true\nemotion = "' + str(tmp_path / "emotion.csv") + '"\n'
    )
    train_fusion(experiment, data, tmp_path / "run", lambda name: None)
    fitted = json.loads((tmp_path / "run" / "fitted.json").read_text())
    assert all(part["stack"]["coefficients"]["stack"]["emotion"] > 0.5 for part in fitted["parts"])
    made = read_scores(tmp_path / "run" / "scores-test.npz")
    right = {n: int((v.argmax(axis=1) == made.labels).sum()) for n, v in made.streams.items()}
    assert right["chosen"] > right["ensemble"]


# -- tables -----------------------------------------------------------------------------------------


def printed(name: str, run: Path, *more: str) -> dict:
    draws = () if name.startswith("fig") else ("--draws", "100")
    result = runner.invoke(app, ["reproduce", name, "--run", str(run), *draws, "--json", *more])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", ["table7", "table8", "table9"])
def test_accuracies_of_the_heads_stand_beside_the_papers(as_printed: Path, name: str) -> None:
    made = printed(name, as_printed)
    head = {"table7": "two_hidden", "table8": "one_hidden", "table9": "linear"}[name]
    rows = {row["measure"]: row for row in made["rows"]}
    theirs = {row["paper_name"]: row["theirs"] for row in made["rows"] if row["paper_name"]}
    assert set(theirs) == {"Train accuracy", "Test accuracy", "Val accuracy"}
    scores = read_scores(as_printed / "scores-test.npz")
    right = int((scores.streams[f"{head}_in_sample"].argmax(axis=1) == scores.labels).sum())
    row = rows[f"test: {head}, in sample"]
    assert row["count"] == right
    assert row["ours"]["value"] == pytest.approx(100 * right / len(scores))
    less = rows[f"test: {head}, in sample, less ensemble"]["ours"]["value"]
    alone = rows["test: ensemble alone"]["ours"]["value"]
    assert less == pytest.approx(row["ours"]["value"] - alone)
    assert rows[f"{head}, in sample: clips that taught"]["ours"] <= 100
    assert "made up" in made["data"]["emotion"]


def test_table_14_sets_each_reduction_against_the_ensemble(crossed: Path) -> None:
    made = printed("table14", crossed)
    rows = {row["measure"]: row for row in made["rows"]}
    assert rows["top_10, top-1"]["theirs"] == 25.52
    assert rows["top_10, top-1 less ensemble"]["theirs"] == pytest.approx(25.52 - 28.24)
    difference = rows["top_10, top-1"]["ours"]["value"] - rows["ensemble alone, top-1"]["ours"]["value"]
    assert rows["top_10, top-1 less ensemble"]["ours"]["value"] == pytest.approx(difference)
    assert any("McNemar" in note for note in made["notes"])


def test_the_final_fusion_says_what_was_chosen_and_why(crossed: Path) -> None:
    made = printed("final-fusion", crossed)
    rows = {row["measure"] for row in made["rows"]}
    assert {"test: chosen", "test: stack less ensemble", "test: stack less ensemble, NLL"} <= rows
    assert sum("sed: on" in note for note in made["notes"]) == 3, "one a fold"


def test_the_figures_list_ten_glosses_an_emotion_and_draw_them(as_printed: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    seen = set()
    for name in ("fig5", "fig6", "fig7"):
        made = printed(name, as_printed, "--out", str(tmp_path / f"{name}.svg"))
        seen |= {row["measure"].split(", ")[1].split()[0] for row in made["rows"]}
        assert any("drawn at random" in note for note in made["notes"])
        drawn = (tmp_path / f"{name}.svg").read_text()
        assert drawn.startswith("<?xml")
    assert seen == set(EMOTIONS)


def test_what_is_not_there_is_said(tmp_path: Path, crossed: Path, as_printed: Path) -> None:
    for words, code, message in (
        (["table7"], 2, "--run"),
        (["table7", "--run", str(tmp_path)], 2, "is not the folder of a fusion experiment"),
        (["final-fusion", "--run", str(as_printed)], 2, "has learned no stack"),
    ):
        result = runner.invoke(app, ["reproduce", *words])
        assert result.exit_code == code
        assert message in result.output
    (tmp_path / "run.json").write_text('{"kind": "fusion"}')
    (tmp_path / "experiment.toml").write_text((crossed / "experiment.toml").read_text())
    with pytest.raises(PartMissing, match="not finished"):
        open_fusion_run(tmp_path)


def test_networks_that_are_one_in_the_model_have_one_mean_and_the_first_ones_space() -> None:
    rng = np.random.default_rng(0)
    logits = {name: rng.normal(size=(4, 3)).astype(np.float32) for name in "abc"}
    cosines = {name: rng.uniform(-1, 1, (4, 5)).astype(np.float32) for name in "abc"}
    names = np.array(["w", "x", "y", "z"])
    clips = ScoredClips(names, np.arange(4) % 3, logits, cosines, np.arange(5) % 3)
    assert merge_networks(clips, ()).logits == clips.logits
    made = merge_networks(clips, [GroupSettings("b", ("b", "c"), merge=True)])
    assert set(made.logits) == set(made.cosines) == {"a", "b"}
    np.testing.assert_allclose(made.logits["b"], (logits["b"] + logits["c"]) / 2, atol=1e-6)
    np.testing.assert_array_equal(made.cosines["b"], cosines["b"])
    np.testing.assert_array_equal(made.logits["a"], logits["a"])
    np.testing.assert_array_equal(made.owners, clips.owners)
