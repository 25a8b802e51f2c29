"""Train one network on one split, in one process or several; go on after a kill as if there had been none.

Every random number follows from the seed and the number of the step, so nothing but weights, optimiser and
the step has to be kept, and the number of processes does not change what a step computes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from signlens.errors import UsageError
from signlens.training.checkpoint import load_checkpoint, save_checkpoint
from signlens.training.distributed import World, share_batch_norm
from signlens.training.experiment import NetworkSettings
from signlens.training.network_kinds import build_network
from signlens.training.objectives import (
    ARCFACE,
    SUPERVISED_CONTRASTIVE,
    additive_angular_margin,
    soft_cross_entropy,
    supervised_contrastive,
)
from signlens.training.schedule import learning_rate, make_optimiser, use_bfloat16
from signlens.training.sources import ClipSource, Rows, Split, draw_weights

Array = NDArray[np.float32]

CHUNK = 8
"""Clips that share a generator of random numbers; each process takes whole chunks of a batch."""

PAPER_EPOCHS = 250
"""Length of SAM-SLR's training, to which its schedules refer."""

SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Epoch:
    """One line of the learning curve.

    Attributes:
        epoch: Counted from 0.
        step: Steps done when it ended.
        learning_rate: Of its last step.
        loss: Mean training loss (with label smoothing and mixup).
        accuracy: Share of training clips, as varied, whose class came first.
        validation_loss: Mean negative log-likelihood on the validation clips, or None.
        validation_accuracy: Top-1 on them, 0..1, or None.
    """

    epoch: int
    step: int
    learning_rate: float
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class Progress:
    """Where a run is, for people."""

    step: int
    steps: int
    loss: float
    accuracy: float
    clips_per_second: float


@dataclass(frozen=True)
class Fitted:
    """What came out.

    Attributes:
        model: The network in evaluation mode: of the best epoch by validation, or of the last.
        history: The learning curve.
        best_epoch: Which epoch's weights these are.
    """

    model: nn.Module
    history: tuple[Epoch, ...]
    best_epoch: int


def fit(
    source: ClipSource,
    split: Split,
    settings: NetworkSettings,
    seed: int,
    world: World,
    *,
    checkpoint: Path | None = None,
    digest: str = "",
    progress: Callable[[Progress], None] | None = None,
    first_weights: dict[str, Tensor] | None = None,
) -> Fitted:
    """Train a network from scratch, or on from its checkpoint.

    Args:
        source: The clips.
        split: Which of them train and which choose the epoch.
        settings: The network and its training.
        seed: Of all randomness.
        world: The processes that train together.
        checkpoint: File to go on from and to save to, about once a minute and at the end of each epoch.
        digest: Identifies settings and data; a checkpoint of others is refused.
        progress: Called after each step in the leading process.
        first_weights: What to start from; random weights by default.

    Raises:
        UsageError: The batch cannot be shared among the processes, the checkpoint is of another run, or the
            first weights are of another network.
    """
    run = _Run(source, split, settings, seed, world)
    if first_weights is not None:
        run.start_from(first_weights)
    run.resume(checkpoint, digest)
    saved = started = time.monotonic()
    first = run.step
    try:
        for x, target in run.batches():
            loss, right = run.train_step(x, target)
            if run.step % run.steps_per_epoch == 0 or run.step == run.total_steps:
                run.end_epoch()
                saved = 0.0
            if checkpoint is not None and time.monotonic() - saved > SAVE_SECONDS:
                run.save(checkpoint, digest)
                saved = time.monotonic()
            if progress is not None and world.leads:
                speed = (run.step - first) * run.batch / (time.monotonic() - started)
                progress(Progress(run.step, run.total_steps, loss, right, speed))
    except KeyboardInterrupt:
        if checkpoint is not None:
            run.save(checkpoint, digest)
        raise
    return run.result()


