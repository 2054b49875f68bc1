"""The four autoencoders: losses by hand and against torch.distributions, and what γ does."""

from __future__ import annotations

import math

import pytest
import torch
from kornia.metrics import ssim
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from renormal.contracts import Autoencoder, Variational
from renormal.models import DSAE, L2AE, VAE, ConvAutoencoder, GammaVAE
from renormal.models.gamma_vae import LOG_LEAST

MODELS = [L2AE, DSAE, VAE, GammaVAE]
PARAMETERS = {  # with d = 100 and RGB at 128 px
    L2AE: 1_050_599,
    DSAE: 1_050_599,
    VAE: 1_050_599 + 100 * (32 * 8 * 8 + 1),  # twice as many outputs of the encoder
    GammaVAE: 1_050_599 + 100 * (32 * 8 * 8 + 1) + 1,
}


def tiny(kind: type[ConvAutoencoder], seed: int = 0) -> ConvAutoencoder:
    torch.manual_seed(seed)
    return kind(channels=3, latent=5, size=32)


def images(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(3))


def by_hand(model: ConvAutoencoder, x: Tensor, reconstructed: Tensor) -> Tensor:
    """L_r of each sample, one by one."""
    if isinstance(model, DSAE):
        return torch.stack(
            [((1 - ssim(a[None], b[None], 11)) / 2).sum() for a, b in zip(x, reconstructed, strict=True)]
        )
    if isinstance(model, VAE):
        gamma = model.log_gamma.detach().exp() if isinstance(model, GammaVAE) else torch.tensor(model.sigma)
        return -Normal(reconstructed, gamma).log_prob(x).sum(dim=(1, 2, 3))
    return torch.stack([(a - b).norm() ** 2 for a, b in zip(x, reconstructed, strict=True)])


@pytest.mark.parametrize("kind", MODELS)
def test_number_of_parameters(kind: type[ConvAutoencoder]) -> None:
    model = kind(channels=3)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[kind]


@pytest.mark.parametrize("kind", MODELS)
def test_it_is_what_the_projection_asks_for(kind: type[ConvAutoencoder]) -> None:
    model = tiny(kind)
    assert isinstance(model, Autoencoder)
    assert isinstance(model, Variational) == issubclass(kind, VAE)


@pytest.mark.parametrize("kind", MODELS)
def test_the_loss_is_a_sum_over_pixels_of_each_sample(kind: type[ConvAutoencoder]) -> None:
    model, x = tiny(kind), images()
    if isinstance(model, GammaVAE):
        model.scaled_log_gamma.data.fill_(-0.2)
    with torch.no_grad():
        image, loss = model.reconstruct(x)
        assert loss == pytest.approx(by_hand(model, x, image), rel=1e-5)
        assert image.shape == x.shape
        assert torch.equal(image, model(x))
        assert torch.equal(image, model.decode(model.encode(x)))
        assert torch.equal(image, model.reconstruct(x).image)  # no sampling: twice the same


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_f_of_x_lies_in_the_range_of_images(kind: type[ConvAutoencoder], scale: float) -> None:
    model = tiny(kind)
    with torch.no_grad():
        image = model.decode(scale * torch.randn(8, 5, generator=torch.Generator().manual_seed(0)))
    assert image.min() >= 0
    assert image.max() <= 1


@pytest.mark.parametrize("kind", [L2AE, DSAE])
def test_a_deterministic_model_is_trained_on_its_reconstruction_loss(kind: type[ConvAutoencoder]) -> None:
    model, x = tiny(kind), images()
    with torch.no_grad():
        total, terms = model.training_loss(x)
        assert torch.equal(total, model.reconstruct(x).loss)
    assert terms.keys() == {"reconstruction"}


@pytest.mark.parametrize("kind", [VAE, GammaVAE])
def test_a_variational_model_is_trained_on_eq_1(kind: type[VAE]) -> None:
    model, x = tiny(kind), images()
    with torch.no_grad():
        torch.manual_seed(7)
        total, terms = model.training_loss(x)
        torch.manual_seed(7)
        noise = torch.randn(len(x), 5)
        mean, log_variance = model.encoder(x).chunk(2, dim=1)
        posterior = Normal(mean, (0.5 * log_variance).exp())
        image = model.decode(posterior.mean + posterior.stddev * noise)
        gamma = model.log_gamma.exp() if isinstance(model, GammaVAE) else 0.5
        likelihood = Normal(image, gamma).log_prob(x).sum(dim=(1, 2, 3))
        kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1)
    assert terms["reconstruction"] == pytest.approx(-likelihood, rel=1e-5)
    assert terms["kl"] == pytest.approx(kl, rel=1e-3, abs=1e-6)  # the KL of an untrained net is a difference of ones
    assert model.kl(x).detach() == pytest.approx(terms["kl"], rel=1e-6)
    assert total == pytest.approx(terms["reconstruction"] + terms["kl"], rel=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_the_weight_of_a_pixel_is_that_of_its_decoders_sigma(sigma: float) -> None:
    """σ = ½ on [0, 1] images is the identity covariance on [−1, 1]: but for a constant the same loss."""
    model, x = VAE(channels=1, latent=5, size=32, sigma=sigma), torch.rand(2, 1, 32, 32)
    f = model.reconstruct(x)
    doubled = Normal(2 * f.image - 1, 2 * sigma).log_prob(2 * x - 1).sum(dim=(1, 2, 3)) + 32**2 * math.log(2)
    assert f.loss.detach() == pytest.approx(-doubled.detach(), rel=1e-5)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
def test_a_sigma_that_is_no_standard_deviation_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match=r"model\.net\.sigma must be positive and finite"):
        VAE(channels=1, size=32, sigma=sigma)


