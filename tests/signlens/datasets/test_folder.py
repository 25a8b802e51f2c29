import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from signlens.datasets.folder import ClipRecord, Dataset, identity_of
from signlens.datasets.folder_writer import write_dataset
from signlens.errors import InputRejected, UsageError

KEYPOINTS = [0, 5, 6, 112]
Clips = list[tuple[ClipRecord, NDArray[np.float32] | None]]

words = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
shas = st.sampled_from(["", "0" * 64, "ab" * 32])


def made_poses(frames: int, seed: int, keypoints: int = len(KEYPOINTS)) -> NDArray[np.float32]:
    """(frames, keypoints, 4), some points missing with NaN coordinates as extractors have them."""
    rng = np.random.default_rng(seed)
    poses = rng.normal(300, 100, (frames, keypoints, 4)).astype(np.float32)
    poses[..., 3] = rng.random((frames, keypoints)) * (rng.random((frames, keypoints)) > 0.3)
    poses[poses[..., 3] == 0, :3] = np.nan
    return poses


@st.composite
def datasets(draw: st.DrawFn) -> tuple[list[str], Clips]:
    glosses = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    names = draw(st.lists(words, max_size=6, unique=True))
    clips: Clips = []
    for seed, name in enumerate(names):
        frames = draw(st.integers(0, 9))
        record = ClipRecord(
            name=name,
            gloss=draw(st.sampled_from(glosses)),
            signer=draw(st.one_of(st.just(""), words)),
            split=draw(st.sampled_from(["", "train", "val", "test"])),
            fold=draw(st.integers(-1, 4)),
            source=draw(words),
            source_sha256=draw(shas),
            reason="" if frames else draw(words),
        )
        clips.append((record, made_poses(frames, seed) if frames else None))
    return glosses, clips


@settings(max_examples=40, deadline=None)
@given(datasets())
def test_what_was_written_comes_back(tmp_path_factory: pytest.TempPathFactory, made) -> None:
    glosses, clips = made
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(folder, "made up", "test", glosses, KEYPOINTS, iter(clips), provenance={"n": [1, None]})
    read = Dataset.open(folder)
    assert (read.name, read.kind, read.glosses) == ("made up", "test", tuple(glosses))
    assert read.keypoints.tolist() == KEYPOINTS
    assert read.provenance == {"n": [1, None]}
    assert read.labels.tolist() == [glosses.index(record.gloss) for record, _ in clips]
    assert len(read) == len(clips)
    whole = np.load(folder / "poses.npy") if any(poses is not None for _, poses in clips) else None
    for row, (record, poses) in enumerate(clips):
        got = read.clips[row]
        blank = {"available": False, "start": -1, "frames": 0}
        assert replace(got, **blank) == replace(record, **blank)
        assert got.available == (poses is not None)
        if poses is None:
            with pytest.raises(UsageError, match="has no poses"):
                read.poses(row)
            continue
        back = read.poses(row)
        seen = poses[..., 3] > 0
        np.testing.assert_array_equal(back[seen], poses[seen])
        assert not back[~seen].any(), "a missing point is all zero"
        assert whole is not None
        np.testing.assert_array_equal(whole[got.start : got.start + got.frames], back)
    assert read.rows().tolist() == [row for row, (_, poses) in enumerate(clips) if poses is not None]
    read.check_poses()


@settings(max_examples=60, deadline=None)
@given(datasets(), st.randoms(use_true_random=False))
def test_the_identity_is_of_the_set_not_of_its_order(made, random) -> None:
    clips = [replace(record, available=poses is not None) for record, poses in made[1]]
    shuffled = random.sample(clips, len(clips))
    assert identity_of(shuffled) == identity_of(clips)


