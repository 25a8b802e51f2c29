"""What a turned signer costs, and what correction wins back: a benchmark that anyone can run.

    python -m signlens_studies.orientation.views view --run runs/starter      (a) recordings, virtual camera
    python -m signlens_studies.orientation.views rendered --cache FOLDER      (b) rendered signers, true yaw
    python -m signlens_studies.orientation.views scales --cache FOLDER        the extractor's scales of z

(a) takes Traduttore's recordings, whose landmarks have a z, brings that z to scale, and looks at them with
a virtual camera from the side. `VirtualCamera` says what is modelled. Networks that never saw the tested
recorder score every view, uncorrected and corrected. (b) films the rendered signer and lets the real
extractor look: nothing is modelled there but the signer.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, PartMissing, SignLensError, UsageError
from signlens.evaluation.comparison import McNemar, mcnemar
from signlens.evaluation.metrics import Interval, bootstrap, interval, resampled_counts, wilson
from signlens.files import whole_file
from signlens.orientation.correction import Correction, CorrectionSettings, correct, fused_yaw
from signlens.orientation.depth import Depth, filled_z, with_depth
from signlens.orientation.frame import SignerFrame
from signlens.orientation.landmark_depth import extractors_own_z, landmark_depth
from signlens.orientation.lifted_depth import lifted_depth, lifted_yaw
from signlens.orientation.nearness import depth_from_nearness, sample
from signlens.orientation.policies import POLICIES
from signlens.orientation.rotation import rotation
from signlens.orientation.yaw_cues import read_cues
from signlens.pose import LEFT_HAND, RIGHT_HAND, PoseClip, Provenance
from signlens.pose.layouts import (
    FACE_MESH_POINTS,
    HolisticPoints,
    whole_body_from_holistic,
)
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, Signing, prepare
from signlens_studies.orientation.colormap import colormap_depth, inferno_table
from signlens_studies.starter.landmark_sets import TRADUTTORE_ASPECT, default_data

EXTRACTOR = "mediapipe-holistic"

WORDS = (
    "can", "coffee", "get", "hello", "medium", "muffin", "no", "please", "small", "tea", "thank-you", "water",
)  # fmt: skip
"""The twelve words that both recorders of Traduttore signed."""

YAWS = (0.0, 15.0, -15.0, 30.0, -30.0, 45.0, -45.0, 60.0, -60.0)
ROLLS = (0.0, 10.0, -10.0, 20.0, -20.0)

Array = NDArray[np.float64]


# ---------------------------------------------------------------------------------------------------
# (a) recordings under a virtual camera


@dataclass(frozen=True)
class Recording:
    """One recorded clip.

    Attributes:
        gloss: Its word.
        recorder: Who recorded it.
        poses: As extracted.
    """

    gloss: str
    recorder: str
    poses: PoseClip


def load_recordings(folder: Path, recorder: str, per_word: int | None = None) -> list[Recording]:
    """Traduttore's clips of the twelve shared words by one recorder, with all 33 body points.

    Args:
        folder: The set's folder.
        recorder: ``recorder1``, ``recorder2`` or ``recorder3``.
        per_word: Evenly spaced clips of each word; all when None.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    table, arrays = folder / "clips.csv", folder / "clips.npz"
    for path in (table, arrays):
        if not path.is_file():
            raise InputRejected(path, "there is no such file", "point to the folder of Traduttore ASL")
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    chosen: list[int] = []
    for word in WORDS:
        of_word = [
            i
            for i, row in enumerate(rows)
            if (row["kind"], row["gloss"], row["recorder"]) == ("word", word, recorder)
            and row["all_zero"] != "1"
            and not row["duplicate_of"]
        ]
        some = len(of_word) if per_word is None else min(per_word, len(of_word))
        chosen += [of_word[i] for i in np.unique(np.linspace(0, len(of_word) - 1, some).round().astype(int))]
    with np.load(arrays, allow_pickle=False) as archive:
        landmarks = archive["landmarks"][chosen].astype(np.float32)
    return [
        Recording(rows[i]["gloss"], recorder, _poses(values, f"traduttore/{rows[i]['sequence']}"))
        for i, values in zip(chosen, landmarks, strict=True)
    ]


