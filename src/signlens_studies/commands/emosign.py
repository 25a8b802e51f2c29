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
from signlens_studies.commands.options import REQUIRED, Options, add_command

if TYPE_CHECKING:
    from rich.console import Console

run_app = typer.Typer(
    help="Run a baseline on EmoSign: write its predictions, and score them.", no_args_is_help=True
)

Signers = Annotated[Path | None, typer.Option("--signers", help="CSV file: video_name, signer.")]


def _option(kind: Any, name: str, text: str, default: Any = None, **limits: Any) -> tuple[Any, Any]:
    return Annotated[kind, typer.Option(name, help=text, **limits)], default


_FOLDER = "folder or OWNER/NAME@COMMIT."
OPTIONS: Options = {
    "annotations": (Annotations, REQUIRED),
    "out": _option(Path, "--out", "The file of predictions (.csv or .jsonl); for `all` a folder.", REQUIRED),
    "signers": (Signers, None),
    "videos": _option(Path | None, "--videos", "Folder of ASLLRP's videos."),
    "poses": _option(Path | None, "--poses", "Folder of .pose files, instead of extracting them."),
    "captions": _option(Path | None, "--captions", "CSV: video_name, caption."),
    "cache": _option(Path | None, "--cache", "Where computed things are kept."),
    "allow_missing": _option(bool, "--allow-missing", "Answer 'refused' where an input is missing.", False),
    "provider": _option(str | None, "--provider", "Emotion provider of the face; NAME or NAME:WEIGHTS."),
    "classifier": _option(str | None, "--classifier", f"Text classifier: {_FOLDER}"),
    "label_map": _option(Path | None, "--label-map", "CSV: label, class; for a classifier's own labels."),
    "vision": _option(str | None, "--vision-encoder", f"ViT: {_FOLDER}"),
    "text": _option(str | None, "--text-encoder", f"CLIP: {_FOLDER}"),
    "epochs": _option(int | None, "--epochs", "Of the fusion (40).", min=1),
    "hidden": _option(int | None, "--hidden", "Width of the LSTM (128).", min=1),
    "rate": _option(float | None, "--rate", "Frames a second (llm 2, fusion 5)."),
    "most_frames": _option(int | None, "--max-frames", "Frames of a clip at most (llm 24, fusion 64)."),
    "url": _option(str, "--server", "Address, such as http://localhost:8000/v1.", REQUIRED),
    "model": _option(str, "--model", "Name of the model there.", REQUIRED),
    "inputs": _option(str | None, "--inputs", "video, caption or both (video)."),
    "structure": _option(str | None, "--structure", "How JSON is asked for: schema, object, none (schema)."),
    "timeout_s": _option(float | None, "--timeout", "Seconds for one answer (120)."),
    "retries": _option(int | None, "--retries", "How often to ask again (4)."),
    "price_in": _option(float | None, "--price-in", "Price of a million tokens sent."),
    "price_out": _option(float | None, "--price-out", "Price of a million tokens received."),
    "key_variable": _option(
        str | None, "--key-variable", "Environment variable that holds the key (OPENAI_API_KEY)."
    ),
    "allow_upload": _option(bool, "--allow-upload", "Send frames to a server elsewhere.", False),
    "rule": (Rule, "combinations"),
    "intensity_base": (IntensityBase, None),
    "draws": (Draws, 2000),
    "seed": (Seed, 0),
    "as_json": (AsJson, False),
}
_INPUTS = ("signers", "videos", "poses", "captions", "cache", "allow_missing")
_FUSION = ("epochs", "hidden", "rate", "most_frames")


def _add(name: str, text: str, named: str) -> None:
    """A baseline with some of `OPTIONS`, and those that all have."""

    def run(
        *, annotations: Path, out: Path, intensity_base: int | None, as_json: bool, **values: Any
    ) -> None:
        from signlens.emosign.scoring import MADE_UP
        from signlens_studies.emosign.baselines import runner
        from signlens_studies.emosign.baselines.chat import ServerSettings
        from signlens_studies.emosign.baselines.fusion import FusionSettings

        # What was not asked for keeps the default that stands where it is used.
        given = {key: value for key, value in values.items() if value is not None}
        inputs = runner.Inputs(**{key: given.pop(key) for key in _INPUTS if key in given})
        common = {key: given.pop(key) for key in ("rule", "seed", "draws")}
        if name == "llm":
            common["server"] = ServerSettings(**given)
        else:
            shape = {key: given.pop(key) for key in _FUSION if key in given}
            common |= {"fusion": FusionSettings(**shape), **given}
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        with _Progress() as progress:
            found = runner.run(
                name,
                annotations,
                out,
                inputs,
                runner.RunSettings(**common),
                intensity_base=intensity_base,
                progress=progress,
            )
        if as_json:
            print_json(found)
            return
        _print_run(wide_console(), found)
        if found["data"]["made_up"]:
            say(f"signlens: {MADE_UP}")

    shared = "rule intensity_base draws seed as_json"
    add_command(run_app, name, text, OPTIONS, f"annotations out {named} {shared}", run)


_OTHERS = "leave-one-signer-out"
_CHAT = "inputs rate most_frames structure timeout_s retries price_in price_out key_variable allow_upload"
for _name, _help, _named in (
    ("constant", "Neutral for every clip.", "signers"),
    ("majority", "The most frequent answer among the other signers.", "signers"),
    ("random", "Answers drawn evenly.", "signers"),
    ("vader", "Of the caption: VADER's score as sentiment.", "captions allow_missing"),
    (
        "caption-classifier",
        "Of the caption: a text classifier of transformers, zero-shot.",
        "captions classifier label_map cache allow_missing",
    ),
    *(
        (name, text, "videos poses signers provider cache allow_missing")
        for name, text in (
            ("face", "An emotion provider's reading of the face, zero-shot."),
            ("face-head", f"A small head on the face's measures, {_OTHERS}."),
            ("hands", f"Hands and body: speed, size, repetition, space; {_OTHERS}."),
            ("face-hands", f"Face and hands together, {_OTHERS}; compared with each alone."),
        )
    ),
    *(
        (name, f"{text}, {_OTHERS}.", f"{of} signers epochs hidden rate most_frames cache allow_missing")
        for name, text, of in (
            ("fusion-video", "ViT frames and an LSTM", "videos vision"),
            ("fusion-caption", "CLIP text of the caption", "captions text"),
            ("fusion", "ViT frames, LSTM and CLIP text", "videos captions vision text"),
        )
    ),
    (
        "llm",
        "A multimodal model behind an OpenAI chat server.",
        f"url model videos captions {_CHAT} cache allow_missing",
    ),
    (
        "all",
        "Every baseline whose inputs and parts are there, but for llm.",
        "videos poses captions signers provider classifier label_map vision text epochs hidden most_frames "
        "cache allow_missing",
    ),
):
    _add(_name, _help, _named)


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
