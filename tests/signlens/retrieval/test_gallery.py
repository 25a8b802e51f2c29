import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signlens.errors import PartMissing, UsageError
from signlens.retrieval import FUSED, Gallery, GalleryClip, embedding_space
from signlens.retrieval.gallery import Skeletons

WEIGHTS = {"joint": 0.5, "bone": 1.0, "hand_shape": 2.0}
DIMENSIONS = {"joint": 12, "bone": 12, "hand_shape": 20}


def unit(rng, count, dimension):
    vectors = rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_gallery(count, seed=1, sources=None, space="s" * 64, prefix="clip", skeletons=None, weights=WEIGHTS):
    rng = np.random.default_rng(seed)
    sources = sources or [""] * count
    return Gallery(
        vectors={name: unit(rng, count, DIMENSIONS[name]) for name in weights},
        weights=weights,
        clips=tuple(
            GalleryClip(f"{prefix}{i}", f"gloss{i % 5}", f"signer{i % 3}", "train", sources[i])
            for i in range(count)
        ),
        model="tiny 1",
        space=space,
        skeletons=skeletons,
    )


@pytest.fixture
def gallery():
    return make_gallery(40)


def query_in(space, seed=3):
    rng = np.random.default_rng(seed)
    return unit(rng, 1, sum(DIMENSIONS.values()) if space == FUSED else DIMENSIONS[space])[0]


def found_names(gallery, query, k, exclude=None, space=FUSED):
    return [s.clip for s in gallery.search(query, k, exclude, space)]


def test_the_fused_cosine_is_the_weighted_mean_of_the_networks_cosines(gallery):
    """One cosine over the weighted concatenation: an identity, held against the sum over the networks."""
    rng = np.random.default_rng(7)
    other = {name: rng.normal(size=(1, d)) * rng.uniform(0.1, 9) for name, d in DIMENSIONS.items()}
    from signlens.models.embedding import fuse_embeddings

    query = fuse_embeddings({n: v.astype(np.float32) for n, v in other.items()}, WEIGHTS)[0]
    expected = np.zeros(len(gallery))
    for name, weight in WEIGHTS.items():
        own, asked = gallery.vectors[name].astype(np.float64), other[name][0]
        expected += weight / sum(WEIGHTS.values()) * (own @ asked) / np.linalg.norm(asked)
    assert np.allclose(gallery.similarities(query), expected, atol=1e-6)
    assert np.allclose(np.linalg.norm(gallery.matrix(FUSED), axis=1), 1, atol=1e-6)


def test_a_space_is_searched_on_its_own(gallery):
    for space in ("joint", "hand_shape"):
        query = query_in(space)
        cosine = gallery.vectors[space].astype(np.float64) @ query
        assert found_names(gallery, query, 5, space=space) == [
            f"clip{i}" for i in np.argsort(-cosine, kind="stable")[:5]
        ]
    with pytest.raises(UsageError, match="joint, bone, hand_shape, fused"):
        gallery.search(query_in("joint"), 5, space="bone_motion")


def test_results_carry_gloss_signer_and_split(gallery):
    for sign in gallery.search(query_in(FUSED), 9):
        clip = gallery.clips[gallery.row(sign.clip)]
        assert (sign.gloss, sign.signer, sign.split) == (clip.gloss, clip.signer, "train")


def test_one_clip_per_gloss_is_each_glosss_best(gallery):
    similarities = np.random.default_rng(4).random(len(gallery))
    found = gallery.best(similarities, len(gallery), one_per_gloss=True)
    best = {}
    for gloss, value in zip(gallery.glosses, similarities, strict=True):
        best[gloss] = max(value, best.get(gloss, -1))
    assert {s.gloss: s.similarity for s in found} == pytest.approx(best)
    assert [s.similarity for s in found] == sorted((s.similarity for s in found), reverse=True)
    assert gallery.best(similarities, 0) == []


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("space", ["joint", FUSED])
def test_a_clip_of_the_gallery_does_not_find_itself_even_when_it_was_rounded(gallery, tmp_path, dtype, space):
    gallery.save(tmp_path / "g.safetensors", dtype=dtype)
    stored = Gallery.load(tmp_path / "g.safetensors")
    for row in range(len(gallery)):
        found = found_names(stored, gallery.matrix(space)[row], len(gallery), space=space)
        assert len(found) == len(gallery) - 1
        assert f"clip{row}" not in found


