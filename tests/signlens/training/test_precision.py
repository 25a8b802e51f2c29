from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="exporting needs the [train] extra")
onnx = pytest.importorskip("onnx", reason="exporting needs the [train] extra")

from signlens.errors import SignLensError, UsageError  # noqa: E402
from signlens.models.slgcn import SLGCN, SLGCNConfig  # noqa: E402
from signlens.training.onnx_export import export_onnx  # noqa: E402
from signlens.training.precision import reduce_precision  # noqa: E402

CLIPS = np.random.default_rng(0).normal(size=(40, 3, 12, 27)).astype(np.float32)


def small_network() -> SLGCN:
    torch.manual_seed(0)
    model = SLGCN(SLGCNConfig(8, channels=(16, 32), strides=(1, 2), groups=4, temporal_kernel=3))
    for name, parameter in model.named_parameters():
        if name.endswith("graph_conv.norm.weight"):
            torch.nn.init.ones_(parameter)
    for _ in range(20):
        model(torch.from_numpy(CLIPS))  # running statistics
    return model.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "net.onnx"
    export_onnx(small_network(), CLIPS[:4], path)
    return path


def logits(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"clip": CLIPS})[0])


def copy_of(path: Path, folder: Path) -> Path:
    copy = folder / "net.onnx"
    copy.write_bytes(path.read_bytes())
    return copy


def test_a_file_in_half_precision_is_smaller_and_answers_nearly_the_same(
    exported: Path, tmp_path: Path
) -> None:
    path = copy_of(exported, tmp_path)
    reduce_precision(path, "float16")
    assert path.stat().st_size < 0.65 * exported.stat().st_size
    before, after = logits(exported), logits(path)
    assert 0 < np.abs(after - before).max() < 2e-3 * np.abs(before).max()


def test_half_precision_rounds_the_weights_and_nothing_else(exported: Path, tmp_path: Path) -> None:
    path = copy_of(exported, tmp_path)
    reduce_precision(path, "float16")
    # The same file with its weights rounded by hand, in float32 throughout.
    model = onnx.load(str(exported))
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size >= 256:
            rounded = values.astype(np.float16).astype(np.float32)
            weight.CopyFrom(onnx.numpy_helper.from_array(rounded, weight.name))
    onnx.save(model, str(tmp_path / "by-hand.onnx"))
    np.testing.assert_allclose(logits(path), logits(tmp_path / "by-hand.onnx"), rtol=1e-5, atol=1e-6)


def test_float32_leaves_the_file_and_others_are_refused(exported: Path, tmp_path: Path) -> None:
    path = copy_of(exported, tmp_path)
    reduce_precision(path, "float32")
    assert path.read_bytes() == exported.read_bytes()
    with pytest.raises(UsageError, match="int4"):
        reduce_precision(path, "int4")


def test_a_weight_beyond_the_range_of_half_precision_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    model = small_network()
    torch.nn.init.constant_(model.classifier.weight, 1e6)
    path = tmp_path / "net.onnx"
    export_onnx(model, CLIPS[:4], path)
    before = path.read_bytes()
    with pytest.raises(SignLensError, match="float16"):
        reduce_precision(path, "float16")
    assert path.read_bytes() == before
