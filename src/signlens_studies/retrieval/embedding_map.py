"""Embedding spaces as maps of the plane: UMAP of every network's space (SLR-sentiment paper, Figure 13).

A map keeps neighbourhoods as well as two dimensions can; how well is measured beside it. Colours come from a
list that ties glosses to emotions: they say nothing of what a signer felt.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import load_gloss_map
from signlens.emotion.reading import EMOTIONS
from signlens.errors import PartMissing, UsageError
from signlens.files import whole_file
from signlens.optional import require_extra
from signlens.retrieval.index import cosines

MOST_CLIPS = 12_000
"""More are thinned evenly; the paper's maps have 10,878 points each."""

NEIGHBOURS = 15
"""UMAP's default, as in the paper."""

MIN_DISTANCE = 0.99
"""The paper's."""

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#3d8fd1")
"""Okabe and Ito's, which most people can tell apart, the dark blue made lighter; one a group."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One a group, so that colour is not needed to tell groups apart."""


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """Clips in the plane, once for each space.

    Attributes:
        split: Whose networks embedded them.
        rows: (N,) rows of the source.
        clips: N names.
        glosses: N glosses.
        groups: Names of what is coloured: emotions, or glosses.
        group: (N,) which group, -1 for none.
        emotional: Whether groups are emotions; else they are the most frequent glosses.
        test: (N,) whether a clip is of the split's scored clips, which trained nothing.
        vectors: Space -> (N, D) embeddings.
        places: Space -> (N, 2) in the map.
    """

    split: str
    rows: NDArray[np.int64]
    clips: tuple[str, ...]
    glosses: tuple[str, ...]
    groups: tuple[str, ...]
    group: NDArray[np.int64]
    emotional: bool
    test: NDArray[np.bool_]
    vectors: dict[str, NDArray[np.float32]]
    places: dict[str, NDArray[np.float32]]


def umap_places(vectors: NDArray[np.floating], seed: int) -> NDArray[np.float32]:
    """(N, 2) by UMAP with the paper's settings: cosine, least distance 0.99, all else at its default.

    Args:
        vectors: (N, D), N > `NEIGHBOURS`.
        seed: The same vectors and seed give the same map; vectors that differ in their last digits may not.

    Raises:
        PartMissing: umap-learn is not installed.
        UsageError: Too few clips.
    """
    if len(vectors) <= NEIGHBOURS:
        raise UsageError("map", f"{len(vectors)} clips are too few", f"give more than {NEIGHBOURS}")
    try:
        import umap
    except ImportError as error:
        raise require_extra("studies", error.name or "umap") from None
    # One thread is what a seed means; without saying so UMAP warns of it.
    model = umap.UMAP(n_components=2, min_dist=MIN_DISTANCE, metric="cosine", random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(vectors.astype(np.float32)), np.float32)


def group_glosses(glosses: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.int64], bool]:
    """What to colour: glosses of the shipped gloss map by emotion, or the most frequent ones.

    Args:
        glosses: One a clip.

    Returns:
        Names of the groups, (N,) the group of each clip or -1, and whether groups are emotions.
    """
    emotion = {gloss.lower(): name for gloss, name in load_gloss_map().emotion_of(True).items()}
    own = [emotion.get(gloss.lower(), "") for gloss in glosses]
    present = tuple(name for name in EMOTIONS if name in own)
    if present:
        return present, np.array([present.index(o) if o else -1 for o in own]), True
    counts = Counter(glosses)
    common = tuple(sorted(counts, key=lambda gloss: (-counts[gloss], gloss))[: len(COLOURS)])
    return common, np.array([common.index(g) if g in common else -1 for g in glosses]), False


