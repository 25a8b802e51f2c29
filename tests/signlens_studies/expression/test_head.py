"""The parts of the training command: folds, reference face, whitening, calibration, experiment file."""

from __future__ import annotations

import numpy as np
import pytest
from places import DATA, ROOT
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from study_commands import study

from signlens.emotion.head import load_head
from signlens.errors import InputRejected, UsageError
from signlens.pose.face_points import MEASURES
from signlens_studies.expression.head_experiment import load_experiment
from signlens_studies.expression.head_fitting import Rows, fit_logistic, folds_by_person, whitening
from signlens_studies.expression.measured_faces import _grey, enlarge, mesh_faces, read_crops, rest_frames
from signlens_studies.expression.reference_face import reference_face

EXPERIMENT = ROOT / "src" / "signlens_studies" / "expression" / "emotion-landmarks.toml"


def test_the_shipped_experiment_is_readable():
    experiment = load_experiment(EXPERIMENT)
    assert experiment.folds == 10


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 0", "seed = 0\ncolour = 1"),
        ("seed = 0", ""),
        ("folds = 10", "folds = 'ten'"),
        ("folds = 10", "folds = 1"),
        ('"reflect"]', '"sky"]'),
        ('"reflect"]', '"reflect", "grey"]'),
        ("seed = 0", "seed ="),
    ],
)
def test_a_wrong_experiment_is_an_error(tmp_path, old, new):
    path = tmp_path / "experiment.toml"
    text = EXPERIMENT.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=r"experiment\.toml"):
        load_experiment(path)


def test_folds_keep_a_person_whole():
    person = np.random.default_rng(0).choice([f"S{i:03}" for i in range(40)], size=400)
    fold = folds_by_person(person, 10, seed=1)
    for name in np.unique(person):
        assert len(np.unique(fold[person == name])) == 1
    assert np.unique(fold).tolist() == list(range(10))


def test_the_reference_face_is_symmetric_whatever_the_pictures_pose():
    shipped = load_head()
    generator = np.random.default_rng(2)
    angle = np.deg2rad(8)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    faces = (shipped.reference + generator.normal(0, 0.005, (12, 468, 3))) @ turn.T * 90 + [100, 80, 3]
    faces[3] = np.nan
    reference, order = reference_face(faces)
    np.testing.assert_array_equal(order, shipped.mirror)
    np.testing.assert_allclose(reference[order] * [-1, 1, 1], reference, atol=0.01)
    np.testing.assert_allclose(reference, shipped.reference, atol=0.02)


def test_whitening_is_scikit_learns_scaler_and_pca():
    generator = np.random.default_rng(4)
    count = len(MEASURES)
    features = generator.normal(size=(300, count + 12)) @ generator.normal(size=(count + 12, count + 12))
    rows = Rows(features, np.zeros(300, dtype=np.int64), np.ones(300))
    white = whitening(rows, 5)
    ours = (features - white.mean) @ white.turn
    np.testing.assert_allclose(
        ours[:, :count], StandardScaler().fit_transform(features[:, :count]), atol=1e-8
    )
    theirs = PCA(5, whiten=True).fit_transform(features[:, count:]) * np.sqrt(300 / 299)
    np.testing.assert_allclose(np.abs(ours[:, count:]), np.abs(theirs), atol=1e-6)


def test_the_multiplied_out_head_is_scikit_learns_model():
    generator = np.random.default_rng(5)
    count = len(MEASURES) + 20
    label = generator.integers(0, 8, 240)
    features = generator.normal(size=(240, count)) + np.eye(8, count)[label] * 2
    rows = Rows(features, label, np.ones(240))
    white = whitening(rows, 10)
    ours = fit_logistic(rows, white, 1.0).logits(features)
    from sklearn.linear_model import LogisticRegression

    inputs = (features - white.mean) @ white.turn
    model = LogisticRegression(C=1.0, max_iter=400, tol=1e-3).fit(
        inputs, label, sample_weight=np.full(240, 6.0)
    )
    np.testing.assert_allclose(ours, model.decision_function(inputs), atol=1e-8)


def test_rest_is_near_an_end_with_low_wrists():
    height = np.array([0.9, 0.9, 0.2, 0.9, 0.9, 0.9, 0.9, 0.2, 0.9, 0.9])
    seen = np.ones(10, dtype=bool)
    assert rest_frames(height, seen, 0.3, 0.6, 2).tolist() == [0, 1, 8, 9]
    seen[9] = False
    assert rest_frames(height, seen, 0.3, 0.6, 1).tolist() == [0, 8]
    assert rest_frames(np.zeros(10), seen, 0.3, 0.6, 2).size == 0


def test_missing_data_is_an_answer_not_a_traceback(tmp_path, capsys):
    folder = str(tmp_path)
    options = ["--data", folder, "--videos", folder, "--cache", folder, "--out", folder]
    code = study("expression", "head", EXPERIMENT, *options)
    assert code == InputRejected.exit_code
    assert "CK+" in capsys.readouterr().err


@pytest.mark.shared
def test_the_shipped_head_tells_happy_from_surprise_on_real_crops():
    folder = DATA / "ckplus48"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set SIGNLENS_SHARED")
    experiment = load_experiment(EXPERIMENT)
    files, label, _ = read_crops(folder)
    chosen = [i for i in range(0, len(files), 12) if label[i] in (1, 3)]
    pictures = [
        enlarge(
            _grey(files[i]),
            experiment.crop_margin[0],
            experiment.crop_side[0],
            experiment.crop_filling[0],
        )
        for i in chosen
    ]
    rows = load_head().probabilities(mesh_faces(pictures, refined=True))
    assert np.isfinite(rows).all()
    guess = np.where(rows[:, 1] > rows[:, 3], 1, 3)
    # The head was trained on these faces: this checks the wiring, not the accuracy.
    assert (guess == label[chosen]).mean() > 0.95
    # The same through what `recognize` does with a video: unrefined points, and the crop at them.
    points = mesh_faces(pictures, refined=False)
    rows, used = load_head().probabilities_with_pictures(points, pictures)
    assert used.all()
    guess = np.where(rows[:, 1] > rows[:, 3], 1, 3)
    assert (guess == label[chosen]).mean() > 0.97
    assert (rows[:, 1:].argmax(axis=1) + 1 == label[chosen]).mean() > 0.95
