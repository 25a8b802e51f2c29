"""The verbs ``signlens emosign run BASELINE`` and ``signlens emosign grammar``.

A subcommand a baseline, with the options that it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.emosign import Annotations, IntensityBase, Rule
from signlens.cli.evaluate import Draws, Seed, print_table, wide_console
from signlens.cli.shared import AsJson, errors_to_exit_codes, print_json, say

if TYPE_CHECKING:
    from rich.console import Console

    from signlens_studies.emosign.baselines.runner import Inputs, RunSettings

run_app = typer.Typer(
    help="Run a baseline on EmoSign: write its predictions, and score them.", no_args_is_help=True
)

Out = Annotated[Path, typer.Option("--out", help="The file of predictions (.csv or .jsonl).")]
Signers = Annotated[Path | None, typer.Option("--signers", help="CSV file: video_name, signer.")]
Videos = Annotated[Path | None, typer.Option("--videos", help="Folder of ASLLRP's videos.")]
Poses = Annotated[
    Path | None, typer.Option("--poses", help="Folder of .pose files, instead of extracting them.")
]
Captions = Annotated[Path | None, typer.Option("--captions", help="CSV: video_name, caption.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Where computed things are kept.")]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Answer 'refused' where an input is missing.")
]
Provider = Annotated[
    str, typer.Option("--provider", help="Emotion provider of the face; NAME or NAME:WEIGHTS.")
]
Classifier = Annotated[
    str | None, typer.Option("--classifier", help="Text classifier: folder or OWNER/NAME@COMMIT.")
]
LabelMap = Annotated[
    Path | None, typer.Option("--label-map", help="CSV: label, class; for a classifier's own labels.")
]
VisionEncoder = Annotated[
    str | None, typer.Option("--vision-encoder", help="ViT: folder or OWNER/NAME@COMMIT.")
]
TextEncoder = Annotated[str | None, typer.Option("--text-encoder", help="CLIP: folder or OWNER/NAME@COMMIT.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Of the fusion (40).")]
Hidden = Annotated[int | None, typer.Option("--hidden", min=1, help="Width of the LSTM (128).")]
Rate = Annotated[float | None, typer.Option("--rate", help="Frames a second.")]
MaxFrames = Annotated[int | None, typer.Option("--max-frames", help="Frames of a clip at most.")]


def _run(
    baseline: str,
    annotations: Path,
    out: Path,
    inputs: Inputs,
    settings: RunSettings,
    intensity_base: int | None,
    as_json: bool,
) -> None:
    from signlens.emosign.scoring import MADE_UP
    from signlens_studies.emosign.baselines import runner

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with _Progress() as progress:
        found = runner.run(
            baseline, annotations, out, inputs, settings, intensity_base=intensity_base, progress=progress
        )
    if as_json:
        print_json(found)
        return
    _print_run(wide_console(), found)
    if found["data"]["made_up"]:
        say(f"signlens: {MADE_UP}")


def _given(**values: Any) -> dict[str, Any]:
    """What was asked for; the rest keeps its defaults."""
    return {name: value for name, value in values.items() if value is not None}


def _add_simple(name: str, text: str) -> None:
    @run_app.command(name, help=text)
    def command(
        annotations: Annotations,
        out: Out,
        signers: Signers = None,
        rule: Rule = "combinations",
        intensity_base: IntensityBase = None,
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens_studies.emosign.baselines.runner import Inputs, RunSettings

            settings = RunSettings(rule=rule, seed=seed, draws=draws)
            _run(name, annotations, out, Inputs(signers=signers), settings, intensity_base, as_json)


_add_simple("constant", "Neutral for every clip.")
_add_simple("majority", "The most frequent answer among the other signers.")
_add_simple("random", "Answers drawn evenly.")


@run_app.command()
def vader(
    annotations: Annotations,
    out: Out,
    captions: Captions = None,
    allow_missing: AllowMissing = False,
    rule: Rule = "combinations",
    intensity_base: IntensityBase = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Of the caption: VADER's score as sentiment."""
    with errors_to_exit_codes():
        from signlens_studies.emosign.baselines.runner import Inputs, RunSettings

        inputs = Inputs(captions=captions, allow_missing=allow_missing)
        settings = RunSettings(rule=rule, seed=seed, draws=draws)
        _run("vader", annotations, out, inputs, settings, intensity_base, as_json)


