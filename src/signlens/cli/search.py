"""The verb `search`: known signs that look alike."""

from __future__ import annotations

from typing import Annotated

import typer

from signlens.cli.shared import (
    AsJson,
    ClipBar,
    MaxFrames,
    MaxPixels,
    MaxSeconds,
    ModelFolder,
    app,
    asked_limits,
    errors_to_exit_codes,
    print_json,
    say,
)


@app.command()
def search(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="A video, a .pose file, or camera:0.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many similar signs to give.")] = 10,
    as_json: AsJson = False,
    max_seconds: MaxSeconds = None,
    max_pixels: MaxPixels = None,
    max_frames: MaxFrames = None,
    model: ModelFolder = None,
) -> None:
    """Find the known clips whose signing looks most like this one's."""
    with errors_to_exit_codes():
        from signlens.recognizer import Recognizer

        limits = asked_limits(max_seconds, max_pixels, max_frames)
        with Recognizer(model, limits=limits) as recognizer, ClipBar(1) as bar:
            found, poses = recognizer.search(clip, k, bar.clip(0, clip))
        if as_json:
            print_json(
                {
                    "clip": {"path": clip, "frames": poses.frames},
                    "reasons": list(poses.reasons),
                    "similar": [
                        {"clip": s.clip, "gloss": s.gloss, "similarity": round(s.similarity, 4)}
                        for s in found
                    ],
                    "model": recognizer.identity,
                }
            )
            return
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("Gloss")
        table.add_column("Cosine", justify="right")
        table.add_column("Clip of the gallery", style="dim")
        for sign in found:
            table.add_row(escape(sign.gloss), f"{sign.similarity:.3f}", escape(sign.clip))
        for reason in poses.reasons:
            say(f"signlens: {clip}: {reason}")
        Console(highlight=False).print(table)
