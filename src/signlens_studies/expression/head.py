"""Train and validate the default expression head (`signlens.emotion.head`).

``python -m signlens_studies expression head EXPERIMENT --data CKPLUS48 --videos VIDEOS
--cache DIR --out DIR``

Expressions come from CK+ face crops of 48x48 pixels (Lucey et al. 2010; seven expressions, posed, no
neutral). Neutral comes from signers at rest: frames near the ends of WLASL clips with both wrists low, a weak
label. Two things keep the head from learning "which data set" instead of "which expression":

- every signer's face is also shrunk to a 48x48 grey crop, framed as CK+ frames it, and measured there;
- the difference between a signer's face as filmed and the same face shrunk is measured, and added to
  CK+ faces, so that the seven expressions are also seen as a video's face mesh would show them.

Folds are by person. The number of components and the regularisation are chosen by inner folds of the
training part, and so are the shrinkage and the shares of the branch that looks at pictures
(`signlens_studies.expression.appearance`), which is trained on CK+ alone; the temperature for a fold is
fitted on the other folds' held-out logits.
"""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import CROP, AppearanceHead, Framing, cut_square, expression_crop
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.head import ExpressionHead, face_features, save_head, softmax
from signlens.errors import InputRejected, UsageError, require_extra
from signlens.files import whole_file
from signlens.pose.face_points import (
    MEASURES,
    POINTS,
    STABLE_POINTS,
    mirror_points,
    remove_head_pose,
)
from signlens_studies.expression.appearance import (
    Discriminant,
    crop_histograms,
    fit_discriminants,
    fit_shares,
)

FloatArray = NDArray[np.float64]

FOLDER_OF_EMOTION = {
    "happy": "happy",
    "sad": "sadness",
    "surprise": "surprise",
    "fear": "fear",
    "disgust": "disgust",
    "anger": "anger",
    "contempt": "contempt",
}
"""Expression -> its folder in the CK+ crops."""

NEUTRAL = EMOTIONS.index("neutral")
MESHES = ("unrefined", "refined")


@dataclass(frozen=True)
class EmotionExperiment:
    """One experiment, as its TOML file says; an unknown or missing key is an error."""

    name: str
    seed: int
    folds: int
    inner_folds: int
    components: tuple[int, ...]
    inverse_regularisation: tuple[float, ...]
    appearance_shrinkage: tuple[float, ...]
    bootstrap: int
    crop_margin: tuple[float, ...]
    crop_side: tuple[int, ...]
    crop_filling: tuple[str, ...]
    rest_frames_per_end: int
    rest_end_share: float
    rest_wrist_height: float
    other_frames_per_clip: int


def load_experiment(path: str | Path) -> EmotionExperiment:
    """Read an experiment file.

    Raises:
        UsageError: Unreadable, unknown or missing keys, or values of the wrong kind.
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(path, f"the experiment cannot be read ({error})", "correct the file") from error
    known = {f.name for f in fields(EmotionExperiment)}
    if set(table) != known:
        unknown, missing = sorted(set(table) - known), sorted(known - set(table))
        raise UsageError(path, f"unknown keys {unknown}, missing keys {missing}", "correct the file")
    for key, example in (
        *((k, "text") for k in ("name",)),
        *((k, 1) for k in ("seed", "folds", "inner_folds", "bootstrap", "rest_frames_per_end")),
        *((k, 1.0) for k in ("rest_end_share", "rest_wrist_height")),
        *((k, [1]) for k in ("components", "crop_side")),
        *((k, [1.0]) for k in ("inverse_regularisation", "appearance_shrinkage", "crop_margin")),
        ("crop_filling", ["text"]),
        ("other_frames_per_clip", 1),
    ):
        if not _same_kind(table[key], example):
            raise UsageError(path, f"{key} = {table[key]!r} is of the wrong kind", "correct the file")
    if not len(table["crop_margin"]) == len(table["crop_side"]) == len(table["crop_filling"]):
        raise UsageError(path, "crop_margin, crop_side and crop_filling differ in length", "correct the file")
    if set(table["crop_filling"]) - {"replicate", "grey", "reflect"}:
        raise UsageError(path, "crop_filling knows replicate, grey and reflect", "correct the file")
    if not all(0 < value <= 1 for value in table["appearance_shrinkage"]):
        raise UsageError(path, "appearance_shrinkage must lie over 0 and at most at 1", "correct the file")
    if min(table["folds"], table["inner_folds"]) < 2:
        raise UsageError(path, "folds and inner_folds must be at least 2", "correct the file")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return EmotionExperiment(**values)


def _same_kind(value: object, example: object) -> bool:
    if isinstance(example, list):
        return isinstance(value, list) and bool(value) and all(_same_kind(v, example[0]) for v in value)
    if isinstance(value, bool):
        return False
    if isinstance(example, float):
        return isinstance(value, int | float)
    return isinstance(value, type(example))


# ---------------------------------------------------------------------------------------------
# Reference face


def mirror_order(reference: NDArray[np.floating]) -> NDArray[np.int64]:
    """Which point is which point's mirror image, read from the shape of an upright face.

    The pairing of least total distance (Hungarian method).

    Args:
        reference: (468, 3) face that looks along -z with its eye line along x.

    Returns:
        (468,) indices; applying them twice changes nothing.

    Raises:
        InputRejected: The face is not symmetric enough to pair its points.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    face = np.asarray(reference, dtype=np.float64)
    face = face - [(face[33, 0] + face[263, 0]) / 2, 0.0, 0.0]
    order = linear_sum_assignment(cdist(face, face * [-1.0, 1.0, 1.0]))[1]
    if not np.array_equal(order[order], np.arange(POINTS)):
        raise InputRejected("reference face", "its left and right points do not pair", "use more faces")
    return np.asarray(order, dtype=np.int64)


