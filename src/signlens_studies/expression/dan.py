"""Train DAN (`signlens.emotion.dan_network`) on face crops, and say how it does on people it has not seen.

``python -m signlens_studies expression dan EXPERIMENT --data CKPLUS48 --out DIR``

As its authors train it: Adam without weight decay, a rate that decays exponentially by epoch, classes drawn
equally often, flips, affine changes and erased patches; cross-entropy, affinity and partition losses of the
same weight. Whole subjects are held out, and nothing is chosen by them.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from signlens.emotion.dan import IMAGENET_DEVIATION, IMAGENET_MEAN
from signlens.emotion.dan_network import DAN, DANConfig, read_weights, save_weights
from signlens.emotion.expressions import EMOTIONS
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.metrics import bootstrap
from signlens.files import file_sha256, whole_file
from signlens.settings_file import load_settings
from signlens_studies.expression.head_fitting import folds_by_person
from signlens_studies.expression.measured_faces import read_crops

EXPRESSIONS = EMOTIONS[1:]
"""What CK+'s crops show; there is no neutral face among them."""


class AffinityLoss(nn.Module):
    """Squared distance of faces to their class's learnable centre, over the centres' summed variance.

    Args:
        classes: Number of classes.
        channels: Size of what is drawn to the centres.
    """

    def __init__(self, classes: int, channels: int = 512) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, channels))

    def forward(self, pooled: Tensor, labels: Tensor) -> Tensor:
        """Mean over the faces: (N, channels) and (N,) class numbers to a scalar."""
        distance = (pooled - self.centres[labels]).square().sum(dim=1).mean()
        return distance / self.centres.var(dim=0).sum()


def partition_loss(heads: Tensor) -> Tensor:
    """log(1 + H / v), v the mean variance across the H heads: small where they look at different things.

    Args:
        heads: (N, H, channels).
    """
    count = heads.shape[1]
    if count < 2:
        return heads.new_zeros(())
    return torch.log1p(count / (heads.var(dim=1).mean() + 1e-7))


def convert_checkpoint(checkpoint: str | Path, destination: str | Path) -> str:
    """A published checkpoint to a safetensors file that `read_weights` reads as well.

    Returns:
        SHA-256 of the file that was written (hex).

    Raises:
        InputRejected: See `read_weights`.
        OSError: The destination cannot be written.
    """
    model, expressions = read_weights(checkpoint)
    source = {"name": Path(checkpoint).name, "sha256": file_sha256(Path(checkpoint))}
    return save_weights(model, expressions, destination, {"converted_from": source})


@dataclass(frozen=True)
class DanAugmentation:
    """How training faces are changed at random.

    Attributes:
        affine_share: Share of the faces that are turned, shrunk and moved.
        degrees: Turned by at most so much.
        smallest: Shrunk to at least this size.
        shift: Moved by at most this share of the side.
        erase_share: Share of the faces in which a rectangle is blanked.
        most_erased: Largest share of the picture that it covers.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    affine_share: float
    degrees: float
    smallest: float
    shift: float
    erase_share: float
    most_erased: float

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A share out of range.
        """
        shares = (self.affine_share, self.erase_share, self.most_erased, self.shift)
        if not all(0 <= v <= 1 for v in shares) or not 0 < self.smallest <= 1 or not 0 <= self.degrees <= 180:
            raise ValueError("a share of the augmentation is out of range")


@dataclass(frozen=True)
class DanExperiment:
    """One experiment, as its TOML file says; an unknown or missing key is an error."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    seed: int
    folds: int
    held_out_fold: int
    bootstrap: int
    side: int
    epochs: int
    batch: int
    learning_rate: float
    decay: float
    augmentation: DanAugmentation

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A value out of range.
        """
        if self.folds < 2 or not 0 <= self.held_out_fold < self.folds:
            raise ValueError("held_out_fold must be one of at least 2 folds")
        if min(self.epochs, self.bootstrap) < 1 or self.batch < 2 or not 32 <= self.side <= 512:
            raise ValueError("epochs and bootstrap must be at least 1, batch 2, side 32 to 512")
        if not (self.learning_rate > 0 and 0 < self.decay <= 1):
            raise ValueError("learning_rate must be over 0, decay over 0 and at most 1")