@settings(max_examples=60, deadline=None)
@given(datasets().filter(lambda made: made[1]), st.data())
def test_any_change_of_a_clip_changes_the_identity(made, data) -> None:
    clips = [replace(record, available=poses is not None) for record, poses in made[1]]
    row = data.draw(st.integers(0, len(clips) - 1))
    old = clips[row]
    change = data.draw(
        st.sampled_from(
            [
                {"available": not old.available},
                {"split": "val" if old.split != "val" else "train"},
                {"fold": old.fold + 1},
                {"source_sha256": "cd" * 32},
                {"gloss": old.gloss + "x"},
                {"name": old.name + "\N{MIDDLE DOT}" * 13},
            ]
        )
    )
    changed = [*clips[:row], replace(old, **change), *clips[row + 1 :]]
    assert identity_of(changed) != identity_of(clips)
    assert identity_of(clips[:row] + clips[row + 1 :]) != identity_of(clips)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips: Clips = [
        (ClipRecord("a", "tea", "ann", "train", 0, "a.mp4", "1" * 64), made_poses(5, 0)),
        (ClipRecord("b", "milk", "", "train", 1, reason="no video"), None),
        (ClipRecord("c", "milk", "bob", "test", 1, "c.mp4", "2" * 64), made_poses(7, 1)),
    ]
    write_dataset(tmp_path / "set", "a set", "test", ["milk", "tea"], KEYPOINTS, clips)
    return tmp_path / "set"


def test_rows_are_of_the_clips_with_poses(folder: Path) -> None:
    read = Dataset.open(folder)
    assert read.rows(split="train").tolist() == [0]
    assert read.rows(fold=1).tolist() == [2]
    assert read.rows(split="train", fold=1).tolist() == []
    assert read.rows(split="").tolist() == []


def test_points_are_found_by_their_whole_body_index(folder: Path) -> None:
    read = Dataset.open(folder)
    poses = read.poses(2)
    got = read.points(2, np.array([112, 91, 0, 0]))
    np.testing.assert_array_equal(got[:, 0], poses[:, 3])
    assert not got[:, 1].any(), "the store has no keypoint 91"
    np.testing.assert_array_equal(got[:, 2], poses[:, 0])
    got[:] = 1
    np.testing.assert_array_equal(read.points(2, [0])[:, 0], poses[:, 0])


def test_poses_cannot_be_written_to_and_outlive_the_dataset(folder: Path) -> None:
    poses = Dataset.open(folder).poses(0)
    with pytest.raises(ValueError, match="read-only"):
        poses[0] = 0
    assert poses.shape == (5, 4, 4)
    assert np.isfinite(poses).all()


def test_thousands_of_clips_can_be_held_at_once_and_stay_what_they_are(tmp_path: Path) -> None:
    """More clips than a process may have files open, and more bytes than are kept in memory."""
    frames, many = 40, 1500  # 43 MB
    poses = np.random.default_rng(0).random((frames, 45, 4), dtype=np.float32) + 1
    clips = ((ClipRecord(str(i), "tea"), poses + i) for i in range(many))
    read = write_dataset(tmp_path, "n", "test", ["tea"], range(45), clips)
    held = [read.poses(row) for row in range(many)]
    for i in (0, 1, 700, many - 1):
        np.testing.assert_array_equal(held[i], poses + i)


def test_another_process_gets_the_same_dataset_or_none(folder: Path) -> None:
    read = Dataset.open(folder)
    message = pickle.dumps(read)
    np.testing.assert_array_equal(pickle.loads(message).poses(2), read.poses(2))
    before = np.array(read.poses(0))
    write_dataset(folder, "b", "test", ["tea"], KEYPOINTS, [(ClipRecord("z", "tea"), made_poses(2, 9))])
    np.testing.assert_array_equal(read.poses(0), before)  # whoever has it open keeps what they had
    with pytest.raises(InputRejected, match="replaced while it was in use"):
        pickle.loads(message)


