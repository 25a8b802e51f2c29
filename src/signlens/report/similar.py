"""The page of `signlens search --report`: a clip and the signs that look like it, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from signlens.pose.layouts import KEYPOINT_NAMES
from signlens.report import words
from signlens.report.drawing import WHOLE_BODY_LIMBS, Points, Square, still
from signlens.report.rendering import render, write_page
from signlens.retrieval.alignment import align, point_differences
from signlens.retrieval.gallery import GalleryClip, SimilarSign
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, WHOLE_BODY_INDEX

MOST_SHOWN = 12
"""Neighbours that are drawn; the others are listed."""
MOST_LISTED = 60
"""Clips that are listed of one gloss."""
MARKED = 5
"""Points that are marked as differing most."""
LEAST_MARKED = 0.1
"""Shoulder widths; points that differ less are not marked."""
SIDE = 1000
"""Side of a drawing, in the page's own units."""

_INDEX = [int(i) for i in WHOLE_BODY_INDEX]
_LIMBS: list[list[int | str]] = [
    [_INDEX.index(a), _INDEX.index(b), part]
    for part in ("body", "left_hand", "right_hand")
    for a, b in WHOLE_BODY_LIMBS[part]
    if a in _INDEX and b in _INDEX
]


def point_name(point: int) -> str:
    """What to call one of the 49 points: the right hand is the leading one, whoever signs.

    >>> point_name(0), point_name(RIGHT_HAND.start)
    ('nose', 'leading hand, as a whole')
    """
    name = KEYPOINT_NAMES[_INDEX[point]].replace("_", " ")
    place, _, what = name.partition(" ")
    if place not in ("left", "right"):
        return name
    arm = "leading" if place == "right" else "other"
    inside = RIGHT_HAND.start <= point < RIGHT_HAND.stop or LEFT_HAND.start <= point < LEFT_HAND.stop
    if not inside:
        return f"{arm} {what}"
    if what == "hand root":
        return f"{arm} hand, as a whole"
    finger, joint = what[:-1].replace("forefinger", "index finger").replace("pinky", "little"), what[-1]
    return f"{arm} hand, {finger} {'tip' if joint == '4' else f'joint {joint}'}"


def write_similar(
    query: Points,
    found: Sequence[SimilarSign],
    destination: Path,
    *,
    name: str,
    clips: Sequence[GalleryClip] = (),
    skeletons: Mapping[str, Points] | None = None,
    space: str = "fused",
    model: str = "",
    reasons: Sequence[str] = (),
) -> Path:
    """Write one self-contained HTML file; it loads nothing.

    Args:
        query: (T, 49, 2) the clip's signing, see `signlens.retrieval.building.signing_skeleton`.
        found: What a search found, best first.
        destination: The file to write; folders on the way are made. Replaced in one step.
        name: What to call the clip.
        clips: The gallery's clips, for the list of each gloss.
        skeletons: Name -> (T, 49, 2) of those clips found whose signing is known.
        space: The space that was searched.
        model: The model that embedded the clips.
        reasons: Reservations, a sentence each.

    Returns:
        ``destination``. The same input gives the same bytes.

    Raises:
        UsageError: The page cannot be written there.
    """
    known = skeletons or {}
    shown = found[:MOST_SHOWN]
    drawn = {sign.clip: known[sign.clip] for sign in shown if sign.clip in known}
    view = Square([query, *drawn.values()], SIDE)
    anchors = {gloss: f"gloss-{i}" for i, gloss in enumerate(dict.fromkeys(sign.gloss for sign in found))}
    tiles = [_tile(sign, query, drawn.get(sign.clip), view, anchors[sign.gloss]) for sign in shown]
    missing = sum(tile["still"] is None for tile in tiles)
    html = render(
        "similar.html.jinja",
        script_name="similar.js",
        title=words.file_name(name),
        space=space,
        model=model,
        reasons=list(reasons),
        query_still=_still(view, query),
        frames=len(query),
        tiles=tiles,
        missing=missing,
        rest=[_row(sign, anchors[sign.gloss]) for sign in found[MOST_SHOWN:]],
        first_of_rest=MOST_SHOWN + 1,
        glosses=[_gloss(gloss, anchor, clips, found) for gloss, anchor in anchors.items()],
        data={
            "limbs": _LIMBS,
            "side": SIDE,
            "query": _pack(view, query),
            "tiles": [tile.pop("animation") for tile in tiles],
        },
    )
    return write_page(destination, html)


def _pack(view: Square, clip: Points) -> list[list[int | None]]:
    """Each frame as x, y, x, y, ...; None where a point was not seen."""
    placed = view.place(clip).reshape(len(clip), -1)
    return [[None if np.isnan(v) else round(float(v)) for v in frame] for frame in placed]


def _still(view: Square, clip: Points) -> Markup:
    """The middle frame as a drawing."""
    middle = len(clip) // 2
    return still(view.points(clip[middle : middle + 1])[0], SIDE, SIDE)


def _tile(
    sign: SimilarSign, query: Points, other: Points | None, view: Square, anchor: str
) -> dict[str, Any]:
    tile: dict[str, Any] = {
        **_row(sign, anchor),
        "still": None,
        "differences": [],
        "animation": None,
    }
    if other is None:
        return tile
    alignment = align(query, other)
    differences = point_differences(query, other, alignment)
    order = np.argsort(-np.nan_to_num(differences, nan=-1.0), kind="stable")[:MARKED].tolist()
    marked = [point for point in order if differences[point] >= LEAST_MARKED]
    warped = other[alignment.partner(len(query))]
    tile["still"] = _still(view, warped)
    tile["differences"] = [(point_name(p), f"{differences[p]:.2f}") for p in marked]
    tile["animation"] = {"points": _pack(view, warped), "marked": marked}
    return tile


def _row(sign: SimilarSign, anchor: str) -> dict[str, Any]:
    return {
        "gloss": sign.gloss,
        "clip": sign.clip,
        "signer": sign.signer,
        "split": sign.split,
        "held_out": sign.split in ("val", "test"),
        "similarity": f"{sign.similarity:.3f}".replace("-", words.MINUS),
        "anchor": anchor,
    }


def _gloss(
    gloss: str, anchor: str, clips: Sequence[GalleryClip], found: Sequence[SimilarSign]
) -> dict[str, Any]:
    own = [clip for clip in clips if clip.gloss == gloss]
    ranks = {sign.clip: rank for rank, sign in enumerate(found, 1)}
    own.sort(key=lambda clip: ranks.get(clip.name, len(ranks) + 1))  # stable: then the gallery's order
    return {
        "gloss": gloss,
        "anchor": anchor,
        "count": len(own),
        "more": max(len(own) - MOST_LISTED, 0),
        "clips": [
            {
                "name": clip.name,
                "signer": clip.signer,
                "rank": ranks.get(clip.name),
                "shown": ranks.get(clip.name, MOST_SHOWN + 1) <= MOST_SHOWN,
            }
            for clip in own[:MOST_LISTED]
        ],
    }
