"""Training the SLR-sentiment paper's fusion networks, and the stack beside them, by an experiment file.

``python -m signlens_studies slr-sentiment fuse final-fusion.toml --data RUN --out OUT``, where RUN is a run
of sign networks or a scores file. Written are

OUT/experiment.toml, run.json
OUT/PROVENANCE/PART/HEAD.safetensors     every network
OUT/scores-test.npz                      ensemble, heads and stacks as streams, for `signlens evaluate`
OUT/scores-val.npz, scores-transfer-SPLIT.npz
OUT/fitted.json                          accuracies on what taught, weights, and which stack was chosen
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.gloss_map import boost_terms, load_gloss_map
from signlens.errors import UsageError
from signlens.evaluation.emotion_vectors import read_emotion_vectors
from signlens.evaluation.metrics import negative_log_likelihood
from signlens.evaluation.scores import ScoreSet, write_scores
from signlens.files import whole_file
from signlens.fusion.learned_weights import make_folds
from signlens.fusion.stack import STACK, STACK_WITH_BIAS, Parts, Vote
from signlens.fusion.stack_learning import choose_stack, learn_stack
from signlens.models.ensemble import fit_temperature, log_softmax
from signlens.retrieval.votes import retrieval_terms
from signlens.training.calibration import ensemble_weights
from signlens_studies.slr_sentiment.fusion_clips import (
    Features,
    FusionClips,
    FusionPart,
    clips_of_run,
    clips_of_scores,
    features,
    log_probabilities,
)
from signlens_studies.slr_sentiment.fusion_experiment import (
    CHOSEN,
    ENSEMBLE,
    EXPERIMENT_FILE,
    FITTED_FILE,
    IN_SAMPLE,
    KIND,
    MADE_UP,
    NONE,
    OUT_OF_FOLD,
    RUN_FILE,
    WITH_NEIGHBOURS,
    FusionExperiment,
    HeadSettings,
    load_fusion_experiment,
)
from signlens_studies.slr_sentiment.fusion_heads import FusionHead, head_input, layer_sizes

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Progress = Callable[[str], None]

RETRIEVAL_STRENGTHS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

# -- one head ---------------------------------------------------------------------------------------


def train_head(
    inputs: NDArray[np.float32], labels: Labels, classes: int, settings: HeadSettings, seed: int
) -> FusionHead:
    """Train one head; the last step's weights are kept, as the paper did.

    Args:
        inputs: (N, inputs) of `head_input`.
        labels: (N,).
        classes: C.
        settings: The head.
        seed: Of its first weights, its dropout and the order of clips.

    Returns:
        In evaluation mode.
    """
    torch.manual_seed(seed)
    head = FusionHead(layer_sizes(settings.architecture, classes), settings.dropout)
    optimiser = torch.optim.SGD(
        head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    x, y = torch.from_numpy(inputs), torch.from_numpy(labels)
    head.train()
    done = 0
    while done < settings.steps:
        for rows in torch.randperm(len(y)).split(settings.batch)[: settings.steps - done]:
            loss = F.cross_entropy(head(x[rows]), y[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            done += 1
    return head.eval()


def head_logits(head: FusionHead, inputs: NDArray[np.float32]) -> Array:
    """(N, C) logits in evaluation mode."""
    with torch.no_grad():
        return head(torch.from_numpy(inputs)).numpy().astype(np.float64)


def _input_of(found: Features, settings: HeadSettings) -> NDArray[np.float32]:
    return head_input(
        found.scores, found.emotion, found.retrieval[settings.retrieval] if settings.retrieval else None
    )


# -- an experiment ----------------------------------------------------------------------------------


def emotion_of(experiment: FusionExperiment, clips: FusionClips) -> tuple[dict[str, Array], dict[str, Any]]:
    """Clip -> (8,) emotion vector, and what they are."""
    if experiment.emotion == NONE:
        return {}, {"emotion": "none: all vectors are zero"}
    sets = [s for p in clips.parts for group in (*p.fit.values(), p.scored.values()) for s in group]
    names = sorted({str(n) for s in (*sets, *clips.transfer.values()) for n in s.names})
    if experiment.emotion == MADE_UP:
        rng = np.random.default_rng(experiment.seed)
        drawn = rng.dirichlet(np.full(len(EMOTIONS), 0.5), len(names))
        return dict(zip(names, drawn, strict=True)), {
            "emotion": "made up: drawn at random, they know nothing of the clips"
        }
    vectors = read_emotion_vectors(experiment.emotion)
    values = vectors.of(np.array(names))
    return dict(zip(names, values, strict=True)), {
        "emotion": vectors.source,
        "emotion_sha256": vectors.sha256,
        "clips_without_emotion": vectors.lacking(np.array(names)),
    }


def train_fusion(experiment_file: Path, data: Path, out: Path, progress: Progress) -> None:
    """Train everything of an experiment and score its clips; finished heads are not trained again.

    Args:
        experiment_file: The TOML file.
        data: A run's folder, or a scores file (.npz).
        out: Folder to write; made if missing.
        progress: Called with the name of what is done.
    """
    experiment = load_fusion_experiment(experiment_file)
    clips = _open_clips(experiment, data, progress)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / EXPERIMENT_FILE, experiment_file.read_text(encoding="utf-8"))
        _write(out / RUN_FILE, json.dumps({"kind": KIND, "data": str(data.resolve())}))
    except OSError as error:
        raise UsageError(out, f"the run cannot be written there ({error.strerror})", "name another") from None
    emotion, emotion_facts = emotion_of(experiment, clips)
    answers: dict[str, list[_Answered]] = {}
    told = []
    for part in clips.parts:
        found, facts = _fit_part(experiment, clips, part, emotion, out, progress)
        told.append(facts)
        for subset, answered in found.items():
            answers.setdefault(subset, []).append(answered)
    for subset, pieces in answers.items():
        _write_answers(out / f"scores-{subset}.npz", clips, subset, pieces)
    transferred: dict[str, Any] = {}
    if clips.transfer:
        whole = FusionPart(
            "everything",
            {OUT_OF_FOLD: tuple(s for part in clips.parts for s in part.scored.values())},
            clips.transfer,
        )
        plain = dataclasses.replace(experiment, provenance=(OUT_OF_FOLD,))
        found, transferred = _fit_part(plain, clips, whole, emotion, out, progress)
        for name, answered in found.items():
            _write_answers(out / f"scores-transfer-{name}.npz", clips, name, [answered])
    document = {
        "dataset": clips.dataset,
        "extractor": clips.extractor,
        "classes": list(clips.classes),
        "spaces": list(clips.spaces),
        **emotion_facts,
        "parts": told,
        "transfer": transferred or None,
    }
    _write(out / FITTED_FILE, json.dumps(document, indent=1) + "\n")


def _open_clips(experiment: FusionExperiment, data: Path, progress: Progress) -> FusionClips:
    if data.suffix == ".npz":
        if experiment.splits or experiment.transfer:
            raise UsageError(data, "a scores file has no splits to name", "leave out splits and transfer")
        return clips_of_scores(data, in_sample=IN_SAMPLE in experiment.provenance, seed=experiment.seed)
    from signlens.training.run import open_run

    return clips_of_run(
        open_run(data),
        experiment.splits,
        experiment.transfer,
        in_sample=IN_SAMPLE in experiment.provenance,
        progress=lambda name: progress(f"clips of {name}"),
    )


@dataclass(frozen=True, eq=False)
class _Answered:
    """Streams of some clips."""

    names: NDArray[np.str_]
    labels: Labels
    streams: dict[str, NDArray[np.float32]]


def _fit_part(
    experiment: FusionExperiment,
    clips: FusionClips,
    part: FusionPart,
    emotion: Mapping[str, Array],
    out: Path,
    progress: Progress,
) -> tuple[dict[str, _Answered], dict[str, Any]]:
    """Everything learned on a part, and its scored clips' answers."""
    vote = Vote()
    # The ensemble is what it is: weights and temperature come from out-of-fold scores wherever there are any.
    teachers = part.fit.get(OUT_OF_FOLD) or part.fit[IN_SAMPLE]
    weights = ensemble_weights(
        {n: np.concatenate([one.logits[n] for one in teachers]) for n in teachers[0].logits},
        np.concatenate([one.labels for one in teachers]),
    )
    fitted = {
        side: features(sets, weights, emotion, experiment.reductions, vote, experiment.space)
        for side, sets in part.fit.items()
    }
    scored = {
        subset: features((held,), weights, emotion, experiment.reductions, vote, experiment.space)
        for subset, held in part.scored.items()
    }
    base = fitted.get(OUT_OF_FOLD) or fitted[IN_SAMPLE]
    temperature = fit_temperature(base.scores, base.labels)
    streams: dict[str, dict[str, Array]] = {
        subset: {ENSEMBLE: log_softmax(found.scores / temperature)} for subset, found in scored.items()
    }
    facts: dict[str, Any] = {
        "part": part.name,
        "weights": dict(weights),
        "temperature": temperature,
        "scored": {subset: len(found.labels) for subset, found in scored.items()},
        "taught": {
            side: {
                "clips": len(found.labels),
                "right": {ENSEMBLE: _right(found.scores, found.labels)},
                "sha256_of_names": hashlib.sha256("\n".join(sorted(found.names)).encode()).hexdigest(),
            }
            for side, found in fitted.items()
        },
    }
    if experiment.stack:
        chosen, strength = _learn_stacks(experiment, clips, base, streams, scored)
        facts["stack"] = chosen
        facts["retrieval_strength"] = strength
    for side in experiment.provenance:
        taught = fitted[side]
        for name, settings in experiment.heads.items():
            path = out / side / part.name / f"{name}.safetensors"
            head = _trained(taught, settings, len(clips.classes), experiment.seed, path)
            logits = head_logits(head, _input_of(taught, settings))
            facts["taught"][side]["right"][name] = _right(logits, taught.labels)
            for subset, found in scored.items():
                streams[subset][f"{name}_{side}"] = head_logits(head, _input_of(found, settings))
            progress(f"{name}, {side.replace('_', ' ')}, {part.name}")
    return {
        subset: _Answered(
            found.names, found.labels, {n: v.astype(np.float32) for n, v in streams[subset].items()}
        )
        for subset, found in scored.items()
    }, facts


