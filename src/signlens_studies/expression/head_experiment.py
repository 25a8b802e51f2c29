"""The experiment file of the expression head."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from signlens.errors import UsageError


@dataclass(frozen=True)
class EmotionExperiment:
    """One experiment, as its TOML file says; an unknown or missing key is an error."""

    name: str
    seed: int
    folds: int
    inner_folds: int
    components: tuple[int, ...]
    inverse_regularisation: tuple[float, ...]
    appearance_shrinkage: tuple[float, ...]
    bootstrap: int
    crop_margin: tuple[float, ...]
    crop_side: tuple[int, ...]
    crop_filling: tuple[str, ...]
    rest_frames_per_end: int
    rest_end_share: float
    rest_wrist_height: float
    other_frames_per_clip: int


def load_experiment(path: str | Path) -> EmotionExperiment:
    """Read an experiment file."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(path, f"the experiment cannot be read ({error})", "correct the file") from error
    known = {f.name for f in fields(EmotionExperiment)}
    if set(table) != known:
        unknown, missing = sorted(set(table) - known), sorted(known - set(table))
        raise UsageError(path, f"unknown keys {unknown}, missing keys {missing}", "correct the file")
    for key, example in (
        *((k, "text") for k in ("name",)),
        *((k, 1) for k in ("seed", "folds", "inner_folds", "bootstrap", "rest_frames_per_end")),
        *((k, 1.0) for k in ("rest_end_share", "rest_wrist_height")),
        *((k, [1]) for k in ("components", "crop_side")),
        *((k, [1.0]) for k in ("inverse_regularisation", "appearance_shrinkage", "crop_margin")),
        ("crop_filling", ["text"]),
        ("other_frames_per_clip", 1),
    ):
        if not _same_kind(table[key], example):
            raise UsageError(path, f"{key} = {table[key]!r} is of the wrong kind", "correct the file")
    if not len(table["crop_margin"]) == len(table["crop_side"]) == len(table["crop_filling"]):
        raise UsageError(path, "crop_margin, crop_side and crop_filling differ in length", "correct the file")
    if set(table["crop_filling"]) - {"replicate", "grey", "reflect"}:
        raise UsageError(path, "crop_filling knows replicate, grey and reflect", "correct the file")
    if not all(0 < value <= 1 for value in table["appearance_shrinkage"]):
        raise UsageError(path, "appearance_shrinkage must lie over 0 and at most at 1", "correct the file")
    if min(table["folds"], table["inner_folds"]) < 2:
        raise UsageError(path, "folds and inner_folds must be at least 2", "correct the file")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return EmotionExperiment(**values)


def _same_kind(value: object, example: object) -> bool:
    if isinstance(example, list):
        return isinstance(value, list) and bool(value) and all(_same_kind(v, example[0]) for v in value)
    if isinstance(value, bool):
        return False
    if isinstance(example, float):
        return isinstance(value, int | float)
    return isinstance(value, type(example))
