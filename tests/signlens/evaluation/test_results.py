"""`signlens evaluate --scores`: files made in the test, the shared AUTSL scores, bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_scores import STREAMS, made_scores, written
from places import DATA
from typer.testing import CliRunner

from signlens.cli import app
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.comparison import match_clips, share_clips
from signlens.evaluation.details import confusions
from signlens.evaluation.metrics import METRICS, outcomes
from signlens.evaluation.systems import parse_weights
from signlens.models.ensemble import weighted_mean

AUTSL = DATA / "autsl-scores" / "test_scores.npz"
needs_autsl = pytest.mark.skipif(not AUTSL.is_file(), reason=f"{AUTSL} is not there (set SIGNLENS_SHARED)")
FOUR = "joint=1,bone=0.9,joint_motion=0.5,bone_motion=0.5"


def run(*arguments: object):
    return CliRunner().invoke(app, ["evaluate", *(str(a) for a in arguments)])


def document(*arguments: object) -> dict:
    result = run(*arguments, "--json", "--draws", 200)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "made.npz", made_scores())


def right(scores: np.ndarray, labels: np.ndarray) -> int:
    return int((scores.argmax(axis=1) == labels).sum())


# -- one file ---------------------------------------------------------------------------------------


def test_every_stream_and_the_ensemble_with_intervals(file: Path) -> None:
    made, found = made_scores(), document("--scores", file, "--weights", FOUR)
    systems = {s["name"]: s for s in found["systems"]}
    assert list(systems) == [*STREAMS, FOUR]
    for name in STREAMS:
        assert systems[name]["right"] == right(made.streams[name], made.labels)
    mean = weighted_mean(made.streams, parse_weights(FOUR))
    assert systems[FOUR]["right"] == right(mean, made.labels)
    for system in systems.values():
        assert list(system["metrics"]) == list(METRICS)
        for name, value in system["metrics"].items():
            assert value["low"] <= value["value"] <= value["high"], name
    data = found["data"]
    assert (data["clips"], data["classes"], data["signers"], data["signers_from"]) == (120, 12, 6, "file")
    assert (data["dataset"], data["split"], data["extractor"]) == (None, None, None)
    assert found["intervals"]["unit"] == "clip"


def test_the_four_streams_are_joined_by_their_published_weights_when_none_are_asked_for(file: Path) -> None:
    found = document("--scores", file)
    assert found["systems"][-1]["name"] == "sam-slr"
    asked = document("--scores", file, "--weights", FOUR)
    assert found["systems"][-1]["metrics"] == asked["systems"][-1]["metrics"]


def test_details_add_up(file: Path) -> None:
    made, found = made_scores(), document("--scores", file, "--weights", "joint")
    assert [s["name"] for s in found["systems"]] == list(STREAMS)
    details = found["details"]
    assert details["system"] == "joint"
    assert sum(c["clips"] for c in details["per_class"]) == 120
    assert sum(c["predicted"] for c in details["per_class"]) == 120
    number = right(made.streams["joint"], made.labels)
    assert sum(c["right"] for c in details["per_class"]) == number
    assert sum(s["right"] for s in details["per_signer"]) == number
    assert [s["clips"] for s in details["per_signer"]] == [20] * 6
    one = details["per_class"][3]
    here = made.labels == 3
    assert one["gloss"] == "gloss 3"
    predicted = made.streams["joint"].argmax(axis=1)
    assert one["top1"] == pytest.approx(100 * (predicted[here] == 3).mean())
    assert one["precision"] == pytest.approx(100 * here[predicted == 3].mean())
    counts = [c["clips"] for c in details["confusions"]]
    assert counts == sorted(counts, reverse=True)


def test_confusions_against_a_loop() -> None:
    made = made_scores(300, 6)
    found = outcomes(made.streams["bone_motion"], made.labels)
    pairs: dict[tuple[int, int], int] = {}
    for true, predicted in zip(found.labels.tolist(), found.predictions.tolist(), strict=True):
        if true != predicted:
            pairs[true, predicted] = pairs.get((true, predicted), 0) + 1
    assert {(t, p): n for t, p, n in confusions(found, 1000)} == pairs
    assert confusions(found, 3)[0][2] == max(pairs.values())


def test_more_than_the_classes_is_not_measured(tmp_path: Path) -> None:
    small = written(tmp_path / "small.npz", made_scores(30, 4, streams={"only": 1.0}))
    found = document("--scores", small)
    assert found["systems"][0]["metrics"]["top5_per_instance"] is None
    assert found["systems"][0]["metrics"]["top10_per_class"] is None
    assert found["details"]["per_signer"][0]["top5"] is None
    result = run("--scores", small, "--draws", 100)
    assert result.exit_code == 0, result.stderr


def test_the_text_names_what_was_measured(file: Path) -> None:
    result = run("--scores", file, "--draws", 100, "--by", "signer")
    assert result.exit_code == 0, result.stderr
    for words in ("120 clips", "12 classes", "dataset not said", "sam-slr", "Per class", "6 signers are few"):
        assert words in result.stdout


def test_drawing_signers_needs_signers_and_counts_the_unknown(tmp_path: Path) -> None:
    nobody = written(tmp_path / "nobody.npz", made_scores(signers=0))
    assert run("--scores", nobody, "--by", "signer").exit_code == 2
    made = made_scores()
    some = written(
        tmp_path / "some.npz", replace(made, signers=np.where(np.arange(120) < 7, "", made.signers))
    )
    found = document("--scores", some, "--by", "signer")
    assert found["intervals"]["unit"] == "signer"
    assert any("7 clips of unknown signers" in note for note in found["notes"])
    assert found["details"]["per_signer"][0]["signer"] is None


def test_classes_without_clips_are_said(tmp_path: Path) -> None:
    made = made_scores()
    file = written(tmp_path / "a.npz", made.take(made.labels != 5))
    found = document("--scores", file)
    assert found["data"]["classes_with_clips"] == 11
    assert any("1 of the 12 classes have no clip" in note for note in found["notes"])


# -- learned weights --------------------------------------------------------------------------------


def test_learned_weights_are_cross_fitted_or_come_from_validation(tmp_path: Path, file: Path) -> None:
    crossed = document("--scores", file, "--weights", "learned")
    learned = crossed["systems"][-1]["learned"]
    assert learned["cross_fitted_by"] == "signer"
    assert len(learned["per_fold"]) == 5
    assert any("cross-fitted on these clips" in note for note in crossed["notes"])
    validation = written(tmp_path / "val.npz", made_scores(seed=1, name="val"))
    taught = document("--scores", file, "--weights", "learned", "--fit-on", validation)
    system = taught["systems"][-1]
    assert system["learned"]["fitted_on"] == str(validation)
    mean = weighted_mean(made_scores().streams, system["weights"])
    assert system["right"] == right(mean, made_scores().labels)


def test_chosen_weights_say_what_was_tried(tmp_path: Path, file: Path) -> None:
    validation = written(tmp_path / "val.npz", made_scores(seed=1, name="val"))
    found = document("--scores", file, "--weights", "chosen", "--fit-on", validation)["systems"][-1]
    assert len(found["learned"]["choice"]["candidates"]) == 6
    crossed = document("--scores", file, "--weights", "chosen", "--cross-fit", "clip", "--folds", 3)
    assert len(crossed["systems"][-1]["learned"]["per_fold"]) == 3
    assert run("--scores", file, "--weights", "chosen", "--draws", 100).exit_code == 0


def test_a_temperature_changes_the_likelihood_alone(file: Path) -> None:
    found = document("--scores", file, "--compare", "sam-slr", "sam-slr+temperature", "--cross-fit", "clip")
    differences = found["comparison"]["differences"]
    for name in METRICS[:7]:
        assert (differences[name]["low"], differences[name]["high"]) == pytest.approx((0, 0), abs=1e-9)
    assert differences["nll"]["value"] != 0


def test_the_files_folds_are_taken_first(tmp_path: Path) -> None:
    file = written(tmp_path / "a.npz", replace(made_scores(), folds=np.arange(120) % 4))
    found = document("--scores", file, "--weights", "learned")["systems"][-1]["learned"]
    assert (found["cross_fitted_by"], found["folds"]) == ("fold", 4)


# -- two systems ------------------------------------------------------------------------------------


def test_two_streams_of_a_file_are_compared_clip_by_clip(file: Path) -> None:
    made, found = made_scores(), document("--scores", file, "--compare", "bone_motion", "joint")
    comparison = found["comparison"]
    first = made.streams["bone_motion"].argmax(axis=1) == made.labels
    second = made.streams["joint"].argmax(axis=1) == made.labels
    test = comparison["mcnemar"]
    assert test["only_first"] == int((first & ~second).sum())
    assert test["only_second"] == int((second & ~first).sum())
    top1 = comparison["differences"]["top1_per_instance"]
    assert top1["value"] == pytest.approx(100 * (second.mean() - first.mean()))
    assert 0 < top1["low"] < top1["high"]
    assert sum(row["right_second"] for row in comparison["per_signer"]) == int(second.sum())
    assert run("--scores", file, "--compare", "bone_motion", "joint", "--draws", 100).exit_code == 0


def test_pairing_narrows_the_interval_of_systems_that_err_on_the_same_clips(file: Path) -> None:
    found = document("--scores", file, "--compare", "joint", "joint=1,bone=0.05")
    spread = [s["metrics"]["nll"] for s in found["systems"]]
    apart = sum((s["high"] - s["low"]) ** 2 for s in spread) ** 0.5
    paired = found["comparison"]["differences"]["nll"]
    assert paired["high"] - paired["low"] < apart / 3


def test_files_in_another_order_of_clips_and_glosses_compare_the_same(tmp_path: Path, file: Path) -> None:
    made = made_scores()
    other = written(tmp_path / "b.npz", made_scores(seed=5))
    # The same clips and labels, other scores.
    one = replace(made_scores(seed=5), labels=made.labels, clips=made.clips)
    straight = written(tmp_path / "straight.npz", one)
    shuffle, classes = np.random.default_rng(0).permutation(120), np.random.default_rng(1).permutation(12)
    turned = one.take(shuffle)
    turned = replace(
        turned,
        labels=np.argsort(classes)[turned.labels],
        streams={name: values[:, classes] for name, values in turned.streams.items()},
        glosses=tuple(one.glosses[c] for c in classes),
    )
    shuffled = written(tmp_path / "shuffled.npz", turned)
    first = document("--compare", file, straight)["comparison"]
    second = document("--compare", file, shuffled)["comparison"]
    assert first["mcnemar"] == second["mcnemar"]
    for name in METRICS:
        assert first["differences"][name] == pytest.approx(second["differences"][name])
    result = run("--compare", file, other)
    assert result.exit_code == 3
    assert "labels differ" in result.stderr


def test_other_clips_are_refused_and_named_unless_the_common_ones_are_asked_for(
    tmp_path: Path, file: Path
) -> None:
    fewer = written(tmp_path / "fewer.npz", made_scores().take(np.arange(20, 120)))
    result = run("--compare", file, fewer)
    assert result.exit_code == 2
    assert "made-0" in result.stderr and "15 more" in result.stderr and "--common" in result.stderr
    found = document("--compare", file, f"{fewer}:joint", "--common")
    assert found["comparison"]["left_out"] == 20
    assert found["data"]["clips"] == 100
    assert any("20 clips" in note for note in found["notes"])
    none = written(tmp_path / "none.npz", made_scores(name="elsewhere"))
    assert run("--compare", file, none, "--common").exit_code == 2
    assert share_clips(file, fewer)
    assert not share_clips(file, none)


def test_other_classes_are_refused(tmp_path: Path) -> None:
    made = made_scores()
    with pytest.raises(UsageError, match="12 classes"):
        match_clips(made_scores(classes=13), made)
    with pytest.raises(UsageError, match="classes"):
        match_clips(made, replace(made, glosses=tuple(f"other {c}" for c in range(12))))
    with pytest.raises(InputRejected, match="labels differ"):
        match_clips(made, replace(made, labels=(made.labels + 1) % 12, glosses=()))


# -- bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "nothing to evaluate"),
        (("--scores", "none.npz"), 3, "no such file"),
        (("--scores", "FILE", "--weights", "joint=x"), 2, "'joint=x' is no weight"),
        (("--scores", "FILE", "--weights", "joint=-1"), 2, "is no weight"),
        (("--scores", "FILE", "--weights", "joint=nan"), 2, "is no weight"),
        (("--scores", "FILE", "--weights", "=1"), 2, "is no weight"),
        (("--scores", "FILE", "--weights", "joint=1,joint=2"), 2, "twice"),
        (("--scores", "FILE", "--weights", "joint=0"), 2, "no positive weight"),
        (("--scores", "FILE", "--weights", "jiont=1"), 2, "no scores of jiont"),
        (("--scores", "FILE", "--weights", "jiont"), 2, "neither a stream"),
        (("--scores", "FILE", "--weights", "learned+temperature"), 2, "a temperature of its own"),
        (("--scores", "FILE", "--by", "gloss"), 2, "gloss cannot be drawn"),
        (("--scores", "FILE", "--draws", "5"), 2, "5 resamples"),
        (("--scores", "FILE", "--draws", "1000000000"), 2, "resamples"),
        (("--scores", "FILE", "--seed", "-1"), 2, "below 0"),
        (("--scores", "FILE", "--folds", "1"), 2, "1 folds"),
        (
            ("--scores", "FILE", "--weights", "learned", "--folds", "500", "--cross-fit", "clip"),
            2,
            "500 folds",
        ),
        (("--scores", "FILE", "--weights", "learned", "--cross-fit", "fold"), 2, "has no folds"),
        (("--scores", "FILE", "--cross-fit", "gloss"), 2, "makes no folds"),
        (("--scores", "FILE", "--fit-on", "FILE", "--cross-fit", "clip"), 2, "one of the two"),
        (("--scores", "FILE", "--weights", "learned", "--fit-on", "FILE"), 2, "120 of its clips are in"),
        (("--scores", "FILE", "--common"), 2, "is for --compare"),
        (("--scores", "FILE", "--compare", "joint", "joint"), 2, "with itself"),
        (("--compare", "joint", "bone"), 2, "no scores file"),
        (("--compare", "FILE", "none.npz"), 3, "no such file"),
        (("RUN", "--scores", "FILE"), 2, "is a run"),
        (("RUN",), 2, "not the folder of a run"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(
    file: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    named = {"FILE": str(file), "RUN": str(tmp_path)}
    result = run(*(named.get(a, a) for a in arguments))
    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_several_streams_without_known_names_ask_for_weights(tmp_path: Path) -> None:
    file = written(tmp_path / "two.npz", made_scores(streams={"mine": 2.0, "yours": 1.0}))
    found = document("--scores", file)
    assert found["details"] is None
    assert any("mine=1,yours=1" in note for note in found["notes"])
    result = run("--compare", file, f"{file}:mine")
    assert result.exit_code == 2
    assert "say which" in result.stderr
    validation = written(tmp_path / "val.npz", made_scores(streams={"mine": 2.0}, name="val"))
    result = run("--scores", file, "--weights", "learned", "--fit-on", validation)
    assert result.exit_code == 2
    assert "no scores of yours" in result.stderr


# -- real scores ------------------------------------------------------------------------------------


@pytest.mark.shared
@needs_autsl
def test_the_published_streams_of_autsl() -> None:
    found = document("--scores", AUTSL, "--weights", FOUR)
    value = {s["name"]: s["metrics"]["top1_per_instance"]["value"] for s in found["systems"]}
    assert {name: round(v, 2) for name, v in value.items() if name != FOUR} == {
        "joint": 95.35,
        "bone": 95.70,
        "joint_motion": 93.21,
        "bone_motion": 93.29,
    }
    assert found["systems"][-1]["right"] == 3610
    assert found["data"]["clips"] == 3742
    assert (found["data"]["signers"], found["data"]["signers_from"]) == (6, "clip names")
    assert len(found["details"]["per_signer"]) == 6


@pytest.mark.slow
@pytest.mark.shared
@needs_autsl
def test_learned_weights_on_autsl_gain_over_the_best_stream() -> None:
    found = document("--scores", AUTSL, "--compare", "bone", "learned")["comparison"]
    assert found["differences"]["nll"]["high"] < 0
    assert found["differences"]["top1_per_instance"]["low"] > 0
