"""What the EmoSign paper printed, as data.

Source: arXiv 2505.17090 v1: agreement (section on annotation), sentiment and single-label emotion
(results). Percent, except alpha. ``table2``, ``table3`` and ``table4`` of `signlens reproduce` are
these three in the order in which they stand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from signlens.emosign.tasks import EMOTION_CLASSES

ALPHA = {
    "sentiment": 0.738,
    "joy": 0.699,
    "excited": 0.552,
    "surprise_pos": 0.381,
    "surprise_neg": 0.119,
    "worry": 0.555,
    "sadness": 0.333,
    "fear": 0.351,
    "disgust": 0.166,
    "frustration": 0.330,
    "anger": 0.370,
}
ALPHA_AVERAGE_PRINTED = 0.593


def alpha_mean() -> float:
    """The mean of the paper's eleven alphas: .418, where .593 is printed (the mean of the first four)."""
    return sum(ALPHA.values()) / len(ALPHA)


@dataclass(frozen=True)
class SentimentRow:
    """One row of the sentiment table: weighted accuracy and weighted F1, percent."""

    inputs: str
    model: str
    wacc3: float
    wf13: float
    wacc7: float
    wf17: float


SENTIMENT = (
    SentimentRow("video", "MiniGPT4", 34.68, 40.00, 14.46, 13.03),
    SentimentRow("video", "Qwen2.5-VL", 27.34, 16.47, 10.26, 2.44),
    SentimentRow("video", "AffectGPT", 33.33, 0.04, 14.29, 0.04),
    SentimentRow("video", "GPT-4o", 40.72, 24.43, 19.81, 5.97),
    SentimentRow("video + caption", "MiniGPT4", 21.65, 36.89, 9.76, 12.18),
    SentimentRow("video + caption", "Qwen2.5-VL", 41.10, 54.29, 15.84, 14.51),
    SentimentRow("video + caption", "AffectGPT", 56.18, 64.37, 21.02, 16.13),
    SentimentRow("video + caption", "GPT-4o", 52.13, 76.72, 22.89, 26.35),
    SentimentRow("video + caption", "hearing person", 55.64, 57.64, 25.48, 21.39),
)


@dataclass(frozen=True)
class EmotionRow:
    """One row of the emotion table: recall of each class in the order of `EMOTION_CLASSES`, percent."""

    inputs: str
    model: str
    recalls: tuple[int, ...]
    wacc: float
    wf1: float


EMOTION = (
    EmotionRow("video", "MiniGPT4", (69, 20, 14, 0, 0, 0, 0, 0, 0, 27), 13.01, 22.02),
    EmotionRow("video", "Qwen2.5-VL", (35, 0, 43, 0, 0, 0, 0, 5, 33, 27), 14.39, 18.53),
    EmotionRow("video", "AffectGPT", (11, 0, 0, 7, 30, 0, 0, 5, 0, 73), 12.62, 11.03),
    EmotionRow("video", "GPT-4o", (35, 0, 0, 7, 0, 0, 20, 53, 0, 0), 11.50, 20.76),
    EmotionRow("video + caption", "MiniGPT4", (89, 0, 14, 7, 30, 43, 10, 0, 33, 9), 23.56, 35.89),
    EmotionRow("video + caption", "Qwen2.5-VL", (63, 40, 29, 64, 0, 14, 20, 32, 33, 55), 34.96, 44.67),
    EmotionRow("video + caption", "AffectGPT", (85, 20, 0, 50, 30, 14, 10, 32, 33, 27), 30.17, 47.77),
    EmotionRow("video + caption", "GPT-4o", (89, 20, 0, 79, 20, 29, 50, 74, 0, 0), 35.97, 55.09),
)

# How many of the 140 single-expression clips each class has. The paper does not print them; they are
# the numbers for which every printed recall is a whole number of clips, and they add up to 140.
RECOVERED_SINGLE = dict(zip(EMOTION_CLASSES, (54, 5, 7, 14, 10, 7, 10, 19, 3, 11), strict=True))


def recovered_hits(row: EmotionRow) -> tuple[int, ...]:
    """How many clips of each class a row's printed recalls stand for."""
    sizes = RECOVERED_SINGLE.values()
    return tuple(round(recall * size / 100) for recall, size in zip(row.recalls, sizes, strict=True))


def recovered_wacc(row: EmotionRow) -> float:
    """The mean recall of those clips, percent: the printed wAcc, if wAcc is balanced accuracy."""
    pairs = zip(recovered_hits(row), RECOVERED_SINGLE.values(), strict=True)
    return float(sum(Fraction(hit, size) for hit, size in pairs) / len(RECOVERED_SINGLE) * 100)
