import pytest

torch = pytest.importorskip("torch", reason="SL-GCN needs the [train] extra")

from signlens.models.channel_norm import ChannelNorm, NormalisedMixing  # noqa: E402


def test_a_channel_norm_is_a_batch_norm() -> None:
    torch.manual_seed(0)
    x = torch.randn(12, 27, 3, 5, dtype=torch.float64) * 3 + 2
    ours, theirs = ChannelNorm(12).double(), torch.nn.BatchNorm1d(12).double()
    for training in (True, True, False):
        ours.train(training), theirs.train(training)
        torch.testing.assert_close(ours(x), theirs(x.reshape(1, 12, -1)).view_as(x))
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)


def mixing_case() -> tuple[NormalisedMixing, torch.nn.BatchNorm1d, list[torch.Tensor]]:
    """The layer, a plain norm with its parameters, and features, adjacency, bias: 3 subsets, 4 channels."""
    torch.manual_seed(0)
    ours, norm = NormalisedMixing(4, 3).double(), torch.nn.BatchNorm1d(12).double()
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter)
    ours.load_state_dict(norm.state_dict())
    features = torch.randn(12, 5, 7, dtype=torch.float64) * 3 + 2
    adjacency = torch.rand(3, 2, 5, 5, dtype=torch.float64)
    bias = torch.randn(12, dtype=torch.float64)
    return ours, norm, [features, adjacency, bias]


def normalise_then_mix(
    norm: torch.nn.BatchNorm1d, features: torch.Tensor, adjacency: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """Step by step: the norm, then for each channel the sum over subsets of its group's mixing."""
    # Features hold the three subsets of a channel next to each other; parameters stand subset by subset.
    by_subset = torch.stack([features[k::3] for k in range(3)]).reshape(12, 1, -1).transpose(0, 1)
    normal = norm(by_subset + bias[:, None]).view(3, 4, *features.shape[1:])
    return torch.stack([sum(adjacency[k, c % 2].t() @ normal[k, c] for k in range(3)) for c in range(4)])


def test_normalised_mixing_is_a_norm_and_then_the_mixing() -> None:
    ours, norm, inputs = mixing_case()
    for training in (True, True, False):
        ours.train(training), norm.train(training)
        mine, theirs = ([t.clone().requires_grad_() for t in inputs] for _ in range(2))
        found, expected = ours(*mine), normalise_then_mix(norm, *theirs)
        torch.testing.assert_close(found, expected)
        gradient = torch.randn_like(expected)
        for a, b in zip(
            torch.autograd.grad(found, (*mine, ours.weight, ours.bias), gradient),
            torch.autograd.grad(expected, (*theirs, norm.weight, norm.bias), gradient),
            strict=True,
        ):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-10)
        torch.testing.assert_close(ours.running_mean, norm.running_mean)
        torch.testing.assert_close(ours.running_var, norm.running_var)


def test_normalised_mixing_of_several_processes_sees_the_whole_batch() -> None:
    # Two processes that hold the same clips: each sum over both is twice its own.
    ours, norm, (features, adjacency, bias) = mixing_case()
    ours.total = lambda value: value * 2
    one = features.clone().requires_grad_()
    whole = torch.cat([features, features], dim=2).requires_grad_()
    found, expected = ours(one, adjacency, bias), normalise_then_mix(norm, whole, adjacency, bias)
    torch.testing.assert_close(found, expected[..., :7])
    torch.testing.assert_close(ours.running_var, norm.running_var)
    gradient = torch.randn_like(found)
    (of_one,) = torch.autograd.grad(found, one, gradient)
    (of_whole,) = torch.autograd.grad(expected, whole, torch.cat([gradient, gradient], dim=2))
    torch.testing.assert_close(of_one, of_whole[..., :7], rtol=1e-6, atol=1e-10)


def test_a_batch_norm_of_bfloat16_activations_keeps_its_statistics_in_float32() -> None:
    norm = ChannelNorm(4)
    y = norm(torch.randn(4, 27, 2, 5).bfloat16())
    assert y.dtype == torch.bfloat16
    assert norm.running_mean is not None and norm.running_mean.dtype == torch.float32
