"""Made-up clips for the pages: a drawn figure that waves, and its pictures."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.answer import Answer, Prediction
from signlens.emotion.explain import ExplainedAway, Explaining, HeldBack
from signlens.emotion.expressions import EMOTIONS, EmotionMoment, EmotionReading
from signlens.fusion.clip_fusion import Evidence
from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, Coverage, PoseClip, Provenance
from signlens.reasons import Reason
from signlens.recognition import ClipInfo, PoseInfo, Recognition
from signlens.report import EncodedFrame, encode_frames
from signlens.retrieval.building import signing_skeleton
from signlens.retrieval.gallery import SimilarSign
from signlens.signing.intensity import Intensity
from signlens.signing.markers import Marker

WIDTH, HEIGHT, FRAMES = 640, 480, 40


@dataclass(frozen=True)
class DrawnFrame:
    """A frame like the video reader's."""

    index: int
    t_s: float
    image: NDArray[np.uint8]


def uneven_times(frames: int) -> NDArray[np.float64]:
    """Times whose steps alternate between 20 and 60 ms: a variable frame rate."""
    steps = np.where(np.arange(frames - 1) % 2 == 0, 0.02, 0.06)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _hand(wrist: NDArray[np.float64], spread: float, side: int) -> NDArray[np.float64]:
    angles = -np.pi / 2 + side * (np.linspace(-0.9, 0.6, 5) * spread)
    lengths = np.asarray([30, 42, 46, 42, 34])
    steps = np.asarray([0.45, 0.65, 0.85, 1.0])
    points = [wrist]
    for angle, length in zip(angles, lengths, strict=True):
        direction = np.asarray([np.cos(angle), np.sin(angle)])
        points += [wrist + direction * length * step for step in steps]
    return np.asarray(points)


def _face(centre: NDArray[np.float64], smile: float) -> NDArray[np.float64]:
    def arc(radius_x: float, radius_y: float, dx: float, dy: float, start: float, stop: float, n: int) -> Any:
        angles = np.linspace(start, stop, n)
        return np.stack([dx + radius_x * np.cos(angles), dy + radius_y * np.sin(angles)], axis=1)

    pieces = [
        arc(42, 55, 0, 0, np.pi, 0, 17),
        arc(12, 5, -20, -22, np.pi, 2 * np.pi, 5),
        arc(12, 5, 20, -22, np.pi, 2 * np.pi, 5),
        np.stack([np.zeros(4), np.linspace(-12, 6, 4)], axis=1),
        arc(8, 4, 0, 8, np.pi, 0, 5),
        arc(8, 4, -20, -10, np.pi, 3 * np.pi - np.pi / 3, 6),
        arc(8, 4, 20, -10, np.pi, 3 * np.pi - np.pi / 3, 6),
        arc(18, 6 + 4 * smile, 0, 27, np.pi, 3 * np.pi - np.pi / 6, 12),
        arc(13, 2 + 3 * smile, 0, 27, np.pi, 3 * np.pi - np.pi / 4, 8),
    ]
    return np.asarray(centre + np.concatenate(pieces))


def waving_pose(frames: int = FRAMES, phase: float = 0.0) -> PoseClip:
    """A drawn figure that raises its right hand and waves; its left hand is missing in the first quarter."""
    keypoints = np.full((frames, 133, 4), np.nan, dtype=np.float32)
    keypoints[..., 3] = 0
    for t in range(frames):
        s = t / max(1, frames - 1)
        lift = np.clip(2 * s, 0, 1)
        wave = np.sin(6 * np.pi * s + phase)
        body = np.asarray(
            [
                (320, 120), (333, 108), (307, 108), (352, 115), (288, 115), (395, 215), (245, 215),
                (420, 310), (220, 300 - 40 * lift), (385, 385), (215 + 28 * wave, 380 - 210 * lift),
                (375, 430), (265, 430), (375, 560), (265, 560), (375, 690), (265, 690),
            ],
            dtype=np.float64,
        )  # fmt: skip
        parts = [
            (slice(0, 17), body),
            (FACE, _face(np.asarray([320.0, 118.0]), s)),
            (RIGHT_HAND, _hand(body[10], 0.6 + 0.4 * lift, 1)),
        ]
        if s >= 0.25:
            parts.append((LEFT_HAND, _hand(body[9], 0.5, -1)))
        for where, xy in parts:
            keypoints[t, where, :2] = xy
            keypoints[t, where, 2:] = (0, 1)
        keypoints[t, 13:17, 3] = 0.1
    return PoseClip(
        keypoints=keypoints,
        face_mesh=None,
        times=uneven_times(frames),
        fps=25.0,
        width=WIDTH,
        height=HEIGHT,
        provenance=Provenance(
            extractor="drawn-figure",
            version="1.2",
            models={"pose_landmark_full.tflite": "5f" * 32, "hand_landmark_full.tflite": "a7" * 32},
            settings={"model_complexity": 1, "face_every": 4, "smooth": {"hands": True}},
            source={"name": "waving.mp4", "sha256": "3c" * 32},
        ),
    )


