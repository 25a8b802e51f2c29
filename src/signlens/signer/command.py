"""The command ``signlens signer``: what it does, apart from reading the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from signlens.errors import UsageError
from signlens.signer.face import EXPRESSIONS
from signlens.signer.film import check_video_path, write_video
from signlens.signer.identity import load_identities
from signlens.signer.notation import load_signs
from signlens.signer.render import DEFAULT_IDENTITY, render_sign

NOTE = (
    "Rendered signs are for tests and demonstration; they teach no one to sign. "
    "Deaf signers are the authority on their language."
)


def parse_size(text: str) -> tuple[int, int]:
    """Read ``640x480``.

    Raises:
        UsageError: It is not two numbers with an x between them.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    if match is None:
        raise UsageError(f"size {text!r}", "is no size", "write WIDTHxHEIGHT, for example 640x480")
    return int(match[1]), int(match[2])


def listing() -> dict[str, Any]:
    """What ``--list`` shows: signs, identities (name -> one line each) and expressions."""
    return {
        "signs": {gloss: sign.about for gloss, sign in load_signs().items()},
        "identities": {name: identity.about for name, identity in load_identities().items()},
        "expressions": list(EXPRESSIONS),
        "note": NOTE,
    }


def render_clip(
    sign: str,
    out: str | Path,
    *,
    yaw_degrees: float = 0.0,
    expression: str = "neutral",
    identity: str = DEFAULT_IDENTITY,
    size: str = "640x480",
    fps: float = 25.0,
    seed: int = 0,
    grain: float = 0.0,
    quality: int = 20,
    truth: str | Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Render one sign to a video, and its truth beside it where asked.

    Args:
        sign: Gloss of a shipped sign, or the path of a sign's ``.toml`` file.
        out: Video to write (``.mp4``, ``.mkv`` or ``.mov``).
        yaw_degrees: Turn of the body to the signer's left.
        expression: A name of `EXPRESSIONS`, or several joined by ``+``.
        identity: Who signs.
        size: ``WIDTHxHEIGHT``.
        fps: Frames per second.
        seed: 0 is the sign as written; others vary it a little.
        grain: Grain of the camera, 0..1.
        quality: Constant rate factor of the video: lower is better and larger.
        truth: ``.npz`` to write, or None.
        workers: Threads; None for one a core.
        progress: Called with (frames done, frames in all).

    Returns:
        A plain summary: out, truth, sign, identity, expression, yaw_degrees, frames, fps, width,
        height, duration_s.

    Raises:
        UsageError: An unknown name or a value out of range.
        InputRejected: A file cannot be read or written.
        PartMissing: numba is not installed.
    """
    width, height = parse_size(size)
    check_video_path(out)
    clip = render_sign(
        sign,
        yaw_degrees=yaw_degrees,
        expression=expression,
        identity=identity,
        width=width,
        height=height,
        fps=fps,
        seed=seed,
        grain=grain,
        workers=workers,
        progress=progress,
    )
    if truth is not None:
        clip.truth.save(truth)
    comment = f"signlens signer: {clip.sign}, {clip.identity}, {expression}, yaw {yaw_degrees:g}. {NOTE}"
    frames = write_video(clip, out, fps=fps, quality=quality, comment=comment)
    return {
        "out": str(out),
        "truth": None if truth is None else str(truth),
        "sign": clip.sign,
        "identity": clip.identity,
        "expression": expression,
        "yaw_degrees": yaw_degrees,
        "frames": frames,
        "fps": fps,
        "width": width // 2 * 2,
        "height": height // 2 * 2,
        "duration_s": round(frames / fps, 3),
    }


__all__ = ["NOTE", "listing", "parse_size", "render_clip"]