@run_app.command("caption-classifier")
def caption_classifier(
    annotations: Annotations,
    out: Out,
    captions: Captions = None,
    classifier: Classifier = None,
    label_map: LabelMap = None,
    cache: Cache = None,
    allow_missing: AllowMissing = False,
    rule: Rule = "combinations",
    intensity_base: IntensityBase = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Of the caption: a text classifier of transformers, zero-shot."""
    with errors_to_exit_codes():
        from signlens_studies.emosign.baselines.runner import Inputs, RunSettings

        inputs = Inputs(captions=captions, cache=cache, allow_missing=allow_missing)
        settings = RunSettings(
            rule=rule, seed=seed, draws=draws, label_map=label_map, **_given(classifier=classifier)
        )
        _run("caption-classifier", annotations, out, inputs, settings, intensity_base, as_json)


def _add_of_poses(name: str, text: str) -> None:
    @run_app.command(name, help=text)
    def command(
        annotations: Annotations,
        out: Out,
        videos: Videos = None,
        poses: Poses = None,
        signers: Signers = None,
        provider: Provider = "landmarks",
        cache: Cache = None,
        allow_missing: AllowMissing = False,
        rule: Rule = "combinations",
        intensity_base: IntensityBase = None,
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens_studies.emosign.baselines.runner import Inputs, RunSettings

            inputs = Inputs(
                videos=videos, poses=poses, signers=signers, cache=cache, allow_missing=allow_missing
            )
            settings = RunSettings(rule=rule, seed=seed, draws=draws, provider=provider)
            _run(name, annotations, out, inputs, settings, intensity_base, as_json)


_add_of_poses("face", "An emotion provider's reading of the face, zero-shot.")
_add_of_poses("face-head", "A small head on the face's measures, leave-one-signer-out.")
_add_of_poses("hands", "Hands and body: speed, size, repetition, space; leave-one-signer-out.")
_add_of_poses("face-hands", "Face and hands together, leave-one-signer-out; compared with each alone.")


def _add_fusion(name: str, text: str) -> None:
    @run_app.command(name, help=text)
    def command(
        annotations: Annotations,
        out: Out,
        videos: Videos = None,
        captions: Captions = None,
        signers: Signers = None,
        vision_encoder: VisionEncoder = None,
        text_encoder: TextEncoder = None,
        epochs: Epochs = None,
        hidden: Hidden = None,
        rate: Rate = None,
        max_frames: MaxFrames = None,
        cache: Cache = None,
        allow_missing: AllowMissing = False,
        rule: Rule = "combinations",
        intensity_base: IntensityBase = None,
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens_studies.emosign.baselines.fusion import FusionSettings
            from signlens_studies.emosign.baselines.runner import Inputs, RunSettings

            inputs = Inputs(
                videos=videos, captions=captions, signers=signers, cache=cache, allow_missing=allow_missing
            )
            shape = _given(rate=rate, most_frames=max_frames, epochs=epochs, hidden=hidden)
            settings = RunSettings(
                rule=rule,
                seed=seed,
                draws=draws,
                fusion=FusionSettings(**shape),
                **_given(vision=vision_encoder, text=text_encoder),
            )
            _run(name, annotations, out, inputs, settings, intensity_base, as_json)


_add_fusion("fusion-video", "ViT frames and an LSTM, leave-one-signer-out.")
_add_fusion("fusion-caption", "CLIP text of the caption, leave-one-signer-out.")
_add_fusion("fusion", "ViT frames, LSTM and CLIP text, leave-one-signer-out.")


@run_app.command()
def llm(
    annotations: Annotations,
    out: Out,
    server: Annotated[str, typer.Option("--server", help="Address, such as http://localhost:8000/v1.")],
    model: Annotated[str, typer.Option("--model", help="Name of the model there.")],
    videos: Videos = None,
    captions: Captions = None,
    asked_with: Annotated[str, typer.Option("--inputs", help="video, caption or both.")] = "video",
    rate: Rate = None,
    max_frames: MaxFrames = None,
    structure: Annotated[
        str, typer.Option("--structure", help="How JSON is asked for: schema, object, none.")
    ] = "schema",
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds for one answer.")] = 120.0,
    retries: Annotated[int, typer.Option("--retries", help="How often to ask again.")] = 4,
    price_in: Annotated[
        float | None, typer.Option("--price-in", help="Price of a million tokens sent.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option("--price-out", help="Price of a million tokens received.")
    ] = None,
    key_variable: Annotated[
        str, typer.Option("--key-variable", help="Environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    allow_upload: Annotated[
        bool, typer.Option("--allow-upload", help="Send frames to a server elsewhere.")
    ] = False,
    cache: Cache = None,
    allow_missing: AllowMissing = False,
    rule: Rule = "combinations",
    intensity_base: IntensityBase = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """A multimodal model behind an OpenAI chat server."""
    with errors_to_exit_codes():
        from signlens_studies.emosign.baselines.chat import ServerSettings
        from signlens_studies.emosign.baselines.runner import Inputs, RunSettings

        chat = ServerSettings(
            server,
            model,
            inputs=asked_with,
            structure=structure,
            timeout_s=timeout,
            retries=retries,
            price_in=price_in,
            price_out=price_out,
            key_variable=key_variable,
            allow_upload=allow_upload,
            **_given(rate=rate, most_frames=max_frames),
        )
        inputs = Inputs(videos=videos, captions=captions, cache=cache, allow_missing=allow_missing)
        settings = RunSettings(rule=rule, seed=seed, draws=draws, server=chat)
        _run("llm", annotations, out, inputs, settings, intensity_base, as_json)


@run_app.command("all")
def run_all(
    annotations: Annotations,
    out: Annotated[Path, typer.Option("--out", help="Folder of the predictions.")],
    videos: Videos = None,
    poses: Poses = None,
    captions: Captions = None,
    signers: Signers = None,
    provider: Provider = "landmarks",
    classifier: Classifier = None,
    label_map: LabelMap = None,
    vision_encoder: VisionEncoder = None,
    text_encoder: TextEncoder = None,
    epochs: Epochs = None,
    hidden: Hidden = None,
    max_frames: MaxFrames = None,
    cache: Cache = None,
    allow_missing: AllowMissing = False,
    rule: Rule = "combinations",
    intensity_base: IntensityBase = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Every baseline whose inputs and parts are there, but for llm."""
    with errors_to_exit_codes():
        from signlens_studies.emosign.baselines.fusion import FusionSettings
        from signlens_studies.emosign.baselines.runner import ALL, Inputs, RunSettings

        inputs = Inputs(videos, poses, captions, signers, cache, allow_missing)
        settings = RunSettings(
            rule=rule,
            seed=seed,
            draws=draws,
            provider=provider,
            label_map=label_map,
            fusion=FusionSettings(**_given(most_frames=max_frames, epochs=epochs, hidden=hidden)),
            **_given(classifier=classifier, vision=vision_encoder, text=text_encoder),
        )
        _run(ALL, annotations, out, inputs, settings, intensity_base, as_json)


class _Progress:
    """A bar on standard error, where that is a terminal."""

    def __enter__(self) -> _Progress:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, Any] = {}
        self._bar.start()
        return self

    def __call__(self, text: str, done: int, total: int) -> None:
        if text not in self._tasks:
            self._tasks[text] = self._bar.add_task(text, total=total)
        self._bar.update(self._tasks[text], completed=done + 1)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


