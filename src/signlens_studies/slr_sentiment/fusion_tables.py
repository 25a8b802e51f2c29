"""Tables of the SLR-sentiment paper that fusion makes (7, 8, 9, 14 and Figures 5 to 7), theirs beside ours.

From the folder that ``slr-sentiment fuse fusion-heads.toml`` (Tables 7 to 9,
Figures 5 to 7) or ``final-fusion.toml`` (Table 14, `final-fusion`) wrote.
Every system is set against the ensemble alone on the same clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import PartMissing, UsageError
from signlens.evaluation.comparison import mcnemar
from signlens.evaluation.metrics import bootstrap, outcomes
from signlens.evaluation.results import describe_intervals, describe_scores, resampling_units
from signlens.evaluation.scores import ScoreSet, read_scores
from signlens.evaluation.systems import Settings
from signlens_studies.figures import check_figure, new_figure, save_figure
from signlens_studies.reproduction import PAPER, Reproduction, Row
from signlens_studies.slr_sentiment.fusion_experiment import (
    CHOSEN,
    ENSEMBLE,
    IN_SAMPLE,
    OUT_OF_FOLD,
    WITH_NEIGHBOURS,
    FusionRun,
    mean_emotion_weights,
    open_fusion_run,
)
from signlens_studies.slr_sentiment.recognition_tables import TABLE_2

HEADS = {
    "table7": ("two_hidden", "first architecture", {"train": 95.4, "test": 19.4, "val": 21.3}),
    "table8": ("one_hidden", "second architecture", {"train": 93.1, "test": 21.4, "val": 22.8}),
    "table9": ("linear", "third architecture", {"train": 87.1, "test": 23.0, "val": 22.6}),
}
"""Table -> architecture, the paper's name for it, accuracies as printed (shares there, percent here)."""

TABLE_14 = {
    "one_hot": ("1Hot", 25.30, 54.02),
    "top_10": ("Top10", 25.52, 54.06),
    "top_20": ("Top20", 25.30, 53.91),
    "top_50": ("Top50", 26.22, 55.05),
    "mean": ("Mean", 25.26, 54.17),
}
"""Reduction -> name, top-1 and top-5 as printed, percent."""

THEIR_WEIGHTS = {
    "neutral": "mention, see, finance, robot, heap, from now on, accent, statistics, russia, bright",
    "happy": "complete, silly, april, great, excited, cherry, chocolate, hello, receive, alligator",
    "sad": "proper, everyday, paragraph, detective, skip, pack, potential, circle, snow, society",
    "surprise": "street, hang up, winter, health, rich, o, workshop, sketch, electricity, professor",
    "fear": "rose, engagement, turn, comb, choose, spray, painter, polar bear, respect, skate",
    "disgust": "far, disgust, dirty, maybe, tired, argue, curse, arrogant, depend, awful",
    "anger": "interest, viewpoint, over, which, who, sue, similar, first, bad, audiologist",
    "contempt": "refer, table, intersection, turtle, captain, tempt, operate, copy, economy, article",
}
"""Emotion -> the ten glosses that the paper's third network ties to it most, first the strongest."""

FIGURES = {
    "fig5": ("neutral", "happy", "sad"),
    "fig6": ("surprise", "fear", "disgust"),
    "fig7": ("anger", "contempt"),
}
"""The paper's Figures 5 to 7 show the eight emotions; which of them stands in which is our choice."""

_SHOWN = 10
_THEIRS = "WLASL2000, 8,811 / 2,067 / 2,723 clips, 2,000 glosses, heads learned on in-sample scores"
_SIDES = {OUT_OF_FOLD: "out of fold", IN_SAMPLE: "in sample"}


