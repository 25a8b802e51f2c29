"""The pages as files: complete in themselves, safe with hostile text, the same every time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.parse
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest
from hostile_page import HOSTILE, hostile_page
from made_clips import (
    FRAMES,
    DrawnFrame,
    answered,
    degraded,
    drawn_frames,
    gallery,
    pictures,
    rejected,
    uneven_times,
    waving_pose,
)

import signlens
from signlens.emotion.expressions import EmotionReading
from signlens.errors import UsageError
from signlens.pose.clip import PoseClip
from signlens.reasons import Reason
from signlens.recognition import ClipInfo
from signlens.report import PictureLimits, encode_frames, write_index, write_report
from signlens.report.page import _area


class Page(HTMLParser):
    """What a browser would see, near enough: tags with attributes, scripts, styles, text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._inside: str | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = f"{tag} {dict(attrs).get('type') or ''}".strip()
            self.blocks.append((self._inside, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            name, text = self.blocks[-1]
            self.blocks[-1] = (name, text + data)
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def block(self, name: str) -> str:
        (text,) = [text for kind, text in self.blocks if kind == name]
        return text


def full_page(folder: Path) -> Path:
    return write_report(
        answered(),
        folder / "report.html",
        pose=waving_pose(),
        frames=pictures(),
        skeletons=gallery(),
        provenance={"command": "signlens recognize", "options": {"boost": 0.5, "streams": ["joint", "bone"]}},
    )


def test_page_is_complete_in_itself(tmp_path: Path) -> None:
    page = Page(full_page(tmp_path))
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "form", "base"), tag
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "poster", "action", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/webp;base64,"))
    assert "url(" not in page.block("style")
    assert "@import" not in page.block("style")
    assert not re.search(r"https?:", (tmp_path / "report.html").read_text())


def test_only_the_pages_own_script_and_style_may_run(tmp_path: Path) -> None:
    page = Page(full_page(tmp_path))
    (policy,) = [a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy
    for kind, rule in (("script", "script-src"), ("style", "style-src")):
        digest = base64.b64encode(hashlib.sha256(page.block(kind).encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_everything_that_is_known_is_on_the_page(tmp_path: Path) -> None:
    recognition, pose = answered(), waving_pose()
    text = Page(full_page(tmp_path)).words
    assert recognition.answer is not None
    expected = [
        "waving.mp4",
        recognition.answer.explanation,
        "Healthy clip",
        "landmarks-1",
        "640",
        "1.60 s",
        "25.00",
    ]
    expected += [p.gloss for p in recognition.predictions] + [s.clip for s in recognition.similar]
    expected += [*recognition.model.values(), *recognition.timing_ms, signlens.__version__]
    expected += [pose.provenance.extractor, *pose.provenance.models, *pose.provenance.models.values()]
    expected += [pose.provenance.source["sha256"], "model_complexity", "smooth hands", "joint, bone"]
    expected += ["neutral", "contempt", "not a translation", "Deaf signers are the authority", "75"]
    assert [piece for piece in expected if piece not in text] == []


def test_player_carries_every_frame_with_its_own_time(tmp_path: Path) -> None:
    player = json.loads(Page(full_page(tmp_path)).block("script application/json"))["player"]
    assert player["numbers"] == list(range(1, FRAMES + 1))
    assert np.allclose(player["times"], uneven_times(FRAMES), atol=1e-4)
    assert len(player["pictures"]) == FRAMES
    assert (player["width"], player["height"]) == (480, 360)


def test_same_input_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    assert full_page(tmp_path).read_bytes() == full_page(tmp_path / "b").read_bytes()


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    page = Page(hostile_page(tmp_path))
    assert [kind for kind, _ in page.blocks] == ["style", "script application/json", "script"]
    assert [a for t, a in page.tags if t == "img" and a.get("src") == "x"] == []
    assert page.text.count(HOSTILE) >= 8
    assert json.loads(page.block("script application/json"))["tiles"][0] is not None
    index = write_index([(rejected(HOSTILE), tmp_path / "hostile.html")], tmp_path / "index.html")
    assert [kind for kind, _ in Page(index).blocks] == ["style"]


def test_names_that_are_no_text_do_not_cost_the_page(tmp_path: Path) -> None:
    name = b"clip-\xff.mp4".decode("utf-8", "surrogateescape")
    page = write_report(answered(name), tmp_path / "odd.html", provenance={"name": name})
    assert "clip-?.mp4" in page.read_text(encoding="utf-8")
    assert write_index([(answered(name), tmp_path / f"{name}.html")], tmp_path / "index.html").exists()


def test_rejected_clip_gets_a_short_page_with_the_reason(tmp_path: Path) -> None:
    page = Page(write_report(rejected(), tmp_path / "r.html", frames=tmp_path / "gone.mp4"))
    assert "No answer" in page.words
    assert rejected().reasons[0].text in page.words
    assert [kind for kind, _ in page.blocks] == ["style"]
    assert "Similar signs" not in page.words


def test_no_face_no_chart(tmp_path: Path) -> None:
    page = Page(write_report(degraded(), tmp_path / "d.html", pose=waving_pose()))
    assert "No face was seen" in page.words
    assert "Answered with reservations" in page.words
    assert degraded().reasons[0].text in page.words
    assert not [a for t, a in page.tags if a.get("id") == "timeline"]


@pytest.mark.parametrize("frames", [1, 2, 700])
def test_poses_alone_of_any_length(tmp_path: Path, frames: int) -> None:
    clip = ClipInfo("a.pose", frames, 25.0, frames / 25, 640, 480)
    page = Page(
        write_report(replace(answered("a.pose"), clip=clip), tmp_path / "p.html", pose=waving_pose(frames))
    )
    player = json.loads(page.block("script application/json"))["player"]
    assert 1 <= len(player["times"]) <= 300
    assert player["numbers"][0] == 1
    assert len(base64.b64decode(player["keypoints"])) == len(player["times"]) * 133 * 3 * 2
    assert ("evenly spaced" in page.words) == (frames == 700)
    assert player["pictures"] == []


def test_bare_answer_without_poses_or_pictures(tmp_path: Path) -> None:
    recognition = replace(
        answered(),
        pose=None,
        clip=None,
        emotion=EmotionReading("x", {}, 0.0),
        predictions=(),
        similar=(),
        timing_ms={},
    )
    page = Page(write_report(recognition, tmp_path / "bare.html"))
    assert [kind for kind, _ in page.blocks] == ["style"]


def write_video(path: Path, frames: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for frame in drawn_frames(frames, 160, 120):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_pictures_come_from_a_video_file(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 30)
    recognition = replace(answered(str(video)), clip=ClipInfo(str(video), 30, 25.0, 1.2, 160, 120))
    page = write_report(
        recognition,
        tmp_path / "v.html",
        pose=waving_pose(30),
        frames=video,
        limits=PictureLimits(max_frames=10),
    )
    player = json.loads(Page(page).block("script application/json"))["player"]
    assert player["numbers"] == list(range(1, 31, 3))
    assert np.allclose(player["times"], np.arange(0, 30, 3) / 25, atol=1e-3)
    assert len(player["pictures"]) == 10
    assert "10 of the clip's 30 frames" in Page(page).words


@pytest.mark.parametrize("pose", [None, waving_pose()])
def test_a_video_that_is_gone_costs_the_pictures_not_the_page(tmp_path: Path, pose: PoseClip | None) -> None:
    page = Page(write_report(answered(), tmp_path / "r.html", pose=pose, frames=tmp_path / "gone.mp4"))
    assert "could not be read again" in page.words
    assert "gone.mp4" in page.words
    assert "The likeliest glosses" in page.words


def test_fewer_poses_than_frames_are_matched_by_time(tmp_path: Path) -> None:
    times = uneven_times(FRAMES)
    pose = waving_pose()
    half = replace(pose, keypoints=pose.keypoints[::2], times=times[::2])
    page = write_report(answered(), tmp_path / "h.html", pose=half, frames=pictures())
    player = json.loads(Page(page).block("script application/json"))["player"]
    raw = np.frombuffer(base64.b64decode(player["keypoints"]), dtype="<i2").reshape(FRAMES, 133, 3)
    assert np.array_equal(raw[10, 0], raw[11, 0])
    scale = 480 / 640 * 16
    assert np.allclose(raw[10, 10, :2], half.keypoints[5, 10, :2] * scale, atol=1)


def test_page_stays_small_for_pictures_that_do_not_compress(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    stream = (DrawnFrame(i, i / 25, noise.integers(0, 256, (270, 480, 3), dtype=np.uint8)) for i in range(60))
    page = write_report(answered(), tmp_path / "n.html", pose=waving_pose(300), frames=encode_frames(stream))
    assert 1.5e6 < page.stat().st_size < 6e6


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    page = write_report(answered(), tmp_path / "new" / "folder" / "r.html")
    before = page.read_bytes()
    assert [file.name for file in page.parent.iterdir()] == ["r.html"]
    write_report(rejected(), page)
    assert page.read_bytes() != before
    assert [file.name for file in page.parent.iterdir()] == ["r.html"]
    with pytest.raises(UsageError, match="is a folder"):
        write_report(answered(), page.parent)
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(answered(), page / "below-a-file.html")


def test_curve_is_drawn_where_a_face_was_seen() -> None:
    points = [(0.0, 0.5), (0.5, 1.0), (2.0, 0.25)]
    assert _area(points, 2.0, longest_gap=1.0) == (
        "M0.0 100L0.0 50.0L250.0 0.0L250.0 100Z"  # two moments, joined
        "M997.5 100L997.5 75.0L1000.0 75.0L1000.0 100Z"  # a lone one, after a gap
    )
    assert _area([], 2.0, 1.0) == ""
    assert "nan" not in _area([(0.0, 0.3)], 0.0, 0.0)


def test_index_links_to_every_report(tmp_path: Path) -> None:
    names = ["a b.html", "javascript:alert(1).html", "100%#?.html", "sub/ü.html", "../above.html"]
    reports = [
        write_report(answered(f"clips/{i}.mp4"), tmp_path / "site" / name) for i, name in enumerate(names)
    ]
    entries = [(answered(f"clips/{i}.mp4"), report) for i, report in enumerate(reports)]
    entries.append((rejected(), write_report(rejected(), tmp_path / "site" / "r.html")))
    index = write_index(entries, tmp_path / "site" / "index.html")
    page = Page(index)
    links = [a["href"] for t, a in page.tags if t == "a" and a.get("href") != "#main"]
    for link, (_, report) in zip(links, entries, strict=True):
        target = urllib.parse.urljoin(index.as_uri(), link)
        assert urllib.parse.urlsplit(target).scheme == "file"
        assert Path(urllib.parse.unquote(urllib.parse.urlsplit(target).path)) == report.resolve()
    assert "6 clips" in page.words
    assert "5 healthy clip" in page.words
    assert "1 not answered" in page.words
    assert rejected().reasons[0].text in page.words


def test_empty_index_says_so(tmp_path: Path) -> None:
    assert "0 clips" in Page(write_index([], tmp_path / "index.html")).words


def test_markers_stand_beside_the_expression_and_say_what_they_did(tmp_path: Path) -> None:
    recognition = answered()
    page = Page(write_report(recognition, tmp_path / "m.html", pose=waving_pose()))
    assert len([a for _, a in page.tags if "lane marker" in (a.get("class") or "")]) == 2  # two kinds
    for said in (
        "brow raise",
        "0.40 to 1.20 s",
        "1.30 to 1.60 s",
        "often marks yes/no questions",
        "grammar is not affect",
        "The brow raise may explain surprise",
        "goodbye was held back",
        "held back, ×",
        "3 times",
    ):
        assert said in page.words, said
    unread = Page(write_report(degraded(), tmp_path / "u.html"))
    assert degraded().markers_reasons[0].text in unread.words
    assert "boost is off" in unread.words
    none = Page(write_report(replace(recognition, markers=()), tmp_path / "n.html"))
    assert "No marker was seen." in none.words


def test_markers_without_an_expression_still_have_their_axis(tmp_path: Path) -> None:
    page = Page(write_report(replace(answered(), emotion=None), tmp_path / "x.html", pose=waving_pose()))
    assert len([a for _, a in page.tags if "lane marker" in (a.get("class") or "")]) == 2


def test_hundreds_of_markers_do_not_blow_up_the_page(tmp_path: Path) -> None:
    first = answered().markers[0]  # type: ignore[index]
    many = tuple(replace(first, onset_s=i / 100, offset_s=i / 100 + 0.005) for i in range(500))
    page = Page(write_report(replace(answered(), markers=many), tmp_path / "x.html"))
    assert "and 480 more" in page.words


def test_a_marker_of_a_strange_name_is_text(tmp_path: Path) -> None:
    strange = (replace(answered().markers[0], name=HOSTILE, function=HOSTILE),)  # type: ignore[index]
    page = Page(
        write_report(
            replace(answered(), markers=strange, markers_reasons=(Reason("unclassified", HOSTILE),)),
            tmp_path / "x.html",
        )
    )
    assert "img" not in [tag for tag, _ in page.tags]
