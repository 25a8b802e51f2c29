"""WLASL's labels: ``nslt_*.json`` with the class list, and instance records of the v0.3 kind.

Sources: the file formats of the WLASL release (Li et al., WACV 2020; C-UDA licence). The subsets of 100,
300, 1,000 and 2,000 glosses are the first so many of the class list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signlens.datasets.folder import SPLITS
from signlens.datasets.labels import LabelledClip, Labels, in_one_spelling, read_gloss_list
from signlens.datasets.tables import read_json
from signlens.errors import InputRejected, UsageError

KIND = "wlasl"
SUBSETS = (100, 300, 1000, 2000)
OFFICIAL = {
    100: {"train": 1442, "val": 338, "test": 258},
    300: {"train": 3549, "val": 901, "test": 668},
    1000: {"train": 8978, "val": 2320, "test": 1876},
    2000: {"train": 14296, "val": 3920, "test": 2879},
}
"""Clips of each subset's splits, counted in the released nslt files."""

MISPRINTED = {"losear": "lose"}
"""Glosses of the released class list that its instance records spell otherwise."""

CLASS_LIST = "wlasl_class_list.txt"
_RELEASED = "take the file as WLASL released it"


@dataclass(frozen=True)
class _Instance:
    """A row of an instance record."""

    gloss: str
    split: str
    signer: str
    first_frame: int
    last_frame: int


@dataclass(frozen=True)
class _Action:
    """An entry of an nslt file."""

    split: str
    number: int
    first_frame: int
    last_frame: int


def read_wlasl(sources: Sequence[Path], subset: int | None = None) -> Labels:
    """WLASL's clips.

    Args:
        sources: Label files, or one folder that holds them under their own names: an ``nslt_*.json`` (with
            the class list), instance records (a list of glosses with instances), or both; the records
            then add who signs and where in the published recording the sign is.
        subset: 100, 300, 1000 or 2000 glosses; by default as many as the files know.

    Returns:
        The labels; a clip's file is called after its video id.
    """
    if subset is not None and subset not in SUBSETS:
        raise UsageError(
            "--subset", f"WLASL has no subset of {subset}", f"give {', '.join(map(str, SUBSETS))}"
        )
    files = _files(sources, subset)
    glosses, records, splits = _sort_out(files)
    if glosses is None:
        if not records:
            raise InputRejected(
                sources[0], "there is no class list beside the nslt file", f"add {CLASS_LIST}, or give it too"
            )
        glosses = _glosses_of(records)
    if subset is not None and len(glosses) < subset:
        raise InputRejected(
            sources[0], f"only {len(glosses)} glosses are known, not {subset}", "give the larger label files"
        )
    if splits:
        classes = max(map(_classes, splits.values()))
        if classes > len(glosses) or classes < (subset or 0):
            raise InputRejected(
                next(iter(splits)),
                f"it has {classes} classes, the class list {len(glosses)}"
                + (f", of {subset}" if subset else ""),
                "give files of one release, or a smaller --subset",
            )
        glosses = glosses[:classes]
    glosses = glosses[:subset]
    instances: dict[str, _Instance] = {}
    for path, document in records.items():
        _add_instances(path, document, instances)
    if splits:
        clips = _clips_of_splits(splits, glosses, instances)
    else:
        clips = _clips_of_instances(next(iter(records)), glosses, instances)
    known = sum(clip.signer != "" for clip in clips)
    return Labels(KIND, glosses, clips, files, {"subset": subset, "clips_with_known_signer": known})


def _files(sources: Sequence[Path], subset: int | None) -> tuple[Path, ...]:
    """The label files; those of a folder are picked by name."""
    if len(sources) != 1 or not sources[0].is_dir():
        return tuple(sources)
    folder = sources[0]
    splits = {s: folder / f"nslt_{s}.json" for s in SUBSETS if (folder / f"nslt_{s}.json").is_file()}
    chosen = []
    if splits:
        wanted = subset or max(splits)
        enough = [s for s in splits if s >= wanted]
        if not enough:
            raise InputRejected(folder, f"it holds no nslt file of {wanted} glosses", "add nslt_2000.json")
        chosen = [splits[s] for s in sorted({min(enough), max(enough)})]
    if (folder / CLASS_LIST).is_file():
        chosen.append(folder / CLASS_LIST)
    records = sorted(folder.glob("WLASL_v*.json")) or sorted(
        folder.glob("asl*.json"), key=lambda path: path.stat().st_size
    )
    chosen += records[-1:]
    if not splits and not records:
        raise InputRejected(
            folder, "it holds no label file of WLASL", "add nslt_2000.json and the class list"
        )
    return tuple(chosen)


def _sort_out(
    files: Sequence[Path],
) -> tuple[tuple[str, ...] | None, dict[Path, list[Any]], dict[Path, dict[str, _Action]]]:
    """The class list, the instance records and the nslt files among some files, told apart by content."""
    glosses: tuple[str, ...] | None = None
    records: dict[Path, list[Any]] = {}
    splits: dict[Path, dict[str, _Action]] = {}
    for path in files:
        if path.suffix.lower() != ".json":
            if glosses is not None:
                raise InputRejected(path, "this is a second class list", "give one")
            glosses = tuple(MISPRINTED.get(gloss, gloss) for gloss in read_gloss_list(path))
            continue
        document = read_json(path)
        if isinstance(document, list):
            records[path] = document
        elif isinstance(document, dict):
            splits[path] = {video: _action(path, video, entry) for video, entry in document.items()}
        else:
            raise InputRejected(path, "it is no label file of WLASL", _RELEASED)
    return glosses, records, splits


