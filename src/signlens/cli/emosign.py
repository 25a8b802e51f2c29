"""The verbs under `emosign`: agreement, score, template, to-elan, from-elan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.evaluate import Draws, Seed, print_table, wide_console
from signlens.cli.plugins import OpenGroup
from signlens.cli.shared import AsJson, app, errors_to_exit_codes, print_found, print_json, say
from signlens.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

emosign_app = typer.Typer(
    cls=OpenGroup,
    help="Emotion in signing: the EmoSign benchmark; agreement of annotators; ELAN files.",
    no_args_is_help=True,
)
app.add_typer(emosign_app, name="emosign")

Annotations = Annotated[
    Path,
    typer.Option("--annotations", help="EmoSign's CSV file, or the folder that `dataset import` made."),
]
Raters = Annotated[
    list[Path] | None,
    typer.Option("--raters", help="What each annotator said: a file for each, or one for all."),
]
Rule = Annotated[
    str, typer.Option("--rule", help="Which clips are single: combinations, all, clear, strongest.")
]
IntensityBase = Annotated[
    int | None,
    typer.Option("--intensity-base", help="How 'absent' is stored, 0 or 1; found out by default."),
]


@emosign_app.command()
def agreement(
    ratings: Annotated[
        Path | None, typer.Option("--ratings", help="Any ratings: CSV with unit, annotator, value.")
    ] = None,
    raters: Raters = None,
    level: Annotated[
        str | None,
        typer.Option("--level", help="nominal, ordinal, interval or ratio; needed with --ratings."),
    ] = None,
    intensity_base: IntensityBase = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say how far annotators agree: Krippendorff's alpha with intervals, weighted kappa of every two."""
    with errors_to_exit_codes():
        from signlens.emosign import agreement as measures
        from signlens.emosign.ratings import read_ratings

        if (ratings is None) == (not raters):
            raise UsageError(
                "agreement", "needs one kind of file", "give --ratings FILE, or --raters for EmoSign's labels"
            )
        if draws < 0:
            raise UsageError("--draws", f"{draws} is no number of resamples", "give 0 or more")
        if ratings is not None:
            if level is None:
                raise UsageError(
                    "--level", "is needed", f"say how values differ: {', '.join(measures.LEVELS)}"
                )
            table = measures.read_long_ratings(ratings)
            own = measures.ratings_agreement(table, level, draws=draws, seed=seed)
            found = {"file": str(ratings), **own}
        else:
            levels = measures.LEVELS[:3] if level is None else (level,)
            given = read_ratings(raters or (), intensity_base)
            own = measures.label_agreement(given, levels, draws=draws, seed=seed)
            found = {"files": [str(path) for path in raters or ()], **own}
        if as_json:
            print_json(found)
        elif ratings is not None:
            _print_ratings(wide_console(), found)
        else:
            _print_labels(wide_console(), found)


def _print_ratings(console: Console, found: Mapping[str, Any]) -> None:
    head = ("Krippendorff's alpha", "alpha", "95 %", "units", "ratings")
    row = (found["level"], _bare(found["alpha"]), _range(found), str(found["units"]), str(found["ratings"]))
    print_table(console, found["file"], head, [row])
    if found["undefined_because"]:
        console.print(f"There is no alpha: {found['undefined_because']}.", markup=False)
    rows = [(" - ".join(k["annotators"]), _bare(k["kappa"]), str(k["units"])) for k in found["kappa"]]
    if rows:
        print_table(
            console, f"Cohen's kappa, {found['kappa'][0]['weights']} weights", ("", "kappa", "units"), rows
        )


