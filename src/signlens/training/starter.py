"""The starter model: cross-validated on two landmark sets, then trained on everything and shipped.

Work is cut into pieces, one network on one split; each finished piece is a file, so a run that was
stopped goes on where it was. Every score that is reported or calibrated on comes from a network
that saw neither the clip nor (Traduttore) its signer, nor (WLASL50-real) its fold.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.mediapipe_arrays import IDLE, LandmarkClip, load_traduttore, load_wlasl50
from signlens.errors import SignLensError
from signlens.files import whole_file
from signlens.models.inputs import network_input
from signlens.skeleton.normalise import prepare
from signlens.training.experiment import Experiment

Array = NDArray[np.float32]

SHARED_WORDS = (
    "can", "coffee", "get", "hello", "medium", "muffin", "no", "please", "small", "tea", "thank-you", "water",
)  # fmt: skip
"""The twelve words that both recorders of Traduttore signed."""

FOLDS = 5
OPEN_SET_STEP = 5
"""Every how many-th gloss is left out of training to see what unknown signs look like."""


@dataclass(frozen=True)
class Split:
    """Which clips train and which are scored.

    Attributes:
        name: Name, also of its files.
        train: Row numbers.
        score: Row numbers; empty when the split only trains the shipped weights.
        target: Set whose clips make up the experiment's target share of each batch.
    """

    name: str
    train: NDArray[np.int64]
    score: NDArray[np.int64]
    target: str


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
    ``open-set`` (every fifth gloss left out and scored) and ``everything``. The other
    set, whole, is always in training.
    """
    clips = corpus.clips
    wlasl = np.array([c.name.startswith("wlasl50/") for c in clips])
    fold = np.array([c.fold for c in clips])
    signer = np.array([c.signer for c in clips])
    letter = np.array([c.gloss.startswith("letter:") for c in clips])
    rows = np.arange(len(clips))
    found = {}
    for k in range(FOLDS):
        found[f"wlasl-fold-{k}"] = Split(f"wlasl-fold-{k}", rows[fold != k], rows[fold == k], "wlasl50")
    one, others = signer == "recorder1", np.isin(signer, ["recorder2", "recorder3"])
    for name, train, score in (
        ("traduttore-1-to-2", one, signer == "recorder2"),
        ("traduttore-2-to-1", others, one),
    ):
        found[name] = Split(name, rows[train | wlasl], rows[score & ~letter], "traduttore")
    labels = corpus.labels
    left_out = np.isin(labels, np.arange(corpus.vocabulary)[::OPEN_SET_STEP])
    found["open-set"] = Split("open-set", rows[~left_out], rows[left_out & wlasl], "wlasl50")
    found["everything"] = Split("everything", rows, rows[:0], "wlasl50")
    return found


def draw_weights(corpus: Corpus, split: Split, target_share: float) -> NDArray[np.float64]:
    """How often each training clip is drawn: the target set's share, rare classes more often."""
    labels = corpus.labels[split.train]
    count = np.bincount(labels, minlength=len(corpus.classes))
    weight = 1 / np.sqrt(count[labels])
    target = np.array([corpus.clips[i].name.startswith(split.target + "/") for i in split.train])
    for part, share in ((target, target_share), (~target, 1 - target_share)):
        if part.any():
            weight[part] *= share / weight[part].sum()
    return np.asarray(weight)


@lru_cache(maxsize=2)
def prepared_clips(data: Path, window: int) -> tuple[Corpus, Array, Array]:
    """All clips at one window: the corpus, joints (N, T, 49, 3) and seen (N, T, 49)."""
    corpus = load_corpus(data)
    made = [prepare(c.points, window) for c in corpus.clips]
    return corpus, np.stack([m.joints for m in made]), np.stack([m.seen for m in made])


def run_piece(
    data: Path, experiment: Experiment, network: str, split_name: str, seed: int, out: Path
) -> Path:
    """Train one network on one split and write its scores (or, for ``everything``, its ONNX file).

    Args:
        data: Folder of the landmark sets.
        experiment: Settings.
        network: Name of the network.
        split_name: Name of the split.
        seed: Added to the experiment's seed.
        out: Folder of the run.

    Returns:
        The file that it wrote, or found finished by the same settings.
    """
    import torch

    from signlens.training.export import export_onnx
    from signlens.training.loop import PreparedClips, fit, infer

    experiment = dataclasses.replace(experiment, seed=experiment.seed + seed)
    target = out / f"{split_name}.{network}.{seed}.npz"
    digest = experiment.digest(network)
    if target.is_file():
        with np.load(target, allow_pickle=False) as done:
            if str(done["digest"]) == digest:
                return target
    torch.set_num_threads(1)
    settings = experiment.networks[network]
    corpus, joints, seen = prepared_clips(data, settings.window)
    split = splits(corpus)[split_name]
    clips = PreparedClips(
        joints[split.train],
        seen[split.train],
        corpus.labels[split.train],
        draw_weights(corpus, split, experiment.target_share),
    )
    model = fit(clips, len(corpus.classes), experiment, network)
    rows = split.score
    if split_name == "everything":
        some = split.train[:: max(1, len(split.train) // 64)]
        example = network_input(settings.kind, settings.stream, joints[some], seen[some])
        export_onnx(model, example, target.with_suffix(".onnx"))
        rows = split.train
    logits, embedding = infer(model, settings, joints[rows], seen[rows])
    # The target set's training clips in the same space: a gallery that knows no scored clip.
    known = np.array([i for i in split.train if corpus.clips[i].name.startswith(split.target + "/")])
    _, gallery = infer(model, settings, joints[known], seen[known])
    with whole_file(target) as part:
        np.savez(
            part,
            digest=digest,
            rows=rows,
            logits=logits,
            embedding=embedding,
            gallery_rows=known,
            gallery=gallery,
        )
    return target


def run(
    data: Path,
    experiment: Experiment,
    out: Path,
    pieces: Iterable[tuple[str, str, int]],
    workers: int,
    progress: Callable[[str], None],
) -> None:
    """Train all pieces that are not finished, some at a time.

    Args:
        data: Folder of the landmark sets.
        experiment: Settings.
        out: Folder of the run.
        pieces: (network, split, seed).
        workers: Processes.
        progress: Called with the name of each finished piece.

    Raises:
        SignLensError: A piece failed; the others are kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "classes.json").write_text(json.dumps(load_corpus(data).classes), encoding="utf-8")
    # One process a core, and what they start with is inherited: threads inside the pieces would only
    # wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        jobs = {
            pool.submit(run_piece, data, experiment, network, split, seed, out): f"{split} {network} {seed}"
            for network, split, seed in pieces
        }
        for job in as_completed(jobs):
            try:
                job.result()
            except Exception as error:
                pool.shutdown(wait=True, cancel_futures=True)
                if isinstance(error, SignLensError):
                    raise
                raise SignLensError(
                    out, f"training of {jobs[job]} failed ({error!r})", "run it again"
                ) from error
            progress(jobs[job])
