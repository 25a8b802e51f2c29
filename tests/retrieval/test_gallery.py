import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from signlens.errors import PartMissing, UsageError
from signlens.retrieval import Gallery, embedding_space


def unit(rng, count, dimension):
    vectors = rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_gallery(vectors, sources=None, space="s" * 64):
    count = len(vectors)
    return Gallery(
        vectors=vectors,
        glosses=tuple(f"gloss{i % 5}" for i in range(count)),
        clips=tuple(f"clip{i}" for i in range(count)),
        sources=tuple(sources or [""] * count),
        model="tiny 1",
        space=space,
    )


@pytest.fixture
def gallery():
    return make_gallery(unit(np.random.default_rng(1), 40, 16))


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(8, 40), st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_search_agrees_with_scikit_learn(seed, count, dimension, k):
    rng = np.random.default_rng(seed)
    gallery = make_gallery(unit(rng, count, dimension))
    query = rng.normal(size=dimension).astype(np.float32)
    found = gallery.search(query, k)
    reference = NearestNeighbors(n_neighbors=min(k, count), metric="cosine", algorithm="brute")
    distances, rows = reference.fit(gallery.vectors.astype(np.float64)).kneighbors(query[None])
    # From eight dimensions on, chance makes no near ties, and no vector that counts as the query itself.
    assert [s.clip for s in found] == [f"clip{i}" for i in rows[0]]
    assert np.allclose([s.similarity for s in found], 1 - distances[0], atol=1e-6)
    assert all(s.gloss == gallery.glosses[gallery.clips.index(s.clip)] for s in found)


def test_similarity_does_not_depend_on_the_querys_length(gallery):
    query = unit(np.random.default_rng(3), 1, 16)[0]
    assert [(s.clip, round(s.similarity, 9)) for s in gallery.search(query, 7)] == [
        (s.clip, round(s.similarity, 9)) for s in gallery.search(query * 8, 7)
    ]


def test_equally_similar_clips_come_in_the_gallerys_order():
    one = unit(np.random.default_rng(0), 1, 33)
    gallery = make_gallery(np.repeat(one, 20, axis=0))
    query = unit(np.random.default_rng(5), 1, 33)[0]
    assert [s.clip for s in gallery.search(query, 20)] == [f"clip{i}" for i in range(20)]


def test_one_clip_per_gloss_is_each_glosss_best(gallery):
    rng = np.random.default_rng(4)
    similarities = rng.random(len(gallery))
    found = gallery.best(similarities, len(gallery), one_per_gloss=True)
    best = {}
    for gloss, value in zip(gallery.glosses, similarities, strict=True):
        best[gloss] = max(value, best.get(gloss, -1))
    assert {s.gloss: s.similarity for s in found} == pytest.approx(best)
    assert [s.similarity for s in found] == sorted((s.similarity for s in found), reverse=True)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_clip_of_the_gallery_does_not_find_itself_even_when_it_was_rounded(gallery, tmp_path, dtype):
    gallery.save(tmp_path / "g.safetensors", dtype=dtype)
    stored = Gallery.load(tmp_path / "g.safetensors")
    for row in range(len(gallery)):
        found = stored.search(gallery.vectors[row], len(gallery))
        assert len(found) == len(gallery) - 1
        assert f"clip{row}" not in {s.clip for s in found}


def test_a_clip_does_not_find_another_copy_of_its_source():
    rng = np.random.default_rng(2)
    gallery = make_gallery(unit(rng, 4, 8), sources=["aa", "bb", "", "aa"])
    query = unit(rng, 1, 8)[0]
    found = {s.clip for s in gallery.search(query, 9, exclude_sources={"aa"})}
    assert found == {"clip1", "clip2"}
    # A clip without a known source is never taken for another one without.
    assert {s.clip for s in gallery.search(query, 9, exclude_sources={""})} == set(gallery.clips)
    assert {s.clip for s in gallery.search(query, 9, exclude_names={"clip2"})} == set(gallery.clips) - {
        "clip2"
    }


def test_a_near_but_different_clip_is_found(gallery):
    near = gallery.vectors[0] + np.float32(0.01) * unit(np.random.default_rng(9), 1, 16)[0]
    best = gallery.search(near, 1)[0]
    assert best.clip == "clip0"
    assert 0.999 < best.similarity < 1


