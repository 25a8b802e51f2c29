"""DAN: its size, its parts against literal arithmetic, its losses, and weights from elsewhere."""

import os
import pickle
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="DAN needs the [train] extra")

from signlens.emotion import dan_network as dan  # noqa: E402
from signlens.emotion.dan_network import (  # noqa: E402
    DAN,
    ChannelAttention,
    DANConfig,
    ResNet18,
    SpatialAttention,
)
from signlens.emotion.expressions import EMOTIONS  # noqa: E402
from signlens.errors import InputRejected  # noqa: E402


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = DAN()
    with torch.no_grad():  # statistics that are not those of a fresh network
        network(torch.randn(4, 3, 64, 64))
    return network.eval()


def published_names(model: DAN) -> dict[str, torch.Tensor]:
    """The state as the authors' checkpoints name it, written down from their description, not ours."""
    parts = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
    spatial = {"reduce": "conv1x1", "square": "conv_3x3", "row": "conv_1x3", "column": "conv_3x1"}
    state = {}
    for name, tensor in model.state_dict().items():
        first, *rest = name.split(".")
        if first == "backbone":
            renamed = ".".join(["features", parts[rest[0]], *rest[1:]])
        elif first == "heads" and rest[1] == "spatial":
            renamed = ".".join([f"cat_head{rest[0]}", "sa", spatial[rest[2]], *rest[3:]])
        elif first == "heads":
            renamed = ".".join([f"cat_head{rest[0]}", "ca", "attention", *rest[3:]])
        else:
            renamed = ".".join([{"classifier": "fc", "norm": "bn"}[first], *rest])
        state[renamed] = tensor.clone()
    return state


def test_size_is_the_papers():
    count = sum(p.numel() for p in DAN().parameters())
    assert round(count / 1e6, 2) == 19.72
    # ResNet-18's published size without its classifier of 1,000 classes.
    assert sum(p.numel() for p in ResNet18().parameters()) == 11_689_512 - 513_000


