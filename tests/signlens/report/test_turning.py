"""The page of `signlens rotate`: complete in itself, and the skeleton turns in a real browser."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from turned_figure import as_seen, pose_clip, standing

from signlens.orientation.correction import correct
from signlens.report.turning import LIMBS_SHOWN, POINTS_SHOWN, write_turning


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clip = pose_clip(as_seen(standing(), 45))
    clip.keypoints[3, 112:133] = [np.nan, np.nan, np.nan, 0]
    corrected, correction = correct(clip)
    return write_turning(clip, corrected, correction, tmp_path_factory.mktemp("turning") / "page.html")


def data_of(page: Path) -> dict[str, Any]:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)
    assert text is not None
    return json.loads(text[1])


def test_the_page_holds_both_skeletons_in_shoulder_widths(page: Path) -> None:
    data = data_of(page)
    figure = np.round(1000 * standing())
    before, after = (np.array(data[which][0], float) for which in ("before", "after"))
    np.testing.assert_allclose(before, np.round(1000 * as_seen(standing(), 45))[0, POINTS_SHOWN], atol=15)
    left, right = (POINTS_SHOWN.index(i) for i in (5, 6))
    assert abs(after[left, 2] - after[right, 2]) < 120
    assert abs(after[left, 0] - after[right, 0]) == pytest.approx(1000, abs=80)
    assert figure.shape[0] == len(data["after"]) == len(data["times"])
    hand = [POINTS_SHOWN.index(i) for i in range(112, 133)]
    assert all(data["before"][3][i] is None for i in hand)
    assert {part for *_, part in LIMBS_SHOWN} == {"body", "left_hand", "right_hand"}


def test_the_page_says_what_was_done_and_loads_nothing(page: Path) -> None:
    text = page.read_text()
    assert "to their own left" in text
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)
    assert "default-src 'none'" in text


def test_a_straight_signer_is_said_to_be_left_alone(tmp_path: Path) -> None:
    clip = pose_clip(as_seen(standing(), 3))
    corrected, correction = correct(clip)
    text = write_turning(clip, corrected, correction, tmp_path / "page.html").read_text()
    assert "left as they are" in text
    assert write_turning(clip, corrected, correction, tmp_path / "again.html").read_text() == text


def test_the_skeleton_turns_by_hand_and_by_keys(browser: Any, page: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(page.as_uri())
    picture = "return document.getElementById('canvas').toDataURL()"

    def look() -> tuple[str, str]:
        return browser.execute_script(picture), browser.find_element("id", "readout").text

    start, said = look()
    assert "0° around, 0° above" in said
    stage = browser.find_element("id", "stage")
    stage.send_keys(Keys.ARROW_RIGHT)
    turned, said = look()
    assert "5° around" in said
    assert turned != start
    stage.send_keys(Keys.ARROW_LEFT)
    assert look()[0] == start
    canvas = browser.find_element("id", "canvas")
    ActionChains(browser).move_to_element(canvas).click_and_hold().move_by_offset(60, 20).release().perform()
    assert look()[0] != start
    browser.find_element("id", "side").click()
    assert "90° around" in look()[1]
    browser.find_element("id", "front").click()
    assert look()[0] == start
    browser.find_element("id", "corrected").click()
    assert look()[0] != start
    browser.find_element("id", "corrected").click()
    browser.find_element("id", "play").click()
    end = time.monotonic() + 10
    while canvas.get_attribute("data-frame") == "0" and time.monotonic() < end:
        time.sleep(0.02)
    assert canvas.get_attribute("data-frame") != "0"
    browser.find_element("id", "play").click()
    assert browser.find_element("id", "play-label").text == "Play"
    assert browser.get_log("browser") == []
    wide = browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert wide
