"""Galleries from the command line, of real datasets and files, by a real (tiny) model."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from made_dataset import GLOSSES, signing, write_made_dataset
from tiny_model import write_tiny_model
from typer.testing import CliRunner

from signlens import Recognizer
from signlens.cli import app
from signlens.datasets.enrolment import clips_of_dataset, clips_of_files, pose_clip
from signlens.datasets.folder import Dataset
from signlens.errors import InputRejected, UsageError
from signlens.pose import write_pose
from signlens.retrieval import FUSED, Gallery
from signlens.retrieval.building import PART_FILE, embed_clips, empty_gallery, signing_skeleton
from signlens.retrieval.gallery import GALLERY_FILE


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def load(folder, **options):
    return Gallery.load(folder / GALLERY_FILE, **options)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    write_made_dataset(folder, train=9, validation=3, test=3)
    return folder


@pytest.fixture(scope="module")
def recognizer(tiny_model):
    with Recognizer(tiny_model) as recognizer:
        yield recognizer


@pytest.fixture(scope="module")
def built(dataset, tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    result = run(
        "gallery", "build", dataset, "--model", tiny_model, "--out", folder, "--with-poses", "--json"
    )
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["clips"] == 9
    return folder


def write_poses(dataset, folder, rows, sources=None):
    """The dataset's clips as .pose files in a folder per gloss."""
    opened = Dataset.open(dataset)
    paths = []
    for row in rows:
        clip = dataclasses.replace(pose_clip(opened, row), width=640, height=480)
        source = {"name": f"clip{row}.mp4", "sha256": (sources or {}).get(row, f"{row:064x}")}
        clip = dataclasses.replace(
            clip, provenance=dataclasses.replace(clip.provenance, version="1", source=source)
        )
        path = folder / opened.clips[row].gloss / f"clip{row}.pose"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_pose(clip, path)
        paths.append(path)
    return paths


