"""The experiment file of the expression head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from signlens.settings_file import load_settings


@dataclass(frozen=True)
class EmotionExperiment:
    """One experiment, as its TOML file says; an unknown or missing key is an error."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

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
    crop_filling: tuple[Literal["replicate", "grey", "reflect"], ...]
    rest_frames_per_end: int
    rest_end_share: float
    rest_wrist_height: float
    other_frames_per_clip: int

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A value out of range.
        """
        choices = (self.components, self.inverse_regularisation, self.appearance_shrinkage, self.crop_margin)
        if not all(choices):
            raise ValueError("an empty list leaves nothing to choose from")
        if not len(self.crop_margin) == len(self.crop_side) == len(self.crop_filling):
            raise ValueError("crop_margin, crop_side and crop_filling differ in length")
        if not all(0 < value <= 1 for value in self.appearance_shrinkage):
            raise ValueError("appearance_shrinkage must lie over 0 and at most at 1")
        if min(self.folds, self.inner_folds) < 2:
            raise ValueError("folds and inner_folds must be at least 2")


def load_experiment(path: str | Path) -> EmotionExperiment:
    """Read an experiment file."""
    return load_settings(Path(path), EmotionExperiment)
