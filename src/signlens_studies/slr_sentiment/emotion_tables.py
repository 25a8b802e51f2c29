"""Tables 5 and 6 and Figure 4 of the SLR-sentiment paper: recognition with and without emotion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import load_gloss_map
from signlens.errors import InputRejected
from signlens.evaluation.comparison import McNemar, mcnemar
from signlens.evaluation.metrics import bootstrap, outcomes
from signlens.evaluation.results import describe_intervals
from signlens_studies.figures import check_figure, new_figure, save_figure
from signlens_studies.reproduction import PAPER, Reproduction, Row
from signlens_studies.slr_sentiment.augmentation import (
    CLIPS_5,
    MAPS,
    NO_PROBABILITIES,
    WLASL,
    Bools,
    Floats,
    Material,
)
from signlens_studies.slr_sentiment.permutation import PermutationGain, permutation_gain
from signlens_studies.slr_sentiment.recognition_tables import (
    LOSSES,
    PAPER_NAMES,
    TABLE_2,
    TABLE_5,
    TABLE_6,
    l1_of_min_max_scores,
    l1_of_softmax,
)

_BESIDE = {"as printed": "without", "put right": "calibrated"}
"""What an augmented system is compared with: the same without emotion."""

CURVE = 20
"""How far Figure 4's curves are drawn."""


def table5(material: Material, slope: float = 1.0) -> Reproduction:
    """Recognition with and without emotion on the same clips.

    Args:
        material: Scores and faces.
        slope: Of the augmentation as printed.
    """
    every = np.ones(len(material.scores), dtype=bool)
    return _comparison(material, slope, "table5", "recognition with emotion", TABLE_5, every, CLIPS_5)


def table6(material: Material, slope: float = 1.0, gloss_map: str | None = None) -> Reproduction:
    """The same for the clips whose gloss is in the map."""
    chosen = load_gloss_map(gloss_map).class_emotions(material.scores.glosses, include_grammatical=True)
    here = chosen[material.scores.labels] >= 0
    if not here.any():
        raise InputRejected(
            material.scores.source, "has no clip of a gloss of the map", "give a map of its glosses"
        )
    theirs = f"{WLASL}, its 39 clips of the 27 glosses, without one signer; scores made with 29 glosses"
    return _comparison(
        material, slope, "table6", "with emotion, emotional glosses alone", TABLE_6, here, theirs
    )


def _comparison(
    material: Material,
    slope: float,
    name: str,
    title: str,
    printed: Mapping[str, float],
    here: Bools,
    theirs: str,
) -> Reproduction:
    labels = material.scores.labels[here]
    settings = material.settings
    groups = None if material.groups is None else material.groups[here]
    answers, strengths = material.systems(slope)
    beside = {label: base for label, base in _BESIDE.items() if label in answers}
    measured = {label: _values(made.scores[here], labels) for label, made in answers.items()}
    without_printed = TABLE_2 if name == "table5" else {}
    rows = []
    for of, paper_name in PAPER_NAMES.items():
        percent = of.startswith("top")
        too_few = percent and int(of[3:].split("_")[0]) >= material.scores.classes
        missing = f"there are only {material.scores.classes} classes" if too_few else ""
        unit = "percent" if percent else "sum over classes"
        cells: list[tuple[str, str, float | None, Floats]] = []
        for label in answers:
            known = {"without": without_printed.get(of), "as printed": printed[of]}.get(label)
            cells.append((label, unit, known, measured[label][of]))
        for label, base in beside.items():
            known = None
            if label == "as printed" and without_printed:
                known = round(printed[of] - without_printed[of], 4)
            difference = measured[label][of] - measured[base][of]
            cells.append((f"{label} less {base}", "points" if percent else unit, known, difference))
        for label, unit, known, values in cells:
            called = "" if known is None else paper_name
            if missing:
                rows.append(Row(f"{of}, {label}", called, unit, known, None, None, missing))
                continue
            drawn = bootstrap(values, groups=groups, draws=settings.draws, seed=settings.seed)
            hits = round(values.sum() / 100) if unit == "percent" else None
            rows.append(Row(f"{of}, {label}", called, unit, known, drawn, hits))
    tests = {
        label: mcnemar(measured[base]["top1_per_instance"] > 0, measured[label]["top1_per_instance"] > 0)
        for label, base in beside.items()
    }
    notes = [*material.notes, MAPS, *(_said(label, test) for label, test in tests.items())]
    permuted = None
    if strengths is None:
        notes.append(NO_PROBABILITIES)
    else:
        permuted = permutation_gain(
            answers["calibrated"].scores,
            material.scores.labels,
            material.right.vectors.of(material.scores.clips),
            material.right.class_emotions(material.scores),
            strengths,
            top_k=material.right.top_k,
            seed=settings.seed,
        )
    if name == "table5":
        if permuted is not None:
            notes.append(_permutation_note(permuted))
        notes.append(
            "The paper's differences are between 2,329 clips and 2,723: one signer was taken out of the "
            "second figure alone. Among the ten best classes an augmentation that only raises cannot change "
            "top-10. What the paper's predictions tell of the gain: --predictions."
        )
    return Reproduction(
        name=name,
        title=f"{PAPER}, Table {name[5:]}: {title}",
        theirs=theirs,
        data={
            **material.data,
            "clips_in_the_table": int(here.sum()),
            "slope": slope,
            "strengths": None if strengths is None else sorted(set(strengths.tolist())),
            "tests": {
                "mcnemar": {label: asdict(test) for label, test in tests.items()},
                "permutation_of_all_clips": None if permuted is None else asdict(permuted),
            },
        },
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=(*notes, LOSSES),
    )