@dataclass(frozen=True, eq=False)
class _Compared:
    """Scores of a run's clips, and how they are resampled."""

    scores: ScoreSet
    groups: NDArray[np.int64] | None
    settings: Settings
    notes: tuple[str, ...]

    def row(
        self, stream: str, measure: str, paper_name: str = "", theirs: float | None = None, k: int = 1
    ) -> Row:
        """Top-k of a stream."""
        hits = self.hits(stream, k)
        return Row(measure, paper_name, "percent", theirs, self._interval(100.0 * hits), int(hits.sum()))

    def difference(
        self, stream: str, base: str, measure: str, theirs: float | None = None, k: int = 1
    ) -> Row:
        """Top-k of a stream less that of another, paired."""
        gain = 100.0 * (self.hits(stream, k).astype(np.float64) - self.hits(base, k))
        return Row(measure, "", "points", theirs, self._interval(gain))

    def likelihood(self, stream: str, base: str, measure: str) -> Row:
        """Negative log-likelihood of a stream less that of another, paired."""
        found = [
            outcomes(self.scores.streams[name].astype(np.float64), self.scores.labels).log_likelihood
            for name in (stream, base)
        ]
        return Row(measure, "", "nats", None, self._interval(found[1] - found[0]))

    def mcnemar(self, stream: str, base: str) -> str:
        """Who is right where, in words."""
        test = mcnemar(self.hits(base, 1), self.hits(stream, 1))
        return f"{test.only_second} won, {test.only_first} lost, McNemar p {test.p_value:.2g}"

    def hits(self, stream: str, k: int) -> NDArray[np.bool_]:
        """(N,) whether the true class is among the k best."""
        return outcomes(self.scores.streams[stream].astype(np.float64), self.scores.labels).hits(k)

    def _interval(self, values: NDArray[np.float64]) -> Any:
        return bootstrap(values, groups=self.groups, draws=self.settings.draws, seed=self.settings.seed)


def _compared(run: FusionRun, subset: str, settings: Settings) -> _Compared:
    path = run.folder / f"scores-{subset}.npz"
    if not path.is_file():
        raise PartMissing(path, "there are no such scores", "train the experiment again")
    scores = read_scores(path)
    groups, notes = resampling_units(scores.signers, scores.source, settings.by)
    return _Compared(scores, groups, settings, tuple(notes))


def _subsets(run: FusionRun) -> list[str]:
    return [name for name in ("val", "test") if (run.folder / f"scores-{name}.npz").is_file()]


# -- tables 7, 8, 9 ---------------------------------------------------------------------------------


def fusion_head_table(name: str, folder: Path, settings: Settings) -> Reproduction:
    """One of Tables 7 to 9, of a run of ``fusion-heads.toml``: scores and emotion through a network.

    Args:
        name: Of `HEADS`.
        folder: Of the run.
        settings: Of the intervals.
    """
    architecture, paper_name, theirs = HEADS[name]
    run = open_fusion_run(folder)
    heads = [n for n, one in run.experiment.heads.items() if one.architecture == architecture]
    if not heads:
        raise UsageError(run.folder, f"has no {architecture} head", "add it and train again")
    head = heads[0]
    rows: list[Row] = []
    notes: list[str] = []
    for side in run.experiment.provenance:
        parts = [part["taught"][side] for part in run.fitted["parts"]]
        total = sum(part["clips"] for part in parts)
        printed = theirs if side == IN_SAMPLE else {}
        for measured in (head, ENSEMBLE):
            right = sum(part["right"][measured] for part in parts)
            rows.append(
                Row(
                    f"{measured}, {_SIDES[side]}: clips that taught",
                    "Train accuracy" if measured == head else "",
                    "percent",
                    printed.get("train") if measured == head else None,
                    100 * right / total,
                    right,
                )
            )
    first: _Compared | None = None
    for subset in _subsets(run):
        made = _compared(run, subset, settings)
        first = first or made
        rows.append(made.row(ENSEMBLE, f"{subset}: ensemble alone"))
        for side in run.experiment.provenance:
            stream, told = f"{head}_{side}", f"{head}, {_SIDES[side]}"
            printed = theirs if side == IN_SAMPLE else {}
            rows.append(
                made.row(stream, f"{subset}: {told}", f"{subset.title()} accuracy", printed.get(subset))
            )
            rows.append(made.difference(stream, ENSEMBLE, f"{subset}: {told}, less ensemble"))
            notes.append(f"{subset}, {told} against the ensemble: {made.mcnemar(stream, ENSEMBLE)}.")
        if set(run.experiment.provenance) == {OUT_OF_FOLD, IN_SAMPLE}:
            pair = f"{head}_{OUT_OF_FOLD}", f"{head}_{IN_SAMPLE}"
            rows.append(made.difference(*pair, f"{subset}: {head}, out of fold less in sample"))
            notes.append(f"{subset}, out of fold against in sample: {made.mcnemar(*pair)}.")
    assert first is not None
    return Reproduction(
        name=name,
        title=f"{PAPER}, Table {name[-1]}: scores and emotion vector through a network ({architecture})",
        theirs=f"{_THEIRS}; their {paper_name}; without the network 28.24 on val",
        data={**_facts(run), **describe_scores(first.scores)},
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=(
            *first.notes,
            *notes,
            "Out of fold: the scores that taught come from networks that did not see the clip. In sample "
            "(the paper's way): from networks trained on it. Where there are several parts, a clip teaches "
            "several heads, and is counted once for each.",
        ),
    )