def test_a_write_that_fails_leaves_the_old_dataset_whole(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def broken():
        yield ClipRecord("z", "tea"), made_poses(2, 9)
        raise InputRejected("z.mp4", "it broke")

    with pytest.raises(InputRejected, match="it broke"):
        write_dataset(folder, "b", "test", ["tea"], KEYPOINTS, broken())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_only_one_clip_is_taken_at_a_time(tmp_path: Path) -> None:
    """The writer asks for a clip only after it let go of the one before."""
    import weakref

    alive: list[weakref.ref] = []

    def clips():
        for i in range(20):
            poses = made_poses(3, i)
            alive.append(weakref.ref(poses))
            yield ClipRecord(str(i), "tea"), poses
            del poses
            assert sum(ref() is not None for ref in alive) <= 1

    write_dataset(tmp_path, "n", "test", ["tea"], KEYPOINTS, clips())


BAD_CLIPS = {
    "two clips are called a": [(ClipRecord("a", "tea"), None), (ClipRecord("a", "tea"), None)],
    "a clip has no name": [(ClipRecord("", "tea"), None)],
    "is no class": [(ClipRecord("a", "milk"), None)],
    "has the split 'dev'": [(ClipRecord("a", "tea", split="dev"), None)],
    "has the fold -2": [(ClipRecord("a", "tea", fold=-2), None)],
    "hold": [(ClipRecord("a\nb", "tea"), None)],
    "shape": [(ClipRecord("a", "tea"), made_poses(2, 0, keypoints=5))],
    "no frames .*|shape": [(ClipRecord("a", "tea"), made_poses(0, 0))],
    "not numbers": [(ClipRecord("a", "tea"), np.full((2, 4, 4), np.nan, np.float32))],
}


@pytest.mark.parametrize("message", BAD_CLIPS)
def test_clips_that_no_dataset_can_hold_are_refused(tmp_path: Path, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_dataset(tmp_path, "n", "test", ["tea"], KEYPOINTS, BAD_CLIPS[message])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: the dataset cannot be written there"):
        write_dataset(tmp_path / "file", "n", "test", ["tea"], KEYPOINTS, [])


def edit_json(folder: Path, **changes) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGE = {
    "poses.npy: it is cut off": lambda f: (f / "poses.npy").write_bytes((f / "poses.npy").read_bytes()[:-4]),
    "poses.npy: it is longer": lambda f: (f / "poses.npy").write_bytes(
        (f / "poses.npy").read_bytes() + b"1234"
    ),
    "poses.npy: it holds float64": lambda f: np.save(f / "poses.npy", np.zeros((12, 4, 4))),
    r"of shape \(12, 5, 4\)": lambda f: np.save(f / "poses.npy", np.zeros((12, 5, 4), np.float32)),
    "poses.npy: it is no array": lambda f: (f / "poses.npy").write_bytes(b"hello"),
    "poses.npy: there is no such file": lambda f: (f / "poses.npy").unlink(),
    "manifest.csv: it was changed": lambda f: (f / "manifest.csv").write_text(
        (f / "manifest.csv").read_text().replace("test", "train")
    ),
    "manifest.csv: there is no such file": lambda f: (f / "manifest.csv").unlink(),
    "dataset.json: there is no such file": lambda f: (f / "dataset.json").unlink(),
    "dataset.json: it is not JSON": lambda f: (f / "dataset.json").write_text("{"),
    "dataset.json: it does not describe": lambda f: (f / "dataset.json").write_text("[]"),
    "dataset.json: its format 2": lambda f: edit_json(f, format=2),
    "dataset.json: glosses is missing": lambda f: edit_json(f, glosses=None),
    "dataset.json: its glosses are not": lambda f: edit_json(f, glosses=["tea", "tea"]),
    "manifest.csv: the gloss milk": lambda f: edit_json(f, glosses=["tea", "coffee"]),
    "dataset.json: its keypoints": lambda f: edit_json(f, keypoints=[0, 1, 2, 133]),
    "dataset.json: its identity": lambda f: edit_json(f, identity="0" * 64),
    "its clips are not those": lambda f: edit_json(f, available=3),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_a_folder_that_was_damaged_is_rejected_with_what_is_wrong(folder: Path, message: str) -> None:
    DAMAGE[message](folder)
    with pytest.raises(InputRejected, match=message) as caught:
        Dataset.open(folder)
    assert caught.value.remedy


def test_an_editor_may_have_put_a_byte_order_mark_before_it(folder: Path) -> None:
    path = folder / "dataset.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Dataset.open(folder).name == "a set"


def test_a_changed_pose_is_found_when_it_is_looked_for(folder: Path) -> None:
    content = bytearray((folder / "poses.npy").read_bytes())
    content[300] ^= 1
    (folder / "poses.npy").write_bytes(content)
    with pytest.raises(InputRejected, match="checksum"):
        Dataset.open(folder).check_poses()
