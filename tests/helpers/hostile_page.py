"""A report of a clip whose every text is hostile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from made_clips import answered, waving_pose

from signlens.answer import Answer, Prediction
from signlens.fusion.clip_fusion import Evidence
from signlens.reasons import Reason
from signlens.report import write_report
from signlens.retrieval.building import signing_skeleton
from signlens.retrieval.gallery import SimilarSign

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'><!--&amp;\u2028"


def hostile_page(folder: Path) -> Path:
    pose = waving_pose(6)
    source = {"name": HOSTILE, "sha256": HOSTILE}
    pose = replace(
        pose,
        provenance=replace(
            pose.provenance,
            extractor=HOSTILE,
            models={HOSTILE: HOSTILE},
            settings={HOSTILE: HOSTILE},
            source=source,
        ),
    )
    recognition = replace(
        answered(f"clips/{HOSTILE}"),
        status="degraded",
        reasons=(Reason("unclassified", HOSTILE),),
        answer=Answer("sign", HOSTILE, HOSTILE),
        predictions=(Prediction(HOSTILE, 0.9, Evidence(-0.1, 0.0, 0.0)),),
        similar=(SimilarSign(HOSTILE, HOSTILE, 0.5), SimilarSign("other", HOSTILE, 0.4)),
        model={HOSTILE: HOSTILE},
        timing_ms={HOSTILE: 1.0},
    )
    return write_report(
        recognition,
        folder / "hostile.html",
        pose=pose,
        skeletons={HOSTILE: signing_skeleton(waving_pose(12))},
        provenance={HOSTILE: {HOSTILE: [HOSTILE]}},
    )
