"""DAN's training: its experiment file, its augmentation, its sampler, and that it learns made-up faces."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from places import ROOT
from safetensors import safe_open
from study_commands import study

torch = pytest.importorskip("torch", reason="training needs the [train] extra")

from signlens.emotion.dan_network import DAN, read_weights, save_weights  # noqa: E402
from signlens.emotion.expressions import EMOTIONS  # noqa: E402
from signlens.errors import InputRejected, UsageError  # noqa: E402
from signlens_studies.expression import dan  # noqa: E402
from signlens_studies.expression.measured_faces import FOLDER_OF_EMOTION  # noqa: E402

EXPERIMENT = ROOT / "src" / "signlens_studies" / "expression" / "emotion-dan.toml"


def test_affinity_by_hand():
    loss = dan.AffinityLoss(2, channels=2)
    with torch.no_grad():
        loss.centres.copy_(torch.tensor([[0.0, 0.0], [2.0, 4.0]]))
    pooled = torch.tensor([[1.0, 1.0], [2.0, 7.0]])
    # Squared distances 2 and 9; variances of the centres 2 and 8.
    assert loss(pooled, torch.tensor([0, 1])).item() == pytest.approx((2 + 9) / 2 / 10)
    assert loss(torch.tensor([[2.0, 4.0]]), torch.tensor([1])).item() == 0


def test_partition_by_hand_and_its_sense():
    heads = torch.tensor([[[0.0, 1.0], [2.0, 1.0]]])  # variances 2 and 0, mean 1
    assert dan.partition_loss(heads).item() == pytest.approx(np.log(1 + 2 / 1), rel=1e-5)
    assert dan.partition_loss(10 * heads) < dan.partition_loss(heads)
    assert dan.partition_loss(heads[:, :1]).item() == 0


def test_a_converted_checkpoint_is_the_same_network(tmp_path):
    source, target = tmp_path / "dan.safetensors", tmp_path / "converted.safetensors"
    model = DAN()
    save_weights(model, EMOTIONS, source)
    assert len(dan.convert_checkpoint(source, target)) == 64
    again, expressions = read_weights(target)
    assert expressions == EMOTIONS
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    with safe_open(target, "pt") as file:
        assert json.loads(file.metadata()["facts"])["converted_from"]["name"] == "dan.safetensors"
    with pytest.raises(InputRejected):
        dan.convert_checkpoint(tmp_path / "none.pth", target)


def test_the_shipped_experiment_is_readable():
    experiment = dan.load_experiment(EXPERIMENT)
    assert experiment.augmentation.affine_share == 0.7


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 0", "seed = 0\ncolour = 1"),
        ("seed = 0", ""),
        ("folds = 5", "folds = true"),
        ("held_out_fold = 0", "held_out_fold = 5"),
        ("degrees = 20", "degrees = 'many'"),
        ("smallest = 0.8", "smallest = 0"),
        ("shift = 0.2", "shift = 2"),
        ("[augmentation]", "[changes]"),
        ("decay = 0.8", "decay = 1.2"),
    ],
)
def test_a_wrong_experiment_is_an_error(tmp_path, old, new):
    text = EXPERIMENT.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "experiment.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=r"experiment\.toml"):
        dan.load_experiment(path)


def test_prepared_faces_are_normalised_grey():
    crops = torch.full((2, 48, 48), 255, dtype=torch.uint8)
    found = dan.prepared(crops, 64)
    assert found.shape == (2, 3, 64, 64)
    for channel, (mean, deviation) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        np.testing.assert_allclose(found[:, channel].numpy(), (1 - mean) / deviation, rtol=1e-5)


STILL = dan.DanAugmentation(0, 0, 1, 0, 0, 0)


def test_without_changes_faces_are_only_flipped():
    generator = torch.Generator().manual_seed(0)
    faces = torch.randn(40, 3, 32, 32, generator=generator)
    changed = dan.augmented(faces, STILL, generator)
    same = np.abs((changed - faces).numpy()).max(axis=(1, 2, 3)) < 1e-4
    flipped = np.abs((changed - faces.flip(3)).numpy()).max(axis=(1, 2, 3)) < 1e-4
    assert (same ^ flipped).all()
    assert 5 < flipped.sum() < 35


def test_a_shift_moves_by_at_most_its_share_and_erasing_blanks_a_rectangle():
    generator = torch.Generator().manual_seed(1)
    faces = torch.zeros(60, 3, 40, 40)
    faces[:, :, 20, 20] = 40.0  # a dot in the middle
    moved = dan.augmented(faces, dataclasses.replace(STILL, affine_share=1.0, shift=0.2), generator)
    places = np.array([np.argwhere(face[0].numpy() > 5).mean(axis=0) for face in moved])
    assert np.abs(places - 20).max() <= 0.2 * 40 + 1
    assert np.abs(places - 20).max() > 4
    ones = torch.ones(60, 3, 40, 40)
    erased = dan.augmented(ones, dataclasses.replace(STILL, erase_share=1.0, most_erased=0.2), generator)
    for face in erased[:, 0].numpy():
        rows, columns = np.flatnonzero((face == 0).any(axis=1)), np.flatnonzero((face == 0).any(axis=0))
        assert (face[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 0).all()
        assert 0 < (face == 0).mean() <= 0.2 * 1.3
        assert np.isclose(face[face != 0], 1, atol=1e-5).all()


def test_classes_are_drawn_equally_often():
    label = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)
    order = dan.balanced_order(label, torch.Generator().manual_seed(0))
    counts = torch.bincount(label[order]).numpy()
    assert counts.sum() == 1000
    np.testing.assert_allclose(counts, 1000 / 3, rtol=0.15)


def made_crops(folder: Path, people: int) -> None:
    """Crops whose expression is where the bright spot is; two a person and expression."""
    generator = np.random.default_rng(0)
    for kind, name in enumerate(FOLDER_OF_EMOTION.values()):
        (folder / name).mkdir(parents=True)
        for person in range(people):
            for take in range(2):
                picture = generator.normal(90, 10, (48, 48))
                angle = 2 * np.pi * kind / 7
                x, y = 24 + 14 * np.cos(angle), 24 + 14 * np.sin(angle)
                rows, columns = np.mgrid[:48, :48]
                picture += 140 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 30)
                path = folder / name / f"S{person:03}_001_{take:08}.png"
                cv2.imwrite(str(path), picture.clip(0, 255).astype(np.uint8))


def trained(tmp_path: Path, capsys, epochs: int, people: int) -> dict:
    """Run the command on made-up crops; gives the report that it prints."""
    made_crops(tmp_path / "data", people)
    text = EXPERIMENT.read_text(encoding="utf-8")
    for old, new in (
        ("side = 48", "side = 32"),
        ("epochs = 8", f"epochs = {epochs}"),
        ("batch = 32", "batch = 16"),
        ("folds = 5", "folds = 4"),
        ("learning_rate = 0.0005", "learning_rate = 0.001"),
        ("affine_share = 0.7", "affine_share = 0"),
        ("erase_share = 0.5", "erase_share = 0"),
    ):
        assert old in text
        text = text.replace(old, new)
    experiment = tmp_path / "small.toml"
    experiment.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    assert study("expression", "dan", experiment, "--data", tmp_path / "data", "--out", out) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "report.json").read_text(encoding="utf-8"))
    return report


def test_whole_people_are_held_out_and_the_report_and_weights_are_written(tmp_path, capsys):
    report = trained(tmp_path, capsys, epochs=1, people=4)
    assert report["trained_on"] == {"faces": 42, "subjects": 3}
    assert report["tested_on"] == {"faces": 14, "subjects": 1}
    assert report["always_the_most_frequent"]["accuracy"] == pytest.approx(1 / 7)
    assert len(report["losses"]) == 1
    _, expressions = read_weights(tmp_path / "out" / "dan.safetensors")
    assert expressions == dan.EXPRESSIONS


@pytest.mark.slow
def test_it_learns_made_up_faces_of_people_it_has_not_seen(tmp_path, capsys):
    report = trained(tmp_path, capsys, epochs=7, people=8)
    # Flipping makes places on the left and on the right alike, so not all can be told apart.
    assert report["accuracy"] > 2.5 / 7
    assert report["gain_interval_95"][0] > 0
    assert report["losses"][-1]["cross_entropy"] < report["losses"][0]["cross_entropy"]


def test_missing_data_is_an_answer_not_a_traceback(tmp_path, capsys):
    options = [str(EXPERIMENT), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert study("expression", "dan", *options) == InputRejected.exit_code
    assert "CK+" in capsys.readouterr().err
