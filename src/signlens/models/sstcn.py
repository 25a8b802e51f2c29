"""SSTCN: the heat-map network of SAM-SLR, in PyTorch.

Written from the description of Jiang et al., "Skeleton Aware Multi-modal Sign Language
Recognition" (CVPR workshops 2021), section 3.3: a separable spatial-temporal convolution over the
heat-maps of 33 keypoints in 60 frames. First the frames are mixed, then each keypoint over all frames,
then each frame over all keypoints, then all together; a squeeze-and-excitation gate stands before every
convolution. The paper's configuration has 57,474,956 parameters at 226 classes and 59,232,990 at 2,000.

Where the description is silent (batch normalisation after every convolution, swish after the first
convolution of a pair, the dropout rate outside of the keypoint stage), these choices are ours; they
agree with the published numbers of parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class SSTCNConfig:
    """Shape of an SSTCN.

    Attributes:
        classes: Number of glosses.
        frames: Frames of its input.
        maps: Heat-maps of a frame.
        size: Cells of a map along each side.
        magnification: How much larger than life hands are drawn in its maps (1 in the paper).
        squeeze: Middle channels of a gate for each group that it stands before.
        dense: Channels out of the two dense convolutions; the last are the embedding.
        dense_squeeze: Middle channels of the gates before them.
        dense_strides: Strides of the two dense convolutions (1 in the paper).
        drop: Share of channels that dropout takes between the convolutions of a stage.
        drop_classifier: Dropout before the classifier (0 in the paper).
    """

    classes: int
    frames: int = 60
    maps: int = 33
    size: int = 24
    magnification: float = 1.0
    squeeze: int = 10
    dense: tuple[int, int] = (1980, 990)
    dense_squeeze: int = 100
    dense_strides: tuple[int, int] = (1, 1)
    drop: float = 1 / 3
    drop_classifier: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for cards and checkpoints."""
        return asdict(self)


def paper_sstcn(classes: int) -> SSTCNConfig:
    """The configuration of the SAM-SLR paper."""
    return SSTCNConfig(classes)


def small(classes: int) -> SSTCNConfig:
    """One that a laptop trains: fewer frames, narrow dense convolutions on a coarser grid."""
    return SSTCNConfig(
        classes,
        frames=16,
        size=16,
        magnification=3.0,
        dense=(192, 256),
        dense_squeeze=32,
        dense_strides=(2, 2),
        drop_classifier=0.3,
    )


CONFIGURATIONS: dict[str, Callable[[int], SSTCNConfig]] = {"paper": paper_sstcn, "small": small}
"""Named configurations, as functions of the number of classes."""


