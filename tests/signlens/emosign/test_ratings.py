from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import made_up_rows, write_csv, write_made_up

from signlens.emosign.annotations import EMOTIONS, load_emosign
from signlens.emosign.ratings import (
    Rating,
    aggregate,
    majority,
    majority_intervals,
    read_ratings,
    write_ratings,
)
from signlens.errors import InputRejected, UsageError

ABSENT = dict.fromkeys(EMOTIONS, 0)


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        ([(1, 10), (1, 20), (3, 100)], 1),  # majority over confidence
        ([(1, 10), (2, 90)], 2),  # a tie goes to the more confident one
        ([(0, 50), (2, 60), (3, 55)], 2),
        ([(0, None), (2, 5)], 2),  # one who gives no confidence is not the more confident
        ([(1, 40), (2, 40), (2, 40), (1, 50)], 1),  # two against two: the most confident of a side
    ],
)
def test_majority_by_hand(votes, label):
    assert majority(votes) == (label, False)


def test_what_confidence_leaves_open_is_said():
    assert majority([(0, 50), (2, 50), (3, 50)]) == (2, True)  # the mean is 5/3
    assert majority([(-1, None), (1, None)]) == (-1, True)


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(0, 100)), min_size=1, max_size=7))
def test_majority_does_not_depend_on_the_order(votes):
    assert majority(votes) == majority(votes[::-1])
    values = [value for value, _ in votes]
    assert values.count(majority(votes)[0]) == max(values.count(v) for v in values)


def test_three_raters_give_the_labels_of_the_file(tmp_path):
    data = load_emosign(write_made_up(tmp_path))
    merged = aggregate(read_ratings([tmp_path / "raters.csv"]))
    assert not merged.left_out
    for own, clip in zip(merged.clips, data.clips, strict=True):
        assert own.video_name == clip.video_name
        assert (own.sentiment, dict(own.emotions)) == (clip.sentiment, dict(clip.emotions))
        assert own.signer == clip.signer


def test_one_file_for_each_annotator_is_the_same_as_one_for_all(tmp_path):
    write_made_up(tmp_path)
    together = read_ratings([tmp_path / "raters.csv"])
    names = sorted({r.annotator for r in together})
    parts: list[Path] = []
    for name in names:
        parts.append(tmp_path / f"{name}.csv")
        write_ratings(parts[-1], [r for r in together if r.annotator == name])
    assert sorted(read_ratings(parts), key=repr) == sorted(together, key=repr)


def test_skips_are_missing_and_a_clip_that_all_skip_is_named(tmp_path):
    row = made_up_rows()[0] | ABSENT
    rows = [
        row | {"annotator": "a", "skipped": "yes"},
        row | {"annotator": "b", "Sentiment": "", "joy": ""},
        row | {"annotator": "a", "video_name": "x_2", "joy": ""},
        row | {"annotator": "b", "video_name": "x_2", "joy": ""},
    ]
    ratings = read_ratings([write_csv(tmp_path / "raters.csv", rows)])
    assert ratings[0].sentiment is None
    assert set(ratings[0].emotions.values()) == {None}
    assert ratings[1].emotions["joy"] is None
    assert ratings[1].emotions["fear"] == 0
    assert aggregate(ratings).left_out == (row["video_name"], "x_2")


def test_bad_ratings_are_named_by_line(tmp_path):
    row = made_up_rows()[0] | ABSENT | {"annotator": "a"}
    rows = [row, row, row | {"video_name": "b", "confidence": "101"}, row | {"video_name": "c", "joy": "4"}]
    rows.append(row | {"video_name": "d", "cue_intervals": "3-1"})
    path = write_csv(tmp_path / "r.csv", [{"confidence": "", "cue_intervals": ""} | r for r in rows])
    with pytest.raises(InputRejected) as error:
        read_ratings([path], intensity_base=0)
    for words in (
        "line 3: a has rated",
        "line 4: confidence is '101'",
        "line 5: joy is 4",
        "line 6: cue_int",
    ):
        assert words in str(error.value)
    with pytest.raises(UsageError):
        read_ratings([])


def test_times_that_most_annotators_marked():
    assert majority_intervals([((0.0, 2.0),), ((1.0, 3.0),), ((1.5, 4.0),)]) == ((1.0, 3.0),)
    assert majority_intervals([((0.0, 2.0),), ((1.0, 3.0),)]) == ((1.0, 2.0),)
    assert majority_intervals([((0.0, 1.0), (2.0, 3.0))]) == ((0.0, 1.0), (2.0, 3.0))
    assert majority_intervals([]) == ()


def test_ratings_are_written_as_they_are_read(tmp_path):
    ratings = [
        Rating("a_1", "x", -2, ABSENT | {"joy": 3}, 55.5, 'brows, then\n"quotes"', ((0.25, 1.5),)),
        Rating("a_1", "y", None, dict.fromkeys(EMOTIONS)),
    ]
    write_ratings(tmp_path / "r.csv", ratings)
    assert read_ratings([tmp_path / "r.csv"]) == ratings
