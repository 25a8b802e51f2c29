"""The provider `emotiefflib`: the real package over a small ONNX file of the same signature, and fetching it.

The published files cannot be had in a test. A network with the same input, the same last layer and as many
outputs stands in for them; the package, its preprocessing, ONNX Runtime and the HTTP server are real.
"""

from __future__ import annotations

import http.server
import sys
import threading

import numpy as np
import pytest
from typer.testing import CliRunner

onnx = pytest.importorskip("onnx", reason="needs the [emotion] extra")
pytest.importorskip("emotiefflib", reason="needs the [emotion] extra")

from signlens.downloads import git_blob_hash  # noqa: E402
from signlens.emotion import emotiefflib  # noqa: E402
from signlens.emotion.emotiefflib import MODELS, EmotiEffLibProvider, Pinned  # noqa: E402
from signlens.emotion.expressions import EMOTIONS  # noqa: E402
from signlens.emotion.faces import face_picture  # noqa: E402
from signlens.emotion.provider import FaceFrames  # noqa: E402
from signlens.errors import PartMissing, UsageError  # noqa: E402
from signlens_studies.__main__ import app as studies  # noqa: E402


def small_network(outputs: int, side: int) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Mean colour of the input, then a linear layer: ONNX bytes, weights (outputs, 3) and bias."""
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(outputs)
    weights, bias = generator.normal(0, 1, (outputs, 3)), generator.normal(0, 0.3, outputs)
    weights[8:] *= 0.1  # moods stay within -1..1
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["output"], transB=1),
        ],
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 3, side, side])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, outputs])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(bias.astype(np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model.SerializeToString(), weights, bias


@pytest.fixture
def served(tmp_path):
    """A server of a folder on this machine; gives the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Quiet(*a, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()


def written(tmp_path, name: str, outputs: int, side: int = 224):
    content, weights, bias = small_network(outputs, side)
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(content)
    return path, {name: Pinned("http://nowhere.invalid", git_blob_hash(content))}, weights, bias


def red_face(head):
    points = head.reference * 60 + [160, 120, 0]
    image = np.zeros((240, 320, 3), np.uint8)
    image[..., 0], image[..., 1] = 200, np.arange(320, dtype=np.uint8) // 3
    return image, points


PACKAGE_ORDER = ("anger", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
PACKAGE_ORDER_OF_SEVEN = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")


@pytest.mark.parametrize(
    ("name", "outputs", "side", "order"),
    [
        ("enet_b0_8_best_vgaf", 8, 224, PACKAGE_ORDER),
        ("enet_b2_8", 8, 260, PACKAGE_ORDER),
        ("enet_b2_7", 7, 260, PACKAGE_ORDER_OF_SEVEN),
        ("enet_b0_8_va_mtl", 10, 224, PACKAGE_ORDER),
        ("mbf_va_mtl", 10, 112, PACKAGE_ORDER),
    ],
)
def test_answers_are_those_of_an_independent_computation(tmp_path, head, name, outputs, side, order):
    path, pins, weights, bias = written(tmp_path, name, outputs, side)
    provider = EmotiEffLibProvider(path, pins)
    assert provider.face_side == side
    image, points = red_face(head)
    lost = np.full((468, 3), np.nan)
    found = provider.read(FaceFrames(np.stack([points, lost, points]), (image, image, None)))
    assert found.pictured.tolist() == [True, False, False]
    assert np.isnan(found.probabilities[1:]).all()
    # By hand: the mean colour, 0..1, normalised, through the linear layer; RGB order.
    crop = face_picture(image, points, emotiefflib.SCALE)
    mean, deviation = (
        ([0.5] * 3, [0.5] * 3) if "mbf" in name else ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    colour = (crop.reshape(-1, 3).mean(axis=0) / 255 - mean) / deviation
    scores = weights @ colour + bias
    kinds = np.exp(scores[: len(order)] - scores[: len(order)].max())
    expected = dict(zip(order, kinds / kinds.sum(), strict=True))
    for emotion, value in zip(EMOTIONS, found.probabilities[0], strict=True):
        assert value == pytest.approx(expected.get(emotion, 0.0), abs=5e-3)
    assert found.probabilities[0].sum() == pytest.approx(1, abs=1e-5)
    if name.endswith("_mtl"):
        assert found.valence[0] == pytest.approx(scores[8], abs=5e-3)
        assert found.arousal[0] == pytest.approx(scores[9], abs=5e-3)
        assert np.isnan(found.valence[1])
    else:
        assert found.valence is None


def test_the_pins_are_every_model_of_the_package():
    from emotiefflib.facial_analysis import get_model_list

    assert set(MODELS) == set(get_model_list())
    assert len({pin.git_blob for pin in MODELS.values()}) == len(MODELS)
    assert all(name in pin.url and emotiefflib.COMMIT in pin.url for name, pin in MODELS.items())


def test_a_model_is_fetched_only_with_its_licence_accepted(tmp_path, served, monkeypatch):
    folder, address = served
    content, _, _ = small_network(8, 224)
    (folder / "enet_b0_8_best_vgaf.onnx").write_bytes(content)
    pins = {"enet_b0_8_best_vgaf": Pinned(f"{address}/enet_b0_8_best_vgaf.onnx", git_blob_hash(content))}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(emotiefflib, "MODELS", pins)
    words = ["expression", "fetch-emotiefflib"]
    refused = CliRunner().invoke(studies, words)
    assert refused.exit_code == UsageError.exit_code
    assert "Apache" in refused.stderr
    assert not (tmp_path / "cache").exists()
    made = emotiefflib.fetch_model("enet_b0_8_best_vgaf", None, pins)
    assert made == tmp_path / "cache" / "signlens" / "emotiefflib" / "enet_b0_8_best_vgaf.onnx"
    assert made.read_bytes() == content
    assert EmotiEffLibProvider(None, pins).version.startswith("enet_b0_8_best_vgaf+")
    wrong = CliRunner().invoke(studies, [*words, "enet_b9", "--accept-licence"])
    assert wrong.exit_code == UsageError.exit_code


def test_other_bytes_are_not_kept(tmp_path, served):
    folder, address = served
    (folder / "m.onnx").write_bytes(b"not what was pinned")
    pins = {"m": Pinned(f"{address}/m.onnx", git_blob_hash(b"what was pinned"))}
    with pytest.raises(PartMissing, match="pinned"):
        emotiefflib.fetch_model("m", tmp_path / "here", pins)
    assert not list((tmp_path / "here").glob("*")) if (tmp_path / "here").exists() else True
    with pytest.raises(PartMissing, match="fetched"):
        emotiefflib.fetch_model("m", tmp_path, {"m": Pinned(f"{address}/none.onnx", "0" * 40)})
    with pytest.raises(PartMissing, match="fetched"):
        emotiefflib.fetch_model("m", tmp_path, {"m": Pinned("http://127.0.0.1:9/m.onnx", "0" * 40)})


def test_a_changed_or_absent_file_is_a_missing_part(tmp_path, monkeypatch):
    path, pins, _, _ = written(tmp_path, "enet_b2_8", 8, 260)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(PartMissing, match="pinned"):
        EmotiEffLibProvider(path, pins)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    with pytest.raises(PartMissing, match="fetch it with"):
        EmotiEffLibProvider("enet_b2_8", pins)
    with pytest.raises(UsageError, match="enet_b2_8"):
        EmotiEffLibProvider("other", pins)


def test_a_file_that_is_no_network_is_a_missing_part(tmp_path):
    path = tmp_path / "enet_b2_8.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(PartMissing, match="load"):
        EmotiEffLibProvider(path, {"enet_b2_8": Pinned("", git_blob_hash(b"no network"))})


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    path, pins, _, _ = written(tmp_path, "enet_b2_8", 8, 260)
    monkeypatch.setitem(sys.modules, "emotiefflib", None)
    with pytest.raises(PartMissing, match=r"signlens\[emotion\]"):
        EmotiEffLibProvider(path, pins)


def test_the_packages_own_look_up_is_put_back(tmp_path):
    from emotiefflib import facial_analysis

    before = facial_analysis.get_model_path_onnx
    path, pins, _, _ = written(tmp_path, "enet_b2_8", 8, 260)
    EmotiEffLibProvider(path, pins)
    assert facial_analysis.get_model_path_onnx is before
