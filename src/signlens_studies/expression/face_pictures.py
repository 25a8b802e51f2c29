"""Pictures of faces to train the expression network on: 72 x 72 grey pixels, and where the face lies.

The face in its picture is framed as FER2013 frames one, 48 x 48 pixels, with 12 pixels around it so that it
can be moved. Face points, where the mesh finds them, say how the face is turned, moved and scaled onto that
frame: the least-squares similarity of its stable points. Without points a picture is taken as it is.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.emotion import EMOTIONS
from signlens.emotion.head import load_head
from signlens.errors import InputRejected
from signlens.files import whole_file
from signlens.optional import import_opencv
from signlens.pose.face_points import POINTS, STABLE_POINTS
from signlens.pose.networks import FACE_LANDMARKS, Network
from signlens.pose.regions import Region, region_of_box
from signlens_studies.expression.ferplus import PICTURE, FerPlus
from signlens_studies.expression.measured_faces import read_crops, rest_frames

FloatArray = NDArray[np.float64]

MARGIN = 12
STORED = PICTURE + 2 * MARGIN
"""Pixels of a stored picture along each side."""

EYES = (0.495, 0.378)
EYE_SPAN = 0.52
"""Middle and distance of the outer eye corners in the frame, as shares of its side: FER2013's means."""

_ENLARGED = 192  # what the face mesh looks at


@dataclass(frozen=True)
class FacePictures:
    """Faces of one source.

    Attributes:
        pictures: (N, 72, 72) uint8 grey.
        placement: (N, 2, 3) from pixels of the aligned 48 x 48 frame to pixels of the picture; the same for
            all, the plain middle, where no points were found.
        points: (N, 468, 3) face points in the picture's pixels; NaN where none were found.
        label: (N,) index into EMOTIONS, -1 for none.
        person: (N,) who it is; empty where nobody knows.
        name: (N,) which picture of the source.
    """

    pictures: NDArray[np.uint8]
    placement: NDArray[np.float32]
    points: NDArray[np.float16]
    label: NDArray[np.int64]
    person: NDArray[np.str_]
    name: NDArray[np.str_]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) whether face points were found."""
        return np.isfinite(self.points[:, 0, 0])


def alignment(points: NDArray[np.floating]) -> FloatArray | None:
    """Where the aligned frame lies in an image: the inverse of the face's similarity onto it.

    Args:
        points: (468, 2 or 3) face points in the image's pixels.

    Returns:
        (2, 3) from pixels of the 48 x 48 frame to pixels of the image; None where the points span no face.
    """
    stable = list(STABLE_POINTS)
    goal, source = _framed_reference()[stable], np.asarray(points, dtype=np.float64)[stable, :2]
    if not np.isfinite(source).all():
        return None
    # A similarity of the plane is one complex number: source = turn * goal.
    a, b = (goal - goal.mean(axis=0)) @ [1, 1j], (source - source.mean(axis=0)) @ [1, 1j]
    turn = (a.conj() @ b) / (np.abs(a) ** 2).sum()
    if not abs(turn) > 1e-6:
        return None
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.c_[matrix, source.mean(axis=0) - matrix @ goal.mean(axis=0)]


_REFERENCE: list[FloatArray] = []


def _framed_reference() -> FloatArray:
    if not _REFERENCE:
        face = np.asarray(load_head().reference, dtype=np.float64)[:, :2]
        eyes = face[[33, 263]]
        span = float(np.linalg.norm(eyes[1] - eyes[0]))
        _REFERENCE.append(
            (face - eyes.mean(axis=0)) / span * EYE_SPAN * PICTURE + np.array(EYES) * PICTURE - 0.5
        )
    return _REFERENCE[0]


PLAIN: NDArray[np.float32] = np.array([[1, 0, MARGIN], [0, 1, MARGIN]], dtype=np.float32)
"""Placement of a picture whose face points nobody knows."""


def mesh_of_crop(network: Network, crop: NDArray[np.uint8]) -> FloatArray | None:
    """Face points of a crop that a face fills; the mesh looks a second time where it first saw the face.

    Args:
        network: The face mesh.
        crop: (H, W) grey.

    Returns:
        (468, 3) in the crop's pixels; None where the mesh sees no face.
    """
    cv2 = import_opencv()
    side = crop.shape[0]
    large = cv2.resize(crop, (_ENLARGED, _ENLARGED), interpolation=cv2.INTER_CUBIC)
    image = np.repeat(large[..., None], 3, axis=2)
    region = Region(_ENLARGED / 2, _ENLARGED / 2, 1.25 * _ENLARGED)
    points = np.empty(0)
    for _ in range(2):
        network.run(image, region)
        if not network.output(1).reshape(-1)[0] > 0:
            return None
        local = network.output(0).reshape(POINTS, 3).astype(np.float64) / network.size
        points = region.to_frame(local)
        region = region_of_box(points, 33, 263, scale=1.5)
    points = points * (side / _ENLARGED)
    points[:, :2] += (side / _ENLARGED - 1) / 2
    return np.asarray(points)


def of_crops(
    crops: NDArray[np.uint8],
    label: NDArray[np.int64],
    person: NDArray[np.str_],
    name: NDArray[np.str_],
    say: Callable[[str], None] = lambda _: None,
) -> FacePictures:
    """Published 48 x 48 crops, with a margin that repeats their edge pixels, and their face points.

    Args:
        crops: (N, 48, 48) uint8 grey.
        label: (N,) index into EMOTIONS or -1.
        person: (N,).
        name: (N,).
        say: Told how far it is.
    """
    network = Network(FACE_LANDMARKS)
    pictures = np.pad(crops, [(0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)], mode="edge")
    placement = np.repeat(PLAIN[None], len(crops), axis=0)
    points = np.full((len(crops), POINTS, 3), np.nan, dtype=np.float16)
    for number, crop in enumerate(crops):
        if number % 2000 == 0:
            say(f"face points: {number} of {len(crops)}")
        found = mesh_of_crop(network, crop)
        if found is None:
            continue
        found[:, :2] += MARGIN
        matrix = alignment(found)
        if matrix is not None:
            placement[number], points[number] = matrix, found
    return FacePictures(pictures, placement, points, label, person, name)


def of_film(
    image: NDArray[np.uint8], points: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], FloatArray] | None:
    """A face of a film as a stored picture, upright as its points have it.

    Args:
        image: (H, W, 3) RGB or (H, W) grey.
        points: (468, 3) face points in its pixels.

    Returns:
        (72, 72) grey, the aligned frame in its middle, and the points in its pixels; None where the points
        span no face.
    """
    cv2 = import_opencv()
    matrix = alignment(points)
    if matrix is None:
        return None
    step = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shrunk, to_shrunk = grey, np.eye(3)
    if step > 1:  # shrink by areas first, so that nothing is skipped
        height, width = grey.shape
        size = (max(1, round(width / step)), max(1, round(height / step)))
        shrunk = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        rx, ry = size[0] / width, size[1] / height
        to_shrunk = np.array([[rx, 0, (rx - 1) / 2], [0, ry, (ry - 1) / 2], [0, 0, 1]])
    outer = matrix.copy()
    outer[:, 2] -= matrix[:, :2] @ [MARGIN, MARGIN]
    whole = np.vstack([outer, [0, 0, 1]])
    picture = cv2.warpAffine(
        shrunk,
        (to_shrunk @ whole)[:2],
        (STORED, STORED),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    back = np.linalg.inv(whole)
    moved = np.asarray(points, dtype=np.float64).copy()
    moved[:, :2] = moved[:, :2] @ back[:2, :2].T + back[:2, 2]
    moved[:, 2] /= step
    return np.asarray(picture, dtype=np.uint8), moved


def ferplus_pictures(data: FerPlus, say: Callable[[str], None]) -> FacePictures:
    """All of FER+, row by row."""
    names = np.arange(len(data.split)).astype(str)
    return of_crops(data.pictures, data.label, np.full(len(names), ""), names, say)


def ckplus_pictures(folder: Path, say: Callable[[str], None]) -> FacePictures:
    """CK+'s crops; `person` is the subject."""
    cv2 = import_opencv()
    files, label, person = read_crops(folder)
    crops = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files]
    wrong = [f for f, c in zip(files, crops, strict=True) if c is None or c.shape != (PICTURE, PICTURE)]
    if wrong:
        raise InputRejected(wrong[0], "no picture of 48 x 48 pixels", "give the crops as they are published")
    return of_crops(np.stack(crops), label, person, np.array([f.name for f in files]), say)


