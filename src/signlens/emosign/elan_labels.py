"""EmoSign's labels as ELAN files: the template for annotators, labels out, ratings in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signlens.datasets.tables import listed, parse_integer
from signlens.emosign.annotations import EmoSign, EmoSignClip
from signlens.emosign.elan import Annotation, read_elan, write_elan
from signlens.emosign.elan_tiers import (
    CONFIDENCE,
    CUE,
    EMOTION_TIERS,
    GRAMMAR,
    NON_MANUAL,
    REASONING,
    SENTIMENT,
    SIGN,
    TIERS,
)
from signlens.emosign.ratings import Rating, write_ratings
from signlens.errors import InputRejected, UsageError


def write_template(path: Path) -> None:
    """Write an annotation template: EmoSign's three tasks, and tiers for grammar beside them.

    Sentiment (-3..3) and the ten emotions (0..3) are picked from lists, for the whole clip;
    confidence is a number of 0..100; CUE takes the moments that carry the emotion, REASONING the
    annotator's words on the whole clip.

    Args:
        path: ``.etf``, which ELAN takes as a template, or ``.eaf``.
    """
    if path.suffix.casefold() not in (".etf", ".eaf"):
        raise UsageError(path, "is neither .etf nor .eaf", "give one of these endings")
    write_elan(path, {name: () for name in TIERS})


def tiers_of_clip(
    clip: EmoSignClip,
    duration_ms: int,
    *,
    signs: Sequence[Annotation] = (),
    markers: Mapping[str, Sequence[Annotation]] | None = None,
) -> dict[str, tuple[Annotation, ...]]:
    """A clip's labels as tiers.

    Args:
        clip: The clip.
        duration_ms: Its length: sentiment and emotions span it.
        signs: Glosses with their times.
        markers: Annotations of `GRAMMAR` and of tiers of `NON_MANUAL`.
    """
    markers = markers or {}
    unknown = [name for name in markers if name not in (GRAMMAR, *NON_MANUAL)]
    if unknown:
        raise UsageError(
            "markers", f"{unknown[0]} is no tier for them", "choose GRAMMAR or one of NON_MANUAL"
        )
    tiers: dict[str, tuple[Annotation, ...]] = {name: () for name in TIERS if name != CONFIDENCE}
    tiers[SIGN] = tuple(signs)
    tiers[SENTIMENT] = (Annotation(0, duration_ms, str(clip.sentiment)),)
    for emotion, name in EMOTION_TIERS.items():
        tiers[name] = (Annotation(0, duration_ms, str(clip.emotions[emotion])),)
    tiers[CUE] = tuple(Annotation(round(b * 1000), round(e * 1000), "") for b, e in clip.cue_intervals)
    if clip.cues:
        tiers[REASONING] = (Annotation(0, duration_ms, "\n".join(clip.cues)),)
    return tiers | {name: tuple(given) for name, given in markers.items()}


def rating_of_file(path: Path, annotator: str, video_name: str | None = None) -> Rating:
    """One annotator's labels out of an annotated file.

    Args:
        path: The .eaf file, made from the template.
        annotator: Who annotated.
        video_name: Which clip; the file's name by default.
    """
    tiers = read_elan(path).tiers

    def label(tier: str, low: int, high: int) -> int | None:
        texts = [a.value.strip() for a in tiers.get(tier, ()) if a.value.strip()]
        if len(texts) > 1:
            raise InputRejected(path, f"tier {tier} has {len(texts)} values", "give one for the whole clip")
        if not texts:
            return None
        value = parse_integer(texts[0])
        if value is None or not low <= value <= high:
            raise InputRejected(
                path, f"tier {tier} says {texts[0]!r}", f"give a whole number of {low}..{high}"
            )
        return value

    sentiment = label(SENTIMENT, -3, 3)
    emotions = {emotion: label(name, 0, 3) for emotion, name in EMOTION_TIERS.items()}
    words = [a.value.strip() for name in (REASONING, CUE) for a in tiers.get(name, ())]
    intervals = tuple((a.start_ms / 1000, a.end_ms / 1000) for a in tiers.get(CUE, ()))
    return Rating(
        video_name or path.stem,
        annotator,
        sentiment,
        emotions,
        label(CONFIDENCE, 0, 100),
        "\n".join(word for word in words if word),
        intervals,
    )


def write_elan_files(data: EmoSign, out: Path) -> dict[str, Any]:
    """Write an ``.eaf`` file for each clip whose video is here; files that exist keep all else.

    The folder is made if missing.
    """
    from signlens.video import open_video

    if len(data.missing_videos) == len(data.clips):
        raise InputRejected(
            data.source, "none of its clips has a video, whose length is needed", "give --videos FOLDER"
        )
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for clip in data.clips:
        if clip.video is None:
            continue
        with open_video(clip.video) as video:
            for _ in video:
                pass
            duration = video.summary.duration_s
        path = out / f"{clip.video_name}.eaf"
        tiers = tiers_of_clip(clip, max(1, round(duration * 1000)))
        write_elan(path, tiers, into=path if path.exists() else None, video=clip.video)
        written.append(str(path))
    return {"written": written, "missing_videos": list(data.missing_videos), "made_up": data.made_up}


def gather_elan_files(files: Sequence[Path], out: Path, annotator: str | None) -> dict[str, Any]:
    """Gather annotated ``.eaf`` files into one file of ratings.

    Args:
        files: Files, or folders of them.
        out: The CSV file to write.
        annotator: Who annotated; by default the name of each file's folder.

    Raises:
        UsageError: There is no .eaf file.
        InputRejected: A file is no ELAN file, has a wrong label, or two say the same of one clip.
        PartMissing: pympi is not installed.
    """
    found = [p for f in files for p in (sorted(f.rglob("*.eaf")) if f.is_dir() else [f])]
    if not found:
        raise UsageError(
            "FILE", f"no .eaf file in {listed([str(f) for f in files])}", "name files or folders"
        )
    ratings: list[Rating] = []
    seen: dict[tuple[str, str], Path] = {}
    for path in found:
        rating = rating_of_file(path, annotator or path.resolve().parent.name)
        key = (rating.video_name, rating.annotator)
        if key in seen:
            raise InputRejected(
                path,
                f"{rating.annotator} has annotated {rating.video_name} already in {seen[key]}",
                "keep each annotator's files in a folder of their name",
            )
        seen[key] = path
        ratings.append(rating)
    write_ratings(out, ratings)
    skipped = [r.video_name for r in ratings if r.sentiment is None and not any(r.emotions.values())]
    return {
        "written": str(out),
        "ratings": len(ratings),
        "annotators": sorted({r.annotator for r in ratings}),
        "without_labels": skipped,
    }
