import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="SL-GCN needs the [train] extra")

from literal_slgcn import literal_slgcn  # noqa: E402

from signlens.errors import UsageError  # noqa: E402
from signlens.models.slgcn import (  # noqa: E402
    CONFIGURATIONS,
    SLGCN,
    DecoupledGraphConv,
    DropGraph,
    SLGCNConfig,
    STCAttention,
    paper_slgcn,
)
from signlens.skeleton.graph import EDGES, GRAPHS, REDUCED  # noqa: E402

SMALL = SLGCNConfig(5, channels=(8, 16), strides=(1, 2), groups=4, drop_graph_from=1, temporal_kernel=3)


@pytest.mark.parametrize(
    ("classes", "parameters"), [(100, 3_806_202), (226, 3_838_584), (500, 3_909_002), (2000, 4_294_502)]
)
def test_the_papers_configuration_has_the_papers_number_of_parameters(classes: int, parameters: int) -> None:
    model = SLGCN(paper_slgcn(classes))
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == parameters


def test_configurations_survive_json() -> None:
    for configuration in CONFIGURATIONS.values():
        config = replace(configuration(7), graph="whole_body", attention=False)
        document = json.loads(json.dumps(config.to_json()))
        document = {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
        assert SLGCNConfig(**document) == config


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


def opened(config: SLGCNConfig) -> SLGCN:
    """A network in float64 whose gates, norms and matrices are away from their zeros and ones."""
    model = SLGCN(config).double()
    for name, parameter in model.named_parameters():
        if "adjacency" in name or "norm.weight" in name:
            torch.nn.init.uniform_(parameter, 0.2, 1.2)
        elif "attention" in name or name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            torch.nn.init.normal_(buffer, std=0.3)
        elif name.endswith("running_var"):
            torch.nn.init.uniform_(buffer, 0.5, 2.0)
    return model


def both_ways(
    config: SLGCNConfig, x: torch.Tensor, *, training: bool, keep: float = 1.0
) -> tuple[SLGCN, list[torch.Tensor], list[torch.Tensor]]:
    """Logits and all gradients, from the network and from the literal implementation."""
    torch.manual_seed(0)
    model = opened(config).train(training)
    model.keep = keep
    parameters = {k: v.detach().clone() for k, v in model.state_dict().items()}
    learnt = [name for name, _ in model.named_parameters()]
    for name in learnt:
        parameters[name].requires_grad_()
    labels = torch.arange(len(x)) % config.classes
    torch.manual_seed(1)
    logits, _ = model(x)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    torch.manual_seed(1)
    expected = literal_slgcn(
        x,
        parameters,
        channels=config.channels,
        strides=config.strides,
        edges=GRAPHS[config.graph].edges,
        training=training,
        keep=keep,
        drop_graph_from=config.drop_graph_from,
        drop_block=config.drop_block,
    )
    torch.nn.functional.cross_entropy(expected, labels).backward()
    ours = [logits, *(p.grad for p in model.parameters())]
    literal = [expected, *(parameters[name].grad for name in learnt)]
    return model, [t.detach() for t in ours], [t.detach() for t in literal]


@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_those_of_the_literal_network(training: bool) -> None:
    x = torch.randn(2, 3, 7, 27, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _, ours, literal = both_ways(SMALL, x, training=training)
    assert ours[0].std() > 0.01
    for a, b in zip(ours, literal, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(
    "change", [{"decoupled": False}, {"graph": "upper_body_and_hands"}], ids=["one group", "49 nodes"]
)
def test_variants_are_those_of_the_literal_network(change: dict[str, object]) -> None:
    config = replace(SMALL, channels=(4, 4), **change)
    nodes = len(GRAPHS[config.graph].nodes)
    x = torch.randn(2, 3, 7, nodes, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _, ours, literal = both_ways(config, x, training=True)
    for a, b in zip(ours, literal, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10)


def test_drop_graph_drops_what_the_literal_one_drops_when_both_draw_the_same() -> None:
    config = replace(SMALL, channels=(4, 8), drop_graph_from=0, drop_block=5)
    x = torch.randn(3, 3, 12, 27, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _, ours, literal = both_ways(config, x, training=True, keep=0.7)
    _, undropped, _ = both_ways(config, x, training=True)
    assert (ours[0] - undropped[0]).abs().max() > 0.01, "something was dropped"
    for a, b in zip(ours, literal, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10)


@pytest.mark.slow
def test_the_papers_network_is_the_literal_one() -> None:
    x = torch.randn(2, 3, 9, 27, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _, ours, literal = both_ways(paper_slgcn(20), x, training=True)
    for a, b in zip(ours, literal, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


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
    dropped = layer.drop_nodes(x, 0.9)
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
        # A batch norm takes this one away.
        assert name.endswith("graph_conv.bias") or parameter.grad.abs().sum() > 0, name
