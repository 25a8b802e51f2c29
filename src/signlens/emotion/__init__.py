"""What the face shows: face points to expression, frames to a clip, and the emotion boost."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signlens.emotion.explain import explain_away, face_terms
    from signlens.emotion.expressions import EMOTIONS, EmotionMoment, EmotionReading
    from signlens.emotion.faces import FaceAlbum
    from signlens.emotion.gloss_map import GlossMap, add_log_boost, boost_terms, load_gloss_map
    from signlens.emotion.provider import EmotionProvider, FaceFrames, FrameExpressions
    from signlens.emotion.providers import PROVIDERS, LandmarkProvider, open_provider
    from signlens.emotion.reading import (
        FrameReadings,
        read_emotion,
        read_frames,
        sample_frames,
        summarise_readings,
    )
    from signlens.emotion.resting_face import SignerBaseline, signer_baseline

_NAMES = {
    "explain": "explain_away face_terms",
    "expressions": "EMOTIONS EmotionMoment EmotionReading",
    "faces": "FaceAlbum",
    "gloss_map": "GlossMap add_log_boost boost_terms load_gloss_map",
    "provider": "EmotionProvider FaceFrames FrameExpressions",
    "providers": "PROVIDERS LandmarkProvider open_provider",
    "reading": "FrameReadings read_emotion read_frames sample_frames summarise_readings",
    "resting_face": "SignerBaseline signer_baseline",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = [
    "EMOTIONS", "PROVIDERS", "EmotionMoment", "EmotionProvider", "EmotionReading", "FaceAlbum",
    "FaceFrames", "FrameExpressions", "FrameReadings", "GlossMap", "LandmarkProvider", "SignerBaseline",
    "add_log_boost", "boost_terms", "explain_away", "face_terms", "load_gloss_map", "open_provider",
    "read_emotion", "read_frames", "sample_frames", "signer_baseline", "summarise_readings",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a part when it is asked for: who needs the names of the expressions needs no network."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
