"""The verb `signer`: a rendered signer with known truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from signlens.cli.progress import ProgressBar
from signlens.cli.shared import AsJson, app, errors_to_exit_codes, print_json
from signlens.errors import UsageError


@app.command()
def signer(
    sign: Annotated[
        str | None, typer.Argument(metavar="SIGN", help="Gloss of a shipped sign, or a sign's .toml file.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Video to write (.mp4, .mkv, .mov).")] = None,
    yaw: Annotated[
        float, typer.Option("--yaw", help="Turn of the body to the signer's left, in degrees.")
    ] = 0.0,
    expression: Annotated[
        str, typer.Option("--expression", help="Expression of the face; several joined by +.")
    ] = "neutral",
    identity: Annotated[str | None, typer.Option("--identity", help="Who signs.")] = None,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT in pixels.")] = "640x480",
    fps: Annotated[float, typer.Option("--fps", help="Frames per second.")] = 25.0,
    seed: Annotated[
        int, typer.Option("--seed", help="0 is the sign as written; others vary it a little.")
    ] = 0,
    grain: Annotated[float, typer.Option("--grain", help="Grain of the camera, 0 to 1.")] = 0.0,
    quality: Annotated[int, typer.Option("--quality", help="Constant rate factor: lower is better.")] = 20,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Also write the joints and parameters (.npz).")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Threads; one a core by default.")] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Show the signs, identities and expressions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Render a sign by a drawn signer: for tests and demonstration, not for learning to sign."""
    with errors_to_exit_codes():
        from signlens.signer import DEFAULT_IDENTITY, render_sign
        from signlens.signer.film import NOTE, check_video_path, film_sign

        if listing:
            found = _listing()
            if as_json:
                print_json(found)
                return
            for title in ("signs", "identities"):
                typer.echo(f"{title.capitalize()}:")
                for name, about in found[title].items():
                    typer.echo(f"  {name:<14} {about}")
            typer.echo(f"Expressions: {', '.join(found['expressions'])}\n{found['note']}")
            return
        if sign is None or out is None:
            lacking = "SIGN" if sign is None else "--out"
            raise UsageError(lacking, "is not given", "signlens signer SIGN --out clip.mp4 (or --list)")
        width, height = _parse_size(size)
        check_video_path(out)
        with ProgressBar() as bar:
            clip = render_sign(
                sign,
                yaw_degrees=yaw,
                expression=expression,
                identity=identity or DEFAULT_IDENTITY,
                width=width,
                height=height,
                fps=fps,
                seed=seed,
                grain=grain,
                workers=workers,
                progress=lambda done, total: bar(done, total, sign),
            )
            made = film_sign(clip, out, quality=quality, truth=truth)
        if as_json:
            print_json(made)
        else:
            typer.echo(
                f"{made['out']}: {made['sign']} by {made['identity']}, {made['frames']} frames, "
                f"{made['duration_s']:.1f} s, {made['width']}x{made['height']}"
            )
            typer.echo(NOTE)


def _parse_size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    if match is None:
        raise UsageError(f"size {text!r}", "is no size", "write WIDTHxHEIGHT, for example 640x480")
    return int(match[1]), int(match[2])


def _listing() -> dict[str, Any]:
    from signlens.signer import EXPRESSIONS, load_identities, load_signs
    from signlens.signer.film import NOTE

    return {
        "signs": {gloss: sign.about for gloss, sign in load_signs().items()},
        "identities": {name: identity.about for name, identity in load_identities().items()},
        "expressions": list(EXPRESSIONS),
        "note": NOTE,
    }
