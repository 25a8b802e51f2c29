"""Reasons: codes that programs can rely on."""

import re

import pytest
from places import ROOT

from signlens.errors import InputRejected, PartMissing, SignLensError, UsageError
from signlens.reasons import CODES, Reason


def test_the_documentation_lists_every_code_and_its_meaning() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", page, re.MULTILINE))
    assert CODES.items() <= listed.items()


def test_a_code_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ValueError, match="no reason with the code"):
        Reason("hands_gone", "No hand.")


@pytest.mark.parametrize("kind", [SignLensError, UsageError, InputRejected, PartMissing])
def test_every_error_has_a_code_and_keeps_its_message(kind: type[SignLensError]) -> None:
    error = kind("clip.mp4", "is empty", "record it again")
    assert Reason.of_error(error).text == "clip.mp4: is empty; record it again"
    assert kind.code in CODES


def test_reasons_come_back_and_plain_sentences_of_older_files_are_read() -> None:
    reason = Reason("single_frame", "There is only one frame.")
    assert Reason.from_json(reason.to_json()) == reason
    assert Reason.from_json("only one frame") == Reason("unclassified", "Only one frame.")
    assert Reason.from_json({"code": "of_a_later_version", "text": "New."}).code == "unclassified"
    with pytest.raises(TypeError):
        Reason.from_json({"code": "single_frame", "text": 1})