class _Run:
    """The state of one training: weights, optimiser, step, and the epoch's sums."""

    def __init__(
        self, source: ClipSource, split: Split, settings: NetworkSettings, seed: int, world: World
    ) -> None:
        training = settings.training
        self.source, self.split, self.settings, self.training = source, split, settings, training
        self.seed, self.world = seed, world
        self.batch = min(training.batch, len(split.train))
        if world.size > 1 and self.batch % (CHUNK * world.size):
            raise UsageError(
                "batch",
                f"{self.batch} clips cannot be shared among {world.size} processes in chunks of {CHUNK}",
                f"choose a multiple of {CHUNK * world.size}",
            )
        if world.size > 1 and training.objective == SUPERVISED_CONTRASTIVE:
            raise UsageError(
                "objective", "clips of several processes are not contrasted", "train in one process"
            )
        self.steps_per_epoch = max(1, len(split.train) // self.batch)
        self.total_steps = training.steps or training.epochs * self.steps_per_epoch
        self.classes = len(source.classes)
        torch.manual_seed(seed)
        model = build_network(settings, self.classes)
        self.model = (share_batch_norm(model) if world.size > 1 else model).to(world.device)
        self.optimiser = make_optimiser(self.model, training)
        self.half = use_bfloat16(training, world.device)
        self.chance = draw_weights(split, source.labels, training.target_share)
        self.step = 0
        self.sums = [0.0, 0.0, 0.0]  # loss, right, clips of the epoch so far
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] = {}
        self.best_epoch = -1
        self.best_key = (-1.0, 0.0)

    # -- going on -----------------------------------------------------------------------------------

    def start_from(self, weights: dict[str, Tensor]) -> None:
        try:
            self.model.load_state_dict(weights)
        except RuntimeError:
            raise UsageError(
                "start_from", "its network has another shape", "start from a network of the same shape"
            ) from None

    def resume(self, checkpoint: Path | None, digest: str) -> None:
        if checkpoint is None or not checkpoint.is_file():
            return
        self.best, state = load_checkpoint(checkpoint, self.model, self.optimiser)
        if state["digest"] != digest:
            raise UsageError(
                checkpoint,
                "was made by other settings or on other data",
                "name another folder, or remove it to start anew",
            )
        self.step, self.sums = state["step"], list(state["sums"])
        self.history = [Epoch(**entry) for entry in state["history"]]
        self.best_epoch, self.best_key = state["best_epoch"], tuple(state["best_key"])

    def save(self, checkpoint: Path, digest: str) -> None:
        if not self.world.leads:
            return
        state = {
            "digest": digest,
            "step": self.step,
            "sums": self.sums,
            "history": [dataclasses.asdict(e) for e in self.history],
            "best_epoch": self.best_epoch,
            "best_key": list(self.best_key),
        }
        save_checkpoint(checkpoint, self.model, self.optimiser, self.best, state)

    # -- clips --------------------------------------------------------------------------------------

    def rows_of(self, step: int) -> Rows:
        """The clips of a step's whole batch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        rng = np.random.default_rng([self.seed, epoch])
        if self.training.draw != "shuffle":
            rng = np.random.default_rng([self.seed, epoch, place])
        if self.training.draw == "balanced":
            return np.asarray(rng.choice(self.split.train, self.batch, p=self.chance))
        if self.training.draw == "pairs":
            first = rng.choice(self.split.train, (self.batch + 1) // 2, p=self.chance)
            pairs = np.stack([first, [self.partner(row, rng) for row in first]], axis=1)
            return np.asarray(pairs.ravel()[: self.batch])
        order = rng.permutation(self.split.train)
        return order[place * self.batch : (place + 1) * self.batch]

    def partner(self, row: int, rng: np.random.Generator) -> int:
        """Another training clip of the same class; the clip itself where it is the only one."""
        alike = self.split.train[self.source.labels[self.split.train] == self.source.labels[row]]
        others = alike[alike != row]
        return int(rng.choice(others)) if len(others) else int(row)

    def make_batch(self, step: int) -> tuple[Array, Array]:
        """This process's share of a step: inputs and soft targets."""
        rows = self.rows_of(step)
        if self.world.size > 1:
            rows = np.split(rows, self.world.size)[self.world.rank]
        first = self.world.rank * len(rows) // CHUNK if self.world.size > 1 else 0
        mix = np.random.default_rng([self.seed, step, 1 << 20])
        mixed = self.training.mixup > 0 and mix.random() < 0.5
        share = np.float32(mix.beta(self.training.mixup, self.training.mixup)) if mixed else np.float32(1)
        inputs, targets = [], []
        for number in range(0, len(rows), CHUNK):
            some = rows[number : number + CHUNK]
            rng = np.random.default_rng([self.seed, step, first + number // CHUNK])
            x = self.source.inputs(some, self.settings, rng)
            target = np.full((len(some), self.classes), self.training.label_smoothing / self.classes)
            target[np.arange(len(some)), self.source.labels[some]] += 1 - self.training.label_smoothing
            target = target.astype(np.float32)
            if mixed:
                other = rng.permutation(len(some))
                x = share * x + (1 - share) * x[other]
                target = share * target + (1 - share) * target[other]
            inputs.append(x)
            targets.append(target)
        return np.concatenate(inputs), np.concatenate(targets)

    def batches(self) -> Iterator[tuple[Array, Array]]:
        """The batches that are left; the next is made while one is trained on."""
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self.make_batch, self.step) if self.step < self.total_steps else None
            for step in range(self.step, self.total_steps):
                assert coming is not None
                made = coming.result()
                if step + 1 < self.total_steps:
                    coming = ahead.submit(self.make_batch, step + 1)
                yield made

    # -- steps --------------------------------------------------------------------------------------

    def train_step(self, x: Array, target: Array) -> tuple[float, float]:
        """One step of the optimiser; returns the batch's mean loss and accuracy over all processes."""
        epoch = self.step // self.steps_per_epoch
        schedule = getattr(self.model, "schedule", None)
        if schedule is not None:
            # A run that counts steps goes through SAM-SLR's schedule at its own pace.
            schedule(epoch if self.training.epochs else int(PAPER_EPOCHS * self.step / self.total_steps))
        rate = learning_rate(self.training, self.step, self.steps_per_epoch, self.total_steps)
        until = self.training.decay_until
        for group in self.optimiser.param_groups:
            group["lr"] = rate
            group["weight_decay"] = 0.0 if until and epoch >= until else self.training.weight_decay
        torch.manual_seed((self.seed * 1_000_003 + self.step) * 1024 + self.world.rank)
        self.model.train()
        device = self.world.device
        inputs, wanted = torch.from_numpy(x).to(device), torch.from_numpy(target).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.half):
            logits, embedding = self.model(inputs)
        logits = logits.float()
        loss = self.loss(logits, embedding.float(), wanted)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.world.sum_gradients(self.model)
        if self.training.clip_gradient:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.training.clip_gradient)
        self.optimiser.step()
        right = (logits.argmax(1) == wanted.argmax(1)).sum()
        told = self.world.sum(torch.stack([loss.detach().double(), right.double() / self.batch]).cpu())
        self.step += 1
        mean_loss, share = float(told[0]), float(told[1])
        self.sums = [
            self.sums[0] + mean_loss * self.batch,
            self.sums[1] + share * self.batch,
            self.sums[2] + self.batch,
        ]
        return mean_loss, share

    def loss(self, logits: Tensor, embedding: Tensor, wanted: Tensor) -> Tensor:
        """This process's part of the batch's mean loss."""
        labels = wanted.argmax(1)
        if self.training.objective == ARCFACE:
            scale = float(self.settings.shape["cosine_scale"])
            logits = additive_angular_margin(logits, labels, scale, self.training.margin)
        loss = soft_cross_entropy(logits, wanted) / self.batch
        if self.training.objective == SUPERVISED_CONTRASTIVE:
            contrast = supervised_contrastive(embedding, labels, self.training.contrast_temperature)
            loss = loss + self.training.contrast_weight * contrast
        return loss

    def end_epoch(self) -> None:
        """Add a line to the curve; keep the weights if validation says that they are the best so far."""
        epoch = (self.step - 1) // self.steps_per_epoch
        rate = float(self.optimiser.param_groups[0]["lr"])
        line = Epoch(epoch, self.step, rate, self.sums[0] / self.sums[2], self.sums[1] / self.sums[2])
        rows = self.split.validation
        if len(rows):
            logits, _ = infer(self.model, self.source, self.settings, rows, self.world)
            scores = torch.from_numpy(logits).double()
            labels = torch.from_numpy(self.source.labels[rows])
            accuracy = float((scores.argmax(1) == labels).double().mean())
            loss = float(F.cross_entropy(scores, labels))
            line = dataclasses.replace(line, validation_loss=loss, validation_accuracy=accuracy)
            if (accuracy, -loss) > self.best_key:
                self.best_key, self.best_epoch = (accuracy, -loss), epoch
                self.best = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}
        self.history.append(line)
        self.sums = [0.0, 0.0, 0.0]

    def result(self) -> Fitted:
        if self.best:
            self.model.load_state_dict(self.best)
        last = self.history[-1].epoch if self.history else -1
        return Fitted(
            self.model.eval(), tuple(self.history), self.best_epoch if self.best_epoch >= 0 else last
        )


