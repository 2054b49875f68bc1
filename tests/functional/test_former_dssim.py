"""The score of older records: right where images differ, noise where they nearly agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmarks.rounding import FormerDSSIM, agreement, by_scikit_image, former_dssim, images

from renormal.functional.ssim import dssim_map


def test_of_two_different_images_it_is_todays() -> None:
    x, y = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(former_dssim(x, y), dssim_map(x, y), atol=1e-5, rtol=0)
    assert FormerDSSIM().compare(x, y).shape == (2, 32, 32)


@pytest.mark.parametrize(("size", "kept"), [(1e-1, True), (1e-3, False)])
def test_its_ranking_of_pixels_is_lost_where_an_image_hardly_changed(size: float, kept: bool) -> None:
    x, y = images(size)
    exact = by_scikit_image(x, y, np.float64)
    assert (agreement(former_dssim(x, y)[0, 0], exact) > 0.99) is kept
    assert agreement(dssim_map(x, y)[0, 0], exact) > 0.99
