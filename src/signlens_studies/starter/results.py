"""The starter model's tables: accuracy out of fold, calibration, and what is called unknown.

All scores come from networks that saw neither the clip nor (Traduttore) its signer, nor (WLASL50-real) its
fold. Weights and temperature are learned as `signlens.training.calibration` learns them for the model that
ships, and cross-fitted: for the clips of a fold on the other folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.evaluation.metrics import (
    Interval,
    bootstrap,
    expected_calibration_error,
    negative_log_likelihood,
    top_k_hits,
)
from signlens.fusion.stack import Vote
from signlens.models.ensemble import ensemble, fit_temperature, log_softmax, weighted_mean
from signlens.retrieval.index import cosines
from signlens.retrieval.votes import class_labels, retrieval_terms
from signlens.skeleton.hand_features import hand_features
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, TO_NODES
from signlens.training.calibration import ensemble_weights, threshold
from signlens.training.distributed import ALONE
from signlens.training.held_out import vote_shares
from signlens.training.loop import infer
from signlens.training.pieces import load_network
from signlens.training.run import Run, load_embedding, load_scores
from signlens.training.sources import TEST, ClipSource
from signlens_studies.starter.tasks import BACK, FOLDS, FORTH, OPEN_SET, SHARED_WORDS, TRADUTTORE, WLASL50

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Logits = dict[str, Scores]

HAND_SHAPE = "hand_shape"
"""The network whose space similar signs are searched in."""

BASELINES = ("1-nearest-neighbour", "RBF SVM on hand features")
WINDOW = 24
RETRIEVAL_STRENGTHS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Row:
    """One line of a table: top-1 and top-5, percent, with intervals."""

    system: str
    top1: Interval
    top5: Interval


@dataclass(frozen=True)
class Table:
    """Accuracies on one task."""

    task: str
    clips: int
    classes: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Tested:
    """Clips that some splits test.

    Attributes:
        rows: (N,) rows of the source.
        labels: (N,) classes.
        logits: Network -> (N, C).
        fold: (N,) number of the split that tested each.
    """

    rows: Rows
    labels: Rows
    logits: Logits
    fold: Rows

    def take(self, chosen: NDArray[np.bool_], classes: Rows | None = None) -> Tested:
        """Some of the clips, and if given some of the classes, which then are numbered anew."""
        labels = self.labels[chosen]
        logits = {name: values[chosen] for name, values in self.logits.items()}
        if classes is not None:
            labels = np.searchsorted(classes, labels)
            logits = {name: values[:, classes] for name, values in logits.items()}
        return Tested(self.rows[chosen], labels, logits, self.fold[chosen])


def tested_clips(run: Run, splits: Sequence[str]) -> Tested:
    """What some splits' networks say of the clips that they test.

    Raises:
        PartMissing: A network has not been trained on a split.
    """
    found = {
        n: [load_scores(run.folder, (n, split), TEST) for split in splits] for n in run.experiment.networks
    }
    parts = next(iter(found.values()))
    rows = np.concatenate([rows for rows, _ in parts])
    return Tested(
        rows,
        run.source.labels[rows],
        {n: np.concatenate([values for _, values in own]).astype(np.float64) for n, own in found.items()},
        np.repeat(np.arange(len(parts)), [len(rows) for rows, _ in parts]),
    )


def tables(run: Run) -> tuple[list[Table], dict[str, Any]]:
    """The accuracy tables and the facts of calibration.

    Raises:
        PartMissing: A network has not been trained.
    """
    source, groups = run.source, run.experiment.export.groups
    clips = tested_clips(run, FOLDS)
    everyone = np.ones(len(clips.rows), np.bool_)
    glosses = np.unique(clips.labels)
    narrow = clips.take(everyone, glosses)
    task, full = np.zeros((len(clips.rows), len(glosses))), np.zeros((len(clips.rows), len(source.classes)))
    per_fold = []
    for fold in range(len(FOLDS)):
        here = clips.fold == fold
        weights = ensemble_weights(clips.take(~here).logits, clips.labels[~here], groups)
        per_fold.append(weights)
        temperature = fit_temperature(ensemble(clips.take(~here).logits, weights), clips.labels[~here])
        task[here] = ensemble(narrow.take(here).logits, weights)
        full[here] = ensemble(clips.take(here).logits, weights, temperature)
    shipped = ensemble_weights(clips.logits, clips.labels, groups)
    temperature = fit_temperature(ensemble(clips.logits, shipped), clips.labels)
    unknown_below = threshold(full, clips.labels, run.experiment.export.accepted)
    simple = {name: np.zeros_like(task) for name in BASELINES}
    for fold in range(len(FOLDS)):
        here = clips.fold == fold
        train = source.splits()[FOLDS[fold]].train
        train = train[source.dataset[train] == WLASL50]
        for name, scores in baselines(source, train, clips.rows[here], glosses).items():
            simple[name][here] = scores
    made = [
        Table(
            "WLASL50-real, five folds pooled",
            len(clips.rows),
            len(glosses),
            _rows_of_table({**simple, **_systems(run, narrow, task)}, narrow.labels),
        )
    ]
    best = np.exp(full.max(axis=1))
    right = full.argmax(axis=1) == clips.labels
    facts: dict[str, Any] = {
        "weights_per_fold": per_fold,
        "weights_shipped": shipped,
        "wlasl_top1_per_fold": {
            str(k): round(100 * float(top_k_hits(task, narrow.labels, 1)[clips.fold == k].mean()), 1)
            for k in range(len(FOLDS))
        },
        "wlasl_ece": expected_calibration_error(np.exp(full), clips.labels),
        "wlasl_nll": negative_log_likelihood(full, clips.labels),
        "temperature": temperature,
        "unknown_below": unknown_below,
        "known_right_accepted": float((best[right] >= unknown_below).mean()) if right.any() else 1.0,
        "known_wrong_called_unknown": float((best[~right] < unknown_below).sum() / max((~right).sum(), 1)),
    }
    facts |= _retrieval_gain(run, narrow, task, glosses)
    left_out = ensemble(tested_clips(run, (OPEN_SET,)).logits, shipped, temperature)
    facts["left_out_clips"] = len(left_out)
    facts["left_out_not_answered_as_a_sign"] = float(_no_sign(left_out, source, unknown_below).mean())
    for split, title in (
        (FORTH, "Traduttore, 12 shared words, recorder1 -> recorder2"),
        (BACK, "Traduttore, 12 shared words, recorder2 + recorder3 -> recorder1"),
    ):
        table, more = _other_recorder(run, split, title, shipped, temperature, unknown_below)
        made.append(table)
        facts |= more
    return made, facts


def _other_recorder(
    run: Run, split: str, title: str, weights: Mapping[str, float], temperature: float, unknown_below: float
) -> tuple[Table, dict[str, Any]]:
    """The table of a recorder whom the networks did not see, and what becomes of their other clips."""
    source = run.source
    clips = tested_clips(run, (split,))
    words = np.array(sorted(source.classes.index(word) for word in SHARED_WORDS))
    shared = np.isin(clips.labels, words)
    narrow = clips.take(shared, words)
    trained = source.splits()[split].train
    train = trained[(source.dataset[trained] == TRADUTTORE) & np.isin(source.labels[trained], words)]
    simple = baselines(source, train, narrow.rows, words)
    systems = _systems(run, narrow, ensemble(narrow.logits, weights))
    table = Table(title, len(narrow.rows), len(words), _rows_of_table({**simple, **systems}, narrow.labels))
    scores = ensemble(clips.logits, weights, temperature)
    # A word that only the tested recorder signed cannot be known; it is an unknown sign here.
    known = np.isin(clips.labels, source.labels[trained])
    idle = clips.labels == source.idle
    facts: dict[str, Any] = {}
    for name, chosen in (("ece", known & ~idle), ("ece_with_idle", known)):
        facts[f"{split}_{name}"] = expected_calibration_error(np.exp(scores[chosen]), clips.labels[chosen])
    unseen = _no_sign(scores[~known], source, unknown_below)
    facts[f"{split}_unseen_word_clips"] = len(unseen)
    facts[f"{split}_unseen_words_not_answered_as_a_sign"] = float(unseen.mean()) if len(unseen) else 1.0
    _, seen = source.prepared(clips.rows[idle], WINDOW)
    hands = (seen[:, :, [LEFT_HAND.start, RIGHT_HAND.start]] > 0).any(axis=(1, 2))
    quiet = ~hands | _no_sign(scores[idle], source, unknown_below)
    facts[f"{split}_idle_clips"] = len(quiet)
    facts[f"{split}_idle_without_hands"] = int((~hands).sum())
    facts[f"{split}_idle_not_answered_as_a_sign"] = float(quiet.mean())
    return table, facts


def baselines(source: ClipSource, train: Rows, test: Rows, classes: Rows) -> dict[str, Scores]:
    """Simple systems on the same clips: 1-nearest-neighbour on 27 nodes, and an RBF support vector machine.

    Args:
        source: The clips.
        train: Rows.
        test: Rows.
        classes: (K,) classes of the choice, ascending.

    Returns:
        System -> scores (tests, K).
    """
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def inputs(rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        joints, seen = source.prepared(rows, WINDOW)
        flat = joints[:, :, TO_NODES, :2].reshape(len(rows), -1)
        return flat, hand_features(joints, seen).reshape(len(rows), -1)

    labels = np.searchsorted(classes, source.labels[train])
    found = {}
    for name, model, taught, asked in zip(
        BASELINES,
        (KNeighborsClassifier(1), make_pipeline(StandardScaler(), SVC(C=10.0))),
        inputs(train),
        inputs(test),
        strict=True,
    ):
        model.fit(taught, labels)
        scores = np.full((len(test), len(classes)), -np.inf)
        answer = model.predict_proba if hasattr(model, "predict_proba") else model.decision_function
        scores[:, model.classes_] = answer(asked)
        found[name] = scores
    return found


def _systems(run: Run, clips: Tested, everything: Scores) -> dict[str, Scores]:
    """What the tables list beside the baselines: each network, each group, and all together."""
    made = {**clips.logits}
    for group in run.experiment.export.groups:
        members = {name: clips.logits[name] for name in group.networks}
        if len(members) > 1:
            made[f"{group.name} ({len(members)} networks)"] = weighted_mean(
                members, ensemble_weights(members, clips.labels, (group,))
            )
    return {**made, "whole ensemble": everything}


def _rows_of_table(scores: Mapping[str, Scores], labels: Rows) -> tuple[Row, ...]:
    return tuple(
        Row(
            system,
            bootstrap(100.0 * top_k_hits(values, labels, 1)),
            bootstrap(100.0 * top_k_hits(values, labels, 5)),
        )
        for system, values in scores.items()
    )


def _no_sign(scores: Scores, source: ClipSource, unknown_below: float) -> NDArray[np.bool_]:
    """(N,) where the answer is no sign or an unknown one, as `SignModel.decide` has it."""
    outside = scores.argmax(axis=1) >= source.vocabulary
    return np.asarray((np.exp(scores.max(axis=1)) < unknown_below) | outside)


def _retrieval_gain(run: Run, clips: Tested, task: Scores, glosses: Rows) -> dict[str, Any]:
    """What similar signs add to the ensemble on WLASL50-real's folds, paired.

    The space is the hand-shape network's, the gallery each fold's training clips, the strength
    cross-fitted by negative log-likelihood.
    """
    source, vote = run.source, Vote()
    names = [source.classes[g] for g in glosses]
    shares = np.zeros_like(task)
    nearest = np.zeros(len(task), np.bool_)
    for number, split in enumerate(FOLDS):
        train = source.splits()[split].train
        # The gallery is the fold's own training clips: it knows no scored clip.
        known = train[source.dataset[train] == WLASL50]
        network = load_network(run.folder, run.experiment, (HAND_SHAPE, split), len(source.classes))
        _, gallery = infer(network, source, run.experiment.networks[HAND_SHAPE], known, ALONE)
        query = load_embedding(run.folder, (HAND_SHAPE, split), TEST)
        similar = cosines(query, gallery)
        here = clips.fold == number
        nearest[here] = (
            np.searchsorted(glosses, source.labels[known])[similar.argmax(axis=1)] == clips.labels[here]
        )
        owners = class_labels([source.classes[source.labels[i]] for i in known], names)
        shares[here] = vote_shares(similar, owners, len(names), vote)

    def fused(rows: NDArray[np.bool_], strength: float) -> Scores:
        return log_softmax(task[rows] + retrieval_terms(shares[rows], strength))

    after = task.copy()
    strengths = []
    for number in range(len(FOLDS)):
        here, other = clips.fold == number, clips.fold != number

        def loss(strength: float, rows: NDArray[np.bool_] = other) -> float:
            scores, labels = fused(rows, strength), clips.labels[rows]
            return negative_log_likelihood(log_softmax(scores / fit_temperature(scores, labels)), labels)

        strengths.append(min(RETRIEVAL_STRENGTHS, key=loss))
        after[here] = fused(here, strengths[-1])
    before_right, after_right = top_k_hits(task, clips.labels, 1), top_k_hits(after, clips.labels, 1)
    gain = bootstrap(np.asarray(100.0 * (after_right.astype(np.float64) - before_right)))
    return {
        "retrieval_1nn_top1": 100 * float(nearest.mean()),
        "retrieval_strength_per_fold": strengths,
        "retrieval_gain_points": gain.value,
        "retrieval_gain_low": gain.low,
        "retrieval_gain_high": gain.high,
        "retrieval_only_right_after": int((after_right & ~before_right).sum()),
        "retrieval_only_right_before": int((before_right & ~after_right).sum()),
    }


def markdown(made: list[Table], facts: dict[str, Any]) -> str:
    """Tables and facts for the card and the docs."""
    lines = []
    for table in made:
        lines += [
            f"**{table.task}** ({table.clips} clips, {table.classes} glosses)",
            "",
            "| system | top-1 | 95 % | top-5 | 95 % |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {r.system} | {r.top1.value:.1f} | {r.top1.low:.1f}-{r.top1.high:.1f} "
            f"| {r.top5.value:.1f} | {r.top5.low:.1f}-{r.top5.high:.1f} |"
            for r in table.rows
        ]
        lines.append("")
    lines += ["| fact | value |", "|---|---|"]
    lines += [f"| {k} | {v if not isinstance(v, float) else round(v, 4)} |" for k, v in facts.items()]
    return "\n".join(lines) + "\n"


def as_json(made: list[Table], facts: dict[str, Any]) -> dict[str, Any]:
    """The same as plain values."""
    return {"tables": [asdict(t) for t in made], "facts": facts}