def _glosses_of(records: Mapping[Path, list[Any]]) -> tuple[str, ...]:
    """The class list is the order of the glosses in the records; the longest record counts."""
    path, document = max(records.items(), key=lambda item: len(item[1]))
    glosses = tuple(_gloss(path, number, entry) for number, entry in enumerate(document))
    if len(set(glosses)) != len(glosses):
        raise InputRejected(path, "a gloss comes twice", _RELEASED)
    return glosses


def _gloss(path: Path, number: int, entry: Any) -> str:
    gloss = entry.get("gloss") if isinstance(entry, dict) else None
    if not isinstance(gloss, str) or not gloss.strip() or not isinstance(entry.get("instances"), list):
        raise InputRejected(path, f"entry {number} has no gloss with instances", _RELEASED)
    return in_one_spelling(gloss.strip())


def _add_instances(path: Path, document: list[Any], to: dict[str, _Instance]) -> None:
    here: set[str] = set()
    for number, entry in enumerate(document):
        gloss = _gloss(path, number, entry)
        for position, given in enumerate(entry["instances"]):
            where = f"instance {position} of {gloss}"
            if not isinstance(given, dict):
                raise InputRejected(path, f"{where} is no record", _RELEASED)
            video = given.get("video_id")
            if not isinstance(video, str) or not video:
                raise InputRejected(path, f"{where} has no video_id", _RELEASED)
            split = given.get("split")
            if split not in SPLITS:
                raise InputRejected(path, f"{where} ({video}) has the split {split!r}", _RELEASED)
            numbers = [given.get("signer_id", -1), given.get("frame_start", 1), given.get("frame_end", -1)]
            if not all(type(value) is int and value >= -1 for value in numbers):
                raise InputRejected(
                    path, f"{where} ({video}) has a signer or frames that are no number", _RELEASED
                )
            signer, first, last = numbers
            who = "" if signer < 0 else str(signer)
            found = _Instance(gloss, split, who, max(1, first), last if last > 0 else -1)
            if video in here:
                raise InputRejected(path, f"{where}: the video {video} comes twice", "remove one of them")
            here.add(video)
            if to.setdefault(video, found) != found:
                raise InputRejected(
                    path, f"{where} ({video}) is another in the other file", "give files of one release"
                )


def _clips_of_instances(
    path: Path, glosses: Sequence[str], instances: Mapping[str, _Instance]
) -> tuple[LabelledClip, ...]:
    wanted = set(glosses)
    clips = tuple(
        LabelledClip(
            video,
            i.gloss,
            i.signer,
            i.split,
            files=(video,),
            first_frame=i.first_frame,
            last_frame=i.last_frame,
        )
        for video, i in sorted(instances.items())
        if i.gloss in wanted
    )
    if not clips:
        raise InputRejected(path, "none of its glosses is in the class list", "give files of one release")
    return clips


def _clips_of_splits(
    splits: Mapping[Path, Mapping[str, _Action]], glosses: Sequence[str], instances: Mapping[str, _Instance]
) -> tuple[LabelledClip, ...]:
    """The clips of the nslt files, which must agree where they overlap."""
    actions: dict[str, _Action] = {}
    for path, here in splits.items():
        for video, action in here.items():
            if actions.setdefault(video, action) != action:
                raise InputRejected(path, f"the video {video} is another in the other nslt file", _RELEASED)
    for path, here in splits.items():
        classes = _classes(here)
        expected = {video for video, action in actions.items() if action.number < classes}
        if missing := sorted(expected - set(here)):
            raise InputRejected(
                path,
                f"the video {missing[0]} of the other nslt file is not in it",
                "give files of one release",
            )
    clips = []
    path = max(splits, key=lambda path: _classes(splits[path]))
    for video, action in sorted(actions.items()):
        if action.number >= len(glosses):
            continue
        gloss = glosses[action.number]
        record = instances.get(video)
        if record and (record.gloss, record.split) != (gloss, action.split):
            raise InputRejected(
                path,
                f"the video {video} is {gloss} in {action.split}, but {record.gloss} in {record.split} in "
                "the instance records",
                "give files of one release",
            )
        # Ranges that begin at 1 are only how long the clip is said to be.
        cut = action if action.first_frame > 1 else record
        clips.append(
            LabelledClip(
                name=video,
                gloss=gloss,
                signer=record.signer if record else "",
                split=action.split,
                files=(video,),
                first_frame=cut.first_frame if cut else 1,
                last_frame=cut.last_frame if cut else -1,
            )
        )
    return tuple(clips)


def _classes(actions: Mapping[str, _Action]) -> int:
    """How many classes an nslt file has."""
    return 1 + max((action.number for action in actions.values()), default=-1)


def _action(path: Path, video: str, entry: Any) -> _Action:
    try:
        split, (number, first, last) = entry["subset"], entry["action"]
    except (TypeError, KeyError, ValueError):
        raise InputRejected(path, f"the video {video} has no subset and action", _RELEASED) from None
    if split not in SPLITS:
        raise InputRejected(path, f"the video {video} is in the subset {split!r}", _RELEASED)
    if not all(type(n) is int for n in (number, first, last)) or not 0 <= number < 100_000 or first < 1:
        raise InputRejected(path, f"the video {video} has the action {entry['action']}", _RELEASED)
    return _Action(split, number, first, last if last > 0 else -1)