def reference_face(points: NDArray[np.floating]) -> tuple[FloatArray, NDArray[np.int64]]:
    """The mean shape of some faces, made symmetric, in the canonical unit.

    Generalised Procrustes on the stable points: align to the first face, average, repeat.

    Args:
        points: (K, 468, 3) pixels; rows with NaN are left out.

    Returns:
        (468, 3) reference face (mean of its stable points at the origin, outer eye corners one unit
        apart) and its mirror order.

    Raises:
        InputRejected: No row without NaN.
    """
    faces = np.asarray(points, dtype=np.float64)
    faces = faces[np.isfinite(faces).all(axis=(1, 2))]
    if not len(faces):
        raise InputRejected("faces", "the face mesh found none", "check the pictures")
    reference = faces[0]
    for _ in range(5):
        mean = remove_head_pose(faces, reference).mean(axis=0)
        reference = _unit(mean)
    # Turn the eye line onto the x axis and forehead-to-chin upright before mirroring.
    across = reference[263] - reference[33]
    down = reference[152] - reference[10]
    x = across / np.linalg.norm(across)
    y = down - (down @ x) * x
    y /= np.linalg.norm(y)
    turned = reference @ np.stack([x, y, np.cross(x, y)], axis=1)
    order = mirror_order(turned)
    # The mirror image is aligned back first: the stable points' mean need not lie mid-face.
    mirrored = remove_head_pose(mirror_points(turned[None], order), turned)[0]
    return _unit((turned + mirrored) / 2), order


def _unit(face: FloatArray) -> FloatArray:
    centred = face - face[list(STABLE_POINTS)].mean(axis=0)
    return np.asarray(centred / np.linalg.norm(centred[263] - centred[33]))


# ---------------------------------------------------------------------------------------------
# Pictures to face points


def mesh_faces(
    pictures: Iterable[NDArray[np.uint8]], refined: bool, report: Callable[[int], None] | None = None
) -> NDArray[np.float32]:
    """MediaPipe FaceMesh on single pictures.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        refined: With the attention mesh (finer eyes and lips).
        report: Called with the number of pictures done.

    Returns:
        (K, 468, 3) pixels; NaN rows where no face was found.
    """
    import mediapipe

    rows = []
    with mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=refined, min_detection_confidence=0.1
    ) as network:
        for number, picture in enumerate(pictures, start=1):
            height, width = picture.shape[:2]
            found = network.process(np.ascontiguousarray(picture)).multi_face_landmarks
            row = np.full((POINTS, 3), np.nan, dtype=np.float32)
            if found:
                row[:] = [(p.x * width, p.y * height, p.z * width) for p in found[0].landmark[:POINTS]]
            rows.append(row)
            if report is not None:
                report(number)
    return np.stack(rows) if rows else np.empty((0, POINTS, 3), dtype=np.float32)


def enlarge(crop: NDArray[np.uint8], margin: float, side: int, filling: str) -> NDArray[np.uint8]:
    """A grey crop made large enough for the face mesh, with a margin around it.

    Args:
        crop: (H, W) grey.
        margin: Share of `side` added on each edge.
        side: Pixels that the crop itself becomes (bicubic).
        filling: ``replicate``, ``reflect`` or ``grey``.

    Returns:
        (S, S, 3) RGB, S = side + 2 * int(margin * side).
    """
    import cv2

    modes = {
        "replicate": cv2.BORDER_REPLICATE,
        "reflect": cv2.BORDER_REFLECT,
        "grey": cv2.BORDER_CONSTANT,
    }
    large = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)
    edge = int(margin * side)
    framed = cv2.copyMakeBorder(large, edge, edge, edge, edge, modes[filling], value=(128,))
    return np.repeat(framed[..., None], 3, axis=2)


@dataclass(frozen=True)
class Faces:
    """Faces of one source, each measured in several ways.

    Attributes:
        label: (N,) index into EMOTIONS, or -1 when unlabelled.
        person: (N,) who it is (folds keep a person whole).
        name: (N,) file, or video and frame.
        points: Way of measuring -> (N, 468, 3) pixels. ``crop0/refined`` is the first crop setting
            with the refined mesh; ``filmed/refined`` the face at the video's size; ``clip`` what the
            pose extractor gave.
        crops: (N, 48, 48) grey crop of each.
        crop_points: (N, 468, 2) the face points in the crop's pixels as `recognize` would have them: of the
            unrefined mesh, or of the pose extractor.
    """

    label: NDArray[np.int64]
    person: NDArray[np.str_]
    name: NDArray[np.str_]
    points: dict[str, NDArray[np.float32]]
    crops: NDArray[np.uint8]
    crop_points: NDArray[np.float32]


def read_crops(folder: Path) -> tuple[list[Path], NDArray[np.int64], NDArray[np.str_]]:
    """The CK+ crops' files, labels and subjects.

    Raises:
        InputRejected: A folder is missing or empty.
    """
    files: list[Path] = []
    labels: list[int] = []
    for emotion, name in FOLDER_OF_EMOTION.items():
        found = sorted((folder / name).glob("*.png"))
        if not found:
            raise InputRejected(folder / name, "there are no .png crops", "name the folder of the CK+ crops")
        files += found
        labels += [EMOTIONS.index(emotion)] * len(found)
    return files, np.array(labels), np.array([f.name.split("_")[0] for f in files])


def _grey(path: Path) -> NDArray[np.uint8]:
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise InputRejected(path, "not a readable picture", "restore the file")
    return np.asarray(image, dtype=np.uint8)


def _crop_meshes(
    crops: Sequence[NDArray[np.uint8]], experiment: EmotionExperiment, say: Callable[[str], None], what: str
) -> dict[str, NDArray[np.float32]]:
    points = {}
    settings = zip(experiment.crop_margin, experiment.crop_side, experiment.crop_filling, strict=True)
    for number, (margin, side, filling) in enumerate(settings):
        for mesh in MESHES:
            say(f"face points of {len(crops)} {what}: crop setting {number + 1}, {mesh}")
            pictures = (enlarge(c, margin, side, filling) for c in crops)
            points[f"crop{number}/{mesh}"] = mesh_faces(pictures, mesh == "refined")
    return points


