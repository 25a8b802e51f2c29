"""The drawings of README.md beside it: the frames of the 2D and 3D correction, and accuracy against angle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from signlens_studies.figures import new_figure, save_figure

INK, QUIET, BODY, OTHER = "#1c2026", "#8a8f99", "#1d5bb5", "#b5541d"

# A figure as the camera sees it: x to the right, y down, z away; shoulder widths from their middle.
POINTS = {
    "nose": (0, -0.7, -0.38),
    "left": (0.5, 0, 0),
    "right": (-0.5, 0, 0),
    "left elbow": (0.62, 0.8, 0.05),
    "right elbow": (-0.62, 0.8, 0.05),
    "left wrist": (0.35, 0.45, -0.55),
    "right wrist": (-0.3, 0.3, -0.6),
}
LIMBS = (
    ("nose", "left"), ("nose", "right"), ("left", "right"), ("left", "left elbow"),
    ("right", "right elbow"), ("left elbow", "left wrist"), ("right elbow", "right wrist"),
)  # fmt: skip


def turned(yaw: float, roll: float) -> dict[str, np.ndarray]:
    """The figure turned to its own left, the picture tilted; degrees."""
    b, a = np.radians([yaw, roll])
    about_y = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return {name: about_z @ about_y @ np.array(p) for name, p in POINTS.items()}


def figure(axes: Any, points: dict[str, np.ndarray], across: int, down: int, colour: str) -> None:
    """The skeleton in two of its coordinates."""
    for one, other in LIMBS:
        a, b = points[one], points[other]
        axes.plot([a[across], b[across]], [a[down], b[down]], color=colour, lw=2.2, solid_capstyle="round")
    axes.plot(*points["nose"][[across, down]], "o", color=colour, ms=7)


def arrow(axes: Any, start: Any, end: Any, colour: str, text: str, style: str = "-") -> None:
    """An axis of a frame."""
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.4, "linestyle": style}
    )
    way = np.subtract(end, start)
    axes.text(
        *(np.array(end) + 0.09 * way / np.linalg.norm(way)), text, color=colour, ha="center", va="center"
    )


def arc(axes: Any, first: float, last: float, radius: float, text: str) -> None:
    """An angle between two directions (degrees, from +x towards +down)."""
    at = np.radians(np.linspace(first, last, 30))
    axes.plot(radius * np.cos(at), radius * np.sin(at), color=OTHER, lw=1.4)
    middle = np.radians((first + last) / 2)
    axes.text(1.13 * radius * np.cos(middle), 1.13 * radius * np.sin(middle), text, color=OTHER, va="center")


def draw_frames(path: Path) -> None:
    """Camera's frame and shoulders' frame: tilt seen from the front, turn seen from above."""
    drawing = new_figure(9, 4.2)
    left, right = drawing.subplots(1, 2)
    roll, yaw = 20.0, 35.0
    figure(left, turned(0, roll), 0, 1, BODY)
    a = np.radians(roll)
    arrow(left, (0, 0), (1.25, 0), QUIET, "x camera", "--")
    arrow(left, (0, 0), (0, 1.15), QUIET, "y camera", "--")
    arrow(left, (0, 0), (1.25 * np.cos(a), 1.25 * np.sin(a)), INK, "x shoulders")
    arrow(left, (0, 0), (-1.15 * np.sin(a), 1.15 * np.cos(a)), INK, "y shoulders")
    arc(left, 0, roll, 0.85, "α")
    left.set_title("From the front: level by turning the picture by -α", fontsize=10, color=INK)
    seen = turned(yaw, 0)
    figure(right, seen, 0, 2, BODY)
    b = np.radians(yaw)
    arrow(right, (0, 0), (1.25, 0), QUIET, "x camera", "--")
    arrow(right, (0, 0), (0, 1.15), QUIET, "z camera", "--")
    arrow(right, (0, 0), (1.25 * np.cos(b), 1.25 * np.sin(b)), INK, "x shoulders")
    arc(right, 0, yaw, 0.85, "β")
    right.plot(0, -1.25, marker="v", color=INK, ms=11)
    right.text(0.12, -1.25, "camera", color=INK, va="center")
    right.set_title("From above: turn by β about the vertical", fontsize=10, color=INK)
    for axes, low, high in ((left, -1.2, 1.5), (right, -1.45, 1.45)):
        axes.plot(0, 0, "o", color=OTHER, ms=5)
        axes.text(-0.1, 0.1, "C", color=OTHER, ha="right")
        axes.set_xlim(-1.6, 2.1)
        axes.set_ylim((high, low) if axes is left else (low, high))
        axes.set_aspect("equal")
        axes.axis("off")
    save_figure(drawing, path)


def draw_curves(path: Path, results: dict[str, Any]) -> None:
    """Accuracy against the virtual camera's yaw."""
    shown = {
        "no correction": QUIET,
        "3D, lift": "#a8842c",
        "3D, landmark depth alone": OTHER,
        "3D, all cues": BODY,
        "3D, true depth": INK,
    }
    drawing = new_figure(7.5, 3.8)
    axes = drawing.subplots()
    for name, colour in shown.items():
        points = sorted(
            (row["yaw"], row["top1"])
            for row in results["accuracy"]
            if row["method"] == name and row["roll"] == 0
        )
        if points:
            style = ":" if name == "3D, true depth" else "-"
            axes.plot(*zip(*points, strict=True), style, marker="o", ms=4, color=colour, label=name)
    axes.set_xlabel("yaw of the virtual camera, degrees (positive: to the signer's left)")
    axes.set_ylabel("top-1, per cent")
    axes.set_title(f"{results['clips']} clips, {results['networks']}", fontsize=9)
    axes.set_xticks(range(-60, 61, 15))
    axes.grid(color="#e8e5de")
    axes.legend(fontsize=8, frameon=False, loc="lower center")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    save_figure(drawing, path)
