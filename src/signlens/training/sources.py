"""Where training clips come from: one interface, and the dataset folder behind it.

A source hands out network inputs for rows, never the whole data set, so that memory does not grow with the
number of clips.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

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
from signlens.training.experiment import DataSettings, Experiment, NetworkSettings, Selection, SplitSettings

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


class ClipSource(Protocol):
    """What training needs to know of its clips.

    Attributes:
        classes: Class names; a label is an index into them.
        names: (N,) clip names.
        signers: (N,) signers, empty where unknown.
        labels: (N,) classes.
        folds: (N,) cross-validation folds, -1 where there are none.
        identity: Hash that tells two sets of clips apart.
        extractor: What made the poses.
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    signers: tuple[str, ...]
    labels: Rows
    folds: Rows
    identity: str
    extractor: str

    def splits(self) -> dict[str, Split]:
        """The splits by name."""
        ...

    def inputs(self, rows: Rows, network: NetworkSettings, rng: np.random.Generator | None) -> Array:
        """Network inputs (len(rows), ...) of some clips; varied when a generator is given."""
        ...

    def prepared(self, rows: Rows, window: int) -> tuple[Array, Array]:
        """Joints (len(rows), window, 49, 3) and seen (len(rows), window, 49), see `prepare`."""
        ...


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


class DatasetSource:
    """Clips of a dataset folder, read from its memory-mapped store as they are needed.

    Args:
        folder: The dataset folder.
        experiment: Its splits, preparation and augmentation.

    Raises:
        InputRejected: The folder holds no dataset.
        UsageError: A split selects no clip to train on, or clips both to train and to score.
    """

    def __init__(self, folder: Path, experiment: Experiment) -> None:
        self.dataset = Dataset.open(folder)
        self.classes = self.dataset.glosses
        self.names = tuple(c.name for c in self.dataset.clips)
        self.signers = tuple(c.signer for c in self.dataset.clips)
        self.labels = self.dataset.labels
        self.folds = np.array([c.fold for c in self.dataset.clips])
        self.identity = self.dataset.identity
        self.extractor = str(self.dataset.provenance.get("extractor", ""))
        self._data = experiment.data
        self._augmentation = experiment.augmentation
        self._splits = _dataset_splits(self.dataset, experiment.data)

    def splits(self) -> dict[str, Split]:
        """The splits of the experiment, or the official one."""
        return self._splits

    def inputs(self, rows: Rows, network: NetworkSettings, rng: np.random.Generator | None) -> Array:
        """See `ClipSource.inputs`."""
        if network.kind == "sstcn":
            clips = [place(self.dataset.points(int(row), _EVERY_KEYPOINT)) for row in rows]
            return heatmap_batch(clips, network, network.augmentation or self._augmentation, rng)
        if network.kind == "r2plus1d":
            return self._pictures(rows, rng)
        if self._data.preparation == SAM_SLR:
            return self._in_pixels(rows, network, rng)
        window = network.window if rng is not None else network.frames or network.window
        amount = network.augmentation or self._augmentation
        return normalised_input(*self.prepared(rows, window), network, amount, rng)

    def prepared(self, rows: Rows, window: int) -> tuple[Array, Array]:
        """See `ClipSource.prepared`."""
        made = [prepare(self.dataset.points(int(row), WHOLE_BODY_INDEX), window) for row in rows]
        return np.stack([m.joints for m in made]), np.stack([m.seen for m in made])

    def _pictures(self, rows: Rows, rng: np.random.Generator | None) -> Array:
        from signlens.models.rgb_input import evaluation_clips, training_clip

        found = []
        for row in rows:
            clip = self.dataset.clips[int(row)]
            video = Path(self._data.videos) / clip.source
            if not self._data.videos or not video.is_file():
                raise InputRejected(
                    video, f"the video of clip {clip.name} is not there", "name its folder as data.videos"
                )
            poses = PoseClip(
                self.dataset.points(int(row), _EVERY_KEYPOINT),
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
                    nodes_in_pixels(self.dataset.points(int(row), index)),
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


def _dataset_splits(dataset: Dataset, settings: DataSettings) -> dict[str, Split]:
    found = {}
    for split in settings.split or (OFFICIAL,):
        train = _select(dataset, split.train)
        score = {
            name: rows
            for name, rows in (
                (VALIDATION, _select(dataset, split.validation)),
                (TEST, _select(dataset, split.test)),
            )
            if len(rows)
        }
        if not len(train):
            raise UsageError(
                dataset.folder,
                f"no available clip trains in split {split.name!r}",
                "see: signlens dataset info",
            )
        for name, rows in score.items():
            if np.isin(rows, train).any():
                raise UsageError(
                    dataset.folder,
                    f"split {split.name!r} trains on clips of its own {name}",
                    "correct the experiment",
                )
        found[split.name] = Split(split.name, train, score)
    return found


def _select(dataset: Dataset, selection: Selection) -> Rows:
    if selection.empty:
        return np.zeros(0, np.int64)
    return np.array(
        [
            row
            for row, clip in enumerate(dataset.clips)
            if clip.available
            and (not selection.split or clip.split in selection.split)
            and (not selection.fold or clip.fold in selection.fold)
            and (not selection.signer or clip.signer in selection.signer)
        ],
        np.int64,
    )
