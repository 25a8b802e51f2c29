"""ASL Citizen's labels: ``splits/train.csv``, ``val.csv`` and ``test.csv``.

Source: the file format of the ASL Citizen release (Desai et al., NeurIPS 2023 Datasets and Benchmarks).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from signlens.datasets.clip_files import without_endings
from signlens.datasets.labels import LabelledClip, Labels, in_one_spelling, split_name
from signlens.datasets.tables import read_csv
from signlens.errors import InputRejected

KIND = "asl-citizen"
_COLUMNS = ("Participant ID", "Video file", "Gloss")


def read_asl_citizen(sources: Sequence[Path]) -> Labels:
    """ASL Citizen's clips.

    Args:
        sources: The dataset's folder, its folder ``splits``, or the tables themselves, named after their
            splits.

    Returns:
        The labels, classes in the glosses' alphabetical order; a clip's file is the one that the table
        names.
    """
    clips: dict[str, LabelledClip] = {}
    tables = _tables(sources)
    for path in tables:
        split = split_name(path.stem)
        if not split:
            raise InputRejected(path, "its name is no split's", "call it train.csv, val.csv or test.csv")
        for row in read_csv(path, _COLUMNS):
            name = in_one_spelling(without_endings(row.filled("Video file")))
            if name in clips:
                raise row.error(f"the video {name} comes twice", "give each video once")
            gloss = in_one_spelling(row.filled("Gloss"))
            clips[name] = LabelledClip(name, gloss, row["Participant ID"], split, files=(name,))
    glosses = tuple(sorted({clip.gloss for clip in clips.values()}))
    return Labels(KIND, glosses, tuple(clips[name] for name in sorted(clips)), tables)


def _tables(sources: Sequence[Path]) -> tuple[Path, ...]:
    if len(sources) != 1 or not sources[0].is_dir():
        return tuple(sources)
    folder = sources[0] / "splits" if (sources[0] / "splits").is_dir() else sources[0]
    found = tuple(folder / f"{s}.csv" for s in ("train", "val", "test") if (folder / f"{s}.csv").is_file())
    if not found:
        raise InputRejected(folder, "it holds no train.csv, val.csv or test.csv", "give ASL Citizen's splits")
    return found
