"""Tables 1 and 2 of the sentiment-enhanced SLR paper: its dataset, and recognition without emotion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import listed, read_csv
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.metrics import (
    Outcomes,
    bootstrap,
    bootstrap_metrics,
    intervals,
    measure,
    outcomes,
)
from signlens.evaluation.results import describe_intervals, describe_scores, resampling_units
from signlens.evaluation.scores import ScoreSet, read_scores, repeated, signers_in_names
from signlens.evaluation.systems import FittingData, Settings, system_scores
from signlens.models.ensemble import SLR_SENTIMENT_WEIGHTS
from signlens_studies.reproduction import PAPER, Reproduction, Row

# -- table 1: the dataset ---------------------------------------------------------------------------


def table1(folder: Path) -> Reproduction:
    """Clips per split of any dataset folder, beside the paper's copy of WLASL2000."""
    from signlens.datasets.folder import Dataset
    from signlens.datasets.slr_sentiment import PRINTED

    dataset = Dataset.open(folder)
    listed = Counter(clip.split for clip in dataset.clips)
    available = Counter(clip.split for clip in dataset.clips if clip.available)
    rows = []
    for split, paper_name in (("train", "Training"), ("test", "Testing"), ("val", "Validation")):
        rows.append(Row(split, paper_name, "clips", PRINTED[split], available[split], available[split]))
    if available[""] or listed[""]:
        rows.append(Row("no split", "", "clips", None, available[""], available[""]))
    total = available.total()
    rows.append(Row("total", "Total", "clips", sum(PRINTED.values()), total, total))
    notes = ["Ours counts clips with poses."]
    missing = listed.total() - total
    if missing:
        notes.append(f"{missing:,} of the {listed.total():,} clips listed have no poses.")
    if dataset.kind not in ("wlasl", "slr-sentiment"):
        notes.append("This is another dataset than the paper's: the figures stand side by side, no more.")
    signers = {c.signer for c in dataset.clips if c.available and c.signer}
    return Reproduction(
        name="table1",
        title=f"{PAPER}, Table 1: clips per split",
        theirs="the paper's own copy of WLASL2000, 119 signers",
        data={
            "file": str(dataset.folder),
            "dataset": dataset.name,
            "kind": dataset.kind,
            "identity": dataset.identity,
            "glosses": len(dataset.glosses),
            "clips": total,
            "listed": dict(listed),
            "signers": len(signers) or None,
        },
        intervals={},
        rows=tuple(rows),
        notes=tuple(notes),
    )


# -- table 2: the recogniser, without emotion --------------------------------------------------------

TABLE_2 = {
    "top1_per_instance": 28.24,
    "top5_per_instance": 59.97,
    "top10_per_instance": 70.00,
    "l1_of_min_max_scores": 731.9924,
    "l1_of_softmax": 1.4986,
}
"""As printed; shares of one there, percent here."""

TABLE_5 = {
    "top1_per_instance": 30.23,
    "top5_per_instance": 62.77,
    "top10_per_instance": 72.39,
    "l1_of_min_max_scores": 726.2018,
    "l1_of_softmax": 1.4614,
}
TABLE_6 = {
    "top1_per_instance": 43.59,
    "top5_per_instance": 79.49,
    "top10_per_instance": 79.49,
    "l1_of_min_max_scores": 649.4471,
    "l1_of_softmax": 1.1504,
}
"""The same with emotion: of all clips, and of those of emotional glosses."""

TABLE_2_CLASSES = 2000
_TABLE_2_THEIRS = (
    "WLASL2000, the paper's val split (2,723 clips), four SL-GCN streams, epochs selected on its test split"
)
PAPER_NAMES = {
    "top1_per_instance": "Top1 accuracy",
    "top5_per_instance": "Top5 accuracy",
    "top10_per_instance": "Top10 accuracy",
    "l1_of_min_max_scores": "Mean loss normal",
    "l1_of_softmax": "Mean loss Softmax",
}
LOSSES = (
    "The paper's losses are sums over the classes, not means. l1_of_min_max_scores (0 to the number of "
    "classes): the distance of the scores, stretched to 0..1 in each clip, from the one-hot truth; it mostly "
    "shows the shape of the wrong classes' scores. l1_of_softmax (0 to 2): the same of the softmax, which is "
    "2 (1 - p of the true class)."
)


