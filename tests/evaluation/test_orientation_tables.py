"""Tables 12 and 13, Figures 10 and 11 on a made dataset in the paper's layout."""

import json
from pathlib import Path

import numpy as np
import pytest

from signlens.datasets.folder import ClipRecord, write_dataset
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.metrics import Interval
from signlens.evaluation.orientation_tables import RECIPES, TABLE_13, published
from signlens.evaluation.reproduce import Request
from signlens.models.sign_model import SignModel
from turned_figure import as_seen, pose_clip, standing

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


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_theirs_stands_beside_ours(oriented: Path, name: str) -> None:
    made = RECIPES[name](Request(dataset=oriented))
    assert made.data["clips"] == 6  # neither the unknown gloss nor the clip without a side
    assert made.data["left"] == 2
    assert len(made.data["glosses_of_the_paper"]) == 12
    for row in made.rows:
        assert isinstance(row.ours, Interval)
        assert row.ours.low <= row.ours.value <= row.ours.high
    json.dumps(made.to_json())
    variants = {row.measure.rsplit(", ", 1)[-1] for row in made.rows}
    assert {"put right", "as published"} <= variants


def test_table_13_has_every_printed_row_in_both_readings(oriented: Path) -> None:
    made = RECIPES["table13"](Request(dataset=oriented))
    printed = {(row.paper_name, row.theirs) for row in made.rows if row.theirs is not None}
    assert printed == {(mode, value) for mode, pair in TABLE_13.items() for value in pair}


def test_the_published_rotation_moves_the_wrists_alone() -> None:
    clip = pose_clip(as_seen(standing(), 30))
    made = published("fixed-45")(clip).keypoints
    moved = np.flatnonzero(np.abs(made - clip.keypoints)[..., :2].max(axis=(0, 2)) > 0.01)
    assert moved.tolist() == [9, 10]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--dataset"):
        RECIPES["fig10"](Request())
    folder = tmp_path / "set"
    poses = pose_clip(as_seen(standing(4), 0)).keypoints
    write_dataset(folder, "made", "folder", ["x"], np.arange(133), [(ClipRecord("left-x", "x"), poses)])
    with pytest.raises(InputRejected, match="orientation"):
        RECIPES["table12"](Request(dataset=folder))
