"""The verb `evaluate`: a run's tables, or any system's scores; accuracies with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.progress import ProgressBar
from signlens.cli.shared import AsJson, app, errors_to_exit_codes, print_json
from signlens.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from signlens.evaluation.details import Details
    from signlens.evaluation.emotion_vectors import EmotionBoost
    from signlens.evaluation.metrics import Interval
    from signlens.evaluation.results import Comparison, Evaluation

By = Annotated[
    str, typer.Option("--by", help="What the bootstrap draws: clip, or signer with all of their clips.")
]
Draws = Annotated[int, typer.Option("--draws", help="Number of bootstrap resamples.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the resamples, and of random folds.")]

GlossMapName = Annotated[
    str | None,
    typer.Option(
        "--gloss-map",
        help="Which glosses an expression speaks for: a TOML file, or the name of a shipped map.",
    ),
]

_SHOWN = 10  # rows of a table for people; --json has them all


@app.command()
def evaluate(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="Folder of a run that `train` made.")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option("--split", help="Of RUN: whose clips are scored; once for each. All by default."),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Scores of any system instead of a run (.npz).")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            help="The ensemble: joint=1,bone=0.9,...; sam-slr; learned; chosen. "
            "SAM-SLR's by default where its streams are.",
        ),
    ] = None,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare",
            help="Two systems, paired: FILE.npz, FILE.npz:STREAM, or streams and weightings of --scores.",
        ),
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Compare on the clips that both have, where one has more.")
    ] = False,
    emotion: Annotated[
        Path | None,
        typer.Option(
            "--emotion",
            help="What the faces show (.csv: clip, neutral .. contempt; or `recognize --json`), "
            "for systems with +emotion. Without --compare: the ensemble against itself with +emotion.",
        ),
    ] = None,
    gloss_map: GlossMapName = None,
    retrieval: Annotated[bool, typer.Option("--retrieval", hidden=True)] = False,
    by: By = "clip",
    fit_on: Annotated[
        Path | None,
        typer.Option("--fit-on", help="Scores of validation clips to learn weights on; else cross-fitted."),
    ] = None,
    cross_fit: Annotated[
        str | None, typer.Option("--cross-fit", help="Folds for learning weights: fold, signer or clip.")
    ] = None,
    folds: Annotated[int, typer.Option("--folds", help="How many folds of signers or clips.")] = 5,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Print a run's accuracies, or those of any system's scores, with their intervals."""
    with errors_to_exit_codes():
        from signlens.evaluation import results
        from signlens.evaluation.systems import Settings, calibrated

        if retrieval:
            remedy = "run: python -m signlens_studies retrieval search RUN (or --scores FILE.npz)"
            raise UsageError("--retrieval", "is a study of its own now", remedy)
        if run is not None:
            if scores is not None or pair is not None:
                remedy = f"give RUN alone, or --scores {run / 'scores-test.npz'}"
                raise UsageError(run, "is a run, but scores files are asked for", remedy)
            scores, validation = _scores_of_run(run, tuple(split or ()))
            weights = weights or "chosen"
            if cross_fit is None:
                fit_on = fit_on or validation
        if scores is None and pair is None:
            raise UsageError("evaluate", "there is nothing to evaluate", "give RUN, or --scores FILE.npz")
        if common and pair is None:
            raise UsageError("--common", "is for --compare", "leave it out")
        boost = emotion_boost(emotion, gloss_map)
        if boost is not None and pair is None:
            assert scores is not None
            plain = weights or results.ensemble_of(scores)
            pair = (calibrated(plain), f"{calibrated(plain)}+emotion")
        settings = Settings(by, draws, seed, fit_on, cross_fit, folds, boost)
        with ProgressBar() as bar:
            progress = bar.named
            if pair is not None:
                found = results.compare_systems(
                    pair, scores, weights, settings, common=common, progress=progress
                )
            else:
                assert scores is not None
                found = results.evaluate_scores(scores, weights, settings, progress)
        if as_json:
            print_json(found.to_json())
        else:
            _print_evaluation(found)


