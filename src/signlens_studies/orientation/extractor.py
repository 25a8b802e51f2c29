"""How well a pose extractor sees the rendered signer: ``python -m signlens_studies orientation extractor``.

Every frame is given to MediaPipe Holistic alone (static mode, model complexity 1), so that no
frame is carried by the one before it. Prints, per yaw, the share of frames in which body, face
and hands were found and the error of the hands' points; and how far the face mesh follows the
face's parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.pose.clip import LEFT_HAND, RIGHT_HAND
from signlens.signer.body import BodyPose
from signlens.signer.face import FaceParameters
from signlens.signer.identity import load_identities
from signlens.signer.render import render_pose_frame, render_sign
from signlens.signer.truth import RIG_JOINTS

Array = NDArray[np.float64]

# Points of MediaPipe's face mesh (468), right and left as the signer's own.
OUTER_EYES = (33, 263)
MOUTH_CORNERS = (61, 291)
INNER_LIPS = (13, 14)
BROWS = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
EYE_LIDS = (((159, 145), (158, 153)), ((386, 374), (385, 380)))
EYE_CORNERS = ((33, 133), (263, 362))


@dataclass(frozen=True)
class Seen:
    """What Holistic found in one frame: pixels, or None where it found nothing."""

    body: Array | None
    face: Array | None
    left_hand: Array | None
    right_hand: Array | None


@contextmanager
def holistic() -> Iterator[Any]:
    """MediaPipe Holistic for single frames; a function from an RGB frame to `Seen`."""
    import mediapipe

    with mediapipe.solutions.holistic.Holistic(static_image_mode=True, model_complexity=1) as model:

        def look(frame: NDArray[np.uint8]) -> Seen:
            found = model.process(np.ascontiguousarray(frame))
            size = np.array([frame.shape[1], frame.shape[0]])

            def points(part: Any) -> Array | None:
                return None if part is None else np.array([[p.x, p.y] for p in part.landmark]) * size

            return Seen(
                points(found.pose_landmarks),
                points(found.face_landmarks),
                points(found.left_hand_landmarks),
                points(found.right_hand_landmarks),
            )

        yield look


def shoulder_pixels(rig_3d: Array, focal: float, camera: Iterable[float]) -> float:
    """Width of the shoulders in pixels as it would be seen from the front."""
    right, left = (rig_3d[RIG_JOINTS.index(f"{side}_shoulder")] for side in ("right", "left"))
    depth = list(camera)[2] - (right[2] + left[2]) / 2
    return float(np.linalg.norm(left - right) * focal / depth)


@dataclass(frozen=True)
class Detection:
    """Shares of frames found, and the hands' errors in per cent of the shoulder width."""

    frames: int
    body: float
    face: float
    left_hand: float
    right_hand: float
    error_median: float
    error_p90: float


def detection(
    look: Any, signs: Iterable[str], identities: Iterable[str], yaw_degrees: float, *,
    frames: int = 6, width: int = 320, height: int = 240, smooth: int = 0,
) -> Detection:  # fmt: skip
    """Detection over rendered signs at one yaw.

    A hand counts in a share when at least 7 of its 21 true points are visible; the error takes
    visible points only: per hand and frame the median distance to the truth.
    """
    found = {"body": [], "face": [], "left_hand": [], "right_hand": []}  # type: dict[str, list[bool]]
    errors: list[float] = []
    total = 0
    identities = list(identities)
    for n, sign in enumerate(signs):
        clip = render_sign(
            sign, yaw_degrees=yaw_degrees, identity=identities[n % len(identities)],
            width=width, height=height, frames=frames + 2, smooth=smooth, workers=1,
        )  # fmt: skip
        for i, frame in enumerate(clip):
            if not 0 < i <= frames:
                continue  # at rest
            seen = look(frame)
            total += 1
            found["body"].append(seen.body is not None)
            found["face"].append(seen.face is not None)
            scale = shoulder_pixels(clip.truth.rig_3d[i], clip.truth.focal, clip.truth.camera)
            for name, part in (("left_hand", LEFT_HAND), ("right_hand", RIGHT_HAND)):
                visible = clip.truth.visible[i, part]
                if visible.sum() < 7:
                    continue
                points = getattr(seen, name)
                found[name].append(points is not None)
                if points is not None:
                    away = np.linalg.norm(points - clip.truth.keypoints_2d[i, part], axis=1)
                    errors.append(float(np.median(away[visible])) / scale * 100)
    share = {k: float(np.mean(v)) if v else float("nan") for k, v in found.items()}
    return Detection(
        total, share["body"], share["face"], share["left_hand"], share["right_hand"],
        float(np.median(errors)), float(np.percentile(errors, 90)),
    )  # fmt: skip


