"""SignLens reads a video of an isolated sign.

It says which sign it is, what emotion the signer's face and hands carry, and which
known signs look alike, with the evidence for each::

    import signlens

    result = signlens.recognize("clip.mp4")
    print(result.answer.explanation)

For many clips, share a `Recognizer`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signlens.errors import InputRejected, PartMissing, SignLensError, UsageError
    from signlens.fusion.clip_fusion import FusionSettings
    from signlens.pose import PoseClip, extract_pose, read_pose, write_pose
    from signlens.recognition import Recognition
    from signlens.recognizer import Recognizer, recognize
    from signlens.video import VideoLimits

__version__ = "0.1.0"

_HOMES = {
    "FusionSettings": "signlens.fusion.clip_fusion",
    "InputRejected": "signlens.errors",
    "PartMissing": "signlens.errors",
    "PoseClip": "signlens.pose",
    "Recognition": "signlens.recognition",
    "Recognizer": "signlens.recognizer",
    "SignLensError": "signlens.errors",
    "UsageError": "signlens.errors",
    "VideoLimits": "signlens.video",
    "extract_pose": "signlens.pose",
    "read_pose": "signlens.pose",
    "recognize": "signlens.recognizer",
    "write_pose": "signlens.pose",
}

__all__ = [
    "FusionSettings",
    "InputRejected",
    "PartMissing",
    "PoseClip",
    "Recognition",
    "Recognizer",
    "SignLensError",
    "UsageError",
    "VideoLimits",
    "__version__",
    "extract_pose",
    "read_pose",
    "recognize",
    "write_pose",
]


def __getattr__(name: str) -> Any:
    """Bring in a part when it is asked for, so that importing the package costs nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
