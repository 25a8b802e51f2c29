"""What a label file says, before anybody looked for the clips: the common result of all its readers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from signlens.datasets.folder import SPLITS
from signlens.datasets.tables import read_text
from signlens.errors import InputRejected, UsageError
from signlens.files import file_sha256

_OTHER_SPLIT_NAMES = {
    "validation": "val",
    "valid": "val",
    "dev": "val",
    "training": "train",
    "testing": "test",
}


@dataclass(frozen=True)
class LabelledClip:
    """A clip that a label file names.

    Attributes:
        name: Unique id.
        gloss: Its gloss.
        signer: Who signs; empty where unknown.
        split: ``train``, ``val``, ``test`` or empty.
        fold: Cross-validation fold, or -1.
        files: What its file may be called, without ending; the first that is there is taken.
        first_frame: Where the sign begins in an uncut recording, from 1, counted at 25 frames a second.
        last_frame: Where it ends, or -1: at the recording's end.
    """

    name: str
    gloss: str
    signer: str = ""
    split: str = ""
    fold: int = -1
    files: tuple[str, ...] = ()
    first_frame: int = 1
    last_frame: int = -1


@dataclass(frozen=True)
class Labels:
    """A dataset's labels.

    Attributes:
        kind: Kind of dataset.
        glosses: In class order.
        clips: All clips that the labels name.
        label_files: The files they were read from.
        facts: What else is to be remembered of them, as plain JSON values.
    """

    kind: str
    glosses: tuple[str, ...]
    clips: tuple[LabelledClip, ...]
    label_files: tuple[Path, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def provenance(self) -> dict[str, Any]:
        """The facts, and the label files with their hashes."""
        return {
            "label_files": [{"name": path.name, "sha256": file_sha256(path)} for path in self.label_files],
            "facts": dict(self.facts),
        }


def split_name(text: str) -> str:
    """``train``, ``val`` or ``test`` for the usual ways to write them, or an empty string."""
    lower = text.strip().lower()
    lower = _OTHER_SPLIT_NAMES.get(lower, lower)
    return lower if lower in SPLITS else ""


def in_one_spelling(text: str) -> str:
    """The text in Unicode's composed form, so that accents from any file system compare equal."""
    return unicodedata.normalize("NFC", text)


def read_gloss_list(path: Path) -> tuple[str, ...]:
    """Glosses in class order: one a line, or a number and a gloss as in WLASL's class list."""
    glosses: list[str] = []
    seen: dict[str, int] = {}
    for number, text in enumerate(read_text(path).splitlines(), 1):
        if not text.strip():
            continue
        head, tab, tail = text.strip().partition("\t")
        if tab and head != str(len(glosses)):
            raise InputRejected(
                path, f"line {number}: class {head!r} where {len(glosses)} should be", "number them from 0"
            )
        gloss = in_one_spelling((tail if tab else head).strip())
        if not gloss or gloss in seen:
            problem = f"{gloss!r} is on line {seen[gloss]} already" if gloss else "the gloss is missing"
            raise InputRejected(path, f"line {number}: {problem}", "give each gloss once")
        seen[gloss] = number
        glosses.append(gloss)
    if not glosses:
        raise InputRejected(path, "there is no gloss in it", "write one gloss a line")
    return tuple(glosses)


def only_glosses(labels: Labels, glosses: Sequence[str]) -> Labels:
    """The labels restricted to some glosses, which also fix the order of the classes."""
    wanted = set(glosses)
    clips = tuple(clip for clip in labels.clips if clip.gloss in wanted)
    if not clips:
        raise InputRejected(
            labels.label_files[0] if labels.label_files else labels.kind,
            "no clip has any of the glosses asked for",
            "check the list of glosses",
        )
    return replace(labels, glosses=tuple(glosses), clips=clips)


def parse_signer_splits(options: Iterable[str]) -> dict[str, str]:
    """Signer -> split out of texts such as ``train=ann``."""
    splits: dict[str, str] = {}
    for option in options:
        split, equals, signer = option.partition("=")
        if not equals or split not in SPLITS or not signer:
            raise UsageError(
                "--signer-split",
                f"{option!r} is not of the form SPLIT=SIGNER",
                f"SPLIT is {', '.join(SPLITS)}",
            )
        if splits.setdefault(signer, split) != split:
            raise UsageError("--signer-split", f"{signer} is given two splits", "give one")
    return splits


def split_by_signer(labels: Labels, splits: Mapping[str, str]) -> Labels:
    """The labels with splits by who signs; clips of other signers belong to none."""
    known = {clip.signer for clip in labels.clips}
    for signer in splits:
        if signer not in known:
            names = ", ".join(sorted(known - {""})[:10]) or "none"
            raise UsageError("--signer-split", f"no clip is signed by {signer}", f"known signers: {names}")
    clips = tuple(replace(clip, split=splits.get(clip.signer, "")) for clip in labels.clips)
    return replace(labels, clips=clips)
