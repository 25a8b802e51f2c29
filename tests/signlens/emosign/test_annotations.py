import csv

import pytest
from made_up import SIGNERS, made_up_rows, write_csv, write_made_up

from signlens.emosign.annotations import (
    EMOTIONS,
    detect_intensity_base,
    format_intervals,
    load_emosign,
    parse_intervals,
    signer_of,
    utterance_of,
)
from signlens.errors import InputRejected


def edited(path, line, **cells):
    """The file with some cells of one line (2 is the first row) changed."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[line - 2] |= cells
    return write_csv(path, rows)


@pytest.mark.parametrize("base", [0, 1])
def test_intensities_come_out_the_same_however_they_are_stored(tmp_path, base):
    data = load_emosign(write_made_up(tmp_path, base=base))
    assert data.intensity_base == base
    for clip, row in zip(data.clips, made_up_rows(), strict=True):
        assert dict(clip.emotions) == {e: row[e] for e in EMOTIONS}
        assert clip.sentiment == row["Sentiment"]
    assert data.made_up
    assert not data.notes


def test_a_scale_that_nothing_proves_is_not_assumed(tmp_path):
    assert detect_intensity_base([0, 1, 3]) == 0
    assert detect_intensity_base([1, 4]) == 1
    with pytest.raises(InputRejected, match="cannot be told apart"):
        detect_intensity_base([1, 2, 3])
    with pytest.raises(InputRejected, match="neither"):
        detect_intensity_base([0, 4])
    rows = [row | {e: 1 for e in EMOTIONS} for row in made_up_rows()[:3]]
    path = write_csv(tmp_path / "few.csv", rows)
    with pytest.raises(InputRejected, match="--intensity-base"):
        load_emosign(path)
    assert load_emosign(path, intensity_base=1).clips[0].emotions["joy"] == 0
    assert load_emosign(path, intensity_base=0).clips[0].emotions["joy"] == 1


def test_names_as_asllrp_gives_them():
    assert utterance_of("Cory_2013-6-25_sc0106_1014088") == "1014088"
    assert signer_of("Cory_2013-6-25_sc0106_1014088") == "cory"
    assert signer_of("10-Ben-Conclusion_24363254") == "ben"
    assert (utterance_of("no number"), signer_of("123_4")) == ("", "")


def test_signers_are_merged_across_recordings(tmp_path):
    data = load_emosign(write_made_up(tmp_path))
    assert data.signers == SIGNERS
    recordings = {clip.video_name.split("_")[1] for clip in data.clips if clip.signer == "rachel"}
    assert len(recordings) == 2


def test_every_bad_row_is_named_by_its_line(tmp_path):
    path = write_made_up(tmp_path)
    first = load_emosign(path).clips[0].video_name
    edited(path, 3, Sentiment="4")
    edited(path, 5, joy="7")
    edited(path, 9, video_name=first)
    edited(path, 12, worry="")
    edited(path, 20, anger="0")
    with pytest.raises(InputRejected) as error:
        load_emosign(path, intensity_base=1)
    for words in (
        "line 3: Sentiment is '4'",
        "line 5: joy is '7'",
        f"line 9: {first} stands already in line 2",
    ):
        assert words in str(error.value)
    assert "line 12: worry is ''" in str(error.value)
    assert "line 20: anger is 0, where intensities are 1..4" in str(error.value)
    data = load_emosign(path, intensity_base=1, skip_bad_rows=True)
    assert len(data.clips) == 195
    assert "5 bad rows left out: line 3" in data.notes[0]


def test_a_line_counts_also_after_texts_of_several_lines(tmp_path):
    path = write_made_up(tmp_path)
    edited(path, 2, Reasoning_1="first\nsecond\nthird")
    edited(path, 4, Sentiment="x")
    with pytest.raises(InputRejected, match="line 6: Sentiment is 'x'"):
        load_emosign(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"video_name,Sentiment\n", "line 1 has no column joy, excited"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(InputRejected, match=words):
        load_emosign(path)


def test_a_missing_file_and_a_folder_of_something_else_are_refused(tmp_path):
    with pytest.raises(InputRejected, match="no such file"):
        load_emosign(tmp_path / "none.csv")
    with pytest.raises(InputRejected, match=r"emosign\.json"):
        load_emosign(tmp_path)


def test_a_header_with_no_rows_is_refused(tmp_path):
    path = tmp_path / "head.csv"
    path.write_text(",".join(made_up_rows()[0]) + "\n", encoding="utf-8")
    with pytest.raises(InputRejected, match="no rows"):
        load_emosign(path)


def test_a_column_that_is_never_absent_is_noted(tmp_path):
    path = write_made_up(tmp_path)
    rows = made_up_rows()
    write_csv(path, [row | {e: row[e] + 1 for e in EMOTIONS} | {"fear": 2} for row in rows])
    data = load_emosign(path)
    assert any("never absent: fear" in note for note in data.notes)
    assert any("not known and not read: classes" in note for note in data.notes)


def test_videos_are_joined_by_the_trailing_number(tmp_path):
    path = write_made_up(tmp_path / "labels")
    clips = load_emosign(path).clips
    videos = tmp_path / "videos"
    (videos / clips[1].utterance).mkdir(parents=True)
    (videos / f"utterance_{clips[0].utterance}.MP4").touch()
    (videos / clips[1].utterance / "original.mov").touch()
    (videos / "other_1.mp4").touch()
    (videos / f"{clips[2].utterance}.txt").touch()
    data = load_emosign(path, videos=videos)
    assert data.clips[0].video == videos / f"utterance_{clips[0].utterance}.MP4"
    assert data.clips[1].video == videos / clips[1].utterance / "original.mov"
    assert data.missing_videos == tuple(clip.video_name for clip in clips[2:])
    (videos / f"again_{clips[0].utterance}.mp4").touch()
    with pytest.raises(InputRejected, match=f"several videos of one utterance.*{clips[0].utterance}"):
        load_emosign(path, videos=videos)


def test_a_folder_without_any_of_the_videos_is_refused(tmp_path):
    path = write_made_up(tmp_path / "labels")
    with pytest.raises(InputRejected, match="holds no video"):
        load_emosign(path, videos=tmp_path)
    with pytest.raises(InputRejected, match="not a folder"):
        load_emosign(path, videos=tmp_path / "none")


def test_captions_and_signers_are_joined(tmp_path):
    path = write_made_up(tmp_path)
    clips = load_emosign(path).clips
    by_number = write_csv(
        tmp_path / "numbers.csv",
        [{"utterance": clip.utterance, "caption": clip.video_name} for clip in clips[:7]],
    )
    data = load_emosign(path, captions=by_number)
    assert data.clips[3].caption == clips[3].video_name
    assert len(data.missing_captions) == 193
    signers = write_csv(tmp_path / "who.csv", [{"video_name": clips[5].video_name, "signer": "Somebody"}])
    assert load_emosign(path, signers=signers).clips[5].signer == "somebody"
    write_csv(signers, [{"video_name": "unknown", "signer": "x"}])
    with pytest.raises(InputRejected, match="lack: unknown"):
        load_emosign(path, signers=signers)
    write_csv(by_number, [{"utterance": "5", "caption": "x"}])
    with pytest.raises(InputRejected, match="no caption for any"):
        load_emosign(path, captions=by_number)


def test_the_identity_is_that_of_the_labels(tmp_path):
    a = load_emosign(write_made_up(tmp_path / "a", base=0))
    b = load_emosign(write_made_up(tmp_path / "b", base=1))
    assert a.sha256 != b.sha256
    assert a.identity == b.identity
    c = load_emosign(edited(tmp_path / "b" / "emosign_dataset.csv", 2, joy="4"))
    assert c.identity != b.identity


def test_intervals_of_time():
    assert parse_intervals("2-2.5; 0.40-1.20") == ((0.4, 1.2), (2.0, 2.5))
    assert parse_intervals("none") == parse_intervals("") == ()
    assert parse_intervals(format_intervals([(0.123, 4.5)])) == ((0.123, 4.5),)
    for bad in ("1", "2-1", "1-1", "a-b", "-1-2"):
        with pytest.raises(ValueError):
            parse_intervals(bad)
