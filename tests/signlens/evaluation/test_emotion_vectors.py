"""Emotion vectors: what files say of faces, and systems whose scores are augmented with it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_emotion import GLOSSES, emotional, faces, written_faces
from made_scores import written
from typer.testing import CliRunner

from signlens.cli import app
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.gloss_map import add_log_boost, load_gloss_map
from signlens.errors import InputRejected, UsageError
from signlens.evaluation.comparison import mcnemar
from signlens.evaluation.emotion_vectors import EmotionBoost, EmotionVectors, read_emotion_vectors
from signlens.evaluation.metrics import top_k_hits
from signlens.evaluation.systems import FittingData, Settings, system_scores
from signlens.fusion.emotion_strength import choose_strength
from signlens.models.ensemble import fit_temperature

HEAD = "clip," + ",".join(EMOTIONS)
MAP = load_gloss_map()


def read(path: Path, text: str) -> EmotionVectors:
    path.write_text(text, encoding="utf-8")
    return read_emotion_vectors(path)


# -- files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "\na,0.5,0.5,0,0,0,0,0,0\nb,,,,,,,,\n",
        "sample,majority," + ",".join(EMOTIONS) + "\na,happy,0.5,0.5,0,0,0,0,0,0\nb,,0,0,0,0,0,0,0,0\n",
        "a,1,0.5,0.5,0,0,0,0,0,0\nb,0,0,0,0,0,0,0,0,0\n",
        "a;0.5;0.5;0;0;0;0;0;0\nb;0;0;0;0;0;0;0;0\n",
        "contempt,name," + ",".join(EMOTIONS[:-1]) + "\n0,a,0.5,0.5,0,0,0,0,0\n0,b,0,0,0,0,0,0,0\n",
    ],
)
def test_every_form_says_the_same(tmp_path: Path, text: str) -> None:
    found = read(tmp_path / "v.csv", text)
    assert found.clips.tolist() == ["a", "b"]
    assert found.values.tolist() == [[0.5, 0.5, 0, 0, 0, 0, 0, 0], [0.0] * 8]
    assert found.of(np.array(["b", "absent", "a"])).tolist() == [
        [0.0] * 8,
        [0.0] * 8,
        found.values[0].tolist(),
    ]
    assert found.lacking(np.array(["b", "absent", "a"])) == 1


def test_what_recognize_prints_is_read(tmp_path: Path) -> None:
    shown = dict.fromkeys(EMOTIONS, 0.125)
    documents = [
        {"clip": {"path": "films/a.mp4"}, "emotion": {"probabilities": shown}},
        {"clip": {"path": "films/b.mp4"}, "emotion": None},
    ]
    found = read(tmp_path / "v.json", json.dumps(documents))
    assert found.clips.tolist() == ["a", "b"]
    assert found.values.tolist() == [[0.125] * 8, [0.0] * 8]
    with pytest.raises(InputRejected, match="recognize"):
        read(tmp_path / "w.json", '{"clip": {"path": "a"}}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD + "\n",
        HEAD + "\na,x,0,0,0,0,0,0,0\n",
        HEAD + "\na,nan,0,0,0,0,0,0,0\n",
        HEAD + "\na,,0,0,0,0,0,0,0\n",
        HEAD + "\na,1,0,0,0,0,0,0\n",
        HEAD + "\n,1,0,0,0,0,0,0,0\n",
        HEAD + "\na,1,0,0,0,0,0,0,0\na,1,0,0,0,0,0,0,0\n",
        HEAD + ",colour\na,1,0,0,0,0,0,0,0,red\n",
        "clip,neutral\na,1\n",
        "a,b\n",
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputRejected, match=r"v\.csv"):
        read(tmp_path / "v.csv", text)


def test_writing_and_reading_give_the_same(tmp_path: Path) -> None:
    made = faces(emotional(30))
    again = read_emotion_vectors(written_faces(tmp_path / "v.csv", made))
    assert again.clips.tolist() == made.clips.tolist()
    np.testing.assert_allclose(again.values, made.values, rtol=1e-5)


def test_vectors_of_other_clips_are_refused() -> None:
    with pytest.raises(UsageError, match="none of the"):
        faces(emotional(5, name="other")).of(emotional(5).clips)


# -- systems ----------------------------------------------------------------------------------------


def settings(vectors: EmotionVectors, **more) -> Settings:
    return Settings(emotion=EmotionBoost(vectors, MAP), **more)


def test_a_fixed_strength() -> None:
    scores = emotional()
    teacher = FittingData(scores, settings(faces(scores)))
    vectors = teacher.settings.emotion.vectors.of(scores.clips)
    plain = system_scores("joint=1,bone=1", teacher).scores
    fixed = system_scores("joint=1,bone=1+emotion=2", teacher)
    assert (fixed.scores == add_log_boost(plain, vectors, MAP.class_emotions(GLOSSES), 2.0, 10)).all()
    assert fixed.learned["emotion"]["gloss_map_sha256"] == MAP.sha256


@pytest.mark.parametrize("words", ["joint", "sam-slr+temperature", "learned"])
def test_cross_fitting_answers_no_clip_with_what_it_taught(words: str) -> None:
    scores = emotional(120)
    vectors = faces(scores)
    teacher = FittingData(scores, settings(vectors, cross_fit_by="signer"))
    made = system_scores(f"{words}+emotion", teacher)
    assert made.learned["cross_fitted_by"] == "signer"
    folds, _ = teacher.folds()
    held = folds == folds[0]
    changed = scores.labels.copy()
    changed[held] = (changed[held] + 1) % 12  # other truths in a fold: its answers must stay
    other = system_scores(f"{words}+emotion", FittingData(replace(scores, labels=changed), teacher.settings))
    np.testing.assert_allclose(other.scores[held], made.scores[held], rtol=1e-9)


def test_the_strength_is_chosen_on_the_validation_file(tmp_path: Path) -> None:
    scores, validation = emotional(), emotional(seed=5, name="val")
    vectors = faces(scores)
    more = faces(validation)
    both = EmotionVectors(
        "both",
        "",
        np.concatenate([vectors.clips, more.clips]),
        np.concatenate([vectors.values, more.values]),
    )
    path = written(tmp_path / "val.npz", validation)
    made = system_scores("joint+emotion", FittingData(scores, settings(both, fit_on=path)))
    heat = fit_temperature(validation.streams["joint"], validation.labels)
    expected = choose_strength(
        validation.streams["joint"] / heat, validation.labels, more.values, MAP.class_emotions(GLOSSES)
    )
    assert made.learned["emotion"]["strength"] == expected.strength > 0
    assert made.learned["fitted_on"] == str(path)


def test_what_is_missing_is_said() -> None:
    scores = emotional(20)
    with pytest.raises(UsageError, match="--emotion"):
        system_scores("joint+emotion", FittingData(scores, Settings()))
    with pytest.raises(UsageError, match="strength"):
        system_scores("joint+emotion=-1", FittingData(scores, settings(faces(scores))))
    nameless = replace(scores, glosses=())
    with pytest.raises(InputRejected, match="gloss"):
        system_scores("joint+emotion", FittingData(nameless, settings(faces(scores))))
    strange = replace(scores, glosses=tuple(f"g{i}" for i in range(12)))
    with pytest.raises(UsageError, match="none of the 12 glosses"):
        system_scores("joint+emotion", FittingData(strange, settings(faces(scores))))


# -- the command ------------------------------------------------------------------------------------


def test_evaluate_compares_with_and_without(tmp_path: Path) -> None:
    scores = emotional(400)
    vectors = faces(scores)
    some = EmotionVectors("", "", vectors.clips[10:], vectors.values[10:])
    paths = written(tmp_path / "s.npz", scores), written_faces(tmp_path / "v.csv", some)
    arguments = ["evaluate", "--scores", str(paths[0]), "--emotion", str(paths[1]), "--draws", "200"]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert [s["name"] for s in found["systems"]] == ["sam-slr+temperature", "sam-slr+temperature+emotion"]
    said = found["data"]["emotion"]
    assert (said["gloss_map"], said["gloss_map_sha256"]) == (MAP.name, MAP.sha256)
    assert said["clips_without_vector"] == said["clips_without_face"] == 10
    assert any("10 of 400 clips have no emotion vector" in note for note in found["notes"])
    assert any("enjoy" in note for note in found["notes"])
    plain, boosted = (
        system_scores(s, FittingData(scores, settings(read_emotion_vectors(paths[1])))).scores
        for s in ("sam-slr+temperature", "sam-slr+emotion")
    )
    expected = mcnemar(*(top_k_hits(s, scores.labels, 1) for s in (plain, boosted)))
    assert found["comparison"]["mcnemar"]["p_value"] == pytest.approx(expected.p_value)
    assert found["comparison"]["differences"]["top1_per_instance"]["low"] > 0, "the planted gain"
    assert found["comparison"]["differences"]["top10_per_instance"]["value"] == 0, "top 10 of a top-10 boost"
    people = CliRunner().invoke(app, arguments)
    assert people.exit_code == 0, people.stderr
    assert "emotion by the map slr-sentiment-27, strength" in " ".join(people.stdout.split())


def test_evaluate_takes_a_map_of_ones_own(tmp_path: Path) -> None:
    scores = emotional(60)
    paths = written(tmp_path / "s.npz", scores), written_faces(tmp_path / "v.csv", faces(scores))
    (tmp_path / "m.toml").write_text('name = "mine"\n[glosses]\nhappy = ["book"]\n')
    arguments = ["evaluate", "--scores", str(paths[0]), "--json", "--draws", "100"]
    own = [*arguments, "--emotion", str(paths[1]), "--gloss-map", str(tmp_path / "m.toml")]
    result = CliRunner().invoke(app, [*own, "--compare", "joint", "joint+emotion=4"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["data"]["emotion"]["gloss_map"] == "mine"
    alone = CliRunner().invoke(app, [*arguments, "--gloss-map", str(tmp_path / "m.toml")])
    assert alone.exit_code == 2
    assert "--emotion" in alone.stderr
