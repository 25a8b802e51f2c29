"""The verb ``signlens reproduce NAME``: one table or figure of the papers, theirs beside ours.

A subcommand a table, with the options that it needs. What NumPy alone can make needs no extra; what needs
more names the extra to install.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signlens.cli.evaluate import By, Draws, GlossMapName, Seed, print_table, wide_console, with_interval
from signlens.cli.shared import AsJson, errors_to_exit_codes, print_json
from signlens.errors import UsageError

if TYPE_CHECKING:
    from signlens_studies.emosign.tables import Scored
    from signlens_studies.reproduction import Reproduction
    from signlens_studies.slr_sentiment.augmentation import Material

app = typer.Typer(
    help="Print one table of the papers from your data: theirs beside ours.", no_args_is_help=True
)

DatasetFolder = Annotated[Path, typer.Option("--dataset", help="Dataset folder.")]
RunOf = Annotated[Path, typer.Option("--run", help="Folder of a run.")]
Model = Annotated[
    Path | None, typer.Option("--model", help="Folder of a sign model; the shipped one by default.")
]
Scores = Annotated[Path | None, typer.Option("--scores", help="Scores of any system (.npz).")]
Predictions = Annotated[
    Path | None, typer.Option("--predictions", help="Predicted classes alone (.csv: clip, label, pred...).")
]
Column = Annotated[
    str | None, typer.Option("--column", help="Which column of predictions; the last by default.")
]
Weights = Annotated[
    str | None, typer.Option("--weights", help="The ensemble of the scores; the paper's by default.")
]
Emotion = Annotated[
    Path | None,
    typer.Option("--emotion", help="What the faces show (.csv: clip, neutral .. contempt)."),
]
Glosses = Annotated[
    Path | None, typer.Option("--glosses", help="The classes' names, such as WLASL's class list.")
]
FitOn = Annotated[
    Path | None,
    typer.Option(
        "--fit-on", help="Scores of validation clips to learn the boost's strength on; else cross-fitted."
    ),
]
ExcludeSigner = Annotated[
    list[str] | None,
    typer.Option("--exclude-signer", help="Whose clips are left out, on both sides; once for each."),
]
Slope = Annotated[float, typer.Option("--slope", help="Of the augmentation as printed.")]
Tau = Annotated[float | None, typer.Option("--tau", help="An emotion is shown above this weight.")]
Drawing = Annotated[
    Path | None, typer.Option("--out", help="Also draw the figure into this file (.svg, .png, .pdf).")
]
Annotations = Annotated[Path, typer.Option("--annotations", help="EmoSign's labels.")]
Answers = Annotated[Path, typer.Option("--predictions", help="What `emosign score` reads.")]
Raters = Annotated[
    list[Path] | None, typer.Option("--raters", help="What one annotator said; once for each.")
]
Rule = Annotated[str | None, typer.Option("--rule", help="Which clips are single expressions.")]


# -- recognition without emotion ----------------------------------------------------------------------


@app.command()
def table1(dataset: DatasetFolder, as_json: AsJson = False) -> None:
    """The dataset: clips per split."""
    with errors_to_exit_codes():
        from signlens_studies.slr_sentiment import recognition_tables as tables

        _show(tables.table1(dataset), as_json)


@app.command()
def table2(
    scores: Scores = None,
    predictions: Predictions = None,
    weights: Weights = None,
    column: Column = None,
    exclude_signer: ExcludeSigner = None,
    by: By = "clip",
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Recognition without emotion, from scores or from predictions alone."""
    with errors_to_exit_codes():
        from signlens.evaluation.systems import Settings
        from signlens_studies.slr_sentiment import recognition_tables as tables

        settings = Settings(by=by, draws=draws, seed=seed)
        left_out = _once(exclude_signer)
        if scores is not None and predictions is None:
            made = tables.table2_of_scores(scores, settings, weights=weights, exclude_signers=left_out)
        elif predictions is not None and scores is None:
            if weights is not None:
                raise UsageError("--weights", "are for scores, not for predictions", "leave them out")
            made = tables.table2_of_predictions(
                predictions, settings, column=column, exclude_signers=left_out
            )
        else:
            raise UsageError("table2", "needs one of two", "give --scores FILE.npz or --predictions FILE.csv")
        _show(made, as_json)


