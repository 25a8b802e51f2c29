"""Grammar against affect: how much of an emotion's prediction follows from grammatical markers.

In sign languages the face does grammar as well: brows for questions and conditionals, a headshake for
negation. The EmoSign paper asks whether models take such markers for emotion, and does not test it. Here
are two tests of it, for the labels of annotators and for the answers of any model:

- **matched pairs**: each clip with a marker beside one without it, of the same signer, in which the
  annotators see the emotion alike; does the model answer the emotion more often in the first?
- **partial effects**: a logistic regression of the answer on signer and annotators' label, without and
  with the markers: what they add, and how much more likely each makes the answer.

Neither shows a cause, and markers are as good as whoever annotated them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import Faults, listed, read_csv
from signlens.emosign.annotations import EMOTIONS, EmoSign, load_emosign, utterance_of
from signlens.emosign.elan import read_elan
from signlens.emosign.elan_tiers import GRAMMAR
from signlens.emosign.predictions import LabelPrediction, read_predictions
from signlens.emosign.tasks import multi_label, sentiment3_of
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.comparison import mcnemar
from signlens.optional import require_extra

MARKERS = ("conditional", "question", "negation")
RIDGE = 0.1
"""Penalty on the squared coefficients (not the intercept): keeps them finite where a marker parts a small
sample perfectly. The same with and without markers; p-values come from permutations, which allow for it."""
LEAST = 5
"""A marker, or an emotion, in fewer clips than this (or absent from fewer) is not analysed."""

_WORDS: Mapping[str, str] = {
    "conditional": r"\bconditional\b|\bcond\b|^if\b",
    "question": r"\bwh\b|\bwhq\b|\bquestion\b|\bynq?\b|\brhq?\b|\brhquestion\b|\by n\b",
    "negation": r"\bneg\b|\bnegat\w*\b",
}
_PATTERNS = {marker: re.compile(words) for marker, words in _WORDS.items()}
_NOTHING = ("", "none", "no", "0", "false")

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Markers:
    """Which grammatical markers each clip has.

    Attributes:
        names: The M markers.
        there: (N, M) whether each clip has each; rows in the order of the clips.
        known: (N,) for which clips markers were annotated at all.
        source: Where they come from.
    """

    names: tuple[str, ...]
    there: Bools
    known: Bools
    source: str


def marker_of(text: str) -> str | None:
    """The marker that a tier's name or an annotation's text names, or None.

    ``wh-question``, ``yes/no question``, ``rhq`` are questions; ``conditional/when`` is a conditional;
    ``neg`` and ``negative`` are negation.
    """
    words = " ".join(re.sub(r"[^a-z]+", " ", text.casefold()).split())
    return next((marker for marker, pattern in _PATTERNS.items() if pattern.search(words)), None)


def read_markers(path: Path, data: EmoSign) -> Markers:
    """Markers out of a CSV file, or out of a folder of ELAN files.

    The CSV file has ``video_name`` or ``utterance`` and a column of 0 and 1 for each marker (any names).
    An ELAN file is named after the clip or ends in the utterance's number. A marker is there when the tier
    `GRAMMAR` has an annotation that names it (our template), or a tier whose own name names it has an
    annotation that says anything (ASLLRP's ``wh question``, ``negative``, ``conditional/when``).

    Args:
        path: The file, or the folder.
        data: The clips. Those that the markers do not cover are left out of the analysis, and counted.
    """
    found = _from_elan(path, data) if path.is_dir() else _from_csv(path, data)
    if not found.known.any():
        raise InputRejected(path, "has markers for none of the clips", "check names and numbers")
    return found


def _from_csv(path: Path, data: EmoSign) -> Markers:
    table = read_csv(path)
    key = next((c for c in ("video_name", "utterance") if c in table.columns), None)
    names = tuple(c for c in table.columns if c not in ("video_name", "utterance"))
    if key is None or not names:
        raise InputRejected(path, "needs video_name or utterance, and a column for each marker", "add them")
    row_of = {(c.video_name if key == "video_name" else c.utterance): i for i, c in enumerate(data.clips)}
    faults = Faults(path)
    there, known = np.zeros((len(data.clips), len(names)), bool), np.zeros(len(data.clips), bool)
    for row in table:
        name = row[key]
        if name not in row_of:
            faults.add(row.line, f"{name!r} is not among the clips")
            continue
        wrong = [c for c in names if row[c] not in ("0", "1")]
        if wrong:
            faults.add(row.line, f"{wrong[0]} is {row[wrong[0]]!r}, not 0 or 1")
        if known[row_of[name]]:
            faults.add(row.line, f"{name} stands already in an earlier line")
        known[row_of[name]] = True
        there[row_of[name]] = [row[c] == "1" for c in names]
    faults.raise_if_any()
    return Markers(names, there, known, path.name)


def _from_elan(folder: Path, data: EmoSign) -> Markers:
    files = sorted(folder.rglob("*.eaf"))
    by_name = {p.stem: p for p in files}
    by_number = {utterance_of(p.stem): p for p in files}
    there, known = np.zeros((len(data.clips), len(MARKERS)), bool), np.zeros(len(data.clips), bool)
    for i, clip in enumerate(data.clips):
        path = by_name.get(clip.video_name) or (by_number.get(clip.utterance) if clip.utterance else None)
        if path is None:
            continue
        tiers = read_elan(path).tiers
        own = {name: marker_of(name) for name in tiers if name != GRAMMAR}
        if GRAMMAR not in tiers and not any(own.values()):
            continue
        known[i] = True
        said = [marker_of(a.value) for a in tiers.get(GRAMMAR, ())]
        said += [
            marker
            for name, marker in own.items()
            if marker and any(a.value.strip().casefold() not in _NOTHING for a in tiers[name])
        ]
        there[i] = [marker in said for marker in MARKERS]
    return Markers(MARKERS, there, known, folder.name)


# ---- logistic regression -------------------------------------------------------------------------


def fit_logistic(design: Floats, outcome: Floats, ridge: float = RIDGE, steps: int = 60) -> Floats:
    """Penalised logistic regression by Newton's method, of many designs at once.

    Maximises the log-likelihood minus ridge / 2 times the squared coefficients; the first column is the
    intercept and is not penalised.

    Args:
        design: (..., N, P), the first column ones.
        outcome: (N,) 0 or 1.
        ridge: The penalty.
        steps: Most Newton steps.

    Returns:
        (..., P) coefficients.
    """
    penalty = np.full(design.shape[-1], ridge)
    penalty[0] = 1e-6  # not zero, so that a constant outcome has a maximum
    found = np.zeros((*design.shape[:-2], design.shape[-1]))
    for _ in range(steps):
        p = _sigmoid(np.einsum("...np,...p->...n", design, found))
        slope = np.einsum("...np,...n->...p", design, outcome - p) - penalty * found
        bend = np.einsum("...np,...n,...nq->...pq", design, p * (1 - p), design, optimize=True)
        step = np.linalg.solve(bend + np.diag(penalty), slope[..., None])[..., 0]
        # Newton may overshoot where the likelihood is flat.
        size = np.abs(step).max(axis=-1, keepdims=True)
        found = found + step * np.minimum(1, 2 / np.maximum(size, 1e-12))
        if size.max() < 1e-8:
            break
    return found


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -500, 500))))


def log_likelihood(design: Floats, outcome: Floats, coefficients: Floats) -> Floats:
    """(...) log-likelihood, without the penalty."""
    logits = np.einsum("...np,...p->...n", design, coefficients)
    return np.asarray(-np.logaddexp(0, np.where(outcome > 0, -logits, logits)).sum(axis=-1))


def marginal_effects(design: Floats, coefficients: Floats, columns: Sequence[int]) -> Floats:
    """Mean change of the probability when a column goes from 0 to 1 and all else stays; one each."""
    effects = []
    for column in columns:
        on, off = design.copy(), design.copy()
        on[:, column], off[:, column] = 1, 0
        effects.append(float((_sigmoid(on @ coefficients) - _sigmoid(off @ coefficients)).mean()))
    return np.array(effects)


def _design(controls: Floats, markers: Floats) -> Floats:
    ones = np.ones((*markers.shape[:-1], 1))
    spread = np.broadcast_to(controls, (*markers.shape[:-2], *controls.shape))
    return np.concatenate([ones, spread, markers], axis=-1)


def _shuffled_within(groups: Sequence[str], draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(draws, N) orders in which rows change places within their group only."""
    names = np.array(groups)
    orders = np.tile(np.arange(len(names)), (draws, 1))
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        orders[:, rows] = rng.permuted(np.tile(rows, (draws, 1)), axis=1)
    return orders


def partial_effects(
    outcome: Bools,
    markers: Bools,
    names: Sequence[str],
    signers: Sequence[str],
    controls: Floats,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """What the markers add to what controls and signer say of an outcome.

    Args:
        outcome: (N,) whether the emotion was answered.
        markers: (N, M).
        names: Of the markers.
        signers: (N,) who signs; each but the first gets a column of its own.
        controls: (N, C) what else is held equal, such as the annotators' label.
        draws: Permutations: clips of one signer change their markers with one another.
        seed: Of the permutations.

    Returns:
        Plain JSON: log-likelihoods, McFadden's R2 without and with markers and their difference, the
        likelihood ratio with its p-value from the chi-square distribution and from permutations, and each
        marker's odds ratio, marginal effect and permutation p-value.
    """
    try:
        from scipy.stats import chi2
    except ImportError:
        raise require_extra("studies", "scipy") from None
    y = outcome.astype(np.float64)
    people = sorted(set(signers))[1:]
    held = np.concatenate(
        [controls, np.array([[s == p for p in people] for s in signers], np.float64).reshape(len(y), -1)],
        axis=1,
    )
    m = markers.astype(np.float64)
    nothing = np.zeros((len(y), 0))
    base, full = _design(held, nothing), _design(held, m)
    without = float(log_likelihood(base, y, fit_logistic(base, y)))
    coefficients = fit_logistic(full, y)
    with_them = float(log_likelihood(full, y, coefficients))
    rate = y.mean()
    empty = float(len(y) * (rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))
    ratio = max(2 * (with_them - without), 0.0)
    columns = list(range(full.shape[1] - m.shape[1], full.shape[1]))
    effects = marginal_effects(full, coefficients, columns)
    rng = np.random.default_rng(seed)
    reached, beyond = 1, np.ones(m.shape[1])
    for start in range(0, draws, 100):
        orders = _shuffled_within(signers, min(100, draws - start), rng)
        design = _design(held, m[orders])
        drawn = fit_logistic(design, y)
        ratios = 2 * (log_likelihood(design, y, drawn) - without)
        reached += int((ratios >= ratio - 1e-9).sum())
        for i, column in enumerate(columns):
            # This marker alone changes places, so that it is judged given the others.
            alone = np.repeat(m[None], len(orders), axis=0)
            alone[..., i] = m[orders, i]
            drawn = fit_logistic(_design(held, alone), y)
            beyond[i] += (np.abs(drawn[:, column]) >= abs(coefficients[column]) - 1e-9).sum()
    return {
        "clips": len(y),
        "answered": int(y.sum()),
        "log_likelihood": {"without": without, "with": with_them},
        "r2": {
            "without": 1 - without / empty,
            "with": 1 - with_them / empty,
            "added": (with_them - without) / -empty,
        },
        "likelihood_ratio": ratio,
        "p_chi2": float(chi2.sf(ratio, m.shape[1])),
        "p_permutation": reached / (draws + 1),
        "markers": {
            name: {
                "clips_with_it": int(markers[:, i].sum()),
                "odds_ratio": float(np.exp(np.clip(coefficients[columns[i]], -50, 50))),
                "marginal_effect": float(effects[i]),
                "p_permutation": float(beyond[i] / (draws + 1)),
            }
            for i, name in enumerate(names)
        },
    }


# ---- matched pairs -------------------------------------------------------------------------------


def matched_pairs(
    marked: Bools, signers: Sequence[str], alike: Sequence[Any], near: Sequence[float]
) -> list[tuple[int, int]]:
    """Pairs of a clip with the marker and one without, of the same signer, alike in all that must be alike.

    Every clip is used once at most. Within a stratum as many pairs are made as can be; which clips are
    paired there follows the order of `near`, so that neighbours meet.

    Args:
        marked: (N,) which clips have the marker.
        signers: (N,) who signs.
        alike: (N,) what must be equal in both.
        near: (N,) what should be close in both.

    Returns:
        (with, without) row numbers.
    """
    strata: dict[Any, tuple[list[int], list[int]]] = {}
    for i, flag in enumerate(marked):
        strata.setdefault((signers[i], alike[i]), ([], []))[0 if flag else 1].append(i)
    pairs = []
    for with_it, without in strata.values():
        few, many = sorted((with_it, without), key=len)
        left = sorted(many, key=lambda i: (near[i], i))
        for i in sorted(few, key=lambda i: (near[i], i)):
            best = min(left, key=lambda j: (abs(near[j] - near[i]), j))
            left.remove(best)
            pairs.append((i, best) if marked[i] else (best, i))
    return sorted(pairs)


def _pair_rows(outcome: Bools, pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    if not pairs:
        return {"pairs": 0}
    with_it, without = (outcome[list(side)] for side in zip(*pairs, strict=True))
    test = mcnemar(with_it, without)
    return {
        "pairs": len(pairs),
        "rate_with": float(with_it.mean()),
        "rate_without": float(without.mean()),
        "difference": float(with_it.mean() - without.mean()),
        "only_with": test.only_first,
        "only_without": test.only_second,
        "p_value": test.p_value,
    }


# ---- the analysis --------------------------------------------------------------------------------


def analyse(
    data: EmoSign,
    markers: Markers,
    predictions: Sequence[LabelPrediction] | None = None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Both tests, emotion by emotion, of a model's answers or (without one) of the annotators' labels.

    Of a model: what the annotators say of the emotion and of the sentiment is held equal, so an effect is
    of clips that mean the same. Of the labels: only the signer is.

    Args:
        data: The clips and their labels.
        markers: Which clips have which marker.
        predictions: A model's answers, with the presence of emotions; None for the labels themselves.
        draws: Permutations.
        seed: Of the permutations.

    Returns:
        Plain JSON. `p_holm` is corrected for the number of emotions (Holm 1979).
    """
    if draws < 1:
        raise UsageError("--draws", f"{draws} is no number of permutations", "give 1 or more")
    rows = np.flatnonzero(markers.known)
    clips = [data.clips[i] for i in rows]
    truth = multi_label(clips).present
    there = markers.there[rows]
    used = [i for i in range(len(markers.names)) if LEAST <= there[:, i].sum() <= len(rows) - LEAST]
    if not used:
        counts = {name: int(n) for name, n in zip(markers.names, there.sum(axis=0), strict=True)}
        raise InputRejected(
            markers.source,
            f"no marker is in {LEAST} clips and absent from {LEAST} ({counts})",
            "annotate more",
        )
    answers, left_out = truth, np.zeros(len(rows), bool)
    if predictions is not None:
        answers, left_out = _presence(predictions, [c.video_name for c in clips])
    keep = np.flatnonzero(~left_out)
    signers = [clips[i].signer for i in keep]
    names = [markers.names[i] for i in used]
    flags = there[keep][:, used]
    emotions: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for column, emotion in enumerate(EMOTIONS):
        outcome = answers[keep, column]
        if not LEAST <= outcome.sum() <= len(keep) - LEAST:
            skipped[emotion] = f"answered in {int(outcome.sum())} of {len(keep)} clips"
            continue
        label = truth[keep, column]
        sentiment = np.array([clips[i].sentiment for i in keep], np.float64)
        controls = np.zeros((len(keep), 0))
        alike: list[Any] = [None] * len(keep)
        if predictions is not None:
            controls = np.stack([label.astype(np.float64), sentiment / 3], axis=1)
            alike = [(bool(on), sentiment3_of(int(s))) for on, s in zip(label, sentiment, strict=True)]
        near = np.zeros(len(keep)) if predictions is None else sentiment
        pairs = {
            name: _pair_rows(outcome, matched_pairs(flags[:, i], signers, alike, near.tolist()))
            for i, name in enumerate(names)
        }
        effects = partial_effects(outcome, flags, names, signers, controls, draws=draws, seed=seed)
        emotions[emotion] = {**effects, "matched_pairs": pairs}
    for emotion, p in zip(emotions, holm([e["p_permutation"] for e in emotions.values()]), strict=True):
        emotions[emotion]["p_holm"] = p
    if not emotions:
        raise InputRejected(
            data.source, f"no emotion varies enough: {listed([f'{e} {w}' for e, w in skipped.items()])}", ""
        )
    return {
        "of": "labels" if predictions is None else "predictions",
        "held_equal": ["signer"] if predictions is None else ["signer", "label of the emotion", "sentiment"],
        "data": {"source": data.source, "identity": data.identity, "made_up": data.made_up},
        "markers": {
            "source": markers.source,
            "clips_with_each": {n: int(c) for n, c in zip(markers.names, there.sum(axis=0), strict=True)},
            "analysed": names,
            "clips_without_markers_annotated": len(data.clips) - len(rows),
        },
        "clips": len(keep),
        "refused": int(left_out.sum()),
        "draws": draws,
        "seed": seed,
        "emotions": emotions,
        "not_analysed": skipped,
    }


def _presence(predictions: Sequence[LabelPrediction], names: Sequence[str]) -> tuple[Bools, Bools]:
    """(N, 10) what a model says is there, and (N,) the clips that it refused."""
    by_name = {p.video_name: p for p in predictions}
    answers, refused, missing = np.zeros((len(names), len(EMOTIONS)), bool), np.zeros(len(names), bool), []
    for i, name in enumerate(names):
        prediction = by_name.get(name)
        said: Mapping[str, Any] | None = None
        if prediction is not None:
            said = prediction.present if prediction.present is not None else prediction.intensities
        if said is None:
            missing.append(name)
        elif not said:
            refused[i] = True
        else:
            answers[i] = [bool(said[e]) for e in EMOTIONS]
    if missing:
        raise InputRejected(
            "predictions",
            f"{len(missing)} clips have neither intensities nor presence: {listed(missing, 30)}",
            "this analysis needs the ten emotions of every clip",
        )
    return answers, refused


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's step-down method."""
    order = np.argsort(p_values, kind="stable")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def analyse_files(
    annotations: Path,
    markers: Path,
    predictions: Path | None,
    *,
    signers: Path | None = None,
    intensity_base: int | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Grammar against affect: of files; see `analyse`."""
    data = load_emosign(annotations, signers=signers, intensity_base=intensity_base)
    found = read_markers(markers, data)
    answers = None if predictions is None else read_predictions(predictions)
    return analyse(data, found, answers, draws=draws, seed=seed)
