"""Scores of defects with at least a given area."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.measure import label

from renormal.lit.areas import largest_part, scores_from


def by_counting(values: np.ndarray, area: int) -> float:
    """Every level in turn, with the labels of another library."""
    fits = [t for t in np.unique(values) if np.bincount(label(values >= t, connectivity=2).ravel())[1:].max() >= area]
    return float(max(fits))


@pytest.mark.parametrize("area", [1, 2, 5, 20, 100])
def test_the_score_is_the_highest_level_with_a_part_of_that_area(area: int) -> None:
    maps = torch.rand(4, 10, 12, generator=torch.Generator().manual_seed(0))
    assert scores_from(maps, area).tolist() == [pytest.approx(by_counting(one.numpy(), area)) for one in maps]


def test_a_small_bright_spot_counts_less_than_a_large_dim_one() -> None:
    maps = torch.zeros(1, 16, 16)
    maps[0, 2, 2] = 0.9
    maps[0, 8:12, 8:12] = 0.5
    assert [scores_from(maps, area).item() for area in (1, 2, 16)] == pytest.approx([0.9, 0.5, 0.5])
    assert scores_from(maps, 17).item() == 0


def test_an_area_of_one_pixel_is_the_maximum_to_the_last_bit() -> None:
    maps = torch.rand(3, 9, 9)
    assert torch.equal(scores_from(maps, 1), maps.amax(dim=(1, 2)))


def test_an_empty_mask_has_no_part() -> None:
    assert largest_part(np.zeros((3, 3), bool)) == 0
