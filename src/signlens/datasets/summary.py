"""What is in a dataset folder: counts, signers and their overlap, lengths, hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from signlens.datasets import slr_sentiment, wlasl
from signlens.datasets.folder import SPLITS, ClipRecord, Dataset
from signlens.pose.clip import LEFT_HAND, RIGHT_HAND

LENGTH_EDGES = (1, 16, 32, 48, 64, 80, 96, 128, 160, 240)
"""Where the bins of the length histogram begin, in frames; the last is open."""


def summarise_dataset(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Everything that ``dataset info`` says, as plain JSON values.

    A hand counts as seen in a frame when any of its points has a
    confidence above 0. A clip without a left hand shows none in any frame.

    Args:
        dataset: Of which all poses are read.
        progress: Called with the number of clips read and their total.

    Returns:
        ``name, kind, unit, identity, keypoints, glosses``, ``clips`` (listed and available), ``splits`` and
        ``folds`` (for each: listed, available, glosses, signers), ``published`` (the counts that its
        publication gives, or null), ``signers``, ``signer_overlap``, ``missing``, ``frames``,
        ``length_histogram``, ``hands`` (null without poses), ``provenance``.
    """
    clips = dataset.clips
    rows = dataset.rows()
    lengths = np.array([clips[row].frames for row in rows])
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "identity": dataset.identity,
        "unit": dataset.unit,
        "keypoints": len(dataset.keypoints),
        "glosses": len(dataset.glosses),
        "clips": {"listed": len(clips), "available": len(rows)},
        "splits": {
            split or "none": part
            for split in (*SPLITS, "")
            if (part := _part(c for c in clips if c.split == split))["listed"]
        },
        "folds": {
            str(fold): _part(c for c in clips if c.fold == fold)
            for fold in sorted({c.fold for c in clips} - {-1})
        },
        "published": published_counts(dataset),
        "signers": {
            "known": len({c.signer for c in clips} - {""}),
            "clips_with_known_signer": sum(c.signer != "" for c in clips),
        },
        "signer_overlap": signer_overlap(clips),
        "glosses_without_training_clip": _untrained(clips),
        "missing": {
            "count": len(clips) - len(rows),
            "reasons": dict(Counter(c.reason for c in clips if not c.available).most_common()),
            "clips": [c.name for c in clips if not c.available],
        },
        "frames": _lengths(lengths),
        "length_histogram": length_histogram(lengths),
        "hands": _hands(dataset, progress),
        "provenance": dataset.provenance,
    }


def published_counts(dataset: Dataset) -> dict[str, Any] | None:
    """The split sizes that were published for such a dataset, to be printed beside its own."""
    if dataset.kind == slr_sentiment.KIND:
        return {"where": "Table 1 of the SLR-sentiment paper", "clips": dict(slr_sentiment.PRINTED)}
    if dataset.kind == wlasl.KIND and len(dataset.glosses) in wlasl.OFFICIAL:
        size = len(dataset.glosses)
        return {"where": f"WLASL{size} as released", "clips": dict(wlasl.OFFICIAL[size])}
    return None


def signer_overlap(clips: Iterable[ClipRecord]) -> dict[str, Any]:
    """How many clips of val and test are signed by someone who also trains.

    Returns:
        Split -> ``clips_with_known_signer``, ``signer_trains``, ``share`` (null where no signer is known).
    """
    counted = _counted(clips)
    training = {c.signer for c in counted if c.split == "train"} - {""}
    found = {}
    for split in ("val", "test"):
        known = [c for c in counted if c.split == split and c.signer]
        if any(c.split == split for c in counted):
            trains = sum(c.signer in training for c in known)
            found[split] = {
                "clips_with_known_signer": len(known),
                "signer_trains": trains,
                "share": trains / len(known) if known else None,
            }
    return found


def length_histogram(lengths: Sequence[int] | np.ndarray) -> list[dict[str, Any]]:
    """Clips by their number of frames: ``from``, ``to`` (included; null for the open end), ``clips``."""
    counts, _ = np.histogram(lengths, bins=[*LENGTH_EDGES, np.inf])
    ends = [edge - 1 for edge in LENGTH_EDGES[1:]]
    return [
        {"from": start, "to": end, "clips": int(count)}
        for start, end, count in zip(LENGTH_EDGES, [*ends, None], counts, strict=True)
    ]


def _part(clips: Iterable[ClipRecord]) -> dict[str, int]:
    listed = list(clips)
    return {
        "listed": len(listed),
        "available": sum(c.available for c in listed),
        "glosses": len({c.gloss for c in listed}),
        "signers": len({c.signer for c in listed} - {""}),
    }


def _counted(clips: Iterable[ClipRecord]) -> list[ClipRecord]:
    """The clips with poses where there are such; in a dataset of labels alone, all."""
    listed = list(clips)
    return [c for c in listed if c.available] or listed


def _untrained(clips: Sequence[ClipRecord]) -> int:
    """Glosses of val and test that no available training clip shows; 0 without a training split."""
    counted = _counted(clips)
    trained = {c.gloss for c in counted if c.split == "train"}
    return len({c.gloss for c in counted if c.split in ("val", "test")} - trained) if trained else 0


def _lengths(lengths: np.ndarray) -> dict[str, Any]:
    if not len(lengths):
        return {"total": 0, "shortest": None, "median": None, "mean": None, "longest": None}
    return {
        "total": int(lengths.sum()),
        "shortest": int(lengths.min()),
        "median": float(np.median(lengths)),
        "mean": float(lengths.mean()),
        "longest": int(lengths.max()),
    }


def _hands(dataset: Dataset, progress: Callable[[int, int], None] | None) -> dict[str, Any] | None:
    parts = {
        "left": np.arange(LEFT_HAND.start, LEFT_HAND.stop),
        "right": np.arange(RIGHT_HAND.start, RIGHT_HAND.stop),
    }
    columns = {name: np.flatnonzero(np.isin(dataset.keypoints, index)) for name, index in parts.items()}
    rows = dataset.rows()
    if not len(rows) or not all(len(found) for found in columns.values()):
        return None
    without: Counter[str] = Counter()
    frames: Counter[str] = Counter()
    total = 0
    for done, row in enumerate(rows.tolist()):
        poses = dataset.poses(row)
        seen = {name: (poses[:, index, 3] > 0).any(axis=1) for name, index in columns.items()}
        seen["any"] = seen["left"] | seen["right"]
        for name, flags in seen.items():
            without[name] += not flags.any()
            frames[name] += int(flags.sum())
        total += len(poses)
        if progress is not None:
            progress(done + 1, len(rows))
    return {
        "clips_without": {name: int(without[name]) for name in ("left", "right", "any")},
        "share_of_frames": {name: frames[name] / total for name in ("left", "right", "any")},
    }
