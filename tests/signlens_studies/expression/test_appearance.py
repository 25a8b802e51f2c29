"""The branch's training: scikit-learn's discriminant, shares by a grid, no signer among its faces."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from signlens.emotion.appearance import HISTOGRAMS
from signlens.emotion.head import load_head
from signlens_studies.expression.appearance import crop_histograms, fit_discriminants, fit_shares


def labelled(seed: int, count: int = 210, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    label = generator.permutation(np.arange(count) % 7 + 1)
    mixing = generator.normal(size=(width, width))
    return generator.normal(size=(count, width)) @ mixing + 2 * np.eye(8, width)[label], label


@pytest.mark.parametrize("shrinkage", [0.1, 0.5, 1.0])
def test_the_discriminant_is_scikit_learns(shrinkage):
    """Scikit-learn standardises before it shrinks, so the shrunk covariance is given to it."""
    inputs, label = labelled(0)
    means = np.stack([inputs[label == k].mean(axis=0) for k in range(1, 8)])
    covariance = np.cov((inputs - means[label - 1]).T, bias=True)
    shrunk = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / 12 * np.eye(12)

    class Given:
        def fit(self, rows):
            self.covariance_ = shrunk
            return self

    model = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Given()).fit(inputs, label)
    ours = fit_discriminants(inputs, label, [shrinkage])[shrinkage].scores(inputs)
    theirs = model.decision_function(inputs)
    centre = np.ones(7)[:, None] / 7
    np.testing.assert_allclose(ours - ours @ centre, theirs - theirs @ centre, atol=1e-7)


def test_shares_are_the_best_of_a_grid_and_noise_gets_none():
    generator = np.random.default_rng(1)
    label = generator.integers(1, 8, 600)
    useful = 3 * np.eye(7)[label - 1] + generator.normal(0, 1.5, (600, 7))
    noise = generator.normal(0, 1, (600, 7))

    def loss(a: float, b: float) -> float:
        total = a * useful + b * noise
        return float(-(total[np.arange(600), label - 1] - np.log(np.exp(total).sum(axis=1))).mean())

    (a, b), found = fit_shares(useful, noise, label)
    assert found == pytest.approx(loss(a, b))
    assert found <= min(loss(x, y) for x in np.linspace(0, 3, 31) for y in np.linspace(0, 1, 11)) + 1e-6
    assert b < a / 4


def test_faces_that_were_not_found_have_no_description():
    reference = load_head().reference
    crops = np.random.default_rng(2).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    points = np.repeat((reference[None, :, :2] * 24 + 24), 2, axis=0)
    points[1] = np.nan
    rows = crop_histograms(crops, points, reference)
    assert rows.shape == (2, HISTOGRAMS)
    assert np.isfinite(rows[0]).all()
    assert np.isnan(rows[1]).all()
