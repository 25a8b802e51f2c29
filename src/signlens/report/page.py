"""The pages: one self-contained HTML file per clip, and an index of several."""

from __future__ import annotations

import base64
import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

import signlens
from signlens.answer import Prediction
from signlens.emotion.explain import HeldBack
from signlens.emotion.expressions import EMOTIONS, EmotionReading
from signlens.errors import SignLensError
from signlens.pose.clip import PoseClip
from signlens.recognition import Recognition
from signlens.report import words
from signlens.report.drawing import (
    DRAWN_PARTS,
    FIXED_POINT,
    HEAD_POINTS,
    WHOLE_BODY_LIMBS,
    Points,
    Square,
    drawn_points,
    pack_keypoints,
    still,
)
from signlens.report.frames import EncodedFrame, FrameStrip, PictureLimits
from signlens.report.rendering import render, write_page
from signlens.retrieval.gallery import SimilarSign
from signlens.signing.markers import Marker
from signlens.video import VideoLimits, open_video

TOP = 5
MOST_SIMILAR = 10
TILE_SIZE = 160
SKELETON_FPS = 25
MOST_MOMENTS = 600
MOST_MARKERS = 20
CHART_WIDTH = 1000
CHART_HEIGHT = 100


@dataclass(frozen=True)
class _Strip:
    """What the player shows: the moments of the clip that the page carries."""

    indices: list[int]
    times: list[float]
    pictures: tuple[EncodedFrame, ...]
    width: int
    height: int
    total: int


def write_report(
    recognition: Recognition,
    destination: Path,
    *,
    pose: PoseClip | None = None,
    frames: str | Path | Iterable[EncodedFrame] | None = None,
    skeletons: Mapping[str, Points] | None = None,
    provenance: Mapping[str, Any] | None = None,
    limits: PictureLimits | None = None,
    video_limits: VideoLimits | None = None,
) -> Path:
    """Write one clip's page: a single HTML file that needs no network and nothing beside it.

    Args:
        recognition: What is said of the clip, rejected clips included.
        destination: The file to write; folders on the way are made. Replaced in one step.
        pose: The clip's poses, drawn over its frames.
        frames: The video file to take pictures from, or pictures already made by
            `signlens.report.FrameStrip` (the way for a camera, which cannot be read twice); None
            shows the poses alone. A video that can no longer be read costs the pictures, not the
            page: the page says why.
        skeletons: Name -> (T, 49, 2) of those similar clips whose signing is known, see
            `signlens.retrieval.building.signing_skeleton`; they are animated, the others listed.
        provenance: More facts to print under "Provenance", as plain JSON values.
        limits: How many pictures and how large.
        video_limits: The caps under which the clip was read, where they were not the usual ones.

    Returns:
        ``destination``. The same input gives the same bytes.

    Raises:
        UsageError: The page cannot be written there.
    """
    pictures, picture_problem = _pictures(frames, recognition, pose, limits or PictureLimits(), video_limits)
    strip = _strip(recognition, pose, pictures)
    similar = [_tile(sign, (skeletons or {}).get(sign.clip)) for sign in recognition.similar[:MOST_SIMILAR]]
    duration = _duration(recognition, strip)
    kicker, headline = words.headline(recognition)
    html = render(
        "page.html.jinja",
        title=words.file_name(recognition.path),
        path=recognition.path,
        recognition=recognition,
        kicker=kicker,
        headline=headline,
        is_gloss=recognition.answer is not None and recognition.answer.kind == "sign",
        status_word=words.STATUS_WORDS[recognition.status],
        top=[_candidate(p, _held_back(recognition, p.gloss)) for p in recognition.predictions[:TOP]],
        boost=words.boost_sentences(recognition),
        markers=_markers(recognition.markers, duration),
        markers_reasons=recognition.markers_reasons,
        expression=words.expression_sentence(recognition.emotion),
        emotion=_emotion(recognition.emotion, duration),
        duration=duration,
        similar=similar,
        strip=strip,
        picture_problem=picture_problem,
        first_picture=_data_uri(strip.pictures[0]) if strip is not None and strip.pictures else None,
        first_skeleton=_first_skeleton(strip, pose),
        has_pose=pose is not None,
        coverage=_coverage(recognition),
        quality=[
            ("Clip", _facts(recognition)),
            ("Hands", _hands(recognition)),
            ("Time taken", [(name, f"{value:,.0f} ms") for name, value in recognition.timing_ms.items()]),
        ],
        provenance=_provenance(recognition, pose, provenance),
        data=_data(strip, pose, similar, duration),
    )
    return write_page(destination, html)


