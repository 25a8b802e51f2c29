"""Figures of a score and of the labels, as in the paper's appendix: confusion, recall, co-occurrence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EMOTIONS, EmoSign
from signlens.emosign.tasks import SENTIMENT7, multi_label
from signlens.files import whole_file
from signlens.optional import require_extra

_INCHES = 6.0


def draw_figures(scores: Mapping[str, Any], data: EmoSign, folder: Path, ending: str = ".png") -> list[Path]:
    """Draw what a score holds and what was scored against.

    Args:
        scores: What `signlens.emosign.scoring.score` gave.
        data: The labels.
        folder: Where the figures go; made if missing.
        ending: ``.png``, ``.svg`` or ``.pdf``.

    Returns:
        The files: for each task with one answer a clip its confusion and its recalls; the
        distribution of sentiment and of emotions; how often emotions go together.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise require_extra("studies", error.name or "matplotlib") from None
    folder.mkdir(parents=True, exist_ok=True)
    mark = " (made-up data)" if data.made_up else ""
    written = []

    def save(figure: Any, name: str) -> None:
        path = folder / f"{name}{ending}"
        with whole_file(path) as temporary:
            figure.savefig(temporary, dpi=150)
        written.append(path)

    for task, result in scores["tasks"].items():
        model = result["model"]
        if "confusion" not in model:
            continue
        figure = Figure(figsize=(_INCHES * 1.2, _INCHES), layout="constrained")
        shown = model["confusion"]
        _heat_map(figure, np.array(shown["counts"]), shown["classes"], shown["columns"], f"{task}{mark}")
        save(figure, f"confusion-{task}")
        figure = Figure(figsize=(_INCHES, _INCHES * 0.7), layout="constrained")
        _recall_bars(figure, model, f"recall, {task}{mark}")
        save(figure, f"recall-{task}")
    figure = Figure(figsize=(_INCHES * 1.6, _INCHES * 0.7), layout="constrained")
    _distributions(figure, data, mark)
    save(figure, "labels")
    figure = Figure(figsize=(_INCHES * 1.2, _INCHES), layout="constrained")
    _heat_map(
        figure,
        np.round(co_occurrence(multi_label(data.clips).present), 2),
        EMOTIONS,
        EMOTIONS,
        f"Jaccard index of presence{mark}",
        axes=("", ""),
    )
    save(figure, "co-occurrence")
    return written


def co_occurrence(present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(E, E) Jaccard index of every two emotions: clips with both over clips with either.

    Args:
        present: (N, E).
    """
    both = present.T.astype(np.float64) @ present
    each = present.sum(axis=0)
    either = each[:, None] + each[None, :] - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _heat_map(
    figure: Any,
    values: NDArray[Any],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    axes: tuple[str, str] = ("predicted", "annotated"),
) -> None:
    panel = figure.add_subplot()
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1) if values.dtype.kind == "i" else values
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        panel.text(j, i, f"{value:g}", ha="center", va="center", color="white" if shares[i, j] > 0.5 else "k")
    panel.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    panel.set_yticks(range(len(rows)), rows)
    panel.set_xlabel(axes[0])
    panel.set_ylabel(axes[1])
    panel.set_title(title)


def _recall_bars(figure: Any, model: Mapping[str, Any], title: str) -> None:
    panel = figure.add_subplot()
    names = [name for name, recall in model["recall"].items() if recall["value"] is not None]
    found = [model["recall"][name] for name in names]
    heights = np.array([100 * f["value"] for f in found])
    spread = np.array([[f["value"] - f["low"], f["high"] - f["value"]] for f in found]).T * 100
    panel.bar(range(len(names)), heights, yerr=np.maximum(spread, 0), capsize=3, color="tab:blue")
    labels = [f"{name}\n{model['support'][name]}" for name in names]
    panel.set_xticks(range(len(names)), labels, rotation=45, ha="right")
    panel.set_ylabel("recall, %")
    panel.set_ylim(0, 100)
    panel.set_title(title)


def _distributions(figure: Any, data: EmoSign, mark: str) -> None:
    left, right = figure.subplots(1, 2)
    sentiments = [sum(clip.sentiment == int(value) for clip in data.clips) for value in SENTIMENT7]
    left.bar(SENTIMENT7, sentiments, color="tab:blue")
    left.set_xlabel("sentiment")
    left.set_ylabel("clips")
    intensity = multi_label(data.clips).intensity
    below = np.zeros(len(EMOTIONS))
    for level, color in ((1, "#c6dbef"), (2, "#6baed6"), (3, "#2171b5")):
        counts = (intensity == level).sum(axis=0)
        right.barh(EMOTIONS, counts, left=below, color=color, label=str(level))
        below += counts
    right.invert_yaxis()
    right.set_xlabel("clips")
    right.legend(title="intensity")
    figure.suptitle(f"{len(data.clips)} clips{mark}")