def _print_labels(console: Console, found: Mapping[str, Any]) -> None:
    levels = list(found["overall"])
    rows = []
    for row in found["labels"]:
        cells = [c for a in (row["alpha"][level] for level in levels) for c in (_bare(a["alpha"]), _range(a))]
        kappas = [k["kappa"] for k in row["kappa"] if k["kappa"] is not None]
        mean = f"{sum(kappas) / len(kappas):.3f}" if kappas else "-"
        rows.append((row["label"], *cells, mean))
    means = [c for level in levels for c in (_bare(found["overall"][level]["mean"]), "")]
    rows.append(("mean", *means, ""))
    head = ["label"]
    for level in levels:
        head += [level, "95 %"]
    title = f"Krippendorff's alpha, {found['clips']} clips, {len(found['annotators'])} annotators"
    print_table(console, title, (*head, "kappa"), rows)
    console.print(
        "kappa: mean over pairs of annotators, quadratic weights. Beside the paper's figures: "
        "signlens reproduce emosign-table2",
        markup=False,
    )


def _bare(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _range(alpha: Mapping[str, Any]) -> str:
    return "" if alpha["low"] is None else f"{alpha['low']:.2f} .. {alpha['high']:.2f}"


@emosign_app.command()
def score(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="What a model says: .csv or .jsonl.")
    ],
    annotations: Annotations,
    raters: Raters = None,
    rule: Rule = "combinations",
    intensity_base: IntensityBase = None,
    figures: Annotated[Path | None, typer.Option("--figures", hidden=True)] = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Score a model's predictions on every task that they answer, with intervals by signer."""
    with errors_to_exit_codes():
        from signlens.emosign import scoring
        from signlens.emosign.annotations import load_emosign

        if figures is not None:
            raise UsageError("--figures", "is a command of its own now", "see: signlens emosign figures")
        if draws < 1:
            raise UsageError("--draws", f"{draws} is no number of resamples", "give 1 or more")
        found = scoring.score_file(
            predictions,
            load_emosign(annotations, intensity_base=intensity_base),
            raters=raters or (),
            rule=rule,
            intensity_base=intensity_base,
            draws=draws,
            seed=seed,
        )
        if as_json:
            print_json(found)
            return
        _print_score(wide_console(), found)
        if found["data"]["made_up"]:
            say(f"signlens: {scoring.MADE_UP}")


_TASK_TITLES = {
    "sentiment7": "Sentiment, 7 classes",
    "sentiment3": "Sentiment, 3 classes",
    "emotion": "Emotion, single-expression clips, 10 classes",
}


def _print_score(console: Console, found: Mapping[str, Any]) -> None:
    data = found["data"]
    signers = ", ".join(f"{name or 'unknown'} {count}" for name, count in data["signers"].items())
    console.print(
        f"{data['source']}: {data['clips']} clips ({signers}), labels {data['identity']}", markup=False
    )
    counts, paper = found["expressions"]["counts"], found["expressions"]["paper"]
    console.print(
        f"rule '{found['expressions']['rule']}': {counts['single']} single, {counts['multi']} multiple, "
        f"{counts['left_out']} left out (the paper: {paper['single']}, {paper['multi']}, "
        f"{paper['left_out']} unaccounted)",
        markup=False,
    )
    console.print(f"percent; 95 % intervals by {found['intervals']['unit']}\n", markup=False)
    for task, title in _TASK_TITLES.items():
        if task in found["tasks"]:
            _print_task(console, title, found["tasks"][task])
    if "multi_label" in found["tasks"]:
        _print_multi_label(console, found["tasks"]["multi_label"])
    for task, title in (("cue_time", "Cues in time"), ("cue_text", "Themes of the cue text")):
        if task in found["tasks"]:
            rows = [
                (name, metric.replace("_", " "), *_percents(values))
                for name, part in found["tasks"][task].items()
                for metric, values in part.items()
                if isinstance(values, Mapping) and "value" in values
            ]
            print_table(console, title, ("", "", "%", "95 %"), rows)
    for task, why in found["not_scored"].items():
        console.print(f"- {task}: not scored, {why}", markup=False)
    for note in data["notes"]:
        console.print(f"- {note}", markup=False)


def _percents(metric: Mapping[str, Any]) -> tuple[str, str]:
    if metric["value"] is None:
        return "-", ""
    span = "" if metric["low"] is None else f"{100 * metric['low']:.1f} .. {100 * metric['high']:.1f}"
    return f"{100 * metric['value']:.2f}", span


