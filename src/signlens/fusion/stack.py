"""The final fusion: ensemble, expression and similar signs in one sum with few coefficients.

For a clip and a class, with p the ensemble's probability, v the expression that speaks for the gloss (0..1,
0 where none does) and s the share of the neighbours' votes::

    score = skeleton log p + emotion log(1 + v) + retrieval log(1 + s / floor) + bias

and the answer is the softmax of the scores. The first coefficient is one over a temperature, so the sum is
calibrated by the same fit. Silence adds nothing: no face or no neighbour leaves the score as it is. The
negative log-likelihood is convex in the coefficients and the biases, so what is found is the best there is
for a floor, and the floor is the best of a few (without biases).

A stack is learned on clips that the networks did not see. `choose_stack` says whether it is worth having:
never worse than the ensemble alone there, or it is not used (the SLR-sentiment paper's networks, section 3.4
and 5, were learned on the networks' own training clips and fell below the ensemble).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError, require_extra
from signlens.files import file_sha256, whole_file
from signlens.models.ensemble import log_softmax

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Folds = NDArray[np.int64]

STACK_FILE = "stack.json"
"""Name of the stack in a model's folder."""

ENSEMBLE, STACK, STACK_WITH_BIAS = "ensemble", "stack", "stack_with_class_bias"

FLOORS = (0.01, 0.1, 1.0)
"""Shares of the votes from which on neighbours count; the likelihood chooses among them."""

BIAS_DEVIATION = 0.5
"""Standard deviation, in nats, of the normal prior that shrinks the classes' biases towards 0."""

_LARGEST = 20.0  # where every clip is right, the likelihood would want boundless coefficients
_SMALLEST_SKELETON = 1e-3
_LAYOUT = 1
_REMEDY = "export the model again"


@dataclass(frozen=True)
class Evidence:
    """What each part adds to a gloss's score, as natural-log terms that sum to the score.

    The gloss's log-probability is the sum of the three, less one number that is the same for all classes of
    the clip (the normaliser).

    Attributes:
        skeleton: Log-probability of the stream ensemble (calibrated); with a stack, times its coefficient,
            and with the bias of the class if the stack has any.
        emotion: Term added by the expression (0 when it is off or silent).
        retrieval: Term added by the similar signs (0 when it is off).
    """

    skeleton: float
    emotion: float
    retrieval: float


@dataclass(frozen=True)
class BoostInfo:
    """By what the expression counted for glosses.

    Attributes:
        gloss_map: The map's name.
        gloss_map_sha256: Hash of its content.
        strength: Lambda.
        top_k: Only the best k glosses were touched.
        unknown_glosses: The map's glosses that the model does not know; nothing is done for them.
    """

    gloss_map: str
    gloss_map_sha256: str
    strength: float
    top_k: int
    unknown_glosses: tuple[str, ...] = ()


@dataclass(frozen=True)
class FusionInfo:
    """How the parts were joined.

    Attributes:
        kind: ``skeleton`` (the ensemble alone), ``strengths`` (by those that were asked for), or ``stack``
            (by coefficients that the model's validation chose).
        why: One sentence for a person.
        coefficients: Of the stack's parts, by the names in `Evidence`; empty for other kinds.
    """

    kind: Literal["skeleton", "strengths", "stack"]
    why: str
    coefficients: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Parts:
    """What each part says of the same clips.

    Attributes:
        skeleton: (N, C) natural-log probabilities of the ensemble; their scale (temperature) does not matter.
        emotion: (N, C) ``log(1 + v)``, at least 0, see `signlens.emotion.boost_terms` at strength 1; None if
            no expression was measured.
        retrieval: (N, C) shares of the neighbours' votes, at least 0, at most 1 in a row; None if nothing
            was searched.
    """

    skeleton: Array
    emotion: Array | None = None
    retrieval: Array | None = None

    def __post_init__(self) -> None:
        """Check shapes and ranges.

        Raises:
            UsageError: They do not fit.
        """
        shape = self.skeleton.shape
        if len(shape) != 2 or shape[1] < 2:
            raise UsageError(
                "stack", f"the ensemble's scores have the shape {shape}", "give (clips, classes)"
            )
        if np.isnan(self.skeleton).any():
            raise UsageError("stack", "the ensemble has scores that are not numbers", "give natural logs")
        for name in ("emotion", "retrieval"):
            values = getattr(self, name)
            if values is None:
                continue
            if values.shape != shape:
                raise UsageError(
                    "stack", f"{name} has the shape {values.shape}, not {shape}", "give one each"
                )
            if not np.isfinite(values).all() or (values < 0).any():
                raise UsageError("stack", f"{name} has values that are below 0 or no numbers", "correct them")

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.skeleton)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.skeleton.shape[1]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Parts:
        """The same for some of the clips."""
        return Parts(
            self.skeleton[rows],
            None if self.emotion is None else self.emotion[rows],
            None if self.retrieval is None else self.retrieval[rows],
        )