def expression_faces(folder: Path, experiment: EmotionExperiment, say: Callable[[str], None]) -> Faces:
    """The CK+ crops, measured in every crop setting with both meshes."""
    files, label, person = read_crops(folder)
    crops = [_grey(f) for f in files]
    wrong = [f for f, crop in zip(files, crops, strict=True) if crop.shape != (CROP, CROP)]
    if wrong:
        raise InputRejected(wrong[0], f"not {CROP} x {CROP} pixels", "give the crops as they are published")
    points = _crop_meshes(crops, experiment, say, "CK+ crops")
    margin, side = experiment.crop_margin[0], experiment.crop_side[0]
    inside = points_in_crop(points["crop0/unrefined"], margin, side)
    return Faces(label, person, np.array([f.name for f in files]), points, np.stack(crops), inside)


def points_in_crop(points: NDArray[np.floating], margin: float, side: int) -> NDArray[np.float32]:
    """Points of an enlarged crop (`enlarge`) in the crop's own pixels: (N, 468, 3) to (N, 468, 2)."""
    flat = np.asarray(points, dtype=np.float64)[..., :2] - int(margin * side)
    return np.asarray((flat + 0.5) * (CROP / side) - 0.5, dtype=np.float32)


def rest_frames(
    wrist_height: NDArray[np.floating], seen: NDArray[np.bool_], share: float, low: float, per_end: int
) -> NDArray[np.int64]:
    """Frames near the ends of a clip in which the signer rests.

    Args:
        wrist_height: (T,) the higher wrist between the shoulders (0) and the hips (1).
        seen: (T,) whether there is a face.
        share: How much of the clip is "near" an end.
        low: Height from which a wrist counts as low.
        per_end: At most so many frames at each end, those nearest to it.
    """
    frames = len(seen)
    reach = max(1, int(np.ceil(share * frames)))
    rests = np.flatnonzero(seen & (wrist_height > low))
    first = rests[rests < reach][:per_end]
    last = rests[rests >= frames - reach][::-1][:per_end]
    return np.unique(np.concatenate([first, last])).astype(np.int64)


def signer_faces(
    folder: Path, framing: Framing, experiment: EmotionExperiment, say: Callable[[str], None]
) -> Faces:
    """Signers' faces at rest (neutral) and at other times (unlabelled), as filmed and shrunk to crops.

    Args:
        folder: WLASL videos with ``clips.csv``.
        framing: Where CK+ has the eyes in a crop.
        experiment: Its rest and crop settings.
        say: Told what is going on.
    """
    from signlens.pose.holistic import extract_pose
    from signlens.video import open_video

    label, person, name = [], [], []
    clip_points, crops, crop_points, filmed = [], [], [], []
    generator = np.random.default_rng(experiment.seed)
    with (folder / "clips.csv").open(encoding="utf-8") as file:
        clips = list(csv.DictReader(file))
    for number, clip in enumerate(clips, start=1):
        if number % 10 == 1:
            say(f"poses of signers' clips: {number} of {len(clips)}")
        path = folder / f"{clip['video_id']}.mp4"
        pose = extract_pose(path)
        if pose.face_mesh is None:
            continue
        seen = np.isfinite(pose.face_mesh).all(axis=(1, 2))
        y = np.where(pose.keypoints[..., 3] > 0, pose.keypoints[..., 1], np.nan)
        shoulder, hip = y[:, 5:7].mean(axis=1), y[:, 11:13].mean(axis=1)
        height = (y[:, 9:11].min(axis=1) - shoulder) / (hip - shoulder)
        resting = rest_frames(
            np.nan_to_num(height, nan=0.0),
            seen,
            experiment.rest_end_share,
            experiment.rest_wrist_height,
            experiment.rest_frames_per_end,
        )
        others = np.setdiff1d(np.flatnonzero(seen), resting)
        others = generator.permutation(others)[: experiment.other_frames_per_clip]
        wanted = {int(i): NEUTRAL for i in resting} | {int(i): -1 for i in others}
        with open_video(path) as video:
            for index, frame in enumerate(video):
                if index not in wanted:
                    continue
                image = frame.image
                points = pose.face_mesh[index] * (image.shape[1] / pose.width)
                cut = expression_crop(image, points, framing)
                eyes = points[[33, 263], :2]
                side = float(np.linalg.norm(eyes[1] - eyes[0])) / framing.span
                corner = eyes.mean(axis=0) - np.array([framing.x, framing.y]) * side
                around = cut_square(image, corner - side / 2, 2 * side)
                if cut is None or around is None:
                    continue
                crops.append(cut[0])
                crop_points.append(cut[1])
                filmed.append(around)
                clip_points.append(pose.face_mesh[index])
                label.append(wanted[index])
                signer = clip["signer_id"]
                person.append(f"signer {signer}" if signer != "-1" else f"video {clip['video_id']}")
                name.append(f"{clip['video_id']}:{index}")
    points = _crop_meshes(crops, experiment, say, "signers' faces")
    for mesh in MESHES:
        say(f"face points of {len(filmed)} signers' faces as filmed: {mesh}")
        points[f"filmed/{mesh}"] = mesh_faces(filmed, mesh == "refined")
    points["clip"] = np.asarray(clip_points, dtype=np.float32)
    inside = np.asarray(crop_points, dtype=np.float32)
    return Faces(np.array(label), np.array(person), np.array(name), points, np.stack(crops), inside)


def crop_framing(points: NDArray[np.floating], margin: float, side: int) -> Framing:
    """Where faces lie in their crops: mean eye middle and outer eye distance, as shares."""
    edge = int(margin * side)
    eyes = (np.asarray(points, dtype=np.float64)[:, [33, 263], :2] - edge) / side
    eyes = eyes[np.isfinite(eyes).all(axis=(1, 2))]
    span = float(np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1).mean())
    x, y = (float(v) for v in eyes.mean(axis=(0, 1)))
    return Framing(x, y, span)


