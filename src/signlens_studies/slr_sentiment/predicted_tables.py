"""Tables 5 and 6 of the SLR-sentiment paper: what predicted classes alone tell of the gain by emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.gloss_map import GlossMap, load_gloss_map
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.comparison import sign_test
from signlens.evaluation.metrics import Interval, bootstrap
from signlens.evaluation.results import describe_intervals
from signlens.evaluation.scores import signers_in_names
from signlens.evaluation.systems import Settings
from signlens_studies.reproduction import PAPER, Reproduction, Row
from signlens_studies.slr_sentiment.augmentation import CLIPS_5, WLASL, Bools
from signlens_studies.slr_sentiment.recognition_tables import (
    TABLE_2,
    TABLE_5,
    chosen_column,
    read_predictions,
)

LEFT_OUT = "signer9"
"""Whom the paper's Tables 5 and 6 leave out, and its Table 2 does not."""

RECORDED_GAINED, RECORDED_LOST, RECORDED_CLIPS = 5, 4, 2329
"""By the paper's logs: clips that only the augmented, and only the plain scores recognise, of how many."""

RECORDED_EMOTIONAL = {
    "slr-sentiment-27": (17, 39, True),
    "slr-sentiment-29": (18, 43, True),
    "slr-sentiment-31": (23, 51, False),
}
"""By its logs: clips of the map's glosses recognised with the augmentation, of how many, without signer9."""

_GAINED_27 = 4
"""By its logs: gained clips among the 39 of the 27 glosses (not, bitter, fun, depressed); none is lost."""


@dataclass(frozen=True, eq=False)
class _Predicted:
    """Predicted classes, and which clips are left out.

    Attributes:
        clips: (N,) names.
        labels: (N,) true classes.
        right: (N,) whether the predicted class is the true one.
        left_out: (N,) whether the clip's signer is left out.
        who: Whom.
        data: What a figure must carry.
    """

    clips: NDArray[np.str_]
    labels: NDArray[np.int64]
    right: Bools
    left_out: Bools
    who: tuple[str, ...]
    data: Mapping[str, Any]


def _predicted(path: Path, column: str | None, exclude_signers: Sequence[str]) -> _Predicted:
    clips, labels, columns = read_predictions(path)
    column = chosen_column(path, columns, column)
    signers = signers_in_names(clips)
    if signers is None:
        raise InputRejected(
            path, "does not say who signs each clip", "call the clips signer<number>_..., as the paper's are"
        )
    who = tuple(exclude_signers) or (LEFT_OUT,)
    for signer in who:
        if signer not in signers:
            raise UsageError("--exclude-signer", f"no clip of {path} is signed by {signer}", "name another")
    data = {
        "file": str(path),
        "column": column,
        "clips": len(labels),
        "signers": len(np.unique(signers)),
        "signers_left_out": {s: int((signers == s).sum()) for s in who},
    }
    return _Predicted(clips, labels, columns[column] == labels, np.isin(signers, who), who, data)


def _rate(settings: Settings, right: Bools) -> Interval:
    return bootstrap(100.0 * right, draws=settings.draws, seed=settings.seed)


def table5(
    path: Path, settings: Settings, *, column: str | None = None, exclude_signers: Sequence[str] = ()
) -> Reproduction:
    """What predictions without emotion, and the paper's logs, tell of its gain."""
    found = _predicted(path, column, exclude_signers)
    right, out = found.right, found.left_out
    who = ", ".join(found.who)
    kept = right[~out]
    printed_gain = TABLE_5["top1_per_instance"] - TABLE_2["top1_per_instance"]
    removal = 100 * float(kept.mean() - right.mean())
    recorded = np.repeat([100.0, -100.0, 0.0], _recorded_changes())
    boost = bootstrap(recorded, draws=settings.draws, seed=settings.seed)
    rows = (
        Row(
            "top1_per_instance, without, all clips",
            "Table 2, Top1 accuracy",
            "percent",
            TABLE_2["top1_per_instance"],
            _rate(settings, right),
            int(right.sum()),
        ),
        Row(
            f"top1_per_instance, without, clips of {who}",
            "",
            "percent",
            None,
            _rate(settings, right[out]),
            int(right[out].sum()),
        ),
        Row(
            "top1_per_instance, without, the other clips",
            "",
            "percent",
            None,
            _rate(settings, kept),
            int(kept.sum()),
        ),
        Row(
            "top1_per_instance, with, the other clips",
            "Table 5, Top1 accuracy",
            "percent",
            TABLE_5["top1_per_instance"],
            None,
            None,
            "needs scores and emotion vectors",
        ),
        Row("gain as printed", "Table 5 less Table 2", "points", round(printed_gain, 2), None, None),
        Row(f"gain by leaving {who} out of one side", "", "points", None, removal, None),
        Row(
            "gain by the augmentation, same clips, from the paper's logs",
            "",
            "points",
            round(boost.value, 4),
            boost,
            None,
        ),
    )
    return Reproduction(
        name="table5",
        title=f"{PAPER}, Table 5: what its predictions tell of the gain",
        theirs=CLIPS_5,
        data={**found.data, "clips_kept": int((~out).sum()), "tests": {"mcnemar": _recorded_test()}},
        intervals=describe_intervals(replace(settings, by="clip")),
        rows=rows,
        notes=(
            f"By the paper's logs the augmentation gained {RECORDED_GAINED} clips and lost {RECORDED_LOST} "
            f"of the {RECORDED_CLIPS:,}; McNemar, exact: p = {_recorded_test()['p_value']:.3g}. The interval "
            "is of these counts.",
            f"The printed gain of {printed_gain:.2f} points compares other clips: leaving {who} out raises "
            f"the plain scores by {removal:.2f} points by itself. Among the ten best classes top-10 cannot "
            "change, so its printed gain there is the removed signer alone.",
            "A file of predictions does not say of which dataset, split and system it is.",
        ),
    )


