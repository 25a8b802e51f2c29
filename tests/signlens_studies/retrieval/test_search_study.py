"""The study of similar signs, on made-up landmark sets and networks that have learnt nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the study needs the [train] extra")
pytest.importorskip("sklearn", reason="prototypes need the [train] extra")

from made_landmark_sets import write_landmark_sets  # noqa: E402
from made_runs import untrained  # noqa: E402
from study_commands import study as study_command  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from signlens.cli import app  # noqa: E402
from signlens.errors import UsageError  # noqa: E402
from signlens.evaluation.scores import ScoreSet, write_scores  # noqa: E402
from signlens.retrieval.index import cosines  # noqa: E402
from signlens.training.distributed import ALONE  # noqa: E402
from signlens.training.loop import infer  # noqa: E402
from signlens.training.pieces import load_network  # noqa: E402
from signlens.training.run import open_run  # noqa: E402
from signlens_studies.retrieval import search_study as retrieval  # noqa: E402
from signlens_studies.retrieval import search_tables as tables  # noqa: E402
from signlens_studies.retrieval.weighting import fuse, fuse_vectors, weight_grid  # noqa: E402
from signlens_studies.starter.landmark_sets import write_datasets  # noqa: E402

pytestmark = pytest.mark.study

FOLDS = tuple(f"wlasl-fold-{k}" for k in range(5))
SPLITS = (*FOLDS, "traduttore-1-to-2", "open-set")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = write_landmark_sets(tmp_path_factory.mktemp("data"))
    # One clip of fold 0 is a copy of a training clip: a search must not find it.
    path = folder / "wlasl50-real" / "clips.npz"
    with np.load(path) as archive:
        landmarks = archive["landmarks"]
    landmarks[0] = landmarks[1]
    np.savez(path, landmarks=landmarks)
    write_datasets(folder, folder / "data")
    return folder / "data"


@pytest.fixture(scope="module")
def first(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("runs") / "first", data, "first", 1, SPLITS)


@pytest.fixture(scope="module")
def study(first: Path) -> tables.Study:
    return retrieval.study_run(first, draws=100, warping=False)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_recall_is_that_of_training_clips_embedded_by_the_splits_own_network(
    study: tables.Study, first: Path, data: Path
) -> None:
    """The same figure by other means: every clip through the network, a plain loop over the queries."""
    run = open_run(first)
    experiment, source = run.experiment, run.source
    hits: dict[int, list[bool]] = {1: [], 5: [], 10: []}
    for split in FOLDS:
        parts = source.splits()[split]
        model = load_network(first, experiment, ("bone", split), len(source.classes))
        _, vectors = infer(model, source, experiment.networks["bone"], np.arange(len(source.names)), ALONE)
        gallery = [i for i in parts.train if source.names[i].startswith("wlasl50/")]
        for query in parts.score["test"]:
            known = [i for i in gallery if not np.array_equal(vectors[i], vectors[query])]
            cosine = unit(vectors[known]) @ unit(vectors[[query]])[0]
            nearest = [source.labels[known[i]] for i in np.argsort(-cosine)]
            for k, found in hits.items():
                found.append(source.labels[query] in nearest[:k])
    task = study.tasks[0]
    assert (task.queries, task.glosses, task.duplicates) == (50, 10, 2)
    row = next(r for r in task.systems if r.system == "bone")
    for k, found in hits.items():
        assert row.recall[k].value == pytest.approx(100 * np.mean(found))
        assert row.recall[k].low <= row.recall[k].value <= row.recall[k].high
    raw = next(r for r in task.systems if r.system == tables.RAW)
    assert row.recall_less_raw is not None
    assert row.recall_less_raw[5].value == pytest.approx(row.recall[5].value - raw.recall[5].value)
    assert raw.recall_less_raw is None


def test_galleries_hold_training_clips_of_the_tasks_own_set_and_words(study: tables.Study) -> None:
    wlasl, traduttore, unseen = study.tasks
    assert wlasl.gallery == dict.fromkeys(FOLDS, 40)
    assert traduttore.gallery == {"traduttore-1-to-2": 48}
    assert (traduttore.queries, traduttore.glosses) == (48, 12)
    assert unseen.glosses == int(unseen.task.split("real, ")[1].split(" unseen")[0])
    assert unseen.queries == 2 * unseen.glosses, "five clips a gloss, three of them enrolled"
    assert unseen.gallery == {"open-set": 50 - 5 * unseen.glosses + 3 * unseen.glosses}


def test_weights_are_chosen_on_other_clips_than_those_they_are_used_on(
    study: tables.Study, first: Path
) -> None:
    run = retrieval.open_starter_run(first)
    parts = [retrieval._part([run], retrieval.TASKS[0], split, False, lambda *_: None) for split in FOLDS]
    names = list(run.experiment.networks)
    for number, split in enumerate(FOLDS):
        others = [p for place, p in enumerate(parts) if place != number]
        mean = {
            share: np.concatenate(
                [
                    p.found(
                        share * p.similarities[names[0]] + (1 - share) * p.similarities[names[1]]
                    ).average_precision
                    for p in others
                ]
            ).mean()
            for share in (0, 0.25, 0.5, 0.75, 1)
        }
        chosen = study.tasks[0].weights[split][names[0]]
        assert mean[chosen] == pytest.approx(max(mean.values()))
    assert list(study.tasks[1].weights) == ["traduttore-1-to-2"]


def test_the_fused_similarity_is_one_cosine_over_the_weighted_concatenation() -> None:
    rng = np.random.default_rng(0)
    vectors = {name: (rng.normal(size=(4, d)), rng.normal(size=(6, d))) for name, d in (("a", 3), ("b", 8))}
    weights = {"a": 0.25, "b": 0.75}
    joined = [fuse_vectors(vectors, weights, side) for side in (0, 1)]
    np.testing.assert_allclose(np.linalg.norm(joined[0], axis=1), 1)
    fused = fuse({n: cosines(*v) for n, v in vectors.items()}, weights)
    np.testing.assert_allclose(joined[0] @ joined[1].T, fused, atol=1e-12)


def test_the_grid_holds_every_weighting_once_and_the_most_even_first() -> None:
    grid = weight_grid(["a", "b", "c"], steps=4)
    assert len({tuple(w.values()) for w in grid}) == len(grid) == 15
    assert all(sum(w.values()) == pytest.approx(1) for w in grid)
    assert max(grid[0].values()) == 0.5
    assert {max(w.values()) for w in grid[-3:]} == {1.0}


def test_a_run_beside_another_is_measured_on_the_same_queries(
    first: Path, data: Path, tmp_path: Path
) -> None:
    second = untrained(tmp_path / "second", data, "second", 2, FOLDS)
    made = retrieval.study_run(first, second, draws=50, warping=False)
    (task,) = made.tasks  # only what both have trained
    rows = {r.system: r for r in task.systems}
    assert {"bone", "second: bone", "hand_shape", "second: hand_shape"} <= set(rows)
    pair = next(p for p in task.pairs if p.second == "second: bone")
    assert pair.recall[10].value == pytest.approx(
        rows["second: bone"].recall[10].value - rows["bone"].recall[10].value
    )
    same = retrieval.study_run(second, second, draws=50, warping=False)
    for pair in same.tasks[0].pairs:
        assert (pair.recall[1].low, pair.recall[1].high) == (0, 0)


def test_reductions_stand_for_recognition_by_similar_signs_alone(study: tables.Study) -> None:
    task = study.tasks[0]
    rows = {r.reduction: r for r in task.reductions}
    fused = next(r for r in task.systems if r.system == tables.CHOSEN)
    assert rows["one-hot"].top1.value == pytest.approx(fused.recall[1].value)
    assert rows["top 50"].top1.value == pytest.approx(fused.recall[1].value)
    assert {"mean", "prototypes, up to 3 a class"} <= set(rows)


def test_the_verb_prints_tables_or_one_json_document(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("dtaidistance", reason="warping needs the extra studies")
    assert study_command("retrieval", "search", first, "--draws", 20, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert [s["system"] for s in made["tasks"][0]["systems"]][:2] == [tables.RAW, tables.WARPED]
    told = tables.markdown(retrieval.study_run(first, draws=20, warping=False))
    assert "recall at 10" in told
    assert f"| {tables.CHOSEN} |" in told


def test_scores_are_searched_half_in_half_and_no_signer_is_in_both(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 60)
    signers = np.array([f"signer{i % 4}" for i in range(60)])
    sharp = rng.normal(size=(60, 5)) * 0.3
    sharp[np.arange(60), labels] += 3
    scores = ScoreSet(
        source="",
        clips=np.array([f"{s}_{i}" for i, s in enumerate(signers)]),
        labels=labels,
        streams={"sharp": sharp.astype(np.float32), "dull": rng.normal(size=(60, 5)).astype(np.float32)},
        signers=signers,
    )
    path = tmp_path / "scores.npz"
    write_scores(path, scores)
    (task,) = retrieval.study_scores(path, draws=50).tasks
    assert task.queries == 60
    assert sum(task.gallery.values()) == 60
    rows = {r.system: r for r in task.systems}
    assert rows["sharp"].recall[1].value > 95
    assert rows["dull"].recall[1].value < 60
    assert all(w["sharp"] >= 0.75 for w in task.weights.values())
    plain = {r.reduction: r for r in task.reductions}
    assert plain["the scores of sharp themselves"].top1.value == pytest.approx(
        100 * (sharp.argmax(axis=1) == labels).mean()
    )


def test_wrong_use_is_named(
    first: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, named in [
        ([], "needs one of two"),
        (["--scores", first, "--beside", first], "is for a run"),
        ([tmp_path], "is not the folder of a run"),
    ]:
        assert study_command("retrieval", "search", *arguments) == 2
        assert named in capsys.readouterr().err
    moved = CliRunner().invoke(app, ["evaluate", str(first), "--retrieval"])
    assert moved.exit_code == 2
    assert "signlens_studies retrieval search" in moved.stderr
    other = untrained(tmp_path / "other", data, "other", 1, ("traduttore-1-to-2",))
    with pytest.raises(UsageError, match="no split"):
        retrieval.study_run(other, untrained(tmp_path / "another", data, "x", 1, ("open-set",)))
