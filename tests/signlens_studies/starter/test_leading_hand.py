"""Which hand leads, left open: the study on made-up landmark sets, and its figures by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the study needs the [train] extra")
pytest.importorskip("scipy", reason="learned weights need the [train] extra")

from made_landmark_sets import write_landmark_sets  # noqa: E402
from made_runs import untrained  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from signlens.models.inputs import network_input  # noqa: E402
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, mirror_joints, prepare  # noqa: E402
from signlens.training.pieces import load_network  # noqa: E402
from signlens_studies.commands.starter import app  # noqa: E402
from signlens_studies.starter import leading_hand  # noqa: E402
from signlens_studies.starter.landmark_sets import write_datasets  # noqa: E402
from signlens_studies.starter.tasks import open_starter_run  # noqa: E402

pytestmark = pytest.mark.study

SPLITS = (*(f"wlasl-fold-{k}" for k in range(5)), "traduttore-1-to-2", "traduttore-2-to-1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder, data = tmp_path_factory.mktemp("hand"), tmp_path_factory.mktemp("data")
    path = write_landmark_sets(data) / "wlasl50-real" / "clips.npz"
    with np.load(path) as archive:
        landmarks = archive["landmarks"]
    # In the first clips the left hand does what the right one does, in a mirror, and a little more of it.
    right = landmarks[:20, :, 107:].reshape(20, 30, 21, 3)
    left = right * [-1, 1.3, 1] + [1, -0.2, 0]
    landmarks[:20, :, 44:107] = left.reshape(20, 30, 63)
    np.savez(path, landmarks=landmarks)
    write_datasets(data, data / "data")
    return untrained(folder / "run", data / "data", "small", 1, SPLITS)


def test_the_study_answers_every_task_and_prints_it(run: Path) -> None:
    runner = CliRunner()
    rows = json.loads(runner.invoke(app, ["leading-hand", str(run), "--json"]).stdout)
    assert [row["task"].split(",")[0] for row in rows] == ["WLASL50-real", "Traduttore", "Traduttore"]
    printed = runner.invoke(app, ["leading-hand", str(run)]).stdout
    opened = open_starter_run(run)
    for row in rows:
        assert f"| {row['task']} | {row['clips']} |" in printed
        gained = 100 * (row["won"] - row["lost"]) / row["clips"]
        assert row["difference"]["value"] == pytest.approx(gained)
        assert row["averaged"]["value"] - row["fixed"]["value"] == pytest.approx(gained)
    tested = np.concatenate([opened.source.splits()[f"wlasl-fold-{k}"].score["test"] for k in range(5)])
    doubt = [prepare(opened.source.points(int(i), WHOLE_BODY_INDEX), 12).doubt for i in tested]
    assert rows[0]["clips"] == len(tested)
    assert rows[0]["doubtful"] == np.count_nonzero(doubt) == 20


def test_the_second_view_is_the_clip_in_a_mirror_and_only_where_there_is_doubt(run: Path) -> None:
    opened = open_starter_run(run)
    piece = ("bone", "wlasl-fold-0")
    rows = opened.source.splits()[piece[1]].score["test"]
    first, second, doubt = leading_hand._both_views(opened, piece, rows)
    model = load_network(run, opened.experiment, piece, len(opened.source.classes)).eval()
    for place, row in enumerate(rows):
        clip = prepare(opened.source.points(int(row), WHOLE_BODY_INDEX), 12)
        assert doubt[place, 0] == pytest.approx(clip.doubt)
        views = [(clip.joints, clip.visible), mirror_joints(clip.joints, clip.visible)]
        with torch.no_grad():
            one, other = (
                model(torch.from_numpy(network_input("slgcn", "bone", j[None], s[None])))[0].numpy()[0]
                for j, s in views
            )
        np.testing.assert_allclose(first[place], one, atol=1e-4)
        np.testing.assert_allclose(second[place], other if clip.doubt else one, atol=1e-4)


def test_the_figures_by_hand() -> None:
    labels = np.array([0, 0, 1, 1])
    likely = np.log([[0.6, 0.4], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    other = np.log([[0.1, 0.9], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])  # the third is in no doubt
    averaged = np.log([[0.55, 0.45], [0.6, 0.4], [0.2, 0.8], [0.25, 0.75]])
    swapped = np.log([[0.2, 0.8], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]])
    made = leading_hand.compare("t", likely, averaged, other, swapped, labels)
    assert (made.clips, made.doubtful, made.won, made.lost) == (4, 3, 1, 0)
    assert (made.fixed.value, made.averaged.value, made.difference.value) == (75, 100, 25)
    assert made.p_value == 1
    assert made.likelihood.value == pytest.approx(np.mean(np.log([0.6 / 0.55, 0.4 / 0.6, 1, 0.7 / 0.75])))
    assert made.flipped == pytest.approx(100 * 2 / 3)
    assert made.flipped_averaged == pytest.approx(100 / 3)
