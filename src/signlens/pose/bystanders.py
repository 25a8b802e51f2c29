"""Notices a second person in the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signlens.pose.tracking import Body


class BystanderWatch:
    """Looks for other people than the one who is followed, in a few frames of a clip."""

    def reset(self) -> None:
        """Start on another clip."""

    def look(self, image: NDArray[np.uint8], index: int, body: Body | None) -> None:
        """Look at one frame, if it is its turn."""

    def reasons(self) -> list[str]:
        """What was noticed."""
        return []
