"""Learning curves as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from signlens.files import whole_file

if TYPE_CHECKING:
    from signlens.training.loop import Epoch


def draw_curve(history: Sequence[Epoch], title: str, path: Path) -> bool:
    """Loss and accuracy over the epochs, as PNG.

    Args:
        history: The curve.
        title: Of the picture.
        path: The file.

    Returns:
        Whether it was drawn; without matplotlib (the [plots] extra) or without an epoch it is not.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    if not history:
        return False
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    loss, accuracy = figure.subplots(1, 2)
    at = [e.epoch + 1 for e in history]
    for axes, name, train, validation in (
        (loss, "loss", [e.loss for e in history], [e.validation_loss for e in history]),
        (accuracy, "top-1", [e.accuracy for e in history], [e.validation_accuracy for e in history]),
    ):
        axes.plot(at, train, label="training (varied clips)")
        if validation[0] is not None:
            axes.plot(at, validation, label="validation")
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.legend(frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, dpi=100, format="png")
    return True
