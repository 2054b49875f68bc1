"""The VAE with arbitrary conditioning."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from renormal.functional.holes import square_holes
from renormal.models import VAEAC
from renormal.models.vaeac import Latent, regularisation


@pytest.fixture
def model() -> VAEAC:
    torch.manual_seed(0)
    return VAEAC(channels=3, latent=6, size=16, width=4).eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def hole() -> torch.Tensor:
    return square_holes(4, 16, generator=torch.Generator().manual_seed(2))


def test_known_pixels_come_back_to_the_last_bit(model: VAEAC, x: torch.Tensor, hole: torch.Tensor) -> None:
    known = (hole == 0).expand_as(x)
    assert torch.equal(model.inpaint(x, hole)[known], x[known])
    assert not torch.equal(model.inpaint(x, hole), x)


def test_what_is_in_the_hole_has_no_say(model: VAEAC, x: torch.Tensor, hole: torch.Tensor) -> None:
    other = torch.where(hole > 0, 1 - x, x)
    assert torch.equal(model.inpaint(x, hole), model.inpaint(other, hole))


def test_what_is_known_has(model: VAEAC, x: torch.Tensor, hole: torch.Tensor) -> None:
    other = torch.where(hole > 0, x, 1 - x)
    inside = (hole > 0).expand_as(x)
    assert not torch.allclose(model.inpaint(x, hole)[inside], model.inpaint(other, hole)[inside])


def test_the_bound_is_the_formula(model: VAEAC, x: torch.Tensor, hole: torch.Tensor) -> None:
    """log p over missing pixels only, the divergence of two Gaussians, from torch.distributions; z the same draw."""
    torch.manual_seed(7)
    loss = model.bound(x, hole)
    torch.manual_seed(7)
    prior, maps = model.conditional(x, hole)
    features, _ = model.proposal(torch.cat([x, hole], dim=1))
    mean, raw = features.chunk(2, dim=1)
    q = Independent(Normal(mean, (5 * torch.tanh(raw / 5)).exp()), 1)
    p = Independent(Normal(prior.mean, prior.log_sigma.exp()), 1)
    image, sigma = model.decode(q.rsample(), maps)
    assert sigma.min() >= 0.01
    per_pixel = -Normal(image, sigma).log_prob(x)
    missing = torch.stack([one[:, h[0] > 0].sum() for one, h in zip(per_pixel, hole, strict=True)])
    assert torch.allclose(loss.terms["reconstruction"], missing, rtol=1e-4)
    assert torch.allclose(loss.terms["kl"], kl_divergence(q, p), rtol=1e-4)
    assert torch.allclose(loss.total, missing + loss.terms["kl"], rtol=1e-4)  # the rest is small, and tested below


def test_the_regularisation_is_the_formula() -> None:
    """At parameters that have run away: μ = 2e4, σ = e³ and e⁻³."""
    latent = Latent(torch.tensor([[2e4, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 3.0], [0.0, -3.0]]))
    e = math.e
    expected = [4e8 / 2e8 - 1e-4 * (0 - 1) - 1e-4 * (3 - e**3), 1e-4 - 1e-4 * (-3 - e**-3)]
    assert regularisation(latent).tolist() == pytest.approx(expected, rel=1e-5)


def test_holes_are_drawn_anew_but_from_the_seed(model: VAEAC, x: torch.Tensor) -> None:
    def total(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return model.training_loss(x).total

    assert torch.equal(total(1), total(1))
    assert not torch.equal(total(1), total(2))


def test_training_fills_the_hole_of_a_plain_image_better() -> None:
    torch.manual_seed(0)
    net = VAEAC(channels=1, latent=4, size=16, width=4)
    levels = torch.rand(64, 1, 1, 1, generator=torch.Generator().manual_seed(3)).expand(64, 1, 16, 16).contiguous()
    hole = square_holes(64, 16, generator=torch.Generator().manual_seed(4))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)

    @torch.no_grad()
    def error() -> float:
        return (net.inpaint(levels, hole) - levels).square().sum().item()

    net.eval()
    before = error()
    net.train()
    for _ in range(100):
        optimizer.zero_grad()
        net.training_loss(levels).total.mean().backward()
        optimizer.step()
    net.eval()
    assert error() < before / 4


def test_nothing_missing_is_a_reconstruction(model: VAEAC, x: torch.Tensor) -> None:
    image, loss = model.reconstruct(x)
    assert image.shape == x.shape
    assert torch.allclose(loss, (x - image).square().sum(dim=(1, 2, 3)))


@pytest.mark.parametrize("size", [4, 24])
def test_a_side_that_is_no_power_of_two_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        VAEAC(channels=3, size=size)