def infer(
    model: nn.Module,
    source: ClipSource,
    settings: NetworkSettings,
    rows: Rows,
    world: World,
    batch: int = 64,
) -> tuple[Array, Array]:
    """Logits (N, classes) and embeddings (N, D) of some clips, in evaluation mode and float32.

    Several processes share the work; each gets the whole answer.
    """
    model.eval()
    found: list[Any] = [None, None]
    parts = [rows[i : i + batch] for i in range(0, len(rows), batch)]
    with torch.no_grad():
        for number, some in enumerate(parts):
            if number % world.size != world.rank:
                continue
            x = torch.from_numpy(source.inputs(some, settings, None)).to(world.device)
            for place, value in enumerate(model(x)):
                if found[place] is None:
                    found[place] = torch.zeros((len(rows), value.shape[1]))
                found[place][number * batch : number * batch + len(some)] = value.float().cpu()
    if world.size > 1:
        widths = torch.tensor([0 if f is None else f.shape[1] for f in found])
        torch.distributed.all_reduce(widths, torch.distributed.ReduceOp.MAX)
        for place, width in enumerate(widths.tolist()):
            whole = (found[place] if found[place] is not None else torch.zeros((len(rows), width))).to(
                world.device
            )
            found[place] = world.sum(whole).cpu()
    return found[0].numpy(), found[1].numpy()


def history_rows(history: tuple[Epoch, ...]) -> list[dict[str, Any]]:
    """The learning curve as plain values."""
    return [dataclasses.asdict(e) for e in history]
