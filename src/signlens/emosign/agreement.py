"""Agreement between annotators: Krippendorff's alpha and weighted kappa, written from their definitions.

Sources: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011) and "Content Analysis",
chapter 11; J. Cohen, "Weighted kappa" (1968).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import Faults, read_csv
from signlens.emosign.annotations import EMOTIONS
from signlens.emosign.ratings import Rating
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.metrics import interval, resampled_counts

LEVELS = ("nominal", "ordinal", "interval", "ratio")
KAPPA_WEIGHTS = ("nominal", "linear", "quadratic")
LABELS = ("sentiment", *EMOTIONS)
MAX_RATIO_VALUES = 2000
_NO_PAIR = "no unit has two ratings"
_BLANK = ("", "*", ".", "na", "nan")


@dataclass(frozen=True)
class Ratings:
    """Values that annotators gave to units.

    Attributes:
        units: Names of the units.
        annotators: Names of the annotators.
        values: (units, annotators) places in `categories`; -1 where a rating is missing.
        categories: The distinct values in ascending order: numbers, or texts where some value is none.
    """

    units: tuple[str, ...]
    annotators: tuple[str, ...]
    values: NDArray[np.int64]
    categories: tuple[float, ...] | tuple[str, ...]


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha.

    Attributes:
        level: Level of measurement.
        value: 1 is perfect agreement, 0 what chance gives; NaN where nobody disagrees nor could have,
            since every rating is the same, or where no unit has two ratings.
        low: Lower end of the 95 % interval; NaN if there is none.
        high: Upper end.
        units: Units with at least two ratings: the others say nothing about agreement.
        ratings: Ratings of those units.
        undefined_draws: Share of the resamples in which alpha was not defined.
    """

    level: str
    value: float
    low: float
    high: float
    units: int
    ratings: int
    undefined_draws: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; null for what is not defined."""
        return {
            "level": self.level,
            "alpha": _plain(self.value),
            "low": _plain(self.low),
            "high": _plain(self.high),
            "units": self.units,
            "ratings": self.ratings,
        }


def _plain(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


def make_ratings(table: Mapping[tuple[str, str], float | str | None]) -> Ratings:
    """Ratings out of ``{(unit, annotator): value}``; None is a missing one.

    >>> ratings = make_ratings({("a", "x"): 1, ("a", "y"): 1, ("b", "x"): 3, ("b", "y"): 2, ("c", "x"): 3})
    >>> ratings.values.tolist()
    [[0, 0], [2, 1], [2, -1]]
    >>> round(krippendorff_alpha(ratings, "interval", draws=0).value, 3)
    0.727
    """
    units = tuple(dict.fromkeys(unit for unit, _ in table))
    annotators = tuple(dict.fromkeys(annotator for _, annotator in table))
    given = {key: value for key, value in table.items() if value is not None}
    numeric = all(isinstance(value, int | float) for value in given.values())
    kind: Any = float if numeric else str
    given = {key: kind(value) for key, value in given.items()}
    categories: Any = tuple(sorted(set(given.values())))
    place = {value: i for i, value in enumerate(categories)}
    row = {unit: i for i, unit in enumerate(units)}
    column = {annotator: i for i, annotator in enumerate(annotators)}
    values = np.full((len(units), len(annotators)), -1, dtype=np.int64)
    for (unit, annotator), value in given.items():
        values[row[unit], column[annotator]] = place[value]
    return Ratings(units, annotators, values, categories)


def read_long_ratings(path: Path) -> Ratings:
    """Read a CSV file with the columns ``unit, annotator, value``; a blank value is a missing rating."""
    table = read_csv(path, ("unit", "annotator", "value"))
    faults = Faults(path)
    found: dict[tuple[str, str], str | None] = {}
    for row in table:
        unit, annotator, value = (row[c] for c in ("unit", "annotator", "value"))
        if not unit or not annotator:
            faults.add(row.line, "unit or annotator is empty")
        elif (unit, annotator) in found:
            faults.add(row.line, f"{annotator} has rated {unit} already")
        found[unit, annotator] = None if value.casefold() in _BLANK else value
    faults.raise_if_any()
    numbers = {key: None if value is None else _number(value) for key, value in found.items()}
    numeric = all((number is None) == (found[key] is None) for key, number in numbers.items())
    return make_ratings(numbers if numeric else found)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def ratings_of_label(ratings: Sequence[Rating], label: str) -> Ratings:
    """The ratings of one of EmoSign's labels: ``sentiment`` or an emotion."""
    return make_ratings(
        {
            (r.video_name, r.annotator): r.sentiment if label == "sentiment" else r.emotions[label]
            for r in ratings
        }
    )


