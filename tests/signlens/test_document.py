"""The JSON document: its keys, its rounding and its schema."""

import json

import pytest
from made_clips import answered, degraded, rejected
from typer.testing import CliRunner

from signlens.cli import app
from signlens.document import SCHEMA, Document, as_json, schema
from signlens.recognition import Recognition


@pytest.mark.parametrize(
    "made", [answered(), degraded(), rejected()], ids=["answered", "degraded", "rejected"]
)
def test_a_document_is_plain_and_comes_back_through_its_schema(made: Recognition) -> None:
    document = made.to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema"] == SCHEMA
    assert set(document) == set(schema()["required"])
    assert as_json(Document, document) == document


def test_numbers_are_rounded_and_nothing_else_changes() -> None:
    made = answered()
    document = made.to_json()
    assert made.clip is not None
    assert made.emotion is not None
    assert document["clip"]["duration_s"] == round(made.clip.duration_s, 3)
    for given, shown in zip(made.predictions, document["predictions"], strict=True):
        assert shown["gloss"] == given.gloss
        assert shown["probability"] == round(given.probability, 6)
        assert shown["evidence"] == {k: round(v, 4) for k, v in vars(given.evidence).items()}
    for moment, shown in zip(made.emotion.timeline, document["emotion"]["timeline"], strict=True):
        assert shown == {
            "t_s": round(moment.t_s, 3),
            **{k: round(v, 4) for k, v in moment.probabilities.items()},
        }
    assert [sign["clip"] for sign in document["similar"]] == [sign.clip for sign in made.similar]


def test_a_rejected_clip_has_its_path_and_its_reason() -> None:
    document = rejected("a.mp4").to_json()
    assert document["clip"] == {"path": "a.mp4"}
    assert [reason["code"] for reason in document["reasons"]] == ["input_rejected"]
    assert document["pose"] is document["answer"] is document["emotion"] is None
    assert document["predictions"] == document["similar"] == []


def test_the_schema_is_printed_without_a_clip() -> None:
    result = CliRunner().invoke(app, ["recognize", "--schema"])
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert printed == schema()
    assert printed["properties"]["schema"]["const"] == SCHEMA
    assert printed["additionalProperties"] is False
