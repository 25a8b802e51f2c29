"""MediaPipe Holistic: a video to a `PoseClip`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from signlens.errors import InputRejected
from signlens.pose.clip import PoseClip, Provenance
from signlens.pose.layouts import HolisticPoints, whole_body_from_holistic
from signlens.video import VideoLimits, open_video

EXTRACTOR = "mediapipe-holistic"


class HolisticExtractor:
    """MediaPipe Holistic over the frames of one clip after the other (use as a context manager)."""

    def __enter__(self) -> HolisticExtractor:
        """Load what is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""

    def extract(
        self,
        source: str | Path,
        limits: VideoLimits | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> PoseClip:
        """Poses of one clip."""
        import mediapipe

        rows: list[tuple[Any, ...]] = []
        times = []
        with (
            open_video(source, limits, max_side=640) as video,
            mediapipe.solutions.holistic.Holistic(model_complexity=1) as network,
        ):
            width, height = video.width, video.height

            def points(found: Any, count: int, body: bool = False) -> Any:
                if found is None:
                    return np.zeros((count, 4), dtype=np.float32)
                return np.asarray(
                    [
                        (p.x * width, p.y * height, p.z * width, p.visibility if body else 1.0)
                        for p in found.landmark
                    ],
                    dtype=np.float32,
                )

            for frame in video:
                seen = network.process(np.ascontiguousarray(frame.image))
                rows.append(
                    (
                        points(seen.pose_landmarks, 33, True),
                        points(seen.face_landmarks, 468),
                        points(seen.left_hand_landmarks, 21),
                        points(seen.right_hand_landmarks, 21),
                    )
                )
                times.append(frame.t_s)
                if progress is not None:
                    progress(len(rows))
        summary = video.summary
        pose, face, left, right = (np.stack(part) for part in zip(*rows, strict=True))
        if not (pose[..., 3] > 0).any():
            raise InputRejected(
                source, "no person was found in any frame", "check that the signer is in view"
            )
        keypoints = whole_body_from_holistic(
            HolisticPoints(pose=pose, face_mesh=face, left_hand=left, right_hand=right)
        )
        path = Path(source)
        origin = (
            {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            if path.is_file()
            else {}
        )
        return PoseClip(
            keypoints=keypoints,
            face_mesh=np.where(face[..., 3:] > 0, face[..., :3], np.float32("nan")),
            times=np.asarray(times, dtype=np.float64),
            fps=summary.fps,
            width=width,
            height=height,
            provenance=Provenance(EXTRACTOR, "0.10.21", {}, {}, origin),
            reasons=tuple(summary.reasons),
        )


def extract_pose(
    source: str | Path,
    limits: VideoLimits | None = None,
    progress: Callable[[int], None] | None = None,
) -> PoseClip:
    """Poses of one clip, with an extractor of its own."""
    with HolisticExtractor() as extractor:
        return extractor.extract(source, limits, progress)
