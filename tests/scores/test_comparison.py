"""Scores that compare two images: by hand, against scikit-image, and what every map owes to the metrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from renormal.contracts import Score
from renormal.scores import DSSIM, Smooth, SquaredError
from small_changes import changed, dssim_in_float64, ranking_agreement

MODEL = nn.Identity()  # these scores do not use it
SCORES = [DSSIM(), DSSIM(grey=True), DSSIM(window=7, sigma=1.0), SquaredError(), DSSIM(smooth=Smooth(mean=3))]


def pair(channels: int = 3) -> tuple[Tensor, Tensor]:
    """A gradient, and the same with a patch that the projection removed."""
    x0 = torch.linspace(0.2, 0.7, 32).expand(2, channels, 32, 32).clone()
    x0 += 0.02 * torch.rand(x0.shape, generator=torch.Generator().manual_seed(0))
    projected = x0.clone()
    x0[0, :, 8:14, 18:24] = 0.95
    return x0, projected


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_map_is_high_where_the_image_was_changed_and_zero_where_not(score: Score, channels: int) -> None:
    x0, projected = pair(channels)
    maps = score(MODEL, x0, projected)
    assert maps.shape == (2, 32, 32)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert maps[1].max() < 1e-6
    assert maps[0, 8:14, 18:24].min() > 100 * maps[0, 25:, :7].max()
    row, column = divmod(int(maps[0].argmax()), 32)
    assert 7 <= row <= 14
    assert 17 <= column <= 24


@pytest.mark.parametrize("score", SCORES)
def test_a_map_does_not_depend_on_its_neighbours_in_the_batch(score: Score) -> None:
    x0, projected = pair()
    alone = torch.cat([score(MODEL, x0[row : row + 1], projected[row : row + 1]) for row in range(2)])
    assert torch.allclose(score(MODEL, x0, projected), alone, atol=1e-6)


@pytest.mark.parametrize("grey", [False, True])
def test_dssim_equals_scikit_image(grey: bool) -> None:
    x0, projected = (image.expand(-1, 3, -1, -1) for image in pair(1)) if grey else pair()
    ours = DSSIM(grey=grey)(MODEL, x0, projected)[0].numpy()
    one, other = (image[0].numpy().astype(np.float64).transpose(1, 2, 0) for image in (x0, projected))
    _, similarity = structural_similarity(
        one,
        other,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=2,
        full=True,
    )
    expected = ((1 - similarity) / 2).mean(axis=2)
    assert np.abs(ours - expected)[6:-6, 6:-6].max() < 2e-4


@pytest.mark.parametrize("smooth", [Smooth(), Smooth(mean=9), Smooth(gaussian=2.0)])
@pytest.mark.parametrize("size", [1e-3, 1e-6])
def test_no_smoothing_and_no_luminance_brings_rounding_back(size: float, smooth: Smooth) -> None:
    x, y = changed("flat", size)
    exact = smooth(dssim_in_float64(x, y)[:, 0]).double()
    assert ranking_agreement(DSSIM(smooth=smooth)(MODEL, x, y), exact) > 0.9999
    colour = [image.expand(-1, 3, -1, -1) for image in (x, y)]
    assert ranking_agreement(DSSIM(smooth=smooth, grey=True)(MODEL, *colour), exact) > 0.999


def test_squared_error_by_hand() -> None:
    x0 = torch.tensor([0.1, 0.5, 0.9]).reshape(1, 3, 1, 1)
    projected = torch.tensor([0.3, 0.5, 0.5]).reshape(1, 3, 1, 1)
    assert SquaredError()(MODEL, x0, projected).item() == pytest.approx((0.04 + 0 + 0.16) / 3)


def test_luminance_by_hand() -> None:
    """Blue weighs 0.114 of three: a defect in blue alone is fainter in grey than in colour."""
    x0, projected = torch.full((1, 3, 32, 32), 0.5), torch.full((1, 3, 32, 32), 0.5)
    x0[:, 2, 10:20, 10:20] = 0.6
    grey = torch.full((1, 1, 32, 32), 0.5)
    expected = grey.clone()
    expected[..., 10:20, 10:20] += 0.0114
    maps = DSSIM(grey=True)(MODEL, x0, projected)
    assert torch.allclose(maps, DSSIM()(MODEL, expected, grey), atol=1e-4)
    assert maps.max() < DSSIM()(MODEL, x0, projected).max()
