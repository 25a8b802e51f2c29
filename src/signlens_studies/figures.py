"""What is drawn goes through here: matplotlib, where it is installed, into .svg, .png or .pdf."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from signlens.errors import UsageError
from signlens.files import whole_file
from signlens.optional import require_extra

ENDINGS = (".svg", ".png", ".pdf")


def check_figure(path: Path | None) -> None:
    """Say before anything is computed that a figure cannot be drawn; None is no figure."""
    if path is None:
        return
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(path, "is not the name of a figure", "call it something.svg, .png or .pdf")
    if not path.parent.is_dir():
        raise UsageError(path, "its folder does not exist", "make the folder first")
    new_figure(1, 1)


def new_figure(width: float, height: float) -> Any:
    """An empty figure, sizes in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise require_extra("studies", error.name or "matplotlib") from None
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path, dpi: int = 150) -> None:
    """Write a figure, whole or not at all; the same figure gives the same bytes."""
    kind = path.suffix.lower()
    check_figure(path)
    try:
        with whole_file(path) as part:
            figure.savefig(part, format=kind[1:], dpi=dpi, metadata=_NO_DATE.get(kind))
    except OSError as error:
        raise UsageError(path, f"it cannot be written ({error.strerror})", "name another place") from None


_NO_DATE: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