def _pictures(
    frames: str | Path | Iterable[EncodedFrame] | None,
    recognition: Recognition,
    pose: PoseClip | None,
    limits: PictureLimits,
    video_limits: VideoLimits | None,
) -> tuple[tuple[EncodedFrame, ...], str | None]:
    """The page's pictures, and why there are none where that was not the caller's wish."""
    if frames is None or recognition.status == "rejected":
        return (), None
    if not isinstance(frames, str | Path):
        return tuple(frames), None
    expected = recognition.clip.frames if recognition.clip is not None else None
    if expected is None and pose is not None:
        expected = pose.frames
    strip = FrameStrip(limits, expected_frames=expected)
    try:
        with open_video(Path(frames), video_limits, limits.max_side) as video:
            for frame in video:
                strip.add(frame)
    except SignLensError as error:
        return strip.frames, str(error)
    return strip.frames, None


def _strip(
    recognition: Recognition, pose: PoseClip | None, pictures: tuple[EncodedFrame, ...]
) -> _Strip | None:
    if recognition.status == "rejected":
        return None
    if pictures:
        total = recognition.clip.frames if recognition.clip is not None else pictures[-1].index + 1
        return _Strip(
            indices=[picture.index for picture in pictures],
            times=[picture.t_s for picture in pictures],
            pictures=pictures,
            width=pictures[0].width,
            height=pictures[0].height,
            total=max(total, pictures[-1].index + 1),
        )
    if pose is None:
        return None
    limits = PictureLimits()
    step = math.ceil(pose.frames / limits.max_frames)
    scale = limits.max_side / max(1, pose.width, pose.height)
    indices = list(range(0, pose.frames, step))
    return _Strip(
        indices=indices,
        times=[float(pose.times[i]) for i in indices],
        pictures=(),
        width=max(1, round(pose.width * scale)),
        height=max(1, round(pose.height * scale)),
        total=pose.frames,
    )


def _pose_indices(strip: _Strip, pose: PoseClip) -> list[int]:
    """For each shown moment, the frame of the poses that belongs to it."""
    if pose.frames >= strip.total:
        return strip.indices
    # Fewer poses than frames: the nearest in time.
    nearest = np.abs(pose.times[None, :] - np.asarray(strip.times)[:, None]).argmin(axis=1)
    return [int(i) for i in nearest]


def _first_skeleton(strip: _Strip | None, pose: PoseClip | None) -> Markup | None:
    if strip is None or pose is None:
        return None
    first = drawn_points(pose, _pose_indices(strip, pose)[:1], strip.width, strip.height)[0]
    return still(first, strip.width, strip.height)


def _data_uri(picture: EncodedFrame) -> str:
    return "data:image/webp;base64," + base64.b64encode(picture.webp).decode("ascii")


def _data(
    strip: _Strip | None, pose: PoseClip | None, similar: list[dict[str, Any]], duration: float
) -> dict[str, Any] | None:
    """What the page's script reads."""
    player = None
    if strip is not None:
        player = {
            "width": strip.width,
            "height": strip.height,
            "total": strip.total,
            "numbers": [index + 1 for index in strip.indices],
            "times": [round(t, 4) for t in strip.times],
            "pictures": [_data_uri(picture) for picture in strip.pictures],
            "keypoints": None
            if pose is None
            else pack_keypoints(drawn_points(pose, _pose_indices(strip, pose), strip.width, strip.height)),
        }
    tiles = [tile["animation"] for tile in similar]
    if player is None and not any(tiles):
        return None
    return {
        "player": player,
        "tiles": tiles,
        "tileSize": TILE_SIZE,
        "duration": duration,
        "limbs": {part: [list(pair) for pair in WHOLE_BODY_LIMBS[part]] for part in DRAWN_PARTS},
        "fixedPoint": FIXED_POINT,
        "headPoints": HEAD_POINTS,
    }