def _trained(taught: Features, settings: HeadSettings, classes: int, seed: int, path: Path) -> FusionHead:
    """The head at a path if it is there and was made of the same; else it is trained and written."""
    inputs = _input_of(taught, settings)
    digest = hashlib.sha256(json.dumps([dataclasses.asdict(settings), seed]).encode())
    digest.update(inputs.tobytes())
    digest.update(taught.labels.astype("<i8").tobytes())
    try:
        with safe_open(path, "pt") as file:
            there = (file.metadata() or {}).get("digest")
    except (OSError, SafetensorError):
        there = None
    head = FusionHead(layer_sizes(settings.architecture, classes), settings.dropout)
    if there == digest.hexdigest():
        head.load_state_dict(load_file(path))
        return head.eval()
    head = train_head(inputs, taught.labels, classes, settings, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        save_file(head.state_dict(), part, metadata={"digest": digest.hexdigest()})
    return head


def stack_parts(found: Features, classes: tuple[str, ...], vote: Vote) -> Parts:
    """What the stack reads of some clips; the expression's terms by the shipped gloss map."""
    logs = log_probabilities(found)
    emotion = None
    if found.emotion.any():
        gloss_map = load_gloss_map()
        emotion = np.stack(
            [
                boost_terms(classes, np.clip(vector, 0, 1), gloss_map, 1.0, vote.emotion_top_k, row)
                for vector, row in zip(found.emotion, logs, strict=True)
            ]
        )
    return Parts(logs, emotion, found.shares)


def folds_of(found: Features, seed: int) -> Labels:
    """(N,) folds to cross-fit in: the sets that the clips came from, or five at random of a single one."""
    if len(np.unique(found.unit)) > 1:
        return found.unit
    return make_folds(len(found.labels), min(5, len(found.labels)), seed)


def _learn_stacks(
    experiment: FusionExperiment,
    clips: FusionClips,
    base: Features,
    streams: dict[str, dict[str, Array]],
    scored: Mapping[str, Features],
) -> tuple[dict[str, Any], float | None]:
    """Answers of the stacks and of the ensemble with one retrieval strength, put into the streams."""
    vote = Vote()
    taught = stack_parts(base, clips.classes, vote)
    chosen = choose_stack(taught, base.labels, folds_of(base, experiment.seed))
    stacks = {name: learn_stack(taught, base.labels, what=name) for name in (STACK, STACK_WITH_BIAS)}
    for subset, found in scored.items():
        held = stack_parts(found, clips.classes, vote)
        for name, stack in stacks.items():
            streams[subset][name] = stack.log_probabilities(held)
        streams[subset][CHOSEN] = (
            chosen.stack.log_probabilities(held) if chosen.used else streams[subset][ENSEMBLE]
        )
    strength = None
    if base.shares is not None:
        strength = best_strength(base)
        logs = log_softmax(log_probabilities(base) + retrieval_terms(base.shares, strength))
        temperature = fit_temperature(logs, base.labels)
        for subset, found in scored.items():
            assert found.shares is not None
            with_terms = log_probabilities(found) + retrieval_terms(found.shares, strength)
            streams[subset][WITH_NEIGHBOURS] = log_softmax(with_terms / temperature)
    return {
        "chosen": chosen.name,
        "why": chosen.why,
        "candidates": [dataclasses.asdict(c) for c in chosen.candidates],
        "coefficients": {name: dataclasses.asdict(stack) for name, stack in stacks.items()},
    }, strength


def best_strength(found: Features) -> float:
    """The retrieval strength of the lowest negative log-likelihood, each at its own best temperature."""
    assert found.shares is not None
    shares, logs = found.shares, log_probabilities(found)

    def loss(strength: float) -> float:
        scores = log_softmax(logs + retrieval_terms(shares, strength))
        temperature = fit_temperature(scores, found.labels)
        return negative_log_likelihood(log_softmax(scores / temperature), found.labels)

    return min(RETRIEVAL_STRENGTHS, key=loss)


def _right(scores: Array, labels: Labels) -> int:
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    return int(((scores >= true).sum(axis=1) == 1).sum())


def _write_answers(path: Path, clips: FusionClips, subset: str, pieces: list[_Answered]) -> None:
    write_scores(
        path,
        ScoreSet(
            source=str(path),
            clips=np.concatenate([p.names for p in pieces]),
            labels=np.concatenate([p.labels for p in pieces]),
            streams={n: np.concatenate([p.streams[n] for p in pieces]) for n in pieces[0].streams},
            glosses=clips.classes,
            splits=np.full(sum(len(p.names) for p in pieces), subset),
            folds=np.repeat(np.arange(len(pieces)), [len(p.names) for p in pieces]),
            dataset=clips.dataset,
            extractor=clips.extractor,
        ),
    )


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
