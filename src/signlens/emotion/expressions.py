"""The eight expressions, and what the face shows over a clip in terms of them."""

from __future__ import annotations

from dataclasses import dataclass

EMOTIONS: tuple[str, ...] = (
    "neutral",
    "happy",
    "sad",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)
"""The eight expressions, in the order used everywhere (DAN's, and the SLR-sentiment paper's)."""


@dataclass(frozen=True)
class EmotionMoment:
    """Expression probabilities at one time.

    Attributes:
        t_s: Seconds from the clip's start.
        probabilities: One value per name in `EMOTIONS`, summing to 1.
        valence: Unpleasant -1 to pleasant 1; None from a provider that does not know it.
        arousal: Calm -1 to excited 1; likewise.
    """

    t_s: float
    probabilities: dict[str, float]
    valence: float | None = None
    arousal: float | None = None


@dataclass(frozen=True)
class EmotionReading:
    """What the face shows over the clip.

    Attributes:
        provider: Which emotion provider measured it.
        probabilities: Weighted mean over the sampled frames with a face; sums to 1.
        coverage: Share of the sampled frames that had a face, 0..1.
        timeline: The sampled frames with a face, in time order.
        version: Which weights the provider used.
        pictured: Share of the read frames, 0..1, in which the face's picture was looked at, not its
            points alone.
        valence: Mean over the same frames, -1..1; None from a provider that does not know it.
        arousal: Likewise.
        signer_baseline: Whether the signer's own resting face was taken as neutral.
    """

    provider: str
    probabilities: dict[str, float]
    coverage: float
    timeline: tuple[EmotionMoment, ...] = ()
    version: str = ""
    pictured: float = 0.0
    valence: float | None = None
    arousal: float | None = None
    signer_baseline: bool = False
