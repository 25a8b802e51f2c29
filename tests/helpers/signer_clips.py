"""Small rendered videos with known truth, for end-to-end tests of any room.

Use the `signer_clip` fixture (tests/conftest.py imports it), or `render_clip_to` directly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from signlens.signer import Truth, render_sign, write_video


@dataclass(frozen=True)
class SignerClip:
    """A rendered video file and its truth."""

    path: Path
    truth: Truth


def render_clip_to(
    folder: Path,
    sign: str = "thank-you",
    *,
    yaw_degrees: float = 0.0,
    expression: str = "neutral",
    identity: str = "maya",
    width: int = 320,
    height: int = 240,
    frames: int | None = 24,
    seed: int = 0,
) -> SignerClip:
    """Render one sign, spread over `frames` frames (None: its natural length at 25 a second)."""
    clip = render_sign(
        sign,
        yaw_degrees=yaw_degrees,
        expression=expression,
        identity=identity,
        width=width,
        height=height,
        frames=frames,
        fps=25.0 if frames is None else 12.0,
        smooth=0,
        seed=seed,
        workers=1,
    )
    path = folder / f"{sign}-{identity}-{yaw_degrees:g}-{expression}-{width}x{height}-{frames}-{seed}.mp4"
    write_video(clip, path, fps=clip.fps, quality=16)
    return SignerClip(path, clip.truth)


@pytest.fixture(scope="session")
def signer_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SignerClip]:
    """A function (arguments of `render_clip_to`) that renders each different clip once a session."""
    pytest.importorskip("numba", reason="the rendered signer needs the extra signer (numba)")
    folder = tmp_path_factory.mktemp("signer")
    made: dict[tuple[object, ...], SignerClip] = {}

    def clip(sign: str = "thank-you", **options: object) -> SignerClip:
        key = (sign, *sorted(options.items()))
        if key not in made:
            made[key] = render_clip_to(folder, sign, **options)  # type: ignore[arg-type]
        return made[key]

    return clip
