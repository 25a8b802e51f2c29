"""Maps of embedding spaces: what is coloured, what is measured, what the page holds and does."""

import base64
import csv
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_map import CLIPS, MadePoses, made_map, write_made_map

from signlens.emotion.reading import EMOTIONS
from signlens.errors import UsageError
from signlens.report.drawing import MISSING
from signlens_studies.retrieval.embedding_map import group_glosses, nearest_agrees, umap_places, write_places
from signlens_studies.retrieval.embedding_map_page import FRAMES, LIMBS, pack_joints

pytestmark = pytest.mark.study


def test_glosses_of_the_emotion_map_are_coloured_by_emotion() -> None:
    groups, group, emotional = group_glosses(("Angry", "book", "fun", "happy", "book"))
    assert emotional
    assert list(groups) == [e for e in EMOTIONS if e in ("happy", "anger")]
    assert [groups[g] if g >= 0 else None for g in group] == ["anger", None, "happy", "happy", None]


def test_a_vocabulary_without_such_glosses_has_its_most_frequent_ones_coloured() -> None:
    glosses = tuple(f"gloss{i}" for i in range(10) for _ in range(i + 1))
    groups, group, emotional = group_glosses(glosses)
    assert not emotional
    assert groups == tuple(f"gloss{i}" for i in range(9, 2, -1))
    assert [glosses[i] for i in np.flatnonzero(group == 0)] == ["gloss9"] * 10
    assert (group[:6] == -1).all()


def test_agreement_is_of_test_clips_with_their_nearest_training_clip() -> None:
    of = made_map()
    in_space, in_map = nearest_agrees(of, "joint")
    for number, clip in enumerate(range(18, CLIPS)):
        unit = of.vectors["joint"] / np.linalg.norm(of.vectors["joint"], axis=1, keepdims=True)
        near = int((unit[:18] @ unit[clip]).argmax())
        assert in_space[number] == (of.glosses[near] == of.glosses[clip])
        apart = int(np.linalg.norm(of.places["joint"][:18] - of.places["joint"][clip], axis=1).argmin())
        assert in_map[number] == (of.glosses[apart] == of.glosses[clip])


def test_the_table_has_every_clip_once_with_its_places(tmp_path: Path) -> None:
    of = made_map()
    write_places(of, tmp_path / "map.csv")
    rows = list(csv.DictReader((tmp_path / "map.csv").open(encoding="utf-8")))
    assert [r["clip"] for r in rows] == list(of.clips)
    assert float(rows[5]["bone_y"]) == pytest.approx(of.places["bone"][5, 1], abs=1e-4)
    assert [r["part"] for r in rows].count("test") == 6
    assert {r["group"] for r in rows if r["gloss"] == "book"} == {""}


def test_packed_joints_come_back_in_thousandths_and_what_was_not_seen_is_missing() -> None:
    joints, seen = MadePoses().prepared(np.array([3, 9]), FRAMES)
    packed = np.frombuffer(base64.b64decode(pack_joints(joints, seen)), "<i2").reshape(2, FRAMES, 49, 2)
    np.testing.assert_allclose(packed[seen > 0] / 1000, joints[seen > 0][..., :2], atol=5.1e-4)
    assert (packed[seen == 0] == MISSING).all()
    assert {limb[2] for limb in LIMBS} == {"body", "left_hand", "right_hand"}
    assert max(max(a, b) for a, b, _ in LIMBS) == 48


def test_the_page_is_complete_in_itself_and_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    html = write_made_map(tmp_path).read_text(encoding="utf-8")
    assert html == write_made_map(tmp_path).read_text(encoding="utf-8")
    assert not re.search(r"https?://", html)
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])
    assert len(data["clips"]) == CLIPS
    assert data["clips"][0] == "clip-0</script>", "a name cannot leave its place"
    assert "they say nothing of what a signer felt" in html
    assert "the most frequent glosses are coloured" in write_made_map(tmp_path, False).read_text("utf-8")