def _measuring_key(experiment: EmotionExperiment, files: Sequence[Path], videos: Path) -> str:
    """Names the cached face points: changes with the pictures and the settings they are measured by."""
    training_only = {
        *("name", "folds", "inner_folds", "bootstrap"),
        *("components", "inverse_regularisation", "appearance_shrinkage"),
    }
    settings = {
        f.name: getattr(experiment, f.name) for f in fields(experiment) if f.name not in training_only
    }
    clips = (videos / "clips.csv").read_text(encoding="utf-8")
    text = json.dumps(["with crops", settings, [f.name for f in files], clips], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cached(path: Path, make: Callable[[], Faces]) -> Faces:
    """Faces from a file, or made and kept there (npz, no pickle)."""
    if not path.exists():
        faces = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            np.savez(part, **{k: getattr(faces, k) for k in _NOT_POINTS}, **faces.points)
        return faces
    with np.load(path, allow_pickle=False) as stored:
        points = {k: stored[k] for k in stored.files if k not in _NOT_POINTS}
        return Faces(points=points, **{k: stored[k] for k in _NOT_POINTS})


_NOT_POINTS = ("label", "person", "name", "crops", "crop_points")


# ---------------------------------------------------------------------------------------------
# Rows for the head


@dataclass(frozen=True)
class Rows:
    """Training rows: canonical features of every way a face was measured.

    Attributes:
        features: (R, F).
        label: (R,) index into EMOTIONS.
        weight: (R,) rows of one face sum to 1.
    """

    features: FloatArray
    label: NDArray[np.int64]
    weight: FloatArray


class Bench:
    """Aligned shapes of both sources, and the training rows of any set of persons."""

    def __init__(self, expressions: Faces, signers: Faces, experiment: EmotionExperiment) -> None:
        self.expressions, self.signers, self.experiment = expressions, signers, experiment
        first = expressions.points["crop0/refined"]
        self.reference, self.mirror = reference_face(first)
        self.expression_shapes = {
            k: remove_head_pose(v, self.reference) for k, v in expressions.points.items()
        }
        self.signer_shapes = {k: remove_head_pose(v, self.reference) for k, v in signers.points.items()}
        self.histograms = crop_histograms(expressions.crops, expressions.crop_points, self.reference)
        self.signer_histograms = crop_histograms(signers.crops, signers.crop_points, self.reference)

    def features(self, shape: FloatArray) -> FloatArray:
        """Features of canonical shapes."""
        return face_features(shape, self.mirror)

    def crop_keys(self) -> list[str]:
        """Every crop setting with every mesh."""
        return [f"crop{n}/{mesh}" for n in range(len(self.experiment.crop_margin)) for mesh in MESHES]

    def as_filmed(
        self, key: str, rows: NDArray[np.int64], donors: NDArray[np.int64], seed: int
    ) -> FloatArray:
        """CK+ shapes moved by what being filmed rather than shrunk did to some signer's face.

        Args:
            key: Crop setting and mesh of the CK+ shapes.
            rows: CK+ rows.
            donors: Signer rows to take differences from.
            seed: Of the random pairing.
        """
        generator = np.random.default_rng(seed)
        mesh = key.split("/")[1]
        shrunk = self.signer_shapes[key]
        filmed = self.signer_shapes[f"filmed/{mesh}"]
        # The pose extractor's own mesh is a third way to be filmed.
        choice = generator.random(len(rows)) < 0.5
        pick = generator.choice(donors, size=len(rows))
        target = np.where(choice[:, None, None], filmed[pick], self.signer_shapes["clip"][pick])
        return np.asarray(self.expression_shapes[key][rows] + target - shrunk[pick])

    def training_rows(
        self, expression: NDArray[np.int64], signer: NDArray[np.int64], keys: Sequence[str], seed: int
    ) -> Rows:
        """Rows of some CK+ faces and some signers' faces, each measured in every way of `keys`."""
        shapes, labels, faces = [], [], []
        rest = signer[self.signers.label[signer] == NEUTRAL]
        for number, key in enumerate(keys):
            shapes.append(self.expression_shapes[key][expression])
            shapes.append(self.as_filmed(key, expression, signer, seed + number))
            for _ in range(2):
                labels.append(self.expressions.label[expression])
                faces.append(expression)
            shapes.append(self.signer_shapes[key][rest])
            labels.append(self.signers.label[rest])
            faces.append(-1 - rest)
        for key in ("filmed/refined", "filmed/unrefined", "clip"):
            shapes.append(self.signer_shapes[key][rest])
            labels.append(self.signers.label[rest])
            faces.append(-1 - rest)
        shape, label, face = np.concatenate(shapes), np.concatenate(labels), np.concatenate(faces)
        found = np.isfinite(shape).all(axis=(1, 2))
        shape, label, face = shape[found], label[found], face[found]
        _, group, count = np.unique(face, return_inverse=True, return_counts=True)
        return Rows(self.features(shape), label, 1.0 / count[group])


# ---------------------------------------------------------------------------------------------
# The linear head


@dataclass(frozen=True)
class LinearMap:
    """Logits = features @ weights + bias."""

    weights: FloatArray
    bias: FloatArray

    def logits(self, features: FloatArray) -> FloatArray:
        """(K, 8); NaN rows stay NaN."""
        return np.asarray(features @ self.weights + self.bias)


@dataclass(frozen=True)
class Whitening:
    """Measures standardised, outline as principal components of variance 1."""

    mean: FloatArray
    turn: FloatArray

    def cut(self, components: int) -> Whitening:
        """The same with only the first components of the outline."""
        return Whitening(self.mean, self.turn[:, : len(MEASURES) + components])


def whitening(rows: Rows, components: int) -> Whitening:
    """Fit on rows (weighted): standardised measures beside whitened principal components."""
    weight = rows.weight / rows.weight.sum()
    mean = weight @ rows.features
    centred = rows.features - mean
    count = len(MEASURES)
    spread = np.sqrt(weight @ centred[:, :count] ** 2)
    outline = centred[:, count:]
    values, vectors = np.linalg.eigh((outline * weight[:, None]).T @ outline)
    best = np.argsort(-values)[:components]
    scaled = vectors[:, best] / np.sqrt(np.maximum(values[best], 1e-12))
    turn = np.zeros((rows.features.shape[1], count + len(best)))
    turn[:count, :count] = np.diag(1 / spread)
    turn[count:, count:] = scaled
    return Whitening(mean, turn)


def fit_logistic(rows: Rows, white: Whitening, inverse_regularisation: float) -> LinearMap:
    """Multinomial logistic regression on whitened features, multiplied out to one linear map.

    Raises:
        PartMissing: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise require_extra("train", "scikit-learn") from error
    inputs = (rows.features - white.mean) @ white.turn
    # Each face counts as if it were six rows: the regularisation's scale does not depend on the
    # number of ways a face was measured.
    model = LogisticRegression(C=inverse_regularisation, max_iter=400, tol=1e-3)
    model.fit(inputs, rows.label, sample_weight=rows.weight * 6)
    weights = np.zeros((white.turn.shape[0], len(EMOTIONS)))
    bias = np.full(len(EMOTIONS), -30.0)
    weights[:, model.classes_] = white.turn @ model.coef_.T
    bias[model.classes_] = model.intercept_ - white.mean @ white.turn @ model.coef_.T
    return LinearMap(weights, bias)


def folds_by_person(person: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """(N,) fold of each row, whole persons, dealt out in random order."""
    people = np.unique(person)
    place = np.random.default_rng(seed).permutation(len(people)) % folds
    return np.asarray(place[np.searchsorted(people, person)], dtype=np.int64)


def log_loss(logits: FloatArray, label: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean negative log-probability of the labels."""
    return mean_log_loss(softmax(logits / temperature), label)


def fit_temperature(logits: FloatArray, label: NDArray[np.int64]) -> float:
    """The temperature of least log loss (golden section on its logarithm)."""
    low, high = np.log(0.2), np.log(5.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if log_loss(logits, label, float(np.exp(a))) < log_loss(logits, label, float(np.exp(b))):
            high = b
        else:
            low = a
    return float(np.exp((low + high) / 2))


def calibration_error(probabilities: FloatArray, label: NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error of the top class (Guo et al. 2017), equal-width bins, 0..1."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == label
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(right[place == b].mean() - confidence[place == b].mean()) * (place == b).mean()
            for b in np.unique(place)
        )
    )


def subject_interval(
    right: NDArray[np.bool_], person: NDArray[np.str_], draws: int, seed: int
) -> tuple[float, float]:
    """95 % interval of an accuracy by drawing whole subjects with replacement."""
    people, index = np.unique(person, return_inverse=True)
    hits = np.bincount(index, weights=right, minlength=len(people))
    size = np.bincount(index, minlength=len(people))
    pick = np.random.default_rng(seed).integers(len(people), size=(draws, len(people)))
    rates = hits[pick].sum(axis=1) / size[pick].sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True)
