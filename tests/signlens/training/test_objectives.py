"""Losses for embeddings: as written in the papers, blind to length, and pulling the right way."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")

from signlens.models.cosine import CosineClassifier  # noqa: E402
from signlens.models.handshape import HandShapeConfig, HandShapeNet  # noqa: E402
from signlens.skeleton.hand_features import FEATURES  # noqa: E402
from signlens.training.objectives import (  # noqa: E402
    additive_angular_margin,
    soft_cross_entropy,
    supervised_contrastive,
)

LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 3])


def embedding(seed: int = 0) -> torch.Tensor:
    return torch.randn(len(LABELS), 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def literal_contrast(z: np.ndarray, labels: list[int], temperature: float) -> float:
    """Khosla et al. 2020, equation 2, sum by sum."""
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(len(z)):
        positives = [p for p in range(len(z)) if p != i and labels[p] == labels[i]]
        if not positives:
            continue
        bottom = sum(math.exp(z[i] @ z[a] / temperature) for a in range(len(z)) if a != i)
        losses.append(
            -sum(math.log(math.exp(z[i] @ z[p] / temperature) / bottom) for p in positives) / len(positives)
        )
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_the_contrast_is_the_papers_equation(temperature: float) -> None:
    found = supervised_contrastive(embedding(), LABELS, temperature)
    expected = literal_contrast(embedding().numpy(), LABELS.tolist(), temperature)
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_the_contrast_does_not_know_lengths_and_its_gradient_stands_upright_on_the_embedding() -> None:
    lengths = torch.linspace(0.1, 30, len(LABELS), dtype=torch.float64)[:, None]
    z = (embedding() * lengths).requires_grad_()
    loss = supervised_contrastive(z, LABELS, 0.1)
    assert float(loss) == pytest.approx(float(supervised_contrastive(embedding(), LABELS, 0.1)), rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, z)
    assert float(gradient.norm()) > 0
    torch.testing.assert_close((gradient * z).sum(1), torch.zeros(len(LABELS), dtype=torch.float64))


def test_a_step_along_the_contrasts_gradient_brings_clips_of_a_class_together() -> None:
    z = embedding().requires_grad_()
    for _ in range(200):
        (gradient,) = torch.autograd.grad(supervised_contrastive(z, LABELS, 0.5), z)
        z = (z - 0.5 * gradient).detach().requires_grad_()
    unit = torch.nn.functional.normalize(z, dim=1).detach()
    cosine = unit @ unit.T
    same = LABELS[:, None] == LABELS[None, :]
    assert float(cosine[same].min()) > float(cosine[~same].max())


def test_a_batch_without_pairs_has_no_contrast_and_no_broken_gradient() -> None:
    z = embedding()[:4].requires_grad_()
    loss = supervised_contrastive(z, torch.arange(4), 0.1)
    (gradient,) = torch.autograd.grad(loss, z)
    assert float(loss.detach()) == 0
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_the_margin_widens_the_true_angle_alone() -> None:
    scale, margin = 16.0, 0.3
    angles = torch.tensor([[0.4, 1.2, 2.0], [1.0, 0.2, 3.0]], dtype=torch.float64)
    labels = torch.tensor([1, 2])
    found = additive_angular_margin(scale * torch.cos(angles), labels, scale, margin)
    expected = scale * torch.cos(angles)
    expected[0, 1] = scale * math.cos(1.2 + margin)
    expected[1, 2] = scale * math.cos(math.pi)  # 3.0 + 0.3 would pass pi and be rewarded
    torch.testing.assert_close(found, expected)


def test_without_a_margin_arcface_is_the_cross_entropy_and_with_one_it_asks_for_more() -> None:
    classifier = CosineClassifier(5, 4, 16.0).double()
    logits = classifier(embedding())
    wanted = torch.nn.functional.one_hot(LABELS, 4).double()
    plain = torch.nn.functional.cross_entropy(logits, LABELS, reduction="sum")
    torch.testing.assert_close(soft_cross_entropy(logits, wanted), plain)
    torch.testing.assert_close(additive_angular_margin(logits, LABELS, 16.0, 0.0), logits)
    assert float(soft_cross_entropy(additive_angular_margin(logits, LABELS, 16.0, 0.2), wanted)) > float(
        plain
    )


def test_gradients_of_the_margin_flow_even_where_a_clip_lies_on_its_class() -> None:
    classifier = CosineClassifier(5, 4, 16.0).double()
    z = classifier.weight.detach()[LABELS].clone().requires_grad_()
    logits = additive_angular_margin(classifier(z), LABELS, 16.0, 0.2)
    soft_cross_entropy(logits, torch.nn.functional.one_hot(LABELS, 4).double()).backward()
    assert torch.isfinite(z.grad).all()
    assert torch.isfinite(classifier.weight.grad).all()
    assert float(classifier.weight.grad.norm()) > 0


def test_a_cosine_classifier_knows_directions_alone_and_stays_within_its_scale() -> None:
    classifier = CosineClassifier(5, 4, 16.0).double()
    near = classifier(embedding())
    torch.testing.assert_close(classifier(7 * embedding()), near)
    assert float(near.abs().max()) <= 16
    network = HandShapeNet(HandShapeConfig(4, width=8, cosine_scale=16.0)).eval()
    logits, found = network(torch.randn(3, 12, FEATURES))
    unit = torch.nn.functional.normalize(found, dim=1)
    directions = torch.nn.functional.normalize(network.classifier.weight, dim=1)
    torch.testing.assert_close(logits, 16 * unit @ directions.T)
