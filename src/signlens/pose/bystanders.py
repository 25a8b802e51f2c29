"""Notices a second person in the frame.

Holistic follows one body. In a frame now and then, the body detector and MediaPipe's far-range face detector
look at the whole picture; two bodies or two faces there mean that somebody else is in view. On frames put
together from two recordings both detectors see a second signer down to about half the first one's size;
on recordings of one signer the second-best face stays far below the score asked for here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.pose.networks import FACE_DETECTION_FAR, Detector
from signlens.pose.tracking import pose_detector
from signlens.reasons import Reason

_EVERY = 20
_FACE_SCORE = 0.6


class BystanderWatch:
    """Looks for more people than one in a few frames of a clip."""

    def __init__(self) -> None:
        self._bodies = pose_detector()
        self._faces = Detector(FACE_DETECTION_FAR, (4,), anchors_per_layer=1, min_score=_FACE_SCORE)
        self.reset()

    def reset(self) -> None:
        """Start on another clip."""
        self._looks = 0
        self._crowded = 0

    def look(self, image: NDArray[np.uint8], index: int) -> None:
        """Look at the frame with this index, if it is its turn."""
        if index % _EVERY:
            return
        self._looks += 1
        if len(self._faces.detect(image)) > 1 or len(self._bodies.detect(image)) > 1:
            self._crowded += 1

    def reasons(self) -> list[Reason]:
        """A reason if more than one person was in view for at least half of the time."""
        if self._crowded and 2 * self._crowded >= self._looks:
            return [Reason("several_people", "More than one person is in view; the largest one is followed.")]
        return []
