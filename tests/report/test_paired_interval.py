"""The interval of the difference of two AUROCs, against DeLong's formula and scikit-learn."""

from __future__ import annotations

import pytest
import torch
from benchmarks.paired import differences, differences_of, drawn_images, interval, paired_interval
from sklearn.metrics import roc_auc_score
from torch import Tensor


def one_pixel_images(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two correlated scores of images of one pixel, half of them defective: the pixels are independent."""
    generator = torch.Generator().manual_seed(seed)
    defective = torch.arange(count) % 2
    common, own, better = torch.randn(3, count, generator=generator)
    scores = [defective * shift + common + noise for shift, noise in ((1.0, own), (1.5, better))]
    one, other = ((score - score.min())[:, None, None] for score in scores)
    return one, other, defective[:, None, None]


def delong(one: Tensor, other: Tensor, defective: Tensor) -> float:
    """Standard error of the difference of two AUROCs of the same samples (DeLong et al., Biometrics 1988)."""
    placements = []
    for score in (one.flatten().double(), other.flatten().double()):
        above = (score[defective.flatten() > 0][:, None] > score[defective.flatten() == 0]).double()
        placements.append((above.mean(1), above.mean(0)))
    (first, second), (third, fourth) = placements
    return float(((third - first).var() / len(first) + (fourth - second).var() / len(second)).sqrt())


def test_the_width_is_that_of_delong() -> None:
    one, other, regions = one_pixel_images(200, seed=0)
    found = paired_interval(one, other, regions)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(delong(one, other, regions), rel=0.1)
    assert found.low < found.difference < found.high


def test_the_difference_is_that_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    regions = (torch.rand(6, 16, 16, generator=generator) > 0.8).int()
    regions[:2] = 0  # good images
    maps = [regions * 0.3 + torch.rand(6, 16, 16, generator=generator) for _ in range(2)]
    expected = [roc_auc_score(regions.flatten() > 0, one.flatten()) for one in maps]
    found = paired_interval(*maps, regions, draws=10)
    assert found.difference == pytest.approx(expected[1] - expected[0], abs=1e-4)


def test_equal_maps_differ_by_nothing() -> None:
    one, _, regions = one_pixel_images(20, seed=1)
    assert paired_interval(one, one, regions) == (0, 0, 0)


def test_an_image_counts_as_a_whole() -> None:
    """Images of 25 equal pixels say as much as images of one: the interval stays as wide."""
    one, other, regions = one_pixel_images(100, seed=2)
    large = [tensor.expand(-1, 5, 5) for tensor in (one, other, regions)]
    assert paired_interval(*large) == pytest.approx(paired_interval(one, other, regions), abs=1e-6)


def test_a_metric_counted_for_each_draw_has_the_difference_of_the_draws() -> None:
    """The pixel AUROC by both ways."""
    one, other, regions = one_pixel_images(60, seed=3)
    weights = drawn_images((regions > 0).flatten(), 5, seed=0)
    (whole, drawn), (also, each) = (
        differences(one, other, weights, regions),
        differences_of("pixel_auroc", one, other, weights, regions),
    )
    assert also == pytest.approx(whole, abs=1e-3)
    assert torch.allclose(each, drawn, atol=2e-3)  # the bins of so few pixels hold two of them here and there


def test_the_interval_of_several_seeds_is_that_of_their_mean() -> None:
    first, second = torch.linspace(0, 1, 101).double(), torch.linspace(1, 3, 101).double()
    found = interval([(0.5, first), (2.0, second)])
    assert found == pytest.approx((1.25, 0.5375, 1.9625))
