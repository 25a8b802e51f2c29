"""The starter model's tables, its calibration, and the folder that ships.

All scores come from the out-of-fold splits of `signlens_studies.starter.clips`. SAM-SLR's fixed weights make
one system of the four streams, the mean of the hand-shape networks another; their weights, and the
temperature, are learned as every ensemble's are (`signlens.fusion.learned_weights`) and cross-fitted: for
the clips of a fold on the other folds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
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
from signlens.files import file_sha256, whole_file
from signlens.fusion.learned_weights import learn_weights
from signlens.models.ensemble import SAM_SLR_WEIGHTS, ensemble, fit_temperature, log_softmax, weighted_mean
from signlens.skeleton.hand_features import hand_features
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND, TO_NODES
from signlens.training import run
from signlens.training.distributed import ALONE
from signlens.training.experiment import Experiment
from signlens.training.export import MeanOfNetworks, export_onnx
from signlens.training.loop import infer
from signlens.training.precision import FLOAT32, reduce_precision
from signlens.training.sources import TEST
from signlens_studies.starter.clips import (
    EXTRACTOR,
    FOLDS,
    SHARED_WORDS,
    Corpus,
    StarterSource,
    prepared_clips,
    splits,
)

Logits = dict[str, NDArray[np.float64]]

HAND_SHAPE = "hand_shape"
"""The hand-shape network; the name of a further one begins with this."""
KNOWN_ACCEPTED = 0.9
"""Share of rightly recognised out-of-fold clips that must be answered rather than called unknown."""


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


def load_logits(out: Path, experiment: Experiment, split: str) -> tuple[NDArray[np.int64], Logits]:
    """Row numbers and every network's logits of a split's scored clips.

    Raises:
        PartMissing: A network has not been trained on the split.
    """
    rows: NDArray[np.int64] = np.zeros(0, np.int64)
    logits: Logits = {}
    for network in experiment.networks:
        rows, found = run.load_scores(out, (network, split), TEST)
        logits[network] = found.astype(np.float64)
    return rows, logits


def is_starter(networks: Iterable[str]) -> bool:
    """Whether these are the starter's: SAM-SLR's four streams and one or more hand-shape networks."""
    names = set(networks)
    return names == {*SAM_SLR_WEIGHTS, *_hand_shapes(names)} and HAND_SHAPE in names


def _hand_shapes(networks: Iterable[str]) -> list[str]:
    return [name for name in networks if name.startswith(HAND_SHAPE)]


def networks_of_model(networks: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Network of the model -> the run's networks that it holds: all hand-shape networks become one."""
    names = list(networks)
    hands = tuple(_hand_shapes(names))
    return {name: hands if name == HAND_SHAPE else (name,) for name in names if name not in hands[1:]}


def weights_with(hand_weight: float, networks: Iterable[str]) -> dict[str, float]:
    """Weights that sum to 1: the hand-shape networks share one, SAM-SLR's streams what is left.

    Args:
        hand_weight: Of the hand-shape networks together, 0..1.
        networks: Names of all networks.
    """
    total = sum(SAM_SLR_WEIGHTS.values())
    streams = {name: (1 - hand_weight) * w / total for name, w in SAM_SLR_WEIGHTS.items()}
    hands = _hand_shapes(networks)
    return {**streams, **{name: hand_weight / len(hands) for name in hands}}


def learn_hand_weight(logits: Logits, labels: NDArray[np.int64]) -> float:
    """The hand-shape networks' weight, 0..1, beside SAM-SLR's four streams; each of the two is one system."""
    streams = weighted_mean(logits, SAM_SLR_WEIGHTS)
    systems = {"four streams": streams, HAND_SHAPE: _mean_of_hand_shapes(logits)}
    return learn_weights(systems, labels).weights[HAND_SHAPE]


def _mean_of_hand_shapes(logits: Logits) -> NDArray[np.float64]:
    return weighted_mean(logits, dict.fromkeys(_hand_shapes(logits), 1.0))


