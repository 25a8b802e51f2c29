"""``python -m signlens_studies retrieval``: how well similar signs find a sign again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signlens.cli.evaluate import Draws, Seed
from signlens.cli.progress import ProgressBar
from signlens.cli.shared import AsJson, errors_to_exit_codes, print_json
from signlens.errors import UsageError

app = typer.Typer(help="Similar signs: recall by space (maps of the spaces: `signlens reproduce fig13`).")


@app.command("search")
def search(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="Folder of a run that trained the starter's tasks.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Scores as embeddings, in place of a run (.npz).")
    ] = None,
    beside: Annotated[Path | None, typer.Option("--beside", help="Another run, measured beside RUN.")] = None,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Recall of similar signs, beside raw keypoints and time warping; of a run, or of scores."""
    with errors_to_exit_codes():
        if (run is None) == (scores is None):
            raise UsageError("retrieval search", "needs one of two", "give RUN, or --scores FILE.npz")
        if scores is not None and beside is not None:
            raise UsageError("--beside", "is for a run", "give RUN")
        from signlens_studies.retrieval import search_study as study
        from signlens_studies.retrieval.search_tables import markdown

        with ProgressBar() as bar:
            if run is not None:
                found = study.study_run(run, beside, draws=draws, seed=seed, tell=bar.named)
            else:
                assert scores is not None
                found = study.study_scores(scores, draws=draws, seed=seed, tell=bar.named)
        if as_json:
            print_json(found.to_json())
        else:
            typer.echo(markdown(found))
