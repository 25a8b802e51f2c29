"""The provider `dan`: what the network gets, against Pillow; order of the expressions; missing parts."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="DAN needs the [train] extra")
from PIL import Image  # noqa: E402

from signlens.emotion.dan import SCALE, DanProvider, face_input  # noqa: E402
from signlens.emotion.dan_network import DAN, DANConfig, save_weights  # noqa: E402
from signlens.emotion.expressions import EMOTIONS  # noqa: E402
from signlens.emotion.faces import face_square  # noqa: E402
from signlens.emotion.provider import FaceFrames  # noqa: E402
from signlens.errors import InputRejected, PartMissing, UsageError  # noqa: E402
from signlens_studies.slr_sentiment.haar_face import paper_logits  # noqa: E402


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    torch.manual_seed(3)
    model = DAN(DANConfig(7))
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))
    path = tmp_path_factory.mktemp("dan") / "seven.safetensors"
    save_weights(model.eval(), EMOTIONS[1:], path)
    return DanProvider(path)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(
        0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8
    )
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("size", [(500, 500), (300, 280), (90, 90), (224, 224)])
def test_the_network_sees_what_the_authors_preprocessing_gives(size):
    """Pillow's resize, then to 0..1, then ImageNet's mean and deviation: written out here on its own."""
    image = picture(*size)
    small = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR), dtype=np.float64)
    expected = (small / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = face_input(image).numpy().transpose(1, 2, 0)
    one_step = 1 / 255 / 0.224
    # Pillow rounds to whole grey levels between its two passes; one level of 255 may differ here and there.
    assert np.abs(found - expected).max() < 1.1 * one_step
    assert np.abs(found - expected).mean() < 0.25 * one_step


def test_red_is_red(head, provider):
    """A face that is red in RGB reaches the first channel, not the third."""
    points = head.reference * 60 + [160, 120, 0]
    red = np.zeros((240, 320, 3), np.uint8)
    red[..., 0] = 255
    corner, side = face_square(points, SCALE)
    x, y = corner.astype(int)
    crop = red[y : y + int(side), x : x + int(side)]
    expected = provider.logits_of_crops([crop])
    np.testing.assert_allclose(provider.logits(FaceFrames(points[None], (red,))), expected, atol=1e-5)
    assert np.abs(provider.logits_of_crops([crop[..., ::-1].copy()]) - expected).max() > 1e-4
    values = face_input(crop).mean(dim=(1, 2)).tolist()
    np.testing.assert_allclose(values, [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-4)


def test_expressions_come_in_our_order(provider, head):
    image, points = picture(240, 320), np.repeat(head.reference[None] * 60 + [160, 120, 0], 3, axis=0)
    points[1] = np.nan
    found = provider.read(FaceFrames(points, (image, image, None)))
    assert found.pictured.tolist() == [True, False, False]
    assert np.isnan(found.probabilities[1:]).all()
    logits = provider.logits(FaceFrames(points, (image, image, None)))[0]
    expected = np.exp(logits) / np.exp(logits).sum()
    assert found.probabilities[0, 0] == 0  # this network does not know neutral
    np.testing.assert_allclose(found.probabilities[0, 1:], expected)
    assert found.valence is None
    assert found.arousal is None


def test_the_weights_are_named_or_missing(tmp_path, provider):
    assert provider.version.startswith("seven+")
    with pytest.raises(PartMissing, match="--emotion-model"):
        DanProvider(None)
    with pytest.raises(PartMissing, match="weights file"):
        DanProvider(tmp_path / "none.pth")
    (tmp_path / "no.pth").write_bytes(b"no")
    with pytest.raises(InputRejected):
        DanProvider(tmp_path / "no.pth")


def test_without_pytorch_the_extra_is_named(provider, tmp_path, monkeypatch):
    import sys

    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"")
    monkeypatch.delitem(sys.modules, "signlens.emotion.dan_network")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(PartMissing, match=r"signlens\[train\]"):
        DanProvider(path)


def test_the_papers_way_needs_the_papers_network(provider):
    with pytest.raises(UsageError, match="AffectNet-8"):
        paper_logits([np.zeros((8, 8, 3), np.uint8)] * 12, provider)