_TASKS = (("sentiment3", "wacc"), ("sentiment7", "wacc"), ("emotion", "wacc"), ("multi_label", "macro_f1"))


def _print_run(console: Console, found: Mapping[str, Any]) -> None:
    data = found["data"]
    console.print(f"{data['source']}: {data['clips']} clips, labels {data['identity']}", markup=False)
    ran = found.get("ran", [found])
    rows = []
    for one in ran:
        cells = [_percent(one["scores"].get(task, {}).get(metric)) for task, metric in _TASKS]
        rows.append((one["baseline"], *cells, str(one["refused"])))
    head = ["", "3 classes", "7 classes", "emotion", "presence", "refused"]
    title = "wAcc (sentiment, emotion) and macro F1 (presence), percent, with 95 % intervals"
    print_table(console, title, tuple(head), rows)
    pairs = dict(found.get("ablations", {}))
    for one in ran:
        for other, rows_of in one["facts"].get("against", {}).items():
            pairs[f"{one['baseline']} against {other}"] = rows_of
        if one["facts"].get("note"):
            console.print(f"- {one['baseline']}: {one['facts']['note']}", markup=False)
        if "tokens" in one["facts"]:
            facts = one["facts"]
            cost = "unknown" if facts["cost"] is None else f"{facts['cost']:.4f}"
            counts = ", ".join(f"{name} {n}" for name, n in facts["clips"].items())
            tokens = f"{facts['tokens']['sent']} + {facts['tokens']['received']}"
            console.print(f"- {facts['model']}: {counts}; tokens {tokens}; cost {cost}", markup=False)
    lines = [
        (who, task, *_difference(row["wacc"]), f"{row['mcnemar']['p_value']:.3f}", str(row["clips"]))
        for who, tasks in pairs.items()
        for task, row in tasks.items()
    ]
    if lines:
        head = ["on the same clips", "task", "wAcc", "95 %", "McNemar p", "clips"]
        print_table(console, "Differences in points", tuple(head), lines)
    for name, why in found.get("not_run", {}).items():
        console.print(f"- {name}: not run, {why}", markup=False)
    console.print(f"{found.get('predictions') or found['out']}: written", markup=False)