class Setting:
    """What inner folds choose.

    Attributes:
        components: Principal components of the outline.
        inverse_regularisation: Of the logistic regression.
        shrinkage: Of the discriminant's covariance.
        shares: Weights of the discriminant's scores and of the points' logits in their sum.
    """

    components: int
    inverse_regularisation: float
    shrinkage: float
    shares: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values for the report."""
        return {
            "components": self.components,
            "inverse_regularisation": self.inverse_regularisation,
            "appearance_shrinkage": self.shrinkage,
            "shares": [round(v, 4) for v in self.shares],
        }


def select(bench: Bench, expression: NDArray[np.int64], signer: NDArray[np.int64], seed: int) -> Setting:
    """The settings of least log loss in inner folds over the given faces alone.

    Components and regularisation by the eight expressions of the points; then shrinkage and shares by the
    seven of points and picture together, with the points' logits of the same inner folds.
    """
    e = bench.experiment
    inner_expression = folds_by_person(bench.expressions.person[expression], e.inner_folds, seed)
    inner_signer = folds_by_person(bench.signers.person[signer], e.inner_folds, seed)
    keys = ["crop0/refined", "crop0/unrefined"]
    loss: dict[tuple[int, float], float] = {
        (n, c): 0.0 for n in e.components for c in e.inverse_regularisation
    }
    as_measured = np.asarray(bench.features(bench.expression_shapes["crop0/unrefined"][expression]))
    logits = {key: np.full((len(expression), len(EMOTIONS)), np.nan) for key in loss}
    scores = {s: np.full((len(expression), len(EMOTIONS) - 1), np.nan) for s in e.appearance_shrinkage}
    for fold in range(e.inner_folds):
        kept, out = inner_expression != fold, inner_expression == fold
        rows = bench.training_rows(expression[kept], signer[inner_signer != fold], keys, seed + 100 * fold)
        resting = signer[inner_signer == fold]
        resting = resting[bench.signers.label[resting] == NEUTRAL]
        held = expression[out]
        shapes = np.concatenate(
            [bench.expression_shapes["crop0/refined"][held], bench.signer_shapes["crop0/refined"][resting]]
        )
        label = np.concatenate([bench.expressions.label[held], bench.signers.label[resting]])
        found = np.isfinite(shapes).all(axis=(1, 2))
        inputs, label = bench.features(shapes[found]), label[found]
        full = whitening(rows, max(e.components))
        for n, c in loss:
            model = fit_logistic(rows, full.cut(n), c)
            loss[n, c] += log_loss(model.logits(inputs), label)
            logits[n, c][out] = model.logits(as_measured[out])
        for shrinkage, branch in train_branches(bench, expression[kept], e.appearance_shrinkage).items():
            scores[shrinkage][out] = branch.scores(bench.histograms[held])
    best = min(loss, key=lambda setting: loss[setting])
    label = bench.expressions.label[expression]
    joint: dict[float, tuple[tuple[float, float], float]] = {}
    for shrinkage, values in scores.items():
        both = np.isfinite(values).all(axis=1) & np.isfinite(logits[best]).all(axis=1)
        joint[shrinkage] = fit_shares(values[both], logits[best][both, 1:], label[both])
    shrinkage = min(joint, key=lambda value: joint[value][1])
    return Setting(*best, shrinkage, joint[shrinkage][0])


def train_branches(
    bench: Bench, expression: NDArray[np.int64], shrinkages: Sequence[float]
) -> dict[float, Discriminant]:
    """The branch that looks at pictures, of some CK+ faces, at each shrinkage."""
    rows = expression[np.isfinite(bench.histograms[expression]).all(axis=1)]
    return fit_discriminants(bench.histograms[rows], bench.expressions.label[rows], shrinkages)


def train(
    bench: Bench,
    expression: NDArray[np.int64],
    signer: NDArray[np.int64],
    setting: Setting,
    seed: int,
) -> LinearMap:
    """The points' head of some faces at a setting."""
    rows = bench.training_rows(expression, signer, bench.crop_keys(), seed)
    return fit_logistic(rows, whitening(rows, setting.components), setting.inverse_regularisation)


