import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="R(2+1)D needs the [train] extra")

from signlens.errors import InputRejected, PartMissing  # noqa: E402
from signlens.models.r2plus1d import CONFIGURATIONS, R2Plus1D, R2Plus1DConfig, load_backbone  # noqa: E402

try:
    from torchvision.models.video import r2plus1d_18

    WHY_NOT = ""
except (ImportError, RuntimeError) as error:
    WHY_NOT = str(error)

needs_torchvision = pytest.mark.skipif(
    bool(WHY_NOT), reason=f"R(2+1)D needs the [rgb] extra, a torchvision that fits PyTorch: {WHY_NOT}"
)


def small_input(clips: int = 2) -> torch.Tensor:
    return torch.rand(clips, 3, 4, 32, 32) * 2 - 1


@pytest.fixture(scope="module")
def model() -> R2Plus1D:
    torch.manual_seed(0)
    made = R2Plus1D(R2Plus1DConfig(7))
    made.train()
    with torch.no_grad():
        for _ in range(3):
            made(small_input(4))  # so that the normalisation is not the identity
    return made.eval()


def forget_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_torchvision(monkeypatch)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(PartMissing, match=r"signlens\[rgb\]"):
        R2Plus1D(R2Plus1DConfig(7))


def test_a_torchvision_of_another_build_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_torchvision(monkeypatch)
    (tmp_path / "torchvision").mkdir()
    broken = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / "torchvision" / "__init__.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PartMissing, match=r"does not work with PyTorch .*same index"):
        R2Plus1D(R2Plus1DConfig(7))
    forget_torchvision(monkeypatch)


def test_configurations_survive_json() -> None:
    for configuration in CONFIGURATIONS.values():
        config = configuration(7)
        assert R2Plus1DConfig(**json.loads(json.dumps(config.to_json()))) == config


@needs_torchvision
def test_it_has_the_parameters_of_r2plus1d_18_and_swish_for_relu(model: R2Plus1D) -> None:
    reference = r2plus1d_18(weights=None, num_classes=7)
    own = {name: parameter.shape for name, parameter in model.named_parameters()}
    assert own == {name: parameter.shape for name, parameter in reference.named_parameters()}
    kinds = [type(m) for m in model.modules()]
    assert torch.nn.ReLU not in kinds
    assert kinds.count(torch.nn.SiLU) == [type(m) for m in reference.modules()].count(torch.nn.ReLU)
    assert model.drop_classifier.p == 0.5


@needs_torchvision
def test_it_computes_what_torchvision_computes_with_swish(model: R2Plus1D) -> None:
    reference = r2plus1d_18(weights=None, num_classes=7)
    for module in reference.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.ReLU):
                setattr(module, name, torch.nn.SiLU())
    reference.load_state_dict(model.state_dict())
    x = small_input()
    with torch.no_grad():
        logits, embedding = model(x)
        torch.testing.assert_close(logits, reference.eval()(x))
    assert embedding.shape == (2, 512)


@needs_torchvision
def test_stretches_of_a_clip_are_averaged(model: R2Plus1D) -> None:
    x = torch.stack([small_input(3), small_input(3)])
    with torch.no_grad():
        logits, embedding = model(x)
        parts = [model(clip) for clip in x]
    torch.testing.assert_close(logits, torch.stack([part[0].mean(dim=0) for part in parts]))
    torch.testing.assert_close(embedding, torch.stack([part[1].mean(dim=0) for part in parts]))


@needs_torchvision
def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = R2Plus1D(R2Plus1DConfig(3))
    logits, _ = model(small_input(3))
    torch.nn.functional.cross_entropy(logits, torch.arange(3)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@needs_torchvision
def test_weights_of_other_classes_give_all_but_the_classifier(model: R2Plus1D, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(1)
    theirs = r2plus1d_18(weights=None, num_classes=400).state_dict()
    save_file(theirs, tmp_path / "kinetics.safetensors")
    mine = R2Plus1D(R2Plus1DConfig(7))
    classifier = mine.fc.weight.clone()
    load_backbone(mine, tmp_path / "kinetics.safetensors")
    for name, tensor in mine.state_dict().items():
        assert name.startswith("fc.") or torch.equal(tensor, theirs[name])
    assert torch.equal(mine.fc.weight, classifier)
    save_file(model.state_dict(), tmp_path / "own.safetensors")
    load_backbone(mine, tmp_path / "own.safetensors")
    assert torch.equal(mine.fc.weight, model.fc.weight)


@needs_torchvision
def test_other_weights_are_refused(model: R2Plus1D, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    with pytest.raises(InputRejected, match=r"w\.safetensors"):
        load_backbone(model, path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(InputRejected, match="no readable safetensors file"):
        load_backbone(model, path)
    state = dict(model.state_dict())
    for change in ({"layer5.weight": torch.zeros(1)}, {"stem.0.weight": torch.zeros(1)}):
        save_file({**state, **change}, path)
        with pytest.raises(InputRejected, match="unknown or of another shape"):
            load_backbone(model, path)
    del state["layer1.0.conv1.0.0.weight"]
    save_file(state, path)
    with pytest.raises(InputRejected, match="layer1"):
        load_backbone(model, path)


@needs_torchvision
@pytest.mark.slow
def test_it_exports_to_onnx(model: R2Plus1D, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="export needs the [train] extra")
    from signlens.training.onnx_export import export_onnx

    export_onnx(model, small_input().numpy().astype(np.float32), tmp_path / "rgb.onnx")
    assert (tmp_path / "rgb.onnx").stat().st_size > 100e6
