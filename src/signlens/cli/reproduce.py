"""The verb `reproduce`: one table of the papers, theirs beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signlens.cli.evaluate import By, Draws, GlossMapName, Seed, print_table, wide_console, with_interval
from signlens.cli.shared import AsJson, app, errors_to_exit_codes, print_json
from signlens.errors import UsageError

if TYPE_CHECKING:
    from signlens_studies.reproduction import Reproduction


@app.command()
def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="table1 ... table14, fig4 ... fig7, fig10, fig11, fig13; final-fusion; sam-slr-ablations; "
            "emosign-table2, -table3, -table4.",
        ),
    ],
    dataset: Annotated[Path | None, typer.Option("--dataset", help="Dataset folder, for table1.")] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Scores of any system (.npz), for table2 to table6, fig4.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="The ensemble of the scores; the paper's by default.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            help="For table2, table5 and table6, predicted classes alone (.csv: clip, label, pred...); for "
            "EmoSign's, what `emosign score` reads.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Which column of predictions; the last by default.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option("--annotations", help="EmoSign's labels, for its tables.")
    ] = None,
    raters: Annotated[
        list[Path] | None, typer.Option("--raters", help="What one EmoSign annotator said; once for each.")
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Which EmoSign clips are single expressions.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Folder of a run: sam-slr-ablations, fig13, and what fusion makes."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of a sign model; the shipped one by default.")
    ] = None,
    emotion: Annotated[
        Path | None,
        typer.Option(
            "--emotion", help="What the faces show (.csv: clip, neutral .. contempt), for table3 on."
        ),
    ] = None,
    gloss_map: GlossMapName = None,
    glosses: Annotated[
        Path | None, typer.Option("--glosses", help="The classes' names, such as WLASL's class list.")
    ] = None,
    fit_on: Annotated[
        Path | None,
        typer.Option(
            "--fit-on", help="Scores of validation clips to learn the boost's strength on; else cross-fitted."
        ),
    ] = None,
    gloss: Annotated[
        str | None,
        typer.Option("--gloss", help="Of table10 or table11; the paper's by default."),
    ] = None,
    exclude_signer: Annotated[
        list[str] | None,
        typer.Option("--exclude-signer", help="Whose clips are left out, on both sides; once for each."),
    ] = None,
    slope: Annotated[float, typer.Option("--slope", help="Of the augmentation as printed.")] = 1.0,
    tau: Annotated[
        float | None, typer.Option("--tau", help="An emotion is shown above this weight (table3, table4).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Also draw a figure into this file (.svg, .png, .pdf); fig13: folder of its files."
        ),
    ] = None,
    by: By = "clip",
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Print one table of the papers from your data: theirs beside ours."""
    with errors_to_exit_codes():
        from signlens.evaluation.systems import Settings
        from signlens_studies import reproduction as slr_sentiment
        from signlens_studies.emosign import tables as emosign
        from signlens_studies.orientation import tables as orientation
        from signlens_studies.reproduction import Request
        from signlens_studies.retrieval import embedding_map_page as embedding_map
        from signlens_studies.sam_slr import ablations
        from signlens_studies.slr_sentiment import emotion_by_gloss, emotion_tables, fusion_tables

        recipes = (
            slr_sentiment.RECIPES
            | emotion_tables.RECIPES
            | emotion_by_gloss.RECIPES
            | fusion_tables.RECIPES
            | orientation.RECIPES
            | ablations.RECIPES
            | emosign.RECIPES
            | embedding_map.RECIPES
        )
        if name not in recipes:
            raise UsageError(
                name, "is not a table that can be reproduced", f"there are: {', '.join(recipes)}"
            )
        request = Request(
            dataset=dataset,
            scores=scores,
            weights=weights,
            predictions=predictions,
            column=column,
            settings=Settings(by=by, draws=draws, seed=seed, fit_on=fit_on),
            annotations=annotations,
            raters=tuple(raters or ()),
            rule=rule,
            run=run,
            model=model,
            emotion=emotion,
            gloss_map=gloss_map,
            glosses=glosses,
            exclude_signers=tuple(dict.fromkeys(exclude_signer or ())),
            slope=slope,
            tau=tau,
            gloss=gloss,
            out=out,
        )
        made = recipes[name](request)
        if out is not None and made.figure is None:
            raise UsageError("--out", f"{name} is no figure", "leave it out")
        if as_json:
            print_json(made.to_json())
        else:
            _print(made)


def _print(made: Reproduction) -> None:
    from signlens.evaluation.metrics import Interval

    console = wide_console()
    console.print(f"Theirs: {made.theirs}", markup=False, soft_wrap=True)
    said = "; ".join(f"{key} {value}" for key, value in made.data.items() if _shown(key, value))
    console.print(f"Ours: {said}", markup=False, soft_wrap=True)
    unsaid = [key for key in ("dataset", "split", "extractor") if made.data.get(key, "") is None]
    if unsaid:
        console.print(f"The file does not say: {', '.join(unsaid)}", markup=False)
    console.print()
    rows = []
    for row in made.rows:
        digits = {"sum over classes": 4, "clips": 0, "alpha": 3, "share": 4, "nats": 4}.get(row.unit, 2)
        cells = (
            with_interval(row.ours, digits=digits)
            if isinstance(row.ours, Interval)
            else ("-" if row.ours is None else f"{row.ours:,.{digits}f}", "")
        )
        theirs = "-" if row.theirs is None else f"{row.theirs:,.{digits}f}"
        count = "" if row.count is None or row.unit == "clips" else f"{row.count:,}"
        rows.append((row.measure, row.paper_name or "-", theirs, *cells, count))
    print_table(console, made.title, ("measure", "in the paper", "theirs", "ours", "95 %", "clips"), rows)
    for row in made.rows:
        if row.why_not:
            console.print(f"- {row.measure}: {row.why_not}", markup=False)
    for note in made.notes:
        console.print(f"- {note}", markup=False)
    if made.figure is not None:
        console.print(f"Figure: {made.figure}", markup=False)


def _shown(key: str, value: object) -> bool:
    """What is said of the data to a person: no tests (the notes say them), nothing empty."""
    return key != "tests" and value not in (None, {}, [])
