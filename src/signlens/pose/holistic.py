"""A video to a `PoseClip`, with the networks and the logic of MediaPipe Holistic.

Body, left hand, right hand and face each have a thread of their own: while the hands and the face of one
frame are looked at, the body of the next is, and the frame after it is decoded. Each part's own frames
stay in order, so the numbers do not depend on how the threads are scheduled. Nothing is forked.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.pose.bystanders import BystanderWatch
from signlens.pose.clip import (
    FACE,
    FACE_MESH_POINTS,
    LEFT_HAND,
    RIGHT_HAND,
    PoseClip,
    Provenance,
)
from signlens.pose.layouts import (
    MEDIAPIPE_HAND_POINTS,
    MEDIAPIPE_POSE_POINTS,
    HolisticPoints,
    whole_body_from_holistic,
)
from signlens.pose.networks import mediapipe_version, network_hashes
from signlens.pose.regions import Points
from signlens.pose.tracking import Body, BodyTracker, FaceTracker, HandTracker
from signlens.reasons import Reason
from signlens.video import Frame, Video, VideoLimits, open_video, sha256_of

EXTRACTOR = "mediapipe-holistic"
WORKING_SIDE = 960
"""Frames are shrunk to this longer side while they are decoded; no network looks closer."""

SETTINGS: dict[str, Any] = {"working_side": WORKING_SIDE, "model_complexity": 1, "smooth_landmarks": True}
"""What of the extractor's choices changes its poses; part of their provenance."""

OnFace = Callable[[int, NDArray[np.uint8], Points | None], None]
"""Called with each frame's face: number, image, face points (468, 4) in the image's pixels or None."""

_FRAMES_IN_FLIGHT = 4
_HARDLY = 0.2


_FramePoints = tuple[Points | None, Points | None, Points | None, Points | None]
"""Body, left hand, right hand and face of one frame, in pixels of the shrunk frame."""


class HolisticExtractor:
    """Extracts one clip after the other; loading the networks is shared (use as a context manager).

    Not for use by two threads at once; processes that extract side by side each make their own.

    Attributes:
        decode_s: Seconds that the last clip's decoding took (the networks work meanwhile).
    """

    def __init__(self) -> None:
        self.decode_s = 0.0
        self._parts: _Parts | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Load the networks and start the threads.

        Raises:
            PartMissing: MediaPipe, LiteRT, OpenCV or a shared library is not installed.
        """
        self._parts = _Parts(
            body=BodyTracker(),
            left_hand=HandTracker("LEFT"),
            right_hand=HandTracker("RIGHT"),
            face=FaceTracker(),
            bystanders=BystanderWatch(),
            threads={
                name: self._stack.enter_context(ThreadPoolExecutor(1, f"signlens-{name}"))
                for name in ("body", "left_hand", "right_hand", "face")
            },
            version=mediapipe_version(),
            hashes=network_hashes(),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the threads and let go of the networks."""
        self._stack.close()
        self._parts = None

    def extract(
        self,
        source: str | Path,
        limits: VideoLimits | None = None,
        progress: Callable[[int], None] | None = None,
        on_face: OnFace | None = None,
    ) -> PoseClip:
        """Find the signer in every frame of a clip.

        Args:
            source: A video file, or a camera such as ``camera:0``.
            limits: Caps on what is decoded.
            progress: Called with the number of frames that are done, after each frame.
            on_face: Called with every frame's number, its RGB image as the networks saw it, and the face
                points in that image's pixels (None when there is no face), in order.

        Returns:
            The poses. What is wrong with them, if anything, is in ``reasons``.

        Raises:
            InputRejected: The video cannot be answered, or there is no person in any frame.
            RuntimeError: Called outside of ``with``.
        """
        parts = self._parts
        if parts is None:
            raise RuntimeError("use HolisticExtractor in a with statement")
        parts.reset()
        found: list[_FramePoints] = []
        times: list[float] = []
        waiting: deque[tuple[NDArray[np.uint8], tuple[Future[Any], ...]]] = deque()

        def collect() -> None:
            image, futures = waiting.popleft()
            body, left, right, face = (future.result() for future in futures)
            if on_face is not None:
                on_face(len(found), image, face)
            found.append((_compact(body and body.points), _compact(left), _compact(right), _compact(face)))
            if progress is not None:
                progress(len(found))

        self.decode_s = 0.0
        with open_video(source, limits, max_side=WORKING_SIDE) as video:
            shrunk = (1, 1)
            try:
                for frame in self._timed(video):
                    shrunk = frame.image.shape[1], frame.image.shape[0]
                    times.append(frame.t_s)
                    waiting.append((frame.image, parts.look(frame.image, frame.index)))
                    if len(waiting) >= _FRAMES_IN_FLIGHT:
                        collect()
                while waiting:
                    collect()
            finally:  # an error must not leave a thread at work on this clip when the next one starts
                left_over = [future for _, futures in waiting for future in futures]
                for future in left_over:
                    future.cancel()
                wait(left_over)
        points = _stack(found, video.width / shrunk[0], video.height / shrunk[1])
        if not (points.pose[..., 3] > 0).any():
            raise InputRejected(
                source, "there is no person in any frame", "check that the signer is in view and lit"
            )
        return _pose_clip(source, video, points, np.asarray(times, dtype=np.float64), parts)

    def _timed(self, video: Video) -> Iterator[Frame]:
        frames = iter(video)
        while True:
            started = time.perf_counter()
            frame = next(frames, None)
            self.decode_s += time.perf_counter() - started
            if frame is None:
                return
            yield frame