def _print_task(console: Console, title: str, task: Mapping[str, Any]) -> None:
    model = task["model"]
    lines = [("predictions", model), ("chance", task["chance"])]
    lines.append((f"always {task['majority']['class']}", task["majority"]))
    lines += [(f"{row['annotator']} against the others", row) for row in task["annotators"]]
    rows = [(who, *_percents(m["wacc"]), *_percents(m["wf1"]), str(m["clips"])) for who, m in lines]
    print_table(console, title, ("", "wAcc", "95 %", "wF1", "95 %", "clips"), rows)
    found = [
        (name, *_percents(recall), str(model["support"][name])) for name, recall in model["recall"].items()
    ]
    print_table(console, "Recall of the predictions", ("class", "%", "95 %", "clips"), found)
    if "mean_absolute_error" in model:
        error = model["mean_absolute_error"]
        console.print(
            f"mean distance {error['value']:.2f} classes ({error['low']:.2f} .. {error['high']:.2f})",
            markup=False,
        )
    if model["refused"]:
        console.print(f"{model['refused']} clips refused, counted as wrong", markup=False)
    console.print()


def _print_multi_label(console: Console, task: Mapping[str, Any]) -> None:
    model = task["model"]
    rows = []
    for name in ("model", "majority", "all_present"):
        part = task[name]
        rows.append((name.replace("_", " "), *_percents(part["macro_f1"]), *_percents(part["jaccard"])))
    head = ("Presence of ten emotions", "macro F1", "95 %", "Jaccard", "95 %")
    print_table(console, "Any number of emotions", head, rows)
    rows = []
    for name, label in model["labels"].items():
        error = label.get("intensity_error")
        shown = "-" if error is None else f"{error['value']:.2f}"
        rows.append((name, *_percents(label["f1"]), shown, str(label["clips_with_it"])))
    head = ("emotion", "F1", "95 %", "intensity error", "clips with it")
    print_table(console, "The predictions, by emotion", head, rows)


@emosign_app.command()
def template(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The template: .etf (or .eaf) for ELAN.")],
) -> None:
    """Write an ELAN template with EmoSign's three tasks, so that others can annotate in the same way."""
    with errors_to_exit_codes():
        from signlens.emosign.elan_labels import write_template

        write_template(out)
        typer.echo(f"{out}: written; choose it in ELAN under File, New, Template")


@emosign_app.command("to-elan")
def to_elan(
    annotations: Annotations,
    out: Annotated[Path, typer.Option("--out", help="Folder of the .eaf files.")],
    videos: Annotated[Path | None, typer.Option("--videos", help="Folder of the videos.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the labels as ELAN files, one a clip; in a file that exists everything else is kept."""
    with errors_to_exit_codes():
        from signlens.emosign.annotations import load_emosign
        from signlens.emosign.elan_labels import write_elan_files

        found = write_elan_files(load_emosign(annotations, videos=videos), out)
        print_found(found, as_json, f"{out}: {len(found['written'])} files")
        if found["missing_videos"] and not as_json:
            say(f"signlens: no video, so no file, for: {', '.join(found['missing_videos'])}")


@emosign_app.command("from-elan")
def from_elan(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=".eaf files, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", help="The file of ratings (.csv).")],
    annotator: Annotated[
        str | None, typer.Option("--annotator", help="Who annotated; else the name of the file's folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Gather annotated ELAN files into one file of ratings, for `agreement --raters` and `dataset import`."""
    with errors_to_exit_codes():
        from signlens.emosign.elan_labels import gather_elan_files

        found = gather_elan_files(files, out, annotator)
        summary = f"{out}: {found['ratings']} ratings of {len(found['annotators'])} annotators"
        print_found(found, as_json, summary)
        if found["without_labels"] and not as_json:
            say(f"signlens: no label at all in: {', '.join(found['without_labels'])}")
