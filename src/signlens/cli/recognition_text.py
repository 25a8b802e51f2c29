"""An answer for a person, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signlens.cli.shared import NOTES

if TYPE_CHECKING:
    from rich.console import Console

    from signlens.recognition import Recognition


def print_recognition(result: Recognition, *, first: bool, vocabulary: int) -> None:
    """The answer for a person."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    if not first:
        console.print()
        console.rule(style="dim")
    console.print(f"[bold]{escape(result.path)}[/]", soft_wrap=True)
    if result.clip is not None:
        clip = result.clip
        console.print(
            f"[dim]{clip.frames} frames, {clip.fps:.1f} a second, {clip.duration_s:.1f} s, "
            f"{clip.width}x{clip.height}[/]"
        )
    console.print()
    if result.answer is not None:
        console.print(f"[bold]{escape(result.answer.explanation)}[/]")
    for reason in result.reasons:
        console.print(f"[yellow]![/] {escape(reason.text)}")
    if result.orientation is not None:
        for sentence in result.orientation.sentences:
            console.print(escape(sentence))
    console.print()
    console.print(_prediction_table(result))
    _print_expression(console, result)
    _print_markers(console, result)
    if result.similar:
        signs = ", ".join(f"{escape(s.gloss)} {s.similarity:.2f}" for s in result.similar)
        console.print(f"Similar signs (cosine): {signs}")
    if result.pose is not None:
        part = result.pose.coverage
        console.print(
            f"Seen: body {part.body:.0%}, left hand {part.left_hand:.0%}, right hand {part.right_hand:.0%}, "
            f"face {part.face:.0%} of the frames"
        )
    console.print(f"Took {result.timing_ms.get('total', 0) / 1000:.1f} s")
    console.print()
    console.print(f"[dim]The model knows {vocabulary} glosses. {NOTES}[/]")


def _prediction_table(result: Recognition) -> Any:
    from rich.bar import Bar
    from rich.markup import escape
    from rich.table import Table

    from signlens.report.words import percent, signed

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Gloss")
    table.add_column("Probability", justify="right")
    table.add_column("", width=20)
    for name in ("Skeleton", "Emotion", "Similar signs"):
        table.add_column(name, justify="right", style="dim")
    for p in result.predictions:
        table.add_row(
            escape(p.gloss),
            percent(p.probability),
            Bar(1, 0, p.probability, width=20),
            *(signed(v) for v in (p.evidence.skeleton, p.evidence.emotion, p.evidence.retrieval)),
        )
    return table


def _print_expression(console: Console, result: Recognition) -> None:
    from signlens.report.words import percent

    console.print()
    reading = result.emotion
    if reading is None:
        console.print("Expression of the face: none read, no face was seen.")
        return
    ranked = sorted(reading.probabilities.items(), key=lambda item: -item[1])
    text = ", ".join(f"{name} {percent(value)}" for name, value in ranked[:3])
    seen = "points and picture" if reading.pictured > 0.5 else "points alone"
    console.print(
        f"Expression of the face: {text} (a face in {reading.coverage:.0%} of the sampled frames; "
        f"{reading.provider}, {seen})"
    )
    if reading.valence is not None and reading.arousal is not None:
        console.print(f"Valence {reading.valence:+.2f}, arousal {reading.arousal:+.2f} (-1 to 1)")


def _print_markers(console: Console, result: Recognition) -> None:
    from rich.markup import escape

    from signlens.report.words import boost_sentences, intensity_sentence, marker_name

    if result.markers is None:
        console.print(
            "Markers of face and head: " + escape(" ".join(reason.text for reason in result.markers_reasons))
        )
    elif not result.markers:
        console.print("Markers of face and head: none seen")
    else:
        seen = ", ".join(f"{marker_name(m.name)} {m.onset_s:.2f}-{m.offset_s:.2f} s" for m in result.markers)
        console.print(f"Markers of face and head (grammar or affect, these cannot tell): {seen}")
    for sentence in boost_sentences(result):
        console.print(escape(sentence))
    console.print(f"Hands: {intensity_sentence(result.intensity)}")
