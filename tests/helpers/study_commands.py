"""Run ``python -m signlens_studies ...`` inside of a test."""

from __future__ import annotations

import pytest

from signlens_studies.__main__ import app


def study(*words: object) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        app([str(word) for word in words])
    return int(left.value.code or 0)
