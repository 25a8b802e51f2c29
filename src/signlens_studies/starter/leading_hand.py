"""What it is worth to leave open which hand leads, where both do about the same.

    python -m signlens_studies.starter.leading_hand --run runs/shipped

A clip is mirrored where its left hand leads. In two-handed signs one hand may lead by next to nothing, and
then a little noise decides. `SignModel.score` averages over both (`signlens.models.inputs`); here the
networks of a run answer clips that they did not train on both ways. The last column is what is at stake:
how many of the clips in doubt change their answer when the other hand is taken for the leading one, and
when, in the mean, the two change places.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signlens.errors import SignLensError
from signlens.evaluation.comparison import mcnemar
from signlens.evaluation.metrics import Interval, bootstrap, top_k_hits
from signlens.files import whole_file
from signlens.models.inputs import either_hand_leading, network_input
from signlens.skeleton.normalise import prepare

if TYPE_CHECKING:
    from signlens_studies.retrieval.search_study import OpenedRun

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


def study(run_folder: Path) -> list[LeadingHand]:
    """Every task whose splits a run of the starter's networks has trained.

    The ensemble has SAM-SLR's weights for its streams and a weight for what reads the hands' shape that is
    learned on all folds' scores: it is the same on both sides of every comparison.

    Args:
        run_folder: Folder of the run.

    Raises:
        UsageError: The folder is no run of the starter's networks.
        InputRejected: The landmark sets are missing.
        PartMissing: A network has not been trained.
    """
    from signlens.training.fusion_clips import ScoredClips, ensemble_weights
    from signlens.training.run import load_scores
    from signlens.training.sources import TEST
    from signlens_studies.retrieval.search_study import open_starter_run
    from signlens_studies.starter.clips import FOLDS, SHARED_WORDS

    run = open_starter_run(run_folder)
    folds = tuple(f"wlasl-fold-{k}" for k in range(FOLDS))
    scored = []
    for split in folds:
        found = {n: load_scores(run_folder, (n, split), TEST) for n in run.experiment.networks}
        rows = next(iter(found.values()))[0]
        logits = {n: values for n, (_, values) in found.items()}
        names = np.array([run.source.names[i] for i in rows])
        scored.append(ScoredClips(names, run.source.labels[rows], logits))
    weights = ensemble_weights(tuple(scored))
    vocabulary = np.unique(np.concatenate([one.labels for one in scored]))
    words = np.array([run.source.classes.index(word) for word in SHARED_WORDS])
    made = []
    for task, splits, classes in (
        ("WLASL50-real, five folds", folds, vocabulary),
        ("Traduttore, recorder1 -> recorder2", ("traduttore-1-to-2",), words),
        ("Traduttore, recorder2 + 3 -> recorder1", ("traduttore-2-to-1",), words),
    ):
        parts = [_answers(run, split, classes, weights) for split in splits]
        fixed, averaged, other, swapped, labels = (np.concatenate(c) for c in zip(*parts, strict=True))
        local = np.searchsorted(np.sort(classes), labels)
        made.append(compare(task, fixed, averaged, other, swapped, local))
    return made


def _answers(
    run: OpenedRun, split: str, classes: NDArray[np.int64], weights: dict[str, float]
) -> tuple[Scores, Scores, Scores, Scores, NDArray[np.int64]]:
    """Log-probabilities over some classes, in order: likelier hand, mean, other, mean swapped; and labels."""
    from signlens.models.ensemble import ensemble
    from signlens.training.sources import TEST

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
    run: OpenedRun, piece: tuple[str, str], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Logits (N, C) with the likelier and with the other hand leading, the same where plain; doubt (N, 1)."""
    import torch

    from signlens.training.run import load_network

    settings = run.experiment.networks[piece[0]]
    window = settings.frames or settings.window
    clips = [prepare(run.source.corpus.clips[int(row)].points, window) for row in rows]
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


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m signlens_studies.starter.leading_hand", description=__doc__
    )
    parser.add_argument(
        "--run",
        type=Path,
        required=True,
        help="a run of signlens_studies/starter/shipped.toml",
    )
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    options = parser.parse_args(arguments)
    made = study(options.run)
    print(
        "| task | clips | in doubt | top-1, one hand | mean of both | difference | won / lost, p "
        "| likelihood | answers that hang on it |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in made:
        print(
            f"| {row.task} | {row.clips} | {row.doubtful} | {row.fixed.value:.1f} | {row.averaged.value:.1f} "
            f"| {_said(row.difference, 1)} | {row.won} / {row.lost}, {row.p_value:.2g} "
            f"| {_said(row.likelihood, 4)} | {row.flipped:.0f} % / {row.flipped_averaged:.0f} % |"
        )
    if options.out is not None:
        with whole_file(options.out) as part:
            part.write_text(json.dumps([asdict(row) for row in made], indent=1) + "\n", encoding="utf-8")
    return 0


def _said(value: Interval, digits: int) -> str:
    return f"{value.value:+.{digits}f} ({value.low:+.{digits}f} to {value.high:+.{digits}f})"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SignLensError as error:
        print(f"signlens: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
