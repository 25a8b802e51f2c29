"""``python -m signlens_studies expression``: train the expression head and DAN."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signlens.cli.shared import errors_to_exit_codes, print_json, say
from signlens.errors import UsageError

app = typer.Typer(help="Networks that read a face: the shipped expression head, and DAN.")

Experiment = Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="Experiment file.")]
Crops = Annotated[Path, typer.Option("--data", help="Folder of the CK+ crops.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the weights and report.json.")]


@app.command("head")
def head(
    experiment: Experiment,
    data: Crops,
    videos: Annotated[Path, typer.Option("--videos", help="Folder of the WLASL videos with clips.csv.")],
    cache: Annotated[Path, typer.Option("--cache", help="Folder outside the repository for face points.")],
    out: Out,
) -> None:
    """Train and validate the default expression head."""
    with errors_to_exit_codes():
        from signlens_studies.expression.head import run

        run(experiment, data, videos, cache, out, say)


@app.command("dan")
def dan(experiment: Experiment, data: Crops, out: Out) -> None:
    """Train DAN on CK+ and test it on people it has not seen."""
    with errors_to_exit_codes():
        from signlens_studies.expression.dan import run

        print_json(run(experiment, data, out, say))


@app.command("convert-dan")
def convert_dan(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A checkpoint of DAN's authors (.pth).")
    ],
    destination: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The converted weights.")],
) -> None:
    """Write the weights of a published checkpoint in a format that can hold no code."""
    with errors_to_exit_codes():
        from signlens_studies.expression.dan import convert_checkpoint

        try:
            digest = convert_checkpoint(checkpoint, destination)
        except OSError as error:
            why = f"it cannot be written ({error.strerror})"
            raise UsageError(destination, why, "name another place") from None
        typer.echo(f"{destination}: SHA-256 {digest}")


@app.command("fetch-emotiefflib")
def fetch_emotiefflib(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name.")] = "enet_b0_8_best_vgaf",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where to keep it; by default in the user's cache.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Fetch it; without, only its terms are shown.")
    ] = False,
) -> None:
    """Fetch a model of EmotiEffLib for the emotion provider of that name."""
    with errors_to_exit_codes():
        from signlens.emotion.emotiefflib import LICENCE, MODELS, fetch_model, pinned_model

        say(LICENCE)
        pin = pinned_model(model, MODELS)
        if not accept_licence:
            raise UsageError(pin.url, "not fetched", "add --accept-licence to fetch it")
        typer.echo(str(fetch_model(model, folder)))


Data = Annotated[Path, typer.Option("--data", help="Folder of ferplus, ckplus48, wlasl-videos, peers-face.")]
Cache = Annotated[Path, typer.Option("--cache", help="Folder outside the repository for faces found.")]
Run = Annotated[Path, typer.Option("--out", help="Folder of the run; it goes on where it was stopped.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Cores to use.")]


@app.command("train-network")
def train_network(experiment: Experiment, data: Data, cache: Cache, out: Run, threads: Threads = 1) -> None:
    """Train the expression network on FER+, CK+ and signers at rest, and export it."""
    with errors_to_exit_codes():
        from signlens_studies.expression.network_run import train_network as run

        print_json(run(experiment, data, cache, out, say, threads))


@app.command("network-table")
def network_table(
    experiment: Experiment,
    data: Data,
    cache: Cache,
    out: Run,
    threads: Threads = 1,
    split: Annotated[str, typer.Option("--split", help="Part of FER+: valid or test.")] = "test",
) -> None:
    """Test the expression network beside its peers, on pictures and people it has not learned from."""
    with errors_to_exit_codes():
        from signlens_studies.expression.network_run import network_table as run
        from signlens_studies.expression.network_run import table_lines

        for line in table_lines(run(experiment, data, cache, out, say, threads, split)):
            typer.echo(line)