def _facts(run: FusionRun) -> dict[str, Any]:
    return {
        "run": str(run.folder),
        "experiment": run.experiment.name,
        "emotion": run.fitted["emotion"],
        "heads": {name: settings.steps for name, settings in run.experiment.heads.items()},
    }


# -- figures 5, 6, 7 --------------------------------------------------------------------------------


def top_outputs(weights: NDArray[np.float64], classes: tuple[str, ...]) -> dict[str, list[tuple[str, float]]]:
    """Emotion -> the ten glosses of the largest weights, first the strongest.

    Args:
        weights: (8, C).
        classes: C names.
    """
    found = {}
    for emotion, row in zip(EMOTIONS, weights, strict=True):
        best = np.argsort(-row, kind="stable")[:_SHOWN]
        found[emotion] = [(classes[i], float(row[i])) for i in best]
    return found


def weights_figure(name: str, folder: Path, out: Path | None = None) -> Reproduction:
    """One of Figures 5 to 7: what each emotion raises most in the linear head; drawn into `out`."""
    check_figure(out)
    run = open_fusion_run(folder)
    heads = [n for n, settings in run.experiment.heads.items() if settings.architecture == "linear"]
    if not heads:
        raise UsageError(run.folder, "has no linear head", "add one and train again")
    classes = tuple(run.fitted["classes"])
    rows, panels = [], []
    for side in run.experiment.provenance:
        strongest = top_outputs(mean_emotion_weights(run, heads[0], side), classes)
        for emotion in FIGURES[name]:
            theirs = THEIR_WEIGHTS[emotion].split(", ")
            panels.append((f"{emotion}, {_SIDES[side]}", strongest[emotion]))
            for rank, ((gloss, weight), their) in enumerate(zip(strongest[emotion], theirs, strict=False), 1):
                rows.append(Row(f"{_SIDES[side]}, {emotion} {rank}: {gloss}", their, "weight", None, weight))
    notes = [
        "The paper's text does not say which emotion stands in which of its Figures 5 to 7.",
        f"The mean over the {len(run.fitted['parts'])} networks of the run. A large weight is no meaning: it "
        "may stand on one clip of the gloss.",
    ]
    if run.experiment.emotion == "made-up":
        notes.append(
            "The emotion vectors were drawn at random and know nothing of the clips: every weight here is "
            "chance, and yet the list looks as the paper's does."
        )
    if out is not None:
        _draw(panels, out, f"{PAPER}, {name}: what an emotion adds to which gloss")
    return Reproduction(
        name=name,
        title=f"{PAPER}, Figure {name[-1]}: outputs that each emotion raises most",
        theirs=f"{_THEIRS}; third architecture",
        data={**_facts(run), "classes": len(classes)},
        intervals={},
        rows=tuple(rows),
        notes=tuple(notes),
        figure=None if out is None else str(out),
    )


def _draw(panels: list[tuple[str, list[tuple[str, float]]]], path: Path, title: str) -> None:
    """Bars of the strongest glosses, one panel each."""
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(4 * columns, 3.2 * lines)
    figure.suptitle(title)
    for place, (name, strongest) in enumerate(panels, 1):
        panel = figure.add_subplot(lines, columns, place)
        panel.barh([gloss for gloss, _ in strongest], [weight for _, weight in strongest], color="tab:blue")
        panel.invert_yaxis()
        panel.set_title(name)
        panel.set_xlabel("weight")
    save_figure(figure, path)


# -- table 14 and the final fusion ------------------------------------------------------------------


