"""Frames to poses: extractors, the clip type, `.pose` files, layouts as data."""

from typing import TYPE_CHECKING, Any

from signlens.pose.clip import (
    BODY,
    FACE,
    FACE_MESH_POINTS,
    FEET,
    LEFT_HAND,
    RIGHT_HAND,
    WHOLE_BODY_KEYPOINTS,
    PoseClip,
    Provenance,
)
from signlens.pose.file import check_provenance, is_pose_file, read_pose, write_pose
from signlens.pose.layouts import GROUPS, KEYPOINT_NAMES, LIMBS

if TYPE_CHECKING:
    from signlens.pose.holistic import HolisticExtractor, extract_pose

__all__ = [
    "BODY",
    "FACE",
    "FACE_MESH_POINTS",
    "FEET",
    "GROUPS",
    "KEYPOINT_NAMES",
    "LEFT_HAND",
    "LIMBS",
    "RIGHT_HAND",
    "WHOLE_BODY_KEYPOINTS",
    "HolisticExtractor",
    "PoseClip",
    "Provenance",
    "check_provenance",
    "extract_pose",
    "is_pose_file",
    "read_pose",
    "write_pose",
]


def __getattr__(name: str) -> Any:
    """Bring in the extractor (networks, video decoding) only when it is asked for."""
    if name in ("HolisticExtractor", "extract_pose"):
        from signlens.pose import holistic

        return getattr(holistic, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
