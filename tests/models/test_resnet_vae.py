"""The residual γ-VAE of Dai & Wipf."""

from __future__ import annotations

import pytest
import torch

from renormal.models import ResNetVAE


def test_it_has_the_layers_that_it_says() -> None:
    """64 px: four scales of 32 to 256 channels, z of 128, a decoder that starts from 2 × 2 pixels."""
    model = ResNetVAE(channels=3)
    assert model.latent == 128
    convolutions = [layer for layer in model.encoder if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [32, 64, 128, 256, 256]
    assert [layer.stride[0] for layer in convolutions] == [1, 2, 2, 2, 2]
    ups = [layer for layer in model.decoder if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert len(ups) == 5  # 2 → 64
    assert [layer.out_channels for layer in ups] == [256, 256, 128, 64, 32]
    x = torch.rand(2, 3, 64, 64)
    assert model.eval().reconstruct(x).image.shape == x.shape
    assert model.decode(torch.zeros(1, 128)).shape == (1, 3, 64, 64)


def test_in_eval_mode_an_image_is_reconstructed_the_same_alone() -> None:
    torch.manual_seed(0)
    model, x = ResNetVAE(channels=1, size=32, width=4).eval(), torch.rand(3, 1, 32, 32)
    assert torch.allclose(model(x)[:1], model(x[:1]), atol=1e-6)


def test_it_is_trained_with_the_learned_gamma() -> None:
    torch.manual_seed(0)
    model, x = ResNetVAE(channels=1, size=32, width=4, latent=8), torch.rand(4, 1, 32, 32)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = model.training_loss(x).total.mean().item()
    for _ in range(40):
        optimizer.zero_grad()
        loss = model.training_loss(x)
        loss.total.mean().backward()
        optimizer.step()
    assert loss.total.mean().item() < before - 100
    assert loss.terms["gamma"][0] < 0.9


@pytest.mark.parametrize("size", [8, 48])
def test_a_side_that_is_no_power_of_two_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        ResNetVAE(channels=3, size=size)
