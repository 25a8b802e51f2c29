"""What the dataset tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SIGNLENS_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real label files and landmark sets."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"the recordings are not at {folder}; set SIGNLENS_SHARED")
    return folder
