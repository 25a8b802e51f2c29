import numpy as np
import pytest

from signlens.errors import PartMissing, UsageError
from signlens.retrieval import FUSED, ExactIndex, Gallery, GalleryClip
from signlens.retrieval.service import ServiceIndex, collection_name, connect, publish

pytest.importorskip("qdrant_client", reason="the extra service is not installed")

# The local mode says that it does without what a server needs.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes:UserWarning", "ignore:Local mode:UserWarning")

SPACE = "ab" * 32
WEIGHTS = {"joint": 0.5, "bone": 1.5}


def unit(rng, count, dimension):
    vectors = rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def made_gallery(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return Gallery(
        clips=tuple(
            GalleryClip(f"clip{i}", f"gloss{i % 7}", f"signer{i % 3}", "train", f"{i // 2:064x}")
            for i in range(count)
        ),
        model="tiny 1",
        space=SPACE,
        vectors={"joint": unit(rng, count, 12), "bone": unit(rng, count, 20)},
        weights=WEIGHTS,
    )


@pytest.fixture(scope="module")
def gallery():
    return made_gallery()


@pytest.fixture(scope="module")
def client(gallery):
    client = connect(":memory:")
    publish(gallery, client)
    yield client
    client.close()


@pytest.mark.parametrize("space", ["joint", "bone", FUSED])
def test_a_server_gives_what_exact_search_gives(client, gallery, space):
    index, exact = ServiceIndex(client, SPACE, space), ExactIndex(gallery.matrix(space))
    assert len(index) == len(gallery)
    rng = np.random.default_rng(5)
    for query in rng.normal(size=(10, gallery.matrix(space).shape[1])):
        exclude = rng.choice(len(gallery), 5, replace=False)
        found, true = index.search(query, 8, exclude), exact.search(query, 8, exclude)
        assert found.rows.tolist() == true.rows.tolist()
        assert np.allclose(found.similarities, true.similarities, atol=1e-6)
        assert [(s.clip, s.gloss, s.split, s.signer) for s in index.signs(found)] == [
            (s.clip, s.gloss, s.split, s.signer) for s in gallery.signs(true)
        ]


def test_a_clip_does_not_find_itself_nor_its_copies(client, gallery):
    index = ServiceIndex(client, SPACE, FUSED)
    found = index.search(gallery.matrix(FUSED)[9], len(gallery))
    assert sorted(found.rows.tolist()) == [row for row in range(len(gallery)) if row != 9]
    assert index.rows_of({gallery.clips[9].source, ""}, {"clip20"}).tolist() == [8, 9, 20]
    assert index.rows_of().tolist() == []
    assert gallery.rows_of({gallery.clips[9].source, ""}, {"clip20"}).tolist() == [8, 9, 20]
    copies = Gallery(
        clips=gallery.clips[:60],
        model="tiny 1",
        space="cd" * 32,
        vectors={"joint": np.repeat(gallery.vectors["joint"][:2], 30, axis=0)},
        weights={"joint": 1.0},
    )
    publish(copies, client)
    index = ServiceIndex(client, "cd" * 32, "joint")
    rows = index.search(copies.vectors["joint"][0], 5).rows
    assert len(rows) == 5
    assert (rows >= 30).all()


def test_another_model_does_not_find_the_gallery(client):
    with pytest.raises(PartMissing, match="no gallery of this model"):
        ServiceIndex(client, "ef" * 32, FUSED)
    with pytest.raises(PartMissing, match="no gallery of this model"):
        ServiceIndex(client, SPACE, FUSED, collection="another")
    with pytest.raises(UsageError, match="no 'elbow'"):
        ServiceIndex(client, SPACE, "elbow")
    with pytest.raises(UsageError, match="12 dimensions"):
        ServiceIndex(client, SPACE, "joint").search(np.ones(9), 3)


def test_a_gallery_published_again_takes_the_place_of_the_earlier_one():
    client = connect(":memory:")
    publish(made_gallery(40), client)
    before = ServiceIndex(client, SPACE, "joint")
    assert len(before) == 40
    publish(made_gallery(25, seed=4), client)
    assert len(ServiceIndex(client, SPACE, "joint")) == 25
    left = [c.name for c in client.get_collections().collections]
    assert len(left) == 1
    assert left[0].startswith(collection_name(SPACE))
    client.close()


def test_a_folder_keeps_a_gallery(tmp_path):
    client = connect(str(tmp_path / "kept"))
    publish(made_gallery(30), client)
    client.close()
    client = connect(str(tmp_path / "kept"))
    assert len(ServiceIndex(client, SPACE, FUSED)) == 30
    client.close()


def test_a_server_that_is_not_there_is_named():
    client = connect("http://127.0.0.1:9")
    with pytest.raises(UsageError, match="cannot be asked"):
        ServiceIndex(client, SPACE, FUSED)