def l1_of_min_max_scores(scores: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) the paper's "mean loss normal" of each clip: sum over classes of |one-hot - min-max score|.

    Args:
        scores: (N, C) raw. A clip whose scores are all the same has nothing to stretch and counts as zeros.
        labels: (N,).

    Returns:
        In 0..C.
    """
    values = scores.astype(np.float64)
    low = values.min(axis=1, keepdims=True)
    span = values.max(axis=1, keepdims=True) - low
    stretched = np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)
    np.put_along_axis(
        stretched, labels[:, None], 1 - np.take_along_axis(stretched, labels[:, None], axis=1), axis=1
    )
    return np.asarray(stretched.sum(axis=1))


def l1_of_softmax(of: Outcomes) -> NDArray[np.float64]:
    """(N,) the paper's "mean loss softmax" of each clip: sum over classes of |one-hot - softmax|, in 0..2.

    All wrong classes together have what the true one lacks, so it is 2 (1 - p of the true class).
    """
    return np.asarray(2 * -np.expm1(of.log_likelihood))


def table2_of_scores(
    path: Path, settings: Settings, *, weights: str | None = None, exclude_signers: Sequence[str] = ()
) -> Reproduction:
    """Accuracy and the paper's losses of any system, from its scores."""
    scores, excluded = without_signers(read_scores(path), exclude_signers)
    words = ensemble_words(scores, weights)
    answered = system_scores(words, FittingData(scores, settings))
    found = outcomes(answered.scores, scores.labels)
    groups, notes = resampling_units(scores.signers, scores.source, settings.by)
    drawn = bootstrap_metrics({"": found}, groups=groups, draws=settings.draws, seed=settings.seed)[""]
    metrics = intervals(measure(found), drawn)
    rows = []
    for k in (1, 5, 10):
        name = f"top{k}_per_instance"
        too_few = k >= scores.classes
        rows.append(
            Row(
                name,
                PAPER_NAMES[name],
                "percent",
                TABLE_2[name],
                metrics[name],
                None if too_few else int(found.hits(k).sum()),
                f"there are only {scores.classes} classes" if too_few else "",
            )
        )
    for name, losses in (
        ("l1_of_min_max_scores", l1_of_min_max_scores(answered.scores, scores.labels)),
        ("l1_of_softmax", l1_of_softmax(found)),
    ):
        ours = bootstrap(losses, groups=groups, draws=settings.draws, seed=settings.seed)
        rows.append(Row(name, PAPER_NAMES[name], "sum over classes", TABLE_2[name], ours))
    if scores.classes != TABLE_2_CLASSES:
        notes.append(
            f"Ours chooses among {scores.classes:,} classes, theirs among {TABLE_2_CLASSES:,}: neither "
            "accuracies nor losses are comparable."
        )
    return Reproduction(
        name="table2",
        title=f"{PAPER}, Table 2: recognition without emotion",
        theirs=_TABLE_2_THEIRS,
        data={**describe_scores(scores), "weights": words, "signers_left_out": excluded or None},
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=(*notes, LOSSES),
    )


def ensemble_words(scores: ScoreSet, given: str | None) -> str:
    """The system that a table is about: the one given, the only stream, or the paper's ensemble."""
    if given is not None:
        return given
    if len(scores.streams) == 1:
        return next(iter(scores.streams))
    if set(SLR_SENTIMENT_WEIGHTS) <= set(scores.streams):
        return ",".join(f"{name}={weight:g}" for name, weight in SLR_SENTIMENT_WEIGHTS.items())
    raise UsageError(
        scores.source, f"has the streams {', '.join(scores.streams)}", "say how to join them: --weights"
    )


def left_out(
    signers: NDArray[np.str_] | None, source: str, excluded: Sequence[str]
) -> tuple[NDArray[np.bool_] | None, dict[str, int]]:
    """(N,) which clips are of signers to leave out, or None where there are none; and how many of each."""
    if not excluded:
        return None, {}
    if signers is None:
        raise UsageError(source, "does not say who signs each clip", "leave out --exclude-signer")
    counts = {signer: int((signers == signer).sum()) for signer in excluded}
    for signer, clips in counts.items():
        if not clips:
            raise UsageError(
                "--exclude-signer",
                f"no clip of {source} is signed by {signer}",
                f"there are {listed(np.unique(signers))}",
            )
    out = np.isin(signers, list(counts))
    if out.all():
        raise UsageError("--exclude-signer", "no clip remains", "leave out fewer signers")
    return out, counts


