"""Approximate search past a million clips: a graph (HNSW, by usearch), mapped from disk.

The graph proposes candidates; their cosines are taken from the gallery's own vectors. Before it is kept, the
graph is held against exact search on a sample of its own data, and what it finds of the true 50 nearest is
written down beside it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from signlens.errors import PartMissing, UsageError
from signlens.files import whole_file, write_errors
from signlens.optional import require_extra
from signlens.retrieval.gallery import Gallery
from signlens.retrieval.index import (
    NOTHING,
    NOTHING_FOUND,
    ExactIndex,
    Found,
    Rows,
    Vectors,
    check_k,
    rank_exactly,
    unit_query,
)
from signlens.retrieval.stored_gallery import StoredGallery

LEAST_RECALL = 0.99
"""An index that finds less of the true nearest clips is refused."""

RECALL_AT = 50
SAMPLE = 200
"""Clips of the gallery that ask when an index is tried out."""

EFFORTS = (128, 256, 512)
"""How many candidates usearch keeps in view while it searches; the first that is enough is taken."""

StoredAs = Literal["f16", "i8"]

_LAYOUT = 1
_MARGIN = 3  # candidates for each clip that is asked for
_ADDED_ALONE, _ADDED_AT_ONCE = 2_000, 20_000


@dataclass(frozen=True)
class Tried:
    """What is known of an index; stands beside it as JSON.

    Attributes:
        layout: Version of this document.
        vectors: SHA-256 (hex) of what the vectors are made of.
        space: The gallery's embedding space.
        name: Which of its spaces: a network, or ``fused``.
        stored_as: Numbers in the graph, ``f16`` or ``i8``.
        clips: How many.
        dimension: Of a vector.
        effort: See `EFFORTS`.
        recall: Share of the true `RECALL_AT` nearest clips that it finds.
        sample: How many clips asked.
        build_s: Seconds that building took.
        bytes: Size of the graph's file.
    """

    layout: int
    vectors: str
    space: str
    name: str
    stored_as: str
    clips: int
    dimension: int
    effort: int
    recall: float
    sample: int
    build_s: float
    bytes: int


class ApproximateIndex:
    """Searches the graph, then decides among the candidates by their own vectors.

    Args:
        graph: A usearch index.
        vectors_at: Gives unit vectors (n, D) of rows.
    """

    def __init__(self, graph: Any, vectors_at: Callable[[Rows], Vectors]) -> None:
        self._graph = graph
        self._vectors_at = vectors_at

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self._graph)

    def search(self, query: np.ndarray, k: int, exclude: Rows = NOTHING) -> Found:
        """See `signlens.retrieval.index.Index.search`; a clip may be missed, see `Tried.recall`."""
        check_k(k)
        unit = unit_query(query, self._graph.ndim)
        left_out = set(exclude.tolist())
        asked = min(len(self), _MARGIN * k + len(left_out) + 1)
        while asked:
            matches = self._graph.search(unit.astype(np.float32), asked)
            keys = (key for key in matches.keys.astype(np.int64).tolist() if key not in left_out)
            rows = np.fromiter(keys, dtype=np.int64)
            found = rank_exactly(rows, self._vectors_at(rows), unit, k) if len(rows) else NOTHING_FOUND
            # Copies of the query may have taken all places.
            if len(found.rows) >= k or asked >= len(self):
                return found
            asked = min(len(self), 2 * asked)
        return NOTHING_FOUND


def build_graph(
    vectors: Vectors,
    path: Path,
    stored_as: StoredAs = "f16",
    *,
    describe: dict[str, str] | None = None,
    efforts: tuple[int, ...] = EFFORTS,
    seed: int = 0,
) -> Tried:
    """Build a graph, try it out, and keep it if it is good enough.

    Args:
        vectors: (N, D) float32, each of length 1; at least `RECALL_AT` + 1.
        path: File of the graph; what is known of it goes beside it, with ``.json`` added to the name.
        stored_as: Half-precision numbers, or bytes: half as large, and coarser.
        describe: ``vectors``, ``space`` and ``name`` for `Tried`.
        efforts: See `EFFORTS`.
        seed: Of the sample.

    Raises:
        PartMissing: usearch is not installed.
        UsageError: The graph finds too little, too few vectors, or the file cannot be written.
    """
    index_type = _usearch()
    count, dimension = vectors.shape
    if count <= RECALL_AT:
        raise UsageError(path, f"{count} clips need no approximate search", "search them exactly")
    started = time.perf_counter()
    graph = index_type(ndim=dimension, metric="cos", dtype=stored_as, connectivity=16, expansion_add=128)
    keys = np.arange(count, dtype=np.uint64)
    # Threads that begin a graph together do not see each other's clips, and some are never reached.
    graph.add(keys[:_ADDED_ALONE], vectors[:_ADDED_ALONE], threads=1)
    for start in range(_ADDED_ALONE, count, _ADDED_AT_ONCE):
        graph.add(keys[start : start + _ADDED_AT_ONCE], vectors[start : start + _ADDED_AT_ONCE])
    build_s = time.perf_counter() - started
    sample = np.random.default_rng(seed).choice(count, min(SAMPLE, count), replace=False)
    effort, recall = _least_effort(graph, vectors, sample, efforts)
    if recall < LEAST_RECALL:
        raise UsageError(
            path,
            f"the index finds {recall:.1%} of the {RECALL_AT} nearest clips at best, less than "
            f"{LEAST_RECALL:.0%}; it is not kept",
            "store half-precision numbers (f16), or search exactly",
        )
    with write_errors(path, "name another"):
        with whole_file(path) as part_file:
            graph.save(str(part_file))
            size = part_file.stat().st_size
        known = Tried(
            layout=_LAYOUT,
            stored_as=stored_as,
            clips=count,
            dimension=dimension,
            effort=effort,
            recall=round(recall, 5),
            sample=len(sample),
            build_s=round(build_s, 2),
            bytes=size,
            **{"vectors": "", "space": "", "name": "", **(describe or {})},
        )
        with whole_file(_beside(path)) as part_file:
            part_file.write_text(json.dumps(asdict(known), indent=1) + "\n", encoding="utf-8")
    return known


def _least_effort(graph: Any, vectors: Vectors, sample: Rows, efforts: tuple[int, ...]) -> tuple[int, float]:
    """The first effort that finds enough of what exact search finds, or the last; and the share it finds."""
    exact, tried = ExactIndex(vectors), ApproximateIndex(graph, lambda rows: vectors[rows])
    true = [exact.search(vectors[row], RECALL_AT).rows for row in sample]
    recall, effort = 0.0, efforts[0]
    for effort in efforts:
        graph.expansion_search = effort
        found = [tried.search(vectors[row], RECALL_AT).rows for row in sample]
        hits = [len(np.intersect1d(f, t)) / max(len(t), 1) for f, t in zip(found, true, strict=True)]
        recall = float(np.mean(hits))
        if recall >= LEAST_RECALL:
            break
    return effort, recall


def build_index(folder: Path, file: str, name: str, stored_as: StoredAs = "f16") -> Tried:
    """Build the approximate index of one space of a gallery, beside it.

    Args:
        folder: The gallery's folder.
        file: Name of the gallery's file in it.
        name: The space: a network, or ``fused``.
        stored_as: See `build_graph`.
    """
    stored = StoredGallery.open(folder / file)
    vectors = Gallery.load(folder / file, only=name).matrix(name)
    words = {"vectors": stored.digest(name), "space": stored.space, "name": name}
    return build_graph(vectors, _graph_file(folder, words["vectors"], name), stored_as, describe=words)


def open_index(folder: Path, stored: StoredGallery, name: str) -> ApproximateIndex:
    """The approximate index of one space of a gallery, mapped from disk.

    Raises:
        PartMissing: usearch is not installed; there is no index of these very vectors; it is damaged, or
            finds less than `LEAST_RECALL`.
    """
    digest = stored.digest(name)
    index_type = _usearch()
    path = _graph_file(folder, digest, name)
    again = f"build it with: signlens gallery index {folder} --space {name}"
    if not path.is_file() or not _beside(path).is_file():
        raise PartMissing(path, "there is no approximate index of the gallery as it is now", again)
    try:
        known = Tried(**json.loads(_beside(path).read_text(encoding="utf-8")))
        whole = known.bytes == path.stat().st_size and known.clips == len(stored)
        if known.layout != _LAYOUT or known.vectors != digest or not whole:
            raise PartMissing(path, "it is not the index of this gallery, or not whole", again)
        if not known.recall >= LEAST_RECALL:
            problem = f"it was found to miss too much (recall at {RECALL_AT}: {known.recall})"
            raise PartMissing(path, problem, again)
        graph = index_type.restore(str(path), view=True)
        if graph is None or len(graph) != known.clips or graph.ndim != known.dimension:
            raise PartMissing(path, "it cannot be read as an index", again)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise PartMissing(path, f"it cannot be read as an index ({error})", again) from None
    graph.expansion_search = known.effort
    return ApproximateIndex(graph, lambda rows: stored.vectors_at(rows, name))


def _graph_file(folder: Path, digest: str, name: str) -> Path:
    """The name tells which vectors the graph is of, so that an older one is never taken for it."""
    return folder / f"{name}-{digest[:16]}.usearch"


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _usearch() -> Any:
    try:
        from usearch.index import Index
    except ImportError:
        raise require_extra("ann", "usearch") from None
    return Index
