"""Train and validate the default expression head (`signlens.emotion.head`).

``python -m signlens_studies expression head EXPERIMENT --data CKPLUS48 --videos VIDEOS
--cache DIR --out DIR``

Expressions come from CK+ face crops of 48x48 pixels (Lucey et al. 2010; seven expressions, posed, no
neutral). Neutral comes from signers at rest: frames near the ends of WLASL clips with both wrists low, a weak
label. Two things keep the head from learning "which data set" instead of "which expression":

- every signer's face is also shrunk to a 48x48 grey crop, framed as CK+ frames it, and measured there;
- the difference between a signer's face as filmed and the same face shrunk is measured, and added to
  CK+ faces, so that the seven expressions are also seen as a video's face mesh would show them.

Folds are by person. The number of components and the regularisation are chosen by inner folds of the
training part, and so are the shrinkage and the shares of the branch that looks at pictures
(`signlens_studies.expression.appearance`), which is trained on CK+ alone; the temperature for a fold is
fitted on the other folds' held-out logits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from signlens.emotion.head import ExpressionHead, save_head
from signlens.errors import InputRejected
from signlens_studies.expression.head_card import CARD, tables
from signlens_studies.expression.head_experiment import load_experiment
from signlens_studies.expression.head_fitting import Bench, select, train, train_branches
from signlens_studies.expression.head_validation import PICTURED, head_branch, validate
from signlens_studies.expression.measured_faces import (
    cached,
    crop_framing,
    expression_faces,
    measuring_key,
    read_crops,
    signer_faces,
)


def run(
    experiment_file: Path, data: Path, videos: Path, cache: Path, out: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure faces (cached), validate, train on everything, write weights, card and report.

    Returns:
        The report that is written to ``report.json``.
    """
    experiment = load_experiment(experiment_file)
    files, _, _ = read_crops(data)
    if not (videos / "clips.csv").is_file():
        raise InputRejected(videos, "there is no clips.csv", "name the folder of the WLASL videos")
    key = measuring_key(experiment, files, videos)
    expressions = cached(cache / f"ckplus-{key}.npz", lambda: expression_faces(data, experiment, say))
    framing = crop_framing(
        expressions.points["crop0/refined"], experiment.crop_margin[0], experiment.crop_side[0]
    )
    signers = cached(cache / f"signers-{key}.npz", lambda: signer_faces(videos, framing, experiment, say))
    bench = Bench(expressions, signers, experiment)
    report = validate(bench, say)
    everyone_e, everyone_s = np.arange(len(expressions.label)), np.arange(len(signers.label))
    setting = select(bench, everyone_e, everyone_s, experiment.seed)
    final = train(bench, everyone_e, everyone_s, setting, experiment.seed)
    branch = train_branches(bench, everyone_e, [setting.shrinkage])[setting.shrinkage]
    report["shipped"] = setting.to_json()
    calibration = report["calibration"]
    temperature = calibration["temperature"]
    head = ExpressionHead(
        experiment.name,
        "",
        bench.reference,
        bench.mirror,
        final.weights,
        final.bias,
        temperature,
        np.array(report["neutral"]),
        replace(head_branch(branch, setting, temperature, calibration["sharpness"]), framing=framing),
    )
    facts = {
        "trained_on": ["CK+ (48x48 crops; research only)", "WLASL rest frames (C-UDA 1.0; research only)"],
        "experiment": experiment_file.name,
        "ckplus_seven_classes_accuracy": {
            "points and picture": round(report[f"ckplus, {PICTURED}"]["seven_classes"]["accuracy"], 4),
            "points alone": round(report["ckplus, unrefined"]["seven_classes"]["accuracy"], 4),
        },
        "expected_calibration_error": round(report["calibration"]["ece_with_pictures"], 4),
    }
    report["sha256"] = save_head(head, out, facts)
    card = CARD.format(
        version=experiment.name,
        sha256=report["sha256"],
        experiment=experiment_file.name,
        tables=tables(report),
    )
    (out / "README.md").write_text(card, encoding="utf-8")
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(tables(report))
    return report
