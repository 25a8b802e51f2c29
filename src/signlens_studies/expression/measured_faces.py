"""Pictures to face points: the CK+ crops, and signers at rest and signing, measured in several ways."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import CROP, Framing, cut_square, expression_crop
from signlens.emotion.expressions import EMOTIONS
from signlens.errors import InputRejected
from signlens.files import whole_file
from signlens.pose.face_points import POINTS
from signlens_studies.expression.head_experiment import EmotionExperiment

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
    """The CK+ crops' files, labels and subjects."""
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


def measuring_key(experiment: EmotionExperiment, files: Sequence[Path], videos: Path) -> str:
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


def cached(path: Path, make: Callable[[], Faces]) -> Faces:
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
