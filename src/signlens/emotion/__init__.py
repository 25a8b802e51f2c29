"""What the face shows: face points to expression, frames to a clip, and the emotion boost."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signlens.emotion.explain import explain_away, face_terms
    from signlens.emotion.expressions import EMOTIONS, EmotionMoment, EmotionReading
    from signlens.emotion.faces import FaceAlbum, faces_in_frames
    from signlens.emotion.gloss_map import (
        GlossMap,
        add_log_boost,
        boost_terms,
        load_gloss_map,
        multiply_logits,
    )
    from signlens.emotion.provider import EmotionProvider, FaceFrames, FrameExpressions, LandmarkProvider
    from signlens.emotion.providers import PROVIDERS, open_provider
    from signlens.emotion.reading import FrameReadings, read_emotion, read_frames, sample_frames, summarise
    from signlens.emotion.resting_face import SignerBaseline, signer_baseline

_HOMES = {
    "EMOTIONS": "signlens.emotion.expressions",
    "EmotionMoment": "signlens.emotion.expressions",
    "EmotionProvider": "signlens.emotion.provider",
    "EmotionReading": "signlens.emotion.expressions",
    "FaceAlbum": "signlens.emotion.faces",
    "FaceFrames": "signlens.emotion.provider",
    "FrameExpressions": "signlens.emotion.provider",
    "FrameReadings": "signlens.emotion.reading",
    "GlossMap": "signlens.emotion.gloss_map",
    "LandmarkProvider": "signlens.emotion.provider",
    "PROVIDERS": "signlens.emotion.providers",
    "SignerBaseline": "signlens.emotion.resting_face",
    "add_log_boost": "signlens.emotion.gloss_map",
    "boost_terms": "signlens.emotion.gloss_map",
    "explain_away": "signlens.emotion.explain",
    "face_terms": "signlens.emotion.explain",
    "faces_in_frames": "signlens.emotion.faces",
    "load_gloss_map": "signlens.emotion.gloss_map",
    "multiply_logits": "signlens.emotion.gloss_map",
    "open_provider": "signlens.emotion.providers",
    "read_emotion": "signlens.emotion.reading",
    "read_frames": "signlens.emotion.reading",
    "sample_frames": "signlens.emotion.reading",
    "signer_baseline": "signlens.emotion.resting_face",
    "summarise": "signlens.emotion.reading",
}

__all__ = [
    "EMOTIONS",
    "PROVIDERS",
    "EmotionMoment",
    "EmotionProvider",
    "EmotionReading",
    "FaceAlbum",
    "FaceFrames",
    "FrameExpressions",
    "FrameReadings",
    "GlossMap",
    "LandmarkProvider",
    "SignerBaseline",
    "add_log_boost",
    "boost_terms",
    "explain_away",
    "face_terms",
    "faces_in_frames",
    "load_gloss_map",
    "multiply_logits",
    "open_provider",
    "read_emotion",
    "read_frames",
    "sample_frames",
    "signer_baseline",
    "summarise",
]


def __getattr__(name: str) -> Any:
    """Bring in a part when it is asked for: who needs the names of the expressions needs no network."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
