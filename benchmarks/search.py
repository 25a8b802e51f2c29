"""Search of 25,000, 250,000 and 1,000,000 vectors: milliseconds a query, memory, build time, recall.

The vectors are made of what the starter model's gallery shows. Its 747 fused embeddings are turned to their
256 principal axes (99 % of their variance or more; the run prints how much). There, the covariance of the
glosses' means (between) and of the clips around them (within) are taken; 2,000 glosses get a mean drawn from
the first, clips are drawn around these means from the second, and every vector gets the length 1. So near
neighbours, and the gap between glosses, are as real embeddings have them. Queries are further draws.

Systems, all asked by the same queries, by turns (and the first two also with nothing in between, when small
galleries stay in the processor's cache):

- ``bare product``: ``vectors @ query`` in float32, nothing else: what memory allows
- ``signlens exact``: `signlens.retrieval.ExactIndex`, the 50 best, decided in float64
- ``numpy brute``: cosines and a full sort, as everybody writes it first
- ``scikit-learn``: ``NearestNeighbors(algorithm="brute", metric="cosine")``
- ``usearch``: `signlens.retrieval.approximate`, half precision and bytes, mapped from disk; the vectors
  decide among its candidates

Wall-clock and processor time, the fastest of all queries and their median: other work on the machine only
ever slows a query down. ``MiB`` is what the system holds besides the vectors; the graph's is its file.

    OMP_NUM_THREADS=2 python benchmarks/search.py [--sizes 25000 ...] [--graphs f16 i8] [--json OUT]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.models.sign_model import STARTER
from signlens.retrieval import GALLERY_FILE, ExactIndex, Gallery
from signlens.retrieval.approximate import ApproximateIndex, build_graph
from signlens_studies.retrieval.reductions import centroid_means, class_centroids, class_means

DIMENSION, GLOSSES, K = 256, 2000, 50
MOST_QUERIES, QUERIED_VECTORS = 200, 8_000_000  # fewer queries of more vectors

Array = NDArray[np.float32]


class Mixture:
    """Draws unit vectors that are spread as the starter model's embeddings are."""

    def __init__(self, seed: int = 0) -> None:
        gallery = Gallery.load(STARTER / GALLERY_FILE)
        vectors = gallery.matrix().astype(np.float64)
        centre = vectors.mean(axis=0)
        _, size, axes = np.linalg.svd(vectors - centre, full_matrices=False)
        self.kept = float((size[:DIMENSION] ** 2).sum() / (size**2).sum())
        turned = (vectors - centre) @ axes[:DIMENSION].T
        labels = np.unique(gallery.glosses, return_inverse=True)[1]
        means = np.stack([turned[labels == g].mean(axis=0) for g in range(labels.max() + 1)])
        self._within = _root(np.cov((turned - means[labels]).T))
        # The clips' mean keeps its length: it is what all embeddings share.
        shared = np.zeros(DIMENSION)
        shared[0] = np.linalg.norm(centre)
        self._rng = np.random.default_rng(seed)
        between = _root(np.cov(means.T))
        self._means = (shared + self._rng.normal(size=(GLOSSES, DIMENSION)) @ between).astype(np.float32)

    def glosses(self, count: int) -> NDArray[np.int64]:
        """(count,) glosses at random, for what depends on their number alone."""
        return self._rng.integers(0, GLOSSES, count)

    def draw(self, count: int) -> Array:
        """(count, 256)."""
        out = np.empty((count, DIMENSION), np.float32)
        within = self._within.astype(np.float32)
        for start in range(0, count, 50_000):
            part = out[start : start + 50_000]
            noise = self._rng.standard_normal(part.shape, dtype=np.float32)
            np.matmul(noise, within, out=part)
            part += self._means[self._rng.integers(0, GLOSSES, len(part))]
            part /= np.linalg.norm(part, axis=1, keepdims=True)
        return out


def class_mean_times(
    vectors: Array, labels: NDArray[np.int64], queries: Array
) -> dict[str, dict[str, float]]:
    """Milliseconds of the glosses' mean similarities: by centroids, and from each clip's similarity."""
    centroids = class_centroids(vectors, labels, GLOSSES)
    systems: dict[str, Callable[[Array], Any]] = {
        "by centroids": lambda q: centroid_means(q, centroids),
        "brute force": lambda q: class_means(vectors @ q, labels, GLOSSES),
    }
    entries = timed(systems, queries, {})
    return {
        name: {kind: entry[kind]["fastest"] for kind in ("wall_ms", "processor_ms")}
        for name, entry in entries.items()
    }


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, axes = np.linalg.eigh(covariance)
    return (axes * np.sqrt(np.maximum(values, 0))).T


def brute(vectors: Array, query: Array) -> NDArray[np.int64]:
    """As everybody writes it first."""
    cosine = vectors @ query / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
    return np.argsort(-cosine)[:K]


def timed(
    systems: dict[str, Callable[[Array], Any]], queries: Array, rounds: dict[str, int]
) -> dict[str, dict[str, Any]]:
    """Milliseconds of each system; they take turns."""
    wall: dict[str, list[float]] = {name: [] for name in systems}
    busy: dict[str, list[float]] = {name: [] for name in systems}
    found: dict[str, list[Any]] = {name: [] for name in systems}
    for number, query in enumerate(queries):
        for name, ask in systems.items():
            if number >= rounds.get(name, len(queries)):
                continue
            started, work = time.perf_counter(), time.process_time()
            found[name].append(ask(query))
            wall[name].append(1000 * (time.perf_counter() - started))
            busy[name].append(1000 * (time.process_time() - work))
    return {
        name: {
            "wall_ms": {"fastest": min(wall[name]), "median": float(np.median(wall[name]))},
            "processor_ms": {"fastest": min(busy[name]), "median": float(np.median(busy[name]))},
            "queries": len(wall[name]),
            "found": found[name],
        }
        for name in systems
    }


