"""Networks that score every view: those of a run that never saw the tested recorder, or the shipped ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, PartMissing
from signlens.pose import PoseClip
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, Signing, prepare

Array = NDArray[np.float64]

Scorer = Callable[[list[PoseClip]], Array]
"""Clips -> (N, classes) scores; a clip that cannot be read gets -inf throughout."""


def clip_scorer(
    windows: Sequence[int],
    run: Callable[[dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]], Array],
) -> Scorer:
    """Prepares clips as in training and runs networks over all of them at once.

    Args:
        windows: Frames of the windows that the networks read.
        run: Window -> (joints, seen) to scores.
    """

    def score(clips: list[PoseClip]) -> Array:
        made: dict[int, list[Signing]] = {w: [] for w in windows}
        good = []
        for number, clip in enumerate(clips):
            try:
                ready = prepare(clip.keypoints[:, WHOLE_BODY_INDEX])
            except InputRejected:
                continue
            good.append(number)
            for w in windows:
                made[w].append(ready.resampled(w))
        if not good:
            raise InputRejected("benchmark", "no clip can be read", "check the recordings")
        scores = run(
            {w: (np.stack([s.joints for s in m]), np.stack([s.visible for s in m])) for w, m in made.items()}
        )
        out = np.full((len(clips), scores.shape[1]), -np.inf)
        out[good] = scores
        return out

    return score


def shipped_scorer() -> tuple[Scorer, tuple[str, ...], str]:
    """The shipped model, which has seen all recorders: a stand-in until a run is trained."""
    from signlens.models.ensemble import ensemble
    from signlens.models.inputs import network_input
    from signlens.models.sign_model import SignModel

    model = SignModel()
    weights = {network.name: network.weight for network in model.networks}

    def run(clips: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]) -> Array:
        inputs = {n.name: network_input(n.kind, n.stream, *clips[n.window], n.graph) for n in model.networks}
        return ensemble(model.run(inputs)[0], weights, model.temperature)

    windows = sorted({network.window for network in model.networks})
    return clip_scorer(windows, run), model.classes, f"{model.name} {model.version} (has seen every recorder)"


def run_scorer(
    run_folder: Path, split: str, networks: Sequence[str] = ()
) -> tuple[Scorer, tuple[str, ...], str]:
    """The networks of a run that trained on one split, with SAM-SLR's weights beside the hand shape's.

    Args:
        run_folder: Folder that ``signlens train signlens_studies/starter/starter.toml`` wrote.
        split: ``traduttore-1-to-2`` or ``traduttore-2-to-1``.
        networks: Which networks; those that are there when empty.

    Raises:
        PartMissing: None of them has been trained on the split.
    """
    from signlens.models.ensemble import ensemble
    from signlens.models.inputs import network_input
    from signlens.training.pieces import load_network
    from signlens.training.run import piece_folder
    from signlens_studies.starter.tasks import open_starter_run

    opened = open_starter_run(run_folder)
    experiment, source = opened.experiment, opened.source
    wanted = list(networks) or list(experiment.networks)
    there = [n for n in wanted if (piece_folder(run_folder, (n, split)) / "model.safetensors").is_file()]
    if not there or (networks and len(there) < len(networks)):
        missing = ", ".join(n for n in wanted if n not in there)
        raise PartMissing(run_folder, f"{missing} has not been trained on {split}", "train the run first")
    sessions = {}
    for name in there:
        network = load_network(run_folder, experiment, (name, split), len(source.classes))
        some = source.inputs(source.splits()[split].train[:4], experiment.networks[name], None)
        sessions[name] = _onnx_session(network, some)
    weights = _run_weights(sessions)

    def run(clips: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]) -> Array:
        logits = {}
        for name, session in sessions.items():
            settings = experiment.networks[name]
            joints, seen = clips[settings.frames or settings.window]
            given = network_input(settings.kind, settings.stream, joints, seen)
            logits[name] = np.concatenate(
                [
                    session.run(["logits"], {"clip": given[start : start + _BATCH]})[0]
                    for start in range(0, len(given), _BATCH)
                ]
            )
        return ensemble(logits, weights)

    windows = sorted({experiment.networks[n].frames or experiment.networks[n].window for n in there})
    return clip_scorer(windows, run), tuple(source.classes), f"{split}: {', '.join(there)}"


_BATCH = 16
"""Clips at a time: what the processor's caches hold."""


def _onnx_session(network: Any, example: NDArray[np.float32]) -> Any:
    """A trained network in ONNX Runtime, as it would ship: twice as fast as PyTorch on one core."""
    import onnxruntime

    from signlens.training.onnx_export import export_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, example, path)
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def _run_weights(networks: Iterable[str]) -> dict[str, float]:
    """SAM-SLR's weights for its streams, and twice their sum for what reads the hands' shape."""
    from signlens.models.ensemble import SAM_SLR_WEIGHTS

    names = list(networks)
    hands = [name for name in names if name not in SAM_SLR_WEIGHTS]
    of_hands = 2 * sum(SAM_SLR_WEIGHTS.values()) / max(len(hands), 1)
    return {name: SAM_SLR_WEIGHTS.get(name, of_hands) for name in names}
