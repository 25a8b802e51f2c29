"""The page of `signlens search --report`: complete in itself, played in a real browser."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signlens.report.similar import MARKED, MOST_SHOWN, point_name, write_similar
from signlens.retrieval.gallery import GalleryClip, SimilarSign
from signlens.skeleton.normalise import LEFT_HAND, RIGHT_HAND

HOSTILE = "</script><img src=x onerror=\"document.title='hacked'\">"


def signing(frames: int = 20, aside: float = 0.0, bent: float = 0.0) -> np.ndarray:
    """The right hand draws an arc; the left is never seen."""
    points = np.zeros((frames, 49, 2), np.float32)
    points[:, :7] = [(0, 0), (0.5, 0.7), (-0.5, 0.7), (0.7, 1.5), (-0.7, 1.4), (0.6, 2.2), (-0.6, 1.2)]
    phase = np.linspace(0, np.pi, frames)
    root = np.stack([-0.6 + 0.5 * np.sin(phase) + aside, 1.2 - 0.5 * np.cos(phase)], axis=1)
    shape = np.random.default_rng(0).uniform(-0.15, 0.15, (21, 2))
    shape[0] = 0
    shape[8] += [bent, 0]
    points[:, RIGHT_HAND] = root[:, None] + shape
    points[:, LEFT_HAND] = np.nan
    return points


def found(count: int = 4) -> list[SimilarSign]:
    return [
        SimilarSign(f"set/clip{i}", ("tea", "thank-you", HOSTILE)[i % 3], 0.9 - 0.05 * i, "train", "lee")
        for i in range(count)
    ]


def clips(count: int = 9) -> list[GalleryClip]:
    return [GalleryClip(f"set/clip{i}", ("tea", "thank-you", HOSTILE)[i % 3], "lee") for i in range(count)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    signs = found()
    signs[2] = SimilarSign("set/clip2", HOSTILE, 0.8, "test")
    return write_similar(
        signing(20),
        signs,
        tmp_path_factory.mktemp("similar") / "page.html",
        name="films/mine.mp4",
        clips=clips(),
        skeletons={
            "set/clip0": signing(31),
            "set/clip1": signing(17, aside=0.4, bent=0.3),
            "set/clip2": signing(9),
        },
        model="tiny 1",
        reasons=["One hand is hardly seen."],
    )


def data_of(page: Path) -> dict[str, Any]:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)
    assert text is not None
    return json.loads(text[1])


def test_each_sign_is_drawn_in_the_clips_phase(page: Path) -> None:
    data = data_of(page)
    query = np.array(data["query"], float).reshape(20, 49, 2)
    same, moved = (np.array(data["tiles"][i]["points"], float).reshape(20, 49, 2) for i in (0, 1))
    # 31 frames of the same movement: nearly the same drawing, frame by frame.
    assert np.nanmax(np.abs(same[:, RIGHT_HAND.start] - query[:, RIGHT_HAND.start])) < 40
    assert np.nanmean(moved[:, RIGHT_HAND.start] - query[:, RIGHT_HAND.start], axis=0)[0] > 60
    assert data["tiles"][3] is None
    assert np.isnan(query[:, LEFT_HAND]).all()
    assert np.nanmin(query) >= 0
    assert np.nanmax(query) <= data["side"]


def test_what_differs_most_is_named_and_marked(page: Path) -> None:
    data, text = data_of(page), page.read_text()
    assert data["tiles"][0]["marked"] == []
    assert data["tiles"][1]["marked"][:2] == [RIGHT_HAND.start, RIGHT_HAND.start + 8]
    assert len(data["tiles"][1]["marked"]) <= MARKED
    assert "leading hand, as a whole" in text
    assert "leading hand, index finger tip" in text
    assert "No point differs by more than" in text


def test_points_have_names_that_do_not_name_a_side() -> None:
    names = [point_name(point) for point in range(49)]
    assert len(set(names)) == 49
    assert not any(re.search(r"\b(left|right)\b", name) for name in names)
    assert (names[0], names[6], names[RIGHT_HAND.start + 4]) == (
        "nose",
        "leading wrist",
        "leading hand, thumb tip",
    )
    assert names[LEFT_HAND.start + 17] == "other hand, little finger joint 1"


def test_the_page_says_what_it_shows_and_loads_nothing(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    assert "need not mean anything alike" in text
    assert "not a translation" in text
    assert "One hand is hardly seen." in text
    assert "Of the split test" in text
    assert "1 of these clips are not drawn" in text
    assert HOSTILE not in text
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)
    assert "default-src 'none'" in text
    plain = write_similar(signing(), found(2), tmp_path / "a.html", name="x", clips=clips())
    assert "2 of these clips are not drawn" in plain.read_text()
    assert plain.read_text().count('class="tile"') == 1, "the clip alone: there is no empty box"
    assert (
        write_similar(signing(), found(2), tmp_path / "b.html", name="x", clips=clips()).read_text()
        == plain.read_text()
    )


def test_many_signs_are_listed_and_every_gloss_has_its_clips(tmp_path: Path) -> None:
    page = write_similar(
        signing(), found(MOST_SHOWN + 5), tmp_path / "a.html", name="x", clips=clips(MOST_SHOWN + 9)
    )
    text = page.read_text()
    assert 'start="13"' in text
    assert text.count('class="gloss-clips"') == 3
    assert text.count("found as number") == MOST_SHOWN + 5
    ids = set(re.findall(r'id="([^"]+)"', text))
    assert {href[1:] for href in re.findall(r'href="(#[^"]+)"', text)} <= ids


def test_the_signs_play_together_in_a_browser(browser: Any, page: Path) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(page.as_uri())
    canvases = browser.find_elements("css selector", "[data-tile] canvas")
    assert len(canvases) == 4
    assert all(canvas.is_displayed() for canvas in canvases)

    def pictures() -> list[str]:
        return browser.execute_script(
            "return [...document.querySelectorAll('[data-tile] canvas')].map((c) => c.toDataURL())"
        )

    start = pictures()
    time.sleep(0.3)
    assert pictures() == start  # nothing moves unasked
    get = lambda name: browser.find_element("id", name)  # noqa: E731
    get("marks").click()
    unmarked = pictures()
    assert [a == b for a, b in zip(start, unmarked, strict=True)] == [True, True, False, True]
    get("marks").click()
    get("over").click()
    behind = pictures()
    assert behind[0] == start[0]
    assert all(a != b for a, b in zip(behind[1:], start[1:], strict=True))
    get("over").click()
    assert pictures() == start
    get("play").click()
    # Stopped from within the page, for a busy machine could come round to the first frame again.
    browser.execute_async_script(
        "const done = arguments[0], canvas = document.querySelector('[data-tile] canvas');"
        "const look = () => canvas.dataset.frame === '0' ? setTimeout(look, 10)"
        " : (document.getElementById('play').click(), done());"
        "look();"
    )
    assert get("play-label").text == "Play"
    shown = {canvas.get_attribute("data-frame") for canvas in canvases}
    assert len(shown) == 1
    assert shown != {"0"}
    assert pictures()[0] != start[0]  # a sign of fewer frames may stand still for one
    # The gloss leads to its clips, and from there back to the drawing.
    details = browser.find_element("css selector", "details.gloss-clips")
    assert details.get_attribute("open") is None
    browser.find_element("css selector", "#found-1 a.gloss").click()
    end = time.monotonic() + 5
    while details.get_attribute("open") is None and time.monotonic() < end:
        time.sleep(0.02)
    assert details.get_attribute("open") is not None
    assert "set/clip3" in details.text
    assert details.find_element("css selector", "a").get_attribute("href").endswith("#found-1")
    assert browser.get_log("browser") == []
    assert browser.title.startswith("Signs like")


def test_the_page_fits_a_phone_and_is_read_without_scripts(browser: Any, page: Path) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 900, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.get(page.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(page.as_uri())
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    drawings = browser.find_elements("css selector", "[data-tile] svg")
    assert len(drawings) == 4
    assert all(drawing.is_displayed() for drawing in drawings)
    assert not browser.find_element("id", "player").is_displayed()
