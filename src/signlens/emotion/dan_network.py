"""DAN: the face network of the SLR-sentiment paper, in plain PyTorch.

Written from the description of Wen et al., "Distract Your Attention: Multi-head Cross Attention Network for
Facial Expression Recognition" (2021): a ResNet-18 (He et al. 2016) up to its last map; four heads, each of
which weighs first the places and then the channels of that map; a log-softmax across the heads, their
sum, a linear layer, and batch normalisation of the logits. 19,724,248 parameters at eight classes.

`read_weights` reads the checkpoints that the authors publish without running anything in them, and
`python -m signlens_studies expression convert-dan CHECKPOINT OUT.safetensors` writes them in a format that
can hold nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import InputRejected
from signlens.files import file_sha256, whole_file

_WIDTHS = (64, 128, 256, 512)
_MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class DANConfig:
    """Shape of a DAN.

    Attributes:
        classes: Number of expressions.
        heads: Cross-attention heads.
    """

    classes: int = len(EMOTIONS)
    heads: int = 4

    def to_json(self) -> dict[str, Any]:
        """Plain values, for cards and checkpoints."""
        return asdict(self)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a skip (He et al. 2016, figure 5, left).

    Args:
        channels: Channels in.
        width: Channels out.
        stride: Stride of the first convolution and of the skip.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if stride > 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, width, H / stride, W / stride)."""
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """ResNet-18 without its pooling and classifier: faces to a map of 512 channels, a 32nd of the size.

    Its parameters bear the names that the published weights have there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        stages, channels = [], 64
        for number, width in enumerate(_WIDTHS):
            stages.append(
                nn.Sequential(
                    ResidualBlock(channels, width, 1 if number == 0 else 2), ResidualBlock(width, width, 1)
                )
            )
            channels = width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 512, H / 32, W / 32), rounded up."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class SpatialAttention(nn.Module):
    """Weighs the places of a map: three kernels (3 x 3, 1 x 3, 3 x 1) vote, summed over the channels."""

    def __init__(self, channels: int = 512, reduced: int = 256) -> None:
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(channels, reduced, 1), nn.BatchNorm2d(reduced))
        self.square, self.row, self.column = (
            nn.Sequential(
                nn.Conv2d(reduced, channels, (high, wide), padding=(high // 2, wide // 2)),
                nn.BatchNorm2d(channels),
            )
            for high, wide in ((3, 3), (1, 3), (3, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        y = self.reduce(x)
        votes = functional.relu(self.square(y) + self.row(y) + self.column(y))
        return x * votes.sum(dim=1, keepdim=True)


class ChannelAttention(nn.Module):
    """Pools a map and weighs its channels by a bottleneck of them."""

    def __init__(self, channels: int = 512, bottleneck: int = 32) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, bottleneck),
            nn.BatchNorm1d(bottleneck),
            nn.ReLU(),
            nn.Linear(bottleneck, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C)."""
        pooled = x.mean(dim=(2, 3))
        return pooled * self.gate(pooled)


class CrossAttentionHead(nn.Module):
    """One head: places first, then channels."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = SpatialAttention()
        self.channel = ChannelAttention()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.001)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 512, H, W) to (N, 512)."""
        out: Tensor = self.channel(self.spatial(x))
        return out


