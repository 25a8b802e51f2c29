"""The providers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from signlens.emotion.dan import DanProvider
from signlens.emotion.emotiefflib import EmotiEffLibProvider
from signlens.emotion.provider import EmotionProvider, LandmarkProvider
from signlens.errors import UsageError

PROVIDERS: Mapping[str, Callable[[Path | None], EmotionProvider]] = {
    "landmarks": LandmarkProvider,
    "dan": DanProvider,
    "emotiefflib": EmotiEffLibProvider,
}
"""Name -> what makes the provider out of a model's path, or of None for its default."""


def open_provider(name: str = "landmarks", model: str | Path | None = None) -> EmotionProvider:
    """A provider, ready to read.

    Args:
        name: One of `PROVIDERS`.
        model: Which weights: a head's folder for ``landmarks``, a weights file for ``dan``, a fetched
            file or a model's name for ``emotiefflib``; None for the default, which ``dan`` has not.

    Raises:
        UsageError: There is none of this name.
        PartMissing: Its weights or its package are not here.
        InputRejected: The weights are not this provider's.
    """
    if name not in PROVIDERS:
        raise UsageError(
            "--emotion-provider", f"there is no {name!r}", f"choose one of {', '.join(PROVIDERS)}"
        )
    return PROVIDERS[name](None if model is None else Path(model))