@pytest.mark.parametrize("side", [224, 96, 65])
def test_the_map_is_a_32nd_of_the_picture(model, side):
    with torch.no_grad():
        features = model.backbone(torch.randn(1, 3, side, side))
        logits, pooled, heads = model(torch.randn(1, 3, side, side))
    assert features.shape == (1, 512, -(-side // 32), -(-side // 32))
    assert logits.shape == (1, 8)
    assert pooled.shape == (1, 512)
    assert heads.shape == (1, 4, 512)


def test_heads_are_log_shares_and_logits_are_normalised(model):
    with torch.no_grad():
        logits, _, heads = model(torch.randn(3, 3, 64, 64))
        np.testing.assert_allclose(heads.exp().sum(dim=1).numpy(), 1, rtol=1e-5)
        summed = heads.sum(dim=1) @ model.classifier.weight.T + model.classifier.bias
        norm = model.norm
        expected = (summed - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    np.testing.assert_allclose(
        logits.numpy(), (expected * norm.weight + norm.bias).detach().numpy(), rtol=1e-4, atol=1e-5
    )


def test_one_head_is_left_as_it_is():
    network = DAN(DANConfig(7, heads=1)).eval()
    with torch.no_grad():
        x = torch.randn(2, 3, 64, 64)
        _, _, heads = network(x)
        np.testing.assert_allclose(heads[:, 0].numpy(), network.heads[0](network.backbone(x)).numpy())


def test_attention_by_hand():
    torch.manual_seed(1)
    spatial, channel = SpatialAttention(6, 4).eval(), ChannelAttention(6, 3).eval()
    x = torch.randn(2, 6, 3, 3)
    with torch.no_grad():
        reduced = spatial.reduce(x)
        padded = torch.nn.functional.pad(reduced, (1, 1, 1, 1))
        votes = torch.zeros(2, 6, 3, 3)
        for kernel, (rows, columns) in (
            (spatial.square, (3, 3)),
            (spatial.row, (1, 3)),
            (spatial.column, (3, 1)),
        ):
            convolution, norm = kernel[0], kernel[1]
            for i in range(3):
                for j in range(3):
                    top, left = i + (1 - rows // 2), j + (1 - columns // 2)
                    patch = padded[:, :, top : top + rows, left : left + columns]
                    value = torch.einsum("nchw,ochw->no", patch, convolution.weight) + convolution.bias
                    votes[:, :, i, j] += value / (1 + norm.eps) ** 0.5  # a fresh norm: mean 0, variance 1
        expected = x * votes.clamp(min=0).sum(dim=1, keepdim=True)
        np.testing.assert_allclose(spatial(x).numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)
        pooled = x.mean(dim=(2, 3))
        np.testing.assert_allclose(channel(x).numpy(), (pooled * channel.gate(pooled)).numpy(), rtol=1e-5)


@pytest.mark.parametrize(("wrapped", "parallel"), [(True, False), (False, True)])
def test_a_published_checkpoint_is_read(tmp_path, model, wrapped, parallel):
    state = published_names(model)
    assert len(state) == len(model.state_dict())
    if parallel:
        state = {f"module.{name}": tensor for name, tensor in state.items()}
    content = (
        {"iter": 5, "model_state_dict": state, "optimizer_state_dict": {"state": {}}} if wrapped else state
    )
    path = tmp_path / "affecnet8_epoch5.pth"
    torch.save(content, path)
    again, expressions = dan.read_weights(path)
    assert expressions == EMOTIONS
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        np.testing.assert_array_equal(again(x)[0].numpy(), model(x)[0].numpy())


def test_seven_classes_are_those_without_contempt(tmp_path):
    path = tmp_path / "seven.pth"
    torch.save({"model_state_dict": published_names(DAN(DANConfig(7)))}, path)
    assert dan.read_weights(path)[1] == EMOTIONS[:7]


class Malice:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize(
    "case",
    ["code", "pickle", "noise", "empty", "absent", "stranger", "shape", "lacking", "nan", "no state", "nine"],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, monkeypatch, model, case):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    state = published_names(model)
    if case == "code":
        torch.save({"model_state_dict": state, "extra": Malice()}, path)
    elif case == "pickle":
        path.write_bytes(pickle.dumps(Malice()))
    elif case == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(4096))
    elif case == "empty":
        path.write_bytes(b"")
    elif case == "no state":
        torch.save([1, 2, 3], path)
    elif case != "absent":
        if case == "stranger":
            state["features.9.weight"] = torch.zeros(1)
        elif case == "shape":
            state["fc.weight"] = torch.zeros(8, 500)
        elif case == "lacking":
            del state["cat_head2.ca.attention.0.weight"]
        elif case == "nan":
            state["fc.bias"][3] = torch.nan
        elif case == "nine":
            state |= {
                k: torch.zeros(9, *v.shape[1:]) for k, v in state.items() if re.match(r"(fc|bn)\.[wbr]", k)
            }
        torch.save({"model_state_dict": state}, path)
    with pytest.raises(InputRejected, match=r"weights\.pth"):
        dan.read_weights(path)
    assert not (tmp_path / "owned").exists()


def test_own_weights_say_what_their_classes_are(tmp_path):
    path = tmp_path / "own.safetensors"
    dan.save_weights(DAN(DANConfig(7)), EMOTIONS[1:], path)
    assert dan.read_weights(path)[1] == EMOTIONS[1:]
    dan.save_weights(DAN(DANConfig(7)), EMOTIONS, path)
    with pytest.raises(InputRejected, match="does not fit"):
        dan.read_weights(path)
    dan.save_weights(DAN(DANConfig(2)), ["joy", "happy"], path)
    with pytest.raises(InputRejected, match="which expressions"):
        dan.read_weights(path)
    path.write_bytes(b"no")
    with pytest.raises(InputRejected, match="safetensors"):
        dan.read_weights(path)
