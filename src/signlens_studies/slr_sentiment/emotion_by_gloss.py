"""Does a gloss go with the same face in every split? The SLR-sentiment paper's Tables 10 and 11.

A network that reads emotion vectors can only use what holds in every split. The paper's networks learned that
*circle* is sad from two training clips; no other clip of it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.emotion_vectors import read_emotion_vectors
from signlens.evaluation.metrics import bootstrap
from signlens.evaluation.results import describe_intervals
from signlens.evaluation.scores import read_scores
from signlens.evaluation.systems import Settings
from signlens_studies.reproduction import PAPER, Reproduction, Row

TABLES = {
    "table10": ("sad", "circle", {"train": 0.5864, "test": 0.0, "val": 0.0}),
    "table11": ("happy", "alligator", {"train": 0.5, "test": 0.0, "val": 0.0}),
}
"""Table -> emotion, gloss, mean score by split as printed."""

_PAPER_NAMES = {"train": "Train", "test": "Test", "val": "Val"}


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """Emotion vectors of clips whose gloss and split are known.

    Attributes:
        vectors: (N, 8); zeros where no face was seen.
        glosses: (N,).
        splits: (N,).
    """

    vectors: NDArray[np.float64]
    glosses: NDArray[np.str_]
    splits: NDArray[np.str_]

    def values(self, gloss: str, split: str, emotion: str) -> NDArray[np.float64]:
        """(n,) the emotion in the clips of a gloss and split."""
        here = (self.glosses == gloss) & (self.splits == split)
        return np.asarray(self.vectors[here, EMOTIONS.index(emotion)])


def mean_by_gloss(faces: LabelledFaces, emotion: str, split: str) -> dict[str, float]:
    """Gloss -> mean of an emotion over its clips in a split."""
    here = faces.splits == split
    found, member = np.unique(faces.glosses[here], return_inverse=True)
    values = faces.vectors[here, EMOTIONS.index(emotion)]
    means = np.bincount(member, weights=values) / np.bincount(member)
    return dict(zip(found.tolist(), means.tolist(), strict=True))


def agreement(faces: LabelledFaces, emotion: str, first: str, second: str) -> tuple[float, int]:
    """Correlation, over glosses, of an emotion's means in two splits; and over how many glosses.

    1 where the faces of a gloss say the same in both; 0 where the one tells nothing of the other. NaN with
    fewer than three glosses, or where all means of a split are the same.
    """
    means = [mean_by_gloss(faces, emotion, split) for split in (first, second)]
    both = sorted(set(means[0]) & set(means[1]))
    a, b = (np.array([found[gloss] for gloss in both]) for found in means)
    if len(both) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan"), len(both)
    return float(np.corrcoef(a, b)[0, 1]), len(both)


def labelled_faces(
    emotion: Path, *, dataset_folder: Path | None = None, scores_file: Path | None = None
) -> tuple[LabelledFaces, Mapping[str, object]]:
    """Faces with gloss and split, by a dataset or by scores that hold both; and what they are."""
    vectors = read_emotion_vectors(emotion)
    if dataset_folder is not None:
        from signlens.datasets.folder import Dataset

        dataset = Dataset.open(dataset_folder)
        clips = [clip for clip in dataset.clips if clip.split]
        names = np.array([clip.name for clip in clips], dtype=np.str_)
        glosses = np.array([clip.gloss for clip in clips], dtype=np.str_)
        splits = np.array([clip.split for clip in clips], dtype=np.str_)
        source, what = str(dataset.folder), dataset.name
    else:
        assert scores_file is not None
        scores = read_scores(scores_file)
        if not scores.glosses or scores.splits is None:
            raise InputRejected(
                scores.source, "does not say each clip's gloss and split", "add gloss (C,) and split (N,)"
            )
        names = scores.clips
        glosses, splits = np.array(scores.glosses)[scores.labels], scores.splits
        source, what = scores.source, scores.dataset
    if not len(names):
        raise InputRejected(source, "no clip has a split", "import the dataset with its splits")
    found = LabelledFaces(vectors.of(names), glosses, splits)
    return found, {
        "file": source,
        "dataset": what or None,
        "split": {s: int((splits == s).sum()) for s in np.unique(splits).tolist()},
        "emotion": vectors.source,
        "emotion_sha256": vectors.sha256,
        "clips": len(names),
        "clips_without_vector": vectors.lacking(names),
    }


def gloss_table(
    name: str,
    faces: LabelledFaces,
    described: Mapping[str, object],
    settings: Settings,
    gloss: str | None = None,
) -> Reproduction:
    """Table 10 or 11: what faces show with one gloss, by split.

    Args:
        name: Of `TABLES`.
        faces: And...
        described: ...what they are: `labelled_faces`.
        settings: Of the intervals.
        gloss: In place of the paper's.
    """
    emotion, printed_gloss, theirs = TABLES[name]
    gloss = gloss or printed_gloss
    if not (faces.glosses == gloss).any():
        raise UsageError(name, f"no clip has the gloss {gloss!r}", "name one of your glosses with --gloss")
    there = [split for split in ("train", "test", "val") if (faces.splits == split).any()]
    rows = []
    for split in there:
        values = faces.values(gloss, split, emotion)
        rows.append(
            Row(
                f"mean {emotion}, {gloss}, {split}",
                _PAPER_NAMES[split],
                "share",
                theirs[split] if gloss == printed_gloss else None,
                bootstrap(values, draws=settings.draws, seed=settings.seed) if len(values) else None,
                len(values),
                "" if len(values) else "no clip of the gloss",
            )
        )
    notes = [
        "Intervals draw clips; with the one or two clips that a gloss often has they say little.",
        "A score is read off a face and is not what a person feels; faces in signing are grammar too.",
    ]
    for split in there[1:]:
        value, glosses = agreement(faces, emotion, there[0], split)
        why = "" if np.isfinite(value) else f"{glosses} glosses with clips in both, or all means the same"
        rows.append(
            Row(
                f"correlation over glosses of mean {emotion}, {there[0]} and {split}",
                "",
                "correlation",
                None,
                value if np.isfinite(value) else None,
                glosses,
                why,
            )
        )
        notes.append(
            f"The correlation is over {glosses} glosses; near 0, what faces show in {there[0]} tells "
            f"nothing of what they show in {split} for the same gloss, and a network that learns it overfits."
        )
    return Reproduction(
        name=name,
        title=f"{PAPER}, Table {name[5:]}: mean score of {emotion} for the gloss {gloss}, by split",
        theirs=f"WLASL2000, its own copy and splits; DAN; {emotion} for {printed_gloss}",
        data=described,
        intervals=describe_intervals(settings),
        rows=tuple(rows),
        notes=tuple(notes),
    )