@given(st.sampled_from(["float16", "float32"]), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_saved_and_loaded_is_the_same(tmp_path_factory, dtype, count):
    path = tmp_path_factory.mktemp("gallery") / "g.safetensors"
    gallery = make_gallery(unit(np.random.default_rng(count), count, 24), sources=["f" * 64] * count)
    digest = gallery.save(path, dtype=dtype)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = Gallery.load(path, space=gallery.space)
    assert (loaded.glosses, loaded.clips, loaded.sources) == (gallery.glosses, gallery.clips, gallery.sources)
    assert np.allclose(loaded.vectors, gallery.vectors, atol=1e-6 if dtype == "float32" else 1e-3)
    assert loaded.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(loaded.vectors, axis=1), 1, atol=1e-6)


def test_the_same_gallery_gives_the_same_file(gallery, tmp_path):
    assert gallery.save(tmp_path / "a") == gallery.save(tmp_path / "b")


def test_any_changed_byte_is_noticed(gallery, tmp_path):
    path = tmp_path / "g.safetensors"
    gallery.save(path)
    content = path.read_bytes()
    # Bytes of the length, the header, the names and the vectors.
    places = [*range(0, 60, 7), *np.linspace(60, len(content) - 1, 60).astype(int)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 0x04
        path.write_bytes(bytes(changed))
        try:
            loaded = Gallery.load(path)
        except PartMissing as error:
            assert str(path) in str(error)
        else:  # a byte that means nothing, such as a space in the header
            assert loaded.clips == gallery.clips
            assert np.allclose(loaded.vectors, gallery.vectors, atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"not a gallery", b"\x00" * 100])
def test_what_is_no_gallery_is_refused(tmp_path, content):
    path = tmp_path / "g.safetensors"
    path.write_bytes(content)
    with pytest.raises(PartMissing, match="cannot be read as a gallery"):
        Gallery.load(path)


def test_a_missing_gallery_is_a_missing_part(tmp_path):
    with pytest.raises(PartMissing, match="no gallery"):
        Gallery.load(tmp_path / "none")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(gallery, tmp_path, monkeypatch):
    path = tmp_path / "g.safetensors"
    gallery.save(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        make_gallery(unit(np.random.default_rng(8), 3, 4)).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["g.safetensors"]


def test_another_models_gallery_is_refused(gallery, tmp_path):
    gallery.save(tmp_path / "g.safetensors")
    with pytest.raises(PartMissing, match=r"another model \(tiny 1\)"):
        Gallery.load(tmp_path / "g.safetensors", space="t" * 64)
    with pytest.raises(UsageError, match="16 dimensions"):
        gallery.search(np.ones(17, np.float32), 3)


@pytest.mark.parametrize("query", [np.zeros(16), np.full(16, np.nan)])
def test_a_query_without_direction_is_refused(gallery, query):
    with pytest.raises(UsageError, match="direction"):
        gallery.search(query, 3)


def test_what_does_not_fit_together_is_refused(gallery):
    with pytest.raises(UsageError, match="length 1"):
        make_gallery(gallery.vectors * 2)
    with pytest.raises(UsageError, match="same name"):
        Gallery(gallery.vectors[:2], ("a", "b"), ("x", "x"), ("", ""), "m", "s")
    with pytest.raises(UsageError, match="names"):
        Gallery(gallery.vectors[:2], ("a",), ("x", "y"), ("", ""), "m", "s")
    with pytest.raises(UsageError, match="at least 1"):
        gallery.search(np.ones(16), 0)


def card(**changes):
    network = {
        "name": "joint",
        "file": "joint.onnx",
        "kind": "slgcn",
        "stream": "joint",
        "window": 32,
        "weight": 1.0,
    }
    network.update({k: v for k, v in changes.items() if k in network})
    return {
        "networks": [network],
        "sha256": {
            "joint.onnx": changes.get("sha256", "a" * 64),
            "gallery.safetensors": changes.get("gallery", "b"),
        },
        "temperature": changes.get("temperature", 1.0),
    }


def test_the_embedding_space_depends_on_networks_alone():
    same = embedding_space(card())
    assert embedding_space(card(temperature=3.0)) == same
    assert embedding_space(card(gallery="c")) == same
    assert embedding_space(json.loads(json.dumps(card()))) == same
    different = [
        card(weight=0.5),
        card(sha256="c" * 64),
        card(window=24),
        card(stream="bone"),
        card(kind="handshape"),
    ]
    assert len({same, *map(embedding_space, different)}) == 1 + len(different)
    with pytest.raises(PartMissing):
        embedding_space({"networks": [{}], "sha256": {}})
