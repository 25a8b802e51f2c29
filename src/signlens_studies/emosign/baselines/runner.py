"""Run baselines on EmoSign: what ``signlens emosign run`` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from signlens.emosign.annotations import EmoSign, load_emosign
from signlens.emosign.predictions import LabelPrediction, read_predictions, write_predictions
from signlens.emosign.scoring import score
from signlens.emosign.tasks import REFUSED
from signlens.errors import InputRejected, PartMissing, UsageError
from signlens.files import whole_file
from signlens.pose.clip import PoseClip
from signlens_studies.emosign.baselines import caption, chat, face, fusion, hands, multimodal, simple
from signlens_studies.emosign.baselines.comparison import compare
from signlens_studies.emosign.baselines.learning import INVERSE_STRENGTH, RIDGE, leave_one_signer_out
from signlens_studies.emosign.baselines.materials import Array, Materials, refused

BASELINES: Mapping[str, str] = {
    "constant": "neutral for every clip",
    "majority": "the most frequent answer among the other signers",
    "random": "answers drawn evenly",
    "vader": "caption: VADER's score as sentiment",
    "caption-classifier": "caption: a text classifier of transformers, zero-shot",
    "face": "face: an emotion provider, zero-shot",
    "face-head": "face: a small head, leave-one-signer-out",
    "hands": "hands and body: speed, size, repetition, space; leave-one-signer-out",
    "face-hands": "face and hands together, leave-one-signer-out; compared with face-head",
    "fusion-video": "ViT frames and an LSTM, leave-one-signer-out",
    "fusion-caption": "CLIP text of the caption, leave-one-signer-out",
    "fusion": "ViT frames, LSTM and CLIP text, leave-one-signer-out",
    "llm": "a multimodal model behind an OpenAI chat server (--server, --model)",
}
ALL = "all"
SUMMARY = "summary.json"
_FUSION_INPUTS = {"fusion-video": "video", "fusion-caption": "caption", "fusion": "both"}

Answered = tuple[list[LabelPrediction], dict[str, Any]]


@dataclass(frozen=True)
class Inputs:
    """What baselines read beside the annotations.

    Attributes:
        videos: Folder of ASLLRP's videos.
        poses: Folder of ``.pose`` files; else they are extracted from the videos.
        captions: CSV file of captions.
        signers: CSV file that says who signs.
        cache: Where computed things are kept; by default beside the predictions.
        allow_missing: Answer ``refused`` where an input is missing.
    """

    videos: Path | None = None
    poses: Path | None = None
    captions: Path | None = None
    signers: Path | None = None
    cache: Path | None = None
    allow_missing: bool = False


@dataclass(frozen=True)
class RunSettings:
    """What baselines can be told.

    Attributes:
        provider: Emotion provider of the face.
        classifier: Text classifier: folder, or ``OWNER/NAME@COMMIT``.
        label_map: What its labels count as, for labels that are not known.
        vision: ViT of the fusion.
        text: CLIP network of the fusion.
        fusion: How the fusion is built and trained; its inputs follow from the baseline's name.
        server: The server of ``llm``; None without.
        rule: Which clips are single expressions.
        seed: Of everything random.
        draws: Resamples for intervals.
    """

    provider: str = "landmarks"
    classifier: str = caption.CLASSIFIER
    label_map: Path | None = None
    vision: str = fusion.VISION
    text: str = fusion.TEXT
    fusion: fusion.FusionSettings = field(default_factory=fusion.FusionSettings)
    server: chat.ServerSettings | None = None
    rule: str = "combinations"
    seed: int = 0
    draws: int = 2000

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise UsageError("--draws", f"{self.draws} is no number of resamples", "give 1 or more")


class _Runner:
    """Runs baselines over the same materials; poses are read once for all that need them."""

    def __init__(self, materials: Materials, settings: RunSettings) -> None:
        self.materials, self.settings = materials, settings

    @cached_property
    def _seen(self) -> tuple[list[face.FaceReading | None], Array]:
        provider = face.provider_named(self.settings.provider)

        def both(clip: PoseClip | None, video: Path | None) -> tuple[face.FaceReading | None, Array | None]:
            if clip is None:
                return None, None
            return face.read_face(clip, provider, video), hands.signing_features(clip)

        videos = [clip.video for clip in self.materials.data.clips]
        found = [both(c, v) for c, v in zip(self.materials.pose_clips(), videos, strict=True)]
        return [f for f, _ in found], hands.stacked([h for _, h in found])

    def _faces(self) -> list[face.FaceReading | None]:
        return face.checked(self.materials.data, self._seen[0])

    def _head(self, features: Array) -> list[LabelPrediction]:
        return leave_one_signer_out(features, self.materials.data, self.materials.rule)

    def run(self, name: str) -> Answered:
        """The predictions of one baseline, and facts about how they came about."""
        m, s = self.materials, self.settings
        heads = {"heads": {"C": INVERSE_STRENGTH, "ridge": RIDGE}, "trained": "leave-one-signer-out"}
        if name == "constant":
            return simple.constant(m.data), {}
        if name == "majority":
            return simple.majority(m.data, m.rule), {"trained": "leave-one-signer-out"}
        if name == "random":
            return simple.random(m.data, m.seed), {"seed": m.seed}
        if name == "vader":
            note = "EmoSign's clips were chosen by VADER's score of these captions: its figures are flattered"
            return caption.vader(m), {"note": note}
        if name == "caption-classifier":
            return caption.classify_captions(m, caption.TextClassifier(s.classifier, s.label_map))
        if name in _FUSION_INPUTS:
            wanted = replace(s.fusion, inputs=_FUSION_INPUTS[name], seed=m.seed)
            return fusion.run_fusion(m, wanted, vision=s.vision, text=s.text)
        if name == "llm":
            if s.server is None:
                raise UsageError("llm", "needs a server", "give --server URL and --model NAME")
            return multimodal.ask_model(m, s.server)
        if name == "face":
            return face.zero_shot(m.data, self._faces()), {
                "provider": s.provider,
                "mapping": dict(face.MAPPING),
            }
        if name == "face-head":
            return self._head(face.face_features(self._faces())), {"provider": s.provider, **heads}
        if name == "hands":
            return self._head(self._seen[1]), {"measures": list(hands.MEASURES), **heads}
        of_face = face.face_features(self._faces())
        together = self._head(np.concatenate([of_face, self._seen[1]], axis=1))
        options: dict[str, Any] = {"rule": m.rule, "draws": s.draws, "seed": m.seed}
        return together, {
            "provider": s.provider,
            **heads,
            "against": {
                "face-head": compare(together, self._head(of_face), m.data, **options),
                "hands": compare(together, self._head(self._seen[1]), m.data, **options),
            },
        }


def run(
    baseline: str,
    annotations: Path,
    out: Path,
    inputs: Inputs | None = None,
    settings: RunSettings | None = None,
    *,
    intensity_base: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Run one baseline, or all that can be run.

    Args:
        baseline: One of `BASELINES`, or `ALL`.
        annotations: The released CSV file, or the folder that was made of it.
        out: The file of predictions (.csv or .jsonl); for `ALL` a folder of such files and `SUMMARY`.
        inputs: What is read beside the annotations.
        settings: What baselines can be told.
        intensity_base: How "absent" is stored.
        progress: Called with a text, clips done, and clips.

    Returns:
        Plain JSON: what was run and written, facts, and scores.
    """
    if baseline != ALL and baseline not in BASELINES:
        raise UsageError(baseline, "is not a baseline", f"choose one of {', '.join(BASELINES)}, {ALL}")
    if baseline != ALL and out.suffix.casefold() not in (".csv", ".jsonl"):
        raise UsageError(out, "is neither .csv nor .jsonl", "name the file of predictions")
    inputs, settings = inputs or Inputs(), settings or RunSettings()
    data = load_emosign(
        annotations,
        videos=inputs.videos,
        captions=inputs.captions,
        signers=inputs.signers,
        intensity_base=intensity_base,
    )
    cache = inputs.cache or out.with_name(out.name + ".cache")
    options: dict[str, Any] = {} if progress is None else {"progress": progress}
    materials = Materials(
        data, inputs.poses, cache, settings.rule, settings.seed, inputs.allow_missing, **options
    )
    runner = _Runner(materials, settings)
    if baseline != ALL:
        found = _one(runner, baseline, out)
        return {"data": _about(data), **found}
    return _all(runner, out)


