"""The main job over the 96 real WLASL videos: is every one answered, and how?

``python benchmarks/wlasl_videos.py [--shared DIR] [--limit N] [--json]``

Prints the statuses, whether the decoded frames equal those of ``clips.csv``, how much of the signer is
seen, how clips whose gloss the model does not know are answered, and the rank of the gloss where it
does know it. Exits 1 when a clip is rejected, a frame is missing, or the coverage falls below the target.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from signlens.errors import InputRejected, SignLensError
from signlens.recognition import Recognition
from signlens.recognizer import Recognizer

ROOT = Path(__file__).resolve().parents[1]
BODY_TARGET, FACE_TARGET = 0.98, 0.95


def read_clips(folder: Path) -> list[dict[str, str]]:
    """The rows of ``clips.csv``.

    Raises:
        InputRejected: It is not there.
    """
    table = folder / "clips.csv"
    if not table.is_file():
        raise InputRejected(table, "the recordings are not there", "set SIGNLENS_SHARED or give --shared")
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def answer(recognizer: Recognizer, video: Path) -> Recognition:
    """One clip's result, rejected ones included; says on standard error how far it is."""
    result = recognizer.recognize(video, reject="return")
    print(f"{video.name} {result.status}", file=sys.stderr, flush=True)
    return result


def rank_of(result: Recognition, gloss: str) -> int:
    """Place of a gloss among all candidates, from 1."""
    return 1 + [p.gloss for p in result.predictions].index(gloss)


def summarise(
    rows: list[dict[str, str]], results: list[Recognition], glosses: tuple[str, ...]
) -> dict[str, Any]:
    """Everything that is printed, as plain values."""
    answered = [(row, r) for row, r in zip(rows, results, strict=True) if r.clip and r.pose and r.answer]
    known = [(row, r) for row, r in answered if row["gloss"] in glosses]
    unknown = [r for row, r in answered if row["gloss"] not in glosses]
    refused = sum(r.answer is not None and r.answer.kind != "sign" for r in unknown)
    interval = binomtest(refused, len(unknown)).proportion_ci(method="wilson") if unknown else None
    return {
        "clips": len(rows),
        "statuses": dict(Counter(r.status for r in results)),
        "degraded": {
            r.path: [reason.text for reason in r.reasons] for r in results if r.status == "degraded"
        },
        "rejected": {
            r.path: [reason.text for reason in r.reasons] for r in results if r.status == "rejected"
        },
        "wrong_frame_counts": {
            row["video_id"]: [int(row["n_frames"]), r.clip.frames]
            for row, r in answered
            if r.clip and r.clip.frames != int(row["n_frames"])
        },
        "coverage": {
            part: sum(getattr(r.pose.coverage, part) for _, r in answered if r.pose) / max(1, len(answered))
            for part in ("body", "face", "left_hand", "right_hand")
        },
        "unknown_glosses": {
            "clips": len(unknown),
            "answered_unknown_or_no_sign": refused,
            "share": refused / len(unknown) if unknown else None,
            "interval_95": [float(interval.low), float(interval.high)] if interval else None,
            "kinds": dict(Counter(r.answer.kind for r in unknown if r.answer)),
        },
        "known_glosses": [
            {
                "video_id": row["video_id"],
                "gloss": row["gloss"],
                "rank": rank_of(r, row["gloss"]),
                "probability": next(p.probability for p in r.predictions if p.gloss == row["gloss"]),
                "answer": r.answer.gloss or r.answer.kind if r.answer else None,
            }
            for row, r in known
        ],
        "median_total_ms": statistics.median([r.timing_ms["total"] for _, r in answered] or [0.0]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("SIGNLENS_SHARED", ROOT.parent / "shared"))
    parser.add_argument("--shared", type=Path, default=default)
    parser.add_argument("--limit", type=int, help="only the first clips")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = options.shared / "data" / "wlasl-videos"
    if options.shared == default and not folder.is_dir():
        print(f"skipped: the recordings are not at {folder}; set SIGNLENS_SHARED or give --shared")
        return 0
    try:
        rows = read_clips(folder)[: options.limit]
        with Recognizer(options.model, top_k=10_000) as recognizer:
            results = [answer(recognizer, folder / f"{row['video_id']}.mp4") for row in rows]
            glosses = recognizer.model.glosses
            identity = recognizer.identity
    except SignLensError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    found = summarise(rows, results, glosses)
    coverage = found["coverage"]
    good = (
        not found["rejected"]
        and not found["wrong_frame_counts"]
        and coverage["body"] >= BODY_TARGET
        and coverage["face"] >= FACE_TARGET
    )
    if options.json:
        print(json.dumps({**found, "model": identity, "targets_met": good}, indent=2))
        return 0 if good else 1
    print(f"{found['clips']} clips of {folder.name}, model {identity['name']} {identity['version']}")
    print(f"  statuses: {', '.join(f'{count} {status}' for status, count in found['statuses'].items())}")
    for path, reasons in {**found["degraded"], **found["rejected"]}.items():
        print(f"    {Path(path).name}: {' '.join(reasons)}")
    print(
        f"  clips whose decoded frames differ from clips.csv: {len(found['wrong_frame_counts'])} (target 0)"
    )
    for name, (expected, got) in found["wrong_frame_counts"].items():
        print(f"    {name}: {got}, not {expected}")
    print(f"  mean coverage: body {coverage['body']:.3f} (at least {BODY_TARGET}), ", end="")
    print(f"face {coverage['face']:.3f} (at least {FACE_TARGET}), ", end="")
    print(f"left hand {coverage['left_hand']:.3f}, right hand {coverage['right_hand']:.3f}")
    other = found["unknown_glosses"]
    if other["clips"]:
        low, high = other["interval_95"]
        print(
            f"  gloss outside the vocabulary: {other['answered_unknown_or_no_sign']} of {other['clips']} "
            f"answered as unknown or no sign ({other['share']:.1%}, 95 % interval {low:.1%} to {high:.1%})"
        )
    print(f"  gloss in the vocabulary ({len(found['known_glosses'])} clips):")
    for entry in found["known_glosses"]:
        print(
            f"    {entry['gloss']:<10} rank {entry['rank']:>2}, probability {entry['probability']:.3f}, "
            f"answered {entry['answer']}"
        )
    print(f"  median time per clip: {found['median_total_ms']:.0f} ms")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
