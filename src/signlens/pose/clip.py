"""A clip's poses: 133 whole-body keypoints per frame, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.reasons import Reason

WHOLE_BODY_KEYPOINTS = 133
FACE_MESH_POINTS = 468

# COCO-WholeBody layout (0-based): body 17, feet 6, face 68, hands 21 each.
BODY = slice(0, 17)
FEET = slice(17, 23)
FACE = slice(23, 91)
LEFT_HAND = slice(91, 112)
RIGHT_HAND = slice(112, 133)


@dataclass(frozen=True)
class Provenance:
    """Where poses come from, so that a model can say when it was trained on others.

    Attributes:
        extractor: Name of the extractor, e.g. ``mediapipe-holistic``.
        version: Its version.
        models: Model file name -> SHA-256 (hex).
        settings: The settings that change its output, as plain JSON values.
        source: ``name`` and ``sha256`` of the video; empty for a camera.
    """

    extractor: str
    version: str
    models: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)

    @property
    def source_hashes(self) -> frozenset[str]:
        """SHA-256 (hex) of the file that the poses come from; one empty text where it is unknown."""
        return frozenset({self.source.get("sha256", "")})


@dataclass(frozen=True)
class Coverage:
    """Share of frames, 0..1, in which a part was found."""

    body: float
    left_hand: float
    right_hand: float
    face: float


@dataclass(frozen=True)
class PoseClip:
    """The poses of one clip.

    A missing point has confidence 0 and NaN coordinates, never zeros that look like a position.
    "Left" and "right" are the signer's own.

    Attributes:
        keypoints: (T, 133, 4) float32: x and y in pixels of the displayed frame, z in the same
            scale (nearer is smaller), confidence 0..1. COCO-WholeBody order.
        face_mesh: (T, 468, 3) float32 MediaPipe face points (x, y, z in pixels, NaN where no
            face was found), or None when the poses come without them.
        times: (T,) float64, seconds from the clip's start, strictly increasing.
        fps: Mean frames per second.
        width: Frame width in pixels.
        height: Frame height in pixels.
        provenance: Where the poses come from.
        reasons: Why these poses are less than they could be; empty for a healthy clip.
    """

    keypoints: NDArray[np.float32]
    face_mesh: NDArray[np.float32] | None
    times: NDArray[np.float64]
    fps: float
    width: int
    height: int
    provenance: Provenance
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes and values.

        Raises:
            InputRejected: Shapes, counts or values that no pose clip can have.
        """
        name = self.provenance.source.get("name", "poses")
        k = self.keypoints
        if k.ndim != 3 or k.shape[1:] != (WHOLE_BODY_KEYPOINTS, 4):
            raise InputRejected(
                name, f"keypoints have shape {k.shape}, not (frames, 133, 4)", "extract the poses again"
            )
        if len(k) == 0:
            raise InputRejected(name, "there is no frame in it", "extract the poses again")
        if self.face_mesh is not None and self.face_mesh.shape != (len(k), FACE_MESH_POINTS, 3):
            raise InputRejected(
                name, f"the face mesh has shape {self.face_mesh.shape}", "extract the poses again"
            )
        if self.times.shape != (len(k),):
            raise InputRejected(name, "frame times and frames differ in number", "extract the poses again")
        wrong = ~np.isfinite(k)
        # Coordinate by coordinate: picking the seen points out of the clip takes several times as long.
        if wrong.any() and (wrong[..., 3] | ((k[..., 3] > 0) & _any_of_three(wrong))).any():
            raise InputRejected(
                name, "keypoints that count as seen are not numbers", "extract the poses again"
            )

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.keypoints)

    def part_visible(self, part: slice) -> NDArray[np.bool_]:
        """(T,) whether any point of a part (`LEFT_HAND`, ...) was found, per frame."""
        return np.asarray((self.keypoints[:, part, 3] > 0).any(axis=1))

    def coverage(self) -> Coverage:
        """Share of frames in which each part was found."""
        return Coverage(
            body=float(self.part_visible(BODY).mean()),
            left_hand=float(self.part_visible(LEFT_HAND).mean()),
            right_hand=float(self.part_visible(RIGHT_HAND).mean()),
            face=float(self.part_visible(FACE).mean()),
        )


def _any_of_three(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(flags[..., 0] | flags[..., 1] | flags[..., 2])
