import json

import numpy as np
import pytest

from signlens.errors import PartMissing, UsageError
from signlens.retrieval import FUSED, ExactIndex, Gallery, GalleryClip
from signlens.retrieval.approximate import (
    LEAST_RECALL,
    RECALL_AT,
    ApproximateIndex,
    build_graph,
    build_index,
    open_index,
)
from signlens.retrieval.gallery import GALLERY_FILE
from signlens.retrieval.stored_gallery import StoredGallery

pytest.importorskip("usearch", reason="usearch is not installed (pip install 'signlens[ann]')")

WEIGHTS = {"joint": 0.5, "bone": 1.5}


def mixture(count, dimension, seed=0, classes=60):
    """Clusters, as embeddings have them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, dimension))
    vectors = centres[rng.integers(0, classes, count)] + 0.6 * rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    count = 1500
    Gallery(
        clips=tuple(GalleryClip(f"clip{i}", f"gloss{i % 60}") for i in range(count)),
        model="tiny 1",
        space="s" * 64,
        vectors={"joint": mixture(count, 24, 1), "bone": mixture(count, 32, 2)},
        weights=WEIGHTS,
    ).save(folder / GALLERY_FILE)
    build_index(folder, GALLERY_FILE, FUSED)
    return folder


def recall(found, true):
    return np.mean([np.isin(b, a).mean() for a, b in zip(found, true, strict=True)])


def test_an_index_finds_what_exact_search_finds(folder):
    stored = StoredGallery.open(folder / GALLERY_FILE)
    gallery = Gallery.load(folder / GALLERY_FILE)
    index, exact = open_index(folder, stored, FUSED), ExactIndex(gallery.matrix(FUSED))
    assert len(index) == len(gallery)
    rng = np.random.default_rng(9)
    near = gallery.matrix(FUSED)[rng.choice(len(gallery), 60, replace=False)]
    queries = near + 0.05 * rng.normal(size=near.shape).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = [index.search(q, RECALL_AT) for q in queries]
    true = [exact.search(q, RECALL_AT) for q in queries]
    assert recall([f.rows for f in found], [t.rows for t in true]) >= LEAST_RECALL
    for query, f in zip(queries, found, strict=True):  # similarities are those of the gallery's own vectors
        assert np.allclose(f.similarities, gallery.matrix(FUSED)[f.rows] @ query, atol=1e-6)
        assert (np.diff(f.similarities) <= 1e-7).all()


def test_a_clip_never_finds_itself_nor_what_is_excluded(folder):
    stored = StoredGallery.open(folder / GALLERY_FILE)
    index = open_index(folder, stored, FUSED)
    for row in (0, 700):
        query = stored.vectors_at(np.array([row]))[0]
        first = index.search(query, 5)
        assert row not in first.rows
        second = index.search(query, 5, exclude=first.rows)
        assert not set(first.rows.tolist()) & set(second.rows.tolist())
        assert len(second.rows) == 5
        assert second.similarities[0] <= first.similarities[-1] + 1e-7


def test_copies_of_the_query_do_not_take_the_places_of_others():
    vectors = mixture(400, 16)
    vectors[:120] = vectors[0]
    index_type = pytest.importorskip("usearch.index").Index
    graph = index_type(ndim=16, metric="cos", dtype="f16")
    graph.add(np.arange(400), vectors)
    index = ApproximateIndex(graph, lambda rows: vectors[rows])
    found = index.search(vectors[0], 10)
    assert len(found.rows) == 10
    assert (found.rows >= 120).all()


def test_recall_is_measured_stored_and_required(folder, tmp_path):
    beside = next(folder.glob("fused-*.usearch.json"))
    known = json.loads(beside.read_text())
    assert known["recall"] >= LEAST_RECALL
    assert (known["clips"], known["dimension"], known["stored_as"]) == (1500, 56, "f16")
    assert known["bytes"] == beside.with_suffix("").stat().st_size
    # A graph that looks at next to nothing finds too little, and is refused.
    rng = np.random.default_rng(3)
    hard = rng.normal(size=(4000, 96)).astype(np.float32)
    hard /= np.linalg.norm(hard, axis=1, keepdims=True)
    with pytest.raises(UsageError, match="not kept"):
        build_graph(hard, tmp_path / "g.usearch", efforts=(1,))
    assert list(tmp_path.iterdir()) == []
    # Nor is one opened whose note says so.
    stored = StoredGallery.open(folder / GALLERY_FILE)
    text = beside.read_text()
    try:
        beside.write_text(text.replace(f'"recall": {known["recall"]}', '"recall": 0.98'))
        with pytest.raises(PartMissing, match="miss too much"):
            open_index(folder, stored, FUSED)
    finally:
        beside.write_text(text)


def test_an_index_of_other_vectors_or_a_cut_one_is_refused(folder, tmp_path):
    gallery = Gallery.load(folder / GALLERY_FILE)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    gallery.only(range(1400)).save(tmp_path / GALLERY_FILE)
    with pytest.raises(PartMissing, match="gallery index"):
        open_index(tmp_path, StoredGallery.open(tmp_path / GALLERY_FILE), FUSED)
    gallery.save(tmp_path / GALLERY_FILE)
    graph = next(tmp_path.glob("*.usearch"))
    graph.write_bytes(graph.read_bytes()[:-100])
    with pytest.raises(PartMissing, match="not whole"):
        open_index(tmp_path, StoredGallery.open(tmp_path / GALLERY_FILE), FUSED)
    with pytest.raises(PartMissing, match="gallery index"):
        open_index(folder, StoredGallery.open(folder / GALLERY_FILE), "joint")
    with pytest.raises(UsageError, match="no 'elbow'"):
        open_index(folder, StoredGallery.open(folder / GALLERY_FILE), "elbow")


def test_a_small_gallery_needs_no_index(tmp_path):
    with pytest.raises(UsageError, match="search them exactly"):
        build_graph(mixture(50, 8), tmp_path / "g.usearch")


def test_vectors_read_row_by_row_are_those_in_memory(folder):
    stored, gallery = StoredGallery.open(folder / GALLERY_FILE), Gallery.load(folder / GALLERY_FILE)
    rows = np.array([3, 1499, 0, 77])
    for name in gallery.spaces:
        assert np.array_equal(stored.vectors_at(rows, name), gallery.matrix(name)[rows])
    assert stored.clips == gallery.clips
    with pytest.raises(PartMissing, match="another model"):
        StoredGallery.open(folder / GALLERY_FILE, "t" * 64)
