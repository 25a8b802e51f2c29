"""Evaluating scores: every system with its intervals, two of them paired, and where one is right and wrong.

Which systems can be asked for: `signlens.evaluation.systems`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.evaluation.comparison import McNemar, match_clips, mcnemar
from signlens.evaluation.details import Details, details, paired_by_signer
from signlens.evaluation.metrics import (
    METRICS,
    RECENTRED,
    Interval,
    Outcomes,
    bootstrap_metrics,
    intervals,
    measure,
    outcomes,
)
from signlens.evaluation.scores import ScoreSet, read_scores
from signlens.evaluation.systems import FittingData, Settings, SystemScores, default_weighting, system_scores

Progress = Callable[[str, int, int], None]

FEW_SIGNERS = 20


@dataclass(frozen=True)
class System:
    """One system's figures.

    Attributes:
        name: What it was asked for by.
        weights: Stream -> weight of its raw logits; None where each fold has its own.
        temperature: Of the weighted mean; None where each fold has its own.
        learned: How weights or temperature were learned, as plain values; empty if they were not.
        right: Clips recognised.
        metrics: Name -> value with interval; None where a top k has no more than k classes.
    """

    name: str
    weights: Mapping[str, float] | None
    temperature: float | None
    learned: Mapping[str, Any]
    right: int
    metrics: Mapping[str, Interval | None]


@dataclass(frozen=True)
class Comparison:
    """The second system less the first, on the same clips and the same resamples."""

    first: str
    second: str
    left_out: int
    mcnemar: McNemar
    differences: Mapping[str, Interval | None]
    per_signer: list[dict[str, Any]]


@dataclass(frozen=True)
class Evaluation:
    """Everything that `evaluate` prints.

    Attributes:
        data: What was measured on: file, dataset, split, clips, classes, signers, streams, extractor.
        intervals: How the intervals were made.
        systems: One or several.
        details: Of one system; None when two are compared or none stands out.
        comparison: None unless two are compared.
        notes: What a reader must know.
    """

    data: Mapping[str, Any]
    intervals: Mapping[str, Any]
    systems: tuple[System, ...]
    details: Details | None = None
    comparison: Comparison | None = None
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


# -- evaluating -------------------------------------------------------------------------------------


def _silent(text: str, done: int, total: int) -> None:
    pass


def evaluate_scores(
    path: Path, weights: str | None = None, settings: Settings | None = None, progress: Progress = _silent
) -> Evaluation:
    """Every stream of a scores file, and their ensemble.

    Args:
        path: The scores file.
        weights: The ensemble, in the words of `signlens.evaluation.systems`; SAM-SLR's weights by default
            where its four streams are there.
        settings: How to measure.
        progress: Called with what is being done, how much of it is done, and how much there is.
    """
    settings = settings or Settings()
    scores = read_scores(path)
    main = weights or default_weighting(scores)
    names = [*scores.streams, *([main] if main is not None and main not in scores.streams else [])]
    measured = _Measured(settings, {name: (name, FittingData(scores, settings)) for name in names}, progress)
    groups, notes = resampling_units(scores.signers, scores.source, settings.by)
    systems, _ = measured.systems(groups)
    if main is None:
        notes.append(
            "No ensemble: give --weights, such as "
            + ",".join(f"{name}=1" for name in list(scores.streams)[:2])
            + ". Classes, confusions and signers are shown for one system, so name one."
        )
    return Evaluation(
        data={**describe_scores(scores), **_emotion(scores, settings)},
        intervals=describe_intervals(settings),
        systems=systems,
        details=None if main is None else details(main, measured.outcomes[main], scores),
        notes=(*notes, *measured.notes(scores)),
    )


def compare_systems(
    pair: tuple[str, str],
    path: Path | None = None,
    weights: str | None = None,
    settings: Settings | None = None,
    *,
    common: bool = False,
    progress: Progress = _silent,
) -> Evaluation:
    """Two systems on the same clips, paired.

    Args:
        pair: Each is a scores file, ``FILE.npz:WORDS``, or, with a `path`, the words for a system of it.
        path: Scores file that words without a file are about.
        weights: The ensemble of a file that is named without words.
        settings: How to measure.
        common: Compare on the clips that both have, where they have not the same.
        progress: See `evaluate_scores`.

    Raises:
        InputRejected: A file is not a whole scores file, or its labels are not the other's.
        UsageError: Other clips, other classes, or words that mean nothing.
        PartMissing: SciPy is needed and not installed.
    """
    settings = settings or Settings()
    if pair[0] == pair[1]:
        raise UsageError("--compare", f"{pair[0]} is compared with itself", "name two systems")
    asked = [_file_and_words(one, path) for one in pair]
    opened = {file: read_scores(file) for file, _ in asked}
    first, second = (opened[file] for file, _ in asked)
    words = [
        said or weights or _default_of(scores, file)
        for (file, said), scores in zip(asked, (first, second), strict=True)
    ]
    left_out = 0
    if first is not second:
        first, second, left_out = match_clips(first, second, common=common)
    sides = zip(pair, words, (first, second), strict=True)
    systems_asked = {name: (what, FittingData(scores, settings)) for name, what, scores in sides}
    measured = _Measured(settings, systems_asked, progress)
    holder = first if first.signers is not None else second
    groups, notes = resampling_units(holder.signers, holder.source, settings.by)
    systems, drawn = measured.systems(groups)
    one, other = (measured.outcomes[name] for name in pair)
    base, found = measure(one), measure(other)
    if settings.by == "signer":
        notes.append("McNemar's test takes clips for independent; the intervals here do not.")
    if left_out:
        notes.append(f"{left_out} clips that only one of the two has were left out.")
    data = {**describe_scores(holder), **_emotion(holder, settings)}
    if first is not second:
        data |= {
            "file": [s.source for s in (first, second)],
            "streams": [list(s.streams) for s in (first, second)],
        }
    return Evaluation(
        data=data,
        intervals=describe_intervals(settings),
        systems=systems,
        comparison=Comparison(
            first=pair[0],
            second=pair[1],
            left_out=left_out,
            mcnemar=mcnemar(one.hits(1), other.hits(1)),
            differences=intervals(
                {m: found[m] - base[m] for m in METRICS},
                {m: drawn[pair[1]][m] - drawn[pair[0]][m] for m in METRICS},
            ),
            per_signer=paired_by_signer(holder, one, other),
        ),
        notes=(*notes, *measured.notes(holder)),
    )


class _Measured:
    """Systems on the same clips: their scores and outcomes.

    Args:
        settings: How to measure.
        asked: Name -> the words for a system, and the scores that it is made of.
        progress: See `evaluate_scores`.
    """

    def __init__(
        self, settings: Settings, asked: Mapping[str, tuple[str, FittingData]], progress: Progress
    ) -> None:
        self.settings = settings
        self.progress = progress
        self.scores: dict[str, SystemScores] = {}
        self.outcomes: dict[str, Outcomes] = {}
        for number, (name, (words, data)) in enumerate(asked.items()):
            progress(f"scoring {name}", number, len(asked))
            self.scores[name] = system_scores(words, data)
            self.outcomes[name] = outcomes(self.scores[name].scores, data.scores.labels)

    def systems(
        self, groups: NDArray[np.int64] | None
    ) -> tuple[tuple[System, ...], dict[str, dict[str, NDArray[np.float64]]]]:
        """Every system with its intervals, and the resamples that these are of."""
        draws = self.settings.draws
        drawn = bootstrap_metrics(
            self.outcomes,
            groups=groups,
            draws=draws,
            seed=self.settings.seed,
            progress=lambda done: self.progress("resampling", done, draws),
        )
        systems = tuple(
            System(
                name=name,
                weights=self.scores[name].weights,
                temperature=self.scores[name].temperature,
                learned=self.scores[name].learned,
                right=int(of.hits(1).sum()),
                metrics=intervals(measure(of), drawn[name]),
            )
            for name, of in self.outcomes.items()
        )
        return systems, drawn

    def notes(self, scores: ScoreSet) -> list[str]:
        """What a reader must know of the classes, of what was learned, and of the faces."""
        found = []
        missing = scores.classes - len(np.unique(scores.labels))
        if missing:
            found.append(
                f"{missing} of the {scores.classes} classes have no clip here; means over classes leave them "
                "out."
            )
        for name, made in self.scores.items():
            if "cross_fitted_by" in made.learned:
                how = f"{made.learned['folds']} folds by {made.learned['cross_fitted_by']}"
                found.append(
                    f"{name}: cross-fitted on these clips ({how}). No clip was answered with what was "
                    "learned from it, but other clips of this set were; to learn from another set, see "
                    "--fit-on."
                )
        emotion = self.settings.emotion
        return found if emotion is None else found + emotion.notes(scores)


def ensemble_of(path: Path) -> str:
    """What stands for a whole scores file, in the words of `signlens.evaluation.systems`."""
    return _default_of(read_scores(path), path)


def _default_of(scores: ScoreSet, path: Path) -> str:
    words = default_weighting(scores)
    if words is None:
        raise UsageError(
            path,
            f"has the streams {', '.join(scores.streams)}",
            f"say which: --weights, or to compare {path}:STREAM",
        )
    return words


def _file_and_words(asked: str, path: Path | None) -> tuple[Path, str | None]:
    """The scores file of one side of a comparison, and the words behind it."""
    file, colon, words = asked.rpartition(":")
    if colon and file.endswith(".npz"):
        return Path(file), words
    if asked.endswith(".npz"):
        return Path(asked), None
    if path is None:
        raise UsageError(
            "--compare", f"{asked} is no scores file", "name FILE.npz, or the file with --scores"
        )
    return path, asked


def resampling_units(
    signers: NDArray[np.str_] | None, source: str, by: str
) -> tuple[NDArray[np.int64] | None, list[str]]:
    """What the bootstrap draws together, and what is to be said of it.

    Args:
        signers: (N,) an empty string where not known, or None.
        source: What to call the clips' file in a message.
        by: ``clip`` or ``signer``.

    Returns:
        (N,) groups, each signer one and each clip of an unknown signer one; None to draw clips. And notes.
    """
    known = [] if signers is None else [s for s in np.unique(signers).tolist() if s]
    if by == "clip":
        of = f" They do not know of the {len(known)} signers behind them: see --by signer." if known else ""
        return None, [f"Intervals draw clips.{of}"]
    if signers is None or len(known) < 2:
        raise UsageError(
            source,
            "does not say who signs each clip" if not known else "holds the clips of one signer alone",
            "leave out --by signer, or add an array signer to the file",
        )
    groups = np.unique(signers, return_inverse=True)[1].astype(np.int64)
    unknown = np.flatnonzero(signers == "")
    groups[unknown] = groups.max() + 1 + np.arange(len(unknown))
    notes = [f"Intervals draw the {len(known)} signers with all of their clips."]
    if len(unknown):
        notes.append(f"{len(unknown)} clips of unknown signers are drawn one by one.")
    if len(known) < FEW_SIGNERS:
        notes.append(f"{len(known)} signers are few: an interval from them is likely too narrow.")
    return groups, notes


def describe_intervals(settings: Settings) -> dict[str, Any]:
    """How intervals are made, as plain values."""
    return {
        "kind": "percentile bootstrap",
        "recentred": list(RECENTRED),
        "level": 0.95,
        "draws": settings.draws,
        "seed": settings.seed,
        "unit": settings.by,
    }


def describe_scores(scores: ScoreSet) -> dict[str, Any]:
    """What a figure must carry: dataset, split, clips, classes, signers, extractor, streams."""
    signers = None
    if scores.signers is not None:
        signers = len(set(scores.signers.tolist()) - {""})
    splits = None
    if scores.splits is not None:
        names, counts = np.unique(scores.splits, return_counts=True)
        splits = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return {
        "file": scores.source,
        "dataset": scores.dataset or None,
        "split": splits,
        "extractor": scores.extractor or None,
        "clips": len(scores),
        "classes": scores.classes,
        "classes_with_clips": len(np.unique(scores.labels)),
        "signers": signers,
        "signers_from": None if signers is None else "clip names" if scores.signers_from_names else "file",
        "streams": list(scores.streams),
    }


def _emotion(scores: ScoreSet, settings: Settings) -> dict[str, Any]:
    """The emotion vectors and the map, with their hashes, where any are used."""
    return {} if settings.emotion is None else {"emotion": settings.emotion.facts(scores)}
