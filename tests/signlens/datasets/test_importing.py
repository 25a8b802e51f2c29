"""Labels and poses brought together: every form of poses, what is missing, identities, the command."""

import hashlib
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signer_clips import SignerClip
from typer.testing import CliRunner

from signlens.cli import app
from signlens.datasets.csv_manifest import read_csv_manifest
from signlens.datasets.folder import Dataset
from signlens.datasets.gloss_folders import read_gloss_folders
from signlens.datasets.importing import (
    EXTRACTED,
    NO_FILE,
    NO_POSES_ASKED,
    ImportSettings,
    import_labels,
    sign_in_recording,
)
from signlens.datasets.summary import length_histogram, signer_overlap, summarise_dataset
from signlens.datasets.wlasl import read_wlasl
from signlens.errors import InputRejected, UsageError
from signlens.pose import PoseClip, Provenance, write_pose
from signlens.skeleton.normalise import WHOLE_BODY_INDEX

# -- where in a recording the sign is ---------------------------------------------------------------------


def at(fps: float, frames: int) -> np.ndarray:
    return np.arange(frames) / fps


@pytest.mark.parametrize(
    ("fps", "frames", "first", "last", "expected"),
    [
        (25, 200, 101, 150, slice(100, 150)),
        (30, 300, 101, 150, slice(120, 180)),  # 4 s to 6 s
        (25, 200, 101, -1, slice(100, 200)),
        (25, 200, 1, 60, slice(0, 60)),
        (25, 200, 1, -1, None),
        (25, 50, 101, 150, None),  # cut to the sign before
        (25, 50, 1, 74, None),
        (25, 147, 101, 150, slice(100, 147)),  # the recording ends a little early
        (25, 1, 1, 1, None),
    ],
)
def test_the_sign_in_a_recording(
    fps: float, frames: int, first: int, last: int, expected: slice | None
) -> None:
    assert sign_in_recording(at(fps, frames), first, last) == expected


@given(st.integers(1, 300), st.integers(1, 200), st.integers(0, 100), st.sampled_from([12.5, 25, 50]))
def test_a_range_within_a_recording_keeps_its_time(first: int, length: int, more: int, fps: float) -> None:
    last = first + length - 1
    times = at(fps, int(np.ceil((last + more) * fps / 25)) + 1)
    part = sign_in_recording(times, first, last)
    inside = [i for i, t in enumerate(times) if (first - 1) / 25 - 1e-6 <= t < last / 25 - 1e-6]
    assert list(range(len(times)))[part or slice(None)] == (inside or list(range(len(times))))


# -- poses of every form ----------------------------------------------------------------------------------


