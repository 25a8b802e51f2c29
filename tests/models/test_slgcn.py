import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="SL-GCN needs the [train] extra")

from signlens.errors import UsageError  # noqa: E402
from signlens.models.slgcn import (  # noqa: E402
    CONFIGURATIONS,
    SLGCN,
    DecoupledGraphConv,
    DropGraph,
    SLGCNConfig,
    STCAttention,
    paper,
)
from signlens.skeleton.graph import EDGES, GRAPHS, REDUCED  # noqa: E402

SMALL = SLGCNConfig(5, channels=(8, 16), strides=(1, 2), groups=4, drop_graph_from=1, temporal_kernel=3)


@pytest.mark.parametrize(
    ("classes", "parameters"), [(100, 3_806_202), (226, 3_838_584), (500, 3_909_002), (2000, 4_294_502)]
)
def test_the_papers_configuration_has_the_papers_number_of_parameters(classes: int, parameters: int) -> None:
    model = SLGCN(paper(classes))
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == parameters


def test_configurations_survive_json() -> None:
    for configuration in CONFIGURATIONS.values():
        config = replace(configuration(7), graph="whole_body", attention=False)
        document = json.loads(json.dumps(config.to_json()))
        document = {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
        assert SLGCNConfig(**document) == config


def test_the_starter_is_the_network_of_the_starters_experiment() -> None:
    experiment = Path(__file__).parents[2] / "experiments" / "starter.toml"
    settings = tomllib.loads(experiment.read_text())["networks"]["joint"]
    config = CONFIGURATIONS["starter"](62)
    assert list(config.channels) == settings["channels"]
    assert list(config.strides) == settings["strides"]
    assert (config.temporal_kernel, config.groups) == (settings["temporal_kernel"], settings["groups"])


@pytest.mark.parametrize("name", GRAPHS)
def test_the_network_runs_on_every_graph(name: str) -> None:
    nodes = len(GRAPHS[name].nodes)
    model = SLGCN(replace(SMALL, graph=name))
    model.keep = 0.9
    logits, embedding = model(torch.randn(2, 3, 12, nodes))
    logits.sum().backward()
    assert logits.shape == (2, 5) and embedding.shape == (2, 16)
    assert {m.adjacency.shape[-1] for m in model.modules() if isinstance(m, DecoupledGraphConv)} == {nodes}


def test_an_unknown_graph_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="whole_body"):
        replace(SMALL, graph="whole body")


def test_ablations_take_away_what_they_name_and_nothing_else() -> None:
    def parameters(config: SLGCNConfig) -> int:
        return sum(p.numel() for p in SLGCN(config).parameters())

    full = parameters(SMALL)
    assert full - parameters(replace(SMALL, decoupled=False)) == 2 * 3 * (4 - 1) * 27 * 27
    gates = sum(p.numel() for c in (8, 16) for p in STCAttention(c, 27).parameters())
    assert full - parameters(replace(SMALL, attention=False)) == gates
    without = SLGCN(replace(SMALL, drop_graph=False))
    assert parameters(without.config) == full
    assert not any(isinstance(m, DropGraph) for m in without.modules())
    assert any(isinstance(m, DropGraph) for m in SLGCN(SMALL).modules())


def test_attention_has_the_papers_number_of_parameters() -> None:
    model = SLGCN(SLGCNConfig(2000))
    attention = sum(p.numel() for m in model.modules() if isinstance(m, STCAttention) for p in m.parameters())
    assert attention == 314_964


def test_time_shrinks_as_in_the_paper_and_the_embedding_has_256_values() -> None:
    model = SLGCN(SLGCNConfig(7)).eval()
    lengths: list[int] = []
    for block in model.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: lengths.append(output.shape[2]))
    with torch.no_grad():
        logits, embedding = model(torch.randn(1, 3, 150, 27))
    assert lengths == [150] * 4 + [75] * 3 + [38] * 3
    assert embedding.shape == (1, 256)
    assert logits.shape == (1, 7)


