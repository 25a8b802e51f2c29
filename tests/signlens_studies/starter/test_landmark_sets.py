import csv
from pathlib import Path

import numpy as np
import pytest
from places import DATA, SHARED

from signlens.datasets.folder import Dataset
from signlens.datasets.importing import import_dataset
from signlens.errors import InputRejected
from signlens.skeleton.normalise import WHOLE_BODY_INDEX
from signlens_studies.starter.landmark_sets import (
    find_poses,
    load_traduttore,
    load_wlasl50,
    open_traduttore,
    write_datasets,
)

needs_shared = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings are not at {SHARED / 'data'}")


def write(folder: Path, rows: list[dict[str, str]], landmarks: np.ndarray, **more: np.ndarray) -> None:
    with (folder / "clips.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    np.savez(folder / "clips.npz", landmarks=landmarks, **more)


def test_traduttore_points_land_where_they_belong(tmp_path: Path) -> None:
    landmarks = np.zeros((3, 20, 258), np.float32)
    landmarks[0, :, :132] = np.tile(np.arange(33).repeat(4) / 100 + 0.1, (20, 1))
    landmarks[0, :, 195:] = np.linspace(0.2, 0.8, 63)  # right hand only
    landmarks[1] = landmarks[0]
    base = {"sequence": "0", "kind": "word", "recorder": "recorder1", "all_zero": "0", "duplicate_of": ""}
    rows = [
        {**base, "gloss": "tea"},
        {**base, "gloss": "b", "kind": "letter", "sequence": "1"},
        {**base, "gloss": "-", "kind": "idle", "all_zero": "1"},
    ]
    write(tmp_path, rows, landmarks)
    clips = load_traduttore(tmp_path)
    assert [c.gloss for c in clips] == ["tea", "letter:b"]
    points = clips[0].points
    assert points.shape == (20, 49, 4)
    # MediaPipe pose 11 is the left shoulder, our point 1; x counts in frame heights (4:3).
    np.testing.assert_allclose(points[0, 1, :2], [0.21 * 4 / 3, 0.21], rtol=1e-5)
    assert not points[:, 7:28, 3].any(), "the left hand is missing, not at the corner of the frame"
    assert points[:, 28:, 3].all()


def test_wlasl_clips_end_where_their_length_says(tmp_path: Path) -> None:
    landmarks = np.random.default_rng(0).random((2, 30, 170)).astype(np.float32)
    rows = [
        {"row": "0", "gloss": "book", "sequence": "0", "length": "12", "fold": "0"},
        {"row": "1", "gloss": "dog", "sequence": "0", "length": "30", "fold": "3"},
    ]
    write(tmp_path, rows, landmarks, length=np.array([12, 30]))
    clips = load_wlasl50(tmp_path)
    assert [len(c.points) for c in clips] == [12, 30]
    assert [c.fold for c in clips] == [0, 3]


def test_poses_of_gallery_clips_are_found_where_the_set_is_at_hand(tmp_path: Path) -> None:
    landmarks = np.random.default_rng(0).random((2, 30, 170)).astype(np.float32)
    landmarks[0, :, 44:107] = 0
    rows = [
        {"row": "0", "gloss": "book", "sequence": "0", "length": "12", "fold": "0"},
        {"row": "1", "gloss": "dog", "sequence": "0", "length": "30", "fold": "3"},
    ]
    (tmp_path / "wlasl50-real").mkdir()
    write(tmp_path / "wlasl50-real", rows, landmarks)
    found = find_poses(tmp_path, {"wlasl50/book/0", "traduttore/tea/recorder1-3", "mine/a"})
    assert list(found) == ["wlasl50/book/0"]
    clip = found["wlasl50/book/0"]
    assert clip.frames == 12
    assert clip.coverage().left_hand == 0
    assert clip.coverage().right_hand == 1
    # MediaPipe's nose (its point 0) in pixels of a frame 480 high and 1.4 times as wide.
    np.testing.assert_allclose(clip.keypoints[0, 0, :2], landmarks[0, 0, :2] * [480 * 1.4, 480], rtol=1e-4)
    assert find_poses(tmp_path / "nowhere", {"wlasl50/book/0"}) == {}


def test_a_folder_without_the_set_or_with_other_arrays_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match=r"clips\.csv"):
        load_wlasl50(tmp_path)
    write(
        tmp_path,
        [{"row": "0", "gloss": "a", "sequence": "0", "length": "1", "fold": "0"}],
        np.zeros((1, 30, 9)),
    )
    with pytest.raises(InputRejected, match="shape"):
        load_wlasl50(tmp_path)