def test_a_clip_does_not_find_another_copy_of_its_source():
    gallery = make_gallery(4, sources=["aa", "bb", "", "aa"])
    query = query_in(FUSED)

    def without(**who):
        return set(found_names(gallery, query, 9, gallery.rows_of(**who)))

    assert without(sources={"aa"}) == {"clip1", "clip2"}
    # A clip without a known source is never taken for another one without.
    assert without(sources={""}) == {"clip0", "clip1", "clip2", "clip3"}
    assert without(names={"clip2"}) == {"clip0", "clip1", "clip3"}
    cosine = gallery.similarities(query, gallery.rows_of({"aa"}))
    assert np.isnan(cosine).tolist() == [True, False, False, True]


def test_duplicates_in_a_gallery_are_named():
    gallery = make_gallery(6, sources=["aa", "bb", "", "aa", "", ""])
    for own in gallery.vectors.values():
        own[4] = own[2]  # the same embedding without a source
        own[5] = own[0]  # and one that joins clips 0 and 3
    assert gallery.duplicates() == [("clip0", "clip3", "clip5"), ("clip2", "clip4")]
    assert make_gallery(9).duplicates() == []


def skeletons_of(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, 49, 2)).astype(np.float32) for length in lengths]


def test_clips_are_added_replaced_and_removed_without_a_rebuild():
    clips = skeletons_of([3, 1, 5])
    first = make_gallery(3, seed=1, skeletons=Skeletons.of(clips))
    others = skeletons_of([2, 4], seed=5)
    second = make_gallery(2, seed=2, skeletons=Skeletons.of(others), prefix="new")
    # A clip of the same name takes the other's place.
    second = dataclasses.replace(second, clips=(GalleryClip("clip1", "other"), second.clips[1]))
    joined = first.joined(second)
    assert [c.name for c in joined.clips] == ["clip0", "clip2", "clip1", "new1"]
    assert joined.clips[2].gloss == "other"
    for space in (*WEIGHTS, FUSED):
        expected = [*first.matrix(space)[[0, 2]], *second.matrix(space)]
        assert np.array_equal(joined.matrix(space), expected)
    expected_clips = [clips[0], clips[2], *others]
    for row, points in enumerate(expected_clips):
        assert np.array_equal(joined.skeletons.clip(row), points.astype(np.float16))
    left = joined.only([3, 0])
    assert [c.name for c in left.clips] == ["new1", "clip0"]
    assert np.array_equal(left.vectors["bone"], joined.vectors["bone"][[3, 0]])
    assert np.array_equal(left.skeletons.clip(0), others[1].astype(np.float16))
    assert first.joined(make_gallery(2, seed=2, prefix="new")).skeletons is None
    with pytest.raises(PartMissing, match="another model"):
        first.joined(make_gallery(2, space="t" * 64))


