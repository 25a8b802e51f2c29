"""Films of people, tilted: does the first answer stay the same?

    signlens extract ../shared/data/wlasl-videos --out poses
    python -m signlens_studies orientation tilted-films --cache FOLDER --control poses [--out films.json]

Every film of ``wlasl-videos`` is written twice, upright and turned clockwise by ffmpeg's own filter, both
encoded anew; what comes into view is black, and what leaves it is cut off, or (``--whole``) the picture grows
to hold it. The real extractor looks at both, and the shipped model answers. A film whose gloss the model does
not know has a first answer too, only a less certain one: whether it stays is asked of all films, and of those
apart whose gloss is in the vocabulary. The control compares the upright film with the film as it is: what
encoding it anew changes by itself.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from signlens.errors import InputRejected
from signlens.evaluation.comparison import mcnemar
from signlens.evaluation.metrics import Interval, wilson
from signlens.files import whole_file
from signlens.orientation.correction import correct
from signlens.pose import HolisticExtractor, PoseClip, read_pose, write_pose
from signlens.recognizer import Recognizer
from signlens.signing.rest import cut_to_signing
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, frames_with_hands, left_dominance, normalise
from signlens.video.decode import TOLERANT_METADATA


@dataclass(frozen=True)
class Film:
    """One film of the set.

    Attributes:
        path: The file.
        gloss: Its gloss in WLASL.
    """

    path: Path
    gloss: str


def films_of(folder: Path) -> list[Film]:
    """The films of a folder in the layout of ``wlasl-videos``, in the order of its table.

    Raises:
        InputRejected: The folder does not hold the set.
    """
    table = folder / "clips.csv"
    if not table.is_file():
        raise InputRejected(table, "there is no such file", "point to the folder of wlasl-videos")
    paths = {path.stem.lstrip("0"): path for path in sorted(folder.rglob("*.mp4"))}
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    missing = [row["video_id"] for row in rows if row["video_id"].lstrip("0") not in paths]
    if missing:
        raise InputRejected(folder, f"film {missing[0]} of its table is missing", "copy the folder again")
    return [Film(paths[row["video_id"].lstrip("0")], row["gloss"]) for row in rows]


def tilt(film: Path, degrees: float, target: Path, whole: bool = False) -> Path:
    """Turn every picture clockwise, with ffmpeg's filter ``rotate``; what comes into view is black.

    Args:
        film: A video.
        degrees: How far; 0 only encodes it anew.
        target: Where to, ``.mp4``.
        whole: Whether the picture grows to hold its corners; else they are cut off, and the size stays.
    """
    import av
    import av.filter

    with (
        av.open(str(film), **TOLERANT_METADATA) as source,
        whole_file(target) as part,
        av.open(str(part), "w", format="mp4") as made,
    ):
        video = source.streams.video[0]
        out: Any = made.add_stream("libx264", rate=video.average_rate or Fraction(25), options={"crf": "16"})
        size = np.array([video.width, video.height])
        if whole:
            cosine, sine = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
            size = np.ceil(size * cosine + size[::-1] * sine + 1).astype(int)
        out.width, out.height = (int(side) // 2 * 2 for side in size)
        out.pix_fmt = "yuv420p"
        graph = av.filter.Graph()
        first = graph.add_buffer(template=video)
        turn = graph.add("rotate", f"{degrees}*PI/180:ow={size[0]}:oh={size[1]}")
        cut = graph.add("crop", f"{out.width}:{out.height}:0:0")
        last = graph.add("buffersink")
        for one, other in ((first, turn), (turn, cut), (cut, last)):
            one.link_to(other)
        graph.configure()
        for frame in source.decode(video):
            graph.push(frame)
            turned: Any = graph.pull()
            turned.pict_type = 0
            made.mux(out.encode(turned))
        made.mux(out.encode())
    return target


def poses_of(film: Film, degrees: float, cache: Path, whole: bool = False) -> PoseClip:
    """The poses of a tilted film; what is in the cache is not extracted again.

    Args:
        film: Which.
        degrees: Clockwise.
        cache: Folder for the poses.
        whole: See `tilt`.

    Raises:
        InputRejected: The film cannot be read or shows no person.
    """
    path = cache / f"{film.path.stem}_{degrees:+g}{'_whole' if whole and degrees else ''}.pose"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        made = tilt(film.path, degrees, path.with_suffix(".mp4"), whole)
        with HolisticExtractor() as extractor:
            write_pose(extractor.extract(made), path)
        made.unlink()
    return read_pose(path)


@dataclass(frozen=True)
class Tilted:
    """One film, upright and tilted.

    Attributes:
        film: File name.
        gloss: In WLASL.
        known: Whether the model has that gloss.
        upright: First answer upright, with correction.
        tilted: First answer tilted, with correction.
        upright_as_filmed: First answer upright, without correction.
        tilted_as_filmed: First answer tilted, without correction.
        probability: Of the first answer upright, 0..1.
        tilt_error: Measured tilt less the signer's own upright and less what was added, degrees.
        hands_lost: Frames in which a hand is found upright but not tilted, as a share of those with a hand.
        lead_change: How much more the left hand leads when tilted (`skeleton.normalise.left_dominance`).
        original: First answer for the film as it is, with correction; empty where that was not asked for.
    """

    film: str
    gloss: str
    known: bool
    upright: str
    tilted: str
    upright_as_filmed: str
    tilted_as_filmed: str
    probability: float
    tilt_error: float
    hands_lost: float
    lead_change: float = 0.0
    original: str = ""


def compare(
    films: Sequence[Film],
    cache: Path,
    degrees: float,
    progress: Callable[[str], None] | None = None,
    control: Path | None = None,
    whole: bool = False,
) -> list[Tilted]:
    """Ask the shipped model about every film, upright and tilted.

    Args:
        films: Which.
        cache: Folder for their poses.
        degrees: Clockwise.
        progress: Called with a line a film.
        control: Folder with the poses of the films as they are, named like them; not asked for when None.
        whole: See `tilt`.

    Raises:
        InputRejected: A film cannot be read or shows no person.
        PartMissing: The model or the extractor is not there.
    """
    made = []
    with Recognizer() as corrected, Recognizer(correct_orientation=False) as as_filmed:
        for film in films:
            poses = [poses_of(film, angle, cache, whole) for angle in (0.0, degrees)]
            answers = [corrected.recognize_poses(clip) for clip in poses]
            others = [as_filmed.recognize_poses(clip).predictions[0].gloss for clip in poses]
            rolls = [
                np.nan if a.orientation is None or a.orientation.roll_degrees is None
                else a.orientation.roll_degrees for a in answers
            ]  # fmt: skip
            original = ""
            if control is not None:
                as_it_is = read_pose(control / f"{film.path.stem}.pose")
                original = corrected.recognize_poses(as_it_is).predictions[0].gloss
            made.append(
                Tilted(
                    film=film.path.name,
                    gloss=film.gloss,
                    known=film.gloss in corrected.model.glosses,
                    upright=answers[0].predictions[0].gloss,
                    tilted=answers[1].predictions[0].gloss,
                    upright_as_filmed=others[0],
                    tilted_as_filmed=others[1],
                    probability=answers[0].predictions[0].probability,
                    tilt_error=float(rolls[1] - rolls[0] - degrees),
                    hands_lost=_hands_lost(*poses),
                    lead_change=_lead(poses[1]) - _lead(poses[0]),
                    original=original,
                )
            )
            if progress is not None:
                progress(f"{film.path.name} {film.gloss}: {made[-1].upright} -> {made[-1].tilted}")
    return made


def _lead(clip: PoseClip) -> float:
    """How much the left hand leads, as the recogniser sees it."""
    cut = cut_to_signing(correct(clip)[0].keypoints[:, WHOLE_BODY_INDEX])
    used = frames_with_hands(cut.points)
    return left_dominance(*normalise(cut.points[used], cut.frame[used]))


def _hands_lost(upright: PoseClip, tilted: PoseClip) -> float:
    from signlens.pose import LEFT_HAND, RIGHT_HAND

    frames = min(upright.frames, tilted.frames)
    before = np.stack([upright.part_visible(part)[:frames] for part in (LEFT_HAND, RIGHT_HAND)])
    after = np.stack([tilted.part_visible(part)[:frames] for part in (LEFT_HAND, RIGHT_HAND)])
    return float((before & ~after).sum() / max(before.sum(), 1))


@dataclass(frozen=True)
class Stability:
    """How many films keep their first answer.

    Attributes:
        films: Number of films.
        same: Share that keeps it, with correction; per cent, Wilson's interval.
        same_as_filmed: The same without correction.
        p_value: McNemar's exact test between the two.
        tilt_error: Median size of the error of the measured tilt, degrees; None where none is measured.
        hands_lost: Mean share of hands that are found upright but not tilted, per cent.
        lead_spread: Standard deviation of how much the left hand leads, over looks at one film.
        same_encoded_anew: Share that keeps it when only encoded anew; None where that was not asked for.
    """

    films: int
    same: Interval
    same_as_filmed: Interval
    p_value: float
    tilt_error: float | None
    hands_lost: float
    lead_spread: float
    same_encoded_anew: Interval | None


def stability(films: Sequence[Tilted]) -> Stability:
    """Count the films whose first answer stays; there must be one at least."""
    kept = np.array([f.upright == f.tilted for f in films])
    plain = np.array([f.upright_as_filmed == f.tilted_as_filmed for f in films])
    errors = np.array([f.tilt_error for f in films])
    known = np.isfinite(errors)
    return Stability(
        films=len(films),
        same=wilson(int(kept.sum()), len(kept)),
        same_as_filmed=wilson(int(plain.sum()), len(plain)),
        p_value=mcnemar(kept, plain).p_value,
        tilt_error=float(np.median(np.abs(errors[known]))) if known.any() else None,
        hands_lost=float(100 * np.mean([f.hands_lost for f in films])),
        # Both looks vary, so their difference has twice the variance of one.
        lead_spread=float(np.std([f.lead_change for f in films]) / np.sqrt(2)),
        same_encoded_anew=(
            wilson(sum(f.original == f.upright for f in films), len(films))
            if all(f.original for f in films)
            else None
        ),
    )


def print_stability(films: Sequence[Tilted], degrees: float) -> dict[str, Any]:
    """Print how many films keep their first answer, by group; the same as plain values."""
    groups = {
        "all films": films,
        "gloss in the vocabulary": [f for f in films if f.known],
        "gloss outside the vocabulary": [f for f in films if not f.known],
        "first answer above 0.5 upright": [f for f in films if f.probability > 0.5],
    }
    print(
        f"| {degrees:+g} degrees | films | same, corrected | as filmed | p | encoded anew | error "
        "| spread of the hands' lead |"
    )
    print("|---|---|---|---|---|---|---|---|")
    summary = {}
    for name, group in groups.items():
        if not group:
            continue
        found = stability(group)
        summary[name] = asdict(found)
        error = "-" if found.tilt_error is None else f"{found.tilt_error:.1f}"
        print(
            f"| {name} | {found.films} | {_share(found.same)} | {_share(found.same_as_filmed)} "
            f"| {found.p_value:.2g} | {_share(found.same_encoded_anew)} | {error} | {found.lead_spread:.2f} |"
        )
    return {"degrees": degrees, "summary": summary, "films": [asdict(film) for film in films]}


def _share(value: Interval | None) -> str:
    return "-" if value is None else f"{value.value:.1f} % ({value.low:.1f} to {value.high:.1f})"
