import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signlens.emosign.annotations import EMOTIONS, EmoSignClip
from signlens.emosign.elan import Annotation, read_elan, write_elan
from signlens.emosign.elan_labels import rating_of_file, tiers_of_clip, write_template
from signlens.emosign.elan_tiers import (
    CUE,
    EMOTION_TIERS,
    GRAMMAR,
    GRAMMAR_MARKERS,
    REASONING,
    SENTIMENT,
    SIGN,
    TIERS,
)
from signlens.errors import InputRejected, UsageError

pytest.importorskip("pympi")

# Written the way ELAN 6 writes: several media, properties, a symbolic association and a subdivision,
# a time subdivision with an open border, links to vocabulary entries, two languages, a reference link.
FROM_ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="An annotator" DATE="2026-03-04T10:11:12+01:00" FORMAT="3.0" VERSION="3.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <LICENSE LICENSE_URL="">Ask first.</LICENSE>
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///videos/front.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./front.mp4"/>
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///videos/side.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./side.mp4" TIME_ORIGIN="40"/>
        <LINKED_FILE_DESCRIPTOR LINK_URL="file:///data/track.csv" MIME_TYPE="unknown" RELATIVE_LINK_URL="./track.csv"/>
        <PROPERTY NAME="URN">urn:nl-mpi-tools-elan-eaf:11111111-2222-3333-4444-555555555555</PROPERTY>
        <PROPERTY NAME="lastUsedAnnotationId">19</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="120"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="120"/>
        <TIME_SLOT TIME_SLOT_ID="ts3"/>
        <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="533"/>
        <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="533"/>
        <TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="900"/>
        <TIME_SLOT TIME_SLOT_ID="ts7" TIME_VALUE="1234"/>
    </TIME_ORDER>
    <TIER ANNOTATOR="AB" LINGUISTIC_TYPE_REF="glosses" PARTICIPANT="S1" TIER_ID="RH gloss">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" CVE_REF="cveid0" EXT_REF="er1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE>HOUSE&amp;HOME</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts6" TIME_SLOT_REF2="ts7">
                <ANNOTATION_VALUE></ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="parts" PARENT_REF="RH gloss" TIER_ID="movement">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>up</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts5">
                <ANNOTATION_VALUE>down</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER DEFAULT_LOCALE="en" LANG_REF="eng" LINGUISTIC_TYPE_REF="meaning" PARENT_REF="RH gloss" TIER_ID="meaning">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a1">
                <ANNOTATION_VALUE>Haus – “home”</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="pieces" PARENT_REF="RH gloss" TIER_ID="pieces">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a6" ANNOTATION_REF="a2">
                <ANNOTATION_VALUE>one</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a7" ANNOTATION_REF="a2" PREVIOUS_ANNOTATION="a6">
                <ANNOTATION_VALUE>two</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="glosses" TIER_ID="SENTIMENT"/>
    <LINGUISTIC_TYPE CONTROLLED_VOCABULARY_REF="lexicon" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="glosses" TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Time_Subdivision" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="parts" TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="meaning" TIME_ALIGNABLE="false"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Subdivision" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="pieces" TIME_ALIGNABLE="false"/>
    <LOCALE COUNTRY_CODE="US" LANGUAGE_CODE="en"/>
    <LANGUAGE LANG_DEF="http://cdb.iso.org/lg/CDB-00138502-001" LANG_ID="eng" LANG_LABEL="English (eng)"/>
    <LANGUAGE LANG_DEF="http://cdb.iso.org/lg/CDB-00138611-001" LANG_ID="ase" LANG_LABEL="American Sign Language (ase)"/>
    <CONSTRAINT DESCRIPTION="Time subdivision of parent annotation's time interval, no time gaps allowed within this interval" STEREOTYPE="Time_Subdivision"/>
    <CONSTRAINT DESCRIPTION="Symbolic subdivision of a parent annotation. Annotations refering to the same parent are ordered" STEREOTYPE="Symbolic_Subdivision"/>
    <CONSTRAINT DESCRIPTION="1-1 association with a parent annotation" STEREOTYPE="Symbolic_Association"/>
    <CONTROLLED_VOCABULARY CV_ID="lexicon">
        <DESCRIPTION LANG_REF="eng"/>
        <CV_ENTRY_ML CVE_ID="cveid0">
            <CVE_VALUE DESCRIPTION="" LANG_REF="eng">HOUSE&amp;HOME</CVE_VALUE>
        </CV_ENTRY_ML>
    </CONTROLLED_VOCABULARY>
    <REF_LINK_SET LINK_SET_ID="rls1" LINK_SET_NAME="coreference">
        <CROSS_REF_LINK REF1="a1" REF2="a2" REF_LINK_ID="rl1" REF_LINK_NAME="same"/>
    </REF_LINK_SET>
    <EXTERNAL_REF EXT_REF_ID="er1" TYPE="resource_url" VALUE="https://example.org/house"/>
