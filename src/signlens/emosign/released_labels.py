"""Making a folder of EmoSign's labels, from local files or from the Hugging Face Hub."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from signlens.datasets.tables import listed
from signlens.downloads import fetch_hub_file, is_commit
from signlens.emosign.annotations import (
    EMOTIONS,
    FACTS_FILE,
    FORMAT,
    LABELS_FILE,
    OWN_COLUMNS,
    REASONS,
    RELEASED_COLUMNS,
    EmoSign,
    format_intervals,
    joined,
    load_emosign,
)
from signlens.emosign.ratings import Aggregate, aggregate, read_ratings
from signlens.emosign.tasks import DEFAULT_RULE, partition
from signlens.errors import InputRejected, UsageError
from signlens.files import file_sha256, whole_file

REPOSITORY = "catfang/emosign"
RELEASED_FILE = "emosign_dataset.csv"


def download_labels(
    revision: str,
    folder: Path,
    *,
    sha256: str | None = None,
    repository: str = REPOSITORY,
    endpoint: str | None = None,
) -> Path:
    """Fetch the released file at one commit of its repository.

    Args:
        revision: The full hash of the commit, 40 hexadecimal digits: a branch may change.
        folder: Where the file goes.
        sha256: What the file's SHA-256 must be.
        repository: Owner and name on the Hub.
        endpoint: Another server that speaks the Hub's protocol.

    Raises:
        UsageError: The revision is not a commit's full hash.
        PartMissing, InputRejected: See `signlens.downloads.fetch_hub_file`.
    """
    if not is_commit(revision):
        raise UsageError(
            "--revision", f"{revision!r} is not a commit's full hash", "copy the 40 digits from its history"
        )
    return fetch_hub_file(
        repository, RELEASED_FILE, revision, folder, sha256=sha256, repo_type="dataset", endpoint=endpoint
    )


def import_emosign(
    out: Path,
    labels: Path | None = None,
    *,
    revision: str | None = None,
    sha256: str | None = None,
    endpoint: str | None = None,
    raters: Sequence[Path] = (),
    videos: Path | None = None,
    captions: Path | None = None,
    signers: Path | None = None,
    rule: str | None = None,
    intensity_base: int | None = None,
    skip_bad_rows: bool = False,
) -> dict[str, Any]:
    """Make a folder of EmoSign's labels with everything that belongs to them.

    It holds ``emosign.csv`` (the released columns, intensities as 0..3, and utterance, signer, video,
    caption) and ``emosign.json`` (where they came from, counts, what is missing, and the rule that
    parts single from multiple expressions). Videos are named, not copied.

    Args:
        out: The folder; made if missing.
        labels: A local copy of the released file.
        revision: Fetch the file at this commit instead.
        sha256: What the file's SHA-256 must be.
        endpoint: Another server that speaks the Hub's protocol.
        raters: Files of single annotators. Without `labels` and `revision` the labels are made of
            them; with either, how many labels differ is counted.
        videos: See `load_emosign`.
        captions: See `load_emosign`.
        signers: See `load_emosign`.
        rule: See `signlens.emosign.tasks.partition`.
        intensity_base: See `load_emosign`; it holds for the raters' files as well.
        skip_bad_rows: See `load_emosign`.

    Returns:
        What ``emosign.json`` holds.
    """
    if labels is not None and revision is not None:
        raise UsageError("--revision", "a local file was given as well", "give one of the two")
    if labels is None and revision is None and not raters:
        raise UsageError(
            "emosign", "there is nothing to import", "give the CSV file, --revision, or files with --raters"
        )
    out.mkdir(parents=True, exist_ok=True)
    if revision is not None:
        labels = download_labels(revision, out / "released", sha256=sha256, endpoint=endpoint)
    elif labels is not None and sha256 is not None and labels.is_file():
        own = file_sha256(labels)
        if own != sha256.casefold():
            raise InputRejected(labels, f"has SHA-256 {own}, not {sha256}", "get the file again")
    joins = {"videos": videos, "captions": captions, "signers": signers}
    merged = aggregate(read_ratings(raters, intensity_base)) if raters else None
    if labels is not None:
        data = load_emosign(labels, intensity_base=intensity_base, skip_bad_rows=skip_bad_rows, **joins)
    else:
        assert merged is not None
        data = joined(_of_raters(merged, raters), joins)
    parts = partition(data.clips, rule or DEFAULT_RULE)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "name": "EmoSign",
        "made_up": data.made_up,
        "source": data.source,
        "sha256": data.sha256,
        "repository": REPOSITORY if revision is not None else None,
        "revision": revision,
        "identity": data.identity,
        "intensity_base": data.intensity_base,
        "clips": len(data.clips),
        "signers": data.signers,
        "expressions": parts.as_json(),
        "missing_videos": list(data.missing_videos),
        "missing_captions": list(data.missing_captions),
        "raters": _raters_json(merged, data) if merged is not None else None,
        "notes": list(data.notes),
    }
    _write_labels(out / LABELS_FILE, data)
    with whole_file(out / FACTS_FILE) as path:
        path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return facts


def _of_raters(merged: Aggregate, paths: Sequence[Path]) -> EmoSign:
    if not merged.clips:
        raise InputRejected(paths[0], "leaves no clip with all labels", "did the annotators skip them all?")
    notes = []
    if merged.left_out:
        notes.append(f"left out, since every annotator skipped a label: {listed(merged.left_out)}")
    if merged.undecided:
        notes.append(f"{merged.undecided} labels settled by neither majority nor confidence")
    digest = hashlib.sha256("".join(file_sha256(p) for p in paths).encode()).hexdigest()
    return EmoSign(merged.clips, ", ".join(p.name for p in paths), digest, 0, tuple(notes))


def _raters_json(merged: Aggregate, data: EmoSign) -> dict[str, Any]:
    labels = {clip.video_name: clip for clip in merged.clips}
    differ = compared = 0
    for clip in data.clips:
        other = labels.get(clip.video_name)
        if other is not None:
            pairs = [(clip.sentiment, other.sentiment)]
            pairs += [(clip.emotions[e], other.emotions[e]) for e in EMOTIONS]
            compared += len(pairs)
            differ += sum(a != b for a, b in pairs)
    return {
        "clips": len(merged.clips),
        "left_out": list(merged.left_out),
        "undecided_labels": merged.undecided,
        "labels_compared": compared,
        "labels_that_differ": differ,
    }


def _write_labels(path: Path, data: EmoSign) -> None:
    columns = (*RELEASED_COLUMNS, *OWN_COLUMNS)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for clip in data.clips:
            # More annotators than the file has columns for: the rest goes into the last one.
            cues = [*clip.cues[:2], " ".join(clip.cues[2:])] if len(clip.cues) > 3 else list(clip.cues)
            writer.writerow(
                {
                    "video_name": clip.video_name,
                    "Sentiment": clip.sentiment,
                    **{e: clip.emotions[e] for e in EMOTIONS},
                    **dict(zip(REASONS, cues, strict=False)),
                    "utterance": clip.utterance,
                    "signer": clip.signer,
                    "video": clip.video.resolve() if clip.video else "",
                    "caption": clip.caption or "",
                    "cue_intervals": format_intervals(clip.cue_intervals),
                    "made_up": "yes" if data.made_up else "",
                }
            )
