"""What the face shows: face points to expression, frames to a clip, and the emotion boost."""

from signlens.emotion.explain import explain_away, face_terms
from signlens.emotion.faces import FaceAlbum, faces_in_frames
from signlens.emotion.gloss_map import GlossMap, add_log_boost, boost_terms, load_gloss_map, multiply_logits
from signlens.emotion.provider import EmotionProvider, FaceFrames, FrameExpressions, LandmarkProvider
from signlens.emotion.providers import PROVIDERS, open_provider
from signlens.emotion.reading import FrameReadings, read_emotion, read_frames, sample_frames, summarise
from signlens.emotion.resting_face import SignerBaseline, signer_baseline
from signlens.signing.intensity import measure_intensity
from signlens.signing.markers import MarkerReading, read_markers
from signlens_studies.slr_sentiment.haar_face import winning_logit_average

__all__ = [
    "PROVIDERS",
    "EmotionProvider",
    "FaceAlbum",
    "FaceFrames",
    "FrameExpressions",
    "FrameReadings",
    "GlossMap",
    "LandmarkProvider",
    "MarkerReading",
    "SignerBaseline",
    "add_log_boost",
    "boost_terms",
    "explain_away",
    "face_terms",
    "faces_in_frames",
    "load_gloss_map",
    "measure_intensity",
    "multiply_logits",
    "open_provider",
    "read_emotion",
    "read_frames",
    "read_markers",
    "sample_frames",
    "signer_baseline",
    "summarise",
    "winning_logit_average",
]
