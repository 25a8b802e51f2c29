"""The verbs `emosign run` and `emosign grammar`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.emosign import Annotations, IntensityBase, Rule, emosign_app
from signlens.cli.evaluate import Draws, Seed, print_table, wide_console
from signlens.cli.shared import AsJson, errors_to_exit_codes, print_json, say
from signlens.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

Signers = Annotated[Path | None, typer.Option("--signers", help="CSV file: video_name, signer.")]


@emosign_app.command("run")
def run(
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="BASELINE",
            help="constant, majority, random, vader, caption-classifier, face, face-head, hands, face-hands, "
            "fusion-video, fusion-caption, fusion, llm, or all.",
        ),
    ],
    annotations: Annotations,
    out: Annotated[Path, typer.Option("--out", help="Predictions (.csv or .jsonl); for `all` a folder.")],
    videos: Annotated[Path | None, typer.Option("--videos", help="Folder of ASLLRP's videos.")] = None,
    poses: Annotated[
        Path | None, typer.Option("--poses", help="Folder of .pose files, instead of extracting them.")
    ] = None,
    captions: Annotated[Path | None, typer.Option("--captions", help="CSV: video_name, caption.")] = None,
    signers: Signers = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="Where computed things are kept.")] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Answer 'refused' where an input is missing.")
    ] = False,
    provider: Annotated[
        str, typer.Option("--provider", help="Emotion provider of the face; NAME or NAME:WEIGHTS.")
    ] = "landmarks",
    classifier: Annotated[
        str | None, typer.Option("--classifier", help="Text classifier: folder or OWNER/NAME@COMMIT.")
    ] = None,
    label_map: Annotated[
        Path | None, typer.Option("--label-map", help="CSV: label, class; for a classifier's own labels.")
    ] = None,
    vision_encoder: Annotated[
        str | None, typer.Option("--vision-encoder", help="ViT: folder or OWNER/NAME@COMMIT.")
    ] = None,
    text_encoder: Annotated[
        str | None, typer.Option("--text-encoder", help="CLIP: folder or OWNER/NAME@COMMIT.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Of the fusion (40).")] = None,
    hidden: Annotated[int | None, typer.Option("--hidden", min=1, help="Width of the LSTM (128).")] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="llm: address, such as http://localhost:8000/v1.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="llm: name of the model there.")] = None,
    inputs: Annotated[str, typer.Option("--inputs", help="llm: video, caption or both.")] = "video",
    rate: Annotated[float | None, typer.Option("--rate", help="Frames a second (llm 2, fusion 5).")] = None,
    max_frames: Annotated[
        int | None, typer.Option("--max-frames", help="Frames of a clip at most (llm 24, fusion 64).")
    ] = None,
    structure: Annotated[
        str, typer.Option("--structure", help="llm: how JSON is asked for: schema, object, none.")
    ] = "schema",
    timeout: Annotated[float, typer.Option("--timeout", help="llm: seconds for one answer.")] = 120.0,
    retries: Annotated[int, typer.Option("--retries", help="llm: how often to ask again.")] = 4,
    price_in: Annotated[
        float | None, typer.Option("--price-in", help="llm: price of a million tokens sent.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option("--price-out", help="llm: price of a million tokens received.")
    ] = None,
    key_variable: Annotated[
        str, typer.Option("--key-variable", help="llm: environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    allow_upload: Annotated[
        bool, typer.Option("--allow-upload", help="llm: send frames to a server elsewhere.")
    ] = False,
    rule: Rule = "combinations",
    intensity_base: IntensityBase = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run a baseline on EmoSign: write its predictions, and score them."""
    with errors_to_exit_codes():
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from signlens.emosign import command as texts
        from signlens_studies.emosign.baselines import command
        from signlens_studies.emosign.baselines.fusion import FusionSettings
        from signlens_studies.emosign.baselines.multimodal import ServerSettings

        if draws < 1:
            raise UsageError("--draws", f"{draws} is no number of resamples", "give 1 or more")
        if (server is None) != (model is None):
            raise UsageError("--server, --model", "belong together", "give both, or none")
        frames = {"rate": rate, "most_frames": max_frames}
        shape = {"epochs": epochs, "hidden": hidden}
        chat = None
        if server is not None and model is not None:
            chat = ServerSettings(
                server,
                model,
                inputs=inputs,
                structure=structure,
                timeout_s=timeout,
                retries=retries,
                price_in=price_in,
                price_out=price_out,
                key_variable=key_variable,
                allow_upload=allow_upload,
                **_given(frames),
            )
        networks = {"classifier": classifier, "vision": vision_encoder, "text": text_encoder}
        settings = command.RunSettings(
            provider=provider,
            label_map=label_map,
            fusion=FusionSettings(**_given(frames | shape)),
            server=chat,
            draws=draws,
            **_given(networks),
        )
        with _Progress() as progress:
            found = command.run(
                baseline,
                annotations,
                out,
                videos=videos,
                captions=captions,
                signers=signers,
                poses=poses,
                cache=cache,
                intensity_base=intensity_base,
                rule=rule,
                seed=seed,
                allow_missing=allow_missing,
                settings=settings,
                progress=progress,
            )
        if as_json:
            print_json(found)
            return
        _print_run(wide_console(), found)
        if found["data"]["made_up"]:
            say(f"signlens: {texts.MADE_UP}")


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


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


@emosign_app.command("grammar")
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
        from signlens.emosign import command as texts
        from signlens_studies.emosign.baselines import command

        found = command.grammar(
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
            say(f"signlens: {texts.MADE_UP}")


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