def load_experiment(path: str | Path) -> DanExperiment:
    """Read an experiment file."""
    return load_settings(Path(path), DanExperiment)


def prepared(crops: Tensor, side: int) -> Tensor:
    """Grey crops as the network reads them.

    Args:
        crops: (N, H, W) grey, 0 to 255.
        side: Pixels along each side of the result.

    Returns:
        (N, 3, side, side), ImageNet's mean and deviation taken out.
    """
    large = functional.interpolate(
        crops[:, None].float() / 255, (side, side), mode="bilinear", antialias=True
    )
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return (large.expand(-1, 3, -1, -1) - mean) / deviation


def augmented(faces: Tensor, settings: DanAugmentation, generator: torch.Generator) -> Tensor:
    """Prepared faces flipped, turned, shrunk, moved and partly erased at random, (N, 3, S, S)."""
    count, _, side, _ = faces.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*(shape or (count,)), generator=generator)

    changed = (uniform(0, 1) < settings.affine_share).float()
    angle = uniform(-1, 1) * math.radians(settings.degrees) * changed
    # A grid samples from the source: what shrinks the face has a scale above 1.
    scale = 1 / (1 + (uniform(settings.smallest, 1) - 1) * changed)
    shift = uniform(-2 * settings.shift, 2 * settings.shift, count, 2) * changed[:, None]
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    rows = (
        torch.stack([cosine * flip, -sine, shift[:, 0]], dim=1),
        torch.stack([sine * flip, cosine, shift[:, 1]], dim=1),
    )
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(faces.shape), align_corners=False)
    result = functional.grid_sample(faces, grid, align_corners=False, padding_mode="zeros")
    erase = (uniform(0, 1) < settings.erase_share).tolist()
    for face, erased in zip(result, erase, strict=True):
        area, ratio = uniform(0.02, max(0.02, settings.most_erased), 1).item(), uniform(-1, 1, 1).exp().item()
        height, width = (max(1, min(side, round(side * math.sqrt(area * r)))) for r in (ratio, 1 / ratio))
        corner = torch.rand(2, generator=generator)
        top, left = (
            int(c * (side - size + 1)) for c, size in zip(corner.tolist(), (height, width), strict=True)
        )
        if erased:
            face[:, top : top + height, left : left + width] = 0
    return result


def balanced_order(label: Tensor, generator: torch.Generator) -> Tensor:
    """As many rows as there are, drawn with replacement, every class equally likely."""
    weight = 1.0 / torch.bincount(label).clamp(min=1)[label].double()
    return torch.multinomial(weight, len(label), replacement=True, generator=generator)