def signer_pictures(
    folder: Path, rest_share: float, low: float, per_end: int, say: Callable[[str], None]
) -> FacePictures:
    """Faces of signers at rest, near the ends of clips with both wrists low: a weak label for neutral.

    Args:
        folder: Videos with ``clips.csv`` (`video_id`, `signer_id`, -1 where unknown).
        rest_share: How much of a clip is near an end.
        low: Height between shoulders (0) and hips (1) from which a wrist counts as low.
        per_end: Frames at each end.
        say: Told how far it is.

    Returns:
        `person` is ``signer N``, all of -1 being one.
    """
    from signlens.pose.holistic import extract_pose
    from signlens.video import open_video

    rows: list[tuple[NDArray[np.uint8], FloatArray, str, str]] = []
    with (folder / "clips.csv").open(encoding="utf-8") as file:
        clips = list(csv.DictReader(file))
    for number, clip in enumerate(clips):
        if number % 10 == 0:
            say(f"signers at rest: clip {number} of {len(clips)}")
        path = folder / f"{clip['video_id']}.mp4"
        pose = extract_pose(path)
        if pose.face_mesh is None:
            continue
        seen = np.isfinite(pose.face_mesh).all(axis=(1, 2))
        y = np.where(pose.keypoints[..., 3] > 0, pose.keypoints[..., 1], np.nan)
        shoulder, hip = y[:, 5:7].mean(axis=1), y[:, 11:13].mean(axis=1)
        height = np.nan_to_num((y[:, 9:11].min(axis=1) - shoulder) / (hip - shoulder), nan=0.0)
        wanted = {int(i) for i in rest_frames(height, seen, rest_share, low, per_end)}
        with open_video(path) as video:
            for index, frame in enumerate(video):
                if index not in wanted:
                    continue
                scale = frame.image.shape[1] / pose.width
                cut = of_film(frame.image, pose.face_mesh[index] * scale)
                if cut is not None:
                    rows.append((*cut, f"signer {clip['signer_id']}", f"{clip['video_id']}:{index}"))
    if not rows:
        raise InputRejected(folder, "no signer's face at rest was found", "check the videos")
    return FacePictures(
        np.stack([r[0] for r in rows]),
        np.repeat(PLAIN[None], len(rows), axis=0),
        np.stack([r[1] for r in rows]).astype(np.float16),
        np.full(len(rows), EMOTIONS.index("neutral"), dtype=np.int64),
        np.array([r[2] for r in rows]),
        np.array([r[3] for r in rows]),
    )


def cached_pictures(path: Path, make: Callable[[], FacePictures]) -> FacePictures:
    """Pictures from a file, or made and kept there (npz, no pickle)."""
    names = [f.name for f in fields(FacePictures)]
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            return FacePictures(**{name: stored[name] for name in names})
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        np.savez(part, **{name: getattr(made, name) for name in names})
    return made