def test_a_gallery_holds_training_clips_unless_others_are_asked_for(dataset, built, tiny_model, tmp_path):
    opened = Dataset.open(dataset)
    gallery = load(built)
    assert [c.name for c in gallery.clips] == [c.name for c in opened.clips if c.split == "train"]
    assert {c.split for c in gallery.clips} == {"train"}
    assert [(c.gloss, c.signer) for c in gallery.clips] == [
        (c.gloss, c.signer) for c in opened.clips if c.split == "train"
    ]
    result = run(
        "gallery", "build", dataset, "--model", tiny_model, "--out", tmp_path, "--include", "train",
        "--include", "test",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "clips of test" in result.stderr
    assert [c.split for c in load(tmp_path).clips] == ["train"] * 9 + ["test"] * 3
    # Whatever comes of a test clip is marked, in the list and in a sentence.
    query = write_poses(dataset, tmp_path / "poses", [0])[0]
    result = run("search", query, "--gallery", tmp_path, "--model", tiny_model, "-k", 12, "--json")
    document = json.loads(result.stdout)
    marked = [s for s in document["similar"] if s["split"] == "test"]
    assert len(marked) == 3
    assert any("3 of the clips found are of the split test" in r["text"] for r in document["reasons"])
    text = run("search", query, "--gallery", tmp_path, "--model", tiny_model, "-k", 12)
    assert "test" in text.stdout
    assert "split test" in text.stderr
    plain = json.loads(run("search", query, "--gallery", built, "--model", tiny_model, "--json").stdout)
    assert plain["reasons"] == []


def test_vectors_are_those_of_recognition(dataset, built, recognizer):
    gallery, opened = load(built), Dataset.open(dataset)
    for row in (0, 4, 8):
        scores = recognizer.model.score(recognizer.embed(pose_clip(opened, row), "x")[1])
        for name, vector in scores.embeddings.items():
            unit = vector / np.linalg.norm(vector)
            assert gallery.vectors[name][row] @ unit > 1 - 1e-6
        assert gallery.matrix(FUSED)[row] @ scores.embedding > 1 - 1e-6


def test_a_clip_of_the_gallery_does_not_find_itself(dataset, built, tiny_model, tmp_path):
    query = write_poses(dataset, tmp_path, [2])[0]
    for space in ("joint", "hand_shape", "fused"):
        result = run(
            "search", query, "--gallery", built, "--model", tiny_model, "--space", space, "-k", 50, "--json"
        )
        names = [s["clip"] for s in json.loads(result.stdout)["similar"]]
        assert len(names) == 8
        assert "clip002" not in names


def test_a_stopped_build_goes_on_where_it_was_and_gives_the_same_gallery(
    dataset, built, recognizer, tmp_path
):
    clips = clips_of_dataset(Dataset.open(dataset))
    empty = empty_gallery(recognizer.model, load(built).notes)
    part = tmp_path / PART_FILE
    asked = []

    def embed(clip, name):
        asked.append(name)
        if len(asked) == 5:
            raise KeyboardInterrupt
        return recognizer.embed(clip, name)

    with pytest.raises(KeyboardInterrupt):
        embed_clips(clips, embed, empty, part, skeletons=True)
    told = []

    def progress(done, total, name):
        told.append((done, total))

    again = embed_clips(clips, embed, empty, part, skeletons=True, progress=progress)
    assert asked == [c.name for c in clips[:5]] + [c.name for c in clips[4:]]
    assert again.kept == 4
    assert told == [(n, 9) for n in range(10)]
    whole = load(built, skeletons=True)
    assert again.gallery.clips == whole.clips
    assert np.allclose(again.gallery.matrix(), whole.matrix(), atol=1e-3)
    assert np.array_equal(again.gallery.skeletons.points, whole.skeletons.points, equal_nan=True)
    # A part of another purpose, or one without the skeletons that are wanted, is not gone on with.
    asked[:] = ["x"] * 9
    assert embed_clips(clips, embed, empty, part).kept == 4
    other = dataclasses.replace(empty, notes={"include": "test"})
    assert embed_clips(clips, embed, other, part, skeletons=True).kept == 0
    Gallery.load(part).save(part)
    assert embed_clips(clips, embed, empty, part, skeletons=True).kept == 0


def test_work_is_saved_while_it_goes_on(dataset, recognizer, tmp_path, monkeypatch):
    monkeypatch.setattr("signlens.retrieval.building.SAVE_EVERY_S", 0.0)
    clips = clips_of_dataset(Dataset.open(dataset))
    empty, part = empty_gallery(recognizer.model), tmp_path / PART_FILE
    done = embed_clips(clips, recognizer.embed, empty, part)
    assert [c.name for c in Gallery.load(part).clips] == [c.name for c in clips]
    monkeypatch.setattr("signlens.retrieval.building.SAVE_EVERY_S", 60.0)
    part.unlink()
    plain = embed_clips(clips, recognizer.embed, empty, part)
    assert [c.name for c in done.gallery.clips] == [c.name for c in plain.gallery.clips]
    assert np.array_equal(done.gallery.matrix(), plain.gallery.matrix())


def test_clips_are_added_and_removed_from_the_command_line(dataset, built, tiny_model, tmp_path):
    folder = tmp_path / "gallery"
    shutil.copytree(built, folder)
    before = load(folder)
    files = write_poses(dataset, tmp_path / "poses", [12, 13])
    result = run("gallery", "add", folder, *files, "--signer", "lee", "--model", tiny_model, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["added"] == 2
    after = load(folder, skeletons=True)
    assert after.clips[:9] == before.clips
    assert [(c.name, c.gloss, c.signer, c.split, c.source) for c in after.clips[9:]] == [
        (f"{p.parent.name}/{p.stem}", p.parent.name, "lee", "", f"{row:064x}")
        for p, row in zip(files, (12, 13), strict=True)
    ]
    assert np.allclose(after.matrix()[:9], before.matrix(), atol=1e-3)
    assert after.skeletons is not None
    # The same source again, cut otherwise or under another name, is named as a duplicate.
    opened = Dataset.open(dataset)
    copy = write_poses(dataset, tmp_path / "copies", [12])[0].rename(
        tmp_path / "copies" / opened.clips[12].gloss / "copy.pose"
    )
    result = run("gallery", "add", folder, copy, "--model", tiny_model, "--json")
    assert json.loads(result.stdout)["duplicates"] == [[after.clips[9].name, f"{copy.parent.name}/copy"]]
    found = json.loads(run("gallery", "info", folder, "--json").stdout)
    assert found["clips"] == 12
    assert found["splits"] == {"train": 9, "none": 3}
    assert found["duplicates"] == [[after.clips[9].name, f"{copy.parent.name}/copy"]]
    assert "The same recording" in run("gallery", "info", folder).stdout
    assert run("gallery", "remove", folder, f"{copy.parent.name}/copy", "--signer", "lee").exit_code == 0
    assert load(folder).clips == before.clips
    missing = run("gallery", "remove", folder, "--gloss", "no such")
    assert missing.exit_code == 2
    assert "no such" in missing.stderr


def test_folders_of_poses_have_glosses_and_splits(dataset, tiny_model, tmp_path):
    write_poses(dataset, tmp_path / "clips" / "train", [0, 1])
    write_poses(dataset, tmp_path / "clips" / "test", [12])
    result = run("gallery", "build", tmp_path / "clips", "--model", tiny_model, "--out", tmp_path / "g")
    assert result.exit_code == 0, result.stderr
    gallery = load(tmp_path / "g")
    assert [(c.name, c.gloss, c.split) for c in gallery.clips] == [
        ("train/apple/clip0", "apple", "train"),
        ("train/book/clip1", "book", "train"),
    ]
    assert not (tmp_path / "g" / PART_FILE).exists()


def test_a_clip_that_cannot_be_read_is_named_and_the_rest_goes_on(dataset, tiny_model, tmp_path):
    paths = write_poses(dataset, tmp_path / "clips", [0, 1, 2])
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    result = run("gallery", "build", tmp_path / "clips", "--model", tiny_model, "--out", tmp_path / "g")
    assert result.exit_code == 3
    assert str(paths[1]) in result.stderr
    assert [c.name for c in load(tmp_path / "g").clips] == ["apple/clip0", "coffee/clip2"]


def test_search_writes_a_page_with_the_signs_beside_the_clip(dataset, built, tiny_model, tmp_path):
    query = write_poses(dataset, tmp_path, [13])[0]
    ask = ("search", query, "--model", tiny_model, "-k", 3, "--json", "--report", tmp_path / "page.html")
    result = run(*ask, "--gallery", built)
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["report"] == str(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert all(s["clip"] in text for s in document["similar"])
    assert text.count("<canvas") == 4
    assert "are not drawn" not in text
    # The tiny model's own gallery holds no skeletons, and the page says so.
    assert run(*ask).exit_code == 0
    assert "3 of these clips are not drawn" in (tmp_path / "page.html").read_text()
    assert run(*ask, "--service", "x").exit_code == 2


def test_a_query_from_another_model_is_refused(dataset, built, tmp_path):
    other = write_tiny_model(tmp_path, {GLOSSES[0]: 1.0, "hello": 2.0})
    query = write_poses(dataset, tmp_path, [0])[0]
    for command in (
        ("search", query, "--gallery", built, "--model", other),
        ("gallery", "add", built, query, "--model", other),
    ):
        result = run(*command)
        assert result.exit_code == 4
        assert "another model" in result.stderr


def test_an_index_is_built_and_searched_from_the_command_line(dataset, tiny_model, tmp_path):
    pytest.importorskip("usearch", reason="usearch is not installed (pip install 'signlens[ann]')")
    write_made_dataset(tmp_path / "data", train=60, validation=0, test=0, seed=3)
    folder = tmp_path / "g"
    assert run("gallery", "build", tmp_path / "data", "--model", tiny_model, "--out", folder).exit_code == 0
    query = write_poses(dataset, tmp_path, [13])[0]
    ask = ("search", query, "--gallery", folder, "--model", tiny_model, "-k", 7, "--json")
    without = run(*ask, "--approximate")
    assert without.exit_code == 4
    assert "gallery index" in without.stderr
    result = run("gallery", "index", folder, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["recall"] >= 0.99
    exact, approximate = (json.loads(run(*ask, *more).stdout) for more in ((), ("--approximate",)))
    assert (exact["search"], approximate["search"]) == ("exact", "approximate")
    assert exact["similar"] == approximate["similar"]


def test_a_gallery_is_published_and_searched_on_a_service(dataset, built, tiny_model, tmp_path):
    pytest.importorskip("qdrant_client", reason="the extra service is not installed")
    where = tmp_path / "qdrant"
    with pytest.warns(UserWarning, match="local"):
        result = run("gallery", "publish", built, "--service", where, "--json")
    assert result.exit_code == 0, result.stderr
    query = write_poses(dataset, tmp_path, [13])[0]
    ask = ("search", query, "--model", tiny_model, "-k", 5, "--json")
    with pytest.warns(UserWarning, match="Local mode"):
        served = run(*ask, "--service", where)
    assert served.exit_code == 0, served.stderr
    kept = run(*ask, "--gallery", built)
    assert json.loads(served.stdout)["similar"] == json.loads(kept.stdout)["similar"]
    assert run(*ask, "--service", where, "--gallery", built).exit_code == 2


def test_what_cannot_be_enrolled_is_refused(dataset, tmp_path):
    opened = Dataset.open(dataset)
    with pytest.raises(UsageError, match="no split 'training'"):
        clips_of_dataset(opened, ["training"])
    with pytest.raises(UsageError, match="only in test, train, val"):
        clips_of_dataset(opened, ["none"])
    with pytest.raises(InputRejected, match="no such file"):
        clips_of_files([tmp_path / "a.pose"], lambda path: None)
    (tmp_path / "a.txt").write_text("no clip")
    with pytest.raises(InputRejected, match=r"no video and no \.pose"):
        clips_of_files([tmp_path / "a.txt"], lambda path: None)
    path = write_poses(dataset, tmp_path, [0])[0]
    with pytest.raises(UsageError, match="2 clips would have this name"):
        clips_of_files([path, path], lambda path: None)


def test_a_skeleton_is_the_signing_and_marks_what_is_not_seen(dataset):
    opened = Dataset.open(dataset)
    points = signing_skeleton(pose_clip(opened, 0))
    assert points.shape[1:] == (49, 2)
    assert len(points) <= opened.clips[0].frames
    assert np.isnan(points[:, 7:28]).all()  # the made clips never show the left hand
    assert np.isfinite(points[:, 28:]).all()
    assert np.allclose(np.nanmean(points[:, 0], axis=0), 0, atol=0.1)  # the nose is the origin
    shoulders = np.linalg.norm(points[:, 1] - points[:, 2], axis=-1)
    assert np.median(shoulders) == pytest.approx(1, abs=0.05)
    assert signing(0, 14, np.random.default_rng(0)).shape == (14, 49, 4)
