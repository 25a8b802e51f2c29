from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_scores import made_scores, written

from signlens.errors import InputRejected, UsageError
from signlens.evaluation import scores as module
from signlens.evaluation.scores import read_scores, signers_in_names, write_scores


def test_what_is_written_is_read_again_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    made = replace(
        made_scores(),
        splits=np.array(["test"] * 120),
        folds=np.arange(120) % 3,
        dataset="Made",
        extractor="holistic",
    )
    first, second = written(tmp_path / "a.npz", made), written(tmp_path / "b.npz", made)
    assert first.read_bytes() == second.read_bytes()
    found = read_scores(first)
    assert found.streams.keys() == made.streams.keys()
    for name, values in made.streams.items():
        assert np.array_equal(found.streams[name], values)
    for field in ("clips", "labels", "signers", "splits", "folds"):
        assert np.array_equal(getattr(found, field), getattr(made, field))
    assert (found.glosses, found.dataset, found.extractor) == (made.glosses, "Made", "holistic")


def test_scores_of_other_programs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "theirs.npz"
    scores = np.asfortranarray(np.arange(6.0).reshape(2, 3).astype(">f4"))
    np.savez_compressed(path, clip=["a", "b"], label=np.array([2, 0], np.uint8), anything=scores)
    found = read_scores(path)
    assert found.labels.tolist() == [2, 0]
    assert found.streams["anything"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found.signers is None
    assert found.glosses == ()


def test_half_precision_is_widened(tmp_path: Path) -> None:
    path = tmp_path / "half.npz"
    np.savez(path, clip=["a"], label=[0], joint=np.array([[0.5, 0.25]], np.float16))
    assert read_scores(path).streams["joint"].tolist() == [[0.5, 0.25]]


def test_signers_are_found_in_names_only_where_every_name_has_one(tmp_path: Path) -> None:
    names = ["signer34_sample1", "signer3_sample2"]
    assert signers_in_names(names).tolist() == ["signer34", "signer3"]
    assert signers_in_names([*names, "other"]) is None
    assert signers_in_names([]) is None
    path = tmp_path / "autsl.npz"
    np.savez(path, clip=names, label=[0, 1], joint=np.eye(2, dtype=np.float32))
    found = read_scores(path)
    assert found.signers_from_names
    again = read_scores(written(tmp_path / "again.npz", found))
    assert again.signers_from_names
    with zipfile.ZipFile(tmp_path / "again.npz") as archive:
        assert "signer.npy" not in archive.namelist()


GOOD = {"clip": np.array(["a", "b"]), "label": np.array([0, 1]), "joint": np.eye(2, dtype=np.float32)}


def arrays(**changes: object) -> dict[str, object]:
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip": None}, "no array clip"),
        ({"label": None}, "no array label"),
        ({"joint": None}, "no array of scores"),
        ({"clip": np.array(["a", "a"])}, "more than once: a"),
        ({"clip": np.array(["a", ""])}, "empty name"),
        ({"clip": np.array([1, 2])}, "clip is an array of int64"),
        ({"clip": np.array([["a", "b"]])}, "clip is an array"),
        ({"clip": np.array(["a", "b"], object)}, "pickled"),
        ({"gloss": np.array(["a", None], object)}, "pickled"),
        ({"label": np.array([0, 2])}, "labels 2 are not among the 2 classes"),
        ({"label": np.array([0, -1])}, "labels -1 are not"),
        ({"label": np.array([0.0, 1.0])}, "label holds float64"),
        ({"label": np.array([0, 2**63 + 1], np.uint64)}, "label holds 9223372036854775809"),
        ({"label": np.array([0])}, "there are 2 clips"),
        ({"joint": np.array([[0, np.nan], [1, 2]], np.float32)}, "joint holds scores that are NaN"),
        ({"joint": np.array([[0, -np.inf], [1, 2]], np.float32)}, "infinite, for a"),
        ({"joint": np.eye(2, dtype=np.int64)}, "joint is an array of int64"),
        ({"joint": np.eye(2, dtype=np.complex64)}, "joint is an array of complex64"),
        ({"joint": np.zeros((3, 2), np.float32)}, "there are 2 clips"),
        ({"joint": np.zeros((2, 1), np.float32)}, "at least two classes"),
        ({"bone": np.zeros((2, 3), np.float32)}, "bone has 3 classes, another stream has 2"),
        ({"note": np.array(["x", "y"])}, "note is an array of <U1"),
        ({"gloss": np.array(["one"])}, "1 glosses for 2 classes"),
        ({"gloss": np.array(["one", "one"])}, "glosses occur more than once: one"),
        ({"gloss": np.eye(2)}, "gloss is an array of float64"),
        ({"signer": np.array(["x"])}, "signer is an array"),
        ({"signer": np.array([1, 2])}, "signer is an array of int64"),
        ({"fold": np.array([0.5, 1])}, "fold holds float64"),
        ({"dataset": np.array(["x", "y"])}, "dataset is an array of <U1"),
        ({"clip": np.array([], str), "label": np.array([], int), "joint": np.zeros((0, 2))}, "no clip"),
        ({f"s{i}": np.eye(2, dtype=np.float32) for i in range(70)}, "73 arrays are too many"),
    ],
)
def test_what_is_no_whole_scores_file_is_refused(tmp_path: Path, changes: dict, words: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays(**changes))
    with pytest.raises(InputRejected, match=r"bad\.npz") as caught:
        read_scores(path)
    assert words in str(caught.value)


