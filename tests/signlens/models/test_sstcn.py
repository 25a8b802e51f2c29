import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="SSTCN needs the [train] extra")

from signlens.models.sstcn import (  # noqa: E402
    CONFIGURATIONS,
    SSTCN,
    FrameMixing,
    FrameStage,
    Gate,
    KeypointStage,
    SSTCNConfig,
    paper_sstcn,
    small,
)

TINY = SSTCNConfig(5, frames=4, maps=3, size=6, squeeze=2, dense=(8, 10), dense_squeeze=4)


def swish(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def numbers(tensor: torch.Tensor | None) -> np.ndarray:
    assert tensor is not None
    return tensor.detach().numpy()


def slow_gate(gate: Gate, x: np.ndarray, groups: int) -> np.ndarray:
    """The gate, channel by channel: a channel hears only the channels of its own group."""
    n, channels = x.shape[:2]
    width, middle = channels // groups, gate.squeeze.out_channels // groups
    squeeze, excite = numbers(gate.squeeze.weight)[..., 0, 0], numbers(gate.excite.weight)[..., 0, 0]
    squeeze_bias, excite_bias = numbers(gate.squeeze.bias), numbers(gate.excite.bias)
    out = np.empty_like(x)
    for i in range(n):
        for c in range(channels):
            g = c // width
            heard = [x[i, g * width + j].mean() for j in range(width)]
            hidden = [
                swish(np.dot(squeeze[g * middle + k], heard) + squeeze_bias[g * middle + k])
                for k in range(middle)
            ]
            out[i, c] = x[i, c] / (1 + np.exp(-(np.dot(excite[c], hidden) + excite_bias[c])))
    return out


def slow_convolution(layer: torch.nn.Conv2d, x: np.ndarray) -> np.ndarray:
    """Convolution by loops over everything."""
    weight, bias = numbers(layer.weight), numbers(layer.bias)
    n, channels, height, width = x.shape
    reach, stride = layer.kernel_size[0] // 2, layer.stride[0]
    inside, outside = channels // layer.groups, layer.out_channels // layer.groups
    padded = np.pad(x, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    rows, columns = -(-height // stride), -(-width // stride)
    out = np.empty((n, layer.out_channels, rows, columns))
    for i in range(n):
        for o in range(layer.out_channels):
            first = o // outside * inside
            for r in range(rows):
                for c in range(columns):
                    r0, c0 = r * stride, c * stride
                    seen = padded[i, first : first + inside, r0 : r0 + 2 * reach + 1, c0 : c0 + 2 * reach + 1]
                    out[i, o, r, c] = (weight[o] * seen).sum() + bias[o]
    return out


def slow_norm(layer: torch.nn.BatchNorm2d, x: np.ndarray) -> np.ndarray:
    def wide(a: torch.Tensor) -> np.ndarray:
        return numbers(a)[None, :, None, None]

    centred = (x - wide(layer.running_mean)) / np.sqrt(wide(layer.running_var) + layer.eps)
    return centred * wide(layer.weight) + wide(layer.bias)


def slow_pair(stage: torch.nn.Sequential, x: np.ndarray, groups: int) -> np.ndarray:
    """Gate, convolution, normalisation, swish; gate, convolution, normalisation."""
    gates = [m for m in stage if isinstance(m, Gate)]
    layers = [m for m in stage if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in stage if isinstance(m, torch.nn.BatchNorm2d)]
    x = swish(slow_norm(norms[0], slow_convolution(layers[0], slow_gate(gates[0], x, groups))))
    groups = groups if layers[1].groups > 1 else 1
    return slow_norm(norms[1], slow_convolution(layers[1], slow_gate(gates[1], x, groups)))


@pytest.fixture
def model() -> SSTCN:
    """A tiny one in double precision whose normalisation is not the identity."""
    torch.manual_seed(0)
    made = SSTCN(TINY).double()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return made.eval()


@pytest.mark.parametrize(("classes", "millions"), [(226, 57.47), (2000, 59.23)])
def test_the_papers_configuration_has_the_papers_number_of_parameters(classes: int, millions: float) -> None:
    with torch.device("meta"):
        model = SSTCN(paper_sstcn(classes))
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


def test_the_number_of_parameters_is_the_sum_of_the_parts_worked_by_hand() -> None:
    frame_mixing = 2 * ((60 * 10 + 10 + 10 * 60 + 60) + (60 * 60 + 60) + 2 * 60)
    keypoints = 2 * ((60 * 330 + 330 + 10 * 1980 + 1980) + (60 * 9 * 1980 + 1980) + 2 * 1980)
    frames = 2 * ((33 * 600 + 600 + 10 * 1980 + 1980) + (33 * 9 * 1980 + 1980) + 2 * 1980)
    gate = 1980 * 100 + 100 + 100 * 1980 + 1980
    dense = (gate + 1980 * 9 * 1980 + 1980 + 2 * 1980) + (gate + 1980 * 9 * 990 + 990 + 2 * 990)
    expected = 2 * 1980 + frame_mixing + keypoints + frames + dense + 990 * 2000 + 2000
    assert expected == 59_232_990
    with torch.device("meta"):
        assert sum(p.numel() for p in SSTCN(paper_sstcn(2000)).parameters()) == expected


def test_the_small_configuration_is_as_small_as_documented() -> None:
    model = SSTCN(small(50))
    assert 1.9e6 < sum(p.numel() for p in model.parameters()) < 2.0e6


def test_configurations_survive_json() -> None:
    for configuration in CONFIGURATIONS.values():
        config = replace(configuration(7), drop=0.25)
        document = json.loads(json.dumps(config.to_json()))
        document = {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
        assert SSTCNConfig(**document) == config


def test_frame_mixing_agrees_with_a_literal_slow_one(model: SSTCN) -> None:
    block: FrameMixing = model.frame_mixing
    x = np.random.default_rng(0).standard_normal((2, 12, 6, 6))
    # Frames as channels: all maps of a frame lie under one another in one tall picture.
    tall = x.reshape(2, 4, 3 * 6, 6)
    expected = x + slow_pair(block.stage, tall, 1).reshape(x.shape)
    np.testing.assert_allclose(numbers(block(torch.from_numpy(x))), expected, atol=1e-12)


def test_the_keypoint_stage_agrees_with_a_literal_slow_one(model: SSTCN) -> None:
    block: KeypointStage = model.keypoint_stage
    x = np.random.default_rng(1).standard_normal((2, 12, 6, 6))
    keypoint_major = np.stack([x[:, f * 3 + m] for m in range(3) for f in range(4)], axis=1)
    y = slow_pair(block.pair.stage, keypoint_major, 3)
    back = np.stack([y[:, m * 4 + f] for f in range(4) for m in range(3)], axis=1)
    np.testing.assert_allclose(numbers(block(torch.from_numpy(x))), x + back, atol=1e-12)


def test_the_frame_stage_agrees_with_a_literal_slow_one(model: SSTCN) -> None:
    block: FrameStage = model.frame_stage
    x = np.random.default_rng(2).standard_normal((2, 12, 6, 6))
    expected = x + slow_pair(block.pair.stage, x, 4)
    np.testing.assert_allclose(numbers(block(torch.from_numpy(x))), expected, atol=1e-12)


def test_the_whole_network_agrees_with_its_parts_and_a_literal_slow_dense_stage(model: SSTCN) -> None:
    x = torch.rand(2, 12, 6, 6, dtype=torch.float64)
    logits, embedding = model(x)
    y = torch.from_numpy(swish(slow_norm(model.input_norm, x.numpy())))
    y = model.frame_stage(model.keypoint_stage(model.frame_mixing(y)))
    dense = swish(slow_pair(model.dense_stage.stage, numbers(y), 1))
    np.testing.assert_allclose(numbers(embedding), dense.mean(axis=(2, 3)), atol=1e-12)
    by_hand = dense.mean(axis=(2, 3)) @ numbers(model.classifier.weight).T + numbers(model.classifier.bias)
    np.testing.assert_allclose(numbers(logits), by_hand, atol=1e-12)


def test_a_keypoint_does_not_see_others_before_the_frame_stage(model: SSTCN) -> None:
    x = torch.rand(1, 12, 6, 6, dtype=torch.float64)
    changed = x.clone()
    changed[:, 0::3] += 1  # the first map of every frame
    difference = (model.keypoint_stage(changed) - model.keypoint_stage(x)).abs().sum(dim=(0, 2, 3))
    assert (difference[0::3] > 0).all()
    assert not difference[1::3].any() and not difference[2::3].any()
    changed = x.clone()
    changed[:, :3] += 1  # all maps of the first frame
    difference = (model.frame_stage(changed) - model.frame_stage(x)).abs().sum(dim=(0, 2, 3))
    assert (difference[:3] > 0).all() and not difference[3:].any()


@pytest.mark.parametrize("config", [TINY, replace(TINY, dense_strides=(2, 2)), replace(small(7), size=8)])
def test_shapes(config: SSTCNConfig) -> None:
    model = SSTCN(config).eval()
    channels = config.frames * config.maps
    logits, embedding = model(torch.rand(3, channels, config.size, config.size))
    assert logits.shape == (3, config.classes)
    assert embedding.shape == (3, config.dense[1])


def test_evaluation_is_repeatable_and_clips_do_not_see_each_other() -> None:
    model = SSTCN(TINY).eval()
    x = torch.rand(4, 12, 6, 6)
    with torch.no_grad():
        first, again = model(x)[0], model(x)[0]
        alone = torch.cat([model(clip[None])[0] for clip in x])
    assert torch.equal(first, again)
    torch.testing.assert_close(first, alone)
    model.train()
    assert not torch.equal(model(x)[0], model(x)[0])


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = SSTCN(TINY)
    logits, _ = model(torch.rand(8, 12, 6, 6))
    torch.nn.functional.cross_entropy(logits, torch.arange(8) % 5).backward()
    before_norm = {
        f"{name}.bias"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Conv2d) and "squeeze" not in name and "excite" not in name
    }
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        # Normalisation takes away what a bias before it adds.
        if name not in before_norm:
            assert parameter.grad.abs().sum() > 0, name


def test_it_learns_which_frame_a_keypoint_shows_in() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 96)
    x = rng.random((96, 4, 3, 6, 6)).astype(np.float32) * 0.2
    x[np.arange(96), labels, 1, 2:4, 2:4] += 1
    maps, target = torch.from_numpy(x.reshape(96, 12, 6, 6)), torch.from_numpy(labels)
    model = SSTCN(replace(TINY, classes=4))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):  # the running means of its normalisation need as many
        loss = torch.nn.functional.cross_entropy(model(maps[:64])[0], target[:64])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        right = (model.eval()(maps[64:])[0].argmax(dim=1) == target[64:]).float().mean()
    assert right > 0.9


def test_it_exports_to_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="export needs the [train] extra")
    onnxruntime = pytest.importorskip("onnxruntime")
    from signlens.training.onnx_export import export_onnx

    torch.manual_seed(0)
    model = SSTCN(TINY).eval()
    example = np.random.default_rng(0).random((2, 12, 6, 6)).astype(np.float32)
    export_onnx(model, example, tmp_path / "sstcn.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "sstcn.onnx"), providers=["CPUExecutionProvider"])
    other = np.random.default_rng(1).random((5, 12, 6, 6)).astype(np.float32)
    logits, embedding = session.run(None, {"clip": other})
    with torch.no_grad():
        expected = model(torch.from_numpy(other))
    np.testing.assert_allclose(logits, expected[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(embedding, expected[1].numpy(), atol=1e-5)