def test_an_outlier_of_log_variance_is_held_and_finds_back() -> None:
    model, x = tiny(VAE), images()
    last = model.encoder[-2]
    assert isinstance(last, torch.nn.Conv2d)
    assert last.bias is not None
    with torch.no_grad():
        last.bias[5:] = 100.0  # σ² = e¹⁰⁰ overflows
    total, terms = model.training_loss(x)
    total.sum().backward()
    assert total.isfinite().all()
    assert terms["kl"].max() < 100
    assert last.bias.grad is not None
    assert (last.bias.grad[5:] > 0).all()  # downhill is a smaller variance


def test_a_vae_answers_with_the_mean_of_q() -> None:
    model, x = tiny(VAE), images()
    with torch.no_grad():
        assert torch.equal(model.encode(x), model.encoder(x)[:, :5])


@pytest.mark.parametrize("kind", MODELS)
def test_training_on_one_batch_lowers_its_loss(kind: type[ConvAutoencoder]) -> None:
    model, x = tiny(kind), images()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)  # section 4.1
    losses = []
    for step in range(8):
        torch.manual_seed(0)  # the same noise at each step
        loss = model.training_loss(x).total.mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
    assert losses[1] < losses[0]
    assert losses[-1] < losses[1]


@pytest.mark.parametrize("kind", MODELS)
def test_losses_are_float32_under_bfloat16(kind: type[ConvAutoencoder]) -> None:
    """At the first step already: the SSIM window in bfloat16 is not finite there."""
    model, x = tiny(kind), images()
    torch.manual_seed(7)
    exact = model.training_loss(x).total
    torch.manual_seed(7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total, terms = model.training_loss(x)
        image, loss = model.reconstruct(x)
    total.mean().backward()
    assert {value.dtype for value in (total, image, loss, *terms.values())} == {torch.float32}
    assert total.detach() == pytest.approx(exact.detach(), rel=2e-2)
    assert all(bool(parameter.grad.isfinite().all()) for parameter in model.parameters())


def test_gamma_is_learned_starts_at_one_and_is_reported() -> None:
    model, x = tiny(GammaVAE), images()
    total, terms = model.training_loss(x)
    total.sum().backward()
    assert model.scaled_log_gamma.grad != 0
    assert terms["gamma"] == pytest.approx(torch.ones(4), abs=3e-3)  # the soft floor lifts it by log(1 + e⁻⁶)
    assert terms.keys() == {"reconstruction", "kl", "gamma"}


@pytest.mark.parametrize("rms", [0.02, 0.1, 0.4])
def test_gamma_alone_finds_the_root_mean_square_of_the_residual(rms: float) -> None:
    """The maximum of the likelihood in closed form (Rybkin et al., arXiv 2006.13202)."""
    model, x = tiny(GammaVAE), torch.zeros(2, 3, 32, 32)
    generator = torch.Generator().manual_seed(0)
    reconstructed = rms * torch.randn(x.shape, generator=generator)
    optimizer = torch.optim.Adam([model.scaled_log_gamma], lr=1e-2)
    for _ in range(300):
        loss = model.reconstruction_loss(x, reconstructed).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.log_gamma.exp().item() == pytest.approx(reconstructed.square().mean().sqrt().item(), rel=1e-2)


def test_gamma_stays_above_its_floor_where_the_residual_is_zero() -> None:
    model, x = tiny(GammaVAE), images()
    optimizer = torch.optim.Adam([model.scaled_log_gamma], lr=1e-2)
    for _ in range(300):
        loss = model.reconstruction_loss(x, x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert LOG_LEAST <= model.log_gamma < LOG_LEAST + 0.1
    assert math.isfinite(model.reconstruct(x).loss.sum().item())


def test_speed_is_the_factor_before_the_optimizer() -> None:
    """Adam's first step has the length of its learning rate, whatever the gradient."""
    moved = {}
    for speed in (1.0, 10.0):
        model = GammaVAE(channels=1, latent=2, size=32, speed=speed)
        optimizer = torch.optim.Adam([model.scaled_log_gamma], lr=1e-3)
        before = model.log_gamma.item()
        model.reconstruction_loss(torch.zeros(1, 1, 32, 32), torch.full((1, 1, 32, 32), 0.1)).sum().backward()
        optimizer.step()
        moved[speed] = before - model.log_gamma.item()
    assert moved[1.0] == pytest.approx(1e-3, rel=1e-2)
    assert moved[10.0] == pytest.approx(1e-2, rel=1e-2)
