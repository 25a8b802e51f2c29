"""What it is worth to leave open which hand leads, where both do about the same.

    python -m signlens_studies starter leading-hand runs/shipped

A clip is mirrored where its left hand leads. In two-handed signs one hand may lead by next to nothing, and
then a little noise decides. `SignModel.score` averages over both (`signlens.models.inputs`); here the
networks of a run answer clips that they did not train on both ways. The last column is what is at stake:
how many of the clips in doubt change their answer when the other hand is taken for the leading one, and
when, in the mean, the two change places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signlens.evaluation.comparison import mcnemar
from signlens.evaluation.metrics import Interval, bootstrap, top_k_hits
from signlens.models.ensemble import ensemble
from signlens.models.inputs import either_hand_leading, network_input
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, prepare
from signlens.training.calibration import ensemble_weights
from signlens.training.pieces import load_network
from signlens.training.run import Run
from signlens.training.sources import TEST
from signlens_studies.starter.results import tested_clips
from signlens_studies.starter.tasks import BACK, FOLDS, FORTH, SHARED_WORDS

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class LeadingHand:
    """One task, answered with a fixed leading hand and with both.

    Attributes:
        task: Which clips.
        clips: Number of clips.
        doubtful: How many of them are in doubt.
        fixed: Top-1 with the likelier hand leading, per cent.
        averaged: Top-1 with the mean over both.
        difference: The second less the first, paired, points.
        won: Clips that only the mean gets right.
        lost: Clips that only the fixed hand gets right.
        p_value: McNemar's exact test.
        likelihood: Change of the negative log-likelihood, paired (negative is better).
        flipped: Of the doubtful clips, how many change their answer if the other hand is fixed; per cent.
        flipped_averaged: The same of the mean, whose two probabilities then change places.
    """

    task: str
    clips: int
    doubtful: int
    fixed: Interval
    averaged: Interval
    difference: Interval
    won: int
    lost: int
    p_value: float
    likelihood: Interval
    flipped: float
    flipped_averaged: float


def compare(
    task: str, fixed: Scores, averaged: Scores, other: Scores, swapped: Scores, labels: NDArray[np.int64]
) -> LeadingHand:
    """Compare answers to the same clips.

    Args:
        task: Which clips.
        fixed: (N, C) log-probabilities with the likelier hand leading.
        averaged: (N, C) of the mean over both.
        other: (N, C) with the other hand leading; as `fixed` where that is not in doubt.
        swapped: (N, C) of the mean whose probabilities have changed places.
        labels: (N,) true classes.
    """
    doubtful = (fixed != other).any(axis=1)
    first, second = top_k_hits(fixed, labels, 1), top_k_hits(averaged, labels, 1)
    test = mcnemar(first, second)
    at = np.arange(len(labels))
    change = fixed[at, labels] - averaged[at, labels]

    def flips(one: Scores, two: Scores) -> float:
        changed = one.argmax(axis=1) != two.argmax(axis=1)
        return 100 * float(changed[doubtful].mean()) if doubtful.any() else 0.0

    return LeadingHand(
        task=task,
        clips=len(labels),
        doubtful=int(doubtful.sum()),
        fixed=bootstrap(100.0 * first),
        averaged=bootstrap(100.0 * second),
        difference=bootstrap(100.0 * (second.astype(np.float64) - first)),
        won=test.only_second,
        lost=test.only_first,
        p_value=test.p_value,
        likelihood=bootstrap(change),
        flipped=flips(fixed, other),
        flipped_averaged=flips(averaged, swapped),
    )


def study(run: Run) -> list[LeadingHand]:
    """Every task whose splits a run of the starter's networks has trained.

    The ensemble's weights are learned on all folds' scores: they are the same on both sides of every
    comparison.

    Raises:
        PartMissing: A network has not been trained.
    """
    clips = tested_clips(run, FOLDS)
    weights = ensemble_weights(clips.logits, clips.labels, run.experiment.export.groups)
    vocabulary = np.unique(clips.labels)
    words = np.array([run.source.classes.index(word) for word in SHARED_WORDS])
    made = []
    for task, splits, classes in (
        ("WLASL50-real, five folds", FOLDS, vocabulary),
        ("Traduttore, recorder1 -> recorder2", (FORTH,), words),
        ("Traduttore, recorder2 + 3 -> recorder1", (BACK,), words),
    ):
        parts = [_answers(run, split, classes, weights) for split in splits]
        fixed, averaged, other, swapped, labels = (np.concatenate(c) for c in zip(*parts, strict=True))
        local = np.searchsorted(np.sort(classes), labels)
        made.append(compare(task, fixed, averaged, other, swapped, local))
    return made


def _answers(
    run: Run, split: str, classes: NDArray[np.int64], weights: dict[str, float]
) -> tuple[Scores, Scores, Scores, Scores, NDArray[np.int64]]:
    """Log-probabilities over some classes, in order: likelier hand, mean, other, mean swapped; and labels."""
    source = run.source
    rows = source.splits()[split].score[TEST]
    rows = rows[np.isin(source.labels[rows], classes)]
    ways: list[dict[str, NDArray[np.float32]]] = [{}, {}, {}, {}]
    for name in run.experiment.networks:
        first, second, doubt = _both_views(run, (name, split), rows)
        for way, share in zip(ways, (0 * doubt, doubt, 0 * doubt + 1, 1 - doubt), strict=True):
            way[name] = ((1 - share) * first + share * second)[:, np.sort(classes)]
    made = [ensemble(way, weights) for way in ways]
    return made[0], made[1], made[2], made[3], source.labels[rows]


def _both_views(
    run: Run, piece: tuple[str, str], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Logits (N, C) with the likelier and with the other hand leading, the same where plain; doubt (N, 1)."""
    import torch

    settings = run.experiment.networks[piece[0]]
    window = settings.frames or settings.window
    clips = [prepare(run.source.points(int(row), WHOLE_BODY_INDEX), window) for row in rows]
    views = [either_hand_leading(clip) for clip in clips]
    joints, seen = (np.concatenate([view[part] for view in views]) for part in (0, 1))
    graph = str(settings.shape.get("graph", "reduced"))
    given = torch.from_numpy(network_input(settings.kind, settings.stream, joints, seen, graph))
    model = load_network(run.folder, run.experiment, piece, len(run.source.classes)).eval()
    with torch.no_grad():
        logits = np.concatenate([model(some)[0].numpy() for some in given.split(_BATCH)])
    counts = np.array([len(view[0]) for view in views])
    last = np.cumsum(counts) - 1
    doubt = np.array([[clip.doubt] for clip in clips], np.float32)
    return logits[last - counts + 1], logits[last], doubt


_BATCH = 64


def print_table(made: list[LeadingHand]) -> None:
    """Print the table."""
    print(
        "| task | clips | in doubt | top-1, one hand | mean of both | difference | won / lost, p "
        "| likelihood | answers that hang on it |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in made:
        print(
            f"| {row.task} | {row.clips} | {row.doubtful} | {row.fixed.value:.1f} | {row.averaged.value:.1f} "
            f"| {_with_interval(row.difference, 1)} | {row.won} / {row.lost}, {row.p_value:.2g} "
            f"| {_with_interval(row.likelihood, 4)} | {row.flipped:.0f} % / {row.flipped_averaged:.0f} % |"
        )


def _with_interval(value: Interval, digits: int) -> str:
    return f"{value.value:+.{digits}f} ({value.low:+.{digits}f} to {value.high:+.{digits}f})"
