"""f(x) of a VAE as the mean of decoded samples of q: nearer to E_q Dec(z) than Dec(μ) where q is wide."""

from __future__ import annotations

import pytest
import torch

from renormal.models import VAE
from renormal.models.vae import antithetic

X = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def vae(draws: int) -> VAE:
    torch.manual_seed(0)
    return VAE(channels=1, latent=16, size=32, draws=draws).eval().requires_grad_(False)


def test_without_draws_the_mean_is_decoded() -> None:
    model = vae(0)
    assert torch.equal(model.reconstruct(X).image, model.decode(model.encode(X)))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_draw_is_decoded_with_the_same_noise_for_every_image(count: int) -> None:
    model = vae(count)
    mean, log_variance = model.posterior(X)
    images = [model.decode(mean + (log_variance / 2).exp() * noise) for noise in antithetic(count, 16)]
    expected = torch.stack(images).mean(dim=0)
    assert torch.allclose(model.reconstruct(X).image, expected, atol=1e-6)
    assert torch.allclose(model.reconstruct(X[3:4]).image, expected[3:4], atol=1e-6)


def test_many_draws_are_the_mean_over_the_posterior_and_its_mean_decoded_is_not() -> None:
    mean, log_variance = vae(0).posterior(X)
    noise = torch.randn(512, 1, 16, generator=torch.Generator().manual_seed(7))
    over_posterior = torch.stack([vae(0).decode(mean + (log_variance / 2).exp() * one) for one in noise]).mean(dim=0)
    plain, drawn = ((vae(k).reconstruct(X).image - over_posterior).square().mean() for k in (0, 64))
    assert drawn < plain / 4


def test_pairs_of_draws_cancel_and_weights_do_not_depend_on_them() -> None:
    half, other = antithetic(4, 16).chunk(2)
    assert torch.equal(half, -other)
    few, many = vae(0).state_dict(), vae(4).state_dict()
    assert few.keys() == many.keys()
    assert all(torch.equal(few[name], many[name]) for name in few)


def test_a_negative_number_of_draws_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model.net.draws must be at least 0, got -1"):
        vae(-1)