@given(st.sampled_from(["float16", "float32"]), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_saved_and_loaded_is_the_same(tmp_path_factory, dtype, count):
    path = tmp_path_factory.mktemp("gallery") / "g.safetensors"
    drawn = Skeletons.of(skeletons_of([i % 4 for i in range(count)]))
    gallery = make_gallery(count, seed=count, sources=["f" * 64] * count, skeletons=drawn)
    digest = gallery.save(path, dtype=dtype)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = Gallery.load(path, space=gallery.space, skeletons=True)
    assert loaded.clips == gallery.clips
    assert (loaded.model, loaded.weights) == (gallery.model, gallery.weights)
    assert list(loaded.weights) == list(gallery.weights)  # their order is that of the fused vector
    for name in WEIGHTS:
        assert loaded.vectors[name].dtype == np.float32
        tolerance = 1e-6 if dtype == "float32" else 1e-3
        assert np.allclose(loaded.vectors[name], gallery.vectors[name], atol=tolerance)
        assert np.allclose(np.linalg.norm(loaded.vectors[name], axis=1), 1, atol=1e-6)
    assert np.array_equal(loaded.skeletons.points, drawn.points)
    assert np.array_equal(loaded.skeletons.starts, drawn.starts)


def test_one_space_can_be_read_alone(gallery, tmp_path):
    gallery.save(tmp_path / "g", dtype="float32")
    loaded = Gallery.load(tmp_path / "g", only="bone")
    assert loaded.spaces == ("bone",)
    assert found_names(loaded, query_in("bone"), 9, space="bone") == found_names(
        gallery, query_in("bone"), 9, space="bone"
    )
    with pytest.raises(UsageError, match="no 'fused'"):
        loaded.matrix(FUSED)
    with pytest.raises(UsageError, match="no 'bone_motion'"):
        Gallery.load(tmp_path / "g", only="bone_motion")
    assert Gallery.load(tmp_path / "g", only=FUSED).spaces == gallery.spaces


def test_names_may_hold_any_text(tmp_path):
    odd = dataclasses.replace(make_gallery(1), clips=(GalleryClip('ŷ "\\\n\udc80', "gloß", "", "", ""),))
    odd.save(tmp_path / "g")
    assert Gallery.load(tmp_path / "g").clips == odd.clips


def test_the_same_gallery_gives_the_same_file(gallery, tmp_path):
    assert gallery.save(tmp_path / "a") == gallery.save(tmp_path / "b")


def test_any_changed_byte_is_noticed(tmp_path):
    gallery = make_gallery(12, skeletons=Skeletons.of(skeletons_of([2] * 12)))
    path = tmp_path / "g.safetensors"
    gallery.save(path)
    content = path.read_bytes()
    # Bytes of the length, the header, the names, the vectors and the skeletons.
    places = [*range(0, 60, 7), *np.linspace(60, len(content) - 1, 90).astype(int)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 0x04
        path.write_bytes(bytes(changed))
        try:
            loaded = Gallery.load(path, skeletons=True)
        except PartMissing as error:
            assert str(path) in str(error)
        else:  # a byte that means nothing, such as a space in the header
            assert loaded.clips == gallery.clips
            assert np.allclose(loaded.matrix(), gallery.matrix(), atol=1e-3)
            assert np.array_equal(loaded.skeletons.points, gallery.skeletons.points)


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
        make_gallery(3, seed=8).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["g.safetensors"]


def test_another_models_gallery_is_refused(gallery, tmp_path):
    gallery.save(tmp_path / "g.safetensors")
    with pytest.raises(PartMissing, match=r"another model \(tiny 1\)"):
        Gallery.load(tmp_path / "g.safetensors", space="t" * 64)
    with pytest.raises(UsageError, match="44 dimensions"):
        gallery.search(np.ones(17, np.float32), 3)


def test_what_does_not_fit_together_is_refused(gallery):
    doubled = {name: 2 * own for name, own in gallery.vectors.items()}
    with pytest.raises(UsageError, match="length 1"):
        dataclasses.replace(gallery, vectors=doubled)
    with pytest.raises(UsageError, match="same name"):
        dataclasses.replace(gallery, clips=(gallery.clips[0],) * 40)
    with pytest.raises(UsageError, match="for 39 clips"):
        dataclasses.replace(gallery, clips=gallery.clips[:39])
    with pytest.raises(UsageError, match="name the same"):
        dataclasses.replace(gallery, weights={"joint": 1.0})
    with pytest.raises(UsageError, match="skeletons"):
        dataclasses.replace(gallery, skeletons=Skeletons.of(skeletons_of([1] * 39)))
    with pytest.raises(UsageError, match="at least 1"):
        gallery.search(np.ones(44), 0)


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