def _poses(landmarks: NDArray[np.float32], name: str, height: int = 480, fps: float = 15.0) -> PoseClip:
    frames = len(landmarks)
    width = round(height * TRADUTTORE_ASPECT)
    size = np.array([width, height, width], np.float32)
    body = landmarks[:, :132].reshape(frames, 33, 4).copy()
    body[..., 3] *= (body[..., :2] != 0).any(axis=(1, 2))[:, None]
    parts = [np.clip(body, -1e4, 1e4)]
    for flat in (landmarks[:, 132:195], landmarks[:, 195:]):
        hand = flat.reshape(frames, 21, 3)
        present = (hand != 0).any(axis=(1, 2))[:, None, None]
        parts.append(np.concatenate([hand, np.broadcast_to(present, (frames, 21, 1))], axis=-1))
    for part in parts:
        part[..., :3] *= size
        part[..., 3] = np.clip(part[..., 3], 0, 1)
    no_face = np.zeros((frames, FACE_MESH_POINTS, 4), np.float32)
    keypoints = whole_body_from_holistic(HolisticPoints(parts[0], no_face, parts[1], parts[2]))
    times = np.arange(frames) / fps
    provenance = Provenance(EXTRACTOR, "unknown", source={"name": name})
    return PoseClip(keypoints, None, times, fps, width, height, provenance)


