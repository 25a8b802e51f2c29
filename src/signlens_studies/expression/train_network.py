"""Train the expression network (`signlens_studies.expression.network`).

First on FER+ alone, for long; then for a short while on FER+ together with CK+ and signers at rest. The first
part has seen no subject of CK+ and no signer, so the second part is cheap to do again without those who are
tested (`signlens_studies.expression.network_tables`). Everything is chosen on FER+'s validation pictures.

A run stands in a folder: ``state.safetensors`` after every epoch, from which it goes on when it is started
again. The rate stays until the last `decay` epochs, in which it falls to zero; until then `epochs` may be
changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from signlens.emotion import EMOTIONS
from signlens.files import whole_file
from signlens.settings_file import load_settings
from signlens_studies.expression.face_pictures import FacePictures
from signlens_studies.expression.film_look import FilmLook, filmed, frames, mixed
from signlens_studies.expression.network import ExpressionNetwork

STATE_FILE = "state.safetensors"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        epochs: In all.
        decay: The last epochs, in which the rate falls to zero.
        warmup: The first epochs, in which it rises.
        rate: Highest learning rate.
        batch: Pictures of a step.
        weight_decay: Of all weights with more than one dimension.
        average: Weight of the old in the running mean of the weights, per step.
        rarity: Classes are shown in proportion to 1 / their count to this power, times their count.
        mixup: Share of batches whose pictures are blended in pairs.
        cutmix: Share of batches whose pictures exchange rectangles.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    epochs: float
    decay: float
    warmup: float
    rate: float
    batch: int = 128
    weight_decay: float = 5e-4
    average: float = 0.998
    rarity: float = 0.35
    mixup: float = 0.0
    cutmix: float = 0.0


@dataclass(frozen=True)
class NetworkExperiment:
    """One experiment, as its TOML file says.

    Attributes:
        name: Of the weights.
        seed: Of all random numbers.
        widths: See `ExpressionNetwork`.
        blocks: See `ExpressionNetwork`.
        dropout: See `ExpressionNetwork`.
        least_votes: See `FerPlus.soft_labels`.
        rest_share: How much of a clip is near its end (`signer_pictures`).
        rest_wrist_height: From where a wrist is low.
        rest_frames_per_end: Frames at each end.
        folds: Groups of subjects, and of signers, who are left out in turn.
        ferplus_share: Share of FER+'s training pictures that an epoch of joint training shows.
        ckplus_repeats: How often a CK+ picture is shown in such an epoch.
        rest_repeats: How often a face at rest is.
        joint_share: Share of the weights after joint training in the mean with those before.
        bootstrap: Drawn samples for intervals.
        training: On FER+ alone.
        joint: With CK+ and signers at rest.
        film_look: How pictures are changed.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    seed: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    dropout: float
    least_votes: int
    rest_share: float
    rest_wrist_height: float
    rest_frames_per_end: int
    folds: int
    ferplus_share: float
    ckplus_repeats: int
    rest_repeats: int
    joint_share: float
    bootstrap: int
    training: Schedule
    joint: Schedule
    film_look: FilmLook = field(default_factory=FilmLook)

    def network(self) -> ExpressionNetwork:
        """A fresh network."""
        return ExpressionNetwork(self.widths, self.blocks, self.dropout)


def load_network_experiment(path: str | Path) -> NetworkExperiment:
    """Read an experiment file.

    Raises:
        UsageError: Unreadable, or its keys are not those of `NetworkExperiment`.
    """
    return load_settings(Path(path), NetworkExperiment)


# ---------------------------------------------------------------------------------------------
# What is shown


@dataclass(frozen=True)
class Shown:
    """Pictures to train on.

    Attributes:
        pictures: (N, 72, 72) uint8.
        placement: (N, 2, 3).
        target: (N, 8) shares of the expressions.
        times: (N,) how often each is shown in an epoch, on average.
    """

    pictures: Tensor
    placement: Tensor
    target: Tensor
    times: Tensor

    def order(self, random: torch.Generator) -> Tensor:
        """Rows of one epoch, shuffled; a picture comes its whole number of times, and once more by chance."""
        whole = self.times.floor()
        more = torch.rand(len(self.times), generator=random) < self.times - whole
        rows = torch.repeat_interleave(torch.arange(len(self.times)), (whole + more).long())
        return rows[torch.randperm(len(rows), generator=random)]


