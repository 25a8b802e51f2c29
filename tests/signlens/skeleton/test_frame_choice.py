import numpy as np
import pytest

from signlens.errors import UsageError
from signlens.skeleton.frame_choice import DROP_RATE, HALVE_RATE, choose_frames, vary_frames


@pytest.mark.parametrize("length", [1, 2, 7, 25, 59, 60])
def test_shorter_clips_repeat_every_frame_almost_equally_often(length: int) -> None:
    order = choose_frames(length)
    assert len(order) == 60
    assert (np.diff(order) >= 0).all()
    times = np.bincount(order, minlength=length)
    assert times.min() >= 60 // length and times.max() <= -(-60 // length)


@pytest.mark.parametrize("length", [61, 90, 120, 121, 777])
def test_longer_clips_drop_frames_at_regular_spacing(length: int) -> None:
    order = choose_frames(length)
    assert len(set(order.tolist())) == 60
    assert order[0] == 0 and order[-1] < length
    step = np.diff(order)
    assert set(step.tolist()) <= {length // 60, -(-length // 60)}


def test_orders_worked_by_hand() -> None:
    assert choose_frames(3, 6).tolist() == [0, 0, 1, 1, 2, 2]
    assert choose_frames(3, 4).tolist() == [0, 0, 1, 2]
    assert choose_frames(6, 3).tolist() == [0, 2, 4]


@pytest.mark.parametrize(("length", "wanted"), [(0, 60), (5, 0)])
def test_nothing_out_of_nothing(length: int, wanted: int) -> None:
    with pytest.raises(UsageError):
        choose_frames(length, wanted)
    with pytest.raises(UsageError):
        vary_frames(length, wanted, np.random.default_rng(0))


def test_variation_comes_as_often_and_as_strong_as_described() -> None:
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(6000):
        order = vary_frames(60, 60, rng)
        assert len(order) == 60 and (np.diff(order) >= 0).all() and order.min() >= 0 and order.max() < 60
        kept.append(len(set(order.tolist())))
    count = np.array(kept)
    some, few = (count >= 31) & (count < 60), count < 31
    assert set(count[few]) == set(range(15, 30))
    assert set(count[some]) == set(range(31, 60))
    # Three standard errors of a share over 6,000 draws are below 0.02.
    assert some.mean() == pytest.approx(DROP_RATE, abs=0.02)
    assert few.mean() == pytest.approx(HALVE_RATE, abs=0.02)


def test_frames_that_stay_of_few_are_repeated_evenly() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        _, times = np.unique(vary_frames(60, 60, rng), return_counts=True)
        if len(times) < 31:
            assert times.max() - times.min() <= 1


@pytest.mark.parametrize("wanted", [1, 2, 3, 4, 5, 16])
@pytest.mark.parametrize("length", [1, 3, 40])
def test_variation_works_for_any_number_of_frames(length: int, wanted: int) -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        order = vary_frames(length, wanted, rng)
        assert len(order) == wanted and order.min() >= 0 and order.max() < length
        assert (np.diff(order) >= 0).all()