class DAN(nn.Module):
    """The whole network, freshly initialised.

    Args:
        config: Its shape.
    """

    def __init__(self, config: DANConfig | None = None) -> None:
        super().__init__()
        self.config = config or DANConfig()
        self.backbone = ResNet18()
        self.heads = nn.ModuleList(CrossAttentionHead() for _ in range(self.config.heads))
        self.classifier = nn.Linear(_WIDTHS[-1], self.config.classes)
        self.norm = nn.BatchNorm1d(self.config.classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Faces to scores.

        Args:
            x: (N, 3, H, W) RGB, ImageNet's mean and deviation taken out; 224 x 224 in the paper.

        Returns:
            Batch-normalised logits (N, classes); the backbone's pooled map (N, 512),;
            the heads after the log-softmax across them (N, heads, 512).
        """
        features = self.backbone(x)
        heads = torch.stack([head(features) for head in self.heads], dim=1)
        if len(self.heads) > 1:
            heads = functional.log_softmax(heads, dim=1)
        return self.norm(self.classifier(heads.sum(dim=1))), features.mean(dim=(2, 3)), heads


# ---------------------------------------------------------------------------------------------
# Weights from elsewhere

_PUBLISHED = (
    (r"features\.0\.", r"backbone.conv1."),
    (r"features\.1\.", r"backbone.bn1."),
    *((rf"features\.{n + 3}\.", rf"backbone.layer{n}.") for n in (1, 2, 3, 4)),
    (r"cat_head(\d+)\.sa\.conv1x1\.", r"heads.\1.spatial.reduce."),
    (r"cat_head(\d+)\.sa\.conv_3x3\.", r"heads.\1.spatial.square."),
    (r"cat_head(\d+)\.sa\.conv_1x3\.", r"heads.\1.spatial.row."),
    (r"cat_head(\d+)\.sa\.conv_3x1\.", r"heads.\1.spatial.column."),
    (r"cat_head(\d+)\.ca\.attention\.", r"heads.\1.channel.gate."),
    (r"fc\.", r"classifier."),
    (r"bn\.", r"norm."),
)
"""Beginnings of the published names, and ours for them."""


def own_name(published: str) -> str | None:
    """Our name for a tensor of a published checkpoint; None for a name that no checkpoint has."""
    name = published.removeprefix("module.")  # training on several GPUs puts it there
    for pattern, ours in _PUBLISHED:
        if re.match(pattern, name):
            return re.sub(f"^{pattern}", ours, name)
    return None


def read_weights(path: str | Path) -> tuple[DAN, tuple[str, ...]]:
    """A network with the weights of a file, ready to answer.

    Args:
        path: A ``.safetensors`` file of ours, or a checkpoint as the authors publish it
            (``affecnet8_epoch5_acc0.6209.pth``). The latter is a pickle: PyTorch's ``weights_only`` reader
            takes tensors and plain values from it and refuses everything else.

    Returns:
        The network in evaluation mode, and the expression of each of its classes.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        tensors, expressions = _own_file(path)
    else:
        tensors, expressions = _published_file(path), None
    if "classifier.weight" not in tensors or not any(name.startswith("heads.") for name in tensors):
        raise InputRejected(path, "these are not the weights of a DAN", _GIVE)
    classes = len(tensors["classifier.weight"])
    heads = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("heads."))
    if expressions is None:
        # The published networks of seven classes leave out the last, contempt.
        if classes not in (7, 8):
            raise InputRejected(path, f"it has {classes} classes, not 7 or 8 expressions", _GIVE)
        expressions = EMOTIONS[:classes]
    if len(expressions) != classes or heads > 16:
        raise InputRejected(path, "its description does not fit its weights", _GIVE)
    model = DAN(DANConfig(classes, heads))
    own = model.state_dict()
    wrong = sorted(
        name
        for name in own.keys() | tensors.keys()
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape
    )
    if wrong:
        raise InputRejected(path, f"{wrong[0]} is missing, unknown or of another shape", _GIVE)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise InputRejected(path, "some of its weights are not numbers", _GIVE)
    model.load_state_dict(tensors)
    return model.eval(), expressions


_GIVE = "give a checkpoint of DAN as its authors publish it, or a .safetensors file made from one"


def _published_file(path: Path) -> dict[str, Tensor]:
    if path.is_file() and path.stat().st_size > _MAX_BYTES:
        raise InputRejected(path, "it is larger than 1 GiB", _GIVE)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputRejected(path, f"it cannot be read ({error.strerror or error})", _GIVE) from None
    except Exception as error:  # a damaged or hostile file may raise anything
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputRejected(path, f"it cannot be read without running code in it ({first})", _GIVE) from None
    if isinstance(found, Mapping) and isinstance(found.get("model_state_dict"), Mapping):
        found = found["model_state_dict"]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise InputRejected(path, "it holds no state of a network", _GIVE)
    tensors = {}
    for name, tensor in found.items():
        ours = own_name(str(name))
        if ours is None:
            raise InputRejected(path, f"DAN has no {name}", _GIVE)
        tensors[ours] = tensor
    return tensors


def _own_file(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputRejected(path, "it is larger than 1 GiB", _GIVE)
        with safe_open(path, "pt") as file:
            expressions = json.loads((file.metadata() or {}).get("expressions", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dictionary)
    except (OSError, SafetensorError, ValueError) as error:
        raise InputRejected(path, f"it is no readable safetensors file ({error})", _GIVE) from None
    if (
        not isinstance(expressions, list)
        or len(set(map(str, expressions))) != len(expressions)
        or not all(name in EMOTIONS for name in expressions)
    ):
        raise InputRejected(path, "it does not say which expressions its classes are", _GIVE)
    return tensors, tuple(expressions)


def save_weights(
    model: DAN, expressions: Sequence[str], path: str | Path, facts: Mapping[str, Any] | None = None
) -> str:
    """Write a network to a safetensors file, whole or not at all.

    Args:
        model: The network.
        expressions: The expression of each of its classes, names out of `EMOTIONS`.
        path: The file.
        facts: Plain values that say where the weights come from.

    Returns:
        SHA-256 of the file (hex).
    """
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    note = {"expressions": json.dumps(list(expressions)), "facts": json.dumps(dict(facts or {}))}
    with whole_file(path) as part:
        save_file(tensors, part, metadata=note)
    return file_sha256(Path(path))
