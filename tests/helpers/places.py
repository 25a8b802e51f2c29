"""Where tests find the repository and the recordings that cannot be shipped."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]

SHARED = Path(os.environ.get("SIGNLENS_SHARED", ROOT.parent / "shared"))
"""Real recordings; a test that needs them skips where they are not there."""

DATA = SHARED / "data"