def map_run(run: Path, seed: int) -> tuple[EmbeddingMap, Any]:
    """Embed the clips of a run's first finished split by its own networks, and lay them out.

    Of a run on several data sets only the clips of the one under test are shown.

    Args:
        run: Folder of the run.
        seed: Of UMAP.

    Returns:
        The map, and the source of the clips.

    Raises:
        PartMissing: No split has been trained wholly, or umap-learn is not installed.
        UsageError: The folder is no run's.
    """
    from signlens.training import run as runs
    from signlens.training.distributed import ALONE
    from signlens.training.loop import infer
    from signlens.training.pieces import load_network
    from signlens.training.run import open_run

    opened = open_run(run)
    experiment, source = opened.experiment, opened.source
    wanted = list(dict.fromkeys(split for _, split in runs.pieces_of(source, experiment)))
    done = [
        s for s in wanted if all(runs.trained_digest(run, (n, s)) is not None for n in experiment.networks)
    ]
    if not done:
        raise PartMissing(run, "no split of it has been trained wholly", "train it first")
    split = source.splits()[done[0]]
    train = split.train if split.target is None else split.train[split.target]
    scored = np.concatenate([np.zeros(0, np.int64), *split.score.values()])
    rows = np.concatenate([train, np.setdiff1d(scored, train)])
    if len(rows) > MOST_CLIPS:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, MOST_CLIPS).round().astype(int))]
    vectors = {}
    for network, settings in experiment.networks.items():
        model = load_network(run, experiment, (network, split.name), len(source.classes))
        _, vectors[network] = infer(model, source, settings, rows, ALONE)
    glosses = tuple(source.classes[source.labels[row]] for row in rows)
    groups, group, emotional = group_glosses(glosses)
    made = EmbeddingMap(
        split=split.name,
        rows=rows,
        clips=tuple(source.names[row] for row in rows),
        glosses=glosses,
        groups=groups,
        group=group,
        emotional=emotional,
        test=np.isin(rows, scored),
        vectors=vectors,
        places={name: umap_places(values, seed) for name, values in vectors.items()},
    )
    return made, source


def nearest_agrees(of: EmbeddingMap, space: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each test clip, whether its nearest training clip has its gloss: in the space, and in the map.

    Args:
        of: The map.
        space: Which.

    Returns:
        Two (tests,); empty when there are no test clips, or nothing but.
    """
    names = np.unique(of.glosses, return_inverse=True)[1]
    test, train = np.flatnonzero(of.test), np.flatnonzero(~of.test)
    if not len(test) or not len(train):
        return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
    near = cosines(of.vectors[space][test], of.vectors[space][train]).argmax(axis=1)
    places = of.places[space].astype(np.float64)
    apart = np.linalg.norm(places[test][:, None] - places[train][None], axis=-1).argmin(axis=1)
    return names[train[near]] == names[test], names[train[apart]] == names[test]


def draw_map(of: EmbeddingMap, path: Path) -> None:
    """Draw all spaces side by side as a PNG.

    Raises:
        PartMissing: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise require_extra("studies", error.name or "matplotlib") from None
    count = len(of.places)
    columns = min(count, 3 if count in (3, 5, 6) else 2)
    lines = -(-count // columns)
    figure = Figure(figsize=(5 * columns, 5 * lines + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    small = 10 if len(of.clips) < 2000 else 3
    for place, name in zip(axes, of.places, strict=False):
        xy = of.places[name]
        rest = of.group < 0
        place.scatter(*xy[rest].T, s=small, color="#b5b5b5", linewidths=0, label="other glosses")
        for number, group in enumerate(of.groups):
            own = of.group == number
            place.scatter(
                *xy[own].T,
                s=3 * small,
                color=COLOURS[number],
                marker=MARKERS[number],
                edgecolors="#222222",
                linewidths=0.4,
                label=group,
            )
        place.set_title(name.replace("_", " "))
        place.set_xticks([])
        place.set_yticks([])
        place.set_aspect("equal", "datalim")
    for place in axes[count:]:
        place.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)), frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, format="png")


def write_places(of: EmbeddingMap, path: Path) -> None:
    """Write every clip's places as a table (.csv)."""
    head = ["clip", "gloss", "group", "part"]
    head += [f"{name}_{axis}" for name in of.places for axis in "xy"]
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for i, clip in enumerate(of.clips):
            group = of.groups[of.group[i]] if of.group[i] >= 0 else ""
            numbers = [f"{v:.4f}" for xy in of.places.values() for v in xy[i].tolist()]
            writer.writerow([clip, of.glosses[i], group, "test" if of.test[i] else "train", *numbers])
