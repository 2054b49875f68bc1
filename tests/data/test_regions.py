"""Defects are counted in the mask as it is drawn, then reduced: none is split, merged or lost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from renormal.data.regions import regions_of


def blobs(seed: int, height: int = 96, width: int = 96, share: float = 0.95) -> NDArray[np.bool_]:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), 2.0)
    return np.asarray(noise > np.quantile(noise, share))


@pytest.mark.parametrize("seed", range(5))
def test_at_the_drawn_size_the_regions_are_those_of_another_library(seed: int) -> None:
    mask = blobs(seed)
    np.testing.assert_array_equal(regions_of(mask, 96), label(mask, connectivity=2))


@pytest.mark.parametrize(("height", "width"), [(96, 96), (128, 64), (100, 133)])
@pytest.mark.parametrize("seed", range(3))
def test_every_drawn_defect_keeps_a_pixel_that_it_touches_and_no_pixel_is_lost(
    seed: int, height: int, width: int
) -> None:
    mask = blobs(seed, height, width)
    regions = regions_of(mask, 32)
    drawn = label(mask, connectivity=2)
    assert sorted(set(regions.ravel()) | {0}) == list(range(drawn.max() + 1))
    middle = np.arange(32) + 0.5
    nearest = mask[np.ix_((middle * height / 32).astype(int), (middle * width / 32).astype(int))]
    assert (regions[nearest] > 0).all()
    for number in range(1, drawn.max() + 1):
        rows, columns = np.nonzero(drawn == number)
        touched = set(zip(rows * 32 // height, columns * 32 // width, strict=True))
        assert set(zip(*np.nonzero(regions == number), strict=True)) <= touched


def test_a_thin_slanted_defect_stays_one_although_its_pixels_come_apart() -> None:
    mask = np.zeros((64, 64), np.bool_)
    for k in range(60):
        mask[k, k // 3 : k // 3 + 2] = True
    reduced = mask[1::4, 1::4]
    assert label(reduced, connectivity=2).max() > 1, "the case is one that a count after reducing gets wrong"
    assert regions_of(mask, 16).max() == 1


def test_two_near_defects_stay_two_although_their_pixels_meet() -> None:
    mask = np.zeros((64, 64), np.bool_)
    mask[8:24, 8:16], mask[8:24, 17:24] = True, True
    regions = regions_of(mask, 16)
    assert label(regions > 0, connectivity=2).max() == 1
    assert regions.max() == 2


def test_a_speck_gets_the_pixel_that_it_touches() -> None:
    mask = np.zeros((80, 80), np.bool_)
    mask[20:40, 20:40], mask[71, 30] = True, True
    regions = regions_of(mask, 8)
    assert np.argwhere(regions == 2).tolist() == [[7, 3]]
    assert (regions == 1).sum() == 4


def test_a_speck_inside_of_anothers_pixels_takes_one_of_them() -> None:
    mask = np.zeros((80, 80), np.bool_)
    mask[20:48, 20:48] = True
    mask[22:29, 22:29] = False
    mask[28, 28], mask[23, 23] = True, True  # an island in a hole
    regions = regions_of(mask, 8)
    assert regions.max() == label(mask, connectivity=2).max() == 2
    assert [int((regions == k).sum()) for k in (1, 2)] == [(regions > 0).sum() - 1, 1]


def test_specks_in_one_pixel_count_as_one() -> None:
    mask = np.zeros((80, 80), np.bool_)
    mask[70, 30], mask[73, 33], mask[10, 10] = True, True, True
    regions = regions_of(mask, 8)
    assert sorted(regions[regions > 0].tolist()) == [1, 2]