def shown(
    faces: FacePictures, rows: NDArray[np.int64], target: NDArray[np.floating], rarity: float = 0.0
) -> Shown:
    """Some faces, the rare classes more often.

    Args:
        faces: All of a source.
        rows: Those to show.
        target: (R, 8) shares, of those rows.
        rarity: See `Schedule.rarity`; on average every picture is shown once.
    """
    label = faces.label[rows]
    count = np.bincount(label, minlength=len(EMOTIONS))
    times = (1 / np.maximum(count, 1)) ** rarity
    times = times[label] / times[label].mean()
    return Shown(
        torch.from_numpy(faces.pictures[rows]),
        torch.from_numpy(faces.placement[rows]),
        torch.from_numpy(np.asarray(target, dtype=np.float32)),
        torch.from_numpy(times.astype(np.float32)),
    )


def one_hot(label: NDArray[np.int64], sure: float = 0.9) -> NDArray[np.float32]:
    """Targets of posed faces: most of the share to their label, the rest to all alike."""
    rows = np.full((len(label), len(EMOTIONS)), (1 - sure) / len(EMOTIONS), dtype=np.float32)
    rows[np.arange(len(label)), label] += sure
    return rows


def together(parts: list[Shown]) -> Shown:
    """Several sources as one."""
    return Shown(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Shown)))


# ---------------------------------------------------------------------------------------------
# The loop


def rate_at(epoch: float, schedule: Schedule) -> float:
    """Learning rate after so many epochs, fractions included."""
    rising = epoch / schedule.warmup if schedule.warmup > 0 else 1.0
    falling = (schedule.epochs - epoch) / schedule.decay if schedule.decay > 0 else 1.0
    return schedule.rate * max(0.0, min(1.0, rising, falling))


@dataclass
class Run:
    """A network in training, its running mean, and the optimiser."""

    network: ExpressionNetwork
    mean: ExpressionNetwork
    optimiser: torch.optim.SGD
    epoch: int = 0
    steps: int = 0

    def save(self, path: Path, facts: dict[str, Any]) -> None:
        """Everything that it takes to go on, in one safetensors file."""
        momentum = {
            f"momentum.{name}": self.optimiser.state[p]["momentum_buffer"].contiguous()
            for name, p in self.network.named_parameters()
            if p in self.optimiser.state
        }
        tensors = {f"network.{k}": v.contiguous() for k, v in self.network.state_dict().items()}
        tensors |= {f"mean.{k}": v.contiguous() for k, v in self.mean.state_dict().items()}
        entry = {"epoch": self.epoch, "steps": self.steps, **facts}
        with whole_file(path) as part:
            save_file(tensors | momentum, str(part), {"run": json.dumps(entry)})

    def load(self, path: Path) -> dict[str, Any]:
        """Go on from a file; returns what else was kept in it."""
        with safe_open(str(path), "pt") as stored:
            tensors = {k: stored.get_tensor(k) for k in stored.keys()}  # noqa: SIM118
            facts: dict[str, Any] = json.loads(stored.metadata()["run"])
        self.network.load_state_dict(_part(tensors, "network."))
        self.mean.load_state_dict(_part(tensors, "mean."))
        for name, p in self.network.named_parameters():
            if f"momentum.{name}" in tensors:
                self.optimiser.state[p]["momentum_buffer"] = tensors[f"momentum.{name}"]
        self.epoch, self.steps = facts.pop("epoch"), facts.pop("steps")
        return facts


