"""Networks that repair: f applied again and again, and a denoiser's residual as the gradient of −log p."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from toys import Net, images

from conf_cases import build
from renormal.contracts import Images, Reconstruction
from renormal.functional.norms import squared_distance
from renormal.projection import Descent, Gradient, Never, Threshold, no_mask, project, reconstruction_losses

MODELS = ["l2_ae", "dsae", "gamma_vae"]


class Counted(Net):
    """How often it was asked, and whether a gradient was wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bool] = []

    def reconstruct(self, x: Images) -> Reconstruction:
        self.calls.append(torch.is_grad_enabled())
        return super().reconstruct(x)


class Wiener:
    """The best denoiser of N(m, s²) under noise of σ: f(x) = m + (x − m) s² / (s² + σ²)."""

    def __init__(self, mean: float, spread: float, sigma: float) -> None:
        self.mean, self.shrink = mean, spread**2 / (spread**2 + sigma**2)

    def reconstruct(self, x: Images) -> Reconstruction:
        image = self.mean + (x - self.mean) * self.shrink
        return Reconstruction(image, squared_distance(x, image))


def iterated(count: int, model: str = "l2_ae") -> Descent:
    return replace(build("iterated", model)[0], stop=Never(), max_steps=count, clamp=None)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_iterated_is_f_of_f_of_x(count: int) -> None:
    net, x0 = Net(), images()
    expected = x0
    with torch.no_grad():
        for _ in range(count):
            expected = net.reconstruct(expected).image
        residual = squared_distance(expected, net.reconstruct(expected).image)
    result = project(net, x0, iterated(count))
    assert result.steps.tolist() == [count] * len(x0)
    assert (result.x - expected).abs().max() < 1e-6
    assert torch.allclose(result.terms.reconstruction, residual, rtol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_it_is_f_that_is_repeated_whatever_the_model_was_trained_with(model: str) -> None:
    descent, net = build("iterated", model)
    x0 = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    result = project(net, x0, replace(descent, stop=Never(), max_steps=2))
    with torch.no_grad():
        expected = net.reconstruct(net.reconstruct(x0).image).image
    assert (result.x - expected).abs().max() < 1e-6


def test_each_sample_is_repeated_until_its_own_residual_is_that_of_a_normal_image() -> None:
    net, x0, limit = Net(), images(), 2.0
    result = project(net, x0, replace(iterated(9), stop=Threshold(value=limit)))
    expected = []
    for x in x0.split(1):
        steps = 0
        with torch.no_grad():
            while steps < 9 and squared_distance(x, f := net.reconstruct(x).image) >= limit:
                x, steps = f, steps + 1
        expected.append(steps)
    assert result.steps.tolist() == expected
    assert len(set(expected)) > 1


def test_the_threshold_is_that_of_the_residual_over_normal_images() -> None:
    descent, net = build("iterated", "dsae")
    x = torch.rand(5, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        residual = squared_distance(x, net.reconstruct(x).image)
    assert torch.allclose(reconstruction_losses(net, x, descent), residual, rtol=1e-4)
    assert descent.stop == Threshold(quantile=0.0)


def test_an_iteration_costs_one_pass_and_no_gradient() -> None:
    net, x0 = Counted(), images(4)
    project(net, x0, replace(iterated(5), slots=4))
    assert net.calls == [False] * 6  # one more where it ends: terms belong to x


def test_half_a_step_goes_half_the_way() -> None:
    net, x0 = Net(), images()
    with torch.no_grad():
        expected = (x0 + net.reconstruct(x0).image) / 2
    assert (project(net, x0, replace(iterated(1), step_size=0.25)).x - expected).abs().max() < 1e-6


def most_probable(x0: Tensor, mean: float, variance: float, weight: float) -> Tensor:
    """argmin (x − m)² / 2v + λ|x − x0|: x0 moves towards m until the slope is λ, or stays."""
    away = x0 - mean
    return mean + away.sign() * away.abs().clamp(max=weight * variance)


@pytest.mark.parametrize("weight", [0.0, 2.0, 10.0])
def test_descent_on_a_denoisers_residual_ends_at_the_most_probable_image(weight: float) -> None:
    """σ = 0.1 and p = N(0.4, 0.2²): p_σ has the variance 0.2² + 0.1², and λ = 2σ²λ'."""
    sigma, mean, spread = 0.1, 0.4, 0.2
    x0 = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    energy = replace(build("denoiser")[0].energy, weight=2 * sigma**2 * weight)
    descent = Descent(energy, mask=no_mask, direction=Gradient(), stop=Never(), step_size=0.015, max_steps=1500)
    result = project(Wiener(mean, spread, sigma), x0, descent)
    expected = most_probable(x0, mean, spread**2 + sigma**2, weight)
    assert (result.x - expected).abs().max() < 5e-3
    assert (expected - x0).abs().max() > 0.05 or weight == 10


def test_denoiser_is_eq8_adam_without_the_networks_gradient() -> None:
    denoiser, other = build("denoiser")[0], build("eq8_adam")[0]
    assert replace(denoiser, energy=replace(denoiser.energy, detached=False)) == other
