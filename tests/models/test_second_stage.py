"""The VAE of another VAE's codes."""

from __future__ import annotations

import pytest
import torch

from renormal.models import SecondStageVAE


def bent(count: int, seed: int) -> torch.Tensor:
    """Codes on the parabola (a, a² − 1), which has the mean 0 that N(0, I) has and not its law: (N, 2, 2)."""
    a = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    mean = torch.stack([a, a**2 - 1], dim=1)
    return torch.stack([mean, torch.full_like(mean, -8.0)], dim=1)


def off(z: torch.Tensor) -> float:
    return (z[:, 1] - z[:, 0] ** 2 + 1).abs().mean().item()


def test_it_has_the_layers_of_the_paper() -> None:
    model = SecondStageVAE(latent=6)
    for half, outputs in ((model.encoder, 12), (model.decoder, 6)):
        shapes = [tuple(layer.weight.shape) for layer in half.modules() if isinstance(layer, torch.nn.Linear)]
        assert shapes == [(1024, 6), (1024, 1024), (1024, 1024), (outputs, 1030)]


def test_what_it_draws_follows_the_law_of_the_codes() -> None:
    torch.manual_seed(0)
    model, codes = SecondStageVAE(latent=2, width=64, depth=2), bent(512, seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(600):
        optimizer.zero_grad()
        model.training_loss(codes).total.mean().backward()
        optimizer.step()
    drawn = model.drawn(512, generator=torch.Generator().manual_seed(2))
    assert off(drawn) < off(torch.randn(512, 2, generator=torch.Generator().manual_seed(3))) / 3
    assert 0.8 < float(drawn[:, 0].std()) < 1.2, "all of it"


def test_its_draws_come_from_the_generator_alone() -> None:
    model = SecondStageVAE(latent=3, width=8)
    one, same, other = (model.drawn(4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_sizes_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="got 0 and 3"):
        SecondStageVAE(latent=3, width=0)