@dataclass(frozen=True)
class VirtualCamera:
    """What happens to a recording that is looked at from the side.

    The recorded z is brought to scale (`signlens.orientation.landmark_depth`) and taken for the truth. The
    points are freed of the perspective of a camera some shoulder widths away, turned about the middle
    of the shoulders, and seen in perspective again. Then what an extractor gets wrong is added, by the
    amounts found on rendered signers (b):

    Attributes:
        distance: Of the camera, shoulder widths.
        slant: Spread of the error in the slope of depth over x, one draw a clip for the body and one for
            the head: 0.12 makes 7 degrees.
        slant_frame: The same, a draw a frame.
        stretch: Spread of the logarithm of an error in the scale of all depth, one draw a clip.
        depth_noise: Spread of every point's depth, shoulder widths, a draw a frame.
        hand_noise: Spread of every hand point's x and y, shoulder widths; doubles at 60 degrees.
        far_lost: Share of frames in which the far hand is not found at 60 degrees; none up to 30,
            linear between, in runs of five frames. It hides behind body and other arm.
        near_lost: The same for the near hand.
    """

    distance: float = 5.0
    slant: float = 0.12
    slant_frame: float = 0.05
    stretch: float = 0.15
    depth_noise: float = 0.03
    hand_noise: float = 0.01
    far_lost: float = 0.3
    near_lost: float = 0.1

    def view(
        self, clip: PoseClip, yaw_degrees: float, roll_degrees: float, rng: np.random.Generator
    ) -> tuple[PoseClip, Depth]:
        """A clip as the extractor would give it from the side, and its true depth.

        Args:
            clip: A recording.
            yaw_degrees: How far the signer is turned to their own left.
            roll_degrees: How far the picture is tilted, the signer's left side down.
            rng: Source of all randomness.
        """
        own = landmark_depth(clip)
        frame = SignerFrame.of(clip.keypoints)
        centre = np.where(frame.known[:, None], frame.centre[:, :2], np.nan)
        z = filled_z(clip, own)
        away = self.distance * own.unit
        points = np.concatenate([clip.keypoints[..., :2] - centre[:, None], z[..., None]], axis=-1)
        points[..., :2] *= (np.maximum(away + z, 0.2 * away) / away)[..., None]
        # The way there is the way back, transposed.
        there = rotation(np.radians(roll_degrees), np.radians(yaw_degrees)).T
        points = points @ there.T
        true = points[..., 2].copy()
        points[..., :2] *= (away / np.maximum(away + true, 0.2 * away))[..., None]
        keypoints = clip.keypoints.copy()
        keypoints[..., :2] = points[..., :2] + centre[:, None]
        keypoints[..., 2] = extractors_own_z(self._mistaken(points, own.unit, rng), EXTRACTOR)
        keypoints[~frame.known, :, 3] = 0  # nothing is known of a frame without shoulders
        self._lose_hands(keypoints, own.unit, yaw_degrees, rng)
        missing = ~(keypoints[..., 3] > 0)
        keypoints[missing] = [np.nan, np.nan, np.nan, 0]
        seen = dataclasses.replace(clip, keypoints=keypoints)
        depth = np.where(missing, np.nan, true / own.unit).astype(np.float32)
        return seen, Depth("true", depth, own.unit)

    def _mistaken(self, points: Array, unit: float, rng: np.random.Generator) -> Array:
        frames = len(points)
        x, z = points[..., 0], points[..., 2]
        slopes = np.zeros(z.shape)
        head = [0, 1, 2, 3, 4]
        slopes += rng.normal(0, self.slant) + rng.normal(0, self.slant_frame, (frames, 1))
        slopes[:, head] = rng.normal(0, self.slant) + rng.normal(0, self.slant_frame, (frames, 1))
        noise = rng.normal(0, self.depth_noise * unit, z.shape)
        for hand in (LEFT_HAND, RIGHT_HAND):  # a hand's points err together
            noise[:, hand] = noise[:, hand.start : hand.start + 1]
        return z * np.exp(rng.normal(0, self.stretch)) + slopes * x + noise

    def _lose_hands(
        self, keypoints: NDArray[np.float32], unit: float, yaw_degrees: float, rng: np.random.Generator
    ) -> None:
        part = float(np.clip((abs(yaw_degrees) - 30) / 30, 0, 2))
        noise = self.hand_noise * unit * (1 + abs(yaw_degrees) / 60)
        far = LEFT_HAND if yaw_degrees > 0 else RIGHT_HAND
        frames = len(keypoints)
        for hand in (LEFT_HAND, RIGHT_HAND):
            keypoints[:, hand, :2] += rng.normal(0, noise, (frames, 21, 2)).astype(np.float32)
            share = part * (self.far_lost if hand == far else self.near_lost)
            lost = np.repeat(rng.random(frames // 5 + 1) < share, 5)[:frames]
            keypoints[lost, hand, 3] = 0


Method = Callable[[PoseClip, Depth], tuple[PoseClip, Correction | None]]
"""A view and its true depth -> what the networks get, and what was done."""


def methods(best: CorrectionSettings | None = None, widest: float | None = None) -> dict[str, Method]:
    """Everything that is compared, by name.

    Args:
        best: The settings that the others vary; the defaults when None.
        widest: How wide the signer's shoulders are when they face the camera (`lifted_depth`), if known.
    """
    best = best or CorrectionSettings()

    def by(depth_of: Callable[[PoseClip], Depth] | None, **changes: Any) -> Method:
        settings = dataclasses.replace(best, **changes)

        def method(clip: PoseClip, true: Depth) -> tuple[PoseClip, Correction | None]:
            return correct(clip, settings, true if depth_of is None else depth_of(clip))

        return method

    made: dict[str, Method] = {
        "no correction": lambda clip, true: (clip, None),
        "2D": by(landmark_depth, space="2D"),
        "3D, all cues": by(landmark_depth),
        "3D, landmark depth alone": by(landmark_depth, yaw="depth"),
        "3D, lift": by(lifted_depth, yaw="depth"),
        "3D, lift, own widest known": by(lambda clip: lifted_depth(clip, widest), yaw="depth"),
        "3D, true depth": by(None, yaw="depth"),
        "3D, all cues, shoulders only": by(landmark_depth, joints="shoulders"),
    }
    for policy in POLICIES:
        if policy != best.policy:
            made[f"3D, all cues, {policy}"] = by(landmark_depth, policy=policy)
    return made


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
                ready = {w: prepare(clip.keypoints[:, WHOLE_BODY_INDEX], w) for w in windows}
            except InputRejected:
                continue
            good.append(number)
            for w in windows:
                made[w].append(ready[w])
        if not good:
            raise InputRejected("benchmark", "no clip can be read", "check the recordings")
        scores = run(
            {w: (np.stack([s.joints for s in m]), np.stack([s.seen for s in m])) for w, m in made.items()}
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
    run_folder: Path, data: Path, split: str, networks: Sequence[str] = ()
) -> tuple[Scorer, tuple[str, ...], str]:
    """The networks of a run that trained on one split, with SAM-SLR's weights beside the hand shape's.

    Args:
        run_folder: Folder that ``signlens train signlens_studies/starter/starter.toml`` wrote.
        data: Folder of the landmark sets.
        split: ``traduttore-1-to-2`` or ``traduttore-2-to-1``.
        networks: Which networks; those that are there when empty.

    Raises:
        PartMissing: None of them has been trained on the split.
    """
    from signlens.models.ensemble import ensemble
    from signlens.models.inputs import network_input
    from signlens.training.experiment import load_experiment
    from signlens.training.run import load_network, open_source, piece_folder

    recipe = run_folder / "experiment.toml"
    experiment = load_experiment(
        recipe if recipe.is_file() else Path("src/signlens_studies/starter/starter.toml")
    )
    wanted = list(networks) or list(experiment.networks)
    there = [n for n in wanted if (piece_folder(run_folder, (n, split)) / "model.safetensors").is_file()]
    if not there or (networks and len(there) < len(networks)):
        missing = ", ".join(n for n in wanted if n not in there)
        raise PartMissing(run_folder, f"{missing} has not been trained on {split}", "train the run first")
    source = open_source(data, experiment)
    sessions = {}
    for name in there:
        network = load_network(run_folder, experiment, (name, split), len(source.classes))
        some = source.inputs(np.arange(4), experiment.networks[name], None)
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

    from signlens.training.export import export_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, example, path)
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def _run_weights(networks: Iterable[str]) -> dict[str, float]:
    """SAM-SLR's weights for its streams, and twice their sum for what reads the hands' shape."""
    from signlens_studies.starter.results import weights_with

    return {name: w for name, w in weights_with(2 / 3, networks).items() if name in networks}


@dataclass(frozen=True)
class Cell:
    """One method at one view.

    Attributes:
        method: Its name.
        yaw: Degrees of the virtual camera.
        roll: Degrees of tilt.
        right: (N,) whether each clip was recognised.
        yaw_error: (N,) how far the measured yaw is off, degrees; NaN where none is measured.
        changed: (N,) whether the poses were changed at all.
    """

    method: str
    yaw: float
    roll: float
    right: NDArray[np.bool_]
    yaw_error: Array
    changed: NDArray[np.bool_]


def run_view(
    recordings: Sequence[Recording],
    scorer: Scorer,
    classes: Sequence[str],
    compared: Mapping[str, Method],
    views: Sequence[tuple[float, float]],
    camera: VirtualCamera | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[Cell]:
    """Score every method at every view; every method sees the same views.

    The view (0, 0) is the recording as it is, untouched: what correction costs a signer who faces the camera.
    Poses that a method leaves as they are are not scored again.

    Args:
        recordings: The clips.
        scorer: The networks.
        classes: Names of their classes.
        compared: The methods.
        views: (yaw, roll) in degrees.
        camera: What happens on the way; the defaults when None.
        seed: Of the camera's errors.
        progress: Called with a line a view.
    """
    camera = camera or VirtualCamera()
    columns = [list(classes).index(w) for w in WORDS]
    truth = np.array([WORDS.index(r.gloss) for r in recordings])
    # The recorders do not face the camera exactly; where they face is part of the truth.
    own_yaw = np.array([_median_degrees(read_cues(r.poses).shoulders) for r in recordings])
    cells = []
    for yaw, roll in views:
        rng = np.random.default_rng([seed, int(yaw) % 360, int(roll) % 360])
        if yaw == roll == 0:
            seen = [(r.poses, landmark_depth(r.poses)) for r in recordings]
        else:
            seen = [camera.view(r.poses, yaw, roll, rng) for r in recordings]
        unchanged = scorer([clip for clip, _ in seen])[:, columns]
        for name, method in compared.items():
            done = [method(clip, true) for clip, true in seen]
            changed = np.array([new is not clip for (new, _), (clip, _) in zip(done, seen, strict=True)])
            scores = unchanged.copy()
            if changed.any():
                moved = [clip for (clip, _), other in zip(done, changed, strict=True) if other]
                scores[changed] = scorer(moved)[:, columns]
            right = (scores.argmax(axis=1) == truth) & np.isfinite(scores).any(axis=1)
            measured = np.array([np.nan if c is None else c.measured_yaw for _, c in done])
            cells.append(Cell(name, yaw, roll, right, np.abs(measured - (own_yaw + yaw)), changed))
        if progress is not None:
            progress(f"yaw {yaw:+.0f}, roll {roll:+.0f}")
    return cells


@dataclass(frozen=True)
class Kept:
    """What one method keeps, costs and measures.

    Attributes:
        method: Its name.
        at_zero: Accuracy on the recordings as they are, per cent (Wilson's interval).
        cost_at_zero: Points lost there against no correction, paired, per cent.
        at_zero_test: McNemar's test of the same.
        kept: Angle -> accuracy over both sides, in per cent of that at 0 without correction.
        gain: Angle -> points won there against no correction, paired, per cent.
        yaw_error: Median error of the yaw over all turned views, degrees; None where none is measured.
        changed: Angle -> share of clips that were changed, per cent.
    """

    method: str
    at_zero: Interval
    cost_at_zero: Interval
    at_zero_test: McNemar
    kept: dict[float, Interval]
    gain: dict[float, Interval]
    yaw_error: Interval | None
    changed: dict[float, float]


def summarise(cells: Sequence[Cell]) -> list[Kept]:
    """Accuracy kept, cost and yaw error of each method; intervals over clips, percentile bootstrap."""
    found = {(c.method, c.yaw, c.roll): c for c in cells}
    names = list(dict.fromkeys(c.method for c in cells))
    angles = sorted({abs(c.yaw) for c in cells if c.yaw and not c.roll})
    plain = found["no correction", 0.0, 0.0].right
    counts = np.concatenate(list(resampled_counts(len(plain), None, 2000, 0)))

    def sides(name: str, angle: float) -> list[Cell]:
        return [found[name, y, 0.0] for y in (angle, -angle) if (name, y, 0.0) in found]

    made = []
    for name in names:
        zero = found[name, 0.0, 0.0].right
        kept, gain = {}, {}
        for angle in angles:
            right = np.mean([c.right for c in sides(name, angle)], axis=0)
            before = np.mean([c.right for c in sides("no correction", angle)], axis=0)
            share = 100 * (counts @ right) / np.maximum(counts @ plain, 1e-9)
            kept[angle] = interval(float(100 * right.mean() / plain.mean()), share)
            gain[angle] = interval(
                float(100 * (right - before).mean()), 100 * (counts @ (right - before)) / len(plain)
            )
        made.append(
            Kept(
                method=name,
                at_zero=wilson(int(zero.sum()), len(zero)),
                cost_at_zero=bootstrap(100 * (plain.astype(np.int64) - zero)),
                at_zero_test=mcnemar(plain, zero),
                kept=kept,
                gain=gain,
                yaw_error=_median_error([c.yaw_error for a in angles for c in sides(name, a)]),
                changed={
                    a: float(100 * np.mean([c.changed for c in sides(name, a)])) for a in (0.0, *angles)
                },
            )
        )
    return made


def _median_error(errors: Sequence[Array]) -> Interval | None:
    """Median over clips and views; clips are drawn for the interval, each with all its views."""
    table = np.stack(errors, axis=1) if errors else np.full((0, 0), np.nan)
    if not np.isfinite(table).any():
        return None
    rng = np.random.default_rng(0)
    drawn = [np.nanmedian(table[rng.integers(0, len(table), len(table))]) for _ in range(400)]
    return interval(float(np.nanmedian(table)), np.array(drawn))


def _median_degrees(angles: Array) -> float:
    known = angles[np.isfinite(angles)]
    return float(np.degrees(np.median(known))) if len(known) else float("nan")


# ---------------------------------------------------------------------------------------------------
# (b) rendered signers

RENDERED = (
    ("maya", "please"), ("jonas", "book"), ("amara", "thank-you"),
    ("ren", "what"), ("elena", "hello"), ("kofi", "coffee"),
)  # fmt: skip
"""Identities and what they sign."""
RENDERED_FRAMES = 6


BACKGROUND = 6.0
"""Metres to which the background is put in pictures of nearness."""


@dataclass(frozen=True)
class Filmed:
    """A rendered clip as the extractor sees it.

    Attributes:
        poses: What it found.
        truth: Where everything was (`signlens.signer.Truth`).
        nearness: (T, 133) one over the true depth of the surface that shows at each keypoint found, NaN
            where none was: what a perfect network of relative depth would give. None if not rendered.
        depth_video: The same pictures as the SLR-sentiment paper had them: each frame stretched to 0..255,
            coloured with INFERNO, compressed, beside the original. None if not rendered.
    """

    poses: PoseClip
    truth: Any
    nearness: Array | None = None
    depth_video: Path | None = None


def render_poses(cache: Path, yaws: Sequence[float] = YAWS) -> list[Filmed]:
    """Film the rendered signers and let the real extractor look; what is in the cache is not made again.

    Args:
        cache: Folder for the films, their truths and their poses.
        yaws: Degrees, whole numbers.

    Raises:
        PartMissing: The extra ``signer`` or the extractor is not installed.
    """
    from signlens.pose import HolisticExtractor, read_pose, write_pose
    from signlens.signer import Truth, render_sign, write_video

    cache.mkdir(parents=True, exist_ok=True)
    made = []
    with HolisticExtractor() as extractor:
        for yaw in yaws:
            for who, sign in RENDERED:
                stem = f"{sign}-{who}-{int(yaw):+d}-480x360-{RENDERED_FRAMES}"
                poses, truth, film, depth, near = (
                    cache / f"{stem}{end}" for end in (".pose", ".npz", ".mp4", "-depth.mp4", "-nearness.npz")
                )
                if not all(path.is_file() for path in (poses, truth, depth, near)):
                    clip = render_sign(
                        sign, yaw_degrees=yaw, identity=who, width=480, height=360,
                        frames=RENDERED_FRAMES, fps=12.0, smooth=0, workers=1,
                    )  # fmt: skip
                    images = list(clip)
                    pictures = [1 / np.minimum(d, BACKGROUND).astype(np.float64) for d in clip.depths()]
                    write_video(images, film, fps=clip.fps, quality=16)
                    beside = [
                        np.concatenate(pair, axis=1)
                        for pair in zip(images, map(_in_colours, pictures), strict=True)
                    ]
                    write_video(beside, depth, fps=clip.fps)
                    clip.truth.save(truth)
                    found = extractor.extract(film)
                    write_pose(found, poses)
                    seen = zip(pictures, found.keypoints, strict=True)
                    rows = [sample(picture, frame, found.width, found.height) for picture, frame in seen]
                    with whole_file(near) as part, part.open("wb") as stream:
                        np.savez(stream, nearness=np.stack(rows))
                with np.load(near, allow_pickle=False) as archive:
                    nearness = archive["nearness"]
                made.append(Filmed(read_pose(poses), Truth.load(truth), nearness, depth))
    return made


def _in_colours(nearness: Array) -> NDArray[np.uint8]:
    """A picture of nearness stretched to 0..255 and coloured with INFERNO, RGB."""
    low, high = nearness.min(), nearness.max()
    return inferno_table()[np.round(255 * (nearness - low) / max(high - low, 1e-9)).astype(np.uint8)]


def _by_exact_nearness(clip: Filmed) -> Array:
    if clip.nearness is None:
        return np.full(clip.poses.frames, np.nan)
    depth = depth_from_nearness(clip.poses, "exact", clip.nearness)
    return SignerFrame.of(with_depth(clip.poses, depth).keypoints).yaw


def _by_depth_video(clip: Filmed) -> Array:
    if clip.depth_video is None:
        return np.full(clip.poses.frames, np.nan)
    depth = colormap_depth(clip.poses, clip.depth_video)
    return SignerFrame.of(with_depth(clip.poses, depth).keypoints).yaw


CUES: dict[str, Callable[[Filmed], Array]] = {
    "shoulders' z, as it comes": lambda clip: SignerFrame.of(clip.poses.keypoints).yaw,
    "shoulders' z, to scale (`landmark`)": lambda clip: read_cues(clip.poses).shoulders,
    "face mesh": lambda clip: read_cues(clip.poses).head,
    "nose between the ears": lambda clip: read_cues(clip.poses).nose,
    "width and nose (`lift`)": lambda clip: lifted_yaw(clip.poses),
    "true depth in an INFERNO video (`colormap`)": _by_depth_video,
    "true nearness, unrounded (a perfect `depth-anything`)": _by_exact_nearness,
    "all cues": lambda clip: fused_yaw(read_cues(clip.poses)),
}
"""Name -> yaw of every frame, radians."""


@dataclass(frozen=True)
class CueError:
    """How one cue reads the rendered signers.

    Attributes:
        cue: Its name.
        read: True yaw -> median reading over clips, degrees.
        median: Median absolute error over clips, degrees.
        unknown: Clips that it says nothing of.
        rms: Root of the mean square, degrees.
        by_yaw: Absolute yaw -> median absolute error, degrees.
    """

    cue: str
    read: dict[float, float]
    median: float
    unknown: int
    rms: float
    by_yaw: dict[float, float]


def cue_errors(clips: Sequence[Filmed]) -> list[CueError]:
    """Errors of each cue, of a clip's median over its frames; cues that no clip has are left out."""
    truth = np.array([float(clip.truth.yaw_degrees[0]) for clip in clips])
    made = []
    for name, read in CUES.items():
        got = np.array([_median_degrees(read(clip)) for clip in clips])
        error = np.abs(got - truth)
        known = np.isfinite(error)
        if not known.any():
            continue
        made.append(
            CueError(
                cue=name,
                read={float(y): float(np.nanmedian(got[truth == y])) for y in np.unique(truth)},
                median=float(np.median(error[known])),
                unknown=int((~known).sum()),
                rms=float(np.sqrt((error[known] ** 2).mean())),
                by_yaw={
                    float(y): float(np.nanmedian(error[np.abs(truth) == y])) for y in np.unique(np.abs(truth))
                },
            )
        )
    return made


def measure_scales(clips: Sequence[Filmed]) -> dict[str, tuple[float, list[float]]]:
    """How many times too large the extractor's z is, by part: least squares through the origin.

    Returns:
        Part -> the factor over all clips, and over all but one identity, for each identity in turn.
    """
    parts: dict[str, list[tuple[int, int | None]]] = {
        "shoulders": [(5, 6)],
        "elbows": [(7, None), (8, None)],
        "wrists": [(9, None), (10, None)],
        "nose": [(0, None)],
        "head": [(3, 4), (1, 2)],
        "face": [(23 + 45, 23 + 36), (23 + 16, 23 + 0)],
        "hand": [
            (hand.start + i, hand.start)
            for hand in (LEFT_HAND, RIGHT_HAND)
            for i in (4, 8, 12, 16, 20, 5, 9, 17)
        ],
    }
    rows: dict[str, dict[str, list[Array]]] = {name: {} for name in parts}
    for clip in clips:
        k, truth = clip.poses.keypoints.astype(np.float64), clip.truth
        world = -truth.keypoints_3d[..., 2]
        pixels = truth.focal / truth.camera[2]  # of a metre at the signer's place
        for name, pairs in parts.items():
            for point, origin in pairs:
                base = k[:, [5, 6], 2].mean(axis=1) if origin is None else k[:, origin, 2]
                from_world = world[:, [5, 6]].mean(axis=1) if origin is None else world[:, origin]
                raw, true = (k[:, point, 2] - base) / pixels, world[:, point] - from_world
                known = np.isfinite(raw) & np.isfinite(true) & truth.visible[:, point]
                rows[name].setdefault(truth.identity, []).append(np.stack([raw[known], true[known]]))
    found = {}
    for name, by_identity in rows.items():

        def factor(leave_out: str | None, of: dict[str, list[Array]] = by_identity) -> float:
            raw, true = np.concatenate([a for who, v in of.items() if who != leave_out for a in v], axis=1)
            return float((raw * true).sum() / (true * true).sum())

        found[name] = factor(None), [factor(who) for who in by_identity]
    return found


# ---------------------------------------------------------------------------------------------------
# The command


def choose(
    recordings: Sequence[Recording],
    scorer: Scorer,
    classes: Sequence[str],
    progress: Callable[[str], None] | None = None,
) -> tuple[CorrectionSettings, list[tuple[CorrectionSettings, float, float]]]:
    """The settings that keep most at +-30 and +-45 among those that cost nothing at 0, on validation clips.

    Args:
        recordings: Validation clips: of another recorder than the one under test.
        scorer: Networks that have not seen them.
        classes: Names of their classes.
        progress: Called with a line a view.

    Returns:
        The best, and each candidate with its points at 0 against no correction and its mean at the
        turned views.
    """
    candidates = [
        CorrectionSettings(policy=policy, least_yaw=least)
        for policy in ("clip", "smoothed", "frame")
        for least in (0.0, 5.0, 10.0, 15.0, 20.0)
    ]
    compared: dict[str, Method] = {"no correction": lambda clip, true: (clip, None)}
    for number, settings in enumerate(candidates):
        compared[str(number)] = lambda clip, true, s=settings: correct(clip, s)  # type: ignore[misc]
    views = [(0.0, 0.0), (30.0, 0.0), (-30.0, 0.0), (45.0, 0.0), (-45.0, 0.0)]
    cells = run_view(recordings, scorer, classes, compared, views, seed=1, progress=progress)
    at = {(c.method, c.yaw): 100 * float(c.right.mean()) for c in cells}
    tried = [
        (
            settings,
            at[str(n), 0.0] - at["no correction", 0.0],
            float(np.mean([at[str(n), y] for y, _ in views[1:]])),
        )
        for n, settings in enumerate(candidates)
    ]
    free = [t for t in tried if t[1] >= 0] or tried
    return max(free, key=lambda t: (t[2], t[0].least_yaw))[0], tried


def main(arguments: list[str] | None = None) -> int:
    """Print the tables of ``src/signlens_studies/orientation/README.md``."""
    parser = argparse.ArgumentParser(prog="python -m signlens_studies.orientation.views", description=__doc__)
    parser.add_argument("part", choices=("view", "choose", "rendered", "scales"))
    parser.add_argument("--data", type=Path, default=default_data(), help="folder of the landmark sets")
    parser.add_argument(
        "--run",
        type=Path,
        help="a run of signlens_studies/starter/starter.toml; the shipped model if not given",
    )
    parser.add_argument("--networks", default="", help="comma-separated; all that the run has")
    parser.add_argument("--recorder", default="recorder2", choices=("recorder1", "recorder2"))
    parser.add_argument("--per-word", type=int, default=None, help="clips of each word (default: all)")
    parser.add_argument("--methods", default="", help="separated by ;, by the names of the table")
    parser.add_argument("--rolls", action="store_true", help="also tilt the views, at every yaw")
    parser.add_argument("--cache", type=Path, help="folder for rendered films")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    options = parser.parse_args(arguments)
    if options.part in ("rendered", "scales"):
        if options.cache is None:
            raise UsageError("--cache", "films need a folder", "name one")
        clips = render_poses(options.cache)
        document = _print_rendered(clips) if options.part == "rendered" else _print_scales(clips)
    else:
        document = _view(options)
    if options.out is not None:
        with whole_file(options.out) as part:
            part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def _view(options: argparse.Namespace) -> dict[str, Any]:
    split = "traduttore-1-to-2" if options.recorder == "recorder2" else "traduttore-2-to-1"
    networks = [n for n in options.networks.split(",") if n]
    if options.run is None:
        scorer, classes, about = shipped_scorer()
    else:
        scorer, classes, about = run_scorer(options.run, options.data, split, networks)
    recordings = load_recordings(options.data / "traduttore-asl", options.recorder, options.per_word)
    print(f"{len(recordings)} clips of {options.recorder}, {about}")

    def progress(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    if options.part == "choose":
        best, tried = choose(recordings, scorer, classes, progress)
        for settings, cost, mean in tried:
            mark = "  <" if settings == best else ""
            name = f"{settings.policy}, from {settings.least_yaw:g} degrees"
            print(f"{name:28s} at 0: {cost:+5.2f}   mean at +-30, +-45: {mean:5.1f}{mark}")
        return {"clips": len(recordings), "networks": about, "best": asdict(best)}
    widths = [np.nanmedian(read_cues(r.poses).width) for r in recordings]
    compared = methods(widest=float(np.percentile(widths, 75)))
    chosen = [m.strip() for m in options.methods.split(";") if m.strip()]
    unknown = [m for m in chosen if m not in compared]
    if unknown:
        raise UsageError(
            "--methods", f"there is none called {unknown[0]!r}", f"choose from {'; '.join(compared)}"
        )
    if chosen:
        compared = {"no correction": compared["no correction"], **{m: compared[m] for m in chosen}}
    views = [(y, r) for r in (ROLLS if options.rolls else (0.0,)) for y in YAWS]
    cells = run_view(recordings, scorer, classes, compared, views, progress=progress)
    return _print_view(cells, len(recordings), about)


def _print_view(cells: Sequence[Cell], clips: int, about: str) -> dict[str, Any]:
    names = list(dict.fromkeys(c.method for c in cells))
    yaws, rolls = sorted({c.yaw for c in cells}), sorted({c.roll for c in cells})
    at = {(c.method, c.yaw, c.roll): wilson(int(c.right.sum()), len(c.right)) for c in cells}

    def table(title: str, rows: Sequence[tuple[str, str, float]]) -> None:
        print(f"\n| {title} | " + " | ".join(f"{y:+.0f}" for y in yaws) + " |")
        print("|---|" + "---|" * len(yaws))
        for label, name, roll in rows:
            print(f"| {label} | " + " | ".join(f"{at[name, y, roll].value:.1f}" for y in yaws) + " |")

    if len(rolls) == 1:
        table("top-1 at yaw", [(name, name, 0.0) for name in names])
    else:
        for name in names:
            table(f"{name}: top-1 at roll (down), yaw (across)", [(f"{r:+.0f}", name, r) for r in rolls])
    made = summarise(cells)
    angles = list(made[0].kept)
    print("\n| system | at 0 | cost at 0 | only right without / with it, p | yaw error |")
    print("|---|---|---|---|---|")
    for row in made:
        test = row.at_zero_test
        print(
            f"| {row.method} | {_said(row.at_zero)} | {_said(row.cost_at_zero, 2)} | "
            f"{test.only_first} / {test.only_second}, {test.p_value:.2g} | {_said(row.yaw_error)} |"
        )
    for title, values in (
        ("kept of the accuracy at 0", [row.kept for row in made]),
        ("points won against no correction", [row.gain for row in made]),
    ):
        print(f"\n| {title} | " + " | ".join(f"+-{a:.0f}" for a in angles) + " |")
        print("|---|" + "---|" * len(angles))
        for row, of in zip(made, values, strict=True):
            print(f"| {row.method} | " + " | ".join(_said(of[a]) for a in angles) + " |")
    print("\n| clips changed, per cent | " + " | ".join(f"+-{a:.0f}" for a in (0.0, *angles)) + " |")
    print("|---|" + "---|" * (len(angles) + 1))
    for row in made:
        print(f"| {row.method} | " + " | ".join(f"{v:.1f}" for v in row.changed.values()) + " |")
    accuracy = [
        {"method": m, "yaw": y, "roll": r, "top1": v.value, "low": v.low, "high": v.high}
        for (m, y, r), v in at.items()
    ]
    return {"clips": clips, "networks": about, "accuracy": accuracy, "summary": [asdict(row) for row in made]}


def _said(value: Interval | None, digits: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value.value:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def _print_rendered(clips: Sequence[Filmed]) -> dict[str, Any]:
    made = cue_errors(clips)
    yaws = sorted(made[0].read)
    print(f"{len(clips)} rendered clips of {RENDERED_FRAMES} frames, 480x360, six identities")
    print(
        "\n| cue reads, at a true yaw of | "
        + " | ".join(f"{y:+.0f}" for y in yaws)
        + " | median error | rms |"
    )
    print("|---|" + "---|" * (len(yaws) + 2))
    for row in made:
        read = " | ".join(f"{row.read[y]:+.0f}" for y in yaws)
        unknown = f" ({row.unknown} clips unknown)" if row.unknown else ""
        print(f"| {row.cue}{unknown} | {read} | {row.median:.1f} | {row.rms:.1f} |")
    return {"clips": len(clips), "cues": [asdict(row) for row in made]}


def _print_scales(clips: Sequence[Filmed]) -> dict[str, Any]:
    made = measure_scales(clips)
    for name, (value, without) in made.items():
        print(f"{name:9s} {value:.2f}   without one identity: {min(without):.2f} to {max(without):.2f}")
    return {name: value for name, (value, _) in made.items()}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SignLensError as error:
        print(f"signlens: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
