"""Tables in Markdown, as the studies' READMEs hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""A table of text.

    >>> print(markdown_table(["marker", "found"], [["brow raise", 4]]))
    | marker | found |
    |---|---|
    | brow raise | 4 |
    """
    lines = (head, *rows)
    made = [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]
    return "\n".join([made[0], "|---" * len(head) + "|", *made[1:]])