# ---------------------------------------------------------------------------------------------
# Validation


def validate(bench: Bench, say: Callable[[str], None]) -> dict[str, Any]:
    """Nested cross-validation by person; everything that the docs and the card report.

    A face the mesh does not find is an error in every accuracy.
    """
    e = bench.experiment
    faces, signers = bench.expressions, bench.signers
    fold_e = folds_by_person(faces.person, e.folds, e.seed)
    fold_s = folds_by_person(signers.person, e.folds, e.seed)
    n_e, n_s = len(faces.label), len(signers.label)
    ways_e = {
        "refined": bench.expression_shapes["crop0/refined"],
        "unrefined": bench.expression_shapes["crop0/unrefined"],
    }
    ways_s = {
        k: v for k, v in bench.signer_shapes.items() if k in ("clip", "filmed/refined", "crop0/refined")
    }
    out_e = {k: np.full((n_e, len(EMOTIONS)), np.nan) for k in (*ways_e, "as filmed")}
    out_s = {k: np.full((n_s, len(EMOTIONS)), np.nan) for k in ways_s}
    chosen: list[Setting] = []
    pictured_e = np.full((n_e, len(EMOTIONS) - 1), np.nan)
    pictured_s = np.full((n_s, len(EMOTIONS) - 1), np.nan)
    for fold in range(e.folds):
        train_e, train_s = np.flatnonzero(fold_e != fold), np.flatnonzero(fold_s != fold)
        test_e, test_s = np.flatnonzero(fold_e == fold), np.flatnonzero(fold_s == fold)
        setting = select(bench, train_e, train_s, e.seed + 1000 * fold)
        chosen.append(setting)
        model = train(bench, train_e, train_s, setting, e.seed + 1000 * fold)
        for key, shape in ways_e.items():
            out_e[key][test_e] = model.logits(bench.features(shape[test_e]))
        moved = bench.as_filmed("crop0/refined", test_e, test_s, e.seed + fold)
        out_e["as filmed"][test_e] = model.logits(bench.features(moved))
        for key, shape in ways_s.items():
            out_s[key][test_s] = model.logits(bench.features(shape[test_s]))
        discriminant = train_branches(bench, train_e, [setting.shrinkage])[setting.shrinkage]
        pictured_e[test_e] = discriminant.scores(bench.histograms[test_e])
        pictured_s[test_s] = discriminant.scores(bench.signer_histograms[test_s])
        say(f"fold {fold + 1} of {e.folds}: {setting.to_json()}")
    seven = np.array([i for i in range(len(EMOTIONS)) if i != NEUTRAL])
    result: dict[str, Any] = {
        "chosen": [setting.to_json() for setting in chosen],
        "faces": n_e,
        "subjects": len(np.unique(faces.person)),
    }
    resting = signers.label == NEUTRAL
    temperature = temperature_by_fold(
        np.concatenate([out_e["refined"], out_s["clip"][resting]]),
        np.concatenate([faces.label, signers.label[resting]]),
        np.concatenate([fold_e, fold_s[resting]]),
        e.folds,
    )
    # Inner folds train on half the people, so their shares are too careful; the points have this remedy too.
    shares = np.array([setting.shares for setting in chosen])[fold_e]
    sums = shares[:, :1] * pictured_e + shares[:, 1:] * out_e["unrefined"][:, 1:]
    sharpness = temperature_by_fold(sums, faces.label - 1, fold_e, e.folds)
    for out, logits, scores, place in (
        (out_e, out_e["unrefined"], pictured_e, fold_e),
        (out_s, out_s["clip"], pictured_s, fold_s),
    ):
        out[PICTURED] = np.full_like(logits, np.nan)
        for fold, setting in enumerate(chosen):
            held = place == fold
            branch = head_branch(None, setting, temperature[fold], sharpness[fold])
            out[PICTURED][held] = branch.joined(logits[held] / temperature[fold], scores[held])
    for key, logits in out_e.items():
        found = np.isfinite(logits).all(axis=1)
        safe = np.where(found[:, None], logits, 0.0)
        guess7 = np.where(found, seven[safe[:, seven].argmax(axis=1)], -1)
        guess8 = np.where(found, safe.argmax(axis=1), -1)
        right7, right8 = guess7 == faces.label, guess8 == faces.label
        result[f"ckplus, {key}"] = {
            "not_found": int((~found).sum()),
            "seven_classes": {
                "accuracy": float(right7.mean()),
                "interval_95": subject_interval(right7, faces.person, e.bootstrap, e.seed),
                "recall": {EMOTIONS[i]: float(right7[faces.label == i].mean()) for i in seven},
                "mean_recall": float(np.mean([right7[faces.label == i].mean() for i in seven])),
                "confusion": _confusion(faces.label, guess7, seven),
            },
            "eight_classes": {
                "accuracy": float(right8.mean()),
                "interval_95": subject_interval(right8, faces.person, e.bootstrap, e.seed),
                "recall": {EMOTIONS[i]: float(right8[faces.label == i].mean()) for i in seven},
                "taken_for_neutral": float((guess8 == NEUTRAL).mean()),
            },
        }
    result["signers at rest"] = {
        "faces": int(resting.sum()),
        "people_at_most": len(np.unique(signers.person[resting])),
        **{key: _answers(logits[resting]) for key, logits in out_s.items()},
    }
    result["signers signing (unlabelled)"] = {
        "faces": int((~resting).sum()),
        **{key: _answers(logits[~resting]) for key, logits in out_s.items()},
    }
    label = np.concatenate([faces.label, signers.label[resting]])
    fold = np.concatenate([fold_e, fold_s[resting]])
    logits = np.concatenate([out_e["refined"], out_s["clip"][resting]])
    found = np.isfinite(logits).all(axis=1)
    probabilities = softmax(logits / temperature[fold][:, None])[found]
    with_picture = softmax(np.concatenate([out_e[PICTURED], out_s[PICTURED][resting]]))
    seen = np.isfinite(with_picture).all(axis=1)
    result["calibration"] = {
        "temperature": fit_temperature(logits[found], label[found]),
        "ece_without": calibration_error(softmax(logits[found]), label[found]),
        "ece": calibration_error(probabilities, label[found]),
        "log_loss": mean_log_loss(probabilities, label[found]),
        "ece_with_pictures": calibration_error(with_picture[seen], label[seen]),
        "sharpness": fit_temperature(*_finite(sums, faces.label - 1)),
        "log_loss_with_pictures": mean_log_loss(with_picture[seen], label[seen]),
    }
    at_rest = out_s["clip"][resting] / temperature[fold_s[resting]][:, None]
    at_rest = softmax(at_rest[np.isfinite(at_rest).all(axis=1)])
    result["neutral"] = [float(v) for v in np.log(np.maximum(at_rest, 1e-12)).mean(axis=0)]
    return result


