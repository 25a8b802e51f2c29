"""``python -m signlens_studies slr-sentiment``: does emotion help, and drafts of gloss maps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from signlens.cli.shared import AsJson, errors_to_exit_codes, print_json, say
from signlens.errors import UsageError
from signlens.optional import require_extra

app = typer.Typer(help="The sentiment-enhanced SLR paper (its tables: `signlens reproduce`).")


@app.command("emotion-power")
def emotion_power(
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Count the paper's val_predictions.csv again.")
    ] = None,
    glosses: Annotated[
        Path | None, typer.Option("--glosses", help="WLASL's class list, with --predictions.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Draw the figure there (.svg, .png, .pdf).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of simulations and resamples.")] = 0,
    as_json: AsJson = False,
) -> None:
    """How many clips show that emotion helps, and what the paper's clips can show."""
    with errors_to_exit_codes():
        from signlens_studies.slr_sentiment import emotion_power as study

        if predictions is None or glosses is None:
            if predictions is not None or glosses is not None:
                raise UsageError("--predictions", "goes with --glosses", "give both or none")
            inputs = None
        else:
            inputs = study.read_inputs(predictions, glosses)
        found = study.does_it_help(inputs, seed)
        if out is not None:
            study.draw(out)
        if as_json:
            print_json(found.to_json())
        else:
            typer.echo(study.text(found))


@app.command("suggest-gloss-map")
def suggest_gloss_map(
    glosses: Annotated[
        Path, typer.Argument(metavar="GLOSSES", help="One gloss a line, or WLASL's class list.")
    ],
    by: Annotated[
        str, typer.Option("--by", help="The lexicon: nrc, nrc-single, nrc-vader or vader.")
    ] = "nrc-vader",
    against: Annotated[
        str | None, typer.Option("--against", help="A map made by hand: TOML file or shipped map's name.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="The table of all ways, in place of the map.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draft a gloss map from lexicons, on standard output; say how it compares with one made by hand."""
    with errors_to_exit_codes():
        from signlens.datasets.labels import read_gloss_list
        from signlens.emotion.gloss_map import load_gloss_map
        from signlens_studies.slr_sentiment import suggestion as study

        names = read_gloss_list(glosses)
        by_hand = load_gloss_map(against)
        maps = {way: study.suggested(way, names) for way in (study.WAYS if compare else (by,))}
        rows = {way: study.agreement(made, by_hand, names) for way, made in maps.items()}
        if as_json:
            print_json(
                {
                    way: {
                        "glosses": {e: list(of) for e, of in made.glosses.items()},
                        "sha256": made.sha256,
                        "against": by_hand.name,
                        "agreement": [asdict(row) for row in rows[way]],
                    }
                    for way, made in maps.items()
                }
            )
        elif compare:
            typer.echo(study.table(rows))
        else:
            text = f"Suggested for {glosses.name} by {by}.\n{study.TERMS}"
            typer.echo(study.to_toml(maps[by], text), nl=False)
            if against is not None:
                say(f"Beside {by_hand.name}:\n{study.table(rows)}")
        say(study.TERMS)


@app.command("fuse")
def fuse(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment's file.")],
    data: Annotated[Path, typer.Option("--data", help="Whose scores to fuse: a run, or a scores file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of what is learned.")],
) -> None:
    """Train what joins the scores of networks: the paper's fusion networks, and the stack beside them."""
    with errors_to_exit_codes():
        try:
            from signlens_studies.slr_sentiment.fusion import train_fusion
        except ImportError as error:
            raise require_extra("train", error.name or "torch") from None
        train_fusion(experiment, data, out, say)
        typer.echo(f"{out}: signlens reproduce table14 (or table7, final-fusion) --run {out} prints tables")