def test_too_few_clips_make_no_map() -> None:
    with pytest.raises(UsageError, match="too few"):
        umap_places(np.zeros((5, 3)), 0)


@pytest.mark.slow
def test_umap_keeps_clusters_together_and_repeats_itself() -> None:
    pytest.importorskip("umap", reason="maps need the extra studies")
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16)) * 4
    vectors = np.repeat(centres, 20, axis=0) + rng.normal(size=(80, 16))
    places = umap_places(vectors, 1)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    label = np.repeat(np.arange(4), 20)
    assert (label[apart.argmin(axis=1)] == label).mean() > 0.9
    np.testing.assert_array_equal(places, umap_places(vectors, 1))


# -- in a browser ---------------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    path = write_made_map(tmp_path)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())
    return browser


POINT = """
const canvas = document.getElementById(arguments[0]), box = canvas.getBoundingClientRect();
const [x, y] = JSON.parse(document.getElementById("data").textContent).spaces[arguments[1]][arguments[2]];
canvas.dispatchEvent(new MouseEvent(arguments[3], { bubbles: true,
  clientX: box.left + x * box.width / canvas.width, clientY: box.top + y * box.height / canvas.height }));
return document.getElementById("readout").textContent;
"""
INK = """
const c = document.getElementById(arguments[0]);
const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
let hash = 0, inked = 0;
for (let i = 0; i < d.length; i += 4) { if (d[i + 3]) inked++; hash = (hash * 31 + d[i] + 7 * d[i + 3]) | 0; }
return [hash, inked];
"""


def point(driver: Any, space: int, clip: int, event: str) -> str:
    return str(driver.execute_script(POINT, f"map-{space}", space, clip, event))


def test_pointing_at_a_clip_shows_it_in_all_maps_and_a_click_holds_it(page: Any) -> None:
    before = page.execute_script(INK, "map-1")
    skeleton = page.execute_script(INK, "skeleton")
    assert skeleton[1] > 100
    told = point(page, 0, 7, "pointermove")
    assert "clip-7" in told
    assert told.startswith("book")
    assert "training clip" in told
    assert page.execute_script(INK, "map-1") != before, "the other map marks it too"
    assert page.execute_script(INK, "skeleton") != skeleton
    assert "clip-20" in point(page, 1, 20, "click")
    assert "test clip" in page.find_element("id", "readout").text
    assert "clip-20" in point(page, 0, 3, "pointermove"), "what was clicked stays"
    point(page, 1, 20, "click")
    assert "clip-3" in point(page, 0, 3, "pointermove")


def test_clips_are_reached_without_pointing(page: Any) -> None:
    page.find_element("id", "next").click()
    assert "clip-3<" in page.find_element("id", "readout").text, "the next clip of the same gloss"
    page.find_element("id", "previous").click()
    page.find_element("id", "previous").click()
    assert f"clip-{CLIPS - 3}<" in page.find_element("id", "readout").text
    page.execute_script(
        "const s = document.getElementById('gloss');"
        "s.value = [...s.options].find((o) => o.text === 'sad').value;"
        "s.dispatchEvent(new Event('change'));"
    )
    assert page.find_element("id", "readout").text.startswith("sad")
    first = page.execute_script(INK, "skeleton")
    page.find_element("id", "play").click()
    time.sleep(0.4)
    page.find_element("id", "play").click()
    assert page.execute_script(INK, "skeleton") != first


def test_the_page_is_quiet_and_fits_a_phone(page: Any) -> None:
    assert [entry["message"] for entry in page.get_log("browser")] == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 900, "deviceScaleFactor": 1, "mobile": True},
    )
    assert page.execute_script("return document.documentElement.scrollWidth") <= 360
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    for node in nodes:
        if node.get("role", {}).get("value") in ("button", "slider", "combobox", "image"):
            assert node["name"]["value"]