def _part(tensors: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def begin(experiment: NetworkExperiment, schedule: Schedule, weights: ExpressionNetwork | None = None) -> Run:
    """A run from fresh weights, or from those of another network."""
    torch.manual_seed(experiment.seed)
    network, mean = experiment.network(), experiment.network()
    if weights is not None:
        network.load_state_dict(weights.state_dict())
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean.load_state_dict(network.state_dict())
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": schedule.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return Run(network, mean, torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True))


def train_epoch(run: Run, data: Shown, schedule: Schedule, look: FilmLook, seed: int) -> float:
    """Show every picture once; returns the mean loss."""
    random = torch.Generator().manual_seed(seed * 1000 + run.epoch)
    torch.manual_seed(seed * 1000 + run.epoch)  # dropout
    order = data.order(random)
    count = max(1, len(order) // schedule.batch)
    run.network.train()
    total = 0.0
    for number in range(count):
        rate = rate_at(run.epoch + number / count, schedule)
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        rows = order[number * schedule.batch : (number + 1) * schedule.batch]
        pictures = filmed(data.pictures[rows], data.placement[rows], look, random)
        pictures, target = mixed(pictures, data.target[rows], schedule.mixup, schedule.cutmix, random)
        with torch.autocast("cpu", torch.bfloat16):
            logits = run.network(pictures)
        loss = -(target * F.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()
        run.optimiser.zero_grad()
        loss.backward()
        run.optimiser.step()
        run.steps += 1
        _follow(run, min(schedule.average, run.steps / (run.steps + 10)))
        total += float(loss.detach())
    run.epoch += 1
    return total / count


@torch.no_grad()
def _follow(run: Run, keep: float) -> None:
    new = run.network.state_dict()
    for name, value in run.mean.state_dict().items():
        if value.is_floating_point():
            value.lerp_(new[name], 1 - keep)
        else:
            value.copy_(new[name])


@torch.no_grad()
def blended(before: ExpressionNetwork, after: ExpressionNetwork, share: float) -> ExpressionNetwork:
    """Changes `after` to the mean of both networks' weights, its own with a share (Wortsman et al. 2022)."""
    old = before.state_dict()
    for name, value in after.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.lerp(old[name], value, share))
    return after


@torch.no_grad()
def logits_of(
    network: ExpressionNetwork, faces: FacePictures, rows: NDArray[np.int64], quick: bool = False
) -> NDArray[np.float64]:
    """(R, 8) logits of faces in their aligned frames.

    Args:
        network: Left in the state for evaluation.
        faces: All of a source.
        rows: Which of them.
        quick: In half precision, and without the mirror image, whose logits are averaged in otherwise.
    """
    network.eval()
    found = []
    for part in np.array_split(rows, max(1, len(rows) // 256)):
        seen = frames(torch.from_numpy(faces.pictures[part]), torch.from_numpy(faces.placement[part]))
        with torch.autocast("cpu", torch.bfloat16, enabled=quick):
            logits = network(seen)
            if not quick:
                logits = (logits + network(seen.flip(3))) / 2
        found.append(logits.float())
    return np.asarray(torch.cat(found).double().numpy())


def train(
    run: Run,
    data: Shown,
    schedule: Schedule,
    experiment: NetworkExperiment,
    folder: Path | None = None,
    validate: Callable[[ExpressionNetwork], dict[str, float]] | None = None,
    say: Callable[[str], None] = print,
) -> ExpressionNetwork:
    """Train until the schedule ends; goes on where the folder has a state.

    Args:
        run: See `begin`.
        data: What is shown.
        schedule: How long.
        experiment: Seed and look.
        folder: Where the state is kept; None to keep none.
        validate: Figures of the running mean, said after every epoch.
        say: Told them.

    Returns:
        The running mean of the weights after the last epoch.
    """
    facts: dict[str, Any] = {"schedule": asdict(schedule), "history": []}
    state = None if folder is None else folder / STATE_FILE
    if state is not None and state.exists():
        facts["history"] = run.load(state)["history"]
        say(f"going on after epoch {run.epoch}")
    while run.epoch < schedule.epochs:
        start, used = time.monotonic(), time.process_time()
        loss = train_epoch(run, data, schedule, experiment.film_look, experiment.seed)
        figures = {} if validate is None else validate(run.mean)
        entry = {
            "epoch": run.epoch,
            "rate": rate_at(run.epoch, schedule),
            "loss": loss,
            "seconds": time.monotonic() - start,
            "cpu": time.process_time() - used,
            **figures,
        }
        facts["history"].append(entry)
        say(" ".join(f"{k} {v:.4g}" for k, v in entry.items()))
        if state is not None:
            state.parent.mkdir(parents=True, exist_ok=True)
            run.save(state, facts)
    return run.mean
