import pytest

torch = pytest.importorskip("torch", reason="SL-GCN needs the [train] extra")

from signlens.models.frequency_convolution import FrequencyConvolution, frequencies_pay  # noqa: E402
from signlens.models.slgcn import TemporalConv, paper, starter  # noqa: E402


def direct(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int) -> torch.Tensor:
    image = x.reshape(1, len(x), -1, x.shape[3])
    y = torch.nn.functional.conv2d(image, weight[:, :, None], bias, (1, stride), (0, weight.shape[2] // 2))
    return y.view(len(weight), *x.shape[1:3], -1)


@pytest.mark.parametrize(
    ("frames", "kernel", "stride"),
    [(12, 9, 1), (13, 9, 1), (12, 9, 2), (13, 9, 2), (3, 9, 1), (7, 5, 3), (6, 1, 1)],
)
def test_outputs_and_gradients_are_those_of_the_convolution(frames: int, kernel: int, stride: int) -> None:
    generator = torch.Generator().manual_seed(0)

    def made(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_()

    x, weight, bias = made(4, 3, 2, frames), made(5, 4, kernel), made(5)
    ours = FrequencyConvolution.apply(x, weight, bias, stride)
    expected = direct(x, weight, bias, stride)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)
    gradient = torch.randn(ours.shape, dtype=torch.float64, generator=generator)
    for a, b in zip(
        torch.autograd.grad(ours, (x, weight, bias), gradient),
        torch.autograd.grad(expected, (x, weight, bias), gradient),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_in_float32_it_keeps_the_digits_of_float32() -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(64, 3, 2, 100), torch.randn(64, 64, 9) / 24, torch.randn(64)
    ours = FrequencyConvolution.apply(x, weight, bias, 1)
    expected = direct(x.double(), weight.double(), bias.double(), 1)
    assert (ours - expected).abs().max() < 1e-5 * expected.abs().max()


def test_it_pays_for_the_papers_long_kernels_and_not_for_the_starters() -> None:
    large, small = paper(10), starter(10)
    assert frequencies_pay(256, large.temporal_kernel, 25, 1)
    assert frequencies_pay(64, large.temporal_kernel, 100, 1)
    assert not any(
        frequencies_pay(channels, small.temporal_kernel, frames, stride)
        for channels, frames, stride in zip(small.channels, (16, 16, 8), small.strides, strict=True)
    )


def test_a_temporal_convolution_is_the_same_in_training_and_in_evaluation() -> None:
    torch.manual_seed(0)
    layer = TemporalConv(64, 64, 9).double()
    x = torch.randn(64, 2, 2, 30, dtype=torch.float64)
    training = layer(x)
    assert "FrequencyConvolution" in type(training.grad_fn).__name__
    torch.testing.assert_close(training, layer.eval()(x), rtol=1e-10, atol=1e-12)
