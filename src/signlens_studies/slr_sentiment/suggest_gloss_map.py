"""Suggest a gloss map for a vocabulary, and say how it compares with one made by hand.

    python -m signlens_studies.slr_sentiment.suggest_gloss_map GLOSSES.txt > mine.toml
    python -m signlens_studies.slr_sentiment.suggest_gloss_map GLOSSES.txt --against slr-sentiment-27
    --compare

GLOSSES holds one gloss a line, or is WLASL's class list. The map goes to standard output, what is said of it
to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from signlens.datasets.labels import read_gloss_list
from signlens.emotion.gloss_map import GlossMap, load_gloss_map
from signlens.errors import SignLensError, UsageError
from signlens_studies.slr_sentiment.suggestion import (
    STRONG,
    Agreement,
    agreement,
    nrc_emotions,
    suggest,
    to_toml,
    vader_valences,
)

WAYS = {
    "nrc": "every word with an emotion in the NRC lexicon",
    "nrc-single": "words with one emotion there, and no other",
    "nrc-vader": f"words whose valence in VADER is {STRONG:g} or more, with the emotion of the NRC lexicon",
    "vader": f"VADER alone: words of a valence of {STRONG:g} or more are happy; no other emotion",
}
TERMS = (
    "A draft by the meaning of English words: read it and cut it with people who know the signs.\n"
    "The NRC lexicon (Mohammad and Turney 2013) is for research only; commercial use takes a licence."
)


def suggested(way: str, glosses: Sequence[str]) -> GlossMap:
    """The draft that one of `WAYS` gives.

    Raises:
        UsageError: There is no such way, or no gloss of the vocabulary is in the lexicon.
        PartMissing: A lexicon is not installed.
    """
    if way not in WAYS:
        raise UsageError("--by", f"there is no way {way}", f"give one of {', '.join(WAYS)}")
    made = suggest(
        glosses,
        None if way == "vader" else nrc_emotions(),
        vader_valences() if way.endswith("vader") else None,
        single=way == "nrc-single",
        name=f"suggested-{way}",
    )
    if not made.glosses:
        raise UsageError(
            "--by", f"{way} knows none of the {len(glosses)} glosses", "they must be English words"
        )
    return made


def table(rows: dict[str, tuple[Agreement, ...]]) -> str:
    """Precision and recall of each way, in Markdown."""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.0f} %"

    lines = [
        "| way | emotion | suggested | by hand | both | precision | recall |",
        "|---|---|---|---|---|---|---|",
    ]
    for way, of in rows.items():
        lines += [
            f"| {way} | {r.emotion} | {r.suggested} | {r.by_hand} | {r.both} | {share(r.precision)} | "
            f"{share(r.recall)} |"
            for r in of
        ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m signlens_studies.slr_sentiment.suggest_gloss_map",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("glosses", type=Path, help="the vocabulary, one gloss a line")
    ways = "; ".join(f"{name}: {text}" for name, text in WAYS.items())
    parser.add_argument("--by", default="nrc-vader", help=f"{ways} (nrc-vader)")
    parser.add_argument("--against", help="a map made by hand: a TOML file or a shipped map's name")
    parser.add_argument("--compare", action="store_true", help="the table of all ways, in place of the map")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    asked = parser.parse_args(arguments)
    try:
        glosses = read_gloss_list(asked.glosses)
        by_hand = load_gloss_map(asked.against)
        maps = {way: suggested(way, glosses) for way in (WAYS if asked.compare else (asked.by,))}
    except SignLensError as error:
        print(f"signlens: {error}", file=sys.stderr)
        return error.exit_code
    rows = {way: agreement(made, by_hand, glosses) for way, made in maps.items()}
    if asked.json:
        document = {
            way: {
                "glosses": {e: list(names) for e, names in made.glosses.items()},
                "sha256": made.sha256,
                "against": by_hand.name,
                "agreement": [asdict(row) for row in rows[way]],
            }
            for way, made in maps.items()
        }
        print(json.dumps(document, indent=2))
    elif asked.compare:
        print(table(rows))
    else:
        print(to_toml(maps[asked.by], f"Suggested for {asked.glosses.name} by {asked.by}.\n{TERMS}"), end="")
    if not asked.json and not asked.compare and asked.against is not None:
        print(f"Beside {by_hand.name}:\n{table(rows)}", file=sys.stderr)
    print(TERMS, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
