"""Closed forms for Gaussians: equal to torch.distributions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch.distributions import Normal, kl_divergence

from renormal.functional.gaussian import frechet_distance, kl_to_standard_normal, nll

SHAPE = (4, 3, 6, 5)


@pytest.mark.parametrize("std", [1.0, 0.05, 7.0])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_nll_is_minus_the_log_density(std: float, as_tensor: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    x, mean = torch.rand(SHAPE, generator=generator), torch.rand(SHAPE, generator=generator)
    log_std = torch.tensor(std).log()
    expected = -Normal(mean.double(), std).log_prob(x.double()).flatten(1).sum(1)
    assert nll(x, mean, log_std if as_tensor else log_std.item()) == pytest.approx(expected, rel=1e-5)


def test_kl_is_the_divergence_from_the_standard_normal() -> None:
    generator = torch.Generator().manual_seed(2)
    mean = 3 * torch.randn(5, 7, generator=generator, dtype=torch.float64)
    log_variance = 4 * torch.randn(5, 7, generator=generator, dtype=torch.float64) - 2
    posterior = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(posterior, Normal(torch.zeros_like(mean), 1.0)).sum(1)
    assert kl_to_standard_normal(mean, log_variance) == pytest.approx(expected, rel=1e-5)


def test_kl_of_the_prior_is_zero() -> None:
    assert torch.equal(kl_to_standard_normal(torch.zeros(3, 4), torch.zeros(3, 4)), torch.zeros(3))


def test_float32_whatever_comes_in_and_whatever_autocast_says() -> None:
    x, mean = torch.rand(SHAPE), torch.rand(SHAPE)
    outside = nll(x, mean, -3.0), kl_to_standard_normal(x.flatten(1), mean.flatten(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nll(x, mean, -3.0), kl_to_standard_normal(x.flatten(1), mean.flatten(1))
    for one, other in zip(outside, inside, strict=True):
        assert torch.equal(one, other)
    assert nll(x.bfloat16(), mean.bfloat16()).dtype == torch.float32


def test_the_frechet_distance_is_that_of_scipy() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(200, 5, generator=generator) @ torch.randn(5, 5, generator=generator)
    other = torch.randn(200, 5, generator=generator) + 0.5
    means = one.double().mean(0) - other.double().mean(0)
    first, second = (np.cov(part.numpy().astype(float).T) for part in (one, other))
    expected = means.square().sum().item() + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
