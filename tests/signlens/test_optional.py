from __future__ import annotations

import builtins
from typing import Any

import pytest

from signlens.errors import PartMissing
from signlens.optional import import_opencv


@pytest.mark.parametrize(
    "message",
    [
        "libGL.so.1: cannot open shared object file: No such file or directory",
        "libgthread-2.0.so.0: cannot open shared object file: No such file or directory",
    ],
)
def test_a_missing_shared_library_names_its_packages(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    real = builtins.__import__

    def without_opencv(name: str, *rest: Any, **more: Any) -> Any:
        if name == "cv2":
            raise ImportError(message)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_opencv)
    with pytest.raises(PartMissing, match=r"apt-get install libgl1 libglib2\.0-0") as caught:
        import_opencv()
    assert "\n" not in str(caught.value)
