from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="exporting needs the [train] extra")
onnx = pytest.importorskip("onnx", reason="exporting needs the [train] extra")

from signlens.errors import SignLensError  # noqa: E402
from signlens.models.handshape import HandShapeConfig, HandShapeNet  # noqa: E402
from signlens.models.slgcn import SLGCN, SLGCNConfig  # noqa: E402
from signlens.skeleton.graph import GRAPHS  # noqa: E402
from signlens.skeleton.hand_features import hand_features  # noqa: E402
from signlens.training.onnx_export import export_onnx  # noqa: E402

SMALL = SLGCNConfig(5, channels=(8, 8, 16), strides=(1, 1, 2), groups=4, temporal_kernel=3)


def trained(config: SLGCNConfig, seed: int = 0) -> SLGCN:
    """A network in evaluation mode with all that folding touches away from zeros and ones."""
    torch.manual_seed(seed)
    model = SLGCN(config)
    for name, parameter in model.named_parameters():
        if "adjacency" in name or "norm.weight" in name:
            torch.nn.init.uniform_(parameter, 0.2, 1.2)
        elif "attention" in name or name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    for _ in range(20):
        model(torch.randn(4, 3, 9, len(GRAPHS[config.graph].nodes)))  # running statistics
    return model.eval()


def clips(count: int, frames: int, nodes: int = 27, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3, frames, nodes)).astype(np.float32)


def run(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


@pytest.mark.parametrize(
    "change",
    [{}, {"attention": False}, {"decoupled": False}, {"graph": "upper_body_and_hands"}],
    ids=["full", "no attention", "one group", "49 nodes"],
)
def test_the_file_answers_as_the_network_for_any_number_of_clips_and_frames(
    tmp_path: Path, change: dict[str, object]
) -> None:
    config = replace(SMALL, **change)
    nodes = len(GRAPHS[config.graph].nodes)
    model = trained(config)
    export_onnx(model, clips(2, 9, nodes), tmp_path / "net.onnx")
    for count, frames in ((1, 9), (3, 14)):
        x = clips(count, frames, nodes, seed=frames)
        found = run(tmp_path / "net.onnx", {"clip": x})
        with torch.no_grad():
            logits, embedding = model(torch.from_numpy(x))
        assert logits.std() > 0.05
        np.testing.assert_allclose(found["logits"], logits.numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["embedding"], embedding.numpy(), rtol=1e-4, atol=1e-5)


def test_no_normalisation_is_left_in_the_file(tmp_path: Path) -> None:
    export_onnx(trained(SMALL), clips(2, 9), tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    kinds = {node.op_type for node in graph.node}
    assert not kinds & {"BatchNormalization", "InstanceNormalization", "Div", "Sqrt", "ReduceSum"}
    per_block = sum(node.op_type == "MatMul" for node in graph.node) / len(SMALL.channels)
    assert per_block <= 3, "one product over channels, one over nodes, and the skip's"


def test_exporting_does_not_change_the_network(tmp_path: Path) -> None:
    model = trained(SMALL)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export_onnx(model, clips(1, 9), tmp_path / "net.onnx")
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_other_networks_are_exported_as_they_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = HandShapeNet(HandShapeConfig(4, width=8)).eval()
    rng = np.random.default_rng(0)
    x = hand_features(rng.normal(size=(2, 8, 49, 3)).astype(np.float32), np.ones((2, 8, 49), np.float32))
    export_onnx(model, x, tmp_path / "net.onnx")
    with torch.no_grad():
        expected = model(torch.from_numpy(x[:1]))[0].numpy()
    np.testing.assert_allclose(run(tmp_path / "net.onnx", {"clip": x[:1]})["logits"], expected, atol=1e-5)


def test_a_file_that_answers_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained(SMALL)
    monkeypatch.setattr("signlens.training.onnx_export.TOLERANCE", -1.0)
    with pytest.raises(SignLensError, match="differ"):
        export_onnx(model, clips(1, 9), tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
