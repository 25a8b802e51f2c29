"""Where training clips come from: the clips of one or several dataset folders, and how they are parted.

A source hands out network inputs for rows, never the whole data set, so that memory does not grow with the
number of clips; what is prepared is kept up to a limit.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.folder import Dataset
from signlens.errors import InputRejected, UsageError
from signlens.models.heatmap_input import PlacedClip, evaluation_batch, place, training_batch
from signlens.models.inputs import SAM_SLR, network_input
from signlens.pose import WHOLE_BODY_KEYPOINTS, PoseClip, Provenance
from signlens.skeleton.augmentation import Augmentation, PixelAugmentation, augment
from signlens.skeleton.graph import GRAPHS
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, prepare
from signlens.skeleton.sam_slr import FRAMES, centre, clip_tensor, nodes_in_pixels, vary
from signlens.training.experiment import (
    Experiment,
    NetworkSettings,
    Selection,
    Selections,
    SplitSettings,
    VocabularySettings,
)

Array = NDArray[np.float32]
Rows = NDArray[np.int64]

VALIDATION, TEST = "val", "test"

_EVERY_KEYPOINT = np.arange(WHOLE_BODY_KEYPOINTS)


@dataclass(frozen=True)
class Split:
    """Which clips train, which choose the epoch, and which are scored.

    Attributes:
        name: Name, also of its folder.
        train: Row numbers.
        score: What is scored when training has ended: name -> row numbers. `VALIDATION` among them
            chooses the best epoch.
        target: (len(train),) whether each training clip is of the data set under test; None if all are.
    """

    name: str
    train: Rows
    score: dict[str, Rows] = field(default_factory=dict)
    target: NDArray[np.bool_] | None = None

    @property
    def validation(self) -> Rows:
        """Rows that choose the best epoch; empty when there are none."""
        return self.score.get(VALIDATION, self.train[:0])


def draw_weights(split: Split, labels: Rows, target_share: float = 0.0) -> NDArray[np.float64]:
    """How often each training clip is drawn when draws are balanced: rare classes more often.

    Args:
        split: The split.
        labels: (N,) classes of all clips.
        target_share: Share of the draws that goes to the data set under test; 0 leaves them as they are.

    Returns:
        (len(train),), summing to 1: one over the root of the class's size, within each data set.
    """
    own = labels[split.train]
    weight = 1 / np.sqrt(np.bincount(own)[own])
    if target_share and split.target is not None:
        for part, share in ((split.target, target_share), (~split.target, 1 - target_share)):
            if part.any():
                weight[part] *= share / weight[part].sum()
    return np.asarray(weight / weight.sum())


KEPT_BYTES = 2**28
"""Prepared clips are kept in memory up to this size."""


class ClipSource:
    """Clips of dataset folders, read from their memory-mapped stores as they are needed.

    Attributes:
        classes: Class names; a label is an index into them. The vocabulary first, then idle, then glosses
            outside the vocabulary. The order of one dataset is kept; of several it is alphabetical.
        vocabulary: How many of the classes are answered as signs.
        idle: The class of clips without signing, or None.
        names: (N,) clip names.
        signers: (N,) signers, empty where unknown.
        labels: (N,) classes.
        folds: (N,) cross-validation folds, -1 where there are none.
        dataset: (N,) names of the datasets.
        identity: Hash that tells two sets of clips apart.
        extractor: What made the poses; empty where the datasets differ.

    Args:
        folders: The dataset folders.
        experiment: Its splits, vocabulary, preparation and augmentation.

    Raises:
        InputRejected: A folder holds no dataset.
        UsageError: A split selects no clip to train on, or clips both to train and to score; or two
            datasets have a clip of one name.
    """

    def __init__(self, folders: Sequence[Path], experiment: Experiment) -> None:
        self._datasets = tuple(Dataset.open(folder) for folder in folders)
        self._clips = tuple(clip for dataset in self._datasets for clip in dataset.clips)
        self._first = np.cumsum([0, *(len(dataset) for dataset in self._datasets)])
        self.classes, self.vocabulary, self.idle = classes_of(self._datasets, experiment.vocabulary)
        number = {gloss: i for i, gloss in enumerate(self.classes)}
        self.names = tuple(clip.name for clip in self._clips)
        if len(set(self.names)) != len(self.names):
            raise UsageError("data.dataset", "two of its datasets have a clip of one name", "rename one")
        self.signers = tuple(clip.signer for clip in self._clips)
        self.labels = np.array([number[clip.gloss] for clip in self._clips], np.int64)
        self.folds = np.array([clip.fold for clip in self._clips])
        self.dataset = np.repeat([d.name for d in self._datasets], [len(d) for d in self._datasets])
        identities = [dataset.identity for dataset in self._datasets]
        self.identity = (
            identities[0]
            if len(identities) == 1
            else hashlib.sha256(" ".join(identities).encode()).hexdigest()
        )
        extractors = {str(dataset.provenance.get("extractor", "")) for dataset in self._datasets}
        self.extractor = extractors.pop() if len(extractors) == 1 else ""
        self._data = experiment.data
        self._augmentation = experiment.augmentation
        self._kept: dict[tuple[int, int], tuple[Array, Array]] = {}
        self._kept_bytes = 0
        self._splits = {split.name: self._split(split) for split in experiment.data.split or (OFFICIAL,)}

    def splits(self) -> dict[str, Split]:
        """The splits of the experiment by name, or the official one."""
        return self._splits

    def points(self, row: int, indices: NDArray[np.int64]) -> Array:
        """Chosen whole-body keypoints of a clip (T, len(indices), 4); see `Dataset.points`."""
        which = int(np.searchsorted(self._first, row, side="right")) - 1
        return self._datasets[which].points(int(row - self._first[which]), indices)

    def inputs(self, rows: Rows, network: NetworkSettings, rng: np.random.Generator | None) -> Array:
        """Network inputs (len(rows), ...) of some clips; varied when a generator is given."""
        if network.kind == "sstcn":
            clips = [place(self.points(int(row), _EVERY_KEYPOINT)) for row in rows]
            return heatmap_batch(clips, network, network.augmentation or self._augmentation, rng)
        if network.kind == "r2plus1d":
            return self._pictures(rows, rng)
        if self._data.preparation == SAM_SLR:
            return self._in_pixels(rows, network, rng)
        window = network.window if rng is not None else network.frames or network.window
        amount = network.augmentation or self._augmentation
        return normalised_input(*self.prepared(rows, window), network, amount, rng)

    def prepared(self, rows: Rows, window: int) -> tuple[Array, Array]:
        """Joints (len(rows), window, 49, 3) and seen (len(rows), window, 49), see `prepare`."""
        made = [self._prepared(int(row), window) for row in rows]
        return np.stack([joints for joints, _ in made]), np.stack([seen for _, seen in made])

    def _prepared(self, row: int, window: int) -> tuple[Array, Array]:
        kept = self._kept.get((row, window))
        if kept is not None:
            return kept
        clip = prepare(self.points(row, WHOLE_BODY_INDEX), window)
        made = clip.joints, clip.visible
        size = clip.joints.nbytes + clip.visible.nbytes
        if self._kept_bytes + size <= KEPT_BYTES:
            self._kept[row, window] = made
            self._kept_bytes += size
        return made

    def _split(self, settings: SplitSettings) -> Split:
        train = self._select(settings.train)
        if not len(train):
            raise UsageError(
                " ".join(str(dataset.folder) for dataset in self._datasets),
                f"no available clip trains in split {settings.name!r}",
                "see: signlens dataset info",
            )
        scored = {VALIDATION: self._select(settings.validation), TEST: self._select(settings.test)}
        for name, rows in scored.items():
            if np.isin(rows, train).any():
                raise UsageError(
                    " ".join(str(dataset.folder) for dataset in self._datasets),
                    f"split {settings.name!r} trains on clips of its own {name}",
                    "correct the experiment",
                )
        target = np.isin(train, self._select(settings.target)) if settings.target else None
        return Split(settings.name, train, {n: rows for n, rows in scored.items() if len(rows)}, target)

    def _select(self, wanted: Selections) -> Rows:
        selections = (wanted,) if isinstance(wanted, Selection) else wanted
        for selection in selections:
            self._check(selection)
        return np.array(
            [row for row, clip in enumerate(self._clips) if clip.available and self._in(row, selections)],
            np.int64,
        )

    def _check(self, selection: Selection) -> None:
        known = [dataset.name for dataset in self._datasets]
        for name in selection.dataset:
            if name not in known:
                raise UsageError("data.split", f"there is no dataset {name!r}", f"give {', '.join(known)}")
        for pattern in (*selection.gloss, *selection.without):
            if not fnmatch.filter(self.classes, pattern):
                raise UsageError("data.split", f"no gloss is like {pattern!r}", "see: signlens dataset info")

    def _in(self, row: int, selections: tuple[Selection, ...]) -> bool:
        clip = self._clips[row]
        return any(
            (not one.dataset or self.dataset[row] in one.dataset)
            and (not one.split or clip.split in one.split)
            and (not one.fold or clip.fold in one.fold)
            and (not one.signer or clip.signer in one.signer)
            and (not one.gloss or _like(clip.gloss, one.gloss))
            and not _like(clip.gloss, one.without)
            for one in selections
        )

    def _pictures(self, rows: Rows, rng: np.random.Generator | None) -> Array:
        from signlens.models.rgb_input import evaluation_clips, training_clip

        found = []
        for row in rows:
            clip = self._clips[int(row)]
            video = Path(self._data.videos) / clip.source
            if not self._data.videos or not video.is_file():
                raise InputRejected(
                    video, f"the video of clip {clip.name} is not there", "name its folder as data.videos"
                )
            poses = PoseClip(
                self.points(int(row), _EVERY_KEYPOINT),
                face_mesh=None,
                times=np.arange(clip.frames, dtype=np.float64),
                fps=1.0,
                width=0,
                height=0,
                provenance=Provenance(self.extractor, "", source={"name": clip.source}),
            )
            found.append(evaluation_clips(video, poses) if rng is None else training_clip(video, poses, rng))
        return np.stack(found)

    def _in_pixels(self, rows: Rows, network: NetworkSettings, rng: np.random.Generator | None) -> Array:
        index = GRAPHS["reduced"].whole_body_index
        clips = np.stack(
            [
                clip_tensor(
                    nodes_in_pixels(self.points(int(row), index)),
                    network.stream,
                    network.frames or FRAMES,
                )
                for row in rows
            ]
        )
        if rng is None:
            clips = centre(clips, network.stream)
        else:
            amount = (network.augmentation or self._augmentation) if network.augment else PixelAugmentation()
            if not isinstance(amount, PixelAugmentation):
                raise UsageError("augmentation", "is not that of pixels", "load the experiment from its file")
            clips = vary(clips, network.stream, network.window, amount, rng)
        return np.ascontiguousarray(np.moveaxis(clips, -1, 1))


def heatmap_batch(
    clips: list[PlacedClip],
    network: NetworkSettings,
    amount: Augmentation | PixelAugmentation,
    rng: np.random.Generator | None,
) -> Array:
    """Clips as SSTCN reads them, varied if a generator is given.

    Args:
        clips: Of any length.
        network: The network.
        amount: How strongly to vary; SAM-SLR's variation of frames comes in any case.
        rng: Source of randomness; None in evaluation.
    """
    from signlens.training.network_kinds import configuration_of

    shape = configuration_of(network, 1)
    maps = {"frames": shape.frames, "magnification": shape.magnification, "size": shape.size}
    if rng is None or not network.augment:
        return evaluation_batch(clips, **maps)
    whole = amount if isinstance(amount, Augmentation) else None
    mirrored = 0.0 if isinstance(amount, Augmentation) else amount.mirror
    return training_batch(clips, rng, whole, mirror_rate=mirrored, **maps)


def normalised_input(
    joints: Array,
    seen: Array,
    network: NetworkSettings,
    amount: Augmentation | PixelAugmentation,
    rng: np.random.Generator | None,
) -> Array:
    """Normalised joints, varied if a generator is given, as the network reads them.

    Args:
        joints: (N, T, 49, 3).
        seen: (N, T, 49).
        network: The network.
        amount: How strongly to vary.
        rng: Source of randomness; None in evaluation.
    """
    if rng is not None and network.augment and isinstance(amount, Augmentation):
        joints, seen = augment(joints, seen, amount, rng)
    return network_input(
        network.kind, network.stream, joints, seen, str(network.shape.get("graph", "reduced"))
    )


OFFICIAL = SplitSettings(
    "official", Selection(split=("train",)), Selection(split=("val",)), Selection(split=("test",))
)


def classes_of(
    datasets: Sequence[Dataset], settings: VocabularySettings
) -> tuple[tuple[str, ...], int, int | None]:
    """Class names in order, how many of them are the vocabulary, and the class of idle clips.

    Raises:
        UsageError: No clip shows what is named idle, or nothing is left to answer.
    """
    found = dict.fromkeys(gloss for dataset in datasets for gloss in dataset.glosses)
    glosses = list(found) if len(datasets) == 1 else sorted(found)
    if settings.idle and settings.idle not in found:
        raise UsageError("vocabulary.idle", f"no dataset has the gloss {settings.idle!r}", "correct it")
    outside = [g for g in glosses if g != settings.idle and _like(g, settings.outside)]
    known = [g for g in glosses if g != settings.idle and g not in outside]
    if not known:
        raise UsageError("vocabulary.outside", "leaves no gloss to answer", "name fewer patterns")
    idle = [settings.idle] if settings.idle else []
    return (*known, *idle, *outside), len(known), len(known) if idle else None


def _like(gloss: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(gloss, pattern) for pattern in patterns)