@pytest.mark.shared
@needs_shared
def test_the_shared_sets_have_their_documented_sizes() -> None:
    wlasl = load_wlasl50(DATA / "wlasl50-real")
    assert len(wlasl) == 423
    assert len({c.gloss for c in wlasl}) == 50
    traduttore = load_traduttore(DATA / "traduttore-asl")
    assert len(traduttore) == 4693 - 60
    words = {c.gloss for c in traduttore if c.gloss != "idle" and not c.gloss.startswith("letter:")}
    assert len(words) == 14


def write_set(folder: Path, rows: list[dict[str, str]], landmarks: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    np.savez_compressed(folder / "clips.npz", landmarks=landmarks)
    return folder


def traduttore_set(folder: Path) -> Path:
    landmarks = np.random.default_rng(0).random((4, 20, 258)).astype(np.float32)
    landmarks[:, :, 132:195] *= np.random.default_rng(1).random((4, 20, 1)) > 0.5
    landmarks[2] = 0
    base = {"sequence": "0", "kind": "word", "recorder": "recorder1", "all_zero": "0", "duplicate_of": ""}
    rows = [
        {**base, "gloss": "tea"},
        {**base, "gloss": "b", "kind": "letter", "recorder": "recorder2"},
        {**base, "gloss": "-", "kind": "idle", "all_zero": "1"},
        {**base, "gloss": "tea", "sequence": "1", "recorder": "recorder3"},
    ]
    return write_set(folder, rows, landmarks)


def read_set(folder: Path, out: Path) -> Dataset:
    labels, poses = open_traduttore(folder)
    return import_dataset(labels, poses, out, keypoints="signing")


def test_traduttore_is_imported_as_it_is_loaded(tmp_path: Path) -> None:
    folder = traduttore_set(tmp_path / "set")
    read = read_set(folder, tmp_path / "out")
    loaded = {clip.name: clip for clip in load_traduttore(folder)}
    assert read.unit == "frame heights"
    assert read.keypoints.tolist() == WHOLE_BODY_INDEX.tolist()
    assert {c.name for c in read.clips if c.available} == set(loaded)
    for row in read.rows().tolist():
        clip = loaded[read.clips[row].name]
        assert (read.clips[row].gloss, read.clips[row].signer) == (clip.gloss, clip.signer)
        seen = clip.points[..., 3] > 0
        np.testing.assert_array_equal(read.poses(row)[seen], clip.points[seen])
        np.testing.assert_array_equal(read.poses(row)[..., 3] > 0, seen)
    assert [(c.split, c.fold) for c in read.clips] == [("train", 0), ("test", 1), ("train", 0), ("", 2)]
    assert read.clips[2].reason == "its landmarks are all zero"


def test_landmark_sets_that_are_damaged_are_named(tmp_path: Path) -> None:
    folder = traduttore_set(tmp_path / "set")
    whole = (folder / "clips.npz").read_bytes()
    for damage, problem in (
        (whole[: len(whole) // 2], "it is no npz"),
        (b"", "it is no npz"),
        (whole[:2000] + bytes(200) + whole[2200:], "it is no npz"),
    ):
        (folder / "clips.npz").write_bytes(damage)
        with pytest.raises(InputRejected, match=rf"clips\.npz: {problem}"):
            read_set(folder, tmp_path / "out")
    np.savez(folder / "clips.npz", landmarks=np.zeros((4, 20, 9), np.float32))
    with pytest.raises(InputRejected, match=r"shape \(4, 20, 9\), not \(4, 20, 258\)"):
        read_set(folder, tmp_path / "out")
    np.savez(folder / "clips.npz", other=np.zeros(3))
    with pytest.raises(InputRejected, match="it is no npz with landmarks"):
        read_set(folder, tmp_path / "out")


@pytest.mark.shared
@needs_shared
def test_wlasl50_and_traduttore_as_shared(tmp_path: Path) -> None:
    traduttore, read = write_datasets(DATA, tmp_path)
    loaded = load_wlasl50(DATA / "wlasl50-real")
    assert [c.name for c in read.clips] == [c.name for c in loaded]
    assert [c.fold for c in read.clips] == [c.fold for c in loaded]
    for row in range(0, len(loaded), 40):
        seen = loaded[row].points[..., 3] > 0
        np.testing.assert_array_equal(read.poses(row)[seen], loaded[row].points[seen])
    # The words that two recorders share: 1,590 clips of one, 1,050 of the other.
    rows = [traduttore.clips[i] for i in traduttore.rows().tolist()]
    by_gloss = {(c.gloss, c.signer) for c in rows}
    shared = {
        gloss
        for gloss, signer in by_gloss
        if signer == "recorder1"
        and (gloss, "recorder2") in by_gloss
        and gloss != "idle"
        and not gloss.startswith("letter:")
    }
    assert len(shared) == 12
    assert sum(c.split == "train" and c.gloss in shared for c in rows) == 1590
    assert sum(c.split == "test" and c.gloss in shared for c in rows) == 1050
