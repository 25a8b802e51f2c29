"""What the face shows: face points to expression, frames to a clip, and the emotion boost."""

from signlens.emotion.boost import GlossMap, add_log_boost, boost_terms, load_gloss_map, multiply_logits
from signlens.emotion.provider import EmotionProvider, FaceFrames, LandmarkProvider
from signlens.emotion.reading import read_emotion, sample_frames

__all__ = [
    "EmotionProvider",
    "FaceFrames",
    "GlossMap",
    "LandmarkProvider",
    "add_log_boost",
    "boost_terms",
    "load_gloss_map",
    "multiply_logits",
    "read_emotion",
    "sample_frames",
]
