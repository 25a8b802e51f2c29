"""The verb ``signlens reproduce NAME``: one table or figure of the papers, theirs beside ours.

A subcommand a table, with the options that it needs. What NumPy alone can make needs no extra; what needs
more names the extra to install.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signlens.cli.evaluate import By, Draws, GlossMapName, Seed, print_table, wide_console, with_interval
from signlens.cli.shared import AsJson, print_json
from signlens.errors import UsageError
from signlens_studies.commands.options import REQUIRED, Options, add_command

if TYPE_CHECKING:
    from signlens.evaluation.systems import Settings
    from signlens_studies.reproduction import Reproduction
    from signlens_studies.slr_sentiment.augmentation import Material

app = typer.Typer(
    help="Print one table of the papers from your data: theirs beside ours.", no_args_is_help=True
)


def _path(name: str, text: str) -> Any:
    return Annotated[Path | None, typer.Option(name, help=text)]


def _needed(name: str, text: str) -> Any:
    return Annotated[Path, typer.Option(name, help=text)]


def _text(name: str, text: str) -> Any:
    return Annotated[str | None, typer.Option(name, help=text)]


def _several(kind: Any, name: str, text: str) -> Any:
    return Annotated[list[kind] | None, typer.Option(name, help=f"{text}; once for each.")]


OPTIONS: Options = {
    "dataset": (_needed("--dataset", "Dataset folder."), REQUIRED),
    "dataset_or_scores": (_path("--dataset", "Dataset folder, or scores that hold gloss and split."), None),
    "run": (_needed("--run", "Folder of a run."), REQUIRED),
    "model": (_path("--model", "Folder of a sign model; the shipped one by default."), None),
    "scores": (_path("--scores", "Scores of any system (.npz)."), None),
    "predictions": (_path("--predictions", "Predicted classes alone (.csv: clip, label, pred...)."), None),
    "column": (_text("--column", "Which column of predictions; the last by default."), None),
    "weights": (_text("--weights", "The ensemble of the scores; the paper's by default."), None),
    "emotion": (_path("--emotion", "What the faces show (.csv: clip, neutral .. contempt)."), None),
    "gloss_map": (GlossMapName, None),
    "glosses": (_path("--glosses", "The classes' names, such as WLASL's class list."), None),
    "gloss": (_text("--gloss", "In place of the paper's."), None),
    "fit_on": (_path("--fit-on", "Scores of validation clips to learn on; else cross-fitted."), None),
    "exclude_signer": (_several(str, "--exclude-signer", "Whose clips are left out, on both sides"), None),
    "slope": (Annotated[float, typer.Option("--slope", help="Of the augmentation as printed.")], 1.0),
    "tau": (
        Annotated[float | None, typer.Option("--tau", help="An emotion is shown above this weight.")],
        None,
    ),
    "annotations": (_needed("--annotations", "EmoSign's labels."), REQUIRED),
    "answers": (_needed("--predictions", "What `emosign score` reads."), REQUIRED),
    "raters": (_several(Path, "--raters", "What one annotator said"), None),
    "rule": (_text("--rule", "Which clips are single expressions."), None),
    "drawing": (_path("--out", "Also draw the figure into this file (.svg, .png, .pdf)."), None),
    "folder": (_needed("--out", "Folder of its files."), REQUIRED),
    "by": (By, "clip"),
    "draws": (Draws, 2000),
    "seed": (Seed, 0),
    "as_json": (AsJson, False),
}


def _add(name: str, text: str, named: str, make: Callable[..., Reproduction]) -> None:
    """A table of some of `OPTIONS`; those of the intervals reach `make` as ``settings``."""

    def run(*, as_json: bool, **values: Any) -> None:
        from signlens.evaluation.systems import Settings

        how = {key: values.pop(key) for key in ("by", "draws", "seed", "fit_on") if key in values}
        made = make(**values, **({"settings": Settings(**how)} if how else {}))
        if as_json:
            print_json(made.to_json())
        else:
            _print(made)

    add_command(app, name, text, OPTIONS, f"{named} as_json", run)


# -- recognition, without and with emotion ------------------------------------------------------------


def _table1(dataset: Path) -> Reproduction:
    from signlens_studies.slr_sentiment.recognition_tables import table1

    return table1(dataset)


def _table2(
    scores: Path | None,
    predictions: Path | None,
    weights: str | None,
    column: str | None,
    exclude_signer: list[str] | None,
    settings: Settings,
) -> Reproduction:
    from signlens_studies.slr_sentiment import recognition_tables as tables

    left_out = _once(exclude_signer)
    if (scores is None) == (predictions is None):
        raise UsageError("table2", "needs one of two", "give --scores FILE.npz or --predictions FILE.csv")
    if scores is not None:
        return tables.table2_of_scores(scores, settings, weights=weights, exclude_signers=left_out)
    if weights is not None:
        raise UsageError("--weights", "are for scores, not for predictions", "leave them out")
    assert predictions is not None
    return tables.table2_of_predictions(predictions, settings, column=column, exclude_signers=left_out)


def _once(names: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names or ()))


def _material(
    name: str,
    theirs: str,
    settings: Settings,
    *,
    scores: Path | None,
    emotion: Path | None,
    exclude_signer: list[str] | None,
    **others: Any,
) -> Material:
    from signlens_studies.slr_sentiment.augmentation import open_material

    if scores is None or emotion is None:
        remedy = "give --scores FILE.npz --emotion FILE.csv"
        raise UsageError(name, "needs scores and emotion vectors", remedy)
    left_out = _once(exclude_signer)
    return open_material(scores, emotion, theirs, settings, exclude_signers=left_out, **others)


def _confusion(name: str) -> Callable[..., Reproduction]:
    def make(settings: Settings, tau: float | None, **values: Any) -> Reproduction:
        from signlens_studies.slr_sentiment import confusion_tables as tables

        material = _material(name, "slr-sentiment-31", settings, **values)
        return (tables.table3 if name == "table3" else tables.table4)(material, tau)

    return make


def _with_emotion(name: str) -> Callable[..., Reproduction]:
    def make(
        settings: Settings, slope: float, predictions: Path | None, column: str | None, **values: Any
    ) -> Reproduction:
        from signlens_studies.slr_sentiment import emotion_tables, predicted_tables

        gloss_map, glosses = values["gloss_map"], values["glosses"]
        if predictions is None:
            material = _material(name, "slr-sentiment-29", settings, **values)
            if name == "table5":
                return emotion_tables.table5(material, slope)
            return emotion_tables.table6(material, slope, gloss_map)
        asked: dict[str, Any] = {"column": column, "exclude_signers": _once(values["exclude_signer"])}
        if name == "table5":
            return predicted_tables.table5(predictions, settings, **asked)
        if glosses is None:
            remedy = "give --glosses, such as WLASL's class list"
            raise UsageError(name, "needs the glosses of the predicted classes", remedy)
        return predicted_tables.table6(predictions, glosses, settings, gloss_map=gloss_map, **asked)

    return make


def _fig4(settings: Settings, slope: float, drawing: Path | None, **values: Any) -> Reproduction:
    from signlens_studies.slr_sentiment.emotion_tables import fig4

    return fig4(_material("fig4", "slr-sentiment-29", settings, **values), slope, drawing)


_INTERVALS = "by draws seed"
_FACES = "scores emotion weights gloss_map glosses exclude_signer"
_add("table1", "The dataset: clips per split.", "dataset", _table1)
_add(
    "table2",
    "Recognition without emotion, from scores or from predictions alone.",
    f"scores predictions weights column exclude_signer {_INTERVALS}",
    _table2,
)
for _name, _which in (("table3", "all"), ("table4", "the ten best")):
    _help = f"Whom an augmentation of {_which} classes touches."
    _add(_name, _help, f"{_FACES} tau {_INTERVALS}", _confusion(_name))
for _name, _help in (
    ("table5", "Recognition with and without emotion, same clips; or from predictions alone."),
    ("table6", "The same for the clips of emotional glosses."),
):
    _named = f"predictions column {_FACES} fit_on slope {_INTERVALS}"
    _add(_name, _help, _named, _with_emotion(_name))
_add("fig4", "Top-n accuracy with and without emotion.", f"{_FACES} fit_on slope drawing {_INTERVALS}", _fig4)


# -- fusion networks, faces by gloss ------------------------------------------------------------------


def _fusion(name: str) -> Callable[..., Reproduction]:
    def make(run: Path, settings: Settings) -> Reproduction:
        from signlens_studies.slr_sentiment import fusion_tables as tables

        if name in tables.HEADS:
            return tables.fusion_head_table(name, run, settings)
        return (tables.table14 if name == "table14" else tables.final_fusion)(run, settings)

    return make


def _weights(name: str) -> Callable[..., Reproduction]:
    def make(run: Path, drawing: Path | None) -> Reproduction:
        from signlens_studies.slr_sentiment.fusion_tables import weights_figure

        return weights_figure(name, run, drawing)

    return make


def _by_gloss(name: str) -> Callable[..., Reproduction]:
    def make(
        settings: Settings,
        emotion: Path | None,
        dataset_or_scores: Path | None,
        scores: Path | None,
        gloss: str | None,
    ) -> Reproduction:
        from signlens_studies.slr_sentiment.emotion_by_gloss import gloss_table, labelled_faces

        if emotion is None or (scores is None) == (dataset_or_scores is None):
            what = "needs emotion vectors, and glosses and splits of the clips"
            remedy = "give --emotion FILE, and --dataset DIR or --scores FILE.npz with split and gloss"
            raise UsageError(name, what, remedy)
        faces, described = labelled_faces(emotion, dataset_folder=dataset_or_scores, scores_file=scores)
        return gloss_table(name, faces, described, settings, gloss)

    return make


_NETWORK = "Scores and emotion vector through a network of {}; of a run of fusion-heads.toml."
for _name, _help in (
    ("table7", _NETWORK.format("two hidden layers")),
    ("table8", _NETWORK.format("one hidden layer")),
    ("table9", _NETWORK.format("no hidden layer")),
    ("table14", "Similar signs through a network, by reduction; of a run of final-fusion.toml."),
    ("final-fusion", "Ensemble, expression and similar signs in one, of the same run."),
):
    _add(_name, _help, f"run {_INTERVALS}", _fusion(_name))
for _name in ("fig5", "fig6", "fig7"):
    _help = "Outputs that each emotion raises most, of a run of fusion-heads.toml."
    _add(_name, _help, "run drawing", _weights(_name))
for _name, _which in (("table10", "sad"), ("table11", "happy")):
    _help = f"What faces show with one gloss, by split ({_which})."
    _add(_name, _help, "emotion dataset_or_scores scores gloss draws seed", _by_gloss(_name))


# -- orientation, embedding spaces, SAM-SLR -----------------------------------------------------------


def _orientation(name: str) -> Callable[..., Reproduction]:
    def make(dataset: Path, settings: Settings, model: Path | None, **drawing: Any) -> Reproduction:
        from signlens_studies.orientation import tables

        table: Callable[..., Reproduction] = getattr(tables, name)
        return table(dataset, settings, model, *drawing.values())

    return make


def _fig13(run: Path, folder: Path, settings: Settings) -> Reproduction:
    from signlens_studies.retrieval.embedding_map_page import fig13

    return fig13(run, folder, settings)


def _ablations(run: Path, settings: Settings) -> Reproduction:
    from signlens_studies.sam_slr.ablations import ablations

    return ablations(run, settings.draws, settings.seed)


for _name, _help, _named in (
    ("table12", "2D and 3D correction, of clips that carry an orientation.", ""),
    ("table13", "3D correction by different depth angles.", ""),
    ("fig10", "Top-1 by orientation, with and without 2D correction.", "drawing"),
    ("fig11", "Top-1 by orientation, for different depth angles.", "drawing"),
):
    _add(_name, _help, f"dataset model {_named} draws seed", _orientation(_name))
_add(
    "fig13",
    "UMAP of a run's embedding spaces: a picture, a page and a table.",
    "run folder draws seed",
    _fig13,
)
_add(
    "sam-slr-ablations",
    "SAM-SLR's ablations of the joint stream, of a run of ablations.toml.",
    "run draws seed",
    _ablations,
)


# -- EmoSign ------------------------------------------------------------------------------------------


def _agreement(raters: list[Path] | None, settings: Settings) -> Reproduction:
    from signlens_studies.emosign.tables import table2

    if not raters:
        what = "needs what each annotator said; the released file holds the majority only"
        raise UsageError("emosign-table2", what, "give --raters FILE, once for each")
    return table2(raters, settings)


def _emosign(name: str) -> Callable[..., Reproduction]:
    def make(
        annotations: Path, answers: Path, raters: list[Path] | None, rule: str | None, settings: Settings
    ) -> Reproduction:
        from signlens_studies.emosign import tables

        scored = tables.score_files(annotations, answers, settings, raters=raters or (), rule=rule)
        return (tables.table3 if name == "emosign-table3" else tables.table4)(scored)

    return make


_add("emosign-table2", "EmoSign: agreement of the annotators.", "raters draws seed", _agreement)
for _name, _help in (
    ("emosign-table3", "EmoSign: sentiment in 3 and 7 classes."),
    ("emosign-table4", "EmoSign: the one emotion of clips that show a single one."),
):
    _add(_name, _help, "annotations answers raters rule draws seed", _emosign(_name))


# -- for people ---------------------------------------------------------------------------------------

_DIGITS = {"sum over classes": 4, "clips": 0, "alpha": 3, "share": 4, "nats": 4}
"""Decimals of a unit; of all others 2."""


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
