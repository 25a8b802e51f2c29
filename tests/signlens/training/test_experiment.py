import dataclasses
from pathlib import Path

import pytest
from places import ROOT

from signlens.errors import UsageError
from signlens.training.experiment import Experiment, load_experiment

STARTER = ROOT / "src" / "signlens_studies" / "starter" / "starter.toml"


def test_the_starter_experiment_has_sl_gcns_four_streams_and_the_hand_shape_network() -> None:
    experiment = load_experiment(STARTER)
    streams = {n.stream for n in experiment.networks.values() if n.kind == "slgcn"}
    assert streams == {"joint", "bone", "joint_motion", "bone_motion"}
    assert "hand_shape" in experiment.networks


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("seed = 1", "sead = 1", "sead"),
        ("[augmentation]", "[augmentation]\nblur = 1", "blur"),
        ("[data]", "[data]\nplace = 1", "place"),
        ('kind = "handshape"', 'kind = "handshape"\nheads = 4', "heads"),
        ('kind = "handshape"', 'kind = "handshape"\naugmentation = { blur = 1 }', "blur"),
        ('kind = "handshape"', 'kind = "handshape"\naugmentation = 1', "hand_shape"),
        ("batch = 32", "", "batch"),
        ("steps = 800", "", "steps"),
        ('draw = "balanced"', 'draw = "often"', "often"),
        ("learning_rate = 3e-3", 'learning_rate = "fast"', "learning_rate"),
        ("[data]", '[data]\npreparation = "none"', "preparation"),
        ("seed = 1", "seed = = 1", "TOML"),
        ('draw = "balanced"', 'objective = "triplet"', "triplet"),
        ('draw = "balanced"', 'objective = "supervised_contrastive"', "mixup = 0"),
        ("mixup = 0.2", 'objective = "arcface"', "cosine_scale"),
        (
            "mixup = 0.2",
            'objective = "supervised_contrastive"\ncontrast_temperature = 0',
            "temperature above 0",
        ),
    ],
)
def test_a_wrong_key_is_an_error_that_names_it(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(STARTER.read_text().replace(old, new))
    with pytest.raises(UsageError, match=named):
        load_experiment(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml"):
        load_experiment(tmp_path / "nowhere.toml")


def test_the_digest_follows_what_decides_a_networks_training(tmp_path: Path) -> None:
    first = load_experiment(STARTER)
    text = STARTER.read_text()
    path = tmp_path / "e.toml"
    path.write_text(text.replace("steps = 1000", "steps = 900"))
    second = load_experiment(path)
    assert first.digest("hand_shape") != second.digest("hand_shape")
    assert first.digest("bone") == second.digest("bone")
    path.write_text(text.replace("mixup = 0.2", "mixup = 0.3"))
    assert load_experiment(path).digest("bone") != first.digest("bone")


def test_a_network_can_be_varied_by_amounts_of_its_own(tmp_path: Path) -> None:
    text = STARTER.read_text()
    path = tmp_path / "e.toml"

    def changed(*changes: tuple[str, str]) -> Experiment:
        new = text
        for old, to in changes:
            assert old in new
            new = new.replace(old, to)
        path.write_text(new)
        return load_experiment(path)

    plain = load_experiment(STARTER)
    own = ('kind = "handshape"', 'kind = "handshape"\naugmentation = { mirror = 0.25 }')
    first = changed(own)
    assert first.augmentation == plain.augmentation
    assert first.networks["bone"].augmentation is None
    amounts = first.networks["hand_shape"].augmentation
    assert amounts == dataclasses.replace(plain.augmentation, mirror=0.25), "the rest is the experiment's"
    assert first.digest("hand_shape") != plain.digest("hand_shape")
    assert first.digest("bone") == plain.digest("bone")
    # Only what a network is varied by decides its training, wherever it is written.
    everywhere = changed(("crop = 0.3", "crop = 0.3\nmirror = 0.25"))
    assert everywhere.digest("hand_shape") == first.digest("hand_shape")


def test_what_an_objective_does_not_read_does_not_decide_a_training(tmp_path: Path) -> None:
    text = STARTER.read_text()
    path = tmp_path / "e.toml"

    def digest(change: str) -> str:
        path.write_text(text.replace("mixup = 0.2", change))
        return load_experiment(path).digest("hand_shape")

    plain = digest("mixup = 0.0")
    assert digest("mixup = 0.0\nmargin = 0.3\ncontrast_weight = 2.0") == plain
    contrast = digest('objective = "supervised_contrastive"')
    assert contrast != plain
    assert digest('objective = "supervised_contrastive"\ncontrast_weight = 2.0') != contrast
    assert digest('objective = "supervised_contrastive"\nmargin = 0.3') == contrast


# Those of other kinds (emotion, fusion heads) have their own readers and tests.
EXPERIMENTS = sorted(p for p in STARTER.parent.glob("*.toml") if "\n[networks." in p.read_text())


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.stem)
def test_every_experiment_that_ships_describes_networks_that_can_be_built(path: Path) -> None:
    torch = pytest.importorskip("torch", reason="training needs the [train] extra")
    from signlens.training.network_kinds import build_network

    experiment = load_experiment(path)
    for settings in experiment.networks.values():
        with torch.device("cpu" if settings.kind == "slgcn" else "meta"):
            network = build_network(settings, 5).eval()
        if settings.kind == "slgcn":
            nodes = 49 if settings.shape.get("graph") else 27
            assert network(torch.zeros(1, 3, settings.window, nodes))[0].shape == (1, 5)


@pytest.mark.parametrize(
    ("stream", "window"), [("joint", 120), ("bone", 100), ("joint-motion", 100), ("bone-motion", 100)]
)
def test_the_wlasl2000_experiments_are_the_published_settings(stream: str, window: int) -> None:
    torch = pytest.importorskip("torch", reason="training needs the [train] extra")
    from signlens.training.network_kinds import build_network

    experiment = load_experiment(STARTER.parents[1] / "sam_slr" / f"wlasl2000-{stream}.toml")
    (settings,) = experiment.networks.values()
    training = settings.training
    assert settings.stream == stream.replace("-", "_")
    assert (settings.window, settings.frames, training.batch, training.epochs) == (window, 150, 64, 250)
    assert (training.optimiser, training.momentum, training.weight_decay) == ("sgd", 0.9, 1e-4)
    assert (training.learning_rate, training.warm_up, training.milestones) == (0.1, 20, (150, 200))
    assert training.label_smoothing == training.mixup == 0
    with torch.device("meta"):
        network = build_network(settings, 2000)
    assert sum(p.numel() for p in network.parameters()) == 4_294_502
