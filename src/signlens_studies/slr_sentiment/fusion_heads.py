"""The SLR-sentiment paper's fusion networks: scores, expression and similar signs to classes (PyTorch).

Sections 3.4 and 5.0.1 of the paper, with 2,000 classes there and C here. The input is the ensemble's scores,
divided by their length, the eight emotions and, for the last one, the classes' retrieval scores, divided by
their length:

=================  ==============================  =====================
architecture       layers for 2,000 classes        for C classes
=================  ==============================  =====================
``two_hidden``     2008 - 2006 - 2004 - 2000       C+8, C+6, C+4, C
``one_hidden``     2008 - 2000 - 2000              C+8, C, C
``linear``         2008 - 2000                     C+8, C
``with_retrieval`` 4008 - 2004 - 2000              2C+8, C+4, C
=================  ==============================  =====================
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import UsageError

Array = NDArray[np.float32]


def layer_sizes(architecture: str, classes: int) -> tuple[int, ...]:
    """Widths from input to output.

    Args:
        architecture: One of the table above.
        classes: C.
    """
    inputs = classes + len(EMOTIONS)
    sizes = {
        "two_hidden": (inputs, classes + 6, classes + 4, classes),
        "one_hidden": (inputs, classes, classes),
        "linear": (inputs, classes),
        "with_retrieval": (inputs + classes, classes + 4, classes),
    }
    if architecture not in sizes:
        raise UsageError("architecture", f"there is no {architecture!r}", f"give one of {', '.join(sizes)}")
    return sizes[architecture]


class FusionHead(nn.Module):
    """Fully connected layers with ReLU between them, and dropout after the first hidden one.

    Args:
        sizes: Widths from input to output.
        dropout: Probability of dropout; without a hidden layer there is none.
    """

    def __init__(self, sizes: tuple[int, ...], dropout: float = 0.2) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (width, following) in enumerate(itertools.pairwise(sizes)):
            layers.append(nn.Linear(width, following))
            if place < len(sizes) - 2:
                layers.append(nn.ReLU())
                if place == 0:
                    layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, C) of features (N, inputs)."""
        logits: Tensor = self.layers(features)
        return logits


def head_input(
    scores: NDArray[np.floating], emotion: NDArray[np.floating], retrieval: NDArray[np.floating] | None = None
) -> Array:
    """The heads' input: scores of length 1, emotions as they are, retrieval scores of length 1.

    Args:
        scores: (N, C) raw logits of the ensemble.
        emotion: (N, 8) in the order of `EMOTIONS`; zeros where no face was read.
        retrieval: (N, C) class scores of the similar signs; a row of zeros stays one.

    Returns:
        (N, C + 8), or (N, 2C + 8) with retrieval.
    """
    shapes = [scores.shape, emotion.shape, *([] if retrieval is None else [retrieval.shape])]
    fitting = [scores.shape, (len(scores), len(EMOTIONS)), *([] if retrieval is None else [scores.shape])]
    if scores.ndim != 2 or shapes != fitting:
        raise UsageError("fusion head", f"parts of the shapes {shapes}", f"give {fitting}")
    parts = [_unit(scores), emotion, *([] if retrieval is None else [_unit(retrieval)])]
    return np.concatenate([np.asarray(part, np.float32) for part in parts], axis=1)


def _unit(values: NDArray[np.floating]) -> NDArray[np.float64]:
    length = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1.0))
