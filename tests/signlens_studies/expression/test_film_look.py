import numpy as np
import pytest
import torch

from signlens_studies.expression.face_pictures import PLAIN
from signlens_studies.expression.film_look import FilmLook, _compressed, _cosines, filmed, frames, mixed

UNCHANGED = FilmLook(
    unaligned=0,
    degrees=0,
    scale=0,
    shift=0,
    turn=0,
    light=0,
    gamma=1,
    coarse=0,
    noise=0,
    compressed=0,
    covered=0,
)


@pytest.fixture
def batch():
    random = np.random.default_rng(0)
    pictures = torch.from_numpy(random.integers(0, 256, (16, 72, 72), dtype=np.uint8))
    return pictures, torch.from_numpy(np.repeat(PLAIN[None], 16, axis=0))


def test_the_frame_of_a_plain_picture_is_its_middle(batch):
    pictures, placement = batch
    assert torch.allclose(frames(pictures, placement)[:, 0], pictures[:, 12:60, 12:60].float(), atol=0.01)


def test_a_frame_follows_its_placement(batch):
    pictures, placement = batch
    moved = placement + torch.tensor([[0, 0, 3], [0, 0, -2]])
    assert torch.allclose(frames(pictures, moved)[:, 0], pictures[:, 10:58, 15:63].float(), atol=0.01)


def test_pictures_stay_grey_levels_and_the_same_numbers_make_the_same_pictures(batch):
    first = filmed(*batch, FilmLook(), torch.Generator().manual_seed(3))
    again = filmed(*batch, FilmLook(), torch.Generator().manual_seed(3))
    other = filmed(*batch, FilmLook(), torch.Generator().manual_seed(4))
    assert first.shape == (16, 1, 48, 48)
    assert float(first.min()) >= 0 and float(first.max()) <= 255
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_mirrored_picture_is_all_that_is_left_when_nothing_is_changed(batch):
    # Brightness is drawn by itself; a mirror image has the same pixels in each row, but for their order.
    plain = frames(*batch)
    seen = filmed(*batch, UNCHANGED, torch.Generator().manual_seed(0))
    for before, after in zip(plain[:, 0], seen[:, 0], strict=True):
        inner = (after > 1) & (after < 254)
        straight = np.corrcoef(before[inner], after[inner])[0, 1]
        mirrored = np.corrcoef(before.flip(1)[inner], after[inner])[0, 1]
        assert max(straight, mirrored) > 0.999


def test_cosines_are_a_rotation_and_weak_compression_changes_little():
    cosines = _cosines()
    assert torch.allclose(cosines @ cosines.T, torch.eye(8), atol=1e-6)
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    smooth = (100 + x + y)[None, None].repeat(4, 1, 1, 1)
    look = FilmLook(compressed=1.0)
    found = _compressed(smooth, look, torch.Generator().manual_seed(0))
    assert 0 < float((found - smooth).abs().max()) < 40
    assert float((found - smooth).mean().abs()) < 6


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.0), (0.0, 1.0)])
def test_mixed_targets_have_the_share_of_the_pixels(mixup, cutmix):
    values = torch.arange(8.0)
    pictures = values[:, None, None, None].expand(8, 1, 48, 48).contiguous()
    blended, target = mixed(pictures, torch.eye(8), mixup, cutmix, torch.Generator().manual_seed(1))
    assert torch.allclose(target.sum(dim=1), torch.ones(8))
    assert torch.allclose(blended.mean(dim=(1, 2, 3)), target @ values, atol=1e-3)
    assert not torch.equal(blended, pictures)