def without_signers(scores: ScoreSet, excluded: Sequence[str]) -> tuple[ScoreSet, dict[str, int]]:
    """The scores without the clips of some signers, and how many these are; see `left_out`."""
    out, counts = left_out(scores.signers, scores.source, excluded)
    return (scores if out is None else scores.take(~out)), counts


def table2_of_predictions(
    path: Path, settings: Settings, *, column: str | None = None, exclude_signers: Sequence[str] = ()
) -> Reproduction:
    """What predicted classes alone tell of it."""
    clips, labels, columns = read_predictions(path)
    column = chosen_column(path, columns, column)
    signers = signers_in_names(clips)
    out, excluded = left_out(signers, str(path), exclude_signers)
    if out is not None and signers is not None:
        labels, signers = labels[~out], signers[~out]
        columns = {name: values[~out] for name, values in columns.items()}
    predicted = columns[column]
    right = predicted == labels
    classes = int(max(labels.max(), predicted.max())) + 1
    groups, notes = resampling_units(signers, str(path), settings.by)
    # Ranks and probabilities are not known; what is made of them is not read.
    of = Outcomes(
        labels, classes, np.where(right, 0, classes), predicted, np.ones(len(labels)), np.zeros(len(labels))
    )
    drawn = bootstrap_metrics({"": of}, groups=groups, draws=settings.draws, seed=settings.seed)[""]
    metrics = intervals(measure(of), drawn)
    missing = "needs the scores of all classes, not the predicted class alone"
    rows = [
        Row(
            name,
            PAPER_NAMES[name],
            "percent" if name.startswith("top") else "sum over classes",
            printed,
            metrics[name] if name == "top1_per_instance" else None,
            int(right.sum()) if name == "top1_per_instance" else None,
            "" if name == "top1_per_instance" else missing,
        )
        for name, printed in TABLE_2.items()
    ]
    for name in ("top1_per_class", "macro_f1"):
        rows.append(Row(name, "", "percent", None, metrics[name]))
    if len(columns) > 1:
        counts = ", ".join(f"{n} {int((v == labels).sum()):,} right" for n, v in columns.items())
        notes.append(f"The file has several columns of predictions ({counts}); this is {column}.")
    return Reproduction(
        name="table2",
        title=f"{PAPER}, Table 2: recognition without emotion",
        theirs=_TABLE_2_THEIRS,
        data={
            "file": str(path),
            "column": column,
            "dataset": None,
            "split": None,
            "extractor": None,
            "streams": None,
            "clips": len(labels),
            "classes_with_clips": len(np.unique(labels)),
            "signers": None if signers is None else len(np.unique(signers)),
            "signers_from": None if signers is None else "clip names",
            "signers_left_out": excluded or None,
        },
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=(*notes, "A file of predictions does not say of which dataset, split and system it is."),
    )


def read_predictions(
    path: Path,
) -> tuple[NDArray[np.str_], NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Clips, true classes, and every column of predictions.

    Columns: ``clip`` (or ``sample``), ``label`` (or ``label...``), ``pred...``; whole numbers.
    """
    table = read_csv(path, ())
    if not table:
        raise InputRejected(path, "there is no clip in it", "give one line a clip")
    names = list(table.rows[0].values)
    clip = next((n for n in names if n in ("clip", "sample")), None)
    label = next((n for n in names if n.startswith("label")), None)
    predictions = [n for n in names if n.startswith("pred")]
    if clip is None or label is None or not predictions:
        raise InputRejected(
            path,
            f"its columns are {', '.join(names)}",
            "give clip (or sample), label, and pred... with the numbers of the classes",
        )
    clips = [row.filled(clip) for row in table]
    twice = repeated(clips)
    if twice:
        raise InputRejected(path, f"clips occur more than once: {listed(twice)}", "give every clip once")

    def numbers(column: str) -> NDArray[np.int64]:
        return np.array([row.whole_number(column, below=1_000_000) for row in table], np.int64)

    return np.array(clips), numbers(label), {name: numbers(name) for name in predictions}


def chosen_column(path: Path, columns: Iterable[str], asked: str | None) -> str:
    """The column of predictions that was asked for; the last when none was."""
    names = list(columns)
    if asked is not None and asked not in names:
        raise UsageError("--column", f"{path} has no {asked}", f"give one of {', '.join(names)}")
    return asked or names[-1]