@dataclass(frozen=True)
class Vote:
    """How neighbours vote and how far the expression reaches: what a stack's coefficients were learned for.

    Attributes:
        neighbours: How many similar signs vote.
        temperature: Of the softmax over their cosines.
        emotion_top_k: The expression only touches the best k glosses.
    """

    neighbours: int = 10
    temperature: float = 0.05
    emotion_top_k: int = 10


@dataclass(frozen=True)
class Stack:
    """Coefficients of the sum.

    Attributes:
        skeleton: Of the ensemble's log-probability, > 0.
        emotion: Of the expression's term, at least 0.
        retrieval: Of the neighbours' term, at least 0.
        floor: Share of the votes from which on neighbours count, > 0.
        bias: (C,) added to each class; empty for none.
    """

    skeleton: float
    emotion: float = 0.0
    retrieval: float = 0.0
    floor: float = 1.0
    bias: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A coefficient out of range.
        """
        for name in ("skeleton", "emotion", "retrieval", "floor"):
            value = getattr(self, name)
            lowest_allowed = name in ("emotion", "retrieval") and value == 0
            if not math.isfinite(value) or not (value > 0 or lowest_allowed):
                raise UsageError(
                    "stack", f"its {name} is {value}", "give a number above 0 (0 turns a part off)"
                )
        if not all(math.isfinite(value) for value in self.bias):
            raise UsageError("stack", "a class's bias is no finite number", "learn it again")

    def terms(self, parts: Parts) -> dict[str, Array]:
        """What each part adds to each class's score, (N, C) each.

        The bias of a class is counted as the skeleton's: it corrects the ensemble. The three sum to the
        scores, that is to the log-probabilities up to one number a clip, the normaliser.

        Raises:
            UsageError: The stack was learned for another number of classes.
        """
        if self.bias and len(self.bias) != parts.classes:
            raise UsageError(
                "stack", f"has biases of {len(self.bias)} classes, not {parts.classes}", "learn it again"
            )
        nothing = np.zeros_like(parts.skeleton)
        skeleton = self.skeleton * parts.skeleton
        return {
            "skeleton": skeleton + np.array(self.bias) if self.bias else skeleton,
            "emotion": nothing if parts.emotion is None else self.emotion * parts.emotion,
            "retrieval": nothing
            if parts.retrieval is None
            else self.retrieval * np.log1p(parts.retrieval / self.floor),
        }

    def log_probabilities(self, parts: Parts) -> Array:
        """(N, C) calibrated natural-log probabilities: the softmax of the sum of `terms`."""
        found = self.terms(parts)
        return log_softmax(found["skeleton"] + found["emotion"] + found["retrieval"])


# -- learning ---------------------------------------------------------------------------------------


def learn_stack(parts: Parts, labels: Labels, *, what: str = STACK) -> Stack:
    """The stack with the lowest negative log-likelihood on these clips.

    Args:
        parts: N clips that the networks did not see.
        labels: (N,) true classes.
        what: ``ensemble`` (the temperature alone), ``stack``, or ``stack_with_class_bias``.

    Raises:
        UsageError: No clip, or labels that do not fit.
        PartMissing: SciPy is not installed.
    """
    if len(parts) == 0 or labels.shape != (len(parts),):
        raise UsageError("stack", f"{labels.shape} labels for {len(parts)} clips", "give each clip one")
    if what not in (ENSEMBLE, STACK, STACK_WITH_BIAS):
        raise UsageError("stack", f"there is none called {what!r}", f"give {ENSEMBLE}, {STACK}, ...")
    used = Parts(parts.skeleton) if what == ENSEMBLE else parts
    floors = (1.0,) if used.retrieval is None else FLOORS
    found = min((_learn(used, labels, floor) for floor in floors), key=lambda made: made[1])[0]
    return _learn(used, labels, found.floor, bias=True)[0] if what == STACK_WITH_BIAS else found


def _learn(parts: Parts, labels: Labels, floor: float, *, bias: bool = False) -> tuple[Stack, float]:
    """The best stack at a floor, and its penalised negative log-likelihood."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise require_extra("train", "scipy") from None
    features = [parts.skeleton]
    if parts.emotion is not None:
        features.append(parts.emotion)
    if parts.retrieval is not None:
        features.append(np.log1p(parts.retrieval / floor))
    n, classes = parts.skeleton.shape
    rows = np.arange(n)
    at_truth = np.array([feature[rows, labels].sum() for feature in features])
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    precision = 1 / BIAS_DEVIATION**2

    def loss(values: Array) -> tuple[float, Array]:
        coefficients, biases = values[: len(features)], values[len(features) :]
        scores = sum((c * f for c, f in zip(coefficients, features, strict=True)), np.zeros((n, classes)))
        if bias:
            scores = scores + biases
        logs = log_softmax(scores)
        chance = np.exp(logs)
        total = -float(logs[rows, labels].sum()) + 0.5 * precision * float(biases @ biases)
        slope = np.array([np.vdot(chance, f) for f in features]) - at_truth
        if bias:
            slope = np.concatenate([slope, chance.sum(axis=0) - counts + precision * biases])
        return total / n, slope / n

    start = np.zeros(len(features) + (classes if bias else 0))
    start[0] = 1.0
    bounds: list[tuple[float | None, float | None]] = [(_SMALLEST_SKELETON, _LARGEST)]
    bounds += [(0.0, _LARGEST)] * (len(features) - 1) + [(None, None)] * (len(start) - len(features))
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-6},
    )
    coefficients = [float(value) for value in found.x[: len(features)]]
    emotion = coefficients[1] if parts.emotion is not None else 0.0
    retrieval = coefficients[-1] if parts.retrieval is not None else 0.0
    biases = tuple(float(value) for value in found.x[len(features) :])
    return Stack(coefficients[0], emotion, retrieval, floor, biases), float(found.fun)