class Gate(nn.Module):
    """Squeeze-and-excitation: each channel is scaled by what the means of its group's channels say.

    Args:
        channels: Channels in and out.
        squeeze: Middle channels of each group.
        groups: Groups that do not see each other.
    """

    def __init__(self, channels: int, squeeze: int, groups: int = 1) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, groups * squeeze, 1, groups=groups)
        self.swish = nn.SiLU()
        self.excite = nn.Conv2d(groups * squeeze, channels, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * self.excite(self.swish(self.squeeze(means))).sigmoid()


class FrameMixing(nn.Module):
    """Every place of every map becomes a mixture of its values over the frames; twice, with a skip."""

    def __init__(self, config: SSTCNConfig) -> None:
        super().__init__()
        self.frames = config.frames
        self.stage = nn.Sequential(
            Gate(config.frames, config.squeeze),
            nn.Conv2d(config.frames, config.frames, 1),
            nn.BatchNorm2d(config.frames),
            nn.SiLU(),
            Gate(config.frames, config.squeeze),
            nn.Conv2d(config.frames, config.frames, 1),
            nn.BatchNorm2d(config.frames),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, frames * maps, H, W) to the same shape."""
        n, channels, height, width = x.shape
        y = x.reshape(n, self.frames, channels // self.frames * height, width)
        return x + self.stage(y).reshape(n, channels, height, width)


class GroupedPair(nn.Module):
    """Two 3 x 3 convolutions within groups of channels, each behind a gate, dropout between.

    Args:
        groups: Groups of neighbouring channels.
        config: The network's shape.
    """

    def __init__(self, groups: int, config: SSTCNConfig) -> None:
        super().__init__()
        channels = config.frames * config.maps
        self.stage = nn.Sequential(
            Gate(channels, config.squeeze, groups),
            nn.Conv2d(channels, channels, 3, padding=1, groups=groups),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
            nn.Dropout2d(config.drop),
            Gate(channels, config.squeeze, groups),
            nn.Conv2d(channels, channels, 3, padding=1, groups=groups),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, frames * maps, H, W) to the same shape; without the skip."""
        y: Tensor = self.stage(x)
        return y


class KeypointStage(nn.Module):
    """Each keypoint on its own over all frames: the channels are shuffled to keypoint after keypoint."""

    def __init__(self, config: SSTCNConfig) -> None:
        super().__init__()
        self.frames, self.maps = config.frames, config.maps
        self.pair = GroupedPair(config.maps, config)

    @staticmethod
    def _shuffle(x: Tensor, outer: int, inner: int) -> Tensor:
        """Channels from outer-major to inner-major."""
        n, channels, height, width = x.shape
        return x.reshape(n, outer, inner, height, width).transpose(1, 2).reshape(n, channels, height, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, frames * maps, H, W) to the same shape."""
        y = self.pair(self._shuffle(x, self.frames, self.maps))
        return x + self._shuffle(y, self.maps, self.frames)


class FrameStage(nn.Module):
    """Each frame on its own over all keypoints."""

    def __init__(self, config: SSTCNConfig) -> None:
        super().__init__()
        self.pair = GroupedPair(config.frames, config)

    def forward(self, x: Tensor) -> Tensor:
        """(N, frames * maps, H, W) to the same shape."""
        y: Tensor = x + self.pair(x)
        return y


class DenseStage(nn.Module):
    """Two 3 x 3 convolutions over all channels together, each behind a gate, dropout between."""

    def __init__(self, config: SSTCNConfig) -> None:
        super().__init__()
        channels = config.frames * config.maps
        first, second = config.dense
        stride, second_stride = config.dense_strides
        self.stage = nn.Sequential(
            Gate(channels, config.dense_squeeze),
            nn.Conv2d(channels, first, 3, stride, padding=1),
            nn.BatchNorm2d(first),
            nn.SiLU(),
            nn.Dropout2d(config.drop),
            Gate(first, config.dense_squeeze),
            nn.Conv2d(first, second, 3, second_stride, padding=1),
            nn.BatchNorm2d(second),
            nn.SiLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, frames * maps, H, W) to (N, last dense, H / strides, W / strides)."""
        y: Tensor = self.stage(x)
        return y


class SSTCN(nn.Module):
    """SSTCN over a clip's heat-maps.

    Args:
        config: Its shape.
    """

    def __init__(self, config: SSTCNConfig) -> None:
        super().__init__()
        self.config = config
        self.input_norm = nn.BatchNorm2d(config.frames * config.maps)
        self.swish = nn.SiLU()
        self.frame_mixing = FrameMixing(config)
        self.keypoint_stage = KeypointStage(config)
        self.frame_stage = FrameStage(config)
        self.dense_stage = DenseStage(config)
        self.drop_classifier = nn.Dropout(config.drop_classifier)
        self.classifier = nn.Linear(config.dense[1], config.classes)

    def embed(self, x: Tensor) -> Tensor:
        """(N, frames * maps, H, W) to the embedding before the classifier, (N, last dense)."""
        x = self.swish(self.input_norm(x))
        x = self.frame_stage(self.keypoint_stage(self.frame_mixing(x)))
        return self.dense_stage(x).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Heat-maps to scores.

        Args:
            x: (N, frames * maps, H, W): all maps of the first frame, then all of the second, ...

        Returns:
            Logits (N, classes) and embedding (N, last dense).
        """
        embedding = self.embed(x)
        return self.classifier(self.drop_classifier(embedding)), embedding
