"""What the faces of many clips show: the emotion vectors that tables and comparisons are made with.

A CSV file with a column ``clip`` (or ``sample``, ``name``) and the eight emotions ``neutral, happy, sad,
surprise, fear, disgust, anger, contempt``, one line a clip; a column ``majority`` (or ``emotion``) may
stand there and is not read. Eight empty cells or eight zeros say that no face was seen. The SLR-sentiment
paper's own files are the same without the line of column names: name, majority, the eight values. Or a
JSON file: what ``signlens recognize CLIP... --json`` prints; a clip is called by its file's name there,
without folder and ending.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.datasets.tables import TableRow, listed, read_csv, read_json, read_text
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.gloss_map import GlossMap
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.scores import ScoreSet, repeated
from signlens.files import file_sha256

NAMES = ("clip", "sample", "name")
MAJORITY = ("majority", "emotion")


@dataclass(frozen=True, eq=False)
class EmotionVectors:
    """One vector a clip.

    Attributes:
        source: The file.
        sha256: Of its bytes; empty if there is no file.
        clips: (N,) unique names.
        values: (N, 8) in the order of `EMOTIONS`, finite; zeros where no face was seen. Means of
            probabilities, or, of the paper's own, any numbers.
    """

    source: str
    sha256: str
    clips: NDArray[np.str_]
    values: NDArray[np.float64]

    @property
    def are_probabilities(self) -> bool:
        """Whether every value is in 0..1, as a boost in probability space needs."""
        return bool(((self.values >= 0) & (self.values <= 1 + 1e-6)).all())

    def of(self, clips: NDArray[np.str_]) -> NDArray[np.float64]:
        """(M, 8) the vectors of some clips; zeros for a clip that is not there, as for one without a face."""
        place = {name: i for i, name in enumerate(self.clips.tolist())}
        rows = np.array([place.get(name, -1) for name in clips.tolist()], dtype=np.int64)
        if (rows < 0).all():
            raise UsageError(
                self.source,
                f"has none of the {len(clips)} clips scored, such as {listed(clips[:2])}",
                "call the clips as the scores do",
            )
        return np.where(rows[:, None] >= 0, self.values[rows], 0.0)

    def lacking(self, clips: NDArray[np.str_]) -> int:
        """How many of some clips are not there."""
        return int((~np.isin(clips, self.clips)).sum())


@dataclass(frozen=True, eq=False)
class EmotionBoost:
    """What scores are augmented with.

    Attributes:
        vectors: What the faces show.
        gloss_map: Which glosses an expression speaks for.
        top_k: Only the best k classes of a clip are touched; None for all.
        include_grammatical: Also glosses whose face is grammar.
    """

    vectors: EmotionVectors
    gloss_map: GlossMap
    top_k: int | None = 10
    include_grammatical: bool = False

    def class_emotions(self, scores: ScoreSet) -> NDArray[np.int64]:
        """(C,) the place in `EMOTIONS` of the emotion that speaks for each class, -1 for none."""
        if not scores.glosses:
            raise InputRejected(
                scores.source, "does not name its classes", "add an array gloss: the map goes by glosses"
            )
        found = self.gloss_map.class_emotions(scores.glosses, self.include_grammatical)
        if (found < 0).all():
            raise UsageError(
                self.gloss_map.name,
                f"has none of the {scores.classes} glosses of {scores.source}",
                "give a map of their glosses with --gloss-map",
            )
        return found

    def facts(self, scores: ScoreSet) -> dict[str, Any]:
        """What to log with a result, as plain values."""
        vectors = self.vectors
        return {
            "vectors": vectors.source,
            "vectors_sha256": vectors.sha256,
            "gloss_map": self.gloss_map.name,
            "gloss_map_sha256": self.gloss_map.sha256,
            "grammatical_included": self.include_grammatical,
            "top_k": self.top_k,
            "unknown_glosses": list(self.gloss_map.unknown(scores.glosses)),
            "clips_without_vector": vectors.lacking(scores.clips),
            "clips_without_face": int((~vectors.of(scores.clips).any(axis=1)).sum()),
        }

    def notes(self, scores: ScoreSet) -> list[str]:
        """What a reader must know of it."""
        facts = self.facts(scores)
        found = []
        unknown = facts["unknown_glosses"]
        if unknown:
            found.append(
                f"{len(unknown)} glosses of the map {self.gloss_map.name} are not among the classes, so "
                f"nothing is done for them: {', '.join(unknown)}."
            )
        if facts["clips_without_vector"]:
            found.append(
                f"{facts['clips_without_vector']} of {len(scores)} clips have no emotion vector in "
                f"{self.vectors.source}; they are left as they are."
            )
        return found


def read_emotion_vectors(path: str | Path) -> EmotionVectors:
    """Read a file of emotion vectors."""
    path = Path(path)
    named = _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path)
    if not named:
        raise InputRejected(path, "there is no clip in it", "give one line a clip")
    clips = np.array([name for name, _ in named])
    twice = repeated(clips)
    if twice:
        raise InputRejected(path, f"clips occur more than once: {listed(twice)}", "give every clip once")
    return EmotionVectors(str(path), file_sha256(path), clips, np.array([values for _, values in named]))


def _from_csv(path: Path) -> list[tuple[str, list[float]]]:
    first = [cell.strip() for cell in read_text(path).partition("\n")[0].replace(";", ",").split(",")]
    name = next((n for n in NAMES if n in first), None)
    if name is not None:
        table = read_csv(path, (name, *EMOTIONS))
        strangers = sorted(set(first) - {*NAMES, *MAJORITY, *EMOTIONS})
        if strangers:
            raise InputRejected(
                path, f"unknown columns {', '.join(strangers)}", f"give clip, {', '.join(EMOTIONS)}"
            )
    else:
        name = "clip"
        columns = ("clip", *(("majority",) if len(first) == len(EMOTIONS) + 2 else ()), *EMOTIONS)
        table = read_csv(path, (), names=columns)
    return [(row.filled(name), _numbers(row)) for row in table]


def _numbers(row: TableRow) -> list[float]:
    cells = [row[name] for name in EMOTIONS]
    if not any(cells):
        return [0.0] * len(EMOTIONS)
    found = []
    for name, cell in zip(EMOTIONS, cells, strict=True):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise row.error(
                f"{name} is {cell!r}, not a number", "correct it; leave all eight empty for no face"
            )
        found.append(value)
    return found


def _from_json(path: Path) -> list[tuple[str, list[float]]]:
    content = read_json(path)
    documents = content if isinstance(content, list) else [content]
    return [_from_document(path, document) for document in documents]


def _from_document(path: Path, document: Any) -> tuple[str, list[float]]:
    try:
        name = Path(document["clip"]["path"]).stem
        emotion = document["emotion"]
        if emotion is None:
            return name, [0.0] * len(EMOTIONS)
        values = [float(emotion["probabilities"][e]) for e in EMOTIONS]
    except (KeyError, TypeError, ValueError):
        values, name = [math.nan], ""
    if not name or not all(math.isfinite(v) for v in values):
        raise InputRejected(
            path, "it is not what `signlens recognize CLIP... --json` prints", "give that, or a CSV file"
        )
    return name, values
