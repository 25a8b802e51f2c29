import csv

import numpy as np
import pytest

from signlens.emotion import EMOTIONS
from signlens.errors import InputRejected
from signlens_studies.expression.ferplus import read_ferplus

EXPRESSIONS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
COLUMNS = [*EXPRESSIONS, "unknown", "not_a_face"]


def write(folder, rows):
    """Rows of (split, votes by column, duplicate_of_row); the pictures are random."""
    pictures = np.random.default_rng(0).integers(0, 256, (len(rows), 48, 48), dtype=np.uint8)
    np.savez(folder / "images.npz", row_delta=np.diff(pictures, axis=1, prepend=np.uint8(0)))
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["row", "fer2013_index", "split", *COLUMNS, "duplicate_of_row"])
        for number, (split, votes, of) in enumerate(rows):
            table.writerow([number, number, split, *(votes.get(c, 0) for c in COLUMNS), of])
    return pictures


def test_pictures_votes_and_labels_come_back(tmp_path):
    pictures = write(
        tmp_path,
        [
            ("train", {"happiness": 9, "neutral": 1}, ""),
            ("valid", {"sadness": 5, "surprise": 5}, ""),
            ("test", {"unknown": 6, "fear": 4}, ""),
            ("test", {"contempt": 10}, ""),
        ],
    )
    data = read_ferplus(tmp_path)
    assert np.array_equal(data.pictures, pictures)
    # A tie goes to the class that stands first in FER+'s file.
    assert [EMOTIONS[i] if i >= 0 else None for i in data.label] == ["happy", "surprise", None, "contempt"]
    assert data.tied.tolist() == [False, True, False, False]
    assert data.rows("test").tolist() == [3]


def test_soft_labels_leave_single_votes_out_but_for_faces_with_nothing_else(tmp_path):
    write(
        tmp_path,
        [
            ("train", {"happiness": 6, "neutral": 2, "anger": 1, "unknown": 1}, ""),
            ("train", {"fear": 1, "disgust": 1, "not_a_face": 8}, ""),
            ("train", {"not_a_face": 10}, ""),
        ],
    )
    soft = read_ferplus(tmp_path).soft_labels()
    assert soft[0, EMOTIONS.index("happy")] == pytest.approx(0.75)
    assert soft[0, EMOTIONS.index("anger")] == 0
    assert soft[1, EMOTIONS.index("fear")] == pytest.approx(0.5)
    assert soft.sum(axis=1).tolist() == pytest.approx([1, 1, 0])


def test_no_training_picture_equals_a_held_out_one_and_each_comes_once(tmp_path):
    happy = {"happiness": 10}
    write(
        tmp_path,
        [
            ("train", happy, ""),
            ("train", happy, 0),
            ("train", happy, ""),
            ("valid", happy, 2),
            ("test", happy, ""),
            ("train", happy, 4),
            ("train", {"not_a_face": 10}, ""),
        ],
    )
    assert read_ferplus(tmp_path).training_rows().tolist() == [0]


def test_a_folder_without_the_files_is_refused_by_name(tmp_path):
    with pytest.raises(InputRejected, match=str(tmp_path)):
        read_ferplus(tmp_path)
