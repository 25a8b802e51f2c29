"""Clips listed in a CSV file of one's own."""

from __future__ import annotations

from pathlib import Path

from signlens.datasets.clip_files import without_endings
from signlens.datasets.labels import LabelledClip, Labels, in_one_spelling, split_name
from signlens.datasets.tables import read_csv

KIND = "csv"


def read_csv_manifest(path: Path) -> Labels:
    """The clips of a table with the columns ``clip`` and ``gloss``, and if wanted ``signer, split, fold``.

    Args:
        path: The table. ``clip`` is a file's name or its path within the folder of clips, with or without
            its ending.

    Returns:
        The labels, classes in alphabetical order.
    """
    clips: dict[str, LabelledClip] = {}
    for row in read_csv(path, ("clip", "gloss")):
        name = in_one_spelling(without_endings(row.filled("clip").removeprefix("./")))
        if name in clips:
            raise row.error(f"the clip {name} comes twice", "give each clip once")
        split = split_name(row["split"])
        if row["split"] and not split:
            raise row.error(f"{row['split']!r} is no split", "use train, val, test, or leave it empty")
        clips[name] = LabelledClip(
            name=name,
            gloss=in_one_spelling(row.filled("gloss")),
            signer=row["signer"],
            split=split,
            fold=row.whole_number("fold", below=10_000) if row["fold"] else -1,
            files=(name,),
        )
    glosses = tuple(sorted({clip.gloss for clip in clips.values()}))
    return Labels(KIND, glosses, tuple(clips[name] for name in sorted(clips)), (path,))
