"""Tables 12 and 13, Figures 10 and 11 on a made dataset in the paper's layout."""

import json
from pathlib import Path

import numpy as np
import pytest
from turned_figure import as_seen, pose_clip, standing
from typer.testing import CliRunner

from signlens.cli import app
from signlens.datasets.folder import ClipRecord
from signlens.datasets.folder_writer import write_dataset
from signlens.errors import InputRejected, PartMissing
from signlens.evaluation.metrics import Interval
from signlens.evaluation.systems import Settings
from signlens.models.sign_model import STARTER, SignModel
from signlens_studies.orientation import tables
from signlens_studies.orientation.tables import TABLE_13, published

pytestmark = pytest.mark.study

TURNS = {"straight": 0, "left": 40, "right": -40}


@pytest.fixture(scope="module")
def oriented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    glosses = [*SignModel().glosses[:2], "no-such-gloss"]
    clips = []
    for signer, gloss in ((1, glosses[0]), (2, glosses[1]), (1, glosses[2])):
        for side, yaw in TURNS.items():
            poses = pose_clip(as_seen(standing(10, signer), yaw)).keypoints
            clips.append((ClipRecord(f"signer{signer}-{side}-{gloss}", gloss), poses))
    clips.append((ClipRecord("unknown-side", glosses[0]), clips[0][1]))
    folder = tmp_path_factory.mktemp("oriented") / "set"
    write_dataset(folder, "made", "folder", glosses, np.arange(133), clips)
    return folder


@pytest.mark.parametrize("name", ["table12", "table13", "fig10", "fig11"])
def test_theirs_stands_beside_ours(oriented: Path, name: str) -> None:
    made = getattr(tables, name)(oriented, Settings())
    assert made.data["clips"] == 6  # neither the unknown gloss nor the clip without a side
    assert made.data["left"] == 2
    assert len(made.data["glosses_of_the_paper"]) == 12
    for row in made.rows:
        if row.why_not:
            assert "WLASL" in row.paper_name
            continue
        assert isinstance(row.ours, Interval)
        assert row.ours.low <= row.ours.value <= row.ours.high
    json.dumps(made.to_json())
    assert len({row.measure for row in made.rows}) == len(made.rows)
    for variant in ("put right", "as published (wrists alone)"):
        assert any(row.measure.endswith(variant) for row in made.rows)
    assert made.figure is None


def test_table_13_has_every_printed_row_in_both_readings(oriented: Path) -> None:
    made = tables.table13(oriented, Settings())
    printed = {(row.paper_name, row.theirs) for row in made.rows if row.paper_name}
    assert printed == {(mode, value) for mode, pair in TABLE_13.items() for value in pair}
    recorded = {row.measure: row.theirs for row in made.rows if not row.paper_name}
    assert recorded["top-1, none"] == 16.36
    assert recorded["top-1, normal, as published, all joints"] == 2.73
    # Whole clips of 110.
    counts = [value * 1.1 for value in (*recorded.values(), *(v for _, v in printed)) if value is not None]
    np.testing.assert_allclose(counts, np.round(counts), atol=0.011)


@pytest.mark.parametrize(("name", "panels"), [("fig10", 2), ("fig11", 3)])
def test_figures_are_drawn_into_a_file(oriented: Path, tmp_path: Path, name: str, panels: int) -> None:
    pytest.importorskip("matplotlib", reason="figures need the extra studies")
    path = tmp_path / f"{name}.svg"
    done = CliRunner().invoke(
        app, ["reproduce", name, "--dataset", str(oriented), "--out", str(path), "--json", "--draws", "100"]
    )
    assert done.exit_code == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["figure"] == str(path)
    drawn = path.read_text(encoding="utf-8")
    assert drawn.count('id="axes_') == panels
    measures = {row["measure"] for row in made["rows"]}
    assert "left, fixed-10, as published, all joints" in measures or name == "fig10"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["fig10", "--out", "bars.txt"], ".svg"), (["table12", "--out", "bars.svg"], "No such option: --out")],
)
def test_a_figure_that_cannot_be_is_refused(oriented: Path, arguments: list[str], word: str) -> None:
    done = CliRunner().invoke(app, ["reproduce", *arguments, "--dataset", str(oriented)])
    assert done.exit_code == 2
    assert word in done.stderr


def test_another_model_can_be_named(oriented: Path, tmp_path: Path) -> None:
    with pytest.raises(PartMissing, match="no sign model"):
        tables.table12(oriented, Settings(), tmp_path)
    made = tables.fig10(oriented, Settings(), STARTER)
    assert made.data["model"] == SignModel().identity


def test_the_published_rotation_moves_the_wrists_alone() -> None:
    clip = pose_clip(as_seen(standing(), 30))
    made = published("fixed-45")(clip).keypoints
    moved = np.flatnonzero(np.abs(made - clip.keypoints)[..., :2].max(axis=(0, 2)) > 0.01)
    assert moved.tolist() == [9, 10]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    poses = pose_clip(as_seen(standing(4), 0)).keypoints
    write_dataset(folder, "made", "folder", ["x"], np.arange(133), [(ClipRecord("left-x", "x"), poses)])
    with pytest.raises(InputRejected, match="orientation"):
        tables.table12(folder, Settings())