# -- recognition with emotion -------------------------------------------------------------------------


def _add_confusion_table(name: str, text: str) -> None:
    @app.command(name, help=text)
    def command(
        scores: Scores = None,
        emotion: Emotion = None,
        weights: Weights = None,
        gloss_map: GlossMapName = None,
        glosses: Glosses = None,
        exclude_signer: ExcludeSigner = None,
        tau: Tau = None,
        by: By = "clip",
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens.evaluation.systems import Settings
            from signlens_studies.slr_sentiment import confusion_tables as tables

            material = _material(
                name, "slr-sentiment-31", scores, emotion, Settings(by=by, draws=draws, seed=seed),
                weights, gloss_map, glosses, exclude_signer,
            )  # fmt: skip
            _show({"table3": tables.table3, "table4": tables.table4}[name](material, tau), as_json)


_add_confusion_table("table3", "Whom an augmentation of all classes touches.")
_add_confusion_table("table4", "Whom an augmentation of the ten best classes touches.")


def _add_emotion_table(name: str, text: str) -> None:
    @app.command(name, help=text)
    def command(
        scores: Scores = None,
        emotion: Emotion = None,
        predictions: Predictions = None,
        column: Column = None,
        weights: Weights = None,
        gloss_map: GlossMapName = None,
        glosses: Glosses = None,
        fit_on: FitOn = None,
        exclude_signer: ExcludeSigner = None,
        slope: Slope = 1.0,
        by: By = "clip",
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens.evaluation.systems import Settings
            from signlens_studies.slr_sentiment import emotion_tables, predicted_tables

            settings = Settings(by=by, draws=draws, seed=seed, fit_on=fit_on)
            left_out = _once(exclude_signer)
            if predictions is None:
                material = _material(
                    name, "slr-sentiment-29", scores, emotion, settings,
                    weights, gloss_map, glosses, exclude_signer,
                )  # fmt: skip
                if name == "table5":
                    made = emotion_tables.table5(material, slope)
                else:
                    made = emotion_tables.table6(material, slope, gloss_map)
            elif name == "table5":
                made = predicted_tables.table5(predictions, settings, column=column, exclude_signers=left_out)
            elif glosses is None:
                remedy = "give --glosses, such as WLASL's class list"
                raise UsageError(name, "needs the glosses of the predicted classes", remedy)
            else:
                made = predicted_tables.table6(
                    predictions,
                    glosses,
                    settings,
                    column=column,
                    exclude_signers=left_out,
                    gloss_map=gloss_map,
                )
            _show(made, as_json)


_add_emotion_table("table5", "Recognition with and without emotion, same clips; or from predictions alone.")
_add_emotion_table("table6", "The same for the clips of emotional glosses.")


@app.command()
def fig4(
    scores: Scores = None,
    emotion: Emotion = None,
    weights: Weights = None,
    gloss_map: GlossMapName = None,
    glosses: Glosses = None,
    fit_on: FitOn = None,
    exclude_signer: ExcludeSigner = None,
    slope: Slope = 1.0,
    out: Drawing = None,
    by: By = "clip",
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Top-n accuracy with and without emotion."""
    with errors_to_exit_codes():
        from signlens.evaluation.systems import Settings
        from signlens_studies.slr_sentiment import emotion_tables as tables

        settings = Settings(by=by, draws=draws, seed=seed, fit_on=fit_on)
        material = _material(
            "fig4", "slr-sentiment-29", scores, emotion, settings, weights, gloss_map, glosses, exclude_signer
        )
        _show(tables.fig4(material, slope, out), as_json)


def _material(
    name: str,
    theirs: str,
    scores: Path | None,
    emotion: Path | None,
    settings: object,
    weights: str | None,
    gloss_map: str | None,
    glosses: Path | None,
    exclude_signer: list[str] | None,
) -> Material:
    from signlens_studies.slr_sentiment.augmentation import open_material

    if scores is None or emotion is None:
        remedy = "give --scores FILE.npz --emotion FILE.csv"
        raise UsageError(name, "needs scores and emotion vectors", remedy)
    return open_material(
        scores,
        emotion,
        theirs,
        settings,  # type: ignore[arg-type]
        weights=weights,
        gloss_map=gloss_map,
        glosses=glosses,
        exclude_signers=_once(exclude_signer),
    )


def _once(names: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names or ()))


# -- fusion networks ----------------------------------------------------------------------------------


def _add_fusion_table(name: str, text: str) -> None:
    @app.command(name, help=text)
    def command(
        run: RunOf, by: By = "clip", draws: Draws = 2000, seed: Seed = 0, as_json: AsJson = False
    ) -> None:
        with errors_to_exit_codes():
            from signlens.evaluation.systems import Settings
            from signlens_studies.slr_sentiment import fusion_tables as tables

            settings = Settings(by=by, draws=draws, seed=seed)
            if name in tables.HEADS:
                made = tables.fusion_head_table(name, run, settings)
            else:
                made = {"table14": tables.table14, "final-fusion": tables.final_fusion}[name](run, settings)
            _show(made, as_json)


_HEADS = "Scores and emotion vector through a network{}; of a run of fusion-heads.toml."
_add_fusion_table("table7", _HEADS.format(" of two hidden layers"))
_add_fusion_table("table8", _HEADS.format(" of one hidden layer"))
_add_fusion_table("table9", _HEADS.format(" without hidden layer"))
_add_fusion_table("table14", "Similar signs through a network, by reduction; of a run of final-fusion.toml.")
_add_fusion_table("final-fusion", "Ensemble, expression and similar signs in one, of the same run.")


def _add_weights_figure(name: str) -> None:
    @app.command(name, help="Outputs that each emotion raises most, of a run of fusion-heads.toml.")
    def command(run: RunOf, out: Drawing = None, as_json: AsJson = False) -> None:
        with errors_to_exit_codes():
            from signlens_studies.slr_sentiment.fusion_tables import weights_figure

            _show(weights_figure(name, run, out), as_json)


for _name in ("fig5", "fig6", "fig7"):
    _add_weights_figure(_name)


# -- faces by gloss, orientation, embedding spaces ----------------------------------------------------


def _add_gloss_table(name: str, text: str) -> None:
    @app.command(name, help=text)
    def command(
        emotion: Emotion = None,
        dataset: Annotated[Path | None, typer.Option("--dataset", help="Dataset folder, or...")] = None,
        scores: Annotated[
            Path | None, typer.Option("--scores", help="...scores that hold gloss and split (.npz).")
        ] = None,
        gloss: Annotated[str | None, typer.Option("--gloss", help="In place of the paper's.")] = None,
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens.evaluation.systems import Settings
            from signlens_studies.slr_sentiment.emotion_by_gloss import gloss_table, labelled_faces

            if emotion is None or (scores is None) == (dataset is None):
                remedy = "give --emotion FILE, and --dataset DIR or --scores FILE.npz with split and gloss"
                what = "needs emotion vectors, and glosses and splits of the clips"
                raise UsageError(name, what, remedy)
            faces, described = labelled_faces(emotion, dataset_folder=dataset, scores_file=scores)
            _show(gloss_table(name, faces, described, Settings(draws=draws, seed=seed), gloss), as_json)


_add_gloss_table("table10", "What faces show with one gloss, by split (sad).")
_add_gloss_table("table11", "What faces show with one gloss, by split (happy).")


def _add_orientation_table(name: str, text: str) -> None:
    @app.command(name, help=text)
    def command(
        dataset: DatasetFolder,
        model: Model = None,
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens.evaluation.systems import Settings
            from signlens_studies.orientation import tables

            table: Callable[..., Reproduction] = getattr(tables, name)
            _show(table(dataset, Settings(draws=draws, seed=seed), model), as_json)


def _add_orientation_figure(name: str, text: str) -> None:
    @app.command(name, help=text)
    def command(
        dataset: DatasetFolder,
        model: Model = None,
        out: Drawing = None,
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens.evaluation.systems import Settings
            from signlens_studies.orientation import tables

            figure: Callable[..., Reproduction] = getattr(tables, name)
            _show(figure(dataset, Settings(draws=draws, seed=seed), model, out), as_json)


_add_orientation_table("table12", "2D and 3D correction, of clips that carry an orientation.")
_add_orientation_table("table13", "3D correction by different depth angles.")
_add_orientation_figure("fig10", "Top-1 by orientation, with and without 2D correction.")
_add_orientation_figure("fig11", "Top-1 by orientation, for different depth angles.")


@app.command()
def fig13(
    run: RunOf,
    out: Annotated[Path, typer.Option("--out", help="Folder of its files.")],
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """UMAP of a run's embedding spaces: a picture, a page and a table."""
    with errors_to_exit_codes():
        from signlens.evaluation.systems import Settings
        from signlens_studies.retrieval import embedding_map_page

        _show(embedding_map_page.fig13(run, out, Settings(draws=draws, seed=seed)), as_json)


@app.command("sam-slr-ablations")
def sam_slr_ablations(run: RunOf, draws: Draws = 2000, seed: Seed = 0, as_json: AsJson = False) -> None:
    """SAM-SLR's ablations of the joint stream, of a run of ablations.toml."""
    with errors_to_exit_codes():
        from signlens_studies.sam_slr.ablations import ablations

        _show(ablations(run, draws, seed), as_json)


# -- EmoSign ------------------------------------------------------------------------------------------


@app.command("emosign-table2")
def emosign_table2(
    raters: Raters = None, draws: Draws = 2000, seed: Seed = 0, as_json: AsJson = False
) -> None:
    """EmoSign: agreement of the annotators."""
    with errors_to_exit_codes():
        from signlens.evaluation.systems import Settings
        from signlens_studies.emosign.tables import table2

        if not raters:
            raise UsageError(
                "emosign-table2",
                "needs what each annotator said; the released file holds the majority only",
                "give --raters FILE, once for each",
            )
        _show(table2(raters, Settings(draws=draws, seed=seed)), as_json)


def _add_emosign_table(name: str, text: str) -> None:
    @app.command(name, help=text)
    def command(
        annotations: Annotations,
        predictions: Answers,
        raters: Raters = None,
        rule: Rule = None,
        draws: Draws = 2000,
        seed: Seed = 0,
        as_json: AsJson = False,
    ) -> None:
        with errors_to_exit_codes():
            from signlens.evaluation.systems import Settings
            from signlens_studies.emosign import tables

            settings = Settings(draws=draws, seed=seed)
            scored = tables.score_files(annotations, predictions, settings, raters=raters or (), rule=rule)
            table: Callable[[Scored], Reproduction] = getattr(tables, name.removeprefix("emosign-"))
            _show(table(scored), as_json)


_add_emosign_table("emosign-table3", "EmoSign: sentiment in 3 and 7 classes.")
_add_emosign_table("emosign-table4", "EmoSign: the one emotion of clips that show a single one.")


# -- for people ---------------------------------------------------------------------------------------

_DIGITS = {"sum over classes": 4, "clips": 0, "alpha": 3, "share": 4, "nats": 4}
"""Decimals of a unit; of all others 2."""


def _show(made: Reproduction, as_json: bool) -> None:
    if as_json:
        print_json(made.to_json())
    else:
        _print(made)


def _print(made: Reproduction) -> None:
    from signlens.evaluation.metrics import Interval

    console = wide_console()
    console.print(f"Theirs: {made.theirs}", markup=False, soft_wrap=True)
    # The notes tell of the tests.
    facts = "; ".join(f"{k} {v}" for k, v in made.data.items() if k != "tests" and v not in (None, {}, []))
    console.print(f"Ours: {facts}", markup=False, soft_wrap=True)
    unknown = [key for key in ("dataset", "split", "extractor") if made.data.get(key, "") is None]
    if unknown:
        console.print(f"The file does not say: {', '.join(unknown)}", markup=False)
    console.print()
    rows = []
    for row in made.rows:
        digits = _DIGITS.get(row.unit, 2)
        cells = (
            with_interval(row.ours, digits=digits)
            if isinstance(row.ours, Interval)
            else ("-" if row.ours is None else f"{row.ours:,.{digits}f}", "")
        )
        theirs = "-" if row.theirs is None else f"{row.theirs:,.{digits}f}"
        count = "" if row.count is None or row.unit == "clips" else f"{row.count:,}"
        rows.append((row.measure, row.paper_name or "-", theirs, *cells, count))
    print_table(console, made.title, ("measure", "in the paper", "theirs", "ours", "95 %", "clips"), rows)
    reasons = [f"{row.measure}: {row.why_not}" for row in made.rows if row.why_not]
    for line in (*reasons, *made.notes):
        console.print(f"- {line}", markup=False)
    if made.figure is not None:
        console.print(f"Figure: {made.figure}", markup=False)
