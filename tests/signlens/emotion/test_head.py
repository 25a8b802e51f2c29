"""The shipped head: probabilities, agreement with scikit-learn, refusal of a corrupt file."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from signlens.emotion.head import (
    DESCRIPTION_FILE,
    SHIPPED,
    WEIGHTS_FILE,
    ExpressionHead,
    load_head,
    save_head,
    softmax,
)
from signlens.errors import PartMissing


def some_faces(head: ExpressionHead, count: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.02, (count, 468, 3))
    return (head.reference + noise) * 150 + [320, 240, 0]


def test_probabilities_are_probabilities(head):
    faces = some_faces(head, 20)
    faces[4] = np.nan
    rows = head.probabilities(faces)
    assert np.isnan(rows[4]).all()
    rest = np.delete(rows, 4, axis=0)
    assert (rest >= 0).all()
    np.testing.assert_allclose(rest.sum(axis=1), 1, atol=1e-12)


def test_probabilities_equal_those_of_scikit_learn(head):
    faces = some_faces(head, 30)
    model = LogisticRegression()
    model.classes_ = np.arange(8)
    model.coef_ = head.weights.T / head.temperature
    model.intercept_ = head.bias / head.temperature
    np.testing.assert_allclose(
        head.probabilities(faces), model.predict_proba(head.features(faces)), atol=1e-10
    )


def test_softmax_of_huge_logits():
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4 - np.log(3)]])), [[0.75, 0.25]])


def test_saved_and_loaded_is_the_same_head(head, tmp_path):
    digest = save_head(head, tmp_path, {"note": "x"})
    again = load_head(tmp_path)
    assert again.sha256 == digest
    assert again.temperature == head.temperature
    for name in ("reference", "mirror", "weights", "bias"):
        np.testing.assert_array_equal(getattr(again, name), getattr(head, name))
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 1_000_000


@pytest.mark.parametrize("damage", ["flip", "cut", "absent", "no description", "not json", "other emotions"])
def test_a_damaged_head_is_a_missing_part(tmp_path, damage):
    shutil.copytree(SHIPPED, tmp_path / "w")
    weights, description = tmp_path / "w" / WEIGHTS_FILE, tmp_path / "w" / DESCRIPTION_FILE
    data = bytearray(weights.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        weights.write_bytes(data)
    elif damage == "cut":
        weights.write_bytes(data[: len(data) // 2])
    elif damage == "absent":
        weights.unlink()
    elif damage == "no description":
        description.unlink()
    elif damage == "not json":
        description.write_text("{")
    else:
        facts = json.loads(description.read_text())
        facts["emotions"] = facts["emotions"][::-1]
        description.write_text(json.dumps(facts))
    with pytest.raises(PartMissing):
        load_head(tmp_path / "w")
