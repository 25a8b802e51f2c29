"""The sources of depth by name.

- ``landmark``: the extractor's own z, brought to scale (`landmark_depth`). The default.
- ``depth-anything``: Depth-Anything-V2-Small looks at the same frames (extra ``depth``).
- ``lift``: no depth at all; how wide the shoulders look and where the nose points.

Every source gives a `Depth`: distances in shoulder widths, zero in the middle of the shoulders, larger is
farther. `signlens.orientation.depth.with_depth` puts one into a clip's z, in pixels like x and y.
"""

from __future__ import annotations

from pathlib import Path

from signlens.errors import UsageError
from signlens.orientation.depth import Depth
from signlens.pose.clip import PoseClip

SOURCES: tuple[str, ...] = ("landmark", "depth-anything", "lift")
"""Names of the sources."""


def check_source(source: str) -> None:
    """Refuse a source that there is not, or no longer."""
    if source == "colormap":
        instead = "use: python -m signlens_studies orientation colormap POSES DEPTH_VIDEO --out OUT.pose"
        raise UsageError("depth", "depth as colours belongs to the studies now", instead)
    if source not in SOURCES:
        raise UsageError("depth", f"there is no source {source!r}", f"choose from {', '.join(SOURCES)}")


def read_depth(clip: PoseClip, source: str = "landmark", video: str | Path | None = None) -> Depth:
    """The depth of a clip's keypoints.

    Args:
        clip: The poses.
        source: One of `SOURCES`.
        video: For ``depth-anything`` the video that the poses were extracted from.

    Raises:
        UsageError: There is no such source, or it needs a video and none is given.
        InputRejected: The video cannot be read or has another number of frames.
        PartMissing: A library or a network is not there.
    """
    check_source(source)
    if source == "landmark":
        from signlens.orientation.landmark_depth import landmark_depth

        return landmark_depth(clip)
    if source == "lift":
        from signlens.orientation.lifted_depth import lifted_depth

        return lifted_depth(clip)
    if video is None:
        raise UsageError("depth", f"{source} looks at pictures, and no video is given", "name the video")
    from signlens.orientation.depth_anything import DepthAnything

    return DepthAnything().depth(clip, video)