PICTURED = "points and picture"
"""A face measured as `recognize` measures it: unrefined points, and the picture at them."""


def head_branch(
    branch: Discriminant | None, setting: Setting, temperature: float, sharpness: float
) -> AppearanceHead:
    """A discriminant as the head has it.

    Args:
        branch: The discriminant; None gives a branch of which only `AppearanceHead.joined` is of use.
        setting: Its shares.
        temperature: What the points' logits are divided by before they get here.
        sharpness: What the sum over the seven expressions is divided by.
    """
    nothing = np.empty((0, len(EMOTIONS) - 1))
    return AppearanceHead(
        framing=Framing(0.5, 0.5, 0.5),
        weights=nothing if branch is None else branch.weights,
        bias=nothing[:0] if branch is None else branch.bias,
        appearance_share=setting.shares[0] / sharpness,
        points_share=setting.shares[1] * temperature / sharpness,
    )


def temperature_by_fold(
    logits: FloatArray, label: NDArray[np.int64], fold: NDArray[np.int64], folds: int
) -> FloatArray:
    """(folds,) the temperature of each fold, fitted on the other folds' held-out logits."""
    found = np.isfinite(logits).all(axis=1)
    others = [found & (fold != number) for number in range(folds)]
    return np.array([fit_temperature(logits[rows], label[rows]) for rows in others])


