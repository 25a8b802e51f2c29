import subprocess

import pytest

from signlens.downloads import fetch_file, git_blob_hash, hub_snapshot, is_commit
from signlens.errors import PartMissing, UsageError


def test_the_hash_is_that_of_git(tmp_path):
    (tmp_path / "file").write_bytes(b"some bytes\n")
    found = subprocess.run(["git", "hash-object", tmp_path / "file"], capture_output=True, text=True)
    assert git_blob_hash(b"some bytes\n") == found.stdout.strip()


def test_a_file_is_kept_only_if_it_is_the_pinned_one(tmp_path):
    source, target = tmp_path / "source", tmp_path / "kept" / "file"
    source.write_bytes(b"right")
    pin = git_blob_hash(b"right")
    assert fetch_file(source.as_uri(), target, pin, limit=5).read_bytes() == b"right"
    source.write_bytes(b"wrong")
    for url, words in ((source.as_uri(), "not those of the pinned"), ((tmp_path / "no").as_uri(), "cannot")):
        with pytest.raises(PartMissing, match=words):
            fetch_file(url, target, pin, limit=5)
    assert target.read_bytes() == b"right"
    source.write_bytes(b"right")
    with pytest.raises(PartMissing, match="not those of the pinned"):
        fetch_file(source.as_uri(), target, pin, limit=4)
    with pytest.raises(UsageError, match="cannot be written"):
        fetch_file(source.as_uri(), source / "file", pin, limit=5)


def test_a_repository_that_is_not_here_is_missing_and_the_way_to_it_is_said(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PartMissing, match="hf download nobody/nothing --revision 0000"):
        hub_snapshot("nobody/nothing", "0" * 40)


def test_only_full_hashes_are_commits():
    assert is_commit("0123456789" * 4)
    assert not any(map(is_commit, ("main", "0123456", "g" * 40)))
