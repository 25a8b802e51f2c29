"""Training on a small made-up dataset: it learns, repeats, survives a kill, and runs in two processes."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")

from made_dataset import write_made_dataset  # noqa: E402

from signlens.errors import InputRejected, UsageError  # noqa: E402
from signlens.skeleton.augmentation import Augmentation  # noqa: E402
from signlens.training.checkpoint import load_checkpoint  # noqa: E402
from signlens.training.distributed import ALONE, World  # noqa: E402
from signlens.training.experiment import (  # noqa: E402
    DataSettings,
    Experiment,
    NetworkSettings,
    TrainingSettings,
)
from signlens.training.loop import Progress, _Run, fit, infer  # noqa: E402
from signlens.training.network_kinds import build_network  # noqa: E402
from signlens.training.schedule import learning_rate, make_optimiser  # noqa: E402
from signlens.training.sources import ClipSource  # noqa: E402

SHAPE = {"channels": (8, 8), "strides": (1, 2), "groups": 4, "temporal_kernel": 3, "drop_classifier": 0.1}
SETTINGS = NetworkSettings(
    "slgcn",
    8,
    TrainingSettings(batch=8, learning_rate=2e-2, epochs=4, precision="float32", mixup=0.2),
    stream="joint",
    shape=SHAPE,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ClipSource:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("data")
    write_made_dataset(folder)
    return ClipSource([folder], experiment())


def experiment(settings: NetworkSettings = SETTINGS) -> Experiment:
    return Experiment(
        "small", 3, DataSettings("data"), Augmentation(rotate=0.1, noise=0.01), {"joint": settings}
    )


def weights(fitted) -> dict[str, torch.Tensor]:  # type: ignore[no-untyped-def]
    return fitted.model.state_dict()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[k], second[k]) for k in first)


def longer(epochs: int) -> NetworkSettings:
    return dataclasses.replace(SETTINGS, training=dataclasses.replace(SETTINGS.training, epochs=epochs))


def test_it_learns_and_keeps_the_epoch_that_validation_likes_best(source: ClipSource) -> None:
    split = source.splits()["official"]
    fitted = fit(source, split, longer(25), 3, ALONE)
    best = max(fitted.history, key=lambda e: (e.validation_accuracy, -e.validation_loss))
    assert fitted.best_epoch == best.epoch
    logits, embedding = infer(fitted.model, source, SETTINGS, split.validation, ALONE)
    right = (logits.argmax(1) == source.labels[split.validation]).mean()
    assert right == pytest.approx(best.validation_accuracy)
    assert right > 0.8, "chance is a third"
    assert embedding.shape == (len(split.validation), 8)
    assert [e.epoch for e in fitted.history] == list(range(25))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(source: ClipSource) -> None:
    split = source.splits()["official"]
    first, second, other = (fit(source, split, longer(2), seed, ALONE) for seed in (3, 3, 4))
    assert same(weights(first), weights(second))
    assert not same(weights(first), weights(other))


def test_going_on_from_a_checkpoint_gives_the_weights_of_an_unbroken_run(
    source: ClipSource, tmp_path: Path
) -> None:
    split = source.splits()["official"]
    unbroken = fit(source, split, SETTINGS, 3, ALONE)
    checkpoint = tmp_path / "checkpoint.safetensors"

    def stop(at: Progress) -> None:
        if at.step == 7:  # within the third epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(source, split, SETTINGS, 3, ALONE, checkpoint=checkpoint, digest="a", progress=stop)
    steps: list[int] = []
    resumed = fit(
        source,
        split,
        SETTINGS,
        3,
        ALONE,
        checkpoint=checkpoint,
        digest="a",
        progress=lambda at: steps.append(at.step),
    )
    assert steps[0] == 8, "what was done is not done again"
    assert same(weights(unbroken), weights(resumed))
    assert unbroken.history == resumed.history
    with pytest.raises(UsageError, match="other settings"):
        fit(source, split, SETTINGS, 3, ALONE, checkpoint=checkpoint, digest="b")


PAIRS = dataclasses.replace(
    SETTINGS,
    training=dataclasses.replace(
        SETTINGS.training, draw="pairs", objective="supervised_contrastive", mixup=0.0, epochs=2
    ),
)
ARCFACE = NetworkSettings(
    "handshape",
    8,
    TrainingSettings(8, 1e-2, epochs=2, precision="float32", objective="arcface", margin=0.2),
    shape={"width": 8, "cosine_scale": 16.0},
)


@pytest.mark.parametrize("settings", [PAIRS, ARCFACE], ids=["supervised contrastive", "arcface"])
def test_embeddings_that_are_trained_to_be_searched_go_on_to_the_bit(
    source: ClipSource, tmp_path: Path, settings: NetworkSettings
) -> None:
    split = source.splits()["official"]
    unbroken = fit(source, split, settings, 3, ALONE)
    checkpoint = tmp_path / "checkpoint.safetensors"

    def stop(at: Progress) -> None:
        if at.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(source, split, settings, 3, ALONE, checkpoint=checkpoint, progress=stop)
    resumed = fit(source, split, settings, 3, ALONE, checkpoint=checkpoint)
    assert same(weights(unbroken), weights(resumed))
    assert unbroken.history == resumed.history


def test_the_objective_changes_what_is_learnt(source: ClipSource) -> None:
    split = source.splits()["official"]
    plain = dataclasses.replace(
        PAIRS, training=dataclasses.replace(PAIRS.training, objective="cross_entropy")
    )
    assert not same(
        weights(fit(source, split, PAIRS, 3, ALONE)), weights(fit(source, split, plain, 3, ALONE))
    )


def test_pairs_are_two_clips_of_one_class(source: ClipSource) -> None:
    split = source.splits()["official"]
    run = _Run(source, split, PAIRS, 3, ALONE)
    for step in range(6):
        rows = run.rows_of(step)
        assert len(rows) == 8
        assert set(rows) <= set(split.train)
        first, second = rows[::2], rows[1::2]
        np.testing.assert_array_equal(source.labels[first], source.labels[second])
        assert (first != second).all()
    alone = dataclasses.replace(split, train=split.train[[0, 1, 2]])  # one clip of each of three glosses
    rows = _Run(source, alone, PAIRS, 3, ALONE).rows_of(0)
    np.testing.assert_array_equal(rows[:2:2], rows[1:2:2])


def test_contrast_over_several_processes_is_refused(source: ClipSource) -> None:
    settings = dataclasses.replace(PAIRS, training=dataclasses.replace(PAIRS.training, batch=16))
    with pytest.raises(UsageError, match="one process"):
        fit(source, source.splits()["official"], settings, 3, World(0, 2, torch.device("cpu")))


def test_a_damaged_checkpoint_is_named(source: ClipSource, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    model = build_network(SETTINGS, 3)
    with pytest.raises(InputRejected, match=r"checkpoint\.safetensors"):
        load_checkpoint(path, model, make_optimiser(model, SETTINGS.training))


def test_a_batch_that_cannot_be_shared_is_refused(source: ClipSource) -> None:
    with pytest.raises(UsageError, match="multiple of 16"):
        fit(source, source.splits()["official"], SETTINGS, 3, World(0, 2, torch.device("cpu")))


def test_milestones_follow_the_published_schedule() -> None:
    settings = TrainingSettings(
        64, 0.1, epochs=250, schedule="milestones", warm_up=20, milestones=(150, 200), factor=0.1
    )
    rates = [learning_rate(settings, epoch * 10, 10, 2500) for epoch in range(250)]
    assert rates[0] == pytest.approx(0.1 / 20)
    assert rates[9] == pytest.approx(0.1 * 10 / 20)
    assert rates[20:150] == pytest.approx([0.1] * 130)
    assert rates[150:200] == pytest.approx([0.01] * 50)
    assert rates[200:] == pytest.approx([0.001] * 50)


def test_one_cycle_rises_once_and_falls_to_nearly_nothing() -> None:
    settings = TrainingSettings(8, 0.1, steps=100)
    rates = np.array([learning_rate(settings, step, 10, 100) for step in range(100)])
    top = int(rates.argmax())
    assert rates[top] == pytest.approx(0.1)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] < 1e-5


# -- the command, killed and in two processes -------------------------------------------------------------

TOML = """
name = "small"
seed = 3
[data]
dataset = "{data}"
[augmentation]
rotate = 0.1
[training]
batch = 16
epochs = {epochs}
learning_rate = 0.01
optimiser = "sgd"
momentum = 0.9
precision = "float32"
[networks.joint]
kind = "slgcn"
stream = "joint"
window = 8
[networks.joint.shape]
channels = [8, 8]
strides = [1, 2]
groups = 4
temporal_kernel = 3
drop_classifier = 0.0
"""

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def experiment_file(folder: Path, epochs: int) -> Path:
    write_made_dataset(folder / "data", train=48)
    file = folder / "small.toml"
    file.write_text(TOML.format(data=folder / "data", epochs=epochs))
    return file


def command(file: Path, out: Path) -> list[str]:
    return ["-m", "signlens.cli", "train", str(file), "--out", str(out), "--workers", "1"]


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    file = experiment_file(tmp_path, epochs=25)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        [sys.executable, *command(file, killed)], env=ENVIRONMENT, stderr=subprocess.DEVNULL
    )
    checkpoint = killed / "official" / "joint" / "checkpoint.safetensors"
    for _ in range(1200):
        if checkpoint.is_file() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.is_file(), "it was killed too late to be a test"
    for out in (killed, whole):
        subprocess.run(
            [sys.executable, *command(file, out)], env=ENVIRONMENT, check=True, capture_output=True
        )
    for name in ("model.safetensors", "curve.csv"):
        assert (killed / "official" / "joint" / name).read_bytes() == (
            whole / "official" / "joint" / name
        ).read_bytes()
    assert not checkpoint.exists()


@pytest.mark.slow
def test_two_processes_draw_the_curve_of_one(tmp_path: Path) -> None:
    pytest.importorskip("torch.distributed")
    file = experiment_file(tmp_path, epochs=5)
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run([sys.executable, *command(file, one)], env=ENVIRONMENT, check=True, capture_output=True)
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*together, *command(file, two)], env=ENVIRONMENT, check=True, capture_output=True)
    curves = [
        np.genfromtxt(out / "official" / "joint" / "curve.csv", delimiter=",", names=True)
        for out in (one, two)
    ]
    # The same sums in another order: equal to the last digits at first, and these digits grow.
    assert curves[0]["loss"][0] == pytest.approx(curves[1]["loss"][0], rel=1e-5)
    np.testing.assert_allclose(curves[0]["loss"], curves[1]["loss"], rtol=1e-2)
    np.testing.assert_allclose(curves[0]["validation_loss"], curves[1]["validation_loss"], rtol=3e-2)
    with np.load(one / "scores-test.npz") as a, np.load(two / "scores-test.npz") as b:
        np.testing.assert_allclose(a["joint"], b["joint"], atol=0.05)