def test_graph_convolution_against_a_literal_loop() -> None:
    torch.manual_seed(0)
    layer = DecoupledGraphConv(3, 8, groups=4, graph=REDUCED).double()
    torch.nn.init.uniform_(layer.adjacency, 0.1, 1.0)
    torch.nn.init.uniform_(layer.norm.weight, 0.5, 1.5)
    x = torch.randn(2, 3, 4, 27, dtype=torch.float64)
    layer.eval()
    a = layer.adjacency.detach().numpy()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.zeros((2, 8, 4, 27))
    features = np.einsum("nctv,cd->ndtv", x.numpy(), weight) + bias[None, :, None, None]
    features /= np.sqrt(1 + layer.feature_norm.eps)
    for channel in range(8):
        group = channel % 4
        for subset in range(3):
            matrix = a[subset, group] / (a[subset, group].sum(axis=0, keepdims=True) + 0.001)
            for node in range(27):
                for source in range(27):
                    expected[:, channel, :, node] += (
                        features[:, subset * 8 + channel, :, source] * matrix[source, node]
                    )
    expected = (
        expected / np.sqrt(1 + layer.norm.eps) * layer.norm.weight.detach().numpy()[None, :, None, None]
    )
    with torch.no_grad():
        skip = layer.skip(x).numpy()
        np.testing.assert_allclose(layer(x).numpy(), np.maximum(expected + skip, 0), atol=1e-10)


def test_attention_starts_with_half_open_gates_in_time_and_channel() -> None:
    layer = STCAttention(8, 27)
    torch.nn.init.zeros_(layer.spatial.weight)
    x = torch.randn(2, 8, 6, 27)
    # Each gate is sigmoid(0) = 0.5, so each of the three multiplies by 1.5.
    np.testing.assert_allclose(layer(x).detach().numpy(), x.numpy() * 1.5**3, rtol=1e-5)


def test_drop_graph_is_off_in_evaluation_and_at_keep_one() -> None:
    x = torch.randn(2, 4, 50, 27)
    layer = DropGraph(41, REDUCED)
    assert layer(x, 1.0) is x
    layer.eval()
    assert layer(x, 0.5) is x


def test_drop_graph_drops_neighbourhoods_and_keeps_the_scale() -> None:
    torch.manual_seed(0)
    layer = DropGraph(41, REDUCED)
    x = torch.ones(400, 2, 4, 27)
    dropped = layer._drop_nodes(x, 0.9)
    gone = (dropped[:, 0, 0] == 0).numpy()
    assert 0.03 < gone.mean() < 0.25
    assert dropped.mean().item() == pytest.approx(1.0, abs=1e-3)
    neighbours = {n: {n} for n in range(27)}
    for a, b in EDGES:
        neighbours[a].add(b)
        neighbours[b].add(a)
    for row in gone[gone.any(axis=1)]:
        lost = set(np.flatnonzero(row))
        assert any(neighbours[n] <= lost for n in lost), "what goes is a node with all its neighbours"


def test_the_schedule_freezes_the_adjacency_in_epoch_0_and_lowers_keep() -> None:
    model = SLGCN(SMALL)
    adjacency = [m.adjacency for m in model.modules() if isinstance(m, DecoupledGraphConv)]
    model.schedule(0)
    assert model.keep == 1.0
    assert not any(a.requires_grad for a in adjacency)
    model.schedule(50)
    assert model.keep == pytest.approx(0.95)
    assert all(a.requires_grad for a in adjacency)
    model.schedule(240)
    assert model.keep == pytest.approx(0.9)


def test_every_parameter_learns() -> None:
    model = SLGCN(SMALL)
    model.keep = 0.9
    # The normalisation that starts at almost zero is opened, so that gradients pass.
    for module in model.modules():
        if isinstance(module, DecoupledGraphConv):
            torch.nn.init.ones_(module.norm.weight)
        if isinstance(module, STCAttention):
            torch.nn.init.normal_(module.excite.weight)
            torch.nn.init.normal_(module.temporal.weight)
    logits, _ = model(torch.randn(4, 3, 12, 27))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
