import json

import numpy as np
import onnx
import pytest
import torch

from signlens.emotion import EMOTIONS
from signlens_studies.expression.network import ExpressionNetwork, standardised
from signlens_studies.expression.network_export import (
    Calibration,
    FinishedNetwork,
    balanced,
    calibrate,
    export_network,
    figures,
    onnx_reader,
    probabilities,
    recalls,
)


def test_light_and_contrast_do_not_matter():
    pictures = 255 * torch.rand(3, 1, 48, 48)
    assert torch.allclose(standardised(0.4 * pictures + 30), standardised(pictures), atol=1e-4)
    flat = standardised(torch.full((1, 1, 48, 48), 90.0))
    assert torch.isfinite(flat).all() and float(flat.abs().max()) < 1e-4


def test_the_exported_file_reads_a_face_and_its_mirror_image_alike(tmp_path):
    torch.manual_seed(0)
    network = ExpressionNetwork((8, 16, 16), (1, 1, 1)).eval()
    calibration = Calibration(1.3, tuple(np.linspace(-0.5, 0.5, 8)))
    path = tmp_path / "expression.onnx"
    example = 255 * torch.rand(4, 1, 48, 48)
    export_network(network, calibration, path, "made", example)
    read = onnx_reader(path)
    pictures = np.random.default_rng(0).uniform(0, 255, (70, 48, 48)).astype(np.float32)
    found = read(pictures)
    with torch.no_grad():
        expected = FinishedNetwork(network, calibration)(torch.from_numpy(pictures)[:, None]).numpy()
    assert found == pytest.approx(expected, abs=0.02)
    assert read(pictures[:, :, ::-1]) == pytest.approx(found, abs=1e-4)
    model = onnx.load(str(path))
    facts = json.loads({p.key: p.value for p in model.metadata_props}["expression"])
    assert facts["classes"] == list(EMOTIONS)
    assert facts["temperature"] == 1.3
    kinds = {w.data_type for w in model.graph.initializer if np.prod(w.dims) >= 256}
    assert kinds == {onnx.TensorProto.FLOAT16}


def test_calibration_finds_the_temperature_that_was_put_on():
    random = np.random.default_rng(0)
    true = random.normal(0, 1.5, (20000, 8))
    label = np.array([random.choice(8, p=row) for row in probabilities(true)])
    found = calibrate(3.0 * true, label, (0.0,))
    assert found.temperature == pytest.approx(3.0, rel=0.05)
    assert figures(probabilities(found.logits(3.0 * true)), label)["calibration_error"] < 0.02


def test_offsets_help_the_rare_and_are_chosen_from_those_given():
    random = np.random.default_rng(1)
    label = random.choice(8, 4000, p=[0.6, 0.2, 0.1, 0.04, 0.02, 0.015, 0.015, 0.01])
    prior = np.log(np.bincount(label, minlength=8) / len(label))
    logits = prior + 1.2 * np.eye(8)[label] + random.normal(0, 0.8, (4000, 8))
    found = calibrate(logits, label, (0.0, 0.5))
    assert found.offset[5] > found.offset[0]
    plain = logits.argmax(axis=1)
    assert balanced(found.logits(logits).argmax(axis=1), label) > balanced(plain, label)


def test_recall_is_of_the_true_class_and_unknown_where_there_is_none():
    label = np.array([0, 0, 1, 2])
    answer = np.array([0, 1, 1, 0])
    assert recalls(answer, label)[:3].tolist() == [0.5, 1.0, 0.0]
    assert np.isnan(recalls(answer, label)[3])