def _tile(sign: SimilarSign, skeleton: Points | None) -> dict[str, Any]:
    tile: dict[str, Any] = {
        "gloss": sign.gloss,
        "clip": sign.clip,
        "similarity": f"{sign.similarity:.2f}".replace("-", words.MINUS),
        "bar": _bar(sign.similarity),
        "animation": None,
        "still": None,
    }
    if skeleton is None or not len(skeleton):
        return tile
    points = Square([skeleton], TILE_SIZE).points(skeleton)
    tile["still"] = still(points[len(points) // 2], TILE_SIZE, TILE_SIZE)
    tile["animation"] = {
        "times": [round(frame / SKELETON_FPS, 4) for frame in range(len(points))],
        "keypoints": pack_keypoints(points),
    }
    return tile


def _bar(share: float) -> str:
    """Width of a bar in percent, for an SVG attribute."""
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%" if math.isfinite(share) else "0%"


def _held_back(recognition: Recognition, gloss: str) -> HeldBack | None:
    held = () if recognition.explaining is None else recognition.explaining.held_back
    found = next((h for h in held if h.gloss == gloss), None)
    if found is None or words.factor(found.term) == words.factor(found.without_markers):
        return None
    return found


def _candidate(prediction: Prediction, held: HeldBack | None) -> dict[str, Any]:
    evidence = prediction.evidence
    return {
        "gloss": prediction.gloss,
        "probability": words.percent(prediction.probability),
        "bar": _bar(prediction.probability),
        "movement": words.movement_share(evidence),
        "movement_log": words.signed(evidence.skeleton),
        "face": words.factor(evidence.emotion),
        "face_log": words.signed(evidence.emotion),
        "held": None if held is None else f"held back, {words.factor(held.without_markers)} without markers",
        "similar": words.factor(evidence.retrieval),
        "similar_log": words.signed(evidence.retrieval),
        "why": words.why(evidence),
    }


def _duration(recognition: Recognition, strip: _Strip | None) -> float:
    ends = [0.0]
    if recognition.clip is not None:
        ends.append(recognition.clip.duration_s)
    if strip is not None and strip.times:
        ends.append(strip.times[-1])
    if recognition.emotion is not None and recognition.emotion.timeline:
        ends.append(recognition.emotion.timeline[-1].t_s)
    return round(max(end for end in ends if math.isfinite(end)), 4)


def _emotion(reading: EmotionReading | None, duration: float) -> dict[str, Any] | None:
    if reading is None or not reading.probabilities:
        return None
    moments = reading.timeline[:: max(1, math.ceil(len(reading.timeline) / MOST_MOMENTS))]
    gaps = [b.t_s - a.t_s for a, b in itertools.pairwise(moments)]
    longest_gap = 2.5 * statistics.median(gaps) if gaps else 0.0
    top, _ = words.strongest(reading)
    rows = []
    for name in EMOTIONS:
        mean = reading.probabilities.get(name, 0.0)
        points = [(m.t_s, m.probabilities.get(name, 0.0)) for m in moments]
        rows.append(
            {
                "name": name,
                "mean": words.percent(mean),
                "bar": _bar(mean),
                "strongest": name == top,
                "area": _area(points, duration, longest_gap),
            }
        )
    return {
        "provider": reading.provider,
        "coverage": words.percent(reading.coverage),
        "rows": rows,
        "moments": len(reading.timeline),
        "runs": [
            {"name": name, "start": f"{start:.2f}", "stop": f"{stop:.2f}"}
            for name, start, stop in words.expression_runs(reading)
        ][:40],
        "series": {
            "times": [round(m.t_s, 4) for m in moments],
            "values": [[round(m.probabilities.get(name, 0.0), 3) for name in EMOTIONS] for m in moments],
            "gap": round(longest_gap, 4),
        },
    }


def _markers(markers: Sequence[Marker] | None, duration: float) -> list[dict[str, Any]] | None:
    """One strip for each kind of marker that was seen, and each marker in words."""
    if markers is None:
        return None
    span = max(duration, 1e-6)
    rows = []
    for name in dict.fromkeys(m.name for m in markers):
        own = [m for m in markers if m.name == name]
        path = []
        for marker in own[:MOST_MARKERS]:
            begin, end = (CHART_WIDTH * min(t / span, 1.0) for t in (marker.onset_s, marker.offset_s))
            top = CHART_HEIGHT * (1 - (0.3 + 0.7 * min(max(marker.strength, 0.0), 1.0)))
            path.append(f"M{begin:.1f} {CHART_HEIGHT}V{top:.1f}H{max(end, begin + 2):.1f}V{CHART_HEIGHT}Z")
        rows.append(
            {
                "name": words.marker_name(name),
                "function": own[0].function,
                "area": "".join(path),
                "seconds": f"{sum(m.offset_s - m.onset_s for m in own):.2f} s",
                "spans": [
                    f"{m.onset_s:.2f} to {m.offset_s:.2f} s (strength {words.percent(m.strength)}, "
                    f"confidence {words.percent(m.confidence)})"
                    for m in own[:MOST_MARKERS]
                ],
                "more": max(len(own) - MOST_MARKERS, 0),
            }
        )
    return rows


def _hands(recognition: Recognition) -> list[tuple[str, str]]:
    found = recognition.intensity
    if found is None:
        return []
    usual = f"{words.TIMES}{words.NARROW_SPACE}"
    facts = [
        ("Hand that moves more", f"the signer's {found.hand}"),
        (
            "Speed",
            f"{found.speed:.2f} shoulder widths a second, {usual}{found.speed_ratio:.2f} the usual",
        ),
        ("Size", f"{found.size:.2f} shoulder widths, {usual}{found.size_ratio:.2f} the usual"),
        ("Repetition", words.times_done(found.repetitions)),
    ]
    if found.repetitions > 1:
        facts.append(("Regularity", words.percent(found.periodicity)))
    return facts


def _area(points: Sequence[tuple[float, float]], duration: float, longest_gap: float) -> str:
    """SVG path of the area under a curve; broken where no face was seen for a while."""
    span = max(duration, 1e-6)
    pieces: list[list[tuple[float, float]]] = []
    for t, value in points:
        if pieces and t - pieces[-1][-1][0] <= longest_gap:
            pieces[-1].append((t, value))
        else:
            pieces.append([(t, value)])
    path = []
    for piece in pieces:
        if len(piece) == 1:
            # A lone moment would have no width: give it half a percent of the chart.
            (t, value) = piece[0]
            half = 0.0025 * span
            piece = [(max(t - half, 0.0), value), (min(t + half, span), value)]
        xs = [f"{CHART_WIDTH * t / span:.1f}" for t, _ in piece]
        ys = [f"{CHART_HEIGHT * (1 - min(max(value, 0.0), 1.0)):.1f}" for _, value in piece]
        line = "L".join(f"{x} {y}" for x, y in zip(xs, ys, strict=True))
        path.append(f"M{xs[0]} {CHART_HEIGHT}L{line}L{xs[-1]} {CHART_HEIGHT}Z")
    return "".join(path)


def _coverage(recognition: Recognition) -> list[dict[str, str]]:
    if recognition.pose is None:
        return []
    part = recognition.pose.coverage
    return [
        {"name": name, "share": words.percent(share), "bar": _bar(share)}
        for name, share in (
            ("Body", part.body),
            ("Left hand", part.left_hand),
            ("Right hand", part.right_hand),
            ("Face", part.face),
        )
    ]


def _facts(recognition: Recognition) -> list[tuple[str, str]]:
    clip = recognition.clip
    if clip is None:
        return []
    facts = [
        ("Frames", f"{clip.frames:,}"),
        ("Frames per second", f"{clip.fps:.2f}"),
        ("Duration", f"{clip.duration_s:.2f} s"),
        ("Size", f"{clip.width} {words.TIMES} {clip.height} pixels"),
    ]
    if recognition.pose is not None and recognition.pose.frames != clip.frames:
        facts.insert(1, ("Frames with poses", f"{recognition.pose.frames:,}"))
    if recognition.orientation is not None:
        facts.extend(("Orientation", sentence) for sentence in recognition.orientation.sentences)
    return facts


def _provenance(
    recognition: Recognition, pose: PoseClip | None, more: Mapping[str, Any] | None
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of (name, value) rows."""
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    groups.append(("Clip", [("file", recognition.path)]))
    if pose is not None:
        origin = pose.provenance
        groups[0][1].extend(_rows(origin.source))
        groups.append(
            (
                "Poses",
                [
                    ("extractor", origin.extractor),
                    ("version", origin.version),
                    *((f"model {name}", digest) for name, digest in origin.models.items()),
                    *_rows(origin.settings),
                ],
            )
        )
    elif recognition.pose is not None:
        groups.append(
            ("Poses", [("extractor", recognition.pose.extractor), ("version", recognition.pose.version)])
        )
    if recognition.model:
        groups.append(("Recogniser", _rows(recognition.model)))
    if recognition.emotion is not None:
        groups.append(("Expression", [("provider", recognition.emotion.provider)]))
    if more:
        groups.append(("Further", _rows(more)))
    groups.append(("Software", [("SignLens", signlens.__version__)]))
    return groups


def _rows(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested plain values as flat rows."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows.extend(_rows(value, f"{prefix}{name} "))
        elif isinstance(value, list | tuple):
            rows.append((f"{prefix}{name}", ", ".join(str(item) for item in value)))
        elif isinstance(value, bool):
            rows.append((f"{prefix}{name}", "yes" if value else "no"))
        else:
            rows.append((f"{prefix}{name}", str(value)))
    return rows