def test_files_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="no such file"):
        read_scores(tmp_path / "none.npz")
    for number, content in enumerate((b"", b"PK\x03\x04 not really", b"\x93NUMPY")):
        path = tmp_path / f"{number}.npz"
        path.write_bytes(content)
        with pytest.raises(InputRejected, match="cannot be read as an npz"):
            read_scores(path)
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputRejected, match=r"readme\.txt in it is no array"):
        read_scores(tmp_path / "text.npz")


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_file_is_never_read_as_something_else(tmp_path: Path, at: float, compressed: bool) -> None:
    path = tmp_path / "cut.npz"
    (np.savez_compressed if compressed else np.savez)(path, **GOOD)
    whole = bytearray(path.read_bytes())
    cut = int(len(whole) * at)
    path.write_bytes(whole[:cut])
    with pytest.raises(InputRejected):
        read_scores(path)
    whole[cut] ^= 0xFF
    path.write_bytes(whole)
    try:
        found = read_scores(path)
    except InputRejected:
        return
    assert np.array_equal(found.streams["joint"], np.eye(2))


def _member(shape: tuple[int, ...], content: bytes) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue() + content


@pytest.mark.parametrize("shape", [(10**9, 10**6), (2, 3), (-2, -2)])
def test_a_header_that_promises_other_than_there_is_asks_for_no_memory(tmp_path: Path, shape: tuple) -> None:
    path = tmp_path / "liar.npz"
    np.savez(path, clip=GOOD["clip"], label=GOOD["label"])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("joint.npy", _member(shape, np.eye(2, dtype="<f4").tobytes()))
    with pytest.raises(InputRejected, match=r"liar\.npz"):
        read_scores(path)


def test_the_cap_counts_what_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **arrays(joint=np.zeros((2, 500_000), np.float32)))
    assert path.stat().st_size < 50_000
    read_scores(path)
    monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    with pytest.raises(InputRejected, match="unpacked"):
        read_scores(path)


def test_what_cannot_be_written_says_so_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"something\.npz"):
        write_scores(tmp_path / "scores.txt", made_scores())
    with pytest.raises(UsageError, match="cannot be written"):
        write_scores(tmp_path / "no" / "scores.npz", made_scores())
    with pytest.raises(InputRejected, match="joint holds scores that are NaN"):
        replace(made_scores(), streams={"joint": np.full((120, 12), np.nan, np.float32)})
    with pytest.raises(InputRejected, match="cannot be called label"):
        replace(made_scores(), streams={"label": np.zeros((120, 12), np.float32)})
    assert list(tmp_path.iterdir()) == []


def test_some_clips_in_another_order() -> None:
    made = replace(made_scores(), folds=np.arange(120))
    rows = np.array([5, 2, 9])
    some = made.take(rows)
    assert some.clips.tolist() == ["made-5", "made-2", "made-9"]
    assert some.folds.tolist() == [5, 2, 9]
    assert np.array_equal(some.streams["bone"], made.streams["bone"][rows])
    assert np.array_equal(some.signers, made.signers[rows])