def emotion_boost(emotion: Path | None, gloss_map: str | None) -> EmotionBoost | None:
    """What scores are to be augmented with."""
    from signlens.emotion.gloss_map import load_gloss_map
    from signlens.evaluation.emotion_vectors import EmotionBoost, read_emotion_vectors

    if emotion is None:
        if gloss_map is not None:
            raise UsageError("--gloss-map", "needs to know what the faces show", "give --emotion FILE")
        return None
    return EmotionBoost(read_emotion_vectors(emotion), load_gloss_map(gloss_map))


def _scores_of_run(run: Path, splits: tuple[str, ...]) -> tuple[Path, Path | None]:
    """A run's scores, of its test clips if there are any, and validation scores of other clips."""
    from signlens.evaluation.comparison import share_clips
    from signlens.training.run import open_run, write_pooled

    files = write_pooled(open_run(run), splits)
    if not files:
        raise UsageError(run, "has no scored clips", "name validation or test clips in the experiment")
    scores, validation = files.get("test"), files.get("val")
    if scores is None or validation is None:
        return next(iter(files.values())), None
    # Over cross-validation both hold the same clips; then what is learned is cross-fitted.
    return scores, None if share_clips(scores, validation) else validation


# -- for people -------------------------------------------------------------------------------------

Row = Sequence[str]


def print_table(console: Console, title: str, head: Row, rows: Sequence[Row]) -> None:
    """A table whose first column is text and whose others are numbers."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, name in enumerate(head):
        table.add_column(
            name, justify="left" if number == 0 else "right", no_wrap=number > 0, overflow="fold"
        )
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(f"[bold]{escape(title)}[/]")
    console.print(table)
    console.print()


def with_interval(value: Interval | None, signed: bool = False, digits: int = 2) -> tuple[str, str]:
    """A value and its interval as two cells."""
    if value is None:
        return "-", ""
    sign = "+" if signed else ""
    return f"{value.value:{sign}.{digits}f}", f"{value.low:{sign}.{digits}f} .. {value.high:{sign}.{digits}f}"


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def wide_console() -> Console:
    """A console that does not fold the tables where nobody looks at a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


def describe_data(data: Mapping[str, Any]) -> str:
    """What was measured on, in one line."""
    files = data["file"] if isinstance(data["file"], list) else [data["file"]]
    split = ", ".join(f"{name or 'no split'} {n:,}" for name, n in (data["split"] or {}).items())
    parts = [
        " against ".join(files),
        data["dataset"] or "dataset not said",
        split or "split not said",
        f"{data['clips']:,} clips",
        f"{data['classes']:,} classes",
    ]
    if data["signers"]:
        source = " (from the clips' names)" if data["signers_from"] == "clip names" else ""
        parts.append(f"{data['signers']} signers{source}")
    parts.append(f"poses by {data['extractor']}" if data["extractor"] else "extractor not said")
    return "; ".join(parts)


def _print_evaluation(found: Evaluation) -> None:
    console = wide_console()
    console.print(describe_data(found.data), markup=False, soft_wrap=True)
    console.print(
        f"95 % intervals: {found.intervals['kind']}, {found.intervals['draws']:,} draws of "
        f"{found.intervals['unit']}s, seed {found.intervals['seed']}"
    )
    console.print()
    accuracy = ("top-1 %", "95 %", "top-5 %", "95 %", "top-10 %", "95 %")
    for title, names, head in (
        ("Per instance", [f"top{k}_per_instance" for k in (1, 5, 10)], accuracy),
        ("Per class", [f"top{k}_per_class" for k in (1, 5, 10)], accuracy),
        (
            "Macro F1 and calibration",
            ["macro_f1", "ece", "nll"],
            ("F1 %", "95 %", "ECE %", "95 %", "NLL", "95 %"),
        ),
    ):
        rows = []
        for system in found.systems:
            digits = [4 if name == "nll" else 2 for name in names]
            cells = [with_interval(system.metrics[n], digits=d) for n, d in zip(names, digits, strict=True)]
            rows.append([system.name, *(c for pair in cells for c in pair)])
        print_table(console, title, ("", *head), rows)
    for system in found.systems:
        console.print(f"{system.name}: {system.right:,} of {found.data['clips']:,} right", markup=False)
        console.print(f"  {_weights(system.weights, system.temperature, system.learned)}", markup=False)
    console.print()
    if found.comparison is not None:
        _print_comparison(console, found.comparison)
    if found.details is not None:
        _print_details(console, found.details)
    for note in found.notes:
        console.print(f"- {note}", markup=False)


