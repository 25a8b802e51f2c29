"""Figure 13: maps of the embedding spaces, as a picture and as a page where a point shows its skeleton."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.evaluation.metrics import bootstrap
from signlens.evaluation.results import describe_intervals
from signlens.evaluation.systems import Settings
from signlens.report.drawing import MISSING, WHOLE_BODY_LIMBS
from signlens.report.rendering import render, write_page
from signlens.skeleton.normalise import WHOLE_BODY_INDEX
from signlens_studies.reproduction import PAPER, Reproduction, Row
from signlens_studies.retrieval.embedding_map import (
    COLOURS,
    MIN_DISTANCE,
    EmbeddingMap,
    draw_map,
    map_run,
    nearest_agrees,
    write_places,
)

FRAMES = 16
"""Of each clip in the page; clips are resampled to them."""

MOST_SKELETONS = 1500
"""A page carries so many clips' skeletons at most, about 6 kB each; of more clips some, evenly spaced."""

_PLACE = {int(index): place for place, index in enumerate(WHOLE_BODY_INDEX)}
LIMBS: list[list[int | str]] = [
    [_PLACE[a], _PLACE[b], part]
    for part in ("body", "left_hand", "right_hand")
    for a, b in WHOLE_BODY_LIMBS[part]
    if a in _PLACE and b in _PLACE
]
"""Pairs of the 49 points that are joined, and the part that the line belongs to."""


def pack_joints(joints: NDArray[np.float32], seen: NDArray[np.float32]) -> str:
    """Base64 of (N, T, 49, 2) little-endian int16: thousandths of a shoulder width, `MISSING` where not seen.

    Args:
        joints: (N, T, 49, 3) normalised joints.
        seen: (N, T, 49), 1 where found.
    """
    packed = np.clip(np.rint(joints[..., :2] * 1000), -32767, 32767).astype("<i2")
    packed[seen < 0.5] = MISSING
    return base64.b64encode(np.ascontiguousarray(packed).tobytes()).decode("ascii")


def write_map(of: EmbeddingMap, source: Any, picture: Path, destination: Path) -> Path:
    """Write one self-contained HTML file; it loads nothing.

    Args:
        of: The map.
        source: Where its clips' poses are (`signlens.training.sources.ClipSource`).
        picture: The drawn map, for readers without scripts.
        destination: The file.

    Raises:
        UsageError: The page cannot be written there.
    """
    count = len(of.clips)
    chosen = np.arange(count)
    if count > MOST_SKELETONS:
        chosen = np.unique(np.linspace(0, count - 1, MOST_SKELETONS).round().astype(int))
    skeleton = np.full(count, -1)
    skeleton[chosen] = np.arange(len(chosen))
    glosses, gloss = np.unique(of.glosses, return_inverse=True)
    html = render(
        "embedding_map.html.jinja",
        script_name="embedding_map.js",
        package="signlens_studies.retrieval",
        title="Maps of the embedding spaces",
        of=of,
        spaces=[name.replace("_", " ") for name in of.places],
        glosses=glosses.tolist(),
        colours=COLOURS,
        tests=int(of.test.sum()),
        picture=base64.b64encode(picture.read_bytes()).decode("ascii"),
        side=_SIDE,
        data={
            "spaces": [_on_canvas(xy) for xy in of.places.values()],
            "clips": of.clips,
            "gloss": gloss.tolist(),
            "glosses": glosses.tolist(),
            "group": of.group.tolist(),
            "groups": of.groups,
            "colours": COLOURS,
            "test": of.test.astype(int).tolist(),
            "skeleton": skeleton.tolist(),
            "frames": FRAMES,
            "limbs": LIMBS,
            "missing": MISSING,
            "joints": pack_joints(*source.prepared(of.rows[chosen], FRAMES)),
        },
    )
    return write_page(destination, html)


_SIDE = 480


def _on_canvas(places: NDArray[np.float32]) -> list[list[int]]:
    """Places in whole pixels of a square canvas, the same scale both ways, with a margin."""
    low, high = places.min(axis=0), places.max(axis=0)
    scale = (_SIDE - 40) / max(float((high - low).max()), 1e-9)
    moved = (places - (low + high) / 2) * scale + _SIDE / 2
    return [[round(float(x)), round(float(_SIDE - y))] for x, y in moved]


def fig13(run: Path, folder: Path, settings: Settings) -> Reproduction:
    """UMAP of a run's embedding spaces: ``fig13.png``, ``fig13.html``, ``fig13.csv`` in a folder.

    Raises:
        UsageError: The folder cannot be written to.
        PartMissing: No split has been trained wholly, or an optional package is not installed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            folder, f"is no folder that can be made ({error.strerror})", "name another"
        ) from None
    made, source = map_run(run, settings.seed)
    picture = folder / "fig13.png"
    draw_map(made, picture)
    write_places(made, folder / "fig13.csv")
    write_map(made, source, picture, folder / "fig13.html")
    rows = []
    for space in made.places:
        for where, agrees in zip(("space", "map"), nearest_agrees(made, space), strict=True):
            some = len(agrees) > 0
            rows.append(
                Row(
                    f"{space}: nearest clip right in the {where}",
                    "",
                    "percent",
                    None,
                    bootstrap(100.0 * agrees, draws=settings.draws, seed=settings.seed) if some else None,
                    int(agrees.sum()) if some else None,
                    "" if some else "the split has no test clips, or nothing but",
                )
            )
    notes = [
        f"UMAP: two components, least distance {MIN_DISTANCE}, cosine, all else at its default; seed "
        f"{settings.seed}.",
        "Theirs shows training and test clips together, embedded in training mode and without normalisation; "
        "ours are embedded in evaluation mode, prepared as in training. Training clips lie tidier than clips "
        "that a network has not seen: rows are of test clips alone, right if the nearest training clip has "
        "their gloss.",
    ]
    if made.emotional:
        notes.append("Colours tie glosses to emotions by a list; they say nothing of what a signer felt.")
    else:
        notes.append(
            "The vocabulary has none of the gloss map's glosses, so the most frequent glosses are coloured."
        )
    return Reproduction(
        name="fig13",
        title=f"{PAPER}, Figure 13: UMAP of the embedding spaces",
        theirs="10,878 vectors a space: the paper's WLASL2000, train and test, four SL-GCN streams",
        data={
            "run": str(run),
            "split": made.split,
            "extractor": source.extractor or None,
            "clips": len(made.clips),
            "test clips": int(made.test.sum()),
            "glosses": len(set(made.glosses)),
            "spaces": ", ".join(made.places),
            "coloured": ", ".join(made.groups),
            "files": "fig13.png, fig13.html, fig13.csv",
        },
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=tuple(notes),
        figure=str(folder),
    )
