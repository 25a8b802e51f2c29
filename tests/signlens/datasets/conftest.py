"""What the dataset tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import DATA


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real label files and landmark sets."""
    folder = DATA
    if not folder.is_dir():
        pytest.skip(f"the recordings are not at {folder}; set SIGNLENS_SHARED")
    return folder
