"""FER+: face pictures from the web with ten people's votes each (Barsoum et al. 2016).

The pictures are FER2013's, 48 x 48 grey pixels, the split is FER+'s own. Some pictures occur more than once,
also in different parts of the split; those of the training part that equal a picture of the other two are
left out of training (`FerPlus.training_rows`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.emotion import EMOTIONS
from signlens.errors import InputRejected

PICTURE = 48
"""Pixels of a picture along each side."""

COLUMN_OF_EMOTION = {
    "neutral": "neutral",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "fear": "fear",
    "disgust": "disgust",
    "anger": "anger",
    "contempt": "contempt",
}
"""Expression -> its column of votes."""

OTHER_COLUMNS = ("unknown", "not_a_face")

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class FerPlus:
    """FER+'s pictures and votes, in the order of the file.

    Attributes:
        pictures: (N, 48, 48) uint8 grey.
        votes: (N, 10) counts: `EMOTIONS`, then unknown and not a face.
        split: (N,) one of `SPLITS`.
        group: (N,) row of the first picture that is the same.
    """

    pictures: NDArray[np.uint8]
    votes: NDArray[np.int64]
    split: NDArray[np.str_]
    group: NDArray[np.int64]

    @property
    def label(self) -> NDArray[np.int64]:
        """(N,) the class of most votes, of equals the first in FER+'s order; -1 where it is no expression."""
        order = [list(COLUMN_OF_EMOTION).index(e) for e in _FILE_ORDER] + [8, 9]
        first = np.array(order)[self.votes[:, order].argmax(axis=1)]
        return np.where(first < len(EMOTIONS), first, -1)

    @property
    def tied(self) -> NDArray[np.bool_]:
        """(N,) whether two classes have the most votes."""
        most = self.votes.max(axis=1, keepdims=True)
        return np.asarray((self.votes == most).sum(axis=1) > 1)

    def soft_labels(self, least_votes: int = 2) -> NDArray[np.float32]:
        """Shares of the votes among the eight expressions.

        Args:
            least_votes: A class with fewer votes counts none, as FER+'s authors do with single votes; where
                no class has so many, every vote counts.

        Returns:
            (N, 8) rows that sum to 1; zeros where nobody voted for an expression.
        """
        votes = self.votes[:, : len(EMOTIONS)].astype(np.float32)
        kept = np.where(votes >= least_votes, votes, 0)
        kept = np.where(kept.sum(axis=1, keepdims=True) > 0, kept, votes)
        return np.asarray(kept / np.maximum(kept.sum(axis=1, keepdims=True), 1), dtype=np.float32)

    def rows(self, split: str) -> NDArray[np.int64]:
        """Rows of a part of the split whose label is an expression."""
        return np.flatnonzero((self.split == split) & (self.label >= 0))

    def training_rows(self) -> NDArray[np.int64]:
        """Rows to train on: expressions, once each, none that equals a picture of validation or test."""
        held_out = np.unique(self.group[self.split != "train"])
        rows = self.rows("train")
        rows = rows[~np.isin(self.group[rows], held_out)]
        _, first = np.unique(self.group[rows], return_index=True)
        return np.sort(rows[first])


_FILE_ORDER = ("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "contempt")


def read_ferplus(folder: str | Path) -> FerPlus:
    """Read ``images.npz`` and ``labels.csv``.

    Args:
        folder: Where they lie. ``images.npz`` has `row_delta` (N, 48, 48) uint8, the differences from row to
            row of each picture; ``labels.csv`` has `split`, ten columns of votes, and `duplicate_of_row`.

    Raises:
        InputRejected: A file is missing, unreadable, or the two do not fit together.
    """
    folder = Path(folder)
    try:
        with np.load(folder / "images.npz", allow_pickle=False) as stored:
            pictures = np.cumsum(stored["row_delta"], axis=1, dtype=np.uint8)
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
        columns = [*COLUMN_OF_EMOTION.values(), *OTHER_COLUMNS]
        votes = np.array([[int(row[c]) for c in columns] for row in table], dtype=np.int64)
        split = np.array([row["split"] for row in table])
        group = np.array([int(row["duplicate_of_row"] or row["row"]) for row in table], dtype=np.int64)
    except (OSError, KeyError, ValueError) as error:
        raise InputRejected(
            folder, f"FER+ cannot be read ({error})", "name the folder of images.npz and labels.csv"
        ) from error
    if pictures.shape != (len(table), PICTURE, PICTURE) or not set(split) <= set(SPLITS):
        raise InputRejected(
            folder, f"{len(table)} rows, pictures {pictures.shape}", "restore the files: they do not fit"
        )
    for _ in range(len(group)):  # a duplicate of a duplicate leads to the first
        further = group[group]
        if np.array_equal(further, group):
            break
        group = further
    return FerPlus(pictures, votes, split, group)
