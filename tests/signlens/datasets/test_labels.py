"""The label readers, on files made here: what they find, and what they say of files that are wrong."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from signlens.datasets.asl_citizen import read_asl_citizen
from signlens.datasets.autsl import read_autsl
from signlens.datasets.csv_manifest import read_csv_manifest
from signlens.datasets.gloss_folders import read_gloss_folders
from signlens.datasets.labels import (
    Labels,
    only_glosses,
    parse_signer_splits,
    read_gloss_list,
    split_by_signer,
    split_name,
)
from signlens.datasets.slr_sentiment import read_slr_sentiment
from signlens.datasets.tables import read_csv
from signlens.datasets.wlasl import read_wlasl
from signlens.errors import InputRejected, UsageError


def write_json(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def write_text(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


# -- tables -----------------------------------------------------------------------------------------


def test_tables_come_with_marks_semicolons_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffclip;gloss\r\n"a;b";  tea \r\n\r\nc;milk\r\n'.encode())
    rows = read_csv(path, ("clip", "gloss"))
    assert [(r["clip"], r["gloss"], r.line) for r in rows] == [("a;b", "tea", 2), ("c", "milk", 4)]


BAD_TABLES = {
    "line 1 has no column gloss": "clip,sign\na,b\n",
    "line 1 names a column twice": "clip,gloss,clip\na,b,c\n",
    "line 3: 3 columns, not 2": "clip,gloss\na,tea\nb,milk,more\n",
    "line 3: gloss is empty": "clip,gloss\na,tea\nb,\n",
    "line 3: the clip a comes twice": "clip,gloss\na,tea\na.mp4,tea\n",
    "line 2: 'dev1' is no split": "clip,gloss,split\na,tea,dev1\n",
    "line 2: fold is '-1'": "clip,gloss,fold\na,tea,-1\n",
    "line 2: fold is '²'": "clip,gloss,fold\na,tea,²\n",
    "line 2 is not CSV": 'clip,gloss\n"a"b,tea\n',
    "it is empty": "\n\n",
}


@pytest.mark.parametrize("problem", BAD_TABLES)
def test_a_table_that_is_wrong_is_named_with_its_line_and_a_remedy(tmp_path: Path, problem: str) -> None:
    path = write_text(tmp_path / "clips.csv", BAD_TABLES[problem])
    with pytest.raises(InputRejected) as caught:
        read_csv_manifest(path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert caught.value.remedy


def test_a_table_that_is_no_text_or_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"clip,gloss\na,tea\nb,\xff\n")
    with pytest.raises(InputRejected, match=r"a\.csv: line 3 is not UTF-8"):
        read_csv_manifest(tmp_path / "a.csv")
    with pytest.raises(InputRejected, match="there is no such file"):
        read_csv_manifest(tmp_path / "b.csv")
    with pytest.raises(InputRejected, match="this is a folder"):
        read_csv_manifest(tmp_path)


def test_csv_manifest(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "clips.csv",
        "gloss,clip,signer,split,fold\ntea,./b/x.mp4,ann,validation,\nMILK,a.mp4.npy,,TEST,3\n",
    )
    labels = read_csv_manifest(path)
    assert labels.glosses == ("MILK", "tea")
    assert [(c.name, c.gloss, c.signer, c.split, c.fold) for c in labels.clips] == [
        ("a", "MILK", "", "test", 3),
        ("b/x", "tea", "ann", "val", -1),
    ]
    assert labels.provenance()["label_files"][0]["name"] == "clips.csv"


# -- WLASL ------------------------------------------------------------------------------------------

GLOSSES = ["book", "drink", "losear"]  # the last as the release misprints it
NSLT = {
    "00003": {"subset": "train", "action": [2, 1, 40]},
    "00001": {"subset": "val", "action": [0, 1, 74]},
    "00002": {"subset": "test", "action": [1, 101, 150]},
    "00004": {"subset": "train", "action": [0, 1, 60]},
}


def instance(video: str, split: str, signer: int = 4, start: int = 1, end: int = -1) -> dict[str, object]:
    return {"video_id": video, "split": split, "signer_id": signer, "frame_start": start, "frame_end": end}


RECORDS = [
    {"gloss": "book", "instances": [instance("00001", "val", 7), instance("00004", "train", -1, 20, 60)]},
    {"gloss": "drink", "instances": [instance("00002", "test", 9, 5, 6)]},
    {"gloss": "lose", "instances": [instance("00003", "train", 7)]},
]


def wlasl_folder(tmp_path: Path) -> Path:
    write_json(tmp_path / "nslt_2000.json", NSLT)
    lines = [f"{i}\t{gloss}\n" for i, gloss in enumerate(GLOSSES)]
    write_text(tmp_path / "wlasl_class_list.txt", "".join(lines))
    return tmp_path


def test_wlasl_from_nslt_and_class_list(tmp_path: Path) -> None:
    labels = read_wlasl([wlasl_folder(tmp_path)])
    assert labels.glosses == ("book", "drink", "lose")
    assert [(c.name, c.gloss, c.split, c.signer) for c in labels.clips] == [
        ("00001", "book", "val", ""),
        ("00002", "drink", "test", ""),
        ("00003", "lose", "train", ""),
        ("00004", "book", "train", ""),
    ]
    ranges = {c.name: (c.first_frame, c.last_frame) for c in labels.clips}
    # A range from frame 1 only says how long the clip is; another says where the sign is.
    assert ranges == {"00001": (1, -1), "00002": (101, 150), "00003": (1, -1), "00004": (1, -1)}


def test_wlasl_records_add_signers_and_places_to_nslt(tmp_path: Path) -> None:
    folder = wlasl_folder(tmp_path)
    write_json(folder / "WLASL_v0.3.json", RECORDS)
    labels = read_wlasl([folder])
    assert [c.signer for c in labels.clips] == ["7", "9", "7", ""]
    assert [(c.first_frame, c.last_frame) for c in labels.clips] == [(1, -1), (101, 150), (1, -1), (20, 60)]
    assert labels.facts["clips_with_known_signer"] == 3
    assert {path.name for path in labels.label_files} == {
        "nslt_2000.json",
        "wlasl_class_list.txt",
        "WLASL_v0.3.json",
    }


def test_wlasl_records_alone_are_enough_and_agree_with_nslt(tmp_path: Path) -> None:
    records = write_json(tmp_path / "r" / "WLASL_v0.3.json", RECORDS)
    alone = read_wlasl([records])
    both = read_wlasl([wlasl_folder(tmp_path / "n")])
    assert alone.glosses == both.glosses
    assert [(c.name, c.gloss, c.split) for c in alone.clips] == [
        (c.name, c.gloss, c.split) for c in both.clips
    ]


def nslt_with(tmp_path: Path, video: str, entry: object) -> Path:
    folder = wlasl_folder(tmp_path)
    write_json(folder / "nslt_2000.json", {**NSLT, video: entry})
    return folder


def records_with(tmp_path: Path, records: object) -> Path:
    folder = wlasl_folder(tmp_path)
    write_json(folder / "WLASL_v0.3.json", records)
    return folder


BAD_WLASL = {
    "the video 9 is in the subset 'dev'": lambda p: nslt_with(p, "9", {"subset": "dev", "action": [0, 1, 2]}),
    "the video 9 has no subset and action": lambda p: nslt_with(p, "9", {"action": [0, 1, 2]}),
    r"the video 9 has the action \['0', 1, 2\]": lambda p: nslt_with(
        p, "9", {"subset": "val", "action": ["0", 1, 2]}
    ),
    "it has 6 classes, the class list 3": lambda p: nslt_with(p, "9", {"subset": "val", "action": [5, 1, 2]}),
    "entry 0 has no gloss": lambda p: records_with(p, [{"instances": []}]),
    "instance 0 of book has no video_id": lambda p: records_with(p, [{"gloss": "book", "instances": [{}]}]),
    r"instance 0 of book \(9\) has the split None": lambda p: records_with(
        p, [{"gloss": "book", "instances": [{"video_id": "9"}]}]
    ),
    r"instance 0 of book \(9\) has a signer": lambda p: records_with(
        p, [{"gloss": "book", "instances": [{**instance("9", "val"), "signer_id": "x"}]}]
    ),
    "instance 1 of book: the video 9 comes twice": lambda p: records_with(
        p, [{"gloss": "book", "instances": [instance("9", "val"), instance("9", "val")]}]
    ),
    "the video 00001 is book in val, but book in test": lambda p: records_with(
        p, [{"gloss": "book", "instances": [instance("00001", "test")]}]
    ),
    "line 1 is not JSON": lambda p: write_text(wlasl_folder(p) / "nslt_2000.json", '{"a":').parent,
    "line 2: class '5' where 1 should be": lambda p: (
        write_text(wlasl_folder(p) / "wlasl_class_list.txt", "0\tbook\n5\tdrink\n").parent
    ),
    "there is no class list": lambda p: write_json(p / "nslt_100.json", NSLT),
    "it holds no label file of WLASL": lambda p: p,
    "there is no such file": lambda p: p / "nslt_100.json",
}


@pytest.mark.parametrize("problem", BAD_WLASL)
def test_wlasl_files_that_are_wrong_are_named_with_a_remedy(tmp_path: Path, problem: str) -> None:
    with pytest.raises(InputRejected, match=problem) as caught:
        read_wlasl([BAD_WLASL[problem](tmp_path)])
    assert str(tmp_path) in str(caught.value)
    assert caught.value.remedy


def test_wlasl_nslt_files_must_agree(tmp_path: Path) -> None:
    folder = wlasl_folder(tmp_path)
    write_json(folder / "nslt_100.json", {**NSLT, "00001": {"subset": "test", "action": [0, 1, 74]}})
    with pytest.raises(InputRejected, match="the video 00001 is another"):
        read_wlasl([folder / "nslt_100.json", folder / "nslt_2000.json", folder / "wlasl_class_list.txt"])
    write_json(folder / "nslt_100.json", {"00001": NSLT["00001"]})  # 00004 is of the same class
    with pytest.raises(InputRejected, match=r"the video 00004 .* is not in it"):
        read_wlasl([folder / "nslt_100.json", folder / "nslt_2000.json", folder / "wlasl_class_list.txt"])


def test_wlasl_has_four_subsets(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no subset of 50"):
        read_wlasl([wlasl_folder(tmp_path)], 50)
    with pytest.raises(InputRejected, match="only 3 glosses are known, not 100"):
        read_wlasl([wlasl_folder(tmp_path)], 100)


# -- AUTSL ------------------------------------------------------------------------------------------

SIGN_LIST = "ClassId,TR,EN\n0,abla,sister\n1,sen,you\n2,siz,you\n"


def autsl_folder(tmp_path: Path) -> Path:
    write_text(tmp_path / "SignList_ClassId_TR_EN.csv", "\ufeff" + SIGN_LIST)
    write_text(tmp_path / "train_labels.csv", "signer3_sample2,1\nsigner0_sample1,0\n")
    write_text(tmp_path / "test_labels" / "ground_truth.csv", "signer6_sample9,2\n")
    return tmp_path


def test_autsl(tmp_path: Path) -> None:
    labels = read_autsl([autsl_folder(tmp_path)])
    assert labels.glosses == ("sister", "you (sen)", "you (siz)")
    assert [(c.name, c.gloss, c.signer, c.split) for c in labels.clips] == [
        ("signer0_sample1", "sister", "signer0", "train"),
        ("signer3_sample2", "you (sen)", "signer3", "train"),
        ("signer6_sample9", "you (siz)", "signer6", "test"),
    ]
    assert labels.clips[0].files == ("signer0_sample1_color", "signer0_sample1")
    assert read_autsl([autsl_folder(tmp_path)], "tr").glosses == ("abla", "sen", "siz")


BAD_AUTSL = {
    r"train_labels\.csv: line 2: 'sample2' is not of the form": (
        "train_labels.csv",
        "signer1_sample1,0\nsample2,0\n",
    ),
    r"train_labels\.csv: line 1: class is 3, but only 0 to 2": ("train_labels.csv", "signer1_sample1,3\n"),
    r"train_labels\.csv: line 1: class is 'x'": ("train_labels.csv", "signer1_sample1,x\n"),
    r"train_labels\.csv: line 2: signer1_sample1 comes twice": (
        "train_labels.csv",
        "signer1_sample1,0\nsigner1_sample1,1\n",
    ),
    r"all_labels\.csv: neither its name nor": ("all_labels.csv", "signer1_sample1,0\n"),
    r"EN\.csv: line 3: class 2 where 1 should be": (
        "SignList_ClassId_TR_EN.csv",
        "ClassId,TR,EN\n0,abla,sister\n2,sen,you\n",
    ),
    r"EN\.csv: line 1 has no column TR": ("SignList_ClassId_TR_EN.csv", "ClassId,EN\n0,sister\n"),
}


@pytest.mark.parametrize("problem", BAD_AUTSL)
def test_autsl_files_that_are_wrong_are_named_with_their_line(tmp_path: Path, problem: str) -> None:
    folder = autsl_folder(tmp_path / "autsl")
    write_text(folder / BAD_AUTSL[problem][0], BAD_AUTSL[problem][1])
    with pytest.raises(InputRejected, match=problem) as caught:
        read_autsl([folder])
    assert caught.value.remedy


def test_autsl_needs_both_the_list_and_a_table(tmp_path: Path) -> None:
    folder = autsl_folder(tmp_path)
    with pytest.raises(InputRejected, match="there is no class list"):
        read_autsl([folder / "train_labels.csv"])
    with pytest.raises(InputRejected, match="there is no table of labels"):
        read_autsl([folder / "SignList_ClassId_TR_EN.csv"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputRejected, match="no label file of AUTSL"):
        read_autsl([tmp_path / "empty"])


# -- ASL Citizen ------------------------------------------------------------------------------------


def test_asl_citizen(tmp_path: Path) -> None:
    head = "Participant ID,Video file,Gloss,ASL-LEX Code\n"
    write_text(tmp_path / "splits" / "train.csv", head + "P1,0123-DOG.mp4,DOG1,B_01_001\n")
    write_text(tmp_path / "splits" / "test.csv", head + "P9,044-CAT.mp4,CAT,B_01_002\n")
    labels = read_asl_citizen([tmp_path])
    assert labels.glosses == ("CAT", "DOG1")
    assert [(c.name, c.gloss, c.signer, c.split) for c in labels.clips] == [
        ("0123-DOG", "DOG1", "P1", "train"),
        ("044-CAT", "CAT", "P9", "test"),
    ]
    write_text(tmp_path / "splits" / "val.csv", head + "P1,0123-DOG.mp4,DOG1,x\n")
    with pytest.raises(InputRejected, match=r"val\.csv: line 2: the video 0123-DOG comes twice"):
        read_asl_citizen([tmp_path / "splits"])
    with pytest.raises(InputRejected, match=r"no column Participant ID"):
        read_asl_citizen([write_text(tmp_path / "train.csv", "a,b\n1,2\n")])
    with pytest.raises(InputRejected, match="its name is no split's"):
        read_asl_citizen([write_text(tmp_path / "more.csv", head)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputRejected, match=r"no train\.csv"):
        read_asl_citizen([tmp_path / "empty"])


# -- gloss folders ----------------------------------------------------------------------------------


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        write_text(root / path, "")
    return root


def test_gloss_folders_with_signers_in_the_names(tmp_path: Path) -> None:
    touch(tmp_path, "tea/ann_1.mp4", "tea/bob_1.pose", "milk/sub/ann_2.MOV", "milk/notes.txt", ".git/x.mp4")
    touch(tmp_path, "milk/f1/f_000000000000_keypoints.json", "milk/f1/f_000000000001_keypoints.json")
    labels = read_gloss_folders(tmp_path, "^([a-z]+)_")
    assert labels.glosses == ("milk", "tea")
    assert [(c.name, c.gloss, c.signer, c.split) for c in labels.clips] == [
        ("milk/f1", "milk", "", ""),
        ("milk/sub/ann_2", "milk", "ann", ""),
        ("tea/ann_1", "tea", "ann", ""),
        ("tea/bob_1", "tea", "bob", ""),
    ]


def test_gloss_folders_below_splits(tmp_path: Path) -> None:
    touch(tmp_path, "train/tea/a.mp4", "Validation/tea/b.mp4", "test/milk/c.npy")
    labels = read_gloss_folders(tmp_path)
    assert labels.glosses == ("milk", "tea")
    assert sorted((c.name, c.split) for c in labels.clips) == [
        ("Validation/tea/b", "val"),
        ("test/milk/c", "test"),
        ("train/tea/a", "train"),
    ]


def test_gloss_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="no video and no poses"):
        read_gloss_folders(tmp_path)
    touch(tmp_path, "tea/a.mp4", "b.mp4")
    with pytest.raises(InputRejected, match="b: this clip does not lie in a folder of its gloss"):
        read_gloss_folders(tmp_path)
    with pytest.raises(InputRejected, match="there is no such folder"):
        read_gloss_folders(tmp_path / "none")
    with pytest.raises(UsageError, match="no regular expression"):
        read_gloss_folders(tmp_path, "(")


# -- the SLR-sentiment paper's labels ------------------------------------------------------------------


def test_slr_sentiment_lists_the_gaps_of_its_numbering(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "split_labels.csv",
        "sample,split,label_as_stored\n"
        "signer1_sample2,val,1\nsigner1_sample4,train,0\nsigner0_sample1,test,1\nsigner1_sample5,train,0\n",
    )
    labels = read_slr_sentiment(path)
    assert labels.facts["numbering_gaps"] == ["signer1_sample1", "signer1_sample3"]
    assert {c.name: (c.gloss, c.split, c.signer) for c in labels.clips}["signer1_sample2"] == (
        "class 1",
        "val",
        "signer1",
    )
    glosses = write_text(tmp_path / "glosses.txt", "book\ndrink\n")
    assert {c.gloss for c in read_slr_sentiment(path, glosses).clips} == {"book", "drink"}
    for line, problem in (
        ("signer1_sample2,val,1", "line 6: signer1_sample2 comes twice"),
        ("sample2,val,1", "line 6: 'sample2' is not"),
        ("signer1_sample9,dev,1", "line 6: 'dev' is no split"),
        ("signer1_sample9,val,2000", "line 6: label_as_stored is 2000, but only 0 to 1999"),
    ):
        bad = write_text(tmp_path / "bad.csv", path.read_text() + line + "\n")
        with pytest.raises(InputRejected, match=problem):
            read_slr_sentiment(bad)


# -- what all labels share ---------------------------------------------------------------------------


def labels_of(*clips: tuple[str, str, str]) -> Labels:
    from signlens.datasets.labels import LabelledClip

    made = tuple(LabelledClip(name, gloss, signer) for name, gloss, signer in clips)
    return Labels("test", tuple(sorted({c.gloss for c in made})), made, ())


def test_chosen_glosses_fix_the_classes_and_their_order(tmp_path: Path) -> None:
    labels = labels_of(("a", "tea", ""), ("b", "milk", ""), ("c", "water", ""))
    chosen = only_glosses(labels, ("water", "coffee", "tea"))
    assert chosen.glosses == ("water", "coffee", "tea")
    assert [c.name for c in chosen.clips] == ["a", "c"]
    with pytest.raises(InputRejected, match="no clip has any of the glosses"):
        only_glosses(labels, ("coffee",))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tea\nmilk\n\ntea\n", "line 4: 'tea' is on line 1 already"),
        ("\n", "no gloss"),
        ("1\ttea\n", "class '1'"),
    ],
)
def test_a_list_of_glosses_that_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputRejected, match=problem):
        read_gloss_list(write_text(tmp_path / "glosses.txt", text))


def test_splits_by_signer() -> None:
    labels = labels_of(("a", "tea", "ann"), ("b", "tea", "bob"), ("c", "tea", ""), ("d", "tea", "cat"))
    split = split_by_signer(labels, parse_signer_splits(["train=ann", "test=bob"]))
    assert [c.split for c in split.clips] == ["train", "test", "", ""]
    with pytest.raises(UsageError, match=r"no clip is signed by eve.*ann, bob, cat"):
        split_by_signer(labels, {"eve": "val"})
    for wrong in ("ann", "dev=ann", "train="):
        with pytest.raises(UsageError, match="not of the form"):
            parse_signer_splits([wrong])
    with pytest.raises(UsageError, match="two splits"):
        parse_signer_splits(["train=ann", "val=ann"])


def test_usual_names_of_splits() -> None:
    names = ("train", "Training", "VAL", "validation", "dev", "test", "testing", "all", "")
    assert [split_name(n) for n in names] == ["train"] * 2 + ["val"] * 3 + ["test"] * 2 + [""] * 2


# -- the real files -----------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("subset", "train", "val", "test"),
    [(100, 1442, 338, 258), (300, 3549, 901, 668), (1000, 8978, 2320, 1876), (2000, 14296, 3920, 2879)],
)
def test_official_splits_of_wlasl(shared_data: Path, subset: int, train: int, val: int, test: int) -> None:
    labels = read_wlasl([shared_data / "wlasl-metadata"], subset)
    assert Counter(c.split for c in labels.clips) == {"train": train, "val": val, "test": test}
    assert len(labels.glosses) == subset
    assert len({c.gloss for c in labels.clips}) == subset
    # Independently: the class numbers of nslt_2000 that are below the subset's size.
    released = json.loads((shared_data / "wlasl-metadata" / "nslt_2000.json").read_text())
    assert {c.name for c in labels.clips} == {v for v, e in released.items() if e["action"][0] < subset}
    number = {gloss: i for i, gloss in enumerate(labels.glosses)}
    assert all(number[c.gloss] == released[c.name]["action"][0] for c in labels.clips)
    if subset == 100:
        assert [path.name for path in labels.label_files][:2] == ["nslt_100.json", "nslt_2000.json"]


@pytest.mark.shared
def test_the_papers_own_copy_of_wlasl(shared_data: Path) -> None:
    seed = shared_data / "wlasl-seed-results" / "split_labels.csv"
    labels = read_slr_sentiment(seed, shared_data / "wlasl-metadata" / "wlasl_class_list.txt")
    assert Counter(c.split for c in labels.clips) == {"train": 8810, "val": 2723, "test": 2067}
    assert sorted(labels.facts["numbering_gaps"]) == [
        "signer11_sample59",
        "signer31_sample81",
        "signer5_sample1557",
    ]
    assert labels.facts["printed_in_the_paper"] == {"train": 8811, "val": 2723, "test": 2067}
    # Its labels are numbers of WLASL's class list: every clip of a gloss and signer is one of WLASL's.
    released = read_wlasl([shared_data / "wlasl-metadata"], 1000)
    theirs = Counter((c.gloss, c.signer.removeprefix("signer")) for c in labels.clips)
    ours = Counter((c.gloss, c.signer) for c in released.clips)
    known = set(released.glosses)
    assert all(count <= ours[key] for key, count in theirs.items() if key[0] in known)


@pytest.mark.shared
def test_the_class_list_of_autsl_fits_the_published_scores(shared_data: Path, tmp_path: Path) -> None:
    scores = np.load(shared_data / "autsl-scores" / "test_scores.npz")
    with (tmp_path / "test_labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(zip(scores["clip"].tolist(), scores["label"].tolist(), strict=True))
    sign_list = shared_data / "autsl-scores" / "SignList_ClassId_TR_EN.csv"
    labels = read_autsl([tmp_path / "test_labels.csv", sign_list])
    assert (len(labels.clips), len(labels.glosses)) == (3742, 226)
    assert {c.gloss for c in labels.clips} == set(labels.glosses)
