"""The EmoSign paper's tables, theirs beside ours: what ``signlens reproduce emosign-...`` prints.

The reference that these figures were taken from does not carry the tables' numbers; they are counted
here in the order in which they stand in the paper: agreement (2), sentiment (3), emotion (4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signlens.emosign.agreement import LABELS, LEVELS, label_agreement
from signlens.emosign.annotations import EmoSign, load_emosign
from signlens.emosign.predictions import read_predictions
from signlens.emosign.ratings import read_ratings
from signlens.emosign.scoring import MADE_UP, score
from signlens.emosign.tasks import DEFAULT_RULE, EMOTION_CLASSES
from signlens.evaluation.metrics import Interval
from signlens.evaluation.systems import Settings
from signlens_studies.emosign import paper
from signlens_studies.reproduction import Reproduction, Row

PAPER = "EmoSign"
_THEIRS = "EmoSign, 200 clips of 4 signers, labels by majority of 3 Deaf annotators"
_NOT_RUN = (
    "The paper's rows are as printed. Its models were not run here and their predictions are not "
    "published, so they cannot be compared clip by clip."
)


def table2(raters: Sequence[Path], settings: Settings) -> Reproduction:
    """Agreement of the annotators, label by label.

    Args:
        raters: What single annotators said, a file each.
        settings: Of the intervals.
    """
    levels = LEVELS[:3]
    found = label_agreement(read_ratings(raters), levels, draws=settings.draws, seed=settings.seed)
    rows = []
    for label, row in zip(LABELS, found["labels"], strict=True):
        for level in levels:
            alpha = row["alpha"][level]
            ours = _interval(alpha["alpha"], alpha["low"], alpha["high"])
            why = "" if ours is not None else "the ratings do not differ, or no clip has two"
            rows.append(
                Row(f"{label}, {level}", label, "alpha", paper.ALPHA[label], ours, alpha["units"], why)
            )
    for level in levels:
        mean = found["overall"][level]["mean"]
        rows.append(Row(f"mean, {level}", "average", "alpha", paper.ALPHA_AVERAGE_PRINTED, mean))
    files = ", ".join(str(path) for path in raters)
    return Reproduction(
        name="emosign-table2",
        title=f"{PAPER}: Krippendorff's alpha",
        theirs="EmoSign, 3 Deaf annotators, level of measurement not stated",
        data={"file": files, "clips": found["clips"], "annotators": ", ".join(found["annotators"])},
        intervals={"by": "clip", "draws": settings.draws, "seed": settings.seed},
        rows=tuple(rows),
        notes=(
            f"The paper prints an average of {paper.ALPHA_AVERAGE_PRINTED}. The mean of the eleven alphas "
            f"above it is {paper.alpha_mean():.3f}; {paper.ALPHA_AVERAGE_PRINTED} is the mean of the first "
            "four printed.",
        ),
    )


def _interval(value: float | None, low: float | None, high: float | None) -> Interval | None:
    if value is None:
        return None
    return Interval(value, float("nan") if low is None else low, float("nan") if high is None else high)


def _percent(metric: dict[str, Any]) -> Interval | None:
    scaled = [None if metric[key] is None else 100 * metric[key] for key in ("value", "low", "high")]
    return _interval(*scaled)


@dataclass(frozen=True)
class Scored:
    """A model's answers, scored against labels.

    Attributes:
        data: The labels.
        found: See `signlens.emosign.scoring.score`.
        annotations: The labels' file.
        predictions: The answers' file.
        raters: What single annotators said, a file each; may be empty.
        settings: Of the intervals.
    """

    data: EmoSign
    found: dict[str, Any]
    annotations: Path
    predictions: Path
    raters: tuple[Path, ...]
    settings: Settings


def score_files(
    annotations: Path,
    predictions: Path,
    settings: Settings,
    *,
    raters: Sequence[Path] = (),
    rule: str | None = None,
) -> Scored:
    """Read and score.

    Args:
        annotations: EmoSign's labels.
        predictions: What ``emosign score`` reads.
        settings: Of the intervals.
        raters: What single annotators said, a file each.
        rule: Which clips are single expressions.
    """
    data = load_emosign(annotations)
    found = score(
        read_predictions(predictions),
        data,
        rule=rule or DEFAULT_RULE,
        ratings=read_ratings(raters) if raters else [],
        draws=settings.draws,
        seed=settings.seed,
    )
    return Scored(data, found, annotations, predictions, tuple(raters), settings)


def _of_task(found: dict[str, Any], task: str, asked: bool, words: str) -> list[Row]:
    """Our rows of a task: predictions, then what to read them against."""
    scored = found["tasks"].get(task)
    if scored is None:
        why = found["not_scored"][task]
        return [
            Row(f"{metric}, {words}: predictions", "", "percent", None, None, None, why)
            for metric in _METRICS
        ]
    lines = [("predictions", scored["model"])]
    lines += [("chance", scored["chance"]), (f"always {scored['majority']['class']}", scored["majority"])]
    lines += [(f"{row['annotator']} against the others", row) for row in scored["annotators"]]
    rows = [
        Row(f"{metric}, {words}: {who}", "", "percent", None, _percent(line[key]), line["clips"])
        for who, line in lines
        for metric, key in _METRICS.items()
    ]
    if not scored["annotators"]:
        why = "" if asked else "give --raters FILE, once for each annotator"
        rows.append(Row(f"{words}: annotators against one another", "", "percent", None, None, None, why))
    return rows


_METRICS = {"wAcc": "wacc", "wF1": "wf1"}


def table3(scored_files: Scored) -> Reproduction:
    """Sentiment in 3 and 7 classes."""
    found = scored_files.found
    rows = []
    for line in paper.SENTIMENT:
        who = f"{line.inputs}: {line.model}"
        for metric, theirs in (
            ("wAcc, 3 classes", line.wacc3),
            ("wF1, 3 classes", line.wf13),
            ("wAcc, 7 classes", line.wacc7),
            ("wF1, 7 classes", line.wf17),
        ):
            rows.append(Row(metric, who, "percent", theirs, None))
    rows += _of_task(found, "sentiment3", bool(scored_files.raters), "3 classes")
    rows += _of_task(found, "sentiment7", bool(scored_files.raters), "7 classes")
    return _made("emosign-table3", "sentiment", scored_files, rows, ())


def table4(scored_files: Scored) -> Reproduction:
    """The one emotion of the clips that show a single expression, in ten classes."""
    found = scored_files.found
    rows = []
    for line in paper.EMOTION:
        who = f"{line.inputs}: {line.model}"
        rows.append(Row("wAcc", who, "percent", line.wacc, None, 140))
        rows.append(Row("wF1", who, "percent", line.wf1, None, 140))
        for name, recall in zip(EMOTION_CLASSES, line.recalls, strict=True):
            size = paper.RECOVERED_SINGLE[name]
            rows.append(Row(f"recall of {name}", who, "percent", recall, None, size))
    rows += _of_task(found, "emotion", bool(scored_files.raters), "10 classes")
    scored = found["tasks"].get("emotion")
    if scored is not None:
        for name in EMOTION_CLASSES:
            support = scored["model"]["support"][name]
            ours = _percent(scored["model"]["recall"][name])
            why = "" if support else "no clip of this class among ours"
            rows.append(Row(f"recall of {name}: predictions", "", "percent", None, ours, support, why))
    counts = found["expressions"]["counts"]
    notes = (
        f"Single expressions by the rule '{found['expressions']['rule']}': {counts['single']} single, "
        f"{counts['multi']} multiple, {counts['left_out']} left out; the paper: 140, 37, and 23 that it does "
        "not account for. Its rule is not given.",
        "The paper does not print how many clips each class has; the counts beside its recalls are those for "
        "which every printed recall is a whole number of clips, and they reproduce every printed wAcc.",
    )
    return _made("emosign-table4", "single-label emotion", scored_files, rows, notes)


def _made(name: str, title: str, scored: Scored, rows: list[Row], notes: tuple[str, ...]) -> Reproduction:
    data = scored.data
    own = (
        [f"{len(data.missing_videos)} of {len(data.clips)} clips have no video here"]
        if data.missing_videos
        else []
    )
    return Reproduction(
        name=name,
        title=f"{PAPER}: {title}",
        theirs=_THEIRS,
        data={
            "file": str(scored.annotations),
            "predictions": str(scored.predictions),
            "identity": data.identity,
            "clips": len(data.clips),
            "signers": len([s for s in data.signers if s]) or None,
            "made_up": data.made_up or None,
        },
        intervals={
            "by": scored.found["intervals"]["unit"],
            "draws": scored.settings.draws,
            "seed": scored.settings.seed,
        },
        rows=tuple(rows),
        notes=(*notes, *own, *data.notes, _NOT_RUN, *([MADE_UP] if data.made_up else [])),
    )