def _systems(logits: Logits, everything: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """What the tables list beside the baselines: each network, and what is made of several."""
    made = {**logits, "four streams": ensemble(logits, SAM_SLR_WEIGHTS)}
    if len(_hand_shapes(logits)) > 1:
        made["hand-shape networks"] = _mean_of_hand_shapes(logits)
    made["four streams + hand shape"] = everything
    return made


def _pick(logits: Logits, rows: NDArray[np.bool_], columns: NDArray[np.int64] | None) -> Logits:
    return {name: (v[rows] if columns is None else v[rows][:, columns]) for name, v in logits.items()}


def _rows_of_table(scores: Mapping[str, NDArray[np.float64]], labels: NDArray[np.int64]) -> tuple[Row, ...]:
    made = []
    for system, values in scores.items():
        top1 = bootstrap(100.0 * top_k_hits(values, labels, 1))
        top5 = bootstrap(100.0 * top_k_hits(values, labels, 5))
        made.append(Row(system, top1, top5))
    return tuple(made)


def baselines(
    joints: NDArray[np.float32],
    seen: NDArray[np.float32],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    train_labels: NDArray[np.int64],
    classes: int,
) -> dict[str, NDArray[np.float64]]:
    """Simple systems on the same clips: 1-nearest-neighbour on 27 nodes, and an RBF support vector machine.

    Args:
        joints: (N, T, 49, 3) of all clips.
        seen: (N, T, 49).
        train: Row numbers.
        test: Row numbers.
        train_labels: Class of each training row.
        classes: Number of classes.

    Returns:
        System -> scores (tests, classes).
    """
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    flat = joints[:, :, TO_NODES, :2].reshape(len(joints), -1)
    features = hand_features(joints, seen).reshape(len(joints), -1)
    found = {}
    for name, model, x in (
        ("1-nearest-neighbour", KNeighborsClassifier(1), flat),
        ("RBF SVM on hand features", make_pipeline(StandardScaler(), SVC(C=10.0)), features),
    ):
        model.fit(x[train], train_labels)
        scores = np.full((len(test), classes), -np.inf)
        known = model.classes_
        values = (
            model.predict_proba(x[test])
            if hasattr(model, "predict_proba")
            else model.decision_function(x[test])
        )
        scores[:, known] = values
        found[name] = scores
    return found


def tables(data: Path, experiment: Experiment, out: Path) -> tuple[list[Table], dict[str, Any]]:
    """The accuracy tables and the facts of calibration.

    Args:
        data: Folder of the landmark sets.
        experiment: Settings of the run.
        out: Folder of the run.

    Returns:
        Tables, and a dictionary of calibration, unknown-sign figures and the shipped constants.

    Raises:
        PartMissing: A piece has not been trained.
    """
    corpus, joints, seen = prepared_clips(data, 24)
    labels = corpus.labels
    made: list[Table] = []

    parts = [load_logits(out, experiment, f"wlasl-fold-{k}") for k in range(FOLDS)]
    rows = np.concatenate([p[0] for p in parts])
    logits = {n: np.concatenate([p[1][n] for p in parts]) for n in experiment.networks}
    fold = np.concatenate([np.full(len(p[0]), k) for k, p in enumerate(parts)])
    glosses = np.unique(labels[rows])
    local = np.searchsorted(glosses, labels[rows])
    narrow = {n: v[:, glosses] for n, v in logits.items()}

    full = np.zeros((len(rows), len(corpus.classes)))
    task = np.zeros((len(rows), len(glosses)))
    hand_weights = []
    for k in range(FOLDS):
        other, here = fold != k, fold == k
        weight = learn_hand_weight(_pick(narrow, other, None), local[other])
        hand_weights.append(weight)
        weights = weights_with(weight, logits)
        task[here] = ensemble(_pick(narrow, here, None), weights)
        scores = ensemble(_pick(logits, other, None), weights)
        full[here] = ensemble(
            _pick(logits, here, None), weights, fit_temperature(scores, labels[rows][other])
        )
    systems = _systems(narrow, task)
    simple = {
        n: np.zeros((len(rows), len(glosses))) for n in ("1-nearest-neighbour", "RBF SVM on hand features")
    }
    for k in range(FOLDS):
        train = np.array(
            [i for i, c in enumerate(corpus.clips) if c.name.startswith("wlasl50/") and c.fold != k]
        )
        found = baselines(
            joints, seen, train, rows[fold == k], np.searchsorted(glosses, labels[train]), len(glosses)
        )
        for name, values in found.items():
            simple[name][fold == k] = values
    made.append(
        Table(
            "WLASL50-real, five folds pooled",
            len(rows),
            len(glosses),
            _rows_of_table({**simple, **systems}, local),
        )
    )
    per_fold = {
        str(k): round(100 * float(top_k_hits(task[fold == k], local[fold == k], 1).mean()), 1)
        for k in range(FOLDS)
    }

    shipped_weight = learn_hand_weight(narrow, local)
    facts: dict[str, Any] = {
        "hand_weight_per_fold": hand_weights,
        "hand_weight_shipped": shipped_weight,
        "wlasl_top1_per_fold": per_fold,
        "wlasl_ece": expected_calibration_error(np.exp(full), labels[rows]),
        "wlasl_nll": negative_log_likelihood(full, labels[rows]),
    }
    shipped = weights_with(shipped_weight, logits)
    wlasl_temperature = fit_temperature(ensemble(logits, shipped), labels[rows])

    words = np.array([corpus.classes.index(w) for w in SHARED_WORDS])
    unseen_scores: dict[str, NDArray[np.float64]] = {}
    idle_scores: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}
    for name, title in (
        ("traduttore-1-to-2", "Traduttore, 12 shared words, recorder1 -> recorder2"),
        ("traduttore-2-to-1", "Traduttore, 12 shared words, recorder2 + recorder3 -> recorder1"),
    ):
        rows, logits = load_logits(out, experiment, name)
        keep = np.isin(labels[rows], words)
        order = {int(w): i for i, w in enumerate(words)}
        local = np.array([order[int(c)] for c in labels[rows][keep]])
        narrow = _pick(logits, keep, words)
        systems = _systems(narrow, ensemble(narrow, shipped))
        split = splits(corpus)[name]
        train = np.array(
            [
                i
                for i in split.train
                if corpus.clips[i].name.startswith("traduttore/") and int(labels[i]) in order
            ]
        )
        simple = baselines(
            joints, seen, train, rows[keep], np.array([order[int(labels[i])] for i in train]), len(words)
        )
        made.append(Table(title, int(keep.sum()), len(words), _rows_of_table({**simple, **systems}, local)))
        scores = ensemble(logits, shipped, wlasl_temperature)
        # A word that only the tested recorder signed cannot be known; it is an unknown sign here.
        known = np.isin(labels[rows], labels[split.train])
        word = labels[rows] != corpus.vocabulary
        for key, chosen in (("ece", known & word), ("ece_with_idle", known)):
            facts[f"{name}_{key}"] = expected_calibration_error(np.exp(scores[chosen]), labels[rows][chosen])
        unseen_scores[name] = scores[~known]
        idle = labels[rows] == corpus.vocabulary
        hands = (seen[rows][:, :, [LEFT_HAND.start, RIGHT_HAND.start]] > 0).any(axis=(1, 2))
        idle_scores[name] = (scores[idle], hands[idle])
    facts["temperature"] = wlasl_temperature

    facts.update(_retrieval_gain(out, experiment, StarterSource(data, experiment), fold, task, glosses))
    facts.update(_unknown_signs(out, experiment, corpus, full, shipped, wlasl_temperature))
    for name, scores in unseen_scores.items():
        facts[f"{name}_unseen_word_clips"] = len(scores)
        facts[f"{name}_unseen_words_not_answered_as_a_sign"] = float(
            _not_a_sign(scores, corpus, facts["unknown_below"]).mean() if len(scores) else 1.0
        )
    for name, (scores, hands) in idle_scores.items():
        quiet = ~hands | _not_a_sign(scores, corpus, facts["unknown_below"])
        facts[f"{name}_idle_clips"] = len(quiet)
        facts[f"{name}_idle_without_hands"] = int((~hands).sum())
        facts[f"{name}_idle_not_answered_as_a_sign"] = float(quiet.mean())
    return made, facts