def measure(count: int, graphs: list[str], folder: Path) -> dict[str, Any]:
    """Everything at one size."""
    mixture = Mixture()
    asked = int(np.clip(QUERIED_VECTORS // count, 12, MOST_QUERIES))
    vectors, queries = mixture.draw(count), mixture.draw(asked)
    exact = ExactIndex(vectors)
    systems: dict[str, Callable[[Array], Any]] = {
        "bare product": lambda q: vectors @ q,
        "signlens exact": lambda q: exact.search(q, K).rows,
        "numpy brute": lambda q: brute(vectors, q),
    }
    extra: dict[str, dict[str, Any]] = {"numpy brute": {"memory_mb": 3 * 4 * count / 2**20}}
    rounds = {"numpy brute": 8, "scikit-learn": 5}
    try:
        from sklearn.neighbors import NearestNeighbors

        if count <= 250_000:  # it copies the vectors for each query
            started = time.perf_counter()
            learned = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine").fit(vectors)
            extra["scikit-learn"] = {
                "build_s": time.perf_counter() - started,
                "memory_mb": vectors.nbytes / 2**20,
            }
            systems["scikit-learn"] = lambda q: learned.kneighbors(q[None], return_distance=False)[0]
    except ImportError:
        print("scikit-learn is not installed: left out", file=sys.stderr)
    for stored_as in graphs:
        try:
            tried, graph = graph_of(vectors, folder / f"{count}-{stored_as}.usearch", stored_as)
        except PartMissing as error:
            print(error, file=sys.stderr)
            break
        except UsageError as error:
            extra[f"usearch {stored_as}"] = {"refused": str(error.problem)}
            continue
        extra[f"usearch {stored_as}"] = tried
        systems[f"usearch {stored_as}"] = lambda q, graph=graph: graph.search(q, K).rows
    timings = timed(systems, queries, rounds)
    for name in ("bare product", "signlens exact"):
        alone = timed({name: systems[name]}, queries, {})[name]
        extra.setdefault(name, {})["in_a_row"] = {k: alone[k] for k in ("wall_ms", "processor_ms")}
    true = timings["signlens exact"]["found"]
    for name, entry in timings.items():
        found = entry.pop("found")
        if name != "bare product":
            entry["recall_at_50"] = float(
                np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=False)])
            )
        entry.update(extra.get(name, {}))
    for name, entry in extra.items():
        timings.setdefault(name, entry)
    return {
        "vectors": count,
        "class_means": class_mean_times(vectors, mixture.glosses(count), queries),
        "dimension": DIMENSION,
        "megabytes": vectors.nbytes / 2**20,
        "variance_kept": mixture.kept,
        "load": os.getloadavg()[0],
        "systems": timings,
    }


def graph_of(vectors: Array, path: Path, stored_as: Any) -> tuple[dict[str, Any], ApproximateIndex]:
    """An approximate index, mapped from disk."""
    from usearch.index import Index

    work = time.process_time()
    tried = build_graph(vectors, path, stored_as)
    graph = Index.restore(str(path), view=True)
    graph.expansion_search = tried.effort
    return {
        "build_s": tried.build_s,
        "build_and_trial_processor_s": time.process_time() - work,
        "memory_mb": tried.bytes / 2**20,
        "recall_of_the_trial": tried.recall,
        "effort": tried.effort,
    }, ApproximateIndex(graph, lambda rows: vectors[rows])


def show(result: dict[str, Any]) -> None:
    """One size as a table."""
    print(
        f"\n{result['vectors']:,} x {result['dimension']} float32 ({result['megabytes']:.0f} MiB); "
        f"load of the machine {result['load']:.0f}"
    )
    print(f"{'system':16} {'wall ms':>16} {'processor ms':>16} {'build s':>8} {'MiB':>7} {'recall':>7}")
    for name, entry in result["systems"].items():
        if "refused" in entry:
            print(f"{name:16} {entry['refused']}")
            continue
        wall, busy = entry["wall_ms"], entry["processor_ms"]
        print(
            f"{name:16} {wall['fastest']:7.2f} {wall['median']:8.2f} {busy['fastest']:7.2f} "
            f"{busy['median']:8.2f} {entry.get('build_s', 0):8.1f} {entry.get('memory_mb', 0):7.0f} "
            f"{entry.get('recall_at_50', 1):7.3f}"
        )
    bare, ours = (result["systems"][n] for n in ("bare product", "signlens exact"))
    for name, entry in (("bare product", bare), ("signlens exact", ours)):
        wall, busy = (entry["in_a_row"][kind] for kind in ("wall_ms", "processor_ms"))
        print(
            f"{name}, in a row: wall {wall['fastest']:.2f} / {wall['median']:.2f} ms, processor "
            f"{busy['fastest']:.2f} / {busy['median']:.2f} ms"
        )
    ratios = [ours[kind]["fastest"] / bare[kind]["fastest"] for kind in ("wall_ms", "processor_ms")]
    means = result["class_means"]
    told = (f"{name} {entry['wall_ms']:.3f} ms" for name, entry in means.items())
    print(f"means of {GLOSSES:,} glosses: {', '.join(told)} (fastest)")
    print(f"exact over bare product: {ratios[0]:.2f} wall, {ratios[1]:.2f} processor (fastest)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[25_000, 250_000, 1_000_000])
    parser.add_argument("--graphs", nargs="*", default=["f16", "i8"], choices=["f16", "i8"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in asked.sizes:
            results.append(measure(size, asked.graphs, Path(folder)))
            show(results[-1])
            sys.stdout.flush()
            if asked.json:
                asked.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
