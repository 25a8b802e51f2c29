from pathlib import Path

import pytest

from signlens.errors import UsageError
from signlens.training.experiment import load_experiment

STARTER = Path(__file__).parents[2] / "experiments" / "starter.toml"


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
        ("batch = 32", "", "batch"),
        ("steps = 800", "", "steps"),
        ('draw = "balanced"', 'draw = "often"', "often"),
        ("learning_rate = 3e-3", 'learning_rate = "fast"', "learning_rate"),
        ('dataset = "starter-sets"', 'dataset = "starter-sets"\npreparation = "none"', "preparation"),
        ("seed = 1", "seed = = 1", "TOML"),
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
