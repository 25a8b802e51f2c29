"""AUTSL's labels: a table a split of ``signerN_sampleM,class``, and the list of classes.

Source: the file formats of the AUTSL release (Sincan and Keles, IEEE Access 2020).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from signlens.datasets.labels import LabelledClip, Labels, in_one_spelling, split_name
from signlens.datasets.tables import read_csv
from signlens.errors import InputRejected

KIND = "autsl"
CLASS_LIST = "SignList_ClassId_TR_EN.csv"
_SAMPLE = re.compile(r"(signer\d+)_sample\d+")
_NAME_SPLIT = re.compile(r"train|val|test")


def read_autsl(sources: Sequence[Path], language: Literal["en", "tr"] = "en") -> Labels:
    """AUTSL's clips.

    Args:
        sources: Label tables and the class list, or one folder that holds them: ``train_labels.csv`` and
            the like, or ``ground_truth.csv`` in folders named after the split.
        language: Glosses in English or Turkish. English words that stand for two classes get the
            Turkish one in brackets.

    Returns:
        The labels; a clip's file is called ``signerN_sampleM_color`` or ``signerN_sampleM``.
    """
    files = _files(sources)
    lists = [path for path in files if path.name == CLASS_LIST]
    tables = [path for path in files if path.name != CLASS_LIST]
    if len(lists) != 1 or not tables:
        raise InputRejected(
            sources[0],
            "there is no class list" if not lists else "there is no table of labels",
            f"give {CLASS_LIST} and train_labels.csv (and those of the other splits)",
        )
    glosses = _glosses(lists[0], language)
    clips: dict[str, LabelledClip] = {}
    for path in sorted(tables):
        split = _split_of(path)
        for row in read_csv(path, ("sample", "class"), names=("sample", "class")):
            match = _SAMPLE.fullmatch(row["sample"])
            if not match:
                raise row.error(f"{row['sample']!r} is not of the form signerN_sampleM", "correct it")
            name = match[0]
            if name in clips:
                raise row.error(f"{name} comes twice", "give each clip once")
            gloss = glosses[row.whole_number("class", below=len(glosses))]
            clips[name] = LabelledClip(name, gloss, match[1], split, files=(f"{name}_color", name))
    ordered = tuple(clips[name] for name in sorted(clips))
    return Labels(KIND, glosses, ordered, (*sorted(tables), lists[0]), {"gloss_language": language})


def _files(sources: Sequence[Path]) -> list[Path]:
    if len(sources) != 1 or not sources[0].is_dir():
        return list(sources)
    found = sorted(
        path
        for path in sources[0].rglob("*.csv")
        if path.name == CLASS_LIST or path.stem.endswith("_labels") or path.stem == "ground_truth"
    )
    if not found:
        raise InputRejected(sources[0], "it holds no label file of AUTSL", f"add {CLASS_LIST} and the tables")
    return found


def _split_of(path: Path) -> str:
    for part in (path.stem, path.parent.name):
        match = _NAME_SPLIT.search(part.lower())
        if match:
            return split_name(match[0])
    raise InputRejected(
        path,
        "neither its name nor its folder's says which split it is",
        "call it train_labels.csv or the like",
    )


def _glosses(path: Path, language: Literal["en", "tr"]) -> tuple[str, ...]:
    rows = read_csv(path, ("ClassId", "TR", "EN"))
    for number, row in enumerate(rows):
        if row.whole_number("ClassId") != number:
            raise row.error(f"class {row['ClassId']} where {number} should be", "give the list as released")
    turkish = [in_one_spelling(row.filled("TR")) for row in rows]
    english = [in_one_spelling(row.filled("EN")) for row in rows]
    count = Counter(english)
    both = [e if count[e] == 1 else f"{e} ({t})" for e, t in zip(english, turkish, strict=True)]
    glosses = turkish if language == "tr" else both
    if len(set(glosses)) != len(glosses):
        raise InputRejected(path, "two classes have the same gloss", "give the list as released")
    return tuple(glosses)