def krippendorff_alpha(ratings: Ratings, level: str, *, draws: int = 2000, seed: int = 0) -> Alpha:
    """Krippendorff's alpha with a percentile bootstrap interval over units.

    alpha = 1 - D_o / D_e. D_o is the mean squared difference of the pairs of ratings within units,
    where a unit of m ratings gives m (m - 1) ordered pairs of weight 1 / (m - 1); D_e that of all
    pairs of ratings. The squared difference of two values is: nominal 1; ordinal (R_c - R_k)^2, where
    R is the mid-rank, which is the definition's sum of the values' frequencies from c to k less half
    of both ends; interval (c - k)^2; ratio ((c - k) / (c + k))^2.

    Args:
        ratings: Any number of annotators; missing ratings are allowed.
        level: One of `LEVELS`.
        draws: Resamples of the units, 0 for no interval.
        seed: Seed of the resamples.

    Raises:
        UsageError: There is no such level.
        InputRejected: The values are texts and the level is not nominal, or ratio is asked of
            negative values.
    """
    if level not in LEVELS:
        raise UsageError("--level", f"{level!r} is not a level", f"choose one of {', '.join(LEVELS)}")
    if level != "nominal" and any(isinstance(c, str) for c in ratings.categories):
        raise InputRejected(
            "ratings", f"are not all numbers, so there is no {level} alpha", "use --level nominal, or numbers"
        )
    if level == "ratio" and any(isinstance(c, float) and c < 0 for c in ratings.categories):
        raise InputRejected("ratings", "are negative, so there is no ratio scale", "use --level interval")
    if level == "ratio" and len(ratings.categories) > MAX_RATIO_VALUES:
        raise InputRejected(
            "ratings", f"have more than {MAX_RATIO_VALUES} distinct values", "round them for --level ratio"
        )
    counts = np.zeros((len(ratings.units), len(ratings.categories)))
    unit, annotator = np.nonzero(ratings.values >= 0)
    np.add.at(counts, (unit, ratings.values[unit, annotator]), 1)
    counts = counts[counts.sum(axis=1) >= 2]
    units = len(counts)
    numbers = np.array([c if isinstance(c, float) else 0.0 for c in ratings.categories])
    value = float(_alphas(np.ones((1, units)), counts, numbers, level)[0]) if units else float("nan")
    low = high = float("nan")
    undefined = 0.0
    if draws and units > 1 and np.isfinite(value):
        drawn = resampled_counts(units, draws=draws, seed=seed)
        found = np.concatenate([_alphas(times, counts, numbers, level) for times in drawn])
        undefined = float(np.mean(~np.isfinite(found)))
        spread = interval(value, found)
        low, high = spread.low, spread.high
    return Alpha(level, value, low, high, units, int(counts.sum()), undefined)


def _alphas(
    times: NDArray[np.float64], counts: NDArray[np.float64], numbers: NDArray[np.float64], level: str
) -> NDArray[np.float64]:
    """(B,) alpha of each row of `times`, NaN where the ratings do not differ.

    Args:
        times: (B, units) how often each unit is there.
        counts: (units, categories) its ratings, at least two a unit.
        numbers: (categories,) their values.
        level: One of `LEVELS`.
    """
    each = times @ counts
    total = each.sum(axis=1)
    size = counts.sum(axis=1)
    weight = 1 / (size - 1)
    if level == "nominal":
        pairs = times @ (weight * (size**2 - (counts**2).sum(axis=1)))
        expected = total**2 - (each**2).sum(axis=1)
    elif level == "ratio":
        sums = numbers[:, None] + numbers[None, :]
        relative = np.zeros_like(sums)
        np.divide(numbers[:, None] - numbers[None, :], sums, out=relative, where=sums > 0)
        pairs = times @ (weight * ((counts @ relative**2) * counts).sum(axis=1))
        expected = ((each @ relative**2) * each).sum(axis=1)
    else:
        if level == "interval":
            at = np.broadcast_to(numbers - (counts @ numbers).sum() / counts.sum(), each.shape)
        else:
            at = np.cumsum(each, axis=1) - each / 2
            at = at - ((each * at).sum(axis=1) / total)[:, None]
        # Over ordered pairs, the sum of (a - b)^2 is 2 m sum(a^2) - 2 sum(a)^2; `at` is centred, so
        # that no two large numbers are subtracted.
        squares = (times @ ((weight * size)[:, None] * counts) * at**2).sum(axis=1)
        pairs = 2 * (squares - ((at @ counts.T) ** 2 * times) @ weight)
        expected = 2 * (total * (each * at**2).sum(axis=1) - (each * at).sum(axis=1) ** 2)
    differ = (each > 0).sum(axis=1) > 1
    ratio = np.divide(pairs * (total - 1), expected, out=np.full(len(times), np.nan), where=differ)
    return np.asarray(1 - ratio)


