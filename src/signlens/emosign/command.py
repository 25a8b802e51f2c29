"""What the verbs under ``signlens emosign`` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from signlens.datasets.tables import listed
from signlens.emosign import agreement, elan
from signlens.emosign.annotations import load_emosign
from signlens.emosign.predictions import read_predictions
from signlens.emosign.ratings import Rating, read_ratings, write_ratings
from signlens.emosign.scoring import score
from signlens.emosign.tasks import DEFAULT_RULE
from signlens.errors import InputRejected, UsageError

MADE_UP = "These data are made up: the figures say that the program runs, and nothing about signing."


def agree_on_ratings(ratings: Path, level: str, draws: int, seed: int) -> dict[str, Any]:
    """Krippendorff's alpha and pairwise kappa of a long file of ratings.

    Args:
        ratings: CSV with ``unit, annotator, value``.
        level: One of `agreement.LEVELS`.
        draws: Resamples of the units.
        seed: Seed of the resamples.

    Raises:
        UsageError: There is no such level.
        InputRejected: The file cannot be read, or its values are not on that level.
    """
    table = agreement.read_long_ratings(ratings)
    alpha = agreement.krippendorff_alpha(table, level, draws=draws, seed=seed)
    weights = "nominal" if level == "nominal" else "quadratic"
    return {
        "file": str(ratings),
        **alpha.as_json(),
        "undefined_because": "" if alpha.as_json()["alpha"] is not None else _why_undefined(alpha),
        "all_units": len(table.units),
        "annotators": list(table.annotators),
        "draws": draws,
        "seed": seed,
        "kappa": agreement.pairwise_kappa(table, weights),
    }


def _why_undefined(alpha: agreement.Alpha) -> str:
    return "no unit has two ratings" if alpha.units == 0 else "every rating is the same"


def agree_on_labels(
    raters: Sequence[Path], levels: Sequence[str], intensity_base: int | None, draws: int, seed: int
) -> dict[str, Any]:
    """Agreement on each of EmoSign's labels, beside the paper's column.

    Raises:
        InputRejected: A file cannot be read.
    """
    found = agreement.label_agreement(read_ratings(raters, intensity_base), levels, draws=draws, seed=seed)
    return {"files": [str(path) for path in raters], "draws": draws, "seed": seed, **found}


def score_file(
    predictions: Path,
    annotations: Path,
    *,
    raters: Sequence[Path] = (),
    rule: str = DEFAULT_RULE,
    intensity_base: int | None = None,
    figures: Path | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a file of predictions: see `signlens.emosign.scoring.score`.

    Args:
        predictions: ``.csv`` or ``.jsonl``.
        annotations: The released CSV file, or the folder that was made of it.
        raters: Files of single annotators, for their rows.
        rule: Which clips are single expressions.
        intensity_base: How "absent" is stored; found out by default.
        figures: Folder for figures.
        draws: Resamples for the intervals.
        seed: Seed of the resamples.

    Raises:
        UsageError: There is no such rule.
        InputRejected: A file cannot be read, or the predictions do not fit the labels.
        PartMissing: Figures are asked for and matplotlib is not installed.
    """
    data = load_emosign(annotations, intensity_base=intensity_base)
    ratings = read_ratings(raters, intensity_base) if raters else []
    answered = read_predictions(predictions)
    found = score(answered, data, rule=rule, ratings=ratings, draws=draws, seed=seed)
    drawn: list[Path] = []
    if figures is not None:
        from signlens_studies.emosign.figures import draw_figures

        drawn = draw_figures(found, data, figures)
    return {"predictions": str(predictions), **found, "figures": [str(path) for path in drawn]}


def to_elan(annotations: Path, out: Path, videos: Path | None) -> dict[str, Any]:
    """Write an ``.eaf`` file for each clip whose video is here; files that exist keep all else.

    Args:
        annotations: The released CSV file, or the folder that was made of it.
        out: Folder of the files; made if missing.
        videos: Folder of the videos.

    Raises:
        InputRejected: The labels cannot be read, or no clip has a video.
        PartMissing: pympi is not installed.
    """
    from signlens.video import open_video

    data = load_emosign(annotations, videos=videos)
    if len(data.missing_videos) == len(data.clips):
        raise InputRejected(
            annotations, "none of its clips has a video, whose length is needed", "give --videos FOLDER"
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
        tiers = elan.tiers_of_clip(clip, max(1, round(duration * 1000)))
        elan.write_elan(path, tiers, into=path if path.exists() else None, video=clip.video)
        written.append(str(path))
    return {"written": written, "missing_videos": list(data.missing_videos), "made_up": data.made_up}


def from_elan(files: Sequence[Path], out: Path, annotator: str | None) -> dict[str, Any]:
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
        rating = elan.rating_of_file(path, annotator or path.resolve().parent.name)
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
