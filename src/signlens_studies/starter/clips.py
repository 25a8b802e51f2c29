"""The clips of the starter model: two landmark sets together, their classes and their splits.

Every score that is reported or calibrated on comes from a network that saw neither the clip nor
(Traduttore) its signer, nor (WLASL50-real) its fold.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.models.heatmap_input import place
from signlens.skeleton.normalise import prepare
from signlens.training.experiment import Experiment, NetworkSettings
from signlens.training.sources import TEST, VALIDATION, Rows, Split, heatmap_batch, normalised_input
from signlens_studies.starter.landmark_sets import IDLE, LandmarkClip, load_traduttore, load_wlasl50

Array = NDArray[np.float32]

SHARED_WORDS = (
    "can", "coffee", "get", "hello", "medium", "muffin", "no", "please", "small", "tea", "thank-you", "water",
)  # fmt: skip
"""The twelve words that both recorders of Traduttore signed."""

EXTRACTOR = "mediapipe-holistic"

FOLDS = 5
OPEN_SET_STEP = 5
"""Every how many-th gloss is left out of training to see what unknown signs look like."""


@dataclass(frozen=True)
class Corpus:
    """Both landmark sets and the classes of the starter model.

    Attributes:
        clips: All clips, Traduttore first.
        classes: Class names: the vocabulary, then idle, then the letters (auxiliary).
        vocabulary: How many of the classes are glosses of the vocabulary; idle follows them.
    """

    clips: list[LandmarkClip]
    classes: tuple[str, ...]
    vocabulary: int

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class of each clip."""
        index = {name: i for i, name in enumerate(self.classes)}
        return np.array([index[c.gloss] for c in self.clips])


def load_corpus(data: Path) -> Corpus:
    """Read both sets.

    Args:
        data: Folder that holds ``traduttore-asl`` and ``wlasl50-real``.

    Raises:
        InputRejected: A set is missing.
    """
    clips = load_traduttore(data / "traduttore-asl") + load_wlasl50(data / "wlasl50-real")
    names = {c.gloss for c in clips}
    letters = sorted(n for n in names if n.startswith("letter:"))
    glosses = sorted(names - set(letters) - {IDLE})
    return Corpus(clips, (*glosses, IDLE, *letters), len(glosses))


def splits(corpus: Corpus) -> dict[str, Split]:
    """All splits by name.

    ``wlasl-fold-K`` (given folds), ``traduttore-1-to-2`` and ``traduttore-2-to-1`` (recorders),
    ``open-set`` (every fifth gloss left out and scored), ``inner-K`` (a fold validates, the one before it is
    not seen: to choose a recipe without the fold that will be scored) and ``everything``. The other
    set, whole, is always in training.
    """
    clips = corpus.clips
    wlasl = np.array([c.name.startswith("wlasl50/") for c in clips])
    fold = np.array([c.fold for c in clips])
    signer = np.array([c.signer for c in clips])
    letter = np.array([c.gloss.startswith("letter:") for c in clips])
    rows = np.arange(len(clips))
    found = {}

    def add(name: str, train: NDArray[np.bool_], score: dict[str, Rows], target: NDArray[np.bool_]) -> None:
        chosen = rows[train]
        found[name] = Split(name, chosen, score, target[chosen])

    for k in range(FOLDS):
        add(f"wlasl-fold-{k}", fold != k, {TEST: rows[fold == k]}, wlasl)
    one, others = signer == "recorder1", np.isin(signer, ["recorder2", "recorder3"])
    for name, train, score in (
        ("traduttore-1-to-2", one, signer == "recorder2"),
        ("traduttore-2-to-1", others, one),
    ):
        add(name, train | wlasl, {TEST: rows[score & ~letter]}, ~wlasl)
    labels = corpus.labels
    left_out = np.isin(labels, np.arange(corpus.vocabulary)[::OPEN_SET_STEP])
    add("open-set", ~left_out, {TEST: rows[left_out & wlasl]}, wlasl)
    for k in range(FOLDS):
        unseen = (k - 1) % FOLDS
        add(f"inner-{k}", ~np.isin(fold, [k, unseen]), {VALIDATION: rows[fold == k]}, wlasl)
    add("everything", np.ones(len(rows), np.bool_), {}, wlasl)
    return found


@lru_cache(maxsize=4)
def prepared_clips(data: Path, window: int) -> tuple[Corpus, Array, Array]:
    """All clips at one window: the corpus, joints (N, T, 49, 3) and seen (N, T, 49)."""
    corpus = load_corpus(data)
    made = [prepare(c.points, window) for c in corpus.clips]
    return corpus, np.stack([m.joints for m in made]), np.stack([m.seen for m in made])


class StarterSource:
    """Both landmark sets as a source of clips (`signlens.training.sources.ClipSource`), kept in memory.

    Args:
        data: Folder that holds ``traduttore-asl`` and ``wlasl50-real``.
        experiment: Its augmentation.

    Raises:
        InputRejected: A set is missing.
    """

    def __init__(self, data: Path, experiment: Experiment) -> None:
        self.corpus = load_corpus(data)
        self.classes = self.corpus.classes
        self.names = tuple(c.name for c in self.corpus.clips)
        self.signers = tuple(c.signer for c in self.corpus.clips)
        self.labels = self.corpus.labels
        self.folds = np.array([c.fold for c in self.corpus.clips])
        self.identity = hashlib.sha256("\n".join(self.names).encode()).hexdigest()
        self.extractor = EXTRACTOR
        self._data = data
        self._augmentation = experiment.augmentation

    def splits(self) -> dict[str, Split]:
        """See `splits`."""
        return splits(self.corpus)

    def inputs(self, rows: Rows, network: NetworkSettings, rng: np.random.Generator | None) -> Array:
        """See `ClipSource.inputs`."""
        if network.kind == "sstcn":
            clips = [place(self.corpus.clips[int(row)].points) for row in rows]
            return heatmap_batch(clips, network, network.augmentation or self._augmentation, rng)
        window = network.window if rng is not None else network.frames or network.window
        amount = network.augmentation or self._augmentation
        return normalised_input(*self.prepared(rows, window), network, amount, rng)

    def prepared(self, rows: Rows, window: int) -> tuple[Array, Array]:
        """See `ClipSource.prepared`."""
        _, joints, seen = prepared_clips(self._data, window)
        return joints[rows], seen[rows]