def drawn_frames(frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT) -> Iterator[DrawnFrame]:
    """Pictures of a soft room whose light moves, one at a time."""
    y, x = np.mgrid[0:height, 0:width]
    for index, t_s in enumerate(uneven_times(frames)):
        light = 150 + 60 * np.cos((x / width - index / frames) * 3) * np.cos(y / height)
        image = np.stack([light, light * 0.93, light * 0.84], axis=-1)
        figure = (np.hypot((x / width - 0.5) / 0.075, (y / height - 0.25) / 0.13) < 1) | (
            (np.abs(x / width - 0.5) < 0.12) & (y / height > 0.43)
        )
        image[figure] *= 0.6
        yield DrawnFrame(index, float(t_s), image.clip(0, 255).astype(np.uint8))


@functools.cache
def pictures() -> tuple[EncodedFrame, ...]:
    """The drawn frames, made small for a page; made once."""
    return encode_frames(drawn_frames())


def expression(leading: str, share: float) -> dict[str, float]:
    """A distribution over the eight expressions with one in the lead."""
    rest = (1 - share) / (len(EMOTIONS) - 1)
    return {name: share if name == leading else rest for name in EMOTIONS}


def answered(path: str = "clips/waving.mp4") -> Recognition:
    """A clip that was answered well."""
    times = uneven_times(FRAMES)[::3]
    timeline = tuple(
        EmotionMoment(
            float(t), expression("neutral" if t < 0.6 else "happy", 0.55 + 0.2 * float(np.sin(3 * t)))
        )
        for t in times
        if not 0.9 < t < 1.2
    )
    mean = {name: float(np.mean([m.probabilities[name] for m in timeline])) for name in EMOTIONS}
    candidates = [("hello", 0.734), ("goodbye", 0.142), ("no", 0.061), ("finish", 0.0321), ("yes", 0.00012)]
    return Recognition(
        path=path,
        status="ok",
        clip=ClipInfo(path, FRAMES, 25.0, 1.6, WIDTH, HEIGHT),
        pose=PoseInfo("drawn-figure", "1.2", FRAMES, Coverage(1.0, 0.75, 1.0, 1.0)),
        answer=Answer("sign", "hello", "This looks like the sign HELLO, well ahead of the next."),
        predictions=tuple(
            Prediction(
                gloss, p, Evidence(float(np.log(p)) - 0.1, 0.0 if i else 0.12, 0.18 if i == 0 else -0.3)
            )
            for i, (gloss, p) in enumerate(candidates)
        ),
        emotion=EmotionReading("landmarks-1", mean, 0.93, timeline),
        markers=(
            Marker("brow_raise", 0.4, 1.2, 0.8, 0.9, "often marks yes/no questions, topics and conditionals"),
            Marker("mouth_opening", 0.9, 1.1, 0.4, 0.6, "often belongs to mouthing or a mouth gesture"),
            Marker("brow_raise", 1.3, 1.6, 0.5, 0.7, "often marks yes/no questions, topics and conditionals"),
        ),
        intensity=Intensity("right", 3.1, 1.4, 3, 0.82, 1.24, 0.93),
        explaining=Explaining(
            True,
            dict(mean, surprise=0.01),
            (ExplainedAway("surprise", 0.21, 0.06, ("brow_raise",)),),
            (HeldBack("goodbye", "surprise", ("brow_raise",), 0.06, 0.19),),
        ),
        similar=(
            SimilarSign("gallery/hello_03", "hello", 0.94),
            SimilarSign("gallery/goodbye_11", "goodbye", 0.81),
            SimilarSign("gallery/finish_02", "finish", 0.66),
            SimilarSign("gallery/no_07", "no", 0.41),
        ),
        model={"name": "starter", "version": "1", "sha256": "9e" * 32, "gallery": "starter-gallery 1"},
        timing_ms={
            "decode": 210.0,
            "pose": 1805.2,
            "emotion": 12.0,
            "recognize": 44.1,
            "retrieve": 1.3,
            "total": 2075.0,
        },
    )


def gallery() -> dict[str, NDArray[np.float32]]:
    """How these are signed: two of the three similar clips."""
    return {
        "gallery/hello_03": signing_skeleton(waving_pose(30, 0.4)),
        "gallery/goodbye_11": signing_skeleton(waving_pose(24, 2.0)),
        "gallery/no_07": signing_skeleton(waving_pose(12, 1)),
    }


def rejected(path: str = "clips/empty.mp4") -> Recognition:
    """A clip that was not answered."""
    return Recognition(
        path, "rejected", (Reason("input_rejected", f"{path}: the file is empty; record or copy it again"),)
    )


def degraded(path: str = "clips/dark.mp4") -> Recognition:
    """A clip answered with reservations, without a face."""
    return replace(
        answered(path),
        status="degraded",
        reasons=(
            Reason("hands_seldom_seen", "The left hand is visible in 8 % of the frames."),
            Reason("face_not_seen", "No face was seen: there is no expression reading."),
        ),
        emotion=None,
        markers=None,
        markers_reasons=(
            Reason("face_seldom_seen", "The face is seen in only 8% of the frames, so no markers are read."),
        ),
        intensity=None,
        explaining=None,
        answer=Answer("unknown_sign", None, "No sign of the vocabulary is likely enough."),
        similar=(),
    )