def _percent(metric: Mapping[str, Any] | None) -> str:
    if metric is None or metric["value"] is None:
        return "-"
    return f"{100 * metric['value']:.2f} ({100 * metric['low']:.1f} .. {100 * metric['high']:.1f})"


def _difference(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{100 * row['difference']:+.2f}", f"{100 * row['low']:+.1f} .. {100 * row['high']:+.1f}"


def grammar(
    annotations: Annotations,
    markers: Annotated[
        Path, typer.Option("--markers", help="CSV (video_name, a column each), or a folder of .eaf files.")
    ],
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="A model's answers; without them the labels are analysed."),
    ] = None,
    signers: Signers = None,
    intensity_base: IntensityBase = None,
    draws: Annotated[int, typer.Option("--draws", help="Permutations.")] = 1000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Ask how much of each emotion follows from grammatical markers: matched pairs, partial effects."""
    with errors_to_exit_codes():
        from signlens.emosign.scoring import MADE_UP
        from signlens_studies.emosign.grammar import analyse_files

        found = analyse_files(
            annotations,
            markers,
            predictions,
            signers=signers,
            intensity_base=intensity_base,
            draws=draws,
            seed=seed,
        )
        if as_json:
            print_json(found)
            return
        _print_grammar(wide_console(), found)
        if found["data"]["made_up"]:
            say(f"signlens: {MADE_UP}")


def figures(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="What a model says: .csv or .jsonl.")
    ],
    annotations: Annotations,
    out: Annotated[Path, typer.Option("--out", help="Folder of the figures (PNG).")],
    rule: Rule = "combinations",
    intensity_base: IntensityBase = None,
    draws: Draws = 2000,
    seed: Seed = 0,
) -> None:
    """Draw a score and what it was scored against: confusion, recall, distributions, co-occurrence."""
    with errors_to_exit_codes():
        from signlens.emosign.annotations import load_emosign
        from signlens.emosign.scoring import score_file
        from signlens_studies.emosign.figures import draw_figures

        data = load_emosign(annotations, intensity_base=intensity_base)
        found = score_file(predictions, data, rule=rule, draws=draws, seed=seed)
        for path in draw_figures(found, data, out):
            typer.echo(str(path))


def _print_grammar(console: Console, found: Mapping[str, Any]) -> None:
    held = ", ".join(found["held_equal"])
    console.print(f"{found['clips']} clips; {found['of']}; held equal: {held}\n", markup=False)
    rows, pairs = [], []
    for emotion, one in found["emotions"].items():
        numbers = f"{one['r2']['without']:.3f}", f"{one['r2']['added']:+.3f}"
        rows.append((emotion, str(one["answered"]), *numbers, *_p(one)))
        for marker, effect in one["markers"].items():
            pair = one["matched_pairs"][marker]
            shown = "-" if not pair["pairs"] else f"{100 * pair['difference']:+.1f}"
            p = "-" if not pair["pairs"] else f"{pair['p_value']:.3f}"
            by = f"{100 * effect['marginal_effect']:+.1f}", f"{effect['p_permutation']:.3f}"
            pairs.append((emotion, marker, *by, str(pair["pairs"]), shown, p))
    totals = ("emotion", "clips with it", "R2 without", "markers add", "p", "p (Holm)")
    print_table(console, "What the markers add", totals, rows)
    each = ("emotion", "marker", "effect, points", "p", "pairs", "difference, points", "p of pairs")
    print_table(console, "Each marker", each, pairs)
    for emotion, why in found["not_analysed"].items():
        console.print(f"- {emotion}: not analysed, {why}", markup=False)


def _p(one: Mapping[str, Any]) -> tuple[str, str]:
    return f"{one['p_permutation']:.3f}", f"{one['p_holm']:.3f}"