def made_keypoints(frames: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    keypoints = rng.uniform(10, 400, (frames, 133, 4)).astype(np.float32)
    keypoints[..., 3] = rng.random((frames, 133)) * (rng.random((frames, 133)) > 0.3)
    keypoints[keypoints[..., 3] == 0, :3] = np.nan
    return keypoints


def save_pose(
    path: Path, frames: int = 10, seed: int = 0, fps: float = 25.0, extractor: str = "other"
) -> PoseClip:
    clip = PoseClip(
        keypoints=made_keypoints(frames, seed),
        face_mesh=None,
        times=np.arange(frames) / fps,
        fps=fps,
        width=512,
        height=512,
        provenance=Provenance(
            extractor,
            "1.0",
            source={"name": f"{path.stem}.mp4", "sha256": hashlib.sha256(str(seed).encode()).hexdigest()},
        ),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pose(clip, path)
    return clip


def table(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("clip,gloss,signer,split\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_every_form_of_poses_is_read_and_what_is_missing_is_said(tmp_path: Path) -> None:
    poses = tmp_path / "poses"
    clip = save_pose(poses / "a.pose", 6)
    array = np.random.default_rng(0).uniform(1, 500, (4, 133, 3)).astype(np.float32)
    array[..., 2] = 0.5
    np.save(poses / "b_color.mp4.npy", array)
    (poses / "c").mkdir()
    for frame in range(3):
        people = [{"hand_left_keypoints_2d": [float(frame), 1.0, 0.9] * 21}]
        (poses / "c" / f"c_{frame:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    (poses / "d.pose").write_bytes(b"hello")
    labels = table(
        tmp_path / "t.csv", "a,tea,ann,train", "b_color,tea,,val", "c,tea,,", "d,milk,,", "e,milk,,test"
    )
    read = import_labels(read_csv_manifest(labels), ImportSettings(tmp_path / "out", poses=poses))
    assert [c.name for c in read.clips] == ["a", "b_color", "c", "d", "e"]
    assert [c.available for c in read.clips] == [True, True, True, False, False]
    seen = clip.keypoints[..., 3] > 0
    np.testing.assert_array_equal(read.poses(0)[seen], clip.keypoints[seen])
    np.testing.assert_array_equal(read.poses(1)[..., [0, 1, 3]], array)
    assert read.poses(2)[:, 91, 0].tolist() == [0, 1, 2]
    assert read.clips[0].source_sha256 == clip.provenance.source["sha256"], "of the video, which is known"
    assert read.clips[1].source_sha256 == hashlib.sha256((poses / "b_color.mp4.npy").read_bytes()).hexdigest()
    assert read.clips[3].reason.startswith("d.pose: ")
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.csv").read_text()
    assert read.clips[4].reason == NO_FILE
    assert read.provenance["extractors"] == {"COCO-WholeBody arrays": 1, "OpenPose": 1, "other 1.0": 1}
    small = import_labels(
        read_csv_manifest(labels), ImportSettings(tmp_path / "s", poses=poses, keypoints="signing")
    )
    assert small.keypoints.tolist() == sorted(WHOLE_BODY_INDEX.tolist())
    np.testing.assert_array_equal(small.poses(0), read.poses(0)[:, WHOLE_BODY_INDEX])
    assert small.identity == read.identity


def test_a_labelled_range_is_cut_out_of_a_whole_recording_only(tmp_path: Path) -> None:
    whole = save_pose(tmp_path / "poses" / "00001.pose", 100, 1)
    cut = save_pose(tmp_path / "poses" / "00002.pose", 20, 2)
    records = [
        {
            "gloss": "book",
            "instances": [
                {"video_id": v, "split": "train", "signer_id": 1, "frame_start": 41, "frame_end": 60}
                for v in ("00001", "00002")
            ],
        }
    ]
    (tmp_path / "WLASL_v0.3.json").write_text(json.dumps(records))
    labels = read_wlasl((tmp_path / "WLASL_v0.3.json",), None)
    read = import_labels(labels, ImportSettings(tmp_path / "out", poses=tmp_path / "poses"))
    np.testing.assert_array_equal(read.poses(0)[..., 3], whole.keypoints[40:60, :, 3])
    np.testing.assert_array_equal(read.poses(1)[..., 3], cut.keypoints[..., 3])
    assert read.provenance["cuts"] == {"cut": 1, "cut before": 1}


def test_the_identity_does_not_depend_on_the_order_of_files_but_on_which_are_there(tmp_path: Path) -> None:
    def build(name: str, order: list[int], skip: int = -1) -> Dataset:
        root = tmp_path / name
        rows = [f"{i},tea,ann,{'train' if i % 2 else 'val'}" for i in order]
        labels = table(root / "t.csv", *rows)
        for i in order:
            if i != skip:
                save_pose(root / "poses" / f"{i}.pose", 3 + i, i)
        return import_labels(read_csv_manifest(labels), ImportSettings(root / "out", poses=root / "poses"))

    order = list(range(6))
    first = build("first", order)
    second = build("second", random.Random(1).sample(order, 6))
    assert first.identity == second.identity
    assert [c.name for c in first.clips] == [c.name for c in second.clips]
    assert build("third", order, skip=2).identity != first.identity


def test_labels_alone_make_a_dataset_without_poses(tmp_path: Path) -> None:
    labels = table(tmp_path / "t.csv", "a,tea,ann,train", "b,milk,bob,test")
    read = import_labels(read_csv_manifest(labels), ImportSettings(tmp_path / "out", labels_only=True))
    assert [c.reason for c in read.clips] == [NO_POSES_ASKED] * 2
    assert read.rows().tolist() == []
    with pytest.raises(UsageError, match="has no poses"):
        read.poses(0)
    found = summarise_dataset(read)
    assert found["splits"]["train"] == {"listed": 1, "available": 0, "glosses": 1, "signers": 1}
    assert found["hands"] is None
    assert found["frames"]["total"] == 0


def test_poses_that_fit_no_clip_are_a_mistake_and_nothing_is_written(tmp_path: Path) -> None:
    save_pose(tmp_path / "poses" / "x.pose")
    labels = table(tmp_path / "t.csv", "a,tea,,")
    with pytest.raises(InputRejected, match="none of its 1 clips has poses") as caught:
        import_labels(read_csv_manifest(labels), ImportSettings(tmp_path / "out", poses=tmp_path / "poses"))
    assert "--labels-only" in caught.value.remedy
    assert not list((tmp_path / "out").iterdir())


BAD_REQUESTS = {
    "No such option: --subset": (2, ("csv", "t.csv", "--out", "o", "--subset", "100")),
    "2 sources are given": (2, ("csv", "t.csv", "t.csv", "--out", "o")),
    "videos or poses are given too": (2, ("csv", "t.csv", "--out", "o", "--poses", ".", "--labels-only")),
    "starter datasets": (2, ("traduttore", ".", "--out", "o", "--poses", ".")),
    "No such option: --videos": (2, ("gloss-folders", ".", "--out", "o", "--videos", ".")),
    "it lies within the gloss folders": (2, ("gloss-folders", ".", "--out", "o")),
    "there is no such folder": (3, ("csv", "t.csv", "--out", "o", "--poses", "none")),
}


@pytest.mark.parametrize("message", BAD_REQUESTS)
def test_requests_that_cannot_be_met_are_refused(
    tmp_path: Path, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "t.csv", "a,tea,,")
    monkeypatch.chdir(tmp_path)
    code, arguments = BAD_REQUESTS[message]
    found = CliRunner().invoke(app, ["dataset", "import", *arguments])
    assert found.exit_code == code, found.output
    assert message in found.stderr


# -- videos -----------------------------------------------------------------------------------------------


def test_videos_are_extracted_once_and_again_when_they_change(
    signer_clip: Callable[..., SignerClip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = signer_clip(frames=6).path
    gloss = tmp_path / "videos" / "thank-you"
    gloss.mkdir(parents=True)
    (gloss / "a.mp4").write_bytes(video.read_bytes())
    (gloss / "b.mp4").write_bytes(b"no video")
    settings = ImportSettings(tmp_path / "out")
    frames: list[str] = []

    def run(settings: ImportSettings) -> Dataset:
        def note(done: float, total: float | None, text: str) -> None:
            if "frames" in text:
                frames.append(text.split(", ")[1])

        labels = read_gloss_folders(tmp_path / "videos", "")
        return import_labels(labels, settings, note, clips_in=tmp_path / "videos")

    first = run(settings)
    assert frames == [f"{count} frames" for count in range(1, 7)]
    assert [(c.name, c.available, c.frames) for c in first.clips] == [
        ("thank-you/a", True, 6),
        ("thank-you/b", False, 0),
    ]
    assert first.clips[0].source_sha256 == hashlib.sha256(video.read_bytes()).hexdigest()
    assert first.clips[1].reason.startswith("b.mp4: ")
    kept = tmp_path / "out" / EXTRACTED / "thank-you" / "a.pose"
    assert kept.is_file()

    frames.clear()
    again = run(settings)
    assert not frames, "nothing is extracted twice"
    assert again.identity == first.identity
    np.testing.assert_array_equal(again.poses(0), first.poses(0))

    (gloss / "b.mp4").unlink()
    (gloss / "a.mp4").write_bytes(
        video.read_bytes() + b"\0\0\0\x08free"
    )  # another file, of the same pictures
    changed = run(settings)
    assert len(frames) == 6
    np.testing.assert_array_equal(changed.poses(0), first.poses(0))
    assert changed.identity != first.identity

    def broken(*arguments: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("signlens.pose.holistic.HolisticExtractor.extract", broken)
    (gloss / "c.mp4").write_bytes(video.read_bytes())
    with_defect = run(settings)
    assert [c.available for c in with_defect.clips] == [True, False]
    assert "a defect of SignLens (RuntimeError: broken)" in with_defect.clips[1].reason
    (gloss / "c.mp4").unlink()

    # Another tool's poses beside the videos are taken as they are, and no video is opened.
    save_pose(tmp_path / "poses" / "thank-you" / "a.pose", 9)
    theirs = run(replace(settings, poses=tmp_path / "poses"))
    assert theirs.clips[0].frames == 9


# -- what is in it ------------------------------------------------------------------------------------------


def test_the_summary_counts_what_was_made(tmp_path: Path) -> None:
    poses = np.zeros((5, 133, 3), np.float32)
    poses[:, 0:11] = [100, 100, 0.9]
    left, right = poses.copy(), poses.copy()
    left[1:3, 91:112] = [90, 90, 0.5]
    right[:, 120] = [80, 80, 0.4]
    folder = tmp_path / "poses"
    folder.mkdir()
    for name, array in (
        ("none", poses),
        ("left", left),
        ("right", right),
        ("long", np.tile(right, (50, 1, 1))),
    ):
        np.save(folder / f"{name}.npy", array)
    labels = table(
        tmp_path / "t.csv",
        "none,tea,ann,train",
        "left,tea,bob,val",
        "right,milk,ann,val",
        "long,milk,,test",
        "lost,tea,ann,test",
    )
    found = summarise_dataset(
        import_labels(read_csv_manifest(labels), ImportSettings(tmp_path / "out", poses=folder))
    )
    assert found["clips"] == {"listed": 5, "available": 4}
    assert found["splits"]["test"] == {"listed": 2, "available": 1, "glosses": 2, "signers": 1}
    assert found["hands"]["clips_without"] == {"left": 3, "right": 2, "any": 1}
    assert found["hands"]["share_of_frames"] == {
        "left": pytest.approx(2 / 265),
        "right": pytest.approx(255 / 265),
        "any": pytest.approx(257 / 265),
    }
    assert found["signer_overlap"]["val"] == {"clips_with_known_signer": 2, "signer_trains": 1, "share": 0.5}
    assert found["signer_overlap"]["test"] == {
        "clips_with_known_signer": 0,
        "signer_trains": 0,
        "share": None,
    }
    assert found["glosses_without_training_clip"] == 1
    assert found["missing"] == {"count": 1, "reasons": {NO_FILE: 1}, "clips": ["lost"]}
    assert found["frames"] == {"total": 265, "shortest": 5, "median": 5, "mean": 66.25, "longest": 250}
    assert [e["clips"] for e in found["length_histogram"] if e["clips"]] == [3, 1]


@given(st.lists(st.integers(1, 400)))
def test_every_length_is_in_one_bin(lengths: list[int]) -> None:
    bins = length_histogram(lengths)
    for entry in bins:
        end = entry["to"] or 10**9
        assert entry["clips"] == sum(entry["from"] <= n <= end for n in lengths)
    assert sum(entry["clips"] for entry in bins) == len(lengths)
    assert all(a["to"] + 1 == b["from"] for a, b in itertools.pairwise(bins))


def test_overlap_without_splits_is_nothing() -> None:
    assert signer_overlap([]) == {}


# -- the command --------------------------------------------------------------------------------------------


def run(*arguments: object):
    return CliRunner().invoke(app, ["dataset", *map(str, arguments)])


def test_import_and_info_print_the_same_summary(tmp_path: Path) -> None:
    save_pose(tmp_path / "clips" / "tea" / "ann-1.pose", 20)
    save_pose(tmp_path / "clips" / "milk" / "bob-1.pose", 40, 1)
    arguments = (tmp_path / "clips", "--out", tmp_path / "out", "--signer-pattern", "^[a-z]+")
    made = run(
        "import",
        "gloss-folders",
        *arguments,
        "--signer-split",
        "train=ann",
        "--signer-split",
        "test=bob",
        "--json",
    )
    assert made.exit_code == 0, made.stderr
    told = run("info", tmp_path / "out", "--verify", "--json")
    assert json.loads(told.stdout) == json.loads(made.stdout)
    assert json.loads(told.stdout)["splits"]["test"]["available"] == 1
    text = run("info", tmp_path / "out").stdout
    assert Dataset.open(tmp_path / "out").identity in text
    assert "16 to 31" in text
    assert "0 of 1 clips (0.00%) are signed by someone who also trains" in text


def test_errors_are_one_line_and_an_exit_code(tmp_path: Path) -> None:
    for arguments, code in (
        (("info", tmp_path), 3),
        (("import", "csv", tmp_path / "none.csv", "--out", tmp_path / "o"), 3),
        (("import", "csv", tmp_path / "t.csv", "--out", tmp_path / "o", "--subset", "100"), 2),
        (("import", "nonsense", tmp_path, "--out", tmp_path / "o"), 2),
    ):
        answer = run(*arguments)
        assert answer.exit_code == code
        assert "Traceback" not in answer.output
        assert not answer.stdout


@pytest.mark.shared
def test_table_1_of_the_paper(shared_data: Path, tmp_path: Path) -> None:
    seed = shared_data / "wlasl-seed-results" / "split_labels.csv"
    made = run("import", "slr-sentiment", seed, "--out", tmp_path / "seed", "--json")
    found = json.loads(made.stdout)
    assert {split: part["listed"] for split, part in found["splits"].items()} == {
        "train": 8810,
        "val": 2723,
        "test": 2067,
    }
    assert found["published"]["clips"] == {"train": 8811, "val": 2723, "test": 2067}
    text = run("info", tmp_path / "seed").stdout
    assert "8,811" in text
    assert "signer5_sample1557" in text
