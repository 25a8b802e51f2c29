"""How far each keypoint is from the camera: four sources, one scale.

- ``landmark``: the extractor's own z, brought to scale (`signlens.orientation.depth.landmark`). The default.
- ``depth-anything``: Depth-Anything-V2-Small looks at the same frames (extra ``depth``).
- ``colormap``: a video of depth coloured with INFERNO, as the SLR-sentiment paper had it.
- ``lift``: no depth at all; how wide the shoulders look and where the nose points.

Every source gives a `Depth`: distances in shoulder widths, nought in the middle of the shoulders, larger
is farther. `with_depth` puts one into a clip's z, in pixels like x and y.
"""

from __future__ import annotations

from pathlib import Path

from signlens.errors import UsageError
from signlens.orientation.depth.depth import Depth, with_depth
from signlens.pose.clip import PoseClip

__all__ = ["SOURCES", "VIDEO_SOURCES", "Depth", "read_depth", "with_depth"]

SOURCES: tuple[str, ...] = ("landmark", "depth-anything", "colormap", "lift")
"""Names of the sources."""

VIDEO_SOURCES: tuple[str, ...] = ("depth-anything", "colormap")
"""Those that need pictures beside the poses."""


def read_depth(clip: PoseClip, source: str = "landmark", video: str | Path | None = None) -> Depth:
    """The depth of a clip's keypoints.

    Args:
        clip: The poses.
        source: One of `SOURCES`.
        video: For ``depth-anything`` the video that the poses were extracted from, for ``colormap``
            the depth video; not used by the others.

    Raises:
        UsageError: There is no such source, or it needs a video and none is given.
        InputRejected: The video cannot be read or has another number of frames.
        PartMissing: A library or a network is not there.
    """
    if source not in SOURCES:
        raise UsageError("depth", f"there is no source {source!r}", f"choose from {', '.join(SOURCES)}")
    if source == "landmark":
        from signlens.orientation.depth.landmark import landmark_depth

        return landmark_depth(clip)
    if source == "lift":
        from signlens.orientation.depth.lift import lifted_depth

        return lifted_depth(clip)
    if video is None:
        raise UsageError("depth", f"{source} looks at pictures, and no video is given", "name the video")
    if source == "depth-anything":
        from signlens.orientation.depth.depth_anything import DepthAnything

        return DepthAnything().depth(clip, video)
    from signlens_studies.orientation.colormap import colormap_depth

    return colormap_depth(clip, video)