RETRIEVAL_STRENGTHS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)


def _retrieval_gain(
    out: Path,
    experiment: Experiment,
    source: StarterSource,
    fold: NDArray[np.int64],
    task: NDArray[np.float64],
    glosses: NDArray[np.int64],
) -> dict[str, Any]:
    """What similar signs add to the ensemble on WLASL50-real's folds, paired.

    The space is the hand-shape network's, the gallery each fold's training clips, the strength
    cross-fitted by negative log-likelihood.
    """
    from signlens.fusion.stack import Vote
    from signlens.retrieval.votes import class_labels, class_shares, retrieval_terms

    vote = Vote()
    corpus = source.corpus
    labels = corpus.labels
    names = [corpus.classes[g] for g in glosses]
    shares = np.zeros_like(task)
    local = np.zeros(len(task), np.int64)
    nearest = np.zeros(len(task), np.bool_)
    for k in range(FOLDS):
        piece = (HAND_SHAPE, f"wlasl-fold-{k}")
        split = splits(corpus)[piece[1]]
        rows = split.score[TEST]
        # The gallery is the fold's own training clips: it knows no scored clip.
        known = np.array([i for i in split.train if corpus.clips[i].name.startswith("wlasl50/")])
        network = run.load_network(out, experiment, piece, len(corpus.classes))
        _, found = infer(network, source, experiment.networks[HAND_SHAPE], known, ALONE)
        query, gallery = (
            v / np.linalg.norm(v, axis=1, keepdims=True)
            for v in (run.load_embedding(out, piece, TEST), found)
        )
        here = np.flatnonzero(fold == k)
        local[here] = np.searchsorted(glosses, labels[rows])
        owners = class_labels([corpus.clips[i].gloss for i in known], names)
        similar = (query @ gallery.T).astype(np.float64)
        nearest[here] = labels[known][similar.argmax(axis=1)] == labels[rows]
        for row, values in zip(here, similar, strict=True):
            shares[row] = class_shares(values, owners, len(names), vote.neighbours, vote.temperature)

    def fused(rows: NDArray[np.bool_], strength: float) -> NDArray[np.float64]:
        return log_softmax(task[rows] + retrieval_terms(shares[rows], strength))

    after = task.copy()
    strengths = []
    for k in range(FOLDS):
        other, here = fold != k, fold == k

        def loss(strength: float, rows: NDArray[np.bool_] = other) -> float:
            scores = fused(rows, strength)
            return negative_log_likelihood(
                log_softmax(scores / fit_temperature(scores, local[rows])), local[rows]
            )

        strengths.append(min(RETRIEVAL_STRENGTHS, key=loss))
        after[here] = fused(here, strengths[-1])
    before_right, after_right = top_k_hits(task, local, 1), top_k_hits(after, local, 1)
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