def _recorded_changes() -> tuple[int, int, int]:
    return RECORDED_GAINED, RECORDED_LOST, RECORDED_CLIPS - RECORDED_GAINED - RECORDED_LOST


def _recorded_test() -> dict[str, Any]:
    return {
        "gained": RECORDED_GAINED,
        "lost": RECORDED_LOST,
        "clips": RECORDED_CLIPS,
        "p_value": sign_test(RECORDED_GAINED, RECORDED_LOST),
    }


def table6(
    path: Path,
    class_list: Path,
    settings: Settings,
    *,
    column: str | None = None,
    exclude_signers: Sequence[str] = (),
    gloss_map: str | None = None,
) -> Reproduction:
    """The same of clips of emotional glosses.

    Args:
        path: Predictions (.csv).
        class_list: The classes' names, such as WLASL's class list.
        settings: Of the intervals.
        column: Of predictions.
        exclude_signers: Whose clips are left out, where the paper's table leaves some out.
        gloss_map: In place of the three that the paper's tables rest on.
    """
    from signlens.datasets.labels import read_gloss_list

    glosses = read_gloss_list(class_list)
    found = _predicted(path, column, exclude_signers)
    if found.labels.max() >= len(glosses):
        raise InputRejected(
            class_list,
            f"has {len(glosses)} glosses, but {path} has a class {found.labels.max()}",
            "fit them",
        )
    names = RECORDED_EMOTIONAL if gloss_map is None else (gloss_map,)
    maps: list[GlossMap] = [load_gloss_map(name) for name in names]
    rows, hashes = [], {}
    for one in maps:
        there = one.class_emotions(glosses, include_grammatical=True)[found.labels] >= 0
        with_right, clips, without_signer = RECORDED_EMOTIONAL.get(one.name, (0, 0, True))
        here = there & ~found.left_out if without_signer else there
        hashes[one.name] = one.sha256
        signers = f"without {', '.join(found.who)}" if without_signer else "all signers"
        label = f"{one.name}, {signers}, {int(here.sum())} clips"
        if not here.any():
            rows.append(Row(f"top1, without, {label}", "", "percent", None, None, 0, "there is no such clip"))
            continue
        rows.append(
            Row(
                f"top1, without, {label}",
                "",
                "percent",
                None,
                _rate(settings, found.right[here]),
                int(found.right[here].sum()),
            )
        )
        if clips:
            rows.append(
                Row(
                    f"top1, with, {one.name}, {signers}, {clips} clips",
                    "Table 6, Top1 accuracy" if one.name == "slr-sentiment-27" else "",
                    "percent",
                    round(100 * with_right / clips, 2),
                    None,
                    None,
                    "recorded in the paper's logs; ours needs scores and emotion vectors",
                )
            )
    return Reproduction(
        name="table6",
        title=f"{PAPER}, Table 6: emotional glosses, what its predictions tell",
        theirs=f"{WLASL}, clips of the glosses of each map; with the augmentation, as recorded in its logs",
        data={**found.data, "gloss_maps": hashes},
        intervals=describe_intervals(replace(settings, by="clip")),
        rows=tuple(rows),
        notes=(
            "The paper sets the augmented clips of emotional glosses beside the plain figure of all clips. "
            "Beside their own plain figure the rows show what they gain: by the paper's logs every clip "
            f"gained is of an emotional gloss, and none of these is lost. Of 39 clips {_GAINED_27} more, "
            f"McNemar, exact: p = {sign_test(_GAINED_27, 0):.3g}. What other clips lose by it is in table5.",
            "A file of predictions does not say of which dataset, split and system it is.",
        ),
    )