def _pose_clip(
    source: str | Path, video: Video, points: HolisticPoints, times: NDArray[np.float64], parts: _Parts
) -> PoseClip:
    """The poses of a clip that was walked to its end."""
    keypoints = whole_body_from_holistic(points)
    return PoseClip(
        keypoints=keypoints,
        face_mesh=np.where(points.face_mesh[..., 3:] > 0, points.face_mesh[..., :3], np.float32("nan")),
        times=times,
        fps=video.summary.fps,
        width=video.width,
        height=video.height,
        provenance=Provenance(
            extractor=EXTRACTOR,
            version=parts.version,
            models=parts.hashes,
            settings=dict(SETTINGS),
            source={} if video.is_live else {"name": Path(source).name, "sha256": sha256_of(source)},
        ),
        reasons=(*video.summary.reasons, *parts.bystanders.reasons(), *_weaknesses(keypoints)),
    )


def extract_pose(
    source: str | Path,
    limits: VideoLimits | None = None,
    progress: Callable[[int], None] | None = None,
) -> PoseClip:
    """Find the signer in every frame of one clip; for many clips, share a `HolisticExtractor`.

    Args and errors: see `HolisticExtractor.extract`.
    """
    with HolisticExtractor() as extractor:
        return extractor.extract(source, limits, progress)


@dataclass(frozen=True)
class _Parts:
    """What follows each part of the signer, and the thread that each works in."""

    body: BodyTracker
    left_hand: HandTracker
    right_hand: HandTracker
    face: FaceTracker
    bystanders: BystanderWatch
    threads: dict[str, ThreadPoolExecutor]
    version: str
    hashes: dict[str, str]

    def reset(self) -> None:
        for part in (self.body, self.left_hand, self.right_hand, self.face, self.bystanders):
            part.reset()

    def look(
        self, image: NDArray[np.uint8], index: int
    ) -> tuple[Future[Any], Future[Any], Future[Any], Future[Any]]:
        """Start to look at a frame; the four results are body, left hand, right hand and face."""
        body = self.threads["body"].submit(self.body.step, image)

        def on_body(step: Callable[[NDArray[np.uint8], Body | None], Points | None]) -> Points | None:
            return step(image, body.result())

        def face_and_bystanders() -> Points | None:
            self.bystanders.look(image, index)
            return self.face.step(image, body.result())

        return (
            body,
            self.threads["left_hand"].submit(on_body, self.left_hand.step),
            self.threads["right_hand"].submit(on_body, self.right_hand.step),
            self.threads["face"].submit(face_and_bystanders),
        )


def _compact(points: Points | None) -> NDArray[np.float32] | None:
    return None if points is None else points.astype(np.float32)


def _stack(found: list[_FramePoints], across: float, down: float) -> HolisticPoints:
    """All frames' points as arrays, in pixels of the displayed frame.

    Args:
        found: Body, left hand, right hand, face per frame, in pixels of the shrunk frame.
        across: Displayed pixels per shrunk pixel, horizontally.
        down: The same, vertically.
    """
    counts = (MEDIAPIPE_POSE_POINTS, MEDIAPIPE_HAND_POINTS, MEDIAPIPE_HAND_POINTS, FACE_MESH_POINTS)
    arrays = []
    for part, count in enumerate(counts):
        array = np.zeros((len(found), count, 4), dtype=np.float32)
        for frame, points in enumerate(found):
            if points[part] is not None:
                array[frame] = points[part]
        array[..., 0] = (array[..., 0] + 0.5) * across - 0.5  # a pixel's position is that of its centre
        array[..., 1] = (array[..., 1] + 0.5) * down - 0.5
        array[..., 2] *= across
        arrays.append(array)
    pose, left, right, face = arrays
    return HolisticPoints(pose=pose, face_mesh=face, left_hand=left, right_hand=right)


def _weaknesses(keypoints: NDArray[np.float32]) -> list[Reason]:
    """What is missing in the poses."""
    seen = keypoints[..., 3] > 0
    body = float(seen.any(axis=1).mean())
    hands = float((seen[:, LEFT_HAND].any(axis=1) | seen[:, RIGHT_HAND].any(axis=1)).mean())
    reasons = []
    if body < 0.5:
        reasons.append(Reason("person_seldom_seen", f"A person is seen in only {body:.0%} of the frames."))
    if hands == 0:
        text = "No hand is seen in any frame, so the sign cannot be read well."
        reasons.append(Reason("hands_not_seen", text))
    elif hands < _HARDLY:
        text = f"A hand is seen in only {hands:.0%} of the frames, so the sign cannot be read well."
        reasons.append(Reason("hands_seldom_seen", text))
    if not seen[:, FACE].any():
        text = "The face is not seen in any frame, so its expression cannot be read."
        reasons.append(Reason("face_not_seen", text))
    return reasons