def train(
    crops: Tensor, label: Tensor, experiment: DanExperiment, say: Callable[[str], None]
) -> tuple[DAN, list[dict[str, float]]]:
    """A network of some faces.

    Args:
        crops: (N, H, W) grey, 0 to 255.
        label: (N,) number of the expression in `EXPRESSIONS`.
        experiment: Its settings.
        say: Told of each epoch.

    Returns:
        The network after the last epoch, and the mean losses of every epoch.
    """
    generator = torch.Generator().manual_seed(experiment.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.seed)
        model = DAN(DANConfig(len(EXPRESSIONS)))
        affinity = AffinityLoss(len(EXPRESSIONS))
    faces = prepared(crops, experiment.side)
    optimiser = torch.optim.Adam([*model.parameters(), *affinity.parameters()], experiment.learning_rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, experiment.decay)
    history = []
    for epoch in range(experiment.epochs):
        model.train()
        order = balanced_order(label, generator)
        sums, steps = np.zeros(3), 0
        for batch in order.split(experiment.batch):
            if len(batch) < 2:  # batch normalisation needs more than one face
                continue
            inputs = augmented(faces[batch], experiment.augmentation, generator)
            logits, pooled, heads = model(inputs)
            losses = (
                functional.cross_entropy(logits, label[batch]),
                affinity(pooled, label[batch]),
                partition_loss(heads),
            )
            optimiser.zero_grad()
            sum(losses, torch.zeros(())).backward()
            optimiser.step()
            sums += [float(v.detach()) for v in losses]
            steps += 1
        schedule.step()
        cross_entropy, drawn, kept_apart = (sums / steps).tolist()
        history.append({"cross_entropy": cross_entropy, "affinity": drawn, "partition": kept_apart})
        say(
            f"epoch {epoch + 1} of {experiment.epochs}: "
            + ", ".join(f"{k} {v:.3f}" for k, v in history[-1].items())
        )
    return model.eval(), history


def answers(model: DAN, crops: Tensor, side: int, batch: int = 64) -> NDArray[np.int64]:
    """(N,) the number of the expression that the network gives each crop."""
    with torch.inference_mode():
        found = [model(prepared(part, side))[0].argmax(dim=1) for part in crops.split(batch)]
    return torch.cat(found).numpy()


def run(experiment_file: Path, data: Path, out: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Train on all but the held-out fold, test on that one, write weights and report.

    Returns:
        The report that is written to ``report.json``.
    """
    import cv2

    experiment = load_experiment(experiment_file)
    files, emotion, person = read_crops(data)
    pictures = [cv2.imread(str(f), cv2.IMREAD_GRAYSCALE) for f in files]
    for file, picture in zip(files, pictures, strict=True):
        if picture is None or picture.shape != pictures[0].shape:
            raise InputRejected(file, "not readable, or of another size than the others", "restore the file")
    crops = torch.from_numpy(np.stack(pictures))
    label = np.asarray(emotion) - 1
    held = folds_by_person(person, experiment.folds, experiment.seed) == experiment.held_out_fold
    started = time.process_time()
    model, history = train(crops[~held], torch.from_numpy(label[~held]), experiment, say)
    seconds = time.process_time() - started
    guess = answers(model, crops[held], experiment.side)
    right = guess == label[held]
    common = int(np.bincount(label[~held], minlength=len(EXPRESSIONS)).argmax())
    majority = label[held] == common
    people = person[held]
    groups = np.unique(people, return_inverse=True)[1]
    paired = right.astype(float) - majority
    drawn = [
        bootstrap(v, groups=groups, draws=experiment.bootstrap, seed=experiment.seed)
        for v in (right, majority, paired)
    ]
    interval = [(one.low, one.high) for one in drawn]
    report = {
        "experiment": experiment.name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained_on": {"faces": int((~held).sum()), "subjects": len(np.unique(person[~held]))},
        "tested_on": {"faces": int(held.sum()), "subjects": len(np.unique(people))},
        "accuracy": float(right.mean()),
        "interval_95": interval[0],
        "recall": {
            name: float(right[label[held] == i].mean()) if (label[held] == i).any() else None
            for i, name in enumerate(EXPRESSIONS)
        },
        "always_the_most_frequent": {
            "expression": EXPRESSIONS[common],
            "accuracy": float(majority.mean()),
            "interval_95": interval[1],
        },
        "gain_interval_95": interval[2],
        "losses": history,
        "cpu_seconds": round(seconds, 1),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        facts = {"experiment": experiment.name, "trained_on": "CK+ 48x48 crops; research only"}
        report["sha256"] = save_weights(model, EXPRESSIONS, out / "dan.safetensors", facts)
        with whole_file(out / "report.json") as part:
            part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(out, f"it cannot be written ({error.strerror})", "choose another folder") from None
    return report