def _weights(
    weights: Mapping[str, float] | None, temperature: float | None, learned: Mapping[str, Any]
) -> str:
    """The weighting behind a system, for people."""
    if "emotion" in learned:
        said = learned["emotion"]
        strengths = [c["strength"] for c in said.get("choices", [])]
        how = f"strength {said['strength']:g}" if "strength" in said else ""
        if strengths:
            how = f"strength {min(strengths):g} to {max(strengths):g} over the folds"
        plain = _weights(weights, temperature, said["without"])
        return f"{plain}; emotion by the map {said['gloss_map']}, {how}"

    def one(values: Mapping[str, float]) -> str:
        return ", ".join(f"{name} {weight:.3g}" for name, weight in values.items())

    heat = "" if temperature is None else f"; temperature {temperature:.3g}"
    if "per_fold" in learned:
        shares = [
            {name: weight / sum(fold["weights"].values()) for name, weight in fold["weights"].items()}
            for fold in learned["per_fold"]
        ]
        names = sorted({name for share in shares for name in share})
        spans = {name: [share.get(name, 0.0) for share in shares] for name in names}
        text = ", ".join(f"{name} {min(span):.2f} to {max(span):.2f}" for name, span in spans.items())
        chosen = [fold["chosen"] for fold in learned["per_fold"] if "chosen" in fold]
        return f"share of each stream's raw logits over the folds: {text}" + (
            f" (chosen: {', '.join(chosen)})" if chosen else ""
        )
    if weights is not None and temperature is None:
        heat = "; temperature cross-fitted"
    choice = f" (chosen: {learned['choice']['chosen']})" if "choice" in learned else ""
    return f"weights of raw logits: {one(weights or {})}{heat}{choice}"


def _print_comparison(console: Console, of: Comparison) -> None:
    rows = []
    for name, value in of.differences.items():
        rows.append((name, *with_interval(value, signed=True, digits=4 if name == "nll" else 2)))
    print_table(console, f"{of.second} less {of.first}, paired", ("", "difference", "95 %"), rows)
    test = of.mcnemar
    console.print(
        f"Only {of.first} right: {test.only_first}; only {of.second} right: {test.only_second}; both: "
        f"{test.both_right}; neither: {test.neither}. McNemar, exact: p = {test.p_value:.3g}",
        markup=False,
    )
    console.print()
    if of.per_signer:
        print_table(
            console,
            "Right, by signer",
            ("signer", "clips", of.first, of.second),
            [
                (r["signer"] or "unknown", str(r["clips"]), str(r["right_first"]), str(r["right_second"]))
                for r in of.per_signer
            ],
        )


def _print_details(console: Console, of: Details) -> None:
    shown = of.confusions[:_SHOWN]
    if shown:
        print_table(
            console,
            f"Most frequent confusions of {of.system}",
            ("true", "predicted", "clips"),
            [(c["true"], c["predicted"], f"{c['clips']} of {c['of']}") for c in shown],
        )
    worst = sorted((c for c in of.per_class if c["clips"]), key=lambda c: (c["top1"], -c["clips"]))[:_SHOWN]
    print_table(
        console,
        f"Classes of {of.system}, the least recognised first",
        ("gloss", "clips", "top-1 %", "top-5 %", "F1 %"),
        [
            (c["gloss"], str(c["clips"]), _number(c["top1"]), _number(c["top5"]), _number(c["f1"]))
            for c in worst
        ],
    )
    if of.per_signer:
        print_table(
            console,
            f"Signers of {of.system} (Wilson's interval)",
            ("signer", "clips", "top-1 %", "95 %", "top-5 %"),
            [
                (
                    s["signer"] or "unknown",
                    str(s["clips"]),
                    f"{s['top1']['value']:.2f}",
                    f"{s['top1']['low']:.2f} .. {s['top1']['high']:.2f}",
                    _number(s["top5"], 2),
                )
                for s in of.per_signer
            ],
        )