def cross_fit_stack(parts: Parts, labels: Labels, folds: Folds, *, what: str = STACK) -> Array:
    """(N, C) log-probabilities: the clips of a fold are answered by the stack that all others taught.

    Raises:
        UsageError: Fewer than two folds, or as `learn_stack`.
        PartMissing: SciPy is not installed.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise UsageError("folds", "all clips are in one fold", "give at least two folds")
    answered = np.zeros(parts.skeleton.shape)
    for number in numbers:
        here = folds == number
        answered[here] = learn_stack(parts.take(~here), labels[~here], what=what).log_probabilities(
            parts.take(here)
        )
    return answered


# -- choosing ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StackCandidate:
    """A way to fuse, and what it reached on validation.

    Attributes:
        name: ``ensemble``, ``stack`` or ``stack_with_class_bias``.
        right: Clips recognised when it was learned on these very clips.
        cross_fitted_right: The same where each clip's coefficients did not see it.
        negative_log_likelihood: Cross-fitted, in nats.
        gain: By how much it is lower than the ensemble's, in nats, paired clip by clip.
        gain_low: Lower end of the 95 % interval of the gain (normal approximation).
        gain_high: Its upper end.
    """

    name: str
    right: int
    cross_fitted_right: int
    negative_log_likelihood: float
    gain: float = 0.0
    gain_low: float = 0.0
    gain_high: float = 0.0


@dataclass(frozen=True)
class ChosenStack:
    """What is to be used, and why.

    Attributes:
        name: The candidate that is used; ``ensemble`` means that the stack is not.
        stack: Its coefficients, learned on all validation clips; with ``ensemble`` the temperature alone.
        candidates: All that were tried.
        clips: Number of validation clips.
        why: One sentence for a person.
    """

    name: str
    stack: Stack
    candidates: tuple[StackCandidate, ...]
    clips: int
    why: str

    @property
    def used(self) -> bool:
        """Whether anything but the ensemble is used."""
        return self.name != ENSEMBLE


def choose_stack(parts: Parts, labels: Labels, folds: Folds) -> ChosenStack:
    """The stack where it is never worse than the ensemble alone on these clips, else the ensemble.

    A stack may be used if, cross-fitted, it recognises no fewer clips than the ensemble and has a negative
    log-likelihood that is lower by more than chance (the 95 % interval of the paired difference lies above
    0), and learned on all of them recognises no fewer either. Of those that may, the one with the lowest
    cross-fitted negative log-likelihood is used. The ensemble has its best temperature, cross-fitted as the
    stack is.

    Args:
        parts: N validation clips, which the networks did not see.
        labels: (N,).
        folds: (N,) for cross-fitting.

    Raises:
        UsageError: As `cross_fit_stack`.
        PartMissing: SciPy is not installed.
    """
    alone = parts.emotion is None and parts.retrieval is None
    learned: dict[str, Stack] = {}
    candidates: list[StackCandidate] = []
    of_base: Array | None = None
    for name in (ENSEMBLE, *(() if alone else (STACK,)), STACK_WITH_BIAS):
        learned[name] = learn_stack(parts, labels, what=name)
        answered = cross_fit_stack(parts, labels, folds, what=name)
        losses = -np.take_along_axis(answered, labels[:, None], axis=1)[:, 0]
        of_base = losses if of_base is None else of_base
        gain = float((of_base - losses).mean())
        spread = 1.96 * float((of_base - losses).std()) / math.sqrt(len(labels))
        right = _right(learned[name].log_probabilities(parts), labels)
        candidates.append(
            StackCandidate(
                name,
                right,
                _right(answered, labels),
                float(losses.mean()),
                gain,
                gain - spread,
                gain + spread,
            )
        )
    base, *others = candidates
    able = [
        candidate
        for candidate in others
        if candidate.gain_low > 0
        and min(candidate.right, candidate.cross_fitted_right) >= base.cross_fitted_right
    ]
    chosen = min(able, key=lambda candidate: candidate.negative_log_likelihood, default=base)
    best = chosen if chosen is not base else min(others, key=lambda other: other.negative_log_likelihood)
    why = (
        f"{'Not used' if chosen is base else 'Used'}: on {len(parts)} validation clips the "
        f"{best.name.replace('_', ' ')} recognises {best.cross_fitted_right}, the ensemble alone "
        f"{base.cross_fitted_right}; the negative log-likelihood falls by {best.gain:.4f} "
        f"(95 % {best.gain_low:.4f} to {best.gain_high:.4f})."
    )
    return ChosenStack(chosen.name, learned[chosen.name], tuple(candidates), len(parts), why)


def _right(scores: Array, labels: Labels) -> int:
    """Clips whose true class scores above all others; a tie counts against it."""
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    return int(((scores >= true).sum(axis=1) == 1).sum())


# -- on disk ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelStack:
    """A stack as a model's folder carries it (``stack.json``).

    Attributes:
        stack: The coefficients.
        used: Whether `recognize` uses it.
        why: One sentence for a person.
        classes: The model's classes, in order: a stack serves no other model.
        vote: How neighbours vote and how far the expression reaches.
        gloss_map_sha256: Of the map by which an expression speaks for glosses.
        unknown_below: Probability below which a sign is called unknown, in place of the card's.
        candidates: What was compared on validation.
        clips: Number of validation clips.
        validation: What they were.
    """

    stack: Stack
    used: bool
    why: str
    classes: tuple[str, ...]
    vote: Vote = field(default_factory=Vote)
    gloss_map_sha256: str = ""
    unknown_below: float = 0.0
    candidates: tuple[StackCandidate, ...] = ()
    clips: int = 0
    validation: str = ""

    @classmethod
    def of(
        cls,
        chosen: ChosenStack,
        classes: tuple[str, ...],
        *,
        unknown_below: float,
        validation: str,
        gloss_map_sha256: str = "",
        vote: Vote | None = None,
    ) -> Self:
        """What validation chose, for a model's folder."""
        return cls(
            chosen.stack,
            chosen.used,
            chosen.why,
            classes,
            vote or Vote(),
            gloss_map_sha256,
            unknown_below,
            chosen.candidates,
            chosen.clips,
            validation,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, as in the file."""
        return {"layout": _LAYOUT, **asdict(self)}

    def save(self, path: Path) -> str:
        """Write the file, whole or not at all.

        Returns:
            Its SHA-256 (hex), for the model's card.

        Raises:
            OSError: The folder cannot be written to.
        """
        with whole_file(path) as part:
            part.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        return file_sha256(path)

    @classmethod
    def load(cls, path: Path, classes: tuple[str, ...]) -> Self:
        """Read a stack.

        Args:
            path: The file.
            classes: The model's classes.

        Raises:
            PartMissing: It cannot be read as a stack, or is another model's.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found = _from_json(cls, document)
        except (OSError, ValueError, KeyError, TypeError, UsageError) as error:
            raise PartMissing(path, f"it cannot be read as a stack ({error})", _REMEDY) from None
        if found.classes != classes:
            raise PartMissing(path, "it was learned for other classes than this model's", _REMEDY)
        return found


def _from_json(cls: type[Any], document: Mapping[str, Any]) -> Any:
    values = dict(document)
    if values.pop("layout") != _LAYOUT:
        raise ValueError("its layout is another version's")
    stack = dict(values["stack"])
    made = cls(
        **{
            **values,
            "stack": Stack(**{**stack, "bias": tuple(stack["bias"])}),
            "classes": tuple(values["classes"]),
            "vote": Vote(**values["vote"]),
            "candidates": tuple(StackCandidate(**one) for one in values["candidates"]),
        }
    )
    if made.stack.bias and len(made.stack.bias) != len(made.classes):
        raise ValueError(f"it has {len(made.stack.bias)} biases for {len(made.classes)} classes")
    if not isinstance(made.used, bool) or not 0 <= made.unknown_below <= 1:
        raise ValueError("used or unknown_below is none")
    return replace(made, unknown_below=float(made.unknown_below))