@dataclass(frozen=True)
class FaceMeasure:
    """Lengths of a face mesh in units of the distance between the outer corners of the eyes."""

    mouth_width: float
    corner_lift: float
    mouth_open: float
    brow_height: float
    eye_open: float


def measure_face(mesh: Array) -> FaceMeasure:
    """Measure one (468, 2) face mesh."""
    unit = float(np.linalg.norm(mesh[OUTER_EYES[0]] - mesh[OUTER_EYES[1]]))
    across = (mesh[OUTER_EYES[1]] - mesh[OUTER_EYES[0]]) / unit
    down = np.array([-across[1], across[0]])
    corners = mesh[list(MOUTH_CORNERS)]
    lips = mesh[list(INNER_LIPS)]
    brow = np.mean(
        [
            (mesh[list(e)].mean(axis=0) - mesh[list(b)].mean(axis=0)) @ down
            for b, e in zip(BROWS, EYE_CORNERS, strict=True)
        ]
    )
    lids = [
        np.mean([np.linalg.norm(mesh[a] - mesh[b]) for a, b in pairs])
        / np.linalg.norm(mesh[c[0]] - mesh[c[1]])
        for pairs, c in zip(EYE_LIDS, EYE_CORNERS, strict=True)
    ]
    return FaceMeasure(
        mouth_width=float(np.linalg.norm(corners[0] - corners[1])) / unit,
        corner_lift=float((lips.mean(axis=0) - corners.mean(axis=0)) @ down) / unit,
        mouth_open=float(np.linalg.norm(lips[0] - lips[1])) / unit,
        brow_height=float(brow) / unit,
        eye_open=float(np.mean(lids)),
    )


def face_seen(
    look: Any, face: FaceParameters, identity: str, *, width: int = 480, height: int = 360
) -> FaceMeasure | None:
    """What the mesh shows of one face, or None where no face was found."""
    frame, _ = render_pose_frame(BodyPose(face=face), identity=identity, width=width, height=height, smooth=0)
    seen = look(frame)
    return None if seen.face is None else measure_face(seen.face)


SWEEPS: dict[str, tuple[str, tuple[float, ...]]] = {
    "smile": ("corner_lift", (-1.0, 0.0, 1.0)),
    "mouth_wide": ("mouth_width", (-1.0, 0.0, 1.0)),
    "mouth_open": ("mouth_open", (0.0, 0.5, 1.0)),
    "brow_raise": ("brow_height", (-1.0, 0.0, 1.0)),
    "brow_furrow": ("brow_height", (0.0, 0.5, 1.0)),
    "blink": ("eye_open", (0.0, 0.5, 1.0)),
    "lids_wide": ("eye_open", (-1.0, 0.0, 1.0)),
}
"""Face parameter -> what of `FaceMeasure` should follow it, and the values tried."""


def print_detection(
    look: Any, signs: Sequence[str], yaws: Sequence[float], frames: int, size: tuple[int, int]
) -> None:
    """Print the share of frames in which each part is found, and the hands' error, a row a yaw."""
    identities = list(load_identities())
    width, height = size
    print(f"{len(signs)} signs, {len(identities)} identities in turn, {frames} frames each, {width}x{height}")
    print("yaw   frames  body   face   left   right  hand error % of shoulders: median  p90")
    for yaw in yaws:
        d = detection(look, signs, identities, yaw, frames=frames, width=width, height=height)
        print(
            f"{yaw:4.0f}  {d.frames:5d}  {d.body:6.1%} {d.face:6.1%} {d.left_hand:6.1%} {d.right_hand:6.1%}"
            f"  {d.error_median:26.2f} {d.error_p90:6.2f}",
            flush=True,
        )


def print_face(look: Any) -> None:
    """Print what of the face mesh follows each parameter of the face."""
    identities = list(load_identities())
    print(f"face parameter -> measure of the face mesh, mean over {len(identities)} identities")
    for name, (measure, values) in SWEEPS.items():
        row = []
        for value in values:
            found = [face_seen(look, FaceParameters(**{name: value}), who) for who in identities]
            row.append(float(np.mean([getattr(s, measure) for s in found if s is not None])))
        text = "  ".join(f"{v:+.1f}: {r:.3f}" for v, r in zip(values, row, strict=True))
        print(f"{name:12s} {measure:12s} {text}", flush=True)
