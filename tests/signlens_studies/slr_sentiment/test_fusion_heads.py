import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the [train] extra")

from signlens.errors import UsageError  # noqa: E402
from signlens_studies.slr_sentiment.fusion_heads import FusionHead, head_input, layer_sizes  # noqa: E402

PAPER = {  # layers as the paper prints them; parameters counted by hand
    "two_hidden": ((2008, 2006, 2004, 2000), 2009 * 2006 + 2007 * 2004 + 2005 * 2000),
    "one_hidden": ((2008, 2000, 2000), 2009 * 2000 + 2001 * 2000),
    "linear": ((2008, 2000), 2009 * 2000),
    "with_retrieval": ((4008, 2004, 2000), 4009 * 2004 + 2005 * 2000),
}


@pytest.mark.parametrize(("architecture", "expected"), PAPER.items())
def test_with_2000_classes_they_are_the_papers(architecture: str, expected: tuple) -> None:
    sizes, parameters = expected
    assert layer_sizes(architecture, 2000) == sizes
    with torch.device("meta"):
        head = FusionHead(sizes)
    assert sum(p.numel() for p in head.parameters()) == parameters


def test_relu_stands_after_each_hidden_layer_and_dropout_after_the_first() -> None:
    kinds = [type(layer).__name__ for layer in FusionHead((9, 7, 5, 3)).layers]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    assert [type(layer).__name__ for layer in FusionHead((9, 3)).layers] == ["Linear"]


def test_a_head_is_what_its_layers_are() -> None:
    torch.manual_seed(0)
    head = FusionHead((4, 3, 2)).eval()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    state = {k: v.numpy() for k, v in head.state_dict().items()}
    hidden = np.maximum(x @ state["layers.0.weight"].T + state["layers.0.bias"], 0)
    expected = hidden @ state["layers.3.weight"].T + state["layers.3.bias"]
    with torch.no_grad():
        assert np.allclose(head(torch.from_numpy(x)).numpy(), expected, atol=1e-6)


def test_scores_and_retrieval_come_at_length_1_and_emotions_as_they_are() -> None:
    rng = np.random.default_rng(0)
    scores, emotion, retrieval = rng.normal(size=(4, 6)), rng.random((4, 8)), rng.random((4, 6))
    retrieval[2] = 0
    made = head_input(scores, emotion, retrieval)
    assert made.shape == (4, 20)
    assert made.dtype == np.float32
    assert np.allclose(np.linalg.norm(made[:, :6], axis=1), 1)
    assert np.allclose(made[:, 6:14], emotion)
    assert np.allclose(np.linalg.norm(made[:, 14:], axis=1), [1, 1, 0, 1])
    assert np.allclose(head_input(3 * scores, emotion), made[:, :14])


def test_what_does_not_fit_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="three_hidden"):
        layer_sizes("three_hidden", 5)
    with pytest.raises(UsageError, match="shapes"):
        head_input(np.zeros((2, 5)), np.zeros((2, 7)))
    with pytest.raises(UsageError, match="shapes"):
        head_input(np.zeros((2, 5)), np.zeros((2, 8)), np.zeros((2, 6)))
