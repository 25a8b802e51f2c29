"""Baselines that read the English caption alone, and never see the signer.

What they get says how much of a "video + caption" score the caption may bring. EmoSign's clips were
chosen by VADER's score of this very caption (the 100 most positive and the 100 most negative), so VADER's
own figures are flattered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from signlens.datasets.tables import Faults, read_csv
from signlens.emosign.annotations import EMOTIONS
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import EMOTION_CLASSES
from signlens.errors import UsageError
from signlens.optional import require_extra
from signlens_studies.emosign.baselines import encoders
from signlens_studies.emosign.baselines.materials import Array, Materials, refused

VADER_NEUTRAL = 0.05
"""VADER's own threshold: a compound score between -0.05 and 0.05 is neutral (Hutto and Gilbert 2014)."""

CLASSIFIER = "SamLowe/roberta-base-go_emotions@58b6c5b44a7a12093f782442969019c7e2982299"
"""RoBERTa trained on GoEmotions (28 labels, Demszky et al. 2020); its card says MIT."""

CLASS_OF_LABEL: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("joy", "happiness", "happy", "amusement", "excitement", "excited", "love", "admiration"),
            *("approval", "gratitude", "optimism", "pride", "relief", "caring", "desire"),
        ),
        "happiness",
    ),
    **dict.fromkeys(("surprise", "realization"), "surprise"),
    **dict.fromkeys(("nervousness", "worry", "embarrassment", "confusion"), "worry"),
    **dict.fromkeys(("sadness", "sad", "grief", "remorse"), "sadness"),
    "fear": "fear",
    "disgust": "disgust",
    **dict.fromkeys(("annoyance", "disappointment", "disapproval", "frustration"), "frustration"),
    **dict.fromkeys(("anger", "angry"), "anger"),
    **dict.fromkeys(("neutral", "curiosity"), "neutral"),
}
"""What a classifier's label counts as. ``surprise`` is positive when the caption's other labels are."""

_EXCITED = ("excitement", "excited")
_TARGETS = (*EMOTION_CLASSES, "surprise")
_NEGATIVE = ("worry", "sadness", "fear", "disgust", "frustration", "anger")
_LONGEST = 256


def vader(materials: Materials) -> list[LabelPrediction]:
    """VADER's compound score of the caption as sentiment; it knows no emotions.

    Seven classes: three times the score, rounded. Three classes: VADER's own threshold.
    """
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        raise require_extra("studies", "vaderSentiment") from None
    analyser = SentimentIntensityAnalyzer()
    predictions = []
    for clip, caption in zip(materials.data.clips, materials.captions(), strict=True):
        if caption is None:
            predictions.append(LabelPrediction(clip.video_name, "refused", "refused"))
            continue
        score = float(analyser.polarity_scores(caption)["compound"])
        three = "neutral" if abs(score) < VADER_NEUTRAL else "positive" if score > 0 else "negative"
        predictions.append(LabelPrediction(clip.video_name, seven_of(score), three))
    return predictions


def seven_of(valence: float) -> str:
    """The class -3..3 of a valence of -1..1: three times it, rounded (halves to even)."""
    return str(int(np.clip(np.rint(3 * valence), -3, 3)))


class TextClassifier:
    """A text classifier of transformers whose labels are emotions.

    Args:
        reference: Folder, or ``OWNER/NAME@COMMIT``.
        label_map: CSV file (``label, class``) for labels that `CLASS_OF_LABEL` lacks.
    """

    def __init__(self, reference: str = CLASSIFIER, label_map: Path | None = None) -> None:
        self.pinned = encoders.find(reference)
        self._tokenizer = encoders.load("AutoTokenizer", self.pinned)
        self._model = encoders.load("AutoModelForSequenceClassification", self.pinned)
        config = self._model.config
        self.labels = tuple(str(config.id2label[i]).casefold() for i in range(config.num_labels))
        self.multi_label = config.problem_type == "multi_label_classification"
        known = dict(CLASS_OF_LABEL) | (_read_label_map(label_map) if label_map is not None else {})
        unknown = [label for label in self.labels if label not in known]
        if unknown:
            raise UsageError(
                reference,
                f"has labels that are not known: {', '.join(unknown)}",
                "give --label-map FILE (label, class)",
            )
        self.classes = tuple(known[label] for label in self.labels)

    def probabilities(self, texts: Sequence[str]) -> Array:
        """(N, labels) in 0..1: of each label on its own in a multi-label network, else summing to 1."""
        import torch

        longest = min(_LONGEST, int(getattr(self._model.config, "max_position_embeddings", _LONGEST)) - 2)
        rows = []
        with torch.inference_mode():
            for text in texts:
                tokens = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=longest)
                logits = self._model(**tokens).logits[0].double()
                rows.append((logits.sigmoid() if self.multi_label else logits.softmax(0)).numpy())
        return np.asarray(rows, np.float64).reshape(len(texts), len(self.labels))


def _read_label_map(path: Path) -> dict[str, str]:
    table = read_csv(path, ("label", "class"))
    faults = Faults(path)
    found = {}
    for row in table:
        if row["class"] not in _TARGETS:
            faults.add(row.line, f"{row['class']!r} is not one of {', '.join(_TARGETS)}")
        found[row["label"].casefold()] = row["class"]
    faults.raise_if_any()
    return found


def prediction_of_text(
    name: str, probabilities: Mapping[str, float], classes: Mapping[str, str]
) -> LabelPrediction:
    """What a classifier's labels say in EmoSign's terms.

    A class is as likely as the likeliest label that counts as it. Surprise is positive when happiness
    is likelier than every negative class. Valence is happiness minus the likeliest negative class.

    Args:
        name: The clip.
        probabilities: Of each label, 0..1.
        classes: The class that each label counts as.
    """
    found = dict.fromkeys(EMOTION_CLASSES, 0.0)
    surprise = 0.0
    for label, value in probabilities.items():
        if classes[label] == "surprise":
            surprise = max(surprise, value)
        else:
            found[classes[label]] = max(found[classes[label]], value)
    negative = max(found[c] for c in _NEGATIVE)
    positive = found["happiness"] > negative
    side = "surprise_pos" if positive else "surprise_neg"
    found[side] = max(found[side], surprise)
    excited = [v for label, v in probabilities.items() if label in _EXCITED]
    levels = {e: found.get(e, found["happiness"]) for e in EMOTIONS}
    if excited:
        levels["excited"] = max(excited)
    return LabelPrediction(
        name,
        seven_of(found["happiness"] - negative),
        None,
        max(EMOTION_CLASSES, key=lambda c: found[c]),
        {e: int(np.rint(3 * value)) for e, value in levels.items()},
    )


def classify_captions(
    materials: Materials, classifier: TextClassifier
) -> tuple[list[LabelPrediction], dict[str, Any]]:
    """The classifier's answer to every caption, zero-shot, and which network gave it."""
    captions = materials.captions()
    classes = dict(zip(classifier.labels, classifier.classes, strict=True))
    predictions = []
    for done, (clip, caption) in enumerate(zip(materials.data.clips, captions, strict=True)):
        materials.progress("captions", done, len(captions))
        if caption is None:
            predictions.append(refused(clip.video_name))
            continue
        row = classifier.probabilities([caption])[0]
        said = dict(zip(classifier.labels, map(float, row), strict=True))
        predictions.append(prediction_of_text(clip.video_name, said, classes))
    return predictions, {"network": classifier.pinned.name, "sha256": classifier.pinned.sha256}
