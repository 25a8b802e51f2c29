import json

import numpy as np
import pytest
import torch

from signlens.emotion import EMOTIONS
from signlens_studies.expression.network_tables import shrunk, with_interval
from signlens_studies.expression.peers import (
    FACE_API_FILE,
    FACE_API_MANIFEST,
    face_api_peer,
    face_api_weights,
)


def test_an_interval_draws_units_whole():
    values = np.repeat([0.0, 1.0], 50)
    alone = with_interval(lambda r: float(values[r].mean()), np.arange(100), 400, 0)
    pairs = with_interval(lambda r: float(values[r].mean()), np.arange(100) // 10, 400, 0)
    assert alone["value"] == pairs["value"] == 0.5
    assert alone["low"] < 0.5 < alone["high"]
    assert pairs["high"] - pairs["low"] > 1.5 * (alone["high"] - alone["low"])
    assert with_interval(lambda r: 1.0, np.zeros(5), 10, 0) == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_shrunk_pictures_keep_their_size_and_lose_detail():
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 48, 48)).astype(np.float32)
    assert np.array_equal(shrunk(pictures, 48), pictures)
    assert shrunk(pictures, 12).shape == pictures.shape
    assert shrunk(pictures, 12).std() < shrunk(pictures, 24).std() < pictures.std()


def made_face_api(folder):
    """Weights of 8 bits for face-api's four blocks, drawn at random."""
    random = np.random.default_rng(0)
    entries, raw, into = [], b"", 3
    for number, width in enumerate((32, 64, 128, 256)):
        for part in range(4):
            name = f"dense{number}/conv{part}"
            shapes = {"depthwise_filter": (3, 3, into, 1), "pointwise_filter": (1, 1, into, width)}
            if number == part == 0:
                shapes = {"filters": (3, 3, 3, width)}
            for key, shape in (*shapes.items(), ("bias", (width,))):
                entries.append((f"{name}/{key}", shape))
            into = width
    entries += [("fc/weights", (256, 7)), ("fc/bias", (7,))]
    weights = []
    for name, shape in entries:
        raw += random.integers(0, 256, int(np.prod(shape)), dtype=np.uint8).tobytes()
        packed = {"dtype": "uint8", "scale": 0.002, "min": -0.2}
        weights.append({"name": name, "shape": shape, "dtype": "float32", "quantization": packed})
    (folder / FACE_API_FILE).write_bytes(raw)
    (folder / FACE_API_MANIFEST).write_text(json.dumps([{"paths": [FACE_API_FILE], "weights": weights}]))
    return raw


def test_face_apis_weights_are_read_in_order_and_to_the_last_byte(tmp_path):
    raw = made_face_api(tmp_path)
    weights = face_api_weights(tmp_path)
    assert weights["dense0/conv0/filters"].shape == (3, 3, 3, 32)
    first = np.frombuffer(raw, np.uint8, 27) * 0.002 - 0.2
    assert weights["dense0/conv0/filters"][..., 0].numel() == 27
    assert torch.allclose(weights["dense0/conv0/filters"].flatten()[:27], torch.from_numpy(first).float())
    (tmp_path / FACE_API_FILE).write_bytes(raw + b"x")
    with pytest.raises(ValueError, match="bytes"):
        face_api_weights(tmp_path)


def test_face_api_answers_in_our_order_without_contempt(tmp_path):
    made_face_api(tmp_path)
    rows = face_api_peer(tmp_path)(np.random.default_rng(1).integers(0, 256, (3, 48, 48), dtype=np.uint8))
    assert rows.shape == (3, 8)
    assert rows.sum(axis=1) == pytest.approx(1)
    assert (rows[:, EMOTIONS.index("contempt")] == 0).all()
