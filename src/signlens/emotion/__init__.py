"""What the face shows: face points to expression, frames to a clip, and the emotion boost."""

from signlens.emotion.boost import GlossMap, add_log_boost, boost_terms, load_gloss_map, multiply_logits
from signlens.emotion.explain import explain_away, face_terms
from signlens.emotion.intensity import measure_intensity
from signlens.emotion.markers import MarkerReading, read_markers
from signlens.emotion.provider import EmotionProvider, FaceFrames, LandmarkProvider
from signlens.emotion.reading import read_emotion, sample_frames

__all__ = [
    "EmotionProvider",
    "FaceFrames",
    "GlossMap",
    "LandmarkProvider",
    "MarkerReading",
    "add_log_boost",
    "boost_terms",
    "explain_away",
    "face_terms",
    "load_gloss_map",
    "measure_intensity",
    "multiply_logits",
    "read_emotion",
    "read_markers",
    "sample_frames",
]