def _not_a_sign(scores: NDArray[np.float64], corpus: Corpus, threshold: float) -> NDArray[np.bool_]:
    """(N,) where the answer is no sign or an unknown one, as `SignModel.decide` has it."""
    return np.asarray((np.exp(scores.max(axis=1)) < threshold) | (scores.argmax(axis=1) >= corpus.vocabulary))


def _unknown_signs(
    out: Path,
    experiment: Experiment,
    corpus: Corpus,
    known: NDArray[np.float64],
    weights: dict[str, float],
    temperature: float,
) -> dict[str, Any]:
    """The threshold below which a clip is called unknown, and what it does to glosses never trained."""
    labels = corpus.labels
    known_rows = np.concatenate([splits(corpus)[f"wlasl-fold-{k}"].score[TEST] for k in range(FOLDS)])
    right = known.argmax(axis=1) == labels[known_rows]
    best = np.exp(known.max(axis=1))
    threshold = float(np.quantile(best[right], 1 - KNOWN_ACCEPTED))
    facts: dict[str, Any] = {
        "unknown_below": threshold,
        "known_right_accepted": float((best[right] >= threshold).mean()),
        "known_wrong_called_unknown": float((best[~right] < threshold).sum() / max((~right).sum(), 1)),
    }
    _, logits = load_logits(out, experiment, "open-set")
    scores = ensemble(logits, weights, temperature)
    outside = _not_a_sign(scores, corpus, threshold)
    facts["left_out_clips"] = len(outside)
    facts["left_out_not_answered_as_a_sign"] = float(outside.mean())
    return facts


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