def weighted_kappa(a: NDArray[np.int64], b: NDArray[np.int64], categories: int, weights: str) -> float:
    """Cohen's kappa of two annotators, 1 - observed / expected disagreement.

    Args:
        a: (N,) categories, 0..categories-1.
        b: (N,) of the same units.
        categories: How many there are.
        weights: ``nominal`` (any difference counts the same), ``linear`` or ``quadratic`` in the
            distance of the categories' places.

    Returns:
        NaN when both use one and the same category only.

    >>> round(weighted_kappa(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]), 3, "quadratic"), 3)
    0.8
    """
    if weights not in KAPPA_WEIGHTS:
        raise UsageError("weights", f"{weights!r} is not known", f"choose one of {', '.join(KAPPA_WEIGHTS)}")
    joint = np.zeros((categories, categories))
    np.add.at(joint, (a, b), 1)
    distance = np.abs(np.subtract.outer(np.arange(categories), np.arange(categories))).astype(np.float64)
    cost = (distance > 0).astype(np.float64) if weights == "nominal" else distance
    cost = cost**2 if weights == "quadratic" else cost
    expected = np.outer(joint.sum(axis=1), joint.sum(axis=0)) / max(len(a), 1)
    spread = (cost * expected).sum()
    return float(1 - (cost * joint).sum() / spread) if spread > 0 else float("nan")


def pairwise_kappa(
    ratings: Ratings, weights: str, scale: Sequence[float] | None = None
) -> list[dict[str, Any]]:
    """Kappa of every two annotators on the units that both rated.

    Args:
        ratings: The ratings.
        weights: See `weighted_kappa`.
        scale: The values in order where not all need to occur (-3..3); by default those that occur.
            The distance of two categories is that of their places here.
    """
    values, categories = ratings.values, len(ratings.categories)
    if scale is not None:
        steps = [float(step) for step in scale]
        strange = [c for c in ratings.categories if c not in steps]
        if strange:
            raise InputRejected("ratings", f"hold {strange[0]}, which is not on the scale", "correct it")
        places = np.array([steps.index(float(c)) for c in ratings.categories] + [-1], dtype=np.int64)
        values, categories = places[values], len(steps)
    found = []
    for i, j in combinations(range(len(ratings.annotators)), 2):
        both = (values[:, i] >= 0) & (values[:, j] >= 0)
        kappa = weighted_kappa(values[both, i], values[both, j], categories, weights)
        found.append(
            {
                "annotators": [ratings.annotators[i], ratings.annotators[j]],
                "weights": weights,
                "kappa": _plain(kappa),
                "units": int(both.sum()),
            }
        )
    return found


def label_agreement(
    ratings: Sequence[Rating], levels: Sequence[str] = LEVELS[:3], *, draws: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Agreement on each of EmoSign's labels, as plain values.

    By default on three levels: the paper does not say which one it used, and sentiment has negative values,
    hence no ratio scale.
    """
    rows: list[dict[str, Any]] = []
    for label in LABELS:
        own = ratings_of_label(ratings, label)
        alphas = {level: krippendorff_alpha(own, level, draws=draws, seed=seed).as_json() for level in levels}
        scale = tuple(range(-3, 4)) if label == "sentiment" else tuple(range(4))
        rows.append({"label": label, "alpha": alphas, "kappa": pairwise_kappa(own, "quadratic", scale)})
    means = {}
    for level in levels:
        values = [row["alpha"][level]["alpha"] for row in rows]
        defined = [value for value in values if value is not None]
        mean = _plain(float(np.mean(defined))) if defined else None
        means[level] = {"mean": mean, "labels": len(defined)}
    return {
        "annotators": sorted({r.annotator for r in ratings}),
        "clips": len({r.video_name for r in ratings}),
        "draws": draws,
        "seed": seed,
        "labels": rows,
        "overall": means,
    }


def ratings_agreement(ratings: Ratings, level: str, *, draws: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Krippendorff's alpha, see `krippendorff_alpha`, and the kappa of every two annotators."""
    alpha = krippendorff_alpha(ratings, level, draws=draws, seed=seed)
    why = "" if np.isfinite(alpha.value) else "every rating is the same" if alpha.units else _NO_PAIR
    return {
        **alpha.as_json(),
        "undefined_because": why,
        "all_units": len(ratings.units),
        "annotators": list(ratings.annotators),
        "draws": draws,
        "seed": seed,
        "kappa": pairwise_kappa(ratings, "nominal" if level == "nominal" else "quadratic"),
    }
