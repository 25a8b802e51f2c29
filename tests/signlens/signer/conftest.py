"""Fixtures of this room; property tests run without a time limit each, as machines may be busy."""

from __future__ import annotations

from hypothesis import settings
from signer_clips import signer_clip

settings.register_profile("signer", deadline=None, max_examples=40)
settings.load_profile("signer")

__all__ = ["signer_clip"]