</ANNOTATION_DOCUMENT>
"""  # noqa: E501


@pytest.fixture
def from_elan(tmp_path) -> Path:
    path = tmp_path / "elan.eaf"
    path.write_text(FROM_ELAN, encoding="utf-8")
    return path


def test_a_file_from_elan_is_read_with_its_times(from_elan):
    found = read_elan(from_elan)
    assert found.media == ("file:///videos/front.mp4", "file:///videos/side.mp4")
    assert found.tiers == {
        "RH gloss": (Annotation(120, 533, "HOUSE&HOME"), Annotation(900, 1234, "")),
        "movement": (Annotation(120, 326, "up"), Annotation(326, 533, "down")),  # half of 120..533
        "meaning": (Annotation(120, 533, "Haus – “home”"),),
        "pieces": (Annotation(900, 1067, "one"), Annotation(1067, 1234, "two")),
        "SENTIMENT": (),
    }


def canonical(root: ET.Element) -> str:
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True)


def test_a_file_from_elan_is_unharmed_by_a_round_trip(from_elan, tmp_path):
    write_elan(tmp_path / "again.eaf", read_elan(from_elan).tiers, into=from_elan)
    assert canonical(ET.parse(tmp_path / "again.eaf").getroot()) == canonical(ET.fromstring(FROM_ELAN))


def test_tiers_written_into_it_leave_everything_else_as_it_was(from_elan):
    own = {
        SENTIMENT: [Annotation(0, 1300, "-2")],
        CUE: [Annotation(7, 533, "brows"), Annotation(533, 901, "ü")],
    }
    write_elan(from_elan, own, into=from_elan)
    found = read_elan(from_elan).tiers
    assert found[SENTIMENT] == tuple(own[SENTIMENT])
    assert found[CUE] == tuple(own[CUE])
    root, before = ET.parse(from_elan).getroot(), ET.fromstring(FROM_ELAN)
    # What is new: a tier, its type, time slots, annotations of SENTIMENT, the last id that was used.
    for tier in [t for t in root.findall("TIER") if t.get("TIER_ID") == CUE]:
        root.remove(tier)
    for kind in [k for k in root.findall("LINGUISTIC_TYPE") if k.get("LINGUISTIC_TYPE_ID") == "EmoSign text"]:
        root.remove(kind)
    sentiment = next(t for t in root.findall("TIER") if t.get("TIER_ID") == SENTIMENT)
    assert sentiment.get("LINGUISTIC_TYPE_REF") == "glosses"
    new_ids = [a.get("ANNOTATION_ID") for a in sentiment.iter("ALIGNABLE_ANNOTATION")]
    sentiment.clear()
    sentiment.attrib |= {"LINGUISTIC_TYPE_REF": "glosses", "TIER_ID": SENTIMENT}
    order = root.find("TIME_ORDER")
    times = [int(slot.get("TIME_VALUE")) for slot in order if slot.get("TIME_VALUE")]
    assert times == sorted(times)
    old = {slot.get("TIME_SLOT_ID") for slot in before.find("TIME_ORDER")}
    for slot in [s for s in order if s.get("TIME_SLOT_ID") not in old]:
        order.remove(slot)
    last = root.find("./HEADER/PROPERTY[@NAME='lastUsedAnnotationId']")
    assert int(last.text) >= 22
    assert all(int(i[1:]) > 19 for i in new_ids)
    last.text = "19"
    assert canonical(root) == canonical(before)


def test_a_tier_that_others_depend_on_is_not_replaced(from_elan):
    content = from_elan.read_bytes()
    with pytest.raises(InputRejected, match="depends on another or has dependent"):
        write_elan(from_elan, {"RH gloss": [Annotation(0, 1, "x")]}, into=from_elan)
    assert from_elan.read_bytes() == content


def test_replacing_a_tier_twice_leaves_no_old_time_slots(from_elan):
    for end in (700, 800, 901):
        write_elan(from_elan, {SENTIMENT: [Annotation(1, end, "1")]}, into=from_elan)
    root = ET.parse(from_elan).getroot()
    assert len(root.find("TIME_ORDER")) == 7 + 2
    assert read_elan(from_elan).tiers[SENTIMENT] == (Annotation(1, 901, "1"),)


borders = st.lists(st.integers(0, 10**7), min_size=2, max_size=12, unique=True).map(sorted)
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="￾￿"), max_size=8
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(borders, st.data())
def test_times_and_texts_come_back_exactly(tmp_path, times, data):
    pairs = list(pairwise(times))
    tiers = {SIGN: tuple(Annotation(b, e, data.draw(texts)) for b, e in pairs), CUE: ()}
    write_elan(tmp_path / "own.eaf", tiers)
    assert read_elan(tmp_path / "own.eaf").tiers == tiers


def test_the_template_offers_the_three_tasks(tmp_path):
    write_template(tmp_path / "emosign.etf")
    found = read_elan(tmp_path / "emosign.etf")
    assert tuple(found.tiers) == TIERS
    assert not any(found.tiers.values())
    root = ET.parse(tmp_path / "emosign.etf").getroot()
    kinds = {
        t.get("LINGUISTIC_TYPE_ID"): t.get("CONTROLLED_VOCABULARY_REF") for t in root.iter("LINGUISTIC_TYPE")
    }
    entries = {
        cv.get("CV_ID"): [value.text for value in cv.iter("CVE_VALUE")]
        for cv in root.iter("CONTROLLED_VOCABULARY")
    }
    offered = {t.get("TIER_ID"): entries.get(kinds[t.get("LINGUISTIC_TYPE_REF")]) for t in root.iter("TIER")}
    assert offered[SENTIMENT] == ["-3", "-2", "-1", "0", "1", "2", "3"]
    assert all(offered[tier] == ["0", "1", "2", "3"] for tier in EMOTION_TIERS.values())
    assert offered[GRAMMAR] == list(GRAMMAR_MARKERS)
    assert offered[CUE] is None
    tags = [element.tag for element in root]
    order = [
        "HEADER",
        "TIME_ORDER",
        "TIER",
        "LINGUISTIC_TYPE",
        "LANGUAGE",
        "CONSTRAINT",
        "CONTROLLED_VOCABULARY",
    ]
    assert list(dict.fromkeys(tags)) == order
    with pytest.raises(UsageError):
        write_template(tmp_path / "emosign.xml")


def test_a_clips_labels_come_back_as_a_rating(tmp_path):
    emotions = dict.fromkeys(EMOTIONS, 0) | {"worry": 3, "fear": 1}
    cues = ("furrowed brows", "pursed lips")
    clip = EmoSignClip("Cory_1", "1", "cory", -2, emotions, cues, cue_intervals=((0.25, 1.5), (2.0, 2.033)))
    tiers = tiers_of_clip(
        clip, 4800, signs=[Annotation(10, 20, "EXAM")], markers={GRAMMAR: [Annotation(0, 900, "topic")]}
    )
    path = tmp_path / "Cory_1.eaf"
    write_elan(path, tiers)
    rating = rating_of_file(path, "annotator 1")
    assert (rating.video_name, rating.sentiment, dict(rating.emotions)) == ("Cory_1", -2, emotions)
    assert rating.cue_intervals == clip.cue_intervals
    assert rating.cue == "furrowed brows\npursed lips"
    assert rating.confidence is None
    held = read_elan(path).tiers
    assert held[SIGN] == (Annotation(10, 20, "EXAM"),)
    assert held[GRAMMAR] == (Annotation(0, 900, "topic"),)
    with pytest.raises(UsageError, match="no tier"):
        tiers_of_clip(clip, 10, markers={"BROWS": ()})


def test_an_unannotated_template_is_a_skipped_clip(tmp_path):
    write_template(tmp_path / "x_1.eaf")
    rating = rating_of_file(tmp_path / "x_1.eaf", "a")
    assert rating.sentiment is None
    assert set(rating.emotions.values()) == {None}


@pytest.mark.parametrize(
    ("tier", "annotations", "words"),
    [
        (SENTIMENT, [Annotation(0, 1, "good")], "says 'good'"),
        ("JOY", [Annotation(0, 1, "4")], "says '4'"),
        ("JOY", [Annotation(0, 1, "1"), Annotation(1, 2, "2")], "has 2 values"),
    ],
)
def test_wrong_labels_are_named(tmp_path, tier, annotations, words):
    write_elan(tmp_path / "x_1.eaf", {tier: annotations})
    with pytest.raises(InputRejected, match=words):
        rating_of_file(tmp_path / "x_1.eaf", "a")


@pytest.mark.parametrize(
    "annotations",
    [
        [Annotation(0, 10, ""), Annotation(9, 12, "")],
        [Annotation(5, 5, "")],
        [Annotation(-1, 5, "")],
        [Annotation(0.5, 5, "")],  # type: ignore[arg-type]
    ],
)
def test_annotations_that_elan_could_not_hold_are_refused(tmp_path, annotations):
    with pytest.raises(UsageError):
        write_elan(tmp_path / "x.eaf", {SIGN: annotations})
    assert not (tmp_path / "x.eaf").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no xml", "not whole XML"),
        (b"<A/>", "its root is A"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT/>', "not XML as ELAN"),
        (FROM_ELAN.replace('TIME_SLOT_REF1="ts6"', 'TIME_SLOT_REF1="ts99"').encode(), "do not hold together"),
        (FROM_ELAN.replace('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a5"').encode(), "do not hold together"),
        (FROM_ELAN.replace('TIME_VALUE="900"', 'TIME_VALUE="soon"').encode(), "do not hold together"),
    ],
)
def test_broken_files_are_refused(tmp_path, content, words):
    path = tmp_path / "broken.eaf"
    path.write_bytes(content)
    with pytest.raises(InputRejected, match=words):
        read_elan(path)
    with pytest.raises(InputRejected):
        read_elan(tmp_path / "none.eaf")


def test_the_words_of_reasoning_and_cue_are_both_kept(tmp_path):
    write_elan(
        tmp_path / "x_1.eaf", {REASONING: [Annotation(0, 9, "tense")], CUE: [Annotation(2, 4, "brows")]}
    )
    rating = rating_of_file(tmp_path / "x_1.eaf", "a")
    assert rating.cue == "tense\nbrows"
    assert rating.cue_intervals == ((0.002, 0.004),)
