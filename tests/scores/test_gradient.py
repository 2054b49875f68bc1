"""Scores from the loss's gradient: by hand on linear models, per sample, and without a trace on the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from renormal.contracts import Images, Latents, PerSample, Reconstruction
from renormal.models import L2AE, VAE
from renormal.scores import GradientScore, kl_term, variational_loss

SIDE = 8
LOSS, KL = GradientScore(of=variational_loss), GradientScore(of=kl_term)
SCORES = {
    "loss": LOSS,
    "loss x error": replace(LOSS, times_error=True),
    "kl, smooth": replace(KL, sigma=1.0, window=5),
    "kl x error, normalised": replace(KL, times_error=True, normalise=True, sigma=3.0),
}


class Linear(nn.Module):
    """μ(x) = E x, log σ²(x) = S x, f(x) = D μ(x), L_r = ½‖x − f(x)‖²: gradients are products of matrices."""

    def __init__(self, channels: int = 2, latent: int = 3) -> None:
        super().__init__()
        pixels, generator = channels * SIDE**2, torch.Generator().manual_seed(0)

        def matrix(rows: int, columns: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, columns, generator=generator) / columns**0.5)

        self.mean, self.spread, self.decoder = matrix(latent, pixels), matrix(latent, pixels), matrix(pixels, latent)

    def encode(self, x: Images) -> Latents:
        return x.flatten(1) @ self.mean.T

    def decode(self, z: Latents) -> Images:
        return (z @ self.decoder.T).view(len(z), -1, SIDE, SIDE)

    def reconstruct(self, x: Images) -> Reconstruction:
        image = self.decode(self.encode(x))
        return Reconstruction(image, (x - image).square().flatten(1).sum(dim=1) / 2)

    def kl(self, x: Images) -> PerSample:
        log_variance = x.flatten(1) @ self.spread.T
        return (self.encode(x).square() + log_variance.exp() - log_variance - 1).sum(dim=1) / 2

    def kl_gradient(self, x: Tensor) -> Tensor:
        """Eᵀ μ + ½ Sᵀ (σ² − 1)."""
        flat = x.flatten(1)
        return flat @ self.mean.T @ self.mean + ((flat @ self.spread.T).exp() - 1) @ self.spread / 2

    def loss_gradient(self, x: Tensor) -> Tensor:
        """(1 − D E)ᵀ (x − D E x), and that of the KL term."""
        rest = torch.eye(self.mean.shape[1]) - self.decoder @ self.mean
        return x.flatten(1) @ rest.T @ rest + self.kl_gradient(x)


def images(count: int = 5, channels: int = 2, side: int = SIDE) -> Tensor:
    """Of very different strength: what leaks from one to its neighbours is not lost among the digits."""
    generator = torch.Generator().manual_seed(1)
    return (
        torch.rand(count, channels, side, side, generator=generator) * torch.logspace(-2, 0, count)[:, None, None, None]
    )


def expected(gradient: Tensor, x: Tensor) -> Tensor:
    return gradient.view_as(x).abs().mean(dim=1)


def test_the_gradient_of_the_kl_term_is_the_analytic_one() -> None:
    model, x = Linear(), images()
    assert torch.allclose(KL(model, x, x), expected(model.kl_gradient(x), x), rtol=1e-4, atol=1e-7)


def test_the_gradient_of_the_loss_goes_through_f_and_through_the_kl_term() -> None:
    model, x = Linear(), images()
    maps = LOSS(model, x, x)
    assert torch.allclose(maps, expected(model.loss_gradient(x), x), rtol=1e-4, atol=1e-6)
    assert not torch.allclose(maps, expected(model.loss_gradient(x) - model.kl_gradient(x), x), rtol=0.1)


@pytest.mark.parametrize("score", [LOSS, KL], ids=["loss", "kl"])
def test_of_the_vae_it_is_the_slope_along_the_steepest_pixel(score: GradientScore) -> None:
    torch.manual_seed(0)
    model, x = VAE(channels=1, latent=4, size=32), images(1, 1, 32) * 100
    maps, step = score(model, x, x), torch.zeros_like(x)
    row, column = divmod(int(maps.argmax()), 32)
    step[:, :, row, column] = 0.02
    slope = (score.of(model, x + step) - score.of(model, x - step)) / 0.04
    assert maps[0, row, column].item() == pytest.approx(slope.abs().item(), rel=0.03)


def test_the_product_with_the_squared_error_by_hand() -> None:
    model, x = Linear(), images()
    f = model.reconstruct(x).image
    error = (x - f).square().mean(dim=1)
    assert torch.allclose(SCORES["loss x error"](model, x, f), LOSS(model, x, f) * error)
    assert torch.equal(LOSS(model, x, f), LOSS(model, x, x)), "the gradient alone asks x0 alone"


def test_smoothing_is_a_gaussian_over_the_gradient_alone() -> None:
    model, x = Linear(), images()
    f = model.reconstruct(x).image
    smooth = replace(KL, sigma=1.5, window=7)
    plain = KL(model, x, f).numpy()
    oracle = torch.stack([torch.from_numpy(gaussian_filter(one, 1.5, mode="mirror", truncate=2.0)) for one in plain])
    assert torch.allclose(smooth(model, x, f), oracle, rtol=1e-4)
    product = replace(smooth, times_error=True)(model, x, f)
    assert torch.allclose(product, oracle * (x - f).square().mean(dim=1), rtol=1e-4)


def test_normalisation_is_each_samples_own() -> None:
    model, x = Linear(), images()
    maps = replace(KL, normalise=True)(model, x, x).flatten(1)
    assert maps.amin(dim=1).tolist() == [0.0] * 5
    assert maps.amax(dim=1).tolist() == [1.0] * 5
    flat = replace(KL, normalise=True)(Linear(), torch.zeros_like(x), x)
    assert torch.equal(flat, torch.zeros_like(flat)), "without any gradient there is nothing to divide by"


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_map_does_not_depend_on_its_neighbours_in_the_batch(name: str, size: int) -> None:
    score, model, x = SCORES[name], Linear(), images()
    f = model.reconstruct(x).image.detach()
    together = score(model, x, f)
    parts = [score(model, *part) for part in zip(x.split(size), f.split(size), strict=True)]
    assert torch.allclose(torch.cat(parts), together, rtol=1e-4)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_whatever_mode_is_on_the_map_is_the_same_and_the_weights_are_left_alone(name: str, mode: type) -> None:
    model, x = Linear(), images()
    f = model.reconstruct(x).image.detach()
    outside = SCORES[name](model, x, f)
    for frozen in (False, True):
        model.requires_grad_(not frozen)
        held = {key: weight.clone() for key, weight in model.state_dict().items()}
        for weight in model.parameters():
            weight.grad = torch.full_like(weight, 3.0)
        with mode():
            maps = SCORES[name](model, x * 1, f * 1)  # made inside: inference tensors under inference mode
        assert torch.equal(maps, outside)
        assert not maps.requires_grad
        assert all(torch.equal(weight, held[key]) for key, weight in model.state_dict().items())
        assert all(bool((weight.grad == 3).all()) for weight in model.parameters())


def test_a_model_without_a_posterior_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs a variational model, got L2AE; set model=vae, or another score"):
        KL(L2AE(channels=1, size=32), images(1, 1, 32), images(1, 1, 32))


def test_images_of_another_size_than_the_models_are_refused() -> None:
    """A convolutional encoder would answer with the posterior of something else."""
    with pytest.raises(ValueError, match=r"needs images of the model.s 32 px, got 64: set test.average=maps"):
        KL(VAE(channels=1, size=32), images(1, 1, 64), images(1, 1, 64))


@pytest.mark.parametrize("settings", [{"window": 4}, {"window": 1}, {"sigma": -1.0}])
def test_a_window_that_is_none_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="window must be odd"):
        replace(KL, **settings)