def _finite(logits: FloatArray, label: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
    found = np.isfinite(logits).all(axis=1)
    return logits[found], label[found]


def mean_log_loss(probabilities: FloatArray, label: NDArray[np.int64]) -> float:
    """Mean negative log-probability of the labels."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(label)), label], 1e-12)).mean())


def _confusion(
    truth: NDArray[np.int64], guess: NDArray[np.int64], classes: NDArray[np.int64]
) -> dict[str, Any]:
    return {
        EMOTIONS[t]: {
            **{EMOTIONS[g]: int(((truth == t) & (guess == g)).sum()) for g in classes},
            "not found": int(((truth == t) & (guess < 0)).sum()),
        }
        for t in classes
    }


def _answers(logits: FloatArray) -> dict[str, float]:
    """Share of faces given each expression."""
    found = np.isfinite(logits).all(axis=1)
    guess = np.where(found, np.where(found[:, None], logits, 0.0).argmax(axis=1), -1)
    return {name: round(float((guess == i).mean()), 4) for i, name in enumerate(EMOTIONS)}


def tables(report: dict[str, Any]) -> str:
    """The report as Markdown tables, for the card and the docs."""

    def percent(value: float) -> str:
        return f"{100 * value:.1f} %"

    lines = [
        f"CK+ 48x48 crops: {report['faces']} faces of {report['subjects']} subjects, "
        f"{len(report['chosen'])} folds by subject, settings chosen by inner folds; 95 % intervals "
        "by drawing subjects.",
        "",
        "| what is looked at | not found | seven classes | 95 % interval | mean recall | eight classes "
        "| 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for way in (PICTURED, "unrefined", "refined", "as filmed"):
        part = report[f"ckplus, {way}"]
        seven, eight = part["seven_classes"], part["eight_classes"]
        low7, high7 = seven["interval_95"]
        low8, high8 = eight["interval_95"]
        lines.append(
            f"| {WAYS[way]} | {part['not_found']} | {percent(seven['accuracy'])} "
            f"| {percent(low7)} to {percent(high7)} | {percent(seven['mean_recall'])} "
            f"| {percent(eight['accuracy'])} | {percent(low8)} to {percent(high8)} |"
        )
    for way in (PICTURED, "unrefined"):
        seven = report[f"ckplus, {way}"]["seven_classes"]
        names = list(seven["confusion"])
        columns = [*names, "not found"]
        lines += [
            "",
            f"Confusion, seven classes, {WAYS[way]} (rows: true; columns: answered):",
            "",
            "| | " + " | ".join(columns) + " | recall |",
            "|---" * (len(columns) + 2) + "|",
        ]
        for name in names:
            counts = " | ".join(str(seven["confusion"][name][c]) for c in columns)
            lines.append(f"| **{name}** | {counts} | {percent(seven['recall'][name])} |")
    for part_name in ("signers at rest", "signers signing (unlabelled)"):
        part = report[part_name]
        lines += [
            "",
            f"{part_name[0].upper()}{part_name[1:]}: {part['faces']} faces of held-out people, "
            "share given each answer:",
            "",
            "| what is looked at | " + " | ".join(EMOTIONS) + " |",
            "|---" * (len(EMOTIONS) + 1) + "|",
        ]
        for way in (PICTURED, "clip", "filmed/refined", "crop0/refined"):
            shares = " | ".join(percent(part[way][name]) for name in EMOTIONS)
            lines.append(f"| {WAYS[way]} | {shares} |")
    calibration = report["calibration"]
    lines += [
        "",
        f"Calibration over held-out CK+ faces and rest frames: temperature {calibration['temperature']:.2f}; "
        f"points alone: expected calibration error {calibration['ece']:.3f} (without temperature "
        f"{calibration['ece_without']:.3f}), log loss {calibration['log_loss']:.3f}; points and picture: "
        f"{calibration['ece_with_pictures']:.3f}, log loss {calibration['log_loss_with_pictures']:.3f}.",
        "",
    ]
    return "\n".join(lines)


WAYS = {
    PICTURED: "points and picture",
    "unrefined": "points alone",
    "refined": "points alone, refined mesh",
    "as filmed": "points alone, as filmed",
    "clip": "points alone, as the pose extractor gives them",
    "filmed/refined": "points alone, refined mesh of the face as filmed",
    "crop0/refined": "points alone, refined mesh of the face shrunk to 48x48",
}
"""What each way of measuring is called in tables."""

CARD = """# Card: `landmarks`, the default expression head

Version {version}, weights SHA-256 `{sha256}`. Two linear readers: a multinomial logistic regression over
measures and the outline of the 468 MediaPipe face points with head pose removed, and, where the picture is at
hand, a linear discriminant over histograms of gradients of a 48x48 grey crop, which only tells the seven
expressions apart that are not neutral. See `docs/emotion.md` for what its scores mean. Trained by
`python -m signlens_studies expression head src/signlens_studies/expression/{experiment}`.

## Trained on
- **CK+** (Lucey et al. 2010), 48x48 crops, seven posed expressions. Research only; no picture is
  contained in or can be got back from these weights, and none may be passed on.
- **WLASL** videos (Li et al. 2020), C-UDA 1.0, computational research only: frames near the ends of
  clips in which both wrists are low stand for *neutral*. That is a weak label: signers smile or
  frown at rest too.

Use of the weights should respect both terms: research.

## How good, and where not
{tables}
"Points and picture" is what `recognize` does with a video (the mesh without refinement, and the crop at its
points); "points alone" what it does with a `.pose` file. "As filmed" are CK+ faces moved by what separates
filmed from shrunk faces of held-out signers: an estimate, not a recording.

Posed faces of mostly young, hearing Americans; studio light; one look at each face without its owner's
resting face to compare with. Colour and movement are not seen. In signing, brows, mouth and
head are grammar as well as affect: a brow raise of a yes/no question can score as surprise. Not for
judging people.
"""


def run(
    experiment_file: Path, data: Path, videos: Path, cache: Path, out: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure faces (cached), validate, train on everything, write weights, card and report.

    Returns:
        The report that is written to ``report.json``.
    """
    experiment = load_experiment(experiment_file)
    files, _, _ = read_crops(data)
    if not (videos / "clips.csv").is_file():
        raise InputRejected(videos, "there is no clips.csv", "name the folder of the WLASL videos")
    key = _measuring_key(experiment, files, videos)
    expressions = _cached(cache / f"ckplus-{key}.npz", lambda: expression_faces(data, experiment, say))
    framing = crop_framing(
        expressions.points["crop0/refined"], experiment.crop_margin[0], experiment.crop_side[0]
    )
    signers = _cached(cache / f"signers-{key}.npz", lambda: signer_faces(videos, framing, experiment, say))
    bench = Bench(expressions, signers, experiment)
    report = validate(bench, say)
    everyone_e, everyone_s = np.arange(len(expressions.label)), np.arange(len(signers.label))
    setting = select(bench, everyone_e, everyone_s, experiment.seed)
    final = train(bench, everyone_e, everyone_s, setting, experiment.seed)
    branch = train_branches(bench, everyone_e, [setting.shrinkage])[setting.shrinkage]
    report["shipped"] = setting.to_json()
    calibration = report["calibration"]
    temperature = calibration["temperature"]
    head = ExpressionHead(
        experiment.name,
        "",
        bench.reference,
        bench.mirror,
        final.weights,
        final.bias,
        temperature,
        np.array(report["neutral"]),
        replace(head_branch(branch, setting, temperature, calibration["sharpness"]), framing=framing),
    )
    facts = {
        "trained_on": ["CK+ (48x48 crops; research only)", "WLASL rest frames (C-UDA 1.0; research only)"],
        "experiment": experiment_file.name,
        "ckplus_seven_classes_accuracy": {
            "points and picture": round(report[f"ckplus, {PICTURED}"]["seven_classes"]["accuracy"], 4),
            "points alone": round(report["ckplus, unrefined"]["seven_classes"]["accuracy"], 4),
        },
        "expected_calibration_error": round(report["calibration"]["ece_with_pictures"], 4),
    }
    report["sha256"] = save_head(head, out, facts)
    card = CARD.format(
        version=experiment.name,
        sha256=report["sha256"],
        experiment=experiment_file.name,
        tables=tables(report),
    )
    (out / "README.md").write_text(card, encoding="utf-8")
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(tables(report))
    return report
