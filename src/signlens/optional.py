"""Libraries that not everything needs: imported where they are used, and what to install."""

from __future__ import annotations

from typing import Any

from signlens.errors import PartMissing


def require_extra(extra: str, module: str) -> PartMissing:
    """The error for an optional dependency that is not installed.

    Args:
        extra: Name of the extra that brings it, e.g. ``train``.
        module: The module that could not be imported.
    """
    return PartMissing(
        module,
        "this optional dependency is not installed",
        f"install it with: pip install 'signlens[{extra}]'",
    )


def import_opencv() -> Any:
    """OpenCV, whose wheel needs two shared libraries that a minimal Debian lacks.

    Raises:
        PartMissing: It, or a shared library that it needs, is not there.
    """
    try:
        import cv2
    except ImportError as error:
        if "libGL" in str(error) or "libgthread" in str(error) or "libglib" in str(error):
            raise PartMissing(
                "OpenCV",
                f"a shared library is missing ({error})",
                "install it with: apt-get install libgl1 libglib2.0-0",
            ) from None
        raise PartMissing(
            "OpenCV", f"it cannot be imported ({error})", "pip install mediapipe==0.10.21"
        ) from None
    return cv2