def _values(scores: Floats, labels: NDArray[np.int64]) -> dict[str, Floats]:
    """(N,) of each measure: 100 or 0 for a hit or none, and the paper's two losses."""
    of = outcomes(scores, labels)
    found = {f"top{k}_per_instance": 100.0 * of.hits(k) for k in (1, 5, 10)}
    found["l1_of_min_max_scores"] = l1_of_min_max_scores(scores, labels)
    found["l1_of_softmax"] = l1_of_softmax(of)
    return found


def _said(label: str, test: McNemar) -> str:
    return (
        f"Top-1, {label} against without, same clips: {test.only_second} gained, {test.only_first} lost; "
        f"McNemar, exact: p = {test.p_value:.3g}."
    )


def _permutation_note(of: PermutationGain) -> str:
    return (
        f"Put right, the boost gains {of.gain:+d} of {of.clips:,} clips; with the faces permuted between the "
        f"clips, {of.permutations:,} times, {of.permuted_mean:+.1f} ({of.permuted_low:+.0f} .. "
        f"{of.permuted_high:+.0f}); p = {of.p_value:.3g}."
    )


def fig4(material: Material, slope: float = 1.0, out: Path | None = None) -> Reproduction:
    """Top-n accuracy with and without emotion; drawn into `out`."""
    check_figure(out)
    labels, settings = material.scores.labels, material.settings
    answers, strengths = material.systems(slope)
    answers.pop("calibrated", None)  # the curve of "without": a temperature moves no rank
    known = {("without", k): TABLE_2[f"top{k}_per_instance"] for k in (1, 5, 10)}
    known |= {("as printed", k): TABLE_5[f"top{k}_per_instance"] for k in (1, 5, 10)}
    rows, curves = [], {}
    ends = range(1, min(CURVE, material.scores.classes - 1) + 1)
    for label, made in answers.items():
        of = outcomes(made.scores, labels)
        curves[label] = [100 * float(of.hits(n).mean()) for n in ends]
        for n in ends:
            hits = of.hits(n)
            drawn = bootstrap(100.0 * hits, groups=material.groups, draws=settings.draws, seed=settings.seed)
            theirs = known.get((label, n))
            paper_name = "" if theirs is None else f"Top{n} accuracy"
            rows.append(Row(f"top{n}, {label}", paper_name, "percent", theirs, drawn, int(hits.sum())))
    if out is not None:
        _draw_curves(curves, f"{len(labels):,} clips, {material.scores.classes:,} classes", out)
    return Reproduction(
        name="fig4",
        title=f"{PAPER}, Figure 4: top-n accuracy with and without emotion",
        theirs=f"{CLIPS_5}; the figure's curves are not printed as numbers but at 1, 5 and 10",
        data={**material.data, "slope": slope},
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=(*material.notes, MAPS, *([NO_PROBABILITIES] if strengths is None else [])),
        figure=None if out is None else str(out),
    )


def _draw_curves(curves: Mapping[str, list[float]], title: str, path: Path) -> None:
    figure = new_figure(6, 4)
    axes = figure.subplots()
    styles = {"without": ("#444444", "-"), "as printed": ("#c1440e", "--"), "put right": ("#1f6f8b", ":")}
    for label, values in curves.items():
        colour, line = styles[label]
        axes.plot(range(1, len(values) + 1), values, line, color=colour, label=label, marker=".")
    axes.set_xlabel("n")
    axes.set_ylabel("top-n accuracy, %")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, loc="lower right")
    save_figure(figure, path)