def gallery_rows(corpus: Corpus, per_gloss_and_signer: int = 12) -> NDArray[np.int64]:
    """The clips whose embeddings ship: all of WLASL50-real, a few evenly spaced ones of each other source."""
    groups: dict[tuple[str, str], list[int]] = {}
    chosen = []
    for row, clip in enumerate(corpus.clips):
        if clip.name.startswith("wlasl50/"):
            chosen.append(row)
        elif corpus.labels[row] < corpus.vocabulary:
            groups.setdefault((clip.gloss, clip.signer), []).append(row)
    for rows in groups.values():
        at = np.linspace(0, len(rows) - 1, min(per_gloss_and_signer, len(rows))).round().astype(int)
        chosen += [rows[i] for i in np.unique(at)]
    return np.array(sorted(chosen))


def package(
    data: Path,
    experiment: Experiment,
    out: Path,
    destination: Path,
    version: str,
    precision: str = FLOAT32,
) -> dict[str, Any]:
    """Write the shipped folder: ONNX files, card, gallery.

    Args:
        data: Folder of the landmark sets.
        experiment: Settings of the run.
        out: Folder of the run.
        destination: The model's folder; its files are replaced.
        version: The model's version.
        precision: Of the networks, one of `signlens.training.precision.PRECISIONS`.

    Returns:
        The content of ``model.json``.

    Raises:
        PartMissing: A piece has not been trained.
    """
    from signlens.models.sign_model import SignModel
    from signlens.retrieval.gallery import GALLERY_FILE, Gallery, GalleryClip, embedding_space, unit_vectors
    from signlens.training.model_stack import add_to_model, stack_of_folds

    made, facts = tables(data, experiment, out)
    corpus, _, _ = prepared_clips(data, 24)
    held = networks_of_model(experiment.networks)
    weights = weights_with(facts["hand_weight_shipped"], held)
    destination.mkdir(parents=True, exist_ok=True)
    networks, hashes = [], {}
    source = StarterSource(data, experiment)
    some = np.arange(0, len(corpus.clips), max(1, len(corpus.clips) // 64))
    settings_of = {name: experiment.networks[name] for name in held}
    for name, settings in settings_of.items():
        members = [
            run.load_network(out, experiment, (member, "everything"), len(corpus.classes))
            for member in held[name]
        ]
        network = members[0] if len(members) == 1 else MeanOfNetworks(members)
        file = f"{name}.onnx"
        export_onnx(network, source.inputs(some, settings, None), destination / file)
        reduce_precision(destination / file, precision)
        hashes[file] = file_sha256(destination / file)
        networks.append(
            {
                "name": name,
                "file": file,
                "kind": settings.kind,
                "stream": settings.stream,
                "window": settings.window,
                "weight": weights[name],
            }
        )
    card = {
        "name": experiment.name,
        "version": version,
        "extractor": EXTRACTOR,
        "precision": precision,
        "classes": list(corpus.classes),
        "glosses": corpus.vocabulary,
        "idle": corpus.vocabulary,
        "temperature": facts["temperature"],
        "unknown_below": facts["unknown_below"],
        "networks": networks,
        "sha256": hashes,
    }
    document = destination / "model.json"
    _write(document, json.dumps(card, indent=1) + "\n")
    _write(destination / "results.json", json.dumps(as_json(made, facts), indent=1) + "\n")
    _write(destination / "RESULTS.md", markdown(made, facts))

    model = SignModel(destination)
    rows = gallery_rows(corpus)
    _, embeddings = model.run({n: source.inputs(rows, s, None) for n, s in settings_of.items()})
    hashes[GALLERY_FILE] = Gallery(
        vectors={name: unit_vectors(own) for name, own in embeddings.items()},
        weights=model.weights,
        clips=tuple(GalleryClip(c.name, c.gloss, c.signer, "train") for c in (corpus.clips[i] for i in rows)),
        model=f"{experiment.name} {version}",
        space=embedding_space(card),
    ).save(destination / GALLERY_FILE)
    stack = stack_of_folds(
        out,
        experiment,
        source,
        tuple(f"wlasl-fold-{k}" for k in range(FOLDS)),
        weights,
        card["temperature"],
        KNOWN_ACCEPTED,
        {name: members for name, members in held.items() if len(members) > 1},
    )
    add_to_model(destination, card, stack)
    _write(document, json.dumps(card, indent=1) + "\n")
    return card


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
