import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signlens.emosign.annotations import EMOTIONS
from signlens.emosign.predictions import LabelPrediction, read_predictions, write_predictions
from signlens.emosign.tasks import EMOTION_CLASSES, REFUSED, SENTIMENT3, SENTIMENT7
from signlens.errors import InputRejected, UsageError

text = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(
    lambda t: t == t.strip() and t
)
predictions = st.builds(
    LabelPrediction,
    text,
    st.none() | st.sampled_from((*SENTIMENT7, REFUSED)),
    st.none() | st.sampled_from((*SENTIMENT3, REFUSED)),
    st.none() | st.sampled_from((*EMOTION_CLASSES, REFUSED)),
    st.none() | st.just({}) | st.fixed_dictionaries({e: st.integers(0, 3) for e in EMOTIONS}),
    st.none() | st.just({}) | st.fixed_dictionaries({e: st.booleans() for e in EMOTIONS}),
    st.none() | text,
    st.none()
    | st.lists(st.integers(0, 5000), max_size=3, unique=True).map(
        lambda begins: tuple(sorted((b / 1000, (b + 500) / 1000) for b in begins))
    ),
)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(predictions, min_size=1, max_size=4, unique_by=lambda p: p.video_name))
def test_what_is_written_is_read_again(tmp_path, ending, given_predictions):
    path = tmp_path / f"predictions{ending}"
    write_predictions(given_predictions, path)
    assert read_predictions(path) == given_predictions


def read(tmp_path, content, name="p.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return read_predictions(path)


def test_a_small_file_by_hand(tmp_path):
    (a, b) = read(tmp_path, "video_name,sentiment,emotion,x_cost\nv1,-2.0,worry,0.1\nv2,refused,neutral,\n")
    assert (a.sentiment, a.emotion, a.intensities) == ("-2", "worry", None)
    assert b.sentiment == REFUSED


def test_json_lines_by_hand(tmp_path):
    lines = [
        {
            "video_name": "v1",
            "sentiment": -1,
            "intensities": dict.fromkeys(EMOTIONS, 2),
            "cue_intervals": [[1, 2.5]],
        },
        {
            "video_name": "v2",
            "sentiment": "3",
            "present": dict.fromkeys(EMOTIONS, True),
            "cue": "",
            "x_model": {},
        },
    ]
    (a, b) = read(tmp_path, "\n\n".join(map(json.dumps, lines)), "p.jsonl")
    assert (a.sentiment, a.intensities["anger"], a.cue_intervals) == ("-1", 2, ((1.0, 2.5),))
    assert (b.present["joy"], b.cue, b.intensities) == (True, "", None)


def test_invented_labels_are_named_by_line(tmp_path):
    lines = [
        "video_name,sentiment,sentiment3,emotion",
        "v1,5,,",
        "v2,,bad,",
        "v3,,,joy",
        "v1,1,,",
        ",1,,",
        "v5,1.5,,",
    ]
    with pytest.raises(InputRejected) as error:
        read(tmp_path, "\n".join(lines))
    for words in ("line 2: sentiment is '5'", "line 3: sentiment3 is 'bad'", "line 4: emotion is 'joy'"):
        assert words in str(error.value)
    for words in ("line 6: video_name is missing", "line 7: sentiment is '1.5'"):
        assert words in str(error.value)


def test_a_clip_twice_is_named(tmp_path):
    with pytest.raises(InputRejected, match="line 3: v1 stands already in line 2"):
        read(tmp_path, "video_name,sentiment\nv1,1\nv1,2\n")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"video_name": "v", "intensities": {"joy": 1}}, "lacks excited"),
        ({"video_name": "v", "intensities": dict.fromkeys(EMOTIONS, 4)}, "not 0..3"),
        ({"video_name": "v", "intensities": dict.fromkeys((*EMOTIONS, "love"), 1)}, "names love"),
        ({"video_name": "v", "present": dict.fromkeys(EMOTIONS, 2)}, "not 0..1"),
        ({"video_name": "v", "emotion": True}, "emotion is True"),
        ({"video_name": "v", "cue": 5}, "cue is not text"),
        ({"video_name": "v", "cue_intervals": [[2, 1]]}, "does not end after"),
        ({"video_name": "v", "cue_intervals": [1, 2]}, "not an array of"),
        ({"video_name": "v", "cue_intervals": [[0, float("nan")]]}, "does not end after"),
        ({"video_name": "v", "mood": "good"}, "unknown keys mood"),
        ([1], "is not an object"),
    ],
)
def test_wrong_documents(tmp_path, document, words):
    with pytest.raises(InputRejected, match=f"line 1: .*{words}"):
        read(tmp_path, json.dumps(document), "p.jsonl")


def test_other_files(tmp_path):
    with pytest.raises(InputRejected, match="line 1: is not JSON"):
        read(tmp_path, "{", "p.jsonl")
    with pytest.raises(InputRejected, match="unknown columns: mood"):
        read(tmp_path, "video_name,mood\nv,1\n")
    with pytest.raises(InputRejected, match="no predictions"):
        read(tmp_path, "video_name,sentiment\n")
    with pytest.raises(UsageError, match="neither"):
        read(tmp_path, "", "p.xlsx")
    with pytest.raises(UsageError, match="neither"):
        write_predictions([], tmp_path / "p.txt")
