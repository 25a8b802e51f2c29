"""The final fusion: ensemble, expression and similar signs in one sum with few coefficients.

For a clip and a class, with p the ensemble's probability, v the expression that speaks for the gloss (0..1,
0 where none does) and s the share of the neighbours' votes::

    score = skeleton log p + emotion log(1 + v) + retrieval log(1 + s / floor) + bias

and the answer is the softmax of the scores. The first coefficient is one over a temperature, so the sum is
calibrated by the same fit. Silence adds nothing: no face or no neighbour leaves the score as it is. The
negative log-likelihood is convex in the coefficients and the biases, so what is found is the best there is
for a floor, and the floor is the best of a few (without biases).

A stack is learned (`signlens.fusion.stack_learning`) on clips that the networks did not see.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.files import file_sha256, whole_file
from signlens.models.ensemble import log_softmax

Array = NDArray[np.float64]

STACK_FILE = "stack.json"
"""Name of the stack in a model's folder."""

ENSEMBLE, STACK, STACK_WITH_BIAS = "ensemble", "stack", "stack_with_class_bias"

_LAYOUT = 1
_REMEDY = "export the model again"


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
        """Check shapes and ranges."""
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

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("neighbours", "emotion_top_k"):
            if getattr(self, name) < 1:
                raise UsageError(name, f"{getattr(self, name)} is too small", "give at least 1")
        if not self.temperature > 0:
            raise UsageError("temperature", f"{self.temperature} is too small", "give a number above 0")


@dataclass(frozen=True)
class Stack:
    """Coefficients of the sum.

    >>> Stack(0.5).log_probabilities(Parts(np.log([[0.1, 0.9]]))).round(3).tolist()
    [[-1.386, -0.288]]

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
        """Check the ranges."""
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
    def of_model(cls, folder: Path, classes: tuple[str, ...]) -> Self | None:
        """The stack in a model's folder; None where there is none.

        Raises:
            PartMissing: As `load`.
        """
        path = folder / STACK_FILE
        return cls.load(path, classes) if path.is_file() else None

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