def table14(folder: Path, settings: Settings) -> Reproduction:
    """Similar signs through a network, by reduction, of a run of ``final-fusion.toml``."""
    run = open_fusion_run(folder)
    side = run.experiment.provenance[0]
    subset = "test" if "test" in _subsets(run) else "val"
    made = _compared(run, subset, settings)
    of = {
        head.retrieval: name
        for name, head in run.experiment.heads.items()
        if head.architecture == "with_retrieval"
    }
    alone = {1: TABLE_2["top1_per_instance"], 5: TABLE_2["top5_per_instance"]}
    rows = [made.row(ENSEMBLE, f"ensemble alone, top-{k}", "", alone[k], k) for k in (1, 5)]
    notes = []
    for reduction, (paper_name, *printed) in TABLE_14.items():
        if reduction not in of:
            continue
        stream = f"{of[reduction]}_{side}"
        for k, theirs in zip((1, 5), printed, strict=True):
            rows.append(made.row(stream, f"{reduction}, top-{k}", paper_name, theirs, k))
        rows.append(
            made.difference(
                stream, ENSEMBLE, f"{reduction}, top-1 less ensemble", round(printed[0] - alone[1], 2)
            )
        )
        notes.append(f"{reduction} against the ensemble: {made.mcnemar(stream, ENSEMBLE)}.")
    if len(rows) == 2:
        raise UsageError(
            run.folder,
            "has no head that reads similar signs",
            "fuse signlens_studies/slr_sentiment/final-fusion.toml",
        )
    return Reproduction(
        name="table14",
        title=f"{PAPER}, Table 14: similar signs through a network, by reduction",
        theirs="WLASL2000 val, 2,723 clips (counts fit val, not test); gallery of train and test clips; "
        "joint space; in-sample scores. Their ensemble without retrieval stands in Table 2",
        data={
            **_facts(run),
            "spaces": run.fitted["spaces"],
            "space": run.experiment.space,
            **describe_scores(made.scores),
        },
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=(
            *made.notes,
            *notes,
            "Top-K keeps the highest similarity of a gloss, and mean is a mean; theirs kept an arbitrary "
            f"one, and a running average in arbitrary order. Ours learned on {_SIDES[side]} scores.",
        ),
    )


def final_fusion(folder: Path, settings: Settings) -> Reproduction:
    """Ensemble, expression and similar signs into one, of a run of ``final-fusion.toml``."""
    run = open_fusion_run(folder)
    if not run.experiment.stack:
        raise UsageError(
            run.folder,
            "has learned no stack",
            "fuse signlens_studies/slr_sentiment/final-fusion.toml",
        )
    rows: list[Row] = []
    notes: list[str] = []
    subsets = [*_subsets(run), *(f"transfer-{name}" for name in run.experiment.transfer)]
    described: Mapping[str, Any] = {}
    for subset in subsets:
        made = _compared(run, subset, settings)
        described = described or describe_scores(made.scores)
        streams = [name for name in made.scores.streams if name != ENSEMBLE]
        ordered = [n for n in (WITH_NEIGHBOURS, "stack", "stack_with_class_bias", CHOSEN) if n in streams]
        rows.append(made.row(ENSEMBLE, f"{subset}: ensemble alone"))
        for stream in (*ordered, *(n for n in streams if n not in ordered)):
            rows.append(made.row(stream, f"{subset}: {stream}"))
            rows.append(made.difference(stream, ENSEMBLE, f"{subset}: {stream} less ensemble"))
            if stream in ordered:
                rows.append(made.likelihood(stream, ENSEMBLE, f"{subset}: {stream} less ensemble, NLL"))
            notes.append(f"{subset}, {stream} against the ensemble: {made.mcnemar(stream, ENSEMBLE)}.")
    told = run.fitted["parts"] + ([run.fitted["transfer"]] if run.fitted["transfer"] else [])
    notes += [f"{part['part']}: {part['stack']['why']}" for part in told]
    return Reproduction(
        name="final-fusion",
        title=f"{PAPER}, Figure 1: ensemble, expression and similar signs into one",
        theirs="not measured as a whole; its parts are Tables 7 to 9 and 14",
        data={**_facts(run), "space": run.experiment.space, **described},
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=tuple(notes),
    )
