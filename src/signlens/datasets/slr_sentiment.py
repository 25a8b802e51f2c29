"""The labels of the SLR-sentiment paper's own WLASL copy, as its published results hold them.

The file is ``split_labels.csv`` (``sample, split, label_as_stored``); a label is the class's number in
WLASL's class list. The paper prints one training clip more than the file holds; `PRINTED` and the file's
gaps are kept side by side.
"""

from __future__ import annotations

import re
from pathlib import Path

from signlens.datasets.labels import LabelledClip, Labels, read_gloss_list
from signlens.datasets.tables import read_csv
from signlens.datasets.wlasl import MISPRINTED

KIND = "slr-sentiment"
CLASSES = 2000
PRINTED = {"train": 8811, "val": 2723, "test": 2067}
"""Table 1 of the paper."""

_SAMPLE = re.compile(r"(signer\d+)_sample(\d{1,6})")
_SPLITS = ("train", "val", "test")


def read_slr_sentiment(path: Path, class_list: Path | None = None) -> Labels:
    """The paper's clips.

    Args:
        path: ``split_labels.csv``.
        class_list: WLASL's class list; without it glosses are ``class 0`` to ``class 1999``.

    Returns:
        The labels; ``facts`` holds the numbers that are missing in each signer's numbering (which starts
        at 1), and the counts that the paper prints.
    """
    if class_list:
        glosses = tuple(MISPRINTED.get(gloss, gloss) for gloss in read_gloss_list(class_list))
    else:
        glosses = tuple(f"class {i}" for i in range(CLASSES))
    clips: dict[str, LabelledClip] = {}
    numbers: dict[str, set[int]] = {}
    for row in read_csv(path, ("sample", "split", "label_as_stored")):
        match = _SAMPLE.fullmatch(row["sample"])
        if not match:
            raise row.error(f"{row['sample']!r} is not of the form signerN_sampleM", "correct it")
        if match[0] in clips:
            raise row.error(f"{match[0]} comes twice", "give each clip once")
        if row["split"] not in _SPLITS:
            raise row.error(f"{row['split']!r} is no split", f"use {', '.join(_SPLITS)}")
        gloss = glosses[row.whole_number("label_as_stored", below=len(glosses))]
        clips[match[0]] = LabelledClip(
            match[0], gloss, match[1], row["split"], files=(f"{match[0]}_color", match[0])
        )
        numbers.setdefault(match[1], set()).add(int(match[2]))
    gaps = [
        f"{signer}_sample{number}"
        for signer, present in sorted(numbers.items())
        for number in sorted(set(range(1, max(present) + 1)) - present)
    ]
    facts = {"numbering_gaps": gaps, "printed_in_the_paper": PRINTED}
    files = (path, class_list) if class_list else (path,)
    return Labels(KIND, glosses, tuple(clips[name] for name in sorted(clips)), files, facts)