def _about(data: EmoSign) -> dict[str, Any]:
    return {
        "source": data.source,
        "sha256": data.sha256,
        "identity": data.identity,
        "made_up": data.made_up,
        "clips": len(data.clips),
        "signers": data.signers,
    }


def _one(runner: _Runner, name: str, out: Path) -> dict[str, Any]:
    materials = runner.materials
    predictions, facts = runner.run(name)
    try:
        write_predictions(predictions, out)
    except OSError as error:
        raise UsageError(out, f"cannot be written ({error.strerror})", "name another file") from None
    found = score(
        predictions, materials.data, rule=materials.rule, draws=runner.settings.draws, seed=materials.seed
    )
    tasks = {
        task: {
            **{key: row["model"][key] for key in ("clips", "refused")},
            **{key: row["model"][key] for key in ("wacc", "wf1", "macro_f1") if key in row["model"]},
        }
        for task, row in found["tasks"].items()
        if task in ("sentiment7", "sentiment3", "emotion", "multi_label")
    }
    return {
        "baseline": name,
        "does": BASELINES[name],
        "predictions": str(out),
        "refused": sum(REFUSED in (p.emotion, p.sentiment) for p in predictions),
        "facts": facts,
        "scores": tasks,
        "intervals": found["intervals"],
    }


def _all(runner: _Runner, out: Path) -> dict[str, Any]:
    """Every baseline whose inputs and parts are there; why the others were not run stands beside them."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(out, f"cannot be made ({error.strerror})", "name another folder") from None
    ran, not_run = [], {}
    for name in BASELINES:
        try:
            ran.append(_one(runner, name, out / f"{name}.csv"))
        except (InputRejected, PartMissing, UsageError) as error:
            not_run[name] = str(error)
    document = {
        "data": _about(runner.materials.data),
        "baseline": ALL,
        "out": str(out),
        "ran": ran,
        "not_run": not_run,
        "ablations": _ablations(runner, out, [row["baseline"] for row in ran]),
    }
    with whole_file(out / SUMMARY) as part:
        part.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return document


def _ablations(runner: _Runner, out: Path, ran: Sequence[str]) -> dict[str, Any]:
    """The whole fusion against each of its halves, on the same clips."""
    m = runner.materials
    found = {}
    for part in ("fusion-video", "fusion-caption"):
        if "fusion" in ran and part in ran:
            both, half = (_in_order(m.data, read_predictions(out / f"{n}.csv")) for n in ("fusion", part))
            found[f"fusion against {part}"] = compare(
                both, half, m.data, rule=m.rule, draws=runner.settings.draws, seed=m.seed
            )
    return found


def _in_order(data: EmoSign, predictions: Sequence[LabelPrediction]) -> list[LabelPrediction]:
    by_name = {p.video_name: p for p in predictions}
    return [by_name.get(c.video_name) or refused(c.video_name) for c in data.clips]
