"""R(2+1)D-18: the RGB network of SAM-SLR, out of torchvision.

Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition" (CVPR 2018), as Jiang et
al. (CVPR workshops 2021) use it: swish instead of ReLU, dropout before the classifier. Its input is made
by `signlens.models.rgb_input`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from signlens.errors import InputRejected, PartMissing
from signlens.optional import require_extra

_EMBEDDING = 512


@dataclass(frozen=True)
class R2Plus1DConfig:
    """Shape of an R(2+1)D-18.

    Attributes:
        classes: Number of glosses.
        frames: Frames of a stretch that it reads.
        size: Pixels of its input along each side.
        clips: Stretches whose scores are averaged in evaluation.
        drop_classifier: Dropout before the classifier.
    """

    classes: int
    frames: int = 32
    size: int = 128
    clips: int = 5
    drop_classifier: float = 0.5

    def to_json(self) -> dict[str, Any]:
        """Plain values, for cards and checkpoints."""
        return asdict(self)


def paper_r2plus1d(classes: int) -> R2Plus1DConfig:
    """The configuration of the SAM-SLR paper."""
    return R2Plus1DConfig(classes)


CONFIGURATIONS: dict[str, Callable[[int], R2Plus1DConfig]] = {"paper": paper_r2plus1d}
"""Named configurations, as functions of the number of classes."""


class R2Plus1D(nn.Module):
    """R(2+1)D-18 over stretches of RGB frames, freshly initialised.

    Its parameters bear torchvision's names, so that weights for `torchvision.models.video.r2plus1d_18`
    fit (`load_backbone`).

    Args:
        config: Its shape.

    Raises:
        PartMissing: torchvision is not installed, or does not work with the installed PyTorch.
    """

    def __init__(self, config: R2Plus1DConfig) -> None:
        super().__init__()
        self.config = config
        network = _video_networks().r2plus1d_18(weights=None)
        self.stem = network.stem
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        _swish_for_relu(self)
        self.drop_classifier = nn.Dropout(config.drop_classifier)
        self.fc = nn.Linear(_EMBEDDING, config.classes)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) to the embedding before the classifier, (N, 512)."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return x.mean(dim=(2, 3, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """RGB frames to scores.

        Args:
            x: (N, 3, T, H, W), -1 to 1; or (N, K, 3, T, H, W): K stretches of each clip, whose logits
                and embeddings are averaged.

        Returns:
            Logits (N, classes) and embedding (N, 512).
        """
        stretches = x.shape[1] if x.ndim == 6 else 1
        if x.ndim == 6:
            x = x.flatten(0, 1)
        embedding = self.embed(x)
        logits = self.fc(self.drop_classifier(embedding))
        if stretches > 1:
            logits = logits.unflatten(0, (-1, stretches)).mean(dim=1)
            embedding = embedding.unflatten(0, (-1, stretches)).mean(dim=1)
        return logits, embedding


def load_backbone(model: R2Plus1D, path: Path) -> None:
    """Start from weights that were trained elsewhere, such as torchvision's of Kinetics-400.

    The classifier is taken as well where the number of classes is the same, else it stays as it is.

    Args:
        model: Changed in place.
        path: A safetensors file with the names of torchvision's `r2plus1d_18`.

    Raises:
        InputRejected: The file cannot be read, or its tensors are not those of this network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputRejected(
            path, f"it is no readable safetensors file ({error})", "convert it anew"
        ) from None
    own = model.state_dict()
    if "fc.weight" in found and found["fc.weight"].shape != own["fc.weight"].shape:
        found = {name: tensor for name, tensor in found.items() if not name.startswith("fc.")}
    wrong = sorted(
        name
        for name in own.keys() | found.keys()
        if not (name.startswith("fc.") and name not in found)
        and (name not in own or name not in found or own[name].shape != found[name].shape)
    )
    if wrong:
        raise InputRejected(
            path, f"{wrong[0]} is missing, unknown or of another shape", "give weights of r2plus1d_18"
        )
    model.load_state_dict({**own, **found})


def _swish_for_relu(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU):
            setattr(module, name, nn.SiLU())
        else:
            _swish_for_relu(child)


def _video_networks() -> Any:
    try:
        from torchvision.models import video
    except ImportError:
        raise require_extra("rgb", "torchvision") from None
    except RuntimeError as error:
        # Its compiled part belongs to another build, e.g. one for CUDA beside a PyTorch without.
        raise PartMissing(
            "torchvision",
            f"it does not work with PyTorch {torch.__version__} ({error})",
            "install both from the same index, see pytorch.org",
        ) from None
    return video
